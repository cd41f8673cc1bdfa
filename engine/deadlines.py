"""Deadlines of sessions: when all orders of one are to be cancelled unless it comes
back. Compiled.

There is at most one per session and reason (lost connection, logout, dead-man switch):
as many as the gateways have sessions, times three; 24 bytes each and its place in the
index.
"""

import cython
from cython.cimports.engine.events import EventBuffer
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.massactions import MassActions
from cython.cimports.libc.stdint import int32_t, int64_t, uint16_t, uint64_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memcpy, memset


@cython.final
@cython.cclass
class Deadlines:
    """What SET_DEADLINE has set and what is due of it."""

    def __cinit__(self, events: EventBuffer, massactions: MassActions, hash_key: bytes):
        self.events = events
        self.massactions = massactions
        self.table = KeyTable(hash_key)
        self.rows = cython.NULL

    def __dealloc__(self):
        free(self.rows)

    def set(self, command):
        """SET_DEADLINE: the newest counts, 0 removes it. No event."""
        text: cython.uchar[36]
        row: int32_t
        name_reason(text, command.reason)
        place: int64_t = self.table.find(command.session, text)
        if command.deadline == 0:
            if place >= 0:
                self.remove(self.table.entries[place].slot)
                self.look_ahead()
            return 0
        if place >= 0:
            row = self.table.entries[place].slot
        else:
            if self.count == self.capacity:
                self.make_room()
            row = self.count
            self.table.insert(command.session, text, 0, row)
            self.count += 1
        entry = cython.address(self.rows[row])
        entry.time = command.deadline
        entry.session = command.session
        entry.reason = command.reason
        entry.flags = command.flags
        entry.source = command.source
        if self.next_due == 0 or row == self.next_row:
            self.look_ahead()
        elif earlier(entry, cython.address(self.rows[self.next_row])):
            self.next_due = entry.time
            self.next_row = row
        return 0

    def due(self):
        """At the start of a batch: cancels for those that have passed, by (deadline,
        session, reason), each once."""
        while self.next_due != 0 and self.next_due <= self.events.time:
            entry = cython.address(self.rows[self.next_row])
            session: uint64_t = entry.session
            reason: uint16_t = entry.reason
            flags: uint16_t = entry.flags
            self.remove(self.next_row)
            self.look_ahead()
            self.massactions.cancel_session(session, reason, flags)
        return 0

    def make_room(self):
        """For another row."""
        capacity: int32_t = self.capacity * 2 if self.capacity else 16
        rows = cython.cast(
            cython.pointer(Deadline),
            realloc(
                self.rows,
                cython.cast(cython.size_t, capacity) * cython.sizeof(Deadline),
            ),
        )
        if rows == cython.NULL:
            raise MemoryError
        self.rows = rows
        self.capacity = capacity
        return 0

    def remove(self, row):
        """Takes a row out; the last one fills the gap."""
        text: cython.uchar[36]
        name_reason(text, self.rows[row].reason)
        self.table.remove(self.table.find(self.rows[row].session, text))
        self.count -= 1
        if row != self.count:
            self.rows[row] = self.rows[self.count]
            name_reason(text, self.rows[row].reason)
            place: int64_t = self.table.find(self.rows[row].session, text)
            self.table.entries[place].slot = row

    def look_ahead(self):
        """Finds the earliest: a few nanoseconds for each."""
        row: int32_t
        self.next_due = 0
        self.next_row = -1
        for row in range(self.count):
            if self.next_row < 0 or earlier(
                cython.address(self.rows[row]), cython.address(self.rows[self.next_row])
            ):
                self.next_row = row
                self.next_due = self.rows[row].time

    def dump(self) -> list:
        """(deadline, session, reason, flags, source), sorted."""
        row: int32_t
        rows = []
        for row in range(self.count):
            entry = cython.address(self.rows[row])
            rows.append(
                (entry.time, entry.session, entry.reason, entry.flags, entry.source)
            )
        rows.sort()
        return rows


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def name_reason(text: cython.p_uchar, reason: uint16_t) -> cython.void:
    """The text a reason has in the index."""
    memset(text, 0, 36)
    memcpy(text, cython.address(reason), 2)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def earlier(
    one: cython.pointer(cython.const[Deadline]),
    other: cython.pointer(cython.const[Deadline]),
) -> cython.bint:
    """Whether one is dealt with before another."""
    if one.time != other.time:
        return one.time < other.time
    if one.session != other.session:
        return one.session < other.session
    return one.reason < other.reason
