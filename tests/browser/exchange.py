"""An exchange with a side door and a living market, for a browser to look at.

Real shards with their logs, the real side door over HTTP, and traders of whom nobody
needs to know more than that they keep prices moving. Everything runs on one event loop.
The clock can be ahead of or behind the world's: the past is made in moments.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

from engine import instruments
from engine.codes import CommandKind, OrdType, Phase, Side, TimeInForce
from engine.host.host import ShardHost
from engine.host.service import ShardService
from engine.layouts import Record
from engine.records import UNIT, InstrumentCommand, OrderCommand, PhaseCommand
from fixgw.config import Config
from fixgw.config.model import SideDoor as SideDoorConfig
from fixgw.orders.routing import ShardMap
from fixgw.sidedoor.app import create_app
from fixgw.sidedoor.httpserver import HttpServer, listen
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.keys import KeyFile, Role, new_key
from fixgw.sidedoor.process import SideDoor, ToldLocalLink

ROOT = Path(__file__).resolve().parents[2]
SHARDS = 2
LEVELS = 18
"""Levels a trader keeps on each side."""


class Trader:
    """Keeps a book of one instrument around a price that wanders."""

    def __init__(self, terms: InstrumentCommand, random: Random) -> None:
        self.terms = terms
        self.random = random
        self.middle = terms.reference_price or 100 * UNIT
        # A tick may be tiny against the price: levels stand further apart then.
        self.step = max(terms.tick, self.middle // 20_000 // terms.tick * terms.tick)
        self.size = max(terms.lot, self._lots(2_000 * UNIT * UNIT // self.middle))
        self.resting: list[str] = []
        self.serial = 0

    def _lots(self, qty: int) -> int:
        return qty // self.terms.lot * self.terms.lot

    def _qty(self) -> int:
        share = self.random.paretovariate(1.4)
        return max(self.terms.lot, self._lots(int(self.size * min(share, 30.0))))

    def _order(
        self, side: Side, price: int, qty: int, force: TimeInForce
    ) -> OrderCommand:
        self.serial += 1
        return OrderCommand(
            CommandKind.NEW_ORDER,
            side=int(side),
            ord_type=int(OrdType.LIMIT),
            time_in_force=int(force),
            price=price,
            qty=qty,
            cl_ord_id=f"{self.terms.symbol}-{self.serial}",
            session=account_key("MARKET"),
            account="MARKET",
            symbol=self.terms.symbol,
        )

    def quote(self, count: int) -> list[Record]:
        """Some orders that rest."""
        commands: list[Record] = []
        for _ in range(count):
            side = self.random.choice([Side.BUY, Side.SELL])
            away = 1 + int(self.random.expovariate(1 / (LEVELS / 2.5)))
            base = self.middle // self.step * self.step
            price = (
                base - away * self.step if side is Side.BUY else base + away * self.step
            )
            if price >= self.terms.price_min:
                order = self._order(side, price, self._qty(), TimeInForce.GTC)
                self.resting.append(order.cl_ord_id)
                commands.append(order)
        return commands

    def take(self) -> list[Record]:
        """One order that trades, and the price has moved a little."""
        drift = self.random.gauss(0, 1.3)
        self.middle = max(
            self.terms.price_min * 50, self.middle + int(drift * self.step)
        )
        side = Side.BUY if drift > 0 else Side.SELL
        reach = self.step * 3 if side is Side.BUY else -self.step * 3
        price = (self.middle + reach) // self.step * self.step
        return [
            self._order(
                side, price, self._qty() // 2 or self.terms.lot, TimeInForce.IOC
            )
        ]

    def tidy(self) -> list[Record]:
        """What rests too long is cancelled."""
        commands: list[Record] = []
        while len(self.resting) > 6 * LEVELS:
            self.serial += 1
            commands.append(
                OrderCommand(
                    CommandKind.CANCEL,
                    cl_ord_id=f"{self.terms.symbol}-{self.serial}",
                    orig_cl_ord_id=self.resting.pop(0),
                    session=account_key("MARKET"),
                    account="MARKET",
                    symbol=self.terms.symbol,
                )
            )
        return commands


class BrowserExchange:
    """Shards, side door, market. ``url`` is where the page is."""

    def __init__(self, folder: Path, seed: int = 7, past_hours: float = 0) -> None:
        self.folder = folder
        self.random = Random(seed)
        self.offset_ns = -int(past_hours * 3_600e9)
        self.fatal: list[BaseException] = []
        self.clock = lambda: time.time_ns() + self.offset_ns
        text = (ROOT / "config" / "instruments.csv").read_text()
        self.terms = {
            term.symbol: term for term in instruments.load(text, "instruments")
        }
        self.config = Config(
            path=folder / "fixgw.toml",
            sessions=folder / "sessions.cfg",
            instruments=folder / "instruments.csv",
            data=folder / "data",
            shard_count=SHARDS,
            sidedoor=SideDoorConfig(port=0, keys=folder / "api-keys.json"),
        )
        self.map = ShardMap(SHARDS, {})
        self.services = [self._shard(number) for number in range(SHARDS)]
        self.traders = {
            symbol: Trader(terms, self.random) for symbol, terms in self.terms.items()
        }
        self.url = ""
        self.port = 0
        self.living: asyncio.Task[None] | None = None

    def _shard(self, number: int) -> ShardService:
        host = ShardHost(number, self.folder / f"shard-{number}", self.clock)
        host.define(
            [t for t in self.terms.values() if self.shard_of(t.symbol) == number]
        )
        return ShardService(host, self.fatal.append)

    def shard_of(self, symbol: str) -> int:
        return self.map.shard_of(symbol.encode())

    # -- the side door -----------------------------------------------------------------

    async def open(self) -> None:
        """The page can be loaded, and the past is known; again at the same address,
        where it was closed."""
        await self.serve()
        await self.link()

    async def serve(self) -> None:
        """The page can be loaded; nothing is known yet."""
        self.parts = SideDoor(self.config, self.fatal.append, self.clock)
        listener = listen("127.0.0.1", self.port)
        self.port = listener.getsockname()[1]
        self.url = f"http://localhost:{self.port}/"
        self.server = HttpServer(create_app(self.parts.services), listener)
        await self.server.start()

    async def link(self) -> None:
        """The shards are linked, and their past is known."""
        self.links = {
            number: ToldLocalLink(
                number, self.parts.feed, service, self.parts.feed.on_link
            )
            for number, service in enumerate(self.services)
        }
        self.parts.use_links(self.links)
        while self.parts.services.dispatcher.down:
            await asyncio.sleep(0.01)

    async def close(self) -> None:
        """The side door is gone; the shards stay."""
        await self.parts.services.hub.close()
        await self.server.stop()
        await self.parts.close()
        for number, service in enumerate(self.services):
            service.detach(self.links[number])

    async def known_key(self, account: str) -> tuple[str, str]:
        """A new API key, its id and secret; the side door knows it."""
        file = KeyFile(self.config.sidedoor.keys)
        key = new_key(account, Role.TRADE, "", time.time_ns())
        file.add(key)
        while await self.parts.services.guard._keys.find(key.key_id) is None:
            await asyncio.sleep(0.02)
        return key.key_id, key.secret

    # -- the market --------------------------------------------------------------------

    def apply(self, commands: list[Record]) -> None:
        """Commands reach their shards as another gateway's would."""
        for number, service in enumerate(self.services):
            mine: Any = [c for c in commands if self.shard_of(c.symbol) == number]  # type: ignore[attr-defined]
            if mine:
                events = service.host.process(b"".join(c.pack() for c in mine))
                service._publish(events)

    def halt(self, symbol: str, status: Phase) -> None:
        kind = CommandKind.SET_PHASE
        self.apply([PhaseCommand(kind, phase=int(status), symbol=symbol)])

    def make_past(self, steps: int) -> None:
        """Trading of the hours until now, in moments."""
        step_ns = -self.offset_ns // steps
        for step in range(steps):
            self.offset_ns += step_ns
            self.apply(self._turn(6 if step else 80, 0.8))
        self.offset_ns = 0

    def _turn(self, quotes: int, chance: float) -> list[Record]:
        commands: list[Record] = []
        for trader in self.traders.values():
            if self.random.random() < chance:
                commands += trader.take()
            commands += trader.quote(quotes)
            commands += trader.tidy()
        return commands

    def live(self, pause_s: float = 0.08) -> None:
        """Trading goes on from here."""

        async def forever() -> None:
            while True:
                await asyncio.sleep(pause_s)
                for trader in self.random.sample(list(self.traders.values()), 5):
                    commands = trader.quote(3) + trader.tidy()
                    if self.random.random() < 0.6:
                        commands += trader.take()
                    self.apply(commands)

        self.living = asyncio.ensure_future(forever())

    async def stop_living(self) -> None:
        if self.living is not None:
            self.living.cancel()
            await asyncio.gather(self.living, return_exceptions=True)
            self.living = None


@contextlib.asynccontextmanager
async def browser_exchange(
    folder: Path, **options: Any
) -> AsyncIterator[BrowserExchange]:
    """A running exchange; nothing of it must have failed at the end."""
    running = BrowserExchange(folder, **options)
    await running.open()
    try:
        yield running
        assert not running.fatal
    finally:
        await running.stop_living()
        await running.close()
        for service in running.services:
            service.host.close()
