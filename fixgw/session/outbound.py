"""The outgoing half of a session: numbers, composes and hands over every message."""

from __future__ import annotations

from collections.abc import Sequence

from fixgw.session.checks import number
from fixgw.session.effects import Answered, Effect, Replay, Send, Write
from fixgw.session.liveness import Liveness
from fixgw.session.numbers import Numbers
from fixgw.session.outgoing import (
    Composer,
    business_reject_body,
    reject_body,
    reverse_route,
)
from fixgw.session.replay import Resender, StoredMessage
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message


class Outbound:
    """Each message takes the next MsgSeqNum(34) and becomes a Send effect.

    ``connected`` and ``is_logged_on`` are set by the session; without a connection, and
    while a replay runs, messages stay in the store. ``queued`` counts those.
    """

    def __init__(
        self, settings: SessionSettings, numbers: Numbers, liveness: Liveness
    ) -> None:
        self.effects: list[Effect] = []
        self.connected = False
        self.is_logged_on = False
        self.queued = 0
        self._settings = settings
        self._numbers = numbers
        self._liveness = liveness
        self._composer = Composer(settings.session_id, settings.timestamp_precision)
        self._resender = Resender(self._gap_fill)

    # -- messages ----------------------------------------------------------------------

    def send(
        self,
        msg_type: str,
        body: bytes,
        now_ns: int,
        *,
        admin: bool,
        route: bytes = b"",
        poss_resend: bool = False,
    ) -> int:
        """One message; its number. ``admin``: replays show a GapFill in its place."""
        numbers = self._numbers
        seq = numbers.next_out
        numbers.next_out += 1
        data = self._composer.message(
            msg_type,
            seq,
            body,
            now_ns,
            route=route,
            last_processed=self._last_processed,
            poss_resend=poss_resend,
        )
        if self.connected and self._resender.holds:
            self._resender.hold(seq)
        # After a Logout no application message may follow: it waits in the store.
        held = not self.connected or self._resender.holds
        held = held or not (admin or self.is_logged_on)
        if held:
            self.queued += 1
        self.effects.append(Send(seq, data, admin, held))
        self._liveness.sent(now_ns)
        return seq

    def logon(self, heart_bt_int_s: int, reset: bool, now_ns: int) -> None:
        """Logon(A), with ResetSeqNumFlag(141) if ``reset``.

        What is stored is the client's to ask for from now on.
        """
        self.queued = 0
        body = b"98=0\x01108=%d\x01" % heart_bt_int_s
        if reset:
            body += b"141=Y\x01"
        self.send("A", body, now_ns, admin=True)

    @property
    def _last_processed(self) -> int:
        """LastMsgSeqNumProcessed(369), -1 where it is not wanted."""
        if self._settings.enable_last_msg_seq_num_processed:
            return self._numbers.next_in - 1
        return -1

    def logout(self, text: str, now_ns: int) -> None:
        """Logout(5)."""
        body = b"58=%b\x01" % text.encode("latin-1", "replace") if text else b""
        self.send("5", body, now_ns, admin=True)

    def heartbeat(self, test_req_id: bytes | None, now_ns: int) -> None:
        """Heartbeat(0), with TestReqID(112) if it answers a TestRequest."""
        body = b"" if test_req_id is None else b"112=%b\x01" % test_req_id
        self.send("0", body, now_ns, admin=True)

    def test_request(self, count: int, now_ns: int) -> None:
        """TestRequest(1)."""
        self.send("1", b"112=TEST-%d\x01" % count, now_ns, admin=True)

    def resend_request(self, begin: int, end: int, now_ns: int) -> None:
        """ResendRequest(2); ``end`` 0 means everything."""
        self.send("2", b"7=%d\x0116=%d\x01" % (begin, end), now_ns, admin=True)

    def reject(
        self, message: Message, reason: int, tag: int | None, text: str, now_ns: int
    ) -> None:
        """Reject(3) of ``message``."""
        seq = number(message.get(34)) or 0
        self.send(
            "3",
            reject_body(seq, message.msg_type, reason, tag, text),
            now_ns,
            admin=not self._settings.resend_session_level_rejects,
            route=reverse_route(message),
        )
        self.effects.append(Answered(seq, message.msg_type, business=False))

    def business_reject(
        self, message: Message, reason: int, text: str, now_ns: int
    ) -> None:
        """BusinessMessageReject(j) of ``message``."""
        seq = number(message.get(34)) or 0
        business_id = message.get(11) or b""
        self.send(
            "j",
            business_reject_body(seq, message.msg_type, reason, text, business_id),
            now_ns,
            admin=False,
            route=reverse_route(message),
        )
        self.effects.append(Answered(seq, message.msg_type, business=True))

    # -- replays -----------------------------------------------------------------------

    @property
    def last_written(self) -> int:
        """The highest MsgSeqNum(34) the client can have seen: not those held back."""
        return self._resender.last_written(self._numbers.next_out - 1)

    def _gap_fill(self, begin: int, new_seq_no: int, now_ns: int) -> bytes:
        return self._composer.gap_fill(begin, new_seq_no, now_ns, self._last_processed)

    @property
    def is_replaying(self) -> bool:
        """Whether a ResendRequest(2) is being served."""
        return self._resender.is_replaying

    def forget_replays(self) -> None:
        """The connection is gone, or it will be."""
        self._resender.clear()

    def forget_stored(self) -> None:
        """The numbers begin at 1: nothing that is stored will ever be written."""
        self._resender.clear()
        self.queued = 0

    def replay(self, begin: int, end: int) -> None:
        """Serve stored messages ``begin`` to ``end``, now or after the current ones."""
        if self._resender.request(begin, end):
            self.effects.append(Replay())

    @property
    def replay_wanted(self) -> tuple[int, int] | None:
        """The stored numbers to read next, inclusive; None when nothing is wanted."""
        return self._resender.wanted(self._numbers.next_out - 1)

    def replay_rows(
        self, rows: Sequence[StoredMessage], through: int, now_ns: int
    ) -> None:
        """The stored messages that were wanted, all there are up to ``through``."""
        if not self._resender.is_replaying:
            self.queued -= len(rows)
        elif not self._settings.persist_messages:
            rows = ()
        written = self._resender.rows(
            rows,
            through,
            self._numbers.next_out - 1,
            self._composer.sending_time(now_ns),
            now_ns,
        )
        self.effects += [Write(data) for data in written]
        self._liveness.sent(now_ns)
