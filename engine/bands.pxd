from libc.stdint cimport int64_t

from engine.book cimport Instrument

# Worth a call only if terms.static_band, terms.dynamic_band are not 0.
cdef bint outside_static(const Instrument *terms, int64_t price) noexcept nogil
cdef bint outside_dynamic(const Instrument *terms, int64_t price) noexcept nogil
cdef void static_range(
    const Instrument *terms, int64_t *low, int64_t *high
) noexcept nogil
