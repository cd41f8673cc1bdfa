"""Everything public about one instrument: terms, status, book, trades, candles."""

from __future__ import annotations

from typing import Any

from engine.codes import Phase, PhaseReason, Side
from engine.records import PRICE_MAX, QTY_MAX, InstrumentEvent
from fixgw.marketdata.book import Book
from fixgw.marketdata.projection import Increment, Market, Trade, TradeChange
from fixgw.sidedoor.candles import Candles
from fixgw.sidedoor.depthview import DepthView
from fixgw.sidedoor.ordersview import OrdersView
from fixgw.sidedoor.tape import Tape
from fixgw.sidedoor.text import decimal_text, percent_text

BookView = DepthView | OrdersView


class Listing:
    """One instrument as its events describe it.

    ``version`` counts publications that changed anything; ``terms_version`` those that
    changed terms, phase or whether its shard can be reached.
    """

    __slots__ = (
        "candles",
        "market",
        "ready",
        "symbol",
        "tape",
        "terms_version",
        "up",
        "version",
        "views",
    )

    def __init__(self, market: Market, up: bool) -> None:
        self.market = market
        self.symbol = market.symbol
        self.up = up
        self.ready = up
        """Whether all of its past was known once: nothing is streamed before."""
        self.tape = Tape(market.symbol)
        self.candles = Candles()
        self.views: dict[int, BookView] = {}
        """By depth; that of single orders has depth 0."""
        self.version = 0
        self.terms_version = 0

    @property
    def shard(self) -> int:
        """The number of its shard."""
        return self.market.shard

    @property
    def terms(self) -> InstrumentEvent:
        """Its terms as of now."""
        return self.market.terms

    @property
    def book(self) -> Book:
        """Its book as of the last whole command."""
        return self.market.book

    @property
    def halted(self) -> bool:
        """Whether trading is halted."""
        return self.market.phase == Phase.HALTED

    def advance(self, increment: Increment) -> list[BookView]:
        """One command has changed it; the views of the book that it changed."""
        if increment.trades:
            self.tape.extend(increment.trades)
            for trade in increment.trades:
                # Prices that were are not unmade: only the tape tells of changes.
                if trade.change is TradeChange.NEW:
                    self._count(trade)
        change = increment.book
        if not change:
            return []
        return [view for view in self.views.values() if view.advance(change)]

    def _count(self, trade: Trade) -> None:
        self.candles.add(trade.seq, trade.time_ns, trade.price, trade.qty)

    def view(self, depth: int) -> DepthView:
        """The view of that depth, made if nobody had it before."""
        view = self.views.get(depth)
        if not isinstance(view, DepthView):
            view = self.views[depth] = DepthView(self.symbol, self.book, depth)
        return view

    def orders_view(self) -> OrdersView:
        """The view of single orders, made if nobody had it before."""
        view = self.views.get(OrdersView.depth)
        if not isinstance(view, OrdersView):
            view = self.views[OrdersView.depth] = OrdersView(self.symbol, self.book)
        return view

    def shown(self) -> dict[str, Any]:
        """Terms and status as JSON values."""
        terms = self.terms
        return {
            "symbol": self.symbol,
            "currency": terms.currency,
            "status": "halted" if self.halted else "trading",
            "phase": Phase(self.market.phase).name.lower(),
            "available": self.up,
            "shard": self.shard,
            "tick": decimal_text(terms.tick),
            "lot": decimal_text(terms.lot),
            "reference_price": _or_none(terms.reference_price),
            "price_min": decimal_text(terms.price_min),
            "price_max": decimal_text(min(terms.price_max, PRICE_MAX)),
            "qty_min": _or_none(terms.qty_min),
            "qty_max": decimal_text(min(terms.qty_max, QTY_MAX)),
            "notional_max": _or_none(terms.notional_max),
        }

    def auction(self) -> dict[str, Any]:
        """Phase, and what an auction would trade or has traded, as JSON values."""
        market = self.market
        found = market.auction
        side = found.imbalance_side if found else 0
        bids, asks = self.book.bids.market_qty, self.book.asks.market_qty
        return {
            "symbol": self.symbol,
            "rpt_seq": market.rpt_seq,
            "seq": market.seq,
            "time_ns": market.time_ns,
            "phase": Phase(market.phase).name.lower(),
            "reason": PhaseReason(market.phase_reason).name.lower(),
            "until_ns": market.phase_until_ns or None,
            "indicative": found is not None and not found.uncrossed,
            "price": decimal_text(found.price) if found else None,
            "volume": decimal_text(found.volume) if found else None,
            "imbalance_side": Side(side).name.lower() if side else None,
            "imbalance_qty": decimal_text(found.imbalance_qty if found else 0),
            "market_bid_qty": decimal_text(bids),
            "market_ask_qty": decimal_text(asks),
        }

    def ticker(self, now_ns: int) -> dict[str, Any]:
        """Best prices, last trade and the last 24 hours before engine time ``now_ns``.

        Prices that do not exist (no trade, an empty side) are None.
        """
        day = self.candles.day(now_ns)
        last = self.market.last_trade
        change = last.price - day.open if last and day.trades else None
        bid, ask = self.book.bids.best, self.book.asks.best
        return {
            "symbol": self.symbol,
            "seq": max(self.book.seq, self.tape.seq),
            "time_ns": now_ns,
            "status": "halted" if self.halted else "trading",
            "phase": Phase(self.market.phase).name.lower(),
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
