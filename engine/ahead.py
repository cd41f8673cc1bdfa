"""Fetches the memory of commands that are to come. Compiled.

A book of a million orders does not fit into a cache, and a command that looks for its
order there waits for memory several times in a row: the entry of its identifier, the
order, its neighbours. But commands come in batches, so what the next ones need is known
and can be on its way while this one is worked on.

Nothing here changes what a command does. What is fetched is a guess, made with what is
there at the time; hashes are handed on so that they are worked out once.
"""

import cython
from cython.cimports.engine.ahead import (
    AHEAD,
    ENTRIES_AHEAD,
    LEVELS_AHEAD,
    NEIGHBOURS_AHEAD,
    ORDERS_AHEAD,
    TAILS_AHEAD,
    Seen,
    fetch,
)
from cython.cimports.engine.book import (
    HOT_BYTES,
    NEAR_LEVELS,
    BookSide,
    Instrument,
    Level,
    Order,
    key_of,
)
from cython.cimports.engine.books import Books
from cython.cimports.engine.keytable import KeyEntry
from cython.cimports.engine.orderids import OrderIds
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_CANCEL,
    COMMAND_NEW_ORDER,
    COMMAND_REPLACE,
    SIDE_BUY,
    OrderCommand,
)
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t
from cython.cimports.libc.string import memcmp, memcpy, memset

LINE_BYTES = cython.declare(cython.int, 64)
"""Of a cache: what is fetched at a time."""


@cython.final
@cython.cclass
class Ahead:
    """Looks ahead in one batch at a time: ``begin``, ``step`` before each command,
    ``end``."""

    def __cinit__(self, ids: OrderIds, books: Books):
        self.table = ids.table
        self.pool = books.pool
        self.symbols = books.symbols
        self.books = books
        self.count = 0

    def begin(self, commands, count):
        """A batch of checked commands, whose memory stays until ``end``."""
        i: int64_t
        self.commands = commands
        self.count = count
        # The table of symbols may have changed since the last batch.
        memset(self.last_symbol, 0, 24)
        self.last_hash = 0
        for i in range(min(count, ENTRIES_AHEAD)):
            self.look_up(i)
        for i in range(min(count, ORDERS_AHEAD)):
            self.find_order(i)
        for i in range(min(count, NEIGHBOURS_AHEAD)):
            self.find_neighbours(i)

    def step(self, i):
        """The next command is number ``i`` of the batch."""
        if i + ENTRIES_AHEAD < self.count:
            self.look_up(i + ENTRIES_AHEAD)
        if i + ORDERS_AHEAD < self.count:
            self.find_order(i + ORDERS_AHEAD)
        if i + NEIGHBOURS_AHEAD < self.count:
            self.find_neighbours(i + NEIGHBOURS_AHEAD)
        if i + LEVELS_AHEAD < self.count:
            self.find_levels(i + LEVELS_AHEAD)
        if i + TAILS_AHEAD < self.count:
            self.find_tail(i + TAILS_AHEAD)
        self.hint(i)

    def end(self):
        """The batch is done: its memory is another's."""
        self.count = 0
        self.table.unhint()
        self.books.likely = -1

    def command(self, i):
        return cython.cast(
            cython.pointer(cython.const[OrderCommand]),
            self.commands + i * COMMAND_BYTES,
        )

    def look_up(self, i):
        """The entries of identifiers and symbol."""
        command: cython.pointer(cython.const[OrderCommand]) = self.command(i)
        seen: cython.pointer(Seen) = cython.address(self.seen[i & (AHEAD - 1)])
        kind: uint8_t = command.kind
        seen.own_hash = 0
        seen.orig_hash = 0
        seen.symbol_hash = 0
        seen.slot = -1
        seen.instrument = -1
        if (
            kind != COMMAND_NEW_ORDER
            and kind != COMMAND_CANCEL
            and kind != COMMAND_REPLACE
        ):
            return
        seen.own_hash = self.table._hash(command.session, command.cl_ord_id)
        # A search may go on in the next entry, and a removal looks at it.
        fetch_lines(
            cython.address(
                self.table.entries[seen.own_hash & (self.table.capacity - 1)]
            ),
            2 * cython.sizeof(KeyEntry),
        )
        if kind != COMMAND_NEW_ORDER:
            if memcmp(command.cl_ord_id, command.orig_cl_ord_id, 36) == 0:
                seen.orig_hash = seen.own_hash
            else:
                seen.orig_hash = self.table._hash(
                    command.session, command.orig_cl_ord_id
                )
                fetch(
                    cython.address(
                        self.table.entries[seen.orig_hash & (self.table.capacity - 1)]
                    )
                )
        if command.symbol[0]:
            seen.symbol_hash = self.hash_symbol(command)

    def hash_symbol(self, command):
        """That of a command's symbol; the one before is mostly the same."""
        text: cython.uchar[36]
        if memcmp(command.symbol, self.last_symbol, 24) != 0:
            memcpy(self.last_symbol, command.symbol, 24)
            memset(text, 0, 36)
            memcpy(text, command.symbol, 24)
            self.last_hash = self.symbols._hash(0, text)
            fetch(
                cython.address(
                    self.symbols.entries[self.last_hash & (self.symbols.capacity - 1)]
                )
            )
        return self.last_hash

    def find_order(self, i):
        """The order that a cancel or replace is about, and the instrument."""
        command: cython.pointer(cython.const[OrderCommand]) = self.command(i)
        seen: cython.pointer(Seen) = cython.address(self.seen[i & (AHEAD - 1)])
        entry: cython.pointer(KeyEntry)
        place: int64_t
        if seen.orig_hash:
            place = seen.orig_hash & (self.table.capacity - 1)
            while True:
                entry = cython.address(self.table.entries[place])
                if entry.hash == 0:
                    break
                if entry.hash == seen.orig_hash and entry.owner == command.session:
                    seen.slot = entry.slot
                    break
                place = (place + 1) & (self.table.capacity - 1)
            if seen.slot >= 0:
                fetch_lines(
                    cython.address(self.pool.orders[seen.slot]),
                    cython.sizeof(Order),
                )
        if seen.symbol_hash:
            place = seen.symbol_hash & (self.symbols.capacity - 1)
            while True:
                entry = cython.address(self.symbols.entries[place])
                if entry.hash == 0:
                    return
                if (
                    entry.hash == seen.symbol_hash
                    and memcmp(entry.text, command.symbol, 24) == 0
                ):
                    break
                place = (place + 1) & (self.symbols.capacity - 1)
            seen.instrument = entry.slot
            fetch_lines(
                cython.address(self.books.instruments[seen.instrument]),
                HOT_BYTES,
            )

    def find_neighbours(self, i):
        """The orders before and behind it in its queue, and its instrument."""
        seen: cython.pointer(Seen) = cython.address(self.seen[i & (AHEAD - 1)])
        orders: cython.pointer(Order) = self.pool.orders
        order: cython.pointer(Order)
        if seen.slot < 0:
            return
        order = cython.address(orders[seen.slot])
        if order.order_id == 0:
            return
        if order.older >= 0:
            fetch(cython.address(orders[order.older].newer))
        if order.newer >= 0:
            fetch(cython.address(orders[order.newer].newer))
        if seen.instrument < 0:
            seen.instrument = order.instrument
            fetch_lines(
                cython.address(self.books.instruments[seen.instrument]),
                HOT_BYTES,
            )

    def side_of(self, i):
        """The side of the book where its order is, or is to be; NULL if not known."""
        command: cython.pointer(cython.const[OrderCommand]) = self.command(i)
        seen: cython.pointer(Seen) = cython.address(self.seen[i & (AHEAD - 1)])
        buys: cython.bint = command.side == SIDE_BUY
        if seen.instrument < 0 or seen.instrument >= self.books.count:
            return cython.NULL
        if seen.slot >= 0:
            buys = self.pool.orders[seen.slot].side == SIDE_BUY
        if buys:
            return cython.address(self.books.instruments[seen.instrument].bids)
        return cython.address(self.books.instruments[seen.instrument].asks)

    def find_levels(self, i):
        """The levels where it is, or is to be: the ends and the middle of its side; and
        what a new order could trade with."""
        seen: cython.pointer(Seen) = cython.address(self.seen[i & (AHEAD - 1)])
        side: cython.pointer(cython.const[BookSide]) = self.side_of(i)
        terms: cython.pointer(cython.const[Instrument])
        if side == cython.NULL:
            return
        if side.count:
            fetch(cython.address(side.levels[side.count - 1]))
            fetch(cython.address(side.levels[side.count >> 1]))
            fetch(side.levels)
        if seen.slot < 0:
            terms = cython.address(self.books.instruments[seen.instrument])
            if side == cython.address(terms.bids):
                side = cython.address(terms.asks)
            else:
                side = cython.address(terms.bids)
            if side.count:
                fetch(cython.address(side.levels[side.count - 1]))

    def find_tail(self, i):
        """The last order of the level that a new order is to join, if that is near."""
        command: cython.pointer(cython.const[OrderCommand]) = self.command(i)
        side: cython.pointer(cython.const[BookSide])
        level: cython.pointer(cython.const[Level])
        key: int64_t
        place: int32_t
        last: int32_t
        if command.kind != COMMAND_NEW_ORDER:
            return
        side = self.side_of(i)
        if side == cython.NULL:
            return
        key = key_of(command.side, command.price)
        place = side.count
        last = max(place - NEAR_LEVELS, 0)
        while place > last:
            place -= 1
            level = cython.address(side.levels[place])
            if level.key <= key:
                if level.key == key and level.newest >= 0:
                    fetch(cython.address(self.pool.orders[level.newest].newer))
                return

    def hint(self, i):
        """Hand on what is known of the next command."""
        command: cython.pointer(cython.const[OrderCommand]) = self.command(i)
        seen: cython.pointer(Seen) = cython.address(self.seen[i & (AHEAD - 1)])
        order: cython.pointer(Order)
        self.table.unhint()
        self.books.likely = seen.instrument
        if seen.own_hash:
            self.table.hint_own = command.cl_ord_id
            self.table.hash_own = seen.own_hash
        if seen.orig_hash:
            self.table.hint_orig = command.orig_cl_ord_id
            self.table.hash_orig = seen.orig_hash
        if command.kind == COMMAND_CANCEL and seen.slot >= 0:
            # A cancel changes no identifier: the order's is found by the same hash.
            order = cython.address(self.pool.orders[seen.slot])
            if (
                order.session == command.session
                and memcmp(order.cl_ord_id, command.orig_cl_ord_id, 36) == 0
            ):
                self.table.hint_order = order.cl_ord_id


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def fetch_lines(
    start: cython.pointer(cython.const[cython.void]), size: cython.size_t
) -> cython.void:
    """All of some object, which need not begin where a line does."""
    first: cython.pointer(cython.const[cython.uchar]) = cython.cast(
        cython.pointer(cython.const[cython.uchar]), start
    )
    at: cython.size_t = 0
    while at < size:
        fetch(first + at)
        at += LINE_BYTES
    fetch(first + (size - 1))
