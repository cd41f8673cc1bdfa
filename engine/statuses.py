"""What has become of an order: OrderStatusRequest(H), and orders sent again with
PossResend(97). Section 9 of ``spec/matching.md``. Compiled.
"""

import cython
from cython.cimports.engine.books import Books
from cython.cimports.engine.ended import EndedOrder
from cython.cimports.engine.events import EventBuffer, caused_by
from cython.cimports.engine.neworders import digest
from cython.cimports.engine.orderids import OrderIds
from cython.cimports.engine.records import (
    COMMAND_NEW_ORDER,
    EVENT_REJECTED,
    EVENT_STATUS,
    REASON_DUPLICATE_CL_ORD_ID,
    REASON_UNKNOWN_ORDER,
    STATUS_REJECTED,
)
from cython.cimports.libc.stdint import int32_t, uint8_t, uint16_t, uint64_t
from cython.cimports.libc.string import memcmp, memcpy


@cython.final
@cython.cclass
class Statuses:
    """Answers with what is known of an order: all as long as it is open or
    remembered, else its number and how it ended."""

    def __cinit__(self, books: Books, ids: OrderIds, events: EventBuffer):
        self.books = books
        self.ids = ids
        self.events = events

    def request(self, command):
        ignored: uint16_t = 0
        status: uint8_t
        ended: cython.pointer(cython.const[EndedOrder])
        slot: int32_t = self.ids.find_live(
            command.session, command.orig_cl_ord_id, cython.address(ignored)
        )
        if slot >= 0:
            order = cython.address(self.books.pool.orders[slot])
            if self.differs(command, order):
                return self.unknown(command)
            event = self.status_of(command, order)
            memcpy(event.orig_cl_ord_id, command.cl_ord_id, 36)
            return 0
        ended = self.ids.find_ended(command.session, command.orig_cl_ord_id)
        if ended != cython.NULL:
            if self.differs(command, cython.address(ended.order)):
                return self.unknown(command)
            event = self.status_of(command, cython.address(ended.order))
            event.ord_status = ended.status
            memcpy(event.orig_cl_ord_id, command.cl_ord_id, 36)
            return 0
        status = self.ids.final_status(command)
        if status == 0:
            return self.unknown(command)
        event = self.repeat(command)
        event.order_id = self.ids.find_number(command)
        event.ord_status = status
        return 0

    def differs(self, command, order):
        """Whether a request says another symbol or side than the order's."""
        terms = cython.address(self.books.instruments[order.instrument])
        if command.symbol[0] != 0 and memcmp(command.symbol, terms.symbol, 24) != 0:
            return True
        return command.side != 0 and command.side != order.side

    def unknown(self, command):
        """No order of this session bears that identifier."""
        event = self.repeat(command)
        event.ord_status = STATUS_REJECTED
        event.reason = REASON_UNKNOWN_ORDER
        return 0

    def repeat(self, command):
        """A STATUS that knows nothing but what was asked."""
        event = self.events.add(EVENT_STATUS)
        event.side = command.side
        event.session = command.session
        event.source = command.source
        memcpy(event.symbol, command.symbol, 24)
        memcpy(event.account, command.account, 24)
        memcpy(event.cl_ord_id, command.orig_cl_ord_id, 36)
        memcpy(event.orig_cl_ord_id, command.cl_ord_id, 36)
        caused_by(event, command)
        return event

    def status_of(self, command, order):
        """STATUS of an order as it is."""
        event = self.events.add_of(
            EVENT_STATUS,
            order,
            cython.address(self.books.instruments[order.instrument]),
        )
        caused_by(event, command)
        return event

    def answer_again(self, command):
        """A new order that was sent before is answered with its status if it asks for
        the same, and refused if it does not; of others nothing is said."""
        ignored: uint16_t = 0
        content: uint64_t = 0
        slot: int32_t
        ended: cython.pointer(cython.const[EndedOrder]) = cython.NULL
        if command.kind != COMMAND_NEW_ORDER:
            return False
        slot = self.ids.find_live(
            command.session, command.cl_ord_id, cython.address(ignored)
        )
        if slot >= 0:
            content = self.books.pool.orders[slot].content
        else:
            ended = self.ids.find_ended(command.session, command.cl_ord_id)
            if ended != cython.NULL:
                content = ended.order.content
        if content == 0:
            return False
        if content != digest(command):
            self.events.add_refusal(command, EVENT_REJECTED, REASON_DUPLICATE_CL_ORD_ID)
            return True
        if slot >= 0:
            self.status_of(command, cython.address(self.books.pool.orders[slot]))
        else:
            event = self.status_of(command, cython.address(ended.order))
            event.ord_status = ended.status
        return True
