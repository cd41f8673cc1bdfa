"""What happens between orders: trades, resting, leaving the book. Compiled."""

import cython
from cython.cimports.engine.book import (
    BookSide,
    Order,
    find_level,
    int128,
    rest,
    unlink,
)
from cython.cimports.engine.books import Books, key_of
from cython.cimports.engine.events import EventBuffer, caused_by
from cython.cimports.engine.orderids import OrderIds
from cython.cimports.engine.records import (
    EVENT_CANCELLED,
    EVENT_EXPIRED,
    EVENT_FILLED,
    LIQUIDITY_ADDED,
    LIQUIDITY_REMOVED,
    ORD_TYPE_LIMIT,
    ORD_TYPE_MARKET,
    REASON_END_OF_DAY,
    REASON_UNFILLED_REMAINDER,
    STATUS_CANCELED,
    STATUS_EXPIRED,
    STATUS_FILLED,
    TIF_DAY,
    TIF_IOC,
)
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint16_t, uint64_t
from cython.cimports.libc.string import memcpy


@cython.final
@cython.cclass
class Matching:
    """Price-time priority over the books; every effect on an order is an event."""

    def __cinit__(self, books: Books, ids: OrderIds, events: EventBuffer):
        self.books = books
        self.ids = ids
        self.events = events

    def enter(self, slot, command):
        """An order that rests nowhere trades; what is left rests or is cancelled."""
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        left: int64_t
        self.match(slot)
        left = order.leaves
        if left == 0:
            return self.bury(slot, STATUS_FILLED)
        if order.ord_type == ORD_TYPE_MARKET or order.time_in_force == TIF_IOC:
            order.leaves = 0
            event = self.events.add_of(
                EVENT_CANCELLED, order, self.books.terms_of(slot)
            )
            event.reason = REASON_UNFILLED_REMAINDER
            event.ord_status = STATUS_CANCELED
            event.last_qty = left
            caused_by(event, command)
            return self.bury(slot, STATUS_CANCELED)
        return rest(
            self.books.pool.orders,
            self.books.own_side(slot),
            slot,
            key_of(order.side, order.price),
        )

    def match(self, slot):
        """Trades the order in ``slot`` as far as it goes."""
        taker: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        side: cython.pointer(BookSide) = self.books.other_side(slot)
        limit: int64_t = -key_of(taker.side, taker.price)
        while taker.leaves > 0 and side.count > 0:
            level = cython.address(side.levels[side.count - 1])
            if taker.ord_type == ORD_TYPE_LIMIT and level.key < limit:
                break
            self.trade(level.oldest, slot)
        return 0

    def trade(self, maker, taker):
        """One trade at the maker's price; a filled maker leaves the book."""
        side: cython.pointer(BookSide) = self.books.other_side(taker)
        resting: cython.pointer(Order) = cython.address(self.books.pool.orders[maker])
        coming: cython.pointer(Order) = cython.address(self.books.pool.orders[taker])
        qty: int64_t = min(resting.leaves, coming.leaves)
        price: int64_t = resting.price
        value: int128 = cython.cast(int128, price) * qty
        trade_id: uint64_t
        side.levels[side.count - 1].qty -= qty
        side.open_qty -= qty
        resting.leaves -= qty
        resting.cum += qty
        resting.notional += value
        coming.leaves -= qty
        coming.cum += qty
        coming.notional += value
        terms = self.books.terms_of(taker)
        terms.trades += 1
        terms.traded_qty += qty
        event = self.events.add_of(EVENT_FILLED, resting, terms)
        trade_id = self.events.identifier(event.seq)
        event.liquidity = LIQUIDITY_ADDED
        event.contra_order_id = coming.order_id
        event.trade_id = trade_id
        event.last_price = price
        event.last_qty = qty
        event = self.events.add_of(EVENT_FILLED, coming, terms)
        event.liquidity = LIQUIDITY_REMOVED
        event.contra_order_id = resting.order_id
        event.trade_id = trade_id
        event.last_price = price
        event.last_qty = qty
        if resting.leaves == 0:
            unlink(self.books.pool.orders, side, side.count - 1, maker)
            self.bury(maker, STATUS_FILLED)
        return 0

    def take_out(self, command, slot, kind, reason):
        """Takes a resting order out of its book. ``command`` is NULL when nobody of its
        session asked for it."""
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        side: cython.pointer(BookSide) = self.books.own_side(slot)
        left: int64_t = order.leaves
        unlink(
            self.books.pool.orders,
            side,
            find_level(side, key_of(order.side, order.price)),
            slot,
        )
        order.leaves = 0
        event = self.events.add_of(kind, order, self.books.terms_of(slot))
        event.reason = cython.cast(uint16_t, reason)
        status: uint8_t = STATUS_EXPIRED if kind == EVENT_EXPIRED else STATUS_CANCELED
        event.ord_status = status
        event.last_qty = left
        if command != cython.NULL:
            caused_by(event, command)
            memcpy(event.orig_cl_ord_id, order.cl_ord_id, 36)
            memcpy(event.cl_ord_id, command.cl_ord_id, 36)
        return self.bury(slot, status)

    def expire_day(self):
        """Expires DAY orders: instruments in order of definition, bids before asks,
        price ascending, oldest first."""
        i: int32_t
        place: int32_t
        count: int32_t
        side: cython.pointer(BookSide)
        for i in range(self.books.count):
            side = cython.address(self.books.instruments[i].bids)
            place = 0
            while place < side.count:
                count = side.count
                self.expire_level(side, place)
                if side.count == count:
                    place += 1
            side = cython.address(self.books.instruments[i].asks)
            place = side.count - 1
            while place >= 0:
                self.expire_level(side, place)
                place -= 1
        return 0

    def expire_level(self, side, place):
        """Expires the DAY orders of one level, oldest first."""
        slot: int32_t = side.levels[place].oldest
        newer: int32_t
        while slot >= 0:
            newer = self.books.pool.orders[slot].newer
            if self.books.pool.orders[slot].time_in_force == TIF_DAY:
                self.take_out(cython.NULL, slot, EVENT_EXPIRED, REASON_END_OF_DAY)
            slot = newer
        return 0

    def bury(self, slot, status):
        """Frees the slot of an order that is in no book any more."""
        self.ids.bury(cython.address(self.books.pool.orders[slot]), status)
        self.books.pool.give_back(slot)
        return 0
