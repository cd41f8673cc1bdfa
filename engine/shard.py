"""A shard: a pure function of state and command to events. Compiled.

It reads no clock, no file and no random source. Time is an argument, identifiers are
functions of the shard's number and the position in its log:

* OrderID(37) = shard and number of the command that brought the order,
* ExecID(17) = shard and number of the event,
* TradeID = the ExecID of the trade's first fill.

What commands do is ``spec/matching.md``, word for word; here they are only handed to
where each is dealt with.
"""

import cython
from cython.cimports.engine.ahead import COMMANDS_LEAST, Ahead
from cython.cimports.engine.auction import Auctions
from cython.cimports.engine.books import Books
from cython.cimports.engine.deadlines import Deadlines
from cython.cimports.engine.entering import Entering
from cython.cimports.engine.events import EventBuffer
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.limits import Limits
from cython.cimports.engine.massactions import MassActions
from cython.cimports.engine.matching import Matching
from cython.cimports.engine.neworders import NewOrders
from cython.cimports.engine.orderids import OrderIds
from cython.cimports.engine.pegs import Pegs
from cython.cimports.engine.phases import Phases
from cython.cimports.engine.positions import Positions
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_CANCEL,
    COMMAND_DEFINE_INSTRUMENT,
    COMMAND_END_OF_DAY,
    COMMAND_MASS_CANCEL,
    COMMAND_MASS_STATUS,
    COMMAND_NEW_ORDER,
    COMMAND_ORDER_STATUS,
    COMMAND_REPLACE,
    COMMAND_SET_BLOCKED,
    COMMAND_SET_DEADLINE,
    COMMAND_SET_LIMITS,
    COMMAND_SET_PHASE,
    COMMAND_TRADE_CANCEL,
    COMMAND_TRADE_CORRECT,
    EVENT_BYTES,
    EVENT_DAY_ENDED,
    FLAG_POSS_RESEND,
    FLAG_UNSOLICITED,
    REASON_DUPLICATE_CL_ORD_ID,
    BlockCommand,
    ClockCommand,
    ClockEvent,
    DeadlineCommand,
    InstrumentCommand,
    LimitsCommand,
    MassCommand,
    OrderCommand,
    PhaseCommand,
    TradeCommand,
)
from cython.cimports.engine.replaces import Replaces
from cython.cimports.engine.settling import Settling, settled
from cython.cimports.engine.statuses import Statuses
from cython.cimports.engine.stops import Stops
from cython.cimports.engine.timers import Timers
from cython.cimports.engine.tradechanges import TradeChanges
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint64_t
from cython.cimports.libc.string import memset

from engine.commandchecks import check_commands
from engine.figures import ShardFigures
from engine.statehash import state_hash

__all__ = ["Shard", "check_commands"]


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
        self.ahead = Ahead(self.ids, self.books)
        self.sessions = KeyTable(hash_key)
        self.positions = Positions(self.books, hash_key)
        self.limits = Limits(self.books, self.events, self.positions, hash_key)
        self.matching = Matching(self.books, self.ids, self.events, self.limits)
        entering = Entering(self.books, self.matching)
        settling = Settling(
            self.books,
            Stops(self.books, self.matching, entering),
            Pegs(self.books, self.matching, entering),
        )
        self.auctions = Auctions(self.books, self.events, self.matching)
        self.phases = Phases(
            self.books, self.events, self.matching, settling, self.auctions
        )
        self.timers = Timers(self.books, self.events, self.matching, self.phases)
        self.massactions = MassActions(
            self.books, self.events, self.matching, self.phases, self.limits
        )
        self.deadlines = Deadlines(self.events, self.massactions, hash_key)
        self.tradechanges = TradeChanges(
            self.books, self.events, self.positions, hash_key
        )
        self.neworders = NewOrders(
            self.books,
            self.ids,
            self.events,
            self.limits,
            self.matching,
            entering,
            self.timers,
        )
        self.replaces = Replaces(
            self.books,
            self.ids,
            self.events,
            self.limits,
            self.matching,
            entering,
            self.timers,
        )
        self.statuses = Statuses(self.books, self.ids, self.events)

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

    @property
    def next_due(self) -> int:
        """The earliest engine time at which something happens by itself, 0 = never: a
        command with that time or a later one, TICK at least, lets it happen."""
        return self.earliest_due()

    def apply(self, commands, time: int64_t) -> bytes:
        """Apply packed commands, in order; the packed events they caused.

        ``commands`` is a buffer of whole COMMAND_BYTES records, ``time`` the engine
        time of all of them in nanoseconds, greater than that of any call before. Raises
        ValueError, having changed nothing, when either is not so or a record makes no
        sense (:func:`engine.commandchecks.check_commands`).
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

    def phase_of(self, symbol: str):
        """The Phase of a symbol, 0 for one that is not known."""
        return self.books.phase_of(symbol)

    def halted(self):
        """The phase of every symbol that is not in CONTINUOUS, in order of
        definition."""
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
            self.events.priority,
        )
        sessions = [
            (owner, epoch, number)
            for owner, _, number, _, epoch in self.sessions.sorted_rows()
        ]
        return (
            counters,
            self.books.dump(),
            self.ids.dump(),
            self.ids.ended.dump(),
            sessions,
            self.limits.dump(),
            self.positions.dump(),
            self.deadlines.dump(),
            self.tradechanges.dump(),
        )

    def run(self, commands, count, time):
        """``count`` checked commands; their events are in the buffer afterwards."""
        i: int64_t
        looks_ahead: cython.bint = count >= COMMANDS_LEAST
        self.events.time = time
        self.events.count = 0
        if looks_ahead:
            self.ahead.begin(commands, count)
        try:
            for i in range(count):
                self.events.command_seq += 1
                if i == 0:
                    self.due()
                if looks_ahead:
                    self.ahead.step(i)
                self.one(commands + i * COMMAND_BYTES)
        finally:
            self.ahead.end()
        self.events.tally()
        return 0

    def due(self):
        """What happens by itself at this time, section 11; its events belong to the
        first command of the batch."""
        self.timers.due()
        self.phases.due()
        self.deadlines.due()
        if self.auctions.running:
            self.auctions.due()
        return 0

    def earliest_due(self):
        """The smallest of these times that is not 0."""
        return earlier(
            earlier(self.timers.next_due(), self.phases.next_due),
            earlier(self.deadlines.next_due, self.auctions.next_due()),
        )

    def one(self, command):
        """One command of any kind."""
        kind: uint8_t = command[0]
        order = cython.cast(cython.pointer(cython.const[OrderCommand]), command)
        instrument: int32_t = -1
        if kind > COMMAND_MASS_STATUS:
            self.exchange(command)
        elif kind == COMMAND_CANCEL and order.flags & FLAG_UNSOLICITED:
            instrument = self.replaces.cancel_unsolicited(order)
        elif self.already_applied(order):
            self.duplicates += 1
            return 0
        elif kind == COMMAND_NEW_ORDER:
            if order.flags & FLAG_POSS_RESEND and self.is_known(order):
                return 0
            instrument = self.neworders.accept(order)
        elif kind in (COMMAND_CANCEL, COMMAND_REPLACE):
            if order.flags & FLAG_POSS_RESEND and self.is_known(order):
                return 0
            if kind == COMMAND_CANCEL:
                instrument = self.replaces.cancel(order)
            else:
                instrument = self.replaces.replace(order)
        elif kind == COMMAND_ORDER_STATUS:
            return self.statuses.request(order)
        else:
            self.many(cython.cast(cython.pointer(cython.const[MassCommand]), command))
        if instrument >= 0 and not settled(
            cython.address(self.books.instruments[instrument])
        ):
            self.phases.finish(instrument)
        if self.auctions.touched.count:
            self.auctions.publish()
        return 0

    def many(self, command):
        """Commands about all orders that fit."""
        if command.kind == COMMAND_MASS_CANCEL:
            return self.massactions.cancel(command)
        return self.massactions.status(command)

    def exchange(self, command):
        """Commands of the exchange itself."""
        kind: uint8_t = command[0]
        if kind == COMMAND_DEFINE_INSTRUMENT:
            self.define_instrument(
                cython.cast(cython.pointer(cython.const[InstrumentCommand]), command)
            )
        elif kind == COMMAND_END_OF_DAY:
            self.end_of_day(
                cython.cast(cython.pointer(cython.const[ClockCommand]), command)
            )
        elif kind == COMMAND_SET_PHASE:
            self.phases.set(
                cython.cast(cython.pointer(cython.const[PhaseCommand]), command)
            )
        elif kind == COMMAND_SET_LIMITS:
            self.limits.set(
                cython.cast(cython.pointer(cython.const[LimitsCommand]), command)
            )
        elif kind == COMMAND_SET_BLOCKED:
            self.massactions.block(
                cython.cast(cython.pointer(cython.const[BlockCommand]), command)
            )
        elif kind == COMMAND_SET_DEADLINE:
            self.deadlines.set(
                cython.cast(cython.pointer(cython.const[DeadlineCommand]), command)
            )
        elif kind in (COMMAND_TRADE_CANCEL, COMMAND_TRADE_CORRECT):
            self.tradechanges.apply(
                cython.cast(cython.pointer(cython.const[TradeCommand]), command)
            )
        return 0

    def is_known(self, command):
        """A command that may have come before (PossResend(97)) and did: it is answered
        as :class:`engine.statuses.Statuses` says, or dropped."""
        if self.ids.may_use(command) != REASON_DUPLICATE_CL_ORD_ID:
            return False
        if not self.statuses.answer_again(command):
            self.duplicates += 1
        return True

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

    def define_instrument(self, command):
        """Adds an instrument or changes its terms; resting orders stay as they are."""
        return self.events.add_terms(self.books.define(command))

    def end_of_day(self, command):
        """Expires DAY orders in a fixed order, then frees the day's identifiers."""
        self.massactions.expire_day()
        self.ids.forget_dead()
        self.tradechanges.forget()
        self.day = command.day
        event = cython.cast(
            cython.pointer(ClockEvent), self.events.add(EVENT_DAY_ENDED)
        )
        event.day = command.day
        return 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def earlier(one: int64_t, other: int64_t) -> int64_t:
    """The earlier of two times, 0 = never."""
    if one == 0 or (other != 0 and other < one):
        return other
    return one
