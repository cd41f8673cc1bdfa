from libc.stdint cimport int32_t, uint8_t, uint64_t

from engine.book cimport Order


cdef enum:
    ENDED_MAX = 16384           # must fit 16 bits


cdef struct EndedOrder:
    Order order                 # order_id 0: nothing here
    uint8_t status              # OrdStatus(39) it ended with


cdef class EndedOrders:
    cdef EndedOrder *ring
    cdef int32_t next_place     # the oldest, once the ring is full

    cdef int32_t remember(self, const Order *order, uint8_t status) except -1
    cdef const EndedOrder *recall(
        self, int32_t place, uint64_t order_id
    ) noexcept nogil
    cdef void forget(self) noexcept nogil
