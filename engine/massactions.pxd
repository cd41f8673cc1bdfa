from libc.stdint cimport int32_t, uint8_t, uint16_t, uint64_t

from engine.book cimport BookSide
from engine.books cimport Books
from engine.events cimport EventBuffer
from engine.limits cimport Limits
from engine.matching cimport Matching
from engine.phases cimport Phases
from engine.records cimport BlockCommand, MassCommand
from engine.slots cimport SlotList


cdef struct Wanted:             # which orders a walk is for
    uint64_t session            # 0 = all
    uint8_t side                # 0 = both
    bint keep_gtc
    bint day_only               # only what ends with the day
    unsigned char account[24]   # empty = all


cdef class MassActions:
    cdef Books books
    cdef EventBuffer events
    cdef Matching matching
    cdef Phases phases
    cdef Limits limits
    cdef SlotList found         # rank = place in the walk
    cdef SlotList touched       # instruments that lost orders, in order of definition

    # Each settles in the end what it has touched.
    cdef int cancel(self, const MassCommand *command) except -1
    cdef int status(self, const MassCommand *command) except -1
    cdef int block(self, const BlockCommand *command) except -1
    cdef int expire_day(self) except -1
    cdef int cancel_session(
        self, uint64_t session, uint16_t reason, uint16_t flags
    ) except -1

    cdef int read(self, const MassCommand *command, Wanted *wanted) except -1
    cdef int end_found(self, int kind, int reason) except -1
    cdef void keep_levels(self, int32_t index, bint keeps) noexcept nogil
    cdef int finish(self) except -1
    cdef int answer(self, const MassCommand *command, int kind) except -1
    cdef int find(self, const Wanted *wanted, const unsigned char *symbol) except -1
    cdef int scan(self, const Wanted *wanted) except -1
    cdef int walk(self, const Wanted *wanted, int32_t index) except -1
    cdef int walk_up(self, const Wanted *wanted, const BookSide *side) except -1
    cdef int walk_down(self, const Wanted *wanted, const BookSide *side) except -1
    cdef int walk_queue(self, const Wanted *wanted, int32_t slot) except -1
