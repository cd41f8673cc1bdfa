"""The throttle: a bucket of integers, and the ladder above it."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.session.throttle import FREE_MSG_TYPES, NS_PER_S, Bucket, Grant, Throttle

PASS, REJECT, LOGOUT = Grant.PASS, Grant.REJECT, Grant.LOGOUT
START_NS = 1_767_000_000 * NS_PER_S


def grants(throttle: Throttle, count: int, now_ns: int, kind: str = "D") -> list[Grant]:
    """What so many messages at one moment get."""
    return [throttle.take(kind, now_ns) for _ in range(count)]


def test_a_burst_passes_and_the_next_is_rejected() -> None:
    throttle = Throttle(10, 3, 0)
    assert grants(throttle, 5, START_NS) == [PASS] * 3 + [REJECT] * 2


def test_without_a_burst_a_second_may_come_at_once() -> None:
    assert grants(Throttle(4, 0, 0), 5, START_NS) == [PASS] * 4 + [REJECT]


def test_tokens_come_back_evenly_and_to_the_nanosecond() -> None:
    throttle = Throttle(3, 1, 0)
    assert grants(throttle, 2, START_NS) == [PASS, REJECT]
    third = START_NS + NS_PER_S // 3
    assert throttle.take("D", third) is REJECT, "a third of a second is not over"
    assert throttle.take("D", third + 1) is PASS


def test_no_more_than_the_burst_gathers() -> None:
    throttle = Throttle(10, 3, 0)
    grants(throttle, 3, START_NS)
    assert grants(throttle, 4, START_NS + 3600 * NS_PER_S) == [PASS] * 3 + [REJECT]


def test_off_by_default() -> None:
    assert set(grants(Throttle(0, 0, 0), 1000, START_NS)) == {PASS}
    assert set(grants(Throttle(0, 5, 5), 1000, START_NS)) == {PASS}


@pytest.mark.parametrize("kind", sorted(FREE_MSG_TYPES))
def test_cancels_and_session_level_messages_are_free(kind: str) -> None:
    """They neither wait for tokens nor use them up."""
    throttle = Throttle(1, 2, 1)
    assert set(grants(throttle, 100, START_NS, kind)) == {PASS}
    assert grants(throttle, 4, START_NS) == [PASS, PASS, REJECT, LOGOUT]
    assert set(grants(throttle, 100, START_NS, kind)) == {PASS}


def test_cancels_are_free() -> None:
    assert {"F", "q"} <= FREE_MSG_TYPES
    assert not FREE_MSG_TYPES & {"D", "G", "V", "8", "AE"}


def test_the_ladder_rejects_and_then_logs_out() -> None:
    throttle = Throttle(1, 1, 3)
    assert grants(throttle, 5, START_NS) == [PASS, REJECT, REJECT, REJECT, LOGOUT]


def test_rejects_alone_when_no_number_of_them_is_set() -> None:
    assert LOGOUT not in grants(Throttle(1, 1, 0), 10_000, START_NS)


def test_a_steady_offender_climbs_although_some_pass() -> None:
    """Twice the rate: every other message passes, which forgives nothing."""
    throttle = Throttle(10, 2, 5)
    seen = [throttle.take("D", START_NS + n * NS_PER_S // 20) for n in range(40)]
    assert seen.index(LOGOUT) < 20
    assert seen[: seen.index(LOGOUT)].count(REJECT) == 5


def test_who_pauses_is_forgiven() -> None:
    throttle = Throttle(10, 2, 2)
    assert grants(throttle, 4, START_NS) == [PASS, PASS, REJECT, REJECT]
    later = START_NS + NS_PER_S // 5
    assert grants(throttle, 5, later) == [PASS, PASS, REJECT, REJECT, LOGOUT]


def test_a_pause_that_is_too_short_forgives_nothing() -> None:
    throttle = Throttle(10, 2, 2)
    grants(throttle, 4, START_NS)
    assert grants(throttle, 2, START_NS + NS_PER_S // 10) == [PASS, LOGOUT]


def test_after_the_logout_the_ladder_begins_anew_but_not_the_bucket() -> None:
    throttle = Throttle(1, 1, 1)
    assert grants(throttle, 3, START_NS) == [PASS, REJECT, LOGOUT]
    assert grants(throttle, 2, START_NS) == [REJECT, LOGOUT]


def test_a_clock_that_is_set_back_brings_nothing_and_takes_nothing() -> None:
    bucket = Bucket(1, NS_PER_S, 2)
    assert bucket.take(START_NS)
    assert bucket.take(START_NS - 3600 * NS_PER_S)
    assert not bucket.take(START_NS - 3600 * NS_PER_S)
    assert bucket.take(START_NS - 3599 * NS_PER_S)


def test_full_is_known() -> None:
    bucket = Bucket(2, NS_PER_S, 2)
    assert bucket.is_full(START_NS)
    bucket.take(START_NS)
    assert not bucket.is_full(START_NS + NS_PER_S // 2 - 1)
    assert bucket.is_full(START_NS + NS_PER_S // 2)


@given(
    rate=st.integers(1, 1000),
    size=st.integers(1, 50),
    waits=st.lists(st.integers(0, 2 * NS_PER_S), max_size=60),
)
def test_the_bucket_is_exact(rate: int, size: int, waits: list[int]) -> None:
    """Against a model in fractions."""
    bucket, level, now_ns = Bucket(rate, NS_PER_S, size), Fraction(size), START_NS
    for wait in waits:
        now_ns += wait
        level = min(Fraction(size), level + Fraction(wait * rate, NS_PER_S))
        granted = level >= 1
        level -= granted
        assert bucket.take(now_ns) is granted


@given(
    rate=st.integers(1, 100),
    burst=st.integers(0, 20),
    waits=st.lists(st.integers(0, NS_PER_S), max_size=100),
)
def test_never_more_in_any_time_than_burst_and_rate_allow(
    rate: int, burst: int, waits: list[int]
) -> None:
    throttle, now_ns, passed = Throttle(rate, burst, 0), START_NS, []
    for wait in waits:
        now_ns += wait
        if throttle.take("D", now_ns) is PASS:
            passed.append(now_ns)
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            span = passed[last] - begin
            allowed = (burst or rate) + span * rate // NS_PER_S
            assert last - first + 1 <= allowed
