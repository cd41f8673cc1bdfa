from libc.stdint cimport int32_t, int64_t, uint64_t

from engine.books cimport Books
from engine.events cimport EventBuffer
from engine.matching cimport Matching
from engine.phases cimport Phases
from engine.slots cimport SlotList


cdef struct Timer:
    int64_t time
    uint64_t order_id
    int32_t slot


cdef class Timers:
    cdef Books books
    cdef EventBuffer events
    cdef Matching matching
    cdef Phases phases
    cdef SlotList touched
    cdef Timer *heap
    cdef int64_t count
    cdef int64_t capacity

    cdef int add(self, int32_t slot) except -1      # has become GTD, or its time changed
    cdef int due(self) except -1
    cdef int64_t next_due(self) noexcept nogil
    cdef bint stale(self, const Timer *timer) noexcept nogil
    cdef int make_room(self) except -1
    cdef void pop(self) noexcept nogil
    cdef void sink(self, int64_t place) noexcept nogil
