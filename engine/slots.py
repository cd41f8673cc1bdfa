"""A list of slots with what they are sorted by, in reused memory. Compiled.

What a command does to many orders is done to those that were there when it began: they
are listed first, then dealt with. A list is emptied by setting ``count`` to 0 and keeps
its memory: at most 64 bytes for each order or instrument it ever held at a time.
"""

import cython
from cython.cimports.libc.stdlib import free, qsort, realloc


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _compare(
    one: cython.pointer(cython.const[cython.void]),
    other: cython.pointer(cython.const[cython.void]),
) -> cython.int:
    a = cython.cast(cython.pointer(cython.const[Ranked]), one)
    b = cython.cast(cython.pointer(cython.const[Ranked]), other)
    if a.group != b.group:
        return 1 if a.group > b.group else -1
    if a.key != b.key:
        return 1 if a.key > b.key else -1
    return (a.rank > b.rank) - (a.rank < b.rank)


@cython.final
@cython.cclass
class SlotList:
    """Rows of a slot with group, key and rank, which ``sort`` compares in this order.
    They are unique, or their rows alike."""

    def __dealloc__(self):
        free(self.rows)

    def add(self, rank, slot):
        """Appends a row that is sorted by rank alone."""
        return self.add_to(0, 0, rank, slot)

    def add_to(self, group, key, rank, slot):
        """Appends a row."""
        if self.count == self.capacity:
            capacity = self.capacity * 2 if self.capacity else 64
            rows = cython.cast(
                cython.pointer(Ranked),
                realloc(
                    self.rows,
                    cython.cast(cython.size_t, capacity) * cython.sizeof(Ranked),
                ),
            )
            if rows == cython.NULL:
                raise MemoryError
            self.rows = rows
            self.capacity = capacity
        self.rows[self.count].group = group
        self.rows[self.count].key = key
        self.rows[self.count].rank = rank
        self.rows[self.count].slot = slot
        self.count += 1
        return 0

    def sort(self):
        """The lowest first."""
        if self.count > 1:
            qsort(self.rows, self.count, cython.sizeof(Ranked), _compare)
