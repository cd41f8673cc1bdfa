"""One FIX session, sans-I/O: messages and time in, effects out.

A Session lives as long as its configuration, over many connections. The shell around it
passes in messages as framed, calls :meth:`Session.tick` a few times per second, and
carries out the effects of :meth:`Session.take_effects` in order. It never blocks, never
reads a clock, and is not thread-safe.

Here is what the shell and the application see of it, and its timers. The rest is told
where it is done: Logons in ``logon``, the order of messages in ``inbound``, their
effect in ``processing``, states and ends in ``lifecycle``, what is sent in
``outbound``; the rules that depend on more than one message are tables, in ``tables``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fixgw.dictionary import Rulebook
from fixgw.session.checks import Objection
from fixgw.session.condition import Condition
from fixgw.session.effects import Effect
from fixgw.session.hours import Hours, Turn
from fixgw.session.inbound import Inbound
from fixgw.session.judging import Judge
from fixgw.session.liveness import Due
from fixgw.session.logon import Logons
from fixgw.session.numbers import Numbers
from fixgw.session.parts import Application, Parts
from fixgw.session.processing import Processing
from fixgw.session.reasons import DisconnectReason
from fixgw.session.replay import StoredMessage
from fixgw.session.resending import Resending
from fixgw.session.settings import SessionSettings
from fixgw.session.tables import State
from fixgw.wire import Garbled, Message

__all__ = ["Application", "Session"]


class Session:
    """See the module. ``rulebook`` None means no validation of content.

    ``refresh`` is what RefreshOnLogon=Y calls before a Logon is accepted: it brings the
    numbers up to what the store holds by now.
    """

    def __init__(
        self,
        settings: SessionSettings,
        rulebook: Rulebook | None,
        application: Application,
        numbers: Numbers,
        refresh: Callable[[Numbers], None] | None = None,
    ) -> None:
        self.settings = settings
        self.session_id = settings.session_id
        self.key = settings.session_id.key
        self.numbers = numbers
        self.data_lengths = rulebook.data_lengths if rulebook is not None else {}
        """Tag of a length field -> tag of its data field, for whoever frames."""
        self.resets_at_end = False
        """Numbers begin at 1 when this connection is gone, after an error of ours."""
        self.ended_cleanly = False
        """Whether a Logout was exchanged before the last end: for on_logout."""
        parts = Parts.of(settings, rulebook, numbers)
        self.numbering = parts.numbering
        self.resend_limits = parts.resend_limits
        self._application = application
        self._hours = Hours(settings.schedule, numbers)
        self._is_established = False
        self._gap = parts.gap
        self._liveness = parts.liveness
        self._out = parts.out
        self._life = parts.life
        self._judge = Judge(parts)
        self._resending = Resending(parts)
        self._logons = Logons(parts, self._judge, self._resending, refresh)
        self._inbound = Inbound(
            parts,
            self._judge,
            self._logons,
            self._resending,
            Processing(parts, self._judge, self._resending, application, self),
        )

    # -- what it is --------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where it is between one connection and the next."""
        return self._life.state

    @property
    def is_logged_on(self) -> bool:
        """Whether application messages may flow."""
        return self._life.state is State.ACTIVE

    @property
    def is_connected(self) -> bool:
        """Whether a connection belongs to this session."""
        return self._life.state is not State.DISCONNECTED

    @property
    def is_open(self) -> bool:
        """Whether an application message would be written at once: it is logged on and
        no replay holds back what is new."""
        return self._out.is_open

    @property
    def heart_bt_int_s(self) -> int:
        """HeartBtInt(108) of the last Logon we sent."""
        return self._liveness.interval_s

    @property
    def appl_ver_id(self) -> str:
        """The application messages' version, as a value of ApplVerID(1128): on FIXT by
        the client's DefaultApplVerID(1137), before its first Logon by the settings."""
        return self._out.appl_ver_id

    @property
    def condition(self) -> Condition:
        """What waits in it, and for what."""
        return Condition(self._out.queued, self._out.is_replaying, self._gap.is_open)

    @property
    def messages_resent(self) -> int:
        """How many messages were sent again so far."""
        return self._out.messages_resent

    # -- for the shell -----------------------------------------------------------------

    def take_effects(self) -> Sequence[Effect]:
        """The effects since the last call, to be carried out in order."""
        effects, self._out.effects = self._out.effects, []
        return effects

    def judge_logon(self, message: Message, now_ns: int) -> Objection | None:
        """What is wrong with a Logon, as far as can be told without changing anything:
        everything but its numbers, and who sent it."""
        return self._judge.logon(message, now_ns)

    def logon(
        self, message: Message, now_ns: int, objection: Objection | None = None
    ) -> None:
        """The first message of a connection, a Logon with this session's CompIDs.

        It is refused because of ``objection``, if there is one, or of what is found
        here. Afterwards the session is connected: established, or about to be closed.
        """
        if self._logons.log_on(message, now_ns, objection):
            self._is_established = True
            self._hours.start()
            self._application.on_logon(self)

    def receive(self, message: Message, now_ns: int) -> None:
        """A message on an established connection."""
        self._inbound.receive(message, now_ns)

    def garbled(self, garbled: Garbled, now_ns: int) -> None:
        """Bytes on an established connection that are no message."""
        self._inbound.garbled(garbled, now_ns)

    def connection_lost(self, now_ns: int) -> DisconnectReason:
        """The connection is closed, by whomever. Always the last call for it.

        What it ended by, if not by us: a Logout, or nothing.
        """
        clean = self._life.lose()
        self._gap.clear()
        self.resend_limits.clear()
        self._out.forget_replays()
        if self._is_established:
            self._is_established = False
            self._end(clean)
        if clean:
            return DisconnectReason.LOGOUT_COMPLETE
        return DisconnectReason.PEER_CLOSED

    def _end(self, clean: bool) -> None:
        """What was a session ends. A refused Logon was none: whoever sent it must not
        be able to reset anything."""
        settings = self.settings
        if (
            settings.reset_on_disconnect
            or (settings.reset_on_logout and clean)
            or self.resets_at_end
        ):
            self.numbering.begin_at_1()
        self.resets_at_end = False
        self.ended_cleanly = clean
        self._application.on_logout(self)

    # -- for the application -----------------------------------------------------------

    def send(
        self,
        msg_type: str,
        body: bytes,
        now_ns: int,
        *,
        poss_resend: bool = False,
        orig_sending_time: bytes = b"",
        keep: bool = True,
    ) -> int:
        """Send an application message; its MsgSeqNum(34).

        Works at any time: without a connection the message is stored, and the client's
        ResendRequest after its next Logon brings it. With ``orig_sending_time`` it is a
        possible duplicate, with PossDupFlag(43) and OrigSendingTime(122), but only if
        AllowPosDup is set: to mark duplicates is the session's own task otherwise.

        Without ``keep`` it is worth nothing later: it is written at once or, while
        :attr:`is_open` is false, dropped without a number (0); a ResendRequest finds a
        GapFill in its place.
        """
        if self._life.state is State.DISCONNECTED:
            self._enter_window(now_ns)
        original = orig_sending_time if self.settings.allow_pos_dup else b""
        return self._out.send(
            msg_type,
            body,
            now_ns,
            admin=False,
            poss_resend=poss_resend,
            original=original,
            keep=keep,
        )

    def _enter_window(self, now_ns: int) -> None:
        """Nobody is connected, but a new window may have begun: what is sent now is to
        bear its numbers, or the next Logon would throw it away."""
        is_as_it_was = self._hours.turn(now_ns) is Turn.NOTHING
        if not is_as_it_was and self.settings.schedule.is_open(now_ns):
            self.numbering.enter_window(now_ns)

    def reject(
        self, message: Message, reason: int, tag: int | None, text: str, now_ns: int
    ) -> None:
        """Answer ``message`` with Reject(3)."""
        self._out.reject(message, reason, tag, text, now_ns)

    def business_reject(
        self, message: Message, reason: int, text: str, now_ns: int
    ) -> None:
        """Answer ``message`` with BusinessMessageReject(j); up to FIX 4.1 with the
        Reject(3) that stands for it."""
        self._out.business_reject(message, reason, text, now_ns)

    # -- replays -----------------------------------------------------------------------

    @property
    def replay_wanted(self) -> tuple[int, int] | None:
        """The stored numbers to read next, inclusive; None when nothing is wanted."""
        return self._out.replay_wanted

    def replay_rows(
        self, rows: Sequence[StoredMessage], through: int, now_ns: int
    ) -> None:
        """Stored messages of :attr:`replay_wanted`, in order, all there are up to
        ``through``."""
        self._out.replay_rows(rows, through, now_ns)
        self._life.replay_went_on(now_ns)

    # -- ends --------------------------------------------------------------------------

    def logout(
        self,
        text: str,
        now_ns: int,
        reason: DisconnectReason = DisconnectReason.LOGOUT_COMPLETE,
        *,
        at_once: bool = False,
    ) -> None:
        """Begin the logout; the connection closes when it is answered, or in time.

        ``reason`` is what the end of the connection will be counted as. A replay under
        way ends before the Logout is written, unless it is to be said ``at_once``.
        """
        if self._life.state is State.ACTIVE:
            self._life.begin_logout(text, now_ns, reason, at_once=at_once)

    def break_off(self, reason: DisconnectReason, text: str, now_ns: int) -> None:
        """Say Logout and close at once."""
        if self._life.state not in (State.DISCONNECTED, State.CLOSING):
            self._life.break_off(reason, text, now_ns)

    # -- timers ------------------------------------------------------------------------

    def tick(self, now_ns: int) -> None:
        """Timers. To be called several times per second while connected."""
        if self._life.is_ending:
            self._life.check_deadline(now_ns)
        elif self._life.state is State.ACTIVE:
            self._tick(now_ns)

    def _tick(self, now_ns: int) -> None:
        turn = self._hours.turn(now_ns)
        if turn is Turn.END:
            text = "The session's time window has ended"
            self.logout(text, now_ns, DisconnectReason.SCHEDULE_END)
            return
        if turn is Turn.RESET:
            self._logons.reset_by_us(now_ns)
            return
        self._logons.check_deadline(now_ns)
        wanted = self._gap.overdue(self.numbers.next_in, now_ns)
        self._resending.ask(wanted, now_ns)
        if self._gap.is_hopeless:
            reason = DisconnectReason.RESEND_UNANSWERED
            text = f"No answer to ResendRequest from {self.numbers.next_in}"
            self._life.break_off(reason, text, now_ns)
        elif self._life.state is State.ACTIVE:
            self._keep_alive(now_ns)

    def _keep_alive(self, now_ns: int) -> None:
        due = self._liveness.due(now_ns)
        if due is Due.HEARTBEAT:
            self._out.heartbeat(None, now_ns)
        elif due is Due.TEST_REQUEST:
            self._out.test_request(self._liveness.test_req_id, now_ns)
        elif due is Due.GIVE_UP:
            self._give_up(now_ns)
        if self._liveness.is_unanswered(now_ns):
            asked = self._liveness.test_req_id.decode("ascii")
            self._out.note(f"no Heartbeat answers TestReqID(112)={asked}", b"")

    def _give_up(self, now_ns: int) -> None:
        reason, text = DisconnectReason.HEARTBEAT_TIMEOUT, ""
        if not self.settings.send_logout_before_disconnect_from_timeout:
            self._out.forget_replays()
            self._life.close(reason, text)
            return
        if not self.settings.profile.plain_reject_texts:
            text = "Timed out waiting for a Heartbeat"
        self._life.break_off(reason, text, now_ns)
