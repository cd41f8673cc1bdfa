"""One table from the engine's reasons to FIX codes and texts.

OrdRejReason(103), CxlRejReason(102) and ExecRestatementReason(378) are those of FIX 5.0
SP2. A reason may name several, the best first: a version says the first that it has,
else the one that stands for all others, and the text says it (see
:mod:`fixgw.orders.dialect`).
"""

from __future__ import annotations

from typing import NamedTuple

from engine.codes import Reason

OTHER = 99


class Wording(NamedTuple):
    """How one reason is said.

    ``restatement`` is what made the exchange end or change an order by itself; none
    where the order's own terms or its owner did.
    """

    ord_rej_reasons: tuple[int, ...]
    cxl_rej_reasons: tuple[int, ...]
    text: str
    restatement: tuple[int, ...] = ()


def _order(text: str, *codes: int) -> Wording:
    """A reason that refuses new orders by these codes, and replaces without one."""
    return Wording(codes or (OTHER,), (OTHER,), text)


def _change(text: str, *codes: int) -> Wording:
    """A reason the exchange changes or ends an order for."""
    return Wording((OTHER,), (OTHER,), text, codes)


EXCHANGE_CLOSED, EXCEEDS_LIMIT, UNSUPPORTED, INCORRECT_QTY = 2, 3, 11, 13
"""Values of OrdRejReason(103)."""

REPRICING, PARTIAL_DECLINE, MARKET_OPTION, PEG_REFRESH = 3, 5, 8, 11
CONNECTION_LOSS, LOGOUT, TIME_PRIORITY, PRICE_VIOLATION, SELF_MATCH = 12, 13, 14, 15, 17
"""Values of ExecRestatementReason(378)."""

REASONS: dict[Reason, Wording] = {
    Reason.NONE: _order(""),
    Reason.UNKNOWN_SYMBOL: _order("Symbol(55) is not traded here", 1),
    Reason.DUPLICATE_CL_ORD_ID: Wording(
        (6,), (6,), "ClOrdID(11) was already used in this session today"
    ),
    Reason.UNSUPPORTED_SIDE: _order(
        "Side(54) must be 1 (buy) or 2 (sell)", UNSUPPORTED
    ),
    Reason.UNSUPPORTED_ORD_TYPE: _order(
        "OrdType(40) must be 1, 2, 3, 4, K (market to limit) or P (pegged)",
        UNSUPPORTED,
    ),
    Reason.UNSUPPORTED_TIME_IN_FORCE: _order(
        "TimeInForce(59) must be 0-4, 6, 7 or B; a replace can choose 0, 1 or 6",
        UNSUPPORTED,
    ),
    Reason.QTY_NOT_POSITIVE: _order("OrderQty(38) must be above zero", INCORRECT_QTY),
    Reason.QTY_OFF_LOT: _order(
        "OrderQty(38) is not a multiple of the instrument's lot", INCORRECT_QTY
    ),
    Reason.QTY_ABOVE_MAX: _order(
        "OrderQty(38) is above the instrument's maximum", EXCEEDS_LIMIT
    ),
    Reason.PRICE_NOT_POSITIVE: _order("Price(44) must be above zero"),
    Reason.PRICE_OFF_TICK: Wording(
        (18, OTHER),
        (18, OTHER),
        "Price(44) is not a multiple of the instrument's tick",
    ),
    Reason.PRICE_BELOW_MIN: _order("Price(44) is below the instrument's minimum"),
    Reason.PRICE_ABOVE_MAX: _order("Price(44) is above the instrument's maximum"),
    Reason.NOTIONAL_ABOVE_MAX: _order(
        "OrderQty(38) x Price(44) is above the instrument's maximum", EXCEEDS_LIMIT
    ),
    Reason.OPEN_QTY_ABOVE_MAX: _order(
        "the open quantity of this side of the book would be too large", EXCEEDS_LIMIT
    ),
    Reason.UNKNOWN_ORDER: Wording(
        (5,), (1,), "no order of this session has this identifier"
    ),
    Reason.TOO_LATE: Wording((4,), (0,), "the order is no longer open"),
    Reason.SYMBOL_MISMATCH: Wording(
        (OTHER,), (1,), "Symbol(55) is not that of the order"
    ),
    Reason.SIDE_CHANGED: _order("Side(54) is not that of the order"),
    Reason.ORD_TYPE_CHANGED: _order("OrdType(40) of an order cannot change"),
    Reason.MISSING_CL_ORD_ID: _order("ClOrdID(11) is empty"),
    Reason.TRADING_HALTED: _order("trading in Symbol(55) is halted", EXCHANGE_CLOSED),
    Reason.NOT_IN_THIS_PHASE: _order(
        "this order is not possible in the present trading phase", EXCHANGE_CLOSED
    ),
    Reason.UNSUPPORTED_COMBINATION: _order(
        "OrdType(40), TimeInForce(59) and what else is asked for do not go together",
        UNSUPPORTED,
    ),
    Reason.STOP_PRICE_INVALID: _order(
        "StopPx(99) must be a positive multiple of the tick within the limits"
    ),
    Reason.DISPLAY_QTY_INVALID: _order(
        "the displayed quantity must be whole lots, at most OrderQty(38)", INCORRECT_QTY
    ),
    Reason.MIN_QTY_INVALID: _order(
        "MinQty(110) must be whole lots, at most OrderQty(38)", INCORRECT_QTY
    ),
    Reason.PEG_OFFSET_INVALID: _order(
        "the peg offset (211) is off the tick or goes the wrong way"
    ),
    Reason.PRICE_OUTSIDE_BAND: Wording(
        (16, OTHER), (8, OTHER), "Price(44) is outside the price band"
    ),
    Reason.POST_ONLY_WOULD_TRADE: _order("the order may not trade at once, and would"),
    Reason.EXPIRE_TIME_INVALID: _order("ExpireTime(126) is not in the future"),
    Reason.NO_REFERENCE_PRICE: _order(
        "the instrument has not traded: StopPx(99) is needed", 19, OTHER
    ),
    Reason.UNFILLED_REMAINDER: _change("what was not filled at once is cancelled"),
    Reason.REPLACED_BELOW_CUM_QTY: _change(
        "OrderQty(38) is not above CumQty(14): the rest is cancelled"
    ),
    Reason.REQUESTED: _change(""),
    Reason.END_OF_DAY: _change("the trading day has ended"),
    Reason.CANCELLED_BY_EXCHANGE: _change("cancelled by the exchange", MARKET_OPTION),
    Reason.DISCONNECTED: _change(
        "cancelled because the connection was lost", CONNECTION_LOSS, MARKET_OPTION
    ),
    Reason.LOGGED_OUT: _change(
        "cancelled because the session logged out", LOGOUT, MARKET_OPTION
    ),
    Reason.DEAD_MAN: _change(
        "cancelled because the session gave no sign of life", MARKET_OPTION
    ),
    Reason.BLOCKED: Wording(
        (OTHER,), (OTHER,), "the session or account is blocked", (MARKET_OPTION,)
    ),
    Reason.QTY_BELOW_MIN: _order(
        "OrderQty(38) is below the instrument's minimum", INCORRECT_QTY
    ),
    Reason.LIMIT_ORDER_QTY: _order(
        "OrderQty(38) is above the limit of the session or account", EXCEEDS_LIMIT
    ),
    Reason.LIMIT_NOTIONAL: _order(
        "the value of the order is above the limit of the session or account",
        20,
        EXCEEDS_LIMIT,
    ),
    Reason.LIMIT_OPEN_ORDERS: _order(
        "the session or account has too many open orders", EXCEEDS_LIMIT
    ),
    Reason.LIMIT_RATE: _order("the session or account sends too many orders a second"),
    Reason.LIMIT_POSITION: _order(
        "the position of the account could pass its limit", EXCEEDS_LIMIT
    ),
    Reason.SELF_TRADE: _change(
        "it would have traded with an order of the same owner",
        SELF_MATCH,
        MARKET_OPTION,
    ),
    Reason.FOK_NOT_FILLED: _change("it could not be filled as a whole at once"),
    Reason.MIN_QTY_NOT_MET: _change("MinQty(110) could not be filled at once"),
    Reason.BAND_HIT: _change(
        "the next trade would have been outside the price band",
        PRICE_VIOLATION,
        MARKET_OPTION,
    ),
    Reason.AUCTION_ENDED: _change("the auction has ended"),
    Reason.EXPIRED_BY_TIME: _change("ExpireTime(126) has come"),
    Reason.EXEC_INST_CHANGED: _order(
        "ExecInst(18) and a hidden quantity of an order cannot change"
    ),
    Reason.REPEGGED: _change(
        "the price follows the market", PEG_REFRESH, REPRICING, MARKET_OPTION
    ),
    Reason.TRAILED: _change(
        "the stop price follows the market", PEG_REFRESH, REPRICING, MARKET_OPTION
    ),
    Reason.MARKET_TO_LIMIT: _change(
        "what is left is a limit order at the price of the last fill", REPRICING
    ),
    Reason.ACTIVATED: _change(
        "the order takes part in the auction", TIME_PRIORITY, MARKET_OPTION
    ),
    Reason.MASS_CANCEL: _change("cancelled by a mass cancel"),
    Reason.PARKED: _change(
        "the order waits outside the book", PEG_REFRESH, REPRICING, MARKET_OPTION
    ),
    Reason.MARKET_CLOSED: _order("the market is closed", EXCHANGE_CLOSED),
}

RESTATED_INSTEAD: dict[Reason, int] = {Reason.SELF_TRADE: PARTIAL_DECLINE}
"""ExecRestatementReason(378) of orders that go on, where it is another."""

TRIGGERED_TEXT = "the stop has been triggered"
"""Text(58) in versions without ExecType(150)=L."""
