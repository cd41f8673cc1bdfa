"""Source or database are away, full or dumb: it is told, and passes."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.codes import EventKind
from engine.records import EVENT_BYTES, unpack_all
from fixgw.config import Config
from fixgw.readmodel import figures as figures_module
from fixgw.readmodel import kafka as kafka_module
from fixgw.readmodel import postgres as postgres_module
from fixgw.readmodel import sqlite as sqlite_module
from fixgw.readmodel.consumer import Consumer
from fixgw.readmodel.figures import NS_PER_S, Figures
from fixgw.readmodel.kafka import KafkaSource
from fixgw.readmodel.postgres import PostgresDatabase
from fixgw.readmodel.sources import LogSource, SourceDown
from fixgw.readmodel.sqlite import SqliteDatabase
from tests.live.waiting import wait_until
from tests.readmodel.process import Process, run
from tests.readmodel.support import (
    NAMES,
    History,
    assert_same,
    config_of,
    consume_logs,
    expected,
    tables,
)
from tests.services import KafkaService, PostgresService

DAY_NS = 86_400 * NS_PER_S


@asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[Figures]:
    """The consumer at work; its figures."""
    stop = asyncio.Event()
    work = asyncio.create_task(consumer.run(stop))
    try:
        yield consumer.figures
    finally:
        stop.set()
        await work
        await consumer.close()


async def until(met: Any, what: str, seconds: float = 30) -> None:
    """Poll, in the way of the event loop."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not met():
        assert loop.time() < deadline, what
        await asyncio.sleep(0.01)


def level(figures: Figures, history: History) -> bool:
    """Whether it has everything."""
    wanted = {shard: len(events) for shard, events in history.events.items()}
    return {shard: known.seq for shard, known in figures.progress.items()} == wanted


def problems(consumer: Consumer) -> dict[str, str]:
    """What is wrong now, by side."""
    return consumer.figures.problems(consumer._clock())


# -- what is told ----------------------------------------------------------------------


def test_lag() -> None:
    figures = Figures()
    assert (figures.lag, figures.lag_s(DAY_NS)) == ({}, 0.0)
    figures.looked({0: 30, 1: 0}, DAY_NS)
    assert figures.lag == {0: 30, 1: 0}
    assert figures.lag_s(DAY_NS + NS_PER_S) == 0.0, "nothing to reckon from"
    figures.read(0, 30)
    assert figures.lag == {0: 30, 1: 0}, "read is not stored"
    figures.stored(0, 30)
    assert figures.lag == {0: 0, 1: 0}
    assert figures.lag_s(2 * DAY_NS) == 0.0
    # Level as of the look: what came after it is not known.
    assert figures.level_ns == DAY_NS
    figures.read(1, 5)
    assert figures.lag == {0: 0, 1: 5}
    assert figures.lag_s(DAY_NS + 3 * NS_PER_S) == 3.0
    # More was there than the look had found.
    figures.stored(1, 5)
    assert figures.lag_s(3 * DAY_NS) == 0.0


def test_lag_of_a_quiet_exchange(
    config: Config,
    history: History,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The last event is old, then events come that cannot be stored: the tables are
    not as old as the event before them."""
    monkeypatch.setattr(sqlite_module, "BUSY_S", 0.05)
    now = [2_000_000_000 * NS_PER_S]
    path = tmp_path / "tables" / "readmodel.sqlite"
    consumer = Consumer(LogSource(config), SqliteDatabase(path), NAMES, lambda: now[0])

    async def scenario() -> None:
        async with running(consumer) as figures:
            await until(lambda: level(figures, history), "everything")
            now[0] += NS_PER_S
            await until(lambda: figures.level_ns == now[0], "a look")
            assert now[0] - figures.progress[0].time_ns > 100 * DAY_NS
            with closing(sqlite3.connect(path)) as other:
                other.execute("BEGIN IMMEDIATE")
                history.write(40)
                now[0] += 7 * NS_PER_S
                await until(lambda: figures.problem, "the problem")
                assert figures.problem == f"{path}: database is locked"
                assert figures.lag_s(now[0]) == 7.0
                missing = history.count - figures.events
                await until(lambda: sum(figures.lag.values()) == missing, "a look")
            await until(lambda: level(figures, history), "everything")
            await until(lambda: figures.is_level, "a look")

    asyncio.run(scenario())
    assert tables(SqliteDatabase(path)) == expected(history)


def test_lag_while_the_database_hangs(
    config: Config, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a call that has nothing to store: what comes meanwhile is counted."""
    database = SqliteDatabase(tmp_path / "tables" / "readmodel.sqlite")
    consumer = Consumer(LogSource(config), database, NAMES)
    checking, answer = threading.Event(), threading.Event()

    def check() -> None:
        checking.set()
        assert answer.wait(30)

    async def scenario() -> None:
        async with running(consumer) as figures:
            await until(lambda: level(figures, history), "everything")
            monkeypatch.setattr(database, "check", check)
            try:
                await until(checking.is_set, "the call that hangs")
                history.write(40)
                missing = history.count - figures.events
                await until(lambda: sum(figures.lag.values()) == missing, "a look")
                assert figures.lag_s(consumer._clock()) > 0
            finally:
                answer.set()
            await until(lambda: level(figures, history), "everything")

    asyncio.run(scenario())


# -- SQLite ----------------------------------------------------------------------------


def set_room(process: Process, size: int) -> None:
    """How large files may become that the process writes."""
    limits = (size, resource.RLIM_INFINITY)
    resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, limits)


def test_the_disk_is_full(config: Config, history: History) -> None:
    process = Process(config, "sqlite")
    path = config.folder_of("readmodel") / "readmodel.sqlite"
    try:
        process.wait_level(history)
        size = path.stat().st_size
        # As if there were no more: files of this process may not grow any further.
        set_room(process, size)
        history.write(6000)
        wait_until(
            lambda: process.status().get("problems"),
            "the problem",
            20,
            process.errors.read_text,
        )
        status = process.status()
        assert status["problems"][0].startswith(f"{path}: ")
        assert status["dependencies"] == {
            "source": {"up": True},
            "database": {"up": False},
        }
        assert status["facts"]["lag_s"] > 0
        set_room(process, resource.RLIM_INFINITY)
        process.wait_level(history)
        wait_until(lambda: process.status()["healthy"], "health")
        assert process.end() == 0
    finally:
        process.kill()
    assert run(config, "verify").returncode == 0
    assert_same(tables(SqliteDatabase(path)), history)


# -- PostgreSQL ------------------------------------------------------------------------


def test_postgres_says_nothing(
    config: Config,
    history: History,
    postgres: PostgresService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stopped in its tracks: the system still answers for it, so nothing fails."""
    monkeypatch.setattr(figures_module, "ANSWER_S_MAX", 0.5)
    url = postgres.fresh_database()
    consumer = Consumer(LogSource(config), PostgresDatabase(url), NAMES)

    async def scenario() -> None:
        async with running(consumer) as figures:
            await until(lambda: level(figures, history), "everything")
            with postgres.paused():
                history.write(100)
                await until(lambda: problems(consumer), "the problem")
                (found,) = problems(consumer).items()
                assert found[0] == "database"
                assert found[1].startswith("the database has not answered for ")
                lagging = "a look at what there is to come"
                await until(lambda: figures.lag_s(consumer._clock()) > 0, lagging)
            await until(lambda: level(figures, history), "everything")
            await until(lambda: not problems(consumer), "its end")
            assert figures.retries == 0

    asyncio.run(scenario())
    assert tables(PostgresDatabase(url)) == expected(history)


def test_a_statement_that_takes_too_long(
    config: Config,
    history: History,
    postgres: PostgresService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_module, "STATEMENT_MS", 300)
    url = postgres.fresh_database()
    consume_logs(config, PostgresDatabase(url))
    consumer = Consumer(LogSource(config), PostgresDatabase(url), NAMES)

    async def scenario() -> None:
        async with running(consumer) as figures:
            with psycopg.connect(url) as other:
                other.execute("LOCK TABLE fixgw.order_events IN EXCLUSIVE MODE")
                history.write(100)
                await until(lambda: figures.problem, "the problem")
                assert "canceling statement due to statement timeout" in str(
                    figures.problem
                )
            await until(lambda: level(figures, history), "everything")

    asyncio.run(scenario())
    assert tables(PostgresDatabase(url)) == expected(history)


# -- Kafka -----------------------------------------------------------------------------


def test_kafka_says_nothing(
    kafka: KafkaService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that polls a dead broker hears nothing, and no error."""
    monkeypatch.setattr(kafka_module, "REQUEST_S_MAX", 1.0)
    servers = {"bootstrap_servers": kafka.bootstrap, "topic": kafka.fresh_topic(2)}
    config = config_of(tmp_path, kafka=servers, readmodel={"source": "kafka"})
    path = tmp_path / "tables" / "readmodel.sqlite"
    consumer = Consumer(KafkaSource(config), SqliteDatabase(path), NAMES)

    async def scenario() -> None:
        async with running(consumer) as figures:
            await until(lambda: figures.looked_ns, "the first look")
            assert not problems(consumer)
            with kafka.paused():
                await until(lambda: problems(consumer), "the problem")
                assert problems(consumer) == {"source": "Kafka does not answer"}
            await until(lambda: not problems(consumer), "Kafka", 40)

    asyncio.run(scenario())


def test_a_topic_with_too_few_partitions(kafka: KafkaService, tmp_path: Path) -> None:
    servers = {"bootstrap_servers": kafka.bootstrap, "topic": kafka.fresh_topic(1)}
    config = config_of(tmp_path, kafka=servers, readmodel={"source": "kafka"})

    async def scenario() -> None:
        source = KafkaSource(config)
        with pytest.raises(SourceDown, match=r"has 1 partition\(s\), but there are 2"):
            await source.open({})
        await source.close()

    asyncio.run(scenario())


# -- events that are no orders ---------------------------------------------------------


ANSWERS = (EventKind.STATUS, EventKind.MASS_STATUS_DONE, EventKind.MASS_CANCELLED)
"""They tell how orders are, or how many; nothing happens to one by them."""


def test_what_happens_to_no_order_counts_as_taken(
    config: Config, history: History, tmp_path: Path
) -> None:
    """Definitions, halts, ends of days and answers make no rows and leave no gap."""
    path = tmp_path / "tables" / "readmodel.sqlite"
    consumer = consume_logs(config, SqliteDatabase(path))
    kinds = {
        event.kind
        for events in history.events.values()
        for event in unpack_all(b"".join(events), EVENT_BYTES)
    }
    assert kinds >= {
        EventKind.INSTRUMENT_DEFINED,
        EventKind.PHASE,
        EventKind.DAY_ENDED,
    }
    assert level(consumer.figures, history)
    assert {row["kind"] for row in tables(SqliteDatabase(path))["order_events"]} == {
        EventKind(kind).name
        for kind in kinds
        if kind < EventKind.INSTRUMENT_DEFINED and kind not in ANSWERS
    }
