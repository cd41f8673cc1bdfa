"""Auctions: what was collected trades at one price, and before that what would.
Compiled.

Indicative prices are worked out when they are due and the book has changed since.
"""

import cython
from cython.cimports.engine.bands import static_range
from cython.cimports.engine.book import (
    BookSide,
    Instrument,
    Order,
    drop_empty,
)
from cython.cimports.engine.books import Books
from cython.cimports.engine.clearing import Indication, find_price, reference_of
from cython.cimports.engine.events import EventBuffer
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.phasetable import is_auction
from cython.cimports.engine.records import (
    EVENT_AUCTION,
    EVENT_CANCELLED,
    EVENT_EXPIRED,
    EXEC_ALL_OR_NONE,
    LIQUIDITY_AUCTION,
    ORD_TYPE_MARKET,
    REASON_AUCTION_ENDED,
    REASON_UNFILLED_REMAINDER,
    SIDE_BUY,
    SIDE_SELL,
    TIF_AT_THE_CLOSE,
    TIF_AT_THE_OPENING,
    TIF_GOOD_FOR_AUCTION,
    AuctionEvent,
)
from cython.cimports.engine.slots import SlotList
from cython.cimports.libc.stdint import int32_t, int64_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memcpy, memset

INDICATIVE_NS = cython.declare(int64_t, 1_000_000_000)
"""Between two indicative events of an instrument."""


@cython.final
@cython.cclass
class Auctions:
    """Uncrosses instruments, and tells what would trade."""

    def __cinit__(self, books: Books, events: EventBuffer, matching: Matching):
        self.books = books
        self.events = events
        self.matching = matching
        self.leaving = SlotList()
        self.touched = SlotList()
        self.worked = cython.NULL

    def __dealloc__(self):
        free(self.worked)

    # -- uncross -----------------------------------------------------------------------

    def uncross(self, index):
        """What was collected trades; what may not stay afterwards leaves the book."""
        terms = cython.address(self.books.instruments[index])
        found: Indication
        find_price(self.books.pool.orders, terms, cython.address(found))
        if found.volume != 0:
            self.trade(index, cython.address(found))
            terms.last_price = found.price
            terms.anchor_price = found.price
        if found.volume != 0 or terms.auction_due != 0:
            self.tell(index, cython.address(found), True)
        terms.auction_price = 0
        terms.auction_volume = 0
        terms.auction_imbalance = 0
        terms.auction_due = 0
        return self.dismiss(index)

    def trade(self, index, found):
        """The front of both sides trades, again and again, until the volume is used
        up."""
        terms = cython.address(self.books.instruments[index])
        left: int64_t = found.volume
        bid_place: int32_t = terms.bids.count - 1
        ask_place: int32_t = terms.asks.count - 1
        while left > 0:
            orders = self.books.pool.orders
            buy: int32_t = front(
                orders, cython.address(terms.bids), cython.address(bid_place)
            )
            sell: int32_t = front(
                orders, cython.address(terms.asks), cython.address(ask_place)
            )
            qty: int64_t = min(left, min(orders[buy].leaves, orders[sell].leaves))
            left -= qty
            self.matching.trade(
                buy, sell, found.price, qty, LIQUIDITY_AUCTION, LIQUIDITY_AUCTION
            )
        return 0

    def dismiss(self, index):
        """Market orders, and orders for this auction, leave the book by priority."""
        terms = cython.address(self.books.instruments[index])
        i: int64_t
        self.leaving.count = 0
        self.list_leaving(cython.address(terms.bids))
        self.list_leaving(cython.address(terms.asks))
        if self.leaving.count == 0:
            return 0
        self.leaving.sort()
        terms.bids.keeps = True
        terms.asks.keeps = True
        for i in range(self.leaving.count):
            slot: int32_t = self.leaving.rows[i].slot
            if self.books.pool.orders[slot].ord_type == ORD_TYPE_MARKET:
                self.matching.take_out(
                    cython.NULL, slot, EVENT_CANCELLED, REASON_UNFILLED_REMAINDER
                )
            else:
                self.matching.take_out(
                    cython.NULL, slot, EVENT_EXPIRED, REASON_AUCTION_ENDED
                )
        drop_empty(cython.address(terms.bids))
        drop_empty(cython.address(terms.asks))
        return 0

    def list_leaving(self, side):
        """Notes the orders of a side that may not stay after an auction."""
        place: int32_t
        for place in range(side.count):
            self.list_queue(side.levels[place].oldest)
            self.list_queue(side.levels[place].hidden_oldest)
        return 0

    def list_queue(self, slot):
        """The same of one queue, from ``slot`` on."""
        while slot >= 0:
            order = cython.address(self.books.pool.orders[slot])
            if (
                order.ord_type == ORD_TYPE_MARKET
                or order.time_in_force == TIF_AT_THE_OPENING
                or order.time_in_force == TIF_AT_THE_CLOSE
                or order.time_in_force == TIF_GOOD_FOR_AUCTION
            ):
                self.leaving.add(order.priority, slot)
            slot = order.newer
        return 0

    # -- indicative prices -------------------------------------------------------------

    def touch(self, index):
        """The book of an instrument in an auction has changed."""
        self.make_room(index)
        self.worked[index].fresh = False
        return self.touched.add(index, index)

    def publish(self):
        """At the end of a command: tells of the instruments it has touched."""
        i: int64_t
        self.touched.sort()
        for i in range(self.touched.count):
            self.indicate(self.touched.rows[i].slot)
        self.touched.count = 0
        return 0

    def due(self):
        """At the start of a batch: tells of all instruments."""
        index: int32_t
        self.touched.count = 0
        for index in range(self.books.count):
            self.indicate(index)
        return 0

    def indicate(self, index):
        """Event AUCTION if one is due and there is news."""
        terms = cython.address(self.books.instruments[index])
        if not is_auction(terms.phase) or terms.auction_due > self.events.time:
            return 0
        found = self.now(index)
        if not is_news(terms, found):
            return 0
        terms.auction_price = found.price
        terms.auction_volume = found.volume
        terms.auction_imbalance = found.surplus
        terms.auction_due = self.events.time + INDICATIVE_NS
        return self.tell(index, found, False)

    def next_due(self):
        """When the next indicative event falls due, 0 = none is to come."""
        index: int32_t
        earliest: int64_t = 0
        if self.running == 0:
            return 0
        for index in range(self.books.count):
            terms = cython.address(self.books.instruments[index])
            if not is_auction(terms.phase) or not is_news(terms, self.now(index)):
                continue
            due: int64_t = max(terms.auction_due, 1)
            if earliest == 0 or due < earliest:
                earliest = due
        return earliest

    def now(self, index):
        """What would trade now: as worked out before, if nothing has changed."""
        terms = cython.address(self.books.instruments[index])
        self.make_room(index)
        worked = cython.address(self.worked[index])
        reference: int64_t = reference_of(terms)
        low: int64_t
        high: int64_t
        static_range(terms, cython.address(low), cython.address(high))
        if (
            not worked.fresh
            or worked.reference != reference
            or worked.low != low
            or worked.high != high
            or worked.tick != terms.tick
        ):
            find_price(self.books.pool.orders, terms, cython.address(worked.indication))
            worked.reference = reference
            worked.low = low
            worked.high = high
            worked.tick = terms.tick
            worked.fresh = True
        return cython.address(worked.indication)

    def make_room(self, index):
        """For what was worked out of this instrument."""
        if index < self.capacity:
            return 0
        capacity: int32_t = self.books.capacity
        worked = cython.cast(
            cython.pointer(Worked),
            realloc(
                self.worked,
                cython.cast(cython.size_t, capacity) * cython.sizeof(Worked),
            ),
        )
        if worked == cython.NULL:
            raise MemoryError
        memset(
            cython.address(worked[self.capacity]),
            0,
            cython.cast(cython.size_t, capacity - self.capacity)
            * cython.sizeof(Worked),
        )
        self.worked = worked
        self.capacity = capacity
        return 0

    def tell(self, index, found, uncrossed):
        """Event AUCTION."""
        terms = cython.address(self.books.instruments[index])
        event = cython.cast(
            cython.pointer(AuctionEvent), self.events.add(EVENT_AUCTION)
        )
        event.phase = terms.phase
        event.uncrossed = uncrossed
        event.price = found.price
        event.volume = found.volume
        if found.surplus > 0:
            event.imbalance_side = SIDE_BUY
            event.imbalance_qty = found.surplus
        elif found.surplus < 0:
            event.imbalance_side = SIDE_SELL
            event.imbalance_qty = -found.surplus
        memcpy(event.symbol, terms.symbol, 24)
        return 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def is_news(
    terms: cython.pointer(cython.const[Instrument]),
    found: cython.pointer(cython.const[Indication]),
) -> cython.bint:
    """Whether this differs from what was last published."""
    return (
        found.price != terms.auction_price
        or found.volume != terms.auction_volume
        or found.surplus != terms.auction_imbalance
    )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def front(
    orders: cython.pointer(Order),
    side: cython.pointer(cython.const[BookSide]),
    place: cython.pointer(int32_t),
) -> int32_t:
    """The next order of a side to trade; ``place`` is its level, or a better one."""
    while True:
        if place[0] < side.count:
            level = cython.address(side.levels[place[0]])
            if level.oldest >= 0:
                return level.oldest
            slot: int32_t = level.hidden_oldest
            while slot >= 0 and orders[slot].exec_inst & EXEC_ALL_OR_NONE:
                slot = orders[slot].newer
            if slot >= 0:
                return slot
        place[0] -= 1
