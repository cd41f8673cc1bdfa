"""The tables in a SQLite file: embedded, no server."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from engine.host.lock import FolderInUse, FolderLock
from fixgw.readmodel import changes, sql
from fixgw.readmodel.database import (
    VERSION,
    Database,
    DatabaseDown,
    DatabaseInUse,
    DatabaseRefused,
    Progress,
    check_version,
    no_tables,
    progress_values,
)
from fixgw.readmodel.rows import Batch, Row
from fixgw.readmodel.schema import META, SCHEMA_VERSION, TABLES, Table

BUSY_S = 5.0
"""How long a writer waits for somebody who is in the way."""

CACHE_KIB = 16_384
"""Memory for pages: upserts of orders go to all places of their index."""

_BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps next to the file, under its name with these endings."""


_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""Primary result codes behind which is a disk, a permission or a reader, not what is
in the file. OperationalError tells less: a table that is gone is one as well."""


class SqliteDatabase:
    """One file. Readers may look at any time; they see whole batches.

    The writer holds a lock on the folder, from the first ``open`` to ``close``.
    """

    def __init__(self, path: Path, anew: bool = False) -> None:
        self.path = path
        self.name = str(path)
        self._anew = anew
        self._lock: FolderLock | None = None
        self._inode = 0
        self._connection: sqlite3.Connection | None = None
        self._statements = {table: sql.insert(sql.SQLITE, table) for table in TABLES}

    def open(self) -> dict[int, Progress]:
        """See Database."""
        self._disconnect()
        try:
            return self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> dict[int, Progress]:
        self._take_lock()
        with self._guarded():
            if self._anew:
                self._remove()
                self._anew = False
            # An exchange of files that was cut off; see replace_by.
            self._old.unlink(missing_ok=True)
            connection = sqlite3.connect(
                self.path,
                timeout=BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection = connection
            connection.create_function("digits_sum", 2, _digits_sum, deterministic=True)
            connection.execute("PRAGMA journal_mode = WAL")
            # With WAL this loses at most the last batches at a loss of power, never
            # part of one: they are read again.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._prepare(connection)
            self._inode = self.path.stat().st_ino
            return _progress(connection)

    def write(self, batch: Batch) -> None:
        """See Database."""
        connection = self._open_connection()
        with self._guarded(), _transaction(connection):
            if batch.before == 0:
                connection.execute(sql.begin(sql.SQLITE), (batch.shard,))
            moved = connection.execute(
                sql.advance(sql.SQLITE),
                progress_values(batch),
            )
            if moved.rowcount != 1:
                raise DatabaseRefused(
                    f"{self.name}: shard {batch.shard} is not at event {batch.before}: "
                    "somebody else has written"
                )
            for table, rows in batch.rows.items():
                self._write_rows(connection, table, rows)

            def execute(statement: str, values: Sequence[object]) -> Row | None:
                row: Row | None = connection.execute(statement, values).fetchone()
                return row

            changes.apply(
                sql.SQLITE,
                execute,
                lambda table, rows: self._write_rows(connection, table, rows),
                batch,
            )

    def _write_rows(
        self, connection: sqlite3.Connection, table: Table, rows: list[Row]
    ) -> None:
        connection.executemany(self._statements[table], _digits_of_sums(table, rows))

    def check(self) -> None:
        """See Database. A file that was taken away would be written to all the same,
        and nobody would see it."""
        self._open_connection()
        with self._guarded():
            if self.path.stat().st_ino != self._inode:
                raise DatabaseDown(f"{self.name}: another file was put there")

    def beside(self, anew: bool = False) -> SqliteDatabase:
        """See Database."""
        return SqliteDatabase(self.path.parent / "new" / self.path.name, anew)

    def replace_by(self, other: Database) -> None:
        """See Database.

        The old file leaves its name before its log goes, and the new one comes last: a
        crash in between leaves no tables, and never a file with the log of another.
        Readers that have the old file open keep what they see until they open it anew.
        """
        assert isinstance(other, SqliteDatabase)
        other._settle()
        self._take_lock()
        try:
            self._disconnect()
            with self._guarded():
                if self.path.exists():
                    self.path.replace(self._old)
                self._remove()
                other.path.replace(self.path)
                self._old.unlink(missing_ok=True)
        finally:
            self.close()

    def check_replaceable(self) -> None:
        """See Database."""

    def snapshot(self) -> SqliteSnapshot:
        """See Database."""
        if not self.path.exists():
            raise no_tables(self.name)
        with self._guarded():
            connection = sqlite3.connect(
                f"file:{quote(str(self.path))}?mode=ro",
                uri=True,
                timeout=BUSY_S,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                return SqliteSnapshot(self, connection)
            except BaseException:
                connection.close()
                raise

    def abort(self) -> None:
        """See Database."""
        if self._connection is not None:
            self._connection.interrupt()

    def close(self) -> None:
        """See Database."""
        self._disconnect()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    @property
    def _old(self) -> Path:
        return self.path.with_name(self.path.name + ".old")

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        try:
            self._lock = FolderLock(self.path.parent)
        except FolderInUse as error:
            raise DatabaseInUse(f"{self.path} has a writer already: {error}") from None
        except OSError as error:
            raise DatabaseDown(f"{self.path}: {error.strerror}") from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _remove(self) -> None:
        """The file and what SQLite keeps next to it; not the lock, which is ours."""
        for ending in ("", *_BESIDE):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def _settle(self) -> None:
        """Everything into the one file, and close it. The lock stays."""
        connection = self._open_connection()
        with self._guarded():
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode = DELETE")
        self._disconnect()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        with _transaction(connection):
            if not _has_tables(connection):
                for statement in sql.create(sql.SQLITE):
                    connection.execute(statement)
                connection.execute(
                    self._statements[META], ("schema_version", str(SCHEMA_VERSION))
                )
            check_version(self.name, connection.execute(VERSION).fetchone())

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise DatabaseDown(f"{self.name} is not open")
        return self._connection

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DatabaseDown(f"{self.name}: {error}") from error
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            if code in _PASSING:
                raise DatabaseDown(f"{self.name}: {error}") from error
            raise DatabaseRefused(
                f"{self.name}: {error}; make it anew with 'fixgw readmodel rebuild "
                "--confirm'"
            ) from error
        except OverflowError as error:
            raise DatabaseRefused(
                f"{self.name} cannot hold a number: {error}"
            ) from error


class SqliteSnapshot:
    """See Snapshot. One transaction: the log of the file grows while it lasts."""

    def __init__(
        self, database: SqliteDatabase, connection: sqlite3.Connection
    ) -> None:
        self._database = database
        self._connection = connection
        connection.execute("BEGIN")
        if not _has_tables(connection):
            raise no_tables(database.name)
        check_version(database.name, connection.execute(VERSION).fetchone())
        self.progress = _progress(connection)

    def read(self, table: Table, where: str = "") -> Iterator[Row]:
        """See Snapshot."""
        sums = _sums(table)
        with self._database._guarded():
            for row in self._connection.execute(sql.select(table, where)):
                yield tuple(
                    int(value) if index in sums else value
                    for index, value in enumerate(row)
                )

    def count(self, table: Table) -> int:
        """See Snapshot."""
        with self._database._guarded():
            found = self._connection.execute(f"SELECT COUNT(*) FROM {table.name}")
            return int(found.fetchone()[0])

    def close(self) -> None:
        """See Snapshot."""
        self._connection.close()


def _has_tables(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT name FROM sqlite_master WHERE name = 'meta'")
    return found.fetchone() is not None


def _progress(connection: sqlite3.Connection) -> dict[int, Progress]:
    rows = connection.execute("SELECT * FROM progress")
    return dict(map(Progress.of_row, rows))


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _digits_sum(left: str, right: str) -> str:
    """Exact where SQLite's own numbers end."""
    return str(int(left) + int(right))


def _sums(table: Table) -> set[int]:
    """The places of columns that are text here and numbers everywhere else."""
    return {index for index, column in enumerate(table.columns) if column.type.is_sum}


def _digits_of_sums(table: Table, rows: list[Row]) -> Iterator[Row]:
    sums = _sums(table)
    if not sums:
        return iter(rows)
    return (
        tuple(str(value) if index in sums else value for index, value in enumerate(row))
        for row in rows
    )
