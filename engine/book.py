"""Price levels and the orders queueing in them. Compiled.

A side of a book is an array of levels sorted so that the best price is the last: new
best prices are appended, and the levels that change most lie at the end. A level has
two queues of orders, oldest first (price-time priority): those that are displayed and,
behind them, those that are not. Stops wait in the same structure, sorted by the price
that triggers them. Orders live in a pool and are named by their slot; links are slots,
not pointers, so the pool may move when it grows.

The functions trust their arguments: :mod:`engine.shard` checks every command first.
"""

import cython
from cython.cimports.engine.book import NEAR_LEVELS, in_hidden_queue
from cython.cimports.engine.pages import pages_grown
from cython.cimports.engine.records import ORD_TYPE_PEGGED
from cython.cimports.libc.stdint import int32_t, int64_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memmove, memset

FIRST_LEVELS = cython.declare(int32_t, 4)
"""Of a side, when its first level is made: few, so that the few levels of each of many
symbols lie close together."""


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
                pages_grown(
                    self.orders,
                    cython.cast(cython.size_t, self.capacity) * cython.sizeof(Order),
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
        self.orders[slot].kin_older = -1
        self.orders[slot].kin_newer = -1
        self.orders[slot].session_limits = -1
        self.orders[slot].account_limits = -1
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
    """Puts an order at the tail of its queue in its level, which is made if it is the
    first there. ``shown`` of the order says what it displays."""
    place: int32_t = find_level(side, key)
    level: cython.pointer(Level)
    order: cython.pointer(Order) = cython.address(orders[slot])
    tail: int32_t
    if place < 0:
        place = ~place
        make_level(side, place, key)
    level = cython.address(side.levels[place])
    if in_hidden_queue(order):
        tail = level.hidden_newest
        level.hidden_newest = slot
        if tail < 0:
            level.hidden_oldest = slot
    else:
        tail = level.newest
        level.newest = slot
        if tail < 0:
            level.oldest = slot
    order.older = tail
    order.newer = -1
    if tail >= 0:
        orders[tail].newer = slot
    level.qty += order.leaves
    level.shown += order.shown
    if order.ord_type != ORD_TYPE_PEGGED:
        level.fixed += order.shown
    side.open_qty += order.leaves
    side.orders += 1
    return 0


@cython.cfunc
@cython.exceptval(-1)
def make_level(
    side: cython.pointer(BookSide), place: int32_t, key: int64_t
) -> cython.int:
    """An empty level at ``place``; those from there on move up."""
    capacity: int32_t
    levels: cython.pointer(Level)
    level: cython.pointer(Level)
    if side.count == side.capacity:
        capacity = side.capacity * 2 if side.capacity else FIRST_LEVELS
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
    memset(level, 0, cython.sizeof(Level))
    level.key = key
    level.oldest = level.newest = -1
    level.hidden_oldest = level.hidden_newest = -1
    return 0


def reduce_level(side, place, order, qty, shown):
    """Takes ``qty`` off the totals of a level, and ``shown`` off what it displays,
    because of an order that stays where it is."""
    level: cython.pointer(Level) = cython.address(side.levels[place])
    level.qty -= qty
    level.shown -= shown
    if order.ord_type != ORD_TYPE_PEGGED:
        level.fixed -= shown
    side.open_qty -= qty


def unlink(orders, side, place, slot):
    """Takes an order out of the level at ``place``; an empty level vanishes.

    LeavesQty(151) and what is shown are taken off the totals, so a fill reduces both
    first.
    """
    level: cython.pointer(Level) = cython.address(side.levels[place])
    order: cython.pointer(Order) = cython.address(orders[slot])
    hidden: cython.bint = in_hidden_queue(order)
    reduce_level(side, place, order, order.leaves, order.shown)
    side.orders -= 1
    if order.older >= 0:
        orders[order.older].newer = order.newer
    elif hidden:
        level.hidden_oldest = order.newer
    else:
        level.oldest = order.newer
    if order.newer >= 0:
        orders[order.newer].older = order.older
    elif hidden:
        level.hidden_newest = order.older
    else:
        level.newest = order.older
    if level.oldest < 0 and level.hidden_oldest < 0 and not side.keeps:
        side.count -= 1
        memmove(
            cython.address(side.levels[place]),
            cython.address(side.levels[place + 1]),
            cython.cast(cython.size_t, side.count - place) * cython.sizeof(Level),
        )
    order.older = -1
    order.newer = -1


def requeue(orders, level, slot):
    """Moves a displayed order of a level to the end of its queue there."""
    order: cython.pointer(Order) = cython.address(orders[slot])
    if order.newer < 0:
        return
    orders[order.newer].older = order.older
    if order.older >= 0:
        orders[order.older].newer = order.newer
    else:
        level.oldest = order.newer
    orders[level.newest].newer = slot
    order.older = level.newest
    order.newer = -1
    level.newest = slot


def queue_up(orders, queue, slot):
    """Puts an order at the end of a queue."""
    orders[slot].older = queue.newest
    orders[slot].newer = -1
    if queue.newest >= 0:
        orders[queue.newest].newer = slot
    else:
        queue.oldest = slot
    queue.newest = slot
    queue.count += 1


def leave_queue(orders, queue, slot):
    """Takes an order out of the queue it is in."""
    order: cython.pointer(Order) = cython.address(orders[slot])
    if order.older >= 0:
        orders[order.older].newer = order.newer
    else:
        queue.oldest = order.newer
    if order.newer >= 0:
        orders[order.newer].older = order.older
    else:
        queue.newest = order.older
    order.older = -1
    order.newer = -1
    queue.count -= 1


def join_kin(orders, kin, slot):
    """Puts an order at the end of the list of its kind."""
    orders[slot].kin_older = kin.newest
    orders[slot].kin_newer = -1
    if kin.newest >= 0:
        orders[kin.newest].kin_newer = slot
    else:
        kin.oldest = slot
    kin.newest = slot
    kin.count += 1


def leave_kin(orders, kin, slot):
    """Takes an order out of the list of its kind."""
    order: cython.pointer(Order) = cython.address(orders[slot])
    if order.kin_older >= 0:
        orders[order.kin_older].kin_newer = order.kin_newer
    else:
        kin.oldest = order.kin_newer
    if order.kin_newer >= 0:
        orders[order.kin_newer].kin_older = order.kin_older
    else:
        kin.newest = order.kin_older
    order.kin_older = -1
    order.kin_newer = -1
    kin.count -= 1


def drop_empty(side):
    """Removes the levels that were kept though they were emptied: in one pass, for to
    remove the worst of many levels one by one is to move all the others each time."""
    place: int32_t
    kept: int32_t = 0
    for place in range(side.count):
        level = cython.address(side.levels[place])
        if level.oldest >= 0 or level.hidden_oldest >= 0:
            if kept != place:
                side.levels[kept] = level[0]
            kept += 1
    side.count = kept
    side.keeps = False
