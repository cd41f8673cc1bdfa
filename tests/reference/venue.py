"""The state of the reference exchange, and the few things that happen to any order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.codes import EventKind, OrdStatus, Reason, Scope, Side
from tests.reference.book import Book
from tests.reference.events import Events
from tests.reference.orders import BOOK, Order

REMEMBERED_MAX = 16_384
"""How many ended orders are remembered as they were."""


@dataclass(eq=False)
class Name:
    """A used ClOrdID(11): the order it named, if any, and whether it may be reused."""

    order: Order | None
    reusable: bool


@dataclass(eq=False)
class Limits:
    """What a session or an account may do; 0 = unlimited."""

    order_qty_max: int = 0
    notional_max: int = 0
    open_orders_max: int = 0
    rate_max: int = 0
    position_max: int = 0
    blocked: int = 0
    tat: int = 0


Owner = tuple[int, int, str]
"""Scope, session or 0, account or nothing."""


def of_session(session: int) -> Owner:
    return int(Scope.SESSION), session, ""


def of_account(account: str) -> Owner:
    return int(Scope.ACCOUNT), 0, account


class Venue:
    """Everything a later command could depend on."""

    def __init__(self, shard_id: int) -> None:
        self.events = Events(shard_id)
        self.day = 0
        self.duplicates = 0
        self.priority = 0
        self.books: dict[str, Book] = {}
        self.live: dict[int, Order] = {}
        self.ended: list[tuple[Order, Any]] = []
        """Those remembered, oldest first, each as it was."""
        self.names: dict[tuple[int, str], Name] = {}
        self.numbers: dict[int, tuple[int, int]] = {}
        self.limits: dict[Owner, Limits] = {}
        self.positions: dict[tuple[str, str], int] = {}
        self.deadlines: dict[tuple[int, int], tuple[int, int, int]] = {}
        """Session and reason: deadline, flags, source."""
        self.changed: set[tuple[int, int]] = set()
        self.touched: list[Book] = []
        """Books that the command at hand has changed."""

    @property
    def now(self) -> int:
        return self.events.time

    def touch(self, book: Book) -> None:
        if book not in self.touched:
            self.touched.append(book)

    def in_order(self, books: list[Book]) -> list[Book]:
        """By definition."""
        return [book for book in self.books.values() if book in books]

    def book_of(self, order: Order) -> Book:
        return self.books[order.symbol]

    # -- an order's place --------------------------------------------------------------

    def to_the_end(self, order: Order) -> None:
        """It gives up its place in time."""
        self.priority += 1
        order.priority = self.priority

    def put(self, order: Order, place: str) -> None:
        """At the end of its queue, if its priority is the newest."""
        if place == BOOK:
            order.display_next()
            order.min_qty = 0
        self.book_of(order).put(order, place)

    def move(self, order: Order, place: str, reason: Reason) -> None:
        """To the end of another queue, or of its own, and says so."""
        self.book_of(order).lift(order)
        self.to_the_end(order)
        order.display_next()
        order.place = place
        self.events.tell(EventKind.RESTATED, order, reason=reason)
        self.put(order, place)

    # -- its end -----------------------------------------------------------------------

    def end(
        self,
        order: Order,
        kind: EventKind,
        reason: Reason,
        command: Any = None,
        **values: Any,
    ) -> None:
        """An order ends with something open."""
        self.book_of(order).lift(order)
        left, order.leaves = order.leaves, 0
        expired = kind == EventKind.EXPIRED
        order.ended = int(OrdStatus.EXPIRED if expired else OrdStatus.CANCELED)
        told = {"last_qty": left, **values}
        self.events.tell(kind, order, command, reason=reason, **told)
        self.bury(order)

    def bury(self, order: Order) -> None:
        """What is left to do when an order is done."""
        del self.live[order.order_id]
        for text in order.names:
            self.forget_name(order, text)
        if order.content:  # did not come under REUSE_ID
            order.remembered = True
            self.ended.append((order, (order.dump(), int(order.status))))
            if len(self.ended) > REMEMBERED_MAX:
                self.ended.pop(0)[0].remembered = False

    def forget_name(self, order: Order, text: str) -> None:
        """A name the order no longer needs: free at once if it was marked REUSE_ID."""
        name = self.names.get((order.session, text))
        if name and name.order is order and name.reusable:
            del self.names[order.session, text]

    # -- a trade -----------------------------------------------------------------------

    def fill(self, order: Order, price: int, qty: int) -> None:
        """The order's figures and its owner's position."""
        order.leaves -= qty
        order.cum += qty
        order.notional += price * qty
        if order.account:
            key = (order.account, order.symbol)
            signed = qty if order.side == Side.BUY else -qty
            self.positions[key] = self.positions.get(key, 0) + signed

    # -- sums --------------------------------------------------------------------------

    def open_orders(self, owner: Owner) -> int:
        scope, session, account = owner
        if scope == Scope.SESSION:
            return sum(order.session == session for order in self.live.values())
        return sum(order.account == account for order in self.live.values())
