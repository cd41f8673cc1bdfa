"""What a fill costs. Compiled.

The value is price x quantity in whole units of 1e-8, rounded down; the fee is the rate
of it, of 1e8, rounded half up, so that a rebate of half a unit is none. A rate is at
most 1e8 either way, which keeps the product within 128 bits.
"""

import cython
from cython.cimports.engine.book import int128
from cython.cimports.libc.stdint import int64_t

RATE_UNIT = cython.declare(int64_t, 100_000_000)
INT64_MAX = cython.declare(int64_t, 0x7FFFFFFFFFFFFFFF)


def fee_of(price, qty, rate):
    """The fee of a fill in units of 1e-8 of the currency, below 0 a rebate; what does
    not fit an int64 is the nearest that does."""
    value: int128 = cython.cast(int128, price) * qty / RATE_UNIT
    scaled: int128 = value * rate + RATE_UNIT / 2
    fee: int128 = scaled / RATE_UNIT
    if scaled < 0 and fee * RATE_UNIT != scaled:
        fee -= 1  # C rounds to zero, a fee down
    if fee > INT64_MAX:
        return INT64_MAX
    if fee < -cython.cast(int128, INT64_MAX) - 1:
        return -INT64_MAX - 1
    return cython.cast(int64_t, fee)
