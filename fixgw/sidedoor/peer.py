"""One WebSocket connection as the hub sees it: what it subscribed, what it is owed.

Messages are sent by one task, in turns: answers first, then a heartbeat, then one
message of each stream that has something. So no stream can keep another from its turn,
and order is kept within a stream, not between streams.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from fixgw.sidedoor.closing import CloseCode, Cut
from fixgw.sidedoor.guard import Caller
from fixgw.sidedoor.streams import Stream, encode

ANSWERS_MAX = 100
"""Answers that wait for a connection. One that asks and does not read is cut."""

ERRORS_MAX = 20
"""Messages answered with an error. So many mean a client nobody watches."""

MESSAGES_PER_SECOND = 20
MESSAGES_BURST = 60
"""Inbound messages. A client subscribes a few times and then only listens."""

TURNS_AT_ONCE = 64
"""Messages sent before others get a turn of the event loop."""

StreamKey = tuple[str, str]
"""Channel and symbol; the symbol is empty for the private channel."""


class Peer:
    """One connection. ``now_s`` gives seconds and never steps back."""

    def __init__(self, number: int, address: str, now_s: Callable[[], float]) -> None:
        self.number = number
        self.address = address
        self.caller: Caller | None = None
        self.streams: dict[StreamKey, Stream] = {}
        self.ended = asyncio.Event()
        self.cut: Cut | None = None
        self.idle_since_s: float | None = now_s()
        """Since when nothing is subscribed."""
        self._now_s = now_s
        self._answers: deque[str] = deque()
        self._heartbeat: str | None = None
        self._ready: dict[Stream, None] = {}
        self._wake = asyncio.Event()
        self._sending_since_s: float | None = None
        self._errors = 0
        self._requests = 0
        self._allowance = float(MESSAGES_BURST)
        self._allowance_at_s = now_s()

    # -- what the connection is owed ---------------------------------------------------

    def answer(self, message: dict[str, Any]) -> None:
        """Send this next."""
        self._answers.append(encode(message))
        if len(self._answers) > ANSWERS_MAX:
            self.end(Cut(CloseCode.SLOW_READER, "answers were not read"))
        self._wake.set()

    def beat(self, text: str) -> None:
        """Send this heartbeat, instead of one that has not been sent yet."""
        self._heartbeat = text
        self._wake.set()

    def ready(self, stream: Stream) -> None:
        """The stream has something to send."""
        self._ready[stream] = None
        self._wake.set()

    def forget(self, stream: Stream) -> None:
        """Nothing more of this stream is to be sent."""
        self._ready.pop(stream, None)

    def end(self, cut: Cut) -> None:
        """The connection is to end; the first reason counts."""
        if self.cut is None:
            self.cut = cut
            self.ended.set()

    @property
    def drained(self) -> bool:
        """Whether everything it is owed was sent."""
        return not (self._answers or self._ready or self._sending_since_s is not None)

    def stalled_s(self) -> float:
        """How long the message that is being sent has been waiting for room."""
        since = self._sending_since_s
        return 0.0 if since is None else self._now_s() - since

    async def write(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Send what is owed, for ever. Raises Cut, and what ``send`` raises."""
        turns = 0
        while True:
            text = self._next()
            if text is None:
                turns = 0
                self._wake.clear()
                await self._wake.wait()
                continue
            self._sending_since_s = self._now_s()
            await send(text)
            self._sending_since_s = None
            turns += 1
            if turns == TURNS_AT_ONCE:
                turns = 0
                await asyncio.sleep(0)

    def _next(self) -> str | None:
        if self._answers:
            return self._answers.popleft()
        if self._heartbeat is not None:
            text, self._heartbeat = self._heartbeat, None
            return text
        while self._ready:
            stream = next(iter(self._ready))
            del self._ready[stream]
            found = stream.pull()
            if found is not None:
                # It may have more: its next turn comes after all others'.
                self._ready[stream] = None
                return found
        return None

    # -- what the connection asks for --------------------------------------------------

    def next_request(self) -> str:
        """A message has come; the id of its answer. Raises Cut above the rate."""
        now_s = self._now_s()
        gained = (now_s - self._allowance_at_s) * MESSAGES_PER_SECOND
        self._allowance = min(self._allowance + gained, MESSAGES_BURST) - 1
        self._allowance_at_s = now_s
        if self._allowance < 0:
            raise Cut(CloseCode.TOO_MANY_MESSAGES)
        self._requests += 1
        return f"ws-{self.number}-{self._requests}"

    def count_error(self) -> None:
        """A message was answered with an error. Raises Cut above the limit."""
        self._errors += 1
        if self._errors > ERRORS_MAX:
            raise Cut(CloseCode.TOO_MANY_ERRORS)
