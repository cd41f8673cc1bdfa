"""Orders, fills and positions of an account as the side door knows and shows them.

Prices and quantities are integers in units of 1e-8, sums of their products in units of
1e-16. What is shown is JSON-ready: decimals as text, times in nanoseconds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.decimals import render
from engine.records import (
    UNIT,
    Liquidity,
    OrderEvent,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from fixgw.sidedoor.errors import reason_shown
from fixgw.sidedoor.text import decimal_text, id_text

SIDES = {"buy": int(Side.BUY), "sell": int(Side.SELL)}
TYPES = {"limit": int(OrdType.LIMIT), "market": int(OrdType.MARKET)}
TIMES_IN_FORCE = {
    "day": int(TimeInForce.DAY),
    "gtc": int(TimeInForce.GTC),
    "ioc": int(TimeInForce.IOC),
}
STATUSES = {
    "open": int(OrdStatus.NEW),
    "partially_filled": int(OrdStatus.PARTIALLY_FILLED),
    "filled": int(OrdStatus.FILLED),
    "cancelled": int(OrdStatus.CANCELED),
    "rejected": int(OrdStatus.REJECTED),
    "expired": int(OrdStatus.EXPIRED),
}
"""The words of the API for the codes of the records."""

_SIDE_OF = {code: word for word, code in SIDES.items()}
_TYPE_OF = {code: word for word, code in TYPES.items()}
_TIME_IN_FORCE_OF = {code: word for word, code in TIMES_IN_FORCE.items()}
_STATUS_OF = {code: word for word, code in STATUSES.items()}

CANCELLED = int(OrdStatus.CANCELED)
REJECTED = int(OrdStatus.REJECTED)
MARKET = int(OrdType.MARKET)
BUY = int(Side.BUY)
ADDED = int(Liquidity.ADDED)


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
        "ended_day",
        "filled_qty",
        "ids",
        "leaves_qty",
        "ord_type",
        "order_id",
        "price",
        "qty",
        "reason",
        "seq",
        "shard",
        "side",
        "status",
        "symbol",
        "time_in_force",
        "updated_ns",
    )

    def __init__(self, shard: int, event: OrderEvent) -> None:
        self.shard = shard
        self.order_id = event.order_id
        self.client_order_id = event.cl_ord_id
        self.symbol = event.symbol
        self.side = event.side
        self.ord_type = event.ord_type
        self.created_ns = event.time
        self.ended_day = -1
        self.ids = [event.cl_ord_id]
        self.update(event)

    def update(self, event: OrderEvent) -> None:
        """The order is now what the event says."""
        self.time_in_force = event.time_in_force
        self.qty = event.qty
        self.price = event.price
        self.filled_qty = event.cum_qty
        self.leaves_qty = event.leaves_qty
        self.avg_price = event.avg_price
        self.status = event.ord_status
        self.reason = event.reason
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
        return {
            "client_order_id": self.client_order_id,
            "order_id": id_text(self.order_id),
            "symbol": self.symbol,
            "side": _SIDE_OF.get(self.side, "unknown"),
            "type": _TYPE_OF.get(self.ord_type, "unknown"),
            "time_in_force": _TIME_IN_FORCE_OF.get(self.time_in_force, "unknown"),
            "qty": render(self.qty),
            "price": None if self.ord_type == MARKET else render(self.price),
            "status": _STATUS_OF.get(self.status, "unknown"),
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
            "side": _SIDE_OF.get(self.side, "unknown"),
            "price": render(self.price),
            "qty": render(self.qty),
            "liquidity": "maker" if self.liquidity == ADDED else "taker",
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
        if fill.side == BUY:
            self.bought_qty += fill.qty
            self.bought_notional += fill.qty * fill.price
        else:
            self.sold_qty += fill.qty
            self.sold_notional += fill.qty * fill.price
        self.updated_ns = fill.time_ns
        self.seq = fill.seq

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
