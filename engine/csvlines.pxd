from libc.stdint cimport int64_t

cdef enum:
    COLUMNS_MAX = 64
    # Longer lines are malformed, so that memory is bounded whatever the input is. The
    # longest line of an order flow that means something has some 200 bytes.
    LINE_BYTES_MAX = 65536

cdef enum:
    LINE_NONE = 0               # no whole line is there, yet or any more
    LINE_EMPTY = 1
    LINE_FIELDS = 2
    LINE_QUOTING = 3            # the fields before the faulty one are there
    LINE_TOO_LONG = 4           # no field is there

cdef struct Field:
    const unsigned char *text
    Py_ssize_t size


cdef class CsvLines:
    cdef int64_t line                   # number of the last line read
    cdef int64_t records                # lines read that were not empty

    # The line at hand. All its fields are counted, COLUMNS_MAX are noted.
    cdef Field fields[64]
    cdef int field_count
    cdef unsigned char *scratch         # LINE_BYTES_MAX bytes

    # Input not yet read: buffer[start:used], without a line end before ``scanned``.
    cdef unsigned char *buffer
    cdef Py_ssize_t capacity, start, scanned, used
    cdef bint skipping                  # the head of an overlong line is gone already
    cdef bint ended

    cdef int load(self, bytes chunk) except -1
    cdef void finish(self) noexcept
    cdef int next(self) noexcept nogil
    cdef int split(self, const unsigned char *text, Py_ssize_t size) noexcept nogil
    cdef int split_quoted(
        self, const unsigned char *text, Py_ssize_t size
    ) noexcept nogil
    cdef void add_field(self, const unsigned char *text, Py_ssize_t size) noexcept nogil


cdef int copy_text(const Field *field, unsigned char *to, int size) noexcept nogil
