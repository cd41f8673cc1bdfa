from libc.stdint cimport int64_t, uint64_t

from engine.book cimport Instrument, Order
from engine.records cimport OrderCommand, OrderEvent


cdef class EventBuffer:
    cdef readonly int shard_id
    cdef readonly uint64_t command_seq
    cdef readonly uint64_t seq
    cdef readonly int64_t time
    cdef unsigned char *data
    cdef int64_t count
    cdef int64_t capacity

    cdef uint64_t identifier(self, uint64_t number) noexcept nogil
    cdef OrderEvent *add(self, int kind) except NULL
    cdef OrderEvent *add_of(
        self, int kind, const Order *order, const Instrument *terms
    ) except NULL
    cdef OrderEvent *add_refusal(
        self, const OrderCommand *command, int kind, int reason
    ) except NULL


cdef void caused_by(OrderEvent *event, const OrderCommand *command) noexcept nogil
