"""The exchange as an application of the session layer: orders in, commands out.

Reports do not pass here: they are rendered from the shards' events (see
:mod:`fixgw.orders.reports`) and sent by the gateway.

Whatever else the exchange serves its sessions with is a :class:`Desk`: it is given the
message types it names, Logons and Logouts. A desk answers with ``session.send``,
``reject`` and ``business_reject``. To speak of its own accord, or to other sessions, it
uses the gateway: ``gateway.send(key, msg_type, body, now_ns)``; ``gateway.observers``
are given every batch of events of a shard, once, and what they send is stored in the
same turn as that the events were taken; ``gateway.timers`` are called with the time,
ten times a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from engine.codes import CommandKind
from engine.records import MassCommand
from fixgw.dictionary import SessionRejectReason
from fixgw.orders.massanswers import Key, MassAnswers
from fixgw.orders.massrequests import (
    MASS_MESSAGES,
    MassRefusal,
    mass_command,
    refused_report,
)
from fixgw.orders.routing import ShardMap
from fixgw.orders.translate import Refusal, order_command
from fixgw.session.session import Session
from fixgw.wire import Message

ORDER_MESSAGES = frozenset({"D", "F", "G", "H"})
TRADING = ORDER_MESSAGES | MASS_MESSAGES

UNSUPPORTED_MESSAGE_TYPE = 3
APPLICATION_NOT_AVAILABLE = 4
NOT_AUTHORIZED = 6
"""BusinessRejectReason(380)."""


class CommandSink(Protocol):
    """Where commands go: the gateway."""

    number: int
    mass_answers: MassAnswers

    def form(self, session: Session) -> int:
        """The form of reports to this session, see fixgw.orders.dialect."""

    def is_up(self, shard: int) -> bool:
        """Whether ``shard`` can be given commands."""

    def command(self, shard: int, session: Session, seq: int, command: bytes) -> None:
        """Take one packed command for ``shard``."""

    def speak(self, session: Session) -> None:
        """Learn in which version the session wants its reports."""


class Desk(Protocol):
    """What serves messages that are no orders: market data, lists, drop copies."""

    @property
    def message_types(self) -> frozenset[str]:
        """The MsgType(35) values that are for this desk and no other."""

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """One message of these types, which the session's dictionary allows.

        PossDupFlag(43) and PossResend(97) are the desk's to judge. An error is answered
        with BusinessMessageReject(j) 380=4.
        """

    def on_logon(self, session: Session) -> None:
        """The session is established: its orders' desk knows already."""

    def on_logout(self, session: Session) -> None:
        """The session is no longer established; what is sent to it now waits."""


SELF_MATCH = (0, *b"1234")
"""SelfTrade of the engine by the value of SelfMatchPreventionInst."""


class Exchange:
    """Turns order messages into commands: single ones, D, F, G and H, into one of one
    shard, mass cancels (q) and mass status requests (AF) into one for each shard that
    they concern. Other messages go to their desk.

    Raises ValueError if two desks want the same messages, or one wants orders.
    """

    def __init__(
        self, shards: ShardMap, sink: CommandSink, desks: Sequence[Desk] = ()
    ) -> None:
        self._shards = shards
        self._sink = sink
        self._desks = desks
        self._desk_of: dict[str, Desk] = {}
        for desk in desks:
            if taken := desk.message_types & (TRADING | self._desk_of.keys()):
                raise ValueError(f"{sorted(taken)} have a desk already")
            self._desk_of |= dict.fromkeys(desk.message_types, desk)

    def on_logon(self, session: Session) -> None:
        """With FIXT.1.1 a Logon says which version its client speaks."""
        self._sink.speak(session)
        for desk in self._desks:
            desk.on_logon(session)

    def on_logout(self, session: Session) -> None:
        """Orders stay in the book when their session leaves, unless a desk sees to
        them."""
        for desk in self._desks:
            desk.on_logout(session)

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """One application message: a command, or the answer why not.

        An order for a shard that is down is refused, but not one that is marked as a
        possible duplicate: the shard may have it already. It waits for the shard, which
        knows.
        """
        if message.msg_type in TRADING and session.settings.drop_copy_of:
            text = "This session sees copies only"
            session.business_reject(message, NOT_AUTHORIZED, text, now_ns)
        elif message.msg_type in ORDER_MESSAGES:
            self._order(session, message, now_ns)
        elif message.msg_type in MASS_MESSAGES:
            self._mass(session, message, now_ns)
        elif (desk := self._desk_of.get(message.msg_type)) is not None:
            desk.on_message(session, message, now_ns)
        else:
            session.business_reject(
                message, UNSUPPORTED_MESSAGE_TYPE, "Unsupported Message Type", now_ns
            )

    def _order(self, session: Session, message: Message, now_ns: int) -> None:
        seq = int(message.get(34) or b"0")
        command = order_command(
            message,
            session.key,
            session.numbers.epoch,
            seq,
            self._sink.number,
            now_ns,
            SELF_MATCH[session.settings.self_match_prevention_inst],
        )
        if isinstance(command, Refusal):
            self._refuse(session, message, command, now_ns)
            return
        shard = self._shards.shard_of(message.get(55) or b"")
        if down := self._down((shard,), message):
            session.business_reject(message, APPLICATION_NOT_AVAILABLE, down, now_ns)
            return
        self._sink.command(shard, session, seq, command)

    def _mass(self, session: Session, message: Message, now_ns: int) -> None:
        seq = int(message.get(34) or b"0")
        request = mass_command(
            message,
            session.key,
            session.numbers.epoch,
            seq,
            self._sink.number,
            now_ns,
        )
        if isinstance(request, Refusal):
            self._refuse(session, message, request, now_ns)
            return
        if isinstance(request, MassRefusal):
            self._refuse_mass(session, message, request, now_ns)
            return
        shards: Sequence[int] = range(self._shards.count)
        if request.symbol:
            shards = (self._shards.shard_of(request.symbol.encode("ascii")),)
        why_not = self._down(shards, message)
        if not why_not and len(shards) > 1:
            is_status = request.kind == CommandKind.MASS_STATUS
            key = Key(session.key, is_status, request.request_id)
            why_not = self._sink.mass_answers.open(key, len(shards))
        if why_not:
            self._refuse_mass(session, message, MassRefusal(None, why_not), now_ns)
            return
        command = replace(request, fan_out=len(shards)).pack()
        for shard in shards:
            self._sink.command(shard, session, seq, command)

    def _down(self, shards: Iterable[int], message: Message) -> str:
        """Which of the shards is down, in words; empty if none is, or if the message
        may be there already."""
        if message.get(43) == b"Y":
            return ""
        for shard in shards:
            if not self._sink.is_up(shard):
                return f"shard {shard} is not available, try again later"
        return ""

    def _refuse_mass(
        self, session: Session, message: Message, refusal: MassRefusal, now_ns: int
    ) -> None:
        """A mass cancel is refused by its own report, whole: nothing was cancelled."""
        if message.msg_type != "q":
            session.business_reject(
                message, APPLICATION_NOT_AVAILABLE, refusal.text, now_ns
            )
            return
        request = MassCommand(
            CommandKind.MASS_CANCEL,
            side=(message.get(54) or b"\0")[0],
            request_id=_ascii(message.get(11)),
            account=_ascii(message.get(1)),
            symbol=_ascii(message.get(55)),
        )
        form = self._sink.form(session)
        scope = _ascii(message.get(530))
        session.send("r", refused_report(request, refusal, form, now_ns, scope), now_ns)

    @staticmethod
    def _refuse(
        session: Session, message: Message, refusal: Refusal, now_ns: int
    ) -> None:
        if refusal.session_reject is not None:
            reason = SessionRejectReason(refusal.session_reject)
            session.reject(
                message,
                reason,
                refusal.tag,
                f"{reason.text}: {refusal.text}",
                now_ns,
            )
        else:
            session.business_reject(
                message, refusal.business_reject or 0, refusal.text, now_ns
            )


def _ascii(value: bytes | None) -> str:
    return (value or b"").decode("ascii")
