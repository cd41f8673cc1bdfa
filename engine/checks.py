"""May this order be? Each check gives a reason, or NONE. Compiled."""

import cython
from cython.cimports.engine.book import BookSide, Instrument, int128
from cython.cimports.engine.checks import (
    OPEN_QTY_MAX,
    ORDER_QTY_MAX,
    PRICE_CEILING,
)
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_CANCEL,
    COMMAND_DEFINE_INSTRUMENT,
    COMMAND_END_OF_DAY,
    COMMAND_NEW_ORDER,
    COMMAND_REPLACE,
    COMMAND_SET_INSTRUMENT_STATUS,
    FLAG_QTY_IS_LEAVES,
    INSTRUMENT_HALTED,
    INSTRUMENT_TRADING,
    ORD_TYPE_LIMIT,
    ORD_TYPE_MARKET,
    REASON_NONE,
    REASON_NOTIONAL_ABOVE_MAX,
    REASON_OPEN_QTY_ABOVE_MAX,
    REASON_ORD_TYPE_CHANGED,
    REASON_PRICE_ABOVE_MAX,
    REASON_PRICE_BELOW_MIN,
    REASON_PRICE_NOT_POSITIVE,
    REASON_PRICE_OFF_TICK,
    REASON_QTY_ABOVE_MAX,
    REASON_QTY_NOT_POSITIVE,
    REASON_QTY_OFF_LOT,
    REASON_SIDE_CHANGED,
    REASON_SYMBOL_MISMATCH,
    REASON_TRADING_HALTED,
    REASON_UNKNOWN_SYMBOL,
    REASON_UNSUPPORTED_ORD_TYPE,
    REASON_UNSUPPORTED_SIDE,
    REASON_UNSUPPORTED_TIME_IN_FORCE,
    SIDE_BUY,
    SIDE_SELL,
    TIF_DAY,
    TIF_GTC,
    TIF_IOC,
    InstrumentCommand,
    OrderCommand,
    StatusCommand,
)
from cython.cimports.libc.stdint import uint8_t, uint16_t
from cython.cimports.libc.string import memcmp


def check_new(command, terms):
    """A new order; ``terms`` is NULL for an unknown symbol."""
    reason: uint16_t
    side: cython.pointer(BookSide)
    if terms == cython.NULL:
        return REASON_UNKNOWN_SYMBOL
    if terms.status == INSTRUMENT_HALTED:
        return REASON_TRADING_HALTED
    if command.side != SIDE_BUY and command.side != SIDE_SELL:
        return REASON_UNSUPPORTED_SIDE
    if command.ord_type != ORD_TYPE_LIMIT and command.ord_type != ORD_TYPE_MARKET:
        return REASON_UNSUPPORTED_ORD_TYPE
    if (
        command.time_in_force != TIF_DAY
        and command.time_in_force != TIF_GTC
        and command.time_in_force != TIF_IOC
    ):
        return REASON_UNSUPPORTED_TIME_IN_FORCE
    reason = check_terms(command, terms, command.ord_type)
    if reason != REASON_NONE:
        return reason
    side = cython.address(terms.bids)
    if command.side == SIDE_SELL:
        side = cython.address(terms.asks)
    if command.qty > OPEN_QTY_MAX - side.open_qty:
        return REASON_OPEN_QTY_ABOVE_MAX
    return REASON_NONE


def check_same_order(command, order, terms):
    """A cancel or replace may repeat what the order is, but not contradict it."""
    if command.symbol[0] != 0 and memcmp(command.symbol, terms.symbol, 24) != 0:
        return REASON_SYMBOL_MISMATCH
    if command.side != 0 and command.side != order.side:
        return REASON_SIDE_CHANGED
    if command.ord_type != 0 and command.ord_type != order.ord_type:
        return REASON_ORD_TYPE_CHANGED
    return REASON_NONE


def check_replace(command, order, terms, side, leaves):
    """A replace that is to leave ``leaves`` open."""
    reason: uint16_t = REASON_NONE
    if terms.status == INSTRUMENT_HALTED:
        return REASON_TRADING_HALTED
    if not (command.flags & FLAG_QTY_IS_LEAVES and command.qty == 0):
        reason = check_terms(command, terms, order.ord_type)
    if reason != REASON_NONE:
        return reason
    if (
        command.time_in_force != 0
        and command.time_in_force != TIF_DAY
        and command.time_in_force != TIF_GTC
    ):
        return REASON_UNSUPPORTED_TIME_IN_FORCE
    if leaves > OPEN_QTY_MAX - (side.open_qty - order.leaves):
        return REASON_OPEN_QTY_ABOVE_MAX
    if leaves > ORDER_QTY_MAX - order.cum:
        return REASON_OPEN_QTY_ABOVE_MAX
    return REASON_NONE


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def check_terms(
    command: cython.pointer(cython.const[OrderCommand]),
    terms: cython.pointer(cython.const[Instrument]),
    ord_type: uint8_t,
) -> uint16_t:
    """Quantity and price against the terms of the instrument."""
    if command.qty <= 0:
        return REASON_QTY_NOT_POSITIVE
    if command.qty % terms.lot:
        return REASON_QTY_OFF_LOT
    if command.qty > terms.qty_max:
        return REASON_QTY_ABOVE_MAX
    if ord_type == ORD_TYPE_MARKET:
        return REASON_NONE
    if command.price <= 0:
        return REASON_PRICE_NOT_POSITIVE
    if command.price % terms.tick:
        return REASON_PRICE_OFF_TICK
    if command.price < terms.price_min:
        return REASON_PRICE_BELOW_MIN
    if command.price > terms.price_max:
        return REASON_PRICE_ABOVE_MAX
    if terms.notional_max and cython.cast(int128, command.price) * command.qty > (
        cython.cast(int128, terms.notional_max) * 100_000_000
    ):
        return REASON_NOTIONAL_ABOVE_MAX
    return REASON_NONE


def check_commands(commands) -> None:
    """Raise ValueError unless the buffer holds whole records of known kinds."""
    view: cython.const[cython.uchar][::1] = commands
    i: cython.Py_ssize_t
    kind: uint8_t
    size: cython.Py_ssize_t = len(view)
    if size % COMMAND_BYTES:
        raise ValueError(f"{size} bytes are no whole number of commands")
    for i in range(0, size, COMMAND_BYTES):
        kind = view[i]
        if (
            kind != COMMAND_NEW_ORDER
            and kind != COMMAND_CANCEL
            and kind != COMMAND_REPLACE
            and kind != COMMAND_DEFINE_INSTRUMENT
            and kind != COMMAND_END_OF_DAY
            and kind != COMMAND_SET_INSTRUMENT_STATUS
        ):
            raise ValueError(f"command {i // COMMAND_BYTES} has unknown kind {kind}")
        if kind == COMMAND_DEFINE_INSTRUMENT:
            terms = cython.cast(
                cython.pointer(cython.const[InstrumentCommand]),
                cython.address(view[i]),
            )
            if (
                terms.symbol[0] == 0
                or terms.tick <= 0
                or terms.lot <= 0
                or terms.notional_max < 0
                or terms.price_max > PRICE_CEILING
                or terms.qty_max > ORDER_QTY_MAX
            ):
                raise ValueError(
                    f"command {i // COMMAND_BYTES}: an instrument needs a symbol, a "
                    "positive tick and lot, and limits within the engine's own"
                )
        if kind == COMMAND_SET_INSTRUMENT_STATUS:
            wanted = cython.cast(
                cython.pointer(cython.const[StatusCommand]), cython.address(view[i])
            )
            if wanted.symbol[0] == 0 or (
                wanted.status != INSTRUMENT_TRADING
                and wanted.status != INSTRUMENT_HALTED
            ):
                raise ValueError(
                    f"command {i // COMMAND_BYTES}: a status needs a symbol, and is "
                    "trading or halted"
                )
