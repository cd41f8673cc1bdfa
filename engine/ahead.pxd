from libc.stdint cimport int32_t, int64_t, uint32_t

from engine.book cimport BookSide, OrderPool
from engine.books cimport Books
from engine.keytable cimport KeyTable
from engine.records cimport OrderCommand

cdef enum:
    # How many commands ahead each look is: what one finds is needed by the next, and
    # memory takes about as long as so many commands.
    ENTRIES_AHEAD = 14
    ORDERS_AHEAD = 9
    NEIGHBOURS_AHEAD = 5
    LEVELS_AHEAD = 3
    TAILS_AHEAD = 1
    AHEAD = 16                  # a power of two, more than any of them
    COMMANDS_LEAST = 8          # fewer are done before it would help


cdef struct Seen:
    # A command that is to come.
    uint32_t own_hash           # of its ClOrdID(11), 0 = none
    uint32_t orig_hash          # of its OrigClOrdID(41), 0 = none
    uint32_t symbol_hash        # 0 = not known
    int32_t slot                # of the order it is about, -1 = none
    int32_t instrument          # that order's or its own, -1 = not known


cdef class Ahead:
    cdef KeyTable table         # of ClOrdIDs
    cdef KeyTable symbols
    cdef OrderPool pool
    cdef Books books
    cdef const unsigned char *commands
    cdef int64_t count
    cdef Seen seen[16]
    cdef unsigned char last_symbol[24]
    cdef uint32_t last_hash

    cdef void begin(self, const unsigned char *commands, int64_t count) noexcept nogil
    cdef void step(self, int64_t i) noexcept nogil
    cdef void end(self) noexcept nogil
    cdef void look_up(self, int64_t i) noexcept nogil
    cdef void find_order(self, int64_t i) noexcept nogil
    cdef void find_neighbours(self, int64_t i) noexcept nogil
    cdef void find_levels(self, int64_t i) noexcept nogil
    cdef void find_tail(self, int64_t i) noexcept nogil
    cdef void hint(self, int64_t i) noexcept nogil
    cdef const BookSide *side_of(self, int64_t i) noexcept nogil
    cdef uint32_t hash_symbol(self, const OrderCommand *command) noexcept nogil
    cdef const OrderCommand *command(self, int64_t i) noexcept nogil


cdef extern from *:
    """
    #define fixgw_fetch(address) __builtin_prefetch(address, 1, 3)
    """
    void fetch "fixgw_fetch"(const void *address) noexcept nogil
