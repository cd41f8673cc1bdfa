from engine.book cimport Order

# Worth a call only if the taker has a mode.
cdef bint same_owner(const Order *one, const Order *other) noexcept nogil
