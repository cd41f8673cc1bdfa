"""The request for missing messages, without a session: each row of its table, both
dialects of chunks, the bounds of what is kept, and any peer at all."""

from __future__ import annotations

import pytest
import simplefix
from hypothesis import given, settings
from hypothesis import strategies as st

from fixgw.session import gap as module
from fixgw.session.gap import (
    ALIKE_REQUESTS_MAX,
    EARLY_BYTES_MAX,
    EARLY_MESSAGES_MAX,
    PATIENCE_NS,
    Gap,
)
from fixgw.wire import Message, parse_message

NOW = 1_767_000_000_000_000_000


def message(seq: int, size: int = 0) -> Message:
    """A message with about so many bytes of text."""
    built = simplefix.FixMessage()
    for tag, value in ((8, "FIX.4.4"), (35, "B"), (34, seq), (58, "x" * (size + 1))):
        built.append_pair(tag, value)
    parsed = parse_message(built.encode())
    assert isinstance(parsed, Message)
    return parsed


def gap(
    chunk: int = 0, *, closed: bool = False, redundant: bool = False, open_end: int = 0
) -> Gap:
    """Nothing is missing yet."""
    return Gap(chunk, closed, redundant, open_end)


# -- asking ----------------------------------------------------------------------------


def test_t1_one_range_is_outstanding() -> None:
    one = gap()
    assert one.found(2, 5, NOW) == (2, 0)
    assert one.is_open
    assert [one.found(2, seq, NOW) for seq in range(6, 100)] == [None] * 94


def test_t2_a_number_above_the_gap_changes_nothing() -> None:
    one = gap(closed=True)
    assert one.found(2, 5, NOW) == (2, 4)
    assert one.passed(3, NOW) is None
    assert one.found(3, 9, NOW) is None
    assert one.passed(4, NOW) is None


@pytest.mark.parametrize(
    ("closed", "open_end", "asked"),
    [(False, 0, (2, 0)), (False, 999999, (2, 999999)), (True, 0, (2, 6))],
)
def test_the_end_that_is_asked_for(
    closed: bool, open_end: int, asked: tuple[int, int]
) -> None:
    assert gap(closed=closed, open_end=open_end).found(2, 7, NOW) == asked


def test_redundant_requests() -> None:
    one = gap(redundant=True)
    assert [one.found(2, seq, NOW) for seq in (5, 6)] == [(2, 0), (2, 0)]


def test_redundant_requests_do_not_put_off_the_end_of_patience() -> None:
    one = gap(redundant=True)
    for step in range(11):
        now = NOW + step * PATIENCE_NS // 10
        assert one.found(2, 5 + step, now) == (2, 0)
    assert one.overdue(2, NOW + PATIENCE_NS) == (2, 0)


def test_nothing_is_asked_while_nothing_is_missing() -> None:
    one = gap()
    assert not one.is_open
    assert one.passed(7, NOW) is None
    assert one.overdue(7, NOW + 100 * PATIENCE_NS) is None


# -- chunks ----------------------------------------------------------------------------


def chunked(one: Gap, expected: int, received: int) -> list[tuple[int, int]]:
    """The requests until a peer that sends all it is asked for has filled the gap."""
    one.keep(received, None)
    wanted = one.found(expected, received, NOW)
    asked = []
    while wanted is not None:
        asked.append(wanted)
        begin, end = wanted
        for _ in range(begin, min(end or received - 1, received - 1) + 1):
            expected += 1
            if one.has(expected):
                one.take(expected)
                expected += 1
            wanted = one.passed(expected, NOW)
            if wanted is not None:
                break
        else:
            wanted = None
    assert not one.is_open
    assert expected == received + 1
    return asked


def test_chunks_with_the_last_one_open() -> None:
    assert chunked(gap(5), 4, 15) == [(4, 8), (9, 13), (14, 0)]


def test_chunks_with_the_last_one_open_as_old_versions_say_it() -> None:
    assert chunked(gap(5, open_end=999999), 4, 15)[-1] == (14, 999999)


def test_chunks_with_the_last_one_closed() -> None:
    assert chunked(gap(100, closed=True), 7302, 7601)[-1] == (7502, 7600)
    assert chunked(gap(5, closed=True), 4, 15) == [(4, 8), (9, 13), (14, 14)]


def test_a_gap_of_one_chunk_is_not_divided() -> None:
    assert chunked(gap(5), 4, 9) == [(4, 0)]
    assert chunked(gap(5), 4, 10) == [(4, 8), (9, 0)]


def test_chunks_of_one() -> None:
    assert chunked(gap(1, closed=True), 4, 7) == [(4, 4), (5, 5), (6, 6)]


def test_a_gap_fill_to_the_end_of_a_chunk_leaves_the_next_begin_there() -> None:
    """36=8 for 7=4, 16=8 leaves 8 missing: the next request begins with it."""
    one = gap(5)
    assert one.found(4, 15, NOW) == (4, 8)
    assert one.passed(8, NOW) is None
    assert one.overdue(8, NOW + PATIENCE_NS) == (8, 12)


def test_a_gap_fill_to_the_end_of_a_chunk_may_be_all_that_comes() -> None:
    """As some peers answer: the last of the chunk is asked for with the next one."""
    one = gap(5)
    one.found(4, 15, NOW)
    assert one.passed(8, NOW, filled=True) == (8, 12)
    assert one.passed(8, NOW, filled=True) is None
    assert one.passed(12, NOW, filled=True) == (12, 0)
    assert one.passed(14, NOW, filled=True) is None


def test_a_gap_fill_over_several_chunks() -> None:
    one = gap(5)
    one.found(4, 15, NOW)
    assert one.passed(12, NOW) == (12, 0)
    assert one.passed(15, NOW) is None


# -- behind the gap --------------------------------------------------------------------


def test_another_gap_behind_the_gap() -> None:
    one = gap(closed=True)
    assert one.found(2, 4, NOW) == (2, 3)
    one.keep(4, None)
    assert one.found(2, 7, NOW) is None
    one.keep(7, None)
    assert one.take(4) is None
    assert one.passed(5, NOW) == (5, 6)
    one.take(7)
    assert one.passed(8, NOW) is None
    assert not one.is_open


def test_what_was_not_kept_is_asked_for_behind_the_gap() -> None:
    """A GapFill above the gap, say: its number is still to come."""
    one = gap(closed=True)
    assert one.found(2, 5, NOW) == (2, 4)
    assert one.passed(5, NOW) == (5, 5)
    assert one.passed(6, NOW) is None


def test_an_open_request_covers_what_was_not_kept() -> None:
    one = gap()
    assert one.found(2, 5, NOW) == (2, 0)
    assert one.passed(5, NOW) is None
    assert one.is_open
    assert one.passed(6, NOW) is None
    assert not one.is_open


def test_a_jump_beyond_everything_closes_it() -> None:
    """SequenceReset-Reset: what was kept below is of the past."""
    one = gap()
    one.found(2, 5, NOW)
    one.keep(5, message(5))
    one.keep(6, None)
    assert one.passed(100, NOW) is None
    assert not one.is_open
    assert not one.has(5)
    assert not one.has(6)


# -- patience --------------------------------------------------------------------------


def test_t4_the_same_range_is_asked_for_three_times() -> None:
    one = gap()
    asked = [one.found(2, 5, NOW)]
    for n in range(1, ALIKE_REQUESTS_MAX + 1):
        assert not one.is_hopeless
        asked.append(one.overdue(2, NOW + n * PATIENCE_NS))
    assert asked == [(2, 0), (2, 0), (2, 0), None]
    assert one.is_hopeless


def test_t12_progress_renews_patience() -> None:
    one = gap()
    one.found(2, 50, NOW)
    for n in range(1, 40):
        now = NOW + n * (PATIENCE_NS - 1)
        assert one.overdue(1 + n, now) is None
        assert one.passed(2 + n, now) is None


def test_no_progress_renews_nothing() -> None:
    one = gap()
    one.found(2, 50, NOW)
    assert one.passed(2, NOW + PATIENCE_NS - 1) is None
    assert one.overdue(2, NOW + PATIENCE_NS) == (2, 0)


def test_progress_after_asking_again_is_a_new_beginning() -> None:
    one = gap()
    one.found(2, 50, NOW)
    one.overdue(2, NOW + PATIENCE_NS)
    one.overdue(2, NOW + 2 * PATIENCE_NS)
    one.passed(3, NOW + 2 * PATIENCE_NS)
    assert one.overdue(3, NOW + 3 * PATIENCE_NS) == (3, 0)
    assert one.overdue(3, NOW + 4 * PATIENCE_NS) == (3, 0)
    assert one.overdue(3, NOW + 5 * PATIENCE_NS) is None
    assert one.is_hopeless


def test_a_promised_replay_is_asked_for_when_it_does_not_begin() -> None:
    one = gap()
    one.keep(9, None)
    one.promised(2, 9, NOW)
    assert one.is_open
    assert one.found(2, 10, NOW) is None
    assert one.overdue(2, NOW + PATIENCE_NS - 1) is None
    assert one.overdue(2, NOW + PATIENCE_NS) == (2, 0)


def test_a_promised_replay_that_comes() -> None:
    one = gap()
    one.keep(4, None)
    one.promised(2, 4, NOW)
    assert one.passed(3, NOW) is None
    one.take(4)
    assert one.passed(5, NOW) is None
    assert not one.is_open


def test_cleared() -> None:
    one = gap()
    one.keep(5, message(5))
    one.found(2, 5, NOW)
    one.overdue(2, NOW + PATIENCE_NS)
    one.clear()
    assert not one.is_open
    assert not one.has(5)
    assert one.found(1, 3, NOW) == (1, 0)
    assert one.passed(4, NOW) is None
    assert not one.is_open, "what was found before is forgotten"


# -- t8: bounds ------------------------------------------------------------------------


def test_t8_the_number_of_early_messages_is_bounded() -> None:
    one = gap()
    for seq in range(5, 5 + EARLY_MESSAGES_MAX + 10):
        one.keep(seq, None)
    assert one.has(5 + EARLY_MESSAGES_MAX - 1)
    assert not one.has(5 + EARLY_MESSAGES_MAX)


def test_t8_the_bytes_of_early_messages_are_bounded() -> None:
    one = gap()
    big = message(5, EARLY_BYTES_MAX // 4)
    for seq in range(5, 12):
        one.keep(seq, big)
    assert [one.has(seq) for seq in range(5, 12)] == [True] * 3 + [False] * 4
    assert one.take(5) is big
    one.keep(8, big)
    assert one.has(8), "what was taken makes room"


def test_t8_the_tail_makes_room_for_what_is_needed_earlier() -> None:
    one = gap()
    big = message(5, EARLY_BYTES_MAX // 4)
    for seq in (30, 20, 10, 5):
        one.keep(seq, big)
    assert [one.has(seq) for seq in (5, 10, 20, 30)] == [True, True, True, False]


def test_t8_what_was_dropped_is_asked_for_in_the_end() -> None:
    one = gap(closed=True)
    assert one.found(2, 3, NOW) == (2, 2)
    last = 3 + EARLY_MESSAGES_MAX + 5
    for seq in range(3, last + 1):
        one.keep(seq, None)
        one.found(2, seq, NOW)
    expected = 3
    while one.has(expected):
        one.take(expected)
        expected += 1
    assert one.passed(expected, NOW) == (expected, last)


def test_kept_once() -> None:
    one = gap()
    first = message(5)
    one.keep(5, first)
    one.keep(5, message(5, 100))
    assert one.take(5) is first
    assert one._early_bytes == 0


# -- any peer --------------------------------------------------------------------------


PEER = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.integers(1, 8)),
        st.tuples(st.just("live"), st.integers(1, 4)),
        st.tuples(st.just("fill"), st.integers(1, 9)),
        st.tuples(st.just("silence"), st.integers(1, 15)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(
    steps=PEER,
    chunk=st.integers(0, 4),
    closed=st.booleans(),
    early_max=st.integers(1, 12),
)
def test_any_peer(
    steps: list[tuple[str, int]], chunk: int, closed: bool, early_max: int
) -> None:
    """However the peer answers: one range at a time, no request without reason, never
    more kept than allowed, no more than three alike, and once the peer answers all it
    is asked for, nothing is missing."""
    limit = module.EARLY_MESSAGES_MAX
    module.EARLY_MESSAGES_MAX = early_max
    try:
        _Peer(gap(chunk, closed=closed)).play(steps)
    finally:
        module.EARLY_MESSAGES_MAX = limit


class _Peer:
    """What a session does around the gap, and a peer that answers as it is told."""

    def __init__(self, one: Gap) -> None:
        self.gap = one
        self.expected = 1
        self.sent = 0
        self.now = NOW
        self.request: tuple[int, int] | None = None
        self.alike = 0

    def play(self, steps: list[tuple[str, int]]) -> None:
        for what, count in steps:
            if self.gap.is_hopeless:
                return
            if what == "live":
                self.sent += count
                self.receive(self.sent)
            elif what == "silence":
                self.now += count * PATIENCE_NS // 10
                self.ask(self.gap.overdue(self.expected, self.now), again=True)
            elif self.request is not None and what == "answer":
                self.answer(count)
            elif self.request is not None:
                self.fill(count)
        for _ in range(3 * self.sent):
            if not self.gap.is_open:
                break
            if self.request is None:
                self.now += PATIENCE_NS
                self.ask(self.gap.overdue(self.expected, self.now), again=True)
            if self.gap.is_hopeless:
                return
            self.answer(self.sent)
        assert not self.gap.is_open
        assert self.expected == self.sent + 1

    def ask(self, wanted: tuple[int, int] | None, *, again: bool = False) -> None:
        if wanted is None:
            return
        begin, end = wanted
        assert begin == self.expected
        assert begin <= (end or self.sent) <= self.sent
        self.alike = self.alike + 1 if again else 1
        assert self.alike <= ALIKE_REQUESTS_MAX
        self.request = wanted

    def receive(self, seq: int) -> None:
        if seq > self.expected:
            self.gap.keep(seq, None)
            assert len(self.gap._early) <= module.EARLY_MESSAGES_MAX
            self.ask(self.gap.found(self.expected, seq, self.now))
        elif seq == self.expected:
            self.advance(seq + 1)

    def advance(self, expected: int, *, filled: bool = False) -> None:
        self.expected = expected
        self.alike = 0
        while self.gap.has(self.expected):
            self.gap.take(self.expected)
            self.expected += 1
        self.ask(self.gap.passed(self.expected, self.now, filled))

    def answer(self, count: int) -> None:
        """The next so many messages of what was asked for."""
        assert self.request is not None
        begin, end = request = self.request
        for seq in range(begin, min(begin + count - 1, end or self.sent) + 1):
            self.receive(seq)
            if self.request is not request:
                return
        self.request = None

    def fill(self, count: int) -> None:
        """A GapFill, perhaps beyond what was asked for."""
        begin = self.expected
        self.request = None
        self.advance(min(begin + count, self.sent + 1), filled=True)
