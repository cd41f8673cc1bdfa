"""Events to FIX reports. Compiled: one call per batch of events.

A report is rendered from its event alone, fields ascending by tag, in the form that the
version of its session wants (:mod:`fixgw.orders.dialect`). OrderID(37), ExecID(17) and
SecondaryExecID(527, the trade) are ``shard-number``: unique for ever, and the same on
every replay. A status has ExecID(17)=0, as FIX wants it.

Only the answers of several shards to one mass request need more than their events: they
go through :mod:`fixgw.orders.massanswers` first.
"""

import cython
from cython.cimports.cpython.bytes import PyBytes_FromStringAndSize
from cython.cimports.engine.records import (
    EVENT_BYTES,
    EVENT_CANCEL_REJECTED,
    EVENT_MASS_CANCELLED,
    EVENT_MASS_STATUS_DONE,
    EVENT_REPLACE_REJECTED,
    EVENT_TRADE_CORRECTED,
    OrderEvent,
)
from cython.cimports.fixgw.orders.execution import execution_report
from cython.cimports.fixgw.orders.writing import (
    character,
    code_place,
    digits,
    identifier,
    number,
    text,
    timestamp,
)
from cython.cimports.libc.stdint import uint64_t

from fixgw.orders.dialect import BITS, FORM_OF_44
from fixgw.orders.wordings import CXL_REJ, TEXTS

REPORT_BYTES_MAX = 2048
"""More than the longest report: 46 fields, of which seven are texts of at most 36 bytes
and one is a reason of at most 80."""

ORIG_CL_ORD_ID = cython.declare(uint64_t, BITS["orig_cl_ord_id"])
CANCEL_REJECT_DETAILS = cython.declare(uint64_t, BITS["cancel_reject_details"])
MASS_ACTION_ID = cython.declare(uint64_t, BITS["mass_action_id"])
USUAL_FORM = cython.declare(uint64_t, FORM_OF_44)


def render_reports(
    events: bytes, forms: dict | None = None, shard: cython.int = 0, answers=None
) -> list:
    """(session key, MsgType, body) for each event that is addressed to a session.

    ``events`` are packed events of ``shard``; ``forms`` are the forms of sessions by
    key, that of FIX.4.4 for those not in it. The body is every field behind the header,
    each ended by SOH. Events without a session (instruments, clock) give nothing, nor
    does the end of a mass status that found orders: the last of them says so.

    ``answers`` collects what several shards answer to one request; its ``take`` is
    given each such event and gives those that are whole now, as from one shard. Raises
    ValueError when the length is no multiple of an event's.
    """
    reports = []
    size: cython.Py_ssize_t = len(events)
    place: cython.Py_ssize_t
    data: cython.p_char = events
    event: cython.pointer(cython.const[OrderEvent])
    form: uint64_t = USUAL_FORM
    if size % EVENT_BYTES:
        raise ValueError(f"{size} bytes are no whole number of events")
    for place in range(0, size, EVENT_BYTES):
        event = cython.cast(
            cython.pointer(cython.const[OrderEvent]),
            cython.cast(cython.pointer(cython.uchar), data) + place,
        )
        if event.kind > EVENT_TRADE_CORRECTED or event.session == 0:
            continue
        if event.fan_out and answers is not None:
            later: bytes = answers.take(shard, events[place : place + EVENT_BYTES])
            reports += render_reports(later, forms, shard)
            continue
        if event.kind == EVENT_MASS_STATUS_DONE and event.count:
            continue
        if forms:
            form = forms.get(event.session, FORM_OF_44)
        reports.append(rendered(event, form, shard))
    return reports


@cython.cfunc
def rendered(
    event: cython.pointer(cython.const[OrderEvent]), form: uint64_t, shard: cython.int
):
    out: cython.uchar[2048]
    end: cython.pointer(cython.uchar)
    if event.kind == EVENT_CANCEL_REJECTED or event.kind == EVENT_REPLACE_REJECTED:
        end = cancel_reject(event, out, form)
        msg_type = "9"
    elif event.kind == EVENT_MASS_CANCELLED:
        end = mass_cancel_report(event, out, form, shard)
        msg_type = "r"
    else:
        end = execution_report(event, out, form)
        msg_type = "8"
    body = PyBytes_FromStringAndSize(cython.cast(cython.p_char, out), end - out)
    return event.session, msg_type, body


def order_id_text(order_id: uint64_t) -> str:
    """``shard-number`` of an OrderID, ExecID or TradeID."""
    return f"{order_id >> 48}-{order_id & 0xFFFFFFFFFFFF}"


@cython.cfunc
def cancel_reject(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: uint64_t,
) -> cython.pointer(cython.uchar):
    """Body of an OrderCancelReject(9)."""
    reason: bytes = TEXTS[event.reason & 63]
    code: bytes = CXL_REJ[code_place(event.reason, form)]
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
        out = timestamp(out, b"60=", event.time, digits(form))
    out = text(out, b"102=", code, cython.cast(cython.int, len(code)))
    if detailed:
        out = character(
            out, b"434=", 0x31 if event.kind == EVENT_CANCEL_REJECTED else 0x32
        )
    return out


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def mass_cancel_report(
    event: cython.pointer(cython.const[OrderEvent]),
    out: cython.pointer(cython.uchar),
    form: uint64_t,
    shard: cython.int,
) -> cython.pointer(cython.uchar):
    """Body of an OrderMassCancelReport(r): all that it asked for is cancelled."""
    action: uint64_t = cython.cast(uint64_t, shard) << 48 | event.command_seq
    scope: cython.int = 0x31 if event.symbol[0] else 0x37
    out = text(out, b"1=", event.account, 24)
    out = text(out, b"11=", event.cl_ord_id, 36)
    out = identifier(out, b"37=", action)
    out = character(out, b"54=", event.side)
    out = text(out, b"55=", event.symbol, 24)
    out = timestamp(out, b"60=", event.time, digits(form))
    out = character(out, b"530=", scope)
    out = character(out, b"531=", scope)
    out = number(out, b"533=", event.count)
    return identifier(out, b"1369=", action) if form & MASS_ACTION_ID else out
