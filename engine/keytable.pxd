from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef enum:
    KEY_BYTES = 36
    FIRST_CAPACITY = 64

cdef struct KeyEntry:
    uint32_t hash           # 0 = empty place
    uint32_t flags          # for the user of the table
    uint64_t owner
    uint64_t number
    int32_t slot
    unsigned char text[36]


cdef class KeyTable:
    cdef KeyEntry *entries
    cdef int64_t capacity   # a power of two
    cdef int64_t used
    cdef uint64_t key0, key1

    # Texts whose hash was worked out before: not what they say, where they are.
    cdef const unsigned char *hint_own
    cdef const unsigned char *hint_orig
    cdef const unsigned char *hint_order
    cdef uint32_t hash_own
    cdef uint32_t hash_orig         # of hint_order as well

    cdef void unhint(self) noexcept nogil
    cdef uint32_t hash_of(self, uint64_t owner, const unsigned char *text) noexcept nogil
    cdef uint32_t _hash(self, uint64_t owner, const unsigned char *text) noexcept nogil
    cdef int64_t find(self, uint64_t owner, const unsigned char *text) noexcept nogil
    cdef int64_t insert(
        self, uint64_t owner, const unsigned char *text, uint64_t number, int32_t slot
    ) except -1
    cdef void remove(self, int64_t place) noexcept nogil
    cdef int rebuild(self, int64_t capacity) except -1
