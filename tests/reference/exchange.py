"""The reference exchange: the rules of :mod:`engine.shard` in the plainest Python.

Kept for ever beside the tests as their oracle: same commands, byte for byte the same
events and the same state hash after every one. It is meant to be read, not to be fast.

Where the rules name no order of checks, this is it: the identifier, what the command
says the order is (symbol, side, type, time in force; behind the symbol whether it is
halted), its quantity (positive, lot, maximum), its price (positive, tick, minimum,
maximum), its value, and what its side can hold. A replace of a halted instrument's
order is held against the order first. A command uses up its identifier unless the
identifier itself was at fault. A quantity limit applies to the quantity a command asks
for.
"""

from __future__ import annotations

from engine.figures import OpenOrder, ShardFigures
from engine.records import (
    CL_ORD_ID_BYTES,
    COMMAND_BYTES,
    QTY_MAX,
    ClockCommand,
    ClockEvent,
    CommandFlag,
    CommandKind,
    EventKind,
    InstrumentCommand,
    InstrumentEvent,
    InstrumentStatus,
    Liquidity,
    OrderCommand,
    OrdStatus,
    OrdType,
    Reason,
    Record,
    Side,
    StatusCommand,
    StatusEvent,
    TimeInForce,
    unpack_all,
)
from engine.statehash import Dump, state_hash
from tests.reference.book import TERMS, Book, Name, Order, check_terms, padded
from tests.reference.events import Events

OPEN_QTY_MAX = 9_200_000_000_000_000_000
"""What one side of one book may hold in all."""


class ReferenceExchange:
    """Same interface and same answers as :class:`engine.shard.Shard`."""

    def __init__(self, shard_id: int) -> None:
        self.events = Events(shard_id)
        self.day = 0
        self.duplicates = 0
        self.books: dict[str, Book] = {}
        self.names: dict[tuple[int, str], Name] = {}
        self.numbers: dict[int, tuple[int, int]] = {}

    # -- the interface -----------------------------------------------------------------

    def apply(self, commands: bytes, time: int) -> bytes:
        """The events of the commands. ValueError, nothing changed, for bad input."""
        records = unpack_all(commands, COMMAND_BYTES)
        if time <= self.events.time:
            raise ValueError(f"{time} is not after {self.events.time}")
        for record in records:
            if isinstance(record, StatusCommand) and (
                not record.symbol or record.status not in list(InstrumentStatus)
            ):
                raise ValueError("a status needs a symbol, and is one of two")
            if isinstance(record, InstrumentCommand) and (
                record.tick <= 0 or record.lot <= 0 or not record.symbol
            ):
                raise ValueError("an instrument needs a symbol, a tick and a lot")
        self.events.time = time
        self.events.packed = []
        for record in records:
            self._one(record)
        return b"".join(self.events.packed)

    def figures(self) -> ShardFigures:
        return ShardFigures(
            events={kind: self.events.kinds[kind] for kind in EventKind},
            reasons={r: self.events.reasons[r] for r in Reason if r is not Reason.NONE},
            instruments=tuple(book.figures() for book in self.books.values()),
        )

    def open_orders(self) -> list[OpenOrder]:
        """What all pages together list, in order of OrderID."""
        orders = [
            order.listed()
            for book in self.books.values()
            for side in (book.bids, book.asks)
            for order in side.orders()
        ]
        return sorted(orders, key=lambda order: order.order_id)

    def state_hash(self) -> bytes:
        return state_hash(self.dump())

    def dump(self) -> Dump:
        """The state in the form of :meth:`engine.shard.Shard.dump`."""
        books = [book.dump() for book in self.books.values()]
        names = sorted(
            (
                session,
                padded(text, CL_ORD_ID_BYTES),
                name.order.order_id if name.order else 0,
                name.order is not None and name.order.leaves > 0,
                int(name.order.final_status) if name.order else 0,
            )
            for (session, text), name in self.names.items()
        )
        numbers = sorted((session, *last) for session, last in self.numbers.items())
        return (*self.events.counters(), self.day), books, names, numbers

    # -- commands ----------------------------------------------------------------------

    def _one(self, command: Record) -> None:
        self.events.command_seq += 1
        if isinstance(command, InstrumentCommand):
            self._define(command)
        elif isinstance(command, ClockCommand):
            self._end_of_day(command)
        elif isinstance(command, StatusCommand):
            self._set_status(command)
        else:
            assert isinstance(command, OrderCommand)
            if (
                command.kind == CommandKind.CANCEL
                and command.flags & CommandFlag.UNSOLICITED
            ):
                self._cancel_unsolicited(command)
            elif self._brought_before(command) or (
                command.flags & CommandFlag.POSS_RESEND
                and self._check_name(command) is Reason.DUPLICATE_CL_ORD_ID
            ):
                self.duplicates += 1
            elif command.kind == CommandKind.NEW_ORDER:
                self._new(command)
            elif command.kind == CommandKind.CANCEL:
                self._cancel(command)
            else:
                self._replace(command)

    def _brought_before(self, command: OrderCommand) -> bool:
        """Numbers rise by (epoch, number); any that does not is a repeat."""
        if not command.msg_seq_num:
            return False
        number = (command.session_epoch, command.msg_seq_num)
        if number <= self.numbers.get(command.session, (-1, 0)):
            return True
        self.numbers[command.session] = number
        return False

    def _new(self, command: OrderCommand) -> None:
        fault = self._check_name(command)
        if not fault:
            fault = self._check_new(command)
            if fault:
                self._note(command, None)
        if fault:
            self.events.refuse(EventKind.REJECTED, command, fault, None)
            return
        order = Order(
            order_id=self.events.id(self.events.command_seq),
            session=command.session,
            source=command.source,
            flags=command.flags,
            symbol=command.symbol,
            side=command.side,
            ord_type=command.ord_type,
            time_in_force=command.time_in_force,
            price=command.price if command.ord_type == OrdType.LIMIT else 0,
            qty=command.qty,
            leaves=command.qty,
            cl_ord_id=command.cl_ord_id,
            account=command.account,
        )
        self._note(command, order)
        self.events.tell(EventKind.ACCEPTED, order, command)
        self._enter(order, command)

    def _cancel(self, command: OrderCommand) -> None:
        order, fault = None, self._check_name(command)
        if not fault:
            order, fault = self._find(command)
            self._note(command, None)
        if fault or order is None:
            self.events.refuse(
                EventKind.CANCEL_REJECTED, command, fault, self._named(command)
            )
        else:
            self._take_out(order)
            self._end(order, EventKind.CANCELLED, Reason.REQUESTED, command)

    def _cancel_unsolicited(self, command: OrderCommand) -> None:
        """The exchange's own cancel answers nobody, so it finds an order or nothing."""
        order, fault = self._find(command)
        if order and not fault:
            self._take_out(order)
            self._end(order, EventKind.CANCELLED, Reason.CANCELLED_BY_EXCHANGE, None)

    def _replace(self, command: OrderCommand) -> None:
        order, fault = None, self._check_name(command)
        if not fault:
            order, fault = self._find(command)
            if order and not fault:
                fault = self._check_replace(command, order)
            if fault:
                self._note(command, None)
        if fault or order is None:
            self.events.refuse(
                EventKind.REPLACE_REJECTED, command, fault, self._named(command)
            )
            return
        self._note(command, order)
        leaves = self._wanted(command, order)
        if leaves <= 0:
            self._take_out(order)
            self._end(
                order, EventKind.CANCELLED, Reason.REPLACED_BELOW_CUM_QTY, command
            )
            return
        keeps_place = command.price == order.price and leaves <= order.leaves
        if not keeps_place:
            self._take_out(order)
        old_name, order.cl_ord_id = order.cl_ord_id, command.cl_ord_id
        if old_name != order.cl_ord_id:
            self._forget(order, old_name)
        order.time_in_force = command.time_in_force or order.time_in_force
        order.price = command.price
        order.leaves = leaves
        order.qty = order.cum + leaves
        self.events.tell(EventKind.REPLACED, order, command, orig_cl_ord_id=old_name)
        if not keeps_place:
            self._enter(order, command)

    def _define(self, command: InstrumentCommand) -> None:
        if command.symbol in self.books:
            self.books[command.symbol].terms = command
        else:
            self.books[command.symbol] = Book(command)
        terms = {name: getattr(command, name) for name in TERMS}
        self.events.emit(
            InstrumentEvent,
            EventKind.INSTRUMENT_DEFINED,
            symbol=command.symbol,
            currency=command.currency,
            **terms,
        )

    def _set_status(self, command: StatusCommand) -> None:
        book = self.books.get(command.symbol)
        if book and book.status != command.status:
            book.status = command.status
            self.events.emit(
                StatusEvent,
                EventKind.INSTRUMENT_STATUS,
                status=command.status,
                symbol=command.symbol,
            )

    def _end_of_day(self, command: ClockCommand) -> None:
        for book in self.books.values():
            for side in (book.bids, book.asks):
                for order in side.orders():
                    if order.time_in_force == TimeInForce.DAY:
                        side.remove(order)
                        self._end(order, EventKind.EXPIRED, Reason.END_OF_DAY, None)
        self.names = {
            key: name
            for key, name in self.names.items()
            if name.order and name.order.leaves
        }
        self.day = command.day
        self.events.emit(ClockEvent, EventKind.DAY_ENDED, day=command.day)

    # -- checks ------------------------------------------------------------------------

    def _check_name(self, command: OrderCommand) -> Reason:
        if not command.cl_ord_id:
            return Reason.MISSING_CL_ORD_ID
        if (command.session, command.cl_ord_id) not in self.names:
            return Reason.NONE
        if (
            command.flags & CommandFlag.REUSE_ID
            and command.kind != CommandKind.NEW_ORDER
            and command.cl_ord_id == command.orig_cl_ord_id
        ):
            return Reason.NONE  # the order keeps its name
        return Reason.DUPLICATE_CL_ORD_ID

    def _check_new(self, command: OrderCommand) -> Reason:
        if command.symbol not in self.books:
            return Reason.UNKNOWN_SYMBOL
        if self.books[command.symbol].status == InstrumentStatus.HALTED:
            return Reason.TRADING_HALTED
        if command.side not in list(Side):
            return Reason.UNSUPPORTED_SIDE
        if command.ord_type not in list(OrdType):
            return Reason.UNSUPPORTED_ORD_TYPE
        if command.time_in_force not in list(TimeInForce):
            return Reason.UNSUPPORTED_TIME_IN_FORCE
        book = self.books[command.symbol]
        fault = check_terms(command, book.terms, command.ord_type)
        if fault:
            return fault
        if book.own(command.side).open_qty() + command.qty > OPEN_QTY_MAX:
            return Reason.OPEN_QTY_ABOVE_MAX
        return Reason.NONE

    def _named(self, command: OrderCommand) -> Order | None:
        """The order OrigClOrdID(41) names, live or not."""
        name = self.names.get((command.session, command.orig_cl_ord_id))
        return name.order if name else None

    def _find(self, command: OrderCommand) -> tuple[Order | None, Reason]:
        """The live order OrigClOrdID(41) names, and what is wrong with naming it so."""
        order = self._named(command)
        if order is None:
            return None, Reason.UNKNOWN_ORDER
        if not order.leaves:
            return None, Reason.TOO_LATE
        if command.symbol and command.symbol != order.symbol:
            return order, Reason.SYMBOL_MISMATCH
        if command.side and command.side != order.side:
            return order, Reason.SIDE_CHANGED
        if command.ord_type and command.ord_type != order.ord_type:
            return order, Reason.ORD_TYPE_CHANGED
        return order, Reason.NONE

    def _wanted(self, command: OrderCommand, order: Order) -> int:
        """What shall be open after a replace."""
        if command.flags & CommandFlag.QTY_IS_LEAVES:
            return command.qty
        return command.qty - order.cum

    def _check_replace(self, command: OrderCommand, order: Order) -> Reason:
        book = self.books[order.symbol]
        leaves = self._wanted(command, order)
        fault = Reason.NONE
        if book.status == InstrumentStatus.HALTED:
            return Reason.TRADING_HALTED
        if not (command.flags & CommandFlag.QTY_IS_LEAVES and command.qty == 0):
            fault = check_terms(command, book.terms, order.ord_type)
        if fault:
            return fault
        if command.time_in_force not in (0, TimeInForce.DAY, TimeInForce.GTC):
            return Reason.UNSUPPORTED_TIME_IN_FORCE
        others = book.own(order.side).open_qty() - order.leaves
        if others + leaves > OPEN_QTY_MAX or order.cum + leaves > QTY_MAX:
            return Reason.OPEN_QTY_ABOVE_MAX
        return Reason.NONE

    # -- names -------------------------------------------------------------------------

    def _note(self, command: OrderCommand, order: Order | None) -> None:
        """The command's ClOrdID(11) is used from now on, for ``order`` or for none."""
        reusable = bool(command.flags & CommandFlag.REUSE_ID)
        key = (command.session, command.cl_ord_id)
        if key not in self.names and (order or not reusable):
            self.names[key] = Name(order, reusable)
            if order:
                order.names.append(command.cl_ord_id)

    def _forget(self, order: Order, text: str) -> None:
        """A name the order no longer needs: free at once if it was marked REUSE_ID."""
        name = self.names.get((order.session, text))
        if name and name.order is order and name.reusable:
            del self.names[order.session, text]

    # -- trading -----------------------------------------------------------------------

    def _enter(self, order: Order, command: OrderCommand) -> None:
        """An order that rests nowhere trades as far as it can, then rests or ends."""
        book = self.books[order.symbol]
        makers = book.other(order.side)
        while order.leaves:
            maker = makers.best()
            if maker is None or not self._reaches(order, maker.price):
                break
            self._trade(maker, order)
            if not maker.leaves:
                makers.remove(maker)
                self._forget_all(maker)
        if not order.leaves:
            self._forget_all(order)
        elif order.ord_type == OrdType.MARKET or order.time_in_force == TimeInForce.IOC:
            self._end(order, EventKind.CANCELLED, Reason.UNFILLED_REMAINDER, command)
        else:
            book.own(order.side).add(order)

    @staticmethod
    def _reaches(order: Order, price: int) -> bool:
        if order.ord_type == OrdType.MARKET:
            return True
        return price <= order.price if order.side == Side.BUY else price >= order.price

    def _trade(self, maker: Order, taker: Order) -> None:
        qty = min(maker.leaves, taker.leaves)
        book = self.books[taker.symbol]
        book.trades += 1
        book.traded_qty += qty
        for order in (maker, taker):
            order.leaves -= qty
            order.cum += qty
            order.notional += maker.price * qty
        trade_id = self.events.id(self.events.event_seq + 1)
        for order, contra, liquidity in (
            (maker, taker, Liquidity.ADDED),
            (taker, maker, Liquidity.REMOVED),
        ):
            self.events.tell(
                EventKind.FILLED,
                order,
                None,
                liquidity=liquidity,
                contra_order_id=contra.order_id,
                trade_id=trade_id,
                last_price=maker.price,
                last_qty=qty,
            )

    def _take_out(self, order: Order) -> None:
        self.books[order.symbol].own(order.side).remove(order)

    def _end(
        self,
        order: Order,
        kind: EventKind,
        reason: Reason,
        command: OrderCommand | None,
    ) -> None:
        """An order, already out of its book, ends with something open."""
        left, order.leaves = order.leaves, 0
        names = {}
        if reason in (Reason.REQUESTED, Reason.REPLACED_BELOW_CUM_QTY) and command:
            names["cl_ord_id"] = command.cl_ord_id
            names["orig_cl_ord_id"] = order.cl_ord_id
        ended = OrdStatus.EXPIRED if kind == EventKind.EXPIRED else OrdStatus.CANCELED
        order.ended = ended
        self.events.tell(
            kind,
            order,
            command,
            reason=reason,
            ord_status=ended,
            last_qty=left,
            **names,
        )
        self._forget_all(order)

    def _forget_all(self, order: Order) -> None:
        for text in order.names:
            self._forget(order, text)
