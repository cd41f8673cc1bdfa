"""The things the reference exchange is made of: orders, queues, books, used names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from sortedcontainers import SortedDict

from engine.figures import InstrumentFigures, OpenOrder
from engine.records import (
    ACCOUNT_BYTES,
    CL_ORD_ID_BYTES,
    CURRENCY_BYTES,
    PRICE_MAX,
    QTY_MAX,
    SYMBOL_BYTES,
    UNIT,
    InstrumentCommand,
    InstrumentStatus,
    OrderCommand,
    OrdStatus,
    OrdType,
    Reason,
    Side,
)

TERMS = (
    "tick",
    "lot",
    "reference_price",
    "price_min",
    "price_max",
    "qty_max",
    "notional_max",
)


def padded(text: str, size: int) -> bytes:
    return text.encode("ascii").ljust(size, b"\0")


@dataclass(eq=False)
class Order:
    """An order, live while ``leaves`` is above zero."""

    order_id: int
    session: int
    source: int
    flags: int
    symbol: str
    side: int
    ord_type: int
    time_in_force: int
    price: int
    qty: int
    leaves: int
    cl_ord_id: str
    account: str
    cum: int = 0
    notional: int = 0
    ended: int = 0
    """OrdStatus(39) it ended with, 0 for a live or a filled order."""
    names: list[str] = field(default_factory=list)
    """Every ClOrdID(11) the order has had that is still noted."""

    @property
    def final_status(self) -> int:
        """OrdStatus(39) of an order that is no longer live, else 0."""
        if self.leaves:
            return 0
        return self.ended or OrdStatus.FILLED

    @property
    def avg_price(self) -> int:
        if not self.cum:
            return 0
        return floor(Fraction(self.notional, self.cum) + Fraction(1, 2))

    def listed(self) -> OpenOrder:
        return OpenOrder(
            order_id=self.order_id,
            session=self.session,
            source=self.source,
            symbol=self.symbol,
            side=self.side,
            ord_type=self.ord_type,
            time_in_force=self.time_in_force,
            price=self.price,
            qty=self.qty,
            leaves_qty=self.leaves,
            cum_qty=self.cum,
            avg_price=self.avg_price,
            cl_ord_id=self.cl_ord_id,
            account=self.account,
        )

    @property
    def status(self) -> int:
        if not self.leaves:
            return OrdStatus.FILLED
        return OrdStatus.PARTIALLY_FILLED if self.cum else OrdStatus.NEW


@dataclass(eq=False)
class Name:
    """A used ClOrdID(11): the order it named, if any, and whether it may be reused."""

    order: Order | None
    reusable: bool


class Queues:
    """One side of a book: for each price the orders there, oldest first."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.levels: SortedDict = SortedDict()

    def prices(self) -> list[int]:
        """All prices, best first."""
        return sorted(self.levels, reverse=self.side == Side.BUY)

    def orders(self) -> Iterator[Order]:
        """All orders, price ascending, oldest first."""
        for price in list(self.levels):
            yield from list(self.levels[price])

    def open_qty(self) -> int:
        return sum(order.leaves for order in self.orders())

    def best(self) -> Order | None:
        """The order that is next to trade."""
        if not self.levels:
            return None
        oldest: Order = self.levels.peekitem(-1 if self.side == Side.BUY else 0)[1][0]
        return oldest

    def add(self, order: Order) -> None:
        self.levels.setdefault(order.price, []).append(order)

    def remove(self, order: Order) -> None:
        queue = self.levels[order.price]
        queue.remove(order)
        if not queue:
            del self.levels[order.price]

    def dump(self) -> list[Any]:
        """Best price first: (price, quantity, orders) of each level."""
        return [
            (
                price,
                sum(order.leaves for order in self.levels[price]),
                [
                    (
                        order.order_id,
                        order.session,
                        order.source,
                        order.flags,
                        order.side,
                        order.ord_type,
                        order.time_in_force,
                        order.price,
                        order.qty,
                        order.leaves,
                        order.cum,
                        order.notional >> 64,
                        order.notional % 2**64,
                        padded(order.cl_ord_id, CL_ORD_ID_BYTES),
                        padded(order.account, ACCOUNT_BYTES),
                    )
                    for order in self.levels[price]
                ],
            )
            for price in self.prices()
        ]


@dataclass(eq=False)
class Book:
    """An instrument's terms, what has happened in it, and its two sides."""

    terms: InstrumentCommand
    status: int = InstrumentStatus.TRADING
    trades: int = 0
    traded_qty: int = 0
    bids: Queues = field(default_factory=lambda: Queues(Side.BUY))
    asks: Queues = field(default_factory=lambda: Queues(Side.SELL))

    def dump(self) -> tuple[Any, ...]:
        """As in the state; a status is only said when it is out of the ordinary."""
        terms = tuple(getattr(self.terms, name) for name in TERMS)
        if self.status != InstrumentStatus.TRADING:
            terms = (*terms, self.status)
        return (
            padded(self.terms.symbol, SYMBOL_BYTES),
            padded(self.terms.currency, CURRENCY_BYTES),
            terms,
            self.bids.dump(),
            self.asks.dump(),
        )

    def figures(self) -> InstrumentFigures:
        orders = [*self.bids.orders(), *self.asks.orders()]
        return InstrumentFigures(
            symbol=self.terms.symbol,
            status=self.status,
            trades=self.trades,
            traded_qty=self.traded_qty,
            bid_levels=len(self.bids.prices()),
            ask_levels=len(self.asks.prices()),
            bid_qty=self.bids.open_qty(),
            ask_qty=self.asks.open_qty(),
            orders=len(orders),
        )

    def own(self, side: int) -> Queues:
        return self.bids if side == Side.BUY else self.asks

    def other(self, side: int) -> Queues:
        return self.asks if side == Side.BUY else self.bids


def check_terms(command: OrderCommand, terms: InstrumentCommand, kind: int) -> Reason:
    """Quantity and price of an order of type ``kind`` against its instrument."""
    qty, price = command.qty, command.price
    checks = [
        (qty <= 0, Reason.QTY_NOT_POSITIVE),
        (qty % terms.lot != 0, Reason.QTY_OFF_LOT),
        (qty > terms.qty_max, Reason.QTY_ABOVE_MAX),
        (qty > QTY_MAX, Reason.QTY_ABOVE_MAX),
    ]
    if kind == OrdType.LIMIT:
        value = Fraction(price, UNIT) * Fraction(qty, UNIT)
        limit = Fraction(terms.notional_max, UNIT)
        checks += [
            (price <= 0, Reason.PRICE_NOT_POSITIVE),
            (price % terms.tick != 0, Reason.PRICE_OFF_TICK),
            (price < terms.price_min, Reason.PRICE_BELOW_MIN),
            (price > terms.price_max, Reason.PRICE_ABOVE_MAX),
            (price > PRICE_MAX, Reason.PRICE_ABOVE_MAX),
            (limit != 0 and value > limit, Reason.NOTIONAL_ABOVE_MAX),
        ]
    return next((reason for wrong, reason in checks if wrong), Reason.NONE)
