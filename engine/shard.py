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
  queue; any other loses it and may trade at once. A replace to a quantity that is already
  filled cancels the rest.
* ClOrdIDs are unique per session and trading day, those of refused commands included,
  unless the command says otherwise (REUSE_ID). OrigClOrdID(41) may be any identifier in
  the chain of a live order.
* A numbered command that the session's epoch has already brought is dropped without an
  event: it was applied, and its events were given, the first time.
* END_OF_DAY expires DAY orders: instruments in order of definition, bids before asks,
  price ascending, oldest first.
"""

import cython
from cython.cimports.engine.book import (
    BookSide,
    Instrument,
    Level,
    Order,
    OrderPool,
    find_level,
    int128,
    reduce,
    rest,
    unlink,
)
from cython.cimports.engine.keytable import KeyTable
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_CANCEL,
    COMMAND_DEFINE_INSTRUMENT,
    COMMAND_END_OF_DAY,
    COMMAND_NEW_ORDER,
    COMMAND_REPLACE,
    EVENT_ACCEPTED,
    EVENT_BYTES,
    EVENT_CANCEL_REJECTED,
    EVENT_CANCELLED,
    EVENT_DAY_ENDED,
    EVENT_EXPIRED,
    EVENT_FILLED,
    EVENT_INSTRUMENT_DEFINED,
    EVENT_REJECTED,
    EVENT_REPLACE_REJECTED,
    EVENT_REPLACED,
    FLAG_QTY_IS_LEAVES,
    FLAG_REUSE_ID,
    LIQUIDITY_ADDED,
    LIQUIDITY_REMOVED,
    ORD_TYPE_LIMIT,
    ORD_TYPE_MARKET,
    REASON_DUPLICATE_CL_ORD_ID,
    REASON_END_OF_DAY,
    REASON_MISSING_CL_ORD_ID,
    REASON_NONE,
    REASON_NOTIONAL_ABOVE_MAX,
    REASON_OPEN_QTY_ABOVE_MAX,
    REASON_ORD_TYPE_CHANGED,
    REASON_PRICE_ABOVE_MAX,
    REASON_PRICE_BELOW_MIN,
    REASON_PRICE_NOT_POSITIVE,
    REASON_PRICE_OFF_TICK,
    REASON_QTY_ABOVE_MAX,
    REASON_QTY_NOT_POSITIVE,
    REASON_QTY_OFF_LOT,
    REASON_REPLACED_BELOW_CUM_QTY,
    REASON_REQUESTED,
    REASON_SIDE_CHANGED,
    REASON_SYMBOL_MISMATCH,
    REASON_TOO_LATE,
    REASON_UNFILLED_REMAINDER,
    REASON_UNKNOWN_ORDER,
    REASON_UNKNOWN_SYMBOL,
    REASON_UNSUPPORTED_ORD_TYPE,
    REASON_UNSUPPORTED_SIDE,
    REASON_UNSUPPORTED_TIME_IN_FORCE,
    SIDE_BUY,
    SIDE_SELL,
    STATUS_CANCELED,
    STATUS_EXPIRED,
    STATUS_FILLED,
    STATUS_NEW,
    STATUS_PARTIALLY_FILLED,
    STATUS_REJECTED,
    TIF_DAY,
    TIF_GTC,
    TIF_IOC,
    ClockCommand,
    ClockEvent,
    InstrumentCommand,
    InstrumentEvent,
    OrderCommand,
    OrderEvent,
)
from cython.cimports.libc.stdint import int32_t, int64_t, uint8_t, uint16_t, uint64_t
from cython.cimports.libc.stdlib import free, realloc
from cython.cimports.libc.string import memcmp, memcpy, memset

from engine.statehash import state_hash


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def key_of(side: uint8_t, price: int64_t) -> int64_t:
    """The sort key of a price on a side: ascending is better."""
    return price if side == SIDE_BUY else -price


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def average(notional: int128, cum: int64_t) -> int64_t:
    """AvgPx(6): rounded half up; 0 for an order without fills."""
    if cum == 0:
        return 0
    return cython.cast(
        int64_t,
        (notional * 2 + cum) / (cython.cast(int128, cum) * 2),
    )


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def own_side(
    instrument: cython.pointer(Instrument), side: uint8_t
) -> cython.pointer(BookSide):
    if side == SIDE_BUY:
        return cython.address(instrument.bids)
    return cython.address(instrument.asks)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def other_side(
    instrument: cython.pointer(Instrument), side: uint8_t
) -> cython.pointer(BookSide):
    if side == SIDE_BUY:
        return cython.address(instrument.asks)
    return cython.address(instrument.bids)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def check_terms(
    command: cython.pointer(cython.const[OrderCommand]),
    terms: cython.pointer(Instrument),
    ord_type: uint8_t,
) -> uint16_t:
    """Quantity and price of an order against the terms of its instrument."""
    if command.qty <= 0:
        return REASON_QTY_NOT_POSITIVE
    if command.qty % terms.lot:
        return REASON_QTY_OFF_LOT
    if command.qty > terms.qty_max:
        return REASON_QTY_ABOVE_MAX
    if ord_type == ORD_TYPE_MARKET:
        return REASON_NONE
    if command.price <= 0:
        return REASON_PRICE_NOT_POSITIVE
    if command.price % terms.tick:
        return REASON_PRICE_OFF_TICK
    if command.price < terms.price_min:
        return REASON_PRICE_BELOW_MIN
    if command.price > terms.price_max:
        return REASON_PRICE_ABOVE_MAX
    if terms.notional_max and cython.cast(int128, command.price) * command.qty > (
        cython.cast(int128, terms.notional_max) * 100_000_000
    ):
        return REASON_NOTIONAL_ABOVE_MAX
    return REASON_NONE


@cython.final
@cython.cclass
class Shard:
    """The books of one shard.

    ``shard_id`` is 0 to 65,535. ``hash_key`` is 16 bytes nobody outside can guess; no
    event and no state depends on it. Not thread-safe.
    """

    def __cinit__(self, shard_id: int, hash_key: bytes):
        if not 0 <= shard_id <= 0xFFFF:
            raise ValueError("a shard number is 0 to 65535")
        self.shard_id = shard_id
        self.pool = OrderPool()
        self.ids = KeyTable(hash_key)
        self.symbols = KeyTable(hash_key)
        self.sessions = KeyTable(hash_key)
        self.instruments = cython.NULL
        self.events = cython.NULL

    def __dealloc__(self):
        i: int32_t
        for i in range(self.instrument_count):
            free(self.instruments[i].bids.levels)
            free(self.instruments[i].asks.levels)
        free(self.instruments)
        free(self.events)

    @property
    def open_orders(self) -> int:
        """How many orders rest in the books."""
        return self.pool.live

    def apply(self, commands, time: int64_t) -> bytes:
        """Apply packed commands, in order; the packed events they caused.

        ``commands`` is a buffer of whole COMMAND_BYTES records, ``time`` the engine time
        of all of them in nanoseconds, greater than that of any call before. Raises
        ValueError, having changed nothing, when either is not so or a kind is unknown.
        """
        view: cython.const[cython.uchar][::1] = memoryview(commands).cast("B")
        check_commands(view)
        if time <= self.time:
            raise ValueError(f"engine time {time} is not after {self.time}")
        count: int64_t = len(view) // COMMAND_BYTES
        if count:
            self.run(cython.address(view[0]), count, time)
        return cython.cast(cython.p_char, self.events)[: self.event_count * EVENT_BYTES]

    def state_hash(self) -> bytes:
        """A 16-byte digest of the whole state (see :mod:`engine.statehash`)."""
        return state_hash(self.dump())

    def terms(self) -> list:
        """Symbol, currency and terms of every instrument, in order of definition."""
        i: int32_t
        rows = []
        for i in range(self.instrument_count):
            terms = cython.address(self.instruments[i])
            rows.append(
                (
                    terms.symbol[:24],
                    terms.currency[:8],
                    (
                        terms.tick,
                        terms.lot,
                        terms.reference_price,
                        terms.price_min,
                        terms.price_max,
                        terms.qty_max,
                        terms.notional_max,
                    ),
                )
            )
        return rows

    def dump(self):
        """The whole state as plain Python values, in canonical order."""
        i: int32_t
        rows = self.terms()
        books = []
        for i in range(self.instrument_count):
            books.append(
                (
                    *rows[i],
                    dump_side(
                        self.pool.orders, cython.address(self.instruments[i].bids)
                    ),
                    dump_side(
                        self.pool.orders, cython.address(self.instruments[i].asks)
                    ),
                )
            )
        ids = [
            (
                owner,
                text,
                number if slot >= 0 else 0,
                slot >= 0 and self.pool.orders[slot].order_id == number,
            )
            for owner, text, number, slot in self.ids.sorted_rows()
        ]
        sessions = [
            (owner, slot, number)
            for owner, _, number, slot in self.sessions.sorted_rows()
        ]
        counters = (self.shard_id, self.command_seq, self.event_seq, self.time, self.day)
        return counters, books, ids, sessions

    def run(self, commands, count, time):
        i: int64_t
        self.time = time
        self.event_count = 0
        for i in range(count):
            self.one(commands + i * COMMAND_BYTES)
        return 0

    def one(self, command):
        """One command of any kind."""
        kind: uint8_t = command[0]
        order: cython.pointer(cython.const[OrderCommand])
        self.command_seq += 1
        if kind == COMMAND_DEFINE_INSTRUMENT:
            return self.define_instrument(
                cython.cast(cython.pointer(cython.const[InstrumentCommand]), command)
            )
        if kind == COMMAND_END_OF_DAY:
            return self.end_of_day(
                cython.cast(cython.pointer(cython.const[ClockCommand]), command)
            )
        order = cython.cast(cython.pointer(cython.const[OrderCommand]), command)
        if self.already_applied(order):
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
            self.sessions.insert(
                command.session,
                nothing,
                command.msg_seq_num,
                cython.cast(int32_t, command.session_epoch),
            )
            return False
        entry = cython.address(self.sessions.entries[place])
        epoch: int32_t = cython.cast(int32_t, command.session_epoch)
        if epoch < entry.slot:
            return True
        if epoch == entry.slot and command.msg_seq_num <= entry.number:
            return True
        entry.slot = epoch
        entry.number = command.msg_seq_num
        return False

    # -- orders ------------------------------------------------------------------------

    def new_order(self, command):
        instrument: int32_t = self.find_instrument(command.symbol)
        slot: int32_t
        order: cython.pointer(Order)
        reason: uint16_t = self.check_id(command)
        if reason == REASON_NONE:
            reason = self.check_new(command, instrument)
            if reason != REASON_NONE:
                self.use_id(command, -1)
        if reason != REASON_NONE:
            self.refusal(command, EVENT_REJECTED, reason)
            return 0
        slot = self.pool.take()
        order = cython.address(self.pool.orders[slot])
        order.order_id = (cython.cast(uint64_t, self.shard_id) << 48) | self.command_seq
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
        self.use_id(command, slot)
        event = self.order_event(EVENT_ACCEPTED, slot)
        event.msg_seq_num = command.msg_seq_num
        event.session_epoch = command.session_epoch
        event.flags = command.flags
        self.match(slot)
        return self.settle(slot, command)

    def cancel(self, command):
        reason: uint16_t = self.check_id(command)
        slot: int32_t = -1
        if reason == REASON_NONE:
            slot = self.find_order(command, cython.address(reason))
            if slot >= 0:
                reason = self.check_same_order(command, slot)
            self.use_id(command, -1)
        if reason != REASON_NONE:
            self.refusal(command, EVENT_CANCEL_REJECTED, reason)
            return 0
        return self.end(command, slot, EVENT_CANCELLED, REASON_REQUESTED)

    def replace(self, command):
        reason: uint16_t = self.check_id(command)
        slot: int32_t
        if reason == REASON_NONE:
            slot = self.find_order(command, cython.address(reason))
            if slot >= 0:
                reason = self.check_same_order(command, slot)
                if reason == REASON_NONE:
                    return self.replace_at(command, slot)
            self.use_id(command, -1)
        self.refusal(command, EVENT_REPLACE_REJECTED, reason)
        return 0

    def replace_at(self, command, slot):
        """A replace of a live order that names it rightly."""
        order: cython.pointer(Order) = cython.address(self.pool.orders[slot])
        terms: cython.pointer(Instrument) = cython.address(
            self.instruments[order.instrument]
        )
        side: cython.pointer(BookSide) = own_side(terms, order.side)
        reason: uint16_t = REASON_NONE
        leaves: int64_t = command.qty
        key: int64_t = key_of(order.side, order.price)
        old_id: cython.uchar[36]
        if not command.flags & FLAG_QTY_IS_LEAVES:
            leaves = command.qty - order.cum
        if not (command.flags & FLAG_QTY_IS_LEAVES and command.qty == 0):
            reason = check_terms(command, terms, order.ord_type)
        if reason == REASON_NONE and command.time_in_force not in (0, TIF_DAY, TIF_GTC):
            reason = REASON_UNSUPPORTED_TIME_IN_FORCE
        if reason == REASON_NONE and (
            leaves > OPEN_QTY_MAX - (side.open_qty - order.leaves)
            or order.cum > ORDER_QTY_MAX - leaves
        ):
            reason = REASON_OPEN_QTY_ABOVE_MAX
        if reason != REASON_NONE:
            self.use_id(command, -1)
            self.refusal(command, EVENT_REPLACE_REJECTED, reason)
            return 0
        memcpy(old_id, order.cl_ord_id, 36)
        self.use_id(command, slot)
        if leaves <= 0:
            return self.end(
                command, slot, EVENT_CANCELLED, REASON_REPLACED_BELOW_CUM_QTY
            )
        keeps_place: cython.bint = (
            command.price == order.price and leaves <= order.leaves
        )
        if keeps_place:
            reduce(side, key, order.leaves - leaves)
        else:
            unlink(self.pool.orders, side, find_level(side, key), slot)
        memcpy(order.cl_ord_id, command.cl_ord_id, 36)
        if command.time_in_force:
            order.time_in_force = command.time_in_force
        order.price = command.price
        order.leaves = leaves
        order.qty = order.cum + leaves
        event = self.order_event(EVENT_REPLACED, slot)
        event.msg_seq_num = command.msg_seq_num
        event.session_epoch = command.session_epoch
        event.flags = command.flags
        memcpy(event.orig_cl_ord_id, old_id, 36)
        if keeps_place:
            return 0
        self.match(slot)
        return self.settle(slot, command)

    # -- checks ------------------------------------------------------------------------

    def find_instrument(self, symbol):
        """The instrument's index, or -1."""
        text: cython.uchar[36]
        place: int64_t
        memcpy(text, symbol, 24)
        memset(cython.address(text[24]), 0, 12)
        place = self.symbols.find(0, text)
        return self.symbols.entries[place].slot if place >= 0 else -1

    def find_order(self, command, reason):
        """The slot of the live order OrigClOrdID(41) names, or -1 and why not."""
        place: int64_t = self.ids.find(command.session, command.orig_cl_ord_id)
        if place < 0 or self.ids.entries[place].slot < 0:
            reason[0] = REASON_UNKNOWN_ORDER
            return -1
        slot: int32_t = self.ids.entries[place].slot
        if self.pool.orders[slot].order_id != self.ids.entries[place].number:
            reason[0] = REASON_TOO_LATE
            return -1
        return slot

    def check_id(self, command):
        """Whether ClOrdID(11) may be used by this command."""
        place: int64_t
        if command.cl_ord_id[0] == 0:
            return REASON_MISSING_CL_ORD_ID
        place = self.ids.find(command.session, command.cl_ord_id)
        if place < 0:
            return REASON_NONE
        if (
            command.flags & FLAG_REUSE_ID
            and command.kind != COMMAND_NEW_ORDER
            and memcmp(command.cl_ord_id, command.orig_cl_ord_id, 36) == 0
        ):
            return REASON_NONE
        return REASON_DUPLICATE_CL_ORD_ID

    def check_new(self, command, instrument):
        reason: uint16_t
        side: cython.pointer(BookSide)
        if instrument < 0:
            return REASON_UNKNOWN_SYMBOL
        if command.side != SIDE_BUY and command.side != SIDE_SELL:
            return REASON_UNSUPPORTED_SIDE
        if command.ord_type != ORD_TYPE_LIMIT and command.ord_type != ORD_TYPE_MARKET:
            return REASON_UNSUPPORTED_ORD_TYPE
        if (
            command.time_in_force != TIF_DAY
            and command.time_in_force != TIF_GTC
            and command.time_in_force != TIF_IOC
        ):
            return REASON_UNSUPPORTED_TIME_IN_FORCE
        terms: cython.pointer(Instrument) = cython.address(self.instruments[instrument])
        reason = check_terms(command, terms, command.ord_type)
        if reason != REASON_NONE:
            return reason
        side = own_side(terms, command.side)
        if command.qty > OPEN_QTY_MAX - side.open_qty:
            return REASON_OPEN_QTY_ABOVE_MAX
        return REASON_NONE

    def check_same_order(self, command, slot):
        """A cancel or replace may repeat what the order is, but not contradict it."""
        order: cython.pointer(Order) = cython.address(self.pool.orders[slot])
        if (
            command.symbol[0] != 0
            and memcmp(command.symbol, self.instruments[order.instrument].symbol, 24)
            != 0
        ):
            return REASON_SYMBOL_MISMATCH
        if command.side != 0 and command.side != order.side:
            return REASON_SIDE_CHANGED
        if command.ord_type != 0 and command.ord_type != order.ord_type:
            return REASON_ORD_TYPE_CHANGED
        return REASON_NONE

    def use_id(self, command, slot):
        """Notes ClOrdID(11) as used, for the order in ``slot`` or, with -1, for none.

        Under REUSE_ID an identifier is kept only while it names a live order.
        """
        number: uint64_t = self.command_seq
        order: cython.pointer(Order)
        if slot >= 0:
            order = cython.address(self.pool.orders[slot])
            number = order.order_id
            if (
                command.flags & FLAG_REUSE_ID
                and command.kind != COMMAND_NEW_ORDER
                and memcmp(command.cl_ord_id, order.cl_ord_id, 36) != 0
            ):
                self.ids.remove(self.ids.find(order.session, order.cl_ord_id))
        if command.flags & FLAG_REUSE_ID and (
            slot < 0 or self.ids.find(command.session, command.cl_ord_id) >= 0
        ):
            return 0
        self.ids.insert(command.session, command.cl_ord_id, number, slot)
        return 0

    # -- matching ----------------------------------------------------------------------

    def match(self, slot):
        """Trades the order in ``slot``, which rests nowhere, as far as it goes."""
        taker: cython.pointer(Order) = cython.address(self.pool.orders[slot])
        side: cython.pointer(BookSide) = other_side(
            cython.address(self.instruments[taker.instrument]), taker.side
        )
        limit: int64_t = -key_of(taker.side, taker.price)
        while taker.leaves > 0 and side.count > 0:
            level = cython.address(side.levels[side.count - 1])
            if taker.ord_type == ORD_TYPE_LIMIT and level.key < limit:
                break
            self.trade(level.oldest, slot, side)
        return 0

    def trade(self, maker, taker, side):
        """One trade at the maker's price; a filled maker leaves the book."""
        resting: cython.pointer(Order) = cython.address(self.pool.orders[maker])
        coming: cython.pointer(Order) = cython.address(self.pool.orders[taker])
        qty: int64_t = min(resting.leaves, coming.leaves)
        price: int64_t = resting.price
        value: int128 = cython.cast(int128, price) * qty
        trade_id: uint64_t
        side.levels[side.count - 1].qty -= qty
        side.open_qty -= qty
        resting.leaves -= qty
        resting.cum += qty
        resting.notional += value
        coming.leaves -= qty
        coming.cum += qty
        coming.notional += value
        event = self.order_event(EVENT_FILLED, maker)
        trade_id = (cython.cast(uint64_t, self.shard_id) << 48) | event.seq
        event.liquidity = LIQUIDITY_ADDED
        event.contra_order_id = coming.order_id
        event.trade_id = trade_id
        event.last_price = price
        event.last_qty = qty
        event = self.order_event(EVENT_FILLED, taker)
        event.liquidity = LIQUIDITY_REMOVED
        event.contra_order_id = resting.order_id
        event.trade_id = trade_id
        event.last_price = price
        event.last_qty = qty
        if resting.leaves == 0:
            unlink(self.pool.orders, side, side.count - 1, maker)
            self.bury(maker)
        return 0

    def settle(self, slot, command):
        """What becomes of an order after matching: gone, cancelled, or resting."""
        order: cython.pointer(Order) = cython.address(self.pool.orders[slot])
        if order.leaves == 0:
            self.bury(slot)
            return 0
        if order.ord_type == ORD_TYPE_MARKET or order.time_in_force == TIF_IOC:
            left: int64_t = order.leaves
            order.leaves = 0
            event = self.order_event(EVENT_CANCELLED, slot)
            event.msg_seq_num = command.msg_seq_num
            event.session_epoch = command.session_epoch
            event.reason = REASON_UNFILLED_REMAINDER
            event.ord_status = STATUS_CANCELED
            event.last_qty = left
            self.bury(slot)
            return 0
        return rest(
            self.pool.orders,
            own_side(cython.address(self.instruments[order.instrument]), order.side),
            slot,
            key_of(order.side, order.price),
        )

    def end(self, command, slot, kind, reason):
        """Takes a resting order out of its book. ``command`` is NULL for an expiry."""
        order: cython.pointer(Order) = cython.address(self.pool.orders[slot])
        side: cython.pointer(BookSide) = own_side(
            cython.address(self.instruments[order.instrument]), order.side
        )
        left: int64_t = order.leaves
        unlink(
            self.pool.orders,
            side,
            find_level(side, key_of(order.side, order.price)),
            slot,
        )
        order.leaves = 0
        event = self.order_event(kind, slot)
        event.reason = cython.cast(uint16_t, reason)
        event.ord_status = (
            STATUS_EXPIRED if kind == EVENT_EXPIRED else STATUS_CANCELED
        )
        event.last_qty = left
        if command != cython.NULL:
            event.msg_seq_num = command.msg_seq_num
            event.session_epoch = command.session_epoch
            event.flags = command.flags
            memcpy(event.orig_cl_ord_id, order.cl_ord_id, 36)
            memcpy(event.cl_ord_id, command.cl_ord_id, 36)
            if command.flags & FLAG_REUSE_ID and kind == EVENT_CANCELLED:
                place: int64_t = self.ids.find(command.session, command.cl_ord_id)
                if place >= 0:
                    self.ids.remove(place)
        self.bury(slot)
        return 0

    def bury(self, slot):
        """Frees the slot of an order that is in no book any more."""
        order: cython.pointer(Order) = cython.address(self.pool.orders[slot])
        place: int64_t
        if order.flags & FLAG_REUSE_ID:
            place = self.ids.find(order.session, order.cl_ord_id)
            if place >= 0:
                self.ids.remove(place)
        self.pool.give_back(slot)

    # -- the other commands ------------------------------------------------------------

    def define_instrument(self, command):
        index: int32_t = self.find_instrument(command.symbol)
        text: cython.uchar[36]
        event: cython.pointer(InstrumentEvent)
        if index < 0:
            if self.instrument_count == self.instrument_capacity:
                capacity: int32_t = (
                    self.instrument_capacity * 2 if self.instrument_capacity else 32
                )
                grown = cython.cast(
                    cython.pointer(Instrument),
                    realloc(
                        self.instruments,
                        cython.cast(cython.size_t, capacity)
                        * cython.sizeof(Instrument),
                    ),
                )
                if grown == cython.NULL:
                    raise MemoryError
                self.instruments = grown
                self.instrument_capacity = capacity
            index = self.instrument_count
            memset(
                cython.address(self.instruments[index]), 0, cython.sizeof(Instrument)
            )
            self.instrument_count += 1
            memcpy(text, command.symbol, 24)
            memset(cython.address(text[24]), 0, 12)
            self.symbols.insert(0, text, 0, index)
        terms = cython.address(self.instruments[index])
        terms.tick = command.tick
        terms.lot = command.lot
        terms.reference_price = command.reference_price
        terms.price_min = command.price_min
        terms.price_max = command.price_max
        terms.qty_max = command.qty_max
        terms.notional_max = command.notional_max
        memcpy(terms.symbol, command.symbol, 24)
        memcpy(terms.currency, command.currency, 8)
        event = cython.cast(
            cython.pointer(InstrumentEvent), self.new_event(EVENT_INSTRUMENT_DEFINED)
        )
        event.tick = terms.tick
        event.lot = terms.lot
        event.reference_price = terms.reference_price
        event.price_min = terms.price_min
        event.price_max = terms.price_max
        event.qty_max = terms.qty_max
        event.notional_max = terms.notional_max
        memcpy(event.symbol, terms.symbol, 24)
        memcpy(event.currency, terms.currency, 8)
        return 0

    def end_of_day(self, command):
        i: int32_t
        place: int32_t
        count: int32_t
        side: cython.pointer(BookSide)
        event: cython.pointer(ClockEvent)
        for i in range(self.instrument_count):
            side = cython.address(self.instruments[i].bids)
            place = 0
            while place < side.count:
                count = side.count
                self.expire_level(side, place)
                if side.count == count:
                    place += 1
            side = cython.address(self.instruments[i].asks)
            place = side.count - 1
            while place >= 0:
                self.expire_level(side, place)
                place -= 1
        self.forget_dead_ids()
        self.day = command.day
        event = cython.cast(
            cython.pointer(ClockEvent), self.new_event(EVENT_DAY_ENDED)
        )
        event.day = command.day
        return 0

    def expire_level(self, side, place):
        """Expires the DAY orders of one level, oldest first."""
        slot: int32_t = side.levels[place].oldest
        newer: int32_t
        while slot >= 0:
            newer = self.pool.orders[slot].newer
            if self.pool.orders[slot].time_in_force == TIF_DAY:
                self.end(cython.NULL, slot, EVENT_EXPIRED, REASON_END_OF_DAY)
            slot = newer
        return 0

    def forget_dead_ids(self):
        """Leaves only the current ClOrdIDs of live orders in the index."""
        slot: int32_t
        self.ids.clear()
        for slot in range(self.pool.capacity):
            order = cython.address(self.pool.orders[slot])
            if order.order_id:
                self.ids.insert(order.session, order.cl_ord_id, order.order_id, slot)
        return 0

    # -- events ------------------------------------------------------------------------

    def new_event(self, kind):
        """A zeroed event in the buffer, numbered and stamped. Valid until the next."""
        capacity: int64_t
        event: cython.pointer(OrderEvent)
        if self.event_count == self.event_capacity:
            capacity = self.event_capacity * 2 if self.event_capacity else 256
            grown = cython.cast(
                cython.pointer(cython.uchar),
                realloc(self.events, cython.cast(cython.size_t, capacity) * EVENT_BYTES),
            )
            if grown == cython.NULL:
                raise MemoryError
            self.events = grown
            self.event_capacity = capacity
        event = cython.cast(
            cython.pointer(OrderEvent), self.events + self.event_count * EVENT_BYTES
        )
        memset(event, 0, EVENT_BYTES)
        self.event_count += 1
        self.event_seq += 1
        event.kind = cython.cast(uint8_t, kind)
        event.seq = self.event_seq
        event.command_seq = self.command_seq
        event.time = self.time
        return event

    def order_event(self, kind, slot):
        """An event with everything the order in ``slot`` now is."""
        event: cython.pointer(OrderEvent) = self.new_event(kind)
        order: cython.pointer(Order) = cython.address(self.pool.orders[slot])
        event.side = order.side
        event.ord_type = order.ord_type
        event.time_in_force = order.time_in_force
        event.source = order.source
        event.session = order.session
        event.order_id = order.order_id
        event.price = order.price
        event.qty = order.qty
        event.leaves_qty = order.leaves
        event.cum_qty = order.cum
        event.avg_price = average(order.notional, order.cum)
        if order.leaves == 0:
            event.ord_status = STATUS_FILLED
        elif order.cum:
            event.ord_status = STATUS_PARTIALLY_FILLED
        else:
            event.ord_status = STATUS_NEW
        memcpy(event.cl_ord_id, order.cl_ord_id, 36)
        memcpy(event.account, order.account, 24)
        memcpy(event.symbol, self.instruments[order.instrument].symbol, 24)
        return event

    def refusal(self, command, kind, reason):
        """A refused command: what was asked, why not, and what the order now is."""
        event: cython.pointer(OrderEvent)
        place: int64_t = -1
        slot: int32_t = -1
        if kind != EVENT_REJECTED:
            place = self.ids.find(command.session, command.orig_cl_ord_id)
            if place >= 0:
                slot = self.ids.entries[place].slot
        if slot >= 0 and (
            self.pool.orders[slot].order_id == self.ids.entries[place].number
        ):
            event = self.order_event(kind, slot)
        else:
            event = self.new_event(kind)
            event.ord_status = STATUS_REJECTED
            event.side = command.side
            event.ord_type = command.ord_type
            event.time_in_force = command.time_in_force
            event.session = command.session
            event.source = command.source
            event.price = command.price
            event.qty = command.qty
            memcpy(event.symbol, command.symbol, 24)
            memcpy(event.account, command.account, 24)
            if kind == EVENT_REJECTED:
                event.order_id = (
                    cython.cast(uint64_t, self.shard_id) << 48
                ) | self.command_seq
            elif slot >= 0:
                event.order_id = self.ids.entries[place].number
        event.reason = cython.cast(uint16_t, reason)
        event.flags = command.flags
        event.msg_seq_num = command.msg_seq_num
        event.session_epoch = command.session_epoch
        memcpy(event.cl_ord_id, command.cl_ord_id, 36)
        memcpy(event.orig_cl_ord_id, command.orig_cl_ord_id, 36)
        return event


@cython.cfunc
def dump_side(orders: cython.pointer(Order), side: cython.pointer(BookSide)):
    """The queues of a side, best price first: (price, quantity, orders) per level."""
    place: int32_t
    slot: int32_t
    levels = []
    for place in range(side.count - 1, -1, -1):
        queue = []
        slot = side.levels[place].oldest
        price = orders[slot].price
        while slot >= 0:
            order = cython.address(orders[slot])
            queue.append(
                (
                    order.order_id,
                    order.session,
                    order.source,
                    order.flags,
                    order.side,
                    order.ord_type,
                    order.time_in_force,
                    order.price,
                    order.qty,
                    order.leaves,
                    order.cum,
                    cython.cast(int64_t, order.notional >> 64),
                    cython.cast(uint64_t, order.notional),
                    order.cl_ord_id[:36],
                    order.account[:24],
                )
            )
            slot = order.newer
        levels.append((price, side.levels[place].qty, queue))
    return levels


def check_commands(commands) -> None:
    """Raise ValueError unless the buffer holds whole records of known kinds."""
    view: cython.const[cython.uchar][::1] = commands
    i: cython.Py_ssize_t
    kind: uint8_t
    size: cython.Py_ssize_t = len(view)
    if size % COMMAND_BYTES:
        raise ValueError(f"{size} bytes are no whole number of commands")
    for i in range(0, size, COMMAND_BYTES):
        kind = view[i]
        if (
            kind != COMMAND_NEW_ORDER
            and kind != COMMAND_CANCEL
            and kind != COMMAND_REPLACE
            and kind != COMMAND_DEFINE_INSTRUMENT
            and kind != COMMAND_END_OF_DAY
        ):
            raise ValueError(f"command {i // COMMAND_BYTES} has unknown kind {kind}")
        if kind == COMMAND_DEFINE_INSTRUMENT:
            terms = cython.cast(
                cython.pointer(cython.const[InstrumentCommand]),
                cython.address(view[i]),
            )
            if terms.tick <= 0 or terms.lot <= 0 or terms.symbol[0] == 0:
                raise ValueError(
                    f"command {i // COMMAND_BYTES}: an instrument needs a symbol, "
                    "a positive tick and a positive lot"
                )
