"""Claims of client order ids: new, the same, or another order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.sidedoor.idempotency import NS_PER_DAY, Claim, Claims, expires_ns
from tests.sidedoor import redis_tools

HOUR = NS_PER_DAY // 24
NOON = 20_000 * NS_PER_DAY + 12 * HOUR
NEW, SAME, DIFFERENT = Claim.NEW, Claim.SAME, Claim.DIFFERENT


def claim(
    claims: Claims,
    fingerprint: bytes = b"buy 1",
    client_order_id: str = "A-1",
    account: str = "ALICE",
    now_ns: int = NOON,
) -> Claim:
    return asyncio.run(claims.claim(account, client_order_id, fingerprint, now_ns))


# -- memory ----------------------------------------------------------------------------


def test_the_first_claim_is_new() -> None:
    claims = Claims(0)
    assert claim(claims, b"buy 1") is NEW
    assert claim(claims, b"buy 1") is SAME
    assert claim(claims, b"buy 2") is DIFFERENT
    assert claim(claims, b"buy 1") is SAME


def test_accounts_have_their_own_identifiers() -> None:
    claims = Claims(0)
    assert claim(claims, b"buy 1", account="ALICE") is NEW
    assert claim(claims, b"buy 2", account="BOB") is NEW
    assert claim(claims, b"buy 1", client_order_id="a-1") is NEW


def test_what_was_never_submitted_can_be_claimed_again() -> None:
    claims = Claims(0)
    assert claim(claims, b"buy 1") is NEW
    asyncio.run(claims.release("ALICE", "A-1"))
    assert len(claims) == 0
    assert claim(claims, b"buy 2") is NEW
    asyncio.run(claims.release("ALICE", "unknown"))
    assert claim(claims, b"buy 1") is DIFFERENT


@pytest.mark.parametrize(
    ("now", "ends", "expires"),
    [
        (NOON, 0, NOON + 36 * HOUR),
        (NOON, 17 * HOUR, NOON + 29 * HOUR),
        (NOON, 12 * HOUR, NOON + 48 * HOUR),
        (NOON - 1, 12 * HOUR, NOON + 24 * HOUR),
        (NOON, 11 * HOUR, NOON + 47 * HOUR),
    ],
)
def test_a_claim_lasts_a_day_longer_than_its_trading_day(
    now: int, ends: int, expires: int
) -> None:
    assert expires_ns(now, ends) == expires
    claims = Claims(ends)
    assert claim(claims, now_ns=now) is NEW
    assert claim(claims, now_ns=expires - 1) is SAME
    assert claim(claims, now_ns=expires) is NEW


@given(st.integers(0, 2**62), st.integers(0, NS_PER_DAY - 1))
def test_a_claim_outlives_its_day_by_a_day_and_no_more(now: int, ends: int) -> None:
    expires = expires_ns(now, ends)
    assert NS_PER_DAY < expires - now <= 2 * NS_PER_DAY
    assert expires % NS_PER_DAY == ends


def test_expired_claims_are_dropped() -> None:
    claims = Claims(0)
    for number in range(100):
        claim(claims, client_order_id=f"A-{number}")
    later = expires_ns(NOON, 0)
    for number in range(30):
        claim(claims, client_order_id=f"B-{number}", now_ns=later)
    assert len(claims) == 30


def test_the_memory_is_bounded_and_forgets_the_oldest() -> None:
    claims = Claims(0, claims_max=10)
    for number in range(25):
        assert claim(claims, client_order_id=f"A-{number}") is NEW
        assert len(claims) <= 10
    assert claim(claims, client_order_id="A-15") is SAME
    assert claim(claims, client_order_id="A-14") is NEW


def test_of_many_at_once_one_is_new() -> None:
    claims = Claims(0)

    async def run() -> list[Claim]:
        return await asyncio.gather(
            *(claims.claim("ALICE", "A-1", b"buy 1", NOON) for _ in range(20))
        )

    assert sorted(asyncio.run(run())) == [NEW] + [SAME] * 19


# -- Redis -----------------------------------------------------------------------------


def test_side_doors_with_one_redis_share_claims(redis_server: Any) -> None:
    url = redis_tools.empty(redis_server)

    async def run() -> None:
        async with redis_tools.state(url) as first, redis_tools.state(url) as second:
            one, two = Claims(0, first), Claims(0, second)
            assert await one.claim("ALICE", "A-1", b"buy 1", NOON) is NEW
            assert await two.claim("ALICE", "A-1", b"buy 1", NOON) is SAME
            assert await two.claim("ALICE", "A-1", b"buy 2", NOON) is DIFFERENT
            # Who did not make a claim cannot take it back.
            await two.release("ALICE", "A-1")
            assert await two.claim("ALICE", "A-1", b"buy 2", NOON) is DIFFERENT
            await one.release("ALICE", "A-1")
            assert await two.claim("ALICE", "A-1", b"buy 2", NOON) is NEW
            assert await one.claim("ALICE", "A-1", b"buy 1", NOON) is DIFFERENT
            # A side door that starts anew knows what the others know.
            assert await Claims(0, first).claim("ALICE", "A-1", b"buy 2", NOON) is SAME
            left: Any = await first.call(lambda c: c.pttl("fixgw:claim:ALICE:A-1"))
            assert 0 <= 36 * HOUR // 1_000_000 - left < 60_000

    asyncio.run(run())


def test_a_release_takes_back_no_claim_of_another(redis_server: Any) -> None:
    """Redis has forgotten, and another side door has claimed meanwhile."""
    url = redis_tools.empty(redis_server)

    async def run() -> None:
        async with redis_tools.state(url) as way:
            one, two = Claims(0, way), Claims(0, way)
            assert await one.claim("ALICE", "A-1", b"buy 1", NOON) is NEW
            redis_tools.empty(redis_server)
            assert await two.claim("ALICE", "A-1", b"buy 2", NOON) is NEW
            await one.release("ALICE", "A-1")
            assert await Claims(0, way).claim("ALICE", "A-1", b"buy 2", NOON) is SAME

    asyncio.run(run())


def test_of_many_at_many_side_doors_one_is_new(redis_server: Any) -> None:
    url = redis_tools.empty(redis_server)

    async def run() -> None:
        async with redis_tools.state(url) as first, redis_tools.state(url) as second:
            doors = [Claims(0, first), Claims(0, second)]
            for number in range(30):
                answers = await asyncio.gather(
                    *(
                        doors[turn % 2].claim("ALICE", f"A-{number}", b"buy 1", NOON)
                        for turn in range(10)
                    )
                )
                assert sorted(answers) == [NEW] + [SAME] * 9

    asyncio.run(run())
