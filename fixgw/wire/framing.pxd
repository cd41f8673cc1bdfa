from fixgw.wire.message cimport DataFields

cdef enum:
    SOH = 1
    BEGIN_STRING_BYTES_MAX = 32
    LENGTH_DIGITS_MAX = 9
    CHECKSUM_BYTES_MAX = 12
    ENVELOPE_BYTES_MAX = 64     # what stands around a body: 8, 9 and 10
    IDLE_BYTES_MAX = 262144


cdef class Framer:
    cdef unsigned char *buffer
    cdef Py_ssize_t capacity
    cdef Py_ssize_t start       # first byte not yet consumed
    cdef Py_ssize_t end         # behind the last byte received
    cdef Py_ssize_t searched    # up to where the awaited delimiter was looked for
    cdef bint in_noise          # the current run of noise was reported
    cdef readonly Py_ssize_t message_bytes_max
    cdef readonly Py_ssize_t message_fields_max
    cdef DataFields *data_fields    # NULL when there are none but FIX's own

    cdef int append(self, const unsigned char *data, Py_ssize_t size) except -1
    cdef Py_ssize_t find(
        self, Py_ssize_t start, Py_ssize_t end, const char *what, Py_ssize_t size
    ) noexcept nogil
    cdef Py_ssize_t head(self, Py_ssize_t *length) noexcept nogil
    cdef object take(self)
    cdef object skip_noise(self, Py_ssize_t begin)
    cdef object drop(self, Py_ssize_t stop, str reason)
