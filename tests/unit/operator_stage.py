"""A shard as its operators see it: a service, a gateway that listens, a clock that
stands still."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.codes import CommandKind, OrdType, Side, TimeInForce
from engine.host.admin import AdminError
from engine.host.host import DAY_NS, ShardHost
from engine.host.operator import Operator
from engine.host.phasekeeper import Timetable
from engine.host.service import ShardService
from engine.records import (
    EVENT_BYTES,
    UNIT,
    InstrumentCommand,
    OrderCommand,
    unpack_all,
)
from tests.reference.script import X, parse_all, tell

SHARD = 2
Y = InstrumentCommand(
    CommandKind.DEFINE_INSTRUMENT,
    symbol="YOYO",
    currency="USD",
    tick=UNIT // 2,
    lot=UNIT,
    reference_price=100 * UNIT,
    price_min=UNIT,
    price_max=200 * UNIT,
    qty_max=1000 * UNIT,
    notional_max=5000 * UNIT,
)
SESSION_1 = "0000000000000001"
SESSION_2 = "0000000000000002"


class FakePort:
    """A gateway's end: every event once, in order."""

    def __init__(self, taken: int) -> None:
        self.taken = taken
        self.committed = 0
        self.events: list[Any] = []

    def deliver(self, first: int, committed: int, count: int, events: bytes) -> None:
        assert first == self.taken + 1
        self.taken += count
        self.committed = max(self.committed, committed)
        self.events += unpack_all(events, EVENT_BYTES)

    def backlog(self) -> int:
        return 77

    def told(self) -> list[str]:
        return [tell(event) for event in self.events]


def packed(*lines: str) -> bytes:
    return b"".join(command.pack() for command in parse_all(*lines))


class Stage:
    """A shard with X and YOYO, a gateway that listens, and an operator."""

    def __init__(self, folder: Path, timetable: Timetable | None = None) -> None:
        self.folder = folder
        self.now = 20_000 * DAY_NS
        self.host = ShardHost(SHARD, folder, lambda: self.now, 0, timetable)
        self.host.define([X, Y])
        self.host.end_day_if_due()
        self.fatal: list[BaseException] = []
        self.service = ShardService(self.host, self.fatal.append)
        self.gateway = FakePort(self.host.event_seq)
        self.service.attach(self.gateway, self.host.event_seq, 4)
        self.operator = Operator(self.service, folder, "1.2.3", lambda: 5)
        self.commands = self.operator.commands()

    async def run(self, name: str, **arguments: Any) -> Any:
        result = self.commands[name].run(arguments)
        return await result if inspect.isawaitable(result) else result

    async def refused(self, name: str, **arguments: Any) -> tuple[str, str]:
        with pytest.raises(AdminError) as caught:
            await self.run(name, **arguments)
        return caught.value.code, caught.value.message

    def give(self, *lines: str) -> None:
        """Commands of the gateway, logged and applied by the next turn."""
        self.service.submit(self.gateway, self.gateway.committed + 1, packed(*lines))

    def order(
        self, name: str, side: Side, price: int, qty: int = 1, **more: Any
    ) -> None:
        """A limit order in X of session 1."""
        command = OrderCommand(
            CommandKind.NEW_ORDER,
            side=side,
            ord_type=OrdType.LIMIT,
            time_in_force=TimeInForce.DAY,
            session=1,
            price=price,
            qty=qty,
            cl_ord_id=name,
            symbol="X",
        )
        data = replace(command, **more).pack()
        self.service.submit(self.gateway, self.gateway.committed + 1, data)


def play(
    folder: Path,
    scene: Callable[[Stage], Awaitable[None]],
    timetable: Timetable | None = None,
) -> None:
    async def main() -> None:
        stage = Stage(folder, timetable)
        await scene(stage)
        stage.service.stop()
        stage.host.close()
        assert len(asyncio.all_tasks()) == 1
        assert stage.fatal == []

    asyncio.run(main())
