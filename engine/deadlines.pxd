from libc.stdint cimport int32_t, int64_t, uint16_t, uint64_t

from engine.events cimport EventBuffer
from engine.keytable cimport KeyTable
from engine.massactions cimport MassActions
from engine.records cimport DeadlineCommand


cdef struct Deadline:
    int64_t time
    uint64_t session
    uint16_t reason
    uint16_t flags
    uint16_t source


cdef class Deadlines:
    cdef EventBuffer events
    cdef MassActions massactions
    cdef KeyTable table         # by session and reason, the place in rows
    cdef Deadline *rows
    cdef int32_t count
    cdef int32_t capacity
    cdef int64_t next_due       # the earliest, 0 = none
    cdef int32_t next_row       # its place

    cdef int set(self, const DeadlineCommand *command) except -1
    # At the start of a batch.
    cdef int due(self) except -1
    cdef int make_room(self) except -1
    cdef void remove(self, int32_t row) noexcept nogil
    cdef void look_ahead(self) noexcept nogil
