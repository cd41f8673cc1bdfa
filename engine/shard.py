"""A shard: a pure function of state and command to events. Compiled.

It reads no clock, no file and no random source. Time is an argument, identifiers are
functions of the shard's number and the position in its log:

* OrderID(37) = shard and number of the command that brought the order,
* ExecID(17) = shard and number of the event,
* TradeID = the ExecID of the maker's fill.

Rules
-----
* Price-time priority. A trade prints at the resting order's price. For each trade the
  maker's FILLED comes first, then the taker's, with the same trade identifier.
* A market order or an IOC never rests: what is left after matching is cancelled.
* A replace that keeps the price and does not raise what is open keeps its place in the
  queue; any other loses it and may trade at once. A replace to a quantity that is
  already filled cancels the rest.
* ClOrdIDs are unique per session and trading day, those of refused commands included,
  unless the command says otherwise (REUSE_ID). OrigClOrdID(41) may be any identifier in
  the chain of a live order.
* A command marked PossResend(97) whose ClOrdID is used already is dropped without an
  event: a rejection would carry the identifier of an order that may well be alive.
* A numbered command that the session's epoch has already brought is dropped without an
  event: it was applied, and its events were given, the first time.
* END_OF_DAY expires DAY orders: instruments in order of definition, bids before asks,
  price ascending, oldest first.
* While an instrument is halted new orders and replaces are refused; cancels are not,
  orders stay where they are, and those for the day expire with it.
* A cancel that is UNSOLICITED is the exchange's own: it belongs to no message of the
  session, uses up no ClOrdID and gives nothing when the order is not alive.
"""

import cython
from cython.cimports.engine.book import BookSide, Instrument, Order, find_level, unlink
from cython.cimports.engine.book import reduce as reduce_level
from cython.cimports.engine.books import Books, key_of
from cython.cimports.engine.checks import (
    check_new,
    check_replace,
    check_same_order,
)
from cython.cimports.engine.events import EventBuffer, caused_by
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.orderids import OrderIds
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_CANCEL,
    COMMAND_DEFINE_INSTRUMENT,
    COMMAND_END_OF_DAY,
    COMMAND_NEW_ORDER,
    COMMAND_SET_INSTRUMENT_STATUS,
    EVENT_ACCEPTED,
    EVENT_BYTES,
    EVENT_CANCEL_REJECTED,
    EVENT_CANCELLED,
    EVENT_DAY_ENDED,
    EVENT_INSTRUMENT_STATUS,
    EVENT_REJECTED,
    EVENT_REPLACE_REJECTED,
    EVENT_REPLACED,
    FLAG_POSS_RESEND,
    FLAG_QTY_IS_LEAVES,
    FLAG_REUSE_ID,
    FLAG_UNSOLICITED,
    ORD_TYPE_LIMIT,
    REASON_CANCELLED_BY_EXCHANGE,
    REASON_DUPLICATE_CL_ORD_ID,
    REASON_NONE,
    REASON_REPLACED_BELOW_CUM_QTY,
    REASON_REQUESTED,
    ClockCommand,
    ClockEvent,
    InstrumentCommand,
    OrderCommand,
    OrderEvent,
    StatusCommand,
    StatusEvent,
)
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint16_t, uint64_t
from cython.cimports.libc.string import memcmp, memcpy, memset

from engine.checks import check_commands
from engine.figures import ShardFigures
from engine.statehash import state_hash


@cython.final
@cython.cclass
class Shard:
    """The books of one shard.

    ``shard_id`` is 0 to 65,535. ``hash_key`` is 16 bytes nobody outside can guess; no
    event and no state depends on it. Not thread-safe.
    """

    def __cinit__(self, shard_id: int, hash_key: bytes):
        self.events = EventBuffer(shard_id)
        self.books = Books(hash_key)
        self.ids = OrderIds(self.books.pool, hash_key)
        self.sessions = KeyTable(hash_key)
        self.matching = Matching(self.books, self.ids, self.events)

    @property
    def shard_id(self) -> int:
        """The shard's number."""
        return self.events.shard_id

    @property
    def command_seq(self) -> int:
        """Number of the last command applied."""
        return self.events.command_seq

    @property
    def event_seq(self) -> int:
        """Number of the last event given."""
        return self.events.seq

    @property
    def time(self) -> int:
        """Engine time of the last commands, nanoseconds."""
        return self.events.time

    @property
    def open_orders(self) -> int:
        """How many orders rest in the books."""
        return self.books.pool.live

    @property
    def identifiers(self) -> int:
        """How many used ClOrdIDs are noted."""
        return self.ids.table.used

    @property
    def instruments(self) -> int:
        """How many instruments are defined."""
        return self.books.count

    def apply(self, commands, time: int64_t) -> bytes:
        """Apply packed commands, in order; the packed events they caused.

        ``commands`` is a buffer of whole COMMAND_BYTES records, ``time`` the engine
        time of all of them in nanoseconds, greater than that of any call before. Raises
        ValueError, having changed nothing, when either is not so or a kind is unknown.
        """
        view: cython.const[cython.uchar][::1] = memoryview(commands).cast("B")
        check_commands(view)
        if time <= self.events.time:
            raise ValueError(f"engine time {time} is not after {self.events.time}")
        first: cython.pointer(cython.const[cython.uchar]) = cython.NULL
        if len(view):
            first = cython.address(view[0])
        self.run(first, len(view) // COMMAND_BYTES, time)
        return cython.cast(cython.p_char, self.events.data)[
            : self.events.count * EVENT_BYTES
        ]

    def state_hash(self) -> bytes:
        """A 16-byte digest of the whole state (see :mod:`engine.statehash`)."""
        return state_hash(self.dump())

    def terms(self) -> list:
        """Symbol, currency and terms of every instrument, in order of definition."""
        return self.books.terms()

    def figures(self, with_instruments: bool = True):
        """Counters since the log began: :class:`engine.figures.ShardFigures`."""
        instruments = self.books.figures() if with_instruments else ()
        return ShardFigures(*self.events.figures(), instruments)

    def orders_page(self, slot: int64_t, count: int64_t):
        """The open orders in ``count`` places from ``slot`` on, and where to go on.

        Begins with slot 0 and ends with -1. An order that is open the whole time is
        listed exactly once, whatever is applied between two pages. Raises ValueError.
        """
        return self.books.page(slot, count)

    def instruments_page(self, first: int64_t, count: int64_t):
        """Terms and figures of ``count`` instruments from ``first`` on, from 0."""
        return self.books.instruments_page(first, count)

    def status_of(self, symbol: str):
        """The InstrumentStatus of a symbol, 0 for one that is not known."""
        return self.books.status_of(symbol)

    def halted(self):
        """The symbols that are halted, in order of definition."""
        return self.books.halted()

    def find_open(self, order_id: uint64_t):
        """The open order with this OrderID(37), or None. Looks at all places."""
        return self.books.find_open(order_id)

    def dump(self):
        """The whole state as plain Python values, in canonical order."""
        counters = (
            self.shard_id,
            self.command_seq,
            self.event_seq,
            self.time,
            self.day,
        )
        sessions = [
            (owner, epoch, number)
            for owner, _, number, _, epoch in self.sessions.sorted_rows()
        ]
        return counters, self.books.dump(), self.ids.dump(), sessions

    def run(self, commands, count, time):
        """``count`` checked commands; their events are in the buffer afterwards."""
        i: int64_t
        self.events.time = time
        self.events.count = 0
        for i in range(count):
            self.one(commands + i * COMMAND_BYTES)
        self.events.tally()
        return 0

    def one(self, command):
        """One command of any kind."""
        kind: uint8_t = command[0]
        order: cython.pointer(cython.const[OrderCommand])
        self.events.command_seq += 1
        if kind == COMMAND_DEFINE_INSTRUMENT:
            return self.define_instrument(
                cython.cast(cython.pointer(cython.const[InstrumentCommand]), command)
            )
        if kind == COMMAND_END_OF_DAY:
            return self.end_of_day(
                cython.cast(cython.pointer(cython.const[ClockCommand]), command)
            )
        if kind == COMMAND_SET_INSTRUMENT_STATUS:
            return self.set_status(
                cython.cast(cython.pointer(cython.const[StatusCommand]), command)
            )
        order = cython.cast(cython.pointer(cython.const[OrderCommand]), command)
        if kind == COMMAND_CANCEL and order.flags & FLAG_UNSOLICITED:
            return self.cancel_unsolicited(order)
        if self.already_applied(order):
            self.duplicates += 1
            return 0
        if order.flags & FLAG_POSS_RESEND and (
            self.ids.may_use(order) == REASON_DUPLICATE_CL_ORD_ID
        ):
            self.duplicates += 1
            return 0
        if kind == COMMAND_NEW_ORDER:
            return self.new_order(order)
        if kind == COMMAND_CANCEL:
            return self.cancel(order)
        return self.replace(order)

    def already_applied(self, command):
        """Whether this session epoch has brought this number; notes it if not."""
        nothing: cython.uchar[36]
        place: int64_t
        if command.msg_seq_num == 0:
            return False
        memset(nothing, 0, 36)
        place = self.sessions.find(command.session, nothing)
        if place < 0:
            place = self.sessions.insert(command.session, nothing, 0, 0)
        entry = cython.address(self.sessions.entries[place])
        if command.session_epoch < entry.flags:
            return True
        if command.session_epoch == entry.flags and command.msg_seq_num <= entry.number:
            return True
        entry.flags = command.session_epoch
        entry.number = command.msg_seq_num
        return False

    def new_order(self, command):
        """NewOrderSingle(D)."""
        instrument: int32_t = self.books.find(command.symbol)
        terms: cython.pointer(Instrument) = cython.NULL
        slot: int32_t
        order: cython.pointer(Order)
        reason: uint16_t = self.ids.may_use(command)
        if instrument >= 0:
            terms = cython.address(self.books.instruments[instrument])
        if reason == REASON_NONE:
            reason = check_new(command, terms)
            if reason != REASON_NONE:
                self.ids.use(command, self.events.command_seq, -1)
        if reason != REASON_NONE:
            self.events.add_refusal(command, EVENT_REJECTED, reason)
            return 0
        slot = self.books.pool.take()
        order = cython.address(self.books.pool.orders[slot])
        order.order_id = self.events.identifier(self.events.command_seq)
        order.session = command.session
        order.source = command.source
        order.flags = command.flags
        order.instrument = instrument
        order.side = command.side
        order.ord_type = command.ord_type
        order.time_in_force = command.time_in_force
        order.price = command.price if command.ord_type == ORD_TYPE_LIMIT else 0
        order.qty = command.qty
        order.leaves = command.qty
        memcpy(order.cl_ord_id, command.cl_ord_id, 36)
        memcpy(order.account, command.account, 24)
        self.ids.use(command, 0, slot)
        event = self.events.add_of(EVENT_ACCEPTED, order, terms)
        caused_by(event, command)
        return self.matching.enter(slot, command)

    def cancel(self, command):
        """OrderCancelRequest(F)."""
        reason: uint16_t = self.ids.may_use(command)
        slot: int32_t = -1
        if reason == REASON_NONE:
            slot = self.find_order(command, cython.address(reason))
            self.ids.use(command, self.events.command_seq, -1)
        if reason != REASON_NONE:
            return self.refuse(command, EVENT_CANCEL_REJECTED, reason)
        return self.matching.take_out(command, slot, EVENT_CANCELLED, REASON_REQUESTED)

    def cancel_unsolicited(self, command):
        """The exchange's own cancel: an event if the order lives, else nothing."""
        reason: uint16_t = REASON_NONE
        slot: int32_t = self.find_order(command, cython.address(reason))
        if reason != REASON_NONE:
            return 0
        return self.matching.take_out(
            cython.NULL, slot, EVENT_CANCELLED, REASON_CANCELLED_BY_EXCHANGE
        )

    def replace(self, command):
        """OrderCancelReplaceRequest(G)."""
        reason: uint16_t = self.ids.may_use(command)
        slot: int32_t
        leaves: int64_t = command.qty
        order: cython.pointer(Order)
        if reason == REASON_NONE:
            slot = self.find_order(command, cython.address(reason))
            if reason == REASON_NONE:
                order = cython.address(self.books.pool.orders[slot])
                if not command.flags & FLAG_QTY_IS_LEAVES:
                    leaves -= order.cum
                reason = check_replace(
                    command,
                    order,
                    self.books.terms_of(slot),
                    self.books.own_side(slot),
                    leaves,
                )
            if reason == REASON_NONE:
                return self.change(command, slot, leaves)
            self.ids.use(command, self.events.command_seq, -1)
        return self.refuse(command, EVENT_REPLACE_REJECTED, reason)

    def change(self, command, slot, leaves):
        """A good replace of the order in ``slot``, of which ``leaves`` stay open."""
        order: cython.pointer(Order) = cython.address(self.books.pool.orders[slot])
        side: cython.pointer(BookSide) = self.books.own_side(slot)
        key: int64_t = key_of(order.side, order.price)
        old_id: cython.uchar[36]
        keeps_place: cython.bint = (
            command.price == order.price and leaves <= order.leaves
        )
        if leaves <= 0:
            if not command.flags & FLAG_REUSE_ID:
                self.ids.use(command, 0, slot)
                order.replaced = 1
            return self.matching.take_out(
                command, slot, EVENT_CANCELLED, REASON_REPLACED_BELOW_CUM_QTY
            )
        self.ids.use(command, 0, slot)
        if keeps_place:
            reduce_level(side, key, order.leaves - leaves)
        else:
            unlink(self.books.pool.orders, side, find_level(side, key), slot)
        memcpy(old_id, order.cl_ord_id, 36)
        if memcmp(old_id, command.cl_ord_id, 36) != 0:
            order.replaced = 1
        memcpy(order.cl_ord_id, command.cl_ord_id, 36)
        if command.time_in_force:
            order.time_in_force = command.time_in_force
        order.price = command.price
        order.leaves = leaves
        order.qty = order.cum + leaves
        event = self.events.add_of(EVENT_REPLACED, order, self.books.terms_of(slot))
        caused_by(event, command)
        memcpy(event.orig_cl_ord_id, old_id, 36)
        if keeps_place:
            return 0
        return self.matching.enter(slot, command)

    def find_order(self, command, reason):
        """The slot of the live order a cancel or replace means, or -1 and why not."""
        slot: int32_t = self.ids.find_live(command, reason)
        if slot >= 0:
            reason[0] = check_same_order(
                command,
                cython.address(self.books.pool.orders[slot]),
                self.books.terms_of(slot),
            )
        return slot

    def refuse(self, command, kind, reason):
        """A refused cancel or replace: the event shows the order as it still is."""
        ignored: uint16_t = 0
        slot: int32_t = self.ids.find_live(command, cython.address(ignored))
        event: cython.pointer(OrderEvent)
        if slot < 0:
            event = self.events.add_refusal(command, kind, reason)
            event.order_id = self.ids.find_number(command)
            status: uint8_t = self.ids.final_status(command)
            if status:
                event.ord_status = status
            return 0
        event = self.events.add_of(
            kind,
            cython.address(self.books.pool.orders[slot]),
            self.books.terms_of(slot),
        )
        event.reason = cython.cast(uint16_t, reason)
        memcpy(event.cl_ord_id, command.cl_ord_id, 36)
        memcpy(event.orig_cl_ord_id, command.orig_cl_ord_id, 36)
        caused_by(event, command)
        return 0

    def define_instrument(self, command):
        """Adds an instrument or changes its terms; resting orders stay as they are."""
        return self.events.add_terms(self.books.define(command))

    def end_of_day(self, command):
        """Expires DAY orders in a fixed order, then frees the day's identifiers."""
        event: cython.pointer(ClockEvent)
        self.matching.expire_day()
        self.ids.forget_dead()
        self.day = command.day
        event = cython.cast(
            cython.pointer(ClockEvent), self.events.add(EVENT_DAY_ENDED)
        )
        event.day = command.day
        return 0

    def set_status(self, command):
        """Halts or resumes trading in an instrument; no event when nothing changes."""
        event: cython.pointer(StatusEvent)
        if self.books.set_status(command):
            event = cython.cast(
                cython.pointer(StatusEvent), self.events.add(EVENT_INSTRUMENT_STATUS)
            )
            event.status = command.status
            memcpy(event.symbol, command.symbol, 24)
        return 0
