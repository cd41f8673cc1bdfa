"""OrderMassCancelRequest(q) and OrderMassStatusRequest(AF): what they ask for.

Their scope is the orders of the session they come from, narrowed by Symbol(55),
Side(54) and Account(1). One request may concern several shards: each gets the same
command.
"""

from __future__ import annotations

from typing import NamedTuple

from engine.codes import CommandFlag, CommandKind, Reason, Side
from engine.records import ACCOUNT_BYTES, CL_ORD_ID_BYTES, SYMBOL_BYTES, MassCommand
from fixgw.orders.dialect import dialect_of
from fixgw.orders.reading import Refusal, incorrect, required
from fixgw.wire import Message, utc_timestamp

MASS_MESSAGES = frozenset({"q", "AF"})

OF_A_SECURITY = b"1"
ALL = b"7"
"""MassCancelRequestType(530) and MassStatusReqType(585)."""

MASS_CANCEL_NOT_SUPPORTED = 0
"""MassCancelRejectReason(532)."""


class MassRefusal(NamedTuple):
    """Why nothing is cancelled, for an OrderMassCancelReport(r) with
    MassCancelResponse(531)=0. ``reason`` is its MassCancelRejectReason(532), None for
    the one that stands for all others."""

    reason: int | None
    text: str


class _Unreadable(Exception):
    """A field cannot be put into a command."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal


def mass_command(
    message: Message,
    session: int,
    epoch: int,
    msg_seq_num: int,
    source: int,
    receive_time: int,
) -> MassCommand | Refusal | MassRefusal:
    """The command, still for one shard, or why there is none.

    The arguments are those of :func:`fixgw.orders.translate.order_command`.
    """
    try:
        return _command(message, session, epoch, msg_seq_num, source, receive_time)
    except _Unreadable as error:
        return error.refusal


def _command(
    message: Message,
    session: int,
    epoch: int,
    msg_seq_num: int,
    source: int,
    receive_time: int,
) -> MassCommand | Refusal | MassRefusal:
    is_cancel = message.msg_type == "q"
    scope_tag = 530 if is_cancel else 585
    scope = message.get(scope_tag) or b""
    request_id = _text(message, 11 if is_cancel else 584, CL_ORD_ID_BYTES)
    symbol = _text(message, 55, SYMBOL_BYTES)
    account = _text(message, 1, ACCOUNT_BYTES)
    side = _side(message)
    if scope not in (OF_A_SECURITY, ALL):
        text = "only 1 (of a security) and 7 (all) are possible"
        if is_cancel:
            return MassRefusal(MASS_CANCEL_NOT_SUPPORTED, text)
        return incorrect(585, text)
    if scope == OF_A_SECURITY and not symbol:
        return required(55, f"Symbol(55) goes with {scope_tag}=1")
    if scope == ALL and symbol:
        return incorrect(55, f"Symbol(55) goes with {scope_tag}=1 only")
    flags = CommandFlag(0)
    if message.get(43) == b"Y":
        flags |= CommandFlag.POSS_DUP
    if message.get(97) == b"Y":
        flags |= CommandFlag.POSS_RESEND
    return MassCommand(
        kind=CommandKind.MASS_CANCEL if is_cancel else CommandKind.MASS_STATUS,
        side=side,
        flags=flags,
        source=source,
        session_epoch=epoch,
        reason=Reason.MASS_CANCEL if is_cancel else Reason.NONE,
        session=session,
        msg_seq_num=msg_seq_num,
        receive_time=receive_time,
        request_id=request_id,
        account=account,
        symbol=symbol,
    )


def _text(message: Message, tag: int, most: int) -> str:
    value = message.get(tag) or b""
    if len(value) > most:
        text = f"at most {most} characters are possible here"
        raise _Unreadable(incorrect(tag, text))
    if not all(0x20 <= byte <= 0x7E for byte in value):
        raise _Unreadable(incorrect(tag, "only printable ASCII is possible here"))
    return value.decode("ascii")


def _side(message: Message) -> int:
    value = message.get(54)
    if value is None:
        return 0
    if value not in (b"1", b"2"):
        raise _Unreadable(incorrect(54, "only 1 (buy) and 2 (sell) are possible here"))
    return int(Side(value[0]))


def refused_report(
    request: MassCommand, refusal: MassRefusal, form: int, now_ns: int, scope: str = ""
) -> bytes:
    """Body of an OrderMassCancelReport(r) that refuses, in the form of its session.

    ``scope`` is MassCancelRequestType(530), where the request does not say it itself.
    """
    dialect = dialect_of(form)
    digits = form >> 32 & 0xFF
    reason = refusal.reason
    fields = [
        (1, request.account),
        (11, request.request_id),
        (37, "NONE"),
        (54, chr(request.side) if request.side else ""),
        (55, request.symbol),
        (58, refusal.text),
        (60, utc_timestamp(now_ns, digits).decode("ascii")),
        (530, scope or ("1" if request.symbol else "7")),
        (531, "0"),
        (532, str(dialect.mass_reject_other if reason is None else reason)),
        (1369, "NONE" if dialect.mass_action_id else ""),
    ]
    return b"".join(
        f"{tag}={value}\x01".encode("ascii") for tag, value in fields if value
    )
