"""The gateway's end of its links to the shards: over a socket, or in one process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from engine.host.frames import (
    RECORDS_PER_FRAME_MAX,
    Frame,
    FrameReader,
    FrameType,
    LinkError,
    pack_frame,
)
from engine.host.service import ShardService
from engine.host.sockets import reachable
from engine.records import COMMAND_BYTES

log = logging.getLogger(__name__)

RETRY_S_FIRST = 0.02
RETRY_S_MAX = 0.1
REFUSED_RETRY_S_MAX = 5.0
"""A link that is closed before it is up is tried again less and less often."""
SEND_BUFFER_BYTES_MAX = 64 * 1024 * 1024
"""A shard this far behind takes no further commands until it has caught up."""


@dataclass(slots=True)
class Batch:
    """Commands sent to a shard and not yet known to be durable there."""

    number: int
    commands: bytes
    on_durable: list[Callable[[], None]] = field(default_factory=list)
    is_opening: bool = False
    """What a link that came up says first: made anew each time."""


class EventSink(Protocol):
    """Who takes a shard's events: the gateway."""

    def taken(self, shard: int) -> int:
        """The last event of ``shard`` that was taken."""

    def take_events(self, shard: int, first: int, count: int, events: bytes) -> None:
        """Events numbered from ``first``, following those taken before."""


class ShardLink:
    """What the socket form and the in-process form have in common.

    Commands that a lost link or a restarted shard may not have are kept and sent again,
    in their order; the shard knows by session and MsgSeqNum(34) what it has applied.
    """

    def __init__(self, shard: int, sink: EventSink) -> None:
        self.shard = shard
        self.is_up = False
        self.opening: Callable[[], bytes] = lambda: b""
        """Asked whenever the link comes up: commands that go ahead of all others."""
        self.behind: Callable[[], bytes] = lambda: b""
        """Asked likewise: commands that go behind what is sent again, as by tell."""
        self._sink = sink
        self._outstanding: deque[Batch] = deque()
        self._last_number = 0

    def submit(self, commands: bytes, on_durable: list[Callable[[], None]]) -> None:
        """Send a batch; ``on_durable`` is called once the shard has all of it."""
        parts = _parts(commands)
        for place, part in enumerate(parts):
            last = place + 1 == len(parts)
            self._last_number += 1
            batch = Batch(self._last_number, part, on_durable if last else [])
            self._outstanding.append(batch)
            self._transmit(batch)

    def tell(self, commands: bytes) -> None:
        """Send commands if the link is up, else not at all: for what ``opening`` says
        whenever it comes up. They are never sent twice, so never late."""
        if self.is_up:
            # The number of what was sent before them: confirming that is right, for a
            # shard logs what comes over a link in its order.
            for part in _parts(commands):
                self._transmit(Batch(self._last_number, part))

    @property
    def has_room(self) -> bool:
        """Whether further commands are welcome."""
        return self.is_up

    @property
    def unconfirmed(self) -> int:
        """Commands given to the shard of which it is not known that it has them."""
        return sum(len(batch.commands) for batch in self._outstanding) // COMMAND_BYTES

    async def close(self) -> None:
        """End the link."""

    def _transmit(self, batch: Batch) -> None:
        raise LookupError("a link form must say how it transmits")

    def _delivered(self, first: int, committed: int, count: int, events: bytes) -> None:
        if count:
            self._sink.take_events(self.shard, first, count, events)
        while self._outstanding and self._outstanding[0].number <= committed:
            for callback in self._outstanding.popleft().on_durable:
                callback()

    def _transmit_outstanding(self) -> None:
        waiting = self._outstanding
        while waiting and waiting[0].is_opening:
            waiting.popleft()
        parts = _parts(self.opening())
        number = waiting[0].number - 1 if waiting else self._last_number
        waiting.extendleft(Batch(number, part, is_opening=True) for part in parts[::-1])
        for batch in list(self._outstanding):
            self._transmit(batch)
        self.tell(self.behind())


def _parts(commands: bytes) -> list[bytes]:
    """Packed commands in pieces that fit into a frame."""
    step = RECORDS_PER_FRAME_MAX * COMMAND_BYTES
    return [commands[at : at + step] for at in range(0, len(commands), step)]


class SocketLink(ShardLink):
    """A link over a Unix socket, connected again whenever it is lost.

    ``name`` is what the log calls it, where a process has more than one to a shard.
    """

    def __init__(
        self,
        shard: int,
        sink: EventSink,
        path: Path,
        gateway: int,
        name: str = "link",
    ) -> None:
        super().__init__(shard, sink)
        self._name = name
        self._path = path
        self._gateway = gateway
        self._protocol: _LinkProtocol | None = None
        self._level_at = 0
        self._task = asyncio.get_running_loop().create_task(self._keep_connected())

    @property
    def has_room(self) -> bool:
        return (
            self.is_up
            and self._protocol is not None
            and self._protocol.unsent < SEND_BUFFER_BYTES_MAX
        )

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._protocol is not None:
            self._protocol.close()

    def _transmit(self, batch: Batch) -> None:
        if self._protocol is not None and self.is_up:
            self._protocol.send(
                pack_frame(
                    FrameType.COMMANDS,
                    batch.number,
                    payload=batch.commands,
                    count=len(batch.commands) // COMMAND_BYTES,
                )
            )

    async def _keep_connected(self) -> None:
        retry_s = RETRY_S_FIRST
        loop = asyncio.get_running_loop()
        while True:
            try:
                with reachable(self._path) as name:
                    _, protocol = await loop.create_unix_connection(
                        lambda: _LinkProtocol(self._take), name
                    )
            except OSError:
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_S_MAX)
                continue
            self._protocol = protocol
            taken = self._sink.taken(self.shard)
            protocol.send(pack_frame(FrameType.HELLO, self._gateway, taken))
            await protocol.lost.wait()
            self._protocol = None
            if self.is_up:
                self.is_up = False
                retry_s = RETRY_S_FIRST
                log.warning("shard %d: %s lost", self.shard, self._name)
            else:
                # Refused, or it died at once: again and again would help nobody.
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, REFUSED_RETRY_S_MAX)

    def _take(self, frame: Frame) -> None:
        if frame.type is FrameType.WELCOME and frame.count == self.shard:
            self._level_at = frame.extra
            self._rise_if_level()
        elif frame.type is FrameType.EVENTS:
            self._delivered(frame.number, frame.extra, frame.count, frame.payload)
            self._rise_if_level()
        elif frame.type is FrameType.REFUSED:
            raise LinkError(frame.payload.decode("utf-8", "replace"))
        else:
            raise LinkError(f"unexpected {frame.type.name}")

    def _rise_if_level(self) -> None:
        """Trading through this link begins once its past is known."""
        if not self.is_up and self._sink.taken(self.shard) >= self._level_at:
            self.is_up = True
            log.info(
                "shard %d: %s up at event %d", self.shard, self._name, self._level_at
            )
            self._transmit_outstanding()


class _LinkProtocol(asyncio.Protocol):
    """Frames in, bytes out."""

    def __init__(self, take: Callable[[Frame], None]) -> None:
        self._take = take
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
            self._reader.feed(b"")
        except LinkError as error:
            log.error("link to a shard closed: %s", error)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    @property
    def unsent(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport else 0

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class LocalLink(ShardLink):
    """A link to a shard in the same process and event loop."""

    def __init__(self, shard: int, sink: EventSink, service: ShardService) -> None:
        super().__init__(shard, sink)
        self._service = service
        self.is_up = False
        self._level_at = service.host.event_seq
        service.attach(self, sink.taken(shard))
        self.is_up = sink.taken(shard) >= self._level_at

    def _transmit(self, batch: Batch) -> None:
        if self.is_up:
            self._service.submit(self, batch.number, batch.commands)

    def deliver(self, first: int, committed: int, count: int, events: bytes) -> None:
        """Port of the service: events, handed over without a copy."""
        self._delivered(first, committed, count, events)
        if not self.is_up and self._sink.taken(self.shard) >= self._level_at:
            self.is_up = True
            self._transmit_outstanding()

    def backlog(self) -> int:
        """Port of the service: nothing waits between two objects."""
        return 0

    async def close(self) -> None:
        self._service.detach(self)
