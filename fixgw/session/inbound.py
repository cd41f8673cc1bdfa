"""What comes from the client on an established connection.

What a message is judged by, in this order: BeginString, CompIDs, SendingTime, number,
content. The number decides by the table of number_rules; a message above a gap is kept
unjudged and judged once, at its turn, because judging it early would reject it twice.
"""

from __future__ import annotations

from fixgw.session.checks import (
    Objection,
    check_identity,
    check_sending_time,
    number,
)
from fixgw.session.judging import Judge
from fixgw.session.logon import Logons, too_low
from fixgw.session.parts import Parts
from fixgw.session.processing import Processing
from fixgw.session.reasons import DisconnectReason
from fixgw.session.resending import Resending
from fixgw.session.tables import (
    Kind,
    Number,
    State,
    Verdict,
    kind_of,
    number_rules,
)
from fixgw.wire import Garbled, Message

UNREADABLE = "Message failed basic validity check"


class Inbound:
    """Brings the messages of one session into order."""

    def __init__(
        self,
        parts: Parts,
        judge: Judge,
        logons: Logons,
        resending: Resending,
        processing: Processing,
    ) -> None:
        self._settings = parts.settings
        self._rules = number_rules(parts.settings)
        self._numbers = parts.numbers
        self._gap = parts.gap
        self._liveness = parts.liveness
        self._out = parts.out
        self._life = parts.life
        self._judge = judge
        self._logons = logons
        self._resending = resending
        self._processing = processing

    def receive(self, message: Message, now_ns: int) -> None:
        """A message on an established connection."""
        if self._life.state is State.CLOSING:
            return
        self._liveness.received(now_ns)
        self._out.counted = 0
        seq = number(message.get(34))
        objection = check_identity(message, self._settings) or check_sending_time(
            message, self._settings, now_ns
        )
        if objection is not None:
            self._object(message, seq, objection, now_ns)
        elif seq is None:
            reason = DisconnectReason.MSG_SEQ_NUM_MISSING
            text = "Received message without MsgSeqNum"
            self._life.break_off(reason, text, now_ns)
        else:
            self._in_order(seq, message, now_ns)

    def _in_order(self, seq: int, message: Message, now_ns: int) -> None:
        kind = kind_of(message)
        if self._logons.awaits_reset:
            self._logons.before_reset(kind, message, now_ns)
            return
        if (
            kind is Kind.LOGON
            and self._judge.wants_reset(message)
            and self._life.state is not State.LOGOUT_ANSWERED
        ):
            self._logons.reset_in_session(message, now_ns)
            return
        self._by_number(kind, seq, message, now_ns)
        self._continue_after_gap(now_ns, kind is Kind.GAP_FILL)

    def garbled(self, garbled: Garbled, now_ns: int) -> None:
        """Bytes that are no message: ignored and not counted (test cases 2.d, 3.b …),
        or with RejectGarbledMessage answered and counted, if their number can be read
        and is the expected one."""
        if not self._settings.reject_garbled_message or self._life.state in (
            State.DISCONNECTED,
            State.CLOSING,
        ):
            return
        fields = dict(part[:3:2] for part in _partitioned(garbled.raw))
        seq = number(fields.get(b"34"))
        if seq is None or seq != self._numbers.next_in:
            return
        self._processing.count(seq)
        msg_type = fields.get(b"35", b"").decode("latin-1")
        self._out.reject_garbled(seq, msg_type, UNREADABLE, now_ns)
        self._continue_after_gap(now_ns)

    # -- judging -----------------------------------------------------------------------

    def _object(
        self, message: Message, seq: int | None, objection: Objection, now_ns: int
    ) -> None:
        """Wrong identity or time: say which (Reject and Logout), then close."""
        if seq is not None and seq == self._numbers.next_in:
            self._processing.count(seq)
        text = objection.text
        said = text
        if objection.reject is not None:
            self._out.reject(message, objection.reject, objection.tag, text, now_ns)
            if self._settings.profile.brief_identity_reject:
                said = ""
        if self._life.state is State.ACTIVE:
            self._life.begin_logout(said, now_ns, objection.reason, why=text)
        else:
            self._life.close(objection.reason, text)

    def _relation(self, seq: int, message: Message) -> Number:
        expected = self._numbers.next_in
        if seq == expected or not self._settings.validate_sequence_numbers:
            return Number.EXPECTED
        if seq > expected:
            return Number.HIGH
        return Number.LOW_POSS_DUP if message.get(43) == b"Y" else Number.LOW

    def _by_number(self, kind: Kind, seq: int, message: Message, now_ns: int) -> None:
        verdict = self._rules[kind, self._relation(seq, message)]
        if verdict is Verdict.PROCESS:
            self._processing.process(kind, seq, message, now_ns)
        elif verdict is Verdict.TOO_LOW:
            objection = too_low(self._numbers.next_in, seq)
            self._life.break_off(objection.reason, objection.text, now_ns)
        elif verdict is Verdict.REFUSE_LOGON:
            self._logons.refuse_second(now_ns)
        elif verdict is Verdict.JUDGE_DUPLICATE:
            self._processing.judge_duplicate(message, now_ns)
        elif verdict is Verdict.SERVE:
            self._resending.serve(message, now_ns)
        elif verdict is Verdict.ANSWER:
            self._life.logout_received(now_ns)
        elif verdict is not Verdict.IGNORE:
            self._early(verdict, seq, message, now_ns)

    def _early(self, verdict: Verdict, seq: int, message: Message, now_ns: int) -> None:
        """A message above the expected number, for which the gap is asked for."""
        if verdict is Verdict.QUEUE:
            self._gap.keep(seq, message)
        elif verdict is Verdict.SERVE_AND_QUEUE and not self._gap.has(seq):
            self._gap.keep(seq, None)
            self._resending.serve(message, now_ns)
            if self._life.state is State.CLOSING:
                return
        wanted = self._gap.found(self._numbers.next_in, seq, now_ns)
        self._resending.ask(wanted, now_ns)
        if verdict is Verdict.ASK_AND_ANSWER:
            self._life.logout_received(now_ns)

    def _continue_after_gap(self, now_ns: int, filled: bool = False) -> None:
        """Early messages whose turn has come, then the next part of the gap."""
        while (
            self._gap.has(self._numbers.next_in)
            and self._life.state is not State.CLOSING
        ):
            seq = self._numbers.next_in
            message = self._gap.take(seq)
            if message is None:
                self._processing.count(seq)
            else:
                self._processing.process(kind_of(message), seq, message, now_ns)
        if self._life.state is not State.CLOSING:
            wanted = self._gap.passed(self._numbers.next_in, now_ns, filled)
            self._resending.ask(wanted, now_ns)


def _partitioned(raw: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """The parts of what looks like fields, the first of each tag winning."""
    return [part.partition(b"=") for part in reversed(raw.split(b"\x01"))]
