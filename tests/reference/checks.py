"""May this order be? Section 3, 4 and 10 of ``spec/matching.md`` as plain questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.codes import ExecInst, OrdType, Phase, Reason, SelfTrade, Side, TimeInForce
from engine.records import PRICE_MAX, QTY_MAX, UNIT, OrderCommand
from tests.reference.book import CALLS, Book
from tests.reference.orders import (
    ALL_OR_NONE,
    HIDDEN,
    PEG_MIDPOINT,
    PEG_PRIMARY,
    PEGS,
    POST_ONLY,
    STOP_TYPES,
    TRAILING,
    Order,
)

OPEN_QTY_MAX = 9_200_000_000_000_000_000
"""What one side of one instrument may hold in all."""

ICEBERG_PARTS_MAX = 1_000

DAYS = (TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD)
FOR_AUCTIONS = (
    TimeInForce.AT_THE_OPENING,
    TimeInForce.AT_THE_CLOSE,
    TimeInForce.GOOD_FOR_AUCTION,
)
ALL_BITS = sum(ExecInst)

Faults = Iterator[tuple[Any, Reason]]
"""Whether something is wrong, and what that is called; the first that is counts."""


def first(faults: Faults) -> Reason:
    return next((reason for wrong, reason in faults if wrong), Reason.NONE)


# -- what may be asked at all ----------------------------------------------------------


def known_codes(command: OrderCommand) -> Faults:
    yield command.side not in list(Side), Reason.UNSUPPORTED_SIDE
    yield command.ord_type not in list(OrdType), Reason.UNSUPPORTED_ORD_TYPE
    yield (
        command.time_in_force not in list(TimeInForce),
        Reason.UNSUPPORTED_TIME_IN_FORCE,
    )


def closed(phase: int) -> Reason:
    """Why a phase takes neither new orders nor replaces."""
    return {
        Phase.HALTED: Reason.TRADING_HALTED,
        Phase.CLOSED: Reason.MARKET_CLOSED,
        Phase.POST_CLOSE: Reason.MARKET_CLOSED,
        Phase.CANCEL_ONLY: Reason.NOT_IN_THIS_PHASE,
    }.get(Phase(phase), Reason.NONE)


def fits_phase(phase: int, command: OrderCommand) -> bool:
    kind, tif = command.ord_type, command.time_in_force
    special = command.exec_inst & ALL_OR_NONE or command.min_qty
    if phase == Phase.CONTINUOUS:
        return tif != TimeInForce.AT_THE_OPENING
    if phase == Phase.POST_ONLY:
        return kind == OrdType.LIMIT and tif in DAYS and not special
    assert phase in CALLS
    opening = phase in (Phase.PRE_OPEN, Phase.OPENING_AUCTION)
    return (
        kind in (OrdType.LIMIT, OrdType.MARKET, *STOP_TYPES)
        and tif not in (TimeInForce.IOC, TimeInForce.FOK)
        and (opening or tif != TimeInForce.AT_THE_OPENING)
        and not special
        and not command.exec_inst & POST_ONLY
    )


def goes_together(command: OrderCommand) -> bool:
    """The table of section 4."""
    bits, kind, tif = command.exec_inst, command.ord_type, command.time_in_force
    display, minimum = command.display_qty != 0, command.min_qty != 0
    post_only, all_or_none = bits & POST_ONLY, bits & ALL_OR_NONE
    hidden, pegs = bits & HIDDEN, bits & PEGS
    limit, lasts = kind == OrdType.LIMIT, tif in DAYS
    if bits & ~ALL_BITS or command.stp not in list(SelfTrade):
        return False
    if post_only and not (limit and lasts and not all_or_none and not minimum):
        return False
    if all_or_none and not (
        limit and lasts and not display and not minimum and not hidden
    ):
        return False
    if hidden and not (
        (limit or kind == OrdType.STOP_LIMIT or pegs == PEG_PRIMARY)
        and lasts
        and not display
    ):
        return False
    if display and not ((limit or kind == OrdType.STOP_LIMIT) and lasts):
        return False
    if minimum and not (
        kind in (OrdType.LIMIT, OrdType.MARKET, OrdType.MARKET_TO_LIMIT)
        and tif != TimeInForce.FOK
        and tif not in FOR_AUCTIONS
    ):
        return False
    if kind == OrdType.PEGGED:
        if not (lasts and bits in _PEGGED_BITS):
            return False
    elif pegs:
        return False
    if bits & TRAILING and kind not in STOP_TYPES:
        return False
    if kind in STOP_TYPES and not lasts:
        return False
    if kind in (OrdType.MARKET, OrdType.MARKET_TO_LIMIT) and bits:
        return False
    if kind == OrdType.MARKET_TO_LIMIT and not (lasts or tif == TimeInForce.IOC):
        return False
    return not (tif in FOR_AUCTIONS and not (kind in _IN_AUCTIONS and not bits))


_PEGGED_BITS = (
    PEG_PRIMARY,
    PEG_MIDPOINT,
    PEG_PRIMARY | HIDDEN,
)
_IN_AUCTIONS = (OrdType.LIMIT, OrdType.MARKET)


# -- the numbers -----------------------------------------------------------------------


def quantity(book: Book, qty: int) -> Faults:
    terms = book.terms
    yield qty <= 0, Reason.QTY_NOT_POSITIVE
    yield qty % terms.lot, Reason.QTY_OFF_LOT
    yield qty < terms.qty_min, Reason.QTY_BELOW_MIN
    yield qty > terms.qty_max, Reason.QTY_ABOVE_MAX


def too_many_parts(display_qty: int, qty: int) -> bool:
    """An iceberg of very many parts would let one order give very many trades."""
    return 0 < display_qty * ICEBERG_PARTS_MAX < qty


def part_of(book: Book, part: int, qty: int) -> bool:
    """Whether a quantity may be that of a part of an order."""
    return 0 <= part <= qty and part % book.terms.lot == 0


def limit_price(book: Book, price: int, qty: int) -> Faults:
    terms = book.terms
    yield price <= 0, Reason.PRICE_NOT_POSITIVE
    yield price % terms.tick, Reason.PRICE_OFF_TICK
    yield price < terms.price_min, Reason.PRICE_BELOW_MIN
    yield price > terms.price_max, Reason.PRICE_ABOVE_MAX
    yield book.outside_static(price), Reason.PRICE_OUTSIDE_BAND
    yield (
        terms.notional_max and price * qty > terms.notional_max * UNIT,
        Reason.NOTIONAL_ABOVE_MAX,
    )


def has_limit(ord_type: int, price: int) -> bool:
    """Whether Price(44) means something."""
    if ord_type == OrdType.PEGGED:
        return price != 0
    return ord_type in (OrdType.LIMIT, OrdType.STOP_LIMIT)


def stop_price(book: Book, price: int) -> bool:
    terms = book.terms
    return (
        price > 0
        and price % terms.tick == 0
        and terms.price_min <= price <= terms.price_max
    )


def peg_offset(book: Book, order: Order | OrderCommand, offset: int) -> bool:
    """A peg's offset or a trailing stop's distance."""
    if abs(offset) > PRICE_MAX or offset % book.terms.tick:
        return False
    if order.ord_type == OrdType.PEGGED:
        if order.exec_inst & PEG_MIDPOINT:
            return offset == 0
        return offset <= 0 if order.side == Side.BUY else offset >= 0
    return offset > 0


# -- a new order -----------------------------------------------------------------------


def trailing_start(book: Book, command: OrderCommand) -> int:
    """Where a trailing stop begins that does not say."""
    if command.side == Side.SELL:
        return book.last_price - command.peg_offset
    return book.last_price + command.peg_offset


def new_order(book: Book, command: OrderCommand) -> Faults:
    """All that is asked before the owner's limits."""
    kind, qty = command.ord_type, command.qty
    trailing = command.exec_inst & TRAILING
    yield from known_codes(command)
    yield closed(book.phase), closed(book.phase)
    yield not fits_phase(book.phase, command), Reason.NOT_IN_THIS_PHASE
    yield not goes_together(command), Reason.UNSUPPORTED_COMBINATION
    yield from quantity(book, qty)
    yield not part_of(book, command.display_qty, qty), Reason.DISPLAY_QTY_INVALID
    yield too_many_parts(command.display_qty, qty), Reason.DISPLAY_QTY_INVALID
    yield not part_of(book, command.min_qty, qty), Reason.MIN_QTY_INVALID
    if has_limit(kind, command.price):
        yield from limit_price(book, command.price, qty)
    moves = trailing or kind == OrdType.PEGGED
    good_offset = not moves or peg_offset(book, command, command.peg_offset)
    if trailing and not command.stop_price:
        yield not good_offset, Reason.PEG_OFFSET_INVALID
        yield not book.last_price, Reason.NO_REFERENCE_PRICE
        start = trailing_start(book, command)
        yield start <= 0, Reason.STOP_PRICE_INVALID
    elif kind in STOP_TYPES:
        yield not stop_price(book, command.stop_price), Reason.STOP_PRICE_INVALID
    yield not good_offset, Reason.PEG_OFFSET_INVALID


def open_qty(book: Book, side: int) -> int:
    """All of a side, whether it is in the book or waits."""
    queues = [book.own(side), book.buy_stops if side == Side.BUY else book.sell_stops]
    queues.append([order for order in book.parked if order.side == side])
    return sum(order.leaves for queue in queues for order in queue)


# -- a replace -------------------------------------------------------------------------


def same_order(command: OrderCommand, order: Order) -> Faults:
    """A cancel or replace may repeat what the order is, but not contradict it."""
    symbol, kind = command.symbol, command.ord_type
    yield symbol and symbol != order.symbol, Reason.SYMBOL_MISMATCH
    yield command.side and command.side != order.side, Reason.SIDE_CHANGED
    yield kind and kind != order.ord_type, Reason.ORD_TYPE_CHANGED


def same_instructions(command: OrderCommand, order: Order) -> Faults:
    for asked, is_now in (
        (command.exec_inst, order.exec_inst),
        (command.stp, order.stp),
    ):
        yield asked and asked != is_now, Reason.EXEC_INST_CHANGED
    asked, is_now = command.time_in_force, order.time_in_force
    may_change = asked in DAYS and is_now in DAYS
    yield (
        asked and asked != is_now and not may_change,
        Reason.UNSUPPORTED_TIME_IN_FORCE,
    )


def replaced_numbers(
    book: Book, command: OrderCommand, order: Order, nothing: bool
) -> Faults:
    """``nothing``: no quantity shall be left."""
    qty, display = command.qty, command.display_qty
    if not nothing:
        yield from quantity(book, qty)
        bad_part = display and (
            not order.display_qty or not part_of(book, display, qty)
        )
        yield bad_part, Reason.DISPLAY_QTY_INVALID
        parts_of = display or order.display_qty
        yield too_many_parts(parts_of, qty), Reason.DISPLAY_QTY_INVALID
        if has_limit(order.ord_type, command.price):
            yield from limit_price(book, command.price, qty)
    if order.waits and command.stop_price:
        yield not stop_price(book, command.stop_price), Reason.STOP_PRICE_INVALID
    moves = order.ord_type == OrdType.PEGGED or (order.waits and order.has(TRAILING))
    if moves and command.peg_offset:
        bad_offset = not peg_offset(book, order, command.peg_offset)
        yield bad_offset, Reason.PEG_OFFSET_INVALID


def replaced_sums(book: Book, order: Order, leaves: int) -> Faults:
    others = open_qty(book, order.side) - order.leaves
    yield others + leaves > OPEN_QTY_MAX, Reason.OPEN_QTY_ABOVE_MAX
    yield order.cum + leaves > QTY_MAX, Reason.OPEN_QTY_ABOVE_MAX
