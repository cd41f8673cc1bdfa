"""All instruments of a shard with their books, and the pool of orders. Compiled."""

import cython
from cython.cimports.engine.book import Instrument, Order, OrderPool, Queue
from cython.cimports.engine.dumping import dump_instrument, dump_terms, wide
from cython.cimports.engine.events import average
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.pages import pages_grown
from cython.cimports.engine.records import (
    PHASE_CONTINUOUS,
    SIDE_BUY,
)
from cython.cimports.libc.stdint import int32_t, int64_t, uint64_t
from cython.cimports.libc.stdlib import free
from cython.cimports.libc.string import memcmp, memcpy, memset

from engine.figures import InstrumentFigures, OpenOrder

PLACE_MAX = cython.declare(int64_t, 2**31 - 1)
"""Instruments and orders are counted with 32 bits."""


@cython.final
@cython.cclass
class Books:
    """Instruments in order of definition; none is ever removed."""

    def __cinit__(self, hash_key: bytes):
        self.pool = OrderPool()
        self.symbols = KeyTable(hash_key)
        self.instruments = cython.NULL
        self.likely = -1

    def __dealloc__(self):
        i: int32_t
        for i in range(self.count):
            free(self.instruments[i].bids.levels)
            free(self.instruments[i].asks.levels)
            free(self.instruments[i].buy_stops.levels)
            free(self.instruments[i].sell_stops.levels)
        free(self.instruments)

    def find(self, symbol):
        """The instrument's index, or -1."""
        text: cython.uchar[36]
        place: int64_t
        if (
            self.likely >= 0
            and memcmp(self.instruments[self.likely].symbol, symbol, 24) == 0
        ):
            return self.likely
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
                    pages_grown(
                        self.instruments,
                        cython.cast(cython.size_t, self.count)
                        * cython.sizeof(Instrument),
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
            self.instruments[index].phase = PHASE_CONTINUOUS
            start_queue(cython.address(self.instruments[index].parked))
            start_queue(cython.address(self.instruments[index].pegs))
            start_queue(cython.address(self.instruments[index].trailers))
            self.count += 1
        terms = cython.address(self.instruments[index])
        if terms.reference_price != command.reference_price:
            terms.anchor_price = command.reference_price
        terms.pegs_set = False
        terms.tick = command.tick
        terms.lot = command.lot
        terms.reference_price = command.reference_price
        terms.price_min = command.price_min
        terms.price_max = command.price_max
        terms.qty_max = command.qty_max
        terms.notional_max = command.notional_max
        terms.qty_min = command.qty_min
        terms.static_band = command.static_band
        terms.dynamic_band = command.dynamic_band
        terms.volatility_ns = command.volatility_ns
        terms.maker_fee = command.maker_fee
        terms.taker_fee = command.taker_fee
        terms.auction_fee = command.auction_fee
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
        return [self.terms_at(i) for i in range(self.count)]

    def terms_at(self, index):
        """The same of one."""
        terms: cython.pointer(Instrument) = cython.address(self.instruments[index])
        return terms.symbol[:24], terms.currency[:8], dump_terms(terms)

    def phase_of(self, symbol: str) -> int:
        """The trading phase of an instrument, 0 for one that is not there."""
        text: bytes = symbol.encode().ljust(24, b"\0")
        index: int32_t = -1
        if len(text) == 24:
            index = self.find(
                cython.cast(cython.p_uchar, cython.cast(cython.p_char, text))
            )
        return self.instruments[index].phase if index >= 0 else 0

    def halted(self) -> dict:
        """The phase of every symbol that is not in CONTINUOUS, in order of
        definition."""
        return {
            text_of(self.instruments[i].symbol[:24]): self.instruments[i].phase
            for i in range(self.count)
            if self.instruments[i].phase != PHASE_CONTINUOUS
        }

    def dump(self) -> list:
        """Every book, see :func:`engine.dumping.dump_instrument`."""
        return [self.dump_at(i) for i in range(self.count)]

    def dump_at(self, index):
        """One of them."""
        return dump_instrument(
            self.pool.orders, cython.address(self.instruments[index])
        )

    def figures(self) -> tuple:
        """An :class:`InstrumentFigures` of every instrument, in order of definition."""
        return tuple([self.figures_at(i) for i in range(self.count)])

    def figures_at(self, index):
        """The same of one."""
        terms: cython.pointer(Instrument) = cython.address(self.instruments[index])
        return InstrumentFigures(
            text_of(terms.symbol[:24]),
            terms.phase,
            terms.trades,
            wide(terms.traded_qty),
            terms.bids.count,
            terms.asks.count,
            terms.bids.open_qty,
            terms.asks.open_qty,
            terms.bids.orders + terms.asks.orders,
            terms.buy_stops.orders + terms.sell_stops.orders,
            terms.parked.count,
            terms.then,
            terms.phase_reason,
            terms.until,
            terms.last_price,
            terms.anchor_price,
        )

    def instruments_page(self, first: int64_t, count: int64_t) -> list:
        """Terms and figures of ``count`` instruments from ``first`` on."""
        return [
            (self.terms_at(i), self.figures_at(i))
            for i in range(first, page_end(first, count, self.count))
        ]

    def page(self, slot: int64_t, count: int64_t) -> tuple:
        """The open orders in ``count`` slots from ``slot``, and where to go on, or
        -1."""
        place: int32_t
        end: int32_t = page_end(slot, count, self.pool.capacity)
        orders = []
        for place in range(slot, end):
            if self.pool.orders[place].order_id != 0:
                orders.append(self.listed(place))
        return orders, end if end < self.pool.capacity else -1

    def find_open(self, order_id: uint64_t):
        """The open order with this number, or None."""
        place: int32_t
        for place in range(self.pool.capacity):
            if order_id != 0 and self.pool.orders[place].order_id == order_id:
                return self.listed(place)
        return None

    def listed(self, slot):
        """The :class:`OpenOrder` in a slot."""
        order: cython.pointer(Order) = cython.address(self.pool.orders[slot])
        terms: cython.pointer(Instrument) = self.terms_of(slot)
        return OpenOrder(
            order.order_id,
            order.session,
            order.source,
            text_of(terms.symbol[:24]),
            order.side,
            order.ord_type,
            order.time_in_force,
            order.price,
            order.qty,
            order.leaves,
            order.cum,
            average(order.notional, order.cum),
            text_of(order.cl_ord_id[:36]),
            text_of(order.account[:24]),
            order.exec_inst,
            order.stop_price,
            order.display_qty,
            order.expire_time,
            order.shown,
            order.triggered,
            order.priority,
        )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def start_queue(queue: cython.pointer(Queue)) -> cython.void:
    """An empty queue."""
    queue.oldest = -1
    queue.newest = -1
    queue.count = 0


@cython.cfunc
def page_end(first: int64_t, count: int64_t, size: int32_t) -> int32_t:
    """Where a page ends that begins with ``first``; raises ValueError for none."""
    if not (0 <= first <= PLACE_MAX and 0 < count <= PLACE_MAX):
        raise ValueError(f"no page of {count} from {first}")
    return cython.cast(int32_t, min(first + count, size))


@cython.cfunc
def text_of(padded: bytes) -> str:
    """A text of a record. What is not ASCII cannot come from a gateway; it is shown
    and no reason to fail."""
    return padded.rstrip(b"\0").decode("ascii", "backslashreplace")
