"""A side door over real HTTP, beside a FIX gateway, in front of the same real shards.

Everything runs in one event loop and on one clock, that of the in-process exchange: FIX
and REST orders meet in the same books. Shards can be frozen, their days can be ended,
and the door can be closed and opened again on the same logs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import httpx

from engine.codes import CommandKind
from engine.records import UNIT, InstrumentCommand
from fixgw.config import Config
from fixgw.config.model import Redis
from fixgw.config.model import SideDoor as SideDoorConfig
from fixgw.sidedoor.app import create_app
from fixgw.sidedoor.client import AsyncRestClient, Signer
from fixgw.sidedoor.httpserver import HttpServer, listen
from fixgw.sidedoor.keys import ApiKey, KeyFile, Role, new_key
from fixgw.sidedoor.process import SideDoor, ToldLocalLink
from fixgw.sidedoor.redis_keys import RedisKeys
from tests.net.exchange_in_process import SYMBOLS, InProcess, until

PATIENCE_S = 20.0
ACCOUNTS = ("ALICE", "BOB")
TICKED = "TICKED"
"""An instrument with terms: tick 0.05, lot 10, price 1 to 100, at most 1000 and 5000 of
notional."""

PLAIN = InstrumentCommand(
    CommandKind.DEFINE_INSTRUMENT, symbol=SYMBOLS[0], currency="EUR"
)
TERMS = InstrumentCommand(
    CommandKind.DEFINE_INSTRUMENT,
    symbol=TICKED,
    currency="EUR",
    tick=UNIT // 20,
    lot=10 * UNIT,
    price_min=UNIT,
    price_max=100 * UNIT,
    qty_max=1000 * UNIT,
    notional_max=5000 * UNIT,
)

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


class Door:
    """A running side door and who may come in."""

    def __init__(
        self, exchange: InProcess, folder: Path, redis_url: str = "", **options: Any
    ) -> None:
        self.exchange = exchange
        self.fatal: list[BaseException] = []
        self.clients: list[AsyncRestClient] = []
        keys = folder / "api-keys.json"
        generous = {
            f"{kind}_{limit}": 1000
            for kind in ("orders", "reads", "public")
            for limit in ("per_second", "burst")
        }
        self.config = Config(
            path=folder / "fixgw.toml",
            sessions=folder / "sessions.cfg",
            instruments=folder / "instruments.csv",
            data=folder / "data",
            shard_count=len(exchange.services),
            pins={s: i % len(exchange.services) for i, s in enumerate(SYMBOLS)}
            | {TICKED: 0},
            redis=Redis(redis_url),
            sidedoor=SideDoorConfig(port=0, keys=keys, **{**generous, **options}),
        )
        self.key_file = KeyFile(keys)
        self.redis_keys = RedisKeys(redis_url) if redis_url else None
        self.keys: dict[tuple[str, Role], ApiKey] = {}
        self.url = ""
        self.signers: dict[str, Signer] = {}
        self.last_ms = 0
        self._held_ns: int | None = None

    def clock(self) -> int:
        """The exchange's clock, unless it is held."""
        return self.exchange.clock() if self._held_ns is None else self._held_ns

    def hold_clock(self) -> None:
        """From now on no time passes for the door: no limit fills up again, however
        long a busy machine takes."""
        self._held_ns = self.exchange.clock()

    def timestamp_ms(self) -> int:
        """A time to sign with that no other request has."""
        self.last_ms = max(self.exchange.clock() // 1_000_000, self.last_ms + 1)
        return self.last_ms

    async def open(self) -> None:
        """Begin to serve; the shards' past is known afterwards."""
        self.parts = SideDoor(self.config, self.fatal.append, self.clock)
        self.services = self.parts.services
        self.links: dict[int, ToldLocalLink] = {}
        listener = listen("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.app = create_app(self.services)
        self.server = HttpServer(self.app, listener, self.services.figures)
        await self.server.start()
        await self.link_up()

    async def link_up(self) -> None:
        """Link to the shards, and wait until their past is known."""
        for number, service in enumerate(self.exchange.services):
            if number not in self.links:
                self.links[number] = ToldLocalLink(
                    number, self.parts.feed, service, self.parts.feed.on_link
                )
        self.parts.use_links(self.links)
        await until(lambda: not self.services.dispatcher.down)

    async def link_down(self, number: int) -> None:
        """Lose the link to a shard."""
        link = self.links.pop(number)
        await link.close()
        link.is_up = False
        self.parts.use_links(self.links)

    async def close(self) -> None:
        """End it; what it knew is gone."""
        for client in self.clients:
            await client.close()
        self.clients.clear()
        await self.services.hub.close()
        await self.server.stop()
        await self.parts.close()
        if self.redis_keys is not None:
            self.redis_keys.close()

    async def reopen(self) -> None:
        """Close it and open another one on the same logs."""
        await self.close()
        await self.open()

    def key(self, account: str = "ALICE", role: Role = Role.TRADE) -> ApiKey:
        """The API key of an account."""
        key = self.keys.get((account, role))
        if key is None:
            key = new_key(account, role, "", self.exchange.clock())
            (self.redis_keys or self.key_file).add(key)
            self.keys[account, role] = key
        return key

    def client(
        self, account: str = "ALICE", role: Role = Role.TRADE
    ) -> AsyncRestClient:
        """A signing client of an account; an empty name: one that does not sign."""
        key_id = secret = ""
        if account:
            key = self.key(account, role)
            key_id, secret = key.key_id, key.secret
        client = AsyncRestClient(
            self.url, key_id, secret, PATIENCE_S, self.exchange.clock
        )
        if client.signer is not None:
            # Two signers of one key may sign alike within one millisecond.
            client.signer = self.signers.setdefault(key_id, client.signer)
        self.clients.append(client)
        return client

    def end_day(self) -> None:
        """The trading day of every shard ends, a day later than it is now."""
        self.exchange.skip(DAY_S)
        for service in self.exchange.services:
            service.tick()


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error object of an answer, which must be this one."""
    body = answer.json()
    assert set(body) == {"error"}, body
    error: dict[str, Any] = body["error"]
    assert (answer.status_code, error["code"]) == (status, code), body
    assert error["request_id"] == answer.headers["X-Request-ID"]
    assert error["message"]
    return error


def order_of(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The order in an answer with this status."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


@contextlib.asynccontextmanager
async def opened(
    folder: Path,
    *,
    shards: int = 2,
    names: tuple[str, ...] = ("BUYER",),
    instruments: Sequence[InstrumentCommand] = (PLAIN, TERMS),
    **options: Any,
) -> AsyncIterator[Door]:
    """A running exchange with a running side door; ``instruments`` are those of shard
    0, other shards take any symbol."""
    exchange = InProcess(folder / "exchange", shards=shards, names=names)
    exchange.services[0].host.define(list(instruments))
    exchange.start_gateway()
    await exchange.listen()
    door = Door(exchange, folder, **options)
    # Before the first request: later ones are seen with the next look at the file.
    for account in ACCOUNTS:
        door.key(account)
    door.key(role=Role.READ)
    await door.open()
    try:
        yield door
        assert not door.fatal
        assert not exchange.fatal
    finally:
        await door.close()
        await exchange.close()


def run(
    folder: Path, story: Callable[[Door], Coroutine[Any, Any, None]], **options: Any
) -> None:
    """Run one story with a side door."""

    async def main() -> None:
        async with opened(folder, **options) as door:
            await story(door)

    asyncio.run(main())
