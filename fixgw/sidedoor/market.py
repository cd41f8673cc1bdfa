"""The public side of the exchange: books, trades, tickers, candles, instruments.

All of it is projected from the shards' events and from nothing else
(:mod:`fixgw.marketdata`), so after any restart it is the same again. It is published
after whole commands only: a book that is crossed or half changed is never seen, neither
here nor in the streams.

**Clock.** Every ``time_ns`` is engine time, nanoseconds since the epoch, UTC: the time
the shard gave to the command. The 24 hours of a ticker end with the last event of the
instrument's shard, in steps of a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.layouts import Record
from fixgw.marketdata.projection import Increment, Projection
from fixgw.sidedoor.depthview import shown_book
from fixgw.sidedoor.listing import BookView, Listing


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
    views: list[BookView]
    trades: bool
    status: bool = False
    """The trading phase, or what an auction would trade."""


@dataclass(slots=True)
class _Gathered:
    """What was changed of one instrument since the last publication."""

    views: dict[BookView, None] = field(default_factory=dict)
    trades: bool = False
    status: bool = False


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
        self._projection = Projection()
        self._projection.watchers.append(self._take)
        self._listings: dict[str, Listing] = {}
        self._dirty: dict[Listing, _Gathered] = {}
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
        self._projection.take(shard, events)
        if not complete:
            return
        self._projection.settle(shard)
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

    def _take(self, increment: Increment) -> None:
        """What one command changed of one instrument."""
        market = increment.market
        listing = self._listings.get(market.symbol)
        if listing is None:
            up = self._position(market.shard).up
            listing = self._listings[market.symbol] = Listing(market, up)
        gathered = self._dirty.setdefault(listing, _Gathered())
        gathered.views.update(dict.fromkeys(listing.advance(increment)))
        gathered.trades |= bool(increment.trades)
        gathered.status |= increment.phase or increment.auction is not None
        if increment.terms or increment.phase:
            self._terms[listing] = None

    def _publish(self) -> None:
        if self._dirty:
            changes = []
            for listing, gathered in self._dirty.items():
                listing.version += 1
                views = list(gathered.views)
                changes.append(
                    Changed(listing, views, gathered.trades, gathered.status)
                )
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
        """Orders that are displayed in the books of all instruments."""
        return self._projection.open_orders

    @property
    def trades_seen(self) -> int:
        """Trades since this process began, those of the past included."""
        return self._projection.trades

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
        return shown_book(self._listings[symbol].book, symbol, depth)

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
