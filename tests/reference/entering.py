"""How an order trades: what it finds, with whom, when it stops, what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.codes import (
    EventKind,
    Liquidity,
    OrdType,
    Reason,
    SelfTrade,
    TimeInForce,
)
from tests.reference.book import Book
from tests.reference.orders import ALL_OR_NONE, BOOK, Order, fee, same_owner
from tests.reference.venue import Venue

IMMEDIATE = (TimeInForce.IOC, TimeInForce.FOK)
RESTING = (OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.PEGGED)


def enter(venue: Venue, order: Order, command: Any) -> None:
    """An order that is nowhere trades as far as it can, then rests or ends.

    Leaves ``band_hit`` of its book set when a volatility auction must follow.
    """
    book = venue.book_of(order)
    order.display_next()
    refusal = _look(venue, book, order)
    if refusal:
        venue.end(order, EventKind.CANCELLED, refusal, command)
        return
    if order.has(ALL_OR_NONE) and obtainable(book, order) < order.leaves:
        venue.put(order, BOOK)
        return
    hit, last_price = False, 0
    while order.leaves:
        maker = book.next_maker(order)
        if maker is None:
            break
        if order.stp and same_owner(order, maker):
            prevent(venue, order, maker, command)
            continue
        hit = book.outside_dynamic(maker.price, book.last_price)
        if hit:
            break
        last_price = maker.price
        trade(venue, maker, order)
    if order.leaves:
        _rest(venue, order, command, hit, last_price)


def _look(venue: Venue, book: Book, order: Order) -> Reason | None:
    """Why an order that wants much at once does not even begin."""
    if order.time_in_force == TimeInForce.FOK:
        if obtainable(book, order) < order.leaves:
            return Reason.FOK_NOT_FILLED
    elif order.min_qty and obtainable(book, order) < order.min_qty:
        return Reason.MIN_QTY_NOT_MET
    return None


@dataclass
class _Offer:
    """A maker in the look-ahead."""

    maker: Order
    part: int
    rest: int


def obtainable(book: Book, order: Order) -> int:
    """What the order could trade now: the trading in thought, icebergs and all."""
    offers = [
        _Offer(maker, maker.open_part, maker.leaves - maker.open_part)
        for maker in book.other(order.side)
    ]
    wanted, last_price = order.leaves, book.last_price
    while wanted and offers:
        offer = offers.pop(0)
        maker = offer.maker
        if not book.reaches(order, maker.price):
            break
        if maker.has(ALL_OR_NONE) and maker.leaves > wanted:
            continue
        if order.stp and same_owner(order, maker):
            if order.stp == SelfTrade.CANCEL_OLDEST:
                continue
            break
        if book.outside_dynamic(maker.price, last_price):
            break
        last_price = maker.price
        wanted -= min(wanted, offer.part)
        if offer.rest:
            part = min(maker.display_qty, offer.rest)
            again = _Offer(maker, part, offer.rest - part)
            behind = [
                other.maker.price == maker.price and not other.maker.hidden
                for other in offers
            ]
            offers.insert(behind.count(True), again)
    return order.leaves - wanted


def trade(venue: Venue, maker: Order, taker: Order) -> None:
    """One trade at the maker's price."""
    book = venue.book_of(taker)
    price, qty = maker.price, min(maker.open_part, taker.leaves)
    terms = book.terms
    count_trade(book, price, qty)
    trade_id = venue.events.id(venue.events.event_seq + 1)
    venue.fill(maker, price, qty)
    maker.part -= qty
    if not maker.leaves:
        book.lift(maker)
    elif maker.display_qty and not maker.part:
        refill(venue, maker)
    _tell_fill(venue, maker, taker, trade_id, price, qty, Liquidity.ADDED, terms)
    venue.fill(taker, price, qty)
    taker.display_next()
    _tell_fill(venue, taker, maker, trade_id, price, qty, Liquidity.REMOVED, terms)
    for order in (maker, taker):
        if not order.leaves:
            venue.bury(order)


def count_trade(book: Book, price: int, qty: int) -> None:
    book.last_price = price
    book.trades += 1
    book.traded_qty += qty


def refill(venue: Venue, maker: Order) -> None:
    """An iceberg displays its next part, behind all others of its price."""
    venue.book_of(maker).lift(maker)
    venue.to_the_end(maker)
    venue.put(maker, BOOK)


def _tell_fill(
    venue: Venue,
    order: Order,
    contra: Order,
    trade_id: int,
    price: int,
    qty: int,
    liquidity: Liquidity,
    terms: Any,
) -> None:
    rates = {
        Liquidity.ADDED: terms.maker_fee,
        Liquidity.REMOVED: terms.taker_fee,
        Liquidity.AUCTION: terms.auction_fee,
    }
    venue.events.tell(
        EventKind.FILLED,
        order,
        liquidity=liquidity,
        contra_order_id=contra.order_id,
        trade_id=trade_id,
        last_price=price,
        last_qty=qty,
        fee=fee(price, qty, rates[liquidity]),
    )


def auction_trade(venue: Venue, buy: Order, sell: Order, price: int, qty: int) -> None:
    """One trade of an uncross. Icebergs trade whole and keep their place."""
    book = venue.book_of(buy)
    count_trade(book, price, qty)
    trade_id = venue.events.id(venue.events.event_seq + 1)
    for order, contra in ((buy, sell), (sell, buy)):
        venue.fill(order, price, qty)
        order.display_next()
        if not order.leaves:
            book.lift(order)
        _tell_fill(
            *(venue, order, contra, trade_id, price, qty, Liquidity.AUCTION),
            book.terms,
        )
    for order in (buy, sell):
        if not order.leaves:
            venue.bury(order)


def prevent(venue: Venue, taker: Order, maker: Order, command: Any) -> None:
    """Two orders of one owner meet."""
    mode = taker.stp
    if mode == SelfTrade.DECREMENT:
        qty = min(maker.leaves, taker.leaves)
        _decrement(venue, maker, qty, None)
        _decrement(venue, taker, qty, command)
        return
    if mode in (SelfTrade.CANCEL_OLDEST, SelfTrade.CANCEL_BOTH):
        venue.end(maker, EventKind.CANCELLED, Reason.SELF_TRADE)
    if mode in (SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_BOTH):
        venue.end(taker, EventKind.CANCELLED, Reason.SELF_TRADE, command)


def _decrement(venue: Venue, order: Order, qty: int, command: Any) -> None:
    if order.leaves == qty:
        venue.end(order, EventKind.CANCELLED, Reason.SELF_TRADE, command)
        return
    order.leaves -= qty
    order.qty -= qty
    if order.place != BOOK:
        order.display_next()
    elif order.display_qty:
        order.part -= min(order.part, qty)
        if not order.part:
            refill(venue, order)
    venue.events.tell(EventKind.RESTATED, order, reason=Reason.SELF_TRADE, last_qty=qty)


def _rest(venue: Venue, order: Order, command: Any, hit: bool, last_price: int) -> None:
    """What is left when nothing more trades, ``hit``: because of the band."""
    book = venue.book_of(order)
    pauses = hit and book.terms.volatility_ns != 0
    immediate = order.time_in_force in IMMEDIATE
    turns = order.ord_type == OrdType.MARKET_TO_LIMIT and last_price != 0
    may_rest = (order.ord_type in RESTING or turns) and not immediate
    book.band_hit = book.band_hit or pauses
    if hit and not (pauses and may_rest):
        venue.end(order, EventKind.CANCELLED, Reason.BAND_HIT, command)
        return
    if not may_rest:
        venue.end(order, EventKind.CANCELLED, Reason.UNFILLED_REMAINDER, command)
        return
    if turns:
        order.ord_type = int(OrdType.LIMIT)
        order.price = last_price
        venue.events.tell(EventKind.RESTATED, order, reason=Reason.MARKET_TO_LIMIT)
    venue.put(order, BOOK)


def would_trade(book: Book, order: Order) -> bool:
    """Whether it would trade at once, the owner's own orders and any band aside."""
    return book.next_maker(order) is not None
