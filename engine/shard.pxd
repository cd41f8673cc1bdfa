from libc.stdint cimport int32_t, int64_t, uint64_t

from engine.ahead cimport Ahead
from engine.auction cimport Auctions
from engine.books cimport Books
from engine.deadlines cimport Deadlines
from engine.events cimport EventBuffer
from engine.keytable cimport KeyTable
from engine.limits cimport Limits
from engine.massactions cimport MassActions
from engine.matching cimport Matching
from engine.neworders cimport NewOrders
from engine.orderids cimport OrderIds
from engine.phases cimport Phases
from engine.positions cimport Positions
from engine.records cimport (
    ClockCommand,
    InstrumentCommand,
    MassCommand,
    OrderCommand,
)
from engine.replaces cimport Replaces
from engine.statuses cimport Statuses
from engine.timers cimport Timers
from engine.tradechanges cimport TradeChanges


cdef class Shard:
    cdef EventBuffer events
    cdef Books books
    cdef OrderIds ids
    cdef Ahead ahead
    cdef KeyTable sessions
    cdef Positions positions
    cdef Limits limits
    cdef Matching matching
    cdef Auctions auctions
    cdef Phases phases
    cdef Timers timers
    cdef MassActions massactions
    cdef Deadlines deadlines
    cdef TradeChanges tradechanges
    cdef NewOrders neworders
    cdef Replaces replaces
    cdef Statuses statuses
    cdef readonly unsigned int day
    cdef readonly uint64_t duplicates

    cdef int run(
        self, const unsigned char *commands, int64_t count, int64_t time
    ) except -1
    cdef int due(self) except -1
    cdef int64_t earliest_due(self) except -1
    cdef int one(self, const unsigned char *command) except -1
    cdef int many(self, const MassCommand *command) except -1
    cdef int exchange(self, const unsigned char *command) except -1
    cdef bint is_known(self, const OrderCommand *command) except -1
    cdef bint already_applied(self, const OrderCommand *command) except -1
    cdef int define_instrument(self, const InstrumentCommand *command) except -1
    cdef int end_of_day(self, const ClockCommand *command) except -1
