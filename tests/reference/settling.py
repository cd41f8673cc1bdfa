"""After the trades: trailing stops follow, stops trigger, pegs move, till all rests."""

from __future__ import annotations

from engine.codes import EventKind, OrdType, Phase, Reason, Side
from tests.reference.book import Book, by_priority
from tests.reference.entering import enter
from tests.reference.orders import PARKED, PEG_PRIMARY, STOPS, TRAILING, Order
from tests.reference.venue import Venue


def settle(venue: Venue, book: Book) -> None:
    """Stops early when the dynamic band was hit."""
    while book.phase == Phase.CONTINUOUS and not book.band_hit:
        trail(venue, book)
        stop = next_stop(book)
        if stop:
            trigger(venue, book, stop)
        elif not repeg(venue, book):
            return


def trail(venue: Venue, book: Book) -> None:
    """The stop prices of trailing stops follow the last price, one way only."""
    if book.last_price == book.trailed_price:
        return
    book.trailed_price = book.last_price
    waiting = [
        order for order in (*book.buy_stops, *book.sell_stops) if order.has(TRAILING)
    ]
    for order in sorted(waiting, key=by_priority):
        if order.side == Side.SELL:
            wanted = max(order.stop_price, book.last_price - order.peg_offset)
        else:
            wanted = min(order.stop_price, book.last_price + order.peg_offset)
        if wanted != order.stop_price and wanted > 0:
            book.lift(order)
            order.stop_price = wanted
            venue.move(order, STOPS, Reason.TRAILED)


def next_stop(book: Book) -> Order | None:
    """Of those whose condition holds, the one that triggers now."""
    last = book.last_price
    buys = [order for order in book.buy_stops if 0 < last >= order.stop_price]
    sells = [order for order in book.sell_stops if 0 < last <= order.stop_price]
    return min([*buys[:1], *sells[:1]], key=by_priority, default=None)


def trigger(venue: Venue, book: Book, order: Order) -> None:
    book.lift(order)
    venue.to_the_end(order)
    order.triggered = 1
    order.display_next()
    venue.events.tell(EventKind.TRIGGERED, order)
    enter(venue, order, None)


def repeg(venue: Venue, book: Book) -> bool:
    """Each peg to the price it should have; True when one of them did something."""
    pegs = [order for order in book.orders() if order.ord_type == OrdType.PEGGED]
    for order in sorted(pegs, key=by_priority):
        price = peg_price(book, order)
        if not order.leaves or price == order.price:
            continue
        book.lift(order)
        order.price = price
        if not price:
            venue.move(order, PARKED, Reason.PARKED)
            continue
        venue.to_the_end(order)
        venue.events.tell(EventKind.RESTATED, order, reason=Reason.REPEGGED)
        before = venue.events.event_seq
        enter(venue, order, None)
        if book.band_hit or venue.events.event_seq != before:
            return True
    return False


def peg_price(book: Book, order: Order) -> int:
    """The price a pegged order should have now, 0 for none."""
    bid, ask = _best(book.bids), _best(book.asks)
    buy, tick = order.side == Side.BUY, book.terms.tick
    if order.has(PEG_PRIMARY):
        base = bid if buy else ask
        price = base + order.peg_offset if base else 0
    elif bid and ask:
        down = (bid + ask) // (2 * tick) * tick
        price = down if buy or 2 * down == bid + ask else down + tick
    else:
        price = 0
    limit = order.stop_price
    if price and limit:
        price = min(price, limit) if buy else max(price, limit)
    return max(price, 0)


def _best(orders: list[Order]) -> int:
    """The best price that somebody displays who is not pegged."""
    for order in orders:
        if not order.hidden and order.ord_type != OrdType.PEGGED:
            return order.price
    return 0
