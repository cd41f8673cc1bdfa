"""The numbers and characters of commands and events: what each field may hold.

Enumerations that FIX defines keep FIX's own character code, so that a value the engine
does not support still arrives there and is refused with a reason. The layouts that hold
them are in :mod:`engine.records`, what they mean to the matching in
``spec/matching.md``.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class CommandKind(IntEnum):
    """First byte of a command."""

    NEW_ORDER = 1
    CANCEL = 2
    REPLACE = 3
    ORDER_STATUS = 4
    MASS_CANCEL = 5
    MASS_STATUS = 6
    DEFINE_INSTRUMENT = 16
    END_OF_DAY = 17
    SET_PHASE = 18
    SET_LIMITS = 19
    SET_BLOCKED = 20
    TICK = 21
    TRADE_CANCEL = 22
    TRADE_CORRECT = 23
    SET_DEADLINE = 24


class EventKind(IntEnum):
    """First byte of an event. Those below 16 are addressed to a session."""

    ACCEPTED = 1
    REJECTED = 2
    FILLED = 3
    CANCELLED = 4
    REPLACED = 5
    CANCEL_REJECTED = 6
    REPLACE_REJECTED = 7
    EXPIRED = 8
    TRIGGERED = 9
    RESTATED = 10
    STATUS = 11
    MASS_CANCELLED = 12
    MASS_STATUS_DONE = 13
    TRADE_CANCELLED = 14
    TRADE_CORRECTED = 15
    INSTRUMENT_DEFINED = 16
    DAY_ENDED = 17
    PHASE = 18
    AUCTION = 19
    LIMITS_SET = 20
    BLOCKED_SET = 21


class Side(IntEnum):
    """Side(54)."""

    BUY = ord("1")
    SELL = ord("2")


class OrdType(IntEnum):
    """OrdType(40)."""

    MARKET = ord("1")
    LIMIT = ord("2")
    STOP = ord("3")
    STOP_LIMIT = ord("4")
    MARKET_TO_LIMIT = ord("K")
    PEGGED = ord("P")


class TimeInForce(IntEnum):
    """TimeInForce(59)."""

    DAY = ord("0")
    GTC = ord("1")
    AT_THE_OPENING = ord("2")
    IOC = ord("3")
    FOK = ord("4")
    GTD = ord("6")
    AT_THE_CLOSE = ord("7")
    GOOD_FOR_AUCTION = ord("B")


class ExecInst(IntFlag):
    """What else an order asks for: ExecInst(18), MaxFloor(111) = 0 and the like."""

    POST_ONLY = 1
    """Refused where it would trade at once."""
    ALL_OR_NONE = 2
    """Trades as a whole or not at all; not displayed."""
    HIDDEN = 4
    """Not displayed at all."""
    PEG_PRIMARY = 8
    """Follows the best price of its own side."""
    PEG_MIDPOINT = 16
    """Follows the middle between the best prices; not displayed."""
    TRAILING = 32
    """A stop whose trigger follows the market at ``peg_offset``."""


class SelfTrade(IntEnum):
    """What happens to orders of one owner that would meet, SelfMatchPreventionInst."""

    NONE = 0
    CANCEL_NEWEST = ord("1")
    CANCEL_OLDEST = ord("2")
    CANCEL_BOTH = ord("3")
    DECREMENT = ord("4")


class OrdStatus(IntEnum):
    """OrdStatus(39)."""

    NEW = ord("0")
    PARTIALLY_FILLED = ord("1")
    FILLED = ord("2")
    CANCELED = ord("4")
    REJECTED = ord("8")
    EXPIRED = ord("C")


class Liquidity(IntEnum):
    """LastLiquidityInd(851)."""

    NONE = 0
    ADDED = 1
    REMOVED = 2
    AUCTION = 4


class Phase(IntEnum):
    """The trading phase of an instrument."""

    CONTINUOUS = 1
    HALTED = 2
    CLOSED = 3
    PRE_OPEN = 4
    OPENING_AUCTION = 5
    VOLATILITY_AUCTION = 6
    CLOSING_AUCTION = 7
    POST_CLOSE = 8
    CANCEL_ONLY = 9
    POST_ONLY = 10


class PhaseReason(IntEnum):
    """Why an instrument came into its phase."""

    NONE = 0
    SCHEDULE = 1
    OPERATOR = 2
    BAND = 3
    """The next trade would have been outside the dynamic price band."""
    CIRCUIT_BREAKER = 4
    """The whole market fell too far."""
    TIME = 5
    """The phase before was for a limited time."""


class Scope(IntEnum):
    """Whom limits and blocks are for."""

    SESSION = 1
    ACCOUNT = 2


class CommandFlag(IntFlag):
    """Bits of a command's ``flags``."""

    POSS_DUP = 1
    """PossDupFlag(43) was Y: the client may have sent this number before."""
    POSS_RESEND = 2
    """PossResend(97) was Y: the client may have sent this order before."""
    QTY_IS_LEAVES = 4
    """A replace's quantity is what shall be open afterwards, not OrderQty(38)."""
    REUSE_ID = 8
    """ClOrdID need only be unique among live orders, not for the whole day."""
    UNSOLICITED = 16
    """A cancel of the exchange's own: it has no ClOrdID, and OrigClOrdID(41) names
    the order. Without such a live order there is no event."""
    KEEP_GTC = 32
    """A mass cancel or deadline leaves GTC and GTD orders alone."""


class Reason(IntEnum):
    """Why a command was refused, or why an order ended or changed; 0 where there is
    nothing to say. Below 64.

    The texts and the FIX codes of each are in ``fixgw.orders.reasons``.
    """

    NONE = 0
    UNKNOWN_SYMBOL = 1
    DUPLICATE_CL_ORD_ID = 2
    UNSUPPORTED_SIDE = 3
    UNSUPPORTED_ORD_TYPE = 4
    UNSUPPORTED_TIME_IN_FORCE = 5
    QTY_NOT_POSITIVE = 6
    QTY_OFF_LOT = 7
    QTY_ABOVE_MAX = 8
    PRICE_NOT_POSITIVE = 9
    PRICE_OFF_TICK = 10
    PRICE_BELOW_MIN = 11
    PRICE_ABOVE_MAX = 12
    NOTIONAL_ABOVE_MAX = 13
    OPEN_QTY_ABOVE_MAX = 14
    UNKNOWN_ORDER = 15
    TOO_LATE = 16
    SYMBOL_MISMATCH = 17
    SIDE_CHANGED = 18
    ORD_TYPE_CHANGED = 19
    MISSING_CL_ORD_ID = 20
    TRADING_HALTED = 21
    NOT_IN_THIS_PHASE = 22
    UNSUPPORTED_COMBINATION = 23
    STOP_PRICE_INVALID = 24
    DISPLAY_QTY_INVALID = 25
    MIN_QTY_INVALID = 26
    PEG_OFFSET_INVALID = 27
    PRICE_OUTSIDE_BAND = 28
    POST_ONLY_WOULD_TRADE = 29
    EXPIRE_TIME_INVALID = 30
    NO_REFERENCE_PRICE = 31
    UNFILLED_REMAINDER = 32
    REPLACED_BELOW_CUM_QTY = 33
    REQUESTED = 34
    END_OF_DAY = 35
    CANCELLED_BY_EXCHANGE = 36
    DISCONNECTED = 37
    LOGGED_OUT = 38
    DEAD_MAN = 39
    BLOCKED = 40
    QTY_BELOW_MIN = 41
    LIMIT_ORDER_QTY = 42
    LIMIT_NOTIONAL = 43
    LIMIT_OPEN_ORDERS = 44
    LIMIT_RATE = 45
    LIMIT_POSITION = 46
    SELF_TRADE = 47
    FOK_NOT_FILLED = 48
    MIN_QTY_NOT_MET = 49
    BAND_HIT = 50
    AUCTION_ENDED = 51
    EXPIRED_BY_TIME = 52
    EXEC_INST_CHANGED = 53
    REPEGGED = 54
    TRAILED = 55
    MARKET_TO_LIMIT = 56
    ACTIVATED = 57
    MASS_CANCEL = 58
    PARKED = 59
    MARKET_CLOSED = 60
