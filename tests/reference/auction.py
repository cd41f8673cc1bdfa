"""The one price at which most would trade, and trading at it."""

from __future__ import annotations

from typing import NamedTuple

from engine.codes import EventKind, OrdType, Reason, Side
from engine.records import AuctionEvent
from tests.reference.book import AUCTIONS, Book, by_priority
from tests.reference.checks import FOR_AUCTIONS
from tests.reference.entering import auction_trade
from tests.reference.orders import ALL_OR_NONE, Order
from tests.reference.venue import Venue

INDICATIVE_NS = 1_000_000_000
"""At most one indicative price in this time."""


class Outcome(NamedTuple):
    """Of an auction: ``surplus`` is above 0 where buyers are left over."""

    price: int
    volume: int
    surplus: int


NOTHING = Outcome(0, 0, 0)


def taking_part(orders: list[Order]) -> list[Order]:
    """An auction might fill ALL_OR_NONE orders in part: it leaves them alone."""
    return [order for order in orders if not order.has(ALL_OR_NONE)]


def outcome_at(book: Book, price: int) -> Outcome:
    bids, asks = taking_part(book.bids), taking_part(book.asks)
    demand = sum(o.leaves for o in bids if o.price >= price or not o.price)
    supply = sum(o.leaves for o in asks if o.price <= price or not o.price)
    return Outcome(price, min(demand, supply), demand - supply)


def outcome_of(book: Book) -> Outcome:
    """What would trade now."""
    reference = book.last_price or book.anchor_price
    prices = {order.price for order in taking_part([*book.bids, *book.asks])} - {0}
    if reference and reference % book.terms.tick == 0:
        prices.add(reference)
    outcomes = [
        outcome_at(book, price) for price in prices if not book.outside_static(price)
    ]
    most = max((outcome.volume for outcome in outcomes), default=0)
    if not most:
        return NOTHING
    best = [outcome for outcome in outcomes if outcome.volume == most]
    least = min(abs(outcome.surplus) for outcome in best)
    best = [outcome for outcome in best if abs(outcome.surplus) == least]
    if all(outcome.surplus > 0 for outcome in best):
        return max(best)
    if all(outcome.surplus < 0 for outcome in best) or not reference:
        return min(best)
    return min(best, key=lambda one: (abs(one.price - reference), -one.price))


def uncross(venue: Venue, book: Book) -> None:
    """Trade at the price, then remove what was only for the auction."""
    outcome = outcome_of(book)
    left = outcome.volume
    while left:
        buy, sell = taking_part(book.bids)[0], taking_part(book.asks)[0]
        qty = min(buy.leaves, sell.leaves, left)
        auction_trade(venue, buy, sell, outcome.price, qty)
        left -= qty
    if outcome.volume:
        book.anchor_price = outcome.price
    if outcome.volume or book.auction_due:
        _publish(venue, book, outcome, uncrossed=1)
    for order in sorted((*book.bids, *book.asks), key=by_priority):
        if order.ord_type == OrdType.MARKET:
            venue.end(order, EventKind.CANCELLED, Reason.UNFILLED_REMAINDER)
        elif order.time_in_force in FOR_AUCTIONS:
            venue.end(order, EventKind.EXPIRED, Reason.AUCTION_ENDED)
    book.auction_price = book.auction_volume = book.auction_imbalance = 0
    book.auction_due = 0


def has_news(book: Book) -> bool:
    """Whether something else would trade than was last published."""
    published = (book.auction_price, book.auction_volume, book.auction_imbalance)
    return book.phase in AUCTIONS and outcome_of(book) != published


def indicate(venue: Venue, book: Book) -> None:
    """Publish what would trade, unless something was published just now."""
    if book.auction_due <= venue.now and has_news(book):
        outcome = outcome_of(book)
        _publish(venue, book, outcome, uncrossed=0)
        book.auction_price = outcome.price
        book.auction_volume = outcome.volume
        book.auction_imbalance = outcome.surplus
        book.auction_due = venue.now + INDICATIVE_NS


def _publish(venue: Venue, book: Book, outcome: Outcome, *, uncrossed: int) -> None:
    side = Side.BUY if outcome.surplus > 0 else Side.SELL
    venue.events.emit(
        AuctionEvent,
        EventKind.AUCTION,
        phase=book.phase,
        uncrossed=uncrossed,
        imbalance_side=int(side) if outcome.surplus else 0,
        price=outcome.price,
        volume=outcome.volume,
        imbalance_qty=abs(outcome.surplus),
        symbol=book.terms.symbol,
    )
