from libc.stdint cimport int64_t

# Worth a call only if the rate is not 0.
cdef int64_t fee_of(int64_t price, int64_t qty, int64_t rate) noexcept nogil
