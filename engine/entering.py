"""An order comes to the book: it trades, and what is left rests or is cancelled.
Compiled.

Section 3 of ``spec/matching.md``, "Entering". The orders of the other side are walked
from the best level; in a level the displayed queue first, whose head always trades,
then the hidden one, where an all-or-none order that is too large is passed over. What
has been passed over stays so, since an entering order only gets smaller.
"""

import cython
from cython.cimports.engine.bands import outside_dynamic
from cython.cimports.engine.book import (
    NOT_DISPLAYED,
    PLACE_BOOK,
    BookSide,
    Instrument,
    Level,
    Order,
    key_of,
)
from cython.cimports.engine.books import Books
from cython.cimports.engine.entering import (
    STOPPED_AT_END,
    STOPPED_BAND,
    STOPPED_SELF_TRADE,
)
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.records import (
    EVENT_CANCELLED,
    EVENT_RESTATED,
    EXEC_ALL_OR_NONE,
    LIQUIDITY_ADDED,
    LIQUIDITY_REMOVED,
    ORD_TYPE_LIMIT,
    ORD_TYPE_MARKET,
    ORD_TYPE_MARKET_TO_LIMIT,
    ORD_TYPE_STOP,
    REASON_BAND_HIT,
    REASON_FOK_NOT_FILLED,
    REASON_MARKET_TO_LIMIT,
    REASON_MIN_QTY_NOT_MET,
    REASON_SELF_TRADE,
    REASON_UNFILLED_REMAINDER,
    SIDE_BUY,
    STATUS_FILLED,
    STP_CANCEL_BOTH,
    STP_CANCEL_NEWEST,
    STP_CANCEL_OLDEST,
    TIF_FOK,
    TIF_IOC,
)
from cython.cimports.engine.selftrade import same_owner
from cython.cimports.libc.stdint import INT64_MIN, int32_t, int64_t, uint8_t


@cython.final
@cython.cclass
class Entering:
    """Orders on their way into the book."""

    def __cinit__(self, books: Books, matching: Matching):
        self.books = books
        self.matching = matching

    def enter(self, slot, command):
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        stopped: cython.int
        before: int64_t = order.cum
        if (
            order.min_qty
            or order.exec_inst & EXEC_ALL_OR_NONE
            or (order.time_in_force == TIF_FOK)
        ):
            return self.enter_with_terms(slot, command)
        stopped = self.match(slot)
        return self.finish(slot, command, stopped, order.cum - before)

    def enter_with_terms(self, slot, command):
        """FOK, MIN_QTY and ALL_OR_NONE look first at what can be had."""
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        terms: cython.pointer(Instrument) = self.books.terms_of(slot)
        before: int64_t = order.cum
        stopped: cython.int
        if order.time_in_force == TIF_FOK:
            if not self.can_have(terms, order, order.leaves):
                return self.matching.drop(command, slot, REASON_FOK_NOT_FILLED)
        elif order.min_qty:
            if not self.can_have(terms, order, order.min_qty):
                return self.matching.drop(command, slot, REASON_MIN_QTY_NOT_MET)
        elif not self.can_have(terms, order, order.leaves):
            return self.rest(slot)
        stopped = self.match(slot)
        return self.finish(slot, command, stopped, order.cum - before)

    def rest(self, slot):
        """Into the book."""
        self.books.pool.orders[slot].place = PLACE_BOOK
        return self.matching.place(slot)

    def finish(self, slot, command, stopped, traded):
        """What is left of an order that has traded ``traded`` of it."""
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        terms: cython.pointer(Instrument)
        reason: cython.int = REASON_UNFILLED_REMAINDER
        may_rest: cython.bint
        if stopped == STOPPED_SELF_TRADE:
            return self.matching.drop(command, slot, REASON_SELF_TRADE)
        if order.leaves == 0:
            return self.matching.bury(slot, STATUS_FILLED)
        may_rest = (
            order.time_in_force != TIF_IOC
            and order.time_in_force != TIF_FOK
            and order.ord_type != ORD_TYPE_MARKET
            and order.ord_type != ORD_TYPE_STOP
            and (order.ord_type != ORD_TYPE_MARKET_TO_LIMIT or traded != 0)
        )
        if stopped == STOPPED_BAND:
            terms = self.books.terms_of(slot)
            reason = REASON_BAND_HIT
            if terms.volatility_ns:
                terms.band_hit = True
            else:
                may_rest = False
        if not may_rest:
            return self.matching.drop(command, slot, reason)
        if order.ord_type == ORD_TYPE_MARKET_TO_LIMIT:
            order.ord_type = ORD_TYPE_LIMIT
            order.price = self.books.terms_of(slot).last_price
            self.matching.restate(slot, REASON_MARKET_TO_LIMIT)
        return self.rest(slot)

    def match(self, slot):
        """Trades the order in ``slot`` as far as it goes; why it went no further."""
        orders: cython.pointer(Order) = self.books.pool.orders
        taker: cython.pointer(Order) = cython.address(orders[slot])
        terms: cython.pointer(Instrument) = self.books.terms_of(slot)
        side: cython.pointer(BookSide) = self.books.other_side(slot)
        level: cython.pointer(Level)
        maker: cython.pointer(Order)
        limit: int64_t = INT64_MIN
        place: int32_t = side.count - 1
        count: int32_t
        found: int32_t
        passed: int32_t = -1
        offered: int64_t
        if taker.price:
            limit = -key_of(taker.side, taker.price)
        while taker.leaves > 0 and place >= 0:
            level = cython.address(side.levels[place])
            if level.key < limit:
                break
            found = level.oldest
            if found < 0:
                found = level.hidden_oldest if passed < 0 else orders[passed].newer
                while found >= 0 and too_large(
                    cython.address(orders[found]), taker.leaves
                ):
                    passed = found
                    found = orders[found].newer
                if found < 0:
                    place -= 1
                    passed = -1
                    continue
            maker = cython.address(orders[found])
            count = side.count
            if taker.stp and same_owner(taker, maker):
                if self.prevent(found, slot):
                    return STOPPED_SELF_TRADE
            elif terms.dynamic_band and outside_dynamic(terms, maker.price):
                return STOPPED_BAND
            else:
                offered = maker.leaves
                if maker.shown:
                    offered = maker.shown
                self.matching.trade(
                    found,
                    slot,
                    maker.price,
                    min(offered, taker.leaves),
                    LIQUIDITY_ADDED,
                    LIQUIDITY_REMOVED,
                )
            if side.count < count:
                place -= 1
                passed = -1
        return STOPPED_AT_END

    def prevent(self, maker, taker):
        """Self-trade prevention by the taker's mode; whether the taker ends by it."""
        coming: cython.pointer(Order) = cython.address(self.books.pool.orders[taker])
        resting: cython.pointer(Order) = cython.address(self.books.pool.orders[maker])
        mode: uint8_t = coming.stp
        qty: int64_t = min(resting.leaves, coming.leaves)
        ends: cython.bint
        if mode == STP_CANCEL_NEWEST:
            return True
        if mode in (STP_CANCEL_OLDEST, STP_CANCEL_BOTH):
            self.matching.take_out(
                cython.NULL, maker, EVENT_CANCELLED, REASON_SELF_TRADE
            )
            return mode == STP_CANCEL_BOTH
        ends = coming.leaves == qty
        if resting.leaves == qty:
            self.matching.take_out(
                cython.NULL, maker, EVENT_CANCELLED, REASON_SELF_TRADE
            )
        else:
            self.decrement(maker, qty)
        if not ends:
            self.decrement(taker, qty)
        return ends

    def decrement(self, slot, qty):
        """Takes ``qty`` off an order whose rest lives on: RESTATED."""
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        order.qty -= qty
        if order.place == PLACE_BOOK:
            self.matching.shrink(slot, qty, qty, True)
        else:
            order.leaves -= qty
            order.shown = order.leaves
            if order.exec_inst & NOT_DISPLAYED:
                order.shown = 0
            elif order.display_qty and order.display_qty < order.leaves:
                order.shown = order.display_qty
        if self.matching.limits.count:
            self.matching.limits.resized(order, -qty)
        event = self.matching.events.add_of(
            EVENT_RESTATED, order, self.books.terms_of(slot)
        )
        event.reason = REASON_SELF_TRADE
        event.last_qty = qty
        return 0

    def can_have(self, terms, taker, needed):
        """Whether at least ``needed`` would trade with an order now. Icebergs count
        whole, but where an own order ends the walk only what those before it display:
        the rest of them would come up behind it."""
        orders: cython.pointer(Order) = self.books.pool.orders
        side: cython.pointer(cython.const[BookSide]) = cython.address(terms.bids)
        level: cython.pointer(cython.const[Level])
        maker: cython.pointer(Order)
        ahead: Instrument = terms[0]
        limit: int64_t = INT64_MIN
        place: int32_t
        slot: int32_t
        had: int64_t = 0
        shown: int64_t
        whole: int64_t
        if taker.side == SIDE_BUY:
            side = cython.address(terms.asks)
        if taker.price:
            limit = -key_of(taker.side, taker.price)
        for place in range(side.count - 1, -1, -1):
            level = cython.address(side.levels[place])
            if level.key < limit:
                break
            shown = whole = 0
            slot = level.oldest
            while slot >= 0:
                maker = cython.address(orders[slot])
                slot = maker.newer
                if taker.stp and same_owner(taker, maker):
                    if taker.stp != STP_CANCEL_OLDEST:
                        return had + shown >= needed
                    continue
                if whole == 0 and ahead.dynamic_band:
                    if outside_dynamic(cython.address(ahead), maker.price):
                        return False
                    ahead.last_price = maker.price
                shown += maker.shown
                whole += maker.leaves
                if had + shown >= needed:
                    return True
            had += whole
            if had >= needed:
                return True
            slot = level.hidden_oldest
            while slot >= 0:
                maker = cython.address(orders[slot])
                slot = maker.newer
                if too_large(maker, taker.leaves - had):
                    continue
                if taker.stp and same_owner(taker, maker):
                    if taker.stp != STP_CANCEL_OLDEST:
                        return False
                    continue
                if ahead.dynamic_band:
                    if outside_dynamic(cython.address(ahead), maker.price):
                        return False
                    ahead.last_price = maker.price
                had += maker.leaves
                if had >= needed:
                    return True
        return False

    def would_trade(self, terms, side, price, leaves):
        """For POST_ONLY: whether there is an order within the limit that is not
        all-or-none, or is no larger."""
        orders: cython.pointer(Order) = self.books.pool.orders
        other: cython.pointer(cython.const[BookSide]) = cython.address(terms.bids)
        level: cython.pointer(cython.const[Level])
        place: int32_t
        slot: int32_t
        if side == SIDE_BUY:
            other = cython.address(terms.asks)
        for place in range(other.count - 1, -1, -1):
            level = cython.address(other.levels[place])
            if level.key < -key_of(side, price):
                return False
            if level.oldest >= 0:
                return True
            slot = level.hidden_oldest
            while slot >= 0:
                if not too_large(cython.address(orders[slot]), leaves):
                    return True
                slot = orders[slot].newer
        return False


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def too_large(
    maker: cython.pointer(cython.const[Order]), wanted: int64_t
) -> cython.bint:
    """Whether an all-or-none order is passed over by one that wants this much."""
    return (maker.exec_inst & EXEC_ALL_OR_NONE) != 0 and maker.leaves > wanted
