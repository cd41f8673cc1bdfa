from libc.stdint cimport int32_t

from engine.book cimport BookSide, Instrument, OrderPool
from engine.keytable cimport KeyTable
from engine.records cimport InstrumentCommand


cdef class Books:
    cdef OrderPool pool
    cdef KeyTable symbols
    cdef Instrument *instruments
    cdef int32_t count
    cdef int32_t capacity
    cdef int32_t likely         # the instrument looked for next, a guess; -1 = none

    cdef int32_t find(self, const unsigned char *symbol) noexcept nogil
    cdef Instrument *define(self, const InstrumentCommand *command) except NULL
    cdef Instrument *terms_of(self, int32_t slot) noexcept nogil
    cdef BookSide *own_side(self, int32_t slot) noexcept nogil
    cdef BookSide *other_side(self, int32_t slot) noexcept nogil
    cdef object dump_at(self, int32_t index)
    cdef object terms_at(self, int32_t index)
    cdef object figures_at(self, int32_t index)
    cdef object listed(self, int32_t slot)
