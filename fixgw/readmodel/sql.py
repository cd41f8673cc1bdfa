"""SQL of the tables, for both databases, from their one description."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from fixgw.readmodel.schema import TABLES, Column, Merge, Table, Type


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database says things.

    ``add`` sums two columns of numbers of any size. ``decimal`` and ``time`` give the
    expression for a column as people read it, exactly; no time is null.
    """

    type_of: Callable[[Type], str]
    mark: str
    add: str
    greatest: str
    decimal: Callable[[Column], str]
    time: str


def _postgres_decimal(column: Column) -> str:
    return f"TRIM_SCALE({column.name} * 0.{'1'.rjust(column.type.places, '0')})"


def _sqlite_decimal(column: Column) -> str:
    """Text, for SQLite has no decimal numbers. ABS() would fail at the lowest one."""
    name, places = column.name, column.type.places
    if column.type.is_sum:
        digits = f"LTRIM({name}, '-')"
        sign = f"CASE SUBSTR({name}, 1, 1) WHEN '-' THEN '-' ELSE '' END"
        whole = (
            f"CASE WHEN LENGTH({digits}) > {places} "
            f"THEN SUBSTR({digits}, 1, LENGTH({digits}) - {places}) ELSE '0' END"
        )
    else:
        digits = f"LTRIM({name} % {10**places}, '-')"
        sign = f"CASE WHEN {name} < 0 THEN '-' ELSE '' END"
        whole = f"LTRIM({name} / {10**places}, '-')"
    part = f"SUBSTR('{'0' * places}' || {digits}, -{places})"
    text = f"({sign}) || ({whole}) || '.' || {part}"
    return f"RTRIM(RTRIM({text}, '0'), '.')"


SQLITE = Dialect(
    lambda kind: kind.sqlite,
    "?",
    "digits_sum({0}, {1})",
    "MAX",
    _sqlite_decimal,
    "STRFTIME('%Y-%m-%dT%H:%M:%S', NULLIF({0}, 0) / 1000000000, 'unixepoch')"
    " || PRINTF('.%09dZ', {0} % 1000000000)",
)
POSTGRES = Dialect(
    lambda kind: kind.postgres,
    "%s",
    "{0} + {1}",
    "GREATEST",
    _postgres_decimal,
    "TIMESTAMPTZ 'epoch' + NULLIF({0}, 0) / 1000 * INTERVAL '1 microsecond'",
)


def create(dialect: Dialect) -> Iterator[str]:
    """Everything an empty database needs."""
    for table in TABLES:
        columns = [
            f"{column.name} {dialect.type_of(column.type)} NOT NULL"
            for column in table.columns
        ]
        columns.append(f"PRIMARY KEY ({', '.join(table.key)})")
        yield f"CREATE TABLE {table.name} ({', '.join(columns)})"
        for index in table.indexes:
            name = "_".join((table.name, *index))
            yield f"CREATE INDEX {name} ON {table.name} ({', '.join(index)})"
        if any(column.type.places for column in table.columns):
            yield _view(dialect, table)


def view_name(table: Table) -> str:
    """The view of a table for people."""
    return f"{table.name}_readable"


def _view(dialect: Dialect, table: Table) -> str:
    """The same rows with amounts and times people can read."""
    shown = []
    for column in table.columns:
        expression, name = column.name, column.name
        if column.type.places:
            expression = dialect.decimal(column)
        elif column.type is Type.TIME:
            expression = dialect.time.format(name)
            name = name.removesuffix("_ns")
        shown.append(f"{expression} AS {name}")
    return f"CREATE VIEW {view_name(table)} AS SELECT {', '.join(shown)} FROM " + (
        table.name
    )


def insert(dialect: Dialect, table: Table) -> str:
    """The statement for one row, with what becomes of a row that is there."""
    names = [column.name for column in table.columns]
    marks = ", ".join([dialect.mark] * len(names))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"
    if table.merge is Merge.NEVER:
        return statement
    changes = [
        f"{column.name} = {_merged(dialect, table, column)}"
        for column in table.columns
        if column.name not in table.key and not column.once
    ]
    return (
        f"{statement} ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET "
        + ", ".join(changes)
    )


def _merged(dialect: Dialect, table: Table, column: Column) -> str:
    new, old = f"excluded.{column.name}", f"{table.name}.{column.name}"
    if table.merge is Merge.ADD and column.type.is_sum:
        return dialect.add.format(old, new)
    if table.merge is Merge.ADD:
        return f"{dialect.greatest}({old}, {new})"
    if column.keep:
        return f"CASE WHEN {new} = '' THEN {old} ELSE {new} END"
    return new


def begin(dialect: Dialect) -> str:
    """Note that nothing of a shard was taken yet, unless something was."""
    return (
        "INSERT INTO progress "
        "(shard, seq, chain, chain_before, time_ns, kafka_offset) "
        f"VALUES ({dialect.mark}, 0, '', '', 0, -1) ON CONFLICT (shard) DO NOTHING"
    )


def advance(dialect: Dialect) -> str:
    """Move a shard's progress from one event to another: no row, if it is not there."""
    mark = dialect.mark
    return (
        f"UPDATE progress SET seq = {mark}, chain = {mark}, chain_before = {mark}, "
        f"time_ns = {mark}, kafka_offset = {mark} WHERE shard = {mark} AND seq = {mark}"
    )


def update(dialect: Dialect, table: Table, columns: Iterable[str]) -> str:
    """The statement that sets some columns of the row with a key, the values of the
    columns before those of the key. No row, nothing happens."""
    changes = ", ".join(f"{name} = {dialect.mark}" for name in columns)
    where = " AND ".join(f"{name} = {dialect.mark}" for name in table.key)
    return f"UPDATE {table.name} SET {changes} WHERE {where}"


def select_fill(dialect: Dialect) -> str:
    """Price, quantity and state of an execution."""
    return f"SELECT price, qty, state FROM executions WHERE exec_id = {dialect.mark}"


def select(table: Table, where: str = "") -> str:
    """Rows in the order of their key, columns as described."""
    names = ", ".join(column.name for column in table.columns)
    condition = f" WHERE {where}" if where else ""
    order = ", ".join(table.key)
    return f"SELECT {names} FROM {table.name}{condition} ORDER BY {order}"


def views() -> list[str]:
    """The views there are."""
    return [
        view_name(table)
        for table in TABLES
        if any(column.type.places for column in table.columns)
    ]
