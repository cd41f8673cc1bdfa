"""Is this a buffer of commands? What a gateway or operator never sends is refused as a
whole, before anything changes. Compiled.

What an order or a request may say wrong is no matter of this: it gets its reason.
"""

import cython
from cython.cimports.engine.checks import ORDER_QTY_MAX, PRICE_CEILING
from cython.cimports.engine.commandchecks import FEE_RATE_MAX, VOLATILITY_NS_MAX
from cython.cimports.engine.records import (
    COMMAND_BYTES,
    COMMAND_CANCEL,
    COMMAND_DEFINE_INSTRUMENT,
    COMMAND_END_OF_DAY,
    COMMAND_MASS_CANCEL,
    COMMAND_MASS_STATUS,
    COMMAND_NEW_ORDER,
    COMMAND_ORDER_STATUS,
    COMMAND_REPLACE,
    COMMAND_SET_BLOCKED,
    COMMAND_SET_DEADLINE,
    COMMAND_SET_LIMITS,
    COMMAND_SET_PHASE,
    COMMAND_TICK,
    COMMAND_TRADE_CANCEL,
    COMMAND_TRADE_CORRECT,
    PHASE_CONTINUOUS,
    PHASE_POST_ONLY,
    REASON_DEAD_MAN,
    REASON_DISCONNECTED,
    REASON_LOGGED_OUT,
    REASON_MARKET_CLOSED,
    SCOPE_ACCOUNT,
    SCOPE_SESSION,
    SIDE_BUY,
    SIDE_SELL,
    WHY_TIME,
    BlockCommand,
    DeadlineCommand,
    InstrumentCommand,
    LimitsCommand,
    MassCommand,
    PhaseCommand,
    TradeCommand,
)
from cython.cimports.libc.stdint import uint8_t


def check_commands(commands) -> None:
    """Raise ValueError unless the buffer holds whole records of known kinds that make
    sense: phases, scopes, sides and reasons that exist, terms and limits within the
    engine's own."""
    view: cython.const[cython.uchar][::1] = commands
    i: cython.Py_ssize_t
    kind: uint8_t
    size: cython.Py_ssize_t = len(view)
    if size % COMMAND_BYTES:
        raise ValueError(f"{size} bytes are no whole number of commands")
    for i in range(0, size, COMMAND_BYTES):
        kind = view[i]
        if kind in (COMMAND_NEW_ORDER, COMMAND_CANCEL, COMMAND_REPLACE):
            continue
        fault = fault_of(cython.address(view[i]))
        if fault is not None:
            raise ValueError(f"command {i // COMMAND_BYTES}: {fault}")


@cython.cfunc
def fault_of(record: cython.pointer(cython.const[cython.uchar])) -> object:
    """What is wrong with a record, or None."""
    kind: uint8_t = record[0]
    if kind in (COMMAND_ORDER_STATUS, COMMAND_TICK, COMMAND_END_OF_DAY):
        return None
    if kind in (COMMAND_MASS_CANCEL, COMMAND_MASS_STATUS):
        return mass_fault(
            cython.cast(cython.pointer(cython.const[MassCommand]), record)
        )
    if kind == COMMAND_DEFINE_INSTRUMENT:
        return instrument_fault(
            cython.cast(cython.pointer(cython.const[InstrumentCommand]), record)
        )
    if kind == COMMAND_SET_PHASE:
        return phase_fault(
            cython.cast(cython.pointer(cython.const[PhaseCommand]), record)
        )
    if kind == COMMAND_SET_LIMITS:
        return limits_fault(
            cython.cast(cython.pointer(cython.const[LimitsCommand]), record)
        )
    if kind == COMMAND_SET_BLOCKED:
        blocks = cython.cast(cython.pointer(cython.const[BlockCommand]), record)
        if blocks.blocked > 1:
            return "a block is 0 or 1"
        return owner_fault(blocks.scope, blocks.session, blocks.account[0])
    if kind == COMMAND_SET_DEADLINE:
        return deadline_fault(
            cython.cast(cython.pointer(cython.const[DeadlineCommand]), record)
        )
    if kind in (COMMAND_TRADE_CANCEL, COMMAND_TRADE_CORRECT):
        return trade_fault(
            cython.cast(cython.pointer(cython.const[TradeCommand]), record)
        )
    return f"unknown kind {kind}"


@cython.cfunc
def mass_fault(command: cython.pointer(cython.const[MassCommand])) -> object:
    """MASS_CANCEL and MASS_STATUS."""
    if command.reason > REASON_MARKET_CLOSED:
        return f"no reason {command.reason}"
    return None


@cython.cfunc
def instrument_fault(
    command: cython.pointer(cython.const[InstrumentCommand]),
) -> object:
    """DEFINE_INSTRUMENT."""
    if (
        command.symbol[0] == 0
        or not 0 < command.tick <= PRICE_CEILING
        or not 0 < command.lot <= ORDER_QTY_MAX
    ):
        return "an instrument needs a symbol, a positive tick and lot"
    if (
        not 0 <= command.reference_price <= PRICE_CEILING
        or command.price_min < 0
        or command.price_max > PRICE_CEILING
        or command.qty_max > ORDER_QTY_MAX
        or command.qty_min < 0
        or command.notional_max < 0
    ):
        return "the terms of an instrument must be within the engine's own limits"
    if command.static_band < 0 or command.dynamic_band < 0:
        return "a band is not below 0"
    if not 0 <= command.volatility_ns <= VOLATILITY_NS_MAX:
        return "a volatility auction lasts at most a day"
    if not (
        -FEE_RATE_MAX <= command.maker_fee <= FEE_RATE_MAX
        and -FEE_RATE_MAX <= command.taker_fee <= FEE_RATE_MAX
        and -FEE_RATE_MAX <= command.auction_fee <= FEE_RATE_MAX
    ):
        return "a fee is not more than the value"
    return None


@cython.cfunc
def phase_fault(command: cython.pointer(cython.const[PhaseCommand])) -> object:
    """SET_PHASE."""
    if not PHASE_CONTINUOUS <= command.phase <= PHASE_POST_ONLY:
        return f"no phase {command.phase}"
    if command.reason > WHY_TIME:
        return f"no reason {command.reason} of a phase"
    if command.until < 0:
        return "a phase does not end before all time"
    if command.until == 0 and command.then != 0:
        return "a phase that does not end has none after it"
    if command.until != 0 and not PHASE_CONTINUOUS <= command.then <= PHASE_POST_ONLY:
        return f"no phase {command.then} to follow"
    return None


@cython.cfunc
def limits_fault(command: cython.pointer(cython.const[LimitsCommand])) -> object:
    """SET_LIMITS."""
    if (
        command.order_qty_max < 0
        or command.notional_max < 0
        or command.open_orders_max < 0
        or command.rate_max < 0
        or command.position_max < 0
    ):
        return "a limit is not below 0"
    if command.rate_max > 1_000_000_000:
        return "a message rate is at most one a nanosecond"
    return owner_fault(command.scope, command.session, command.account[0])


@cython.cfunc
def owner_fault(scope: uint8_t, session: object, account: uint8_t) -> object:
    """Whom limits and blocks are for."""
    if scope == SCOPE_SESSION:
        return None if session else "a session is not 0"
    if scope == SCOPE_ACCOUNT:
        return None if account else "an account has a name"
    return f"no scope {scope}"


@cython.cfunc
def deadline_fault(command: cython.pointer(cython.const[DeadlineCommand])) -> object:
    """SET_DEADLINE."""
    if (
        command.reason != REASON_DISCONNECTED
        and command.reason != REASON_LOGGED_OUT
        and command.reason != REASON_DEAD_MAN
    ):
        return f"no deadline for reason {command.reason}"
    if command.session == 0 or command.deadline < 0:
        return "a deadline is of a session, and not before all time"
    return None


@cython.cfunc
def trade_fault(command: cython.pointer(cython.const[TradeCommand])) -> object:
    """TRADE_CANCEL and TRADE_CORRECT."""
    if command.side != SIDE_BUY and command.side != SIDE_SELL:
        return f"no side {command.side}"
    if not 0 < command.last_qty <= ORDER_QTY_MAX:
        return "a fill has a quantity"
    if not 0 < command.last_price <= 2 * PRICE_CEILING:
        return "a fill has a price"
    if (
        command.price < 0
        or command.qty < 0
        or command.cum_qty < 0
        or (command.avg_price < 0)
    ):
        return "nothing of an order is below 0"
    if command.kind == COMMAND_TRADE_CANCEL and command.new_price != 0:
        return "a trade that is cancelled has no new price"
    if command.kind == COMMAND_TRADE_CORRECT and not (
        0 < command.new_price <= 2 * PRICE_CEILING
    ):
        return "a corrected trade has a price"
    return None
