"""What is asked of many orders at once, and what ends many."""

from __future__ import annotations

from typing import Any

from engine.codes import CommandFlag, CommandKind, EventKind, Reason, TimeInForce
from engine.records import MassCommand, OrderEvent
from tests.reference import phases
from tests.reference.events import OF_MESSAGES
from tests.reference.orders import Order
from tests.reference.venue import Venue

LASTING = (TimeInForce.GTC, TimeInForce.GTD)


def all_orders(venue: Venue) -> list[Order]:
    """Every open order, in the order of a mass cancel."""
    return [order for book in venue.books.values() for order in book.mass_order()]


def cancel(venue: Venue, orders: list[Order], reason: int) -> None:
    """Cancel them all; whoever calls settles their books afterwards."""
    for order in orders:
        venue.end(order, EventKind.CANCELLED, Reason(reason))


def books_of(venue: Venue, orders: list[Order]) -> list[Any]:
    return [venue.book_of(order) for order in orders]


def wanted(venue: Venue, command: MassCommand) -> list[Order]:
    return [
        order
        for order in all_orders(venue)
        if command.session in (0, order.session)
        and command.side in (0, order.side)
        and command.account in ("", order.account)
        and command.symbol in ("", order.symbol)
        and not (
            command.kind == CommandKind.MASS_CANCEL
            and command.flags & CommandFlag.KEEP_GTC
            and order.time_in_force in LASTING
        )
    ]


def mass_command(venue: Venue, command: MassCommand) -> None:
    orders = wanted(venue, command)
    if command.kind == CommandKind.MASS_STATUS:
        for index, order in enumerate(orders, 1):
            venue.events.tell(
                EventKind.STATUS,
                order,
                orig_cl_ord_id=command.request_id,
                count=len(orders),
                index=index,
                fan_out=command.fan_out,
            )
        _answer(venue, command, EventKind.MASS_STATUS_DONE, len(orders))
        return
    cancel(venue, orders, command.reason)
    if command.request_id:
        _answer(venue, command, EventKind.MASS_CANCELLED, len(orders))
    phases.settle_all(venue, books_of(venue, orders))


def _answer(venue: Venue, command: MassCommand, kind: EventKind, count: int) -> None:
    venue.events.emit(
        OrderEvent,
        kind,
        side=command.side,
        source=command.source,
        session=command.session,
        count=count,
        fan_out=command.fan_out,
        cl_ord_id=command.request_id,
        account=command.account,
        symbol=command.symbol,
        **{name: getattr(command, name) for name in OF_MESSAGES},
    )


def expire_by_time(venue: Venue) -> None:
    """GTD orders whose time is over."""
    due = [
        order
        for order in venue.live.values()
        if order.time_in_force == TimeInForce.GTD and order.expire_time <= venue.now
    ]
    due.sort(key=lambda order: (order.expire_time, order.order_id))
    for order in due:
        venue.end(order, EventKind.EXPIRED, Reason.EXPIRED_BY_TIME)
    phases.settle_all(venue, books_of(venue, due))


def expire_day(venue: Venue) -> None:
    """All but GTC and GTD orders end with the day."""
    due = [o for o in all_orders(venue) if o.time_in_force not in LASTING]
    for order in due:
        venue.end(order, EventKind.EXPIRED, Reason.END_OF_DAY)
    phases.settle_all(venue, books_of(venue, due))


def meet_deadlines(venue: Venue) -> None:
    """Sessions nobody has spoken up for in time."""
    due = sorted(
        (deadline, session, reason, flags)
        for (session, reason), (deadline, flags, _) in venue.deadlines.items()
        if deadline <= venue.now
    )
    for _, session, reason, flags in due:
        del venue.deadlines[session, reason]
        kind = int(CommandKind.MASS_CANCEL)
        orders = wanted(venue, MassCommand(kind, session=session, flags=flags))
        cancel(venue, orders, reason)
        phases.settle_all(venue, books_of(venue, orders))
