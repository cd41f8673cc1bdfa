from libc.stdint cimport int32_t, uint8_t

from engine.book cimport BookSide
from engine.books cimport Books
from engine.events cimport EventBuffer
from engine.orderids cimport OrderIds
from engine.records cimport OrderCommand


cdef class Matching:
    cdef Books books
    cdef OrderIds ids
    cdef EventBuffer events

    cdef int enter(self, int32_t slot, const OrderCommand *command) except -1
    cdef int match(self, int32_t slot) except -1
    cdef int trade(self, int32_t maker, int32_t taker) except -1
    cdef int take_out(
        self, const OrderCommand *command, int32_t slot, int kind, int reason
    ) except -1
    cdef int expire_day(self) except -1
    cdef int expire_level(self, BookSide *side, int32_t place) except -1
    cdef int bury(self, int32_t slot, uint8_t status) except -1
