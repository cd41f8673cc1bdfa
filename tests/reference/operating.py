"""The exchange's own commands: instruments, phases, limits, days, changed trades."""

from __future__ import annotations

from typing import Any

from engine.codes import CommandKind, EventKind, Reason, Scope, Side
from engine.records import (
    BlockCommand,
    BlockEvent,
    ClockCommand,
    ClockEvent,
    DeadlineCommand,
    InstrumentCommand,
    InstrumentEvent,
    LimitsCommand,
    LimitsEvent,
    OrderEvent,
    PhaseCommand,
    TradeCommand,
)
from tests.reference import identifiers, mass, phases
from tests.reference.book import TERMS, Book
from tests.reference.venue import Limits, Owner, Venue, of_account, of_session

LIMITS = (
    *("order_qty_max", "notional_max", "open_orders_max", "rate_max"),
    "position_max",
)


def define(venue: Venue, command: InstrumentCommand) -> None:
    book = venue.books.get(command.symbol)
    if book is None:
        book = Book(command, anchor_price=command.reference_price)
        venue.books[command.symbol] = book
    elif book.terms.reference_price != command.reference_price:
        book.anchor_price = command.reference_price
    book.terms = command
    venue.events.emit(
        InstrumentEvent,
        EventKind.INSTRUMENT_DEFINED,
        symbol=command.symbol,
        currency=command.currency,
        **{name: getattr(command, name) for name in TERMS},
    )


def set_phase(venue: Venue, command: PhaseCommand) -> None:
    for book in list(venue.books.values()):
        if command.symbol not in ("", book.terms.symbol):
            continue
        wanted = (command.phase, command.then, command.until)
        if wanted != (book.phase, book.then, book.until):
            phases.set_phase(venue, book, *wanted, command.reason)


def end_of_day(venue: Venue, command: ClockCommand) -> None:
    mass.expire_day(venue)
    identifiers.forget_dead(venue)
    venue.changed = set()
    venue.day = command.day
    venue.events.emit(ClockEvent, EventKind.DAY_ENDED, day=command.day)


def tick(venue: Venue, command: ClockCommand) -> None:
    """Time has passed: what that brings has been done at the start of the batch."""


def _owner(command: LimitsCommand | BlockCommand) -> Owner:
    if command.scope == Scope.SESSION:
        return of_session(command.session)
    return of_account(command.account)


def set_limits(venue: Venue, command: LimitsCommand) -> None:
    owner = _owner(command)
    limits = venue.limits.setdefault(owner, Limits())
    for name in LIMITS:
        setattr(limits, name, getattr(command, name))
    venue.events.emit(
        LimitsEvent,
        EventKind.LIMITS_SET,
        **_told(owner),
        **{name: getattr(command, name) for name in LIMITS},
    )


def set_blocked(venue: Venue, command: BlockCommand) -> None:
    owner = scope, session, account = _owner(command)
    venue.limits.setdefault(owner, Limits()).blocked = command.blocked
    orders = []
    if command.blocked:
        orders = [
            order
            for order in mass.all_orders(venue)
            if (scope == Scope.SESSION and order.session == session)
            or (scope == Scope.ACCOUNT and order.account == account)
        ]
    mass.cancel(venue, orders, Reason.BLOCKED)
    venue.events.emit(
        BlockEvent,
        EventKind.BLOCKED_SET,
        **_told(owner),
        blocked=command.blocked,
        count=len(orders),
    )
    phases.settle_all(venue, mass.books_of(venue, orders))


def _told(owner: Owner) -> dict[str, Any]:
    scope, session, account = owner
    return {"scope": scope, "owner": session, "account": account}


def set_deadline(venue: Venue, command: DeadlineCommand) -> None:
    key = (command.session, command.reason)
    venue.deadlines.pop(key, None)
    if command.deadline:
        venue.deadlines[key] = (command.deadline, command.flags, command.source)


def change_trade(venue: Venue, command: TradeCommand) -> None:
    """One side of a trade is cancelled or has another price now."""
    key = (command.kind, command.exec_id)
    if key in venue.changed:
        return
    cancelled = command.kind == CommandKind.TRADE_CANCEL
    qty = command.last_qty
    order = venue.live.get(command.order_id)
    gone = qty if cancelled else 0
    value = (command.new_price - command.last_price) * qty
    if cancelled:
        value = -command.last_price * qty
    if order and (order.cum < gone or order.notional + value < 0):
        return  # not what happened
    venue.changed.add(key)
    if cancelled and command.account and command.symbol in venue.books:
        position = (command.account, command.symbol)
        signed = qty if command.side == Side.BUY else -qty
        venue.positions[position] = venue.positions.get(position, 0) - signed
    kind = EventKind.TRADE_CANCELLED if cancelled else EventKind.TRADE_CORRECTED
    told = {
        "trade_id": command.trade_id,
        "contra_order_id": command.exec_id,
        "last_price": command.last_price if cancelled else command.new_price,
        "last_qty": qty,
    }
    if order:
        order.cum -= gone
        order.notional += value
        venue.events.tell(kind, order, **told)
        return
    same = (
        *("side", "ord_type", "time_in_force", "ord_status", "source", "session"),
        *("order_id", "price", "qty", "cum_qty", "avg_price", "cl_ord_id"),
        *("account", "symbol"),
    )
    told |= {name: getattr(command, name) for name in same}
    venue.events.emit(OrderEvent, kind, **told)
