from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from engine.book cimport BookSide, Instrument, Order
from engine.books cimport Books
from engine.events cimport EventBuffer
from engine.limits cimport Limits
from engine.orderids cimport OrderIds
from engine.records cimport OrderCommand


cdef class Matching:
    cdef Books books
    cdef OrderIds ids
    cdef EventBuffer events
    cdef Limits limits

    # Puts an order that is nowhere at the end of the queue its `place` asks for.
    cdef int place(self, int32_t slot) except -1
    # Takes an order out of the queue it is in; `place` becomes PLACE_NOWHERE.
    cdef void lift(self, int32_t slot) noexcept nogil
    # lift, a new priority, `place` = where, RESTATED with the reason, place.
    cdef int move(self, int32_t slot, uint8_t where, int reason) except -1
    # lift, CANCELLED or EXPIRED, end: from any place. command is NULL when no message
    # of the session asked for it.
    cdef int take_out(
        self, const OrderCommand *command, int32_t slot, int kind, int reason
    ) except -1
    # CANCELLED for what is left of an order that is nowhere, end.
    cdef int drop(self, const OrderCommand *command, int32_t slot, int reason) except -1
    # FILLED of `first`, then of `second`; last price and figures; those of them that
    # are in the book and done leave it.
    cdef int trade(
        self,
        int32_t first,
        int32_t second,
        int64_t price,
        int64_t qty,
        uint8_t first_liquidity,
        uint8_t second_liquidity,
    ) except -1
    # Frees the slot of a filled order that is nowhere.
    cdef int bury(self, int32_t slot, uint8_t status) except -1
    cdef int end(self, int32_t slot, uint8_t status, int64_t left) except -1
    cdef uint64_t fill(
        self,
        int32_t slot,
        int64_t qty,
        int64_t price,
        uint8_t liquidity,
        uint64_t contra_id,
        uint64_t trade_id,
    ) except 0
    cdef int shrink(
        self, int32_t slot, int64_t qty, int64_t shown, bint refill
    ) except -1
    cdef int restate(self, int32_t slot, int reason) except -1
    cdef BookSide *side_of(self, const Order *order) noexcept nogil
    cdef int32_t level_of(self, const Order *order) noexcept nogil


cdef void park_qty(
    Instrument *terms, const Order *order, int64_t qty
) noexcept nogil
