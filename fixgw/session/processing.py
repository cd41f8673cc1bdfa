"""A message at its turn: judged, counted, acted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixgw.dictionary import MessageSupport, SessionRejectReason, Violation
from fixgw.session.checks import check_possible_duplicate, number
from fixgw.session.effects import Fault
from fixgw.session.judging import Judge
from fixgw.session.numbers import MSG_SEQ_NUM_MAX
from fixgw.session.parts import Application, Parts
from fixgw.session.reasons import DisconnectReason
from fixgw.session.rejects import THROTTLED, UNSUPPORTED_MESSAGE_TYPE
from fixgw.session.resending import Resending
from fixgw.session.tables import Kind, State
from fixgw.session.throttle import Grant
from fixgw.wire import Message

if TYPE_CHECKING:
    from fixgw.session.session import Session

APPLICATION_NOT_AVAILABLE = 4
"""BusinessRejectReason(380)."""


class Processing:
    """Acts on the messages of one session; application messages go to ``session``'s
    application."""

    def __init__(
        self,
        parts: Parts,
        judge: Judge,
        resending: Resending,
        application: Application,
        session: Session,
    ) -> None:
        self._settings = parts.settings
        self._profile = parts.settings.profile
        self._numbers = parts.numbers
        self._liveness = parts.liveness
        self._throttle = parts.throttle
        self._out = parts.out
        self._life = parts.life
        self._judge = judge
        self._resending = resending
        self._application = application
        self._session = session

    def process(self, kind: Kind, seq: int, message: Message, now_ns: int) -> None:
        """A message whose number is the expected one, or a SequenceReset-Reset."""
        if kind is Kind.RESET:
            self._sequence_reset(message, seq, now_ns)
            return
        if seq in self._numbers.answered and kind is not Kind.GAP_FILL:
            self._numbers.answered.discard(seq)
            self.count(seq)
            return
        violation = self._judge.content(kind, message)
        if kind is Kind.GAP_FILL and violation is None:
            self._gap_filled(message, seq, now_ns)
            return
        self.count(seq)
        if violation is not None:
            self._refuse(message, violation, now_ns)
        else:
            self._act(kind, message, now_ns)

    def count(self, seq: int) -> None:
        """This number is done. Without ValidateSequenceNumbers it may be any."""
        self._out.counted = seq
        if seq <= MSG_SEQ_NUM_MAX or seq == self._numbers.next_in:
            self._numbers.next_in = max(self._numbers.next_in, seq + 1)

    def judge_duplicate(self, message: Message, now_ns: int) -> None:
        """A possible duplicate of what was received before. It is not counted."""
        violation = check_possible_duplicate(message, self._settings)
        if violation is not None:
            self._refuse(message, violation, now_ns)

    def _act(self, kind: Kind, message: Message, now_ns: int) -> None:
        """A good message, counted already."""
        if kind is Kind.APPLICATION:
            self._admit(message, now_ns)
        elif kind is Kind.HEARTBEAT:
            self._liveness.heard(message.get(112))
        elif kind is Kind.TEST_REQUEST:
            self._out.heartbeat(self._test_req_id(message), now_ns)
        elif kind is Kind.RESEND_REQUEST:
            self._resending.serve(message, now_ns)
        elif kind is Kind.LOGOUT:
            self._life.logout_received(now_ns)

    def _test_req_id(self, message: Message) -> bytes | None:
        """TestReqID(112) to answer with; an empty one only where such are allowed."""
        value = message.get(112)
        return (
            value if value or not self._settings.validate_fields_have_values else None
        )

    # -- application messages ----------------------------------------------------------

    def _admit(self, message: Message, now_ns: int) -> None:
        """To the application, unless the client sends more than it may."""
        grant = self._throttle.take(message.msg_type, now_ns)
        if grant is Grant.PASS:
            self._deliver(message, now_ns)
            return
        text = "Throttle limit exceeded"
        self._out.business_reject(message, THROTTLED, text, now_ns)
        if grant is Grant.LOGOUT:
            self._end(text, text, now_ns, DisconnectReason.THROTTLED)

    def _deliver(self, message: Message, now_ns: int) -> None:
        """To the application. An error of ours is answered, or it would come again."""
        try:
            self._application.on_message(self._session, message, now_ns)
        except Exception as error:
            self._out.effects.append(Fault(error, message.raw))
            text = "Application Not Available"
            self._out.business_reject(message, APPLICATION_NOT_AVAILABLE, text, now_ns)
            if self._settings.disconnect_on_error or self._settings.reset_on_error:
                self._break_off(now_ns)

    def _break_off(self, now_ns: int) -> None:
        """ResetOnError, DisconnectOnError: go on from a state that both sides know."""
        self._session.resets_at_end = self._settings.reset_on_error
        reason = DisconnectReason.INTERNAL_ERROR
        self._life.break_off(reason, "Application Not Available", now_ns)

    # -- refusals ----------------------------------------------------------------------

    def _refuse(
        self, message: Message, violation: Violation | MessageSupport, now_ns: int
    ) -> None:
        if isinstance(violation, MessageSupport):
            text = "Unsupported Message Type"
            self._out.business_reject(message, UNSUPPORTED_MESSAGE_TYPE, text, now_ns)
            return
        reason, text = violation.reason, violation.text
        self._out.reject(message, reason, violation.tag, text, now_ns)
        if (
            reason is SessionRejectReason.SENDING_TIME_ACCURACY
            and self._profile.judge_low_poss_dup
        ):
            said = "" if self._profile.brief_identity_reject else text
            self._end(text, said, now_ns, DisconnectReason.SENDING_TIME_WRONG)

    def _end(self, text: str, said: str, now_ns: int, reason: DisconnectReason) -> None:
        """Begin the logout; at once, if one is under way already."""
        if self._life.state is State.ACTIVE:
            self._life.begin_logout(said, now_ns, reason, why=text)
        else:
            self._life.close(reason, text)

    # -- SequenceReset(4) --------------------------------------------------------------

    def _gap_filled(self, message: Message, seq: int, now_ns: int) -> None:
        """SequenceReset-GapFill at the expected number (test cases 10.b, 10.e)."""
        new = number(message.get(36))
        if new is not None and seq < new <= MSG_SEQ_NUM_MAX:
            self._numbers.next_in = max(self._numbers.next_in, new)
            return
        is_tolerant = self._profile.tolerate_gap_fill_back
        if is_tolerant and new == seq:
            return  # it says what we expect anyway
        self.count(seq)
        shown = (message.get(36) or b"").decode("latin-1")
        text = f"attempt to lower sequence number, invalid value NewSeqNo(36)={shown}"
        self._out.reject(message, 5, None if is_tolerant else 36, text, now_ns)

    def _sequence_reset(self, message: Message, seq: int, now_ns: int) -> None:
        """SequenceReset-Reset, whatever its own number (test cases 11.a to 11.c)."""
        new = number(message.get(36))
        expected = self._numbers.next_in
        if new is None:
            if seq == expected:
                self.count(seq)
            reason = (
                SessionRejectReason.INCORRECT_DATA_FORMAT
                if message.get(36)
                else SessionRejectReason.REQUIRED_TAG_MISSING
            )
            self._out.reject(message, reason, 36, reason.text, now_ns)
        elif new > MSG_SEQ_NUM_MAX:
            text = f"NewSeqNo(36)={new} is too high"
            self._out.reject(message, 5, 36, text, now_ns)
        elif new > expected:
            self._numbers.next_in = new
        elif new == expected:
            self._out.note(f"SequenceReset to {new}, which is expected", message.raw)
        else:
            tag = None if self._profile.tolerate_gap_fill_back else 36
            text = f"NewSeqNo(36)={new} is below the expected {expected}"
            self._out.reject(message, 5, tag, text, now_ns)
