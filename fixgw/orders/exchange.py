"""The exchange as an application of the session layer: orders in, commands out.

Reports do not pass here: they are rendered from the shards' events (see
:mod:`fixgw.orders.reports`) and sent by the gateway.
"""

from __future__ import annotations

from typing import Protocol

from fixgw.dictionary import SessionRejectReason
from fixgw.orders.routing import ShardMap
from fixgw.orders.translate import Refusal, order_command
from fixgw.session.session import Session
from fixgw.wire import Message

ORDER_MESSAGES = frozenset({"D", "F", "G"})

UNSUPPORTED_MESSAGE_TYPE = 3
APPLICATION_NOT_AVAILABLE = 4
"""BusinessRejectReason(380)."""


class CommandSink(Protocol):
    """Where commands go: the gateway."""

    number: int

    def is_up(self, shard: int) -> bool:
        """Whether ``shard`` can be given commands."""

    def command(self, shard: int, session: Session, seq: int, command: bytes) -> None:
        """Take one packed command for ``shard``."""

    def speak(self, session: Session) -> None:
        """Learn in which version the session wants its reports."""


class Exchange:
    """Turns NewOrderSingle(D), Cancel(F) and CancelReplace(G) into commands."""

    def __init__(self, shards: ShardMap, sink: CommandSink) -> None:
        self._shards = shards
        self._sink = sink

    def on_logon(self, session: Session) -> None:
        """With FIXT.1.1 a Logon says which version its client speaks."""
        self._sink.speak(session)

    def on_logout(self, session: Session) -> None:
        """Orders stay in the book when their session leaves."""

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """One application message: a command, or the answer why not.

        An order for a shard that is down is refused, but not one that is marked as a
        possible duplicate: the shard may have it already. It waits for the shard, which
        knows.
        """
        if message.msg_type not in ORDER_MESSAGES:
            session.business_reject(
                message, UNSUPPORTED_MESSAGE_TYPE, "Unsupported Message Type", now_ns
            )
            return
        seq = int(message.get(34) or b"0")
        command = order_command(
            message,
            session.key,
            session.numbers.epoch,
            seq,
            self._sink.number,
            now_ns,
        )
        if isinstance(command, Refusal):
            self._refuse(session, message, command, now_ns)
            return
        shard = self._shards.shard_of(message.get(55) or b"")
        repeated = message.get(43) == b"Y"
        if not repeated and not self._sink.is_up(shard):
            session.business_reject(
                message,
                APPLICATION_NOT_AVAILABLE,
                f"shard {shard} is not available, try again later",
                now_ns,
            )
            return
        self._sink.command(shard, session, seq, command)

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
