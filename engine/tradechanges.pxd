from libc.stdint cimport int32_t

from engine.book cimport Order, int128
from engine.books cimport Books
from engine.events cimport EventBuffer
from engine.keytable cimport KeyTable
from engine.positions cimport Positions
from engine.records cimport OrderEvent, TradeCommand


cdef class TradeChanges:
    cdef Books books
    cdef EventBuffer events
    cdef Positions positions
    cdef KeyTable changed       # by kind and ExecID: what was changed today

    cdef int apply(self, const TradeCommand *command) except -1
    # At the end of the day.
    cdef int forget(self) except -1
    cdef Order *find_open(self, const TradeCommand *command) noexcept nogil
    cdef OrderEvent *show(self, const TradeCommand *command, int kind) except NULL
