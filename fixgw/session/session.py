"""One FIX session, sans-I/O: messages and time in, effects out.

A Session lives as long as its configuration, over many connections. The shell around it
passes in messages as framed, calls :meth:`Session.tick` a few times per second, and
carries out the effects of :meth:`Session.take_effects` in order. It never blocks, never
reads a clock, and is not thread-safe.

What a message is judged by, in this order: BeginString, CompIDs, SendingTime, number,
content. The number decides by the table NUMBER_RULES; a message above a gap is kept
unjudged and judged once, at its turn, because judging it early would reject it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fixgw.dictionary import (
    Dictionary,
    MessageSupport,
    SessionRejectReason,
    Switches,
    Violation,
    validate,
)
from fixgw.session.checks import (
    NS_PER_S,
    Objection,
    check_identity,
    check_logon,
    check_possible_duplicate,
    check_sending_time,
    number,
)
from fixgw.session.condition import Condition
from fixgw.session.effects import Close, Effect, Fault
from fixgw.session.gap import Gap
from fixgw.session.liveness import Due, Liveness
from fixgw.session.numbering import Numbering
from fixgw.session.numbers import MSG_SEQ_NUM_MAX, Numbers
from fixgw.session.outbound import Outbound
from fixgw.session.reasons import DisconnectReason
from fixgw.session.replay import StoredMessage
from fixgw.session.settings import SessionSettings
from fixgw.session.tables import (
    KIND_OF,
    NUMBER_RULES,
    Happening,
    Kind,
    Number,
    State,
    Verdict,
    next_state,
)
from fixgw.wire import Message

PEER_CLOSE_PATIENCE_S = 10
"""After we answered a Logout the client should close; so long we wait (test case
13.b)."""


class Application(Protocol):
    """What the session layer serves. Called with messages in order, each once."""

    def on_logon(self, session: Session) -> None:
        """The session is established."""

    def on_logout(self, session: Session) -> None:
        """The session is no longer established."""

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """An application message; PossDupFlag(43) and PossResend(97) are its to judge.

        May call the session's ``send``, ``reject`` and ``business_reject``.
        """


class Session:
    """See the module. ``dictionary`` None means no validation of content."""

    def __init__(
        self,
        settings: SessionSettings,
        dictionary: Dictionary | None,
        application: Application,
        numbers: Numbers,
    ) -> None:
        self.settings = settings
        self.session_id = settings.session_id
        self.key = settings.session_id.key
        self.numbers = numbers
        self.state = State.DISCONNECTED
        self.heart_bt_int_s = 0
        self._dictionary = dictionary
        self._application = application
        self._switches = Switches(
            validate_fields_out_of_order=settings.validate_fields_out_of_order,
            validate_fields_have_values=settings.validate_fields_have_values,
            validate_user_defined_fields=settings.validate_user_defined_fields,
            allow_unknown_msg_fields=settings.allow_unknown_msg_fields,
            allow_unknown_enum_values=settings.allow_unknown_enum_values,
        )
        self._gap = Gap(
            settings.resend_request_chunk_size,
            settings.closed_resend_interval,
            settings.send_redundant_resend_requests,
        )
        self._liveness = Liveness(settings)
        self._out = Outbound(settings, numbers, self._liveness)
        self.numbering = Numbering(settings, numbers, self._gap, self._out)
        self._deadline_ns = 0
        self._end_reason = DisconnectReason.LOGOUT_COMPLETE
        self._logged_out = False

    # -- for the shell -----------------------------------------------------------------

    @property
    def is_logged_on(self) -> bool:
        """Whether application messages may flow."""
        return self.state is State.ACTIVE

    @property
    def is_connected(self) -> bool:
        """Whether a connection belongs to this session."""
        return self.state is not State.DISCONNECTED

    @property
    def condition(self) -> Condition:
        """What waits in it, and for what."""
        return Condition(self._out.queued, self._out.is_replaying, self._gap.is_open)

    def take_effects(self) -> Sequence[Effect]:
        """The effects since the last call, to be carried out in order."""
        effects, self._out.effects = self._out.effects, []
        return effects

    def logon(self, message: Message, now_ns: int) -> None:
        """The first message of a connection, a Logon with this session's CompIDs.

        Afterwards the session is connected: established, or about to be closed.
        """
        self._liveness.start(now_ns)
        objection = self._logon_objection(message, now_ns)
        if objection is not None:
            self._refuse_logon(message, objection, now_ns)
            return
        reset = message.get(141) == b"Y"
        self.numbering.enter_window(now_ns, reset=reset or self.settings.reset_on_logon)
        seq = number(message.get(34)) or 0
        if seq < self.numbers.next_in:
            self._refuse_logon(message, self._too_low(seq), now_ns)
            return
        self._move(Happening.LOGON_ACCEPTED)
        self.heart_bt_int_s = number(message.get(108)) or 0
        early = seq > self.numbers.next_in
        if not early:
            self.numbers.next_in += 1
        self._out.logon(self.heart_bt_int_s, reset, now_ns)
        if early:
            # The Logon itself counts; what was missed before it is asked for.
            self._gap.keep(seq, None)
            self._ask(self._gap.found(self.numbers.next_in, seq, now_ns), now_ns)
        self._application.on_logon(self)

    def receive(self, message: Message, now_ns: int) -> None:
        """A message on an established connection."""
        if self.state is State.CLOSING:
            return
        self._liveness.received(now_ns)
        seq = number(message.get(34))
        objection = check_identity(message, self.settings) or check_sending_time(
            message, self.settings, now_ns
        )
        if objection is not None:
            self._object(message, seq, objection, now_ns)
            return
        if seq is None:
            self._break_off(
                DisconnectReason.MSG_SEQ_NUM_MISSING,
                "Received message without MsgSeqNum",
                now_ns,
            )
            return
        kind = self._kind(message)
        if (
            kind is Kind.LOGON
            and message.get(141) == b"Y"
            and self.state is not State.LOGOUT_ANSWERED
        ):
            self._reset_in_session(message, now_ns)
            return
        self._by_number(kind, seq, message, now_ns)
        self._continue_after_gap(now_ns)

    def tick(self, now_ns: int) -> None:
        """Timers. To be called several times per second while connected."""
        if self.state in (State.DISCONNECTED, State.CLOSING):
            return
        if self.state in (State.LOGOUT_SENT, State.LOGOUT_ANSWERED):
            if now_ns >= self._deadline_ns:
                unanswered = (
                    self.state is State.LOGOUT_SENT
                    and self._end_reason is DisconnectReason.LOGOUT_COMPLETE
                )
                self._close(
                    DisconnectReason.LOGOUT_TIMEOUT if unanswered else self._end_reason,
                    "",
                )
            return
        if self.settings.schedule.window_start(now_ns) != self.numbers.window:
            self.logout(
                "The session's time window has ended",
                now_ns,
                DisconnectReason.SCHEDULE_END,
            )
            return
        self._ask(self._gap.overdue(self.numbers.next_in, now_ns), now_ns)
        if self._gap.is_hopeless:
            self._break_off(
                DisconnectReason.RESEND_UNANSWERED,
                f"No answer to ResendRequest from {self.numbers.next_in}",
                now_ns,
            )
        else:
            self._keep_alive(now_ns)

    def send(
        self, msg_type: str, body: bytes, now_ns: int, *, poss_resend: bool = False
    ) -> int:
        """Send an application message; its MsgSeqNum(34).

        Works at any time: without a connection the message is stored, and the client's
        ResendRequest after its next Logon brings it.
        """
        return self._out.send(
            msg_type, body, now_ns, admin=False, poss_resend=poss_resend
        )

    def reject(
        self, message: Message, reason: int, tag: int | None, text: str, now_ns: int
    ) -> None:
        """Answer ``message`` with Reject(3)."""
        self._out.reject(message, reason, tag, text, now_ns)

    def business_reject(
        self, message: Message, reason: int, text: str, now_ns: int
    ) -> None:
        """Answer ``message`` with BusinessMessageReject(j)."""
        self._out.business_reject(message, reason, text, now_ns)

    def logout(
        self,
        text: str,
        now_ns: int,
        reason: DisconnectReason = DisconnectReason.LOGOUT_COMPLETE,
    ) -> None:
        """Begin the logout; the connection closes when it is answered, or in time.

        ``reason`` is what the end of the connection will be counted as.
        """
        if self.state is not State.ACTIVE:
            return
        self._end_reason = reason
        self._out.forget_replays()
        self._out.logout(text, now_ns)
        self._deadline_ns = now_ns + self.settings.logout_timeout_s * NS_PER_S
        self._move(Happening.LOGOUT_BEGUN)

    def break_off(self, reason: DisconnectReason, text: str, now_ns: int) -> None:
        """Say Logout and close at once."""
        if self.state not in (State.DISCONNECTED, State.CLOSING):
            self._break_off(reason, text, now_ns)

    def connection_lost(self, now_ns: int) -> DisconnectReason:
        """The connection is closed, by whomever. Always the last call for it.

        What it ended by, if not by us: a Logout, or nothing.
        """
        was = self.state
        clean, self._logged_out = self._logged_out, False
        self._end_reason = DisconnectReason.LOGOUT_COMPLETE
        self._move(Happening.CONNECTION_LOST)
        self._gap.clear()
        self._out.forget_replays()
        if self.settings.reset_on_disconnect or (
            self.settings.reset_on_logout and clean
        ):
            self.numbering.begin_at_1()
        if was is not State.DISCONNECTED:
            self._application.on_logout(self)
        if clean:
            return DisconnectReason.LOGOUT_COMPLETE
        return DisconnectReason.PEER_CLOSED

    # -- Logon -------------------------------------------------------------------------

    def _logon_objection(self, message: Message, now_ns: int) -> Objection | None:
        """Everything about a Logon that can be wrong, in the order it is judged."""
        objection = check_logon(message, self.settings, now_ns)
        if objection is None and self._dictionary is not None:
            violation = validate(
                self._dictionary, "A", message.fields(), self._switches
            )
            if violation is not None:
                objection = Objection(
                    DisconnectReason.INVALID_LOGON, violation.text, violation.tag
                )
        return objection or check_sending_time(message, self.settings, now_ns)

    def _refuse_logon(
        self, message: Message, objection: Objection, now_ns: int
    ) -> None:
        self._move(Happening.LOGON_REFUSED)
        if objection.reason is DisconnectReason.INVALID_LOGON and objection.reject:
            self._out.reject(
                message, objection.reject, objection.tag, objection.text, now_ns
            )
        self._out.logout(objection.text, now_ns)
        self._out.effects.append(Close(objection.reason, objection.text))

    def _reset_in_session(self, message: Message, now_ns: int) -> None:
        objection = self._logon_objection(message, now_ns)
        if objection is not None:
            self._break_off(objection.reason, objection.text, now_ns)
            return
        self._move(Happening.NUMBERS_RESET)
        self.numbering.begin_at_1()
        self.heart_bt_int_s = number(message.get(108)) or 0
        self.numbers.next_in = 2
        self._out.logon(self.heart_bt_int_s, True, now_ns)

    # -- judging -----------------------------------------------------------------------

    @staticmethod
    def _kind(message: Message) -> Kind:
        kind = KIND_OF.get(message.msg_type, Kind.APPLICATION)
        if kind is Kind.RESET and message.get(123) == b"Y":
            return Kind.GAP_FILL
        return kind

    def _by_number(self, kind: Kind, seq: int, message: Message, now_ns: int) -> None:
        expected = self.numbers.next_in
        if seq == expected:
            relation = Number.EXPECTED
        elif seq > expected:
            relation = Number.HIGH
        elif message.get(43) == b"Y":
            relation = Number.LOW_POSS_DUP
        else:
            relation = Number.LOW
        verdict = NUMBER_RULES[kind, relation]
        if verdict is Verdict.PROCESS:
            self._process(kind, seq, message, now_ns)
        elif verdict is Verdict.TOO_LOW:
            objection = self._too_low(seq)
            self._break_off(objection.reason, objection.text, now_ns)
        elif verdict is Verdict.REFUSE_LOGON:
            self._break_off(
                DisconnectReason.UNEXPECTED_LOGON, "Already logged on", now_ns
            )
        elif verdict is not Verdict.IGNORE:
            self._early(verdict, seq, message, now_ns)

    def _early(self, verdict: Verdict, seq: int, message: Message, now_ns: int) -> None:
        """A message above the expected number."""
        if verdict is Verdict.QUEUE:
            self._gap.keep(seq, message)
        elif verdict is Verdict.SERVE_AND_QUEUE and not self._gap.has(seq):
            self._gap.keep(seq, None)
            self._serve_resend(message, seq, now_ns)
        self._ask(self._gap.found(self.numbers.next_in, seq, now_ns), now_ns)
        if verdict is Verdict.ANSWER_LOGOUT:
            self._logout_received(now_ns)

    def _continue_after_gap(self, now_ns: int) -> None:
        """Early messages whose turn has come, then the next part of the gap."""
        while self._gap.has(self.numbers.next_in) and self.state is not State.CLOSING:
            message = self._gap.take(self.numbers.next_in)
            if message is None:
                self.numbers.next_in += 1
            else:
                self._process(
                    self._kind(message), self.numbers.next_in, message, now_ns
                )
        self._ask(self._gap.passed(self.numbers.next_in, now_ns), now_ns)

    def _process(self, kind: Kind, seq: int, message: Message, now_ns: int) -> None:
        """A message at its turn: judge its content, count it, act on it."""
        if kind is Kind.RESET:
            self._sequence_reset(message, seq, now_ns)
            return
        if seq in self.numbers.answered:
            self.numbers.answered.discard(seq)
            self.numbers.next_in += 1
            return
        violation = self._content_violation(kind, message)
        if kind is Kind.GAP_FILL and violation is None:
            self._gap_filled(message, seq, now_ns)
            return
        self.numbers.next_in += 1
        if violation is not None:
            self._refuse_content(message, violation, now_ns)
        elif kind is Kind.APPLICATION:
            self._deliver(message, now_ns)
        elif kind is Kind.TEST_REQUEST:
            self._out.heartbeat(message.get(112) or None, now_ns)
        elif kind is Kind.RESEND_REQUEST:
            self._serve_resend(message, seq, now_ns)
        elif kind is Kind.LOGOUT:
            self._logout_received(now_ns)

    def _deliver(self, message: Message, now_ns: int) -> None:
        """To the application. An error of ours is answered, or it would come again."""
        try:
            self._application.on_message(self, message, now_ns)
        except Exception as error:
            self._out.effects.append(Fault(error, message.raw))
            self.business_reject(message, 4, "Application Not Available", now_ns)

    def _content_violation(
        self, kind: Kind, message: Message
    ) -> Violation | MessageSupport | None:
        if kind is not Kind.GAP_FILL:
            violation = check_possible_duplicate(message, self.settings)
            if violation is not None:
                return violation
        if self._dictionary is None:
            return None
        support = self._dictionary.message_support(message.msg_type)
        if support is MessageSupport.UNSUPPORTED:
            return support
        return validate(
            self._dictionary, message.msg_type, message.fields(), self._switches
        )

    def _refuse_content(
        self, message: Message, violation: Violation | MessageSupport, now_ns: int
    ) -> None:
        if isinstance(violation, Violation):
            self.reject(
                message, violation.reason, violation.tag, violation.text, now_ns
            )
        else:
            self.business_reject(message, 3, "Unsupported Message Type", now_ns)

    def _object(
        self, message: Message, seq: int | None, objection: Objection, now_ns: int
    ) -> None:
        """Wrong identity or time: say which (Reject and Logout), then close."""
        if seq == self.numbers.next_in:
            self.numbers.next_in += 1
        if objection.reject is not None:
            self.reject(
                message, objection.reject, objection.tag, objection.text, now_ns
            )
        if self.state is State.ACTIVE:
            self.logout(objection.text, now_ns, objection.reason)
        else:
            self._close(objection.reason, objection.text)

    # -- sequence numbers --------------------------------------------------------------

    def _too_low(self, seq: int) -> Objection:
        return Objection(
            DisconnectReason.MSG_SEQ_NUM_TOO_LOW,
            f"MsgSeqNum too low, expecting {self.numbers.next_in} but received {seq}",
        )

    def _ask(self, wanted: tuple[int, int] | None, now_ns: int) -> None:
        if wanted is not None and not self._gap.is_hopeless:
            self._out.resend_request(*wanted, now_ns)

    def _gap_filled(self, message: Message, seq: int, now_ns: int) -> None:
        """SequenceReset-GapFill at the expected number (test cases 10.b, 10.e)."""
        new = number(message.get(36))
        if new is not None and seq < new <= MSG_SEQ_NUM_MAX:
            self.numbers.next_in = new
            return
        self.numbers.next_in += 1
        shown = (message.get(36) or b"").decode("latin-1")
        self.reject(
            message,
            5,
            36,
            f"attempt to lower sequence number, invalid value NewSeqNo(36)={shown}",
            now_ns,
        )

    def _sequence_reset(self, message: Message, seq: int, now_ns: int) -> None:
        """SequenceReset-Reset, whatever its own number (test cases 11.a to 11.c)."""
        new = number(message.get(36))
        if new is None:
            if seq == self.numbers.next_in:
                self.numbers.next_in += 1
            reason = (
                SessionRejectReason.INCORRECT_DATA_FORMAT
                if message.get(36)
                else SessionRejectReason.REQUIRED_TAG_MISSING
            )
            self.reject(message, reason, 36, reason.text, now_ns)
        elif new > MSG_SEQ_NUM_MAX:
            self.reject(message, 5, 36, f"NewSeqNo(36)={new} is too high", now_ns)
        elif new > self.numbers.next_in:
            self.numbers.next_in = new
        elif new < self.numbers.next_in:
            self.reject(
                message,
                5,
                36,
                f"NewSeqNo(36)={new} is below the expected {self.numbers.next_in}",
                now_ns,
            )

    # -- replay ------------------------------------------------------------------------

    def _serve_resend(self, message: Message, seq: int, now_ns: int) -> None:
        """A ResendRequest(2): check its range and begin, or let it wait."""
        begin, end = number(message.get(7)), number(message.get(16))
        last = self._out.last_written
        if end == 0 or (end is not None and end > last):
            end = last
        if begin is None or begin < 1 or begin > last:
            self.reject(message, 5, 7, "BeginSeqNo(7) is out of range", now_ns)
        elif end is None or end < begin:
            self.reject(message, 5, 16, "EndSeqNo(16) is out of range", now_ns)
        else:
            self._out.replay(begin, end)

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

    # -- logout and timers -------------------------------------------------------------

    def _logout_received(self, now_ns: int) -> None:
        if self.state is State.LOGOUT_SENT:
            self._move(Happening.LOGOUT_RECEIVED)
            self._logged_out = True
            self._out.effects.append(Close(self._end_reason, ""))
            return
        if self.state is State.LOGOUT_ANSWERED:
            self._move(Happening.LOGOUT_RECEIVED)
            self._out.effects.append(Close(DisconnectReason.LOGOUT_COMPLETE, ""))
        elif self.state is State.ACTIVE:
            self._logged_out = True
            self._out.logout("", now_ns)
            self._deadline_ns = now_ns + PEER_CLOSE_PATIENCE_S * NS_PER_S
            self._move(Happening.LOGOUT_RECEIVED)

    def _break_off(self, reason: DisconnectReason, text: str, now_ns: int) -> None:
        self._out.forget_replays()
        self._out.logout(text, now_ns)
        self._close(reason, text)

    def _close(self, reason: DisconnectReason, text: str) -> None:
        self._move(Happening.BROKEN_OFF)
        self._out.effects.append(Close(reason, text))

    def _keep_alive(self, now_ns: int) -> None:
        due = self._liveness.due(self.heart_bt_int_s, now_ns)
        if due is Due.HEARTBEAT:
            self._out.heartbeat(None, now_ns)
        elif due is Due.TEST_REQUEST:
            self._out.test_request(self._liveness.test_requests, now_ns)
        elif due is Due.GIVE_UP:
            self._out.forget_replays()
            if self.settings.send_logout_before_disconnect_from_timeout:
                self._out.logout("Timed out waiting for a Heartbeat", now_ns)
            self._close(DisconnectReason.HEARTBEAT_TIMEOUT, "")

    def _move(self, happening: Happening) -> None:
        self.state = next_state(self.state, happening)
        self._out.connected = self.state is not State.DISCONNECTED
        self._out.is_logged_on = self.state is State.ACTIVE
