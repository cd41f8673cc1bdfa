"""An instrument of the reference exchange: its terms, its market, its orders."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from engine.codes import OrdType, Phase, Side
from engine.figures import InstrumentFigures
from engine.records import CURRENCY_BYTES, SYMBOL_BYTES, UNIT, InstrumentCommand
from tests.reference.orders import ALL_OR_NONE, BOOK, NOWHERE, STOPS, Order, padded

TERMS = (
    "tick",
    "lot",
    "reference_price",
    "price_min",
    "price_max",
    "qty_max",
    "notional_max",
    "qty_min",
    "static_band",
    "dynamic_band",
    "volatility_ns",
    "maker_fee",
    "taker_fee",
    "auction_fee",
)

CALLS = (
    Phase.PRE_OPEN,
    Phase.OPENING_AUCTION,
    Phase.VOLATILITY_AUCTION,
    Phase.CLOSING_AUCTION,
)
AUCTIONS = CALLS[1:]


def trading_order(order: Order) -> tuple[int, int, bool, int]:
    """Market orders, price, displayed before hidden, time: the first trades first."""
    price = -order.price if order.side == Side.BUY else order.price
    return int(order.price != 0), price, order.hidden, order.priority


def trigger_order(order: Order) -> tuple[int, int]:
    """Of stops of one side: the first triggers first."""
    stop = order.stop_price if order.side == Side.BUY else -order.stop_price
    return stop, order.priority


def by_priority(order: Order) -> int:
    return order.priority


@dataclass(eq=False)
class Book:
    """One instrument. All lists of orders are in the order their name says."""

    terms: InstrumentCommand
    phase: int = int(Phase.CONTINUOUS)
    then: int = 0
    phase_reason: int = 0
    until: int = 0
    last_price: int = 0
    anchor_price: int = 0
    trailed_price: int = 0
    auction_due: int = 0
    auction_price: int = 0
    auction_volume: int = 0
    auction_imbalance: int = 0
    band_hit: bool = False
    """The next trade would leave the dynamic band: a volatility auction begins."""
    trades: int = 0
    traded_qty: int = 0
    bids: list[Order] = field(default_factory=list)
    asks: list[Order] = field(default_factory=list)
    buy_stops: list[Order] = field(default_factory=list)
    sell_stops: list[Order] = field(default_factory=list)
    parked: list[Order] = field(default_factory=list)

    # -- where orders are --------------------------------------------------------------

    def own(self, side: int) -> list[Order]:
        return self.bids if side == Side.BUY else self.asks

    def other(self, side: int) -> list[Order]:
        return self.asks if side == Side.BUY else self.bids

    def orders(self) -> list[Order]:
        """All there are."""
        return [
            *self.bids,
            *self.asks,
            *self.buy_stops,
            *self.sell_stops,
            *self.parked,
        ]

    def _list(self, order: Order, place: str) -> tuple[list[Order], Any]:
        """The list of that place an order belongs in, and its order."""
        if place == BOOK:
            return self.own(order.side), trading_order
        if place == STOPS:
            buy = order.side == Side.BUY
            return (self.buy_stops if buy else self.sell_stops), trigger_order
        return self.parked, by_priority

    def put(self, order: Order, place: str) -> None:
        orders, key = self._list(order, place)
        order.place = place
        insort(orders, order, key=key)

    def lift(self, order: Order) -> None:
        """Out of wherever it is."""
        if order.place != NOWHERE:
            self._list(order, order.place)[0].remove(order)
        order.place = NOWHERE

    def mass_order(self) -> list[Order]:
        """All orders, as a mass cancel takes them."""
        bids = sorted(
            self.bids, key=lambda o: (o.price == 0, o.price, o.hidden, o.priority)
        )
        stops = [
            order
            for queue in (self.buy_stops, self.sell_stops)
            for order in sorted(queue, key=lambda o: (o.stop_price, o.priority))
        ]
        return [*bids, *self.asks, *stops, *self.parked]

    # -- prices ------------------------------------------------------------------------

    def reaches(self, order: Order, price: int) -> bool:
        """Whether the order may trade at the price; one without a price always may."""
        if order.ord_type in (OrdType.MARKET, OrdType.STOP, OrdType.MARKET_TO_LIMIT):
            return True
        if order.side == Side.BUY:
            return price <= order.price
        return price >= order.price

    def next_maker(self, order: Order) -> Order | None:
        """Whom an order would trade with now."""
        for maker in self.other(order.side):
            if not self.reaches(order, maker.price):
                return None
            if not maker.has(ALL_OR_NONE) or maker.leaves <= order.leaves:
                return maker
        return None

    def outside_static(self, price: int) -> bool:
        return outside(price, self.anchor_price, self.terms.static_band)

    def outside_dynamic(self, price: int, last_price: int) -> bool:
        middle = last_price or self.anchor_price
        return outside(price, middle, self.terms.dynamic_band)

    # -- what it says ------------------------------------------------------------------

    def dump(self) -> tuple[Any, ...]:
        return (
            padded(self.terms.symbol, SYMBOL_BYTES),
            padded(self.terms.currency, CURRENCY_BYTES),
            tuple(getattr(self.terms, name) for name in TERMS),
            (
                self.phase,
                self.then,
                self.phase_reason,
                self.until,
                self.last_price,
                self.anchor_price,
                self.trailed_price,
                self.auction_due,
                self.auction_price,
                self.auction_volume,
                self.auction_imbalance,
            ),
            _levels(self.bids),
            _levels(self.asks),
            _stops(self.buy_stops),
            _stops(self.sell_stops),
            [order.dump() for order in self.parked],
        )

    def figures(self) -> InstrumentFigures:
        """As the shard counts: what is in the book, not what waits."""
        return InstrumentFigures(
            symbol=self.terms.symbol,
            phase=self.phase,
            trades=self.trades,
            traded_qty=self.traded_qty,
            bid_levels=len({order.price for order in self.bids}),
            ask_levels=len({order.price for order in self.asks}),
            bid_qty=sum(order.leaves for order in self.bids),
            ask_qty=sum(order.leaves for order in self.asks),
            orders=len(self.bids) + len(self.asks),
            stops=len(self.buy_stops) + len(self.sell_stops),
            parked=len(self.parked),
            then=self.then,
            phase_reason=self.phase_reason,
            until=self.until,
            last_price=self.last_price,
            anchor_price=self.anchor_price,
        )


def outside(price: int, middle: int, band: int) -> bool:
    """Whether a price is farther from the middle than ``band`` of 1e8 of it."""
    return bool(middle and band) and abs(price - middle) > middle * band // UNIT


def _levels(orders: Iterable[Order]) -> list[Any]:
    levels = []
    for price, group in groupby(orders, key=lambda order: order.price):
        level = list(group)
        levels.append(
            (
                price,
                sum(order.leaves for order in level),
                sum(order.shown for order in level),
                [order.dump() for order in level if not order.hidden],
                [order.dump() for order in level if order.hidden],
            )
        )
    return levels


def _stops(orders: Iterable[Order]) -> list[Any]:
    return [
        (price, [order.dump() for order in group])
        for price, group in groupby(orders, key=lambda order: order.stop_price)
    ]
