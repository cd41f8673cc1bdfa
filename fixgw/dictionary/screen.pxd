from fixgw.wire.message cimport Field, Message
from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    SOH = 1
    DIGITS_MAX = 18
    STRANGERS_MAX = 16
    USER_DEFINED_MIN = 5000

# How a value is judged: ASK calls the field's own check, the rest is done here.
cdef enum:
    ASK = 0
    TEXT = 1
    ONE_OF = 2
    INTEGER = 3
    NATURAL = 4
    DECIMAL = 5
    TIMESTAMP = 6
    DATA = 7

cdef struct Slot:
    int32_t tag           # 0: empty
    uint8_t form
    uint8_t required
    uint16_t place
    uint32_t seen         # stamp of the section or entry that had the tag last
    int32_t check         # index into Table.checks
    int32_t group         # index into Table.groups, -1 for a plain field
    uint64_t low          # ONE_OF: which characters below 64
    uint64_t high         # and which from 64 to 127


cdef class Table:
    cdef Slot *slots
    cdef uint32_t mask
    cdef uint32_t stamp
    cdef int32_t required
    cdef int32_t delimiter
    cdef list checks
    cdef list groups

    cdef Slot *find(self, int32_t tag) noexcept
    cdef uint32_t next_stamp(self) noexcept


cdef class Screen:
    cdef Table header
    cdef Table body
    cdef Table trailer
    cdef readonly int32_t entries_max
    cdef frozenset known
    cdef bint takes_user_defined
    cdef bint takes_unknown
    cdef int32_t entries
    cdef int32_t strangers
    cdef int32_t strange[STRANGERS_MAX]

    cdef int32_t section(
        self, Table table, Message message, int32_t at, bint tolerant
    ) except -2
    cdef bint tolerates(self, const Field *field) except -1
    cdef int32_t group(
        self, Table table, Message message, int32_t at, int32_t count
    ) except -2
    cdef int32_t entry(self, Table table, Message message, int32_t at) except -2
