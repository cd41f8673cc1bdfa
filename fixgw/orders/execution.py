"""The body of an ExecutionReport(8), from one event. Compiled; see
:mod:`fixgw.orders.reports`."""

import cython
from cython.cimports.engine.records import (
    EVENT_ACCEPTED,
    EVENT_CANCELLED,
    EVENT_EXPIRED,
    EVENT_FILLED,
    EVENT_MASS_STATUS_DONE,
    EVENT_REJECTED,
    EVENT_REPLACED,
    EVENT_RESTATED,
    EVENT_STATUS,
    EVENT_TRADE_CANCELLED,
    EVENT_TRADE_CORRECTED,
    EVENT_TRIGGERED,
    EXEC_ALL_OR_NONE,
    EXEC_HIDDEN,
    EXEC_PEG_MIDPOINT,
    EXEC_PEG_PRIMARY,
    EXEC_POST_ONLY,
    EXEC_TRAILING,
    LIQUIDITY_ADDED,
    LIQUIDITY_AUCTION,
    LIQUIDITY_NONE,
    LIQUIDITY_REMOVED,
    ORD_TYPE_LIMIT,
    ORD_TYPE_PEGGED,
    ORD_TYPE_STOP_LIMIT,
    STATUS_NEW,
    STATUS_REJECTED,
    OrderEvent,
)
from cython.cimports.fixgw.orders.writing import (
    amount,
    character,
    code_place,
    digits,
    identifier,
    number,
    text,
    timestamp,
)
from cython.cimports.libc.stdint import uint64_t

from fixgw.orders.dialect import BITS
from fixgw.orders.wordings import (
    ENDED,
    MASS_STATUS_TEXTS,
    ORD_REJ,
    RESTATED,
    TEXTS,
    TRIGGERED_TEXT,
)

EXEC_TRANS_TYPE = cython.declare(uint64_t, BITS["exec_trans_type"])
EXEC_TYPE = cython.declare(uint64_t, BITS["exec_type"])
STATUS_AS_TYPE = cython.declare(uint64_t, BITS["status_as_type"])
LAST_ALWAYS = cython.declare(uint64_t, BITS["last_always"])
ORIG_CL_ORD_ID = cython.declare(uint64_t, BITS["orig_cl_ord_id"])
EXEC_ID_AS_NUMBER = cython.declare(uint64_t, BITS["exec_id_as_number"])
RESTATEMENT = cython.declare(uint64_t, BITS["restatement"])
AS_RESTATED = cython.declare(uint64_t, BITS["restated"])
AS_TRIGGERED = cython.declare(uint64_t, BITS["triggered"])
LIQUIDITY = cython.declare(uint64_t, BITS["liquidity"])
AUCTION_LIQUIDITY = cython.declare(uint64_t, BITS["auction_liquidity"])
AGGRESSOR = cython.declare(uint64_t, BITS["aggressor"])
FEES = cython.declare(uint64_t, BITS["fees"])
FEE_BASIS = cython.declare(uint64_t, BITS["fee_basis"])
PEG_OFFSET = cython.declare(uint64_t, BITS["peg_offset"])
PEGGED_PRICE = cython.declare(uint64_t, BITS["pegged_price"])
QUANTITIES = cython.declare(uint64_t, BITS["quantities"])
DISPLAY_QTY = cython.declare(uint64_t, BITS["display_qty"])
REQUEST_IDS = cython.declare(uint64_t, BITS["request_ids"])
SELF_MATCH = cython.declare(uint64_t, BITS["self_match"])


@cython.cfunc
def exec_type(kind: cython.int, status: cython.int, form: uint64_t) -> cython.int:
    """ExecType(150) of an event."""
    if kind == EVENT_ACCEPTED:
        return 0x30
    if kind == EVENT_REJECTED:
        return 0x38
    if kind == EVENT_FILLED:
        return status if form & STATUS_AS_TYPE else 0x46
    if kind == EVENT_CANCELLED:
        return 0x34
    if kind == EVENT_REPLACED:
        return 0x35
    if kind == EVENT_EXPIRED:
        return 0x43
    if kind == EVENT_TRIGGERED and form & AS_TRIGGERED:
        return 0x4C
    if kind in (EVENT_TRIGGERED, EVENT_RESTATED):
        return 0x44 if form & AS_RESTATED else status
    if kind in (EVENT_STATUS, EVENT_MASS_STATUS_DONE):
        return status if form & STATUS_AS_TYPE else 0x49
    if kind == EVENT_TRADE_CANCELLED:
        return status if form & STATUS_AS_TYPE else 0x48
    if kind == EVENT_TRADE_CORRECTED:
        return status if form & STATUS_AS_TYPE else 0x47
    raise ValueError(f"event kind {kind} has no ExecType")


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def exec_trans_type(kind: cython.int, form: uint64_t) -> cython.int:
    """ExecTransType(20): 0 new, 1 cancel, 2 correct, 3 status."""
    if kind == EVENT_TRADE_CANCELLED:
        return 0x31
    if kind == EVENT_TRADE_CORRECTED:
        return 0x32
    if kind == EVENT_STATUS:
        return 0x33
    if (kind in (EVENT_TRIGGERED, EVENT_RESTATED)) and not form & AS_RESTATED:
        return 0x33
    return 0x30


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def exec_inst(bits: cython.int) -> cython.int:
    """ExecInst(18): one character, as no two go together; hidden is no part of it."""
    if bits & EXEC_POST_ONLY:
        return 0x36
    if bits & EXEC_ALL_OR_NONE:
        return 0x47
    if bits & EXEC_PEG_PRIMARY:
        return 0x52
    if bits & EXEC_PEG_MIDPOINT:
        return 0x4D
    if bits & EXEC_TRAILING:
        return 0x61
    return 0


def execution_report(event, out, form):
    """Body of an ExecutionReport(8)."""
    is_status: cython.bint = (
        event.kind == EVENT_STATUS or event.kind == EVENT_MASS_STATUS_DONE
    )
    is_trade: cython.bint = (
        event.kind == EVENT_FILLED
        or event.kind == EVENT_TRADE_CANCELLED
        or event.kind == EVENT_TRADE_CORRECTED
    )
    status: cython.int = event.ord_status
    if event.kind == EVENT_MASS_STATUS_DONE:
        status = STATUS_REJECTED
    kind: cython.int = exec_type(event.kind, status, form)
    if (
        form & STATUS_AS_TYPE
        and event.kind == EVENT_REPLACED
        and event.ord_status == STATUS_NEW
    ):
        status = kind
    out = text(out, b"1=", event.account, 24)
    out = amount(out, b"6=", event.avg_price)
    if event.kind != EVENT_MASS_STATUS_DONE:
        out = text(out, b"11=", event.cl_ord_id, 36)
    out = amount(out, b"14=", event.cum_qty)
    out = execution_ids(event, out, form, is_status)
    if is_trade or form & LAST_ALWAYS:
        out = amount(out, b"31=", event.last_price if is_trade else 0)
        out = amount(out, b"32=", event.last_qty if is_trade else 0)
    if event.order_id:
        out = identifier(out, b"37=", event.order_id)
    else:
        out = text(out, b"37=", b"NONE", 4)
    out = amount(out, b"38=", event.qty)
    out = character(out, b"39=", status)
    out = character(out, b"40=", event.ord_type)
    if form & ORIG_CL_ORD_ID and not is_status:
        out = text(out, b"41=", event.orig_cl_ord_id, 36)
    out = price(event, out, form)
    if event.kind == EVENT_MASS_STATUS_DONE:
        out = whatever(event, out)
    else:
        out = character(out, b"54=", event.side)
        out = text(out, b"55=", event.symbol, 24)
    out = reason_text(event, out, form)
    out = character(out, b"59=", event.time_in_force)
    out = timestamp(out, b"60=", event.time, digits(form))
    if event.stop_price and event.ord_type != ORD_TYPE_PEGGED:
        out = amount(out, b"99=", event.stop_price)
    if event.kind == EVENT_REJECTED or (is_status and event.reason):
        code: bytes = ORD_REJ[code_place(event.reason, form)]
        out = text(out, b"103=", code, cython.cast(cython.int, len(code)))
    if form & QUANTITIES:
        out = quantities(event, out, form)
    if event.expire_time:
        out = timestamp(out, b"126=", event.expire_time, digits(form))
    if event.fee and form & FEES and event.kind == EVENT_FILLED:
        out = fees(event, out, form)
    if form & EXEC_TYPE:
        out = character(out, b"150=", kind)
        out = amount(out, b"151=", event.leaves_qty)
    if event.peg_offset and form & PEG_OFFSET:
        out = amount(out, b"211=", event.peg_offset)
    out = restatement(event, out, form, kind)
    if is_trade and form & RESTATEMENT:
        out = identifier(out, b"527=", event.trade_id)
    return late_fields(event, out, form, is_status)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def execution_ids(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: uint64_t,
    is_status: cython.bint,
) -> cython.pointer(cython.uchar):
    """ExecID(17) to ExecTransType(20)."""
    exec_id: uint64_t = (event.order_id >> 48) << 48 | event.seq
    if is_status:
        out = number(out, b"17=", 0)
    elif form & EXEC_ID_AS_NUMBER:
        out = number(out, b"17=", exec_id)
    else:
        out = identifier(out, b"17=", exec_id)
    out = character(out, b"18=", exec_inst(event.exec_inst))
    if event.kind == EVENT_TRADE_CANCELLED or event.kind == EVENT_TRADE_CORRECTED:
        if form & EXEC_ID_AS_NUMBER:
            out = number(out, b"19=", event.contra_order_id)
        else:
            out = identifier(out, b"19=", event.contra_order_id)
    if form & EXEC_TRANS_TYPE:
        out = character(out, b"20=", exec_trans_type(event.kind, form))
    return out


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def price(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: uint64_t,
) -> cython.pointer(cython.uchar):
    """Price(44): of a pegged order its limit, where the version can say both."""
    if event.ord_type == ORD_TYPE_PEGGED and form & PEGGED_PRICE:
        return amount(out, b"44=", event.stop_price) if event.stop_price else out
    if (
        event.price
        or event.ord_type == ORD_TYPE_LIMIT
        or event.ord_type == ORD_TYPE_STOP_LIMIT
    ):
        return amount(out, b"44=", event.price)
    return out


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def whatever(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
) -> cython.pointer(cython.uchar):
    """Side(54) and Symbol(55), which FIX demands, of a report that is about no order:
    what was asked for, else 7 (undisclosed) and the word for no symbol."""
    out = character(out, b"54=", event.side if event.side else 0x37)
    if event.symbol[0]:
        return text(out, b"55=", event.symbol, 24)
    return text(out, b"55=", b"[N/A]", 5)


@cython.cfunc
def reason_text(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: uint64_t,
) -> cython.pointer(cython.uchar):
    """Text(58)."""
    reason: bytes = TEXTS[event.reason & 63]
    if event.kind == EVENT_TRIGGERED and not form & AS_TRIGGERED:
        reason = TRIGGERED_TEXT
    elif event.kind == EVENT_MASS_STATUS_DONE:
        reason = MASS_STATUS_TEXTS[event.index if event.index < 3 else 0]
    if reason:
        out = text(out, b"58=", reason, cython.cast(cython.int, len(reason)))
    return out


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def quantities(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: uint64_t,
) -> cython.pointer(cython.uchar):
    """MinQty(110) and MaxFloor(111)."""
    if event.min_qty:
        out = amount(out, b"110=", event.min_qty)
    if not form & DISPLAY_QTY and is_partly_shown(event):
        out = amount(out, b"111=", event.display_qty)
    return out


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def is_partly_shown(event: cython.pointer(cython.const[OrderEvent])) -> cython.bint:
    """Whether an order displays a part of itself, or by its own wish nothing."""
    return event.display_qty != 0 or (event.exec_inst & EXEC_HIDDEN) != 0


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def fees(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: uint64_t,
) -> cython.pointer(cython.uchar):
    """NoMiscFees(136): one exchange fee, an absolute amount; below zero a rebate."""
    out = character(out, b"136=", 0x31)
    out = amount(out, b"137=", event.fee)
    out = character(out, b"139=", 0x34)
    return character(out, b"891=", 0x30) if form & FEE_BASIS else out


@cython.cfunc
def restatement(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: uint64_t,
    kind: cython.int,
) -> cython.pointer(cython.uchar):
    """ExecRestatementReason(378), where the exchange acted by itself."""
    code: bytes = b""
    if kind == 0x44:
        code = RESTATED[code_place(event.reason, form)]
    elif event.kind == EVENT_CANCELLED and form & RESTATEMENT:
        code = ENDED[code_place(event.reason, form)]
    return text(out, b"378=", code, cython.cast(cython.int, len(code)))


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def is_known_liquidity(liquidity: cython.int, form: uint64_t) -> cython.bint:
    """Whether the version has a LastLiquidityInd(851) for it."""
    if liquidity == LIQUIDITY_AUCTION:
        return (form & AUCTION_LIQUIDITY) != 0
    return liquidity != LIQUIDITY_NONE


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def late_fields(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: uint64_t,
    is_status: cython.bint,
) -> cython.pointer(cython.uchar):
    """Those above 527."""
    filled: cython.bint = event.kind == EVENT_FILLED
    is_mass: cython.bint = event.count != 0 or event.kind == EVENT_MASS_STATUS_DONE
    if is_status and form & REQUEST_IDS:
        if event.kind == EVENT_MASS_STATUS_DONE:
            out = text(out, b"584=", event.cl_ord_id, 36)
        elif is_mass:
            out = text(out, b"584=", event.orig_cl_ord_id, 36)
        else:
            out = text(out, b"790=", event.orig_cl_ord_id, 36)
    if event.ord_type == ORD_TYPE_PEGGED and event.price and form & PEGGED_PRICE:
        out = amount(out, b"839=", event.price)
    if filled and form & LIQUIDITY and is_known_liquidity(event.liquidity, form):
        out = character(out, b"851=", 0x30 + event.liquidity)
    if is_status and is_mass and form & REQUEST_IDS:
        is_last: cython.bint = (
            event.kind == EVENT_MASS_STATUS_DONE or event.index == event.count
        )
        out = number(out, b"911=", event.count)
        out = character(out, b"912=", 0x59 if is_last else 0x4E)
    if filled and form & AGGRESSOR:
        if event.liquidity == LIQUIDITY_ADDED:
            out = character(out, b"1057=", 0x4E)
        elif event.liquidity == LIQUIDITY_REMOVED:
            out = character(out, b"1057=", 0x59)
    if form & DISPLAY_QTY and is_partly_shown(event):
        out = amount(out, b"1138=", event.display_qty)
    out = text(out, b"2362=", event.stp_id, 12)
    if form & SELF_MATCH or event.stp_id[0]:
        out = character(out, b"2964=", event.stp)
    return out
