from libc.stdint cimport int64_t, uint8_t, uint16_t

from engine.book cimport BookSide, Instrument, Order
from engine.records cimport OrderCommand

cdef extern from *:
    """
    /* What an int64 holds, with a margin: the open quantity of a side stays below it. */
    #define FIXGW_OPEN_QTY_MAX 9200000000000000000LL
    /* engine.records.QTY_MAX and PRICE_MAX */
    #define FIXGW_ORDER_QTY_MAX 1000000000000000000LL
    #define FIXGW_PRICE_CEILING 1000000000000000000LL
    """
    const int64_t OPEN_QTY_MAX "FIXGW_OPEN_QTY_MAX"
    const int64_t ORDER_QTY_MAX "FIXGW_ORDER_QTY_MAX"
    const int64_t PRICE_CEILING "FIXGW_PRICE_CEILING"

cdef uint16_t check_new(
    const OrderCommand *command, Instrument *terms
) noexcept nogil
cdef uint16_t check_same_order(
    const OrderCommand *command, const Order *order, const Instrument *terms
) noexcept nogil
cdef uint16_t check_replace(
    const OrderCommand *command,
    const Order *order,
    const Instrument *terms,
    const BookSide *side,
    int64_t leaves,
) noexcept nogil
