"""What sessions and accounts may do, asked of new orders and replaces."""

from __future__ import annotations

from collections.abc import Iterator

from engine.codes import Reason, Scope, Side
from engine.records import UNIT
from tests.reference.book import Book
from tests.reference.checks import Faults
from tests.reference.venue import Limits, Owner, Venue, of_account, of_session

SECOND = 1_000_000_000


def owners(session: int, account: str) -> list[Owner]:
    """Whose limits count: the session's first."""
    return [of_session(session), *([of_account(account)] if account else [])]


def _set(venue: Venue, session: int, account: str) -> Iterator[tuple[Owner, Limits]]:
    for owner in owners(session, account):
        if owner in venue.limits:
            yield owner, venue.limits[owner]


def may_speak(venue: Venue, session: int, account: str) -> Faults:
    """Blocks, then message rates. Asking a rate counts the message."""
    for _, limits in _set(venue, session, account):
        yield limits.blocked, Reason.BLOCKED
    for _, limits in _set(venue, session, account):
        yield not _in_time(limits, venue.now), Reason.LIMIT_RATE


def _in_time(limits: Limits, now: int) -> bool:
    if not limits.rate_max:
        return True
    interval = SECOND // limits.rate_max
    tat = max(limits.tat, now)
    if tat - now > SECOND - interval:
        return False
    limits.tat = tat + interval
    return True


def new_order(
    venue: Venue,
    book: Book,
    session: int,
    account: str,
    *,
    side: int,
    qty: int,
    price: int,
) -> Faults:
    """``price`` is what its value is reckoned by, 0 = there is none."""
    for owner, limits in _set(venue, session, account):
        yield from _size(limits, qty, price)
        most = limits.open_orders_max
        too_many = most and venue.open_orders(owner) + 1 > most
        yield too_many, Reason.LIMIT_OPEN_ORDERS
        over = _over_position(venue, book, owner, side, qty)
        yield over, Reason.LIMIT_POSITION


def replace(
    venue: Venue,
    book: Book,
    session: int,
    account: str,
    *,
    side: int,
    qty: int,
    price: int,
    more: int,
) -> Faults:
    """``more`` is by how much LeavesQty(151) rises."""
    for owner, limits in _set(venue, session, account):
        yield from _size(limits, qty, price)
        over = more > 0 and _over_position(venue, book, owner, side, more)
        yield over, Reason.LIMIT_POSITION


def _size(limits: Limits, qty: int, price: int) -> Faults:
    most = limits.order_qty_max
    yield most and qty > most, Reason.LIMIT_ORDER_QTY
    most = limits.notional_max
    yield most and price * qty > most * UNIT, Reason.LIMIT_NOTIONAL


def _over_position(venue: Venue, book: Book, owner: Owner, side: int, qty: int) -> bool:
    """Whether an account would hold too much if all its orders of a side filled."""
    scope, _, account = owner
    most = venue.limits[owner].position_max
    if scope != Scope.ACCOUNT or not most:
        return False
    position = venue.positions.get((account, book.terms.symbol), 0)
    is_open = sum(
        order.leaves
        for order in book.orders()
        if order.account == account and order.side == side
    )
    if side == Side.BUY:
        return position + is_open + qty > most
    return -(position - is_open - qty) > most
