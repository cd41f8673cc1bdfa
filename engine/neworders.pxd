from libc.stdint cimport int32_t, int64_t, uint16_t, uint64_t

from engine.book cimport Instrument
from engine.books cimport Books
from engine.checks cimport Asked
from engine.entering cimport Entering
from engine.events cimport EventBuffer
from engine.limits cimport Limits
from engine.matching cimport Matching
from engine.orderids cimport OrderIds
from engine.records cimport OrderCommand
from engine.timers cimport Timers


cdef extern from *:
    """
    #define FIXGW_FNV_OFFSET 14695981039346656037ULL
    #define FIXGW_FNV_PRIME 1099511628211ULL
    /* Its third and ninth power, modulo 2^64. */
    #define FIXGW_FNV_PRIME_3 624165263380053675ULL
    #define FIXGW_FNV_PRIME_9 10622396531520239123ULL
    /* What counts of the first two words: not flags, source, epoch, reserved. */
    #define FIXGW_WORD_0 0x00000000FFFFFFFFULL
    #define FIXGW_WORD_1 0x00FFFFFF00000000ULL
    """
    const uint64_t FNV_OFFSET "FIXGW_FNV_OFFSET"
    const uint64_t FNV_PRIME "FIXGW_FNV_PRIME"
    const uint64_t FNV_PRIME_3 "FIXGW_FNV_PRIME_3"
    const uint64_t FNV_PRIME_9 "FIXGW_FNV_PRIME_9"
    const uint64_t WORD_0 "FIXGW_WORD_0"
    const uint64_t WORD_1 "FIXGW_WORD_1"


cdef class NewOrders:
    cdef Books books
    cdef OrderIds ids
    cdef EventBuffer events
    cdef Limits limits
    cdef Matching matching
    cdef Entering entering
    cdef Timers timers

    # NewOrderSingle(D): the instrument whose book it may have changed, or -1.
    cdef int32_t accept(self, const OrderCommand *command) except -2
    cdef uint16_t check(
        self, const OrderCommand *command, int32_t instrument, Asked *asked
    ) except 0xFFFF
    cdef int32_t make(
        self, const OrderCommand *command, int32_t instrument, const Asked *asked
    ) except -1
    cdef int put(self, int32_t slot, const OrderCommand *command) except -1


cdef uint64_t digest(const OrderCommand *command) noexcept nogil
