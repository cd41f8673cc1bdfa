from libc.stdint cimport int32_t, int64_t, uint8_t

from engine.book cimport BookSide, Instrument, Order
from engine.books cimport Books
from engine.matching cimport Matching
from engine.records cimport OrderCommand


cdef enum:
    # Why an incoming order stopped trading.
    STOPPED_AT_END = 0          # nothing more of it, or nothing more to trade with
    STOPPED_SELF_TRADE = 1
    STOPPED_BAND = 2


cdef class Entering:
    cdef Books books
    cdef Matching matching

    # Section 3, "Entering", of an order that is nowhere. Sets the instrument's band_hit
    # when a volatility auction must follow. command is NULL within settling.
    cdef int enter(self, int32_t slot, const OrderCommand *command) except -1
    # Whether something would trade now with an order like this, own orders and the
    # dynamic band left out of account.
    cdef bint would_trade(
        self,
        const Instrument *terms,
        uint8_t side,
        int64_t price,
        int64_t leaves,
    ) noexcept nogil
    cdef int enter_with_terms(
        self, int32_t slot, const OrderCommand *command
    ) except -1
    cdef int rest(self, int32_t slot) except -1
    cdef int finish(
        self, int32_t slot, const OrderCommand *command, int stopped, int64_t traded
    ) except -1
    cdef int match(self, int32_t slot) except -1
    cdef bint prevent(self, int32_t maker, int32_t taker) except -1
    cdef int decrement(self, int32_t slot, int64_t qty) except -1
    cdef bint can_have(
        self, const Instrument *terms, const Order *taker, int64_t needed
    ) noexcept nogil
