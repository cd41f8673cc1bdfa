from libc.stdint cimport int32_t, int64_t, uint8_t

from engine.book cimport BookSide, Instrument, Order, OrderPool
from engine.keytable cimport KeyTable
from engine.records cimport InstrumentCommand, StatusCommand


cdef class Books:
    cdef OrderPool pool
    cdef KeyTable symbols
    cdef Instrument *instruments
    cdef int32_t count
    cdef int32_t capacity

    cdef int32_t find(self, const unsigned char *symbol) noexcept nogil
    cdef Instrument *define(self, const InstrumentCommand *command) except NULL
    cdef Instrument *terms_of(self, int32_t slot) noexcept nogil
    cdef BookSide *own_side(self, int32_t slot) noexcept nogil
    cdef BookSide *other_side(self, int32_t slot) noexcept nogil
    cdef object terms_at(self, int32_t index)
    cdef object figures_at(self, int32_t index)
    cdef object listed(self, int32_t slot)
    cdef bint set_status(self, const StatusCommand *command) noexcept nogil


cdef int64_t key_of(uint8_t side, int64_t price) noexcept nogil
