from libc.stdint cimport int64_t, uint8_t, uint16_t

# In PHASE_CONTINUOUS worth a call only for TIF_AT_THE_OPENING.
cdef uint16_t phase_reason_new(
    uint8_t phase,
    uint8_t ord_type,
    uint8_t time_in_force,
    uint16_t exec_inst,
    int64_t min_qty,
) noexcept nogil
cdef uint16_t phase_reason_replace(uint8_t phase) noexcept nogil
cdef bint is_call(uint8_t phase) noexcept nogil
cdef bint is_auction(uint8_t phase) noexcept nogil
cdef bint uncrosses(uint8_t old, uint8_t new) noexcept nogil
cdef bint is_on(uint8_t phase, uint8_t time_in_force) noexcept nogil
