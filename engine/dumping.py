"""Books and orders as plain Python values, in the one canonical order that the state
hash is made of. Compiled.
"""

import cython
from cython.cimports.libc.stdint import int32_t, int64_t, uint64_t


def dump_order(order):
    """Everything of an order that a later command could depend on."""
    return (
        order.order_id,
        order.session,
        order.source,
        order.flags,
        order.side,
        order.ord_type,
        order.time_in_force,
        order.exec_inst,
        order.stp,
        order.triggered,
        order.price,
        order.qty,
        order.leaves,
        order.cum,
        cython.cast(int64_t, order.notional >> 64),
        cython.cast(uint64_t, order.notional),
        order.shown,
        order.display_qty,
        order.stop_price,
        order.min_qty,
        order.peg_offset,
        order.expire_time,
        order.priority,
        order.content,
        order.cl_ord_id[:36],
        order.account[:24],
        order.stp_id[:12],
    )


def dump_instrument(orders, terms):
    """An instrument: its terms, its state, and everything that is open in it."""
    return (
        terms.symbol[:24],
        terms.currency[:8],
        dump_terms(terms),
        (
            terms.phase,
            terms.then,
            terms.phase_reason,
            terms.until,
            terms.last_price,
            terms.anchor_price,
            terms.trailed_price,
            terms.auction_due,
            terms.auction_price,
            terms.auction_volume,
            terms.auction_imbalance,
        ),
        dump_levels(orders, cython.address(terms.bids)),
        dump_levels(orders, cython.address(terms.asks)),
        dump_stops(orders, cython.address(terms.buy_stops)),
        dump_stops(orders, cython.address(terms.sell_stops)),
        dump_queue(orders, terms.parked.oldest if terms.parked.count else -1),
    )


def dump_terms(terms):
    """The terms of an instrument, in the order of their record."""
    return (
        terms.tick,
        terms.lot,
        terms.reference_price,
        terms.price_min,
        terms.price_max,
        terms.qty_max,
        terms.notional_max,
        terms.qty_min,
        terms.static_band,
        terms.dynamic_band,
        terms.volatility_ns,
        terms.maker_fee,
        terms.taker_fee,
        terms.auction_fee,
    )


def dump_levels(orders, side):
    """The levels of a side, best first: (price, quantity, shown, displayed orders,
    hidden orders). The price of market orders is 0."""
    place: int32_t
    slot: int32_t
    levels = []
    for place in range(side.count - 1, -1, -1):
        level = cython.address(side.levels[place])
        slot = level.oldest if level.oldest >= 0 else level.hidden_oldest
        levels.append(
            (
                orders[slot].price,
                level.qty,
                level.shown,
                dump_queue(orders, level.oldest),
                dump_queue(orders, level.hidden_oldest),
            )
        )
    return levels


def dump_stops(orders, side):
    """The stops of a side, the next to trigger first: (stop price, orders)."""
    place: int32_t
    levels = []
    for place in range(side.count - 1, -1, -1):
        level = cython.address(side.levels[place])
        levels.append(
            (orders[level.oldest].stop_price, dump_queue(orders, level.oldest))
        )
    return levels


def dump_queue(orders, slot):
    """The orders of a queue from the one in ``slot`` on; -1 = none."""
    queue = []
    while slot >= 0:
        queue.append(dump_order(cython.address(orders[slot])))
        slot = orders[slot].newer
    return queue


def wide(value):
    """A 128-bit number as Python's, which Cython does not convert by itself."""
    high: object = cython.cast(int64_t, value >> 64)
    low: object = cython.cast(uint64_t, value)
    return (high << 64) + low
