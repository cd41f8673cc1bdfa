"""Processes and servers are killed under load: every event counts once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from aiokafka import AIOKafkaProducer

from fixgw.config import Config
from fixgw.fanout.codec import encode
from fixgw.readmodel.consumer import Consumer
from fixgw.readmodel.database import Database
from fixgw.readmodel.kafka import KafkaSource
from fixgw.readmodel.postgres import PostgresDatabase
from fixgw.readmodel.sources import LogSource, StreamBroken
from fixgw.readmodel.sqlite import SqliteDatabase
from tests.live.waiting import wait_until
from tests.readmodel.process import Process
from tests.readmodel.support import (
    NAMES,
    History,
    assert_same,
    config_of,
    consume,
    expected,
    tables,
)
from tests.services import KafkaService, PostgresService


@pytest.fixture
def database_of_process(
    request: pytest.FixtureRequest, config: Config
) -> tuple[str, Callable[[], Database]]:
    """How the configuration names it, and how a test opens it."""
    if request.param == "sqlite":
        path = config.folder_of("readmodel") / "readmodel.sqlite"
        return "sqlite", lambda: SqliteDatabase(path)
    url = request.getfixturevalue("postgres").fresh_database()
    return url, lambda: PostgresDatabase(url)


@pytest.mark.parametrize("database_of_process", ["sqlite", "postgresql"], indirect=True)
def test_the_consumer_is_killed_at_random_points(
    config: Config, database_of_process: tuple[str, Callable[[], Database]]
) -> None:
    name, new_database = database_of_process
    history = History(config, seed=3)
    random = Random(3)
    history.write(200)
    process = Process(config, name)
    try:
        for _ in range(6):
            wait_until(process.position, "an answer", 20, process.errors.read_text)
            history.write(random.randrange(500, 1500))
            time.sleep(random.random() * 0.1)  # where it is then is up to chance
            process.restart()
        process.wait_level(history)
        assert process.end() == 0
    finally:
        process.kill()
        history.close()
    assert_same(tables(new_database()), history)


def test_postgres_is_killed_under_load(
    config: Config, postgres: PostgresService
) -> None:
    url = postgres.fresh_database()
    history = History(config, seed=5)
    stop = asyncio.Event()
    consumer = Consumer(LogSource(config), PostgresDatabase(url), NAMES)

    async def run() -> None:
        running = asyncio.create_task(consumer.run(stop))
        for _ in range(3):
            await asyncio.to_thread(history.write, 1500)
            await until(lambda: consumer.figures.problem is None)
            killing = asyncio.to_thread(postgres.kill)
            await asyncio.gather(killing, asyncio.to_thread(history.write, 800))
            await until(lambda: consumer.figures.problem is not None)
            await asyncio.to_thread(postgres.start)
        await until(lambda: level(consumer, history))
        stop.set()
        await running
        await consumer.close()

    asyncio.run(run())
    history.close()
    assert consumer.figures.retries >= 3
    assert tables(PostgresDatabase(url)) == expected(history)


async def until(met: Callable[[], object], seconds: float = 30) -> None:
    """Poll."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def level(consumer: Consumer, history: History) -> bool:
    """Whether the consumer has every event."""
    return {s: known.seq for s, known in consumer.figures.progress.items()} == {
        s: len(events) for s, events in history.events.items()
    }


# -- Kafka -----------------------------------------------------------------------------


def publish(
    kafka: KafkaService,
    topic: str,
    rows: list[tuple[int, bytes, bytes]],
    partition: int | None = None,
) -> None:
    """(shard, event, chain) as the publisher would, whatever they are; all into one
    partition, if it is given."""

    async def run() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, linger_ms=5)
        await producer.start()
        sent = [
            await producer.send(
                topic,
                encode(shard, event, chain),
                partition=shard if partition is None else partition,
            )
            for shard, event, chain in rows
        ]
        await asyncio.gather(*sent)
        await producer.stop()

    asyncio.run(run())


def rows_of(history: History, shard: int) -> list[tuple[int, bytes, bytes]]:
    """Everything of a shard."""
    pairs = zip(history.events[shard], history.chains(shard), strict=True)
    return [(shard, event, chain) for event, chain in pairs]


@pytest.fixture
def kafka_config(kafka: KafkaService, tmp_path: Path) -> Config:
    """A configuration with a topic of its own."""
    servers = {"bootstrap_servers": kafka.bootstrap, "topic": kafka.fresh_topic(2)}
    return config_of(tmp_path, kafka=servers, readmodel={"source": "kafka"})


def test_from_kafka_with_duplicates(
    kafka: KafkaService, kafka_config: Config, tmp_path: Path
) -> None:
    history = History(kafka_config, seed=6)
    history.write(1000)
    history.close()
    for shard in (0, 1):
        rows = rows_of(history, shard)
        middle = len(rows) // 2
        # As after a publisher that died with an old cursor, twice.
        repeated = (
            rows[:middle] + rows[middle - 100 : middle + 50] + rows[middle - 30 :]
        )
        publish(kafka, kafka_config.kafka.topic, repeated)
    path = tmp_path / "tables" / "readmodel.sqlite"
    consumer = consume(KafkaSource(kafka_config), SqliteDatabase(path))
    assert consumer.figures.duplicates == 2 * (100 + 80)
    assert tables(SqliteDatabase(path)) == expected(history)
    again = consume(KafkaSource(kafka_config), SqliteDatabase(path))
    assert again.figures.events == 0


@pytest.mark.parametrize("fault", ["gap", "changed", "foreign"])
def test_what_does_not_continue_stops_it(
    kafka: KafkaService, kafka_config: Config, tmp_path: Path, fault: str
) -> None:
    history = History(kafka_config, seed=6)
    history.write(300)
    history.close()
    rows = rows_of(history, 1)
    if fault == "gap":
        del rows[40]
        wanted = "shard 1: event 41 was expected, event 42 came"
    elif fault == "changed":
        shard, event, chain = rows[40]
        # One unit more in cum_qty, at offset 104.
        changed = event[:104] + bytes([event[104] ^ 1]) + event[105:]
        rows[40] = (shard, changed, chain)
        wanted = "shard 1: event 41 breaks the chain"
    else:
        rows[40] = (0, *rows_of(history, 0)[40][1:])
        wanted = "partition 1, offset 40: is an event of shard 0"
    path = tmp_path / "tables" / "readmodel.sqlite"
    publish(kafka, kafka_config.kafka.topic, rows, partition=1)
    with pytest.raises(StreamBroken, match=wanted):
        consume(KafkaSource(kafka_config), SqliteDatabase(path))
    # What came before may be there; nothing behind the fault is.
    assert all(row["seq"] <= 40 for row in tables(SqliteDatabase(path))["order_events"])


def test_the_broker_is_killed_under_load(
    kafka: KafkaService, kafka_config: Config, tmp_path: Path
) -> None:
    history = History(kafka_config, seed=9)
    history.write(2000)
    history.close()
    rows = [row for shard in (0, 1) for row in rows_of(history, shard)]
    path = tmp_path / "tables" / "readmodel.sqlite"
    consumer = Consumer(KafkaSource(kafka_config), SqliteDatabase(path), NAMES)
    stop = asyncio.Event()

    async def run() -> None:
        running = asyncio.create_task(consumer.run(stop))
        half = len(rows) // 2
        await asyncio.to_thread(publish, kafka, kafka_config.kafka.topic, rows[:half])
        await until(lambda: consumer.figures.events)
        await asyncio.to_thread(kafka.kill)
        await asyncio.to_thread(kafka.start)
        await asyncio.to_thread(publish, kafka, kafka_config.kafka.topic, rows[half:])
        await until(lambda: level(consumer, history), 40)
        stop.set()
        await running
        await consumer.close()

    asyncio.run(run())
    assert tables(SqliteDatabase(path)) == expected(history)
