"""Trades the operator cancels or corrects afterwards, side by side. Compiled.

The host has checked the facts against the event log. An order that is still open gets
its sums put right; of one that has ended the command says what they are now. What was
changed is noted until the end of the day: as many rows as the operator changes.
"""

import cython
from cython.cimports.engine.book import int128
from cython.cimports.engine.books import Books
from cython.cimports.engine.events import EventBuffer
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.positions import Positions
from cython.cimports.engine.records import (
    COMMAND_TRADE_CANCEL,
    EVENT_TRADE_CANCELLED,
    EVENT_TRADE_CORRECTED,
)
from cython.cimports.libc.stdint import int32_t, int64_t
from cython.cimports.libc.string import memcpy, memset


@cython.final
@cython.cclass
class TradeChanges:
    """TRADE_CANCEL and TRADE_CORRECT."""

    def __cinit__(
        self, books: Books, events: EventBuffer, positions: Positions, hash_key: bytes
    ):
        self.books = books
        self.events = events
        self.positions = positions
        self.changed = KeyTable(hash_key)

    def apply(self, command):
        """One side of a trade. The same kind twice for the same ExecID(17) is nothing,
        and so is what would take more from an open order than it has traded."""
        text: cython.uchar[36]
        cancel: cython.bint = command.kind == COMMAND_TRADE_CANCEL
        kind: cython.int = EVENT_TRADE_CANCELLED if cancel else EVENT_TRADE_CORRECTED
        memset(text, 0, 36)
        text[0] = command.kind
        if self.changed.find(command.exec_id, text) >= 0:
            return 0
        order = self.find_open(command)
        if order != cython.NULL:
            cum: int64_t = order.cum
            notional: int128 = order.notional
            if cancel:
                cum -= command.last_qty
                notional -= cython.cast(int128, command.last_price) * command.last_qty
            else:
                notional += (
                    cython.cast(int128, command.new_price) - command.last_price
                ) * command.last_qty
            if cum < 0 or notional < 0:
                return 0
            order.cum = cum
            order.notional = notional
            event = self.events.add_of(
                kind, order, cython.address(self.books.instruments[order.instrument])
            )
        else:
            event = self.show(command, kind)
        self.changed.insert(command.exec_id, text, 0, 0)
        event.trade_id = command.trade_id
        event.contra_order_id = command.exec_id
        event.last_price = command.last_price if cancel else command.new_price
        event.last_qty = command.last_qty
        if cancel and command.account[0] != 0:
            index: int32_t = self.books.find(command.symbol)
            if index >= 0:
                self.positions.take_back(
                    index, command.account, command.side, command.last_qty
                )
        return 0

    def find_open(self, command):
        """The order of the command if it is still open, else NULL. Looks at all
        places."""
        slot: int32_t
        if command.order_id == 0:
            return cython.NULL
        for slot in range(self.books.pool.capacity):
            if self.books.pool.orders[slot].order_id == command.order_id:
                return cython.address(self.books.pool.orders[slot])
        return cython.NULL

    def show(self, command, kind):
        """The event of an order that has ended."""
        event = self.events.add(kind)
        event.side = command.side
        event.ord_type = command.ord_type
        event.time_in_force = command.time_in_force
        event.ord_status = command.ord_status
        event.source = command.source
        event.session = command.session
        event.order_id = command.order_id
        event.price = command.price
        event.qty = command.qty
        event.cum_qty = command.cum_qty
        event.avg_price = command.avg_price
        memcpy(event.cl_ord_id, command.cl_ord_id, 36)
        memcpy(event.account, command.account, 24)
        memcpy(event.symbol, command.symbol, 24)
        return event

    def forget(self):
        """A new day: trades of the last one may be changed once more."""
        i: int64_t
        for i in range(self.changed.capacity):
            self.changed.entries[i].hash = 0
        return self.changed.rebuild(64)

    def dump(self) -> list:
        """(kind, ExecID) of what was changed today, sorted."""
        rows = [(text[0], owner) for owner, text, _, _, _ in self.changed.sorted_rows()]
        rows.sort()
        return rows
