"""What a shard tells of itself: figures, and lists of its open orders.

Prices and quantities are integers in units of 1e-8, as in the records.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.codes import EventKind, Reason


@dataclass(frozen=True, slots=True)
class InstrumentFigures:
    """One instrument. Trades and traded quantity only rise; the rest is as it is
    now."""

    symbol: str
    phase: int
    trades: int
    traded_qty: int
    bid_levels: int
    ask_levels: int
    bid_qty: int
    """Open on the side, LeavesQty(151) of all its orders."""
    ask_qty: int
    orders: int
    """In the book, of both sides."""
    stops: int
    """Stops that wait."""
    parked: int
    """Orders for an auction that is not on, pegged orders without a price."""
    then: int
    """Phase after ``until``, 0 if that is 0."""
    phase_reason: int
    until: int
    """Engine time at which the phase ends by itself, 0 = never."""
    last_price: int
    """Of the last trade, 0 = none."""
    anchor_price: int
    """Of the static band: the reference price, later that of the last auction."""


@dataclass(frozen=True, slots=True)
class ShardFigures:
    """Counters since the log began: a function of the log, the same on every
    replay."""

    events: dict[EventKind, int]
    """How many of each kind, all kinds."""
    reasons: dict[Reason, int]
    """How many events gave each reason, all reasons but NONE."""
    instruments: tuple[InstrumentFigures, ...]
    """In order of definition."""


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An open order, in the book, waiting or parked, as its last event left it."""

    order_id: int
    session: int
    source: int
    symbol: str
    side: int
    ord_type: int
    time_in_force: int
    price: int
    qty: int
    leaves_qty: int
    cum_qty: int
    avg_price: int
    cl_ord_id: str
    account: str
    exec_inst: int
    stop_price: int
    """Of a pegged order its limit."""
    display_qty: int
    expire_time: int
    shown_qty: int
    triggered: int
    priority: int
