"""The same request again: one order, one answer, whatever happened in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.codes import CommandFlag, EventKind
from engine.records import EVENT_BYTES, unpack_all
from fixgw.sidedoor import account, desk, dispatch, guard
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.redis_state import RedisState
from tests.net.exchange_in_process import until
from tests.sidedoor.door import DAY_S, TICKED, Door, order_of, refused, run
from tests.sidedoor.redis_tools import PATIENT_S, empty

ORDER: dict[str, Any] = {"symbol": "XYZ", "side": "buy", "qty": "1", "price": "10"}


def events_of(door: Door, shard: int) -> list[Any]:
    """Everything the shard's log holds."""
    return [
        event
        for record in door.exchange.services[shard].host.events_after(0)
        for event in unpack_all(record.payload, EVENT_BYTES)
    ]


def kinds_of(door: Door, shard: int, account_name: str = "ALICE") -> Counter[str]:
    """How often which kind of event concerns the account."""
    key = account_key(account_name)
    return Counter(
        EventKind(event.kind).name
        for event in events_of(door, shard)
        if getattr(event, "session", 0) == key
    )


def test_the_same_order_again_is_the_same_order(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        first = await alice.new_order("a", **ORDER)
        order = order_of(first, 201)
        assert "Idempotent-Replay" not in first.headers
        for same in (ORDER, {**ORDER, "qty": "1.000", "price": "10.0"}):
            again = await alice.new_order("a", **same)
            assert order_of(again, 200) == order
            assert again.headers["Idempotent-Replay"] == "true"
        assert kinds_of(door, 1) == {"ACCEPTED": 1}
        # The answer tells what the order is now, not what it was.
        await alice.cancel("a")
        assert order_of(await alice.new_order("a", **ORDER))["status"] == "cancelled"

    run(tmp_path, story)


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "ABC"},
        {"side": "sell"},
        {"qty": "2"},
        {"price": "11"},
        {"price": None},
        {"time_in_force": "gtc"},
    ],
)
def test_another_order_under_a_used_identifier(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        order = order_of(await alice.new_order("a", **ORDER), 201)
        answer = await alice.new_order("a", **{**ORDER, **changes})
        error = refused(answer, 409, "CLIENT_ORDER_ID_REUSED")
        assert error["order"] == order
        assert sum((kinds_of(door, 0) + kinds_of(door, 1)).values()) == 1

    run(tmp_path, story)


def test_many_at_once_make_one_order(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        answers = await asyncio.gather(
            *(alice.new_order("a", **ORDER) for _ in range(10))
        )
        assert Counter(a.status_code for a in answers) == {201: 1, 200: 9}
        assert len({a.json()["order_id"] for a in answers}) == 1
        assert kinds_of(door, 1) == {"ACCEPTED": 1}

    run(tmp_path, story)


def test_many_different_ones_at_once_make_one_order(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        answers = await asyncio.gather(
            *(
                alice.new_order("a", **{**ORDER, "qty": str(number + 1)})
                for number in range(10)
            )
        )
        codes = Counter(a.status_code for a in answers)
        assert codes == {201: 1, 409: 9}
        told = kinds_of(door, 0) + kinds_of(door, 1)
        # A retry that came before the claim was seen is answered by its state.
        del told["STATUS"]
        assert told == {"ACCEPTED": 1}

    run(tmp_path, story)


def test_two_doors_with_claims_of_their_own(tmp_path: Path) -> None:
    """Without a shared store the shard decides: it drops the second command."""

    async def story(door: Door) -> None:
        other = Door(door.exchange, tmp_path)
        other.keys = door.keys
        alice = door.client()
        await other.open()
        try:
            service = door.exchange.services[1]
            service.frozen = True
            twice = asyncio.gather(
                alice.new_order("a", **ORDER), other.client().new_order("a", **ORDER)
            )
            await until(lambda: len(service.held) == 2)
            service.thaw()
            answers = await twice
            assert [a.status_code for a in answers] == [201, 201]
            assert len({a.json()["order_id"] for a in answers}) == 1
            service.frozen = True
            twice = asyncio.gather(
                alice.new_order("b", **ORDER),
                other.client().new_order("b", **{**ORDER, "qty": "2"}),
            )
            await until(lambda: len(service.held) == 2)
            service.thaw()
            answers = await twice
            assert sorted(a.status_code for a in answers) == [201, 409]
            # The shard answers the same order with its status, another is refused.
            assert kinds_of(door, 1) == {"ACCEPTED": 2, "STATUS": 1, "REJECTED": 1}
        finally:
            await other.close()

    run(tmp_path, story)


def test_two_doors_with_claims_in_redis(
    tmp_path: Path, redis_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They know of each other's requests: also of those for another shard."""
    url = empty(redis_server)
    patient = partial(RedisState, timeout_s=PATIENT_S)
    monkeypatch.setattr(guard, "RedisState", patient)

    async def story(door: Door) -> None:
        other = Door(door.exchange, tmp_path, url)
        other.keys = door.keys
        await other.open()
        try:
            doors = [door.client(), other.client()]
            doors[1].signer = doors[0].signer  # or two alike would be replays
            same = await asyncio.gather(
                *(doors[n % 2].new_order("a", **ORDER) for n in range(10))
            )
            assert Counter(a.status_code for a in same) == {201: 1, 200: 9}
            different = await asyncio.gather(
                *(
                    doors[n % 2].new_order(
                        "b", **{**ORDER, "symbol": ("ABC", "XYZ")[n % 2]}
                    )
                    for n in range(10)
                )
            )
            found = Counter(a.status_code for a in different)
            assert (found[201], found[200], found[409]) == (1, 4, 5)
            told = kinds_of(door, 0) + kinds_of(door, 1)
            # A retry that came before the claim was seen is answered by its state.
            del told["STATUS"]
            assert told == {"ACCEPTED": 2}
            # What one refuses to send it does not claim.
            await door.link_down(1)
            refused(await doors[0].new_order("c", **ORDER), 503, "SHARD_UNAVAILABLE")
            order = await doors[1].new_order("c", **{**ORDER, "qty": "9"})
            order_of(order, 201)
            assert not door.services.guard.health()
        finally:
            await other.close()

    run(tmp_path, story, redis_url=url)


def test_an_outcome_that_is_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "OUTCOME_S_MAX", 0.2)

    async def story(door: Door) -> None:
        alice = door.client()
        service = door.exchange.services[1]
        service.frozen = True
        answer = await alice.new_order("a", **ORDER)
        error = refused(answer, 504, "OUTCOME_UNKNOWN")
        assert answer.headers["Location"] == "/v1/orders/a"
        assert "GET /v1/orders/a" in error["message"]
        # It is neither there nor not there, and not sent again.
        refused(await alice.order("a"), 504, "OUTCOME_UNKNOWN")
        refused(await alice.cancel("a"), 504, "OUTCOME_UNKNOWN")
        refused(await alice.new_order("a", **ORDER), 504, "OUTCOME_UNKNOWN")
        refused(
            await alice.new_order("a", **{**ORDER, "qty": "2"}),
            409,
            "CLIENT_ORDER_ID_REUSED",
        )
        assert len(service.held) == 1
        status = door.parts.status()
        assert status["facts"]["outcomes_unknown"] == 4
        service.thaw()
        order = order_of(await alice.order("a"))
        assert order["status"] == "open"
        assert order_of(await alice.new_order("a", **ORDER)) == order
        service.frozen = True
        refused(await alice.cancel("a"), 504, "OUTCOME_UNKNOWN")
        refused(
            await alice.replace("a", "b", qty="1", price="9"), 504, "OUTCOME_UNKNOWN"
        )
        refused(
            await alice.replace("a", "b", qty="1", price="9"), 504, "OUTCOME_UNKNOWN"
        )
        service.thaw()
        order = order_of(await alice.cancel("a"))
        assert (order["status"], order["client_order_id"]) == ("cancelled", "a")
        refused(await alice.replace("a", "b", qty="1", price="9"), 409, "TOO_LATE")
        assert kinds_of(door, 1) == {
            "ACCEPTED": 1,
            "CANCELLED": 1,
            "REPLACE_REJECTED": 1,
        }

    run(tmp_path, story)


def test_a_cancel_waits_for_the_order_it_means(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        service = door.exchange.services[1]
        service.frozen = True
        entering = asyncio.create_task(_of(alice.new_order("a", **ORDER)))
        await until(lambda: service.held)
        cancelling = asyncio.create_task(_of(alice.cancel("a")))
        everything = asyncio.create_task(_of(alice.cancel_all()))
        await asyncio.sleep(0.05)
        # The one cancel waits for its order; that of all goes behind it at once.
        assert len(service.held) == 2
        service.thaw()
        assert order_of(await entering, 201)["order_id"]
        assert order_of(await cancelling)["status"] == "cancelled"
        assert (await everything).status_code == 200
        assert (await alice.orders()).json()["orders"] == []

    run(tmp_path, story)


async def _of(awaitable: Any) -> Any:
    return await awaitable


def test_another_door_on_the_same_logs_knows_everything(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        await alice.new_order("open", **ORDER)
        await alice.new_order("gone", **ORDER)
        await alice.cancel("gone")
        await alice.new_order("bad", TICKED, "buy", "1", "2")
        await alice.new_order("named", **{**ORDER, "qty": "3"})
        await alice.replace("named", "renamed", qty="2", price="11")
        await bob.new_order("b", "XYZ", "sell", "1", "11")
        paths = [
            "/v1/orders?status=all",
            "/v1/fills",
            "/v1/positions",
            "/v1/orders/named",
        ]
        before = [(await alice.request("GET", path)).json() for path in paths]
        assert len(before[1]["fills"]) == 1
        await door.reopen()
        alice = door.client()
        after = [(await alice.request("GET", path)).json() for path in paths]
        assert after == before
        for name in ("open", "gone"):
            again = await alice.new_order(name, **ORDER)
            assert order_of(again, 200)["client_order_id"] == name
            assert again.headers["Idempotent-Replay"] == "true"
        again = await alice.new_order("bad", TICKED, "buy", "1", "2")
        refused(again, 422, "QTY_OFF_LOT")
        refused(
            await alice.new_order("bad", TICKED, "buy", "10", "2"),
            409,
            "CLIENT_ORDER_ID_REUSED",
        )
        assert (
            order_of(await alice.replace("named", "renamed", qty="2", price="11"))[
                "client_order_id"
            ]
            == "renamed"
        )
        refused(
            await alice.replace("named", "renamed", qty="2", price="12"),
            409,
            "CLIENT_ORDER_ID_REUSED",
        )
        assert order_of(await alice.cancel("gone"))["status"] == "cancelled"

    run(tmp_path, story)


def test_a_command_that_was_given_twice_changes_nothing_the_second_time(
    tmp_path: Path,
) -> None:
    """What a lost link does: the shard gets what it may have had already again."""

    async def story(door: Door) -> None:
        alice = door.client()
        service = door.exchange.services[1]
        service.frozen = True
        sent = [
            asyncio.create_task(_of(alice.new_order("a", **ORDER))),
        ]
        await until(lambda: service.held)
        service.held += service.held
        service.thaw()
        order = order_of(await sent[0], 201)
        service.frozen = True
        cancelling = asyncio.create_task(_of(alice.cancel("a")))
        await until(lambda: service.held)
        service.held += service.held
        service.thaw()
        assert order_of(await cancelling)["order_id"] == order["order_id"]
        assert kinds_of(door, 1) == {"ACCEPTED": 1, "CANCELLED": 1, "STATUS": 1}
        commands = [e for e in events_of(door, 1) if hasattr(e, "session")]
        assert {e.flags for e in commands} == {CommandFlag.POSS_RESEND}
        assert {e.msg_seq_num for e in commands} == {0}

    run(tmp_path, story)


def test_an_identifier_is_free_again_after_its_day(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        first = order_of(await alice.new_order("a", **ORDER), 201)
        await alice.cancel("a")
        gtc = order_of(await alice.new_order("gtc", **ORDER, time_in_force="gtc"), 201)
        # Just after the end of the day a retry still finds its order.
        door.end_day()
        door.exchange._offset_ns -= int((DAY_S - 300) * 1e9)
        assert order_of(await alice.new_order("a", **ORDER)) == {
            **first,
            **order_of(await alice.order("a")),
        }
        door.exchange.skip(account.ID_REST_NS / 1e9)
        second = order_of(await alice.new_order("a", **ORDER), 201)
        assert second["order_id"] != first["order_id"]
        assert order_of(await alice.order("a"))["order_id"] == second["order_id"]
        # That of a live order never is.
        again = order_of(await alice.new_order("gtc", **ORDER, time_in_force="gtc"))
        assert again["order_id"] == gtc["order_id"]
        everything = (await alice.orders(status="all")).json()["orders"]
        assert len(everything) == 3
        other = await alice.new_order("b", **ORDER)
        door.exchange.skip(DAY_S)
        door.end_day()
        different = {**ORDER, "qty": "7"}
        order = order_of(await alice.new_order("b", **different), 201)
        assert order["order_id"] != order_of(other, 201)["order_id"]

    run(tmp_path, story)


def test_what_is_forgotten_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "ENDED_ORDERS_KEPT", 3)

    async def story(door: Door) -> None:
        alice = door.client()
        for number in range(5):
            await alice.new_order(f"o-{number}", **ORDER)
            await alice.cancel(f"o-{number}")
        refused(await alice.order("o-0"), 404, "UNKNOWN_ORDER")
        # Another process does not even have the claim.
        await door.reopen()
        alice = door.client()
        refused(await alice.new_order("o-0", **ORDER), 409, "CLIENT_ORDER_ID_REUSED")
        assert order_of(await alice.new_order("o-4", **ORDER))["status"] == "cancelled"
        assert kinds_of(door, 1) == {"ACCEPTED": 5, "CANCELLED": 5, "STATUS": 1}

    run(tmp_path, story)


def test_a_shard_that_is_away(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("x", **ORDER)
        await alice.new_order("y", **{**ORDER, "symbol": "ABC"})
        await door.link_down(1)
        answer = await alice.new_order("a", **ORDER)
        error = refused(answer, 503, "SHARD_UNAVAILABLE")
        assert "nothing was sent" in error["message"]
        assert answer.headers["Retry-After"] == "1"
        refused(await alice.cancel("x"), 503, "SHARD_UNAVAILABLE")
        replacing = await alice.replace("x", "x2", qty="2", price="10")
        refused(replacing, 503, "SHARD_UNAVAILABLE")
        # Whether it knows an order nobody else knows cannot be told.
        refused(await alice.order("a"), 503, "SHARD_UNAVAILABLE")
        # What is known is told, and that it may be old.
        known = await alice.order("x")
        assert order_of(known)["status"] == "open"
        assert known.headers["FIXGW-Stale-Shards"] == "1"
        assert (await alice.orders()).headers["FIXGW-Stale-Shards"] == "1"
        # The others trade on.
        order_of(await alice.new_order("b", **{**ORDER, "symbol": "ABC"}), 201)
        answers = (await alice.cancel_all()).json()
        assert sorted(answers["cancelled"]) == ["b", "y"]
        assert [o["client_order_id"] for o in answers["not_cancelled"]] == ["x"]
        assert answers["not_cancelled"][0]["code"] == "SHARD_UNAVAILABLE"
        assert answers["unavailable_shards"] == [1]
        ready = await alice.request("GET", "/readyz")
        assert ready.status_code == 503
        assert ready.json()["dependencies"]["shard 1"]["up"] is False
        assert ready.json()["problems"] == 1
        assert door.parts.status()["problems"] == ["shard 1 cannot be reached"]
        assert door.parts.status()["healthy"] is False
        # The claim of what was not sent was given back.
        await door.link_up()
        order_of(await alice.new_order("a", **{**ORDER, "qty": "9"}), 201)
        assert order_of(await alice.cancel("x"))["status"] == "cancelled"
        assert "FIXGW-Stale-Shards" not in (await alice.orders()).headers

    run(tmp_path, story)


def test_open_orders_are_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "OPEN_ORDERS_MAX", 3)

    async def story(door: Door) -> None:
        alice = door.client()
        answers = await asyncio.gather(
            *(_of(alice.new_order(f"o-{n}", **ORDER)) for n in range(6))
        )
        assert Counter(a.status_code for a in answers) == {201: 3, 422: 3}
        refused(
            next(a for a in answers if a.status_code == 422), 422, "OPEN_ORDERS_LIMIT"
        )
        live = (await alice.orders()).json()["orders"]
        assert len(live) == 3
        # A retry of one of them is no new one.
        again = await alice.new_order(live[0]["client_order_id"], **ORDER)
        assert order_of(again, 200) == live[0]
        await alice.cancel(live[0]["client_order_id"])
        order_of(await alice.new_order("more", **ORDER), 201)

    run(tmp_path, story)


def test_too_much_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "UNDER_WAY_MAX", 1)

    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("known", **ORDER)
        service = door.exchange.services[1]
        service.frozen = True
        entering = asyncio.create_task(_of(alice.new_order("a", **ORDER)))
        await until(lambda: service.held)
        answer = await alice.new_order("b", **ORDER)
        refused(answer, 503, "OVERLOADED")
        assert answer.headers["Retry-After"] == "1"
        # Who wants out gets out.
        leaving = asyncio.create_task(_of(alice.cancel("known")))
        await until(lambda: len(service.held) == 2)
        service.thaw()
        order_of(await entering, 201)
        assert order_of(await leaving)["status"] == "cancelled"
        order_of(await alice.new_order("b", **ORDER), 201)

    run(tmp_path, story)
