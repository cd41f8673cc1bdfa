"""FIX order messages to commands. Compiled.

The session has checked the message against its dictionary; here is checked what needs
the meaning of fields together, or the limits of a command's layout. Everything about
the market (symbol, tick, lot, identifiers) is the shard's to judge.
"""

import cython
from cython.cimports.cpython.bytes import PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cython.cimports.engine.decimals import (
    DECIMAL_OUT_OF_RANGE,
    DECIMAL_TOO_PRECISE,
    parse_decimal,
)
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_CANCEL,
    COMMAND_NEW_ORDER,
    COMMAND_REPLACE,
    FLAG_POSS_DUP,
    FLAG_POSS_RESEND,
    ORD_TYPE_LIMIT,
    OrderCommand,
)
from cython.cimports.fixgw.wire.message import Field, Message
from cython.cimports.libc.stdint import int64_t, uint64_t
from cython.cimports.libc.string import memcpy, memset

VALUE_INCORRECT = 5
"""SessionRejectReason(373): the value is outside what this field may hold here."""

FORMAT_INCORRECT = 6
"""SessionRejectReason(373): the value is not in the format of its field."""

CONDITIONALLY_REQUIRED = 5
"""BusinessRejectReason(380)."""


class Refusal:
    """Why a message cannot become a command.

    ``session_reject`` is a SessionRejectReason(373) or None; then ``business_reject``
    is a BusinessRejectReason(380). ``tag`` is the field to blame.
    """

    __slots__ = ("business_reject", "session_reject", "tag", "text")

    def __init__(self, session_reject, business_reject, tag: int, text: str) -> None:
        self.session_reject = session_reject
        self.business_reject = business_reject
        self.tag = tag
        self.text = text


def order_command(
    message: Message,
    session: uint64_t,
    epoch: cython.uint,
    msg_seq_num: uint64_t,
    source: cython.ushort,
    receive_time: int64_t,
):
    """The packed command of a NewOrderSingle(D), Cancel(F) or CancelReplace(G).

    Or a Refusal. ``source`` is the gateway's number, ``session`` the session's key,
    ``receive_time`` nanoseconds since the epoch.
    """
    command: OrderCommand
    msg_type: str = message.msg_type
    refusal: object = None
    memset(cython.address(command), 0, COMMAND_BYTES)
    if msg_type == "D":
        command.kind = COMMAND_NEW_ORDER
    elif msg_type == "F":
        command.kind = COMMAND_CANCEL
    elif msg_type == "G":
        command.kind = COMMAND_REPLACE
    else:
        raise ValueError(f"MsgType {msg_type} is no order message")
    command.session = session
    command.session_epoch = epoch
    command.msg_seq_num = msg_seq_num
    command.source = source
    command.receive_time = receive_time
    if yes(message, 43):
        command.flags |= FLAG_POSS_DUP
    if yes(message, 97):
        command.flags |= FLAG_POSS_RESEND
    refusal = text(message, 11, command.cl_ord_id, 36)
    if refusal is None and command.kind != COMMAND_NEW_ORDER:
        refusal = text(message, 41, command.orig_cl_ord_id, 36)
    if refusal is None and command.kind == COMMAND_CANCEL:
        refusal = whole(message)
    if refusal is None:
        refusal = text(message, 1, command.account, 24)
    if refusal is None:
        refusal = text(message, 55, command.symbol, 24)
    if refusal is None:
        refusal = char(message, 54, cython.address(command.side))
    if refusal is None and command.kind != COMMAND_CANCEL:
        refusal = terms(message, cython.address(command))
    if refusal is not None:
        return refusal
    result: bytes = PyBytes_FromStringAndSize(cython.NULL, COMMAND_BYTES)
    memcpy(PyBytes_AS_STRING(result), cython.address(command), COMMAND_BYTES)
    return result


@cython.cfunc
def terms(message: Message, command: cython.pointer(OrderCommand)):
    """Type, time in force, quantity and price of a new order or a replace."""
    refusal: object = char(message, 40, cython.address(command.ord_type))
    if refusal is None:
        refusal = char(message, 59, cython.address(command.time_in_force))
    if refusal is None:
        refusal = decimal(message, 38, cython.address(command.qty))
    if refusal is not None:
        return refusal
    if command.time_in_force == 0 and command.kind == COMMAND_NEW_ORDER:
        command.time_in_force = 0x30  # FIX 4.4: absence of this field means day order
    if command.ord_type != ORD_TYPE_LIMIT:
        return None
    if message.find(44) == cython.NULL:
        return Refusal(
            None, CONDITIONALLY_REQUIRED, 44, "a limit order needs Price(44)"
        )
    return decimal(message, 44, cython.address(command.price))


@cython.cfunc
def whole(message: Message):
    """FIX 4.0 can cancel a part of an order by CxlType(125)=P; only F is possible
    here."""
    field: cython.pointer(cython.const[Field]) = message.find(125)
    if field == cython.NULL:
        return None
    if field.size == 1 and cython.cast(cython.p_char, message.raw)[field.start] == 0x46:
        return None
    return Refusal(VALUE_INCORRECT, None, 125, "only F, the whole order, is possible")


@cython.cfunc
@cython.exceptval(check=False)
def yes(message: Message, tag: cython.int) -> cython.bint:
    field: cython.pointer(cython.const[Field]) = message.find(tag)
    return (
        field != cython.NULL
        and field.size == 1
        and cython.cast(cython.p_char, message.raw)[field.start] == 0x59
    )


@cython.cfunc
def text(
    message: Message,
    tag: cython.int,
    out: cython.pointer(cython.uchar),
    most: cython.int,
):
    """Copies a text field of at most ``most`` printable ASCII bytes."""
    field: cython.pointer(cython.const[Field]) = message.find(tag)
    data: cython.p_char = message.raw
    i: cython.int
    if field == cython.NULL:
        return None
    if field.size > most:
        return Refusal(
            VALUE_INCORRECT, None, tag, f"at most {most} characters are possible here"
        )
    for i in range(field.size):
        if not 0x20 <= data[field.start + i] <= 0x7E:
            return Refusal(
                VALUE_INCORRECT, None, tag, "only printable ASCII is possible here"
            )
    memcpy(out, data + field.start, field.size)
    return None


@cython.cfunc
def char(message: Message, tag: cython.int, out: cython.pointer(cython.uchar)):
    """Copies a field of one character."""
    field: cython.pointer(cython.const[Field]) = message.find(tag)
    if field == cython.NULL:
        return None
    value: cython.char
    if field.size != 1:
        return Refusal(FORMAT_INCORRECT, None, tag, "one character is expected")
    value = cython.cast(cython.p_char, message.raw)[field.start]
    if not 0x21 <= value <= 0x7E:
        return Refusal(FORMAT_INCORRECT, None, tag, "one character is expected")
    out[0] = cython.cast(
        cython.uchar, cython.cast(cython.p_char, message.raw)[field.start]
    )
    return None


@cython.cfunc
def decimal(message: Message, tag: cython.int, out: cython.pointer(int64_t)):
    """Reads a decimal into units of 1e-8."""
    field: cython.pointer(cython.const[Field]) = message.find(tag)
    data: cython.p_char = message.raw
    if field == cython.NULL:
        return None
    code: cython.int = parse_decimal(
        cython.cast(cython.pointer(cython.uchar), data + field.start), field.size, out
    )
    if code == 0:
        return None
    if code == DECIMAL_TOO_PRECISE:
        return Refusal(
            VALUE_INCORRECT, None, tag, "at most 8 decimal places are possible here"
        )
    if code == DECIMAL_OUT_OF_RANGE:
        return Refusal(VALUE_INCORRECT, None, tag, "the number is too large")
    return Refusal(FORMAT_INCORRECT, None, tag, "this is no decimal number")
