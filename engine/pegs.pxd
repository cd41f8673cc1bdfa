from libc.stdint cimport int32_t, int64_t

from engine.book cimport BookSide, Instrument, Order
from engine.books cimport Books
from engine.entering cimport Entering
from engine.matching cimport Matching


cdef class Pegs:
    cdef Books books
    cdef Matching matching
    cdef Entering entering

    # Gives every pegged order its price; whether it must be looked at from step 1
    # again, because something happened when one entered.
    cdef bint reprice(self, int32_t instrument) except -1
    cdef bint give_price(self, int32_t slot, int64_t price) except -1
    cdef int64_t price_of(
        self, const Instrument *terms, const Order *order
    ) noexcept nogil
