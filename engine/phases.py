"""Trading phases: how an instrument goes from one to the next. Compiled.

What each phase allows is in :mod:`engine.phasetable`. A phase changes by command, when
its time is up, or because the next trade would have left the dynamic band.
"""

import cython
from cython.cimports.engine.auction import Auctions
from cython.cimports.engine.book import PLACE_BOOK, PLACE_PARKED
from cython.cimports.engine.books import Books
from cython.cimports.engine.events import EventBuffer
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.phasetable import is_auction, is_on, uncrosses
from cython.cimports.engine.records import (
    EVENT_PHASE,
    PHASE_CONTINUOUS,
    PHASE_HALTED,
    PHASE_VOLATILITY_AUCTION,
    REASON_ACTIVATED,
    REASON_PARKED,
    TIF_AT_THE_CLOSE,
    TIF_GOOD_FOR_AUCTION,
    WHY_BAND,
    WHY_TIME,
    PhaseEvent,
)
from cython.cimports.engine.settling import Settling
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint64_t
from cython.cimports.libc.string import memcpy


@cython.final
@cython.cclass
class Phases:
    """Brings instruments into phases, and knows when the next one is to change."""

    def __cinit__(
        self,
        books: Books,
        events: EventBuffer,
        matching: Matching,
        settling: Settling,
        auctions: Auctions,
    ):
        self.books = books
        self.events = events
        self.matching = matching
        self.settling = settling
        self.auctions = auctions

    def set(self, command):
        """SET_PHASE, for one instrument or all; nothing where it is so already."""
        index: int32_t
        if command.symbol[0] != 0:
            index = self.books.find(command.symbol)
            if index < 0:
                return 0
            self.set_one(index, command)
        else:
            for index in range(self.books.count):
                self.set_one(index, command)
        return self.look_ahead()

    def set_one(self, index, command):
        """The same for one instrument."""
        terms = cython.address(self.books.instruments[index])
        if (
            terms.phase == command.phase
            and terms.then == command.then
            and terms.until == command.until
        ):
            return 0
        self.change(index, command.phase, command.then, command.until, command.reason)
        return self.finish(index)

    def due(self):
        """At the start of a batch: phases whose time is up."""
        index: int32_t
        if self.next_due == 0 or self.next_due > self.events.time:
            return 0
        for index in range(self.books.count):
            terms = cython.address(self.books.instruments[index])
            if terms.until == 0 or terms.until > self.events.time:
                continue
            phase: uint8_t = terms.then
            then: uint8_t = 0
            until: int64_t = 0
            if terms.phase == PHASE_HALTED and phase == PHASE_VOLATILITY_AUCTION:
                # A halt does not say how long the auction is that ends it.
                if terms.volatility_ns:
                    then = PHASE_CONTINUOUS
                    until = self.events.time + terms.volatility_ns
                else:
                    phase = PHASE_CONTINUOUS
            self.change(index, phase, then, until, WHY_TIME)
            self.finish(index)
        return self.look_ahead()

    def begin_volatility(self, index):
        """The dynamic band was hit: an auction finds the next price."""
        terms = cython.address(self.books.instruments[index])
        terms.band_hit = False
        self.change(
            index,
            PHASE_VOLATILITY_AUCTION,
            PHASE_CONTINUOUS,
            self.events.time + terms.volatility_ns,
            WHY_BAND,
        )
        return self.look_ahead()

    def finish(self, index):
        """Whatever changed an instrument's book ends with this."""
        terms = cython.address(self.books.instruments[index])
        if terms.phase == PHASE_CONTINUOUS:
            self.settling.settle(index)
            if terms.band_hit:
                self.begin_volatility(index)
        if is_auction(terms.phase):
            self.auctions.touch(index)
        return 0

    def change(self, index, phase, then, until, reason):
        """The steps of section 6 but the last, which is ``finish``."""
        terms = cython.address(self.books.instruments[index])
        if uncrosses(terms.phase, phase):
            self.auctions.uncross(index)
        self.auctions.running += is_auction(phase)
        self.auctions.running -= is_auction(terms.phase)
        if terms.until != 0 and terms.until == self.next_due:
            self.outdated = True
        if until != 0 and (self.next_due == 0 or until < self.next_due):
            self.next_due = until
        terms.phase = phase
        terms.then = then
        terms.until = until
        terms.phase_reason = reason
        event = cython.cast(cython.pointer(PhaseEvent), self.events.add(EVENT_PHASE))
        event.phase = phase
        event.reason = reason
        event.then = then
        event.until = until
        event.reference_price = terms.anchor_price
        event.last_price = terms.last_price
        memcpy(event.symbol, terms.symbol, 24)
        if phase != PHASE_CONTINUOUS and terms.pegs.count:
            self.park_pegged(index)
        if terms.parked.count and is_auction(phase):
            self.activate(index)
        return 0

    def park_pegged(self, index):
        """Pegged orders in the book have no price where nothing trades."""
        terms = cython.address(self.books.instruments[index])
        slot: int32_t = terms.pegs.oldest
        last: uint64_t = self.events.priority
        while slot >= 0:
            order = cython.address(self.books.pool.orders[slot])
            newer: int32_t = order.kin_newer
            if order.priority > last:
                break
            if order.place == PLACE_BOOK:
                self.matching.lift(slot)
                order.price = 0
                order.shown = 0
                order.priority = self.events.next_priority()
                order.place = PLACE_PARKED
                self.matching.restate(slot, REASON_PARKED)
                self.matching.place(slot)
            slot = newer
        return 0

    def activate(self, index):
        """Parked orders whose auction is on come into the book."""
        terms = cython.address(self.books.instruments[index])
        slot: int32_t = terms.parked.oldest
        while slot >= 0:
            order = cython.address(self.books.pool.orders[slot])
            newer: int32_t = order.newer
            if (
                order.time_in_force == TIF_GOOD_FOR_AUCTION
                or order.time_in_force == TIF_AT_THE_CLOSE
            ) and is_on(terms.phase, order.time_in_force):
                self.matching.move(slot, PLACE_BOOK, REASON_ACTIVATED)
            slot = newer
        return 0

    def look_ahead(self):
        """Finds the next phase to end, if the one that was next has changed."""
        index: int32_t
        if not self.outdated:
            return 0
        self.outdated = False
        self.next_due = 0
        for index in range(self.books.count):
            until: int64_t = self.books.instruments[index].until
            if until != 0 and (self.next_due == 0 or until < self.next_due):
                self.next_due = until
        return 0
