from libc.stdint cimport int32_t, int64_t, uint64_t


cdef struct Ranked:
    uint64_t group
    int64_t key
    uint64_t rank
    int32_t slot


cdef class SlotList:
    cdef Ranked *rows
    cdef int64_t count
    cdef int64_t capacity

    # In one group, in the order of rank.
    cdef int add(self, uint64_t rank, int32_t slot) except -1
    cdef int add_to(
        self, uint64_t group, int64_t key, uint64_t rank, int32_t slot
    ) except -1
    cdef void sort(self) noexcept nogil
