from libc.stdint cimport int64_t

from engine.book cimport Instrument, Order


cdef struct Indication:
    int64_t price               # 0 = nothing would trade
    int64_t volume
    int64_t surplus             # below 0: of sellers


cdef struct Best:               # prices of the largest volume and smallest surplus
    int64_t volume
    int64_t size                # of the surplus
    int64_t lowest
    int64_t lowest_surplus
    int64_t highest
    int64_t highest_surplus
    int64_t nearest             # to the reference; without one the lowest
    int64_t nearest_surplus
    int64_t away
    bint all_demand             # demand exceeds supply at all of them
    bint all_supply


# What would trade now: all 0 if nothing.
cdef void find_price(
    const Order *orders, const Instrument *terms, Indication *found
) noexcept nogil
# The price ties are broken by, 0 = there is none.
cdef int64_t reference_of(const Instrument *terms) noexcept nogil
