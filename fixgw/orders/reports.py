"""Events to FIX reports. Compiled: one call per batch of events.

A report is rendered from its event alone, fields ascending by tag, in the form that the
version of its session wants (:mod:`fixgw.orders.dialect`). OrderID(37), ExecID(17) and
SecondaryExecID(527, the trade) are ``shard-number``: unique for ever, and the same on
every replay.
"""

import cython
from cython.cimports.cpython.bytes import PyBytes_FromStringAndSize
from cython.cimports.engine.decimals import format_decimal
from cython.cimports.engine.records import (
    EVENT_ACCEPTED,
    EVENT_BYTES,
    EVENT_CANCEL_REJECTED,
    EVENT_CANCELLED,
    EVENT_EXPIRED,
    EVENT_FILLED,
    EVENT_REJECTED,
    EVENT_REPLACE_REJECTED,
    EVENT_REPLACED,
    ORD_TYPE_MARKET,
    REASON_CANCELLED_BY_EXCHANGE,
    STATUS_NEW,
    OrderEvent,
)
from cython.cimports.fixgw.wire.building import write_number, write_timestamp
from cython.cimports.libc.stdint import int64_t, uint64_t
from cython.cimports.libc.string import memcpy, strlen

from fixgw.orders.dialect import BITS, DIALECTS, FORM_OF_44
from fixgw.orders.reasons import REASONS

REPORT_BYTES_MAX = 1024
"""More than the longest report: 26 short fields, five texts of at most 36 bytes, and a
reason of at most 80."""

EXEC_TRANS_TYPE = cython.declare(cython.uint, BITS["exec_trans_type"])
EXEC_TYPE = cython.declare(cython.uint, BITS["exec_type"])
STATUS_AS_TYPE = cython.declare(cython.uint, BITS["status_as_type"])
LAST_ALWAYS = cython.declare(cython.uint, BITS["last_always"])
ORIG_CL_ORD_ID = cython.declare(cython.uint, BITS["orig_cl_ord_id"])
EXEC_ID_AS_NUMBER = cython.declare(cython.uint, BITS["exec_id_as_number"])
CANCEL_REJECT_DETAILS = cython.declare(cython.uint, BITS["cancel_reject_details"])
RESTATEMENT = cython.declare(cython.uint, BITS["restatement"])
LIQUIDITY = cython.declare(cython.uint, BITS["liquidity"])
USUAL_FORM = cython.declare(cython.uint, FORM_OF_44)

# Texts by reason; codes by version's number times 64, plus the reason.
_TEXTS: list = [b""] * 64
_ORD_REJ: list = [b""] * (64 * len(DIALECTS))
_CXL_REJ: list = [b""] * (64 * len(DIALECTS))
for _reason, _wording in REASONS.items():
    _TEXTS[_reason] = _wording.text.encode("ascii")
    for _number, _dialect in enumerate(DIALECTS.values()):
        _code = _dialect.ord_rej_reason(_wording.ord_rej_reason)
        _ORD_REJ[64 * _number + _reason] = b"%d" % _code
        _code = _dialect.cxl_rej_reason(_wording.cxl_rej_reason)
        if _code is not None:
            _CXL_REJ[64 * _number + _reason] = b"%d" % _code


def render_reports(events: bytes, forms: dict | None = None) -> list:
    """(session key, MsgType, body) for each event that is addressed to a session.

    ``events`` are packed events; ``forms`` are the forms of sessions by key, that of
    FIX.4.4 for those not in it. The body is every field behind the header, each ended
    by SOH. Events without a session (instruments, clock) give nothing. Raises
    ValueError when the length is no multiple of an event's.
    """
    out: cython.uchar[1024]
    reports = []
    size: cython.Py_ssize_t = len(events)
    place: cython.Py_ssize_t
    end: cython.pointer(cython.uchar)
    data: cython.p_char = events
    event: cython.pointer(cython.const[OrderEvent])
    form: cython.uint = USUAL_FORM
    if size % EVENT_BYTES:
        raise ValueError(f"{size} bytes are no whole number of events")
    for place in range(0, size, EVENT_BYTES):
        event = cython.cast(
            cython.pointer(cython.const[OrderEvent]),
            cython.cast(cython.pointer(cython.uchar), data) + place,
        )
        if event.kind > EVENT_EXPIRED or event.session == 0:
            continue
        if forms:
            form = forms.get(event.session, FORM_OF_44)
        if event.kind == EVENT_CANCEL_REJECTED or event.kind == EVENT_REPLACE_REJECTED:
            end = cancel_reject(event, out, form)
            msg_type = "9"
        else:
            end = execution_report(event, out, form)
            msg_type = "8"
        reports.append(
            (
                event.session,
                msg_type,
                PyBytes_FromStringAndSize(cython.cast(cython.p_char, out), end - out),
            )
        )
    return reports


def order_id_text(order_id: uint64_t) -> str:
    """``shard-number`` of an OrderID, ExecID or TradeID."""
    return f"{order_id >> 48}-{order_id & 0xFFFFFFFFFFFF}"


@cython.cfunc
def exec_type(kind: cython.int) -> cython.int:
    """ExecType(150) of an event."""
    if kind == EVENT_ACCEPTED:
        return 0x30
    if kind == EVENT_REJECTED:
        return 0x38
    if kind == EVENT_FILLED:
        return 0x46
    if kind == EVENT_CANCELLED:
        return 0x34
    if kind == EVENT_REPLACED:
        return 0x35
    if kind == EVENT_EXPIRED:
        return 0x43
    raise ValueError(f"event kind {kind} has no ExecType")


@cython.cfunc
def execution_report(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: cython.uint,
) -> cython.pointer(cython.uchar):
    """Body of an ExecutionReport(8)."""
    exec_id: uint64_t = (event.order_id >> 48) << 48 | event.seq
    filled: cython.bint = event.kind == EVENT_FILLED
    status: cython.int = event.ord_status
    kind: cython.int = exec_type(event.kind)
    reason: bytes = _TEXTS[event.reason & 63]
    if form & STATUS_AS_TYPE:
        if filled:
            kind = status
        elif event.kind == EVENT_REPLACED and status == STATUS_NEW:
            status = kind
    out = text(out, b"1=", event.account, 24)
    out = amount(out, b"6=", event.avg_price)
    out = text(out, b"11=", event.cl_ord_id, 36)
    out = amount(out, b"14=", event.cum_qty)
    if form & EXEC_ID_AS_NUMBER:
        out = number(out, b"17=", exec_id)
    else:
        out = identifier(out, b"17=", exec_id)
    if form & EXEC_TRANS_TYPE:
        out = character(out, b"20=", 0x30)
    if filled or form & LAST_ALWAYS:
        out = amount(out, b"31=", event.last_price if filled else 0)
        out = amount(out, b"32=", event.last_qty if filled else 0)
    out = identifier(out, b"37=", event.order_id)
    out = amount(out, b"38=", event.qty)
    out = character(out, b"39=", status)
    out = character(out, b"40=", event.ord_type)
    if form & ORIG_CL_ORD_ID:
        out = text(out, b"41=", event.orig_cl_ord_id, 36)
    if event.price or event.ord_type != ORD_TYPE_MARKET:
        out = amount(out, b"44=", event.price)
    out = character(out, b"54=", event.side)
    out = text(out, b"55=", event.symbol, 24)
    if reason:
        out = text(out, b"58=", reason, cython.cast(cython.int, len(reason)))
    out = character(out, b"59=", event.time_in_force)
    out = timestamp(out, b"60=", event.time, form)
    if event.kind == EVENT_REJECTED:
        code: bytes = _ORD_REJ[code_place(event.reason, form)]
        out = text(out, b"103=", code, cython.cast(cython.int, len(code)))
    if form & EXEC_TYPE:
        out = character(out, b"150=", kind)
        out = amount(out, b"151=", event.leaves_qty)
    if form & RESTATEMENT:
        if event.reason == REASON_CANCELLED_BY_EXCHANGE:
            # ExecRestatementReason(378)=8, an exchange's option: nobody asked for it.
            out = character(out, b"378=", 0x38)
        if filled:
            out = identifier(out, b"527=", event.trade_id)
    if filled and form & LIQUIDITY:
        out = character(out, b"851=", 0x30 + event.liquidity)
    return out


@cython.cfunc
def cancel_reject(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: cython.uint,
) -> cython.pointer(cython.uchar):
    """Body of an OrderCancelReject(9)."""
    reason: bytes = _TEXTS[event.reason & 63]
    code: bytes = _CXL_REJ[code_place(event.reason, form)]
    detailed: cython.bint = (form & CANCEL_REJECT_DETAILS) != 0
    if detailed:
        out = text(out, b"1=", event.account, 24)
    out = text(out, b"11=", event.cl_ord_id, 36)
    if event.order_id:
        out = identifier(out, b"37=", event.order_id)
    else:
        out = text(out, b"37=", b"NONE", 4)
    if form & ORIG_CL_ORD_ID:
        out = character(out, b"39=", event.ord_status)
        out = text(out, b"41=", event.orig_cl_ord_id, 36)
    out = text(out, b"58=", reason, cython.cast(cython.int, len(reason)))
    if detailed:
        out = timestamp(out, b"60=", event.time, form)
    out = text(out, b"102=", code, cython.cast(cython.int, len(code)))
    if detailed:
        out = character(
            out, b"434=", 0x31 if event.kind == EVENT_CANCEL_REJECTED else 0x32
        )
    return out


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def code_place(reason: cython.int, form: cython.uint) -> cython.int:
    """Where the code of a reason is in the table of codes."""
    return cython.cast(cython.int, form >> 24) * 64 + (reason & 63)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def tagged(
    out: cython.pointer(cython.uchar), tag: cython.p_const_char
) -> cython.pointer(cython.uchar):
    size: cython.size_t = strlen(tag)
    memcpy(out, tag, size)
    return out + size


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def text(
    out: cython.pointer(cython.uchar),
    tag: cython.p_const_char,
    value: cython.pointer(cython.const[cython.uchar]),
    most: cython.int,
) -> cython.pointer(cython.uchar):
    """A text padded with NUL; nothing at all when it is empty."""
    size: cython.int = 0
    while size < most and value[size] != 0:
        size += 1
    if size == 0:
        return out
    out = tagged(out, tag)
    memcpy(out, value, size)
    out[size] = 1
    return out + size + 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def character(
    out: cython.pointer(cython.uchar), tag: cython.p_const_char, value: cython.int
) -> cython.pointer(cython.uchar):
    """One character; nothing for 0."""
    if value == 0:
        return out
    out = tagged(out, tag)
    out[0] = cython.cast(cython.uchar, value)
    out[1] = 1
    return out + 2


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def amount(
    out: cython.pointer(cython.uchar), tag: cython.p_const_char, value: int64_t
) -> cython.pointer(cython.uchar):
    out = tagged(out, tag)
    out += format_decimal(value, out)
    out[0] = 1
    return out + 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def identifier(
    out: cython.pointer(cython.uchar), tag: cython.p_const_char, value: uint64_t
) -> cython.pointer(cython.uchar):
    """``shard-number``."""
    out = tagged(out, tag)
    out += write_number(cython.cast(int64_t, value >> 48), out)
    out[0] = 0x2D
    out += 1
    out += write_number(
        cython.cast(int64_t, value & cython.cast(uint64_t, 0xFFFFFFFFFFFF)), out
    )
    out[0] = 1
    return out + 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def number(
    out: cython.pointer(cython.uchar), tag: cython.p_const_char, value: uint64_t
) -> cython.pointer(cython.uchar):
    """An identifier without its hyphen."""
    out = tagged(out, tag)
    out += write_number(cython.cast(int64_t, value), out)
    out[0] = 1
    return out + 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def timestamp(
    out: cython.pointer(cython.uchar),
    tag: cython.p_const_char,
    value: int64_t,
    form: cython.uint,
) -> cython.pointer(cython.uchar):
    """Engine time to as many digits as the form says."""
    out = tagged(out, tag)
    out += write_timestamp(value, form >> 16 & 0xFF, out)
    out[0] = 1
    return out + 1
