"""The last orders that ended, as they were: what a status request is answered with.
Compiled.
"""

import cython
from cython.cimports.engine.dumping import dump_order
from cython.cimports.engine.ended import ENDED_MAX, EndedOrder
from cython.cimports.libc.stdint import int32_t
from cython.cimports.libc.stdlib import calloc, free


@cython.final
@cython.cclass
class EndedOrders:
    """A ring of ENDED_MAX orders, some 6 MB, taken when the first order ends."""

    def __cinit__(self):
        self.ring = cython.NULL
        self.next_place = 0

    def __dealloc__(self):
        free(self.ring)

    def remember(self, order, status):
        """Keeps an order that ended, in place of the oldest; where it is."""
        place: int32_t = self.next_place
        if self.ring == cython.NULL:
            self.ring = cython.cast(
                cython.pointer(EndedOrder),
                calloc(ENDED_MAX, cython.sizeof(EndedOrder)),
            )
            if self.ring == cython.NULL:
                raise MemoryError
        self.ring[place].order = order[0]
        self.ring[place].status = status
        self.next_place = (place + 1) % ENDED_MAX
        return place

    def recall(self, place, order_id):
        """The order with this OrderID(37) at a place ``remember`` gave, or NULL."""
        if self.ring == cython.NULL or self.ring[place].order.order_id != order_id:
            return cython.NULL
        return cython.address(self.ring[place])

    def forget(self):
        """A new trading day."""
        place: int32_t
        if self.ring != cython.NULL:
            for place in range(ENDED_MAX):
                self.ring[place].order.order_id = 0
        self.next_place = 0

    def dump(self) -> list:
        """(order, final status), the oldest first."""
        rows = []
        i: int32_t
        place: int32_t
        if self.ring == cython.NULL:
            return rows
        for i in range(ENDED_MAX):
            place = (self.next_place + i) % ENDED_MAX
            one = cython.address(self.ring[place])
            if one.order.order_id != 0:
                rows.append((dump_order(cython.address(one.order)), one.status))
        return rows
