"""Logon(A): accepted, refused, or in the middle of a session.

A Logon is judged whole before anything is changed: whoever it is that sends it could
wipe a session's numbers otherwise. Its MsgSeqNum(34) n is compared with the number E
that is expected, and with NextExpectedMsgSeqNum(789) also what the client expects, x,
with the number S that our answer will bear:

=========  ============================  ========================  ==================
..         x < S                         x = S                     x > S
=========  ============================  ========================  ==================
**n < E**  Logout: too low               Logout: too low           Logout: too low
**n = E**  answer with 789 = E + 1;      answer with 789 = E + 1   Logout: 789 too
           resend x to S                                           high
**n > E**  answer with 789 = E;          answer with 789 = E;      Logout: 789 too
           resend x to S, await E to n   await E to n              high
=========  ============================  ========================  ==================

Awaited is what the client resends unasked; if it does not come in time it is asked for
after all. Without 789 on both sides it is asked for at once.

A Logout that refuses bears a number, like every message of ours. The client asks for it
at its next Logon, with whatever waits for it before. Engines that count a Logout
without looking at its number skip a waiting message then, so nothing is said to one who
is not known to be the client, nor with RefuseLogonSilently=Y.
"""

from __future__ import annotations

from collections.abc import Callable

from fixgw.session.checks import NS_PER_S, Objection, number
from fixgw.session.effects import Close
from fixgw.session.judging import Judge
from fixgw.session.numbers import Numbers
from fixgw.session.parts import Parts
from fixgw.session.policies import ResetPolicy
from fixgw.session.reasons import DisconnectReason
from fixgw.session.resending import Resending
from fixgw.session.status import STATUS_OF
from fixgw.session.tables import Happening, Kind
from fixgw.wire import Message

STRANGERS = frozenset(
    {
        DisconnectReason.AUTHENTICATION_FAILED,
        DisconnectReason.ADDRESS_NOT_ALLOWED,
        DisconnectReason.ALREADY_CONNECTED,
        DisconnectReason.CERTIFICATE_NOT_BOUND,
        DisconnectReason.RATE_LIMIT,
        DisconnectReason.SESSION_DISABLED,
        DisconnectReason.UNKNOWN_SESSION,
    }
)
"""Refused without a byte: an answer would use up a number of a session that may not be
theirs, and tell which CompIDs exist (test cases 1S.b, 1S.c)."""

NUMBERS_WRONG = frozenset(
    {
        DisconnectReason.MSG_SEQ_NUM_TOO_LOW,
        DisconnectReason.NEXT_EXPECTED_TOO_HIGH,
    }
)
"""Always told: only a person can repair the numbers, and needs to know them."""

RESET_PATIENCE_NS = 10 * NS_PER_S
"""So long the client may take to answer a Logon of ours that resets the numbers."""


class Logons:
    """Handles the Logons of one session.

    ``refresh`` is what RefreshOnLogon calls: it brings the numbers up to what the store
    holds by now.
    """

    def __init__(
        self,
        parts: Parts,
        judge: Judge,
        resending: Resending,
        refresh: Callable[[Numbers], None] | None,
    ) -> None:
        self._settings = parts.settings
        self._version = parts.version
        self._numbers = parts.numbers
        self._numbering = parts.numbering
        self._gap = parts.gap
        self._out = parts.out
        self._life = parts.life
        self._liveness = parts.liveness
        self._judge = judge
        self._resending = resending
        self._refresh = refresh
        self._deadline_ns = 0
        self.awaits_reset = False
        """We have reset the numbers inside the session, the client has not yet."""

    def log_on(
        self, message: Message, now_ns: int, objection: Objection | None
    ) -> bool:
        """The first message of a connection: whether the session is established."""
        self._liveness.start(now_ns)
        self._out.counted = 0
        self.awaits_reset = False
        objection = objection or self._judge.logon(message, now_ns)
        if objection is None:
            if self._refresh is not None and self._settings.refresh_on_logon:
                self._refresh(self._numbers)
            objection = self._numbers_wrong(message, now_ns)
        if objection is not None:
            self._refuse(message, objection, now_ns)
            return False
        self._accept(message, now_ns)
        return True

    def reset_in_session(self, message: Message, now_ns: int) -> None:
        """A Logon with ResetSeqNumFlag(141)=Y inside the session."""
        objection = self._judge.logon(message, now_ns)
        if objection is None and (
            self._settings.reset_seq_num_flag is not ResetPolicy.ALLOW
        ):
            objection = Objection(
                DisconnectReason.INVALID_LOGON,
                "ResetSeqNumFlag(141)=Y is only allowed at the beginning, "
                f"expecting MsgSeqNum {self._numbers.next_in}",
            )
        if objection is not None:
            self._life.break_off(objection.reason, objection.text, now_ns)
            return
        self._note_reset()
        self._life.move(Happening.NUMBERS_RESET)
        self._numbering.begin_at_1()
        self._numbers.next_in = 2
        self._answer(message, now_ns)
        self._life.numbers_were_reset(now_ns)

    def reset_by_us(self, now_ns: int) -> None:
        """ResetSeqTime: begin at 1 and say so, without a break of the connection.

        What the client has sent before it knows still bears its old numbers. Nothing of
        it is processed: it could not be told from a message of the new numbers.
        """
        if not self._version.has_reset_flag:
            reason = DisconnectReason.SCHEDULE_END
            self._life.begin_logout("Sequence numbers are reset now", now_ns, reason)
            return
        self._numbering.enter_window(now_ns, reset=True)
        self.awaits_reset = True
        self._deadline_ns = now_ns + RESET_PATIENCE_NS
        self._out.logon(self._liveness.interval_s, True, now_ns)

    def check_deadline(self, now_ns: int) -> None:
        """Break off if the client does not answer our reset."""
        # The clock may have been set back.
        self._deadline_ns = min(self._deadline_ns, now_ns + RESET_PATIENCE_NS)
        if self.awaits_reset and now_ns >= self._deadline_ns:
            reason = DisconnectReason.LOGON_TIMEOUT
            self._life.break_off(reason, "No answer to the reset by Logon", now_ns)

    def before_reset(self, kind: Kind, message: Message, now_ns: int) -> None:
        """A message of the client while our reset is not answered. It is not counted,
        but no order goes unanswered."""
        if kind is Kind.LOGON:
            self._reset_answered(message, now_ns)
        elif kind is Kind.LOGOUT:
            self._life.logout_received(now_ns)
        elif kind is Kind.TEST_REQUEST:
            self._out.heartbeat(message.get(112) or None, now_ns)
        elif kind is Kind.APPLICATION:
            text = "Sequence numbers are being reset, send it again"
            self._out.business_reject(message, 0, text, now_ns)

    def _reset_answered(self, message: Message, now_ns: int) -> None:
        if self._judge.wants_reset(message) and number(message.get(34)) == 1:
            self.awaits_reset = False
            self._numbers.next_in = 2
        else:
            reason = DisconnectReason.UNEXPECTED_LOGON
            text = "Expecting a Logon with ResetSeqNumFlag(141)=Y and MsgSeqNum(34)=1"
            self._life.break_off(reason, text, now_ns)

    def refuse_second(self, now_ns: int) -> None:
        """A Logon inside the session that resets nothing."""
        reason = DisconnectReason.UNEXPECTED_LOGON
        if self._settings.profile.refuse_logon_silently:
            self._life.close(reason, "")
        else:
            self._life.break_off(reason, "Already logged on", now_ns)

    # -- inside ------------------------------------------------------------------------

    def _begins_at_1(self, message: Message, now_ns: int) -> bool:
        """Whether this Logon, once accepted, resets the numbers."""
        return (
            self._judge.wants_reset(message)
            or self._settings.reset_on_logon
            or not self._numbering.is_in_window(now_ns)
        )

    def _numbers_wrong(self, message: Message, now_ns: int) -> Objection | None:
        """The nine cells that end in a Logout."""
        expected, ours = self._numbers.next_in, self._numbers.next_out
        if self._begins_at_1(message, now_ns):
            expected = ours = 1
        seq = number(message.get(34)) or 0
        if seq < expected and self._settings.validate_sequence_numbers:
            return too_low(expected, seq)
        theirs = self._next_expected(message)
        if theirs is None or theirs <= ours:
            return None
        text = f"NextExpectedMsgSeqNum too high, expecting {ours} but received {theirs}"
        if self._settings.profile.plain_reject_texts:
            text = (
                "Tag 789 (NextExpectedMsgSeqNum) is higher than expected. "
                f"Expected {ours}, Received {theirs}"
            )
        return Objection(DisconnectReason.NEXT_EXPECTED_TOO_HIGH, text)

    def _next_expected(self, message: Message) -> int | None:
        """NextExpectedMsgSeqNum(789), if the client says it."""
        if not self._version.has_next_expected:
            return None
        return number(message.get(789))

    def _accept(self, message: Message, now_ns: int) -> None:
        if self._judge.wants_reset(message):
            self._note_reset()
        reset = self._begins_at_1(message, now_ns)
        self._numbering.enter_window(now_ns, reset=reset)
        self._life.move(Happening.LOGON_ACCEPTED)
        seq = number(message.get(34)) or 0
        if not self._settings.validate_sequence_numbers:
            self._numbers.next_in = max(self._numbers.next_in, seq)
        early = seq > self._numbers.next_in
        if not early:
            self._numbers.next_in += 1
        own = self._answer(message, now_ns)
        theirs = self._next_expected(message)
        if early:
            self._await(seq, theirs is not None, now_ns)
        if theirs is not None and theirs < own:
            self._resending.resend(max(theirs, 1), own, now_ns)

    def _note_reset(self) -> None:
        """That the client reset the numbers, and what they were. Without its Logon, in
        which there may be a password."""
        numbers = self._numbers
        text = (
            "the client resets the numbers by ResetSeqNumFlag(141)=Y: "
            f"{numbers.next_in} was expected, {numbers.next_out} the next sent"
        )
        self._out.note(text, b"")

    def _await(self, seq: int, is_promised: bool, now_ns: int) -> None:
        """The Logon itself counts; what was missed before it is to come."""
        self._gap.keep(seq, None)
        expected = self._numbers.next_in
        if is_promised and self._out.tells_next_expected:
            self._gap.promised(expected, seq, now_ns)
        else:
            self._resending.ask(self._gap.found(expected, seq, now_ns), now_ns)

    def _answer(self, message: Message, now_ns: int) -> int:
        """Our Logon; its number."""
        interval = number(message.get(108)) or 0
        self._liveness.interval_s = self._settings.heart_bt_int_override_s or interval
        self._take_appl_ver_id(message)
        reset = self._judge.wants_reset(message)
        return self._out.logon(self._liveness.interval_s, reset, now_ns)

    def _take_appl_ver_id(self, message: Message) -> None:
        """The client's DefaultApplVerID(1137) becomes ours."""
        if self._version.is_fixt:
            self._out.appl_ver_id = (message.get(1137) or b"").decode("latin-1")

    def _refuse(self, message: Message, objection: Objection, now_ns: int) -> None:
        self._life.move(Happening.LOGON_REFUSED)
        reason, text = objection.reason, objection.text
        if self._is_told(reason):
            if (
                reason is DisconnectReason.INVALID_LOGON
                and objection.reject is not None
            ):
                self._out.reject(message, objection.reject, objection.tag, text, now_ns)
            # Which SessionStatus(1409) the client knows, is said by the Logon refused.
            own = self._out.appl_ver_id
            if reason in NUMBERS_WRONG:
                self._take_appl_ver_id(message)
            self._out.logout(text, now_ns, STATUS_OF.get(reason))
            self._out.appl_ver_id = own
        self._out.effects.append(Close(reason, text))

    def _is_told(self, reason: DisconnectReason) -> bool:
        if reason in NUMBERS_WRONG:
            return True
        silently = self._settings.profile.refuse_logon_silently
        return reason not in STRANGERS and not silently


def too_low(expected: int, received: int) -> Objection:
    """MsgSeqNum(34) is lower than expected, without PossDupFlag(43) (test case 2.c)."""
    return Objection(
        DisconnectReason.MSG_SEQ_NUM_TOO_LOW,
        f"MsgSeqNum too low, expecting {expected} but received {received}",
    )
