"""What is done to many orders at once: mass cancel, mass status, blocks, the end of
the day. Compiled.

All walk the books in one order (:meth:`MassActions.walk`): instruments in order of
definition; bids, levels by ascending key, the displayed queue before the hidden one;
asks, levels by descending key; waiting buy stops and sell stops, the lowest stop price
first; the parked queue. The orders that fit are listed first, then dealt with, so that
none is missed and their number is known.

A walk looks at all open orders of the instruments it is about. What is asked for one
session or account of all instruments looks at the places of all orders instead, one
after the other as they lie in memory, and sorts what it finds: the same order, since
queues are in the order of priority, and some ten times as fast.
"""

import cython
from cython.cimports.engine.book import (
    PLACE_BOOK,
    PLACE_STOPS,
    Order,
    drop_empty,
    is_hidden,
    key_of,
)
from cython.cimports.engine.books import Books
from cython.cimports.engine.events import EventBuffer
from cython.cimports.engine.limits import Limits
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.phases import Phases
from cython.cimports.engine.records import (
    EVENT_BLOCKED_SET,
    EVENT_CANCELLED,
    EVENT_EXPIRED,
    EVENT_MASS_CANCELLED,
    EVENT_MASS_STATUS_DONE,
    EVENT_STATUS,
    FLAG_KEEP_GTC,
    REASON_BLOCKED,
    REASON_END_OF_DAY,
    SCOPE_ACCOUNT,
    SIDE_BUY,
    SIDE_SELL,
    TIF_AT_THE_CLOSE,
    TIF_AT_THE_OPENING,
    TIF_DAY,
    TIF_GOOD_FOR_AUCTION,
    TIF_GTC,
    TIF_GTD,
    BlockEvent,
)
from cython.cimports.engine.slots import SlotList
from cython.cimports.libc.stdint import int32_t, int64_t, uint32_t, uint64_t
from cython.cimports.libc.string import memcmp, memcpy, memset

SPARSE = cython.declare(int32_t, 8)
"""With fewer orders than one in this many places the books are walked instead."""

PART_BIDS = cython.declare(uint64_t, 0)
PART_ASKS = cython.declare(uint64_t, 1)
PART_BUY_STOPS = cython.declare(uint64_t, 2)
PART_SELL_STOPS = cython.declare(uint64_t, 3)
PART_PARKED = cython.declare(uint64_t, 4)
PARTS = cython.declare(uint64_t, 5)
"""The parts of an instrument in the order of the walk."""


@cython.final
@cython.cclass
class MassActions:
    """Finds the orders a command is about, and deals with them in order."""

    def __cinit__(
        self,
        books: Books,
        events: EventBuffer,
        matching: Matching,
        phases: Phases,
        limits: Limits,
    ):
        self.books = books
        self.events = events
        self.matching = matching
        self.phases = phases
        self.limits = limits
        self.found = SlotList()
        self.touched = SlotList()

    # -- commands ----------------------------------------------------------------------

    def cancel(self, command):
        """MASS_CANCEL: CANCELLED for each order, MASS_CANCELLED for a request."""
        wanted: Wanted
        self.read(command, cython.address(wanted))
        wanted.keep_gtc = (command.flags & FLAG_KEEP_GTC) != 0
        self.find(cython.address(wanted), command.symbol)
        self.end_found(EVENT_CANCELLED, command.reason)
        if command.request_id[0] != 0:
            self.answer(command, EVENT_MASS_CANCELLED)
        return self.finish()

    def status(self, command):
        """MASS_STATUS: STATUS of each order, MASS_STATUS_DONE for the whole."""
        wanted: Wanted
        i: int64_t
        self.read(command, cython.address(wanted))
        self.find(cython.address(wanted), command.symbol)
        for i in range(self.found.count):
            slot: int32_t = self.found.rows[i].slot
            event = self.events.add_of(
                EVENT_STATUS,
                cython.address(self.books.pool.orders[slot]),
                self.books.terms_of(slot),
            )
            memcpy(event.orig_cl_ord_id, command.request_id, 36)
            event.count = cython.cast(uint32_t, self.found.count)
            event.index = cython.cast(uint32_t, i + 1)
            event.fan_out = command.fan_out
        return self.answer(command, EVENT_MASS_STATUS_DONE)

    def block(self, command):
        """SET_BLOCKED: event BLOCKED_SET, before it all orders are cancelled if it is a
        block."""
        wanted: Wanted
        owner = self.limits.owner_of(command.scope, command.session, command.account)
        owner.blocked = command.blocked
        self.found.count = 0
        if command.blocked:
            memset(cython.address(wanted), 0, cython.sizeof(Wanted))
            if command.scope == SCOPE_ACCOUNT:
                memcpy(wanted.account, command.account, 24)
            else:
                wanted.session = command.session
            if owner.open_orders:
                self.find(cython.address(wanted), cython.NULL)
            self.end_found(EVENT_CANCELLED, REASON_BLOCKED)
        event = cython.cast(
            cython.pointer(BlockEvent), self.events.add(EVENT_BLOCKED_SET)
        )
        event.scope = command.scope
        event.blocked = command.blocked
        event.count = cython.cast(uint32_t, self.found.count)
        event.owner = owner.session
        memcpy(event.account, owner.account, 24)
        return self.finish()

    def expire_day(self):
        """END_OF_DAY: what is for the day, or for an auction of it, expires."""
        wanted: Wanted
        memset(cython.address(wanted), 0, cython.sizeof(Wanted))
        wanted.day_only = True
        self.find(cython.address(wanted), cython.NULL)
        self.end_found(EVENT_EXPIRED, REASON_END_OF_DAY)
        return self.finish()

    def cancel_session(self, session, reason, flags):
        """A deadline has passed: all orders of a session."""
        wanted: Wanted
        memset(cython.address(wanted), 0, cython.sizeof(Wanted))
        wanted.session = session
        wanted.keep_gtc = (flags & FLAG_KEEP_GTC) != 0
        self.find(cython.address(wanted), cython.NULL)
        self.end_found(EVENT_CANCELLED, reason)
        return self.finish()

    # -- parts of them -----------------------------------------------------------------

    def read(self, command, wanted):
        """What a mass command is about."""
        memset(wanted, 0, cython.sizeof(Wanted))
        wanted.session = command.session
        wanted.side = command.side
        memcpy(wanted.account, command.account, 24)
        return 0

    def end_found(self, kind, reason):
        """Takes out the orders that were found, and notes their instruments."""
        i: int64_t
        last: int32_t = -1
        self.touched.count = 0
        for i in range(self.found.count):
            slot: int32_t = self.found.rows[i].slot
            index: int32_t = self.books.pool.orders[slot].instrument
            if index != last:
                self.touched.add(index, index)
                self.keep_levels(index, True)
            last = index
            self.matching.take_out(cython.NULL, slot, kind, reason)
        for i in range(self.touched.count):
            self.keep_levels(self.touched.rows[i].slot, False)
        return 0

    def keep_levels(self, index, keeps):
        """Emptied levels of an instrument stay for now, or go all at once."""
        terms = cython.address(self.books.instruments[index])
        if keeps:
            terms.bids.keeps = True
            terms.asks.keeps = True
            terms.buy_stops.keeps = True
            terms.sell_stops.keeps = True
        else:
            drop_empty(cython.address(terms.bids))
            drop_empty(cython.address(terms.asks))
            drop_empty(cython.address(terms.buy_stops))
            drop_empty(cython.address(terms.sell_stops))

    def finish(self):
        """Settles the instruments that lost orders, in order of definition."""
        i: int64_t
        for i in range(self.touched.count):
            self.phases.finish(self.touched.rows[i].slot)
        self.touched.count = 0
        return 0

    def answer(self, command, kind):
        """The event that ends a mass request."""
        event = self.events.add(kind)
        event.side = command.side
        event.flags = command.flags
        event.source = command.source
        event.session_epoch = command.session_epoch
        event.session = command.session
        event.msg_seq_num = command.msg_seq_num
        event.count = cython.cast(uint32_t, self.found.count)
        event.fan_out = command.fan_out
        memcpy(event.cl_ord_id, command.request_id, 36)
        memcpy(event.account, command.account, 24)
        memcpy(event.symbol, command.symbol, 24)
        return 0

    # -- the walk ----------------------------------------------------------------------

    def find(self, wanted, symbol):
        """Lists the open orders that fit, of one instrument, or of all without a
        symbol."""
        index: int32_t
        self.found.count = 0
        if symbol != cython.NULL and symbol[0] != 0:
            index = self.books.find(symbol)
            return self.walk(wanted, index) if index >= 0 else 0
        if (wanted.session != 0 or wanted.account[0] != 0) and (
            self.books.pool.live > self.books.pool.capacity / SPARSE
        ):
            return self.scan(wanted)
        for index in range(self.books.count):
            self.walk(wanted, index)
        return 0

    def scan(self, wanted):
        """The same of all instruments, from the places of all orders."""
        slot: int32_t
        part: uint64_t
        key: int64_t
        rank: uint64_t
        for slot in range(self.books.pool.capacity):
            order = cython.address(self.books.pool.orders[slot])
            if order.order_id == 0 or not fits(wanted, order):
                continue
            rank = order.priority
            if order.place == PLACE_BOOK:
                part = PART_BIDS if order.side == SIDE_BUY else PART_ASKS
                # A market order is the best: the last bid, the first ask.
                key = order.price
                if part == PART_BIDS:
                    key = key_of(SIDE_BUY, order.price)
                if is_hidden(order):
                    rank |= cython.cast(uint64_t, 1) << 63
            elif order.place == PLACE_STOPS:
                part = PART_BUY_STOPS if order.side == SIDE_BUY else PART_SELL_STOPS
                key = order.stop_price
            else:
                part = PART_PARKED
                key = 0
            part += cython.cast(uint64_t, order.instrument) * PARTS
            self.found.add_to(part, key, rank, slot)
        self.found.sort()
        return 0

    def walk(self, wanted, index):
        """The same of one instrument, in the one order of all mass actions."""
        terms = cython.address(self.books.instruments[index])
        if wanted.side != SIDE_SELL:
            self.walk_up(wanted, cython.address(terms.bids))
        if wanted.side != SIDE_BUY:
            self.walk_down(wanted, cython.address(terms.asks))
        if wanted.side != SIDE_SELL:
            # The key of a buy's level is minus its stop price.
            self.walk_down(wanted, cython.address(terms.buy_stops))
        if wanted.side != SIDE_BUY:
            self.walk_up(wanted, cython.address(terms.sell_stops))
        return self.walk_queue(wanted, terms.parked.oldest)

    def walk_up(self, wanted, side):
        """Levels by ascending key."""
        place: int32_t
        for place in range(side.count):
            self.walk_queue(wanted, side.levels[place].oldest)
            self.walk_queue(wanted, side.levels[place].hidden_oldest)
        return 0

    def walk_down(self, wanted, side):
        """Levels by descending key."""
        place: int32_t
        for place in range(side.count - 1, -1, -1):
            self.walk_queue(wanted, side.levels[place].oldest)
            self.walk_queue(wanted, side.levels[place].hidden_oldest)
        return 0

    def walk_queue(self, wanted, slot):
        """The orders of one queue that fit, from ``slot`` on."""
        while slot >= 0:
            order = cython.address(self.books.pool.orders[slot])
            if fits(wanted, order):
                self.found.add(self.found.count, slot)
            slot = order.newer
        return 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def fits(
    wanted: cython.pointer(cython.const[Wanted]),
    order: cython.pointer(cython.const[Order]),
) -> cython.bint:
    """Whether an order is one of those that are wanted."""
    if wanted.session != 0 and order.session != wanted.session:
        return False
    if wanted.side != 0 and order.side != wanted.side:
        return False
    if wanted.account[0] != 0 and memcmp(order.account, wanted.account, 24) != 0:
        return False
    if wanted.keep_gtc and (
        order.time_in_force == TIF_GTC or order.time_in_force == TIF_GTD
    ):
        return False
    return not wanted.day_only or (
        order.time_in_force == TIF_DAY
        or order.time_in_force == TIF_AT_THE_OPENING
        or order.time_in_force == TIF_AT_THE_CLOSE
        or order.time_in_force == TIF_GOOD_FOR_AUCTION
    )
