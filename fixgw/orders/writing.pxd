from libc.stdint cimport int64_t, uint64_t

cdef unsigned char *text(
    unsigned char *out, const char *tag, const unsigned char *value, int most
) noexcept nogil
cdef unsigned char *character(
    unsigned char *out, const char *tag, int value
) noexcept nogil
cdef unsigned char *amount(
    unsigned char *out, const char *tag, int64_t value
) noexcept nogil
cdef unsigned char *number(
    unsigned char *out, const char *tag, uint64_t value
) noexcept nogil
cdef unsigned char *identifier(
    unsigned char *out, const char *tag, uint64_t value
) noexcept nogil
cdef unsigned char *timestamp(
    unsigned char *out, const char *tag, int64_t value, int digits
) noexcept nogil

# Of a form of fixgw.orders.dialect: how many digits of a second times have, and where
# the code of a reason is in the tables of fixgw.orders.wordings.
cdef inline int digits(uint64_t form) noexcept nogil:
    return <int>(form >> 32 & 0xFF)

cdef inline int code_place(int reason, uint64_t form) noexcept nogil:
    return <int>(form >> 40) * 64 + (reason & 63)
