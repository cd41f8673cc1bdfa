"""Decimal text to integer units of 1e-8 and back, exactly. Compiled.

The text is a FIX float: an optional ``-``, digits, at most one point, and at least one
digit on either side of it. Leading zeros, ``.5`` and ``5.`` are allowed; ``+``,
exponents and spaces are not. Zeros behind the eighth decimal place change nothing and
are allowed; any other digit there is an error, for nothing is ever rounded.

What is written back is the shortest form: no leading or trailing zeros, no bare point,
no negative zero.
"""

import cython
from cython.cimports.engine.decimals import (
    DECIMAL_BAD_FORMAT,
    DECIMAL_CHARS_MAX,
    DECIMAL_OK,
    DECIMAL_OUT_OF_RANGE,
    DECIMAL_PLACES,
    DECIMAL_TOO_PRECISE,
    LIMIT,
    UNIT,
    WHOLE_MAX,
)
from cython.cimports.libc.stdint import int64_t, uint64_t


def parse_decimal(text, size, out):
    """Reads ``size`` bytes into ``out``; DECIMAL_OK or what is wrong with them.

    Of several faults the lowest code is told. ``out`` is written only when all is well.
    """
    i: cython.Py_ssize_t = 0
    digit: cython.uint
    digits: cython.Py_ssize_t = 0
    places: cython.int = 0
    value: uint64_t = 0
    negative: cython.bint = False
    too_precise: cython.bint = False
    too_large: cython.bint = False
    if size > 0 and text[0] == 45:  # "-"
        negative = True
        i = 1
    while i < size:
        # A byte below "0" wraps around to a large number: one comparison is enough.
        digit = cython.cast(cython.uint, text[i]) - 48
        if digit > 9:
            break
        digits += 1
        value = value * 10 + digit
        if value > WHOLE_MAX:
            # Nothing is in range any more; stay there without wrapping around.
            too_large = True
            value = WHOLE_MAX
        i += 1
    if i < size and text[i] == 46:  # "."
        i += 1
        while i < size:
            digit = cython.cast(cython.uint, text[i]) - 48
            if digit > 9:
                break
            digits += 1
            if places < DECIMAL_PLACES:
                value = value * 10 + digit
                places += 1
            elif digit != 0:
                too_precise = True
            i += 1
    if i < size or digits == 0:
        return DECIMAL_BAD_FORMAT
    if too_precise:
        return DECIMAL_TOO_PRECISE
    while places < DECIMAL_PLACES:
        value *= 10
        places += 1
    if too_large or value >= LIMIT:
        return DECIMAL_OUT_OF_RANGE
    if negative:
        out[0] = -cython.cast(int64_t, value)
    else:
        out[0] = cython.cast(int64_t, value)
    return DECIMAL_OK


def format_decimal(value, out):
    """Writes the shortest form to ``out``; how many bytes it took.

    ``out`` has room for DECIMAL_CHARS_MAX.
    """
    reversed_digits = cython.declare(cython.uchar[24])
    count: cython.int = 0
    places: cython.int = DECIMAL_PLACES
    size: cython.int = 0
    # Negation in unsigned arithmetic is right for the smallest int64 as well.
    rest: uint64_t = cython.cast(uint64_t, value)
    if value < 0:
        rest = 0 - rest
        out[0] = 45  # "-"
        size = 1
    whole: uint64_t = rest / UNIT
    fraction: uint64_t = rest % UNIT
    if fraction != 0:
        while fraction % 10 == 0:
            fraction /= 10
            places -= 1
        while places > 0:
            reversed_digits[count] = cython.cast(cython.uchar, 48 + fraction % 10)
            fraction /= 10
            places -= 1
            count += 1
        reversed_digits[count] = 46  # "."
        count += 1
    while True:
        reversed_digits[count] = cython.cast(cython.uchar, 48 + whole % 10)
        whole /= 10
        count += 1
        if whole == 0:
            break
    while count > 0:
        count -= 1
        out[size] = reversed_digits[count]
        size += 1
    return size


def parse(text: bytes) -> int:
    """What ``text`` stands for, in units of 1e-8. ValueError says what is wrong."""
    value: int64_t = 0
    shown: str = ascii(text[:40])[1:]
    size: cython.Py_ssize_t = len(text)
    code: cython.int = parse_decimal(
        cython.cast(
            cython.pointer(cython.const[cython.uchar]), cython.cast(cython.p_char, text)
        ),
        size,
        cython.address(value),
    )
    if code == DECIMAL_BAD_FORMAT:
        raise ValueError(f"{shown} is not a decimal number")
    if code == DECIMAL_TOO_PRECISE:
        raise ValueError(f"{shown} has more than {DECIMAL_PLACES} decimal places")
    if code == DECIMAL_OUT_OF_RANGE:
        raise ValueError(f"{shown} is out of range: the limit is 92000000000")
    return value


def render(value: int) -> str:
    """The shortest decimal text of ``value`` units. OverflowError beyond 64 bits."""
    chars = cython.declare(cython.uchar[DECIMAL_CHARS_MAX])
    size: cython.int = format_decimal(value, chars)
    return chars[:size].decode("ascii")
