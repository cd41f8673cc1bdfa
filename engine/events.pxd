from libc.stdint cimport int64_t, uint64_t

from engine.book cimport Instrument, Order, int128
from engine.records cimport OrderCommand, OrderEvent


cdef class EventBuffer:
    cdef readonly int shard_id
    cdef readonly uint64_t command_seq
    cdef readonly uint64_t seq
    cdef readonly int64_t time
    cdef readonly uint64_t priority # the last one given
    cdef unsigned char *data
    cdef int64_t count
    cdef int64_t capacity
    cdef uint64_t kinds[256]        # how many events of each kind, ever
    cdef uint64_t reasons[64]       # how many gave each reason

    cdef uint64_t identifier(self, uint64_t number) noexcept nogil
    cdef uint64_t next_priority(self) noexcept nogil
    # A zeroed event of any record type, numbered and stamped; valid until the next add.
    cdef OrderEvent *add(self, int kind) except NULL
    # With everything the order now is; of a pegged order stop_price is its limit.
    cdef OrderEvent *add_of(
        self, int kind, const Order *order, const Instrument *terms
    ) except NULL
    cdef OrderEvent *add_refusal(
        self, const OrderCommand *command, int kind, int reason
    ) except NULL
    cdef int add_terms(self, const Instrument *terms) except -1
    cdef void tally(self) noexcept nogil


cdef int64_t average_of(const Order *order) noexcept nogil
cdef int64_t average(int128 notional, int64_t cum) noexcept nogil
cdef void caused_by(OrderEvent *event, const OrderCommand *command) noexcept nogil
