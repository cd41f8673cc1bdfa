from libc.stdint cimport uint8_t

from engine.records cimport OrderCommand

cdef bint is_plain(const OrderCommand *command) noexcept nogil
cdef bint is_type(uint8_t ord_type) noexcept nogil
cdef bint is_time(uint8_t time_in_force) noexcept nogil
cdef bint is_lasting(uint8_t time_in_force) noexcept nogil
cdef bint is_for_auction(uint8_t time_in_force) noexcept nogil
cdef bint goes_together(const OrderCommand *command) noexcept nogil
