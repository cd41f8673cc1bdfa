from libc.stdint cimport int32_t, int64_t

from engine.book cimport BookSide
from engine.books cimport Books
from engine.clearing cimport Indication
from engine.events cimport EventBuffer
from engine.matching cimport Matching
from engine.slots cimport SlotList


cdef struct Worked:             # an indication and what it was worked out from
    Indication indication
    int64_t reference
    int64_t low
    int64_t high
    int64_t tick
    bint fresh                  # 0: the book has changed since


cdef class Auctions:
    cdef Books books
    cdef EventBuffer events
    cdef Matching matching
    cdef SlotList leaving
    cdef SlotList touched
    cdef Worked *worked
    cdef int32_t capacity
    cdef int32_t running        # instruments in an auction phase

    cdef int uncross(self, int32_t index) except -1
    # The book changed; at the end of the command, if touched.count: publish().
    cdef int touch(self, int32_t index) except -1
    cdef int publish(self) except -1
    # At the start of a batch, if running.
    cdef int due(self) except -1
    cdef int64_t next_due(self) except -1
    cdef int indicate(self, int32_t index) except -1
    cdef Indication *now(self, int32_t index) except NULL
    cdef int trade(self, int32_t index, const Indication *found) except -1
    cdef int dismiss(self, int32_t index) except -1
    cdef int list_leaving(self, const BookSide *side) except -1
    cdef int list_queue(self, int32_t slot) except -1
    cdef int make_room(self, int32_t index) except -1
    cdef int tell(
        self, int32_t index, const Indication *found, bint uncrossed
    ) except -1
