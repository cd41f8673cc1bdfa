"""Links to a shard, in both forms: what a gateway gave is applied once in any case."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from engine.codes import EventKind
from engine.host import server
from engine.host.frames import (
    Frame,
    FrameReader,
    FrameType,
    pack_frame,
)
from engine.host.host import ShardHost
from engine.host.service import ShardService
from engine.journal import LogKind, RecordLog
from engine.records import EVENT_BYTES, unpack_all
from fixgw.net import links as module
from fixgw.net.links import LocalLink, ShardLink, SocketLink
from tests.reference.script import X, parse_all

ROOT = Path(__file__).parents[2]
SHARD = 1
GATEWAY = 7


class Sink:
    """A gateway's memory of events; fails on one twice or left out."""

    def __init__(self) -> None:
        self.last = 0
        self.packed = b""

    def taken(self, shard: int) -> int:
        assert shard == SHARD
        return self.last

    def take_events(self, shard: int, first: int, count: int, events: bytes) -> None:
        assert shard == SHARD
        assert first == self.last + 1, "an event twice, or one left out"
        assert len(events) == count * EVENT_BYTES
        self.last += count
        self.packed += events

    def accepted(self) -> list[str]:
        """ClOrdIDs in order of acceptance."""
        return [
            event.cl_ord_id
            for event in unpack_all(self.packed, EVENT_BYTES)
            if event.kind == EventKind.ACCEPTED
        ]


class Sender:
    """Gives numbered orders to a link, and keeps what it hears of them."""

    def __init__(self, link: ShardLink) -> None:
        self.link = link
        self.sent = 0
        self.durable: list[int] = []

    def send(self, count: int = 1) -> None:
        for _ in range(count):
            self.sent += 1
            number = self.sent
            (order,) = parse_all(f"buy c{number} 1 @ 9 number 0/{number}")
            self.link.submit(order.pack(), [partial(self.durable.append, number)])

    @property
    def names(self) -> list[str]:
        return [f"c{number}" for number in range(1, self.sent + 1)]

    async def all_durable(self) -> None:
        await settled(lambda: len(self.durable) >= self.sent)
        assert self.durable == list(range(1, self.sent + 1))


async def settled(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "never came true"
        await asyncio.sleep(0.002)


class TrackedPort(server.GatewayPort):
    """A port of the server that the test can cut off, or make mute."""

    all: list[TrackedPort] = []
    mute = False
    unheard = 0
    """Events that were not delivered."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        TrackedPort.all.append(self)

    def deliver(self, first: int, committed: int, count: int, events: bytes) -> None:
        if TrackedPort.mute:
            TrackedPort.unheard += count
        else:
            super().deliver(first, committed, count, events)

    def cut(self) -> None:
        assert self._transport is not None
        self._transport.abort()


class Remote:
    """A shard behind a real socket."""

    begun: list[Remote] = []

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "s"
        self.socket = folder / "l"
        self._stop = asyncio.Event()
        self._task: asyncio.Task[int] | None = None

    async def start(self) -> None:
        Remote.begun.append(self)
        self._stop = asyncio.Event()
        ready = asyncio.Event()
        self._task = asyncio.create_task(
            server.serve(
                SHARD,
                self.folder,
                self.socket,
                [X],
                0,
                self._stop,
                lambda _: ready.set(),
            )
        )
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait((self._task, waiting), return_when="FIRST_COMPLETED")
        assert ready.is_set(), self._task

    def cut(self) -> None:
        """What the end of a process does to its sockets."""
        for port in TrackedPort.all:
            port.cut()
        TrackedPort.all.clear()

    async def ended(self) -> int:
        assert self._task is not None
        code = await self._task
        self.cut()
        return code

    async def stop(self) -> int:
        self._stop.set()
        return await self.ended()

    def link(self, sink: Sink) -> ShardLink:
        return SocketLink(SHARD, sink, self.socket, GATEWAY)


class Local:
    """A shard in the same process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "s"

    async def start(self) -> None:
        self.host = ShardHost(SHARD, self.folder, lambda: 20_000 * 86_400 * 10**9)
        self.host.define([X])
        self.host.end_day_if_due()
        self.service = ShardService(self.host, self.fatal)

    @staticmethod
    def fatal(error: BaseException) -> None:
        raise error

    async def stop(self) -> int:
        self.host.close()
        return 0

    def link(self, sink: Sink) -> ShardLink:
        return LocalLink(SHARD, sink, self.service)


FORMS: dict[str, type[Remote] | type[Local]] = {"socket": Remote, "local": Local}
both_forms = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(autouse=True)
def _tracked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "GatewayPort", TrackedPort)
    monkeypatch.setattr(TrackedPort, "all", [])
    monkeypatch.setattr(TrackedPort, "mute", False)
    monkeypatch.setattr(TrackedPort, "unheard", 0)


@asynccontextmanager
async def linked(remote: Remote | Local, sink: Sink) -> AsyncIterator[Sender]:
    link = remote.link(sink)
    try:
        yield Sender(link)
    finally:
        await link.close()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        try:
            await scene()
        finally:
            for shard in Remote.begun:
                await shard.stop()
            Remote.begun.clear()
            await asyncio.sleep(0.01)

    asyncio.run(main())


def commands_logged(folder: Path) -> int:
    log = RecordLog(folder / "commands", LogKind.COMMANDS, SHARD)
    log.close()
    return log.last


# -- both forms ------------------------------------------------------------------------


@both_forms
def test_orders_go_in_and_events_come_out(tmp_path: Path, form: str) -> None:
    async def scene() -> None:
        shard, sink = FORMS[form](tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:
            await settled(lambda: sender.link.is_up)
            assert sender.link.has_room
            assert sink.last == 2, "the past comes first"
            sender.send(3)
            assert sender.durable == []
            await sender.all_durable()
            sender.send(200)
            await sender.all_durable()
            assert sink.accepted() == sender.names
        await shard.stop()

    play(scene)


@both_forms
def test_events_come_before_their_acknowledgement(tmp_path: Path, form: str) -> None:
    async def scene() -> None:
        shard, sink = FORMS[form](tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:
            await settled(lambda: sender.link.is_up)
            seen: list[list[str]] = []
            for number in range(1, 30):
                (order,) = parse_all(f"buy n{number} 1 @ 9")
                sender.link.submit(order.pack(), [lambda: seen.append(sink.accepted())])
                if number % 4 == 0:
                    await asyncio.sleep(0)
            await settled(lambda: len(seen) == 29)
            for number, names in enumerate(seen, 1):
                assert f"n{number}" in names
        await shard.stop()

    play(scene)


@both_forms
def test_every_callback_of_a_batch_is_called_once(tmp_path: Path, form: str) -> None:
    async def scene() -> None:
        shard, sink = FORMS[form](tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:
            await settled(lambda: sender.link.is_up)
            heard: list[int] = []
            lines = [f"buy n{number} 1 @ 9" for number in range(5)]
            batch = b"".join(order.pack() for order in parse_all(*lines))
            callbacks = [lambda n=n: heard.append(n) for n in range(3)]  # type: ignore[misc]
            sender.link.submit(batch, callbacks)
            await settled(lambda: len(heard) == 3)
            await asyncio.sleep(0.02)
            assert heard == [0, 1, 2]
        await shard.stop()

    play(scene)


@both_forms
def test_a_batch_longer_than_a_frame(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes in parts, and so do its events; durable is when all of it is."""
    monkeypatch.setattr(module, "RECORDS_PER_FRAME_MAX", 10)
    monkeypatch.setattr(server, "RECORDS_PER_FRAME_MAX", 4)

    async def scene() -> None:
        shard, sink = FORMS[form](tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:
            await settled(lambda: sender.link.is_up)
            for size in (1, 9, 10, 11, 20, 21, 95):
                lines = [f"buy b{size}-{n} 1 @ 9" for n in range(size)]
                batch = b"".join(order.pack() for order in parse_all(*lines))
                names = [f"b{size}-{n}" for n in range(size)]
                heard: list[list[str]] = []
                sender.link.submit(batch, [lambda: heard.append(sink.accepted())])  # noqa: B023
                await settled(lambda: bool(heard))  # noqa: B023
                assert heard[0][-size:] == names
                assert len(heard) == 1
        await shard.stop()

    play(scene)


@both_forms
def test_numbers_that_were_applied_are_not_again(tmp_path: Path, form: str) -> None:
    """A gateway that begins again sends what it does not know to be durable."""

    async def scene() -> None:
        shard, sink = FORMS[form](tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:
            await settled(lambda: sender.link.is_up)
            sender.send(10)
            await sender.all_durable()
        async with linked(shard, sink) as again:
            await settled(lambda: again.link.is_up)
            again.send(12)
            await again.all_durable()
        assert sink.accepted() == again.names
        await shard.stop()

    play(scene)


@both_forms
def test_a_gateway_that_forgot_gets_all_events_again(tmp_path: Path, form: str) -> None:
    async def scene() -> None:
        shard, sink = FORMS[form](tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:
            await settled(lambda: sender.link.is_up)
            sender.send(50)
            await sender.all_durable()
        other = Sink()
        async with linked(shard, other) as late:
            assert not late.link.is_up
            assert not late.link.has_room
            late.send(51)
            await late.all_durable()
            assert late.link.is_up
        assert other.packed[: len(sink.packed)] == sink.packed
        assert other.accepted() == late.names
        await shard.stop()

    play(scene)


@both_forms
def test_all_gateways_get_all_events(tmp_path: Path, form: str) -> None:
    async def scene() -> None:
        shard, one, two = FORMS[form](tmp_path), Sink(), Sink()
        await shard.start()
        async with linked(shard, one) as first, linked(shard, two) as second:
            await settled(lambda: first.link.is_up and second.link.is_up)
            first.send(20)
            await first.all_durable()
            await settled(lambda: two.last == one.last)
            assert one.packed == two.packed
            assert second.durable == []
        await shard.stop()

    play(scene)


# -- a link that is lost ---------------------------------------------------------------


def test_a_shard_that_is_not_there_yet(tmp_path: Path) -> None:
    async def scene() -> None:
        shard, sink = Remote(tmp_path), Sink()
        async with linked(shard, sink) as sender:
            sender.send(5)
            await asyncio.sleep(0.1)
            assert not sender.link.is_up
            assert not sender.link.has_room
            await shard.start()
            await sender.all_durable()
            assert sender.link.is_up
            assert sink.accepted() == sender.names
        await shard.stop()

    play(scene)


@pytest.mark.parametrize("rounds", [5])
def test_batches_lost_on_the_way_in_are_sent_again(tmp_path: Path, rounds: int) -> None:
    async def scene() -> None:
        shard, sink = Remote(tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:
            for _ in range(rounds):
                await settled(lambda: sender.link.is_up)
                sender.send(10)
                shard.cut()  # before the server has read any of them
                assert len(sender.durable) < sender.sent
                sender.send(3)
                await sender.all_durable()
            assert sink.accepted() == sender.names
        await shard.stop()
        assert commands_logged(shard.folder) == 2 + sender.sent

    play(scene)


@pytest.mark.parametrize("restart", [False, True])
def test_batches_whose_answer_was_lost_are_applied_once(
    tmp_path: Path, restart: bool
) -> None:
    async def scene() -> None:
        shard, sink = Remote(tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:
            await settled(lambda: sender.link.is_up)
            sender.send(4)
            await sender.all_durable()
            TrackedPort.mute = True
            sender.send(20)
            await settled(lambda: TrackedPort.unheard == 20)
            assert len(sender.durable) == 4
            if restart:
                assert await shard.stop() == 0
                assert commands_logged(shard.folder) == 2 + 24, "they were logged"
            TrackedPort.mute = False
            if restart:
                await settled(lambda: not sender.link.is_up)
                sender.send(6)
                await shard.start()
            else:
                shard.cut()
            await sender.all_durable()
            sender.send(5)
            await sender.all_durable()
            assert sink.accepted() == sender.names
        await shard.stop()
        assert commands_logged(shard.folder) == 2 + sender.sent + 20

    play(scene)


def test_many_restarts_of_a_shard_under_load(tmp_path: Path) -> None:
    async def scene() -> None:
        shard, sink = Remote(tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:

            async def load() -> None:
                while True:
                    sender.send(3)
                    await asyncio.sleep(0.001)

            loading = asyncio.create_task(load())
            for _ in range(8):
                await asyncio.sleep(0.03)
                assert await shard.stop() == 0
                await shard.start()
            await settled(lambda: sender.sent > 100)
            loading.cancel()
            await sender.all_durable()
            assert sink.accepted() == sender.names
        await shard.stop()

    play(scene)


SHARD_PROCESS = f"""
import asyncio, sys
from pathlib import Path
from engine.host import server
from tests.reference.script import X
async def run():
    stop = asyncio.Event()
    folder = Path(sys.argv[1])
    await server.serve(
        {SHARD}, folder / "s", folder / "l", [X], 0, stop, lambda _: None
    )
asyncio.run(run())
"""


def test_a_shard_that_is_killed(tmp_path: Path) -> None:
    """A process of its own, ended by SIGKILL in the middle of its work."""

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", SHARD_PROCESS, str(tmp_path)], cwd=ROOT
        )

    async def scene() -> None:
        sink, process = Sink(), begin()
        try:
            async with linked(Remote(tmp_path), sink) as sender:
                for kill in range(6):
                    await settled(lambda: sender.link.is_up, 20)
                    for turn in range(20 + 7 * kill):
                        sender.send(2)
                        if turn % 3 == 0:
                            await asyncio.sleep(0.001)
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    process = begin()
                await settled(lambda: len(sender.durable) == sender.sent, 20)
                await sender.all_durable()
                assert sink.accepted() == sender.names
        finally:
            process.kill()
            process.wait()

    play(scene)


def test_a_shard_that_has_forgotten_stops(tmp_path: Path) -> None:
    """The gateway has taken events that the log does not lead to."""

    async def scene() -> None:
        shard, sink = Remote(tmp_path), Sink()
        await shard.start()
        sink.last = 3
        async with linked(shard, sink) as sender:
            assert await shard.ended() == server.ExitCode.HISTORY_MISSING
            assert not sender.link.is_up

    play(scene)


def test_a_stopped_shard_writes_nothing_more(tmp_path: Path) -> None:
    """Its folder may be another process's by then."""

    async def scene() -> None:
        shard, sink = Remote(tmp_path), Sink()
        await shard.start()
        async with linked(shard, sink) as sender:
            await settled(lambda: sender.link.is_up)
            (port,) = TrackedPort.all
            for number in range(1, 4):
                (order,) = parse_all(f"buy c{number} 1 @ 9 number 0/{number}")
                port.data_received(
                    pack_frame(FrameType.COMMANDS, number, 0, order.pack(), 1)
                )
                if number == 2:
                    shard._stop.set()
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
            segments = list((shard.folder / "commands").glob("*.log"))
            await shard.ended()
        assert len(segments) == 1
        assert list((shard.folder / "commands").glob("*.log")) == segments

    play(scene)


# -- refusals --------------------------------------------------------------------------


HELLO = pack_frame(FrameType.HELLO, GATEWAY, 0)
ORDER = parse_all("buy A 1 @ 9")[0].pack()
REFUSALS = {
    "no hello": (pack_frame(FrameType.COMMANDS, 1, 0, ORDER, 1), "unexpected COMMANDS"),
    "two hellos": (HELLO + HELLO, "unexpected HELLO"),
    "an answer": (HELLO + pack_frame(FrameType.EVENTS, 1), "unexpected EVENTS"),
    "noise": (b"8=FIX.4.4|9=5|35=0|10=000|........", "no frame of the link protocol"),
    "half a command": (
        HELLO + pack_frame(FrameType.COMMANDS, 1, 0, ORDER[:-1], 1),
        "255",
    ),
    "an unknown command": (
        HELLO + pack_frame(FrameType.COMMANDS, 1, 0, b"\x63" + ORDER[1:], 1),
        "99",
    ),
    "another version": (
        HELLO[:4] + b"\x01\x02" + HELLO[6:],
        "link and layout version 0x201, this build speaks 0x102",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_the_shard_says_why_it_closes_a_link(tmp_path: Path, name: str) -> None:
    async def scene() -> None:
        shard = Remote(tmp_path)
        await shard.start()
        data, reason = REFUSALS[name]
        reader, writer = await asyncio.open_unix_connection(str(shard.socket))
        writer.write(data)
        frames = FrameReader().feed(await asyncio.wait_for(reader.read(), 5))
        writer.close()
        assert frames[-1].type is FrameType.REFUSED
        assert reason in frames[-1].payload.decode()
        # The others are served on.
        sink = Sink()
        async with linked(shard, sink) as sender:
            sender.send(2)
            await sender.all_durable()
        assert await shard.stop() == 0

    play(scene)


@asynccontextmanager
async def false_shard(path: Path, answer: bytes) -> AsyncIterator[list[Frame]]:
    """Answers every HELLO like this; the HELLOs it got."""
    hellos: list[Frame] = []
    transports: list[asyncio.BaseTransport] = []

    class Answering(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            self.reader = FrameReader()
            transports.append(transport)

        def data_received(self, data: bytes) -> None:
            assert isinstance(self.transport, asyncio.Transport)
            for frame in self.reader.feed(data):
                if frame.type is FrameType.HELLO:
                    hellos.append(frame)
                    self.transport.write(answer)

    loop = asyncio.get_running_loop()
    made = await loop.create_unix_server(Answering, str(path))
    try:
        yield hellos
    finally:
        made.close()
        # Connections still in the queue of the socket are accepted in this time.
        await asyncio.sleep(0.01)
        for transport in transports:
            transport.close()


ANSWERS = {
    "refused": (
        pack_frame(FrameType.REFUSED, 0, payload=b"run the same release"),
        "run the same release",
    ),
    "another shard": (
        pack_frame(FrameType.WELCOME, 0, 0, count=SHARD + 1),
        "unexpected WELCOME",
    ),
    "commands": (pack_frame(FrameType.COMMANDS, 1), "unexpected COMMANDS"),
    "noise": (b"x" * 40, "no frame of the link protocol"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_link_that_is_refused(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It says why, stays down, and asks again, at a bearable rate."""
    answer, reason = ANSWERS[name]

    async def scene() -> None:
        sink = Sink()
        shard = Remote(tmp_path)
        async with false_shard(shard.socket, answer) as hellos:
            async with linked(shard, sink) as sender:
                sender.send()
                await settled(lambda: len(hellos) >= 2)
                await asyncio.sleep(0.5)
                asked = len(hellos)
                assert not sender.link.is_up
                assert sender.durable == []
            assert hellos[0] == Frame(FrameType.HELLO, 0, GATEWAY, 0, b"")
            assert asked < 50, "a refused link asks without a pause"

    with caplog.at_level(logging.ERROR):
        play(scene)
    texts = {record.getMessage() for record in caplog.records}
    assert f"link to a shard closed: {reason}" in texts


def test_a_link_that_was_refused_comes_up_later(tmp_path: Path) -> None:
    async def scene() -> None:
        shard, sink = Remote(tmp_path), Sink()
        async with linked(shard, sink) as sender:
            async with false_shard(shard.socket, ANSWERS["refused"][0]) as hellos:
                sender.send(3)
                await settled(lambda: len(hellos) >= 2)
            await shard.start()
            await sender.all_durable()
            assert sink.accepted() == sender.names
        await shard.stop()

    play(scene)
