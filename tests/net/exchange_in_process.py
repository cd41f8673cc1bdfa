"""A whole exchange in one event loop: acceptor, gateway, outbox, and a real shard.

Its clock stands in 2026 and can be moved; clients are plain sockets with simplefix. The
shard's service can be frozen, and the gateway can die as a process dies: whatever it
had not written is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Mapping,
    Sequence,
)
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import simplefix

from engine.codes import CommandKind
from engine.host.admin import AdminError
from engine.host.host import ShardHost
from engine.host.service import Port, ShardService
from engine.records import InstrumentCommand
from fixgw.dictionary import Rulebook
from fixgw.net.acceptor import NOBODYS, Acceptor
from fixgw.net.dynamic import DynamicSessions
from fixgw.net.gateway import Gateway
from fixgw.net.hosted import Hosted
from fixgw.net.links import EventSink, LocalLink, ShardLink
from fixgw.net.marketdata import MarketData
from fixgw.net.operator import Operator
from fixgw.orders.exchange import Desk, Exchange
from fixgw.orders.routing import ShardMap
from fixgw.session.credentials import Credentials
from fixgw.session.identity import SessionId
from fixgw.session.reasons import DisconnectReason
from fixgw.session.session import Session
from fixgw.session.settings import AcceptorSettings, SessionSettings
from fixgw.store import Outbox
from fixgw.store.disabled import DisabledSessions
from fixgw.store.dynamic import DynamicStore
from tests.sessions.conversation import (
    FILLED_IN,
    START,
    Pairs,
    build,
    pairs_of,
    read,
    rulebook,
    shown,
    stamp,
)

PATIENCE_S = 20.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SYMBOLS = ("ABC", "XYZ")
"""One per shard, when there are two."""
INSTRUMENTS = tuple(
    InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol=symbol, currency="EUR")
    for symbol in SYMBOLS
)


class FreezableService(ShardService):
    """A shard's service that can be held up: what is submitted waits."""

    def __init__(self, host: ShardHost) -> None:
        super().__init__(host, _fatal)
        self.frozen = False
        self.held: list[tuple[Port, int, bytes]] = []

    def submit(self, port: Port, number: int, commands: bytes) -> None:
        if self.frozen:
            self.held.append((port, number, commands))
        else:
            super().submit(port, number, commands)

    def thaw(self) -> None:
        """Go on with everything that waited."""
        self.frozen = False
        held, self.held = self.held, []
        for batch in held:
            super().submit(*batch)


class Client:
    """A FIX client that does only what the test says."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        clock: Callable[[], datetime],
        name: str,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.next_out = 1
        self.begin_string = "FIX.4.4"
        self.heard = b""
        self._clock = clock
        self._name = name
        self._parser = simplefix.FixParser(allow_empty_values=True)

    def message(self, text: str) -> bytes:
        """The bytes of a message; 34 is the next number unless the text says it."""
        if not any(tag == 34 for tag, _ in pairs_of(text)):
            text = f"{text}|34={self.next_out}"
            self.next_out += 1
        when = stamp(self._clock())
        defaults = {8: self.begin_string, 49: self._name, 56: "EXCHANGE", 52: when}
        return build(text, defaults)

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)

    def say(self, text: str) -> None:
        """Write a message."""
        self.send(self.message(text))

    def order(self, cl_ord_id: str, extra: str = "", symbol: str = "XYZ") -> None:
        """Write a limit order that rests: 5 at 100 unless ``extra`` says otherwise."""
        when = stamp(self._clock())
        self.say(
            f"35=D|{extra}{'|' if extra else ''}11={cl_ord_id}|54=1|55={symbol}|"
            f"60={when}|38=5|40=2|44=100"
        )

    async def next(self) -> Pairs:
        """The next message."""
        return await asyncio.wait_for(self._next(), PATIENCE_S)

    async def _next(self) -> Pairs:
        while (message := self._parser.get_message()) is None:
            data = await self.reader.read(65536)
            assert data, "the connection was closed"
            self._parser.append_buffer(data)
        self.heard = message.encode()
        return read(self.heard)

    async def hear(self, text: str) -> dict[int, str]:
        """The next message, which has exactly these fields; ``*`` is any value."""
        pairs = await self.next()
        wanted = dict(pairs_of(text))
        found = {tag: value for tag, value in pairs if tag not in FILLED_IN}
        alike = {
            tag: "*" if wanted.get(tag) == "*" else value
            for tag, value in found.items()
        }
        assert alike == wanted, f"expected {text}, received {shown(pairs)}"
        return dict(pairs)

    async def report(self, cl_ord_id: str, exec_type: str = "0") -> dict[int, str]:
        """The next message, an ExecutionReport(8) of this order."""
        message = dict(await self.next())
        seen = (message.get(35), message.get(11), message.get(150))
        assert seen == ("8", cl_ord_id, exec_type), f"received {message}"
        return message

    async def log_on(self, heart_bt_int_s: int = 30, extra: str = "") -> dict[int, str]:
        """Send the Logon with the next number; the answer."""
        more = f"|{extra}" if extra else ""
        self.say(f"35=A|98=0|108={heart_bt_int_s}{more}")
        answer = dict(await self.next())
        assert answer[35] == "A", f"received {answer}"
        return answer

    async def silence(self, seconds: float = 0.05) -> None:
        """Nothing comes for so long."""
        with contextlib.suppress(asyncio.TimeoutError):
            message = await asyncio.wait_for(self._next(), seconds)
            raise AssertionError(f"received {shown(message)}")

    async def closed(self) -> bytes:
        """The exchange closes the connection; what it said before."""
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE_S)
        except (ConnectionError, ssl.SSLError):
            return b""

    async def close(self) -> None:
        """Close the connection without a word."""
        self.writer.close()
        with contextlib.suppress(OSError):  # TLS that was never agreed on is one too
            await self.writer.wait_closed()


class InProcess:
    """The exchange. Sessions are made of ``names``, all with the same settings but for
    those in ``own``; ``listener`` has further settings of the acceptor. Each gateway
    has new desks of ``desk_makers``, and those of market data if ``market_data``. The
    shards take turns in ``instruments``."""

    def __init__(
        self,
        folder: Path,
        *,
        names: tuple[str, ...] = ("BUYER", "SELLER"),
        shards: int = 1,
        connections_max: int = 100,
        now: datetime = START,
        listener: dict[str, Any] | None = None,
        credentials: Credentials = NOBODYS,
        changed_credentials: Callable[[], Credentials | None] = lambda: None,
        desk_makers: Sequence[Callable[[Gateway], Desk]] = (),
        own: Mapping[str, dict[str, Any]] | None = None,
        instruments: Sequence[InstrumentCommand] = INSTRUMENTS,
        market_data: bool = False,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self._instruments = instruments
        self.credentials = credentials
        self.changed_credentials = changed_credentials
        self.settings = AcceptorSettings(
            host="127.0.0.1",
            port=0,
            sessions=tuple(
                SessionSettings(
                    session_id=SessionId("FIX.4.4", "EXCHANGE", name),
                    **{**settings, **(own or {}).get(name, {})},
                )
                for name in names
            ),
            **(listener or {}),
        )
        self.clients: list[Client] = []
        self.market_data: MarketData | None = None
        self._has_market_data = market_data
        self.desks: list[Desk] = []
        self.desk_makers: list[Callable[[Gateway], Desk]] = list(desk_makers)
        self.fatal: list[BaseException] = []
        self._dead: Gateway | None = None
        self._connections_max = connections_max
        self._offset_ns = (now - EPOCH) // timedelta(
            microseconds=1
        ) * 1000 - time.monotonic_ns()
        pins = {one.symbol: index % shards for index, one in enumerate(instruments)}
        self._map = ShardMap(shards, pins)
        self.services = [self._open_shard(number) for number in range(shards)]

    # -- time --------------------------------------------------------------------------

    def clock(self) -> int:
        """Nanoseconds since the epoch, as the exchange sees it."""
        return time.monotonic_ns() + self._offset_ns

    def now(self) -> datetime:
        """The same as a time of day."""
        return EPOCH + timedelta(microseconds=self.clock() // 1000)

    def skip(self, seconds: float) -> None:
        """Move the clock."""
        self._offset_ns += int(seconds * 1_000_000_000)

    # -- parts -------------------------------------------------------------------------

    def _open_shard(self, number: int) -> FreezableService:
        host = ShardHost(number, self.folder / f"shard-{number}", self.clock)
        shard_of = self._map.shard_of
        host.define(
            [
                one
                for one in self._instruments
                if shard_of(one.symbol.encode()) == number
            ]
        )
        return FreezableService(host)

    def rulebook(self, settings: SessionSettings) -> Rulebook | None:
        """What a session judges messages by."""
        return rulebook() if settings.use_data_dictionary else None

    def start_gateway(self) -> None:
        """A gateway on what its folder holds."""
        self.outbox = Outbox(self.folder / "outbox", 0)
        self.gateway = Gateway(0, self.outbox, self.clock, self.fatal.append)
        self._let_die(self.gateway)
        desks = [*self.desks, *(make(self.gateway) for make in self.desk_makers)]
        if self._has_market_data:
            self.market_data = MarketData(self.gateway, self._map, self._market_link)
            desks += self.market_data.desks
        application = Exchange(self._map, self.gateway, desks)

        def make(settings: SessionSettings, _: SessionId) -> Session:
            return Session(
                settings,
                self.rulebook(settings),
                application,
                self.outbox.numbers(settings.session_id.key),
            )

        self.gateway.add_sessions(
            [make(each, each.session_id) for each in self.settings.sessions]
        )
        self.dynamic = DynamicSessions(
            self.gateway,
            self.settings.templates,
            self.settings.dynamic_sessions_max,
            make,
            DynamicStore(self.folder / "dynamic.json"),
        )
        self.dynamic.restore()
        self.links = {
            number: LocalLink(number, self.gateway, service)
            for number, service in enumerate(self.services)
        }
        self.gateway.use_links(self.links)
        for attachment in self.gateway.attachments:
            attachment.start()
        self.disabled = DisabledSessions(self.folder / "disabled.json")
        for hosted in self.gateway.sessions:
            hosted.enabled = self.disabled.get(hosted.session.session_id) is None

    async def listen(self) -> None:
        """Clients can connect, and every shard is up."""
        self.acceptor = Acceptor(
            self.gateway,
            self.settings,
            self._connections_max,
            self.credentials,
            self.dynamic,
            self.changed_credentials,
        )
        await self.acceptor.listen()
        self.operator = Operator(
            self.gateway,
            self.disabled,
            self.folder,
            "test",
            self.acceptor.port,
            lambda: len(self.acceptor.connections),
        )
        await until(lambda: all(link.is_up for link in self.links.values()))

    def _let_die(self, gateway: Gateway) -> None:
        """Once it is dead it writes nothing more, also not what is due in this turn."""
        flush = gateway._flush

        def flush_unless_dead() -> None:
            if gateway is not self._dead:
                flush()

        gateway._flush = flush_unless_dead  # type: ignore[method-assign]

    def kill_gateway(self) -> None:
        """The gateway dies: what it has not written by now is lost."""
        self._dead = self.gateway
        for number, service in enumerate(self.services):
            service.detach(self.links[number])
            self.links[number].is_up = False
        self._leave_market_data()
        self.hang_up()

    def _market_link(self, shard: int, sink: EventSink) -> ShardLink:
        return LocalLink(shard, sink, self.services[shard])

    def _leave_market_data(self) -> None:
        if self.market_data is not None:
            for number, link in self.market_data.links.items():
                assert isinstance(link, LocalLink)
                self.services[number].detach(link)
            self.market_data.links = {}

    def hang_up(self) -> None:
        """Stop listening, end timers, drop connections."""
        acceptor: Any = self.acceptor
        acceptor._server.close()
        for task in (*acceptor._timers, *acceptor._entrance.checks):
            task.cancel()
        acceptor.authenticator.close()
        for connection in list(acceptor.connections):
            if connection._transport is not None:
                connection._transport.abort()

    async def close(self) -> None:
        """Leave nothing behind."""
        for client in self.clients:
            await client.close()
        for link in self.links.values():
            link.is_up = False
        self.hang_up()
        self._leave_market_data()
        await asyncio.sleep(0)
        for service in self.services:
            service.stop()
            service.host.close()

    # -- for tests ---------------------------------------------------------------------

    async def connect(
        self,
        name: str = "BUYER",
        *,
        next_out: int = 1,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> Client:
        """A client of the session with that name, not yet logged on; through a ``port``
        that is not the exchange's own."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            port or self.acceptor.port,
            ssl=tls,
            server_hostname="localhost" if tls else None,
        )
        client = Client(reader, writer, self.now, name)
        client.next_out = next_out
        self.clients.append(client)
        return client

    async def client(self, name: str = "BUYER", heart_bt_int_s: int = 30) -> Client:
        """A client, logged on with its first message."""
        client = await self.connect(name)
        await client.log_on(heart_bt_int_s)
        return client

    async def ask(self, command: str, **arguments: Any) -> Any:
        """What the operator's command answers. Raises AdminError."""
        result = self.operator.commands()[command].run(arguments)
        return await result if isinstance(result, Awaitable) else result

    async def refused(self, command: str, **arguments: Any) -> tuple[str, str]:
        """The code and the message with which the operator's command is refused."""
        try:
            result = await self.ask(command, **arguments)
        except AdminError as error:
            return error.code, error.message
        raise AssertionError(f"{command} was not refused: {result}")

    def hosted(self, name: str = "BUYER") -> Hosted:
        """The gateway's side of a session."""
        hosted = self.gateway.find(b"FIX.4.4", name.encode(), b"EXCHANGE")
        assert hosted is not None
        return hosted

    def stored_in(self, name: str = "BUYER") -> int:
        """The inbound position on disk."""
        return self.outbox.numbers(self.hosted(name).key).next_in

    def send(self, name: str, text: str) -> None:
        """Our side sends an application message to that client."""
        kind, _, body = text.removeprefix("35=").partition("|")
        data = b"".join(f"{t}={v}\x01".encode() for t, v in pairs_of(body))
        hosted = self.hosted(name)
        hosted.session.send(kind, data, self.clock())
        self.gateway.touch(hosted)

    async def disconnected(self, reason: DisconnectReason, times: int = 1) -> None:
        """That many connections have ended for this reason."""
        counts = self.gateway.disconnects
        with contextlib.suppress(TimeoutError):
            await until(lambda: counts[reason] >= times)
        assert counts[reason] == times, f"{reason!r} is not among {counts}"


def _fatal(error: BaseException) -> None:
    raise AssertionError("the shard failed") from error


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def exchange(folder: Path, **options: Any) -> AsyncIterator[InProcess]:
    """A running exchange; nothing of it must have failed at the end."""
    running = InProcess(folder, **options)
    running.start_gateway()
    await running.listen()
    try:
        yield running
        assert not running.fatal
    finally:
        await running.close()


def run(
    folder: Path,
    conversation: Callable[[InProcess], Coroutine[Any, Any, None]],
    **options: Any,
) -> None:
    """Run one conversation with an exchange."""

    async def main() -> None:
        async with exchange(folder, **options) as running:
            await conversation(running)

    asyncio.run(main())
