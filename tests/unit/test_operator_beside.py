"""What happens beside an operator's command: its answer speaks of the command alone.

Events of what time brings belong to the first command of a batch, and a command may
move other orders: stops, pegs, indicative prices.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.codes import EventKind, ExecInst, OrdType, Phase, Side, TimeInForce
from engine.host.host import DAY_NS
from engine.records import UNIT
from tests.unit.operator_stage import SESSION_1, SHARD, Stage, play


async def expiring(stage: Stage) -> None:
    """An order whose time comes with the next batch."""
    stage.order(
        *("GTD", Side.BUY, 5 * UNIT, UNIT),
        time_in_force=TimeInForce.GTD,
        expire_time=stage.now + 1_000,
    )
    await asyncio.sleep(0)
    stage.now += 10_000


def test_an_order_is_cancelled_while_another_expires(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.order("A", Side.BUY, 6 * UNIT, UNIT)
        await expiring(stage)
        told = await stage.run("orders.cancel", session=SESSION_1, cl_ord_id="A")
        assert told["cl_ord_id"] == "A"
        assert stage.host.shard.open_orders == 0

    play(tmp_path, scene)


def test_who_cancels_what_expires_just_then_is_told(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await expiring(stage)
        code, _ = await stage.refused(
            "orders.cancel", session=SESSION_1, cl_ord_id="GTD"
        )
        assert code == "NOT_FOUND"

    play(tmp_path, scene)


def test_an_order_is_cancelled_that_others_are_pegged_to(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.order("A", Side.BUY, 6 * UNIT, UNIT)
        stage.order(
            *("PEG", Side.BUY, 0, UNIT),
            ord_type=OrdType.PEGGED,
            exec_inst=ExecInst.PEG_PRIMARY,
        )
        await asyncio.sleep(0)
        told = await stage.run("orders.cancel", session=SESSION_1, cl_ord_id="A")
        assert (told["cl_ord_id"], told["cancelled_qty"]) == ("A", "1")

    play(tmp_path, scene)


def test_a_block_in_an_auction_counts_what_it_cancelled(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.run("instruments.phase", symbol="X", phase="opening_auction")
        stage.order("A", Side.BUY, 10 * UNIT, UNIT)
        stage.order("B", Side.SELL, 9 * UNIT, UNIT, session=2)
        await asyncio.sleep(0)
        stage.now += 2 * 10**9
        told = await stage.run("limits.block", session=SESSION_1, blocked=True)
        assert told["cancelled"] == 1
        assert stage.gateway.events[-1].kind == EventKind.AUCTION

    play(tmp_path, scene)


def test_a_trade_is_cancelled_while_an_order_expires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        stage.order("A", Side.SELL, 10 * UNIT, 5 * UNIT)
        stage.order("B", Side.BUY, 10 * UNIT, 5 * UNIT)
        await asyncio.sleep(0)
        fills = [e for e in stage.gateway.events if e.kind == EventKind.FILLED]
        stage.order(
            *("GTD", Side.BUY, 5 * UNIT, UNIT),
            time_in_force=TimeInForce.GTD,
            expire_time=stage.now + DAY_NS // 2,
        )
        await asyncio.sleep(0)
        settle = stage.service.settle

        def settled_late() -> None:
            settle()
            stage.now += DAY_NS // 2

        monkeypatch.setattr(stage.service, "settle", settled_late)
        told = await stage.run("trades.cancel", trade_id=f"{SHARD}-{fills[0].seq}")
        assert EventKind.EXPIRED in [each.kind for each in stage.gateway.events[-3:]]
        assert told["done"]
        assert told["events"] == [each.seq for each in stage.gateway.events[-2:]]

    play(tmp_path, scene)


def test_cancelling_all_counts_what_it_cancelled(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.order("A", Side.BUY, 10 * UNIT, UNIT)
        phase = {"symbol": "X", "phase": "opening_auction", "then": "continuous"}
        await stage.run("instruments.phase", **phase, until_ns=stage.now + 1_000)
        stage.order("M", Side.BUY, 0, UNIT, ord_type=OrdType.MARKET)
        await asyncio.sleep(0)
        stage.now += 10_000
        # The auction ends at the beginning of the batch, and M with it.
        told = await stage.run("orders.cancel_all", all=True)
        assert told["cancelled"] == 1

    play(tmp_path, scene)


def test_a_phase_that_is_there_already_is_not_changed_by_the_time(
    tmp_path: Path,
) -> None:
    async def scene(stage: Stage) -> None:
        await stage.run("instruments.halt", symbol="X")
        await stage.run(
            "instruments.halt", symbol="YOYO", until_ns=stage.now + DAY_NS // 2
        )
        stage.now += DAY_NS // 2 + 1
        told = await stage.run("instruments.halt", symbol="X")
        assert (told["status"], told["changed"]) == ("halted", False)
        phases = stage.host.standing.phases
        assert phases["YOYO"].phase == Phase.CONTINUOUS

    play(tmp_path, scene)
