"""What the book of one instrument displays, order by order, and what one command
changed of it.

Every event of an order says what the book displays of it once its command is done:
price, quantity (``shown_qty``) and place in time (``priority``). So no rule of matching
is repeated here. What the events of a command say is collected (:meth:`Book.show`) and
takes effect as a whole (:meth:`Book.publish`): states in the middle of a command never
show, and what comes and goes within one changes nothing.

Within a side a level is known by its *key*: the price for bids, the negated price for
asks. A higher key is a better price on both sides, so all that follows is written once.
Market orders that wait for an auction have no price: they are in no level, and only
their total is known (:attr:`BookSide.market_qty`).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple

from engine.codes import Side

BUY = int(Side.BUY)
SELL = int(Side.SELL)


class OutOfStep(Exception):
    """Events do not fit what earlier ones said: a projection cannot go on."""


class Shown(NamedTuple):
    """What is displayed of one order. ``key`` is None for a market order."""

    side: int
    key: int | None
    priority: int
    qty: int


class Change(NamedTuple):
    """One level before and after a publication; 0 means it was not there."""

    key: int
    before: int
    after: int


class OrderChange(NamedTuple):
    """One order in a level before and after a publication; None: it was in none."""

    order_id: int
    before: Shown | None
    after: Shown | None


class BookChange(NamedTuple):
    """All that one command changed of a book. ``market``: totals of market orders."""

    bids: list[Change]
    asks: list[Change]
    orders: list[OrderChange]
    """Those that left or shrank first, then those that came, by priority: applied in
    this order, each that comes goes to the end of the queue of its level."""
    market: bool

    def __bool__(self) -> bool:
        return bool(self.orders or self.market)


class BookSide:
    """One side of a book: ``keys`` ascending, so the best level is the last one."""

    __slots__ = ("_queues", "count", "keys", "levels", "market_qty")

    def __init__(self) -> None:
        self.levels: dict[int, int] = {}
        """Key -> displayed quantity."""
        self.keys: list[int] = []
        self.count = 0
        """Orders in all levels."""
        self.market_qty = 0
        """Of market orders that wait for an auction."""
        self._queues: dict[int, dict[int, Shown]] = {}

    @property
    def best(self) -> tuple[int, int] | None:
        """Price and quantity of the best level."""
        if not self.keys:
            return None
        key = self.keys[-1]
        return abs(key), self.levels[key]

    def top(self, depth: int) -> list[tuple[int, int]]:
        """Key and quantity of the best ``depth`` levels (1 or more), best first."""
        levels = self.levels
        return [(key, levels[key]) for key in reversed(self.keys[-depth:])]

    def queue(self, key: int) -> list[tuple[int, Shown]]:
        """OrderID and what is displayed of each order of a level, the first to trade
        first."""
        queue = self._queues.get(key, {})
        return sorted(queue.items(), key=lambda item: item[1].priority)

    def orders(self, levels: int = 0) -> Iterator[tuple[int, Shown]]:
        """The same of the best ``levels`` levels, best first; 0 = all."""
        for key in reversed(self.keys[-levels:]):
            yield from self.queue(key)

    def take_out(self, order_id: int, shown: Shown) -> None:
        """The order is no longer displayed as it was."""
        if shown.key is None:
            self.market_qty -= shown.qty
            return
        self.count -= 1
        queue = self._queues[shown.key]
        del queue[order_id]
        rest = self.levels[shown.key] - shown.qty
        if queue:
            self.levels[shown.key] = rest
            return
        del self._queues[shown.key]
        del self.levels[shown.key]
        del self.keys[bisect_left(self.keys, shown.key)]

    def put_in(self, order_id: int, shown: Shown) -> None:
        """The order is displayed from now on."""
        if shown.key is None:
            self.market_qty += shown.qty
            return
        self.count += 1
        queue = self._queues.get(shown.key)
        if queue is None:
            queue = self._queues[shown.key] = {}
            self.levels[shown.key] = 0
            insort(self.keys, shown.key)
        queue[order_id] = shown
        self.levels[shown.key] += shown.qty


class Book:
    """Both sides of an instrument's book as they were after a whole command.

    ``seq`` is the number of the last event that changed it, ``time_ns`` that event's
    engine time; both are 0 for a book nothing has happened to.
    """

    __slots__ = ("_orders", "_pending", "_touched", "asks", "bids", "seq", "time_ns")

    def __init__(self) -> None:
        self.bids = BookSide()
        self.asks = BookSide()
        self.seq = 0
        self.time_ns = 0
        self._orders: dict[int, Shown] = {}
        self._pending: dict[int, Shown | None] = {}
        self._touched = (0, 0)

    def __len__(self) -> int:
        """How many orders are displayed."""
        return len(self._orders)

    def order(self, order_id: int) -> Shown | None:
        """What is displayed of an order, None for nothing."""
        return self._orders.get(order_id)

    def side(self, side: int) -> BookSide:
        """The side of orders with this Side(54)."""
        return self.bids if side == BUY else self.asks

    def show(
        self,
        order_id: int,
        side: int,
        price: int,
        priority: int,
        qty: int,
        seq: int,
        time_ns: int,
    ) -> None:
        """Event ``seq`` says that ``qty`` of the order is displayed, once published."""
        shown = None
        if qty > 0:
            key = None if price == 0 else price if side == BUY else -price
            shown = Shown(side, key, priority, qty)
        self._pending[order_id] = shown
        self._touched = seq, time_ns

    def publish(self) -> BookChange:
        """Everything said so far takes effect; what it changed, which may be nothing,
        and then ``seq`` stays as it was."""
        changed: list[OrderChange] = []
        market = False
        touched: dict[int, dict[int, int]] = {BUY: {}, SELL: {}}
        known = self._orders
        for order_id, after in self._pending.items():
            before = known.get(order_id)
            if before == after:
                continue
            for shown in (before, after):
                if shown is not None and shown.key is None:
                    market = True
                elif shown is not None:
                    levels = self.side(shown.side).levels
                    qty = levels.get(_key(shown), 0)
                    touched[shown.side].setdefault(_key(shown), qty)
            self._replace(order_id, before, after)
            change = OrderChange(order_id, _in_level(before), _in_level(after))
            if change.before is not None or change.after is not None:
                changed.append(change)
        self._pending.clear()
        found = BookChange(
            _changes(self.bids, touched[BUY]),
            _changes(self.asks, touched[SELL]),
            sorted(changed, key=_turn),
            market,
        )
        if found:
            self.seq, self.time_ns = self._touched
        return found

    def _replace(
        self, order_id: int, before: Shown | None, after: Shown | None
    ) -> None:
        if before is not None:
            self.side(before.side).take_out(order_id, before)
        if after is None:
            self._orders.pop(order_id, None)
        else:
            self._orders[order_id] = after
            self.side(after.side).put_in(order_id, after)


def _key(shown: Shown) -> int:
    assert shown.key is not None
    return shown.key


def _in_level(shown: Shown | None) -> Shown | None:
    return None if shown is None or shown.key is None else shown


def keeps_place(change: OrderChange) -> bool:
    """Whether the order is where it was in the same queue, with another quantity."""
    before, after = change.before, change.after
    return (
        before is not None
        and after is not None
        and (before.key, before.priority) == (after.key, after.priority)
    )


def _turn(change: OrderChange) -> tuple[int, int]:
    """Who comes to the end of a queue comes after all others, in its order."""
    if change.after is None or keeps_place(change):
        return 0, change.order_id
    return 1, change.after.priority


def _changes(side: BookSide, before: dict[int, int]) -> list[Change]:
    """Of the levels that were touched those that changed."""
    found = []
    for key, qty in before.items():
        after = side.levels.get(key, 0)
        if after != qty:
            found.append(Change(key, qty, after))
    return found
