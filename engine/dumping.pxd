from engine.book cimport BookSide, Instrument, Order, int128


cdef object dump_order(const Order *order)
cdef object dump_instrument(Order *orders, Instrument *terms)
cdef object dump_levels(Order *orders, BookSide *side)
cdef object dump_stops(Order *orders, BookSide *side)
cdef object dump_queue(Order *orders, int slot)
cdef object dump_terms(const Instrument *terms)
cdef object wide(int128 value)
