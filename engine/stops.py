"""Stops that wait: trailing and triggering, section 5 of ``spec/matching.md``.
Compiled.

A stop's level is keyed so that the next to trigger is the last level of its side.
"""

import cython
from cython.cimports.engine.book import (
    PLACE_NOWHERE,
    PLACE_STOPS,
    Instrument,
    Order,
    displayed,
)
from cython.cimports.engine.books import Books
from cython.cimports.engine.entering import Entering
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.records import (
    EVENT_TRIGGERED,
    REASON_TRAILED,
    SIDE_SELL,
)
from cython.cimports.libc.stdint import int32_t, int64_t, uint64_t


@cython.final
@cython.cclass
class Stops:
    """The stops of all instruments."""

    def __cinit__(self, books: Books, matching: Matching, entering: Entering):
        self.books = books
        self.matching = matching
        self.entering = entering

    def trail(self, instrument):
        """Lets every trailing stop follow the last price, in the order of priority."""
        terms: cython.pointer(Instrument) = cython.address(
            self.books.instruments[instrument]
        )
        orders: cython.pointer(Order) = self.books.pool.orders
        slot: int32_t = terms.trailers.oldest
        after: int32_t
        wanted: int64_t
        newest: uint64_t = self.matching.events.priority
        terms.trailed_price = terms.last_price
        while terms.trailers.count and slot >= 0 and orders[slot].priority <= newest:
            order = cython.address(orders[slot])
            after = order.kin_newer
            if order.side == SIDE_SELL:
                wanted = max(order.stop_price, terms.last_price - order.peg_offset)
            else:
                wanted = min(order.stop_price, terms.last_price + order.peg_offset)
            if wanted != order.stop_price:
                self.matching.lift(slot)
                order.stop_price = wanted
                order.priority = self.matching.events.next_priority()
                order.place = PLACE_STOPS
                self.matching.restate(slot, REASON_TRAILED)
                self.matching.place(slot)
            slot = after
        return 0

    def trigger_next(self, instrument):
        """Triggers the next stop whose condition holds; whether there was one."""
        slot: int32_t = self.next_stop(
            cython.address(self.books.instruments[instrument])
        )
        if slot < 0:
            return False
        order = cython.address(self.books.pool.orders[slot])
        self.matching.lift(slot)
        order.triggered = 1
        order.priority = self.matching.events.next_priority()
        order.place = PLACE_NOWHERE
        order.shown = displayed(order)
        self.matching.events.add_of(EVENT_TRIGGERED, order, self.books.terms_of(slot))
        self.entering.enter(slot, cython.NULL)
        return True

    def next_stop(self, terms):
        """The stop that triggers first at the last price, or -1."""
        orders: cython.pointer(Order) = self.books.pool.orders
        buy: int32_t = -1
        sell: int32_t = -1
        if terms.last_price == 0:
            return -1
        if terms.buy_stops.count:
            level = cython.address(terms.buy_stops.levels[terms.buy_stops.count - 1])
            if terms.last_price >= -level.key:
                buy = level.oldest
        if terms.sell_stops.count:
            level = cython.address(terms.sell_stops.levels[terms.sell_stops.count - 1])
            if terms.last_price <= level.key:
                sell = level.oldest
        if buy < 0 or (sell >= 0 and orders[sell].priority < orders[buy].priority):
            return sell
        return buy
