from libc.stdint cimport int32_t, int64_t, uint16_t, uint64_t

from engine.books cimport Books
from engine.events cimport EventBuffer
from engine.keytable cimport KeyTable
from engine.matching cimport Matching
from engine.orderids cimport OrderIds
from engine.records cimport (
    ClockCommand,
    InstrumentCommand,
    OrderCommand,
    StatusCommand,
)


cdef class Shard:
    cdef EventBuffer events
    cdef Books books
    cdef OrderIds ids
    cdef KeyTable sessions
    cdef Matching matching
    cdef readonly unsigned int day
    cdef readonly uint64_t duplicates

    cdef int run(
        self, const unsigned char *commands, int64_t count, int64_t time
    ) except -1
    cdef int one(self, const unsigned char *command) except -1
    cdef bint already_applied(self, const OrderCommand *command) except -1
    cdef int new_order(self, const OrderCommand *command) except -1
    cdef int cancel(self, const OrderCommand *command) except -1
    cdef int cancel_unsolicited(self, const OrderCommand *command) except -1
    cdef int replace(self, const OrderCommand *command) except -1
    cdef int change(
        self, const OrderCommand *command, int32_t slot, int64_t leaves
    ) except -1
    cdef int32_t find_order(
        self, const OrderCommand *command, uint16_t *reason
    ) noexcept nogil
    cdef int refuse(
        self, const OrderCommand *command, int kind, uint16_t reason
    ) except -1
    cdef int define_instrument(self, const InstrumentCommand *command) except -1
    cdef int end_of_day(self, const ClockCommand *command) except -1
    cdef int set_status(self, const StatusCommand *command) except -1
