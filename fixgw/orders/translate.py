"""FIX order messages to commands. Compiled.

The session has checked the message against its dictionary; here is checked what needs
the meaning of fields together, or the limits of a command's layout. What cannot be said
in a command is refused rather than left out. Everything about the market (symbol, tick,
lot, identifiers, what goes with what) is the shard's to judge.
"""

import cython
from cython.cimports.cpython.bytes import PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_CANCEL,
    COMMAND_NEW_ORDER,
    COMMAND_ORDER_STATUS,
    COMMAND_REPLACE,
    EXEC_ALL_OR_NONE,
    EXEC_HIDDEN,
    EXEC_PEG_MIDPOINT,
    EXEC_PEG_PRIMARY,
    EXEC_POST_ONLY,
    EXEC_TRAILING,
    FLAG_POSS_DUP,
    FLAG_POSS_RESEND,
    ORD_TYPE_LIMIT,
    ORD_TYPE_PEGGED,
    ORD_TYPE_STOP,
    ORD_TYPE_STOP_LIMIT,
    TIF_GTD,
    OrderCommand,
)
from cython.cimports.fixgw.orders.reading import char, decimal, text, yes
from cython.cimports.fixgw.wire.message import Field, Message
from cython.cimports.libc.stdint import int64_t, uint64_t
from cython.cimports.libc.string import memcpy, memset

from fixgw.orders.reading import (
    FORMAT_INCORRECT,
    Refusal,
    incorrect,
    required,
)
from fixgw.wire.building import parse_utc_timestamp

DAY_NS = 86_400_000_000_000


def order_command(
    message: Message,
    session: uint64_t,
    epoch: cython.uint,
    msg_seq_num: uint64_t,
    source: cython.ushort,
    receive_time: int64_t,
    self_match: cython.uchar = 0,
):
    """The packed command of a NewOrderSingle(D), Cancel(F), CancelReplace(G) or
    OrderStatusRequest(H).

    Or a Refusal. ``source`` is the gateway's number, ``session`` the session's key,
    ``receive_time`` nanoseconds since the epoch. ``self_match`` is what a new order
    does about self-trades unless it says it itself: a SelfTrade of the engine.
    """
    command: OrderCommand
    msg_type: str = message.msg_type
    refusal: object = None
    memset(cython.address(command), 0, COMMAND_BYTES)
    if msg_type == "D":
        command.kind = COMMAND_NEW_ORDER
        command.stp = self_match
    elif msg_type == "F":
        command.kind = COMMAND_CANCEL
    elif msg_type == "G":
        command.kind = COMMAND_REPLACE
    elif msg_type == "H":
        command.kind = COMMAND_ORDER_STATUS
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
    refusal = names(message, cython.address(command))
    if refusal is None and command.kind == COMMAND_CANCEL:
        refusal = whole(message)
    if refusal is None:
        refusal = text(message, 1, command.account, 24)
    if refusal is None:
        refusal = text(message, 55, command.symbol, 24)
    if refusal is None:
        refusal = char(message, 54, cython.address(command.side))
    if command.kind == COMMAND_NEW_ORDER or command.kind == COMMAND_REPLACE:
        if refusal is None:
            refusal = terms(message, cython.address(command))
        if refusal is None:
            refusal = further_terms(message, cython.address(command))
    if refusal is not None:
        return refusal
    result: bytes = PyBytes_FromStringAndSize(cython.NULL, COMMAND_BYTES)
    memcpy(PyBytes_AS_STRING(result), cython.address(command), COMMAND_BYTES)
    return result


@cython.cfunc
def names(message: Message, command: cython.pointer(OrderCommand)):
    """ClOrdID(11) and what the message is about. A status request has no ClOrdID of its
    own: its 11 is the order's, and OrdStatusReqID(790) names the request."""
    refusal: object
    if command.kind == COMMAND_ORDER_STATUS:
        refusal = text(message, 11, command.orig_cl_ord_id, 36)
        return text(message, 790, command.cl_ord_id, 36) if refusal is None else refusal
    refusal = text(message, 11, command.cl_ord_id, 36)
    if refusal is None and command.kind != COMMAND_NEW_ORDER:
        refusal = text(message, 41, command.orig_cl_ord_id, 36)
    return refusal


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
    if command.ord_type == ORD_TYPE_PEGGED:
        return decimal(message, 44, cython.address(command.price))
    if command.ord_type != ORD_TYPE_LIMIT and command.ord_type != ORD_TYPE_STOP_LIMIT:
        return None
    if message.find(44) == cython.NULL:
        return required(44, "a limit order needs Price(44)")
    return decimal(message, 44, cython.address(command.price))


@cython.cfunc
def further_terms(message: Message, command: cython.pointer(OrderCommand)):
    """What an order can ask for beside its price and quantity. Most ask for nothing of
    it."""
    refusal: object = None
    if message.find(18) != cython.NULL:
        refusal = exec_inst(message, command)
    if refusal is None:
        refusal = stop_price(message, command)
    if refusal is None and message.find(111) != cython.NULL:
        refusal = displayed(message, command, 111)
    if refusal is None and message.find(1138) != cython.NULL:
        refusal = displayed(message, command, 1138)
    if refusal is None and message.find(211) != cython.NULL:
        refusal = peg_offset(message, command)
    if refusal is None:
        refusal = expiry(message, command)
    if refusal is None and command.kind == COMMAND_NEW_ORDER:
        refusal = decimal(message, 110, cython.address(command.min_qty))
        if refusal is None:
            refusal = text(message, 2362, command.stp_id, 12)
        if refusal is None and message.find(2964) != cython.NULL:
            refusal = self_match(message, command)
    return refusal


@cython.cfunc
def exec_inst(message: Message, command: cython.pointer(OrderCommand)):
    """ExecInst(18): characters with a space between them."""
    field: cython.pointer(cython.const[Field]) = message.find(18)
    data: cython.p_char = cython.cast(cython.p_char, message.raw) + field.start
    i: cython.int
    if field.size % 2 == 0:
        return Refusal(FORMAT_INCORRECT, None, 18, "characters, a space between two")
    for i in range(field.size):
        if i % 2:
            if data[i] != 0x20:
                return Refusal(
                    FORMAT_INCORRECT, None, 18, "characters, a space between two"
                )
        elif data[i] == 0x36:
            command.exec_inst |= EXEC_POST_ONLY
        elif data[i] == 0x47:
            command.exec_inst |= EXEC_ALL_OR_NONE
        elif data[i] == 0x52:
            command.exec_inst |= EXEC_PEG_PRIMARY
        elif data[i] == 0x4D:
            command.exec_inst |= EXEC_PEG_MIDPOINT
        elif data[i] == 0x61:
            command.exec_inst |= EXEC_TRAILING
        else:
            return incorrect(18, "only 6, G, M, R and a can be honoured")
    return None


@cython.cfunc
def stop_price(message: Message, command: cython.pointer(OrderCommand)):
    """StopPx(99): of stops, where only a trailing one or a replace may be without."""
    is_stop: cython.bint = (
        command.ord_type == ORD_TYPE_STOP or command.ord_type == ORD_TYPE_STOP_LIMIT
    )
    if message.find(99) != cython.NULL:
        if not is_stop:
            return incorrect(99, "only OrdType(40) 3 and 4 have a stop price")
        return decimal(message, 99, cython.address(command.stop_price))
    if (
        is_stop
        and command.kind == COMMAND_NEW_ORDER
        and not command.exec_inst & EXEC_TRAILING
    ):
        return required(99, "a stop order needs StopPx(99)")
    return None


@cython.cfunc
def displayed(message: Message, command: cython.pointer(OrderCommand), tag: cython.int):
    """MaxFloor(111) and DisplayQty(1138), which replaced it: 0 hides all."""
    value: int64_t = 0
    refusal: object = decimal(message, tag, cython.address(value))
    if refusal is not None:
        return refusal
    if tag == 1138 and message.find(111) != cython.NULL:
        if value != command.display_qty:
            return incorrect(1138, "MaxFloor(111) says otherwise")
        return None
    command.display_qty = value
    if value == 0:
        command.exec_inst |= EXEC_HIDDEN
    return None


@cython.cfunc
def peg_offset(message: Message, command: cython.pointer(OrderCommand)):
    """PegOffsetValue(211), and of a trailing stop its distance."""
    if command.ord_type != ORD_TYPE_PEGGED and not command.exec_inst & EXEC_TRAILING:
        return incorrect(211, "only pegged orders and trailing stops have an offset")
    return decimal(message, 211, cython.address(command.peg_offset))


@cython.cfunc
def expiry(message: Message, command: cython.pointer(OrderCommand)):
    """ExpireTime(126), or ExpireDate(432): the end of that day, UTC."""
    has_time: cython.bint = message.find(126) != cython.NULL
    has_date: cython.bint = message.find(432) != cython.NULL
    if not has_time and not has_date:
        if command.time_in_force == TIF_GTD and command.kind == COMMAND_NEW_ORDER:
            return required(126, "TimeInForce(59)=6 needs ExpireTime(126)")
        return None
    tag: cython.int = 126 if has_time else 432
    if command.time_in_force != TIF_GTD:
        return incorrect(tag, "it goes with TimeInForce(59)=6 only")
    if has_time and has_date:
        return incorrect(432, "ExpireTime(126) says it already")
    value: bytes = message.get(tag)
    try:
        if has_time:
            command.expire_time = parse_utc_timestamp(value)
        elif len(value) == 8:
            command.expire_time = parse_utc_timestamp(value + b"-00:00:00") + DAY_NS - 1
        else:
            return Refusal(FORMAT_INCORRECT, None, 432, "this is no date")
    except (ValueError, OverflowError):
        return Refusal(FORMAT_INCORRECT, None, tag, "this is no time from 1970 to 2262")
    return None


@cython.cfunc
def self_match(message: Message, command: cython.pointer(OrderCommand)):
    """SelfMatchPreventionInstruction(2964): 0 is none, whatever the session's own."""
    code: cython.uchar = 0
    refusal: object = char(message, 2964, cython.address(code))
    if refusal is not None:
        return refusal
    if code < 0x30 or code > 0x34:
        return incorrect(2964, "only 0 to 4 are possible here")
    command.stp = 0 if code == 0x30 else code
    return None


@cython.cfunc
def whole(message: Message):
    """FIX 4.0 can cancel a part of an order by CxlType(125)=P; only F is possible
    here."""
    field: cython.pointer(cython.const[Field]) = message.find(125)
    if field == cython.NULL:
        return None
    if field.size == 1 and cython.cast(cython.p_char, message.raw)[field.start] == 0x46:
        return None
    return incorrect(125, "only F, the whole order, is possible")
