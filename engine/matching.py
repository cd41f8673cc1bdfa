"""What happens to single orders: into a queue, out of it, a fill, the end. Compiled.

Every effect on an order is an event. When something enters and trades is in
:mod:`engine.entering`; here is how.
"""

import cython
from cython.cimports.engine.book import (
    PLACE_BOOK,
    PLACE_NOWHERE,
    PLACE_PARKED,
    PLACE_STOPS,
    BookSide,
    Instrument,
    Order,
    displayed,
    find_level,
    int128,
    is_hidden,
    join_kin,
    key_of,
    leave_kin,
    leave_queue,
    queue_up,
    reduce_level,
    requeue,
    rest,
    unlink,
)
from cython.cimports.engine.books import Books
from cython.cimports.engine.events import EventBuffer, caused_by
from cython.cimports.engine.fees import fee_of
from cython.cimports.engine.limits import Limits
from cython.cimports.engine.orderids import OrderIds
from cython.cimports.engine.records import (
    EVENT_CANCELLED,
    EVENT_EXPIRED,
    EVENT_FILLED,
    EVENT_RESTATED,
    EXEC_ALL_OR_NONE,
    EXEC_TRAILING,
    LIQUIDITY_ADDED,
    LIQUIDITY_AUCTION,
    ORD_TYPE_PEGGED,
    SIDE_BUY,
    STATUS_CANCELED,
    STATUS_EXPIRED,
    STATUS_FILLED,
)
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint16_t, uint64_t
from cython.cimports.libc.string import memcpy


@cython.final
@cython.cclass
class Matching:
    """The moves of an order between its places, with their events."""

    def __cinit__(
        self, books: Books, ids: OrderIds, events: EventBuffer, limits: Limits
    ):
        self.books = books
        self.ids = ids
        self.events = events
        self.limits = limits

    def side_of(self, order):
        """Where an order lies that is in the book or waits as a stop."""
        terms: cython.pointer(Instrument) = cython.address(
            self.books.instruments[order.instrument]
        )
        if order.place == PLACE_STOPS:
            if order.side == SIDE_BUY:
                return cython.address(terms.buy_stops)
            return cython.address(terms.sell_stops)
        if order.side == SIDE_BUY:
            return cython.address(terms.bids)
        return cython.address(terms.asks)

    def level_of(self, order):
        """The place of its level there."""
        return find_level(self.side_of(order), place_key(order))

    def place(self, slot):
        orders: cython.pointer(Order) = self.books.pool.orders
        order: cython.pointer(Order) = cython.address(orders[slot])
        terms: cython.pointer(Instrument) = cython.address(
            self.books.instruments[order.instrument]
        )
        if order.place == PLACE_BOOK:
            order.shown = displayed(order)
            order.min_qty = 0
            if order.exec_inst & EXEC_ALL_OR_NONE:
                terms.whole += 1
        else:
            order.shown = 0
        if order.place == PLACE_PARKED:
            queue_up(orders, cython.address(terms.parked), slot)
            park_qty(terms, order, order.leaves)
        else:
            rest(orders, self.side_of(order), slot, place_key(order))
            if order.place == PLACE_STOPS and order.exec_inst & EXEC_TRAILING:
                join_kin(orders, cython.address(terms.trailers), slot)
        if order.ord_type == ORD_TYPE_PEGGED:
            join_kin(orders, cython.address(terms.pegs), slot)
            terms.pegs_set = False
        return 0

    def lift(self, slot):
        orders: cython.pointer(Order) = self.books.pool.orders
        order: cython.pointer(Order) = cython.address(orders[slot])
        terms: cython.pointer(Instrument) = cython.address(
            self.books.instruments[order.instrument]
        )
        side: cython.pointer(BookSide)
        if order.place == PLACE_PARKED:
            leave_queue(orders, cython.address(terms.parked), slot)
            park_qty(terms, order, -order.leaves)
        else:
            side = self.side_of(order)
            unlink(orders, side, find_level(side, place_key(order)), slot)
            if order.place == PLACE_STOPS and order.exec_inst & EXEC_TRAILING:
                leave_kin(orders, cython.address(terms.trailers), slot)
            if order.exec_inst & EXEC_ALL_OR_NONE:
                terms.whole -= 1
        if order.ord_type == ORD_TYPE_PEGGED:
            leave_kin(orders, cython.address(terms.pegs), slot)
        order.place = PLACE_NOWHERE

    def move(self, slot, where, reason):
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        self.lift(slot)
        order.priority = self.events.next_priority()
        order.place = where
        order.shown = displayed(order) if where == PLACE_BOOK else 0
        self.restate(slot, reason)
        return self.place(slot)

    def restate(self, slot, reason):
        """RESTATED: the exchange has changed an order by itself."""
        event = self.events.add_of(
            EVENT_RESTATED,
            cython.address(self.books.pool.orders[slot]),
            self.books.terms_of(slot),
        )
        event.reason = cython.cast(uint16_t, reason)
        return 0

    def take_out(self, command, slot, kind, reason):
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        left: int64_t = order.leaves
        status: uint8_t = STATUS_EXPIRED if kind == EVENT_EXPIRED else STATUS_CANCELED
        self.lift(slot)
        order.leaves = 0
        order.shown = 0
        event = self.events.add_of(kind, order, self.books.terms_of(slot))
        event.reason = cython.cast(uint16_t, reason)
        event.ord_status = status
        event.last_qty = left
        if command != cython.NULL:
            caused_by(event, command)
            memcpy(event.orig_cl_ord_id, order.cl_ord_id, 36)
            memcpy(event.cl_ord_id, command.cl_ord_id, 36)
        return self.end(slot, status, left)

    def drop(self, command, slot, reason):
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        left: int64_t = order.leaves
        order.leaves = 0
        order.shown = 0
        event = self.events.add_of(EVENT_CANCELLED, order, self.books.terms_of(slot))
        event.reason = cython.cast(uint16_t, reason)
        event.ord_status = STATUS_CANCELED
        event.last_qty = left
        if command != cython.NULL:
            caused_by(event, command)
        return self.end(slot, STATUS_CANCELED, left)

    def bury(self, slot, status):
        return self.end(slot, status, 0)

    def end(self, slot, status, left):
        """Frees the slot of an order that is nowhere and ended with ``left`` open."""
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        if self.limits.count:
            self.limits.closed(order, left)
        self.ids.bury(order, status)
        self.books.pool.give_back(slot)
        return 0

    def trade(self, first, second, price, qty, first_liquidity, second_liquidity):
        one: cython.pointer(Order) = cython.address(self.books.pool.orders[first])
        other: cython.pointer(Order) = cython.address(self.books.pool.orders[second])
        terms: cython.pointer(Instrument) = self.books.terms_of(first)
        trade_id: uint64_t = self.fill(
            first, qty, price, first_liquidity, other.order_id, 0
        )
        self.fill(second, qty, price, second_liquidity, one.order_id, trade_id)
        terms.last_price = price
        terms.trades += 1
        terms.traded_qty += qty
        if one.leaves == 0 and one.place == PLACE_BOOK:
            self.lift(first)
            self.end(first, STATUS_FILLED, 0)
        if other.leaves == 0 and other.place == PLACE_BOOK:
            self.lift(second)
            self.end(second, STATUS_FILLED, 0)
        return 0

    def fill(self, slot, qty, price, liquidity, contra_id, trade_id):
        """One FILLED; the trade's number, its own where ``trade_id`` is 0."""
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        terms: cython.pointer(Instrument) = self.books.terms_of(slot)
        rate: int64_t = terms.taker_fee
        order.cum += qty
        order.notional += cython.cast(int128, price) * qty
        if order.place == PLACE_BOOK:
            self.shrink(slot, qty, qty, liquidity != LIQUIDITY_AUCTION)
        else:
            order.leaves -= qty
            order.shown = displayed(order)
        if order.account[0]:
            self.limits.filled(order, qty)
        event = self.events.add_of(EVENT_FILLED, order, terms)
        if trade_id == 0:
            trade_id = self.events.identifier(event.seq)
        event.liquidity = liquidity
        event.contra_order_id = contra_id
        event.trade_id = trade_id
        event.last_price = price
        event.last_qty = qty
        if liquidity == LIQUIDITY_ADDED:
            rate = terms.maker_fee
        elif liquidity == LIQUIDITY_AUCTION:
            rate = terms.auction_fee
        if rate:
            event.fee = fee_of(price, qty, rate)
        return trade_id

    def shrink(self, slot, qty, shown, refill):
        """Takes ``qty`` off an order in the book that keeps its place. An iceberg loses
        up to ``shown`` of what it displays; when that is used up it displays the next
        part from the end of its queue if ``refill``, else from where it is."""
        orders: cython.pointer(Order) = self.books.pool.orders
        order: cython.pointer(Order) = cython.address(orders[slot])
        side: cython.pointer(BookSide) = self.side_of(order)
        place: int32_t = find_level(side, place_key(order))
        before: int64_t = order.shown
        order.leaves -= qty
        if order.display_qty == 0 or not refill or is_hidden(order):
            order.shown = displayed(order)
        else:
            order.shown -= min(shown, before)
            if order.shown > order.leaves:
                order.shown = order.leaves
            if order.shown == 0 and order.leaves > 0:
                order.shown = displayed(order)
                order.priority = self.events.next_priority()
                requeue(orders, cython.address(side.levels[place]), slot)
        reduce_level(side, place, order, qty, before - order.shown)
        return 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def place_key(order: cython.pointer(cython.const[Order])) -> int64_t:
    """The sort key of an order where it is, in the book or as a stop."""
    if order.place == PLACE_STOPS:
        return -key_of(order.side, order.stop_price)
    return key_of(order.side, order.price)


def park_qty(terms, order, qty):
    """Notes what more or less waits in the parked queue."""
    if order.side == SIDE_BUY:
        terms.parked_buy_qty += qty
    else:
        terms.parked_sell_qty += qty
