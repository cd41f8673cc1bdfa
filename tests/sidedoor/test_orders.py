"""Orders by REST: what each request does, and what its answer holds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.codes import CommandFlag, CommandKind, Phase
from engine.records import OrderCommand, PhaseCommand
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.keys import Role
from tests.sessions.conversation import stamp
from tests.sidedoor.door import TICKED, Door, order_of, refused, run

NOTHING_SPECIAL: dict[str, object] = {
    **dict.fromkeys(("stop_price", "triggered", "trailing_offset", "peg")),
    **dict.fromkeys(("peg_offset", "pegged_price", "expire_ns", "display_qty")),
    **dict.fromkeys(("min_qty", "self_trade", "self_trade_id")),
    **dict.fromkeys(("post_only", "hidden", "all_or_none"), False),
}
"""Members of an order that says nothing of them."""


def test_a_limit_order_rests_and_is_answered_with_its_state(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        answer = await alice.new_order("a-1", "XYZ", "buy", "5", "100.5")
        order = order_of(answer, 201)
        created = order.pop("created_ns")
        assert order.pop("updated_ns") == created
        assert abs(created - door.exchange.clock()) < 5_000_000_000
        assert order == {
            "client_order_id": "a-1",
            "order_id": f"1-{order['order_id'].partition('-')[2]}",
            "symbol": "XYZ",
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            "qty": "5",
            "price": "100.5",
            **NOTHING_SPECIAL,
            "status": "open",
            "filled_qty": "0",
            "leaves_qty": "5",
            "avg_price": None,
            "reason": None,
            "shard": 1,
            "seq": order["seq"],
        }
        again = order_of(await alice.order("a-1"))
        assert {**order, "created_ns": created, "updated_ns": created} == again

    run(tmp_path, story)


def test_an_order_that_trades_tells_its_fills_at_once(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        await alice.new_order("a-1", "XYZ", "sell", "2", "10")
        await alice.new_order("a-2", "XYZ", "sell", "2", "11")
        answer = await bob.new_order(
            "b-1", "XYZ", "buy", "5", "11", time_in_force="gtc"
        )
        order = order_of(answer, 201)
        assert (order["status"], order["filled_qty"]) == ("partially_filled", "4")
        assert (order["avg_price"], order["leaves_qty"]) == ("10.5", "1")
        fills = (await bob.fills()).json()["fills"]
        assert [(f["price"], f["qty"], f["liquidity"]) for f in fills] == [
            ("11", "2", "taker"),
            ("10", "2", "taker"),
        ]
        mine = (await alice.fills()).json()["fills"]
        assert [f["trade_id"] for f in mine] == [f["trade_id"] for f in fills]
        assert {f["liquidity"] for f in mine} == {"maker"}
        assert (await alice.positions()).json()["positions"][0]["net_qty"] == "-4"
        position = (await bob.positions()).json()["positions"]
        assert position[0]["bought_notional"] == "42"
        assert position[0]["bought_qty"] == "4"
        assert len(position) == 1

    run(tmp_path, story)


def test_market_and_ioc_orders_never_rest(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        await alice.new_order("a-1", "ABC", "sell", "3", "10")
        order = order_of(await bob.new_order("b-1", "ABC", "buy", "2"), 201)
        assert (order["status"], order["price"], order["type"]) == (
            "filled",
            None,
            "market",
        )
        order = order_of(
            await bob.new_order("b-2", "ABC", "buy", "2", "10", time_in_force="ioc"),
            201,
        )
        assert (order["status"], order["filled_qty"]) == ("cancelled", "1")
        assert order["reason"]["code"] == "UNFILLED_REMAINDER"
        assert (await bob.orders()).json() == {"orders": [], "next": None}

    run(tmp_path, story)


def test_rest_and_fix_orders_trade_with_each_other(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        fix = await door.exchange.client()
        fix.order("F-1")
        await fix.report("F-1")
        order = order_of(await alice.new_order("a-1", "XYZ", "sell", "2", "100"), 201)
        assert order["status"] == "filled"
        fill = await fix.report("F-1", "F")
        assert (fill[31], fill[32], fill[151]) == ("100", "2", "3")
        # And the other way round: a FIX seller takes what rests here.
        await alice.new_order("a-2", "XYZ", "buy", "1", "101")
        when = stamp(door.exchange.now())
        fix.say(f"35=D|11=F-2|54=2|55=XYZ|60={when}|38=1|40=2|44=99")
        await fix.report("F-2")
        assert (await fix.report("F-2", "F"))[31] == "101"
        order = order_of(await alice.order("a-2"))
        assert (order["status"], order["avg_price"]) == ("filled", "101")
        trades = (await alice.request("GET", "/v1/trades/XYZ")).json()["trades"]
        assert [(t["price"], t["qty"]) for t in trades] == [("101", "1"), ("100", "2")]
        # The FIX session's orders are its own: no account sees or cancels them.
        refused(await alice.order("F-1"), 404, "UNKNOWN_ORDER")
        refused(await alice.cancel("F-1"), 404, "UNKNOWN_ORDER")

    run(tmp_path, story)


def test_accounts_do_not_see_each_other(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        await alice.new_order("x", "XYZ", "buy", "1", "1")
        refused(await bob.order("x"), 404, "UNKNOWN_ORDER")
        refused(await bob.cancel("x"), 404, "UNKNOWN_ORDER")
        assert order_of(await bob.new_order("x", "XYZ", "buy", "1", "1"), 201)
        assert len((await bob.orders()).json()["orders"]) == 1

    run(tmp_path, story)


def test_cancel(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        await alice.new_order("a-1", "XYZ", "buy", "5", "100")
        order = order_of(await alice.cancel("a-1"))
        assert (order["status"], order["leaves_qty"]) == ("cancelled", "0")
        assert order["client_order_id"] == "a-1"
        assert order["reason"]["code"] == "REQUESTED"
        again = await alice.cancel("a-1")
        assert order_of(again) == order
        assert again.headers["Idempotent-Replay"] == "true"
        await bob.new_order("b-1", "XYZ", "sell", "1", "100")
        await alice.new_order("a-2", "XYZ", "buy", "1", "100")
        error = refused(await alice.cancel("a-2"), 409, "TOO_LATE")
        assert error["order"]["status"] == "filled"

    run(tmp_path, story)


def test_replace_keeps_the_order_and_renames_it(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        first = order_of(await alice.new_order("a-1", "XYZ", "buy", "5", "100"), 201)
        order = order_of(await alice.replace("a-1", "a-2", qty="6", price="101"))
        assert order["order_id"] == first["order_id"]
        assert (order["client_order_id"], order["qty"], order["price"]) == (
            "a-2",
            "6",
            "101",
        )
        for name in ("a-1", "a-2"):
            assert order_of(await alice.order(name)) == order
        replay = await alice.replace("a-1", "a-2", qty="6.0", price="101.00")
        assert order_of(replay) == order
        assert replay.headers["Idempotent-Replay"] == "true"
        refused(
            await alice.replace("a-1", "a-2", qty="7", price="101"),
            409,
            "CLIENT_ORDER_ID_REUSED",
        )
        refused(
            await alice.replace("a-2", "a-1", qty="7", price="101"),
            409,
            "CLIENT_ORDER_ID_REUSED",
        )
        refused(
            await alice.replace("a-2", "a-2", qty="7", price="101"),
            409,
            "CLIENT_ORDER_ID_REUSED",
        )
        await bob.new_order("b-1", "XYZ", "sell", "2", "101")
        order = order_of(await alice.replace("a-2", "a-3", qty="2", price="101"))
        assert (order["status"], order["filled_qty"]) == ("cancelled", "2")
        assert order["reason"]["code"] == "REPLACED_BELOW_CUM_QTY"
        again = await alice.replace("a-2", "a-3", qty="2", price="101")
        assert order_of(again) == order
        error = refused(
            await alice.replace("a-2", "a-4", qty="9", price="101"), 409, "TOO_LATE"
        )
        assert error["order"]["order_id"] == first["order_id"]

    run(tmp_path, story)


def test_a_refused_replace_leaves_the_order_and_uses_the_identifier(
    tmp_path: Path,
) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("a-1", TICKED, "buy", "10", "2")
        before = order_of(await alice.order("a-1"))
        replace = {"qty": "10", "price": "2.01"}
        first = await alice.replace("a-1", "a-2", **replace)
        refused(first, 422, "PRICE_OFF_TICK")
        again = await alice.replace("a-1", "a-2", **replace)
        refused(again, 422, "PRICE_OFF_TICK")
        assert again.headers["Idempotent-Replay"] == "true"
        assert "Idempotent-Replay" not in first.headers
        refused(
            await alice.new_order("a-2", TICKED, "buy", "10", "2"),
            409,
            "CLIENT_ORDER_ID_REUSED",
        )
        assert order_of(await alice.order("a-1")) == before
        refused(await alice.order("a-2"), 404, "UNKNOWN_ORDER")
        refused(await alice.replace("zzz", "a-9", **replace), 404, "UNKNOWN_ORDER")

    run(tmp_path, story)


def test_cancel_all(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        for number in range(3):
            await alice.new_order(f"x-{number}", "XYZ", "buy", "1", "10")
            await alice.new_order(f"y-{number}", "ABC", "buy", "1", "10")
        await bob.new_order("b", "ABC", "buy", "1", "10")
        answer = (await alice.cancel_all("XYZ")).json()
        assert sorted(answer.pop("cancelled")) == ["x-0", "x-1", "x-2"]
        assert answer == {"not_cancelled": [], "unavailable_shards": []}
        answer = (await alice.cancel_all()).json()
        assert sorted(answer["cancelled"]) == ["y-0", "y-1", "y-2"]
        assert (await alice.cancel_all()).json()["cancelled"] == []
        assert len((await bob.orders()).json()["orders"]) == 1

    run(tmp_path, story)


def test_orders_come_in_pages_that_stay_as_they_are(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        for number in range(7):
            symbol = ("XYZ", "ABC")[number % 2]
            await alice.new_order(f"o-{number}", symbol, "buy", "1", "10")
        seen: list[str] = []
        page = (await alice.orders(limit=3)).json()
        seen += [order["client_order_id"] for order in page["orders"]]
        await alice.new_order("later", "XYZ", "buy", "1", "10")
        await alice.cancel("o-0")
        while page["next"]:
            page = (
                await alice.orders(limit=3, before=page["next"], status="all")
            ).json()
            seen += [order["client_order_id"] for order in page["orders"]]
        assert seen == [f"o-{number}" for number in reversed(range(7))]
        found = (await alice.orders(symbol="ABC")).json()["orders"]
        assert [o["client_order_id"] for o in found] == ["o-5", "o-3", "o-1"]
        everything = (await alice.orders(status="all")).json()["orders"]
        assert len(everything) == 8

    run(tmp_path, story)


def test_fills_come_in_pages(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        for number in range(5):
            symbol = ("XYZ", "ABC")[number % 2]
            await alice.new_order(f"o-{number}", symbol, "buy", "1", "10")
            await bob.new_order(f"o-{number}", symbol, "sell", "1", "10")
        page = (await alice.fills(limit=2)).json()
        seen = [fill["client_order_id"] for fill in page["fills"]]
        while page["next"]:
            page = (await alice.fills(limit=2, before=page["next"])).json()
            seen += [fill["client_order_id"] for fill in page["fills"]]
        assert seen == ["o-4", "o-3", "o-2", "o-1", "o-0"]
        found = (await alice.fills(symbol="ABC")).json()
        assert [fill["symbol"] for fill in found["fills"]] == ["ABC", "ABC"]
        assert found["next"] is None

    run(tmp_path, story)


ENGINE_REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("UNKNOWN_SYMBOL", {"symbol": "NOPE"}),
    ("QTY_NOT_POSITIVE", {"qty": "0"}),
    ("QTY_NOT_POSITIVE", {"qty": "-1"}),
    ("QTY_OFF_LOT", {"qty": "11"}),
    ("QTY_ABOVE_MAX", {"qty": "1010"}),
    ("PRICE_NOT_POSITIVE", {"price": "0"}),
    ("PRICE_OFF_TICK", {"price": "2.01"}),
    ("PRICE_BELOW_MIN", {"price": "0.95"}),
    ("PRICE_ABOVE_MAX", {"price": "100.05"}),
    ("NOTIONAL_ABOVE_MAX", {"qty": "1000", "price": "5.05"}),
]


@pytest.mark.parametrize(("code", "changes"), ENGINE_REFUSALS)
def test_what_the_engine_refuses(
    tmp_path: Path, code: str, changes: dict[str, Any]
) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        terms = {"symbol": TICKED, "side": "buy", "qty": "10", "price": "2", **changes}
        first = await alice.new_order("a-1", **terms)
        error = refused(first, 422, code)
        assert error["order"]["status"] == "rejected"
        assert error["order"]["reason"]["code"] == code
        assert "Idempotent-Replay" not in first.headers
        # The identifier is used: a retry has the original answer, not another try.
        again = await alice.new_order("a-1", **terms)
        assert refused(again, 422, code)["order"] == error["order"]
        assert again.headers["Idempotent-Replay"] == "true"
        refused(
            await alice.new_order("a-1", TICKED, "buy", "20", "3"),
            409,
            "CLIENT_ORDER_ID_REUSED",
        )
        order = order_of(await alice.order("a-1"))
        assert order["status"] == "rejected"
        assert (await alice.orders()).json()["orders"] == []

    run(tmp_path, story)


def test_a_halted_instrument(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("a-1", "ABC", "buy", "1", "10")
        service = door.exchange.services[0]
        halt = PhaseCommand(
            CommandKind.SET_PHASE,
            phase=Phase.HALTED,
            symbol="ABC",
        )
        service._publish(service.host.process(halt.pack()))
        terms = (await alice.request("GET", "/v1/instruments/ABC")).json()
        assert terms["status"] == "halted"
        refused(
            await alice.new_order("a-2", "ABC", "buy", "1", "10"), 422, "TRADING_HALTED"
        )
        refused(
            await alice.replace("a-1", "a-3", qty="2", price="10"),
            422,
            "TRADING_HALTED",
        )
        assert order_of(await alice.cancel("a-1"))["status"] == "cancelled"

    run(tmp_path, story)


def test_an_order_the_exchange_cancels(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("a-1", "ABC", "buy", "1", "10")
        service = door.exchange.services[0]
        cancel = OrderCommand(
            CommandKind.CANCEL,
            flags=CommandFlag.UNSOLICITED,
            session=account_key("ALICE"),
            orig_cl_ord_id="a-1",
        )
        service._publish(service.host.process(cancel.pack()))
        order = order_of(await alice.order("a-1"))
        assert (order["status"], order["client_order_id"]) == ("cancelled", "a-1")
        assert order["reason"] == {
            "code": "CANCELLED_BY_EXCHANGE",
            "text": "cancelled by the exchange",
        }

    run(tmp_path, story)


def test_the_end_of_the_day_expires_orders(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("day", "XYZ", "buy", "1", "10")
        await alice.new_order("gtc", "XYZ", "buy", "1", "10", time_in_force="gtc")
        door.end_day()
        order = order_of(await alice.order("day"))
        assert (order["status"], order["reason"]["code"]) == ("expired", "END_OF_DAY")
        refused(await alice.cancel("day"), 409, "TOO_LATE")
        assert [
            o["client_order_id"] for o in (await alice.orders()).json()["orders"]
        ] == ["gtc"]

    run(tmp_path, story)


def test_reading_takes_any_role_and_trading_its_own(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        reader = door.client(role=Role.READ)
        assert (await reader.orders()).status_code == 200
        answers: list[httpx.Response] = await asyncio.gather(
            reader.new_order("a", "XYZ", "buy", "1", "1"),
            reader.cancel("a"),
            reader.cancel_all(),
            reader.replace("a", "b", qty="1", price="1"),
        )
        for answer in answers:
            refused(answer, 403, "ROLE_INSUFFICIENT")

    run(tmp_path, story)
