"""What an order may ask for at once: section 4 of ``spec/matching.md``. Compiled."""

import cython
from cython.cimports.engine.records import (
    EXEC_ALL_OR_NONE,
    EXEC_HIDDEN,
    EXEC_PEG_MIDPOINT,
    EXEC_PEG_PRIMARY,
    EXEC_POST_ONLY,
    EXEC_TRAILING,
    ORD_TYPE_LIMIT,
    ORD_TYPE_MARKET,
    ORD_TYPE_MARKET_TO_LIMIT,
    ORD_TYPE_PEGGED,
    ORD_TYPE_STOP,
    ORD_TYPE_STOP_LIMIT,
    STP_CANCEL_NEWEST,
    STP_DECREMENT,
    STP_NONE,
    TIF_AT_THE_CLOSE,
    TIF_AT_THE_OPENING,
    TIF_DAY,
    TIF_FOK,
    TIF_GOOD_FOR_AUCTION,
    TIF_GTC,
    TIF_GTD,
    TIF_IOC,
)
from cython.cimports.libc.stdint import uint8_t, uint32_t

ANY_EXEC = cython.declare(
    uint32_t,
    EXEC_POST_ONLY
    | EXEC_ALL_OR_NONE
    | EXEC_HIDDEN
    | EXEC_PEG_PRIMARY
    | EXEC_PEG_MIDPOINT
    | EXEC_TRAILING,
)


def is_plain(command):
    """Whether it asks for nothing but a limit or market order, DAY, GTC or IOC: what
    most do, and what needs the fewest checks."""
    return (
        (command.ord_type == ORD_TYPE_LIMIT or command.ord_type == ORD_TYPE_MARKET)
        and (
            command.time_in_force == TIF_DAY
            or command.time_in_force == TIF_GTC
            or command.time_in_force == TIF_IOC
        )
        and (command.exec_inst | command.stp) == 0
        and (command.display_qty | command.min_qty) == 0
    )


def is_type(ord_type):
    """Whether it is an OrdType(40) there is."""
    return ord_type in (
        ORD_TYPE_LIMIT,
        ORD_TYPE_MARKET,
        ORD_TYPE_STOP,
        ORD_TYPE_STOP_LIMIT,
        ORD_TYPE_MARKET_TO_LIMIT,
        ORD_TYPE_PEGGED,
    )


def is_time(time_in_force):
    """Whether it is a TimeInForce(59) there is."""
    return (
        is_lasting(time_in_force)
        or time_in_force in (TIF_IOC, TIF_FOK)
        or is_for_auction(time_in_force)
    )


def is_lasting(time_in_force):
    """DAY, GTC or GTD: what a replace may change into each other."""
    return time_in_force in (TIF_DAY, TIF_GTC, TIF_GTD)


def is_for_auction(time_in_force):
    """Whether it is a TimeInForce(59) of orders for auctions only."""
    return time_in_force in (TIF_AT_THE_OPENING, TIF_AT_THE_CLOSE, TIF_GOOD_FOR_AUCTION)


def goes_together(command):
    """The table of section 4, row by row."""
    ord_type: uint8_t = command.ord_type
    inst: uint32_t = command.exec_inst
    lasting: cython.bint = is_lasting(command.time_in_force)
    iceberg: cython.bint = command.display_qty != 0
    min_qty: cython.bint = command.min_qty != 0
    limit: cython.bint = ord_type == ORD_TYPE_LIMIT
    stop: cython.bint = ord_type in (ORD_TYPE_STOP, ORD_TYPE_STOP_LIMIT)
    pegs: uint32_t = inst & (EXEC_PEG_PRIMARY | EXEC_PEG_MIDPOINT)
    if inst & ~ANY_EXEC:
        return False
    if command.stp != STP_NONE and not (
        STP_CANCEL_NEWEST <= command.stp <= STP_DECREMENT
    ):
        return False
    if inst & EXEC_POST_ONLY and (
        not limit
        or command.time_in_force == TIF_IOC
        or command.time_in_force == TIF_FOK
        or inst & EXEC_ALL_OR_NONE
        or min_qty
    ):
        return False
    if inst & EXEC_ALL_OR_NONE and (
        not limit or not lasting or iceberg or min_qty or inst & EXEC_HIDDEN
    ):
        return False
    if inst & EXEC_HIDDEN and (
        not (limit or ord_type == ORD_TYPE_STOP_LIMIT or inst & EXEC_PEG_PRIMARY)
        or not lasting
        or iceberg
    ):
        return False
    if iceberg and not ((limit or ord_type == ORD_TYPE_STOP_LIMIT) and lasting):
        return False
    if min_qty and (
        not (limit or ord_type in (ORD_TYPE_MARKET, ORD_TYPE_MARKET_TO_LIMIT))
        or command.time_in_force == TIF_FOK
        or is_for_auction(command.time_in_force)
    ):
        return False
    if ord_type == ORD_TYPE_PEGGED:
        if pegs != EXEC_PEG_PRIMARY and pegs != EXEC_PEG_MIDPOINT:
            return False
        if inst & ~(pegs | EXEC_HIDDEN) or not lasting:
            return False
        if inst & EXEC_HIDDEN and pegs == EXEC_PEG_MIDPOINT:
            return False
    elif pegs:
        return False
    if inst & EXEC_TRAILING and not stop:
        return False
    if stop and not lasting:
        return False
    if ord_type == ORD_TYPE_MARKET and inst:
        return False
    if ord_type == ORD_TYPE_MARKET_TO_LIMIT and (
        inst or not (lasting or command.time_in_force == TIF_IOC)
    ):
        return False
    if is_for_auction(command.time_in_force):
        return (limit or ord_type == ORD_TYPE_MARKET) and inst == 0
    return True
