"""All simulated traders in one process: a maker and two desks over FIX, people over
REST."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.records import InstrumentCommand
from fixgw.client.login import Settings
from fixgw.demo.fixdesk import FixDesk, Trader
from fixgw.demo.maker import MarketMaker
from fixgw.demo.pacing import Steps
from fixgw.demo.prices import Prices
from fixgw.demo.retail import RetailTrader
from fixgw.demo.taker import Taker
from fixgw.demo.terms import Terms
from fixgw.sidedoor.client import AsyncRestClient
from fixgw.sidedoor.keys import ApiKey
from fixgw.sidedoor.schemas import SYMBOL

log = logging.getLogger(__name__)

MAKER = "MAKER"
DESKS = ("DESK1", "DESK2")
SESSIONS = (MAKER, *DESKS)
"""The FIX sessions the traders use; the others are left to people."""

RETAIL_ACCOUNTS = ("RETAIL1", "RETAIL2", "RETAIL3", "RETAIL4")

TURN_S = 0.05
DESK_TRADES_PER_1000 = 250
RETAIL_TRADES_PER_1000 = 80
"""Of a thousand steps of a tenth of a second: two and a half trades a second of a
desk, one in a good second of a person."""

HEARTBEAT_S = 5
REPORT_S = 60.0


@dataclass(frozen=True, slots=True)
class Venue:
    """Where the traders trade, and as whom."""

    fix_host: str
    fix_port: int
    exchange: str
    """The exchange's comp ID."""
    rest_url: str
    keys: Sequence[ApiKey]
    """Of the people who come over REST, one for each."""
    orders_per_second: int
    """What the side door allows a key."""
    folder: Path
    """Where the traders keep what they need after a restart."""


class Traders:
    """Everybody. Deterministic in what they want, given ``seed`` and what they are
    told; when they are told is up to the machine."""

    def __init__(
        self,
        instruments: Sequence[InstrumentCommand],
        venue: Venue,
        seed: int,
        speed: float,
    ) -> None:
        terms = [t for t in map(Terms.of, instruments) if t is not None]
        self._speed = speed
        self._prices = Prices(terms, seed)
        self.fix: list[FixDesk] = []
        self.rest: list[RetailTrader] = []
        if not terms:
            log.warning("no instrument has a reference price: nothing to trade")
            return
        maker = MarketMaker(terms, self._prices, seed, _names(MAKER))
        self.fix.append(self._desk(MAKER, venue, maker))
        for name in DESKS:
            taker = self._taker(name, terms, seed, DESK_TRADES_PER_1000)
            self.fix.append(self._desk(name, venue, taker))
        reachable = [t for t in terms if re.fullmatch(SYMBOL, t.symbol)]
        for key in venue.keys if reachable else ():
            taker = self._taker(key.account, reachable, seed, RETAIL_TRADES_PER_1000)
            client = AsyncRestClient(venue.rest_url, key.key_id, key.secret)
            self.rest.append(
                RetailTrader(key.account, taker, client, venue.orders_per_second)
            )

    async def run(self, stop: asyncio.Event) -> None:
        """Trade until told to stop, then log out. Raises what broke a trader."""
        tasks = [asyncio.create_task(desk.run()) for desk in self.fix]
        tasks += [asyncio.create_task(person.run()) for person in self.rest]
        tasks.append(asyncio.create_task(self._turns()))
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait(
                (*tasks, stopping), return_when=asyncio.FIRST_COMPLETED
            )
            for task in done - {stopping}:
                task.result()
        finally:
            for task in (*tasks, stopping):
                task.cancel()
            await asyncio.gather(*tasks, stopping, return_exceptions=True)

    async def _turns(self) -> None:
        now = time.monotonic()
        steps, report_at = Steps(self._speed, now), now + REPORT_S
        while True:
            await asyncio.sleep(TURN_S)
            now = time.monotonic()
            due = steps.due(now)
            for _ in range(due):
                self._prices.step()
            for desk in self.fix:
                if desk.ready:
                    desk.send(desk.trader.act(now, due))
            for person in self.rest:
                if person.ready:
                    person.send(person.taker.act(now, due))
            if now >= report_at:
                report_at = now + REPORT_S
                log.info("requests sent: %s", self._sent())

    def _sent(self) -> str:
        counts = [(desk.settings.sender, desk.sent_count) for desk in self.fix]
        counts += [(person.name, person.sent_count) for person in self.rest]
        return ", ".join(f"{name} {count}" for name, count in counts)

    def _taker(
        self, name: str, terms: Sequence[Terms], seed: int, per_1000: int
    ) -> Taker:
        return Taker(name, terms, self._prices, seed, per_1000, _names(name))

    @staticmethod
    def _desk(name: str, venue: Venue, trader: Trader) -> FixDesk:
        settings = Settings(
            sender=name,
            target=venue.exchange,
            host=venue.fix_host,
            port=venue.fix_port,
            heartbeat_s=HEARTBEAT_S,
        )
        return FixDesk(settings, venue.folder, trader)


def _names(trader: str) -> Callable[[], str]:
    """Makes ClOrdIDs that no life before this one has used."""
    begun = f"{time.time_ns() // 1_000_000:x}"
    counter = itertools.count(1)
    return lambda: f"{trader}-{begun}-{next(counter)}"
