"""Rate limits: buckets in memory and in Redis do the same sums."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fixgw.sidedoor.errors import ApiError
from fixgw.sidedoor.limits import (
    CLOCK_STEP_US,
    RATE_MAX,
    TOKEN,
    Bucket,
    Buckets,
    Limits,
    LimitState,
    Rate,
    address_owner,
    retry_after_s,
    spend,
    state_of,
)
from tests.sidedoor import redis_tools

NOW_US = 1_795_212_000_000_000
SECOND = 1_000_000
TEN = Rate(per_second=10, burst=20)


def take(limits: Limits, now_us: int, owner: str = "key", kind: Any = "orders") -> Any:
    """What is left, or the refusal."""
    try:
        return asyncio.run(limits.spend(kind, owner, now_us * 1000 + 999))
    except ApiError as error:
        return error


# -- one bucket ------------------------------------------------------------------------


def test_a_burst_then_the_rate() -> None:
    bucket = None
    for _ in range(20):
        taken, bucket = spend(bucket, TEN, NOW_US)
        assert taken
    assert spend(bucket, TEN, NOW_US) == (False, Bucket(0, NOW_US))
    # A tenth of a second is one token, and a microsecond less is none.
    assert not spend(bucket, TEN, NOW_US + 99_999)[0]
    assert spend(bucket, TEN, NOW_US + 100_000) == (True, Bucket(0, NOW_US + 100_000))


def test_nothing_is_lost_by_asking_often() -> None:
    bucket: Bucket | None = Bucket(0, NOW_US)
    count = 0
    for at_us in range(NOW_US, NOW_US + SECOND + 1, 7_001):
        taken, bucket = spend(bucket, TEN, at_us)
        count += taken
    assert bucket is not None
    assert count * TOKEN + bucket.level == (bucket.at_us - NOW_US) * 10


def test_a_bucket_holds_no_more_than_its_burst() -> None:
    taken, bucket = spend(Bucket(0, NOW_US), TEN, NOW_US + 3600 * SECOND)
    assert (taken, bucket.level) == (True, 19 * TOKEN)


def test_a_clock_that_steps_back_a_little_adds_nothing() -> None:
    """Two side doors whose clocks differ, in turn, must not fill a bucket."""
    bucket: Bucket | None = Bucket(0, NOW_US)
    for _ in range(1000):
        _, bucket = spend(bucket, TEN, NOW_US - 50_000)
        _, bucket = spend(bucket, TEN, NOW_US)
    assert bucket == Bucket(0, NOW_US)


def test_a_clock_that_steps_back_far_does_not_close_the_door() -> None:
    _, bucket = spend(Bucket(0, NOW_US), TEN, NOW_US - CLOCK_STEP_US - 1)
    assert bucket == Bucket(0, NOW_US - CLOCK_STEP_US - 1)
    assert spend(bucket, TEN, bucket.at_us + 100_000)[0]


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0), (RATE_MAX + 1, 1), (1, -5)])
def test_rates_there_cannot_be(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="is not 1 to"):
        Rate(*numbers)


rates = st.builds(Rate, st.integers(1, RATE_MAX), st.integers(1, RATE_MAX))


@given(rates)
@example(Rate(1, RATE_MAX))
@example(Rate(RATE_MAX, RATE_MAX))
def test_every_number_of_a_bucket_is_exact_as_a_double(rate: Rate) -> None:
    assert rate.capacity + rate.full_after_us * rate.per_second < 2**53
    assert rate.full_after_us * rate.per_second >= rate.capacity
    assert (rate.full_after_us - 1) * rate.per_second < rate.capacity
    assert NOW_US * 4 < 2**53


@given(rates, st.data())
def test_what_a_caller_is_told_is_true(rate: Rate, data: st.DataObject) -> None:
    level = data.draw(st.integers(0, rate.capacity))
    state = state_of(Bucket(level, NOW_US), rate)
    assert state.limit == rate.burst
    assert state.remaining == level // TOKEN
    exact_ms = Fraction(rate.capacity - level, rate.per_second * 1000)
    assert exact_ms <= state.reset_ms < exact_ms + 1
    wait_s = retry_after_s(Bucket(level, NOW_US), rate)
    assert spend(Bucket(level, NOW_US), rate, NOW_US + wait_s * SECOND)[0]


@pytest.mark.parametrize(
    ("reset_ms", "shown"), [(0, "0"), (1, "1"), (1000, "1"), (1001, "2")]
)
def test_headers(reset_ms: int, shown: str) -> None:
    assert LimitState(20, 7, reset_ms).headers() == {
        "RateLimit-Limit": "20",
        "RateLimit-Remaining": "7",
        "RateLimit-Reset": shown,
    }


# -- many buckets ----------------------------------------------------------------------


def test_idle_buckets_are_dropped() -> None:
    buckets = Buckets(TEN)
    for number in range(100):
        buckets.spend(f"key{number}", NOW_US)
    assert len(buckets) == 100
    for number in range(60):
        buckets.spend("other", NOW_US + TEN.full_after_us + number)
    assert len(buckets) == 1


def test_there_is_a_limit_to_buckets() -> None:
    buckets = Buckets(TEN, count_max=10)
    for number in range(1000):
        for _ in range(25):
            taken, _ = buckets.spend(f"key{number}", NOW_US)
        assert not taken
        assert len(buckets) <= 10
    # The ones used last are the ones that are left.
    assert not buckets.spend("key999", NOW_US)[0]
    assert not buckets.spend("key990", NOW_US)[0]
    assert buckets.spend("key989", NOW_US)[0]


def test_a_dropped_bucket_was_full_when_it_was_idle() -> None:
    """Dropping gives nobody more than keeping would have."""
    buckets = Buckets(TEN)
    kept = None
    for at_us in (0, 100_000, TEN.full_after_us * 3, TEN.full_after_us * 3 + 1):
        buckets.spend("other", NOW_US + at_us)
        taken, bucket = buckets.spend("key", NOW_US + at_us)
        expected, kept = spend(kept, TEN, NOW_US + at_us)
        assert (taken, bucket) == (expected, kept)


# -- limits of a side door -------------------------------------------------------------


def test_a_caller_sees_what_is_left_and_then_a_refusal() -> None:
    limits = Limits({"orders": Rate(1, 2)})
    assert take(limits, NOW_US) == LimitState(2, 1, 1000)
    assert take(limits, NOW_US) == LimitState(2, 0, 2000)
    refusal = take(limits, NOW_US + 400_000)
    assert (refusal.status, refusal.code) == (429, "RATE_LIMITED")
    assert refusal.message == "more orders than 1 per second; try again in 1 s"
    assert refusal.headers == {
        "RateLimit-Limit": "2",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "2",
        "Retry-After": "1",
    }
    assert take(limits, NOW_US + SECOND) == LimitState(2, 0, 2000)


def test_kinds_and_callers_have_their_own_buckets() -> None:
    limits = Limits({"orders": Rate(1, 1), "reads": Rate(1, 1)})
    assert take(limits, NOW_US).remaining == 0
    assert take(limits, NOW_US, kind="reads").remaining == 0
    assert take(limits, NOW_US, owner="other").remaining == 0
    assert take(limits, NOW_US).code == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:C000:0207", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8:1:2::", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("", "unknown"),
        ("testclient", "unknown"),
        ("1.2.3.4:80", "unknown"),
    ],
)
def test_whose_bucket_an_address_has(address: str, owner: str) -> None:
    assert address_owner(address) == owner


# -- Redis -----------------------------------------------------------------------------

steps = st.lists(
    st.one_of(
        st.integers(0, 400_000),
        st.integers(-2_000_000, 3_000_000),
        st.sampled_from([-CLOCK_STEP_US, -CLOCK_STEP_US - 1, 10**9, 10**14]),
    ),
    min_size=1,
    max_size=25,
)
small = st.builds(Rate, st.integers(1, 50), st.integers(1, 5))


@given(st.lists(st.tuples(st.one_of(small, small, rates), steps), max_size=3))
@example([(Rate(1, 1), [0, 999_999, 1])])
@example([(Rate(RATE_MAX, RATE_MAX), [0] * 9), (Rate(3, 2), [0] * 4)])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_redis_does_the_same_sums(
    redis_server: Any, runs: list[tuple[Rate, list[int]]]
) -> None:
    """Also when the rates change in between, as after a change of the configuration."""
    url = redis_tools.empty(redis_server)

    async def run() -> None:
        bucket: Bucket | None = None
        now_us = NOW_US
        async with redis_tools.state(url) as way:
            for rate, waits in runs:
                limits = Limits({"orders": rate}, way)
                for wait_us in waits:
                    now_us = max(0, now_us + wait_us)
                    buckets = limits._buckets["orders"]
                    answer = await limits._spend("orders", buckets, "key", now_us)
                    expected, bucket = spend(bucket, rate, now_us)
                    assert answer == (expected, bucket)
                    assert buckets._buckets["key"] == bucket

    asyncio.run(run())


def test_side_doors_with_one_redis_share_buckets(redis_server: Any) -> None:
    url = redis_tools.empty(redis_server)

    async def run() -> None:
        async with redis_tools.state(url) as one, redis_tools.state(url) as two:
            doors = [Limits({"orders": Rate(1, 30)}, way) for way in (one, two)]
            answers = await asyncio.gather(
                *(
                    doors[number % 2].spend("orders", "key", NOW_US * 1000)
                    for number in range(50)
                ),
                return_exceptions=True,
            )
            left = [a.remaining for a in answers if isinstance(a, LimitState)]
            assert sorted(left) == list(range(30))
            assert sum(isinstance(answer, ApiError) for answer in answers) == 20

    asyncio.run(run())


def test_buckets_in_redis_do_not_stay_for_ever(redis_server: Any) -> None:
    url = redis_tools.empty(redis_server)

    async def run() -> None:
        async with redis_tools.state(url) as way:
            await Limits({"reads": TEN}, way).spend("reads", "key", NOW_US * 1000)
            left: Any = await way.call(lambda c: c.pttl("fixgw:limit:reads:key"))
            assert 0 < left <= 2_000 + CLOCK_STEP_US // 1000

    asyncio.run(run())


def test_what_is_no_bucket_in_redis_is_a_full_one(redis_server: Any) -> None:
    url = redis_tools.empty(redis_server)

    async def run() -> None:
        async with redis_tools.state(url) as way:
            name = "fixgw:limit:reads:key"
            await way.call(lambda c: c.hset(name, "level", "many"))
            state = await Limits({"reads": TEN}, way).spend("reads", "key", 0)
            assert state.remaining == 19

    asyncio.run(run())
