from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint16_t, uint64_t

from engine.records cimport EXEC_ALL_OR_NONE, EXEC_HIDDEN, EXEC_PEG_MIDPOINT, SIDE_BUY


cdef extern from *:
    # price x quantity takes up to 120 bits; gcc and clang both have this type.
    ctypedef long long int128 "__int128"


cdef enum:
    # How many levels from the best are looked at one by one before bisecting: most
    # orders arrive near the best price, and a short scan is cheaper than a search there.
    NEAR_LEVELS = 8


cdef enum:
    # Where an order is.
    PLACE_NOWHERE = 0           # on its way in or out
    PLACE_BOOK = 1              # in a level of bids or asks
    PLACE_STOPS = 2             # waits in buy_stops or sell_stops
    PLACE_PARKED = 3            # waits in the instrument's parked queue


cdef enum:
    # ExecInst bits of the orders that lie in the hidden queue of their level.
    NOT_DISPLAYED = EXEC_ALL_OR_NONE | EXEC_HIDDEN | EXEC_PEG_MIDPOINT


cdef struct Order:
    # What add_of copies into an event comes in the event's order.
    uint64_t order_id           # 0 = free slot
    uint64_t session
    int64_t price               # of a pegged order the price it works at, 0 = none
    int64_t qty
    int64_t leaves
    int64_t cum
    int64_t stop_price          # of a pegged order its limit
    int64_t display_qty         # of an iceberg, else 0
    int64_t min_qty
    int64_t peg_offset
    int64_t expire_time
    int64_t shown               # displayed in the book; see spec/matching.md
    uint64_t priority
    uint16_t exec_inst
    uint8_t stp
    uint8_t triggered
    uint8_t side
    uint8_t ord_type
    uint8_t time_in_force
    uint8_t place               # PLACE_...
    int32_t instrument
    int32_t older               # neighbours in its queue, -1 = none
    int32_t newer               # in a free slot: the next free slot
    int32_t kin_older           # neighbours in pegs or trailers
    int32_t kin_newer
    int32_t session_limits      # place in the table of limits, -1 = none
    int32_t account_limits
    int32_t position            # its place in the table of positions + 1, 0 = not sought
    uint16_t source
    uint16_t flags
    uint8_t replaced            # 1: it has had another ClOrdID before
    unsigned char cl_ord_id[36]
    unsigned char account[24]
    unsigned char stp_id[12]
    int128 notional             # sum of price x quantity over all fills
    uint64_t content            # digest of what was asked for, 0 under REUSE_ID


cdef struct Level:
    int64_t key                 # ascending = better, see key_of
    int64_t qty                 # sum of LeavesQty(151)
    int64_t shown               # sum of what is displayed
    int64_t fixed               # the part of it that is not pegged
    int32_t oldest              # displayed orders
    int32_t newest
    int32_t hidden_oldest       # orders that are not displayed trade behind them
    int32_t hidden_newest


cdef struct BookSide:
    Level *levels               # ascending by key: the best price is the last
    int32_t count
    int32_t capacity
    int64_t open_qty            # sum of LeavesQty(151) over all levels
    int64_t orders              # in all levels
    bint keeps                  # emptied levels stay until drop_empty


cdef struct Queue:
    int32_t oldest
    int32_t newest
    int64_t count


cdef enum:
    # Of an Instrument: as much from its beginning as most commands look at.
    HOT_BYTES = 320


cdef struct Instrument:
    # What every order looks at: five cache lines, HOT_BYTES.
    BookSide bids
    BookSide asks
    uint8_t phase
    uint8_t then                # Phase after until
    uint8_t phase_reason
    uint8_t band_hit            # 1: the next trade would leave the dynamic band
    uint8_t pegs_set            # 1: all pegs have the price pegs_bid and pegs_ask give
    Queue pegs                  # open pegged orders, wherever they are, by priority
    int64_t last_price          # of the last trade, 0 = none
    int64_t trailed_price       # last_price the trailing stops were set by
    int64_t anchor_price        # of the static band: reference_price, then auctions
    BookSide buy_stops          # key = -stop price: the next to trigger is the last
    BookSide sell_stops         # key = stop price
    int64_t parked_buy_qty      # sum of LeavesQty(151) in parked
    int64_t parked_sell_qty
    int64_t tick
    int64_t lot
    int64_t price_min
    int64_t price_max
    int64_t qty_min
    int64_t qty_max
    int64_t notional_max
    int64_t static_band
    int64_t dynamic_band
    unsigned char symbol[24]
    # What few look at.
    Queue parked
    Queue trailers              # waiting trailing stops, by priority
    int64_t whole               # ALL_OR_NONE orders in the book
    int64_t pegs_bid
    int64_t pegs_ask
    int64_t until               # engine time at which the phase ends, 0 = never
    int64_t auction_due         # earliest time of the next indicative event, 0 = now
    int64_t auction_price       # as last published
    int64_t auction_volume
    int64_t auction_imbalance   # below 0: of sellers
    int64_t reference_price
    int64_t volatility_ns
    int128 traded_qty           # of all time: beyond an int64 after ten large orders
    uint64_t trades             # of all time
    int64_t maker_fee
    int64_t taker_fee
    int64_t auction_fee
    unsigned char currency[8]
    unsigned char spare[16]     # to whole cache lines: an array of them begins at one


cdef class OrderPool:
    cdef Order *orders
    cdef int32_t capacity
    cdef int32_t free_head
    cdef int32_t live

    cdef int32_t take(self) except -1
    cdef void give_back(self, int32_t slot) noexcept nogil


cdef inline int64_t key_of(uint8_t side, int64_t price) noexcept nogil:
    # The sort key of a price on a side: ascending is better. Price 0 is a market order
    # that rests in a call: the best key there can be.
    if side == SIDE_BUY:
        return price if price else INT64_MAX
    return -price


cdef inline bint is_hidden(const Order *order) noexcept nogil:
    return (order.exec_inst & NOT_DISPLAYED) != 0


cdef inline bint in_hidden_queue(const Order *order) noexcept nogil:
    # Stops that wait have but one queue.
    return (order.exec_inst & NOT_DISPLAYED) != 0 and order.place == PLACE_BOOK


cdef inline int64_t displayed(const Order *order) noexcept nogil:
    # What an order displays when it goes to the end of its queue in the book.
    if order.exec_inst & NOT_DISPLAYED:
        return 0
    if order.display_qty and order.display_qty < order.leaves:
        return order.display_qty
    return order.leaves


cdef int32_t find_level(const BookSide *side, int64_t key) noexcept nogil
cdef int rest(Order *orders, BookSide *side, int32_t slot, int64_t key) except -1
cdef void reduce_level(
    BookSide *side, int32_t place, const Order *order, int64_t qty, int64_t shown
) noexcept nogil
cdef void unlink(
    Order *orders, BookSide *side, int32_t place, int32_t slot
) noexcept nogil
cdef void requeue(Order *orders, Level *level, int32_t slot) noexcept nogil
cdef void queue_up(Order *orders, Queue *queue, int32_t slot) noexcept nogil
cdef void leave_queue(Order *orders, Queue *queue, int32_t slot) noexcept nogil
cdef void join_kin(Order *orders, Queue *kin, int32_t slot) noexcept nogil
cdef void leave_kin(Order *orders, Queue *kin, int32_t slot) noexcept nogil
cdef void drop_empty(BookSide *side) noexcept nogil
