"""Metrics of a shard: exact for few instruments, bounded for many, never in the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from engine.codes import CommandKind, OrdType, Phase, Side, TimeInForce
from engine.host.host import ShardHost
from engine.host.operator import Operator
from engine.host.service import ShardService
from engine.records import UNIT, InstrumentCommand, OrderCommand, PhaseCommand
from fixgw.ops.metrics.shard import PAGE_INSTRUMENTS, SYMBOLS_MAX, shard_metrics


def instruments(count: int) -> bytes:
    return b"".join(
        InstrumentCommand(
            CommandKind.DEFINE_INSTRUMENT, symbol=f"S{number}", currency="USD"
        ).pack()
        for number in range(count)
    )


def order(side: Side, qty: int, price: int, number: int) -> bytes:
    return OrderCommand(
        CommandKind.NEW_ORDER,
        side=side,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.GTC,
        session=1,
        price=price,
        qty=qty,
        cl_ord_id=f"C{number}",
        symbol="S1",
    ).pack()


def told(folder: Path, commands: bytes) -> tuple[dict[str, Metric], int]:
    """What is told after these commands, and how many turns others had meanwhile."""

    async def run() -> tuple[dict[str, Metric], int]:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        host = ShardHost(0, folder, lambda: 1_700_000_000 * 10**9)
        host.process(commands)
        service = ShardService(host, lambda error: None)
        operator = Operator(service, folder, "1", lambda: 0)
        working = asyncio.create_task(others())
        await asyncio.sleep(0)
        turns = 0
        found = {metric.name: metric async for metric in shard_metrics(operator)}
        working.cancel()
        host.close()
        return found, turns

    return asyncio.run(run())


def rows(metric: Metric) -> dict[tuple[str, ...], float]:
    return {tuple(sample.labels.values()): sample.value for sample in metric.samples}


def test_a_book(tmp_path: Path) -> None:
    halt = PhaseCommand(CommandKind.SET_PHASE, phase=Phase.HALTED, symbol="S0")
    found, _ = told(
        tmp_path,
        instruments(2)
        + order(Side.BUY, 10**18, 3 * UNIT, 1)
        + order(Side.BUY, 5, 2 * UNIT, 2)
        + order(Side.SELL, UNIT // 4, 3 * UNIT, 3)
        + order(Side.BUY, 0, 3 * UNIT, 4)
        + halt.pack(),
    )
    assert rows(found["trades"]) == {("S0",): 0, ("S1",): 1}
    assert rows(found["trade_volume"]) == {("S0",): 0, ("S1",): 0.25}
    assert rows(found["current_orderbook_depth"]) == {
        ("S0", "buy"): 0,
        ("S0", "sell"): 0,
        ("S1", "buy"): 2,
        ("S1", "sell"): 0,
    }
    # As near as a float comes to 9999999999.75000005.
    bought = rows(found["fixgw_orderbook_quantity"])["S1", "buy"]
    assert bought == 9_999_999_999.75
    assert rows(found["fixgw_open_orders"]) == {("S0",): 0, ("S1",): 2}
    assert rows(found["fixgw_instrument_halted"]) == {("S0",): 1, ("S1",): 0}
    assert rows(found["orders_matched"]) == {(): 2}
    assert rows(found["orders_rejected"])["new",] == 1


@pytest.mark.parametrize("count", [PAGE_INSTRUMENTS, 3 * PAGE_INSTRUMENTS + 1])
def test_all_of_them(tmp_path: Path, count: int) -> None:
    found, _ = told(tmp_path, instruments(count))
    assert rows(found["fixgw_instruments"]) == {(): count}
    assert list(rows(found["trades"])) == [(f"S{n}",) for n in range(count)]


def test_many(tmp_path: Path) -> None:
    count = SYMBOLS_MAX + 50
    found, turns = told(tmp_path, instruments(count))
    assert rows(found["fixgw_instruments"]) == {(): count}
    assert list(rows(found["trades"])) == [(f"S{n}",) for n in range(SYMBOLS_MAX)]
    assert len(rows(found["current_orderbook_depth"])) == 2 * SYMBOLS_MAX
    assert turns >= SYMBOLS_MAX // PAGE_INSTRUMENTS
