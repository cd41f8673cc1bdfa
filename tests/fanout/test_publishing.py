"""What is published, where it goes on, and what it refuses."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from engine.journal import CorruptLog
from engine.records import EVENT_BYTES
from fixgw.fanout import publisher as publisher_module
from fixgw.fanout import shardpublisher
from fixgw.fanout.codec import encode
from fixgw.fanout.errors import CannotPublish
from fixgw.fanout.kafka import BATCH_BYTES_MAX
from fixgw.fanout.publisher import Publisher
from tests.fanout.support import (
    EventLog,
    check,
    consume,
    event,
    publish_all,
    publisher_of,
    publishing,
    until,
    until_published,
)
from tests.live.exchange import free_port
from tests.services import KafkaService

WriteLog = Callable[..., EventLog]


async def administer(servers: str, *calls: Callable[..., object]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        for call in calls:
            await call(admin)  # type: ignore[misc]
    finally:
        await admin.close()


# -- what arrives ----------------------------------------------------------------------


def test_everything_arrives_in_order(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    logs = [write_log(shard, 1000 + 700 * shard) for shard in range(3)]
    topic = kafka.unused_topic()
    publisher = publish_all(tmp_path, kafka.bootstrap, topic, *logs)
    assert check(kafka.bootstrap, topic, *logs) == 0
    found = consume(kafka.bootstrap, topic)
    assert sorted(found) == [0, 1, 2]
    for log in logs:
        assert len(found[log.shard]) == log.last
        assert publisher.published[log.shard] == log.last
        assert publisher.shards[log.shard].events_sent == log.last
        keys = {record.key for record in found[log.shard]}
        # A refused order's symbol may be anything, and is no key.
        assert keys == {b"ACME", b"BTC-USD", b"Z", b"shard-%d" % log.shard}


def test_it_follows_while_events_are_written(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    logs = [write_log(shard, segment_bytes=50_000) for shard in range(2)]
    topic = kafka.unused_topic()

    async def run() -> None:
        async with publishing(tmp_path, kafka.bootstrap, topic, 2) as publisher:
            for turn in range(20):
                logs[turn % 2].write(1 + 17 * turn)
                await until_published(publisher, *logs)
            await until(lambda: publisher.lag == {0: 0, 1: 0}, "lag falls to 0")
            assert publisher.problems == []
            assert publisher.facts()["shards"] == {
                str(log.shard): {"published": log.last, "lag": 0} for log in logs
            }

    asyncio.run(run())
    assert check(kafka.bootstrap, topic, *logs) == 0


def test_a_shard_that_never_ran_keeps_no_other_back(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log(1, 10)
    topic = kafka.unused_topic()

    async def run() -> None:
        async with publishing(tmp_path, kafka.bootstrap, topic, 3) as publisher:
            await until_published(publisher, log)

    asyncio.run(run())
    assert check(kafka.bootstrap, topic, log) == 0


def test_the_longest_events_fit_into_a_batch(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    """Every text full of what JSON has to escape, every number with all its digits."""
    log = write_log()
    longest = bytearray(b"\xff" * 136 + b"\x01" * 120).ljust(EVENT_BYTES, b"\0")
    longest[0] = 2
    longest[5:8] = bytes([2, 1, 0])
    packed = b""
    for seq in range(1, 1501):
        longest[16:24] = seq.to_bytes(8, "little")
        packed += longest
    log.write_raw(packed)
    topic = kafka.unused_topic()
    publish_all(tmp_path, kafka.bootstrap, topic, log)
    assert check(kafka.bootstrap, topic, log) == 0
    size = max(len(record.value) for record in consume(kafka.bootstrap, topic)[0])
    assert 1200 < size < BATCH_BYTES_MAX // shardpublisher.BATCH_EVENTS_MAX - 150


# -- where it goes on ------------------------------------------------------------------


@pytest.mark.parametrize("cursor", ["kept", "lost", "older", "spoiled"])
def test_it_goes_on_where_the_topic_ends(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog, cursor: str
) -> None:
    logs = [write_log(shard, 300) for shard in range(2)]
    topic = kafka.unused_topic()
    publish_all(tmp_path, kafka.bootstrap, topic, *logs)
    older = (tmp_path / "publisher" / "cursor-0.json").read_bytes()
    for log in logs:
        log.write(200)
    publish_all(tmp_path, kafka.bootstrap, topic, *logs)
    for log in logs:
        log.write(100)
    if cursor == "lost":
        shutil.rmtree(tmp_path / "publisher")
    elif cursor == "older":
        (tmp_path / "publisher" / "cursor-0.json").write_bytes(older)
    elif cursor == "spoiled":
        (tmp_path / "publisher" / "cursor-0.json").write_bytes(older[:40])
    publish_all(tmp_path, kafka.bootstrap, topic, *logs)
    assert check(kafka.bootstrap, topic, *logs) == 0


def test_a_topic_made_anew_gets_everything_again(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = write_log(0, 300)
    topic = kafka.unused_topic()
    publish_all(tmp_path, kafka.bootstrap, topic, log)
    asyncio.run(
        administer(
            kafka.bootstrap,
            lambda admin: admin.delete_topics([topic]),
            lambda admin: admin.create_topics([NewTopic(topic, 1, 1)]),
        )
    )
    publish_all(tmp_path, kafka.bootstrap, topic, log)
    assert check(kafka.bootstrap, topic, log) == 0
    assert "it lost events or was made anew" in caplog.text


def test_where_records_were_deleted_the_cursor_tells(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log(0, 300)
    topic = kafka.unused_topic()
    publish_all(tmp_path, kafka.bootstrap, topic, log)
    delete = {TopicPartition(topic, 0): RecordsToDelete(300)}
    asyncio.run(administer(kafka.bootstrap, lambda admin: admin.delete_records(delete)))
    log.write(50)
    publish_all(tmp_path, kafka.bootstrap, topic, log)
    assert [record.offset for record in consume(kafka.bootstrap, topic)[0]] == list(
        range(300, 350)
    )
    asyncio.run(
        administer(
            kafka.bootstrap,
            lambda admin: admin.delete_records(
                {TopicPartition(topic, 0): RecordsToDelete(350)}
            ),
        )
    )
    shutil.rmtree(tmp_path / "publisher")
    publish_all(tmp_path, kafka.bootstrap, topic, log)
    assert check(kafka.bootstrap, topic, log) == 0


def test_a_cursor_is_of_its_topic(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log(0, 300)
    for _ in range(2):
        topic = kafka.unused_topic()
        publish_all(tmp_path, kafka.bootstrap, topic, log)
        assert check(kafka.bootstrap, topic, log) == 0


# -- logs that change ------------------------------------------------------------------


def test_a_log_made_anew_is_verified_and_followed(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log(0, 300)
    topic = kafka.unused_topic()

    async def run() -> EventLog:
        async with publishing(tmp_path, kafka.bootstrap, topic) as publisher:
            await until_published(publisher, log)
            log.folder.rename(tmp_path / "events-damaged")
            again = write_log(0, 100)
            await until(lambda: publisher.problems, "it waits for the shard")
            assert publisher.problems == [
                f"the log of shard 0 ends at event 100, but event 300 is in topic "
                f"{topic}: waiting for the shard to fill it up"
            ]
            again.write(250)
            await until_published(publisher, again)
            assert publisher.problems == []
            return again

    again = asyncio.run(run())
    assert check(kafka.bootstrap, topic, again) == 0


def test_another_history_is_refused_while_it_runs(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log(0, 300)
    topic = kafka.unused_topic()

    async def run() -> None:
        publisher = publisher_of(tmp_path, kafka.bootstrap, topic)
        running = asyncio.create_task(publisher.run(asyncio.Event()))
        await until_published(publisher, log)
        log.folder.rename(tmp_path / "events-before")
        write_log(0, 301, seed=1)
        await asyncio.wait_for(running, 30)

    with pytest.raises(CannotPublish, match="another past of this one"):
        asyncio.run(run())
    assert len(consume(kafka.bootstrap, topic)[0]) == 300


# -- what is refused -------------------------------------------------------------------


def run_until_it_ends(
    data: Path, servers: str, topic: str, shards: int = 1
) -> Publisher:
    """Raises what it raises."""

    async def run() -> None:
        await asyncio.wait_for(publisher.run(asyncio.Event()), 30)

    publisher = publisher_of(data, servers, topic, shards)
    asyncio.run(run())
    return publisher


def test_a_topic_with_too_few_partitions_is_refused(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    for shard in range(3):
        write_log(shard, 10)
    topic = kafka.fresh_topic(partitions=2)
    with pytest.raises(
        CannotPublish,
        match=f"topic {topic} has 2 partition.*each of the 3 shards needs its own",
    ):
        run_until_it_ends(tmp_path, kafka.bootstrap, topic, shards=3)
    assert consume(kafka.bootstrap, topic) == {0: [], 1: []}


def test_a_topic_with_more_partitions_is_fine(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log(0, 10)
    topic = kafka.fresh_topic(partitions=5)
    publish_all(tmp_path, kafka.bootstrap, topic, log)
    assert check(kafka.bootstrap, topic, log) == 0


@pytest.mark.parametrize("count", [299, 300, 301])
def test_a_topic_of_another_exchange_is_refused(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
) -> None:
    monkeypatch.setattr(shardpublisher, "LOG_PATIENCE_S", 0.3)
    log = write_log(0, 300)
    topic = kafka.unused_topic()
    publish_all(tmp_path, kafka.bootstrap, topic, log)
    shutil.rmtree(tmp_path / "shard-0")
    shutil.rmtree(tmp_path / "publisher")
    write_log(0, count, seed=1)
    message = "events are missing" if count < 300 else "the events of another exchange"
    with pytest.raises(CannotPublish, match=message):
        run_until_it_ends(tmp_path, kafka.bootstrap, topic)
    assert len(consume(kafka.bootstrap, topic)[0]) == 300


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"hello", "is not an event this version knows"),
        (None, "is not an event this version knows"),
        (b'{"schema":1}', "schema version 1, this build reads 2"),
        (encode(1, event(1, 1), bytes(16)), "holds events of shard 1"),
    ],
)
def test_a_topic_with_something_else_is_refused(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    value: bytes | None,
    message: str,
) -> None:
    write_log(0, 10)
    topic = kafka.fresh_topic()

    async def put() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
        await producer.start()
        await producer.send_and_wait(topic, value, key=b"key")
        await producer.stop()

    asyncio.run(put())
    with pytest.raises(CannotPublish, match=message):
        run_until_it_ends(tmp_path, kafka.bootstrap, topic)
    assert len(consume(kafka.bootstrap, topic)[0]) == 1


def test_an_event_it_does_not_know_is_not_skipped(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log(0, 20)
    log.write_raw(bytes([200]) + event(0, 21)[1:])
    log.write(5)
    topic = kafka.unused_topic()
    with pytest.raises(CannotPublish, match="event 21 of shard 0 is not one this"):
        run_until_it_ends(tmp_path, kafka.bootstrap, topic)
    assert consume(kafka.bootstrap, topic)[0] == []


def test_a_damaged_log_is_published_up_to_the_damage(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log()
    log.write(2000, per_record=100)
    (path,) = log.folder.glob("*.log")
    data = bytearray(path.read_bytes())
    data[len(data) * 6 // 10] ^= 1
    path.write_bytes(data)
    topic = kafka.unused_topic()
    with pytest.raises(CorruptLog, match="an intact record follows"):
        run_until_it_ends(tmp_path, kafka.bootstrap, topic)
    found = consume(kafka.bootstrap, topic)[0]
    assert len(found) <= 1200
    assert [record.offset for record in found] == list(range(len(found)))


# -- Kafka is not there ----------------------------------------------------------------


def test_without_kafka_it_waits_and_says_so_once(
    tmp_path: Path,
    write_log: WriteLog,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(publisher_module, "BACKOFF_S_MAX", 0.2)
    monkeypatch.setattr(publisher_module, "TICK_S", 0.1)
    log = write_log(0, 123)
    servers = f"127.0.0.1:{free_port()}"

    async def run() -> None:
        async with publishing(tmp_path, servers, "any") as publisher:
            await until(lambda: publisher.losses > 5, "it tries again and again")
            assert not publisher.connected
            (problem,) = publisher.problems
            assert problem.startswith(f"Kafka is not reachable at {servers}: ")
            assert publisher.lag == {0: 123}
            log.write(77)
            await until(lambda: publisher.lag == {0: 200}, "the log is looked at")

    with caplog.at_level(logging.INFO, "fixgw"):
        asyncio.run(run())
    (record,) = (one for one in caplog.records if one.name.startswith("fixgw"))
    assert record.getMessage().startswith("Kafka is not reachable, events wait in the")
