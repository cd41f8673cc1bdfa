"""The one price at which most of what an auction collected trades. Compiled.

The price (``spec/matching.md``, section 6.1) is found in one walk over the prices
where something can trade, from the lowest up: demand falls with each bid that is
passed, supply grows with each ask that is reached. Of all prices with the largest
volume and, of those, the smallest surplus only the lowest, the highest and the one
nearest to the reference are kept; the tie rules choose among these three. A walk takes
a few nanoseconds for each level, however many orders are in it.

ALL_OR_NONE orders take no part: an auction would fill them in part.
"""

import cython
from cython.cimports.engine.bands import static_range
from cython.cimports.engine.book import Instrument, Level, Order
from cython.cimports.engine.records import EXEC_ALL_OR_NONE
from cython.cimports.libc.stdint import int32_t, int64_t
from cython.cimports.libc.string import memset

INT64_MAX = cython.declare(int64_t, 0x7FFFFFFFFFFFFFFF)


def reference_of(terms):
    """The price ties are broken by, 0 = there is none."""
    return terms.last_price if terms.last_price else terms.anchor_price


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def part_of(
    orders: cython.pointer(cython.const[Order]),
    terms: cython.pointer(cython.const[Instrument]),
    level: cython.pointer(cython.const[Level]),
) -> int64_t:
    """How much of a level takes part in an auction."""
    qty: int64_t = level.qty
    if terms.whole != 0:
        slot: int32_t = level.hidden_oldest
        while slot >= 0:
            if orders[slot].exec_inst & EXEC_ALL_OR_NONE:
                qty -= orders[slot].leaves
            slot = orders[slot].newer
    return qty


def find_price(orders, terms, found):
    """What would trade: all 0 if nothing."""
    bids = cython.address(terms.bids)
    asks = cython.address(terms.asks)
    reference: int64_t = reference_of(terms)
    low: int64_t
    high: int64_t
    best: Best
    memset(found, 0, cython.sizeof(Indication))
    memset(cython.address(best), 0, cython.sizeof(Best))
    if bids.count == 0 or asks.count == 0:
        return
    static_range(terms, cython.address(low), cython.address(high))
    # Below the lowest ask and above the highest bid nothing trades, but for market
    # orders: then every price is of interest.
    low = max(low, max(-asks.levels[asks.count - 1].key, 1))
    high = min(high, min(bids.levels[bids.count - 1].key, INT64_MAX - 1))
    if low > high:
        return
    bid: int32_t = bids.count
    ask: int32_t = asks.count - 1
    demand: int64_t = 0
    supply: int64_t = 0
    ahead: int64_t = 0
    if low <= reference <= high and reference % terms.tick == 0:
        ahead = reference
    while bid > 0 and bids.levels[bid - 1].key >= low:
        bid -= 1
        demand += part_of(orders, terms, cython.address(bids.levels[bid]))
    while ask >= 0 and -asks.levels[ask].key < low:
        supply += part_of(orders, terms, cython.address(asks.levels[ask]))
        ask -= 1
    while True:
        while bid < bids.count and (
            part_of(orders, terms, cython.address(bids.levels[bid])) == 0
        ):
            bid += 1
        while ask >= 0 and (
            part_of(orders, terms, cython.address(asks.levels[ask])) == 0
        ):
            ask -= 1
        price: int64_t = ahead if ahead else INT64_MAX
        if bid < bids.count:
            price = min(price, bids.levels[bid].key)
        if ask >= 0:
            price = min(price, -asks.levels[ask].key)
        if price > high:
            break
        if ask >= 0 and -asks.levels[ask].key == price:
            supply += part_of(orders, terms, cython.address(asks.levels[ask]))
            ask -= 1
        weigh(cython.address(best), price, demand, supply, reference)
        if bid < bids.count and bids.levels[bid].key == price:
            demand -= part_of(orders, terms, cython.address(bids.levels[bid]))
            bid += 1
        if ahead == price:
            ahead = 0
    if best.volume != 0:
        choose(cython.address(best), found)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def weigh(
    best: cython.pointer(Best),
    price: int64_t,
    demand: int64_t,
    supply: int64_t,
    reference: int64_t,
) -> cython.void:
    """Compares a price, higher than all before, with the best so far: rules 1, 2."""
    volume: int64_t = min(demand, supply)
    surplus: int64_t = demand - supply
    size: int64_t = max(surplus, -surplus)
    away: int64_t = max(price - reference, reference - price)
    if volume < best.volume or (volume == best.volume and size > best.size):
        return
    if volume > best.volume or size < best.size:
        best.volume = volume
        best.size = size
        best.all_demand = True
        best.all_supply = True
        best.lowest = price
        best.lowest_surplus = surplus
        best.nearest = price
        best.nearest_surplus = surplus
        best.away = away
    elif reference and away <= best.away:
        best.nearest = price
        best.nearest_surplus = surplus
        best.away = away
    best.highest = price
    best.highest_surplus = surplus
    if surplus <= 0:
        best.all_demand = False
    if surplus >= 0:
        best.all_supply = False


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def choose(
    best: cython.pointer(cython.const[Best]), found: cython.pointer(Indication)
) -> cython.void:
    """Rules 3 and 4 among prices of the same volume and surplus."""
    found.volume = best.volume
    if best.all_demand:
        found.price = best.highest
        found.surplus = best.highest_surplus
    elif best.all_supply:
        found.price = best.lowest
        found.surplus = best.lowest_surplus
    else:
        found.price = best.nearest
        found.surplus = best.nearest_surplus
