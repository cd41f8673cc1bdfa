"""Random flow over everything a shard can do: the projection, and what clients make of
its increments, are the book of the shard after every command.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from engine.codes import EventKind, Liquidity
from engine.records import EVENT_BYTES, AuctionEvent, OrderEvent, unpack_all
from engine.shard import Shard
from fixgw.marketdata import checksum
from fixgw.marketdata.book import BUY, SELL, Book
from fixgw.marketdata.entries import SUPPORTED, Channel, Want, snapshot
from fixgw.marketdata.projection import (
    Increment,
    Market,
    Projection,
    Trade,
    TradeChange,
)
from fixgw.marketdata.text import decimal_text, id_text
from tests.marketdata.reader import BID, OFFER, BookReader, split
from tests.marketdata.shards import Side, books_of, phases_of
from tests.property.generating import Generator
from tests.property.profiles import PROFILES
from tests.reference.exchange import ReferenceExchange

SEEDS = {name: number for number, name in enumerate(PROFILES, 31)}
BATCHES = 1_500
AUCTION_BATCHES = 4_000
"""Few of them trade."""

WANTS = {
    "level 2": Want(SUPPORTED, 0, by_order=False, aggressor=True),
    "best": Want(SUPPORTED, 1, by_order=False, aggressor=False),
    "three": Want(SUPPORTED, 3, by_order=False, aggressor=False),
    "level 3": Want(SUPPORTED, 0, by_order=True, aggressor=False),
}


class Followers:
    """One client of each kind for each instrument, and what they are fed by."""

    def __init__(self, projection: Projection) -> None:
        self.projection = projection
        self.clients: dict[str, list[tuple[Channel, BookReader]]] = {}
        self.steps: Counter[str] = Counter()
        self.trades: list[Trade] = []
        projection.watchers.append(self.take)

    def take(self, increment: Increment) -> None:
        market = increment.market
        self.steps[market.symbol] += 1
        assert market.rpt_seq == self.steps[market.symbol]
        self.trades += increment.trades
        for channel, reader in self.clients.get(market.symbol, []):
            entries = channel.advance(increment)
            found = split(entries.data)
            assert len(found) == entries.count
            assert all(entry[55] == market.symbol.encode() for entry in found)
            assert all(entry[83] == b"%d" % market.rpt_seq for entry in found)
            reader.increment(found)

    def join(self, market: Market) -> None:
        """New clients begin with a snapshot, wherever the market is."""
        made = []
        for want in WANTS.values():
            reader = BookReader(by_order=want.by_order)
            entries = split(snapshot(market, want, []).data)
            reader.snapshot(market.rpt_seq, entries)
            made.append((Channel(market, want), reader))
        self.clients[market.symbol] = made

    def check(self) -> None:
        """Everybody has what there is."""
        for symbol, clients in self.clients.items():
            market = self.projection.markets[symbol]
            for channel, reader in clients:
                check_reader(market, channel.want, reader)


def check_reader(market: Market, want: Want, reader: BookReader) -> None:
    book = market.book
    for kind, side in ((BID, BUY), (OFFER, SELL)):
        own = book.side(side)
        levels = own.top(want.depth or len(own.keys)) if own.keys else []
        assert reader.levels(kind) == [(abs(key), qty) for key, qty in levels]
        if want.by_order:
            assert reader.orders(kind) == [
                (
                    abs(key),
                    [(id_text(i).encode(), s.qty) for i, s in own.queue(key)],
                )
                for key, _ in levels
            ]
    if not want.depth:
        found = checksum.of_orders if want.by_order else checksum.of_levels
        assert reader.checksum() == found(book)
    auction = market.auction
    price, surplus = reader.others.get(b"Q"), reader.others.get(b"A")
    if auction is None:
        assert price is surplus is None
    else:
        assert price is not None
        assert price[270] == decimal_text(auction.price).encode()
        assert price[271] == decimal_text(auction.volume).encode()
        assert (286 not in price) == auction.uncrossed
        assert (surplus is not None) == bool(auction.imbalance_side)
    for kind, own in ((b"b", book.bids), (b"c", book.asks)):
        entry = reader.others.get(kind)
        qty = decimal_text(own.market_qty).encode()
        assert (entry[271] if entry else b"0") == qty


def shown_by(book: Book) -> tuple[Side, Side]:
    sides = []
    for own in (book.bids, book.asks):
        keys = list(reversed(own.keys))
        levels = [(abs(k), [(i, s.qty) for i, s in own.queue(k)]) for k in keys]
        sides.append(Side(levels, own.market_qty))
    return sides[0], sides[1]


def play(venue: Any, name: str, batches: int) -> Counter[str]:
    """What happened, having compared after every batch."""
    seed = SEEDS[name]
    random = Random(seed)
    generator = Generator(random, PROFILES[name])
    projection, packed = Projection(), Projection()
    followers = Followers(projection)
    kinds: Counter[str] = Counter()
    trades = 0
    for _ in range(batches):
        time, commands = generator.batch()
        data = b"".join(command.pack() for command in commands)
        raw = venue.apply(data, time)
        events = unpack_all(raw, EVENT_BYTES)
        generator.observe(events)
        for event in events:
            kinds[EventKind(event.kind).name] += 1
            if isinstance(event, OrderEvent) and event.kind == EventKind.FILLED:
                trades += event.liquidity in (Liquidity.ADDED, Liquidity.AUCTION)
                kinds["auction fills"] += event.liquidity == Liquidity.AUCTION
            if isinstance(event, AuctionEvent):
                kinds["indicative"] += not event.uncrossed
        # In pieces of any size, also in the middle of a command.
        start = 0
        while start < len(events):
            size = random.randrange(1, 8)
            projection.take(0, events[start : start + size])
            start += size
        projection.settle(0)
        packed.take_packed(0, raw)
        packed.settle(0)
        dump = venue.dump()
        books = books_of(dump)
        assert {
            m.symbol: shown_by(m.book) for m in projection.markets.values()
        } == books
        phases = {m.symbol: m.phase for m in projection.markets.values()}
        assert phases == phases_of(dump)
        followers.check()
        for market in projection.markets.values():
            if market.symbol not in followers.clients or random.randrange(400) == 0:
                followers.join(market)
            kinds["market orders"] += bool(market.book.bids.market_qty)
            kinds["levels"] = max(kinds["levels"], len(market.book.bids.keys))
    # Packed events say the same, number for number.
    for symbol, market in projection.markets.items():
        other = packed.markets[symbol]
        assert (other.rpt_seq, other.seq) == (market.rpt_seq, market.seq)
        assert shown_by(other.book) == shown_by(market.book)
        assert other.auction == market.auction
    new = [trade for trade in followers.trades if trade.change is TradeChange.NEW]
    auctions = sum(trade.side == 0 for trade in new)
    # A trade in an auction has two fills of that kind, any other one of a maker.
    assert len(new) == projection.trades == trades - auctions
    kinds["trades changed"] = len(followers.trades) - len(new)
    return kinds


@pytest.mark.parametrize("name", PROFILES)
def test_the_projection_is_the_book_after_every_command(name: str) -> None:
    batches = AUCTION_BATCHES if name == "auctions" else BATCHES
    kinds = play(Shard(0, b"a key of no note"), name, batches)
    assert kinds["FILLED"] > 50
    assert kinds["levels"] >= 3
    if name == "auctions":
        assert kinds["indicative"] > 20
        assert kinds["auction fills"] > 20
        assert kinds["market orders"] > 20
    if name == "risk":
        assert kinds["trades changed"] > 5


def test_the_reference_says_the_same() -> None:
    assert play(ReferenceExchange(0), "chaos", 300)["FILLED"] > 10
