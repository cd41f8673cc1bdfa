"""Kafka as the publisher needs it: a fit topic, what is in it, acknowledged batches.

What is particular about aiokafka is dealt with here. An idempotent producer of it tries
a batch for ever, and its ``stop`` waits for that; it can also stay unusable after an
error of its sequence numbers until there is a new one (issue 1017). So every wait has a
bound, and whatever fails is KafkaFailure: this producer is given up, and another begins
where the topic ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, for_code

from fixgw.fanout.codec import decode
from fixgw.fanout.cursor import Position
from fixgw.fanout.errors import CannotPublish, KafkaFailure

REQUEST_MS_MAX = 10_000
"""One request: a broker that does not answer by then is asked anew, or another one."""

CONNECT_S_MAX = 20.0
"""To find the cluster, or to learn what is in the topic."""

ACKNOWLEDGE_S_MAX = 60.0
"""A batch that is not acknowledged by then: the producer is given up. Long enough for
the restart of a broker, which the producer lives through by itself."""

CLOSE_S_MAX = 3.0
"""For each step of closing."""

BATCH_BYTES_MAX = 900_000
"""One record batch. Brokers take 1 MiB unless told otherwise."""

COMPRESSION = None
"""gzip, which needs no other package, halves what is published per second: 16,000
events instead of 40,000 to 60,000 on two cores. A topic can be compressed by its broker
with compression.type."""

_TOPIC_CONFIG = {
    # The log is the truth and never shortened, so the copy is not either.
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "max.message.bytes": "1048588",
}
_BROKER_DEFAULT = -1


class Producer:
    """Batches of records to partitions of one topic, each acknowledged by all replicas
    in sync. ``async with`` connects and closes, in bounded time."""

    def __init__(self, servers: str, topic: str) -> None:
        self._topic = topic
        self._producer = AIOKafkaProducer(
            bootstrap_servers=servers,
            client_id="fixgw-publisher",
            enable_idempotence=True,
            acks="all",
            compression_type=COMPRESSION,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=4 * BATCH_BYTES_MAX,
            request_timeout_ms=REQUEST_MS_MAX,
        )

    async def __aenter__(self) -> Producer:
        try:
            async with _failing("connecting"):
                await asyncio.wait_for(self._producer.start(), CONNECT_S_MAX)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    def batch(self) -> Any:
        """An empty batch, with ``append`` of aiokafka's BatchBuilder."""
        return self._producer.create_batch()

    async def send(
        self, batch: Any, partition: int, stall_s: float, on_stall: Callable[[], None]
    ) -> None:
        """Return when the batch is acknowledged. Raises KafkaFailure: then it may be in
        the topic, or come to be, or not.

        Only one batch per partition may be on its way: if it failed and the next one
        did not, there would be a gap. ``on_stall`` is called once if it takes longer
        than ``stall_s``.
        """
        batch.close()
        async with _failing("publishing"):
            future = await asyncio.wait_for(
                self._producer.send_batch(batch, self._topic, partition=partition),
                ACKNOWLEDGE_S_MAX,
            )
            future.add_done_callback(retrieve)
            done, _ = await asyncio.wait({future}, timeout=stall_s)
            if not done:
                on_stall()
                done, _ = await asyncio.wait(
                    {future}, timeout=ACKNOWLEDGE_S_MAX - stall_s
                )
            if not done:
                raise KafkaFailure(f"no acknowledgement within {ACKNOWLEDGE_S_MAX:g} s")
            future.result()

    async def _close(self) -> None:
        """Let go of everything. A batch on its way may arrive or not.

        Not with ``stop`` of aiokafka, which waits for batches that it may try for ever
        (its issue 1101), but by ending its tasks.
        """
        producer = self._producer
        owners = (producer._sender, producer.client)
        tasks = {task for task in asyncio.all_tasks() if _runs(task, owners)}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_S_MAX)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(producer.client.close(), CLOSE_S_MAX)
        # Or it complains that nobody called ``stop``.
        producer._closed = True


def _runs(task: asyncio.Task[Any], owners: tuple[object, ...]) -> bool:
    """Whether a task runs a method of one of these objects."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    runs = frame.f_locals.get("self") if frame is not None else None
    return any(runs is owner for owner in owners)


async def prepare_topic(servers: str, topic: str, shards: int) -> list[Position | None]:
    """Make the topic if it is missing; where each shard's partition ends.

    None: the partition had records that were deleted, so it does not tell. Raises
    KafkaFailure and CannotPublish.
    """
    async with _failing("preparing the topic"), asyncio.timeout(CONNECT_S_MAX):
        await _ensure_topic(servers, topic, shards)
        return await _ends(servers, topic, shards)


async def _ensure_topic(servers: str, topic: str, shards: int) -> None:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=servers,
        client_id="fixgw-publisher",
        request_timeout_ms=REQUEST_MS_MAX,
    )
    try:
        await admin.start()
        # All topics are asked for: to ask for one may make the broker create it, with
        # as many partitions as it likes.
        known = {found["topic"]: found for found in await admin.describe_topics()}
        if topic not in known:
            created = NewTopic(topic, shards, _BROKER_DEFAULT, {}, _TOPIC_CONFIG)
            answer = await admin.create_topics([created])
            for name, code, *_ in answer.topic_errors:
                if code:
                    raise KafkaFailure(f"creating topic {name}: {for_code(code)()}")
            return
        partitions = len(known[topic]["partitions"])
        if partitions < shards:
            raise CannotPublish(
                f"topic {topic} has {partitions} partition(s), but each of the "
                f"{shards} shards needs its own: add partitions, or set another "
                "kafka.topic"
            )
    finally:
        await asyncio.wait_for(admin.close(), CLOSE_S_MAX)


async def _ends(servers: str, topic: str, shards: int) -> list[Position | None]:
    """Where the partitions end, by the last event in each."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers,
        client_id="fixgw-publisher",
        enable_auto_commit=False,
        request_timeout_ms=REQUEST_MS_MAX,
        max_partition_fetch_bytes=2 * BATCH_BYTES_MAX,
    )
    try:
        await consumer.start()
        partitions = [TopicPartition(topic, shard) for shard in range(shards)]
        consumer.assign(partitions)
        begins = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        found: list[Position | None] = []
        for partition in partitions:
            shard, end = partition.partition, ends[partition]
            if end == 0:
                found.append(Position.beginning(shard))
            elif begins[partition] == end:
                found.append(None)
            else:
                consumer.seek(partition, end - 1)
                record = await consumer.getone(partition)
                found.append(_position(topic, shard, record.value))
        return found
    finally:
        await asyncio.wait_for(consumer.stop(), CLOSE_S_MAX)


def _position(topic: str, shard: int, value: bytes | None) -> Position:
    try:
        event = decode(value or b"")
    except ValueError as error:
        raise CannotPublish(
            f"the last record in partition {shard} of topic {topic} is not an event "
            f"this version knows ({error}): set another kafka.topic"
        ) from error
    if event.shard != shard:
        raise CannotPublish(
            f"partition {shard} of topic {topic} holds events of shard {event.shard}: "
            "set another kafka.topic"
        )
    return Position(event.seq, event.chain)


@contextlib.asynccontextmanager
async def _failing(what: str) -> AsyncIterator[None]:
    """Whatever a client of Kafka raises is KafkaFailure.

    All of it: besides its own errors aiokafka lets assertions and faults of unexpected
    answers out.
    """
    try:
        yield
    except (KafkaFailure, CannotPublish):
        raise
    except TimeoutError as error:
        raise KafkaFailure(f"{what}: no answer in time") from error
    except KafkaConnectionError as error:
        raise KafkaFailure(f"{what}: no broker could be reached") from error
    except Exception as error:
        text = str(error) or type(error).__name__
        raise KafkaFailure(f"{what}: {text}") from error


def retrieve(future: asyncio.Future[Any]) -> None:
    """For the callback of one that may fail when nobody looks at it any more."""
    if not future.cancelled():
        future.exception()
