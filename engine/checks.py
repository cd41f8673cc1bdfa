"""May this order be? Each check gives a reason, or NONE. Compiled.

Sections 3, 4 and 10 of ``spec/matching.md``, in their order.
"""

import cython
from cython.cimports.engine.bands import outside_static
from cython.cimports.engine.book import Instrument, Order, int128
from cython.cimports.engine.checks import (
    ICEBERG_PARTS_MAX,
    OPEN_QTY_MAX,
    PRICE_CEILING,
    Asked,
)
from cython.cimports.engine.combinations import (
    goes_together,
    is_lasting,
    is_plain,
    is_time,
    is_type,
)
from cython.cimports.engine.phasetable import phase_reason_new
from cython.cimports.engine.records import (
    EXEC_PEG_MIDPOINT,
    EXEC_TRAILING,
    FLAG_QTY_IS_LEAVES,
    ORD_TYPE_LIMIT,
    ORD_TYPE_PEGGED,
    ORD_TYPE_STOP,
    ORD_TYPE_STOP_LIMIT,
    PHASE_CONTINUOUS,
    REASON_DISPLAY_QTY_INVALID,
    REASON_EXEC_INST_CHANGED,
    REASON_EXPIRE_TIME_INVALID,
    REASON_MIN_QTY_INVALID,
    REASON_NO_REFERENCE_PRICE,
    REASON_NONE,
    REASON_NOTIONAL_ABOVE_MAX,
    REASON_ORD_TYPE_CHANGED,
    REASON_PEG_OFFSET_INVALID,
    REASON_PRICE_ABOVE_MAX,
    REASON_PRICE_BELOW_MIN,
    REASON_PRICE_NOT_POSITIVE,
    REASON_PRICE_OFF_TICK,
    REASON_PRICE_OUTSIDE_BAND,
    REASON_QTY_ABOVE_MAX,
    REASON_QTY_BELOW_MIN,
    REASON_QTY_NOT_POSITIVE,
    REASON_QTY_OFF_LOT,
    REASON_SIDE_CHANGED,
    REASON_STOP_PRICE_INVALID,
    REASON_SYMBOL_MISMATCH,
    REASON_UNSUPPORTED_COMBINATION,
    REASON_UNSUPPORTED_ORD_TYPE,
    REASON_UNSUPPORTED_SIDE,
    REASON_UNSUPPORTED_TIME_IN_FORCE,
    SIDE_BUY,
    SIDE_SELL,
    TIF_GTD,
    OrderCommand,
)
from cython.cimports.libc.stdint import int64_t, uint16_t
from cython.cimports.libc.string import memcmp, memset


def check_new(command, terms, now, asked):
    reason: uint16_t
    if command.side != SIDE_BUY and command.side != SIDE_SELL:
        return REASON_UNSUPPORTED_SIDE
    memset(asked, 0, cython.sizeof(Asked))
    asked.side = command.side
    asked.ord_type = command.ord_type
    asked.time_in_force = command.time_in_force
    asked.qty = command.qty
    if is_plain(command) and terms.phase == PHASE_CONTINUOUS:
        if command.ord_type == ORD_TYPE_LIMIT:
            asked.price = command.price
        reason = check_qty(command.qty, terms)
        if reason == REASON_NONE and command.ord_type == ORD_TYPE_LIMIT:
            reason = check_price(command.price, command.qty, terms)
        return reason
    if not is_type(command.ord_type):
        return REASON_UNSUPPORTED_ORD_TYPE
    if not is_time(command.time_in_force):
        return REASON_UNSUPPORTED_TIME_IN_FORCE
    reason = phase_reason_new(
        terms.phase,
        command.ord_type,
        command.time_in_force,
        command.exec_inst,
        command.min_qty,
    )
    if reason == REASON_NONE and not goes_together(command):
        reason = REASON_UNSUPPORTED_COMBINATION
    if reason == REASON_NONE:
        reason = check_qty(command.qty, terms)
    if reason != REASON_NONE:
        return reason
    asked.exec_inst = command.exec_inst
    asked.display_qty = command.display_qty
    asked.min_qty = command.min_qty
    if not is_display_qty(command.display_qty, command.qty, terms):
        return REASON_DISPLAY_QTY_INVALID
    if not is_part(command.min_qty, command.qty, terms):
        return REASON_MIN_QTY_INVALID
    reason = take_price(command, terms, command.qty, asked)
    if reason == REASON_NONE:
        reason = take_stop(command, terms, asked)
    if reason == REASON_NONE and command.time_in_force == TIF_GTD:
        asked.expire_time = command.expire_time
        if command.expire_time <= now:
            reason = REASON_EXPIRE_TIME_INVALID
    return reason


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def check_qty(
    qty: int64_t, terms: cython.pointer(cython.const[Instrument])
) -> uint16_t:
    """3.7"""
    if qty <= 0:
        return REASON_QTY_NOT_POSITIVE
    if qty % terms.lot:
        return REASON_QTY_OFF_LOT
    if qty < terms.qty_min:
        return REASON_QTY_BELOW_MIN
    if qty > terms.qty_max:
        return REASON_QTY_ABOVE_MAX
    return REASON_NONE


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def is_part(
    part: int64_t, qty: int64_t, terms: cython.pointer(cython.const[Instrument])
) -> cython.bint:
    """3.8: whether it may be a part of the quantity, 0 = none."""
    return 0 <= part <= qty and part % terms.lot == 0


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def is_display_qty(
    display_qty: int64_t,
    qty: int64_t,
    terms: cython.pointer(cython.const[Instrument]),
) -> cython.bint:
    """3.8: whether an iceberg may display that much, 0 = it is none. Each part is a
    trade: the number of them bounds what one command can give."""
    return is_part(display_qty, qty, terms) and (
        display_qty == 0 or cython.cast(int128, display_qty) * ICEBERG_PARTS_MAX >= qty
    )


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def check_price(
    price: int64_t, qty: int64_t, terms: cython.pointer(cython.const[Instrument])
) -> uint16_t:
    """3.9"""
    if price <= 0:
        return REASON_PRICE_NOT_POSITIVE
    if price % terms.tick:
        return REASON_PRICE_OFF_TICK
    if price < terms.price_min:
        return REASON_PRICE_BELOW_MIN
    if price > terms.price_max:
        return REASON_PRICE_ABOVE_MAX
    if terms.static_band and outside_static(terms, price):
        return REASON_PRICE_OUTSIDE_BAND
    if terms.notional_max and cython.cast(int128, price) * qty > (
        cython.cast(int128, terms.notional_max) * 100_000_000
    ):
        return REASON_NOTIONAL_ABOVE_MAX
    return REASON_NONE


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def take_price(
    command: cython.pointer(cython.const[OrderCommand]),
    terms: cython.pointer(cython.const[Instrument]),
    qty: int64_t,
    asked: cython.pointer(Asked),
) -> uint16_t:
    """3.9 for the type that is asked for."""
    if asked.ord_type == ORD_TYPE_PEGGED:
        asked.price = 0
        asked.stop_price = command.price
        if command.price == 0:
            return REASON_NONE
        return check_price(command.price, qty, terms)
    if asked.ord_type != ORD_TYPE_LIMIT and asked.ord_type != ORD_TYPE_STOP_LIMIT:
        asked.price = 0
        return REASON_NONE
    asked.price = command.price
    return check_price(command.price, qty, terms)


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def take_stop(
    command: cython.pointer(cython.const[OrderCommand]),
    terms: cython.pointer(cython.const[Instrument]),
    asked: cython.pointer(Asked),
) -> uint16_t:
    """3.10 of a new order: the stop price, then the offset, on which a trailing stop
    without a stop price depends."""
    start: int128
    reason: uint16_t = REASON_NONE
    trailing: cython.bint = (asked.exec_inst & EXEC_TRAILING) != 0
    if asked.ord_type == ORD_TYPE_STOP or asked.ord_type == ORD_TYPE_STOP_LIMIT:
        asked.stop_price = command.stop_price
        if trailing:
            asked.peg_offset = command.peg_offset
            reason = check_offset(command.peg_offset, terms, asked)
        if trailing and command.stop_price == 0:
            if reason != REASON_NONE:
                return reason
            if terms.last_price == 0:
                return REASON_NO_REFERENCE_PRICE
            start = terms.last_price
            if asked.side == SIDE_BUY:
                start += command.peg_offset
            else:
                start -= command.peg_offset
            if start <= 0:
                return REASON_STOP_PRICE_INVALID
            asked.stop_price = cython.cast(int64_t, start)
        elif not is_stop_price(command.stop_price, terms):
            return REASON_STOP_PRICE_INVALID
    elif asked.ord_type == ORD_TYPE_PEGGED:
        asked.peg_offset = command.peg_offset
        reason = check_offset(command.peg_offset, terms, asked)
    return reason


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def is_stop_price(
    price: int64_t, terms: cython.pointer(cython.const[Instrument])
) -> cython.bint:
    """3.10: whether it may be one."""
    return (
        price > 0
        and price % terms.tick == 0
        and terms.price_min <= price <= terms.price_max
    )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def check_offset(
    offset: int64_t,
    terms: cython.pointer(cython.const[Instrument]),
    asked: cython.pointer(cython.const[Asked]),
) -> uint16_t:
    """3.10: the distance of a trailing stop or the offset of a peg."""
    if offset < -PRICE_CEILING or offset > PRICE_CEILING or offset % terms.tick:
        return REASON_PEG_OFFSET_INVALID
    if asked.exec_inst & EXEC_TRAILING:
        return REASON_NONE if offset > 0 else REASON_PEG_OFFSET_INVALID
    if asked.exec_inst & EXEC_PEG_MIDPOINT:
        return REASON_NONE if offset == 0 else REASON_PEG_OFFSET_INVALID
    if asked.side == SIDE_BUY:
        return REASON_NONE if offset <= 0 else REASON_PEG_OFFSET_INVALID
    return REASON_NONE if offset >= 0 else REASON_PEG_OFFSET_INVALID


def check_same_order(command, order, terms):
    """A cancel or replace may repeat what the order is, but not contradict it."""
    if command.symbol[0] != 0 and memcmp(command.symbol, terms.symbol, 24) != 0:
        return REASON_SYMBOL_MISMATCH
    if command.side != 0 and command.side != order.side:
        return REASON_SIDE_CHANGED
    if command.ord_type != 0 and command.ord_type != order.ord_type:
        return REASON_ORD_TYPE_CHANGED
    return REASON_NONE


def check_replace(command, order, terms, now, leaves, asked):
    reason: uint16_t = REASON_NONE
    asked.side = order.side
    asked.ord_type = order.ord_type
    asked.exec_inst = order.exec_inst
    asked.time_in_force = order.time_in_force
    asked.qty = order.cum + leaves
    asked.price = order.price
    asked.stop_price = order.stop_price
    asked.display_qty = order.display_qty
    asked.min_qty = order.min_qty
    asked.peg_offset = order.peg_offset
    asked.expire_time = 0
    if (command.exec_inst != 0 and command.exec_inst != order.exec_inst) or (
        command.stp != 0 and command.stp != order.stp
    ):
        return REASON_EXEC_INST_CHANGED
    if command.time_in_force != 0 and command.time_in_force != order.time_in_force:
        if not (is_lasting(command.time_in_force) and is_lasting(order.time_in_force)):
            return REASON_UNSUPPORTED_TIME_IN_FORCE
        asked.time_in_force = command.time_in_force
    if not (command.flags & FLAG_QTY_IS_LEAVES and command.qty == 0):
        reason = check_qty(command.qty, terms)
        if reason == REASON_NONE:
            reason = change_display_qty(command, order, terms, asked)
        if reason == REASON_NONE:
            reason = take_price(command, terms, command.qty, asked)
    if reason == REASON_NONE:
        reason = change_stop(command, order, terms, asked)
    if reason == REASON_NONE and asked.time_in_force == TIF_GTD:
        asked.expire_time = command.expire_time
        if command.expire_time == 0 and order.time_in_force == TIF_GTD:
            asked.expire_time = order.expire_time
        elif command.expire_time <= now:
            reason = REASON_EXPIRE_TIME_INVALID
    return reason


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def change_display_qty(
    command: cython.pointer(cython.const[OrderCommand]),
    order: cython.pointer(cython.const[Order]),
    terms: cython.pointer(cython.const[Instrument]),
    asked: cython.pointer(Asked),
) -> uint16_t:
    """3.8 of a replace: 0 keeps what it was, and an iceberg stays one."""
    parts: int128 = order.display_qty
    if command.display_qty != 0:
        asked.display_qty = command.display_qty
        parts = command.display_qty
        if order.display_qty == 0 or not is_part(
            command.display_qty, command.qty, terms
        ):
            return REASON_DISPLAY_QTY_INVALID
    if parts != 0 and parts * ICEBERG_PARTS_MAX < command.qty:
        return REASON_DISPLAY_QTY_INVALID
    return REASON_NONE


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def change_stop(
    command: cython.pointer(cython.const[OrderCommand]),
    order: cython.pointer(cython.const[Order]),
    terms: cython.pointer(cython.const[Instrument]),
    asked: cython.pointer(Asked),
) -> uint16_t:
    """3.10 of a replace: what is 0 stays as it was."""
    is_stop: cython.bint = (
        asked.ord_type == ORD_TYPE_STOP or asked.ord_type == ORD_TYPE_STOP_LIMIT
    ) and not order.triggered
    if is_stop and command.stop_price != 0:
        asked.stop_price = command.stop_price
        if not is_stop_price(command.stop_price, terms):
            return REASON_STOP_PRICE_INVALID
    if command.peg_offset != 0 and (
        (is_stop and asked.exec_inst & EXEC_TRAILING)
        or asked.ord_type == ORD_TYPE_PEGGED
    ):
        asked.peg_offset = command.peg_offset
        return check_offset(command.peg_offset, terms, asked)
    return REASON_NONE


def fits_side(terms, side, qty):
    open_qty: int64_t
    if side == SIDE_BUY:
        open_qty = terms.bids.open_qty + terms.buy_stops.open_qty + terms.parked_buy_qty
    else:
        open_qty = (
            terms.asks.open_qty + terms.sell_stops.open_qty + terms.parked_sell_qty
        )
    return qty <= OPEN_QTY_MAX - open_qty
