from libc.stdint cimport int64_t, uint8_t, uint16_t

from engine.book cimport Instrument, Order
from engine.records cimport OrderCommand

cdef extern from *:
    """
    /* What an int64 holds, with a margin: the open quantity of a side stays below it. */
    #define FIXGW_OPEN_QTY_MAX 9200000000000000000LL
    /* engine.records.QTY_MAX and PRICE_MAX */
    #define FIXGW_ORDER_QTY_MAX 1000000000000000000LL
    #define FIXGW_PRICE_CEILING 1000000000000000000LL
    /* An iceberg is shown in no more parts than this. */
    #define FIXGW_ICEBERG_PARTS_MAX 1000LL
    """
    const int64_t OPEN_QTY_MAX "FIXGW_OPEN_QTY_MAX"
    const int64_t ORDER_QTY_MAX "FIXGW_ORDER_QTY_MAX"
    const int64_t PRICE_CEILING "FIXGW_PRICE_CEILING"
    const int64_t ICEBERG_PARTS_MAX "FIXGW_ICEBERG_PARTS_MAX"


cdef struct Asked:
    # What an order is to be, as far as a command may say it: what an order of its type
    # does not have is 0.
    int64_t price               # of a pegged order 0
    int64_t qty
    int64_t stop_price          # of a pegged order its limit
    int64_t display_qty
    int64_t min_qty
    int64_t peg_offset
    int64_t expire_time
    uint8_t side
    uint8_t ord_type
    uint8_t time_in_force
    uint16_t exec_inst


# A new order, 3.4 to 3.11 of spec/matching.md, into asked.
cdef uint16_t check_new(
    const OrderCommand *command, const Instrument *terms, int64_t now, Asked *asked
) noexcept nogil
cdef uint16_t check_same_order(
    const OrderCommand *command, const Order *order, const Instrument *terms
) noexcept nogil
# A replace from EXEC_INST_CHANGED to 3.11, into asked; leaves is what shall be open.
cdef uint16_t check_replace(
    const OrderCommand *command,
    const Order *order,
    const Instrument *terms,
    int64_t now,
    int64_t leaves,
    Asked *asked,
) noexcept nogil
# Whether a side may have qty more open.
cdef bint fits_side(
    const Instrument *terms, uint8_t side, int64_t qty
) noexcept nogil
