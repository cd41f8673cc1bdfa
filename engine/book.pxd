from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t


cdef extern from *:
    # price x quantity takes up to 120 bits; gcc and clang both have this type.
    ctypedef long long int128 "__int128"


cdef enum:
    # How many levels from the best are looked at one by one before bisecting: most
    # orders arrive near the best price, and a short scan is cheaper than a search there.
    NEAR_LEVELS = 8


cdef struct Order:
    uint64_t order_id           # 0 = free slot
    uint64_t session
    int64_t price
    int64_t qty
    int64_t leaves
    int64_t cum
    int128 notional             # sum of price x quantity over all fills
    int32_t instrument
    int32_t older               # neighbours in the queue of the level, -1 = none
    int32_t newer               # in a free slot: the next free slot
    uint16_t source
    uint16_t flags
    uint8_t side
    uint8_t ord_type
    uint8_t time_in_force
    uint8_t replaced            # 1: it has had another ClOrdID before
    unsigned char cl_ord_id[36]
    unsigned char account[24]


cdef struct Level:
    int64_t key                 # price for bids, -price for asks: ascending = better
    int64_t qty                 # sum of LeavesQty(151)
    int32_t oldest
    int32_t newest


cdef struct BookSide:
    Level *levels               # ascending by key: the best price is the last
    int32_t count
    int32_t capacity
    int64_t open_qty            # sum of LeavesQty(151) over all levels
    int64_t orders              # in all levels


cdef struct Instrument:
    int64_t tick
    int64_t lot
    int64_t reference_price
    int64_t price_min
    int64_t price_max
    int64_t qty_max
    int64_t notional_max
    unsigned char symbol[24]
    unsigned char currency[8]
    uint8_t status              # InstrumentStatus
    uint64_t trades             # of all time
    int128 traded_qty           # of all time: beyond an int64 after ten large orders
    BookSide bids
    BookSide asks


cdef class OrderPool:
    cdef Order *orders
    cdef int32_t capacity
    cdef int32_t free_head
    cdef int32_t live

    cdef int32_t take(self) except -1
    cdef void give_back(self, int32_t slot) noexcept nogil


cdef int32_t find_level(BookSide *side, int64_t key) noexcept nogil
cdef int rest(Order *orders, BookSide *side, int32_t slot, int64_t key) except -1
cdef void reduce(BookSide *side, int64_t key, int64_t qty) noexcept nogil
cdef void unlink(
    Order *orders, BookSide *side, int32_t place, int32_t slot
) noexcept nogil
