"""ClOrdIDs: which are used, and which order each names. Compiled.

An entry holds the order's slot and its number. It names a live order as long as the
slot still holds that number; afterwards it only says that the identifier was used. Slot
-1: it never named an order (refused orders, cancel requests).

An identifier that came under REUSE_ID is noted only while it is an order's current one.
How an order ended is noted with its last identifier, and in ``finals`` by its number if
it had others before; with it goes where the order is remembered.
"""

import cython
from cython.cimports.engine.book import Order, OrderPool
from cython.cimports.engine.ended import EndedOrders
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.records import (
    COMMAND_NEW_ORDER,
    FLAG_REUSE_ID,
    REASON_DUPLICATE_CL_ORD_ID,
    REASON_MISSING_CL_ORD_ID,
    REASON_NONE,
    REASON_TOO_LATE,
    REASON_UNKNOWN_ORDER,
)
from cython.cimports.libc.stdint import (
    int32_t,
    int64_t,
    uint8_t,
    uint32_t,
    uint64_t,
)
from cython.cimports.libc.string import memcmp, memset

STATUS_SHIFT = cython.declare(cython.int, 8)
"""Above the flags of an entry stands the OrdStatus(39) its order ended with, 8 bits."""

ENDED_SHIFT = cython.declare(cython.int, 16)
"""Above that stands the order's place among the remembered ones, 16 bits."""


@cython.final
@cython.cclass
class OrderIds:
    """The used ClOrdIDs of all sessions of a shard."""

    def __cinit__(self, pool: OrderPool, hash_key: bytes):
        self.pool = pool
        self.table = KeyTable(hash_key)
        self.finals = KeyTable(hash_key)
        self.ended = EndedOrders()

    def may_use(self, command):
        """Whether ClOrdID(11) may be used by this command: a reason, or NONE."""
        if command.cl_ord_id[0] == 0:
            return REASON_MISSING_CL_ORD_ID
        if self.table.find(command.session, command.cl_ord_id) < 0:
            return REASON_NONE
        if (
            command.flags & FLAG_REUSE_ID
            and command.kind != COMMAND_NEW_ORDER
            and memcmp(command.cl_ord_id, command.orig_cl_ord_id, 36) == 0
        ):
            return REASON_NONE
        return REASON_DUPLICATE_CL_ORD_ID

    def use(self, command, number, slot):
        """Notes ClOrdID(11) as used: by the order in ``slot``, or by none with -1."""
        reuse: cython.bint = (command.flags & FLAG_REUSE_ID) != 0
        order: cython.pointer(Order)
        place: int64_t
        if slot < 0 and reuse:
            return 0
        if slot >= 0:
            order = cython.address(self.pool.orders[slot])
            number = order.order_id
            if command.kind != COMMAND_NEW_ORDER:
                if memcmp(command.cl_ord_id, order.cl_ord_id, 36) == 0:
                    return 0
                self.release(order)
        if reuse and self.table.find(command.session, command.cl_ord_id) >= 0:
            return 0  # an earlier identifier of the same order comes back
        place = self.table.insert(command.session, command.cl_ord_id, number, slot)
        self.table.entries[place].flags = FLAG_REUSE_ID if reuse else 0
        return 0

    def find_live(self, session, text, reason):
        """The slot of the live order an identifier names, or -1 and why not."""
        place: int64_t = self.table.find(session, text)
        slot: int32_t
        if place < 0 or self.table.entries[place].slot < 0:
            reason[0] = REASON_UNKNOWN_ORDER
            return -1
        slot = self.table.entries[place].slot
        if self.pool.orders[slot].order_id != self.table.entries[place].number:
            reason[0] = REASON_TOO_LATE
            return -1
        return slot

    def find_number(self, command):
        """The OrderID of the order, live or dead, OrigClOrdID(41) names; 0 for none."""
        place: int64_t = self.table.find(command.session, command.orig_cl_ord_id)
        if place < 0 or self.table.entries[place].slot < 0:
            return 0
        return self.table.entries[place].number

    def release(self, order):
        """Forgets the current ClOrdID of an order if it came under REUSE_ID."""
        place: int64_t = self.table.find(order.session, order.cl_ord_id)
        if place >= 0 and self.table.entries[place].flags & FLAG_REUSE_ID:
            self.table.remove(place)

    def bury(self, order, status):
        """Notes how an order ended; frees its identifier if that came under
        REUSE_ID."""
        nothing: cython.uchar[36]
        place: int64_t = self.table.find(order.session, order.cl_ord_id)
        remembered: int32_t = 0
        if not order.flags & FLAG_REUSE_ID:
            remembered = self.ended.remember(order, status)
        if place >= 0:
            if self.table.entries[place].flags & FLAG_REUSE_ID:
                self.table.remove(place)
            else:
                self.table.entries[place].flags |= (
                    cython.cast(uint32_t, status) << STATUS_SHIFT
                ) | (cython.cast(uint32_t, remembered) << ENDED_SHIFT)
        if order.replaced:
            memset(nothing, 0, 36)
            self.finals.insert(order.order_id, nothing, remembered, status)
        return 0

    def find_ended(self, session, text):
        """The remembered order an identifier names, or NULL."""
        nothing: cython.uchar[36]
        place: int64_t = self.table.find(session, text)
        remembered: int64_t
        number: uint64_t
        if place < 0 or self.table.entries[place].slot < 0:
            return cython.NULL
        entry = cython.address(self.table.entries[place])
        number = entry.number
        remembered = entry.flags >> ENDED_SHIFT
        if (entry.flags >> STATUS_SHIFT) & 0xFF == 0:
            memset(nothing, 0, 36)
            place = self.finals.find(number, nothing)
            if place < 0:
                return cython.NULL
            remembered = cython.cast(int64_t, self.finals.entries[place].number)
        return self.ended.recall(cython.cast(int32_t, remembered), number)

    def final_status(self, command):
        """OrdStatus(39) with which the order OrigClOrdID(41) names ended; 0 for
        none."""
        place: int64_t = self.table.find(command.session, command.orig_cl_ord_id)
        return self.status_at(place) if place >= 0 else 0

    def status_at(self, place):
        """The same for an entry: its own note, or that of a replaced order."""
        nothing: cython.uchar[36]
        status: uint8_t = cython.cast(
            uint8_t, self.table.entries[place].flags >> STATUS_SHIFT
        )
        if status or self.table.entries[place].slot < 0:
            return status
        memset(nothing, 0, 36)
        place = self.finals.find(self.table.entries[place].number, nothing)
        if place < 0:
            return 0
        return cython.cast(uint8_t, self.finals.entries[place].slot)

    def forget_dead(self):
        """Leaves only identifiers that name live orders: a new trading day."""
        i: int64_t
        slot: int32_t
        for i in range(self.table.capacity):
            if self.table.entries[i].hash == 0:
                continue
            slot = self.table.entries[i].slot
            if slot < 0 or (
                self.pool.orders[slot].order_id != self.table.entries[i].number
            ):
                self.table.entries[i].hash = 0
        for i in range(self.finals.capacity):
            self.finals.entries[i].hash = 0
        self.finals.rebuild(self.finals.capacity)
        self.ended.forget()
        return self.table.rebuild(self.table.capacity)

    def dump(self) -> list:
        """(session, text, number or 0, whether it is live, final status or 0),
        sorted."""
        i: int64_t
        rows = []
        for i in range(self.table.capacity):
            entry = cython.address(self.table.entries[i])
            if entry.hash == 0:
                continue
            named: cython.bint = entry.slot >= 0
            live: cython.bint = (
                named and self.pool.orders[entry.slot].order_id == entry.number
            )
            rows.append(
                (
                    entry.owner,
                    entry.text[:36],
                    entry.number if named else 0,
                    live,
                    self.status_at(i) if named and not live else 0,
                )
            )
        rows.sort()
        return rows
