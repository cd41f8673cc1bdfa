from libc.stdint cimport int64_t

cdef enum:
    TIMESTAMP_BYTES_MAX = 27

cdef int write_timestamp(int64_t ns, int digits, unsigned char *out) noexcept nogil
cdef int write_digits(int64_t value, int digits, unsigned char *out) noexcept nogil
cdef int write_number(int64_t value, unsigned char *out) noexcept nogil
