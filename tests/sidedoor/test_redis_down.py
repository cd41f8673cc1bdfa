"""Redis killed, hanging, started again: the side door goes on, and says so."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixgw.config import Config, Redis
from fixgw.sidedoor import guard as guard_module
from fixgw.sidedoor import keyring, redis_state
from fixgw.sidedoor.errors import ApiError
from fixgw.sidedoor.guard import Caller, Guard
from fixgw.sidedoor.idempotency import Claim, Claims
from fixgw.sidedoor.keyring import KeyRing
from fixgw.sidedoor.keys import KeysUnavailable, Role, new_key
from fixgw.sidedoor.limits import Limits, Rate
from fixgw.sidedoor.redis_keys import RedisKeys, RedisSource
from fixgw.sidedoor.redis_state import (
    CONNECTIONS_MAX,
    PREFIX,
    RedisDown,
    RedisState,
    shown,
)
from fixgw.sidedoor.replays import SeenSignatures
from fixgw.sidedoor.signing import signed_headers
from tests.sidedoor import redis_tools
from tests.sidedoor.redis_tools import until_down, until_up

NOON_NS = 20_000 * 86_400 * 1_000_000_000 + 43_200 * 1_000_000_000
SECRET_URL = "redis://user:hunter2@127.0.0.1:1/0?password=hunter3"

BOUND_S = 2.0
"""What one request may take while Redis hangs: one timeout of 250 ms, and as much again
several times over for a machine that is busy with other things."""


@pytest.fixture
def server(redis_server: Any) -> Any:
    """A Redis that may be killed and holds nothing of ours."""
    redis_tools.empty(redis_server)
    return redis_server


@pytest.fixture
def door(server: Any, tmp_path: Path) -> Door:
    return Door(server, tmp_path)


class Door:
    """The guard of a side door, as the process makes it, and a key in Redis."""

    def __init__(self, server: Any, folder: Path) -> None:
        nowhere = folder / "nowhere"
        config = Config(nowhere, nowhere, nowhere, folder, redis=Redis(server.url))
        side_door = replace(
            config.sidedoor,
            keys=folder / "keys.json",
            orders_per_second=1000,
            orders_burst=1000,
        )
        self.config = replace(config, sidedoor=side_door)
        self.key = new_key("ALICE", Role.TRADE, "", 1)
        store = RedisKeys(server.url)
        store.add(self.key)
        store.close()
        self.slowest_s = 0.0
        self.number = 0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Guard]:
        guard = Guard.open(self.config)
        try:
            yield guard
        finally:
            await guard.close()

    async def request(self, guard: Guard) -> Caller:
        """All that an order asks of the guard; how long is noted."""
        self.number += 1
        number = self.number
        now_ns = time.time_ns()
        headers = signed_headers(
            self.key.key_id,
            self.key.secret,
            now_ns // 1_000_000,
            "POST",
            "/v1/orders",
            body=b"%d" % number,
        )
        began = time.monotonic()
        caller = await guard.authenticate(
            headers, "POST", "/v1/orders", "", b"%d" % number, now_ns
        )
        await guard.spend(caller, "orders", now_ns)
        verdict = await guard.claim(caller.account, f"A-{number}", b"buy")
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        assert verdict is Claim.NEW
        return caller


def redis_of(guard: Guard) -> RedisState:
    assert guard._redis is not None
    return guard._redis


# -- the whole guard -------------------------------------------------------------------


def test_a_redis_that_hangs_costs_one_timeout_and_then_nothing(
    door: Door, server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> tuple[float, float]:
        async with door.open() as guard:
            await door.request(guard)
            assert guard.health() == []
            server.pause()
            await asyncio.gather(*(door.request(guard) for _ in range(40)))
            first_s = door.slowest_s
            assert guard.health() == [
                f"redis at {shown(server.url)} is down: no answer within 250 ms; "
                "limits, replays and claims are those of this process alone"
            ]
            # Longer than the breaker waits between two tries.
            door.slowest_s = 0.0
            until = time.monotonic() + 2.5
            while time.monotonic() < until or door.number <= 200:
                await door.request(guard)
                await asyncio.sleep(0.002)
            later_s = door.slowest_s
            server.resume()
            await until_up(redis_of(guard))
            await door.request(guard)
            assert redis_of(guard).up
            return first_s, later_s

    first_s, later_s = asyncio.run(run())
    assert first_s < BOUND_S
    # Nobody waits for Redis any more: a tenth of what a timeout would be, and some.
    assert later_s < BOUND_S
    lines = [r.getMessage() for r in caplog.records if r.name == redis_state.__name__]
    assert [line.split(" is ")[1][:4] for line in lines] == ["down", "back"]
    assert door.key.secret not in caplog.text


def test_requests_during_a_hang_take_no_time(door: Door, server: Any) -> None:
    """The median of many, which a busy machine does not move."""
    times = []

    async def run() -> None:
        async with door.open() as guard:
            await door.request(guard)
            server.pause()
            await door.request(guard)
            for _ in range(200):
                door.slowest_s = 0.0
                await door.request(guard)
                times.append(door.slowest_s)

    asyncio.run(run())
    assert sorted(times)[100] < 0.05, "a fifth of a timeout"


def test_health_is_up_to_date_while_nobody_asks(door: Door, server: Any) -> None:
    async def run() -> None:
        async with door.open() as guard, asyncio.timeout(40):
            guard.start()
            server.kill()
            while guard.redis_up:
                await asyncio.sleep(0.01)
            while len(guard.health()) < 2:
                await asyncio.sleep(0.01)
            server.start()
            while not guard.redis_up:
                await asyncio.sleep(0.01)

    asyncio.run(run())
    assert Guard.open(replace(door.config, redis=Redis(""))).redis_up is None


def test_killed_and_started_again(door: Door, server: Any) -> None:
    async def run() -> None:
        async with door.open() as guard:
            for _ in range(3):
                await door.request(guard)
                server.kill()
                for _ in range(20):
                    await door.request(guard)
                assert len(guard.health()) >= 1
                server.start()
                await until_up(redis_of(guard))
                await door.request(guard)
                assert redis_of(guard).up

    asyncio.run(run())
    assert door.slowest_s < BOUND_S


def test_known_callers_are_let_in_and_unknown_ones_told_why(
    door: Door, server: Any
) -> None:
    async def run() -> None:
        async with door.open() as guard:
            await door.request(guard)
            server.kill()
            await door.request(guard)
            async with door.open() as another:
                with pytest.raises(ApiError) as caught:
                    await door.request(another)
                assert (caught.value.status, caught.value.code) == (
                    503,
                    "KEYS_UNAVAILABLE",
                )
                assert caught.value.headers == {"Retry-After": "1"}
                assert another.health()[0].endswith("; no key is known")

    asyncio.run(run())


def test_keys_that_cannot_be_compared_for_long_are_not_accepted(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "POLL_S", 0.0)
    key = new_key("ALICE", Role.TRADE, "", 1)
    store = RedisKeys(server.url)
    store.add(key)
    store.close()

    async def run() -> None:
        async with redis_tools.state(server.url) as way:
            ring = KeyRing(RedisSource(way), stale_s_max=2.0)
            assert await ring.find(key.key_id) == key
            server.kill()
            assert await ring.find(key.key_id) == key
            began = time.monotonic()
            with contextlib.suppress(KeysUnavailable):
                while time.monotonic() - began < 10:
                    await ring.find(key.key_id)
                    await asyncio.sleep(0.01)
            assert time.monotonic() - began < 10
            server.start()
            await until_up(way)
            # Whether it kept its data or not: the keys are in force again once read.
            redis_tools.empty(server)
            with pytest.raises(
                KeysUnavailable, match="has lost them: restore its data"
            ):
                await ring.find(key.key_id)
            store = RedisKeys(server.url)
            store.add(key)
            store.close()
            assert await ring.find(key.key_id) == key

    asyncio.run(run())


def test_a_disabled_key_is_refused_after_an_outage(door: Door, server: Any) -> None:
    async def run() -> None:
        async with door.open() as guard:
            caller = await door.request(guard)
            server.pause()
            await door.request(guard)
            server.resume()
            await until_up(redis_of(guard))
            store = RedisKeys(server.url)
            store.set_disabled(door.key.key_id, True)
            store.close()
            began = time.monotonic()
            while await guard.still_valid(caller):
                assert time.monotonic() - began < 10
                await asyncio.sleep(0.01)
            with pytest.raises(ApiError) as caught:
                await door.request(guard)
            assert caught.value.code == "KEY_DISABLED"

    asyncio.run(run())


# -- what each part knows without Redis ------------------------------------------------


def test_signatures_seen_before_stay_seen(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url) as way:
            seen = SeenSignatures(5000, way)
            await seen.first("key", b"1" * 32, NOON_NS)
            server.kill()
            await until_down(way)
            await seen.first("key", b"2" * 32, NOON_NS)
            for number in (b"1", b"2"):
                with pytest.raises(ApiError) as caught:
                    await seen.first("key", number * 32, NOON_NS)
                assert caught.value.code == "REPLAYED"

    asyncio.run(run())


def test_a_signature_whose_answer_was_lost_is_no_replay(server: Any) -> None:
    """SET NX reaches Redis and its answer comes too late: taken once, not refused."""

    async def run() -> None:
        async with redis_tools.state(server.url, timeout_s=0.5) as way:
            seen = SeenSignatures(5000, way)
            await seen.first("key", b"0" * 32, NOON_NS)
            server.pause()
            await seen.first("key", b"1" * 32, NOON_NS)
            server.resume()
            await until_up(way)
            names: Any = await way.call(lambda client: client.keys("fixgw:seen:*"))
            assert len(names) == 2

    asyncio.run(run())


def test_copies_that_come_while_redis_hangs_pass_once(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url, timeout_s=0.5) as way:
            seen = SeenSignatures(5000, way)
            await seen.first("key", b"0" * 32, NOON_NS)
            server.pause()
            answers = await asyncio.gather(
                *(seen.first("key", b"1" * 32, NOON_NS) for _ in range(10)),
                return_exceptions=True,
            )
            codes = [getattr(answer, "code", "first") for answer in answers]
            assert sorted(codes) == ["REPLAYED"] * 9 + ["first"]

    asyncio.run(run())


def test_an_answer_lost_with_its_connection_is_no_replay(server: Any) -> None:
    """Nothing is sent a second time: it would find what the first time left."""

    async def run() -> None:
        async with (
            redis_tools.lossy(server.url) as (url, lose),
            redis_tools.state(url) as way,
            redis_tools.state(server.url) as direct,
        ):
            seen = SeenSignatures(5000, way)
            await seen.first("key", b"0" * 32, NOON_NS)
            lose()
            await seen.first("key", b"1" * 32, NOON_NS)
            assert not way.up
            names: Any = await direct.call(lambda client: client.keys("fixgw:seen:*"))
            assert len(names) == 2
            await until_up(way)

    asyncio.run(run())


def test_buckets_go_on_from_where_redis_left_them(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url) as way:
            limits = Limits({"orders": Rate(1, 10)}, way)
            for left in range(9, 4, -1):
                state = await limits.spend("orders", "key", NOON_NS)
                assert state.remaining == left
            server.kill()
            await until_down(way)
            for left in range(4, -1, -1):
                state = await limits.spend("orders", "key", NOON_NS)
                assert state.remaining == left
            with pytest.raises(ApiError, match="more orders than 1 per second"):
                await limits.spend("orders", "key", NOON_NS)

    asyncio.run(run())


def test_claims_made_before_are_known_and_new_ones_too(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url) as way:
            claims = Claims(0, way)
            assert await claims.claim("ALICE", "A-1", b"buy", NOON_NS) is Claim.NEW
            server.kill()
            await until_down(way)
            assert await claims.claim("ALICE", "A-1", b"buy", NOON_NS) is Claim.SAME
            assert await claims.claim("ALICE", "A-2", b"buy", NOON_NS) is Claim.NEW
            assert await claims.claim("ALICE", "A-2", b"x", NOON_NS) is Claim.DIFFERENT

    asyncio.run(run())


def test_of_many_claims_while_redis_goes_away_one_is_new(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url, timeout_s=0.25) as way:
            claims = Claims(0, way)
            for number in range(20):
                asked = [
                    asyncio.ensure_future(
                        claims.claim("ALICE", f"A-{number}", b"buy", NOON_NS)
                    )
                    for _ in range(10)
                ]
                if number % 4 == 1:
                    server.pause()
                answers = await asyncio.gather(*asked)
                assert sorted(answers) == [Claim.NEW] + [Claim.SAME] * 9
                server.resume()
                await until_up(way)

    asyncio.run(run())


def test_a_release_is_told_to_redis_when_it_is_back(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url, timeout_s=0.5) as way:
            claims = Claims(0, way)
            assert await claims.claim("ALICE", "A-1", b"buy", NOON_NS) is Claim.NEW
            server.pause()
            # This claim is in no answer, but Redis does it when it wakes up.
            assert await claims.claim("ALICE", "A-2", b"buy", NOON_NS) is Claim.NEW
            await claims.release("ALICE", "A-1")
            await claims.release("ALICE", "A-2")
            server.resume()
            await until_up(way)
            for number in (1, 2):
                again = await claims.claim("ALICE", f"A-{number}", b"sell", NOON_NS)
                assert again is Claim.NEW
            # Not given back once more by a release that is late.
            assert (
                await Claims(0, way).claim("ALICE", "A-1", b"sell", NOON_NS)
                is Claim.SAME
            )

    asyncio.run(run())


def test_a_claim_made_again_is_not_given_back_by_a_late_release(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url, timeout_s=0.5) as way:
            claims = Claims(0, way)
            assert await claims.claim("ALICE", "A-1", b"buy", NOON_NS) is Claim.NEW
            server.pause()
            # Known to be down: a release that is sent may still be done on waking up.
            await until_down(way)
            await claims.release("ALICE", "A-1")
            assert await claims.claim("ALICE", "A-1", b"buy", NOON_NS) is Claim.NEW
            server.resume()
            await until_up(way)
            assert await claims.claim("ALICE", "A-2", b"buy", NOON_NS) is Claim.NEW
            other = Claims(0, way)
            assert await other.claim("ALICE", "A-1", b"buy", NOON_NS) is Claim.SAME

    asyncio.run(run())


# -- the breaker -----------------------------------------------------------------------


def test_while_redis_is_down_nobody_asks_it(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url, retry_s=60) as way:
            assert await way.call(lambda client: client.ping())
            server.kill()
            with pytest.raises(RedisDown):
                await way.call(lambda client: client.ping())
            asked = 0

            async def action(client: Any) -> None:
                nonlocal asked
                asked += 1

            for _ in range(100):
                with pytest.raises(RedisDown):
                    await way.call(action)
            assert asked == 0

    asyncio.run(run())


def test_more_calls_than_connections(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url) as way:
            answers = await asyncio.gather(
                *(way.call(lambda c: c.ping()) for _ in range(CONNECTIONS_MAX * 20))
            )
            assert answers == [True] * (CONNECTIONS_MAX * 20)
            clients: Any = await way.call(lambda client: client.client_list())
            assert len(clients) <= CONNECTIONS_MAX

    asyncio.run(run())


def test_an_answer_that_came_too_late_is_nobody_elses(server: Any) -> None:
    """After a timeout the connection is gone, and not given to the next one asking."""

    async def run() -> None:
        async with redis_tools.state(server.url, timeout_s=0.25) as way:
            for number in range(10):
                await way.call(lambda c, n=number: c.set(f"{PREFIX}n{n}", n))
                server.pause()
                with pytest.raises(RedisDown):
                    await way.call(lambda c, n=number: c.get(f"{PREFIX}n{n}"))
                server.resume()
                await until_up(way)
                other: Any = await way.call(lambda client: client.echo("mine"))
                assert other == b"mine"

    asyncio.run(run())


def test_a_task_that_is_cancelled_leaves_the_pool_usable(server: Any) -> None:
    async def run() -> None:
        async with redis_tools.state(server.url) as way:
            for number in range(3 * CONNECTIONS_MAX):
                task = asyncio.ensure_future(way.call(lambda c: c.blpop("none", 0.05)))
                await asyncio.sleep(0.0005 * (number % 6))
                task.cancel()
                # Python 3.11 may swallow it; then the task ends with its answer.
                with contextlib.suppress(asyncio.CancelledError):
                    assert await task is None
                assert await way.call(lambda c, n=number: c.echo(n)) == b"%d" % number
            assert way.up

    asyncio.run(run())


@pytest.mark.parametrize("action", ["full", "read-only"])
def test_a_redis_that_takes_nothing_is_down_until_it_does(
    server: Any, action: str
) -> None:
    setting, refusing, taking = {
        "full": ("maxmemory", "1", "0"),
        "read-only": ("min-replicas-to-write", "1", "0"),
    }[action]

    async def run() -> None:
        async with (
            redis_tools.state(server.url) as admin,
            redis_tools.state(server.url) as way,
        ):
            limits = Limits({"orders": Rate(1, 10)}, way)
            await admin.call(lambda client: client.config_set(setting, refusing))
            try:
                state = await limits.spend("orders", "key", NOON_NS)
                assert (state.remaining, way.up) == (9, False)
                # A few tries of the breaker later it is still down, though PING works.
                await asyncio.sleep(0.3)
                assert not way.up
            finally:
                await admin.call(lambda client: client.config_set(setting, taking))
            await until_up(way)

    asyncio.run(run())


def test_closing_ends_even_while_redis_hangs(server: Any) -> None:
    """At any moment of a try, of which Python 3.11 may swallow the end."""

    async def run() -> None:
        for number in range(60):
            way = RedisState(server.url, timeout_s=0.01, retry_s=0.0)
            await until_down(way)
            await asyncio.sleep(number / 4000)
            async with asyncio.timeout(20):
                await way.close()

    server.pause()
    asyncio.run(run())


def test_a_guard_closes_at_any_moment(door: Door, monkeypatch: Any) -> None:
    monkeypatch.setattr(guard_module, "POLL_S", 0.0)
    monkeypatch.setattr(keyring, "POLL_S", 0.0)

    async def run() -> None:
        for number in range(15):
            async with asyncio.timeout(20), door.open() as guard:
                guard.start()
                guard.start()
                await asyncio.sleep(number / 2000)

    asyncio.run(run())


def test_passwords_are_in_no_message(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def run() -> None:
        async with redis_tools.state(SECRET_URL) as way:
            with pytest.raises(RedisDown) as caught:
                await way.call(lambda client: client.ping())
            assert way.where == "127.0.0.1:1"
            assert "hunter" not in f"{caught.value} {way.problem} {way.where}"

    asyncio.run(run())
    assert "redis at 127.0.0.1:1 is down" in caplog.text
    assert "hunter" not in caplog.text


@pytest.mark.parametrize("url", ["", "http://127.0.0.1", "redis://h:port"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        RedisState(url)
