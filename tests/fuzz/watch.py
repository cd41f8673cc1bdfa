"""What must hold of a session whatever it hears, judged from outside.

Told of every message before the session gets it and of every effect after, it knows
what the client could have seen, and asserts:

* our numbers are dense, and one number has one content; what is written for the first
  time is written in order and once;
* the expected number goes down only by a reset, and over no number that did not come;
  a message that has the expected number is counted;
* the application gets no message twice, out of order, beyond a gap or made up;
* a replay tells the range asked for from its first number to its last, and no more: the
  messages as they were, and GapFills; the same gap is not asked for again and again;
* after its end, which has one reason, a connection hears nothing more;
* what waits, and what one message causes, is bounded.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from fixgw.session.checks import check_identity, check_sending_time, number
from fixgw.session.effects import (
    Close,
    Effect,
    ResetNumbers,
    Send,
    SetInbound,
    SetOutbound,
    Write,
)
from fixgw.session.gap import EARLY_BYTES_MAX, EARLY_MESSAGES_MAX
from fixgw.session.numbers import MSG_SEQ_NUM_MAX
from fixgw.session.reasons import DisconnectReason
from fixgw.session.resendlimits import PENDING_REQUESTS_MAX
from fixgw.session.session import Session
from fixgw.session.settings import SessionSettings
from fixgw.session.tables import TRANSITIONS, Kind, State, kind_of
from fixgw.wire import Garbled, Message, parse_message

RENEWED = frozenset({9, 10, 43, 52, 122})
"""Fields in which a message that is sent again differs."""
ALIKE_REQUESTS_MAX = 4
SENDS_MAX = 6
"""What one message or tick may make us send, beside what it lets come to its turn."""

COUNTED = frozenset(
    {Kind.APPLICATION, Kind.HEARTBEAT, Kind.TEST_REQUEST, Kind.REJECT}
    | {Kind.RESEND_REQUEST}
)
"""Counted whenever their turn comes; a Logout only if it comes at its turn."""


def _reachable() -> dict[State, set[State]]:
    """States by the states that lead to them, in any number of steps."""
    ways = {state: {state} for state in State}
    for _ in State:
        for (before, _happening), after in TRANSITIONS.items():
            ways[before] |= ways[after]
    return ways


REACHABLE = _reachable()


@dataclass
class Span:
    """A range that the client may expect: at least to ``least``, at most to ``end``."""

    begin: int
    least: int
    end: int


class Watch:
    """Of one session and those that follow it with its numbers."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self.outcomes: set[tuple[str, ...]] = set()
        """What came of each thing that happened, in short."""
        self._numbered = settings.validate_sequence_numbers
        self._stored: dict[int, bytes] = {}
        self._next_out = 1
        self._written: set[int] = set()
        self._highest = 0
        self._heard: set[bytes] = set()
        self._delivered = (0, 0)
        self._item: Message | Garbled | None = None
        self._operates = False
        self._asking: Span | None = None

    def begin(self, session: Session) -> None:
        """This is the session from now on; nobody is connected."""
        self._session = session
        self._forget_connection()
        self.before()

    def _forget_connection(self) -> None:
        self._came: set[int] = set()
        self._asked: deque[Span] = deque()
        self._span: Span | None = None
        self._cursor = 0
        self._requests: Counter[int] = Counter()
        self._connection_over = False

    # -- before ------------------------------------------------------------------------

    def hears(self, item: Message | Garbled, now_ns: int) -> None:
        """The session is about to get this."""
        assert not self._connection_over, "heard after the end"
        self._item = item
        if isinstance(item, Message):
            self._heard.add(item.raw)
            self._is_good = not (
                check_identity(item, self._settings)
                or check_sending_time(item, self._settings, now_ns)
            )
            self._expects_replay(item)

    def _expects_replay(self, message: Message) -> None:
        begin, end = number(message.get(7)), number(message.get(16))
        last = self._next_out - 1
        if message.msg_type == "2" and begin and end is not None:
            end = last if end == 0 or end > last else end
            self._asking = Span(begin, min(end, self._highest), end)

    def operates(self) -> None:
        """An operator may change numbers now."""
        self._operates = True

    def before(self) -> None:
        """Something is about to happen."""
        numbers = self._session.numbers
        self._state = self._session.state
        self._expected = numbers.next_in
        self._epoch = numbers.epoch
        is_connected = self._state is not State.DISCONNECTED
        self._awaited_reset = is_connected and self._session._logons.awaits_reset
        self._served = len(self._session._out.under_way)

    def delivered(self, message: Message) -> None:
        """The application gets this."""
        assert message.raw in self._heard, "a message nobody sent"
        numbers = self._session.numbers
        now = (numbers.epoch, number(message.get(34)) or 0)
        if self._numbered and now[1] <= MSG_SEQ_NUM_MAX:
            assert now[1] < numbers.next_in, "delivered beyond a gap"
            assert now > self._delivered, f"{now} after {self._delivered}"
        self._delivered = now

    # -- after -------------------------------------------------------------------------

    def after(self, effects: Sequence[Effect]) -> None:
        """That is what came of it."""
        session = self._session
        assert session.state in REACHABLE[self._state], (self._state, session.state)
        self._effects(effects)
        if self._numbered:
            self._counted(effects)
        self._bounds(effects)
        self.outcomes.add(self._outcome(effects))
        self._item = None
        self._operates = False
        self.before()

    def _outcome(self, effects: Sequence[Effect]) -> tuple[str, ...]:
        item = self._item
        heard = item.msg_type if isinstance(item, Message) else type(item).__name__
        shown = [heard, self._state.name, self._session.state.name]
        for effect in effects[:4]:
            shown.append(type(effect).__name__)
            if isinstance(effect, Send | Write):
                shown.append(parsed(effect.data).msg_type)
            elif isinstance(effect, Close):
                shown.append(effect.reason.name)
        return tuple(shown)

    def lost(self) -> None:
        """The connection is gone."""
        assert self._session.state is State.DISCONNECTED
        assert self._session.replay_wanted is None
        self._forget_connection()
        self.before()

    def _replay_ended(self) -> None:
        """It has told all that was asked for, unless a Logout has cut it off."""
        if self._session.state is State.ACTIVE:
            assert not self._asked, "a request was left out"
            if self._span is not None:
                assert self._cursor > self._span.least, "a replay was left off"
        self._asked.clear()
        self._span = None

    def _effects(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._sent(effect)
            elif isinstance(effect, Write):
                assert not self._connection_over, "written after the end"
                self._wrote(effect.data)
            elif isinstance(effect, ResetNumbers):
                self._stored.clear()
                self._written.clear()
                self._next_out, self._highest = 1, 0
                self._asked.clear()
                self._span = None
                self._requests.clear()
            elif isinstance(effect, SetOutbound):
                assert effect.seq >= self._next_out
                self._next_out = effect.seq
            elif isinstance(effect, Close):
                assert not self._connection_over, "closed twice"
                assert DisconnectReason(effect.reason).sentence
                self._connection_over = True
        if isinstance(self._item, Message) and self._item.msg_type == "A":
            self._expects_promised(self._item, effects)
        # A request may be refused or ignored: then it is not one of those under way.
        if (
            self._asking is not None
            and len(self._session._out.under_way) > self._served
        ):
            self._asked.append(self._asking)
        self._asking = None
        if self._served and not self._session.condition.replaying:
            self._replay_ended()

    def _expects_promised(self, logon: Message, effects: Sequence[Effect]) -> None:
        """NextExpectedMsgSeqNum(789): what is missing before our Logon comes unasked,
        and a GapFill over the Logon."""
        asked = number(logon.get(789))
        answers = [
            effect.seq
            for effect in effects
            if isinstance(effect, Send) and parsed(effect.data).msg_type == "A"
        ]
        if asked is not None and answers and asked < answers[-1]:
            self._asking = Span(max(asked, 1), answers[-1], answers[-1])

    # -- what we say -------------------------------------------------------------------

    def _sent(self, send: Send) -> None:
        message = parsed(send.data)
        assert send.seq == self._next_out, "a number is not the next"
        assert number(message.get(34)) == send.seq
        self._next_out += 1
        self._stored[send.seq] = send.data
        if not send.held:
            assert not self._connection_over, "said after the end"
            self._first_written(send.seq)
        if message.msg_type == "2":
            self._asks(message)

    def _first_written(self, seq: int) -> None:
        assert seq > self._highest, f"{seq} is written behind {self._highest}"
        self._written.add(seq)
        self._highest = seq

    def _asks(self, message: Message) -> None:
        """Our ResendRequest(2)."""
        begin, end = number(message.get(7)) or 0, number(message.get(16)) or 0
        assert begin >= 1
        assert not end or end >= begin
        if self._numbered and self._session.numbers.epoch == self._epoch:
            assert self._expected <= begin <= self._session.numbers.next_in
        self._requests[begin] += 1
        if not self._settings.send_redundant_resend_requests:
            assert self._requests[begin] <= ALIKE_REQUESTS_MAX, "a storm of requests"

    def _wrote(self, data: bytes) -> None:
        """A message of the store: one that was held back, or part of a replay."""
        message = parsed(data)
        seq = number(message.get(34)) or 0
        # What was held back waits for the end of the replays.
        if not self._served:
            assert self._stored.get(seq) == data, "held back, and not sent as it was"
            self._first_written(seq)
            return
        assert message.get(43) == b"Y", "written again without PossDupFlag(43)"
        if self._span is None or self._may_be_told(self._span, seq):
            self._next_span(seq)
        assert self._span is not None
        assert seq == self._cursor, f"{seq} instead of {self._cursor}"
        if message.msg_type == "4" and message.get(123) == b"Y":
            self._cursor = number(message.get(36)) or 0
            assert self._cursor > seq, "a GapFill that fills nothing"
        else:
            self._cursor = seq + 1
            original = parsed(self._stored[seq])
            assert rest_of(message) == rest_of(original), "sent again otherwise"
            assert message.get(122) == original.get(52)
        assert self._cursor <= self._span.end + 1, "beyond what was asked for"
        assert self._cursor <= self._next_out, "beyond what was ever sent"

    def _may_be_told(self, span: Span, seq: int) -> bool:
        """Whether this range is at its end, and ``seq`` begins another."""
        is_beyond = self._cursor > span.end
        return is_beyond or (seq != self._cursor and self._cursor > span.least)

    def _next_span(self, seq: int) -> None:
        assert self._asked, f"{seq} is sent again, and was not asked for"
        self._span = self._asked.popleft()
        self._cursor = self._span.begin

    # -- what we expect ----------------------------------------------------------------

    def _counted(self, effects: Sequence[Effect]) -> None:
        session, item = self._session, self._item
        now = session.numbers.next_in
        begin = self._expected
        if session.numbers.epoch != self._epoch:
            self._came.clear()
            if any(isinstance(effect, SetInbound) for effect in effects):
                assert self._operates
                return
            begin = 1
        assert now >= begin, f"the expected number fell from {begin} to {now}"
        furthest = begin
        if item is not None:
            furthest = self._after_item(item, begin, now)
        while furthest in self._came:
            furthest += 1
        assert now <= furthest, f"{now} is expected, but {furthest} never came"
        if session.state is State.ACTIVE and not session._logons.awaits_reset:
            assert now not in self._came, f"{now} is here, and waits"

    def _after_item(self, item: Message | Garbled, begin: int, now: int) -> int:
        """How far the expected number may go by this alone, from ``begin``."""
        if isinstance(item, Garbled):
            return begin + self._settings.reject_garbled_message
        seq = number(item.get(34))
        kind = kind_of(item)
        if kind is Kind.RESET and self._is_good:
            return max(begin, number(item.get(36)) or 0, begin + (seq == begin))
        if seq is None:
            return begin
        if kind is Kind.GAP_FILL and self._is_good:
            if seq != begin:
                return begin
            return max(begin + 1, number(item.get(36)) or 0)
        if seq == begin:
            self._must_count(kind, seq, now)
            return begin + 1
        is_kept = kind in COUNTED or (
            kind is Kind.LOGON and self._state is State.DISCONNECTED
        )
        if seq > begin and is_kept and self._is_good and not self._awaited_reset:
            self._came.add(seq)
        return begin

    def _must_count(self, kind: Kind, seq: int, now: int) -> None:
        """A message at its turn is counted, whatever is wrong with it."""
        if kind in COUNTED | {Kind.LOGOUT} and not self._awaited_reset:
            is_open = self._state not in (State.DISCONNECTED, State.CLOSING)
            assert now > seq or not is_open or seq > MSG_SEQ_NUM_MAX, (
                f"{seq} came, and is expected still"
            )

    # -- bounds ------------------------------------------------------------------------

    def _bounds(self, effects: Sequence[Effect]) -> None:
        session = self._session
        assert not session._out.effects
        assert len(session._gap._early) <= EARLY_MESSAGES_MAX
        assert 0 <= session._gap._early_bytes <= EARLY_BYTES_MAX
        assert len(session._out.under_way) <= PENDING_REQUESTS_MAX + 1
        assert 0 <= session.condition.queued <= len(self._stored), "queued"
        sends = sum(isinstance(effect, Send) for effect in effects)
        turns = 1 + len(self._came)
        assert sends <= SENDS_MAX + 3 * turns, f"{sends} messages for one"


def parsed(data: bytes) -> Message:
    """Our message, which must be one."""
    message = parse_message(data, 10_000)
    assert isinstance(message, Message), message
    return message


def rest_of(message: Message) -> list[tuple[int, bytes]]:
    """The fields that stay when it is sent again."""
    return [pair for pair in message.fields() if pair[0] not in RENEWED]
