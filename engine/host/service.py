"""Serves a shard to its gateways: gathers what arrived, logs it once, answers each.

All batches that became readable in one turn of the event loop form one group commit:
there is no artificial wait, the next group is what arrives while this one is written.
Events go to every gateway; each picks those of its own sessions. A gateway that is
behind is fed from the event log at its own pace, so that it costs the others nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from engine.host.host import ShardHost
from engine.journal import DurabilityLost
from engine.records import COMMAND_BYTES, EVENT_BYTES
from engine.shard import check_commands

log = logging.getLogger(__name__)

BACKLOG_BYTES_MAX = 16 * 1024 * 1024
"""Unsent bytes above which a link gets no live events: it reads from the log
instead."""

COMMIT_BYTES_MAX = 8 * 1024 * 1024
"""Batches of one turn beyond this go into a second group commit: bounds the record."""

CATCH_UP_PAUSE_S = 0.005
"""How long a link that is behind waits for its backlog to shrink before the next
slice."""


class Port(Protocol):
    """One gateway's end of a link, as the service sees it."""

    def deliver(self, first: int, committed: int, count: int, events: bytes) -> None:
        """Take events; ``committed`` is the last batch whose events are all given."""

    def backlog(self) -> int:
        """Bytes given and not yet on their way."""


class HistoryMissing(Exception):
    """A gateway has taken events this log does not lead to: acknowledged orders
    lost."""


class _Link:
    """What the service knows of one port."""

    def __init__(self, port: Port, taken: int) -> None:
        self.port = port
        self.sent = taken
        self.committed = 0
        self.catching_up: asyncio.Task[None] | None = None


class ShardService:
    """A ShardHost with its links. Everything runs on one event loop.

    ``on_fatal`` is called once with DurabilityLost; nothing is acknowledged after it.
    """

    def __init__(
        self, host: ShardHost, on_fatal: Callable[[BaseException], None]
    ) -> None:
        self.host = host
        self._on_fatal = on_fatal
        self._links: dict[Port, _Link] = {}
        self._waiting: list[tuple[_Link, int, bytes]] = []
        self._flush_due = False
        self._failed = False
        self._stopped = False

    def stop(self) -> None:
        """Take and give nothing more. Gateways send again what was not confirmed."""
        self._stopped = True
        self._waiting.clear()
        for port in list(self._links):
            self.detach(port)

    def attach(self, port: Port, taken: int) -> None:
        """Begin a link: events after ``taken`` follow. Raises HistoryMissing."""
        if taken > self.host.event_seq:
            raise HistoryMissing(
                f"the gateway has taken event {taken}, this shard's log leads to "
                f"{self.host.event_seq}"
            )
        self._links[port] = link = _Link(port, taken)
        if taken < self.host.event_seq:
            self._start_catching_up(link)

    def detach(self, port: Port) -> None:
        """End a link. What it submitted stays submitted."""
        link = self._links.pop(port, None)
        if link is not None and link.catching_up is not None:
            link.catching_up.cancel()

    def submit(self, port: Port, number: int, commands: bytes) -> None:
        """Take a batch from a link. Raises ValueError when it is no list of
        commands."""
        if self._stopped:
            return
        if not commands:
            raise ValueError("a batch without commands")
        check_commands(commands)
        self._waiting.append((self._links[port], number, commands))
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def tick(self) -> None:
        """To be called every second: ends the trading day when it is due."""
        if not self._failed and not self._stopped:
            self._guard(lambda: self._publish(self.host.end_day_if_due()))

    def _flush(self) -> None:
        self._flush_due = False
        if self._failed:
            return
        waiting, self._waiting = self._waiting, []
        while waiting and not self._failed:
            size, count = 0, 0
            while count < len(waiting) and size < COMMIT_BYTES_MAX:
                size += len(waiting[count][2])
                count += 1
            group, waiting = waiting[:count], waiting[count:]
            self._guard(partial(self._commit, group))

    def _commit(self, group: list[tuple[_Link, int, bytes]]) -> None:
        events = self.host.process(b"".join(batch for _, _, batch in group))
        for link, number, _ in group:
            link.committed = number
        self._publish(events, {link for link, _, _ in group})

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except DurabilityLost as error:
            self._failed = True
            self._on_fatal(error)

    def _publish(self, events: bytes, answered: set[_Link] | None = None) -> None:
        count = len(events) // EVENT_BYTES
        first = self.host.event_seq - count + 1
        for link in self._links.values():
            if link.catching_up is not None:
                continue
            if link.port.backlog() > BACKLOG_BYTES_MAX and count:
                self._start_catching_up(link)
            elif count or (answered and link in answered):
                link.port.deliver(first, link.committed, count, events)
                link.sent = self.host.event_seq

    def _start_catching_up(self, link: _Link) -> None:
        link.catching_up = asyncio.get_running_loop().create_task(self._catch_up(link))

    async def _catch_up(self, link: _Link) -> None:
        """Feeds a link from the event log until it is level with the live events."""
        while True:
            for record in self.host.events_after(link.sent):
                skip = link.sent + 1 - record.first
                events = record.payload[skip * EVENT_BYTES :]
                link.port.deliver(link.sent + 1, 0, record.count - skip, events)
                link.sent = record.last
                while link.port.backlog() > BACKLOG_BYTES_MAX:
                    await asyncio.sleep(CATCH_UP_PAUSE_S)
            if link.sent == self.host.event_seq:
                break
        link.catching_up = None
        if link.committed:
            link.port.deliver(link.sent + 1, link.committed, 0, b"")

    @property
    def commands_waiting(self) -> int:
        """Commands taken and not yet logged."""
        return sum(len(batch) for _, _, batch in self._waiting) // COMMAND_BYTES
