"""Kafka goes away, and comes back; the publisher is killed, and started again."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.host.admin import NotRunning, call
from engine.host.lock import FolderLock
from fixgw.fanout import kafka as kafka_module
from fixgw.fanout import shardpublisher
from tests.fanout.support import (
    EventLog,
    check,
    publishing,
    until,
    until_published,
)
from tests.live.exchange import fixgw, free_port
from tests.live.waiting import wait_until
from tests.services import KafkaService

WriteLog = Callable[..., EventLog]


@asynccontextmanager
async def load(*logs: EventLog, per_s: int = 1000) -> AsyncIterator[None]:
    """Events are written all the time while the block runs."""

    async def write() -> None:
        while True:
            for log in logs:
                log.write(per_s // 50)
            await asyncio.sleep(0.02)

    writing = asyncio.create_task(write())
    try:
        yield
    finally:
        writing.cancel()
        await asyncio.wait({writing})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives a producer up within seconds."""
    monkeypatch.setattr(shardpublisher, "STALL_S", 0.5)
    monkeypatch.setattr(kafka_module, "ACKNOWLEDGE_S_MAX", 2.0)
    monkeypatch.setattr(kafka_module, "REQUEST_MS_MAX", 1500)
    monkeypatch.setattr(kafka_module, "CONNECT_S_MAX", 3.0)
    monkeypatch.setattr(kafka_module, "CLOSE_S_MAX", 0.5)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The first words of what the publisher told."""
    return [
        " ".join(record.getMessage().split()[:2])
        for record in caplog.records
        if record.name == "fixgw.fanout.publisher"
    ]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("patience", ["patient", "impatient"])
def test_the_broker_is_killed_under_load(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    patience: str,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Once the producer lives through it, once it is given up for a new one."""
    if patience == "impatient":
        request.getfixturevalue("impatient")
    logs = [write_log(shard) for shard in range(2)]
    topic = kafka.unused_topic()

    async def run() -> None:
        async with publishing(tmp_path, kafka.bootstrap, topic, 2) as publisher:
            async with load(*logs):
                for _ in range(2):
                    await until_some(publisher, 1000)
                    kafka.kill()
                    await until(lambda: not publisher.connected, "the loss is seen")
                    assert publisher.problems
                    await asyncio.sleep(2)
                    await asyncio.to_thread(kafka.start)
                    await until(lambda: publisher.connected, "it is back")
            await until_published(publisher, *logs)
            await until(lambda: publisher.lag == {0: 0, 1: 0}, "lag falls to 0")
            assert publisher.problems == []

    with caplog.at_level(logging.INFO, "fixgw"):
        asyncio.run(run())
    check(kafka.bootstrap, topic, *logs)
    assert told(caplog) == ["publishing to", "Kafka is"] * 2 + ["publishing to"]


async def until_some(publisher: Any, count: int) -> None:
    begin = sum(publisher.published.values())
    await until(
        lambda: sum(publisher.published.values()) > begin + count, "events are sent"
    )


@pytest.mark.usefixtures("impatient")
def test_the_broker_stands_still_while_the_log_grows(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What lies in its sockets it takes when it wakes up, after newer producers."""
    log = write_log()
    topic = kafka.unused_topic()

    async def run() -> None:
        async with publishing(tmp_path, kafka.bootstrap, topic) as publisher:
            async with load(log):
                await until_some(publisher, 1000)
                kafka.pause()
                await until(lambda: publisher.losses > 2, "producers are given up")
                await until(lambda: publisher.lag[0] > 3000, "the log grows")
                assert not publisher.connected
                kafka.resume()
                await until(lambda: publisher.connected, "it is back")
            await until_published(publisher, log)
            await until(lambda: publisher.lag[0] == 0, "lag falls to 0")

    with caplog.at_level(logging.INFO, "fixgw"):
        asyncio.run(run())
    check(kafka.bootstrap, topic, log)
    assert told(caplog) == ["publishing to", "Kafka is", "publishing to"]


@pytest.mark.timeout(120)
def test_the_broker_comes_after_the_publisher(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log(0, 500)
    topic = kafka.unused_topic()
    kafka.kill()

    async def run() -> None:
        async with publishing(tmp_path, kafka.bootstrap, topic) as publisher:
            await until(lambda: publisher.losses > 1, "it tries")
            await asyncio.to_thread(kafka.start)
            await until_published(publisher, log)

    asyncio.run(run())
    assert check(kafka.bootstrap, topic, log) == 0


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("impatient")
def test_nothing_of_a_producer_that_was_given_up_stays(
    tmp_path: Path, kafka: KafkaService, write_log: WriteLog
) -> None:
    log = write_log(0, 100)
    topic = kafka.unused_topic()

    async def run() -> None:
        async with publishing(tmp_path, kafka.bootstrap, topic) as publisher:
            await until_published(publisher, log)
            with kafka.paused():
                log.write(100)
                counts = set()
                for losses in range(2, 5):
                    await until(
                        lambda losses=losses: publisher.losses >= losses, "it tries"
                    )
                    counts.add(len(asyncio.all_tasks()))
            await until_published(publisher, log)
            assert max(counts) < 15
        left = [
            task for task in asyncio.all_tasks() if task is not asyncio.current_task()
        ]
        assert left == []

    asyncio.run(run())
    check(kafka.bootstrap, topic, log)


# -- the process -----------------------------------------------------------------------


class Process:
    """``fixgw publisher`` on the data in a folder."""

    def __init__(self, folder: Path, servers: str, topic: str, shards: int) -> None:
        self.data = folder
        self._config = folder / "fixgw.toml"
        self._config.write_text(
            f'sessions = "none"\ninstruments = "none"\ndata = "{folder}"\n'
            f"[shards]\ncount = {shards}\n[metrics]\nenabled = false\n"
            f'[kafka]\nbootstrap_servers = "{servers}"\ntopic = "{topic}"\n'
        )
        self.log = folder / "publisher.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                fixgw("publisher", "--config", self._config, "--log-format", "json"),
                stdout=output,
                stderr=output,
            )

    def end(self, number: int) -> int:
        """Signal it; its exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(30)

    def wait(self) -> int:
        """For it to end by itself; its exit code."""
        assert self._process is not None
        return self._process.wait(30)

    def status(self) -> dict[str, Any]:
        """What it tells; empty before it does."""
        try:
            found: dict[str, Any] = call(
                self.data / "publisher" / "admin.sock", "status", timeout_s=20
            )
        except (NotRunning, ConnectionError, FileNotFoundError):
            return {}
        return found

    def wait_for(
        self, condition: Callable[[dict[str, Any]], object], what: str
    ) -> None:
        def holds() -> object:
            status = self.status()
            return status and condition(status)

        wait_until(holds, what, 30, lambda: f"{self.status()}\n{self.log.read_text()}")


@pytest.fixture
def process(
    tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[str, str, int], Process]]:
    made: list[Process] = []

    def make(servers: str, topic: str, shards: int = 1) -> Process:
        made.append(Process(tmp_path, servers, topic, shards))
        return made[-1]

    yield make
    for one in made:
        if one._process is not None and one._process.poll() is None:
            one.end(signal.SIGKILL)


def is_all_published(*logs: EventLog) -> Callable[[dict[str, Any]], bool]:
    return lambda status: all(
        status["facts"]["shards"][str(log.shard)] == {"published": log.last, "lag": 0}
        for log in logs
    )


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_publisher_is_killed_at_any_point(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    process: Callable[..., Process],
    seed: int,
) -> None:
    draw = random.Random(seed)
    logs = [write_log(shard, 20_000) for shard in range(2)]
    topic = kafka.unused_topic()
    publisher = process(kafka.bootstrap, topic, 2)
    for _ in range(6):
        publisher.start()
        lifetime = time.monotonic() + draw.uniform(0.4, 2.5)
        while time.monotonic() < lifetime:
            for log in logs:
                log.write(20)
            time.sleep(0.02)
        if draw.random() < 0.3:
            for path in (tmp_path / "publisher").glob("cursor-*"):
                path.unlink()
        assert publisher.end(signal.SIGKILL) == -signal.SIGKILL
    publisher.start()
    publisher.wait_for(is_all_published(*logs), "everything is published")
    assert publisher.end(signal.SIGTERM) == 0
    check(kafka.bootstrap, topic, *logs)


def test_the_status_of_the_process(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    process: Callable[..., Process],
) -> None:
    log = write_log(0, 500)
    topic = kafka.unused_topic()
    publisher = process(kafka.bootstrap, topic)
    publisher.start()
    publisher.wait_for(is_all_published(log), "everything is published")
    status = publisher.status()
    assert (status["process"], status["healthy"], status["problems"]) == (
        "publisher",
        True,
        [],
    )
    assert status["dependencies"] == {"kafka": {"up": True, "seq": None}}
    assert status["facts"] == {
        "topic": topic,
        "servers": kafka.bootstrap,
        "connected": True,
        "published": 500,
        "lag": 0,
        "shards": {"0": {"published": 500, "lag": 0}},
    }
    assert publisher.end(signal.SIGTERM) == 0
    assert not (tmp_path / "publisher" / "admin.sock").exists()


def test_it_ends_in_time_while_kafka_stands_still(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    process: Callable[..., Process],
) -> None:
    log = write_log(0, 500)
    topic = kafka.unused_topic()
    publisher = process(kafka.bootstrap, topic)
    publisher.start()
    publisher.wait_for(is_all_published(log), "everything is published")
    with kafka.paused():
        log.write(500)
        publisher.wait_for(
            lambda status: (
                not status["healthy"]
                and "Kafka is not reachable" in status["problems"][0]
            ),
            "it says so",
        )
        begin = time.monotonic()
        assert publisher.end(signal.SIGTERM) == 0
        assert time.monotonic() - begin < 20
    publisher.start()
    publisher.wait_for(is_all_published(log), "everything is published")
    check(kafka.bootstrap, topic, log)


def test_without_kafka_the_process_runs_on(
    tmp_path: Path, write_log: WriteLog, process: Callable[..., Process]
) -> None:
    write_log(0, 50)
    publisher = process(f"127.0.0.1:{free_port()}", "any")
    publisher.start()
    publisher.wait_for(
        lambda status: status["facts"]["shards"]["0"] == {"published": 0, "lag": 50},
        "it knows how far it is behind",
    )
    assert publisher.end(signal.SIGTERM) == 0
    (line,) = publisher.log.read_text().splitlines()
    assert "Kafka is not reachable, events wait in the logs" in line


def test_a_refusal_is_final(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    process: Callable[..., Process],
) -> None:
    write_log(0, 50)
    publisher = process(kafka.bootstrap, kafka.fresh_topic(partitions=1), 2)
    publisher.start()
    assert publisher.wait() == 72
    assert "nothing more is published: topic" in publisher.log.read_text()


def test_a_damaged_log_is_final(
    tmp_path: Path,
    kafka: KafkaService,
    write_log: WriteLog,
    process: Callable[..., Process],
) -> None:
    log = write_log()
    log.write(100, per_record=10)
    (path,) = log.folder.glob("*.log")
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    publisher = process(kafka.bootstrap, kafka.unused_topic())
    publisher.start()
    assert publisher.wait() == 70
    assert "its shard makes it anew at its next start" in publisher.log.read_text()


def test_only_one_publishes(
    tmp_path: Path, process: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = FolderLock(tmp_path / "publisher")
    publisher = process(f"127.0.0.1:{free_port()}", "any")
    publisher.start()
    assert publisher.wait() == 75
    lock.release()
    assert "publisher is in use by process" in publisher.log.read_text()


def test_it_has_to_be_told_where_to(
    tmp_path: Path, process: Callable[..., Process]
) -> None:
    publisher = process("", "any")
    publisher.start()
    assert publisher.wait() == 78
    text = publisher.log.read_text()
    assert "kafka.bootstrap_servers is not set" in text
    assert 'bootstrap_servers = "localhost:9092"' in text
