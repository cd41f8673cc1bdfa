from libc.stdint cimport int32_t

cdef enum:
    SOH = 1
    FIELDS_MAX = 1024
    TAG_DIGITS_MAX = 9
    LENGTH_DIGITS_MAX = 9
    DATA_LENGTHS_MAX = 256
    DATA_LENGTHS_SLOTS = 512

cdef struct Field:
    int32_t tag
    int32_t start
    int32_t size

# A user's own length fields and their data fields: a hash table, 0 where empty.
cdef struct DataFields:
    int32_t count
    int32_t lengths[DATA_LENGTHS_SLOTS]
    int32_t data[DATA_LENGTHS_SLOTS]


cdef class Message:
    cdef readonly bytes raw
    cdef readonly str msg_type
    cdef Field *fields_
    cdef int32_t count

    cdef const Field *find(self, int32_t tag) noexcept


cdef int32_t read_data_fields(object lengths, DataFields *out) except -1
cdef int32_t data_field_slot(const DataFields *fields, int32_t tag) noexcept nogil

cdef object parse(
    const unsigned char *data,
    Py_ssize_t size,
    Py_ssize_t fields_max,
    const DataFields *data_fields,
)
