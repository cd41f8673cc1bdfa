"""The tables in PostgreSQL, in a schema of their own."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql as names

from fixgw.config import without_password
from fixgw.readmodel import changes, pgschema, sql
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
from fixgw.readmodel.schema import META, SCHEMA_VERSION, TABLES, Merge, Table

SCHEMA = "fixgw"
"""Where the tables are: beside whatever else the database holds."""

CONNECT_S = 5
STATEMENT_MS = 60_000
"""A batch that takes longer is given up and tried again: the server is not well."""

EXCHANGE_LOCK_MS = 10_000
"""How long new tables wait for readers of the old ones. Whoever comes after them waits
as well, so it is not for long."""

FETCH_ROWS = 2_000
"""Rows of a reader at a time: about a megabyte."""

_WRITER = 0x66697867
"""First key of the advisory lock of the one writer; the second is the schema's name."""

LOCK_PATIENCE_S = 2.0
"""How long the server may take to notice that the writer before us has gone."""

_LOCK_POLL_S = 0.02

_KEEPALIVE = {"idle": 5, "interval": 2, "count": 3}
"""The other side is gone when nothing was heard for 11 s."""


_PASSING = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    # What was the primary is a standby now, or about to become the primary.
    psycopg.errors.ReadOnlySqlTransaction,
)


class PostgresDatabase:
    """One database of a server. ``url`` is a libpq address."""

    def __init__(self, url: str, schema: str = SCHEMA, anew: bool = False) -> None:
        self._url = url
        self._schema = schema
        self._anew = anew
        self.name = without_password(url)
        self._connection: psycopg.Connection | None = None
        self._statements = {
            table: sql.insert(sql.POSTGRES, table).encode() for table in TABLES
        }

    def open(self) -> dict[int, Progress]:
        """See Database."""
        self.close()
        try:
            with self._guarded():
                return self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> dict[int, Progress]:
        self._connection = connection = self._connect("fixgw readmodel")
        connection.execute(f"SET statement_timeout = {STATEMENT_MS}".encode())
        for name, value in _KEEPALIVE.items():
            # The server's side: or the lock of a writer whose machine is gone would
            # keep its successor out for hours.
            connection.execute(f"SET tcp_keepalives_{name} = {value}".encode())
        self._take_lock(connection)
        if self._anew:
            with connection.transaction():
                pgschema.drop(connection, self._schema)
            self._anew = False
        self._prepare(connection)
        return _progress(connection)

    def write(self, batch: Batch) -> None:
        """See Database."""
        connection = self._open_connection()
        with (
            self._guarded(),
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            if batch.before == 0:
                cursor.execute(sql.begin(sql.POSTGRES).encode(), (batch.shard,))
            cursor.execute(
                sql.advance(sql.POSTGRES).encode(),
                progress_values(batch),
            )
            if cursor.rowcount != 1:
                raise DatabaseRefused(
                    f"{self.name}: shard {batch.shard} is not at event {batch.before}: "
                    "somebody else has written"
                )
            for table, rows in batch.rows.items():
                self._write_rows(cursor, table, rows)

            def execute(statement: str, values: Sequence[object]) -> Row | None:
                cursor.execute(statement.encode(), values)
                return cursor.fetchone() if cursor.description else None

            changes.apply(
                sql.POSTGRES,
                execute,
                lambda table, rows: self._write_rows(cursor, table, rows),
                batch,
            )

    def _write_rows(
        self, cursor: psycopg.Cursor, table: Table, rows: list[Row]
    ) -> None:
        if not rows:
            return
        if table.merge is not Merge.NEVER:
            cursor.executemany(self._statements[table], rows)
            return
        columns = ", ".join(column.name for column in table.columns)
        statement = f"COPY {table.name} ({columns}) FROM STDIN"
        with cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)

    def check(self) -> None:
        """See Database."""
        with self._guarded():
            self._open_connection().execute(b"SELECT 1")

    def beside(self, anew: bool = False) -> PostgresDatabase:
        """See Database."""
        return PostgresDatabase(self._url, f"{self._schema}_new", anew)

    def replace_by(self, other: Database) -> None:
        """See Database. Readers see the old tables or the new ones, in one step, and
        grants on the old ones hold for the new ones."""
        assert isinstance(other, PostgresDatabase)
        connection = other._open_connection()
        try:
            with self._guarded():
                if self._connection is None:
                    self._take_lock(connection)
                pgschema.swap(connection, self._schema, other._schema, EXCHANGE_LOCK_MS)
        except DatabaseDown as error:
            if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise DatabaseInUse(
                    f"{self.name}: somebody has been reading the old tables for "
                    f"{EXCHANGE_LOCK_MS // 1000} s: let that end, then rebuild again"
                ) from error
            raise
        other.close()
        self.close()

    def snapshot(self) -> PostgresSnapshot:
        """See Database."""
        with self._guarded():
            connection = self._connect("fixgw readmodel reader")
            try:
                return PostgresSnapshot(self, connection)
            except BaseException:
                connection.close()
                raise

    def check_replaceable(self) -> None:
        """See Database. What others made of our tables is not dropped unasked."""
        with (
            self._guarded(),
            contextlib.closing(self._connect("fixgw readmodel")) as connection,
            contextlib.suppress(psycopg.errors.LockNotAvailable),
            connection.transaction(force_rollback=True),
        ):
            pgschema.limit_locks(connection, EXCHANGE_LOCK_MS)
            pgschema.drop(connection, self._schema)

    def abort(self) -> None:
        """See Database. The server may not answer, so nothing is asked of it."""
        connection = self._connection
        if connection is not None and not connection.closed:
            with contextlib.suppress(OSError, psycopg.Error):
                file = os.dup(connection.fileno())
                with socket.socket(fileno=file) as link:
                    link.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """See Database."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self, application: str) -> psycopg.Connection:
        return psycopg.connect(
            self._url,
            connect_timeout=CONNECT_S,
            autocommit=True,
            application_name=application,
            # A server that is gone without a word is noticed.
            keepalives_idle=_KEEPALIVE["idle"],
            keepalives_interval=_KEEPALIVE["interval"],
            keepalives_count=_KEEPALIVE["count"],
            tcp_user_timeout=15_000,
        )

    def _take_lock(self, connection: psycopg.Connection) -> None:
        question = b"SELECT pg_try_advisory_lock(%s, hashtext(%s))"
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while True:
            locked = connection.execute(question, (_WRITER, self._schema)).fetchone()
            if locked and locked[0]:
                return
            if time.monotonic() > deadline:
                raise DatabaseInUse(
                    f"schema {self._schema} of {self.name} has a writer already: stop "
                    "that one first"
                )
            time.sleep(_LOCK_POLL_S)

    def _prepare(self, connection: psycopg.Connection) -> None:
        with connection.transaction():
            connection.execute(_named("CREATE SCHEMA IF NOT EXISTS {}", self._schema))
            connection.execute(_named("SET search_path TO {}", self._schema))
            if not _has_tables(connection, self._schema):
                for statement in sql.create(sql.POSTGRES):
                    connection.execute(statement.encode())
                connection.execute(
                    self._statements[META], ("schema_version", str(SCHEMA_VERSION))
                )
            check_version(self.name, connection.execute(VERSION.encode()).fetchone())

    def _open_connection(self) -> psycopg.Connection:
        if self._connection is None:
            raise DatabaseDown(f"{self.name} is not connected")
        return self._connection

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except _PASSING as error:
            raise DatabaseDown(f"{self.name}: {_on_one_line(error)}") from error
        except psycopg.errors.DependentObjectsStillExist as error:
            raise DatabaseRefused(
                f"{self.name}: {error.diag.message_primary}: "
                f"{error.diag.message_detail}. Drop those first"
            ) from error
        except psycopg.Error as error:
            raise DatabaseRefused(f"{self.name}: {_on_one_line(error)}") from error


class PostgresSnapshot:
    """See Snapshot. One transaction, which keeps old rows from being removed."""

    def __init__(
        self, database: PostgresDatabase, connection: psycopg.Connection
    ) -> None:
        self._database = database
        self._connection = connection
        connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        schema = database._schema
        connection.execute(_named("SET search_path TO {}", schema))
        if not _has_tables(connection, schema):
            raise no_tables(f"schema {schema} of {database.name}")
        check_version(database.name, connection.execute(VERSION.encode()).fetchone())
        self.progress = _progress(connection)

    def read(self, table: Table, where: str = "") -> Iterator[Row]:
        """See Snapshot."""
        sums = {
            index for index, column in enumerate(table.columns) if column.type.is_sum
        }
        with (
            self._database._guarded(),
            # On the server, so that a whole table need not fit into memory.
            self._connection.cursor(name="rows") as cursor,
        ):
            cursor.itersize = FETCH_ROWS
            cursor.execute(sql.select(table, where).encode())
            for row in cursor:
                yield tuple(
                    int(value) if index in sums else value
                    for index, value in enumerate(row)
                )

    def count(self, table: Table) -> int:
        """See Snapshot."""
        with self._database._guarded():
            statement = f"SELECT COUNT(*) FROM {table.name}"
            found = self._connection.execute(statement.encode()).fetchone()
            return int(found[0]) if found else 0

    def close(self) -> None:
        """See Snapshot."""
        self._connection.close()


def _has_tables(connection: psycopg.Connection, schema: str) -> bool:
    found = connection.execute(b"SELECT to_regclass(%s)", (f"{schema}.meta",))
    row = found.fetchone()
    return row is not None and row[0] is not None


def _progress(connection: psycopg.Connection) -> dict[int, Progress]:
    rows: list[Any] = connection.execute(b"SELECT * FROM progress").fetchall()
    return dict(map(Progress.of_row, rows))


def _on_one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())


def _named(statement: str, *schemas: str) -> names.Composed:
    return names.SQL(statement).format(*map(names.Identifier, schemas))
