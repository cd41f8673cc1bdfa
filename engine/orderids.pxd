from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t

from engine.book cimport Order, OrderPool
from engine.ended cimport EndedOrder, EndedOrders
from engine.keytable cimport KeyTable
from engine.records cimport OrderCommand


cdef class OrderIds:
    cdef KeyTable table
    cdef KeyTable finals        # how orders ended that were replaced, by number
    cdef EndedOrders ended
    cdef OrderPool pool

    cdef uint16_t may_use(self, const OrderCommand *command) noexcept nogil
    cdef int use(
        self, const OrderCommand *command, uint64_t number, int32_t slot
    ) except -1
    cdef int32_t find_live(
        self, uint64_t session, const unsigned char *text, uint16_t *reason
    ) noexcept nogil
    cdef const EndedOrder *find_ended(
        self, uint64_t session, const unsigned char *text
    ) noexcept nogil
    cdef uint64_t find_number(self, const OrderCommand *command) noexcept nogil
    cdef uint8_t final_status(self, const OrderCommand *command) noexcept nogil
    cdef uint8_t status_at(self, int64_t place) noexcept nogil
    cdef void release(self, const Order *order) noexcept nogil
    cdef int bury(self, const Order *order, uint8_t status) except -1
    cdef int forget_dead(self) except -1
