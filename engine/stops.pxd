from libc.stdint cimport int32_t

from engine.book cimport Instrument
from engine.books cimport Books
from engine.entering cimport Entering
from engine.matching cimport Matching


cdef class Stops:
    cdef Books books
    cdef Matching matching
    cdef Entering entering

    cdef int trail(self, int32_t instrument) except -1
    cdef bint trigger_next(self, int32_t instrument) except -1
    cdef int32_t next_stop(self, const Instrument *terms) noexcept nogil
