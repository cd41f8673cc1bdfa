"""Faults that look like something else: an end that is none, a gap that is none, a
server that is only slow, tables that others have changed."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from engine.codes import EventKind, OrdStatus
from engine.journal import LogKind, RecordLog
from engine.records import OrderEvent
from fixgw.config import Config
from fixgw.readmodel.consumer import Consumer
from fixgw.readmodel.database import Database, DatabaseRefused
from fixgw.readmodel.figures import NS_PER_S, Figures
from fixgw.readmodel.kafka import KafkaSource
from fixgw.readmodel.postgres import PostgresDatabase
from fixgw.readmodel.sources import LogSource, Source, StreamBroken
from fixgw.readmodel.sqlite import SqliteDatabase
from tests.readmodel.support import (
    NAMES,
    History,
    consume,
    consume_logs,
    expected,
    tables,
)
from tests.readmodel.test_crashes import kafka_config, publish, rows_of
from tests.readmodel.test_outages import level, running, until
from tests.services import KafkaService, PostgresService

__all__ = ["kafka_config"]


def path_of(config: Config) -> Path:
    """The file of the tables."""
    return config.folder_of("readmodel") / "readmodel.sqlite"


def rebuilt(config: Config, database: Database) -> None:
    """As the command does it while no read model runs."""
    consume(LogSource(config), database.beside(anew=True))
    other = database.beside()
    try:
        other.open()
        database.replace_by(other)
    finally:
        other.close()


def made(source: Source, database: Database) -> Consumer:
    """A consumer that has yet to be run."""
    return Consumer(source, database, NAMES)


# -- tables ----------------------------------------------------------------------------


def test_a_table_that_is_gone_needs_a_person(config: Config, history: History) -> None:
    """SQLite calls that an operational error, as it does a full disk."""
    path = path_of(config)
    consume_logs(config, SqliteDatabase(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP VIEW trades_readable")
        connection.execute("DROP TABLE trades")
        connection.commit()
    history.write(300)
    with pytest.raises(DatabaseRefused, match="no such table: trades; make it anew"):
        consume_logs(config, SqliteDatabase(path))


def test_what_others_were_granted_and_made(
    config: Config, history: History, postgres: PostgresService
) -> None:
    url = postgres.fresh_database()
    database = PostgresDatabase(url)
    consume_logs(config, database)
    role = f"reader_{url.rpartition('/')[2]}"
    with psycopg.connect(url, autocommit=True) as owner:
        for statement in (
            f"CREATE ROLE {role} LOGIN",
            f"GRANT USAGE ON SCHEMA fixgw TO {role}",
            f"GRANT SELECT ON fixgw.orders, fixgw.trades_readable TO {role}",
            "GRANT SELECT ON fixgw.trades TO PUBLIC",
        ):
            owner.execute(statement.encode())
        rebuilt(config, database)
        with psycopg.connect(url.replace("fixgw@", f"{role}@")) as reader:
            for table in ("orders", "trades", "trades_readable"):
                found = reader.execute(f"SELECT COUNT(*) FROM fixgw.{table}".encode())
                assert found.fetchone() != (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(b"SELECT * FROM fixgw.positions")
        owner.execute(f"DROP OWNED BY {role}".encode())
        owner.execute(f"DROP ROLE {role}".encode())
        # A view of somebody else is not dropped with the table below it.
        database.check_replaceable()
        owner.execute(b"CREATE VIEW public.mine AS SELECT * FROM fixgw.trades")
        for attempt in (database.check_replaceable, lambda: rebuilt(config, database)):
            with pytest.raises(DatabaseRefused, match="mine depends on"):
                attempt()
        assert tables(database) == expected(history)
        owner.execute(b"DROP VIEW public.mine")
    rebuilt(config, database)
    assert tables(database) == expected(history)


def test_a_standby_is_waited_for(
    config: Config, history: History, postgres: PostgresService
) -> None:
    url = postgres.fresh_database()
    consume_logs(config, PostgresDatabase(url))
    history.write(100)
    change = f'ALTER DATABASE "{url.rpartition("/")[2]}" '

    async def run() -> None:
        with psycopg.connect(url, autocommit=True) as owner:
            read_only = "SET default_transaction_read_only = on"
            owner.execute(f"{change}{read_only}".encode())
            async with running(made(LogSource(config), PostgresDatabase(url))) as told:
                await until(lambda: told.problem, "a problem")
                assert "read-only transaction" in str(told.problem)
                owner.execute(b"SET default_transaction_read_only = off")
                reset = "RESET default_transaction_read_only"
                owner.execute(f"{change}{reset}".encode())
                await until(lambda: level(told, history), "everything")

    asyncio.run(run())
    assert tables(PostgresDatabase(url)) == expected(history)


def test_it_ends_though_the_server_hangs(
    config: Config, history: History, postgres: PostgresService
) -> None:
    url = postgres.fresh_database()
    consumer = made(LogSource(config), PostgresDatabase(url))

    async def run() -> float:
        async with running(consumer) as told:
            await until(lambda: level(told, history), "everything")
            postgres.pause()
            history.write(50)
            # Whichever call it is: a write, or the look whether the tables are ours.
            await until(lambda: told.asked_ns and hangs(told), "a call that hangs")
            return time.monotonic()

    def hangs(told: Figures) -> bool:
        return consumer._clock() - told.asked_ns > NS_PER_S // 2

    try:
        begun = asyncio.run(run())
        assert time.monotonic() - begun < 20
    finally:
        postgres.resume()
    consume_logs(config, PostgresDatabase(url))
    assert tables(PostgresDatabase(url)) == expected(history)


# -- logs ------------------------------------------------------------------------------


def test_an_unfinished_record_is_an_end(config: Config, history: History) -> None:
    """A shard died in the middle of a record: what there is has an end all the same."""
    history.close()
    segment = max((config.shard_folder(0) / "events").glob("*.log"))
    segment.write_bytes(segment.read_bytes().rstrip(b"\0")[:-100])
    consumer = consume_logs(config, SqliteDatabase(path_of(config)))
    assert 0 < consumer.figures.events < history.count


def test_a_short_log_keeps_no_other_from_going_on(
    config: Config, history: History
) -> None:
    path = path_of(config)
    consume_logs(config, SqliteDatabase(path))
    log = config.shard_folder(1) / "events"
    aside = log.with_name("aside")
    log.rename(aside)
    last = len(history.events[1])

    async def run() -> None:
        async with running(made(LogSource(config), SqliteDatabase(path))) as told:
            await until(lambda: told.problem, "a problem")
            assert f"shard 1: event {last} is in the tables" in str(told.problem)
            while len(history.events[1]) == last:
                history.write(40)
            wanted = len(history.events[0])
            await until(lambda: told.progress[0].seq == wanted, "the other shard")
            aside.rename(log)
            await until(lambda: told.problem is None, "its end")
            await until(lambda: level(told, history), "everything")

    asyncio.run(run())
    assert tables(SqliteDatabase(path)) == expected(history)


def test_an_event_nobody_knows_needs_a_person(config: Config) -> None:
    """No way in lets such a text through, so it was not the shard that wrote it."""
    packed = OrderEvent(
        EventKind.REJECTED,
        seq=1,
        time=5,
        order_id=1,
        ord_status=OrdStatus.REJECTED,
        cl_ord_id="????",
    ).pack()
    log = RecordLog(config.shard_folder(0) / "events", LogKind.EVENTS, 0)
    log.append(packed.replace(b"????", b"caf\xe9"), 1, 5)
    log.close()
    with pytest.raises(StreamBroken, match="shard 0: among events 1 to 1 is one"):
        consume_logs(config, SqliteDatabase(path_of(config)))


# -- Kafka -----------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_a_broker_that_is_away_for_long(
    kafka: KafkaService, kafka_config: Config
) -> None:
    """Longer than every wait for it, of ours and of the client's."""
    history = History(kafka_config, seed=2)
    history.write(500)
    for shard in (0, 1):
        publish(kafka, kafka_config.kafka.topic, rows_of(history, shard))
    consumer = made(KafkaSource(kafka_config), SqliteDatabase(path_of(kafka_config)))

    async def run() -> None:
        async with running(consumer) as told:
            await until(lambda: level(told, history), "everything")
            await asyncio.to_thread(kafka.kill)
            await until(lambda: told.retries >= 4, "some attempts", 60)
            assert str(told.problem).startswith("Kafka ")
            assert told.missing == "source"
            await asyncio.to_thread(kafka.start)
            await until(lambda: told.problem is None, "its end", 40)

    asyncio.run(run())
    history.close()


def test_a_topic_that_was_made_anew(kafka: KafkaService, kafka_config: Config) -> None:
    """Its offsets are others: what looks like a gap is looked up from the beginning."""
    history = History(kafka_config, seed=12)
    history.write(400)
    path = path_of(kafka_config)
    for shard in (0, 1):
        publish(kafka, kafka_config.kafka.topic, rows_of(history, shard)[:200])
    consume(KafkaSource(kafka_config), SqliteDatabase(path))
    with closing(sqlite3.connect(path)) as connection:
        # As if everything had been there twice.
        connection.execute("UPDATE progress SET kafka_offset = 250")
        connection.commit()
    history.write(200)
    history.close()
    topic = kafka.fresh_topic(2)
    anew = replace(kafka_config, kafka=replace(kafka_config.kafka, topic=topic))
    for shard in (0, 1):
        publish(kafka, topic, rows_of(history, shard))
    consume(KafkaSource(anew), SqliteDatabase(path))
    assert tables(SqliteDatabase(path)) == expected(history)


def test_from_logs_to_kafka(kafka: KafkaService, kafka_config: Config) -> None:
    """It begins with the event it knows, not with the first one."""
    history = History(kafka_config, seed=13)
    history.write(600)
    path = path_of(kafka_config)
    consume(LogSource(kafka_config), SqliteDatabase(path))
    history.write(300)
    history.close()
    for shard in (0, 1):
        publish(kafka, kafka_config.kafka.topic, rows_of(history, shard))
    again = consume(KafkaSource(kafka_config), SqliteDatabase(path))
    assert again.figures.duplicates == 2
    assert tables(SqliteDatabase(path)) == expected(history)
