"""Limits of ResendRequests: each condition by itself, and their order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.session.identity import SessionId
from fixgw.session.policies import ResendOverflow
from fixgw.session.resendlimits import (
    ALIKE_REQUESTS_MAX,
    ALIKE_WINDOW_NS,
    BEGINNINGS_MAX,
    NS_PER_MINUTE,
    PENDING_REQUESTS_MAX,
    Answer,
    ResendLimits,
    Ruling,
)
from fixgw.session.settings import SessionSettings

NOW = 1_767_000_000_000_000_000
LOGOUT = ResendOverflow.LOGOUT


def limits(**more: Any) -> ResendLimits:
    """With these settings; a GapFill for too much, unless they say otherwise."""
    more.setdefault("resend_overflow", ResendOverflow.GAP_FILL)
    session_id = SessionId("FIX.4.4", "EXCHANGE", "CLIENT")
    return ResendLimits(SessionSettings(session_id=session_id, **more))


def served(ruling: Ruling) -> bool:
    """Whether everything is sent that was asked for."""
    return ruling.answer is Answer.SERVE and ruling.messages_end == ruling.end


def test_a_first_request_is_served_whole() -> None:
    assert limits().judge(1, 1_000_000, NOW) == Ruling(
        Answer.SERVE, 1, 1_000_000, 1_000_000
    )


# -- what runs already -----------------------------------------------------------------


def test_the_range_that_is_being_served_is_ignored_and_counted() -> None:
    one = limits()
    ruling = one.judge(1, 9, NOW, [(1, 9)])
    assert (ruling.answer, ruling.messages_end) == (Answer.IGNORE, 0)
    assert one.refused == 1


def test_a_range_that_waits_is_ignored() -> None:
    assert limits().judge(5, 6, NOW, [(1, 9), (5, 6)]).answer is Answer.IGNORE


def test_another_range_may_wait() -> None:
    assert served(limits().judge(1, 8, NOW, [(1, 9)]))


def test_only_a_few_may_wait() -> None:
    under_way = [(n, 100) for n in range(PENDING_REQUESTS_MAX + 1)]
    assert served(limits().judge(50, 60, NOW, under_way[:-1]))
    assert limits().judge(50, 60, NOW, under_way).answer is Answer.IGNORE


def test_what_is_ignored_is_no_loop_and_uses_up_no_allowance() -> None:
    one = limits(resend_requests_per_minute_max=1)
    for _ in range(100):
        one.judge(1, 9, NOW, [(1, 9)])
    assert served(one.judge(1, 9, NOW))


# -- loops -----------------------------------------------------------------------------


def ask_until_refused(one: ResendLimits, *, step_ns: int = 0) -> tuple[int, Ruling]:
    """The same range again and again: how often it was served, and what then."""
    for times in range(100):
        ruling = one.judge(7, 20, NOW + times * step_ns)
        if not served(ruling):
            return times, ruling
    raise AssertionError("never refused")


def test_t4_the_same_range_without_progress_is_filled_over() -> None:
    times, ruling = ask_until_refused(limits())
    assert times == ALIKE_REQUESTS_MAX
    assert (ruling.answer, ruling.messages_end) == (Answer.GAP_FILL, 6)


def test_t4_the_same_range_without_progress_ends_the_session() -> None:
    times, ruling = ask_until_refused(limits(resend_overflow=LOGOUT))
    assert times == ALIKE_REQUESTS_MAX
    assert ruling.answer is Answer.LOGOUT
    assert ruling.text == "ResendRequests from 7 again and again without progress"


def test_an_open_end_that_grows_is_no_progress() -> None:
    one = limits()
    rulings = [one.judge(7, 20 + n, NOW) for n in range(4)]
    assert [ruling.answer for ruling in rulings] == [Answer.SERVE] * 3 + [
        Answer.GAP_FILL
    ]


def test_progress_is_no_loop() -> None:
    one = limits()
    assert all(served(one.judge(7 + n, 2000, NOW)) for n in range(1000))


def test_taking_turns_is_a_loop_too() -> None:
    one = limits()
    begins = [1 + n % 5 for n in range(20)]
    answers = [served(one.judge(begin, 99, NOW)) for begin in begins]
    assert answers == [True] * 15 + [False] * 5


def test_the_memory_of_beginnings_is_bounded() -> None:
    one = limits()
    for n in range(10 * BEGINNINGS_MAX):
        one.judge(n + 1, 1000, NOW)
    assert len(one._beginnings) == BEGINNINGS_MAX


def test_a_replay_a_minute_is_no_loop() -> None:
    one = limits()
    step = ALIKE_WINDOW_NS + 1
    assert all(served(one.judge(7, 20, NOW + n * step)) for n in range(50))
    assert ask_until_refused(limits(), step_ns=ALIKE_WINDOW_NS)[0] == 3


def test_a_loop_is_of_one_connection() -> None:
    one = limits()
    ask_until_refused(one)
    one.clear()
    assert served(one.judge(7, 20, NOW))


# -- caps ------------------------------------------------------------------------------


def test_requests_per_minute() -> None:
    one = limits(resend_requests_per_minute_max=2)
    answers = [one.judge(n, 99, NOW).answer for n in (1, 2, 3)]
    assert answers == [Answer.SERVE, Answer.SERVE, Answer.GAP_FILL]
    assert served(one.judge(4, 99, NOW + NS_PER_MINUTE // 2))
    assert not served(one.judge(5, 99, NOW + NS_PER_MINUTE // 2))


def test_requests_per_minute_end_the_session() -> None:
    one = limits(resend_requests_per_minute_max=1, resend_overflow=LOGOUT)
    one.judge(1, 99, NOW)
    assert one.judge(2, 99, NOW) == Ruling(
        Answer.LOGOUT, 2, 99, 1, "Too many ResendRequests"
    )


def test_a_new_connection_brings_no_new_requests() -> None:
    one = limits(resend_requests_per_minute_max=1)
    one.judge(1, 99, NOW)
    one.clear()
    assert one.judge(1, 99, NOW).answer is Answer.GAP_FILL


@pytest.mark.parametrize(
    ("begin", "end", "messages_end"),
    [(1, 2500, 2500), (1, 2501, 2500), (11, 10_000, 2510), (7, 7, 7)],
)
def test_messages_per_request(begin: int, end: int, messages_end: int) -> None:
    one = limits(resend_messages_max=2500)
    ruling = one.judge(begin, end, NOW)
    assert ruling.answer is Answer.SERVE
    assert (ruling.begin, ruling.end, ruling.messages_end) == (begin, end, messages_end)
    assert one.refused == (messages_end < end)


def test_messages_per_request_end_the_session() -> None:
    one = limits(resend_messages_max=2500, resend_overflow=LOGOUT)
    assert served(one.judge(1, 2500, NOW))
    assert one.judge(2, 2502, NOW) == Ruling(
        Answer.LOGOUT, 2, 2502, 1, "Resend of more than 2500 messages requested"
    )


def test_t9_a_storm_of_huge_requests_is_served_a_few_times() -> None:
    """Ten thousand requests in a second, each for everything, none the same."""
    one = limits(resend_requests_per_minute_max=6, resend_messages_max=100)
    rulings = [
        one.judge(n, 1_000_000, NOW + n * 100_000, [(n - 1, 1_000_000)])
        for n in range(1, 10_001)
    ]
    sent = sum(ruling.messages_end - ruling.begin + 1 for ruling in rulings)
    assert sent == 6 * 100
    assert one.refused == 10_000


@given(
    requests=st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 30), st.integers(0, 10**11)),
        max_size=60,
    ),
    messages_max=st.integers(0, 12),
    per_minute=st.integers(0, 4),
    overflow=st.sampled_from(ResendOverflow),
)
def test_any_requests(
    requests: list[tuple[int, int, int]],
    messages_max: int,
    per_minute: int,
    overflow: ResendOverflow,
) -> None:
    """The range is never changed, the messages never exceed it or the cap, and the
    policy decides between a GapFill and a Logout."""
    one = limits(
        resend_messages_max=messages_max,
        resend_requests_per_minute_max=per_minute,
        resend_overflow=overflow,
    )
    now = NOW
    refused = 0
    for begin, more, wait in requests:
        now += wait
        ruling = one.judge(begin, begin + more, now)
        assert (ruling.begin, ruling.end) == (begin, begin + more)
        assert begin - 1 <= ruling.messages_end <= ruling.end
        if messages_max:
            assert ruling.messages_end - begin < messages_max
        assert (ruling.answer is Answer.SERVE) == (ruling.messages_end >= begin)
        if ruling.answer is Answer.LOGOUT:
            assert overflow is LOGOUT
            assert ruling.text
        elif not served(ruling):
            assert overflow is not LOGOUT
        refused += not served(ruling)
    assert one.refused == refused
