"""What the consumer needs of a database, and what can be wrong with one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from engine.eventchain import genesis
from fixgw.readmodel.rows import Batch, Row
from fixgw.readmodel.schema import SCHEMA_VERSION, Table


class DatabaseDown(Exception):
    """It cannot be reached or refused for a reason that may pass: try again."""


class DatabaseInUse(DatabaseDown):
    """Somebody else writes to it now."""


class DatabaseRefused(Exception):
    """It can be reached and is not ours to write: another version, or damaged."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Up to which event a database is filled, for one shard."""

    seq: int
    chain: bytes
    chain_before: bytes = b""
    """The chain's value before the last event: with it that event can be told again."""
    time_ns: int = 0
    kafka_offset: int = -1

    @classmethod
    def at_start(cls, shard: int) -> Progress:
        """Before the first event."""
        return cls(0, genesis(shard))

    @classmethod
    def of_row(cls, row: Row) -> tuple[int, Progress]:
        """Shard and progress of a row of the table."""
        shard, seq, chain, before, time_ns, offset = row
        assert isinstance(shard, int)
        assert isinstance(seq, int)
        assert isinstance(time_ns, int)
        assert isinstance(offset, int)
        chains = bytes.fromhex(str(chain)), bytes.fromhex(str(before))
        return shard, cls(seq, *chains, time_ns, offset)


def progress_values(batch: Batch) -> Row:
    """What :func:`fixgw.readmodel.sql.advance` needs."""
    return (
        batch.seq,
        batch.chain.hex(),
        batch.chain_before.hex(),
        batch.time_ns,
        batch.kafka_offset,
        batch.shard,
        batch.before,
    )


class Database(Protocol):
    """Tables in one place. One writer at a time; every method blocks.

    Any method may raise DatabaseDown; then ``open`` is to be called again.
    """

    name: str
    """For people, without password."""

    def open(self) -> dict[int, Progress]:
        """Connect as the writer, make what is missing; the progress of each shard
        known.

        Raises DatabaseInUse and DatabaseRefused.
        """

    def write(self, batch: Batch) -> None:
        """All of a batch and its progress, or nothing.

        Raises DatabaseRefused when the shard's progress is not where the batch begins.
        """

    def check(self) -> None:
        """See that it is still there, while there is nothing to write."""

    def beside(self, anew: bool = False) -> Database:
        """One next to this, to be filled without disturbing readers, not open yet.

        It is as it was left; with ``anew`` it is emptied when it is opened first.
        """

    def replace_by(self, other: Database) -> None:
        """Become what ``other``, a :meth:`beside` of this one that is open, is.

        This one need not be open; both are closed afterwards, and the other one is no
        more. Raises DatabaseInUse: then nothing was changed.
        """

    def check_replaceable(self) -> None:
        """Raises DatabaseRefused if :meth:`replace_by` could not be done."""

    def snapshot(self) -> Snapshot:
        """Everything as it is at this moment, to read beside the writer.

        Raises DatabaseRefused.
        """

    def abort(self) -> None:
        """From another thread: make a call that hangs fail."""

    def close(self) -> None:
        """Let go of it."""


class Snapshot(Protocol):
    """The tables at one moment, whatever is written meanwhile. Every method blocks and
    may raise DatabaseDown."""

    progress: dict[int, Progress]

    def read(self, table: Table, where: str = "") -> Iterator[Row]:
        """Rows of a table, in the order of its key."""

    def count(self, table: Table) -> int:
        """How many rows it has."""

    def close(self) -> None:
        """Let go of it."""


VERSION = "SELECT value FROM meta WHERE key = 'schema_version'"


def check_version(name: str, row: Row | None) -> None:
    """Raises DatabaseRefused for another schema than ours."""
    found = row[0] if row else None
    if found != str(SCHEMA_VERSION):
        raise DatabaseRefused(
            f"{name} has schema version {found}, this release knows {SCHEMA_VERSION}: "
            "make it anew with 'fixgw readmodel rebuild --confirm'"
        )


def no_tables(name: str) -> DatabaseRefused:
    """The error of a reader that comes too early."""
    return DatabaseRefused(
        f"there are no tables in {name}: 'fixgw up' or 'fixgw readmodel run' makes them"
    )
