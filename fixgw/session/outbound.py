"""The outgoing half of a session: numbers, composes and hands over every message."""

from __future__ import annotations

from collections.abc import Sequence

from fixgw.dictionary import APPL_VER_IDS
from fixgw.session.checks import number
from fixgw.session.effects import Answered, Effect, Note, Replay, Send, Write
from fixgw.session.liveness import Liveness
from fixgw.session.numbers import Numbers
from fixgw.session.outgoing import Composer, Route, reverse_route
from fixgw.session.rejects import Rejects
from fixgw.session.replay import Resender, StoredMessage
from fixgw.session.settings import SessionSettings
from fixgw.session.status import SessionStatus
from fixgw.session.versions import FIX50SP2, Version
from fixgw.wire import Message


class Outbound:
    """Each message takes the next MsgSeqNum(34) and becomes a Send effect.

    ``connected`` and ``is_logged_on`` are set by the session; without a connection, and
    while a replay runs, messages stay in the store. ``queued`` counts those.
    ``appl_ver_id`` is the version of application messages, as DefaultApplVerID(1137)
    has it: on FIXT the settings', and after a Logon the client's. ``counted`` is the
    MsgSeqNum(34) of the client's message at work if it was counted, else 0.
    """

    def __init__(
        self,
        settings: SessionSettings,
        version: Version,
        numbers: Numbers,
        liveness: Liveness,
    ) -> None:
        self.effects: list[Effect] = []
        self.connected = False
        self.is_logged_on = False
        self.queued = 0
        self.counted = 0
        own = settings.default_appl_ver_id or version.begin_string
        self.appl_ver_id = APPL_VER_IDS.get(own, "")
        self._settings = settings
        self._version = version
        self._numbers = numbers
        self._liveness = liveness
        self._composer = Composer(
            settings.session_id, version, settings.timestamp_precision
        )
        self._rejects = Rejects(version, settings.profile)
        self._resender = Resender(settings, self._gap_fill)
        self._logout_seq = 0

    # -- messages ----------------------------------------------------------------------

    def send(
        self,
        msg_type: str,
        body: bytes,
        now_ns: int,
        *,
        admin: bool,
        route: Route = (),
        poss_resend: bool = False,
        original: bytes = b"",
        keep: bool = True,
    ) -> int:
        """One message; its number. ``admin``: replays show a GapFill in its place.

        ``original``: OrigSendingTime(122) of a possible duplicate. Without ``keep`` the
        message is written now or, if that cannot be, not at all: then 0.
        """
        if not keep and not self.is_open:
            return 0
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
            original=original,
        )
        if self.connected and self._resender.holds:
            self._resender.hold(seq)
        # After a Logout no application message may follow: it waits in the store.
        held = not self.connected or self._resender.holds
        held = held or not (admin or self.is_logged_on)
        if held:
            self.queued += 1
        self.effects.append(Send(seq, data, admin, held, keep))
        self._liveness.sent(now_ns)
        return seq

    @property
    def is_open(self) -> bool:
        """Whether an application message would be written at once."""
        return self.connected and self.is_logged_on and not self._resender.holds

    def logon(self, heart_bt_int_s: int, reset: bool, now_ns: int) -> int:
        """Logon(A), with ResetSeqNumFlag(141) if ``reset``; its number.

        What is stored is the client's to ask for from now on.
        """
        self.queued = 0
        self._logout_seq = 0
        body = b"98=0\x01108=%d\x01" % heart_bt_int_s
        if reset:
            body += b"141=Y\x01"
        if self.tells_next_expected:
            body += b"789=%d\x01" % self._numbers.next_in
        if self._version.is_fixt:
            body += b"1137=%b\x01" % self.appl_ver_id.encode("ascii")
        body += self._status(SessionStatus.ACTIVE)
        return self.send("A", body, now_ns, admin=True)

    @property
    def tells_next_expected(self) -> bool:
        """Whether our Logon carries NextExpectedMsgSeqNum(789)."""
        wanted = self._settings.enable_next_expected_msg_seq_num
        return wanted and self._version.has_next_expected

    @property
    def _last_processed(self) -> int:
        """LastMsgSeqNumProcessed(369), -1 where it is not wanted."""
        wanted = self._settings.enable_last_msg_seq_num_processed
        if wanted and self._version.has_last_processed:
            return self._numbers.next_in - 1
        return -1

    def _status(self, status: SessionStatus | None) -> bytes:
        """SessionStatus(1409), empty where there is none to tell."""
        if (
            status is None
            or not self._version.is_fixt
            or self._settings.profile.leave_out_session_status
            or (status.is_of_sp2 and self.appl_ver_id != FIX50SP2)
        ):
            return b""
        return b"1409=%d\x01" % status

    def logout(
        self, text: str, now_ns: int, status: SessionStatus | None = None
    ) -> None:
        """Logout(5). Behind it no application message is written any more."""
        body = b"58=%b\x01" % text.encode("latin-1", "replace") if text else b""
        self._logout_seq = self.send(
            "5", body + self._status(status), now_ns, admin=True
        )

    @property
    def is_logout_held(self) -> bool:
        """Whether our Logout still waits for a replay to end."""
        return self.last_written < self._logout_seq

    def heartbeat(self, test_req_id: bytes | None, now_ns: int) -> None:
        """Heartbeat(0), with TestReqID(112) if it answers a TestRequest."""
        body = b"" if test_req_id is None else b"112=%b\x01" % test_req_id
        self.send("0", body, now_ns, admin=True)

    def test_request(self, test_req_id: bytes, now_ns: int) -> None:
        """TestRequest(1)."""
        self.send("1", b"112=%b\x01" % test_req_id, now_ns, admin=True)

    def resend_request(self, begin: int, end: int, now_ns: int) -> None:
        """ResendRequest(2)."""
        self.send("2", b"7=%d\x0116=%d\x01" % (begin, end), now_ns, admin=True)

    def reject(
        self,
        message: Message,
        reason: int | None,
        tag: int | None,
        text: str,
        now_ns: int,
    ) -> None:
        """Reject(3) of ``message``; ``reason`` None: the text alone says why."""
        body = self._rejects.reject(message, reason, tag, text)
        self._refuse("3", body, message, now_ns)

    def business_reject(
        self, message: Message, reason: int, text: str, now_ns: int
    ) -> None:
        """BusinessMessageReject(j) of ``message``, or what stands for it."""
        msg_type, body = self._rejects.business_reject(
            message, reason, text, self.appl_ver_id
        )
        self._refuse(msg_type, body, message, now_ns)

    def _refuse(
        self, msg_type: str, body: bytes, message: Message, now_ns: int
    ) -> None:
        business = msg_type == "j"
        route = reverse_route(message, self._version)
        self.send(msg_type, body, now_ns, admin=not business, route=route)
        seq = number(message.get(34))
        # Another number may still be that of another message, or of none.
        seq = self.counted if seq == self.counted else 0
        self.effects.append(Answered(seq, message.msg_type, business=business))

    def reject_garbled(self, seq: int, msg_type: str, text: str, now_ns: int) -> None:
        """Reject(3) of what is no message, as far as it could be read."""
        body = self._rejects.garbled(b"%d" % seq, msg_type, text)
        self.send("3", body, now_ns, admin=True)
        self.effects.append(Answered(seq, msg_type, business=False))

    def note(self, text: str, data: bytes) -> None:
        """Something for the log: ``data`` is the message that it is about."""
        self.effects.append(Note(text, data))

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
        self._logout_seq = 0
        self.queued = 0

    @property
    def under_way(self) -> Sequence[tuple[int, int]]:
        """The range of numbers being served and those that wait, each inclusive."""
        return self._resender.under_way

    @property
    def messages_resent(self) -> int:
        """How many messages were sent again so far."""
        return self._resender.resent

    def replay(self, begin: int, end: int, messages_end: int) -> None:
        """Serve stored messages ``begin`` to ``end``, now or after the current ones;
        those above ``messages_end`` are filled over."""
        if self._resender.request(begin, end, messages_end):
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
            rows = [row for row in rows if self._may_follow(row)]
            self.queued -= len(rows)
        written = self._resender.rows(
            rows,
            through,
            self._numbers.next_out - 1,
            self._composer.sending_time(now_ns),
            now_ns,
        )
        if written:
            self.effects += [Write(data) for data in written]
            self._liveness.sent(now_ns)

    def _may_follow(self, row: StoredMessage) -> bool:
        """Whether a message that was held may be written: none of the application's
        behind our Logout."""
        return row.admin or not self._logout_seq or row.seq < self._logout_seq
