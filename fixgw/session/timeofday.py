"""Times of day, days of the week and zones, as a sessions file writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import tzinfo
from zoneinfo import ZoneInfo

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EVERY_DAY = frozenset(range(7))

TIME = re.compile(r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\s+(\S+))?")


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """Seconds since midnight, and the zone they are in if it is not the schedule's."""

    seconds: int
    zone: tzinfo | None = None

    def __str__(self) -> str:
        minutes, seconds = divmod(self.seconds, 60)
        text = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
        return f"{text} {self.zone}" if self.zone else text


MIDNIGHT = TimeOfDay(0)


def parse_zone(text: str) -> ZoneInfo:
    """The zone of that name in the time zone database. Raises ValueError."""
    try:
        return ZoneInfo(text)
    except (KeyError, OSError, ValueError):  # unknown, a folder, not a plain name
        raise ValueError(f"{text!r} is not in the time zone database") from None


def parse_time(text: str) -> TimeOfDay:
    """``HH:MM:SS``, or ``HH:MM:SS Zone/Name``. Raises ValueError."""
    match = TIME.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a time of day (HH:MM:SS, or HH:MM:SS Zone)")
    hours, minutes, seconds = (int(part) for part in match.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError(f"{text!r} is not a time of day, 00:00:00 to 23:59:59")
    zone = parse_zone(match[4]) if match[4] else None
    return TimeOfDay(hours * 3600 + minutes * 60 + seconds, zone)


def parse_day(text: str) -> int:
    """A day by its English name or at least two letters of it; Monday is 0.

    Case does not matter. Raises ValueError.
    """
    for day, name in enumerate(DAYS):
        if len(text) >= 2 and name.lower().startswith(text.lower()):
            return day
    raise ValueError(f"{text!r} is not a day of the week")


def parse_days(text: str) -> frozenset[int]:
    """Days separated by commas. Raises ValueError, also for a day named twice."""
    days = [parse_day(part.strip()) for part in text.split(",")]
    if len(set(days)) < len(days):
        raise ValueError(f"{text!r} names a day twice")
    return frozenset(days)
