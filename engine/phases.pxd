from libc.stdint cimport int32_t, int64_t, uint8_t

from engine.auction cimport Auctions
from engine.books cimport Books
from engine.events cimport EventBuffer
from engine.matching cimport Matching
from engine.records cimport PhaseCommand
from engine.settling cimport Settling


cdef class Phases:
    cdef Books books
    cdef EventBuffer events
    cdef Matching matching
    cdef Settling settling
    cdef Auctions auctions
    cdef int64_t next_due       # the earliest ``until``, 0 = none
    cdef bint outdated          # 1: next_due has to be sought again

    cdef int set(self, const PhaseCommand *command) except -1
    # At the start of a batch.
    cdef int due(self) except -1
    # After every change of an instrument's book: settles it, or notes that its
    # indicative price may have changed.
    cdef int finish(self, int32_t index) except -1
    cdef int set_one(self, int32_t index, const PhaseCommand *command) except -1
    cdef int begin_volatility(self, int32_t index) except -1
    cdef int change(
        self, int32_t index, uint8_t phase, uint8_t then, int64_t until, uint8_t reason
    ) except -1
    cdef int park_pegged(self, int32_t index) except -1
    cdef int activate(self, int32_t index) except -1
    cdef int look_ahead(self) except -1
