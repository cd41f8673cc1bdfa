"""Builds messages and reads and writes their timestamps. Compiled."""

import cython
from cython.cimports.cpython.bytes import PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cython.cimports.libc.stdint import int64_t
from cython.cimports.libc.string import memcpy


def finish(begin_string: bytes, content: bytes) -> bytes:
    """A whole message: BeginString(8) and BodyLength(9) before, CheckSum(10) behind.

    ``content`` is everything from MsgType(35) on, each field ended by SOH.
    """
    size: cython.Py_ssize_t = len(content)
    digits: cython.uchar[24]
    length: cython.int = write_number(size, digits)
    head: cython.Py_ssize_t = 2 + len(begin_string) + 1 + 2 + length + 1
    total: cython.Py_ssize_t = head + size + 7
    result: bytes = PyBytes_FromStringAndSize(cython.NULL, total)
    out: cython.pointer(cython.uchar) = cython.cast(
        cython.pointer(cython.uchar), PyBytes_AS_STRING(result)
    )
    place: cython.Py_ssize_t = 2
    i: cython.Py_ssize_t
    check: cython.uint = 0
    memcpy(out, b"8=", 2)
    memcpy(out + place, cython.cast(cython.p_char, begin_string), len(begin_string))
    place += len(begin_string)
    memcpy(out + place, b"\x019=", 3)
    place += 3
    memcpy(out + place, digits, length)
    place += length
    out[place] = 1
    place += 1
    memcpy(out + place, cython.cast(cython.p_char, content), size)
    place += size
    for i in range(place):
        check += out[i]
    memcpy(out + place, b"10=", 3)
    write_digits(check % 256, 3, out + place + 3)
    out[place + 6] = 1
    return result


def utc_timestamp(ns: int64_t, digits: cython.int = 3) -> bytes:
    """UTCTimestamp of a time in ns since the epoch, with 0, 3, 6 or 9 fraction digits.

    Truncates. Raises ValueError before 1970 and for other digits.
    """
    out: cython.uchar[32]
    if ns < 0:
        raise ValueError(f"time {ns} is before 1970")
    if digits not in (0, 3, 6, 9):
        raise ValueError(f"{digits} fraction digits")
    size: cython.int = write_timestamp(ns, digits, out)
    return cython.cast(cython.p_char, out)[:size]


def parse_utc_timestamp(text: bytes) -> int:
    """Nanoseconds since the epoch of a UTCTimestamp ``YYYYMMDD-HH:MM:SS[.fff…]``.

    0, 3, 6, 9 or 12 fraction digits (picoseconds are truncated); a leap second counts
    as the second after it. Raises ValueError.
    """
    data: cython.p_char = text
    size: cython.Py_ssize_t = len(text)
    if size not in (17, 21, 24, 27, 30) or data[8] != 0x2D or data[11] != 0x3A:
        raise ValueError(f"{text!r} is no UTCTimestamp")
    if data[14] != 0x3A or (size > 17 and data[17] != 0x2E):
        raise ValueError(f"{text!r} is no UTCTimestamp")
    year: cython.longlong = digits_at(data, 0, 4)
    month: cython.longlong = digits_at(data, 4, 2)
    day: cython.longlong = digits_at(data, 6, 2)
    hour: cython.longlong = digits_at(data, 9, 2)
    minute: cython.longlong = digits_at(data, 12, 2)
    second: cython.longlong = digits_at(data, 15, 2)
    fraction: cython.longlong = 0
    if size > 17:
        fraction = digits_at(data, 18, cython.cast(cython.int, size - 18))
        if size == 21:
            fraction *= 1_000_000
        elif size == 24:
            fraction *= 1_000
        elif size == 30 and fraction >= 0:
            fraction //= 1_000
    if (
        year < 1970
        or not 1 <= month <= 12
        or not 1 <= day <= days_in_month(year, month)
        or not 0 <= hour <= 23
        or not 0 <= minute <= 59
        or not 0 <= second <= 60
        or fraction < 0
    ):
        raise ValueError(f"{text!r} is no UTCTimestamp")
    days: cython.longlong = days_from_civil(year, month, day)
    seconds: cython.longlong = ((days * 24 + hour) * 60 + minute) * 60 + second
    if seconds > 9_223_372_035:
        raise ValueError(f"{text!r} is beyond the year 2262")
    return seconds * 1_000_000_000 + fraction


@cython.cfunc
@cython.exceptval(check=False)
def digits_at(
    data: cython.p_char, start: cython.int, count: cython.int
) -> cython.longlong:
    """An unsigned number of exactly ``count`` digits, or -1 (far below zero)."""
    value: cython.longlong = 0
    i: cython.int
    for i in range(start, start + count):
        if data[i] < 0x30 or data[i] > 0x39:
            return -1_000_000_000_000
        value = value * 10 + (data[i] - 0x30)
    return value


@cython.cfunc
@cython.exceptval(check=False)
def days_in_month(year: cython.longlong, month: cython.longlong) -> cython.longlong:
    if month == 2:
        leap: cython.bint = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return 29 if leap else 28
    if month in (4, 6, 9, 11):
        return 30
    return 31


@cython.cfunc
@cython.exceptval(check=False)
def days_from_civil(
    year: cython.longlong, month: cython.longlong, day: cython.longlong
) -> cython.longlong:
    """Days since 1970-01-01 of a date from 1970 on; the year begins in March."""
    if month <= 2:
        year -= 1
        month += 12
    return (
        365 * year
        + year // 4
        - year // 100
        + year // 400
        + (153 * (month - 3) + 2) // 5
        + day
        - 719_469
    )


def write_timestamp(ns, digits, out):
    """Writes a UTCTimestamp of 17 bytes, or 18 and the fraction; its length."""
    seconds: int64_t = ns // 1_000_000_000
    fraction: int64_t = ns % 1_000_000_000
    days: int64_t = seconds // 86_400
    rest: int64_t = seconds % 86_400
    # Civil date from the day number: eras of 400 years that begin on 1 March.
    shifted: int64_t = days + 719_468
    era: int64_t = shifted // 146_097
    of_era: int64_t = shifted % 146_097
    year: int64_t = (
        of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096
    ) // 365
    of_year: int64_t = of_era - (365 * year + year // 4 - year // 100)
    month: int64_t = (5 * of_year + 2) // 153
    day: int64_t = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year = year + era * 400
    if month <= 2:
        year += 1
    write_digits(year, 4, out)
    write_digits(month, 2, out + 4)
    write_digits(day, 2, out + 6)
    out[8] = 0x2D
    write_digits(rest // 3600, 2, out + 9)
    out[11] = 0x3A
    write_digits(rest // 60 % 60, 2, out + 12)
    out[14] = 0x3A
    write_digits(rest % 60, 2, out + 15)
    if digits == 0:
        return 17
    out[17] = 0x2E
    if digits == 3:
        fraction //= 1_000_000
    elif digits == 6:
        fraction //= 1_000
    write_digits(fraction, digits, out + 18)
    return 18 + digits


def write_digits(value, digits, out):
    """Writes exactly ``digits`` digits, with leading zeros."""
    i: cython.int
    for i in range(digits - 1, -1, -1):
        out[i] = cython.cast(cython.uchar, 0x30 + value % 10)
        value //= 10
    return digits


def write_number(value, out):
    """Writes a number that is not negative; how many bytes, at most 19."""
    rest: int64_t = value
    digits: cython.int = 1
    while rest >= 10:
        rest //= 10
        digits += 1
    return write_digits(value, digits, out)
