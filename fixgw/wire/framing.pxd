from libc.stdint cimport int32_t, int64_t

cdef enum:
    FIELDS_MAX = 1024
    BEGIN_STRING_BYTES_MAX = 32
    SOH = 1

cdef struct Field:
    int32_t tag
    int32_t start
    int32_t size


cdef class Message:
    cdef readonly bytes raw
    cdef readonly str msg_type
    cdef Field *fields_
    cdef int32_t count

    cdef const Field *find(self, int32_t tag) noexcept


cdef class Framer:
    cdef unsigned char *buffer
    cdef Py_ssize_t capacity
    cdef Py_ssize_t start       # first byte not yet consumed
    cdef Py_ssize_t end         # behind the last byte received
    cdef Py_ssize_t searched    # up to where the awaited delimiter was looked for
    cdef bint in_noise          # the current run of noise was reported
    cdef readonly Py_ssize_t message_bytes_max

    cdef int append(self, const unsigned char *data, Py_ssize_t size) except -1
    cdef Py_ssize_t find(
        self, Py_ssize_t start, Py_ssize_t end, const char *what, Py_ssize_t size
    ) noexcept nogil
    cdef Py_ssize_t head(self, Py_ssize_t *length) noexcept nogil
    cdef object take(self)
    cdef object skip_noise(self, Py_ssize_t begin)
    cdef object drop(self, Py_ssize_t stop, str reason)


cdef object parse(const unsigned char *data, Py_ssize_t size)
