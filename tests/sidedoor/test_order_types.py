"""Orders of every type over HTTP, and the ways out: what is asked for, what is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.codes import CommandKind, ExecInst, OrdType, SelfTrade, TimeInForce
from engine.records import UNIT, InstrumentCommand, TradeCommand
from fixgw.sidedoor.errors import ApiError
from fixgw.sidedoor.keys import Role
from fixgw.sidedoor.orderbodies import NewOrderBody
from fixgw.sidedoor.schemas import read_body
from tests.net.exchange_in_process import until
from tests.sidedoor.door import Door, order_of, refused, run

BASE = b'"client_order_id":"a","symbol":"XYZ","side":"buy","qty":"5"'


def body(more: str) -> NewOrderBody:
    return read_body(NewOrderBody, b"{" + BASE + b"," + more.encode() + b"}")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ('"type":"stop","stop_price":"9"', {"stop_price": 9 * UNIT, "price": 0}),
        (
            '"type":"stop","trailing_offset":"0.5"',
            {"peg_offset": UNIT // 2, "exec_inst": ExecInst.TRAILING},
        ),
        (
            '"type":"stop_limit","price":"8","stop_price":"9","display_qty":"1"',
            {
                "ord_type": OrdType.STOP_LIMIT,
                "price": 8 * UNIT,
                "stop_price": 9 * UNIT,
                "display_qty": UNIT,
            },
        ),
        ('"type":"market_to_limit"', {"ord_type": OrdType.MARKET_TO_LIMIT}),
        (
            '"type":"pegged","peg":"primary","peg_offset":"-1","price":"8"',
            {
                "exec_inst": ExecInst.PEG_PRIMARY,
                "peg_offset": -UNIT,
                "price": 8 * UNIT,
            },
        ),
        ('"type":"pegged","peg":"midpoint"', {"exec_inst": ExecInst.PEG_MIDPOINT}),
        (
            '"type":"limit","price":"1","time_in_force":"gtd","expire_ns":7',
            {"time_in_force": TimeInForce.GTD, "expire_time": 7},
        ),
        (
            '"type":"limit","price":"1","post_only":true,"hidden":true,'
            '"all_or_none":true,"min_qty":"2","self_trade":"decrement",'
            '"self_trade_id":"DESK"',
            {
                "exec_inst": 7,
                "min_qty": 2 * UNIT,
                "stp": SelfTrade.DECREMENT,
                "stp_id": "DESK",
            },
        ),
        (
            '"type":"market","time_in_force":"fok"',
            {"time_in_force": TimeInForce.FOK, "ord_type": OrdType.MARKET},
        ),
    ],
)
def test_what_a_body_asks_for(more: str, expected: dict[str, Any]) -> None:
    order = body(more).order()
    assert {name: getattr(order, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("more", "field", "message"),
    [
        ('"type":"stop"', "stop_price", "is needed by a stop order"),
        ('"type":"stop_limit","stop_price":"1"', "price", "is needed by a stop_limit"),
        (
            '"type":"stop","stop_price":"1","price":"1"',
            "price",
            "a stop order has no price",
        ),
        (
            '"type":"limit","price":"1","stop_price":"1"',
            "stop_price",
            "a limit order has no stop_price",
        ),
        ('"type":"market","peg":"primary"', "peg", "a market order has no peg"),
        ('"type":"pegged"', "peg", "is needed by a pegged order"),
        (
            '"type":"limit","price":"1","peg_offset":"1"',
            "peg_offset",
            "a limit order has no peg_offset",
        ),
        (
            '"type":"limit","price":"1","time_in_force":"gtd"',
            "expire_ns",
            "is needed by a gtd order",
        ),
        (
            '"type":"limit","price":"1","expire_ns":5',
            "expire_ns",
            "a day order has none",
        ),
        ('"type":"limit","price":"1","hidden":1', "hidden", "boolean"),
        ('"type":"limit","price":"1","self_trade":"no"', "self_trade", "must be"),
        ('"type":"limit","price":"1","self_trade_id":""', "self_trade_id", "match"),
    ],
)
def test_what_a_record_would_ignore_is_refused(
    more: str, field: str, message: str
) -> None:
    with pytest.raises(ApiError) as refusal:
        body(more)
    fields = refusal.value.extra["fields"]
    assert [one["field"] for one in fields] == [field]
    assert message in fields[0]["message"]


def operator(door: Door, shard: int, *commands: Any) -> None:
    service = door.exchange.services[shard]
    packed = b"".join(command.pack() for command in commands)
    service._publish(service.host.process(packed))


def test_a_stop_waits_is_triggered_and_trades(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        terms: dict[str, Any] = {"type": "stop_limit", "stop_price": "11"}
        order = order_of(
            await alice.new_order("s", "XYZ", "buy", "2", "12", **terms), 201
        )
        assert (order["status"], order["triggered"]) == ("open", False)
        assert (order["stop_price"], order["price"]) == ("11", "12")
        await bob.new_order("b-1", "XYZ", "sell", "1", "11")
        await bob.new_order("b-2", "XYZ", "sell", "1", "12")
        await bob.new_order("b-3", "XYZ", "buy", "1", "11")
        order = order_of(await alice.order("s"))
        assert order["triggered"] is True
        assert (order["filled_qty"], order["avg_price"]) == ("1", "12")
        fills = (await alice.fills()).json()["fills"]
        assert (
            fills[0] | {"state": "valid", "fee": "0", "liquidity": "taker"}
            == (fills[0])
        )

    run(tmp_path, story)


def test_an_iceberg_and_a_hidden_order(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        ice = order_of(
            await alice.new_order("i", "XYZ", "buy", "10", "9", display_qty="2"), 201
        )
        assert (ice["display_qty"], ice["leaves_qty"]) == ("2", "10")
        hidden = order_of(
            await alice.new_order("h", "XYZ", "buy", "10", "9", hidden=True), 201
        )
        assert (hidden["hidden"], hidden["post_only"]) == (True, False)
        book = (await alice.book("XYZ")).json()
        assert book["bids"] == [["9", "2"]]

    run(tmp_path, story)


def test_a_peg_follows_and_is_the_same_when_asked_again(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        await bob.new_order("b-1", "XYZ", "buy", "1", "9")
        terms: dict[str, Any] = {"type": "pegged", "peg": "primary"}
        first = await alice.new_order("p", "XYZ", "buy", "2", "9.5", **terms)
        order = order_of(first, 201)
        assert (order["price"], order["pegged_price"]) == ("9.5", "9")
        await bob.new_order("b-2", "XYZ", "buy", "1", "10")
        order = order_of(await alice.order("p"))
        assert order["pegged_price"] == "9.5"
        assert order["reason"]["code"] == "REPEGGED"
        again = await alice.new_order("p", "XYZ", "buy", "2", "9.5", **terms)
        assert again.headers["Idempotent-Replay"] == "true"
        other = await alice.new_order("p", "XYZ", "buy", "2", "9.4", **terms)
        refused(other, 409, "CLIENT_ORDER_ID_REUSED")

    run(tmp_path, story)


def test_self_trade_prevention_and_what_ends_at_once(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("a-1", "XYZ", "sell", "1", "10")
        answer = await alice.new_order(
            "a-2", "XYZ", "buy", "1", "10", self_trade="cancel_newest"
        )
        order = order_of(answer, 201)
        assert (order["status"], order["reason"]["code"]) == ("cancelled", "SELF_TRADE")
        answer = await door.client("BOB").new_order(
            "b", "XYZ", "buy", "5", "10", time_in_force="fok"
        )
        order = order_of(answer, 201)
        assert order["reason"]["code"] == "FOK_NOT_FILLED"
        assert order["filled_qty"] == "0"

    run(tmp_path, story)


def test_a_replace_of_a_stop(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("s", "XYZ", "buy", "2", type="stop", stop_price="11")
        answer = await alice.replace("s", "s-2", qty="3", stop_price="12")
        order = order_of(answer)
        assert (order["stop_price"], order["qty"]) == ("12", "3")
        again = await alice.replace("s", "s-2", qty="3", stop_price="12")
        assert again.headers["Idempotent-Replay"] == "true"

    run(tmp_path, story)


def test_cancel_all_of_a_side(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        await alice.new_order("bid", "XYZ", "buy", "1", "9")
        await alice.new_order("ask", "XYZ", "sell", "1", "11")
        await alice.new_order("stop", "XYZ", "buy", "1", type="stop", stop_price="12")
        await alice.new_order("other", "ABC", "buy", "1", "9")
        answer = (await alice.cancel_all("XYZ", "buy")).json()
        assert sorted(answer["cancelled"]) == ["bid", "stop"]
        assert answer["not_cancelled"] == []
        order = order_of(await alice.order("bid"))
        assert order["reason"]["code"] == "MASS_CANCEL"
        answer = (await alice.cancel_all(side="sell")).json()
        assert answer["cancelled"] == ["ask"]
        assert door.services.figures.orders["cancel_all"] == 3

    run(tmp_path, story)


def test_what_is_under_way_goes_too(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice = door.client()
        entered, answer = await asyncio.gather(
            alice.new_order("a", "XYZ", "buy", "1", "9"), alice.cancel_all()
        )
        left = (await alice.orders()).json()["orders"]
        assert entered.status_code == 201
        if left:
            # It came after the cancel, which then does not name it.
            assert answer.json()["cancelled"] == []
        else:
            assert order_of(await alice.order("a"))["status"] == "cancelled"

    run(tmp_path, story)


def test_a_dead_man(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        await alice.new_order("a", "XYZ", "buy", "1", "9")
        await bob.new_order("b", "XYZ", "buy", "1", "9", time_in_force="gtc")
        answer = (await alice.cancel_after(1000)).json()
        assert answer["deadline_ns"] == answer["time_ns"] + 1_000_000_000
        assert answer["unavailable_shards"] == []
        refused(await alice.cancel_after(999), 400, "INVALID_REQUEST")
        reader = door.client(role=Role.READ)
        refused(await reader.cancel_after(1000), 403, "ROLE_INSUFFICIENT")
        assert (await alice.cancel_after(0)).json()["deadline_ns"] is None
        await alice.cancel_after(1000)
        accounts = door.services.accounts
        key = next(key for key in accounts._accounts if accounts.order(key, "a"))

        async def gone() -> bool:
            # Any batch brings the time to the shard.
            await bob.new_order(f"t-{door.exchange.clock()}", "XYZ", "buy", "1", "1")
            return not accounts.open_orders(key)

        for _ in range(100):
            if await gone():
                break
            await asyncio.sleep(0.05)
        order = order_of(await alice.order("a"))
        assert (order["status"], order["reason"]["code"]) == ("cancelled", "DEAD_MAN")
        other = order_of(await bob.order("b"))
        assert other["status"] == "open"

    run(tmp_path, story)


def test_a_trade_that_is_cancelled_and_one_that_is_corrected(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        await bob.new_order("b-1", "XYZ", "sell", "1", "10")
        await alice.new_order("a-1", "XYZ", "buy", "2", "10")
        (fill,) = (await alice.fills()).json()["fills"]
        order = order_of(await alice.order("a-1"))
        shard, number = (int(part) for part in fill["exec_id"].split("-"))
        sessions = door.services.accounts._accounts
        key = next(k for k in sessions if door.services.accounts.order(k, "a-1"))
        common: dict[str, Any] = {
            "side": ord("1"),
            "ord_type": OrdType.LIMIT,
            "source": 1000,
            "session": key,
            "order_id": shard << 48 | int(order["order_id"].split("-")[1]),
            "trade_id": shard << 48 | int(fill["trade_id"].split("-")[1]),
            "exec_id": shard << 48 | number,
            "last_price": 10 * UNIT,
            "last_qty": UNIT,
            "cl_ord_id": "a-1",
            "account": "ALICE",
            "symbol": "XYZ",
        }
        operator(
            door,
            shard,
            TradeCommand(CommandKind.TRADE_CORRECT, **common, new_price=8 * UNIT),
        )
        accounts = door.services.accounts
        await until(lambda: accounts.fills(key, 1)[0].state == "corrected")
        (fill,) = (await alice.fills()).json()["fills"]
        assert (fill["price"], fill["state"]) == ("8", "corrected")
        (position,) = (await alice.positions()).json()["positions"]
        assert (position["bought_notional"], position["net_qty"]) == ("8", "1")
        assert order_of(await alice.order("a-1"))["avg_price"] == "8"
        common["last_price"] = 8 * UNIT
        operator(door, shard, TradeCommand(CommandKind.TRADE_CANCEL, **common))
        await until(lambda: accounts.fills(key, 1)[0].state == "cancelled")
        (position,) = (await alice.positions()).json()["positions"]
        assert (position["bought_notional"], position["net_qty"]) == ("0", "0")
        order = order_of(await alice.order("a-1"))
        assert (order["filled_qty"], order["avg_price"]) == ("0", None)

    run(tmp_path, story)


def test_fees_are_told(tmp_path: Path) -> None:
    async def story(door: Door) -> None:
        alice, bob = door.client(), door.client("BOB")
        define = InstrumentCommand(
            CommandKind.DEFINE_INSTRUMENT,
            symbol="XYZ",
            maker_fee=-10_000,
            taker_fee=30_000,
        )
        operator(door, 1, define)
        await bob.new_order("b-1", "XYZ", "sell", "1", "10")
        await alice.new_order("a-1", "XYZ", "buy", "1", "10")
        (taken,) = (await alice.fills()).json()["fills"]
        (made,) = (await bob.fills()).json()["fills"]
        assert (taken["fee"], made["fee"]) == ("0.003", "-0.001")

    run(tmp_path, story)
