"""The publisher's topic as a source of events. See ``spec/kafka.md``.

We take all partitions, by assignment: two writers of tables that shared the partitions
of a group would both have half an exchange. The group is there for whoever watches its
offsets. Where to begin is what the tables say.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine, Mapping
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from fixgw.config import Config
from fixgw.fanout.codec import decode
from fixgw.readmodel.database import Progress
from fixgw.readmodel.sources import BATCH_EVENTS_MAX, Chunk, SourceDown, StreamBroken

log = logging.getLogger(__name__)

GROUP = "fixgw-readmodel"
CLIENT = "fixgw-readmodel"

POLL_MS = 200
REQUEST_S_MAX = 10.0
"""To connect, or to learn where the partitions end: a broker that does not answer by
then is not there. To fetch from one that is gone gives nothing, and no error."""

CLOSE_S_MAX = 3.0
FETCH_BYTES_MAX = 16 * 1024 * 1024

_Answer = TypeVar("_Answer")


class KafkaSource:
    """The topic of the publisher: partition N holds the events of shard N."""

    may_begin_again = True
    """Offsets in the tables are those of a topic that may have been made anew."""

    problem = ""

    def __init__(self, config: Config) -> None:
        self._servers = [
            server.strip() for server in config.kafka.bootstrap_servers.split(",")
        ]
        self._topic = config.kafka.topic
        self._partitions = [
            TopicPartition(self._topic, shard) for shard in range(config.shard_count)
        ]
        self._consumer: Any = None
        self._committing: asyncio.Task[None] | None = None

    async def open(
        self, progress: Mapping[int, Progress], again: Collection[int] = ()
    ) -> None:
        """See Source."""
        await self.close()
        await self._ask(self._find_topic(), REQUEST_S_MAX)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._servers,
            client_id=CLIENT,
            group_id=GROUP,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_bytes=FETCH_BYTES_MAX,
            request_timeout_ms=int(REQUEST_S_MAX * 1000),
        )
        await self._ask(self._begin(self._consumer, progress, again), REQUEST_S_MAX)

    async def _begin(
        self, consumer: Any, progress: Mapping[int, Progress], again: Collection[int]
    ) -> None:
        await consumer.start()
        consumer.assign(self._partitions)
        begins = await consumer.beginning_offsets(self._partitions)
        ends = await consumer.end_offsets(self._partitions)
        for partition in self._partitions:
            begin, end = begins[partition], ends[partition]
            place = begin
            if partition.partition not in again:
                place = _place(progress.get(partition.partition))
                place = place if begin <= place < end else begin
            consumer.seek(partition, place)

    async def read(self) -> list[Chunk]:
        """See Source."""
        if self._consumer is None:
            raise SourceDown("Kafka is not connected")
        getting = self._consumer.getmany(
            timeout_ms=POLL_MS, max_records=BATCH_EVENTS_MAX
        )
        found = await self._ask(getting, REQUEST_S_MAX)
        return await asyncio.to_thread(
            lambda: [chunk for records in found.values() for chunk in _runs(records)]
        )

    async def behind(self) -> dict[int, int]:
        """See Source. Records, some of which may be repetitions."""
        if self._consumer is None:
            raise SourceDown("Kafka is not connected")
        return await self._ask(self._behind(self._consumer), REQUEST_S_MAX)

    async def _behind(self, consumer: Any) -> dict[int, int]:
        ends = await consumer.end_offsets(self._partitions)
        return {
            partition.partition: max(
                ends[partition] - await consumer.position(partition), 0
            )
            for partition in self._partitions
        }

    async def is_level(self) -> bool:
        """See Source."""
        return not any((await self.behind()).values())

    async def commit(self, progress: Mapping[int, Progress]) -> None:
        """See Source. In the background: reading does not wait for it."""
        offsets = {
            partition: progress[partition.partition].kafka_offset + 1
            for partition in self._partitions
            if partition.partition in progress
            and progress[partition.partition].kafka_offset >= 0
        }
        busy = self._committing is not None and not self._committing.done()
        if offsets and not busy and self._consumer is not None:
            self._committing = asyncio.create_task(_commit(self._consumer, offsets))

    async def close(self) -> None:
        """See Source."""
        committing, self._committing = self._committing, None
        consumer, self._consumer = self._consumer, None
        if committing is not None:
            await _end(committing, 0)
        if consumer is not None:
            await _end(asyncio.ensure_future(consumer.stop()), CLOSE_S_MAX)

    async def _find_topic(self) -> None:
        """See that the topic is there. All topics are asked for: to ask for one may
        make the broker create it, with as many partitions as it likes."""
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._servers,
            client_id=CLIENT,
            request_timeout_ms=int(REQUEST_S_MAX * 1000),
        )
        try:
            await admin.start()
            known = {found["topic"]: found for found in await admin.describe_topics()}
        finally:
            await _end(asyncio.ensure_future(admin.close()), CLOSE_S_MAX)
        if self._topic not in known:
            raise SourceDown(
                f"Kafka has no topic {self._topic} yet: the publisher makes it"
            )
        count = len(known[self._topic]["partitions"])
        if count < len(self._partitions):
            raise SourceDown(
                f"topic {self._topic} has {count} partition(s), but there are "
                f"{len(self._partitions)} shards"
            )

    async def _ask(
        self, asking: Coroutine[Any, Any, _Answer], seconds: float
    ) -> _Answer:
        """The answer to something asked of Kafka, or SourceDown.

        Whatever a client of Kafka raises is that: besides its own errors aiokafka lets
        assertions, faults of unexpected answers and cancellations of its own tasks out.
        """
        task = asyncio.ensure_future(asking)
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():
                await _end(task, 0)
        error: BaseException | None = None
        reason = ""
        if task.done() and not task.cancelled():
            error = task.exception()
            if error is None:
                return task.result()
            reason = str(error) or type(error).__name__
        await self.close()
        if isinstance(error, SourceDown):
            raise error
        if not reason:
            raise SourceDown("Kafka does not answer") from error
        servers = ",".join(self._servers)
        raise SourceDown(f"Kafka is not reachable at {servers}: {reason}") from error


async def _end(task: asyncio.Future[Any], seconds: float) -> None:
    """Wait for a task for some time, then cancel it; how it ended is nobody's care."""
    if seconds:
        await asyncio.wait({task}, timeout=seconds)
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CLOSE_S_MAX)
    if task.done() and not task.cancelled():
        task.exception()


def _place(known: Progress | None) -> int:
    """The offset to begin with: of the event taken last, which must be the same.

    Events stand in order and some of them twice, so number n is nowhere in front of
    offset n - 1. Where that does not hold, it shows as a gap.
    """
    if known is None or known.seq == 0:
        return 0
    return known.kafka_offset if known.kafka_offset >= 0 else known.seq - 1


async def _commit(consumer: Any, offsets: dict[TopicPartition, int]) -> None:
    try:
        await asyncio.wait_for(consumer.commit(offsets), REQUEST_S_MAX)
    except Exception as error:
        log.debug("offsets were not committed: %s", error)


def _runs(records: list[Any]) -> list[Chunk]:
    """Records of one partition as runs of consecutive events."""
    chunks: list[Chunk] = []
    packed: list[bytes] = []
    chains: list[bytes] = []
    first, offset = 0, -1
    for record in records:
        where = f"{record.topic}, partition {record.partition}, offset {record.offset}"
        try:
            event = decode(record.value or b"")
        except ValueError as error:
            raise StreamBroken(f"{where}: {error}") from error
        if event.shard != record.partition:
            raise StreamBroken(
                f"{where}: is an event of shard {event.shard}: this topic is not the "
                "publisher's"
            )
        if chains and event.seq != first + len(chains):
            chunks.append(_chunk(record.partition, first, packed, chains, offset))
            packed, chains = [], []
        if not chains:
            first = event.seq
        packed.append(event.event)
        chains.append(event.chain)
        offset = record.offset
    if chains:
        chunks.append(_chunk(records[-1].partition, first, packed, chains, offset))
    return chunks


def _chunk(
    shard: int, first: int, packed: list[bytes], chains: list[bytes], offset: int
) -> Chunk:
    return Chunk(shard, first, b"".join(packed), chains, offset)
