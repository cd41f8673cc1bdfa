"""Good-till-date orders by the time they expire. Compiled.

A binary heap: the next to expire is the first. An entry that has become stale, because
its order has ended or has got another time, stays until it comes to the top or room is
needed, so that ending an order costs nothing here. Stale entries are thrown out before
the heap grows: it takes at most four times the memory that the open orders need, 24
bytes each.
"""

import cython
from cython.cimports.engine.books import Books
from cython.cimports.engine.events import EventBuffer
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.phases import Phases
from cython.cimports.engine.records import (
    EVENT_EXPIRED,
    REASON_EXPIRED_BY_TIME,
    TIF_GTD,
)
from cython.cimports.engine.slots import SlotList
from cython.cimports.libc.stdint import int32_t, int64_t
from cython.cimports.libc.stdlib import free, realloc


@cython.final
@cython.cclass
class Timers:
    """Expires orders by (expire_time, OrderID)."""

    def __cinit__(
        self, books: Books, events: EventBuffer, matching: Matching, phases: Phases
    ):
        self.books = books
        self.events = events
        self.matching = matching
        self.phases = phases
        self.touched = SlotList()
        self.heap = cython.NULL

    def __dealloc__(self):
        free(self.heap)

    def add(self, slot):
        """Notes an order that has become GTD, or whose time has changed."""
        order = cython.address(self.books.pool.orders[slot])
        entry: Timer
        place: int64_t
        above: int64_t
        if self.count == self.capacity:
            self.make_room()
        entry.time = order.expire_time
        entry.order_id = order.order_id
        entry.slot = slot
        place = self.count
        self.count += 1
        while place > 0:
            above = (place - 1) >> 1
            if not before(cython.address(entry), cython.address(self.heap[above])):
                break
            self.heap[place] = self.heap[above]
            place = above
        self.heap[place] = entry
        return 0

    def due(self):
        """At the start of a batch: expires, then settles the instruments, in order of
        definition."""
        i: int64_t
        instrument: int32_t
        last: int32_t = -1
        if self.next_due() == 0 or self.heap[0].time > self.events.time:
            return 0
        self.touched.count = 0
        while self.next_due() != 0 and self.heap[0].time <= self.events.time:
            slot: int32_t = self.heap[0].slot
            self.pop()
            instrument = self.books.pool.orders[slot].instrument
            self.touched.add(instrument, instrument)
            self.matching.take_out(
                cython.NULL, slot, EVENT_EXPIRED, REASON_EXPIRED_BY_TIME
            )
        self.touched.sort()
        for i in range(self.touched.count):
            instrument = self.touched.rows[i].slot
            if instrument != last:
                self.phases.finish(instrument)
            last = instrument
        return 0

    def next_due(self):
        """When the next order expires, 0 = none will."""
        while self.count > 0 and self.stale(cython.address(self.heap[0])):
            self.pop()
        return self.heap[0].time if self.count > 0 else 0

    def stale(self, timer):
        """Whether an entry speaks of an order that has ended, or has another time."""
        order = cython.address(self.books.pool.orders[timer.slot])
        return (
            order.order_id != timer.order_id
            or order.time_in_force != TIF_GTD
            or order.expire_time != timer.time
        )

    def pop(self):
        """Removes the first entry."""
        self.count -= 1
        if self.count > 0:
            self.heap[0] = self.heap[self.count]
            self.sink(0)

    def sink(self, place):
        """Moves an entry down to where it belongs."""
        entry: Timer = self.heap[place]
        below: int64_t = 2 * place + 1
        while below < self.count:
            if below + 1 < self.count and before(
                cython.address(self.heap[below + 1]), cython.address(self.heap[below])
            ):
                below += 1
            if not before(cython.address(self.heap[below]), cython.address(entry)):
                break
            self.heap[place] = self.heap[below]
            place = below
            below = 2 * place + 1
        self.heap[place] = entry

    def make_room(self):
        """Throws out what is stale; grows if that leaves the heap more than half
        full."""
        i: int64_t
        kept: int64_t = 0
        for i in range(self.count):
            if not self.stale(cython.address(self.heap[i])):
                self.heap[kept] = self.heap[i]
                kept += 1
        self.count = kept
        for i in range((kept >> 1) - 1, -1, -1):
            self.sink(i)
        if kept * 2 < self.capacity:
            return 0
        capacity: int64_t = self.capacity * 2 if self.capacity else 64
        heap = cython.cast(
            cython.pointer(Timer),
            realloc(
                self.heap, cython.cast(cython.size_t, capacity) * cython.sizeof(Timer)
            ),
        )
        if heap == cython.NULL:
            raise MemoryError
        self.heap = heap
        self.capacity = capacity
        return 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def before(
    one: cython.pointer(cython.const[Timer]), other: cython.pointer(cython.const[Timer])
) -> cython.bint:
    """Whether one expires before another; two of the same order are alike."""
    if one.time != other.time:
        return one.time < other.time
    return one.order_id < other.order_id
