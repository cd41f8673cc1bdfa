"""Compares tables with what they should hold, told anew from the events.

Only the wording of a row is shared with the consumer; what an order is now, and what
somebody holds, is worked out here by looking at events one after another.

Bounded memory: what has happened is compared at once, an order when it has ended. What
is kept are the orders that are open, the positions, the instruments, and the few rows
the operator changed afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.codes import EventKind, Side
from engine.records import (
    EVENT_BYTES,
    AuctionEvent,
    InstrumentEvent,
    OrderEvent,
    PhaseEvent,
    unpack_all,
)
from fixgw.readmodel.changes import changed_fill, position_change
from fixgw.readmodel.comparison import Comparison, Findings, place, put
from fixgw.readmodel.database import Progress, Snapshot
from fixgw.readmodel.rows import (
    STATES,
    Row,
    auction_row,
    changed_columns,
    event_row,
    execution_row,
    identifier,
    instrument_row,
    is_second_side,
    order_row,
    phase_columns,
    phase_row,
    session_text,
    trade_row,
)
from fixgw.readmodel.schema import (
    AUCTIONS,
    EXECUTIONS,
    INSTRUMENTS,
    ORDER_EVENTS,
    ORDERS,
    PHASES,
    POSITIONS,
    TRADES,
)
from fixgw.readmodel.sources import (
    Chunk,
    Source,
    StreamBroken,
    new_part,
    other_history,
)

_ENDS = (EventKind.REJECTED, EventKind.CANCELLED, EventKind.EXPIRED)
_OTHER_ORDER = (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED)
_NOTHING_HAPPENED = (
    EventKind.STATUS,
    EventKind.MASS_CANCELLED,
    EventKind.MASS_STATUS_DONE,
)
_CREATED, _CL_ORD_ID = place(ORDERS, "created_ns"), place(ORDERS, "cl_ord_id")
_OF_FILL = [place(EXECUTIONS, name) for name in ("price", "qty", "state")]
_OF_PHASE = [
    place(INSTRUMENTS, name)
    for name in ("phase", "phase_reason", "phase_since_ns", "phase_until_ns")
]


@dataclass(slots=True)
class _Open:
    """An order that has not ended."""

    created_ns: int
    cl_ord_id: str
    shard: int
    last: OrderEvent
    changed: dict[str, object] = field(default_factory=dict)
    """What a change of a trade has changed since."""

    def row(self) -> Row:
        """What should be in the table."""
        row = order_row(self.shard, self.last)
        row[_CREATED] = self.created_ns
        row[_CL_ORD_ID] = self.cl_ord_id
        put(ORDERS, row, self.changed)
        return tuple(row)


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
        self._comparison = Comparison(tables)
        self._open: dict[int, _Open] = {}
        self._sums: dict[tuple[str, str, str], list[int]] = {}
        self._instruments: dict[tuple[int, str], list[object]] = {}

    def take(self, shard: int, events: Sequence[object]) -> None:
        """The next events of a shard: what they made happen is compared at once."""
        self._comparison.findings.events += len(events)
        self._take_orders(
            shard,
            [
                event
                for event in events
                if isinstance(event, OrderEvent) and event.kind not in _NOTHING_HAPPENED
            ],
        )
        self._take_instruments(shard, events)

    def _take_orders(self, shard: int, orders: Sequence[OrderEvent]) -> None:
        compare = self._comparison
        fills = [event for event in orders if event.kind == EventKind.FILLED]
        seconds = [event for event in fills if is_second_side(shard, event)]
        compare.run(ORDER_EVENTS, shard, [event_row(shard, one) for one in orders])
        compare.by_key(EXECUTIONS, [execution_row(shard, one) for one in fills])
        compare.by_key(TRADES, [trade_row(shard, one) for one in seconds])
        ended: list[Row] = []
        after_the_end: list[OrderEvent] = []
        for event in orders:
            if event.kind in STATES:
                known = self._open.get(event.order_id)
                if known is None:
                    after_the_end.append(event)
                else:
                    known.changed = changed_columns(event)
            elif (order := self._note_order(shard, event)) is not None:
                ended.append(order.row())
        compare.by_key(ORDERS, ended)
        for event in after_the_end:
            row = compare.changed_row(ORDERS, identifier(event.order_id), _told(event))
            if row is not None:
                put(ORDERS, row, changed_columns(event))
        for event in orders:
            if event.kind == EventKind.FILLED:
                self._note_position(event)
            elif event.kind in STATES:
                self._note_change(event)

    def _take_instruments(self, shard: int, events: Sequence[object]) -> None:
        """Terms, phases and auctions."""
        phases: list[Row] = []
        auctions: list[Row] = []
        for event in events:
            if isinstance(event, InstrumentEvent):
                row = list(instrument_row(shard, event))
                if old := self._instruments.get((shard, event.symbol)):
                    for at in _OF_PHASE:
                        row[at] = old[at]
                self._instruments[shard, event.symbol] = row
            elif isinstance(event, PhaseEvent):
                phases.append(phase_row(shard, event))
                row = self._instruments[shard, event.symbol]
                put(INSTRUMENTS, row, phase_columns(event))
            elif isinstance(event, AuctionEvent) and event.uncrossed:
                auctions.append(auction_row(shard, event))
        self._comparison.run(PHASES, shard, phases)
        self._comparison.run(AUCTIONS, shard, auctions)

    def finish(self) -> Findings:
        """Compare what is still open, what is now, and the numbers of rows."""
        compare = self._comparison
        compare.by_key(ORDERS, [order.row() for order in self._open.values()])
        compare.whole(POSITIONS, [(*key, *sums) for key, sums in self._sums.items()])
        compare.whole(INSTRUMENTS, map(tuple, self._instruments.values()))
        return compare.finish()

    def _note_order(self, shard: int, event: OrderEvent) -> _Open | None:
        """What is known of an order; the order itself, if it has ended."""
        if event.kind in _OTHER_ORDER:
            return None
        known = self._open.pop(event.order_id, None)
        if known is None:
            known = _Open(event.time, event.cl_ord_id, shard, event)
        known.last = event
        known.changed = {}
        if event.kind != EventKind.CANCELLED:
            # The answer to a cancel bears the cancel's own.
            known.cl_ord_id = event.cl_ord_id
        filled = event.kind == EventKind.FILLED and event.leaves_qty == 0
        if filled or event.kind in _ENDS:
            return known
        self._open[event.order_id] = known
        return None

    def _note_position(self, event: OrderEvent) -> None:
        bought = event.last_qty if event.side == Side.BUY else 0
        sold = event.last_qty - bought
        price = event.last_price
        self._add(event, [bought - sold, bought, bought * price, sold, sold * price])

    def _add(self, event: OrderEvent, more: Sequence[int]) -> None:
        key = session_text(event.session), event.account, event.symbol
        old = self._sums.get(key, [0] * 6)
        sums = [before + change for before, change in zip(old, more, strict=False)]
        self._sums[key] = [*sums, max(old[5], event.time)]

    def _note_change(self, event: OrderEvent) -> None:
        """A fill, its trade and its position, once the trade was changed."""
        told = _told(event)
        exec_id = identifier(event.contra_order_id)
        row = self._comparison.changed_row(EXECUTIONS, exec_id, told)
        if row is None:
            return
        price, qty, state = (row[at] for at in _OF_FILL)
        new = changed_fill(event, price, state)
        if new is None:
            return
        columns: Mapping[str, Any] = dict(zip(("state", "price"), new, strict=True))
        put(EXECUTIONS, row, columns)
        trade_id = identifier(event.trade_id)
        row = self._comparison.changed_row(TRADES, trade_id, told)
        if row is not None:
            put(TRADES, row, columns)
        self._add(event, position_change(event, price, qty))


def _told(event: OrderEvent) -> str:
    return f"{EventKind(event.kind).name}, event {event.seq},"
