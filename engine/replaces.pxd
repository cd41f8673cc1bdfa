from libc.stdint cimport int32_t, int64_t, uint16_t

from engine.book cimport Order
from engine.books cimport Books
from engine.checks cimport Asked
from engine.entering cimport Entering
from engine.events cimport EventBuffer
from engine.limits cimport Limits
from engine.matching cimport Matching
from engine.orderids cimport OrderIds
from engine.records cimport OrderCommand
from engine.timers cimport Timers


cdef class Replaces:
    cdef Books books
    cdef OrderIds ids
    cdef EventBuffer events
    cdef Limits limits
    cdef Matching matching
    cdef Entering entering
    cdef Timers timers

    # OrderCancelRequest(F), OrderCancelReplaceRequest(G), a cancel of the exchange's
    # own: the instrument whose book it may have changed, or -1.
    cdef int32_t cancel(self, const OrderCommand *command) except -2
    cdef int32_t cancel_unsolicited(self, const OrderCommand *command) except -2
    cdef int32_t replace(self, const OrderCommand *command) except -2
    cdef uint16_t check(
        self,
        const OrderCommand *command,
        int32_t slot,
        int64_t leaves,
        Asked *asked,
    ) except 0xFFFF
    cdef bint would_trade(
        self, int32_t slot, int64_t leaves, const Asked *asked
    ) noexcept nogil
    cdef int change(
        self,
        const OrderCommand *command,
        int32_t slot,
        int64_t leaves,
        const Asked *asked,
    ) except -1
    cdef int end_by_replace(self, const OrderCommand *command, int32_t slot) except -1
    cdef int resize(self, int32_t slot, int64_t leaves, const Asked *asked) except -1
    cdef int32_t find_order(
        self, const OrderCommand *command, uint16_t *reason
    ) noexcept nogil
    cdef int refuse(
        self, const OrderCommand *command, int kind, uint16_t reason
    ) except -1


cdef bint keeps_place(
    const Order *order, int64_t leaves, const Asked *asked
) noexcept nogil
