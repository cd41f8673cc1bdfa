"""Price levels and the orders queueing in them. Compiled.

A side of a book is an array of levels sorted so that the best price is the last: new
best prices are appended, and the levels that change most lie at the end. A level is a
queue of orders, oldest first (price-time priority). Orders live in a pool and are named
by their slot; links are slots, not pointers, so the pool may move when it grows.

The functions trust their arguments: :mod:`engine.shard` checks every command first.
"""

import cython
from cython.cimports.libc.stdint import int32_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memmove, memset


@cython.final
@cython.cclass
class OrderPool:
    """Storage for live orders; free slots form a list."""

    def __cinit__(self):
        self.capacity = 0
        self.free_head = -1
        self.live = 0
        self.orders = cython.NULL

    def __dealloc__(self):
        free(self.orders)

    def take(self):
        """A zeroed slot. Moves ``orders`` when it has to grow."""
        slot: int32_t
        capacity: int32_t
        orders: cython.pointer(Order)
        if self.free_head < 0:
            capacity = self.capacity * 2 if self.capacity else 256
            orders = cython.cast(
                cython.pointer(Order),
                realloc(
                    self.orders,
                    cython.cast(cython.size_t, capacity) * cython.sizeof(Order),
                ),
            )
            if orders == cython.NULL:
                raise MemoryError
            self.orders = orders
            for slot in range(self.capacity, capacity):
                orders[slot].order_id = 0
                orders[slot].newer = slot + 1
            orders[capacity - 1].newer = -1
            self.free_head = self.capacity
            self.capacity = capacity
        slot = self.free_head
        self.free_head = self.orders[slot].newer
        memset(cython.address(self.orders[slot]), 0, cython.sizeof(Order))
        self.orders[slot].older = -1
        self.orders[slot].newer = -1
        self.live += 1
        return slot

    def give_back(self, slot):
        self.orders[slot].order_id = 0
        self.orders[slot].newer = self.free_head
        self.free_head = slot
        self.live -= 1


def find_level(side, key):
    """The place of the level with this key, or ~place where it would be inserted."""
    low: int32_t
    high: int32_t = side.count
    middle: int32_t
    near: int32_t = high - NEAR_LEVELS
    if near < 0:
        near = 0
    while high > near:
        if side.levels[high - 1].key < key:
            return ~high
        high -= 1
        if side.levels[high].key == key:
            return high
    low = 0
    while low < high:
        middle = (low + high) >> 1
        if side.levels[middle].key < key:
            low = middle + 1
        else:
            high = middle
    if low < near and side.levels[low].key == key:
        return low
    return ~low


def rest(orders, side, slot, key):
    """Puts an order at the tail of its level, which is made if it is the first
    there."""
    place: int32_t = find_level(side, key)
    capacity: int32_t
    levels: cython.pointer(Level)
    level: cython.pointer(Level)
    if place < 0:
        place = ~place
        if side.count == side.capacity:
            capacity = side.capacity * 2 if side.capacity else 16
            levels = cython.cast(
                cython.pointer(Level),
                realloc(
                    side.levels,
                    cython.cast(cython.size_t, capacity) * cython.sizeof(Level),
                ),
            )
            if levels == cython.NULL:
                raise MemoryError
            side.levels = levels
            side.capacity = capacity
        memmove(
            cython.address(side.levels[place + 1]),
            cython.address(side.levels[place]),
            cython.cast(cython.size_t, side.count - place) * cython.sizeof(Level),
        )
        side.count += 1
        level = cython.address(side.levels[place])
        level.key = key
        level.qty = 0
        level.oldest = slot
        level.newest = -1
    else:
        level = cython.address(side.levels[place])
    orders[slot].older = level.newest
    orders[slot].newer = -1
    if level.newest >= 0:
        orders[level.newest].newer = slot
    level.newest = slot
    level.qty += orders[slot].leaves
    side.open_qty += orders[slot].leaves
    side.orders += 1
    return 0


def reduce(side, key, qty):
    """Takes ``qty`` off the totals of a level whose order stays where it is."""
    place: int32_t = find_level(side, key)
    side.levels[place].qty -= qty
    side.open_qty -= qty


def unlink(orders, side, place, slot):
    """Takes an order out of the level at ``place``; an empty level vanishes.

    The order's LeavesQty(151) is taken off the totals, so a fill reduces both first.
    """
    level: cython.pointer(Level) = cython.address(side.levels[place])
    order: cython.pointer(Order) = cython.address(orders[slot])
    level.qty -= order.leaves
    side.open_qty -= order.leaves
    side.orders -= 1
    if order.older >= 0:
        orders[order.older].newer = order.newer
    else:
        level.oldest = order.newer
    if order.newer >= 0:
        orders[order.newer].older = order.older
    else:
        level.newest = order.older
    if level.oldest < 0:
        side.count -= 1
        memmove(
            cython.address(side.levels[place]),
            cython.address(side.levels[place + 1]),
            cython.cast(cython.size_t, side.count - place) * cython.sizeof(Level),
        )
    order.older = -1
    order.newer = -1
