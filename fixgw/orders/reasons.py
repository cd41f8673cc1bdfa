"""One table from the engine's reasons to FIX codes and texts.

OrdRejReason(103) and CxlRejReason(102) are those of FIX 5.0 SP2. A version that does
not have a code sends the one that stands for all others, and the text says it (see
:mod:`fixgw.orders.dialect`).
"""

from __future__ import annotations

from typing import NamedTuple

from engine.records import Reason


class Wording(NamedTuple):
    """How one reason is said."""

    ord_rej_reason: int
    cxl_rej_reason: int
    text: str


REASONS: dict[Reason, Wording] = {
    Reason.NONE: Wording(99, 99, ""),
    Reason.UNKNOWN_SYMBOL: Wording(1, 99, "Symbol(55) is not traded here"),
    Reason.DUPLICATE_CL_ORD_ID: Wording(
        6, 6, "ClOrdID(11) was already used in this session today"
    ),
    Reason.UNSUPPORTED_SIDE: Wording(11, 99, "Side(54) must be 1 (buy) or 2 (sell)"),
    Reason.UNSUPPORTED_ORD_TYPE: Wording(
        11, 99, "OrdType(40) must be 1 (market) or 2 (limit)"
    ),
    Reason.UNSUPPORTED_TIME_IN_FORCE: Wording(
        11, 99, "TimeInForce(59) must be 0 (day), 1 (GTC) or, on new orders, 3 (IOC)"
    ),
    Reason.QTY_NOT_POSITIVE: Wording(13, 99, "OrderQty(38) must be above zero"),
    Reason.QTY_OFF_LOT: Wording(
        13, 99, "OrderQty(38) is not a multiple of the instrument's lot"
    ),
    Reason.QTY_ABOVE_MAX: Wording(
        3, 99, "OrderQty(38) is above the instrument's maximum"
    ),
    Reason.PRICE_NOT_POSITIVE: Wording(99, 99, "Price(44) must be above zero"),
    Reason.PRICE_OFF_TICK: Wording(
        18, 18, "Price(44) is not a multiple of the instrument's tick"
    ),
    Reason.PRICE_BELOW_MIN: Wording(
        99, 99, "Price(44) is below the instrument's minimum"
    ),
    Reason.PRICE_ABOVE_MAX: Wording(
        99, 99, "Price(44) is above the instrument's maximum"
    ),
    Reason.NOTIONAL_ABOVE_MAX: Wording(
        3, 99, "OrderQty(38) x Price(44) is above the instrument's maximum"
    ),
    Reason.OPEN_QTY_ABOVE_MAX: Wording(
        3, 99, "the open quantity of this side of the book would be too large"
    ),
    Reason.UNKNOWN_ORDER: Wording(
        5, 1, "OrigClOrdID(41) names no order of this session"
    ),
    Reason.TOO_LATE: Wording(4, 0, "the order is no longer open"),
    Reason.SYMBOL_MISMATCH: Wording(99, 1, "Symbol(55) is not that of the order"),
    Reason.SIDE_CHANGED: Wording(99, 99, "Side(54) is not that of the order"),
    Reason.ORD_TYPE_CHANGED: Wording(99, 99, "OrdType(40) of an order cannot change"),
    Reason.MISSING_CL_ORD_ID: Wording(99, 99, "ClOrdID(11) is empty"),
    Reason.TRADING_HALTED: Wording(2, 99, "trading in Symbol(55) is halted"),
    Reason.UNFILLED_REMAINDER: Wording(
        99, 99, "what was not filled at once is cancelled"
    ),
    Reason.REPLACED_BELOW_CUM_QTY: Wording(
        99, 99, "OrderQty(38) is not above CumQty(14): the rest is cancelled"
    ),
    Reason.REQUESTED: Wording(99, 99, ""),
    Reason.END_OF_DAY: Wording(99, 99, "the trading day has ended"),
    Reason.CANCELLED_BY_EXCHANGE: Wording(99, 99, "cancelled by the exchange"),
}
