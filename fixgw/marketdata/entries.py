"""What stands in NoMDEntries(268): the entries of snapshots and of increments.

A level has no MDEntryID(278): Symbol(55), MDEntryType(269) and MDEntryPx(270) name it.
An order has its OrderID(37) as MDEntryID, a trade its identifier. Whoever applies the
entries of an X in their order, and puts what is new at the end of its level, has the
queue of every level.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from engine.codes import Side
from engine.decimals import render
from fixgw.marketdata import checksum
from fixgw.marketdata.book import (
    BUY,
    SELL,
    BookSide,
    Change,
    OrderChange,
    Shown,
    keeps_place,
)
from fixgw.marketdata.projection import Auction, Increment, Market, Trade, TradeChange
from fixgw.marketdata.text import decimal_text, id_text
from fixgw.marketdata.window import Window
from fixgw.wire import utc_timestamp

BID, OFFER, TRADE = b"0", b"1", b"2"
AUCTION_PRICE, IMBALANCE, EMPTY_BOOK = b"Q", b"A", b"J"
MARKET_BID, MARKET_OFFER = b"b", b"c"
"""MDEntryType(269). The last two are the totals of market orders in a call."""

SUPPORTED = frozenset(
    {BID, OFFER, TRADE, AUCTION_PRICE, IMBALANCE, MARKET_BID, MARKET_OFFER}
)
"""Those that can be asked for."""

NEW, CHANGE, DELETE = b"0", b"1", b"2"
"""MDUpdateAction(279)."""

SIDES = {BUY: BID, SELL: OFFER}
MORE_BUYERS, MORE_SELLERS = b"P", b"Q"
"""TradeCondition(277) of an imbalance."""

_ACTION_OF = {
    TradeChange.NEW: NEW,
    TradeChange.CORRECTED: CHANGE,
    TradeChange.CANCELLED: DELETE,
}


class Want(NamedTuple):
    """What a subscription is for. All who want the same share what is written."""

    types: frozenset[bytes]
    depth: int
    """Levels, 0 = all."""
    by_order: bool
    """AggregatedBook(266)=N: orders instead of levels."""
    aggressor: bool
    """AggressorSide(2446) on trades."""


class Entries:
    """Entries being written, for snapshots (without action) or for increments."""

    def __init__(self, want: Want) -> None:
        self.count = 0
        self._want = want
        self._parts: list[bytes] = []

    @property
    def data(self) -> bytes:
        """All of them."""
        return b"".join(self._parts)

    def add(self, head: bytes, kind: bytes, rest: bytes) -> None:
        """One entry: ``head`` is MDUpdateAction(279), with its tag, or nothing."""
        self._parts.append(b"%b269=%b\x01%b" % (head, kind, rest))
        self.count += 1


def snapshot(market: Market, want: Want, trades: Iterable[Trade]) -> Entries:
    """Everything that is wanted, as it is now, with these trades."""
    entries = Entries(want)
    book = market.book
    for side, kind in SIDES.items():
        if kind in want.types:
            _side(entries, kind, book.side(side), want)
    if not entries.count and want.types & {BID, OFFER}:
        entries.add(b"", EMPTY_BOOK, b"")
    if TRADE in want.types:
        for trade in trades:
            entries.add(b"", TRADE, _trade(trade, b"", want))
    auction = market.auction
    if auction is not None:
        if AUCTION_PRICE in want.types:
            entries.add(b"", AUCTION_PRICE, _price(auction, b""))
        if IMBALANCE in want.types and auction.imbalance_side:
            entries.add(b"", IMBALANCE, _imbalance(auction, b""))
    for kind, own in ((MARKET_BID, book.bids), (MARKET_OFFER, book.asks)):
        if kind in want.types and own.market_qty:
            entries.add(b"", kind, b"271=%b\x01" % _text(own.market_qty))
    if not entries.count:
        entries.add(b"", EMPTY_BOOK, b"")
    return entries


def standing(trades: Iterable[Trade]) -> tuple[list[Trade], list[Trade]]:
    """Of trades and changes of trades, in their order: the trades as they are now, and
    the changes of other trades than these. A snapshot has no MDUpdateAction(279): it
    can say the former only."""
    now: dict[int, Trade] = {}
    others = []
    for trade in trades:
        if trade.change is not TradeChange.NEW and trade.trade_id not in now:
            others.append(trade)
        elif trade.change is TradeChange.CANCELLED:
            del now[trade.trade_id]
        else:
            now[trade.trade_id] = trade
    return list(now.values()), others


def size_of(market: Market, want: Want) -> int:
    """How many entries of levels or orders a snapshot has, at most."""
    count = 0
    for side, kind in SIDES.items():
        own = market.book.side(side)
        if kind in want.types:
            levels = len(own.keys)
            if want.by_order:
                count += own.count
            else:
                count += min(levels, want.depth) if want.depth else levels
    return count


class Channel:
    """What one :class:`Want` sees of one instrument, increment by increment."""

    def __init__(self, market: Market, want: Want) -> None:
        self.market = market
        self.want = want
        self._windows = {
            side: Window(market.book.side(side), want.depth) for side in SIDES
        }
        book = market.book
        self._market_qty = {
            MARKET_BID: book.bids.market_qty,
            MARKET_OFFER: book.asks.market_qty,
        }
        self._symbol = b"55=%b\x01" % market.symbol.encode("ascii")
        self._checked = -1, 0

    @property
    def checksum(self) -> int:
        """That of the book at this level, worked out once for all who listen."""
        book = self.market.book
        if self._checked[0] != book.seq:
            of = checksum.of_orders if self.want.by_order else checksum.of_levels
            self._checked = book.seq, of(book)
        return self._checked[1]

    def advance(self, increment: Increment) -> Entries:
        """The entries that this increment is, in the order to apply them."""
        entries, want = Entries(self.want), self.want
        tail = b"83=%d\x01" % self.market.rpt_seq
        if increment.book:
            if want.by_order:
                self._by_order(entries, increment.book.orders, tail)
            else:
                self._by_level(entries, increment.book.bids, increment.book.asks, tail)
            self._totals(entries, tail)
        if TRADE in want.types:
            self._trades(entries, increment.trades, tail)
        if increment.auction is not None:
            self._auction(entries, *increment.auction, tail)
        return entries

    def changes(self, trades: Iterable[Trade]) -> Entries:
        """The entries that these changes of trades are."""
        entries = Entries(self.want)
        self._trades(entries, trades, b"83=%d\x01" % self.market.rpt_seq)
        return entries

    def _trades(self, entries: Entries, trades: Iterable[Trade], tail: bytes) -> None:
        for trade in trades:
            head = b"279=%b\x01" % _ACTION_OF[trade.change]
            rest = _trade(trade, self._symbol, self.want)
            entries.add(head, TRADE, rest + tail)

    def _by_level(
        self, entries: Entries, bids: list[Change], asks: list[Change], tail: bytes
    ) -> None:
        found: dict[bytes, list[tuple[bytes, bytes]]] = {
            DELETE: [],
            CHANGE: [],
            NEW: [],
        }
        for side, changes in ((BUY, bids), (SELL, asks)):
            # A window follows its side also where nobody wants to hear of it.
            window = self._windows[side]
            moves = sorted(window.advance(changes), reverse=True)
            if SIDES[side] not in self.want.types:
                continue
            for key, was, now in moves:
                rest = self._symbol + b"270=%b\x01" % _text(abs(key))
                if now:
                    rest += b"271=%b\x01" % _text(window.side.levels[key])
                action = CHANGE if was and now else NEW if now else DELETE
                found[action].append((SIDES[side], rest + tail))
        for action, rows in found.items():
            for kind, rest in rows:
                entries.add(b"279=%b\x01" % action, kind, rest)

    def _by_order(
        self, entries: Entries, changes: list[OrderChange], tail: bytes
    ) -> None:
        comers = []
        for change in changes:
            if keeps_place(change):
                self._order(entries, CHANGE, change.order_id, change.after, tail)
                continue
            if change.before is not None:
                self._order(entries, DELETE, change.order_id, change.before, tail)
            if change.after is not None:
                comers.append(change)
        for change in comers:
            self._order(entries, NEW, change.order_id, change.after, tail)

    def _order(
        self,
        entries: Entries,
        action: bytes,
        order_id: int,
        shown: Shown | None,
        tail: bytes,
    ) -> None:
        assert shown is not None
        kind = SIDES[shown.side]
        if kind in self.want.types:
            rest = _order(order_id, shown, self._symbol, whole=action != DELETE)
            entries.add(b"279=%b\x01" % action, kind, rest + tail)

    def _totals(self, entries: Entries, tail: bytes) -> None:
        book = self.market.book
        for kind, own in ((MARKET_BID, book.bids), (MARKET_OFFER, book.asks)):
            before, after = self._market_qty[kind], own.market_qty
            self._market_qty[kind] = after
            if kind in self.want.types and before != after:
                rest = b"271=%b\x01" % _text(after) if after else b""
                head = _action(before, after)
                entries.add(head, kind, self._symbol + rest + tail)

    def _auction(
        self,
        entries: Entries,
        before: Auction | None,
        after: Auction | None,
        tail: bytes,
    ) -> None:
        types = self.want.types
        shown = [_price_of(each) for each in (before, after)]
        if AUCTION_PRICE in types and shown[0] != shown[1]:
            rest = _price(after, self._symbol) if after else self._symbol
            entries.add(_action(before, after), AUCTION_PRICE, rest + tail)
        unbalanced = [
            each if each and each.imbalance_side else None for each in (before, after)
        ]
        old, new = unbalanced
        if IMBALANCE in types and _surplus_of(old) != _surplus_of(new):
            rest = _imbalance(new, self._symbol) if new else self._symbol
            entries.add(_action(old, new), IMBALANCE, rest + tail)


def _action(before: object, after: object) -> bytes:
    return b"279=%b\x01" % (CHANGE if before and after else NEW if after else DELETE)


def _price_of(auction: Auction | None) -> tuple[int, int, bool] | None:
    return auction and (auction.price, auction.volume, auction.uncrossed)


def _surplus_of(auction: Auction | None) -> tuple[int, int] | None:
    return auction and (auction.imbalance_side, auction.imbalance_qty)


def _text(units: int) -> bytes:
    return decimal_text(units).encode("ascii")


def _side(entries: Entries, kind: bytes, side: BookSide, want: Want) -> None:
    if want.by_order:
        for order_id, shown in side.orders():
            entries.add(b"", kind, _order(order_id, shown, b"", whole=True))
        return
    for key, qty in side.top(want.depth or len(side.keys)):
        rest = b"270=%b\x01271=%b\x01" % (_text(abs(key)), _text(qty))
        entries.add(b"", kind, rest)


def _order(order_id: int, shown: Shown, symbol: bytes, *, whole: bool) -> bytes:
    rest = b"278=%b\x01%b" % (id_text(order_id).encode("ascii"), symbol)
    rest += b"270=%b\x01" % _text(abs(shown.key or 0))
    return rest + b"271=%b\x01" % _text(shown.qty) if whole else rest


def _trade(trade: Trade, symbol: bytes, want: Want) -> bytes:
    date, _, time = utc_timestamp(trade.time_ns).partition(b"-")
    rest = b"278=%b\x01%b270=%b\x01271=%b\x01272=%b\x01273=%b\x01" % (
        id_text(trade.trade_id).encode("ascii"),
        symbol,
        render(trade.price).encode("ascii"),
        render(trade.qty).encode("ascii"),
        date,
        time,
    )
    if want.aggressor and trade.side in (Side.BUY, Side.SELL):
        rest += b"2446=%c\x01" % trade.side
    return rest


def _price(auction: Auction, symbol: bytes) -> bytes:
    rest = symbol + b"270=%b\x01271=%b\x01" % (
        _text(auction.price),
        _text(auction.volume),
    )
    # OpenCloseSettlFlag(286)=5: theoretical, nothing has traded at it yet.
    return rest if auction.uncrossed else rest + b"286=5\x01"


def _imbalance(auction: Auction, symbol: bytes) -> bytes:
    more = MORE_BUYERS if auction.imbalance_side == BUY else MORE_SELLERS
    return symbol + b"271=%b\x01277=%b\x01" % (_text(auction.imbalance_qty), more)
