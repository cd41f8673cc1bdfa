"""Serves a shard to its gateways: gathers what arrived, logs it once, answers each.

All batches that became readable in one turn of the event loop form one group commit:
there is no artificial wait, the next group is what arrives while this one is written.
Events go to every gateway; each picks those of its own sessions. A gateway that is
behind is fed from the event log at its own pace, so that it costs the others nothing.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

from engine.host.host import ShardHost
from engine.journal import DurabilityLost
from engine.records import COMMAND_BYTES, EVENT_BYTES
from engine.shard import check_commands

log = logging.getLogger(__name__)

BACKLOG_BYTES_MAX = 16 * 1024 * 1024
"""Unsent bytes above which a link gets no live events: it reads from the log
instead."""

LATE_S = 1.0
"""When what should be over is still due: looked at again after this long, not at
once."""

COMMIT_BYTES_MAX = 8 * 1024 * 1024
"""Batches of one turn beyond this go into a second group commit: bounds the record."""

CATCH_UP_PAUSE_S = 0.005
"""How long a link that is behind waits for its backlog to shrink before the next
slice."""


_COMMAND_SEQ = struct.Struct("<24xQ")
"""Where an event says which command caused it."""

_Answer: TypeAlias = asyncio.Future[bytes]
"""Where the events go of a batch that this process itself has asked for."""


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

    def __init__(self, port: Port, taken: int, gateway: int) -> None:
        self.port = port
        self.gateway = gateway
        self.sent = taken
        self.committed = 0
        self.catching_up: asyncio.Task[None] | None = None


class ServiceStopped(Exception):
    """The service takes no commands any more, or failed to log these."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """How far a gateway is."""

    gateway: int
    sent: int
    """The last event given to its link."""
    backlog: int
    """Bytes of events not yet on their way."""


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
        self._waiting: list[tuple[_Link | _Answer, int, bytes]] = []
        self._flush_due = False
        self._failed = False
        self._stopped = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_for = 0

    def stop(self) -> None:
        """Take and give nothing more. Gateways send again what was not confirmed."""
        self._stopped = True
        self._disarm()
        self._give_up()
        for port in list(self._links):
            self.detach(port)

    def attach(self, port: Port, taken: int, gateway: int = -1) -> None:
        """Begin a link: events after ``taken`` follow. Raises HistoryMissing."""
        if taken > self.host.event_seq:
            raise HistoryMissing(
                f"the gateway has taken event {taken}, this shard's log leads to "
                f"{self.host.event_seq}"
            )
        self._links[port] = link = _Link(port, taken, gateway)
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
        if not self._stopped:
            self._take(self._links[port], number, commands)

    async def process(self, commands: bytes) -> bytes:
        """Take a batch from this process itself; the events of its commands alone.

        They are on disk then. Raises ValueError like :meth:`submit`, and ServiceStopped
        when nobody knows whether they will be.
        """
        if self._stopped or self._failed:
            raise ServiceStopped
        answer: _Answer = asyncio.get_running_loop().create_future()
        self._take(answer, 0, commands)
        return await answer

    def links(self) -> list[LinkState]:
        """Every link that is attached."""
        return [
            LinkState(link.gateway, link.sent, link.port.backlog())
            for link in self._links.values()
        ]

    def _take(self, asker: _Link | _Answer, number: int, commands: bytes) -> None:
        if not commands:
            raise ValueError("a batch without commands")
        check_commands(commands)
        self._waiting.append((asker, number, commands))
        if not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def settle(self) -> None:
        """Log and apply at once what was taken: nothing waits when this returns."""
        self._flush()

    def tick(self) -> None:
        """What is due by the clock is done, and a timer set for what comes next.

        To be called once at the start, and every second after it: the clock may have
        been set.
        """
        if not self._failed and not self._stopped:
            self._guard(lambda: self._publish(self.host.run_due()))
            self._arm()

    def _arm(self) -> None:
        """One timer, for the next time at which something is due."""
        due = self.host.next_due
        if due == self._timer_for and self._timer is not None:
            return
        self._disarm()
        if due and not self._failed and not self._stopped:
            delay_s = max(0.0, (due - self.host.clock()) / 1e9)
            self._timer_for = due
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(delay_s, self._ring)

    def _ring(self) -> None:
        due = self._timer_for
        self._disarm()
        self.tick()
        if self._timer_for == due and due <= self.host.clock():
            # It should be over and is not: that must not become a log full of ticks.
            log.error("shard %d: what is due stays so", self.host.shard.shard_id)
            self._disarm()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(LATE_S, self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_for = None, 0

    def _flush(self) -> None:
        self._flush_due = False
        if self._failed:
            return
        waiting, self._waiting = self._waiting, []
        while waiting:
            size, count = 0, 0
            while count < len(waiting) and size < COMMIT_BYTES_MAX:
                size += len(waiting[count][2])
                count += 1
            group, waiting = waiting[:count], waiting[count:]
            if not self._guard(partial(self._commit, group)):
                self._waiting = group + waiting
                self._give_up()
                break
        self._arm()

    def _commit(self, group: list[tuple[_Link | _Answer, int, bytes]]) -> None:
        before = self.host.command_seq
        events = self.host.process(b"".join(batch for _, _, batch in group))
        answered: set[_Link] = set()
        for asker, number, batch in group:
            first, before = before + 1, before + len(batch) // COMMAND_BYTES
            if isinstance(asker, _Link):
                asker.committed = number
                answered.add(asker)
            elif not asker.done():
                asker.set_result(_events_of(events, first, before))
        self._publish(events, answered)

    def _give_up(self) -> None:
        """Drop what waits. Gateways send theirs again; our own askers are told."""
        for asker, _, _ in self._waiting:
            if not isinstance(asker, _Link) and not asker.done():
                asker.set_exception(ServiceStopped())
        self._waiting.clear()

    def _guard(self, action: Callable[[], None]) -> bool:
        """Whether the log could be written."""
        try:
            action()
            return True
        except DurabilityLost as error:
            self._failed = True
            self._on_fatal(error)
            return False

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


def _events_of(events: bytes, first: int, last: int) -> bytes:
    """Of packed events those that commands ``first`` to ``last`` caused."""
    return b"".join(
        events[place : place + EVENT_BYTES]
        for place in range(0, len(events), EVENT_BYTES)
        if first <= _COMMAND_SEQ.unpack_from(events, place)[0] <= last
    )
