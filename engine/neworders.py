"""New orders: checked, accepted, and sent where they belong. Section 3 of
``spec/matching.md``. Compiled.
"""

import cython
from cython.cimports.engine.book import (
    PLACE_BOOK,
    PLACE_NOWHERE,
    PLACE_PARKED,
    PLACE_STOPS,
    Instrument,
    Order,
    displayed,
)
from cython.cimports.engine.books import Books
from cython.cimports.engine.checks import Asked, check_new, fits_side
from cython.cimports.engine.combinations import is_for_auction
from cython.cimports.engine.entering import Entering
from cython.cimports.engine.events import EventBuffer, caused_by
from cython.cimports.engine.limits import Limits
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.neworders import (
    FNV_OFFSET,
    FNV_PRIME,
    FNV_PRIME_3,
    FNV_PRIME_9,
    WORD_0,
    WORD_1,
)
from cython.cimports.engine.orderids import OrderIds
from cython.cimports.engine.phasetable import is_call, is_on
from cython.cimports.engine.records import (
    EVENT_ACCEPTED,
    EVENT_REJECTED,
    EXEC_POST_ONLY,
    FLAG_REUSE_ID,
    ORD_TYPE_PEGGED,
    ORD_TYPE_STOP,
    ORD_TYPE_STOP_LIMIT,
    PHASE_CONTINUOUS,
    PHASE_POST_ONLY,
    REASON_NONE,
    REASON_OPEN_QTY_ABOVE_MAX,
    REASON_POST_ONLY_WOULD_TRADE,
    REASON_UNKNOWN_SYMBOL,
    TIF_GTD,
)
from cython.cimports.engine.timers import Timers
from cython.cimports.libc.stdint import int32_t, uint8_t, uint16_t, uint64_t
from cython.cimports.libc.string import memcpy


@cython.final
@cython.cclass
class NewOrders:
    """What becomes of NewOrderSingle(D)."""

    def __cinit__(
        self,
        books: Books,
        ids: OrderIds,
        events: EventBuffer,
        limits: Limits,
        matching: Matching,
        entering: Entering,
        timers: Timers,
    ):
        self.books = books
        self.ids = ids
        self.events = events
        self.limits = limits
        self.matching = matching
        self.entering = entering
        self.timers = timers

    def accept(self, command):
        asked: Asked
        instrument: int32_t
        slot: int32_t
        reason: uint16_t = self.ids.may_use(command)
        if reason == REASON_NONE:
            instrument = self.books.find(command.symbol)
            reason = self.check(command, instrument, cython.address(asked))
            if reason != REASON_NONE:
                self.ids.use(command, self.events.command_seq, -1)
        if reason != REASON_NONE:
            self.events.add_refusal(command, EVENT_REJECTED, reason)
            return -1
        slot = self.make(command, instrument, cython.address(asked))
        self.put(slot, command)
        return instrument

    def check(self, command, instrument, asked):
        """From 3.2 on: a reason, or NONE."""
        reason: uint16_t
        if instrument < 0:
            return REASON_UNKNOWN_SYMBOL
        terms = cython.address(self.books.instruments[instrument])
        if self.limits.count:
            reason = self.limits.check_rate(command)
            if reason != REASON_NONE:
                return reason
        reason = check_new(command, terms, self.events.time, asked)
        if reason != REASON_NONE:
            return reason
        if not fits_side(terms, command.side, command.qty):
            return REASON_OPEN_QTY_ABOVE_MAX
        if self.limits.count:
            reason = self.limits.check_new(
                command, terms, asked.price, asked.stop_price
            )
            if reason != REASON_NONE:
                return reason
        must_not: cython.bint = terms.phase == PHASE_POST_ONLY or (
            terms.phase == PHASE_CONTINUOUS and asked.exec_inst & EXEC_POST_ONLY
        )
        if must_not and self.entering.would_trade(
            terms, asked.side, asked.price, asked.qty
        ):
            return REASON_POST_ONLY_WOULD_TRADE
        return REASON_NONE

    def make(self, command, instrument, asked):
        """The order in its slot, with its place to be; event ACCEPTED."""
        slot: int32_t = self.books.pool.take()
        order = cython.address(self.books.pool.orders[slot])
        terms = cython.address(self.books.instruments[instrument])
        order.order_id = self.events.identifier(self.events.command_seq)
        order.session = command.session
        order.source = command.source
        order.flags = command.flags
        order.instrument = instrument
        order.side = asked.side
        order.ord_type = asked.ord_type
        order.time_in_force = asked.time_in_force
        order.exec_inst = asked.exec_inst
        order.stp = command.stp
        order.price = asked.price
        order.qty = asked.qty
        order.leaves = asked.qty
        order.stop_price = asked.stop_price
        order.display_qty = asked.display_qty
        order.min_qty = asked.min_qty
        order.peg_offset = asked.peg_offset
        order.expire_time = asked.expire_time
        order.priority = self.events.next_priority()
        if not command.flags & FLAG_REUSE_ID:
            order.content = digest(command)
        memcpy(order.cl_ord_id, command.cl_ord_id, 36)
        memcpy(order.account, command.account, 24)
        memcpy(order.stp_id, command.stp_id, 12)
        self.ids.use(command, 0, slot)
        if self.limits.count:
            self.limits.assign(order)
            self.limits.opened(order)
        if asked.time_in_force == TIF_GTD:
            self.timers.add(slot)
        order.place = first_place(order, terms)
        if order.place == PLACE_BOOK or order.place == PLACE_NOWHERE:
            order.shown = displayed(order)
        event = self.events.add_of(EVENT_ACCEPTED, order, terms)
        caused_by(event, command)
        return slot

    def put(self, slot, command):
        """Lets an accepted order go where ``place`` says."""
        if self.books.pool.orders[slot].place == PLACE_NOWHERE:
            return self.entering.enter(slot, command)
        return self.matching.place(slot)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def first_place(
    order: cython.pointer(cython.const[Order]),
    terms: cython.pointer(cython.const[Instrument]),
) -> uint8_t:
    """Where an accepted order goes; PLACE_NOWHERE: it enters."""
    if order.ord_type == ORD_TYPE_STOP or order.ord_type == ORD_TYPE_STOP_LIMIT:
        return PLACE_STOPS
    if order.ord_type == ORD_TYPE_PEGGED:
        return PLACE_PARKED
    if is_for_auction(order.time_in_force):
        if is_call(terms.phase) and is_on(terms.phase, order.time_in_force):
            return PLACE_BOOK
        return PLACE_PARKED
    if is_call(terms.phase):
        return PLACE_BOOK
    return PLACE_NOWHERE


def digest(command):
    """FNV-1a of what a new order asks for, by words of 64 bits; never 0.

    A word that does not count is taken as zero and so only multiplies: a run of them is
    one multiplication by a power of the prime.
    """
    words: cython.pointer(cython.const[uint64_t]) = cython.cast(
        cython.pointer(cython.const[uint64_t]), command
    )
    h: uint64_t = FNV_OFFSET
    i: cython.int
    h = (h ^ (words[0] & WORD_0)) * FNV_PRIME
    h = (h ^ (words[1] & WORD_1)) * FNV_PRIME
    h = h * FNV_PRIME_3  # session, msg_seq_num, receive_time
    for i in range(5, 12):
        h = (h ^ words[i]) * FNV_PRIME
    h = h * FNV_PRIME_9  # cl_ord_id, orig_cl_ord_id
    for i in range(21, 29):
        h = (h ^ words[i]) * FNV_PRIME
    return h if h != 0 else 1
