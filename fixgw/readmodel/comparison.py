"""Rows that should be there against rows that are: the differences, in words.

A row that the tables show as changed later on (an order with a later event, a fill or
trade that is no longer VALID) is put aside, brought up to date as its changes come by,
and compared at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fixgw.readmodel.database import Snapshot
from fixgw.readmodel.rows import VALID, Row
from fixgw.readmodel.schema import (
    AUCTIONS,
    EXECUTIONS,
    ORDER_EVENTS,
    ORDERS,
    PHASES,
    TRADES,
    Table,
)

DIFFERENCES_MAX = 20
"""Differences that are told one by one; the others are counted."""

KEYS_MAX = 1000
"""Rows asked for by their keys in one statement."""

_NOT_TOLD = {
    ORDERS: "NOT EXISTS (SELECT 1 FROM order_events WHERE order_events.order_id = "
    "orders.order_id)",
    EXECUTIONS: "NOT EXISTS (SELECT 1 FROM order_events WHERE order_events.shard = "
    "executions.shard AND order_events.seq = executions.seq)",
    TRADES: "NOT EXISTS (SELECT 1 FROM order_events WHERE order_events.shard = "
    "trades.shard AND order_events.seq = trades.seq)",
}
"""Rows that stand for no event in the tables: nothing asks for them by their keys."""


@dataclass(slots=True)
class Findings:
    """What a comparison found."""

    events: int = 0
    rows: int = 0
    differences: int = 0
    told: list[str] = field(default_factory=list)

    def differ(self, text: str, count: int = 1) -> None:
        """Note a difference."""
        self.differences += count
        if len(self.told) < DIFFERENCES_MAX:
            self.told.append(text)


class Comparison:
    """Compares what should be there with one snapshot, piece by piece."""

    def __init__(self, tables: Snapshot) -> None:
        self.findings = Findings()
        self._tables = tables
        self._later: dict[tuple[Table, str], list[object]] = {}
        """Rows as they should be so far, which the tables show as changed later."""
        self._counts = dict.fromkeys(
            (ORDERS, EXECUTIONS, TRADES, ORDER_EVENTS, PHASES, AUCTIONS), 0
        )

    def run(self, table: Table, shard: int, wanted: list[Row]) -> None:
        """Rows of a table that has one for each event, in the order of ``seq``."""
        self._counts[table] += len(wanted)
        if wanted:
            seq = place(table, "seq")
            where = f"shard = {shard} AND seq BETWEEN {wanted[0][seq]} AND "
            found = self._tables.read(table, f"{where}{wanted[-1][seq]}")
            self._compare(table, wanted, found)

    def by_key(self, table: Table, wanted: list[Row]) -> None:
        """Rows whose key is one text, made by us: it needs no quoting."""
        self._counts[table] += len(wanted)
        for rows, found in self._in_parts(table, wanted):
            self._compare(table, *self._put_aside(table, rows, found))

    def whole(self, table: Table, wanted: Iterable[Row]) -> None:
        """All rows of a table."""
        self._compare(table, wanted, self._tables.read(table))

    def changed_row(self, table: Table, key: str, cause: str) -> list[object] | None:
        """A row that an event changes, as it should be before, to be changed.

        None, and a difference, where the tables do not show that it was.
        """
        row = self._later.get((table, key))
        if row is None:
            self.findings.differ(f"{table.name} {key}: {cause} is not in it")
        return row

    def finish(self) -> Findings:
        """Compare what was put aside, and the numbers of rows."""
        for table in (EXECUTIONS, TRADES, ORDERS):
            rows = [tuple(row) for (of, _), row in self._later.items() if of is table]
            for wanted, found in self._in_parts(table, rows):
                self._compare(table, wanted, found)
        for table, count in self._counts.items():
            too_many = self._tables.count(table) - count
            if too_many > 0:
                self._tell_too_many(table, too_many)
        return self.findings

    def _in_parts(
        self, table: Table, wanted: list[Row]
    ) -> Iterator[tuple[list[Row], Iterable[Row]]]:
        (key,) = table.key
        key_of = _key_of(table)
        for start in range(0, len(wanted), KEYS_MAX):
            rows = wanted[start : start + KEYS_MAX]
            keys = ", ".join(f"'{key_of(row)[0]}'" for row in rows)
            yield rows, self._tables.read(table, f"{key} IN ({keys})")

    def _put_aside(
        self, table: Table, wanted: list[Row], found: Iterable[Row]
    ) -> tuple[list[Row], list[Row]]:
        """What is to be compared now."""
        key_of = _key_of(table)
        expected = {key_of(row): row for row in wanted}
        now = []
        for row in found:
            key = key_of(row)
            if key in expected and _is_later(table, row, expected[key]):
                self._later[table, str(key[0])] = list(expected.pop(key))
            else:
                now.append(row)
        return list(expected.values()), now

    def _compare(
        self, table: Table, wanted: Iterable[Row], found: Iterable[Row]
    ) -> None:
        key_of = _key_of(table)
        expected = {key_of(row): row for row in wanted}
        for row in found:
            self.findings.rows += 1
            other = expected.pop(key_of(row), None)
            if other is None:
                self.findings.differ(f"{table.name}: a row too many: {row}")
            elif other != row:
                self.findings.differ(
                    f"{table.name} {key_of(row)}: "
                    + ", ".join(
                        f"{column.name} is {is_!r}, should be {should!r}"
                        for column, is_, should in zip(
                            table.columns, row, other, strict=True
                        )
                        if is_ != should
                    )
                )
        for row in expected.values():
            self.findings.differ(f"{table.name}: a row is missing: {row}")

    def _tell_too_many(self, table: Table, count: int) -> None:
        """Rows that were not compared, for no event leads to them."""
        rows: Iterator[Row] = iter(())
        if table in _NOT_TOLD:
            rows = self._tables.read(table, _NOT_TOLD[table])
        self.findings.differ(f"{table.name}: rows too many: {count}", count)
        for row in rows:
            self.findings.differ(f"{table.name}: a row too many: {row}", 0)
            if len(self.findings.told) >= DIFFERENCES_MAX:
                break


def place(table: Table, name: str) -> int:
    """Where a column is in a row."""
    return [column.name for column in table.columns].index(name)


def put(table: Table, row: list[object], columns: Mapping[str, object]) -> None:
    """Change some columns of a row."""
    for name, value in columns.items():
        row[place(table, name)] = value


def _is_later(table: Table, found: Row, wanted: Row) -> bool:
    """Whether a row that was found says of itself that more happened to it."""
    if table is ORDERS:
        seq, other = (row[place(ORDERS, "seq")] for row in (found, wanted))
        return isinstance(seq, int) and isinstance(other, int) and seq > other
    return found[place(table, "state")] != VALID


def _key_of(table: Table) -> Callable[[Row], Row]:
    places = [place(table, name) for name in table.key]
    return lambda row: tuple(row[at] for at in places)
