"""Trading phases: how an instrument goes from one to the next, and by itself."""

from __future__ import annotations

from engine.codes import EventKind, OrdType, Phase, PhaseReason, Reason, TimeInForce
from engine.records import PhaseEvent
from tests.reference import auction, settling
from tests.reference.book import AUCTIONS, Book, by_priority
from tests.reference.orders import BOOK, PARKED, Order
from tests.reference.venue import Venue

UNCROSSING = (Phase.CONTINUOUS, Phase.POST_ONLY, Phase.POST_CLOSE)


def set_phase(
    venue: Venue, book: Book, phase: int, then: int, until: int, reason: int
) -> None:
    venue.touch(book)
    if phase in UNCROSSING or (phase == Phase.CLOSED and book.phase in AUCTIONS):
        auction.uncross(venue, book)
    book.phase, book.then, book.until = phase, then, until
    book.phase_reason = reason
    venue.events.emit(
        PhaseEvent,
        EventKind.PHASE,
        phase=phase,
        reason=reason,
        then=then,
        until=until,
        reference_price=book.anchor_price,
        last_price=book.last_price,
        symbol=book.terms.symbol,
    )
    if phase != Phase.CONTINUOUS:
        pegs = [o for o in (*book.bids, *book.asks) if o.ord_type == OrdType.PEGGED]
        for order in sorted(pegs, key=by_priority):
            book.lift(order)
            order.price = 0
            venue.move(order, PARKED, Reason.PARKED)
    for order in list(book.parked):
        if auction_is_on(phase, order):
            venue.move(order, BOOK, Reason.ACTIVATED)
    settle(venue, book)


def auction_is_on(phase: int, order: Order) -> bool:
    """Whether an order that is for an auction is for this one."""
    if order.time_in_force == TimeInForce.GOOD_FOR_AUCTION:
        return phase in AUCTIONS
    if order.time_in_force == TimeInForce.AT_THE_CLOSE:
        return phase == Phase.CLOSING_AUCTION
    return False


def settle(venue: Venue, book: Book) -> None:
    """After a change: stops and pegs, and a volatility auction if the band was hit."""
    venue.touch(book)
    settling.settle(venue, book)
    if book.band_hit:
        book.band_hit = False
        until = venue.now + book.terms.volatility_ns
        set_phase(
            *(venue, book, int(Phase.VOLATILITY_AUCTION), int(Phase.CONTINUOUS)),
            *(until, int(PhaseReason.BAND)),
        )


def settle_all(venue: Venue, books: list[Book]) -> None:
    for book in venue.in_order(books):
        settle(venue, book)


def end_by_time(venue: Venue) -> None:
    """Phases whose time is over."""
    for book in list(venue.books.values()):
        if not 0 < book.until <= venue.now:
            continue
        phase, then, until = book.then, 0, 0
        if book.phase == Phase.HALTED and phase == Phase.VOLATILITY_AUCTION:
            if book.terms.volatility_ns:
                then = int(Phase.CONTINUOUS)
                until = venue.now + book.terms.volatility_ns
            else:
                phase = int(Phase.CONTINUOUS)
        set_phase(venue, book, phase, then, until, int(PhaseReason.TIME))
