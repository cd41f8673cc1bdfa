"""Events to rows: what one batch of a shard's events changes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from engine.records import (
    EventKind,
    Liquidity,
    OrderEvent,
    OrdStatus,
    OrdType,
    Reason,
    Side,
    TimeInForce,
)
from fixgw.readmodel.schema import (
    EXECUTIONS,
    ORDER_EVENTS,
    ORDERS,
    PARTICIPANTS,
    POSITIONS,
    TRADES,
    Table,
)

Row = tuple[object, ...]

_NUMBER_BITS = 48
_NUMBER_MASK = (1 << _NUMBER_BITS) - 1
_NO_ORDER_OF_ITS_OWN = (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED)


def identifier(value: int) -> str:
    """OrderID, ExecID or TradeID as text; empty for none."""
    return f"{value >> _NUMBER_BITS}-{value & _NUMBER_MASK}" if value else ""


def session_text(key: int) -> str:
    """A session key as the tables hold it."""
    return f"{key:016x}"


def _namer(enum: type[IntEnum]) -> Callable[[int], str]:
    """A code of FIX by name; one that is not supported as its character."""
    names = {int(member): member.name for member in enum}
    return lambda value: names.get(value) or (chr(value) if value else "")


side_name = _namer(Side)
type_name = _namer(OrdType)
force_name = _namer(TimeInForce)
status_name = _namer(OrdStatus)
liquidity_name = _namer(Liquidity)


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


def fill_batch(
    batch: Batch, events: Iterable[object], name_of: Callable[[int, str], str]
) -> None:
    """Add what ``events``, unpacked and in order, change.

    ``name_of`` gives the name behind a session key and Account(1).
    """
    orders: dict[str, list[object]] = {}
    positions: dict[tuple[str, str, str], list[int]] = {}
    participants: dict[str, str] = {}
    log: list[Row] = []
    fills: list[Row] = []
    trades: list[Row] = []
    for event in events:
        if not isinstance(event, OrderEvent):
            continue
        log.append(event_row(batch.shard, event))
        session = session_text(event.session)
        if session not in participants:
            participants[session] = name_of(event.session, event.account)
        if event.kind in _NO_ORDER_OF_ITS_OWN:
            continue
        _note_order(orders, batch.shard, event)
        if event.kind == EventKind.FILLED:
            fills.append(execution_row(batch.shard, event))
            if event.liquidity == Liquidity.REMOVED:
                trades.append(trade_row(batch.shard, event))
            _note_position(positions, event)
    batch.rows = {
        ORDERS: [tuple(row) for row in orders.values()],
        ORDER_EVENTS: log,
        EXECUTIONS: fills,
        TRADES: trades,
        POSITIONS: [(*key, *sums) for key, sums in positions.items()],
        PARTICIPANTS: [pair for pair in participants.items() if pair[1]],
    }


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
        reason_name(event.reason),
        event.time,
        event.time,
        shard,
        event.seq,
    ]


_CL_ORD_ID = [column.name for column in ORDERS.columns].index("cl_ord_id")
_CREATED = [column.name for column in ORDERS.columns].index("created_ns")


def _note_order(orders: dict[str, list[object]], shard: int, event: OrderEvent) -> None:
    row = order_row(shard, event)
    known = orders.get(str(row[0]))
    if known is not None:
        row[_CREATED] = known[_CREATED]
        row[_CL_ORD_ID] = row[_CL_ORD_ID] or known[_CL_ORD_ID]
    orders[str(row[0])] = row


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
        event.qty,
        event.leaves_qty,
        event.cum_qty,
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
        event.time,
        shard,
        event.seq,
    )


def trade_row(shard: int, event: OrderEvent) -> Row:
    """One row of trades, from the taker's fill."""
    own, other = identifier(event.order_id), identifier(event.contra_order_id)
    bought = event.side == Side.BUY
    return (
        identifier(event.trade_id),
        event.symbol,
        event.last_price,
        event.last_qty,
        side_name(event.side),
        own if bought else other,
        other if bought else own,
        event.time,
        shard,
        event.seq,
    )


def _note_position(
    positions: dict[tuple[str, str, str], list[int]], event: OrderEvent
) -> None:
    """Net, bought, bought value, sold, sold value, time."""
    key = session_text(event.session), event.account, event.symbol
    sums = positions.setdefault(key, [0] * 6)
    value = event.last_price * event.last_qty
    if event.side == Side.BUY:
        sums[0] += event.last_qty
        sums[1] += event.last_qty
        sums[2] += value
    else:
        sums[0] -= event.last_qty
        sums[3] += event.last_qty
        sums[4] += value
    sums[5] = max(sums[5], event.time)
