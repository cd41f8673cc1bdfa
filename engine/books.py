"""All instruments of a shard with their books, and the pool of orders. Compiled."""

import cython
from cython.cimports.engine.book import BookSide, Instrument, Order, OrderPool
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.records import SIDE_BUY
from cython.cimports.libc.stdint import int32_t, int64_t, uint64_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memcpy, memset


@cython.final
@cython.cclass
class Books:
    """Instruments in order of definition; none is ever removed."""

    def __cinit__(self, hash_key: bytes):
        self.pool = OrderPool()
        self.symbols = KeyTable(hash_key)
        self.instruments = cython.NULL

    def __dealloc__(self):
        i: int32_t
        for i in range(self.count):
            free(self.instruments[i].bids.levels)
            free(self.instruments[i].asks.levels)
        free(self.instruments)

    def find(self, symbol):
        """The instrument's index, or -1."""
        text: cython.uchar[36]
        place: int64_t
        memcpy(text, symbol, 24)
        memset(cython.address(text[24]), 0, 12)
        place = self.symbols.find(0, text)
        return self.symbols.entries[place].slot if place >= 0 else -1

    def define(self, command):
        """The instrument with the command's terms, new or changed."""
        index: int32_t = self.find(command.symbol)
        text: cython.uchar[36]
        capacity: int32_t
        terms: cython.pointer(Instrument)
        if index < 0:
            if self.count == self.capacity:
                capacity = self.capacity * 2 if self.capacity else 32
                grown = cython.cast(
                    cython.pointer(Instrument),
                    realloc(
                        self.instruments,
                        cython.cast(cython.size_t, capacity)
                        * cython.sizeof(Instrument),
                    ),
                )
                if grown == cython.NULL:
                    raise MemoryError
                self.instruments = grown
                self.capacity = capacity
            index = self.count
            memset(
                cython.address(self.instruments[index]), 0, cython.sizeof(Instrument)
            )
            memcpy(text, command.symbol, 24)
            memset(cython.address(text[24]), 0, 12)
            self.symbols.insert(0, text, 0, index)
            self.count += 1
        terms = cython.address(self.instruments[index])
        terms.tick = command.tick
        terms.lot = command.lot
        terms.reference_price = command.reference_price
        terms.price_min = command.price_min
        terms.price_max = command.price_max
        terms.qty_max = command.qty_max
        terms.notional_max = command.notional_max
        memcpy(terms.symbol, command.symbol, 24)
        memcpy(terms.currency, command.currency, 8)
        return terms

    def terms_of(self, slot):
        """The instrument of the order in ``slot``."""
        return cython.address(self.instruments[self.pool.orders[slot].instrument])

    def own_side(self, slot):
        """The side of the book the order in ``slot`` rests on, or would."""
        terms: cython.pointer(Instrument) = self.terms_of(slot)
        if self.pool.orders[slot].side == SIDE_BUY:
            return cython.address(terms.bids)
        return cython.address(terms.asks)

    def other_side(self, slot):
        """The side of the book the order in ``slot`` trades with."""
        terms: cython.pointer(Instrument) = self.terms_of(slot)
        if self.pool.orders[slot].side == SIDE_BUY:
            return cython.address(terms.asks)
        return cython.address(terms.bids)

    def terms(self) -> list:
        """Symbol, currency and terms of every instrument, in order of definition."""
        i: int32_t
        rows = []
        for i in range(self.count):
            terms = cython.address(self.instruments[i])
            rows.append(
                (
                    terms.symbol[:24],
                    terms.currency[:8],
                    (
                        terms.tick,
                        terms.lot,
                        terms.reference_price,
                        terms.price_min,
                        terms.price_max,
                        terms.qty_max,
                        terms.notional_max,
                    ),
                )
            )
        return rows

    def dump(self) -> list:
        """Every book: its terms, then bids and asks, queue by queue."""
        i: int32_t
        books = []
        for i, row in enumerate(self.terms()):
            terms = cython.address(self.instruments[i])
            books.append(
                (
                    *row,
                    dump_side(self.pool.orders, cython.address(terms.bids)),
                    dump_side(self.pool.orders, cython.address(terms.asks)),
                )
            )
        return books


def key_of(side, price):
    """The sort key of a price on a side: ascending is better."""
    return price if side == SIDE_BUY else -price


@cython.cfunc
def dump_side(orders: cython.pointer(Order), side: cython.pointer(BookSide)):
    """The queues of a side, best price first: (price, quantity, orders) per level."""
    place: int32_t
    slot: int32_t
    levels = []
    for place in range(side.count - 1, -1, -1):
        queue = []
        slot = side.levels[place].oldest
        price = orders[slot].price
        while slot >= 0:
            order = cython.address(orders[slot])
            queue.append(
                (
                    order.order_id,
                    order.session,
                    order.source,
                    order.flags,
                    order.side,
                    order.ord_type,
                    order.time_in_force,
                    order.price,
                    order.qty,
                    order.leaves,
                    order.cum,
                    cython.cast(int64_t, order.notional >> 64),
                    cython.cast(uint64_t, order.notional),
                    order.cl_ord_id[:36],
                    order.account[:24],
                )
            )
            slot = order.newer
        levels.append((price, side.levels[place].qty, queue))
    return levels
