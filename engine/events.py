"""The events of one batch, in reused memory, with the counters that name them.
Compiled."""

import cython
from cython.cimports.engine.book import int128
from cython.cimports.engine.records import (
    EVENT_BYTES,
    EVENT_INSTRUMENT_DEFINED,
    EVENT_REJECTED,
    STATUS_FILLED,
    STATUS_NEW,
    STATUS_PARTIALLY_FILLED,
    STATUS_REJECTED,
    InstrumentEvent,
    OrderEvent,
)
from cython.cimports.libc.stdint import int64_t, uint8_t, uint16_t, uint64_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memcpy, memset

from engine.codes import EventKind, Reason

SHARD_SHIFT = cython.declare(cython.int, 48)
"""An identifier is the shard above this many bits of number."""


@cython.final
@cython.cclass
class EventBuffer:
    """Where a shard writes its events; also its place in the log and its time."""

    def __cinit__(self, shard_id: int):
        if not 0 <= shard_id <= 0xFFFF:
            raise ValueError("a shard number is 0 to 65535")
        self.shard_id = shard_id
        self.data = cython.NULL

    def __dealloc__(self):
        free(self.data)

    def identifier(self, number):
        """OrderID, ExecID or TradeID: the shard and a number of its log."""
        return (cython.cast(uint64_t, self.shard_id) << SHARD_SHIFT) | number

    def next_priority(self):
        """The next place in time: of an order that goes to the end of a queue."""
        self.priority += 1
        return self.priority

    def add(self, kind):
        """A zeroed event, numbered and stamped. Valid until the next one is added."""
        capacity: int64_t
        event: cython.pointer(OrderEvent)
        if self.count == self.capacity:
            capacity = self.capacity * 2 if self.capacity else 256
            grown = cython.cast(
                cython.pointer(cython.uchar),
                realloc(self.data, cython.cast(cython.size_t, capacity) * EVENT_BYTES),
            )
            if grown == cython.NULL:
                raise MemoryError
            self.data = grown
            self.capacity = capacity
        event = cython.cast(
            cython.pointer(OrderEvent), self.data + self.count * EVENT_BYTES
        )
        memset(event, 0, EVENT_BYTES)
        self.count += 1
        self.seq += 1
        event.kind = cython.cast(uint8_t, kind)
        event.seq = self.seq
        event.command_seq = self.command_seq
        event.time = self.time
        return event

    def add_of(self, kind, order, terms):
        """An event with everything an order now is."""
        event: cython.pointer(OrderEvent) = self.add(kind)
        event.side = order.side
        event.ord_type = order.ord_type
        event.time_in_force = order.time_in_force
        event.source = order.source
        event.session = order.session
        event.order_id = order.order_id
        event.price = order.price
        event.qty = order.qty
        event.leaves_qty = order.leaves
        event.cum_qty = order.cum
        event.stop_price = order.stop_price
        event.display_qty = order.display_qty
        event.min_qty = order.min_qty
        event.peg_offset = order.peg_offset
        event.expire_time = order.expire_time
        event.shown_qty = order.shown
        event.priority = order.priority
        event.exec_inst = order.exec_inst
        event.stp = order.stp
        event.triggered = order.triggered
        event.avg_price = average_of(order)
        if order.leaves == 0:
            event.ord_status = STATUS_FILLED
        elif order.cum:
            event.ord_status = STATUS_PARTIALLY_FILLED
        else:
            event.ord_status = STATUS_NEW
        memcpy(event.cl_ord_id, order.cl_ord_id, 36)
        memcpy(event.account, order.account, 24)
        memcpy(event.symbol, terms.symbol, 24)
        memcpy(event.stp_id, order.stp_id, 12)
        return event

    def add_refusal(self, command, kind, reason):
        """An event that repeats a refused command; no order is known to it."""
        event: cython.pointer(OrderEvent) = self.add(kind)
        event.ord_status = STATUS_REJECTED
        event.side = command.side
        event.ord_type = command.ord_type
        event.time_in_force = command.time_in_force
        event.session = command.session
        event.source = command.source
        event.price = command.price
        event.qty = command.qty
        event.stop_price = command.stop_price
        event.display_qty = command.display_qty
        event.min_qty = command.min_qty
        event.peg_offset = command.peg_offset
        event.expire_time = command.expire_time
        event.exec_inst = command.exec_inst
        event.stp = command.stp
        memcpy(event.stp_id, command.stp_id, 12)
        memcpy(event.cl_ord_id, command.cl_ord_id, 36)
        memcpy(event.orig_cl_ord_id, command.orig_cl_ord_id, 36)
        memcpy(event.account, command.account, 24)
        memcpy(event.symbol, command.symbol, 24)
        if kind == EVENT_REJECTED:
            event.order_id = self.identifier(self.command_seq)
        event.reason = cython.cast(uint16_t, reason)
        caused_by(event, command)
        return event

    def add_terms(self, terms):
        """The event that tells an instrument's terms."""
        event: cython.pointer(InstrumentEvent) = cython.cast(
            cython.pointer(InstrumentEvent), self.add(EVENT_INSTRUMENT_DEFINED)
        )
        event.tick = terms.tick
        event.lot = terms.lot
        event.reference_price = terms.reference_price
        event.price_min = terms.price_min
        event.price_max = terms.price_max
        event.qty_max = terms.qty_max
        event.notional_max = terms.notional_max
        event.qty_min = terms.qty_min
        event.static_band = terms.static_band
        event.dynamic_band = terms.dynamic_band
        event.volatility_ns = terms.volatility_ns
        event.maker_fee = terms.maker_fee
        event.taker_fee = terms.taker_fee
        event.auction_fee = terms.auction_fee
        memcpy(event.symbol, terms.symbol, 24)
        memcpy(event.currency, terms.currency, 8)
        return 0

    def tally(self):
        """Counts the events of a whole batch: one pass, while they are in the cache."""
        event: cython.pointer(cython.const[OrderEvent])
        i: int64_t
        for i in range(self.count):
            event = cython.cast(
                cython.pointer(cython.const[OrderEvent]), self.data + i * EVENT_BYTES
            )
            self.kinds[event.kind] += 1
            if event.kind < EVENT_INSTRUMENT_DEFINED:
                self.reasons[event.reason & 63] += 1

    def figures(self) -> tuple:
        """How many events of each kind, and how many gave each reason."""
        return (
            {kind: self.kinds[int(kind)] for kind in EventKind},
            {reason: self.reasons[int(reason)] for reason in Reason if reason},
        )


def caused_by(event, command):
    """Notes which message of the session the event answers."""
    event.flags = command.flags
    event.msg_seq_num = command.msg_seq_num
    event.session_epoch = command.session_epoch


def average_of(order):
    """AvgPx(6) of an order. Most have traded at their own price only, which a
    multiplication tells faster than a division of 128 bits."""
    if order.cum == 0:
        return 0
    if cython.cast(int128, order.price) * order.cum == order.notional:
        return order.price
    return average(order.notional, order.cum)


def average(notional, cum):
    """AvgPx(6): rounded half up; 0 for an order without fills."""
    if cum == 0:
        return 0
    return cython.cast(int64_t, (notional * 2 + cum) / (cython.cast(int128, cum) * 2))
