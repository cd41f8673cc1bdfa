"""What every account has bought minus sold, per instrument. Compiled.

There is a row for every (account, instrument) that ever had a fill, and for every one
of an account with limits that ever had an open order; none is ever removed. Each takes
160 bytes with its place in the index: as many pairs as trade. Orders without an account
have no position.
"""

import cython
from cython.cimports.engine.book import int128
from cython.cimports.engine.books import Books
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.records import SIDE_BUY
from cython.cimports.libc.stdint import int32_t, int64_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memcpy, memset


@cython.final
@cython.cclass
class Positions:
    """Rows by account and instrument; an order notes its row once it is sought."""

    def __cinit__(self, books: Books, hash_key: bytes):
        self.books = books
        self.pairs = KeyTable(hash_key)
        self.rows = cython.NULL

    def __dealloc__(self):
        free(self.rows)

    def row_of(self, instrument, account):
        """The row of a pair, made if there is none."""
        text: cython.uchar[36]
        capacity: int32_t
        memcpy(text, account, 24)
        memset(cython.address(text[24]), 0, 12)
        place: int64_t = self.pairs.find(instrument, text)
        if place >= 0:
            return self.pairs.entries[place].slot
        if self.count == self.capacity:
            capacity = self.capacity * 2 if self.capacity else 64
            rows = cython.cast(
                cython.pointer(Position),
                realloc(
                    self.rows,
                    cython.cast(cython.size_t, capacity) * cython.sizeof(Position),
                ),
            )
            if rows == cython.NULL:
                raise MemoryError
            self.rows = rows
            self.capacity = capacity
        self.pairs.insert(instrument, text, 0, self.count)
        row = cython.address(self.rows[self.count])
        memset(row, 0, cython.sizeof(Position))
        row.instrument = instrument
        memcpy(row.account, account, 24)
        self.count += 1
        return self.count - 1

    def of(self, order):
        """The row of an order's account and instrument; valid until another is made."""
        if order.position == 0:
            order.position = self.row_of(order.instrument, order.account) + 1
        return cython.address(self.rows[order.position - 1])

    def find(self, instrument, account):
        """The row of a pair, or NULL."""
        text: cython.uchar[36]
        memcpy(text, account, 24)
        memset(cython.address(text[24]), 0, 12)
        place: int64_t = self.pairs.find(instrument, text)
        if place < 0:
            return cython.NULL
        return cython.address(self.rows[self.pairs.entries[place].slot])

    def filled(self, order, qty):
        """Notes a fill of an order that has an account."""
        row = self.of(order)
        row.traded = True
        row.position += qty if order.side == SIDE_BUY else -qty
        return 0

    def take_back(self, instrument, account, side, qty):
        """Undoes a fill that is cancelled."""
        row = cython.address(self.rows[self.row_of(instrument, account)])
        row.traded = True
        row.position -= qty if side == SIDE_BUY else -qty
        return 0

    def dump(self) -> list:
        """(account, symbol, position) of every pair that had a fill, sorted."""
        i: int32_t
        rows = []
        for i in range(self.count):
            row = cython.address(self.rows[i])
            if row.traded:
                terms = cython.address(self.books.instruments[row.instrument])
                rows.append((row.account[:24], terms.symbol[:24], wide(row.position)))
        rows.sort()
        return rows


@cython.cfunc
def wide(value: int128) -> object:
    """A Python integer of more than 64 bits."""
    high: int64_t = cython.cast(int64_t, value >> 64)
    low: cython.ulonglong = cython.cast(cython.ulonglong, value)
    return (cython.cast(object, high) << 64) | cython.cast(object, low)
