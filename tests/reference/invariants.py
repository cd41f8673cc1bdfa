"""What must hold of any event stream, whoever produced it.

Each function takes all events of one shard from its first and raises
:class:`Violation`. None knows how the engine works: books are rebuilt from the events.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Any

from sortedcontainers import SortedDict

from engine.records import (
    EventKind,
    InstrumentStatus,
    Liquidity,
    OrderEvent,
    OrdStatus,
    OrdType,
    Reason,
    Side,
    StatusEvent,
)

Events = Sequence[Any]

TERMINAL = {OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.REJECTED}
REFUSALS = {
    EventKind.REJECTED,
    EventKind.CANCEL_REJECTED,
    EventKind.REPLACE_REJECTED,
}
TRADING = {EventKind.ACCEPTED, EventKind.REPLACED, EventKind.FILLED}
ENDS = {EventKind.CANCELLED, EventKind.EXPIRED}


class Violation(AssertionError):
    """An event stream that no exchange may give."""


def require(holds: object, what: str, event: object) -> None:
    if not holds:
        raise Violation(f"{what}: {event}")


def _of_orders(events: Events) -> Iterator[OrderEvent]:
    """Events that happened to an order: refusals change none."""
    return (
        event
        for event in events
        if isinstance(event, OrderEvent) and event.kind not in REFUSALS
    )


def _by_order(events: Events) -> dict[int, list[OrderEvent]]:
    stories: dict[int, list[OrderEvent]] = defaultdict(list)
    for event in _of_orders(events):
        stories[event.order_id].append(event)
    return stories


def seq_is_dense(events: Events) -> None:
    """Numbers count from 1; commands and time never go back."""
    for place, event in enumerate(events, 1):
        require(event.seq == place, f"number {place} expected", event)
    for one, other in pairwise(events):
        require(one.command_seq <= other.command_seq, "command went back", other)
        require(one.time <= other.time, "time went back", other)


def ids_are_unique(events: Events) -> None:
    """An OrderID is accepted once; a TradeID has two reports; all are of one shard."""
    accepted: set[int] = set()
    trades: dict[int, int] = defaultdict(int)
    for event in _of_orders(events):
        if event.kind == EventKind.ACCEPTED:
            require(event.order_id not in accepted, "OrderID given twice", event)
            accepted.add(event.order_id)
        require(event.order_id in accepted, "OrderID never accepted", event)
        if event.kind == EventKind.FILLED:
            trades[event.trade_id] += 1
            require(trades[event.trade_id] <= 2, "TradeID used again", event)
    shards = {order_id >> 48 for order_id in accepted} | {x >> 48 for x in trades}
    require(len(shards) <= 1, "several shards in one log", shards)


def quantities_add_up(events: Events) -> None:
    """Fills + leaves + cancelled = ordered, the average is that of the fills."""
    for story in _by_order(events).values():
        filled = value = 0
        for event in story:
            if event.kind == EventKind.FILLED:
                require(event.last_qty > 0, "empty fill", event)
                filled += event.last_qty
                value += event.last_qty * event.last_price
            gone = event.last_qty if event.kind in ENDS else 0
            require(event.kind not in ENDS or gone > 0, "nothing cancelled", event)
            require(event.cum_qty == filled, f"CumQty is not {filled}", event)
            require(event.leaves_qty >= 0, "negative LeavesQty", event)
            total = filled + event.leaves_qty + gone
            require(total == event.qty, f"{total} is not OrderQty", event)
            # Half up in whole numbers: |2·value − 2·avg·filled| is at most filled.
            error = 2 * value - 2 * event.avg_price * filled
            require(-filled <= error < filled or not filled, "wrong AvgPx", event)
            require(filled or not event.avg_price, "AvgPx without a fill", event)


def cum_never_falls(events: Events) -> None:
    for story in _by_order(events).values():
        for one, other in pairwise(story):
            require(other.cum_qty >= one.cum_qty, "CumQty fell", other)


def nothing_after_the_end(events: Events) -> None:
    """A story begins with ACCEPTED and stops at its first terminal status."""
    for story in _by_order(events).values():
        require(story[0].kind == EventKind.ACCEPTED, "no beginning", story[0])
        for event in story[:-1]:
            require(event.ord_status not in TERMINAL, "not the last", event)
        for event in story:
            over = event.ord_status in TERMINAL
            require(over == (event.leaves_qty == 0), "status against LeavesQty", event)
            require((event.kind in ENDS) <= over, "ended but open", event)


def refusals_tell_the_truth(events: Events) -> None:
    """A refusal has a reason; the order it shows is as the last event left it."""
    last: dict[int, OrderEvent] = {}
    for event in events:
        if not isinstance(event, OrderEvent):
            continue
        if event.kind not in REFUSALS:
            last[event.order_id] = event
            continue
        require(event.reason != Reason.NONE, "refused without a reason", event)
        if event.ord_status == OrdStatus.REJECTED:
            require(not event.leaves_qty and not event.cum_qty, "not a blank", event)
            continue
        told = last[event.order_id]
        if told.ord_status in TERMINAL:
            require(event.ord_status == told.ord_status, "another end", event)
            require(not event.leaves_qty, "open after its end", event)
            continue
        for name in ("ord_status", "price", "qty", "leaves_qty", "cum_qty", "session"):
            same = getattr(event, name) == getattr(told, name)
            require(same, f"{name} is not that of event {told.seq}", event)


def trades_agree(events: Events) -> None:
    """Two reports in a row, maker first: one quantity, price and identifier."""
    fills = [event for event in _of_orders(events) if event.kind == EventKind.FILLED]
    require(len(fills) % 2 == 0, "half a trade", fills[-1:])
    for maker, taker in zip(fills[::2], fills[1::2], strict=True):
        require(taker.seq == maker.seq + 1, "reports apart", taker)
        require(maker.liquidity == Liquidity.ADDED, "maker expected", maker)
        require(taker.liquidity == Liquidity.REMOVED, "taker expected", taker)
        require({maker.side, taker.side} == set(Side), "one side only", taker)
        for name in ("trade_id", "last_price", "last_qty", "symbol", "command_seq"):
            same = getattr(maker, name) == getattr(taker, name)
            require(same, f"{name} differs from the maker's", taker)
        require(maker.contra_order_id == taker.order_id, "wrong contra", maker)
        require(taker.contra_order_id == maker.order_id, "wrong contra", taker)


def prints_at_makers_price(events: Events) -> None:
    """A trade prints at the maker's limit, which is within the taker's."""
    for event in _of_orders(events):
        if event.kind != EventKind.FILLED:
            continue
        if event.liquidity == Liquidity.ADDED:
            require(event.last_price == event.price, "not the maker's price", event)
        elif event.ord_type == OrdType.LIMIT:
            better = (event.price - event.last_price) * (
                1 if event.side == Side.BUY else -1
            )
            require(better >= 0, "beyond the taker's limit", event)


@dataclass
class _Book:
    """Live orders of one side by what trades first: (price key, arrival)."""

    queue: SortedDict = field(default_factory=SortedDict)
    place: dict[int, tuple[int, int]] = field(default_factory=dict)
    leaves: dict[int, int] = field(default_factory=dict)

    def put(self, event: OrderEvent) -> None:
        """To the tail of its price."""
        self.drop(event.order_id)
        key = -event.price if event.side == Side.BUY else event.price
        self.place[event.order_id] = (key, event.seq)
        self.leaves[event.order_id] = event.leaves_qty
        self.queue[key, event.seq] = event.order_id

    def drop(self, order_id: int) -> None:
        if order_id in self.place:
            del self.queue[self.place.pop(order_id)]
            del self.leaves[order_id]

    def first(self) -> int | None:
        return self.queue.peekitem(0)[1] if self.queue else None

    def best_price(self) -> int | None:
        return abs(self.queue.peekitem(0)[0][0]) if self.queue else None


Books = dict[tuple[str, int], _Book]


def _walk(events: Events) -> Iterator[tuple[OrderEvent | None, Books]]:
    """Each fill of a maker with the books just before it; None after each command."""
    books: Books = defaultdict(_Book)
    for _, group in groupby(events, key=lambda event: event.command_seq):
        for event in _of_orders(list(group)):
            book = books[event.symbol, event.side]
            if event.kind == EventKind.FILLED and event.liquidity == Liquidity.ADDED:
                yield event, books
            if event.leaves_qty == 0:
                book.drop(event.order_id)
            elif event.kind == EventKind.ACCEPTED:
                book.put(event)
            elif event.kind == EventKind.REPLACED:
                key = -event.price if event.side == Side.BUY else event.price
                stays = key == book.place[event.order_id][0]
                if not stays or event.leaves_qty > book.leaves[event.order_id]:
                    book.put(event)
            if event.order_id in book.leaves:
                book.leaves[event.order_id] = event.leaves_qty
        yield None, books


def priority_is_kept(events: Events) -> None:
    """The maker is the first of its side: best price, then longest there."""
    for fill, books in _walk(events):
        if fill:
            first = books[fill.symbol, fill.side].first()
            require(first == fill.order_id, f"{first} was before", fill)


def book_never_crossed(events: Events) -> None:
    """After each command the best bid is below the best ask."""
    for fill, books in _walk(events):
        if fill:
            continue
        for symbol in {symbol for symbol, _ in books}:
            bid = books[symbol, Side.BUY].best_price()
            ask = books[symbol, Side.SELL].best_price()
            apart = bid is None or ask is None or bid < ask
            require(apart, f"{symbol} rests crossed", (bid, ask))


def halts_hold(events: Events) -> None:
    """While an instrument is halted nothing enters its book, changes or trades."""
    halted: set[str] = set()
    for event in events:
        if isinstance(event, StatusEvent):
            on = event.status == InstrumentStatus.HALTED
            require(on != (event.symbol in halted), "a status it has already", event)
            halted ^= {event.symbol}
        elif isinstance(event, OrderEvent) and event.kind in TRADING:
            require(event.symbol not in halted, "in a halt", event)


ALL: tuple[Callable[[Events], None], ...] = (
    seq_is_dense,
    ids_are_unique,
    quantities_add_up,
    cum_never_falls,
    nothing_after_the_end,
    refusals_tell_the_truth,
    trades_agree,
    prints_at_makers_price,
    priority_is_kept,
    book_never_crossed,
    halts_hold,
)


def check(events: Events) -> None:
    """All of them."""
    for invariant in ALL:
        invariant(events)
