"""Times in logs and on the command line: text to nanoseconds since the epoch, UTC.

A time without a zone is UTC: FIX engines log nothing else.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache

NS_PER_S = 1_000_000_000
DAY_S = 86_400
_DAY_NS = DAY_S * NS_PER_S
_END_NS = 253_402_300_800 * NS_PER_S  # the year 10000: datetime goes no further

_CLOCK = r"(\d\d):?(\d\d):?(\d\d)(?:[.,](\d{1,12}))?"
_STAMP = re.compile(
    r"(?<!\d)(\d{4})([-/]?)(\d\d)\2(\d\d)[-T :]" + _CLOCK + r"(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_BOUND = re.compile(r"(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?", re.ASCII)
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)", re.ASCII)
_AGO = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": DAY_S}

EXAMPLES = "09:30, 09:30:15.250, 2026-11-21, 20261121-09:30:00, 15m (ago)"


@lru_cache(maxsize=64)
def _midnight_s(year: str, month: str, day: str) -> int | None:
    try:
        ordinal = date(int(year), int(month), int(day)).toordinal()
    except ValueError:
        return None
    return (ordinal - date(1970, 1, 1).toordinal()) * DAY_S


def _clock_ns(hour: str, minute: str, second: str, fraction: str | None) -> int | None:
    h, m, s = int(hour), int(minute), int(second)
    if h > 23 or m > 59 or s > 60:  # 60: a leap second
        return None
    return (h * 3600 + m * 60 + s) * NS_PER_S + int((fraction or "").ljust(9, "0")[:9])


def find_time(text: str) -> int | None:
    """The first date with a time in a text; None where there is none."""
    found = _STAMP.search(text)
    if found is None:
        return None
    year, _, month, day, hour, minute, second, fraction, zone = found.groups()
    midnight = _midnight_s(year, month, day)
    clock = _clock_ns(hour, minute, second, fraction)
    if midnight is None or clock is None:
        return None
    at = midnight * NS_PER_S + clock - _zone_ns(zone)
    return at if 0 <= at < _END_NS else None


def _zone_ns(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return (seconds if zone[0] == "+" else -seconds) * NS_PER_S


def clock_text(at_ns: int | None) -> str:
    """``09:30:15.250``."""
    if at_ns is None or not 0 <= at_ns < _END_NS:
        return "--:--:--.---"
    seconds, rest = divmod(at_ns % _DAY_NS, NS_PER_S)
    hour, seconds = divmod(seconds, 3600)
    return f"{hour:02}:{seconds // 60:02}:{seconds % 60:02}.{rest // 1_000_000:03}"


def day_text(at_ns: int | None) -> str:
    """``2026-11-21``; empty where the time is unknown."""
    if at_ns is None or not 0 <= at_ns < _END_NS:
        return ""
    return f"{datetime.fromtimestamp(at_ns // NS_PER_S, UTC):%Y-%m-%d}"


def iso_text(at_ns: int | None) -> str | None:
    """``2026-11-21T09:30:15.250000000Z``."""
    day = day_text(at_ns)
    if not day or at_ns is None:
        return None
    return f"{day}T{clock_text(at_ns)[:8]}.{at_ns % NS_PER_S:09}Z"


def stamp_text(at_ns: int | None) -> str:
    """``20261121-09:30:15.250``, as QuickFIX writes it."""
    day = day_text(at_ns).replace("-", "")
    return f"{day}-{clock_text(at_ns)}" if day else "-"


class Bound:
    """An end of ``--since`` or ``--until``: a moment, or a time of every day."""

    def __init__(self, text: str, now_ns: int) -> None:
        """Raises ValueError for what is no time."""
        self._time_of_day = False
        if (found := _BOUND.fullmatch(text)) is not None:
            hour, minute, second, fraction = found.groups()
            clock = _clock_ns(hour, minute, second or "0", fraction)
            self._time_of_day = True
        elif (found := _AGO.fullmatch(text)) is not None:
            clock = now_ns - int(found[1]) * _UNITS_S[found[2]] * NS_PER_S
        elif (found := _DATE.fullmatch(text)) is not None:
            midnight = _midnight_s(*found.groups())
            clock = None if midnight is None else midnight * NS_PER_S
        else:
            clock = find_time(text) if _STAMP.fullmatch(text) else None
        if clock is None:
            raise ValueError(f"{text!r} is no time; times look like {EXAMPLES}")
        self._at_ns = clock

    def passed(self, at_ns: int) -> bool:
        """Whether a moment is at or behind this one."""
        return (at_ns % _DAY_NS if self._time_of_day else at_ns) >= self._at_ns
