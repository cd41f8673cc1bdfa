"""Publishes the events of one shard over one producer after another."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.journal import LogEnd
from engine.records import EVENT_BYTES
from fixgw.fanout.codec import to_record
from fixgw.fanout.cursor import CursorFile, Position
from fixgw.fanout.errors import CannotPublish
from fixgw.fanout.eventstream import Events, EventStream, LogReplaced
from fixgw.fanout.kafka import Producer, retrieve

log = logging.getLogger(__name__)

BATCH_EVENTS_MAX = 500
"""Events in one batch. With every text as long as it can be and every character of it
escaped they have 1,600 bytes each, which is below kafka.BATCH_BYTES_MAX."""

VERIFY_EVENTS_MAX = 2_000
"""Events of the past verified at a time, 2 ms: the rest of the process gets its turn in
between."""

POLL_S_MIN = 0.01
POLL_S_MAX = 0.05
"""How often an idle log is looked at; less often the longer it is idle."""

STALL_S = 3.0
"""A batch that is not acknowledged for this long: Kafka counts as not reachable."""

LOG_PATIENCE_S = 60.0
"""A log that ends before what was published is filled up by its shard at its start. If
it does not even grow for this long, events are missing."""

SAVE_S = 0.5
"""How often the cursor is saved at most."""


class ShardPublisher:
    """One shard: its log, its partition, how far it is.

    ``on_reached`` is called with each acknowledgement, ``on_lost`` with what is wrong
    when one is late.
    """

    def __init__(
        self,
        shard: int,
        folder: Path,
        cursor: CursorFile,
        topic: str,
        on_reached: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self.shard = shard
        self.problem = ""
        """Why this shard does not get on, though Kafka is there; empty if it does."""
        self.events_sent = 0
        """Events acknowledged since this process began, repeated ones included."""
        self.batches_sent = 0
        self._folder = folder
        self._cursor = cursor
        self._topic = topic
        self._on_reached = on_reached
        self._on_lost = on_lost
        self._end = LogEnd(folder)
        self._log_last = 0
        self._beginning = Position.beginning(shard)
        self._position = cursor.load() or self._beginning
        # What this process has verified from the first event on.
        self._verified = self._beginning
        self._saved = self._position
        self._saved_at = 0.0

    # -- figures -----------------------------------------------------------------------

    @property
    def published(self) -> int:
        """Number of the last event known to be in the topic."""
        return self._position.seq

    @property
    def lag(self) -> int:
        """Events in the log that are not known to be in the topic."""
        return max(self._log_last - self._position.seq, 0)

    def look(self) -> None:
        """Bring the figures up to date."""
        self._log_last = self._end.last()

    def save(self, now: bool = True) -> None:
        """Save the cursor; without ``now`` only if that was some time ago."""
        late = time.monotonic() - self._saved_at >= SAVE_S
        if self._saved == self._position or not (now or late):
            return
        self._saved, self._saved_at = self._position, time.monotonic()
        try:
            self._cursor.save(self._position)
        except OSError as error:
            # It is only a hint, and the disk may be full of something else.
            log.warning("the cursor of shard %d is not saved: %s", self.shard, error)

    # -- publishing --------------------------------------------------------------------

    def begin_behind(self, end: Position | None) -> None:
        """The partition ends with this event. None: it does not tell, so the cursor
        does."""
        if end is None:
            return
        if end.seq < self._position.seq:
            log.warning(
                "topic %s ends at event %d of shard %d, but %d were published: it lost "
                "events or was made anew; they are published again",
                self._topic,
                end.seq,
                self.shard,
                self._position.seq,
            )
        self._position = end

    async def run(self, producer: Producer, room: asyncio.Semaphore) -> None:
        """Publish for ever. Raises KafkaFailure, CannotPublish and CorruptLog.

        ``room``: as many batches may wait for their acknowledgement.
        """
        while True:
            stream = await self._at(self._position)
            try:
                await self._publish(stream, producer, room)
            except LogReplaced as replaced:
                log.warning("%s; it is verified from its beginning", replaced)
                self._verified = self._beginning
            finally:
                stream.close()

    async def _at(self, target: Position) -> EventStream:
        """The stream behind ``target``, verified to be a place in this log."""
        begin = self._verified
        if begin.seq > target.seq:
            begin = self._beginning
        stream = EventStream(self._folder, self.shard, begin)
        try:
            await self._advance(stream, target)
        except LogReplaced:
            stream.close()
            self._verified = self._beginning
            return await self._at(target)
        except BaseException:
            stream.close()
            raise
        self._verified = target
        return stream

    async def _advance(self, stream: EventStream, target: Position) -> None:
        patience = time.monotonic() + LOG_PATIENCE_S
        while (missing := target.seq - stream.position.seq) > 0:
            if stream.read(min(missing, VERIFY_EVENTS_MAX)) is not None:
                self.problem = ""
                patience = time.monotonic() + LOG_PATIENCE_S
                await asyncio.sleep(0)
                continue
            behind = (
                f"the log of shard {self.shard} ends at event {stream.position.seq}, "
                f"but event {target.seq} is in topic {self._topic}"
            )
            if time.monotonic() > patience:
                raise CannotPublish(
                    f"{behind}: events are missing. Restore {self._folder.parent}, or "
                    "set another kafka.topic"
                )
            if not self.problem:
                self.problem = f"{behind}: waiting for the shard to fill it up"
                log.warning("%s", self.problem)
            await asyncio.sleep(POLL_S_MAX)
        if stream.position != target:
            raise CannotPublish(
                f"event {target.seq} of shard {self.shard} in topic {self._topic} is "
                f"not the one in {self._folder}: the topic holds the events of another "
                "exchange, or of another past of this one. Set another kafka.topic, or "
                "restore the data they came from"
            )

    async def _publish(
        self, stream: EventStream, producer: Producer, room: asyncio.Semaphore
    ) -> None:
        """Send batch after batch; the next is made while one is on its way."""
        on_its_way: asyncio.Task[None] | None = None
        pause = POLL_S_MIN
        try:
            while True:
                events = stream.read(BATCH_EVENTS_MAX)
                if events is not None:
                    await room.acquire()
                    batch = self._encode(events, producer.batch())
                    if on_its_way is not None:
                        await on_its_way
                    on_its_way = asyncio.create_task(
                        self._send(producer, batch, events, room)
                    )
                    on_its_way.add_done_callback(retrieve)
                    pause = POLL_S_MIN
                elif on_its_way is not None:
                    await on_its_way
                    on_its_way = None
                else:
                    self.save()
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, POLL_S_MAX)
        except LogReplaced:
            if on_its_way is not None:
                await on_its_way
            raise
        finally:
            if on_its_way is not None:
                on_its_way.cancel()

    def _encode(self, events: Events, batch: Any) -> Any:
        packed, chains = events.packed, events.chains
        for number, chain in enumerate(chains):
            place = number * EVENT_BYTES
            event = packed[place : place + EVENT_BYTES]
            try:
                key, value, headers = to_record(self.shard, event, chain)
            except ValueError as error:
                raise CannotPublish(
                    f"event {events.first + number} of shard {self.shard} is not one "
                    f"this version knows ({error}): run the version of the shard"
                ) from error
            added = batch.append(timestamp=None, key=key, value=value, headers=headers)
            assert added is not None, "BATCH_EVENTS_MAX events fit into a batch"
        return batch

    async def _send(
        self, producer: Producer, batch: Any, events: Events, room: asyncio.Semaphore
    ) -> None:
        try:
            await producer.send(
                batch,
                self.shard,
                STALL_S,
                lambda: self._on_lost(f"no acknowledgement for {STALL_S:g} s"),
            )
        finally:
            room.release()
        self._position = self._verified = events.position
        self.events_sent += len(events.chains)
        self.batches_sent += 1
        self.save(now=False)
        self._on_reached()
