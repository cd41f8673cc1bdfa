from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    /* What is read stays below 9.2e18 units, so that a sum or a negation of it has a
       margin to the end of the signed 64-bit range. */
    #define FIXGW_DECIMAL_UNIT 100000000ULL
    #define FIXGW_DECIMAL_LIMIT 9200000000000000000ULL
    #define FIXGW_DECIMAL_WHOLE_MAX 92000000000ULL
    """
    const uint64_t UNIT "FIXGW_DECIMAL_UNIT"
    const uint64_t LIMIT "FIXGW_DECIMAL_LIMIT"
    const uint64_t WHOLE_MAX "FIXGW_DECIMAL_WHOLE_MAX"

cdef enum:
    DECIMAL_PLACES = 8
    DECIMAL_CHARS_MAX = 21      # a sign, eleven digits, a point, eight digits

cdef enum:
    DECIMAL_OK = 0
    DECIMAL_BAD_FORMAT = 1
    DECIMAL_TOO_PRECISE = 2
    DECIMAL_OUT_OF_RANGE = 3

cdef int parse_decimal(
    const unsigned char *text, Py_ssize_t size, int64_t *out
) noexcept nogil
cdef int format_decimal(int64_t value, unsigned char *out) noexcept nogil
