"""Single fields of a FIX message, written into memory. Compiled, for other compiled
modules only.

Each function writes ``tag``, which ends in ``=``, a value and SOH, and gives the place
behind them. The caller has seen to the room.
"""

import cython
from cython.cimports.engine.decimals import format_decimal
from cython.cimports.fixgw.wire.building import write_number, write_timestamp
from cython.cimports.libc.stdint import int64_t, uint64_t
from cython.cimports.libc.string import memcpy, strlen


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def tagged(
    out: cython.pointer(cython.uchar), tag: cython.p_const_char
) -> cython.pointer(cython.uchar):
    size: cython.size_t = strlen(tag)
    memcpy(out, tag, size)
    return out + size


def text(out, tag, value, most):
    """A text of at most ``most`` bytes, padded with NUL; nothing when it is empty."""
    size: cython.int = 0
    while size < most and value[size] != 0:
        size += 1
    if size == 0:
        return out
    out = tagged(out, tag)
    memcpy(out, value, size)
    out[size] = 1
    return out + size + 1


def character(out, tag, value):
    """One character; nothing for 0."""
    if value == 0:
        return out
    out = tagged(out, tag)
    out[0] = cython.cast(cython.uchar, value)
    out[1] = 1
    return out + 2


def amount(out, tag, value):
    """A decimal, of units of 1e-8."""
    out = tagged(out, tag)
    out += format_decimal(value, out)
    out[0] = 1
    return out + 1


def number(out, tag, value):
    """A whole number."""
    out = tagged(out, tag)
    out += write_number(cython.cast(int64_t, value), out)
    out[0] = 1
    return out + 1


def identifier(out, tag, value):
    """``shard-number`` of an OrderID, ExecID or TradeID."""
    out = tagged(out, tag)
    out += write_number(cython.cast(int64_t, value >> 48), out)
    out[0] = 0x2D
    out += 1
    out += write_number(
        cython.cast(int64_t, value & cython.cast(uint64_t, 0xFFFFFFFFFFFF)), out
    )
    out[0] = 1
    return out + 1


def timestamp(out, tag, value, digits):
    """Nanoseconds since the epoch to 0, 3, 6 or 9 digits of a second."""
    out = tagged(out, tag)
    out += write_timestamp(value, digits, out)
    out[0] = 1
    return out + 1
