"""Event logs to publish, a publisher in this process, and a consumer that trusts
nobody."""

from __future__ import annotations

import asyncio
import json
import random
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from engine.codes import (
    EventKind,
    OrdStatus,
    OrdType,
    Phase,
    PhaseReason,
    Reason,
    Side,
    TimeInForce,
)
from engine.journal import LogKind, RecordLog
from engine.records import (
    EVENT_BYTES,
    UNIT,
    AuctionEvent,
    ClockEvent,
    InstrumentEvent,
    OrderEvent,
    PhaseEvent,
)
from fixgw.fanout.codec import SCHEMA_VERSION, decode
from fixgw.fanout.publisher import Publisher

SYMBOLS = ("ACME", "BTC-USD", "Z")
STAMP = 1_700_000_000_000_000_000


@cache
def _templates(shard: int, seed: int) -> list[bytes]:
    """Events of all sorts, to be numbered."""
    draw = random.Random(f"{shard} {seed}")
    return [_template(shard, draw) for _ in range(97)]


def _template(shard: int, draw: random.Random) -> bytes:
    symbol = draw.choice(SYMBOLS)
    chance = draw.random()
    if chance < 0.04:
        return ClockEvent(EventKind.DAY_ENDED, day=draw.getrandbits(32)).pack()
    if chance < 0.08:
        return InstrumentEvent(
            EventKind.INSTRUMENT_DEFINED, tick=1, lot=UNIT, symbol=symbol
        ).pack()
    if chance < 0.12:
        return PhaseEvent(
            EventKind.PHASE,
            phase=draw.choice(list(Phase)),
            reason=draw.choice(list(PhaseReason)),
            symbol=symbol,
        ).pack()
    if chance < 0.16:
        return AuctionEvent(
            EventKind.AUCTION,
            phase=Phase.CLOSING_AUCTION,
            price=draw.randrange(1, 10**12),
            volume=draw.randrange(1, 10**12),
            symbol=symbol,
        ).pack()
    refused = chance < 0.3
    return OrderEvent(
        EventKind.REJECTED if refused else EventKind.FILLED,
        side=draw.choice(list(Side)),
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.DAY,
        ord_status=OrdStatus.REJECTED if refused else OrdStatus.FILLED,
        reason=Reason.UNKNOWN_SYMBOL if refused else Reason.NONE,
        session=draw.getrandbits(64),
        order_id=shard << 48 | draw.getrandbits(30),
        price=draw.randrange(1, 10**12),
        qty=draw.randrange(1, 10**12),
        cl_ord_id=f"order-{draw.getrandbits(60)}",
        account=draw.choice(("ALICE", "BOB")),
        symbol="NOWHERE" if refused else symbol,
    ).pack()


def event(shard: int, seq: int, seed: int = 0) -> bytes:
    """Event ``seq`` of a shard; another ``seed`` is another history."""
    template = _templates(shard, seed)[seq % 97]
    numbers = struct.pack("<QQq", seq, 1 + seq // 3, STAMP + seq * 1000)
    return template[:16] + numbers + template[40:]


class EventLog:
    """The event log of a shard, written as the shard would."""

    def __init__(self, data: Path, shard: int, seed: int = 0, **options: Any) -> None:
        self.folder = data / f"shard-{shard}" / "events"
        self.shard = shard
        self.seed = seed
        self._log = RecordLog(self.folder, LogKind.EVENTS, shard, **options)
        self._draw = random.Random(seed)

    @property
    def last(self) -> int:
        return self._log.last

    def write(self, count: int, per_record: int = 0) -> None:
        """``count`` more events, in records of some size or of random ones."""
        end = self.last + count
        while self.last < end:
            size = per_record or self._draw.choice((1, 1, 2, 5, 30, 200))
            first, size = self.last + 1, min(size, end - self.last)
            packed = [event(self.shard, first + n, self.seed) for n in range(size)]
            self._log.append(b"".join(packed), size, STAMP + first)

    def write_raw(self, packed: bytes) -> None:
        """One record of this content."""
        self._log.append(packed, len(packed) // EVENT_BYTES, STAMP)

    def events(self) -> list[bytes]:
        """Everything in it."""
        return [
            record.payload[at : at + EVENT_BYTES]
            for record in self._log.read(1)
            for at in range(0, len(record.payload), EVENT_BYTES)
        ]

    def close(self) -> None:
        self._log.close()


# -- publishing ------------------------------------------------------------------------


def publisher_of(data: Path, servers: str, topic: str, shards: int = 1) -> Publisher:
    """A publisher of the logs in ``data``."""
    return Publisher(
        [data / f"shard-{shard}" / "events" for shard in range(shards)],
        servers,
        topic,
        data / "publisher",
    )


@asynccontextmanager
async def publishing(
    data: Path, servers: str, topic: str, shards: int = 1
) -> AsyncIterator[Publisher]:
    """A publisher that runs while the block does."""
    publisher = publisher_of(data, servers, topic, shards)
    stop = asyncio.Event()
    running = asyncio.create_task(publisher.run(stop))
    try:
        yield publisher
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)


async def until(
    condition: Callable[[], object], what: str, deadline_s: float = 30.0
) -> None:
    """Return when ``condition`` holds; fail with ``what`` otherwise."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    while not condition():
        if loop.time() > deadline:
            pytest.fail(f"not within {deadline_s:g} s: {what}")
        await asyncio.sleep(0.02)


async def until_published(publisher: Publisher, *logs: EventLog) -> None:
    """Return when everything in the logs is acknowledged."""
    await until(
        lambda: (
            publisher.connected
            and all(publisher.published[log.shard] == log.last for log in logs)
        ),
        f"published: {publisher.published}, problems: {publisher.problems}",
    )


def publish_all(data: Path, servers: str, topic: str, *logs: EventLog) -> Publisher:
    """Start a publisher, let it publish what there is, and end it."""

    async def run() -> Publisher:
        async with publishing(data, servers, topic, len(logs)) as publisher:
            await until_published(publisher, *logs)
        return publisher

    return asyncio.run(run())


# -- consuming -------------------------------------------------------------------------


def consume(servers: str, topic: str) -> dict[int, list[ConsumerRecord]]:
    """Every record in the topic, by partition, in the order of their offsets."""

    async def run() -> dict[int, list[ConsumerRecord]]:
        consumer = AIOKafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)
        await consumer.start()
        try:
            await consumer._client.fetch_all_metadata()
            consumer._client.set_topics([topic])
            await consumer._client.force_metadata_update()
            partitions = [
                TopicPartition(topic, number)
                for number in sorted(consumer.partitions_for_topic(topic) or [])
            ]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            begins = await consumer.beginning_offsets(partitions)
            found: dict[int, list[ConsumerRecord]] = {
                p.partition: [] for p in partitions
            }
            for partition in partitions:
                consumer.seek(partition, begins[partition])
            missing = {p for p in partitions if begins[p] < ends[p]}
            while missing:
                batches = await asyncio.wait_for(
                    consumer.getmany(*missing, timeout_ms=500), 20
                )
                for partition, records in batches.items():
                    found[partition.partition] += records
                    if records[-1].offset + 1 >= ends[partition]:
                        missing.discard(partition)
            return found
        finally:
            await consumer.stop()

    return asyncio.run(run())


def verified(shard: int, records: list[ConsumerRecord]) -> tuple[list[bytes], int]:
    """What a consumer makes of a partition: the events, and how many came again.

    It follows the rules of spec/kafka.md: the next number is taken, lower ones must be
    copies, a higher one is a gap. The chain is worked out here once more.
    """
    chain = blake2b(b"fixgw events of shard %d" % shard, digest_size=16).digest()
    values: list[bytes] = []
    events: list[bytes] = []
    again = 0
    for record in records:
        document = json.loads(record.value)
        seq = document["seq"]
        assert (document["shard"], document["schema"]) == (shard, SCHEMA_VERSION)
        assert dict(record.headers) == {
            "shard": b"%d" % shard,
            "seq": b"%d" % seq,
            "type": document["type"].encode(),
            "schema": b"%d" % SCHEMA_VERSION,
        }
        if seq <= len(values):
            assert record.value == values[seq - 1], f"another event {seq}"
            again += 1
            continue
        assert seq == len(values) + 1, f"a gap: {seq} after {len(values)}"
        packed = decode(record.value).event
        chain = blake2b(chain + packed, digest_size=16).digest()
        assert document["chain"] == chain.hex()
        values.append(record.value)
        events.append(packed)
    return events, again


def check(servers: str, topic: str, *logs: EventLog) -> int:
    """The topic holds the logs, event by event; how many came more than once."""
    found = consume(servers, topic)
    again = 0
    for log in logs:
        events, repeated = verified(log.shard, found[log.shard])
        assert len(events) == log.last
        assert events == log.events()
        again += repeated
    return again
