"""Trades that an operator cancels or corrects: from the log, both sides, or not at
all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from engine.codes import EventKind, OrdStatus, Side
from engine.host.host import DAY_NS
from engine.records import UNIT, OrderEvent
from tests.unit.operator_stage import SESSION_1, SHARD, Stage, play


async def trade(stage: Stage, *, rest: int = 0) -> str:
    """5 at 10 between A, of account MAKER, which wanted ``rest`` more, and B; the
    TradeID."""
    stage.order("A", Side.SELL, 10 * UNIT, (5 + rest) * UNIT, account="MAKER")
    stage.order("B", Side.BUY, 10 * UNIT, 5 * UNIT, account="TAKER")
    await asyncio.sleep(0)
    fills = [e for e in stage.gateway.events if e.kind == EventKind.FILLED]
    return f"{SHARD}-{fills[-2].seq}"


def changes(stage: Stage) -> list[OrderEvent]:
    kinds = (EventKind.TRADE_CANCELLED, EventKind.TRADE_CORRECTED)
    return [event for event in stage.gateway.events if event.kind in kinds]


def positions(stage: Stage) -> dict[bytes, int]:
    return {
        account.rstrip(b"\0"): position
        for account, _, position in stage.host.shard.dump()[6]
    }


def test_a_trade_is_shown_as_it_is(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        name = await trade(stage, rest=2)
        told = await stage.run("trades.show", trade_id=name)
        sides = told.pop("sides")
        assert told == {
            "trade_id": name,
            "shard": SHARD,
            "symbol": "X",
            "qty": "5",
            "price": "10",
            "time_ns": stage.host.shard.time,
            "cancelled": False,
        }
        seq = int(name.partition("-")[2])
        assert sides[0] == {
            "side": "sell",
            "order_id": "2-4",
            "exec_id": name,
            "session": SESSION_1,
            "account": "MAKER",
            "cl_ord_id": "A",
            "price_now": "10",
            "order_open": True,
            "order_status": "partially_filled",
            "qty": "7",
            "filled_qty": "5",
            "avg_price": "10",
        }
        assert (sides[1]["side"], sides[1]["exec_id"]) == ("buy", f"{SHARD}-{seq + 1}")
        assert (sides[1]["order_open"], sides[1]["order_status"]) == (False, "filled")

    play(tmp_path, scene)


def test_a_dry_run_says_what_would_be_and_changes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        name = await trade(stage)
        before = stage.host.command_seq, stage.host.shard.state_hash()
        told = await stage.run("trades.cancel", trade_id=name, dry_run=True)
        assert (told["done"], told["new_price"]) == (False, None)
        assert [(a["filled_qty"], a["avg_price"]) for a in told["orders_after"]] == [
            ("0", "0"),
            ("0", "0"),
        ]
        told = await stage.run(
            "trades.correct", trade_id=name, price="12", dry_run=True
        )
        assert [(a["filled_qty"], a["avg_price"]) for a in told["orders_after"]] == [
            ("5", "12"),
            ("5", "12"),
        ]
        assert (stage.host.command_seq, stage.host.shard.state_hash()) == before

    play(tmp_path, scene)


def test_a_cancelled_trade_is_taken_back_on_both_sides(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        name = await trade(stage, rest=2)
        assert positions(stage) == {b"MAKER": -5 * UNIT, b"TAKER": 5 * UNIT}
        told = await stage.run("trades.cancel", trade_id=name, reason="fat finger")
        assert told["done"]
        maker, taker = changes(stage)
        assert told["events"] == [maker.seq, taker.seq]
        assert maker.trade_id == taker.trade_id == maker.contra_order_id
        assert (maker.cum_qty, maker.leaves_qty, maker.qty) == (0, 2 * UNIT, 7 * UNIT)
        assert maker.ord_status == OrdStatus.NEW
        assert (taker.cum_qty, taker.leaves_qty) == (0, 0)
        assert taker.ord_status == OrdStatus.CANCELED
        assert (maker.last_qty, maker.last_price) == (5 * UNIT, 10 * UNIT)
        assert positions(stage) == {b"MAKER": 0, b"TAKER": 0}
        assert (await stage.run("trades.show", trade_id=name))["cancelled"]
        for command in ("trades.cancel", "trades.correct"):
            more = {"price": "12"} if command == "trades.correct" else {}
            assert await stage.refused(command, trade_id=name, **more) == (
                "CONFLICT",
                f"{name} is cancelled already",
            )

    play(tmp_path, scene)


def test_the_other_fills_of_the_orders_count(tmp_path: Path) -> None:
    """Three fills at three prices, of an order that is replaced in between."""

    async def scene(stage: Stage) -> None:
        for number, price in enumerate((10, 11, 13)):
            stage.order(f"M{number}", Side.SELL, price * UNIT, 2 * UNIT)
        stage.order("T", Side.BUY, 13 * UNIT, 6 * UNIT)
        await asyncio.sleep(0)
        fills = [e for e in stage.gateway.events if e.kind == EventKind.FILLED]
        names = [f"{SHARD}-{fills[n].seq}" for n in (0, 2, 4)]
        told = await stage.run("trades.correct", trade_id=names[1], price="11.5")
        assert told["orders_after"][1]["avg_price"] == "11.5"
        taker = changes(stage)[-1]
        assert (taker.cum_qty, taker.avg_price) == (6 * UNIT, 11_50000000)
        # The corrected price stays what it is when another one is cancelled.
        await stage.run("trades.cancel", trade_id=names[0])
        taker = changes(stage)[-1]
        assert (taker.cum_qty, taker.avg_price) == (4 * UNIT, 12_25000000)
        assert taker.ord_status == OrdStatus.CANCELED
        # And the corrected one is cancelled at its new price.
        await stage.run("trades.cancel", trade_id=names[1])
        assert changes(stage)[-1].last_price == 11_50000000
        assert changes(stage)[-1].avg_price == 13 * UNIT

    play(tmp_path, scene)


def test_one_correction_a_day(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        name = await trade(stage)
        await stage.run("trades.correct", trade_id=name, price="11")
        code, text = await stage.refused("trades.correct", trade_id=name, price="12")
        assert code == "CONFLICT"
        assert text == f"{name} was corrected today: cancel it, or wait for tomorrow"
        stage.now += DAY_NS
        stage.service.tick()
        await stage.run("trades.correct", trade_id=name, price="12")
        assert [event.last_price // UNIT for event in changes(stage)] == [
            11,
            11,
            12,
            12,
        ]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("command", "given", "code", "said"),
    [
        ("trades.show", {"trade_id": "17"}, "BAD_ARGUMENT", "'17' is no OrderID"),
        ("trades.show", {"trade_id": "2-999"}, "NOT_FOUND", "2-999: there is no such "),
        (
            "trades.show",
            {"trade_id": "3-6"},
            "NOT_FOUND",
            "3-6: there is no such trade",
        ),
        (
            "trades.show",
            {"trade_id": "2-0"},
            "NOT_FOUND",
            "2-0: there is no such trade",
        ),
        # The taker's fill is a fill of a trade, and not its name.
        ("trades.cancel", {"trade_id": "2-7"}, "NOT_FOUND", "2-7: there is no such "),
        ("trades.correct", {"trade_id": "2-6"}, "BAD_ARGUMENT", "price is missing"),
        (
            "trades.correct",
            {"trade_id": "2-6", "price": "x"},
            "BAD_ARGUMENT",
            "price 'x' is no price",
        ),
        (
            "trades.correct",
            {"trade_id": "2-6", "price": "0"},
            "BAD_ARGUMENT",
            "price 0 is not above 0",
        ),
        (
            "trades.correct",
            {"trade_id": "2-6", "price": "10"},
            "CONFLICT",
            "2-6 is at 10 already",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, command: str, given: dict[str, Any], code: str, said: str
) -> None:
    async def scene(stage: Stage) -> None:
        assert await trade(stage) == "2-6"
        before = stage.host.command_seq
        found, text = await stage.refused(command, **given)
        assert (found, text[: len(said)]) == (code, said)
        assert stage.host.command_seq == before

    play(tmp_path, scene)


def test_what_waits_for_its_turn_is_among_the_facts(tmp_path: Path) -> None:
    """An order is filled on by a command that was taken before and not yet logged."""

    async def scene(stage: Stage) -> None:
        name = await trade(stage, rest=2)
        changing = asyncio.ensure_future(stage.run("trades.cancel", trade_id=name))
        stage.order("C", Side.BUY, 10 * UNIT, 2 * UNIT)
        told = await changing
        assert told["orders_after"][0] == {
            "order_id": "2-4",
            "filled_qty": "2",
            "avg_price": "10",
        }
        maker = changes(stage)[0]
        assert (maker.cum_qty, maker.leaves_qty) == (2 * UNIT, 0)
        assert maker.ord_status == OrdStatus.CANCELED

    play(tmp_path, scene)


def test_a_trade_of_before_a_restart_is_found(tmp_path: Path) -> None:
    names = []

    async def before(stage: Stage) -> None:
        for number in range(300):
            stage.order(f"N{number}", Side.BUY, UNIT, UNIT)
        await asyncio.sleep(0)
        names.append(await trade(stage))

    async def after(stage: Stage) -> None:
        for number in range(300):
            stage.order(f"O{number}", Side.BUY, UNIT, UNIT)
            await asyncio.sleep(0)
        told = await stage.run("trades.cancel", trade_id=names[0])
        assert told["done"]

    play(tmp_path, before)
    play(tmp_path, after)
