"""Everything public about one instrument: terms, status, book, trades, candles."""

from __future__ import annotations

from typing import Any

from engine.records import PRICE_MAX, QTY_MAX, InstrumentEvent
from fixgw.sidedoor.book import Book
from fixgw.sidedoor.candles import Candles
from fixgw.sidedoor.depthview import DepthView
from fixgw.sidedoor.tape import Tape, Trade
from fixgw.sidedoor.text import decimal_text, percent_text


class Listing:
    """One instrument as its events describe it.

    What events bring is collected and takes effect with :meth:`publish`. ``version``
    counts publications that changed anything; ``terms_version`` those that changed
    terms, status or whether its shard can be reached.
    """

    __slots__ = (
        "book",
        "candles",
        "halted",
        "new_trades",
        "ready",
        "shard",
        "symbol",
        "tape",
        "terms",
        "terms_version",
        "up",
        "version",
        "views",
    )

    def __init__(self, shard: int, terms: InstrumentEvent, up: bool) -> None:
        self.shard = shard
        self.symbol = terms.symbol
        self.terms = terms
        self.halted = False
        self.up = up
        self.ready = up
        """Whether all of its past was known once: nothing is streamed before."""
        self.book = Book()
        self.tape = Tape(terms.symbol)
        self.candles = Candles()
        self.views: dict[int, DepthView] = {}
        self.new_trades: list[Trade] = []
        self.version = 0
        self.terms_version = 0

    def publish(self) -> list[DepthView]:
        """What was collected takes effect; the views of the book that it changed."""
        self.version += 1
        if self.new_trades:
            self.tape.extend(self.new_trades)
            for trade in self.new_trades:
                self.candles.add(trade.seq, trade.time_ns, trade.price, trade.qty)
            self.new_trades = []
        bids, asks = self.book.publish()
        if not bids and not asks:
            return []
        return [view for view in self.views.values() if view.advance(bids, asks)]

    def view(self, depth: int) -> DepthView:
        """The view of that depth, made if nobody had it before."""
        view = self.views.get(depth)
        if view is None:
            view = self.views[depth] = DepthView(self.symbol, self.book, depth)
        return view

    def shown(self) -> dict[str, Any]:
        """Terms and status as JSON values."""
        terms = self.terms
        return {
            "symbol": self.symbol,
            "currency": terms.currency,
            "status": "halted" if self.halted else "trading",
            "available": self.up,
            "shard": self.shard,
            "tick": decimal_text(terms.tick),
            "lot": decimal_text(terms.lot),
            "reference_price": _or_none(terms.reference_price),
            "price_min": decimal_text(terms.price_min),
            "price_max": decimal_text(min(terms.price_max, PRICE_MAX)),
            "qty_max": decimal_text(min(terms.qty_max, QTY_MAX)),
            "notional_max": _or_none(terms.notional_max),
        }

    def ticker(self, now_ns: int) -> dict[str, Any]:
        """Best prices, last trade and the last 24 hours before engine time ``now_ns``.

        Prices that do not exist (no trade, an empty side) are None.
        """
        day = self.candles.day(now_ns)
        last = self.tape.last
        change = last.price - day.open if last and day.trades else None
        bid, ask = self.book.bids.best, self.book.asks.best
        return {
            "symbol": self.symbol,
            "seq": max(self.book.seq, self.tape.seq),
            "time_ns": now_ns,
            "status": "halted" if self.halted else "trading",
            "last": decimal_text(last.price) if last else None,
            "last_qty": decimal_text(last.qty) if last else None,
            "bid": decimal_text(bid[0]) if bid else None,
            "bid_qty": decimal_text(bid[1]) if bid else None,
            "ask": decimal_text(ask[0]) if ask else None,
            "ask_qty": decimal_text(ask[1]) if ask else None,
            "open_24h": _or_none(day.open),
            "high_24h": _or_none(day.high),
            "low_24h": _or_none(day.low),
            "volume_24h": decimal_text(day.volume),
            "trades_24h": day.trades,
            "change_24h": None if change is None else decimal_text(change),
            "change_percent_24h": (
                None if change is None else percent_text(change, day.open)
            ),
        }


def _or_none(units: int) -> str | None:
    """Decimal text; None for 0, which stands for "there is none"."""
    return decimal_text(units) if units else None
