"""One order at a time: new, cancel, replace, status, and what is sent again."""

from __future__ import annotations

import dataclasses
from typing import Any

from engine.codes import (
    CommandFlag,
    CommandKind,
    EventKind,
    OrdType,
    Phase,
    Reason,
    TimeInForce,
)
from engine.records import MassCommand, OrderCommand, OrderEvent
from tests.reference import checks, identifiers, limits
from tests.reference.book import CALLS, Book
from tests.reference.checks import Faults
from tests.reference.entering import enter, would_trade
from tests.reference.events import OF_MESSAGES
from tests.reference.orders import (
    BOOK,
    NOWHERE,
    PARKED,
    POST_ONLY,
    STOPS,
    TRAILING,
    Order,
)
from tests.reference.phases import auction_is_on, settle
from tests.reference.venue import Venue

TRADING = (Phase.CONTINUOUS, Phase.POST_ONLY)

# -- new -------------------------------------------------------------------------------


def new_order(venue: Venue, command: OrderCommand) -> None:
    fault = identifiers.check_name(venue, command)
    if not fault:
        fault = checks.first(_new_faults(venue, command))
        if fault:
            identifiers.note_name(venue, command, None)
    if fault:
        venue.events.refuse(EventKind.REJECTED, command, fault, None)
        return
    book = venue.books[command.symbol]
    order = _order(venue, book, command)
    venue.live[order.order_id] = order
    identifiers.note_name(venue, command, order)
    venue.to_the_end(order)
    order.place = _first_place(book, order)
    _put(venue, order, EventKind.ACCEPTED, command)


def _new_faults(venue: Venue, command: OrderCommand) -> Faults:
    symbol, session, account = command.symbol, command.session, command.account
    yield symbol not in venue.books, Reason.UNKNOWN_SYMBOL
    book = venue.books[symbol]
    yield from limits.may_speak(venue, session, account)
    yield from checks.new_order(book, command)
    order = _order(venue, book, command)
    late = order.time_in_force == TimeInForce.GTD and order.expire_time <= venue.now
    yield late, Reason.EXPIRE_TIME_INVALID
    total = checks.open_qty(book, order.side) + order.qty
    yield total > checks.OPEN_QTY_MAX, Reason.OPEN_QTY_ABOVE_MAX
    yield from limits.new_order(
        *(venue, book, session, account),
        side=order.side,
        qty=order.qty,
        price=_value_price(book, order),
    )
    yield _crosses(book, order), Reason.POST_ONLY_WOULD_TRADE


def _order(venue: Venue, book: Book, command: OrderCommand) -> Order:
    """What is asked for, without what does not belong to its type."""
    kind = command.ord_type
    trailing = command.exec_inst & TRAILING
    stop_price = 0
    if kind == OrdType.PEGGED:
        stop_price = command.price
    elif kind in (OrdType.STOP, OrdType.STOP_LIMIT):
        stop_price = command.stop_price
        if trailing and not stop_price:
            stop_price = checks.trailing_start(book, command)
    moves = trailing or kind == OrdType.PEGGED
    lasts_until = command.time_in_force == TimeInForce.GTD
    reusable = command.flags & CommandFlag.REUSE_ID
    return Order(
        order_id=venue.events.id(venue.events.command_seq),
        session=command.session,
        source=command.source,
        flags=command.flags,
        symbol=command.symbol,
        side=command.side,
        ord_type=kind,
        time_in_force=command.time_in_force,
        exec_inst=command.exec_inst,
        stp=command.stp,
        price=command.price if kind in (OrdType.LIMIT, OrdType.STOP_LIMIT) else 0,
        qty=command.qty,
        leaves=command.qty,
        display_qty=command.display_qty,
        stop_price=stop_price,
        min_qty=command.min_qty,
        peg_offset=command.peg_offset if moves else 0,
        expire_time=command.expire_time if lasts_until else 0,
        content=0 if reusable else identifiers.content_of(command),
        cl_ord_id=command.cl_ord_id,
        account=command.account,
        stp_id=command.stp_id,
    )


def _value_price(book: Book, order: Order) -> int:
    """By what price a limit on the value reckons. A peg's limit is its stop price."""
    price = 0 if order.ord_type == OrdType.PEGGED else order.price
    return price or order.stop_price or book.last_price or book.anchor_price


def _crosses(book: Book, order: Order) -> bool:
    """Whether it would trade though it must not. In calls nothing trades yet."""
    must_not = order.has(POST_ONLY) or book.phase == Phase.POST_ONLY
    return must_not and book.phase in TRADING and would_trade(book, order)


def _first_place(book: Book, order: Order) -> str:
    """Where a new order goes; nowhere: it enters."""
    if order.waits:
        return STOPS
    if order.ord_type == OrdType.PEGGED:
        return PARKED
    awaits_auction = order.time_in_force in checks.FOR_AUCTIONS[1:]
    if awaits_auction and not auction_is_on(book.phase, order):
        return PARKED
    return BOOK if book.phase in CALLS else NOWHERE


def _put(
    venue: Venue, order: Order, kind: EventKind, command: OrderCommand, **told: Any
) -> None:
    """Says what happened to an order and brings it to its place, or lets it trade."""
    order.display_next()
    venue.events.tell(kind, order, command, **told)
    if order.place == NOWHERE:
        enter(venue, order, command)
    else:
        venue.put(order, order.place)
    settle(venue, venue.book_of(order))


# -- cancel ----------------------------------------------------------------------------


def is_unsolicited(command: OrderCommand | MassCommand) -> bool:
    """A cancel of the exchange's own: it answers nobody."""
    return (
        command.kind == CommandKind.CANCEL
        and command.flags & CommandFlag.UNSOLICITED != 0
    )


def cancel(venue: Venue, command: OrderCommand) -> None:
    if is_unsolicited(command):
        order, fault = identifiers.find(venue, command)
        if order and not fault:
            venue.end(order, EventKind.CANCELLED, Reason.CANCELLED_BY_EXCHANGE)
            settle(venue, venue.book_of(order))
        return
    order, fault = None, identifiers.check_name(venue, command)
    if not fault:
        order, fault = identifiers.find(venue, command)
        identifiers.note_name(venue, command, None)
    if fault or order is None:
        _refuse_change(venue, EventKind.CANCEL_REJECTED, command, fault)
        return
    _cancel_by(venue, order, Reason.REQUESTED, command)


def _refuse_change(
    venue: Venue, kind: EventKind, command: OrderCommand, fault: Reason
) -> None:
    order = identifiers.named(venue, command.session, command.orig_cl_ord_id)
    venue.events.refuse(kind, command, fault, order)


def _cancel_by(
    venue: Venue, order: Order, reason: Reason, command: OrderCommand
) -> None:
    venue.end(
        *(order, EventKind.CANCELLED, reason, command),
        cl_ord_id=command.cl_ord_id,
        orig_cl_ord_id=order.cl_ord_id,
    )
    settle(venue, venue.book_of(order))


# -- replace ---------------------------------------------------------------------------


@dataclasses.dataclass
class _Terms:
    """What a replace makes of an order."""

    leaves: int
    price: int
    stop_price: int
    peg_offset: int
    display_qty: int
    time_in_force: int
    expire_time: int

    def keep_place(self, order: Order) -> bool:
        return (
            self.price == order.price
            and self.stop_price == order.stop_price
            and self.peg_offset == order.peg_offset
            and self.leaves <= order.leaves
            and self.display_qty <= order.display_qty
        )


def _terms(command: OrderCommand, order: Order) -> _Terms:
    kind = order.ord_type
    limited = kind in (OrdType.LIMIT, OrdType.STOP_LIMIT)
    leaves = command.qty
    if not command.flags & CommandFlag.QTY_IS_LEAVES:
        leaves -= order.cum
    stop_price = order.stop_price
    if kind == OrdType.PEGGED:
        stop_price = command.price
    elif order.waits:
        stop_price = command.stop_price or stop_price
    moves = kind == OrdType.PEGGED or (order.waits and order.has(TRAILING))
    tif = command.time_in_force or order.time_in_force
    expire_time = command.expire_time or order.expire_time
    return _Terms(
        leaves=leaves,
        price=command.price if limited else order.price,
        stop_price=stop_price,
        peg_offset=(command.peg_offset if moves else 0) or order.peg_offset,
        display_qty=command.display_qty or order.display_qty,
        time_in_force=tif,
        expire_time=expire_time if tif == TimeInForce.GTD else 0,
    )


def _replace_faults(venue: Venue, command: OrderCommand, order: Order) -> Faults:
    book, terms = venue.book_of(order), _terms(command, order)
    session, account = command.session, order.account
    yield from limits.may_speak(venue, session, account)
    yield checks.closed(book.phase), checks.closed(book.phase)
    yield from checks.same_instructions(command, order)
    nothing = bool(command.flags & CommandFlag.QTY_IS_LEAVES) and command.qty == 0
    yield from checks.replaced_numbers(book, command, order, nothing)
    late = terms.time_in_force == TimeInForce.GTD and terms.expire_time <= venue.now
    yield late, Reason.EXPIRE_TIME_INVALID
    if terms.leaves <= 0:
        return  # it will be cancelled
    yield from checks.replaced_sums(book, order, terms.leaves)
    asked = dataclasses.replace(
        order, price=terms.price, stop_price=terms.stop_price, leaves=terms.leaves
    )
    yield from limits.replace(
        *(venue, book, session, account),
        side=order.side,
        qty=order.cum + terms.leaves,
        price=_value_price(book, asked),
        more=terms.leaves - order.leaves,
    )
    moves = order.place == BOOK and not terms.keep_place(order)
    yield moves and _crosses(book, asked), Reason.POST_ONLY_WOULD_TRADE


def replace(venue: Venue, command: OrderCommand) -> None:
    order, fault = None, identifiers.check_name(venue, command)
    if not fault:
        order, fault = identifiers.find(venue, command)
        if order and not fault:
            fault = checks.first(_replace_faults(venue, command, order))
        if fault:
            identifiers.note_name(venue, command, None)
    if fault or order is None:
        _refuse_change(venue, EventKind.REPLACE_REJECTED, command, fault)
        return
    identifiers.note_name(venue, command, order)
    terms = _terms(command, order)
    if terms.leaves <= 0:
        _cancel_by(venue, order, Reason.REPLACED_BELOW_CUM_QTY, command)
        return
    _change(venue, order, terms, command)


def _change(venue: Venue, order: Order, terms: _Terms, command: OrderCommand) -> None:
    """A good replace."""
    book, keeps_place = venue.book_of(order), terms.keep_place(order)
    place = order.place
    if not keeps_place:
        book.lift(order)
    old_name, order.cl_ord_id = order.cl_ord_id, command.cl_ord_id
    if old_name != order.cl_ord_id:
        venue.forget_name(order, old_name)
    order.time_in_force = terms.time_in_force
    order.expire_time = terms.expire_time
    order.price, order.stop_price = terms.price, terms.stop_price
    order.peg_offset, order.display_qty = terms.peg_offset, terms.display_qty
    order.leaves, order.qty = terms.leaves, order.cum + terms.leaves
    if keeps_place:
        order.part = min(order.part, order.leaves, order.display_qty)
        venue.events.tell(EventKind.REPLACED, order, command, orig_cl_ord_id=old_name)
        settle(venue, book)
        return
    venue.to_the_end(order)
    if order.ord_type == OrdType.PEGGED:
        place, order.price = PARKED, 0
    elif place == BOOK and book.phase not in CALLS:
        place = NOWHERE
    order.place = place
    _put(venue, order, EventKind.REPLACED, command, orig_cl_ord_id=old_name)


# -- status ----------------------------------------------------------------------------


def order_status(venue: Venue, command: OrderCommand) -> None:
    order = identifiers.named(venue, command.session, command.orig_cl_ord_id)
    request_id = command.cl_ord_id
    told: dict[str, Any] = identifiers.UNKNOWN
    if order and identifiers.is_known(order):
        another_symbol = command.symbol and command.symbol != order.symbol
        another_side = command.side and command.side != order.side
        if not another_symbol and not another_side:
            venue.events.tell(
                EventKind.STATUS, order, command, orig_cl_ord_id=request_id
            )
            return
    elif order:
        told = {"order_id": order.order_id, "ord_status": int(order.status)}
    venue.events.emit(
        OrderEvent,
        EventKind.STATUS,
        session=command.session,
        source=command.source,
        side=command.side,
        symbol=command.symbol,
        account=command.account,
        cl_ord_id=command.orig_cl_ord_id,
        orig_cl_ord_id=request_id,
        **told,
        **{name: getattr(command, name) for name in OF_MESSAGES},
    )


def is_resent(venue: Venue, command: OrderCommand) -> bool:
    """Whether it says it may have come before, and its identifier has."""
    asks = command.kind == CommandKind.ORDER_STATUS
    if asks or not command.flags & CommandFlag.POSS_RESEND:
        return False
    return identifiers.check_name(venue, command) == Reason.DUPLICATE_CL_ORD_ID


def answer_resent(venue: Venue, command: OrderCommand) -> bool:
    """Whether what came before can be answered once more."""
    order = identifiers.named(venue, command.session, command.cl_ord_id)
    if command.kind != CommandKind.NEW_ORDER or order is None:
        return False
    if not identifiers.is_known(order) or not order.content:
        return False
    if order.content == identifiers.content_of(command):
        venue.events.tell(EventKind.STATUS, order, command)
    else:
        fault = Reason.DUPLICATE_CL_ORD_ID
        venue.events.refuse(EventKind.REJECTED, command, fault, None)
    return True
