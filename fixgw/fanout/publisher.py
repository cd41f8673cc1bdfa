"""Brings every event of every shard to Kafka, in order, at least once.

It reads the shards' event logs and nothing else, so trading knows nothing of it. Kafka
may be away for any time: events wait where they are, in the log.

Where it goes on, after a start as after any failure, is where the topic ends: the last
event in a shard's partition is compared with the log, by the chain that binds all
events before it. Only when a partition is empty because its records were deleted, the
cursor file tells. A batch is sent when the one before it is acknowledged, so a failure
leaves no gap: the topic always holds events 1 to n, and some of them twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fixgw.fanout.cursor import CursorFile
from fixgw.fanout.errors import KafkaFailure
from fixgw.fanout.kafka import Producer, prepare_topic
from fixgw.fanout.shardpublisher import ShardPublisher

log = logging.getLogger(__name__)

BATCHES_MAX = 32
"""Batches encoded and not yet acknowledged, of all shards together: at most 28 MB of
memory, while two each are enough to keep the brokers busy."""

BACKOFF_S_MIN = 0.2
BACKOFF_S_MAX = 5.0
"""How long after a failure the next attempt waits; doubled each time."""

SETTLE_S = 5.0
"""After a batch was lost, Kafka counts as reachable again with the next that is
acknowledged, or when nothing was lost for this long: to connect is not enough, or each
attempt would be told as a success and a failure."""

TICK_S = 0.5
"""How often the ends of the logs are looked up, for the figures."""


class Publisher:
    """Publishes the event logs in ``logs``, one per shard, to ``topic``.

    ``folder`` is for the cursors. Figures are plain attributes.
    """

    def __init__(
        self, logs: Sequence[Path], servers: str, topic: str, folder: Path
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.servers = servers
        self.topic = topic
        self.connected = False
        self.error = ""
        """What went wrong last; empty while all is well."""
        self.losses = 0
        """How often Kafka was lost or could not be reached, each attempt counted."""
        self.shards = [
            ShardPublisher(
                shard,
                path,
                CursorFile(folder, shard, topic),
                topic,
                self._reached,
                self._lost,
            )
            for shard, path in enumerate(logs)
        ]
        self._backoff_s = BACKOFF_S_MIN
        self._lost_publishing = False

    @property
    def lag(self) -> dict[int, int]:
        """Events behind, by shard; up to date within TICK_S."""
        return {shard.shard: shard.lag for shard in self.shards}

    @property
    def published(self) -> dict[int, int]:
        """Number of the last event in the topic, by shard."""
        return {shard.shard: shard.published for shard in self.shards}

    @property
    def problems(self) -> list[str]:
        """What keeps events from being published, for people."""
        found = [shard.problem for shard in self.shards if shard.problem]
        if not self.connected:
            found.append(f"Kafka is not reachable at {self.servers}: {self.error}")
        return found

    def facts(self) -> dict[str, Any]:
        """The figures, for the status of the process."""
        return {
            "topic": self.topic,
            "servers": self.servers,
            "connected": self.connected,
            "published": sum(self.published.values()),
            "lag": sum(self.lag.values()),
            "shards": {
                str(shard.shard): {"published": shard.published, "lag": shard.lag}
                for shard in self.shards
            },
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until ``stop`` is set. Raises CannotPublish and CorruptLog."""
        ticking = asyncio.create_task(self._tick())
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                publishing = asyncio.create_task(self._publish())
                await asyncio.wait(
                    {publishing, stopping, ticking},
                    return_when=asyncio.FIRST_COMPLETED,
                )
                try:
                    await _end(publishing)
                except KafkaFailure as failure:
                    self._lost(str(failure))
                    await asyncio.wait({stopping}, timeout=self._backoff_s)
                    self._backoff_s = min(2 * self._backoff_s, BACKOFF_S_MAX)
                if ticking.done():
                    ticking.result()
        finally:
            stopping.cancel()
            ticking.cancel()
            for shard in self.shards:
                shard.save()

    async def _publish(self) -> None:
        """With one producer, until something fails."""
        ends = await prepare_topic(self.servers, self.topic, len(self.shards))
        async with Producer(self.servers, self.topic) as producer:
            for shard, end in zip(self.shards, ends, strict=True):
                shard.begin_behind(end)
            losses = self.losses
            if not self._lost_publishing:
                self._reached()
            room = asyncio.Semaphore(BATCHES_MAX)
            running = [
                asyncio.create_task(shard.run(producer, room)) for shard in self.shards
            ]
            try:
                await _one_of(running, SETTLE_S)
                if self.losses == losses:
                    self._reached()
                await _one_of(running)
            finally:
                for task in running:
                    task.cancel()
                await asyncio.wait(running)
                self._lost_publishing = True
            for task in running:
                if not task.cancelled():
                    task.result()

    async def _tick(self) -> None:
        while True:
            for shard in self.shards:
                shard.look()
            await asyncio.sleep(TICK_S)

    # -- the state, told once per change -----------------------------------------------

    def _reached(self) -> None:
        if not self.connected:
            log.info("publishing to topic %s at %s", self.topic, self.servers)
        self.connected, self.error = True, ""
        self._lost_publishing = False
        self._backoff_s = BACKOFF_S_MIN

    def _lost(self, reason: str) -> None:
        if self.connected or not self.error:
            log.warning("Kafka is not reachable, events wait in the logs: %s", reason)
        self.connected, self.error = False, reason
        self.losses += 1


async def _one_of(
    tasks: list[asyncio.Task[None]], timeout_s: float | None = None
) -> None:
    """Return when one of the tasks has ended, or after some time."""
    await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel a task that is still running, wait for it, and raise what it raised."""
    if not task.done():
        task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()
