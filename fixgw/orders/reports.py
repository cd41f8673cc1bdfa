"""Events to FIX reports. Compiled: one call per batch of events.

A report is rendered from its event alone, fields ascending by tag. OrderID(37),
ExecID(17) and SecondaryExecID(527, the trade) are ``shard-number``: unique for ever,
and the same on every replay.
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
    OrderEvent,
)
from cython.cimports.fixgw.wire.building import write_number, write_timestamp
from cython.cimports.libc.stdint import int64_t, uint64_t
from cython.cimports.libc.string import memcpy, strlen

from fixgw.orders.reasons import REASONS

REPORT_BYTES_MAX = 1024
"""More than the longest report: 24 short fields, five texts of at most 36 bytes, and a
reason of at most 80."""

_TEXTS: list = [b""] * 64
_ORD_REJ: list = [b"99"] * 64
_CXL_REJ: list = [b"99"] * 64
for _reason, _wording in REASONS.items():
    _TEXTS[_reason] = _wording.text.encode("ascii")
    _ORD_REJ[_reason] = str(_wording.ord_rej_reason).encode("ascii")
    _CXL_REJ[_reason] = str(_wording.cxl_rej_reason).encode("ascii")


def render_reports(events: bytes) -> list:
    """(session key, MsgType, body) for each event that is addressed to a session.

    ``events`` are packed events. The body is every field behind the header, each ended
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
    if size % EVENT_BYTES:
        raise ValueError(f"{size} bytes are no whole number of events")
    for place in range(0, size, EVENT_BYTES):
        event = cython.cast(
            cython.pointer(cython.const[OrderEvent]),
            cython.cast(cython.pointer(cython.uchar), data) + place,
        )
        if event.kind > EVENT_EXPIRED or event.session == 0:
            continue
        if event.kind == EVENT_CANCEL_REJECTED or event.kind == EVENT_REPLACE_REJECTED:
            end = cancel_reject(event, out)
            msg_type = "9"
        else:
            end = execution_report(event, out)
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
    event: cython.pointer(cython.const[OrderEvent]), out: cython.pointer(cython.uchar)
) -> cython.pointer(cython.uchar):
    """Body of an ExecutionReport(8)."""
    shard: uint64_t = event.order_id >> 48
    filled: cython.bint = event.kind == EVENT_FILLED
    reason: bytes = _TEXTS[event.reason & 63]
    out = text(out, b"1=", event.account, 24)
    out = amount(out, b"6=", event.avg_price)
    out = text(out, b"11=", event.cl_ord_id, 36)
    out = amount(out, b"14=", event.cum_qty)
    out = identifier(out, b"17=", (shard << 48) | event.seq)
    if filled:
        out = amount(out, b"31=", event.last_price)
        out = amount(out, b"32=", event.last_qty)
    out = identifier(out, b"37=", event.order_id)
    out = amount(out, b"38=", event.qty)
    out = character(out, b"39=", event.ord_status)
    out = character(out, b"40=", event.ord_type)
    out = text(out, b"41=", event.orig_cl_ord_id, 36)
    if event.price or event.ord_type != ORD_TYPE_MARKET:
        out = amount(out, b"44=", event.price)
    out = character(out, b"54=", event.side)
    out = text(out, b"55=", event.symbol, 24)
    if reason:
        out = text(out, b"58=", reason, cython.cast(cython.int, len(reason)))
    out = character(out, b"59=", event.time_in_force)
    out = timestamp(out, b"60=", event.time)
    if event.kind == EVENT_REJECTED:
        code: bytes = _ORD_REJ[event.reason & 63]
        out = text(out, b"103=", code, cython.cast(cython.int, len(code)))
    out = character(out, b"150=", exec_type(event.kind))
    out = amount(out, b"151=", event.leaves_qty)
    if event.reason == REASON_CANCELLED_BY_EXCHANGE:
        # ExecRestatementReason(378)=8, an exchange's option: nobody asked for it.
        out = character(out, b"378=", 0x38)
    if filled:
        out = identifier(out, b"527=", event.trade_id)
        out = character(out, b"851=", 0x30 + event.liquidity)
    return out


@cython.cfunc
def cancel_reject(
    event: cython.pointer(cython.const[OrderEvent]), out: cython.pointer(cython.uchar)
) -> cython.pointer(cython.uchar):
    """Body of an OrderCancelReject(9)."""
    reason: bytes = _TEXTS[event.reason & 63]
    code: bytes = _CXL_REJ[event.reason & 63]
    out = text(out, b"1=", event.account, 24)
    out = text(out, b"11=", event.cl_ord_id, 36)
    if event.order_id:
        out = identifier(out, b"37=", event.order_id)
    else:
        out = text(out, b"37=", b"NONE", 4)
    out = character(out, b"39=", event.ord_status)
    out = text(out, b"41=", event.orig_cl_ord_id, 36)
    out = text(out, b"58=", reason, cython.cast(cython.int, len(reason)))
    out = timestamp(out, b"60=", event.time)
    out = text(out, b"102=", code, cython.cast(cython.int, len(code)))
    return character(
        out, b"434=", 0x31 if event.kind == EVENT_CANCEL_REJECTED else 0x32
    )


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
def timestamp(
    out: cython.pointer(cython.uchar), tag: cython.p_const_char, value: int64_t
) -> cython.pointer(cython.uchar):
    """Engine time to the millisecond."""
    out = tagged(out, tag)
    out += write_timestamp(value, 3, out)
    out[0] = 1
    return out + 1
