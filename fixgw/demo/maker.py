"""A market maker: quotes on both sides of every instrument, around the fair price.

Pure: the clock, the prices and what the exchange said come in, actions go out. It
quotes in slots, LEVELS on each side; a slot has one order at most. It leans against
what it has taken: with every purchase its quotes go down, with every sale up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from fixgw.demo.actions import Action, Change, Place, Side, Withdraw
from fixgw.demo.blotter import Blotter, Kind, OwnOrder, Report
from fixgw.demo.prices import Prices
from fixgw.demo.terms import Terms

LEVELS = 8
"""Quotes on each side: enough for a book to look at."""

VISITS_PER_10_STEPS = 8
"""Of 24 instruments each is looked after every three seconds of the market's time."""

LEAN_LEVELS_MAX = 8
"""Quotes never move by more than so many levels for what was taken."""

THIN_PARTS = 4
"""A quote of less than this part of an ordinary size is filled up again."""

PATIENCE_S = 15.0
"""Longer without an answer than any restart takes: the request is lost."""

PAUSE_S = 2.0
"""After a refusal an instrument is left alone: it may be halted, or its shard away."""

UNDER_WAY_MAX = 400
"""Requests without an answer; beyond it nothing new is asked for."""


@dataclass(slots=True)
class _Book:
    """What the maker has in one instrument."""

    terms: Terms
    taken: int = 0
    """Bought less sold, in units of 1e-8."""
    slots: dict[tuple[Side, int], OwnOrder] = field(default_factory=dict)
    paused_until: float = 0.0


class MarketMaker:
    """Quotes ``instruments``. ``new_id`` makes ClOrdIDs nobody used before."""

    def __init__(
        self,
        instruments: Sequence[Terms],
        prices: Prices,
        seed: int,
        new_id: Callable[[], str],
    ) -> None:
        self.blotter = Blotter()
        self._prices = prices
        self._random = Random(f"{seed} maker")
        self._new_id = new_id
        self._books = {terms.symbol: _Book(terms) for terms in instruments}
        self._turn = list(self._books)
        self._next = 0
        self._visits_due = 0
        self._strays: list[OwnOrder] = []  # left over from a life before

    # -- what happened -----------------------------------------------------------------

    def on_report(self, report: Report, now: float) -> None:
        """The exchange has said something about an order."""
        order = self.blotter.told(report, now)
        book = self._books.get(order.symbol) if order is not None else None
        if order is None or book is None:
            return
        if report.kind is Kind.FILLED:
            signed = report.last_qty if order.side is Side.BUY else -report.last_qty
            book.taken += signed
        elif report.kind in (Kind.REJECTED, Kind.REFUSED):
            book.paused_until = now + PAUSE_S

    # -- what to do --------------------------------------------------------------------

    def act(self, now: float, steps: int) -> list[Action]:
        """Look after the instruments whose turn has come in so many steps."""
        actions = self._tidy(now)
        self._visits_due += steps * VISITS_PER_10_STEPS
        visits, self._visits_due = divmod(self._visits_due, 10)
        for _ in range(min(visits, len(self._turn))):
            book = self._books[self._turn[self._next]]
            self._next = (self._next + 1) % len(self._turn)
            if self._next == 0:
                self._random.shuffle(self._turn)
            if self.blotter.under_way < UNDER_WAY_MAX and now >= book.paused_until:
                actions += self._visit(book, now)
        return actions

    def withdraw_all(self, now: float) -> list[Action]:
        """Cancel everything that is open and not asked about already."""
        orders = [o for o in self.blotter.orders.values() if o.request is None]
        return [self._withdraw(order, now) for order in orders]

    def _tidy(self, now: float) -> list[Action]:
        """Deal with lost requests, and with orders that belong to no slot."""
        actions: list[Action] = []
        for order in self.blotter.overdue(now, PATIENCE_S):
            actions.append(self._withdraw(order, now))
        ours = {id(o) for book in self._books.values() for o in book.slots.values()}
        orders = self.blotter.orders.values()
        self._strays = [order for order in orders if id(order) not in ours]
        for order in self._strays:
            book = self._books.get(order.symbol)
            paused = book is not None and now < book.paused_until
            if order.request is None and not paused:
                actions.append(self._withdraw(order, now))
        return actions

    def _visit(self, book: _Book, now: float) -> list[Action]:
        for slot, order in list(book.slots.items()):
            if self.blotter.orders.get(order.cl_ord_id) is not order:
                del book.slots[slot]
        targets = self._targets(book)
        actions: list[Action] = []
        # The side that goes away from the other first, so that the other finds room.
        rising = targets[Side.BUY, 0] > self._best(book, Side.BUY)
        sides = (Side.SELL, Side.BUY) if rising else (Side.BUY, Side.SELL)
        for side in sides:
            for level in range(LEVELS):
                action = self._settle(book, side, level, targets[side, level], now)
                if action is not None:
                    actions.append(action)
        return actions

    def _targets(self, book: _Book) -> dict[tuple[Side, int], int]:
        """Where each slot should quote, in ticks."""
        terms = book.terms
        half = terms.half_spread
        lean = book.taken * half // (4 * terms.size)
        lean = min(max(lean, -LEAN_LEVELS_MAX * half), LEAN_LEVELS_MAX * half)
        middle = self._prices.fair(terms.symbol) - lean
        targets = {}
        for level in range(LEVELS):
            away = half * (level + 1)
            targets[Side.BUY, level] = terms.clamped(middle - away)
            targets[Side.SELL, level] = terms.clamped(middle + away)
        return targets

    def _best(self, book: _Book, side: Side) -> int:
        """The best price it may quote on a side, in ticks; 0 without one."""
        prices = self._quoted(book, side)
        if not prices:
            return 0
        best = max(prices) if side is Side.BUY else min(prices)
        return best // book.terms.tick

    def _quoted(self, book: _Book, side: Side) -> list[int]:
        symbol = book.terms.symbol
        strays = (order for order in self._strays if order.symbol == symbol)
        orders = (*book.slots.values(), *strays)
        return [price for o in orders if o.side is side for price in o.prices()]

    def _crosses(self, book: _Book, side: Side, price: int) -> bool:
        """Whether a price would trade with one of its own quotes."""
        others = self._quoted(book, side.other)
        if side is Side.BUY:
            return any(price >= other for other in others)
        return any(price <= other for other in others)

    def _settle(
        self, book: _Book, side: Side, level: int, ticks: int, now: float
    ) -> Action | None:
        """Bring one slot nearer to where it should be."""
        terms, price = book.terms, book.terms.price(ticks)
        if self._crosses(book, side, price):
            return None
        order = book.slots.get((side, level))
        if order is None:
            qty = terms.quantity(self._random.randint(4, 12) * (level + 2), 16)
            place = Place(self._new_id(), terms.symbol, side, qty, price)
            made = self.blotter.asked(place, now)
            assert made is not None
            book.slots[side, level] = made
            return place
        if order.request is not None:
            return None
        # The deeper a quote, the longer it may stay behind: books are calm there.
        away = abs(order.price // terms.tick - ticks)
        far = away * 2 >= terms.half_spread * (level + 1)
        thin = order.leaves * THIN_PARTS < terms.size
        if not far and not thin:
            return None
        wanted = terms.quantity(self._random.randint(4, 12) * (level + 2), 16)
        total = order.filled + wanted
        if total > terms.size_max:
            return self._withdraw(order, now)
        change = Change(
            order.cl_ord_id, self._new_id(), terms.symbol, side, total, price
        )
        self.blotter.asked(change, now)
        return change

    def _withdraw(self, order: OwnOrder, now: float) -> Action:
        withdraw = Withdraw(order.cl_ord_id, self._new_id(), order.symbol, order.side)
        self.blotter.asked(withdraw, now)
        return withdraw
