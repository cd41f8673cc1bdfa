"""One account: its orders, fills, positions, and what its client order ids were used
for.

What is live is kept whole; of what has ended the newest is kept, up to the limits
below. An identifier is *in use* from its first event until its order has ended and the
trading day after that, and in any case for :data:`ID_REST_NS`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from operator import attrgetter
from typing import NamedTuple, TypeVar

from engine.codes import EventKind
from engine.records import OrderEvent
from fixgw.sidedoor.orders import CORRECTED, TAKEN_BACK, Fill, Order, Position
from fixgw.sidedoor.words import LIMIT_TYPES, PEGGED, TRAILING

ENDED_ORDERS_KEPT = 5_000
"""Ended orders kept per account: about 4 MB, and 100 s of orders at the default limit.
The retry of one that is older is refused by its shard, not answered."""

FILLS_KEPT = 5_000
"""Fills kept per account: about 2 MB. Older ones are in the read model."""

IDS_PER_ORDER_KEPT = 1_000
"""Client order ids an order is found by, its newest: each replace brings one."""

LOOSE_IDS_KEPT = 1_000
"""Identifiers kept that named no order: those of refused replaces."""

ID_REST_NS = 600 * 1_000_000_000
"""An identifier of the day that has just ended is not free at once: a retry that
crosses the end of the day must find the original order, not make a second one."""

_NUMBER = (1 << 48) - 1
"""The part of an identifier that is the number in the shard."""

Cursor = tuple[int, int]
"""A place in a list by time: nanoseconds and an identifier."""

Content = tuple[str | int | None, ...]
"""What an identifier was used for; None stands for what events do not tell."""


class Use(NamedTuple):
    """What became of a client order id.

    ``order`` is the order it names, None if it names none. ``reason`` is why the
    request was refused, 0 if it was not. ``day`` counts the ended days when it was
    used; ``time_ns`` is when.
    """

    order: Order | None
    content: Content
    reason: int
    shard: int
    day: int
    time_ns: int


def new_content(event: OrderEvent) -> Content:
    """What a new order was, as its first event tells.

    An accepted peg bears its limit where others have the stop price. Where a trailing
    stop began is not what was asked for if that was left to the exchange.
    """
    price: int | None = event.price
    stop_price: int | None = event.stop_price
    if event.ord_type == PEGGED and event.kind == EventKind.ACCEPTED:
        price, stop_price = event.stop_price, 0
    if event.exec_inst & TRAILING:
        stop_price = None
    return (
        "new",
        event.symbol,
        event.side,
        event.ord_type,
        event.time_in_force,
        event.qty,
        price,
        stop_price,
        event.display_qty,
        event.min_qty,
        event.peg_offset,
        event.expire_time,
        event.exec_inst,
        event.stp,
        event.stp_id,
    )


def replace_content(target: int | str, event: OrderEvent | None = None) -> Content:
    """What a replace asked for, as far as its event tells: what it left as it was is
    told like what it set."""
    qty = price = None
    if event is not None:
        qty = event.qty
        price = event.price if event.ord_type in LIMIT_TYPES else None
    return ("replace", target, qty, price, *[None] * 5)


def same_content(known: Content, asked: Content) -> bool:
    """Whether a request is the one an identifier was used for."""
    return len(known) == len(asked) and all(
        one is None or one == other for one, other in zip(known, asked, strict=True)
    )


class Shelf:
    """What an account has in one shard, in the order of the shard's events."""

    __slots__ = ("ended", "fills", "live", "orders")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.live: dict[int, Order] = {}
        self.ended: deque[Order] = deque()
        self.fills: deque[Fill] = deque()


class Account:
    """Everything known of one account.

    ``listener`` is told of changes; None while nobody wants to know.
    """

    __slots__ = (
        "_ended_count",
        "_fill_count",
        "_loose",
        "ids",
        "listener",
        "live_count",
        "news",
        "positions",
        "shelves",
    )

    def __init__(self) -> None:
        self.shelves: dict[int, Shelf] = {}
        self.ids: dict[str, Use] = {}
        self.positions: dict[str, Position] = {}
        self.live_count = 0
        self.listener: Callable[[list[Change]], None] | None = None
        self.news: list[Change] = []
        self._ended_count = 0
        self._fill_count = 0
        self._loose: deque[str] = deque()

    def shelf(self, shard: int) -> Shelf:
        """What is in ``shard``."""
        shelf = self.shelves.get(shard)
        if shelf is None:
            shelf = self.shelves[shard] = Shelf()
        return shelf

    # -- changes -----------------------------------------------------------------------

    def open(self, order: Order, use: Use) -> None:
        """A new order, live."""
        shelf = self.shelf(order.shard)
        shelf.orders[order.order_id] = shelf.live[order.order_id] = order
        self.live_count += 1
        self._name(order.client_order_id, use)

    def end(self, order: Order, day: int) -> None:
        """The order is no longer live."""
        shelf = self.shelf(order.shard)
        if shelf.live.pop(order.order_id, None) is not None:
            self.live_count -= 1
        order.ended_day = day
        shelf.ended.append(order)
        self._ended_count += 1
        if self._ended_count > ENDED_ORDERS_KEPT:
            self._forget_order()

    def refuse(self, order: Order, use: Use, day: int) -> None:
        """A new order that was refused: it has ended before it began."""
        self.shelf(order.shard).orders[order.order_id] = order
        known = self.ids.get(order.client_order_id)
        if known is None or known.order is None or not known.order.is_live:
            self._name(order.client_order_id, use)
        self.end(order, day)

    def rename(self, order: Order, client_order_id: str, use: Use) -> None:
        """The order has one more identifier."""
        if client_order_id in order.ids:
            return
        order.ids.append(client_order_id)
        self._name(client_order_id, use)
        if len(order.ids) > IDS_PER_ORDER_KEPT:
            self._unname(order.ids.pop(0), order)

    def note(self, client_order_id: str, use: Use) -> None:
        """An identifier that was used and names no order."""
        known = self.ids.get(client_order_id)
        if known is not None and known.order is not None and known.order.is_live:
            return
        self.ids[client_order_id] = use
        self._loose.append(client_order_id)
        if len(self._loose) > LOOSE_IDS_KEPT:
            self._unname(self._loose.popleft(), None)

    def fill(self, fill: Fill) -> None:
        """An execution: kept, and counted in the position."""
        self.shelf(fill.shard).fills.append(fill)
        self._fill_count += 1
        if self._fill_count > FILLS_KEPT:
            self._forget_fill()
        position = self.positions.get(fill.symbol)
        if position is None:
            position = self.positions[fill.symbol] = Position(fill.shard, fill.symbol)
        position.add(fill)

    def change_fill(self, event: OrderEvent) -> Fill | None:
        """A fill the exchange has cancelled or corrected; None if it is not kept.

        Of one that is not kept, a correction leaves the sums of its position: the event
        does not tell what it was before.
        """
        cancelled = event.kind == EventKind.TRADE_CANCELLED
        shard, seq = event.contra_order_id >> 48, event.contra_order_id & _NUMBER
        fills = self.shelf(shard).fills
        position = self.positions[event.symbol]
        place = bisect_left(fills, seq, key=attrgetter("seq"))
        if place == len(fills) or fills[place].seq != seq:
            if cancelled:
                notional = event.last_qty * event.last_price
                position.change(event.side, -event.last_qty, -notional)
            return None
        fill = fills[place]
        if fill.state == TAKEN_BACK:
            return fill
        if cancelled:
            position.change(fill.side, -fill.qty, -fill.qty * fill.price)
            changed = fill._replace(state=TAKEN_BACK)
        else:
            more = event.last_price - fill.price
            position.change(fill.side, 0, fill.qty * more)
            changed = fill._replace(state=CORRECTED, price=event.last_price)
        fills[place] = changed
        return changed

    def _name(self, client_order_id: str, use: Use) -> None:
        self.ids[client_order_id] = use

    def _unname(self, client_order_id: str, order: Order | None) -> None:
        """Forget an identifier, unless it names something else by now."""
        use = self.ids.get(client_order_id)
        if use is not None and use.order is order:
            del self.ids[client_order_id]

    def _forget_order(self) -> None:
        shelf = min(
            (shelf for shelf in self.shelves.values() if shelf.ended),
            key=lambda shelf: shelf.ended[0].updated_ns,
        )
        order = shelf.ended.popleft()
        self._ended_count -= 1
        shelf.orders.pop(order.order_id, None)
        for client_order_id in order.ids:
            self._unname(client_order_id, order)

    def _forget_fill(self) -> None:
        shelf = min(
            (shelf for shelf in self.shelves.values() if shelf.fills),
            key=lambda shelf: shelf.fills[0].time_ns,
        )
        shelf.fills.popleft()
        self._fill_count -= 1

    # -- what is known -----------------------------------------------------------------

    def open_orders(self, before: Cursor | None = None) -> Iterator[Order]:
        """Live orders, newest first."""
        groups = [list(shelf.live.values()) for shelf in self.shelves.values()]
        return _newest_first(groups, before)

    def all_orders(self, before: Cursor | None = None) -> Iterator[Order]:
        """All orders that are kept, newest first."""
        groups = [list(shelf.orders.values()) for shelf in self.shelves.values()]
        return _newest_first(groups, before)

    def fills(self, before: Cursor | None = None) -> Iterator[Fill]:
        """All fills that are kept, newest first."""
        groups = [list(shelf.fills) for shelf in self.shelves.values()]
        return _newest_first(groups, before)


CURSOR = attrgetter("cursor")
Entry = TypeVar("Entry", Order, Fill)

Change = tuple[str, dict[str, object]]
"""What a listener is told: "order", "fill" or "cancel_all", and it as JSON."""


def _newest_first(
    groups: Iterable[list[Entry]], before: Cursor | None
) -> Iterator[Entry]:
    """The entries of all groups that come before a place, the last first.

    Each group is in the order of its cursors: that of its shard's events.
    """
    if before is not None:
        groups = [group[: bisect_left(group, before, key=CURSOR)] for group in groups]
    return merge(*map(reversed, groups), key=CURSOR, reverse=True)
