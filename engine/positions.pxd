from libc.stdint cimport int32_t, int64_t, uint8_t

from engine.book cimport Order, int128
from engine.books cimport Books
from engine.keytable cimport KeyTable


cdef struct Position:
    int128 position             # bought minus sold since the log began
    int128 open_buys            # LeavesQty(151), kept only for accounts with limits
    int128 open_sells
    int32_t instrument
    bint traded                 # 1: has had a fill
    unsigned char account[24]


cdef class Positions:
    cdef Books books
    cdef KeyTable pairs
    cdef Position *rows
    cdef int32_t count
    cdef int32_t capacity

    cdef int32_t row_of(self, int32_t instrument, const unsigned char *account) except -1
    cdef Position *of(self, Order *order) except NULL
    cdef Position *find(
        self, int32_t instrument, const unsigned char *account
    ) noexcept nogil
    cdef int filled(self, Order *order, int64_t qty) except -1
    cdef int take_back(
        self,
        int32_t instrument,
        const unsigned char *account,
        uint8_t side,
        int64_t qty,
    ) except -1
