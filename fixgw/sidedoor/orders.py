"""Orders, fills and positions of an account as the side door knows and shows them.

Prices and quantities are integers in units of 1e-8, sums of their products in units of
1e-16. What is shown is JSON-ready: decimals as text, times in nanoseconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.codes import Side
from engine.decimals import render
from engine.records import UNIT, OrderEvent
from fixgw.sidedoor.errors import reason_shown
from fixgw.sidedoor.text import decimal_text, id_text
from fixgw.sidedoor.words import (
    INSTRUCTIONS,
    LIMIT_TYPES,
    LIQUIDITY_OF,
    PEGGED,
    PEGS,
    SELF_TRADE_OF,
    SIDE_OF,
    STATUS_OF,
    STATUSES,
    STOP_TYPES,
    TIME_IN_FORCE_OF,
    TRAILING,
    TYPE_OF,
)

CANCELLED = STATUSES["cancelled"]
REJECTED = STATUSES["rejected"]
BUY = int(Side.BUY)

VALID, CORRECTED, TAKEN_BACK = "valid", "corrected", "cancelled"
"""What a fill is: as it came about, or changed by the exchange."""


class Order:
    """One order as it is after event ``seq`` of its shard.

    ``ids`` are the client order ids it has had, the current one last. ``ended_day``
    counts the trading days of its shard that had ended when it did; -1 while it is
    live.
    """

    __slots__ = (
        "avg_price",
        "client_order_id",
        "created_ns",
        "display_qty",
        "ended_day",
        "exec_inst",
        "expire_ns",
        "filled_qty",
        "ids",
        "leaves_qty",
        "min_qty",
        "ord_type",
        "order_id",
        "peg_offset",
        "price",
        "qty",
        "reason",
        "self_trade",
        "self_trade_id",
        "seq",
        "shard",
        "side",
        "status",
        "stop_price",
        "symbol",
        "time_in_force",
        "triggered",
        "updated_ns",
    )

    def __init__(self, shard: int, event: OrderEvent) -> None:
        self.shard = shard
        self.order_id = event.order_id
        self.client_order_id = event.cl_ord_id
        self.symbol = event.symbol
        self.side = event.side
        self.exec_inst = event.exec_inst
        self.min_qty = event.min_qty
        self.self_trade = event.stp
        self.self_trade_id = event.stp_id
        self.created_ns = event.time
        self.ended_day = -1
        self.ids = [event.cl_ord_id]
        self.update(event)

    def update(self, event: OrderEvent) -> None:
        """The order is now what the event says."""
        self.ord_type = event.ord_type
        self.time_in_force = event.time_in_force
        self.qty = event.qty
        self.price = event.price
        self.stop_price = event.stop_price
        self.triggered = event.triggered
        self.display_qty = event.display_qty
        self.peg_offset = event.peg_offset
        self.expire_ns = event.expire_time
        self.reason = event.reason
        self.correct(event)

    def correct(self, event: OrderEvent) -> None:
        """A trade of it was changed: its sums are now what the event says."""
        self.filled_qty = event.cum_qty
        self.leaves_qty = event.leaves_qty
        self.avg_price = event.avg_price
        self.status = event.ord_status
        self.updated_ns = event.time
        self.seq = event.seq

    @property
    def is_live(self) -> bool:
        """Whether it may still trade."""
        return self.ended_day < 0

    @property
    def cursor(self) -> tuple[int, int]:
        """Its place in a list by time; no two orders have the same."""
        return self.created_ns, self.order_id

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        is_pegged = self.ord_type == PEGGED
        is_stop = self.ord_type in STOP_TYPES
        trails = is_stop and self.exec_inst & TRAILING
        # The records have the limit of a peg beside the price it works at; a refused
        # one is told as it was asked for.
        limit = self.price
        if is_pegged and self.status != REJECTED:
            limit = self.stop_price
        has_limit = self.ord_type in LIMIT_TYPES or (is_pegged and limit)
        works = is_pegged and self.status != REJECTED and self.price
        return {
            "client_order_id": self.client_order_id,
            "order_id": id_text(self.order_id),
            "symbol": self.symbol,
            "side": SIDE_OF.get(self.side, "unknown"),
            "type": TYPE_OF.get(self.ord_type, "unknown"),
            "time_in_force": TIME_IN_FORCE_OF.get(self.time_in_force, "unknown"),
            "qty": render(self.qty),
            "price": render(limit) if has_limit else None,
            "stop_price": render(self.stop_price) if is_stop else None,
            "triggered": bool(self.triggered) if is_stop else None,
            "trailing_offset": render(self.peg_offset) if trails else None,
            "peg": next((w for w, bit in PEGS.items() if self.exec_inst & bit), None),
            "peg_offset": render(self.peg_offset) if is_pegged else None,
            "pegged_price": render(self.price) if works else None,
            "expire_ns": self.expire_ns or None,
            "display_qty": render(self.display_qty) if self.display_qty else None,
            "min_qty": render(self.min_qty) if self.min_qty else None,
            **{word: bool(self.exec_inst & bit) for word, bit in INSTRUCTIONS.items()},
            "self_trade": SELF_TRADE_OF.get(self.self_trade),
            "self_trade_id": self.self_trade_id or None,
            "status": STATUS_OF.get(self.status, "unknown"),
            "filled_qty": render(self.filled_qty),
            "leaves_qty": render(self.leaves_qty),
            "avg_price": render(self.avg_price) if self.filled_qty else None,
            "reason": reason_shown(self.reason),
            "created_ns": self.created_ns,
            "updated_ns": self.updated_ns,
            "shard": self.shard,
            "seq": self.seq,
        }


class Fill(NamedTuple):
    """One execution of an order; ``seq`` is the number of its event in the shard."""

    shard: int
    seq: int
    time_ns: int
    order_id: int
    client_order_id: str
    trade_id: int
    symbol: str
    side: int
    price: int
    qty: int
    liquidity: int
    fee: int = 0
    state: str = VALID

    @property
    def cursor(self) -> tuple[int, int]:
        """Its place in a list by time: the time and its identifier."""
        return self.time_ns, self.shard << 48 | self.seq

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "exec_id": id_text(self.shard << 48 | self.seq),
            "trade_id": id_text(self.trade_id),
            "order_id": id_text(self.order_id),
            "client_order_id": self.client_order_id,
            "symbol": self.symbol,
            "side": SIDE_OF.get(self.side, "unknown"),
            "price": render(self.price),
            "qty": render(self.qty),
            "liquidity": LIQUIDITY_OF.get(self.liquidity, "unknown"),
            "fee": render(self.fee),
            "state": self.state,
            "time_ns": self.time_ns,
            "shard": self.shard,
            "seq": self.seq,
        }


class Position:
    """What an account has bought and sold of one symbol since its shard's log began."""

    __slots__ = (
        "bought_notional",
        "bought_qty",
        "seq",
        "shard",
        "sold_notional",
        "sold_qty",
        "symbol",
        "updated_ns",
    )

    def __init__(self, shard: int, symbol: str) -> None:
        self.shard = shard
        self.symbol = symbol
        self.bought_qty = self.sold_qty = 0
        self.bought_notional = self.sold_notional = 0
        self.updated_ns = self.seq = 0

    def add(self, fill: Fill) -> None:
        """One more fill of this symbol."""
        self.change(fill.side, fill.qty, fill.qty * fill.price)
        self.updated_ns = fill.time_ns
        self.seq = fill.seq

    def change(self, side: int, qty: int, notional: int) -> None:
        """More, or below 0 less, on one side."""
        if side == BUY:
            self.bought_qty += qty
            self.bought_notional += notional
        else:
            self.sold_qty += qty
            self.sold_notional += notional

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "symbol": self.symbol,
            "net_qty": decimal_text(self.bought_qty - self.sold_qty),
            "bought_qty": decimal_text(self.bought_qty),
            "sold_qty": decimal_text(self.sold_qty),
            "bought_notional": product_text(self.bought_notional),
            "sold_notional": product_text(self.sold_notional),
            "updated_ns": self.updated_ns,
            "shard": self.shard,
            "seq": self.seq,
        }


def product_text(units: int) -> str:
    """The shortest decimal text of ``units`` of 1e-16, which is at least 0."""
    whole, rest = divmod(units, UNIT * UNIT)
    fraction = f"{rest:016d}".rstrip("0")
    return f"{whole}.{fraction}" if fraction else str(whole)
