"""Cancels and replaces of single orders, section 10 of ``spec/matching.md``.
Compiled.
"""

import cython
from cython.cimports.engine.book import (
    PLACE_BOOK,
    PLACE_NOWHERE,
    PLACE_PARKED,
    Order,
    displayed,
    reduce_level,
)
from cython.cimports.engine.books import Books
from cython.cimports.engine.checks import (
    ORDER_QTY_MAX,
    Asked,
    check_replace,
    check_same_order,
    fits_side,
)
from cython.cimports.engine.entering import Entering
from cython.cimports.engine.events import EventBuffer, caused_by
from cython.cimports.engine.limits import Limits
from cython.cimports.engine.matching import Matching, park_qty
from cython.cimports.engine.orderids import OrderIds
from cython.cimports.engine.phasetable import is_call, phase_reason_replace
from cython.cimports.engine.records import (
    EVENT_CANCEL_REJECTED,
    EVENT_CANCELLED,
    EVENT_REPLACE_REJECTED,
    EVENT_REPLACED,
    EXEC_POST_ONLY,
    FLAG_QTY_IS_LEAVES,
    FLAG_REUSE_ID,
    ORD_TYPE_PEGGED,
    PHASE_CONTINUOUS,
    PHASE_POST_ONLY,
    REASON_CANCELLED_BY_EXCHANGE,
    REASON_NONE,
    REASON_OPEN_QTY_ABOVE_MAX,
    REASON_POST_ONLY_WOULD_TRADE,
    REASON_REPLACED_BELOW_CUM_QTY,
    REASON_REQUESTED,
    TIF_GTD,
    OrderEvent,
)
from cython.cimports.engine.timers import Timers
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint16_t
from cython.cimports.libc.string import memcmp, memcpy


@cython.final
@cython.cclass
class Replaces:
    """What becomes of requests that name an order."""

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

    def cancel(self, command):
        reason: uint16_t = self.ids.may_use(command)
        slot: int32_t = -1
        instrument: int32_t
        if reason == REASON_NONE:
            slot = self.find_order(command, cython.address(reason))
            self.ids.use(command, self.events.command_seq, -1)
        if reason != REASON_NONE:
            self.refuse(command, EVENT_CANCEL_REJECTED, reason)
            return -1
        instrument = self.books.pool.orders[slot].instrument
        self.matching.take_out(command, slot, EVENT_CANCELLED, REASON_REQUESTED)
        return instrument

    def cancel_unsolicited(self, command):
        """An event if the order lives, else nothing."""
        reason: uint16_t = REASON_NONE
        slot: int32_t = self.find_order(command, cython.address(reason))
        instrument: int32_t
        if reason != REASON_NONE:
            return -1
        instrument = self.books.pool.orders[slot].instrument
        self.matching.take_out(
            cython.NULL, slot, EVENT_CANCELLED, REASON_CANCELLED_BY_EXCHANGE
        )
        return instrument

    def replace(self, command):
        asked: Asked
        reason: uint16_t = self.ids.may_use(command)
        slot: int32_t
        instrument: int32_t
        leaves: int64_t = command.qty
        order: cython.pointer(Order)
        if reason == REASON_NONE:
            slot = self.find_order(command, cython.address(reason))
            if reason == REASON_NONE:
                order = cython.address(self.books.pool.orders[slot])
                if not command.flags & FLAG_QTY_IS_LEAVES:
                    leaves -= order.cum
                reason = self.check(command, slot, leaves, cython.address(asked))
            if reason == REASON_NONE:
                instrument = order.instrument
                self.change(command, slot, leaves, cython.address(asked))
                return instrument
            self.ids.use(command, self.events.command_seq, -1)
        self.refuse(command, EVENT_REPLACE_REJECTED, reason)
        return -1

    def check(self, command, slot, leaves, asked):
        """From BLOCKED on: a reason, or NONE."""
        reason: uint16_t = REASON_NONE
        order = cython.address(self.books.pool.orders[slot])
        terms = self.books.terms_of(slot)
        if self.limits.count:
            reason = self.limits.check_rate_of(order)
        if reason == REASON_NONE and terms.phase != PHASE_CONTINUOUS:
            reason = phase_reason_replace(terms.phase)
        if reason == REASON_NONE:
            reason = check_replace(
                command, order, terms, self.events.time, leaves, asked
            )
        if reason != REASON_NONE or leaves <= 0:
            return reason
        if leaves > ORDER_QTY_MAX - order.cum or not fits_side(
            terms, order.side, leaves - order.leaves
        ):
            return REASON_OPEN_QTY_ABOVE_MAX
        if self.limits.count:
            reason = self.limits.check_replace(
                order, asked.qty, leaves, asked.price, asked.stop_price
            )
        if reason == REASON_NONE and self.would_trade(slot, leaves, asked):
            reason = REASON_POST_ONLY_WOULD_TRADE
        return reason

    def would_trade(self, slot, leaves, asked):
        """Whether something that must not trade would enter and do so."""
        order = cython.address(self.books.pool.orders[slot])
        terms = self.books.terms_of(slot)
        must_not: cython.bint = terms.phase == PHASE_POST_ONLY or (
            terms.phase == PHASE_CONTINUOUS and order.exec_inst & EXEC_POST_ONLY
        )
        if not must_not or order.place != PLACE_BOOK:
            return False
        return not keeps_place(order, leaves, asked) and self.entering.would_trade(
            terms, order.side, asked.price, leaves
        )

    def change(self, command, slot, leaves, asked):
        """A good replace of the order in ``slot``, of which ``leaves`` stay open."""
        order = cython.address(self.books.pool.orders[slot])
        place: uint8_t = order.place
        old_id: cython.uchar[36]
        stays: cython.bint
        if leaves <= 0:
            return self.end_by_replace(command, slot)
        self.ids.use(command, 0, slot)
        stays = keeps_place(order, leaves, asked)
        if self.limits.count:
            self.limits.resized(order, leaves - order.leaves)
        if stays:
            self.resize(slot, leaves, asked)
        else:
            self.matching.lift(slot)
            order.leaves = leaves
        memcpy(old_id, order.cl_ord_id, 36)
        if memcmp(old_id, command.cl_ord_id, 36) != 0:
            order.replaced = 1
        memcpy(order.cl_ord_id, command.cl_ord_id, 36)
        order.qty = order.cum + leaves
        order.time_in_force = asked.time_in_force
        order.display_qty = asked.display_qty
        order.stop_price = asked.stop_price
        order.peg_offset = asked.peg_offset
        if asked.time_in_force == TIF_GTD and asked.expire_time != order.expire_time:
            order.expire_time = asked.expire_time
            self.timers.add(slot)
        order.expire_time = asked.expire_time
        if not stays:
            order.price = asked.price
            order.priority = self.events.next_priority()
            if order.ord_type == ORD_TYPE_PEGGED:
                place = PLACE_PARKED
            elif place == PLACE_BOOK and not is_call(self.books.terms_of(slot).phase):
                place = PLACE_NOWHERE
            order.place = place
            order.shown = 0
            if place in (PLACE_BOOK, PLACE_NOWHERE):
                order.shown = displayed(order)
        event = self.events.add_of(EVENT_REPLACED, order, self.books.terms_of(slot))
        caused_by(event, command)
        memcpy(event.orig_cl_ord_id, old_id, 36)
        if stays:
            return 0
        if place == PLACE_NOWHERE:
            return self.entering.enter(slot, command)
        return self.matching.place(slot)

    def end_by_replace(self, command, slot):
        """A replace to no more than has been filled."""
        if not command.flags & FLAG_REUSE_ID:
            self.ids.use(command, 0, slot)
            self.books.pool.orders[slot].replaced = 1
        return self.matching.take_out(
            command, slot, EVENT_CANCELLED, REASON_REPLACED_BELOW_CUM_QTY
        )

    def resize(self, slot, leaves, asked):
        """Fewer open of an order that keeps its place."""
        order = cython.address(self.books.pool.orders[slot])
        less: int64_t = order.leaves - leaves
        shown: int64_t = order.shown
        if order.place == PLACE_PARKED:
            park_qty(self.books.terms_of(slot), order, -less)
            order.leaves = leaves
            return 0
        order.leaves = leaves
        if order.place == PLACE_BOOK:
            if asked.display_qty == 0:
                order.shown = displayed(order)
            else:
                order.shown = min(shown, leaves, asked.display_qty)
        reduce_level(
            self.matching.side_of(order),
            self.matching.level_of(order),
            order,
            less,
            shown - order.shown,
        )
        return 0

    def find_order(self, command, reason):
        """The slot of the live order a cancel or replace means, or -1 and why not."""
        slot: int32_t = self.ids.find_live(
            command.session, command.orig_cl_ord_id, reason
        )
        if slot >= 0:
            reason[0] = check_same_order(
                command,
                cython.address(self.books.pool.orders[slot]),
                self.books.terms_of(slot),
            )
        return slot

    def refuse(self, command, kind, reason):
        """A refused cancel or replace: the event shows the order as it still is."""
        ignored: uint16_t = 0
        slot: int32_t = self.ids.find_live(
            command.session, command.orig_cl_ord_id, cython.address(ignored)
        )
        event: cython.pointer(OrderEvent)
        if slot < 0:
            event = self.events.add_refusal(command, kind, reason)
            event.order_id = self.ids.find_number(command)
            status: uint8_t = self.ids.final_status(command)
            if status:
                event.ord_status = status
            return 0
        event = self.events.add_of(
            kind,
            cython.address(self.books.pool.orders[slot]),
            self.books.terms_of(slot),
        )
        event.reason = reason
        memcpy(event.cl_ord_id, command.cl_ord_id, 36)
        memcpy(event.orig_cl_ord_id, command.orig_cl_ord_id, 36)
        caused_by(event, command)
        return 0


def keeps_place(order, leaves, asked):
    """Whether a replaced order stays where it is. A pegged order's price is the
    market's; what can be asked for is its limit."""
    if order.ord_type != ORD_TYPE_PEGGED and asked.price != order.price:
        return False
    return (
        asked.stop_price == order.stop_price
        and asked.peg_offset == order.peg_offset
        and leaves <= order.leaves
        and asked.display_qty <= order.display_qty
    )
