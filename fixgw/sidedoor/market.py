"""The public side of the exchange: books, trades, tickers, candles, instruments.

All of it is projected from the shards' events and from nothing else, so after any
restart it is the same again. It is published after whole commands only: a book that is
crossed or half changed is never seen, neither here nor in the streams.

**Clock.** Every ``time_ns`` is engine time, nanoseconds since the epoch, UTC: the time
the shard gave to the command. The 24 hours of a ticker end with the last event of the
instrument's shard, in steps of a minute.

How events change a book
------------------------
* ACCEPTED of a limit order opens its quantity at its price, even if it is about to be
  matched: the fills that follow in the same command take it away again.
* FILLED takes the filled quantity from the order's own level, for maker and taker.
* CANCELLED and EXPIRED take away what was left, REPLACED moves it. Only for that an
  order's last price and quantity are kept, while it is open.
* Market orders are never in a book.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.records import (
    EventKind,
    InstrumentEvent,
    InstrumentStatus,
    Liquidity,
    OrderEvent,
    OrdType,
    Record,
    Side,
    StatusEvent,
)
from fixgw.sidedoor.book import OutOfStep
from fixgw.sidedoor.depthview import DepthView
from fixgw.sidedoor.listing import Listing
from fixgw.sidedoor.tape import Trade

ACCEPTED = int(EventKind.ACCEPTED)
FILLED = int(EventKind.FILLED)
REPLACED = int(EventKind.REPLACED)
ENDS = frozenset({int(EventKind.CANCELLED), int(EventKind.EXPIRED)})
BUY = int(Side.BUY)
MARKET = int(OrdType.MARKET)
REMOVED = int(Liquidity.REMOVED)
HALTED = int(InstrumentStatus.HALTED)


@dataclass(slots=True)
class ShardPosition:
    """How far a shard's events are known."""

    seq: int = 0
    time_ns: int = 0
    up: bool = False
    was_up: bool = False
    """Whether its whole past has been taken once since this process began."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What one publication changed of one instrument."""

    listing: Listing
    views: list[DepthView]
    trades: bool


class Watcher(Protocol):
    """Who wants to know when something was published: the hub of the streams."""

    def on_market(self, changes: list[Changed]) -> None:
        """These instruments have changed, after whole commands."""

    def on_terms(self, listings: list[Listing]) -> None:
        """Terms, status or reachability of these instruments have changed."""


class Market:
    """All instruments of all shards. An observer of the feed of events.

    Methods that take a symbol raise KeyError for one that is not defined.
    """

    def __init__(self) -> None:
        self.shards: dict[int, ShardPosition] = {}
        self.trades_seen = 0
        """Trades since this process began, those of the past included."""
        self._listings: dict[str, Listing] = {}
        self._orders: dict[int, tuple[int, int]] = {}
        self._dirty: dict[Listing, None] = {}
        self._terms: dict[Listing, None] = {}
        self._watchers: list[Watcher] = []

    # -- events ------------------------------------------------------------------------

    def watch(self, watcher: Watcher) -> None:
        """Tell ``watcher`` of every publication from now on."""
        self._watchers.append(watcher)

    def on_events(self, shard: int, events: Sequence[Record], complete: bool) -> None:
        """Events of a shard, in order and without a gap.

        Nothing of them shows before a call with ``complete``. Raises OutOfStep, after
        which this market cannot be used any more, when they do not fit those before.
        """
        for event in events:
            if type(event) is OrderEvent:
                self._take(event)
            elif type(event) is InstrumentEvent:
                self._define(shard, event)
            elif type(event) is StatusEvent:
                self._set_status(event)
        if not complete:
            return
        if events:
            last: Any = events[-1]
            position = self._position(shard)
            position.seq, position.time_ns = last.seq, last.time
        self._publish()

    def on_link(self, shard: int, up: bool) -> None:
        """The shard can be reached and all its events are known, or no longer."""
        position = self._position(shard)
        position.up = up
        position.was_up = position.was_up or up
        for listing in self._listings.values():
            if listing.shard == shard:
                listing.up = up
                listing.ready = listing.ready or up
                self._terms[listing] = None
        self._publish()

    def _position(self, shard: int) -> ShardPosition:
        position = self.shards.get(shard)
        if position is None:
            position = self.shards[shard] = ShardPosition()
        return position

    def _take(self, event: OrderEvent) -> None:
        kind = event.kind
        if event.ord_type == MARKET:
            if kind == FILLED and event.liquidity == REMOVED:
                self._trade(event)
            return
        if kind == FILLED:
            if event.liquidity == REMOVED:
                self._trade(event)
            qty = -event.last_qty
            if event.leaves_qty:
                key = event.price if event.side == BUY else -event.price
                self._orders[event.order_id] = key, event.leaves_qty
            else:
                self._orders.pop(event.order_id, None)
        elif kind == ACCEPTED:
            qty = event.leaves_qty
            key = event.price if event.side == BUY else -event.price
            self._orders[event.order_id] = key, qty
        elif kind in ENDS:
            qty = -event.last_qty
            self._orders.pop(event.order_id, None)
        elif kind == REPLACED:
            self._move(event)
            qty = event.leaves_qty
        else:
            return
        listing = self._listings[event.symbol]
        book = listing.book
        if event.side == BUY:
            book.bids.add(event.price, qty)
        else:
            book.asks.add(-event.price, qty)
        book.touched_seq = event.seq
        book.touched_ns = event.time
        self._dirty[listing] = None

    def _move(self, event: OrderEvent) -> None:
        """Takes a replaced order from the level it was on."""
        known = self._orders.get(event.order_id)
        if known is None:
            raise OutOfStep(f"event {event.seq} replaces an order that is not open")
        book = self._listings[event.symbol].book
        own = book.bids if event.side == BUY else book.asks
        own.add(known[0], -known[1])
        key = event.price if event.side == BUY else -event.price
        self._orders[event.order_id] = key, event.leaves_qty

    def _trade(self, event: OrderEvent) -> None:
        listing = self._listings[event.symbol]
        listing.new_trades.append(
            Trade(
                event.seq,
                event.time,
                event.trade_id,
                event.side,
                event.last_price,
                event.last_qty,
            )
        )
        self._dirty[listing] = None
        self.trades_seen += 1

    def _define(self, shard: int, event: InstrumentEvent) -> None:
        listing = self._listings.get(event.symbol)
        if listing is None:
            up = self._position(shard).up
            listing = self._listings[event.symbol] = Listing(shard, event, up)
        listing.terms = event
        self._terms[listing] = None

    def _set_status(self, event: StatusEvent) -> None:
        listing = self._listings[event.symbol]
        listing.halted = event.status == HALTED
        self._terms[listing] = None
        self._dirty[listing] = None

    def _publish(self) -> None:
        if self._dirty:
            changes = []
            for listing in self._dirty:
                traded = bool(listing.new_trades)
                changes.append(Changed(listing, listing.publish(), traded))
            self._dirty.clear()
            for watcher in self._watchers:
                watcher.on_market(changes)
        if self._terms:
            listings = list(self._terms)
            for listing in listings:
                listing.terms_version += 1
            self._terms.clear()
            for watcher in self._watchers:
                watcher.on_terms(listings)

    # -- what is known -----------------------------------------------------------------

    @property
    def open_orders(self) -> int:
        """Orders in the books of all instruments."""
        return len(self._orders)

    def listing(self, symbol: str) -> Listing:
        """Everything about one instrument, as it is now."""
        return self._listings[symbol]

    def instruments(self) -> list[dict[str, Any]]:
        """Terms and status of every instrument, by symbol."""
        return [self._listings[symbol].shown() for symbol in sorted(self._listings)]

    def instrument(self, symbol: str) -> dict[str, Any]:
        """Terms and status of one instrument."""
        return self._listings[symbol].shown()

    def book(self, symbol: str, depth: int) -> dict[str, Any]:
        """The best ``depth`` levels (1 or more) of each side, best first.

        ``seq`` is the number of the last event that changed this book.
        """
        return self._listings[symbol].book.shown(symbol, depth)

    def trades(
        self, symbol: str, limit: int, before: int | None = None
    ) -> list[dict[str, Any]]:
        """At most ``limit`` trades, newest first, those with ``seq`` below ``before``.

        The last 1,000 of an instrument are kept.
        """
        return self._listings[symbol].tape.newest(limit, before)

    def ticker(self, symbol: str) -> dict[str, Any]:
        """Best prices, last trade and 24 hours of engine time."""
        listing = self._listings[symbol]
        return listing.ticker(self.shards[listing.shard].time_ns)

    def candles(self, symbol: str, interval_s: int, limit: int) -> list[dict[str, Any]]:
        """The newest ``limit`` candles, oldest first.

        ``interval_s`` is a key of :data:`fixgw.sidedoor.candles.KEPT`; ValueError for
        any other. A bucket without a trade has no candle.
        """
        listing = self._listings[symbol]
        try:
            return listing.candles.last(interval_s, limit)
        except KeyError:
            raise ValueError(f"there are no candles of {interval_s} s") from None
