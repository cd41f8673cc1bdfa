"""A TCP connection as a dialogue sees it: messages with the moment they came."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from fixgw.certify.wire import FrameError, take_frame

GOODBYE_S = 1.0
"""How long the peer has for closing after we have closed our side."""


class End(Enum):
    """Why no message came."""

    TIMED_OUT = auto()
    CLOSED = auto()
    UNREADABLE = auto()
    """Bytes came that are no message."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message and when its last byte came, by the monotonic clock."""

    frame: bytes
    at: float


class Peer(asyncio.Protocol):
    """One connection, opened by us or by the other side."""

    def __init__(self) -> None:
        self.is_closed = False
        """Whether the peer will send nothing more."""
        self.fault = ""
        """What is wrong with the bytes in ``rest``, if they are no message."""
        self.rest = bytearray()
        """What came and is not a whole message."""
        self._arrivals: deque[Arrival] = deque()
        self._transport: asyncio.Transport | None = None
        self._news = asyncio.Event()
        self._is_lost = False
        self._is_full = False

    # -- what the event loop calls -----------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.rest += data
        now = time.monotonic()
        while not self.fault:
            try:
                frame = take_frame(self.rest)
            except FrameError as error:
                self.fault = str(error)
                break
            if frame is None:
                break
            self._arrivals.append(Arrival(frame, now))
        self._news.set()

    def eof_received(self) -> bool:
        self.is_closed = True
        self._news.set()
        # The other direction stays open where the transport can do that.
        return self._transport is not None and self._transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = self._is_lost = True
        self._is_full = False
        self._news.set()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._news.set()

    # -- receiving ---------------------------------------------------------------------

    async def next(self, deadline: float) -> Arrival | End:
        """The next message, or why there is none; ``deadline`` is a monotonic time."""
        while True:
            if self._arrivals:
                return self._arrivals.popleft()
            if self.fault:
                return End.UNREADABLE
            if self.is_closed:
                return End.CLOSED
            if not await self._wait(deadline):
                return End.TIMED_OUT

    def give_back(self, arrival: Arrival) -> None:
        """Make a message the next one again."""
        self._arrivals.appendleft(arrival)

    def take_all(self) -> list[Arrival]:
        """Everything that has come and was not asked for."""
        found = list(self._arrivals)
        self._arrivals.clear()
        return found

    async def _wait(self, deadline: float) -> bool:
        """Wait for news; False when there was none in time."""
        self._news.clear()
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        try:
            async with asyncio.timeout(left):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def hold(self, is_held: bool) -> None:
        """Stop reading, so that the peer's output backs up, or go on."""
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if is_held:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # -- sending and closing -----------------------------------------------------------

    @property
    def can_send(self) -> bool:
        """Whether there is still somebody to send to."""
        return not self._is_lost and self._transport is not None

    def send(self, data: bytes) -> None:
        """Send bytes; they may wait in memory for a slow peer."""
        assert self._transport is not None
        self._transport.write(data)

    async def drain(self, deadline: float) -> bool:
        """Wait until a slow peer has taken what was sent; False if it did not."""
        while self._is_full and not self._is_lost:
            if not await self._wait(deadline):
                return False
        return True

    async def close(self) -> None:
        """Close in order: the peer sees the end, and has a moment to do the same.

        After that it has had the chance to forget the session, so that the next
        dialogue can log on to it.
        """
        if self._transport is None:
            return
        if not self._is_lost and not self._transport.is_closing():
            with contextlib.suppress(RuntimeError):
                self._transport.resume_reading()
            if self._transport.can_write_eof() and not self.is_closed:
                with contextlib.suppress(OSError):
                    self._transport.write_eof()
                deadline = time.monotonic() + GOODBYE_S
                while not self.is_closed and await self._wait(deadline):
                    pass
            self._transport.close()
            deadline = time.monotonic() + GOODBYE_S
            while not self._is_lost and await self._wait(deadline):
                pass
        if not self._is_lost:
            self._transport.abort()

    def abort(self) -> None:
        """Break off with a reset."""
        if self._transport is None:
            return
        raw = self._transport.get_extra_info("socket")
        if raw is not None and not self._transport.is_closing():
            linger = struct.pack("ii", 1, 0)
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._transport.abort()
        self.is_closed = True
