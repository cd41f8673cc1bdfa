from libc.stdint cimport int32_t, int64_t, uint16_t, uint64_t

from engine.book cimport BookSide, Instrument, Order, OrderPool
from engine.keytable cimport KeyTable
from engine.records cimport (
    ClockCommand, InstrumentCommand, OrderCommand, OrderEvent
)


cdef extern from *:
    """
    /* 9.2e18 is what an int64 holds: totals of a side stay below it. */
    #define FIXGW_OPEN_QTY_MAX 9200000000000000000LL
    #define FIXGW_ORDER_QTY_MAX 1000000000000000000LL
    """
    const int64_t OPEN_QTY_MAX "FIXGW_OPEN_QTY_MAX"
    const int64_t ORDER_QTY_MAX "FIXGW_ORDER_QTY_MAX"


cdef class Shard:
    cdef readonly int shard_id
    cdef readonly uint64_t command_seq
    cdef readonly uint64_t event_seq
    cdef readonly int64_t time
    cdef readonly uint64_t duplicates
    cdef readonly unsigned int day

    cdef OrderPool pool
    cdef KeyTable ids
    cdef KeyTable symbols
    cdef KeyTable sessions
    cdef Instrument *instruments
    cdef int32_t instrument_count
    cdef int32_t instrument_capacity
    cdef unsigned char *events
    cdef int64_t event_count
    cdef int64_t event_capacity

    cdef int run(self, const unsigned char *commands, int64_t count, int64_t time) except -1
    cdef int one(self, const unsigned char *command) except -1
    cdef bint already_applied(self, const OrderCommand *command) except -1
    cdef int new_order(self, const OrderCommand *command) except -1
    cdef int cancel(self, const OrderCommand *command) except -1
    cdef int replace(self, const OrderCommand *command) except -1
    cdef int replace_at(self, const OrderCommand *command, int32_t slot) except -1
    cdef int define_instrument(self, const InstrumentCommand *command) except -1
    cdef int end_of_day(self, const ClockCommand *command) except -1
    cdef int expire_level(self, BookSide *side, int32_t place) except -1
    cdef int forget_dead_ids(self) except -1
    cdef int32_t find_instrument(self, const unsigned char *symbol) noexcept nogil
    cdef int32_t find_order(
        self, const OrderCommand *command, uint16_t *reason
    ) noexcept nogil
    cdef uint16_t check_id(self, const OrderCommand *command) noexcept nogil
    cdef uint16_t check_new(
        self, const OrderCommand *command, int32_t instrument
    ) noexcept nogil
    cdef uint16_t check_same_order(
        self, const OrderCommand *command, int32_t slot
    ) noexcept nogil
    cdef int use_id(self, const OrderCommand *command, int32_t slot) except -1
    cdef int match(self, int32_t slot) except -1
    cdef int trade(self, int32_t maker, int32_t taker, BookSide *side) except -1
    cdef int settle(self, int32_t slot, const OrderCommand *command) except -1
    cdef int end(
        self, const OrderCommand *command, int32_t slot, int kind, int reason
    ) except -1
    cdef void bury(self, int32_t slot) noexcept nogil
    cdef OrderEvent *new_event(self, int kind) except NULL
    cdef OrderEvent *order_event(self, int kind, int32_t slot) except NULL
    cdef OrderEvent *refusal(
        self, const OrderCommand *command, int kind, int reason
    ) except NULL
