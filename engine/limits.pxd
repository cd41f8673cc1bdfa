from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t

from engine.book cimport Instrument, Order
from engine.books cimport Books
from engine.events cimport EventBuffer
from engine.keytable cimport KeyTable
from engine.positions cimport Positions
from engine.records cimport LimitsCommand, OrderCommand


cdef struct Owner:
    uint64_t session            # 0 for an account
    int64_t order_qty_max
    int64_t notional_max
    int64_t open_orders_max
    int64_t rate_max
    int64_t position_max
    int64_t tat                 # theoretical arrival time of the message rate
    int64_t open_orders
    uint8_t scope
    uint8_t blocked
    unsigned char account[24]   # zeros for a session


cdef class Limits:
    cdef Books books
    cdef EventBuffer events
    cdef Positions positions
    cdef KeyTable table
    cdef Owner *owners
    cdef int32_t count          # 0: nobody has any, nothing below need be called
    cdef int32_t capacity

    # Blocks, then the rate, which counts the command. Of a new order, of a replace.
    cdef uint16_t check_rate(self, const OrderCommand *command) noexcept nogil
    cdef uint16_t check_rate_of(self, const Order *order) noexcept nogil
    # 3.13; price and stop price as the order would have them.
    cdef uint16_t check_new(
        self,
        const OrderCommand *command,
        const Instrument *terms,
        int64_t price,
        int64_t stop_price,
    ) noexcept nogil
    # qty is the OrderQty(38), leaves what is to be open afterwards.
    cdef uint16_t check_replace(
        self,
        const Order *order,
        int64_t qty,
        int64_t leaves,
        int64_t price,
        int64_t stop_price,
    ) noexcept nogil
    # Sets session_limits and account_limits of an order; worth a call only if count.
    cdef void assign(self, Order *order) noexcept nogil
    # An order came to be open, ended with ``leaves`` open, has ``delta`` more open, has
    # traded (before or after its own sums change): worth a call only if it has an
    # account or session_limits >= 0.
    cdef int opened(self, Order *order) except -1
    cdef void closed(self, const Order *order, int64_t leaves) noexcept nogil
    cdef void resized(self, const Order *order, int64_t delta) noexcept nogil
    cdef int filled(self, Order *order, int64_t qty) except -1

    cdef int set(self, const LimitsCommand *command) except -1
    cdef Owner *owner_of(
        self, uint8_t scope, uint64_t session, const unsigned char *account
    ) except NULL
    cdef int32_t find(
        self, uint8_t scope, uint64_t session, const unsigned char *account
    ) noexcept nogil
    cdef int adopt(self, int32_t row) except -1
    cdef uint16_t admit(self, int32_t session, int32_t account) noexcept nogil
    cdef bint too_fast(self, int32_t row) noexcept nogil
    cdef uint16_t fits(
        self,
        int32_t row,
        const Instrument *terms,
        int64_t qty,
        int64_t price,
        int64_t stop_price,
    ) noexcept nogil
    cdef bint is_full(self, int32_t row) noexcept nogil
    cdef bint beyond_position(
        self, int32_t row, int32_t instrument, uint8_t side, int64_t qty
    ) noexcept nogil
