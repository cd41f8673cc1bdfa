"""Pegged orders follow the book: step 3 of section 5 of ``spec/matching.md``. Compiled.

They follow only what is displayed and not itself pegged, so one pass gives every one of
them its price, and the next pass is worth it only when those best prices have changed
or a pegged order has come.
"""

import cython
from cython.cimports.engine.book import (
    PLACE_NOWHERE,
    PLACE_PARKED,
    BookSide,
    Instrument,
    Order,
    displayed,
)
from cython.cimports.engine.books import Books
from cython.cimports.engine.entering import Entering
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.records import (
    EXEC_PEG_PRIMARY,
    REASON_PARKED,
    REASON_REPEGGED,
    SIDE_BUY,
)
from cython.cimports.libc.stdint import int32_t, int64_t, uint64_t


@cython.final
@cython.cclass
class Pegs:
    """The pegged orders of all instruments."""

    def __cinit__(self, books: Books, matching: Matching, entering: Entering):
        self.books = books
        self.matching = matching
        self.entering = entering

    def reprice(self, instrument):
        terms: cython.pointer(Instrument) = cython.address(
            self.books.instruments[instrument]
        )
        orders: cython.pointer(Order) = self.books.pool.orders
        bid: int64_t = best_fixed(cython.address(terms.bids))
        ask: int64_t = -best_fixed(cython.address(terms.asks))
        slot: int32_t = terms.pegs.oldest
        after: int32_t
        price: int64_t
        newest: uint64_t = self.matching.events.priority
        if terms.pegs_set and bid == terms.pegs_bid and ask == terms.pegs_ask:
            return False
        terms.pegs_bid = bid
        terms.pegs_ask = ask
        terms.pegs_set = False
        while terms.pegs.count and slot >= 0 and orders[slot].priority <= newest:
            after = orders[slot].kin_newer
            price = self.price_of(terms, cython.address(orders[slot]))
            if price != orders[slot].price and self.give_price(slot, price):
                return True
            slot = after
        terms.pegs_set = True
        return False

    def give_price(self, slot, price):
        """Moves a pegged order to another price, 0 = none; whether anything more than
        that happened."""
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        events: uint64_t
        self.matching.lift(slot)
        order.price = price
        order.priority = self.matching.events.next_priority()
        if price == 0:
            order.place = PLACE_PARKED
            order.shown = 0
            self.matching.restate(slot, REASON_PARKED)
            self.matching.place(slot)
            return False
        order.place = PLACE_NOWHERE
        order.shown = displayed(order)
        self.matching.restate(slot, REASON_REPEGGED)
        events = self.matching.events.seq
        terms = self.books.terms_of(slot)
        self.entering.enter(slot, cython.NULL)
        return self.matching.events.seq != events or terms.band_hit != 0

    def price_of(self, terms, order):
        """The price a pegged order should have by the best prices, 0 = none."""
        price: int64_t
        if order.exec_inst & EXEC_PEG_PRIMARY:
            price = terms.pegs_bid if order.side == SIDE_BUY else terms.pegs_ask
            if price == 0:
                return 0
            price += order.peg_offset
        else:
            if terms.pegs_bid == 0 or terms.pegs_ask == 0:
                return 0
            price = terms.pegs_bid + terms.pegs_ask
            if order.side != SIDE_BUY:
                price += 2 * terms.tick - 1
            price = price // (2 * terms.tick) * terms.tick
        if order.stop_price:
            if order.side == SIDE_BUY:
                price = min(price, order.stop_price)
            else:
                price = max(price, order.stop_price)
        return max(price, 0)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def best_fixed(side: cython.pointer(cython.const[BookSide])) -> int64_t:
    """The key of the best level that displays an order that is not pegged, or 0."""
    place: int32_t
    for place in range(side.count - 1, -1, -1):
        if side.levels[place].fixed:
            return side.levels[place].key
    return 0
