"""Compares tables with what they should hold, told anew from the events.

Only the wording of a row is shared with the consumer; what an order is now, and what
somebody holds, is worked out here by looking at events one after another.

Bounded memory: what has happened is compared at once, an order when it has ended. What
is kept are the orders that are open and the positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.records import (
    EVENT_BYTES,
    EventKind,
    Liquidity,
    OrderEvent,
    Side,
    unpack_all,
)
from fixgw.readmodel.database import Progress, Snapshot
from fixgw.readmodel.rows import (
    Row,
    event_row,
    execution_row,
    order_row,
    session_text,
    trade_row,
)
from fixgw.readmodel.schema import (
    EXECUTIONS,
    ORDER_EVENTS,
    ORDERS,
    POSITIONS,
    TRADES,
    Table,
)
from fixgw.readmodel.sources import (
    Chunk,
    Source,
    StreamBroken,
    new_part,
    other_history,
)

DIFFERENCES_MAX = 20
"""Differences that are told one by one; the others are counted."""

KEYS_MAX = 1000
"""Rows asked for by their keys in one statement."""

_ENDS = (EventKind.REJECTED, EventKind.CANCELLED, EventKind.EXPIRED)
_OTHER_ORDER = (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED)

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


@dataclass(slots=True)
class _Open:
    """An order that has not ended."""

    created_ns: int
    cl_ord_id: str
    shard: int
    last: OrderEvent

    def row(self) -> Row:
        """What should be in the table."""
        row = order_row(self.shard, self.last)
        row[_CREATED] = self.created_ns
        row[_CL_ORD_ID] = self.cl_ord_id
        return tuple(row)


_NAMES = [column.name for column in ORDERS.columns]
_CREATED, _CL_ORD_ID = _NAMES.index("created_ns"), _NAMES.index("cl_ord_id")


async def verify(
    source: Source, tables: Snapshot, on_progress: Callable[[int], None]
) -> Findings:
    """Compare every row with the events up to the snapshot's progress.

    ``on_progress`` gets the number of bytes of events read. Raises StreamBroken when
    the source does not lead to that progress, and what the source raises.
    """
    verification = Verification(tables)
    known = {shard: Progress.at_start(shard) for shard in tables.progress}
    await source.open({})
    while short := [
        shard for shard in known if known[shard].seq < tables.progress[shard].seq
    ]:
        chunks = await source.read()
        if not chunks and await source.is_level():
            ends = ", ".join(
                f"those of shard {shard} at {known[shard].seq} instead of "
                f"{tables.progress[shard].seq}"
                for shard in short
            )
            raise StreamBroken(
                f"the events end before the tables do: {ends}. If a shard is starting, "
                "try again; else data folder and database do not belong together"
            )
        for chunk in chunks:
            on_progress(len(chunk.packed))
            if chunk.shard in known:
                known[chunk.shard] = _take(
                    verification, chunk, known[chunk.shard], tables.progress
                )
    return verification.finish()


def _take(
    verification: Verification,
    chunk: Chunk,
    known: Progress,
    wanted: Mapping[int, Progress],
) -> Progress:
    """The part of a chunk that is new and not above what is wanted; its end."""
    shard, last = chunk.shard, wanted[chunk.shard]
    if known.seq >= last.seq:
        return known
    new = new_part(chunk, known)
    if new is None:
        return known
    count = min(len(new.chains), last.seq - known.seq)
    events = unpack_all(new.packed[: count * EVENT_BYTES], EVENT_BYTES)
    reached = Progress(known.seq + count, new.chains[count - 1])
    if reached.seq == last.seq and reached.chain != last.chain:
        raise other_history(shard, last.seq)
    verification.take(shard, events)
    return reached


class Verification:
    """Takes all events up to a snapshot's progress, in order, then compares the
    rest."""

    def __init__(self, tables: Snapshot) -> None:
        self.findings = Findings()
        self._tables = tables
        self._open: dict[int, _Open] = {}
        self._sums: dict[tuple[str, str, str], list[int]] = {}
        self._counts = dict.fromkeys((ORDERS, EXECUTIONS, TRADES, ORDER_EVENTS), 0)

    def take(self, shard: int, events: Sequence[object]) -> None:
        """The next events of a shard: what they made happen is compared at once."""
        if not events:
            return
        self.findings.events += len(events)
        orders = [event for event in events if isinstance(event, OrderEvent)]
        fills = [event for event in orders if event.kind == EventKind.FILLED]
        takers = [event for event in fills if event.liquidity == Liquidity.REMOVED]
        happened = [event_row(shard, event) for event in orders]
        self._counts[ORDER_EVENTS] += len(happened)
        if orders:
            where = f"shard = {shard} AND seq BETWEEN {orders[0].seq} AND "
            found = self._tables.read(ORDER_EVENTS, f"{where}{orders[-1].seq}")
            self._compare(ORDER_EVENTS, happened, found)
        self._compare_by_key(EXECUTIONS, [execution_row(shard, one) for one in fills])
        self._compare_by_key(TRADES, [trade_row(shard, one) for one in takers])
        ended = [
            order.row()
            for event in orders
            if (order := self._note_order(shard, event)) is not None
        ]
        self._compare_by_key(ORDERS, ended)
        for event in fills:
            self._note_position(event)

    def finish(self) -> Findings:
        """Compare what is still open, positions, and the numbers of rows."""
        self._compare_by_key(ORDERS, [order.row() for order in self._open.values()])
        positions: list[Row] = [(*key, *sums) for key, sums in self._sums.items()]
        self._compare(POSITIONS, positions, self._tables.read(POSITIONS))
        for table, wanted in self._counts.items():
            too_many = self._tables.count(table) - wanted
            if too_many > 0:
                self._tell_too_many(table, too_many)
        return self.findings

    def _note_order(self, shard: int, event: OrderEvent) -> _Open | None:
        """What is known of an order; the order itself, if it has ended."""
        if event.kind in _OTHER_ORDER:
            return None
        known = self._open.pop(event.order_id, None)
        if known is None:
            known = _Open(event.time, event.cl_ord_id, shard, event)
        known.last = event
        if event.kind != EventKind.CANCELLED:
            # The answer to a cancel bears the cancel's own.
            known.cl_ord_id = event.cl_ord_id
        filled = event.kind == EventKind.FILLED and event.leaves_qty == 0
        if filled or event.kind in _ENDS:
            return known
        self._open[event.order_id] = known
        return None

    def _note_position(self, event: OrderEvent) -> None:
        key = session_text(event.session), event.account, event.symbol
        bought = event.last_qty if event.side == Side.BUY else 0
        sold = event.last_qty - bought
        old = self._sums.get(key, [0] * 6)
        self._sums[key] = [
            old[0] + bought - sold,
            old[1] + bought,
            old[2] + bought * event.last_price,
            old[3] + sold,
            old[4] + sold * event.last_price,
            max(old[5], event.time),
        ]

    def _compare_by_key(self, table: Table, wanted: list[Row]) -> None:
        """Rows whose key is one text, made by us: it needs no quoting."""
        self._counts[table] += len(wanted)
        (key,) = table.key
        key_of = _key_of(table)
        for start in range(0, len(wanted), KEYS_MAX):
            rows = wanted[start : start + KEYS_MAX]
            keys = ", ".join(f"'{key_of(row)[0]}'" for row in rows)
            self._compare(table, rows, self._tables.read(table, f"{key} IN ({keys})"))

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


def _key_of(table: Table) -> Callable[[Row], Row]:
    names = [column.name for column in table.columns]
    places = [names.index(name) for name in table.key]
    return lambda row: tuple(row[place] for place in places)
