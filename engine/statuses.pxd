from engine.book cimport Order
from engine.books cimport Books
from engine.events cimport EventBuffer
from engine.orderids cimport OrderIds
from engine.records cimport OrderCommand, OrderEvent


cdef class Statuses:
    cdef Books books
    cdef OrderIds ids
    cdef EventBuffer events

    # OrderStatusRequest(H).
    cdef int request(self, const OrderCommand *command) except -1
    # A command with PossResend(97) whose ClOrdID is used: whether it was answered.
    cdef bint answer_again(self, const OrderCommand *command) except -1
    cdef bint differs(
        self, const OrderCommand *command, const Order *order
    ) noexcept nogil
    cdef OrderEvent *repeat(self, const OrderCommand *command) except NULL
    cdef int unknown(self, const OrderCommand *command) except -1
    cdef OrderEvent *status_of(
        self, const OrderCommand *command, const Order *order
    ) except NULL
