"""Events to rows: what one batch of a shard's events changes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from engine.codes import (
    EventKind,
    ExecInst,
    Liquidity,
    OrdStatus,
    OrdType,
    Phase,
    PhaseReason,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine.records import AuctionEvent, InstrumentEvent, OrderEvent, PhaseEvent
from fixgw.readmodel.schema import (
    AUCTIONS,
    EXECUTIONS,
    INSTRUMENTS,
    ORDER_EVENTS,
    ORDERS,
    PARTICIPANTS,
    PHASES,
    POSITIONS,
    TRADES,
    Table,
)

Row = tuple[object, ...]

_NUMBER_BITS = 48
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
_NO_ORDER_OF_ITS_OWN = (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED)
_ANSWERS = (
    EventKind.STATUS,
    EventKind.MASS_CANCELLED,
    EventKind.MASS_STATUS_DONE,
)
"""What was only asked for: nothing happened to an order."""

VALID = "VALID"
STATES = {
    int(EventKind.TRADE_CANCELLED): "CANCELLED",
    int(EventKind.TRADE_CORRECTED): "CORRECTED",
}
"""What a change of a trade makes of a fill that was VALID."""


def identifier(value: int) -> str:
    """OrderID, ExecID or TradeID as text; empty for none."""
    return f"{value >> _NUMBER_BITS}-{value & _NUMBER_MASK}" if value else ""


def session_text(key: int) -> str:
    """A session key as the tables hold it."""
    return f"{key:016x}"


def _namer(enum: type[IntEnum]) -> Callable[[int], str]:
    """A code of FIX by name; one that is not supported as its character."""
    names = {int(member): member.name for member in enum if member.name != "NONE"}
    return lambda value: names.get(value) or (chr(value) if value else "")


side_name = _namer(Side)
type_name = _namer(OrdType)
force_name = _namer(TimeInForce)
status_name = _namer(OrdStatus)
liquidity_name = _namer(Liquidity)
stp_name = _namer(SelfTrade)
phase_name = _namer(Phase)
phase_reason_name = _namer(PhaseReason)


def inst_names(value: int) -> str:
    """ExecInst bits by name, with spaces between; one without a name as its number."""
    bits = [1 << place for place in range(16) if value >> place & 1]
    names = {int(member): member.name or "" for member in ExecInst}
    return " ".join(names.get(bit) or str(bit) for bit in bits)


def reason_name(value: int) -> str:
    """A reason by name; empty for none."""
    return Reason(value).name if value else ""


@dataclass(slots=True)
class Batch:
    """What a run of one shard's events changes, table by table, and their end."""

    shard: int
    before: int
    """The last event before these."""
    seq: int
    chain: bytes
    chain_before: bytes
    time_ns: int
    kafka_offset: int = -1
    rows: dict[Table, list[Row]] = field(default_factory=dict)
    updates: dict[tuple[Table, Row], dict[str, object]] = field(default_factory=dict)
    """Columns of rows that are there, by their keys, to be set after ``rows``."""
    changes: list[OrderEvent] = field(default_factory=list)
    """TRADE_CANCELLED and TRADE_CORRECTED, for :mod:`fixgw.readmodel.changes`."""


def fill_batch(
    batch: Batch, events: Iterable[object], name_of: Callable[[int, str], str]
) -> None:
    """Add what ``events``, unpacked and in order, change.

    ``name_of`` gives the name behind a session key and Account(1).
    """
    filling = _Filling(batch, name_of)
    for event in events:
        if isinstance(event, OrderEvent):
            filling.take_order(event)
        elif isinstance(event, InstrumentEvent):
            filling.instruments[event.symbol] = instrument_row(batch.shard, event)
        elif isinstance(event, PhaseEvent):
            filling.phases.append(phase_row(batch.shard, event))
            key = (batch.shard, event.symbol)
            batch.updates[INSTRUMENTS, key] = phase_columns(event)
        elif isinstance(event, AuctionEvent) and event.uncrossed:
            filling.auctions.append(auction_row(batch.shard, event))
    filling.finish()


class _Filling:
    """The rows of a batch while they come together."""

    def __init__(self, batch: Batch, name_of: Callable[[int, str], str]) -> None:
        self._batch = batch
        self._name_of = name_of
        self._orders: dict[str, list[object]] = {}
        self._positions: dict[tuple[str, str, str], list[int]] = {}
        self._participants: dict[str, str] = {}
        self._log: list[Row] = []
        self._fills: list[Row] = []
        self._trades: list[Row] = []
        self.instruments: dict[str, Row] = {}
        self.phases: list[Row] = []
        self.auctions: list[Row] = []

    def take_order(self, event: OrderEvent) -> None:
        """What happened to an order, or to a message about one."""
        if event.kind in _ANSWERS:
            return
        shard = self._batch.shard
        self._log.append(event_row(shard, event))
        session = session_text(event.session)
        if session not in self._participants:
            self._participants[session] = self._name_of(event.session, event.account)
        if event.kind in _NO_ORDER_OF_ITS_OWN:
            return
        order_id = identifier(event.order_id)
        if event.kind in STATES:
            self._batch.changes.append(event)
            self._batch.updates[ORDERS, (order_id,)] = changed_columns(event)
            return
        # The event tells the whole order, what was to be changed included.
        self._batch.updates.pop((ORDERS, (order_id,)), None)
        self._note_order(order_id, event)
        if event.kind == EventKind.FILLED:
            self._fills.append(execution_row(shard, event))
            if is_second_side(shard, event):
                self._trades.append(trade_row(shard, event))
            self._note_position(event)

    def _note_order(self, order_id: str, event: OrderEvent) -> None:
        row = order_row(self._batch.shard, event)
        known = self._orders.get(order_id)
        if known is not None:
            row[_CREATED] = known[_CREATED]
            row[_CL_ORD_ID] = row[_CL_ORD_ID] or known[_CL_ORD_ID]
        self._orders[order_id] = row

    def _note_position(self, event: OrderEvent) -> None:
        key = session_text(event.session), event.account, event.symbol
        sums = self._positions.setdefault(key, [0] * 6)
        more = position_sums(event.side, event.last_qty, event.last_price)
        for place, value in enumerate(more):
            sums[place] += value
        sums[5] = max(sums[5], event.time)

    def finish(self) -> None:
        """All of it into the batch."""
        self._batch.rows = {
            ORDERS: [tuple(row) for row in self._orders.values()],
            ORDER_EVENTS: self._log,
            EXECUTIONS: self._fills,
            TRADES: self._trades,
            POSITIONS: [(*key, *sums) for key, sums in self._positions.items()],
            INSTRUMENTS: list(self.instruments.values()),
            PHASES: self.phases,
            AUCTIONS: self.auctions,
            PARTICIPANTS: [pair for pair in self._participants.items() if pair[1]],
        }


def is_second_side(shard: int, event: OrderEvent) -> bool:
    """Whether a fill is the second of its trade, which is named by the first."""
    return event.trade_id != shard << _NUMBER_BITS | event.seq


def position_sums(side: int, qty: int, price: int) -> list[int]:
    """What a fill adds to a position: net, bought, its value, sold, its value."""
    if side == Side.BUY:
        return [qty, qty, qty * price, 0, 0]
    return [-qty, 0, 0, qty, qty * price]


def order_row(shard: int, event: OrderEvent) -> list[object]:
    """The order behind an event, as it is after it."""
    # The answer to a cancel bears the cancel's own ClOrdID: the order keeps its own.
    keeps_id = event.kind == EventKind.CANCELLED
    return [
        identifier(event.order_id),
        session_text(event.session),
        event.account,
        event.symbol,
        "" if keeps_id else event.cl_ord_id,
        side_name(event.side),
        type_name(event.ord_type),
        force_name(event.time_in_force),
        status_name(event.ord_status),
        event.price,
        event.qty,
        event.leaves_qty,
        event.cum_qty,
        event.avg_price,
        event.stop_price,
        event.triggered,
        event.display_qty,
        event.shown_qty,
        event.min_qty,
        event.peg_offset,
        event.expire_time,
        inst_names(event.exec_inst),
        stp_name(event.stp),
        event.stp_id,
        reason_name(event.reason),
        event.time,
        event.time,
        shard,
        event.seq,
    ]


def changed_columns(event: OrderEvent) -> dict[str, object]:
    """What the change of a trade changes of its order.

    Of an order that has ended the event tells no more than this.
    """
    return {
        "status": status_name(event.ord_status),
        "leaves_qty": event.leaves_qty,
        "cum_qty": event.cum_qty,
        "avg_price": event.avg_price,
        "updated_ns": event.time,
        "seq": event.seq,
    }


_CL_ORD_ID = [column.name for column in ORDERS.columns].index("cl_ord_id")
_CREATED = [column.name for column in ORDERS.columns].index("created_ns")


def event_row(shard: int, event: OrderEvent) -> Row:
    """One row of order_events."""
    return (
        shard,
        event.seq,
        event.command_seq,
        EventKind(event.kind).name,
        identifier(event.order_id),
        session_text(event.session),
        event.account,
        event.symbol,
        event.cl_ord_id,
        event.orig_cl_ord_id,
        side_name(event.side),
        status_name(event.ord_status),
        event.price,
        event.stop_price,
        event.qty,
        event.leaves_qty,
        event.cum_qty,
        event.shown_qty,
        identifier(event.trade_id),
        event.last_price,
        event.last_qty,
        reason_name(event.reason),
        event.time,
    )


def execution_row(shard: int, event: OrderEvent) -> Row:
    """One row of executions."""
    return (
        identifier(shard << _NUMBER_BITS | event.seq),
        identifier(event.trade_id),
        identifier(event.order_id),
        identifier(event.contra_order_id),
        session_text(event.session),
        event.account,
        event.symbol,
        event.cl_ord_id,
        side_name(event.side),
        liquidity_name(event.liquidity),
        event.last_price,
        event.last_qty,
        event.fee,
        VALID,
        event.time,
        shard,
        event.seq,
    )


def trade_row(shard: int, event: OrderEvent) -> Row:
    """One row of trades, from the second of its fills: the taker's."""
    own, other = identifier(event.order_id), identifier(event.contra_order_id)
    bought = event.side == Side.BUY
    return (
        identifier(event.trade_id),
        event.symbol,
        event.last_price,
        event.last_qty,
        side_name(event.side) if event.liquidity == Liquidity.REMOVED else "",
        VALID,
        own if bought else other,
        other if bought else own,
        event.time,
        shard,
        event.seq,
    )


def instrument_row(shard: int, event: InstrumentEvent) -> Row:
    """One row of instruments; the phase is that of one that was not known before."""
    return (
        event.symbol,
        event.currency,
        event.tick,
        event.lot,
        event.reference_price,
        event.price_min,
        event.price_max,
        event.qty_min,
        event.qty_max,
        event.notional_max,
        event.static_band,
        event.dynamic_band,
        event.volatility_ns,
        event.maker_fee,
        event.taker_fee,
        event.auction_fee,
        phase_name(Phase.CONTINUOUS),
        "",
        0,
        0,
        shard,
        event.seq,
    )


def phase_columns(event: PhaseEvent) -> dict[str, object]:
    """What a change of phase changes of its instrument."""
    return {
        "phase": phase_name(event.phase),
        "phase_reason": phase_reason_name(event.reason),
        "phase_since_ns": event.time,
        "phase_until_ns": event.until,
    }


def phase_row(shard: int, event: PhaseEvent) -> Row:
    """One row of phases."""
    return (
        shard,
        event.seq,
        event.symbol,
        phase_name(event.phase),
        phase_reason_name(event.reason),
        event.until,
        phase_name(event.then),
        event.reference_price,
        event.last_price,
        event.time,
    )


def auction_row(shard: int, event: AuctionEvent) -> Row:
    """One row of auctions."""
    return (
        shard,
        event.seq,
        event.symbol,
        phase_name(event.phase),
        event.price,
        event.volume,
        side_name(event.imbalance_side),
        event.imbalance_qty,
        event.time,
    )
