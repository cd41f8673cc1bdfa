from libc.stdint cimport int64_t

from fixgw.wire.message cimport Message

cdef bint yes(Message message, int tag) noexcept
cdef object text(Message message, int tag, unsigned char *out, int most)
cdef object char(Message message, int tag, unsigned char *out)
cdef object decimal(Message message, int tag, int64_t *out)
