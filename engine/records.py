"""Commands and events: the fixed-layout records a shard takes and gives.

This module is the one description of those layouts. From it are derived

* the readable side: the frozen dataclasses below, each a
  :class:`~engine.layouts.Record` that packs and unpacks itself;
* the compiled side: ``engine/records.pxd``, C structs of the same names;
* the documentation: the tables in ``spec/records.md``.

``python -m engine.recordfiles`` writes the last two; a test fails when they are stale.

Rules of the layout
-------------------
* Little-endian, every field on its natural alignment, no hidden padding; each family
  has one size (:data:`COMMAND_BYTES`, :data:`EVENT_BYTES`), so position is arithmetic.
* The first byte is the kind; it selects the record type.
* Prices and quantities are ``int64`` in units of 1e-8 (:data:`UNIT`), times are
  ``int64`` nanoseconds since the epoch, UTC. Text is printable ASCII padded with NUL.
* Enumerations that FIX defines keep FIX's own character code, so that a value the
  engine does not support still arrives there and is refused with a reason.
* Reserved bytes are zero. A change of meaning is a new :data:`LAYOUT_VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from engine.codes import CommandKind, EventKind
from engine.layouts import I64, U8, U16, U32, U64, Record, text

LAYOUT_VERSION = 2
COMMAND_BYTES = 256
EVENT_BYTES = 384

UNIT = 100_000_000
"""One whole price or quantity, in the integer units of the records."""

PRICE_MAX = 10**18
"""Largest price: 1e10. A product with QTY_MAX still fits a signed 128-bit integer."""

QTY_MAX = 10**18
"""Largest order quantity: 1e10."""

CL_ORD_ID_BYTES = 36
ACCOUNT_BYTES = 24
SYMBOL_BYTES = 24
CURRENCY_BYTES = 8
STP_ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class OrderCommand(Record):
    """NEW_ORDER, CANCEL, REPLACE and ORDER_STATUS."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, U8, "CommandKind"]
    side: Annotated[int, U8, "Side(54), its character"] = 0
    ord_type: Annotated[int, U8, "OrdType(40), its character"] = 0
    time_in_force: Annotated[int, U8, "TimeInForce(59), its character"] = 0
    flags: Annotated[int, U16, "CommandFlag bits"] = 0
    source: Annotated[int, U16, "number of the gateway it came through"] = 0
    session_epoch: Annotated[
        int, U32, "how often that session's numbers were reset"
    ] = 0
    exec_inst: Annotated[int, U16, "ExecInst bits"] = 0
    stp: Annotated[int, U8, "SelfTrade, its character, 0 = none"] = 0
    reserved: Annotated[int, U8, "zero"] = 0
    session: Annotated[int, U64, "identity of the session, 0 = none"] = 0
    msg_seq_num: Annotated[int, U64, "MsgSeqNum(34), 0 = not numbered"] = 0
    receive_time: Annotated[int, I64, "when the gateway received it"] = 0
    price: Annotated[int, I64, "Price(44), 0 = none; of a pegged order its limit"] = 0
    qty: Annotated[int, I64, "OrderQty(38)"] = 0
    stop_price: Annotated[int, I64, "StopPx(99), 0 = none"] = 0
    display_qty: Annotated[int, I64, "MaxFloor(111), DisplayQty(1138), 0 = all"] = 0
    min_qty: Annotated[int, I64, "MinQty(110), 0 = none"] = 0
    peg_offset: Annotated[
        int, I64, "PegOffsetValue(211); of a trailing stop its distance"
    ] = 0
    expire_time: Annotated[int, I64, "ExpireTime(126), 0 = none"] = 0
    cl_ord_id: Annotated[str, text(CL_ORD_ID_BYTES), "ClOrdID(11)"] = ""
    orig_cl_ord_id: Annotated[
        str,
        text(CL_ORD_ID_BYTES),
        "OrigClOrdID(41); of a status request the order's ClOrdID(11)",
    ] = ""
    account: Annotated[str, text(ACCOUNT_BYTES), "Account(1)"] = ""
    symbol: Annotated[str, text(SYMBOL_BYTES), "Symbol(55)"] = ""
    stp_id: Annotated[str, text(STP_ID_BYTES), "SelfMatchPreventionID(2362)"] = ""


@dataclass(frozen=True, slots=True)
class MassCommand(Record):
    """MASS_CANCEL and MASS_STATUS: all open orders that fit what is given."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, U8, "CommandKind"]
    side: Annotated[int, U8, "Side(54), its character, 0 = both"] = 0
    fan_out: Annotated[int, U16, "how many shards were asked the same"] = 1
    flags: Annotated[int, U16, "CommandFlag bits"] = 0
    source: Annotated[int, U16, "number of the gateway it came through"] = 0
    session_epoch: Annotated[
        int, U32, "how often that session's numbers were reset"
    ] = 0
    reason: Annotated[int, U16, "Reason of each cancel"] = 0
    reserved: Annotated[int, U16, "zero"] = 0
    session: Annotated[int, U64, "whose orders, and the addressee; 0 = all"] = 0
    msg_seq_num: Annotated[int, U64, "MsgSeqNum(34), 0 = not numbered"] = 0
    receive_time: Annotated[int, I64, "when the gateway received it"] = 0
    request_id: Annotated[
        str,
        text(CL_ORD_ID_BYTES),
        "ClOrdID(11) or MassStatusReqID(584); without it no answer to the whole",
    ] = ""
    account: Annotated[str, text(ACCOUNT_BYTES), "Account(1), empty = any"] = ""
    symbol: Annotated[str, text(SYMBOL_BYTES), "Symbol(55), empty = any"] = ""


@dataclass(frozen=True, slots=True)
class InstrumentCommand(Record):
    """DEFINE_INSTRUMENT: adds an instrument, or changes the terms of a known one."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, U8, "CommandKind.DEFINE_INSTRUMENT"]
    reserved: Annotated[int, U8, "zero"] = 0
    flags: Annotated[int, U16, "zero"] = 0
    reserved2: Annotated[int, U32, "zero"] = 0
    tick: Annotated[int, I64, "prices are multiples of it; 1 = free"] = 1
    lot: Annotated[int, I64, "quantities are multiples of it; 1 = free"] = 1
    reference_price: Annotated[int, I64, "last known fair price, 0 = none"] = 0
    price_min: Annotated[int, I64, "lowest limit price"] = 1
    price_max: Annotated[int, I64, "highest limit price"] = PRICE_MAX
    qty_max: Annotated[int, I64, "largest OrderQty(38)"] = QTY_MAX
    notional_max: Annotated[int, I64, "largest price x quantity, 0 = unlimited"] = 0
    qty_min: Annotated[int, I64, "smallest OrderQty(38), 0 = none"] = 0
    static_band: Annotated[
        int, I64, "how far from the reference a price may be, of 1e8, 0 = any"
    ] = 0
    dynamic_band: Annotated[
        int, I64, "how far from the last trade the next may be, of 1e8, 0 = any"
    ] = 0
    volatility_ns: Annotated[
        int, I64, "length of a volatility auction, 0 = there is none"
    ] = 0
    maker_fee: Annotated[int, I64, "of the value, of 1e8; below 0 = a rebate"] = 0
    taker_fee: Annotated[int, I64, "of the value, of 1e8; below 0 = a rebate"] = 0
    auction_fee: Annotated[int, I64, "of the value, of 1e8; below 0 = a rebate"] = 0
    symbol: Annotated[str, text(SYMBOL_BYTES), "Symbol(55)"] = ""
    currency: Annotated[str, text(CURRENCY_BYTES), "Currency(15)"] = ""


@dataclass(frozen=True, slots=True)
class ClockCommand(Record):
    """END_OF_DAY: DAY orders expire, used ClOrdIDs of dead orders become free.

    TICK: nothing but that time has passed.
    """

    SIZE = COMMAND_BYTES

    kind: Annotated[int, U8, "CommandKind.END_OF_DAY or TICK"]
    reserved: Annotated[int, U8, "zero"] = 0
    flags: Annotated[int, U16, "zero"] = 0
    day: Annotated[int, U32, "the day that begins, counted from 1970-01-01"] = 0


@dataclass(frozen=True, slots=True)
class PhaseCommand(Record):
    """SET_PHASE: brings an instrument, or all, into a trading phase."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, U8, "CommandKind.SET_PHASE"]
    phase: Annotated[int, U8, "Phase from now on"] = 0
    reason: Annotated[int, U8, "PhaseReason"] = 0
    then: Annotated[int, U8, "Phase after ``until``, 0 if that is 0"] = 0
    reserved: Annotated[int, U32, "zero"] = 0
    until: Annotated[int, I64, "engine time at which it ends by itself, 0 = never"] = 0
    symbol: Annotated[str, text(SYMBOL_BYTES), "Symbol(55), empty = all"] = ""


@dataclass(frozen=True, slots=True)
class LimitsCommand(Record):
    """SET_LIMITS: what a session or an account may do. 0 = unlimited."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, U8, "CommandKind.SET_LIMITS"]
    scope: Annotated[int, U8, "Scope"] = 0
    flags: Annotated[int, U16, "zero"] = 0
    reserved: Annotated[int, U32, "zero"] = 0
    session: Annotated[int, U64, "identity of the session"] = 0
    order_qty_max: Annotated[int, I64, "largest OrderQty(38)"] = 0
    notional_max: Annotated[int, I64, "largest price x quantity of one order"] = 0
    open_orders_max: Annotated[int, I64, "open orders at a time"] = 0
    rate_max: Annotated[int, I64, "new orders and replaces in a second"] = 0
    position_max: Annotated[int, I64, "bought or sold, per instrument"] = 0
    account: Annotated[str, text(ACCOUNT_BYTES), "Account(1)"] = ""


@dataclass(frozen=True, slots=True)
class BlockCommand(Record):
    """SET_BLOCKED: the kill switch of a session or an account."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, U8, "CommandKind.SET_BLOCKED"]
    scope: Annotated[int, U8, "Scope"] = 0
    blocked: Annotated[int, U8, "1: its orders are cancelled and new ones refused"] = 0
    reserved: Annotated[int, U8, "zero"] = 0
    reserved2: Annotated[int, U32, "zero"] = 0
    session: Annotated[int, U64, "identity of the session"] = 0
    account: Annotated[str, text(ACCOUNT_BYTES), "Account(1)"] = ""


@dataclass(frozen=True, slots=True)
class DeadlineCommand(Record):
    """SET_DEADLINE: when all orders of a session are cancelled if nobody objects."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, U8, "CommandKind.SET_DEADLINE"]
    reserved: Annotated[int, U8, "zero"] = 0
    reason: Annotated[int, U16, "DISCONNECTED, LOGGED_OUT or DEAD_MAN"] = 0
    flags: Annotated[int, U16, "CommandFlag bits"] = 0
    source: Annotated[int, U16, "number of the gateway it came through"] = 0
    session: Annotated[int, U64, "identity of the session"] = 0
    deadline: Annotated[int, I64, "engine time, 0 = no longer"] = 0


@dataclass(frozen=True, slots=True)
class TradeCommand(Record):
    """TRADE_CANCEL, TRADE_CORRECT: one side of a trade as the operator found it."""

    SIZE = COMMAND_BYTES

    kind: Annotated[int, U8, "CommandKind.TRADE_CANCEL or TRADE_CORRECT"]
    side: Annotated[int, U8, "Side(54) of this side's order"] = 0
    ord_type: Annotated[int, U8, "OrdType(40) of it"] = 0
    time_in_force: Annotated[int, U8, "TimeInForce(59) of it"] = 0
    ord_status: Annotated[int, U8, "OrdStatus(39) of it, if it is not open"] = 0
    reserved: Annotated[int, U8, "zero"] = 0
    source: Annotated[int, U16, "gateway of its session"] = 0
    session: Annotated[int, U64, "session that owns the order"] = 0
    order_id: Annotated[int, U64, "OrderID(37)"] = 0
    trade_id: Annotated[int, U64, "the trade"] = 0
    exec_id: Annotated[int, U64, "ExecID(17) of its fill: ExecRefID(19)"] = 0
    price: Annotated[int, I64, "Price(44) of the order"] = 0
    qty: Annotated[int, I64, "OrderQty(38) of the order"] = 0
    cum_qty: Annotated[int, I64, "CumQty(14) afterwards, if it is not open"] = 0
    avg_price: Annotated[int, I64, "AvgPx(6) afterwards, if it is not open"] = 0
    last_price: Annotated[int, I64, "LastPx(31) of the fill"] = 0
    last_qty: Annotated[int, I64, "LastQty(32) of the fill"] = 0
    new_price: Annotated[int, I64, "LastPx(31) from now on, 0 if cancelled"] = 0
    cl_ord_id: Annotated[str, text(CL_ORD_ID_BYTES), "ClOrdID(11)"] = ""
    account: Annotated[str, text(ACCOUNT_BYTES), "Account(1)"] = ""
    symbol: Annotated[str, text(SYMBOL_BYTES), "Symbol(55)"] = ""


@dataclass(frozen=True, slots=True)
class OrderEvent(Record):
    """Everything that happens to an order: enough to render its report from alone."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, U8, "EventKind"]
    side: Annotated[int, U8, "Side(54), its character"] = 0
    ord_type: Annotated[int, U8, "OrdType(40), its character"] = 0
    time_in_force: Annotated[int, U8, "TimeInForce(59), its character"] = 0
    ord_status: Annotated[int, U8, "OrdStatus(39) after the event, its character"] = 0
    liquidity: Annotated[int, U8, "LastLiquidityInd(851)"] = 0
    reason: Annotated[int, U16, "Reason"] = 0
    flags: Annotated[int, U16, "of the command it answers; 0 on fills, expiries"] = 0
    source: Annotated[int, U16, "gateway of the order's session"] = 0
    session_epoch: Annotated[
        int, U32, "of the command it answers; 0 on fills, expiries"
    ] = 0
    seq: Annotated[int, U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, U64, "number of the causing command"] = 0
    time: Annotated[int, I64, "engine time, TransactTime(60)"] = 0
    session: Annotated[int, U64, "session that owns the order: the addressee"] = 0
    msg_seq_num: Annotated[
        int, U64, "of the command it answers; 0 on fills, expiries"
    ] = 0
    order_id: Annotated[int, U64, "OrderID(37), see ids; 0 = none"] = 0
    contra_order_id: Annotated[
        int, U64, "other side of a fill; of a changed trade ExecRefID(19)"
    ] = 0
    trade_id: Annotated[int, U64, "the trade, same on both sides"] = 0
    price: Annotated[int, I64, "Price(44); of a pegged order PeggedPrice(839)"] = 0
    qty: Annotated[int, I64, "OrderQty(38)"] = 0
    leaves_qty: Annotated[int, I64, "LeavesQty(151)"] = 0
    cum_qty: Annotated[int, I64, "CumQty(14)"] = 0
    avg_price: Annotated[int, I64, "AvgPx(6), rounded half up"] = 0
    last_price: Annotated[int, I64, "LastPx(31)"] = 0
    last_qty: Annotated[int, I64, "LastQty(32); what was cancelled on an end"] = 0
    stop_price: Annotated[
        int, I64, "StopPx(99); of a pegged order its limit Price(44)"
    ] = 0
    display_qty: Annotated[int, I64, "MaxFloor(111), DisplayQty(1138), 0 = all"] = 0
    min_qty: Annotated[int, I64, "MinQty(110)"] = 0
    peg_offset: Annotated[
        int, I64, "PegOffsetValue(211); of a trailing stop its distance"
    ] = 0
    expire_time: Annotated[int, I64, "ExpireTime(126)"] = 0
    fee: Annotated[int, I64, "of a fill, in the currency; below 0 = a rebate"] = 0
    shown_qty: Annotated[
        int, I64, "what the book displays of it once its command is done"
    ] = 0
    priority: Annotated[int, U64, "its place in time: lower numbers trade first"] = 0
    exec_inst: Annotated[int, U16, "ExecInst bits"] = 0
    stp: Annotated[int, U8, "SelfTrade, its character"] = 0
    triggered: Annotated[int, U8, "1: a stop that has been triggered"] = 0
    count: Annotated[int, U32, "orders a mass request found"] = 0
    index: Annotated[int, U32, "of them this is number, from 1"] = 0
    fan_out: Annotated[int, U32, "how many shards were asked the same"] = 0
    cl_ord_id: Annotated[
        str, text(CL_ORD_ID_BYTES), "ClOrdID(11); of a mass answer the request's"
    ] = ""
    orig_cl_ord_id: Annotated[
        str,
        text(CL_ORD_ID_BYTES),
        "OrigClOrdID(41); of a status OrdStatusReqID(790) or MassStatusReqID(584)",
    ] = ""
    account: Annotated[str, text(ACCOUNT_BYTES), "Account(1)"] = ""
    symbol: Annotated[str, text(SYMBOL_BYTES), "Symbol(55)"] = ""
    stp_id: Annotated[str, text(STP_ID_BYTES), "SelfMatchPreventionID(2362)"] = ""


@dataclass(frozen=True, slots=True)
class InstrumentEvent(Record):
    """INSTRUMENT_DEFINED: the terms of an instrument from now on."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, U8, "EventKind.INSTRUMENT_DEFINED"]
    reserved: Annotated[int, U8, "zero"] = 0
    flags: Annotated[int, U16, "zero"] = 0
    reserved2: Annotated[int, U32, "zero"] = 0
    reserved3: Annotated[int, U64, "zero"] = 0
    seq: Annotated[int, U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, U64, "number of the causing command"] = 0
    time: Annotated[int, I64, "engine time"] = 0
    tick: Annotated[int, I64, "prices are multiples of it"] = 0
    lot: Annotated[int, I64, "quantities are multiples of it"] = 0
    reference_price: Annotated[int, I64, "last known fair price, 0 = none"] = 0
    price_min: Annotated[int, I64, "lowest limit price"] = 0
    price_max: Annotated[int, I64, "highest limit price"] = 0
    qty_max: Annotated[int, I64, "largest OrderQty(38)"] = 0
    notional_max: Annotated[int, I64, "largest price x quantity, 0 = unlimited"] = 0
    qty_min: Annotated[int, I64, "smallest OrderQty(38), 0 = none"] = 0
    static_band: Annotated[
        int, I64, "how far from the reference a price may be, of 1e8, 0 = any"
    ] = 0
    dynamic_band: Annotated[
        int, I64, "how far from the last trade the next may be, of 1e8, 0 = any"
    ] = 0
    volatility_ns: Annotated[
        int, I64, "length of a volatility auction, 0 = there is none"
    ] = 0
    maker_fee: Annotated[int, I64, "of the value, of 1e8; below 0 = a rebate"] = 0
    taker_fee: Annotated[int, I64, "of the value, of 1e8; below 0 = a rebate"] = 0
    auction_fee: Annotated[int, I64, "of the value, of 1e8; below 0 = a rebate"] = 0
    symbol: Annotated[str, text(SYMBOL_BYTES), "Symbol(55)"] = ""
    currency: Annotated[str, text(CURRENCY_BYTES), "Currency(15)"] = ""


@dataclass(frozen=True, slots=True)
class ClockEvent(Record):
    """DAY_ENDED, after the expiries it caused."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, U8, "EventKind.DAY_ENDED"]
    reserved: Annotated[int, U8, "zero"] = 0
    flags: Annotated[int, U16, "zero"] = 0
    day: Annotated[int, U32, "the day that begins, counted from 1970-01-01"] = 0
    reserved2: Annotated[int, U64, "zero"] = 0
    seq: Annotated[int, U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, U64, "number of the causing command"] = 0
    time: Annotated[int, I64, "engine time"] = 0


@dataclass(frozen=True, slots=True)
class PhaseEvent(Record):
    """PHASE: an instrument came into another trading phase."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, U8, "EventKind.PHASE"]
    phase: Annotated[int, U8, "Phase from now on"] = 0
    reason: Annotated[int, U8, "PhaseReason"] = 0
    then: Annotated[int, U8, "Phase after ``until``, 0 if that is 0"] = 0
    reserved: Annotated[int, U32, "zero"] = 0
    reserved2: Annotated[int, U64, "zero"] = 0
    seq: Annotated[int, U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, U64, "number of the causing command"] = 0
    time: Annotated[int, I64, "engine time"] = 0
    until: Annotated[int, I64, "engine time at which it ends by itself, 0 = never"] = 0
    reference_price: Annotated[int, I64, "of the static band, 0 = none"] = 0
    last_price: Annotated[int, I64, "of the last trade, 0 = none"] = 0
    symbol: Annotated[str, text(SYMBOL_BYTES), "Symbol(55)"] = ""


@dataclass(frozen=True, slots=True)
class AuctionEvent(Record):
    """AUCTION: at what price how much would trade, or has traded."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, U8, "EventKind.AUCTION"]
    phase: Annotated[int, U8, "Phase it is of"] = 0
    uncrossed: Annotated[int, U8, "1: has traded, 0: would trade"] = 0
    imbalance_side: Annotated[int, U8, "Side(54) of the surplus, 0 = none"] = 0
    reserved: Annotated[int, U32, "zero"] = 0
    reserved2: Annotated[int, U64, "zero"] = 0
    seq: Annotated[int, U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, U64, "number of the causing command"] = 0
    time: Annotated[int, I64, "engine time"] = 0
    price: Annotated[int, I64, "the one price, 0 = nothing trades"] = 0
    volume: Annotated[int, I64, "quantity that trades at it"] = 0
    imbalance_qty: Annotated[int, I64, "surplus at that price"] = 0
    symbol: Annotated[str, text(SYMBOL_BYTES), "Symbol(55)"] = ""


@dataclass(frozen=True, slots=True)
class LimitsEvent(Record):
    """LIMITS_SET: what a session or an account may do from now on. 0 = unlimited."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, U8, "EventKind.LIMITS_SET"]
    scope: Annotated[int, U8, "Scope"] = 0
    flags: Annotated[int, U16, "zero"] = 0
    reserved: Annotated[int, U32, "zero"] = 0
    owner: Annotated[int, U64, "identity of the session, 0 of an account"] = 0
    seq: Annotated[int, U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, U64, "number of the causing command"] = 0
    time: Annotated[int, I64, "engine time"] = 0
    order_qty_max: Annotated[int, I64, "largest OrderQty(38)"] = 0
    notional_max: Annotated[int, I64, "largest price x quantity of one order"] = 0
    open_orders_max: Annotated[int, I64, "open orders at a time"] = 0
    rate_max: Annotated[int, I64, "new orders and replaces in a second"] = 0
    position_max: Annotated[int, I64, "bought or sold, per instrument"] = 0
    account: Annotated[str, text(ACCOUNT_BYTES), "Account(1)"] = ""


@dataclass(frozen=True, slots=True)
class BlockEvent(Record):
    """BLOCKED_SET: the kill switch of a session or an account, after its cancels."""

    SIZE = EVENT_BYTES

    kind: Annotated[int, U8, "EventKind.BLOCKED_SET"]
    scope: Annotated[int, U8, "Scope"] = 0
    blocked: Annotated[int, U8, "1: new orders are refused"] = 0
    reserved: Annotated[int, U8, "zero"] = 0
    count: Annotated[int, U32, "orders that were cancelled"] = 0
    owner: Annotated[int, U64, "identity of the session, 0 of an account"] = 0
    seq: Annotated[int, U64, "event number in the shard, dense from 1"] = 0
    command_seq: Annotated[int, U64, "number of the causing command"] = 0
    time: Annotated[int, I64, "engine time"] = 0
    account: Annotated[str, text(ACCOUNT_BYTES), "Account(1)"] = ""


COMMANDS: tuple[type[Record], ...] = (
    OrderCommand,
    MassCommand,
    InstrumentCommand,
    ClockCommand,
    PhaseCommand,
    LimitsCommand,
    BlockCommand,
    DeadlineCommand,
    TradeCommand,
)
EVENTS: tuple[type[Record], ...] = (
    OrderEvent,
    InstrumentEvent,
    ClockEvent,
    PhaseEvent,
    AuctionEvent,
    LimitsEvent,
    BlockEvent,
)

RECORD_OF_KIND: dict[tuple[int, int], type[Record]] = {
    (COMMAND_BYTES, CommandKind.NEW_ORDER): OrderCommand,
    (COMMAND_BYTES, CommandKind.CANCEL): OrderCommand,
    (COMMAND_BYTES, CommandKind.REPLACE): OrderCommand,
    (COMMAND_BYTES, CommandKind.ORDER_STATUS): OrderCommand,
    (COMMAND_BYTES, CommandKind.MASS_CANCEL): MassCommand,
    (COMMAND_BYTES, CommandKind.MASS_STATUS): MassCommand,
    (COMMAND_BYTES, CommandKind.DEFINE_INSTRUMENT): InstrumentCommand,
    (COMMAND_BYTES, CommandKind.END_OF_DAY): ClockCommand,
    (COMMAND_BYTES, CommandKind.SET_PHASE): PhaseCommand,
    (COMMAND_BYTES, CommandKind.SET_LIMITS): LimitsCommand,
    (COMMAND_BYTES, CommandKind.SET_BLOCKED): BlockCommand,
    (COMMAND_BYTES, CommandKind.TICK): ClockCommand,
    (COMMAND_BYTES, CommandKind.TRADE_CANCEL): TradeCommand,
    (COMMAND_BYTES, CommandKind.TRADE_CORRECT): TradeCommand,
    (COMMAND_BYTES, CommandKind.SET_DEADLINE): DeadlineCommand,
    (EVENT_BYTES, EventKind.INSTRUMENT_DEFINED): InstrumentEvent,
    (EVENT_BYTES, EventKind.DAY_ENDED): ClockEvent,
    (EVENT_BYTES, EventKind.PHASE): PhaseEvent,
    (EVENT_BYTES, EventKind.AUCTION): AuctionEvent,
    (EVENT_BYTES, EventKind.LIMITS_SET): LimitsEvent,
    (EVENT_BYTES, EventKind.BLOCKED_SET): BlockEvent,
    **{
        (EVENT_BYTES, kind): OrderEvent
        for kind in EventKind
        if kind < EventKind.INSTRUMENT_DEFINED
    },
}


def unpack_all(data: bytes | memoryview, size: int) -> list[Any]:
    """The records in ``data``, all of ``size`` bytes (COMMAND_BYTES or EVENT_BYTES).

    Raises ValueError for an unknown kind or a length that is no multiple of ``size``.
    """
    if len(data) % size:
        raise ValueError(f"{len(data)} bytes are no multiple of {size}")
    records = []
    for start in range(0, len(data), size):
        record = RECORD_OF_KIND.get((size, data[start]))
        if record is None:
            raise ValueError(f"unknown record kind {data[start]} at byte {start}")
        records.append(record.unpack(data[start : start + size]))
    return records
