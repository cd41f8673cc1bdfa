from libc.stdint cimport int64_t, uint8_t, uint64_t

from engine.csvlines cimport CsvLines, Field
from engine.records cimport OrderCommand

cdef enum:
    AMOUNTS = 4                 # stop_price, display_qty, min_qty, peg_offset
    MARKS = 4                   # post_only, hidden, aon, trailing


cdef class FlowTerms:
    cdef readonly bint any      # whether the header has one of these columns
    cdef bint timed             # whether it has time

    # Where the columns are; -1 = absent.
    cdef int amounts_at[4]
    cdef int marks_at[4]
    cdef int peg_at, stp_at, stp_id_at, account_at, session_at
    cdef int expire_at, time_at, phase_at, until_at, then_at

    cdef int read(self, CsvLines csv, int op, OrderCommand *command) noexcept nogil
    cdef int owner(self, CsvLines csv, OrderCommand *command) noexcept nogil
    cdef int wishes(self, CsvLines csv, OrderCommand *command) noexcept nogil
    cdef int special(self, CsvLines csv, int op, OrderCommand *command) noexcept nogil
    cdef int time_of(self, CsvLines csv, int64_t *time) noexcept nogil
    cdef const Field *field(self, CsvLines csv, int at) noexcept nogil
