from libc.stdint cimport uint64_t

from engine.records cimport OrderEvent

cdef unsigned char *execution_report(
    const OrderEvent *event, unsigned char *out, uint64_t form
) except NULL
