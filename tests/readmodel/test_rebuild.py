"""Tables are made anew, and compared, while everything else goes on."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from engine.host.admin import AdminError, call
from fixgw.config import Config
from fixgw.readmodel import postgres as postgres_module
from fixgw.readmodel.database import DatabaseInUse
from fixgw.readmodel.postgres import PostgresDatabase
from fixgw.readmodel.process import ExitCode
from fixgw.readmodel.sqlite import SqliteDatabase
from tests.live.waiting import wait_until
from tests.readmodel.process import Process, command, run
from tests.readmodel.support import (
    History,
    assert_same,
    config_of,
    consume_logs,
    expected,
    tables,
)
from tests.services import PostgresService


@pytest.fixture
def process(config: Config, history: History) -> Iterator[Process]:
    """A read model that has everything, in SQLite."""
    made = Process(config, "sqlite")
    try:
        made.wait_level(history)
        yield made
    finally:
        made.kill()


@pytest.fixture
def path(config: Config) -> Path:
    """The file of the tables."""
    return config.folder_of("readmodel") / "readmodel.sqlite"


def test_while_the_consumer_runs(
    config: Config, history: History, process: Process, path: Path
) -> None:
    before = path.stat().st_ino
    rebuilt = run(config, "rebuild", "--confirm")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout == (
        f"{history.count} events; the running read model goes on with the new tables\n"
    )
    assert path.stat().st_ino != before
    history.write(500)
    process.wait_level(history)
    assert process.end() == ExitCode.CLEAN
    assert_same(tables(SqliteDatabase(path)), history)


def test_while_the_consumer_is_killed_again_and_again(
    config: Config, history: History, process: Process, path: Path
) -> None:
    """It may be asked, or just be gone, or come back at the wrong moment."""
    done = threading.Event()

    def restart() -> None:
        while not done.wait(0.3):
            process.restart()

    restarting = threading.Thread(target=restart)
    restarting.start()
    try:
        for _ in range(3):
            rebuilt = run(config, "rebuild", "--confirm")
            assert rebuilt.returncode == 0, rebuilt.stderr
            history.write(200)
    finally:
        done.set()
        restarting.join()
    process.wait_level(history)
    assert process.popen.poll() is None, process.errors.read_text()
    assert run(config, "verify").returncode == 0
    assert_same(tables(SqliteDatabase(path)), history)


def test_that_is_killed_leaves_the_old_tables(
    config: Config, history: History, process: Process, path: Path
) -> None:
    before = path.stat().st_ino
    new = path.parent / "new" / path.name
    rebuilding = subprocess.Popen(command(config, "rebuild", "--confirm"))
    wait_until(lambda: new.exists() and new.stat().st_size > 0, "its beginning")
    rebuilding.kill()
    rebuilding.wait()
    assert path.stat().st_ino == before
    assert run(config, "verify").returncode == 0
    assert run(config, "rebuild", "--confirm").returncode == 0
    assert path.stat().st_ino != before
    assert run(config, "verify").returncode == 0
    assert not new.exists()


def test_twice_at_once(config: Config, process: Process, path: Path) -> None:
    # The first one has the place next to the tables, however long it takes.
    with closing(SqliteDatabase(path).beside()) as other:
        other.open()
        second = run(config, "rebuild", "--confirm")
    assert (second.returncode, second.stdout) == (1, "")
    assert "fixgw: another rebuild is under way: " in second.stderr
    assert run(config, "rebuild", "--confirm").returncode == 0


def test_what_is_not_the_rebuilt_one_is_not_taken(
    config: Config, history: History, process: Process, path: Path
) -> None:
    before = path.stat().st_ino
    socket = config.admin_socket("readmodel")
    for positions in (None, {}, {"0": 1, "1": 1}):
        if positions is None:
            with closing(SqliteDatabase(path).beside()) as other:
                other.open()
        with pytest.raises(AdminError, match="is not what the rebuild left there"):
            call(socket, "readmodel.adopt", {"positions": positions or {"0": 9}})
    history.write(100)
    process.wait_level(history)
    assert path.stat().st_ino == before


def test_it_has_to_be_confirmed(config: Config, process: Process) -> None:
    refused = run(config, "rebuild")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "add --confirm" in refused.stderr


def test_a_reader_of_the_old_file_harms_nobody(
    config: Config, history: History, process: Process, path: Path
) -> None:
    """It has the old file open, looks at it, and cleans up behind itself."""
    with closing(sqlite3.connect(path)) as reader:
        count = "SELECT COUNT(*) FROM order_events"
        (before,) = reader.execute(count).fetchone()
        reader.execute("BEGIN")
        reader.execute(count).fetchone()
        assert run(config, "rebuild", "--confirm").returncode == 0
        history.write(300)
        process.wait_level(history)
        assert reader.execute(count).fetchone() == (before,)
    history.write(100)
    process.wait_level(history)
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert process.end() == ExitCode.CLEAN
    assert_same(tables(SqliteDatabase(path)), history)


def test_an_exchange_of_files_that_was_cut_off(
    config: Config, history: History, path: Path
) -> None:
    consume_logs(config, SqliteDatabase(path))
    path.rename(path.with_name(path.name + ".old"))
    path.with_name(path.name + "-wal").write_bytes(b"of another file")
    consume_logs(config, SqliteDatabase(path))
    assert tables(SqliteDatabase(path)) == expected(history)
    assert not list(path.parent.glob("*.old"))


def test_a_reader_of_postgres_is_waited_for(
    config: Config,
    history: History,
    postgres: PostgresService,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_module, "EXCHANGE_LOCK_MS", 200)
    url = postgres.fresh_database()
    consume_logs(config, PostgresDatabase(url))
    target = PostgresDatabase(url)
    consume_logs(config, target.beside(anew=True))
    with closing(target.beside()) as new:
        new.open()
        with psycopg.connect(url) as reader:
            reader.execute("SELECT COUNT(*) FROM fixgw.orders")
            with pytest.raises(DatabaseInUse, match="reading the old tables"):
                target.replace_by(new)
        target.replace_by(new)
    assert tables(PostgresDatabase(url)) == expected(history)


def test_a_writer_is_never_replaced_behind_its_back(
    config: Config, history: History, new_database: Callable[[], PostgresDatabase]
) -> None:
    consume_logs(config, new_database())
    consume_logs(config, new_database().beside(anew=True))
    with closing(new_database()) as writer, closing(new_database().beside()) as new:
        writer.open()
        new.open()
        with pytest.raises(DatabaseInUse, match="has a writer already"):
            new_database().replace_by(new)


def test_a_damaged_file(config: Config, history: History, path: Path) -> None:
    consume_logs(config, SqliteDatabase(path))
    with path.open("r+b") as file:
        file.write(b"no database at all")
    process = Process(config, "sqlite")
    assert process.popen.wait(30) == ExitCode.DATABASE_REFUSED
    assert "fixgw readmodel rebuild --confirm" in process.errors.read_text()
    rebuilt = run(config, "rebuild", "--confirm")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rebuilt.stdout == f"{history.count} events; the new tables are in place\n"
    assert run(config, "verify").returncode == 0


# -- comparing -------------------------------------------------------------------------


def test_verify_while_events_come(
    config: Config, history: History, process: Process
) -> None:
    done = threading.Event()

    def trade() -> None:
        while not done.wait(0.01):
            history.write(40)

    trading = threading.Thread(target=trade)
    trading.start()
    try:
        for _ in range(2):
            checked = run(config, "verify")
            assert checked.returncode == 0, checked.stdout + checked.stderr
            assert " rows agree with " in checked.stdout
    finally:
        done.set()
        trading.join()
    assert process.status()["healthy"]


def test_verify_without_tables(config: Config, history: History, path: Path) -> None:
    process = Process(config, "sqlite")
    process.wait_level(history)
    process.kill()
    shutil.rmtree(path.parent)
    told = run(config, "verify")
    assert told.returncode == 1
    assert "there are no tables in" in told.stderr
    assert not path.parent.exists()


def test_verify_with_the_logs_of_another_exchange(
    config: Config, history: History, process: Process, tmp_path: Path
) -> None:
    process.kill()
    others = config_of(tmp_path / "other")
    others.path.parent.mkdir()
    short = History(others, seed=8)
    short.write(100)
    short.close()
    for shard in (0, 1):
        folder = config.shard_folder(shard) / "events"
        shutil.rmtree(folder)
        shutil.copytree(others.shard_folder(shard) / "events", folder)
    told = run(config, "verify")
    assert told.returncode == 1
    assert "the events end before the tables do: those of shard 0 at " in told.stderr


def test_an_exchange_that_is_never_quiet(
    config: Config, history: History, process: Process, path: Path
) -> None:
    """There is always something new: it ends all the same, with what there was."""
    done = threading.Event()

    def trade() -> None:
        while not done.is_set():
            history.write(20)

    trading = threading.Thread(target=trade)
    trading.start()
    try:
        before = history.count
        rebuilt = run(config, "rebuild", "--confirm")
        assert rebuilt.returncode == 0, rebuilt.stderr
        assert int(rebuilt.stdout.split()[0]) >= before
    finally:
        done.set()
        trading.join()
    process.wait_level(history)
    assert run(config, "verify").returncode == 0
