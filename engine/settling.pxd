from libc.stdint cimport int32_t

from engine.book cimport Instrument
from engine.books cimport Books
from engine.pegs cimport Pegs
from engine.records cimport PHASE_CONTINUOUS
from engine.stops cimport Stops


cdef class Settling:
    cdef Books books
    cdef Stops stops
    cdef Pegs pegs

    # Section 5 of spec/matching.md for one instrument; nothing unless it is in
    # CONTINUOUS. Whoever calls looks at the instrument's band_hit afterwards and, if it
    # is set, calls Phases.begin_volatility, which clears it.
    cdef int settle(self, int32_t instrument) except -1


cdef inline bint settled(Instrument *terms) noexcept nogil:
    # Whether an instrument is as plain as most are: in CONTINUOUS, without stops and
    # pegged orders, no band hit. There is nothing to settle then.
    if terms.phase != PHASE_CONTINUOUS or terms.band_hit:
        return False
    if terms.buy_stops.count | terms.sell_stops.count | terms.pegs.count:
        return False
    terms.trailed_price = terms.last_price
    return True
