"""The streams of a side door over real sockets: uvicorn, and a shard beside it.

The shard is the compiled one, driven by the test: :meth:`Door.apply` takes commands and
hands their events to the feed, so a test knows exactly what has happened when.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import orjson
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from engine.codes import CommandKind, OrdType, Phase, Side, TimeInForce
from engine.layouts import Record
from engine.records import (
    EVENT_BYTES,
    UNIT,
    InstrumentCommand,
    OrderCommand,
    PhaseCommand,
)
from engine.shard import Shard
from fixgw.net.links import ShardLink
from fixgw.orders.routing import ShardMap
from fixgw.sidedoor.accounts import Accounts
from fixgw.sidedoor.client import Signer
from fixgw.sidedoor.desk import Desk
from fixgw.sidedoor.dispatch import Dispatcher
from fixgw.sidedoor.feed import Feed
from fixgw.sidedoor.figures import Figures
from fixgw.sidedoor.guard import Guard
from fixgw.sidedoor.hub import Hub, HubLimits
from fixgw.sidedoor.idempotency import Claims
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.keyring import KeyRing
from fixgw.sidedoor.keys import ApiKey, Role
from fixgw.sidedoor.limits import Limits, Rate
from fixgw.sidedoor.market import Market
from fixgw.sidedoor.private import PrivateStreams
from fixgw.sidedoor.replays import SeenSignatures
from fixgw.sidedoor.services import Services
from fixgw.sidedoor.websocket import websocket_routes
from fixgw.sidedoor.wsprotocol import LiveProtocol

SECRET = "s" * 64
SIGNERS = {name: Signer(name, SECRET) for name in ("alice", "bob")}
"""One of each: two would sign alike in the same millisecond."""

PATIENCE_S = 20.0
WINDOW_MS = 5_000


class KeySet:
    """A source of keys that a test can change."""

    def __init__(self) -> None:
        self.keys = {
            name.lower(): ApiKey(name.lower(), SECRET, name, Role.TRADE)
            for name in ("ALICE", "BOB")
        }
        self.changed = True

    def disable(self, key_id: str) -> None:
        self.keys[key_id] = replace(self.keys[key_id], disabled=True)
        self.changed = True

    async def read(self) -> Mapping[str, ApiKey] | None:
        if not self.changed:
            return None
        self.changed = False
        return dict(self.keys)

    def notes(self) -> list[str]:
        return []


class Client:
    """A connection that reads when it is told to."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heartbeats: list[dict[str, Any]] = []
        self.welcome: dict[str, Any] = {}

    async def say(self, message: Any) -> None:
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        await self.socket.send(text)

    async def next(self) -> dict[str, Any]:
        """The next message of any kind."""
        text = await asyncio.wait_for(self.socket.recv(), PATIENCE_S)
        assert isinstance(text, str)
        message: dict[str, Any] = orjson.loads(text)
        if message["type"] == "heartbeat":
            self.heartbeats.append(message)
        return message

    async def hear(self) -> dict[str, Any]:
        """The next message that is no heartbeat."""
        while (message := await self.next())["type"] == "heartbeat":
            pass
        return message

    async def ask(self, message: Any) -> dict[str, Any]:
        await self.say(message)
        return await self.hear()

    async def subscribe(
        self, channel: str, *symbols: str, **more: Any
    ) -> dict[str, Any]:
        """Subscribe; the first message after the confirmation."""
        request = {"op": "subscribe", "channel": channel, **more}
        if symbols:
            request["symbols"] = list(symbols)
        answer = await self.ask(request)
        assert answer["type"] == "subscribed", answer
        return await self.hear()

    async def log_in(self, name: str = "alice") -> None:
        answer = await self.ask(SIGNERS[name].websocket_login())
        assert answer["type"] == "authenticated", answer

    async def closed(self) -> tuple[int, str]:
        """Read until the connection is closed; code and reason."""

        async def drain() -> None:
            async for _ in self.socket:
                pass

        with contextlib.suppress(ConnectionClosed):
            await asyncio.wait_for(drain(), PATIENCE_S)
        close = self.socket.protocol.close_rcvd
        assert close is not None, "no close frame was received"
        return close.code, close.reason

    async def silence(self, seconds: float = 0.1) -> None:
        """Nothing but heartbeats comes for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                text = await asyncio.wait_for(self.socket.recv(), left)
                assert orjson.loads(text)["type"] == "heartbeat", text


class _Link:
    """Gives commands to the door's own shard, at once."""

    is_up = has_room = True

    def __init__(self, door: Door) -> None:
        self._door = door

    def submit(self, commands: bytes, callbacks: list[Callable[[], None]]) -> None:
        self._door.take(commands)
        for callback in callbacks:
            callback()


class Door:
    """Market, accounts, hub and the server in front of them."""

    def __init__(
        self,
        limits: HubLimits,
        symbols: tuple[str, ...],
        protocol: Any,
        up: bool,
        shards: int,
        **server: Any,
    ) -> None:
        self.shard = Shard(0, b"a key of no note")
        self.market = Market()
        self.accounts = Accounts()
        self.private = PrivateStreams(self.accounts)
        self.feed = Feed((self.market, self.accounts), self.fail)
        self.keys = KeySet()
        many = Rate(10_000, 10_000)
        self.guard = Guard(
            keys=KeyRing(self.keys),
            seen=SeenSignatures(WINDOW_MS),
            limits=Limits(
                dict.fromkeys(("orders", "reads", "public", "cancels"), many)
            ),
            claims=Claims(0),
            window_ms=WINDOW_MS,
        )
        self.hub = Hub(self.market, self.private, self.guard, time.time_ns, limits)
        figures = Figures()
        dispatcher = Dispatcher(ShardMap(1, {}), figures)
        dispatcher.use_links({0: cast(ShardLink, _Link(self))})
        desk = Desk(self.guard, self.accounts, dispatcher, figures, time.time_ns)
        services = SimpleNamespace(
            desk=desk,
            config=SimpleNamespace(shard_count=shards),
            clock=time.time_ns,
            guard=self.guard,
            market=self.market,
            accounts=self.accounts,
            private=self.private,
            hub=self.hub,
        )
        app = FastAPI()
        app.include_router(websocket_routes(cast(Services, services)))
        self.server = uvicorn.Server(
            uvicorn.Config(
                app, port=0, ws=protocol, log_level="warning", lifespan="off", **server
            )
        )
        self.failures: list[BaseException] = []
        self.clients: list[Client] = []
        self.now = time.time_ns()
        self.number = 0
        self.define(*symbols)
        if up:
            self.feed.on_link(0, True)

    def fail(self, error: BaseException) -> None:
        self.failures.append(error)

    @property
    def port(self) -> int:
        number: int = self.server.servers[0].sockets[0].getsockname()[1]
        return number

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/ws"

    async def client(self, **options: Any) -> Client:
        """A connection that has heard its welcome."""
        options.setdefault("max_size", 2**24)
        client = Client(await connect(self.url, **options))
        self.clients.append(client)
        client.welcome = await client.hear()
        assert client.welcome["type"] == "welcome"
        return client

    # -- the exchange ------------------------------------------------------------------

    def apply(self, *commands: Record) -> None:
        """Commands of one batch; their events are known when this returns."""
        self.take(b"".join(command.pack() for command in commands))

    def take(self, packed: bytes) -> None:
        """The same for packed commands."""
        self.now += 1
        first = self.shard.event_seq + 1
        events = self.shard.apply(packed, self.now)
        self.feed.take_events(0, first, len(events) // EVENT_BYTES, events)

    def define(self, *symbols: str) -> None:
        kind = CommandKind.DEFINE_INSTRUMENT
        for symbol in symbols:
            self.apply(InstrumentCommand(kind, symbol=symbol, currency="EUR"))

    def new(
        self, side: str, qty: int, price: int | None, symbol: str, account: str
    ) -> OrderCommand:
        self.number += 1
        return OrderCommand(
            CommandKind.NEW_ORDER,
            side=int(Side.BUY if side == "buy" else Side.SELL),
            ord_type=int(OrdType.MARKET if price is None else OrdType.LIMIT),
            time_in_force=int(TimeInForce.DAY),
            price=(price or 0) * UNIT,
            qty=qty * UNIT,
            cl_ord_id=f"o{self.number}",
            session=account_key(account),
            account=account,
            symbol=symbol,
        )

    def order(
        self,
        side: str,
        qty: int,
        price: int | None,
        symbol: str = "ABC",
        account: str = "MAKER",
    ) -> str:
        """An order in whole units; its ClOrdID(11)."""
        command = self.new(side, qty, price, symbol, account)
        self.apply(command)
        return command.cl_ord_id

    def cancel(self, cl_ord_id: str, account: str = "MAKER") -> None:
        self.number += 1
        self.apply(
            OrderCommand(
                CommandKind.CANCEL,
                session=account_key(account),
                account=account,
                cl_ord_id=f"c{self.number}",
                orig_cl_ord_id=cl_ord_id,
            )
        )

    def trade(self, price: int, qty: int = 1, symbol: str = "ABC") -> None:
        self.order("sell", qty, price, symbol)
        self.order("buy", qty, price, symbol)

    def halt(self, symbol: str, status: Phase) -> None:
        kind = CommandKind.SET_PHASE
        self.apply(PhaseCommand(kind, phase=int(status), symbol=symbol))


@contextlib.asynccontextmanager
async def door(
    limits: HubLimits | None = None,
    symbols: tuple[str, ...] = ("ABC", "XYZ"),
    protocol: Any = LiveProtocol,
    up: bool = True,
    shards: int = 1,
    **server: Any,
) -> AsyncIterator[Door]:
    """A running door; nothing of it must have failed at the end."""
    running = Door(limits or HubLimits(), symbols, protocol, up, shards, **server)
    serving = asyncio.ensure_future(running.server._serve())
    await until(lambda: running.server.started or serving.done())
    try:
        yield running
        assert not running.failures
    finally:
        for client in running.clients:
            client.socket.transport.abort()
        running.server.should_exit = True
        await serving
        await running.hub.close()
        await running.guard.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.005)


def run(
    conversation: Callable[[Door], Coroutine[Any, Any, None]], **options: Any
) -> None:
    """Run one conversation with a door."""

    async def main() -> None:
        async with door(**options) as running:
            await conversation(running)

    asyncio.run(main())
