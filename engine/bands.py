"""Price bands: how far a price may be from the last auction and the last trade.
Compiled.

A band is a fraction of 1e8. Its distance is that fraction of the price it is around,
rounded down; the two prices at that distance are still inside.
"""

import cython
from cython.cimports.engine.book import int128
from cython.cimports.libc.stdint import int64_t

BAND_UNIT = cython.declare(int64_t, 100_000_000)
INT64_MAX = cython.declare(int64_t, 0x7FFFFFFFFFFFFFFF)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def _outside(price: int64_t, around: int64_t, band: int64_t) -> cython.bint:
    distance: int128 = cython.cast(int128, around) * band / BAND_UNIT
    away: int128 = cython.cast(int128, price) - around
    return away > distance or -away > distance


def outside_static(terms, price):
    """Whether a limit price may not be, because of the anchor price."""
    if terms.static_band == 0 or terms.anchor_price == 0:
        return False
    return _outside(price, terms.anchor_price, terms.static_band)


def outside_dynamic(terms, price):
    """Whether no trade may be at this price, because of the last one, or of the anchor
    price while there has been none."""
    around: int64_t = terms.last_price if terms.last_price else terms.anchor_price
    if terms.dynamic_band == 0 or around == 0:
        return False
    return _outside(price, around, terms.dynamic_band)


def static_range(terms, low, high):
    """The lowest and the highest price inside the static band."""
    low[0] = 0
    high[0] = INT64_MAX
    if terms.static_band == 0 or terms.anchor_price == 0:
        return
    distance: int128 = (
        cython.cast(int128, terms.anchor_price) * terms.static_band / BAND_UNIT
    )
    if distance < terms.anchor_price:
        low[0] = terms.anchor_price - cython.cast(int64_t, distance)
    if distance < INT64_MAX - terms.anchor_price:
        high[0] = terms.anchor_price + cython.cast(int64_t, distance)
