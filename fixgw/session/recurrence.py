"""Windows of time that come back: when each begins and when it ends.

A recurrence is a window that comes back daily, on some weekdays, or weekly. It is
written in local time; here it becomes instants:

* A window holds its first instant and not its last: one that ends at 17:00:00 is closed
  at 17:00:00; one that ends when it begins is open all day, with a reset at that time.
* A time of day happens once a day, at the first instant at which clocks there show that
  time or a later one. So a time that a clock change skips happens at the change, and a
  time that is shown twice happens the first time.
* A date that a zone left out altogether (Samoa had no 30 December 2011) begins no
  window; a window that should end on it ends on the next date.
* A daily window belongs to the date on which it begins, also when it crosses midnight:
  Weekdays=Friday with 22:00:00 to 06:00:00 ends on Saturday.
* Start and end may be in different zones; the window then ends at the first end after
  its beginning, or at the next beginning if that comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from fixgw.session.timeofday import EVERY_DAY, TimeOfDay

NS_PER_S = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LOOK_BACK_DAYS = 15
"""A weekly window began at most 7 days ago, 14 if its zone left that date out."""


def _seconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(seconds=1)


def _local(instant_s: int, zone: tzinfo) -> datetime:
    return (EPOCH + timedelta(seconds=instant_s)).astimezone(zone)


@lru_cache(maxsize=4096)
def first_shown(day: int, seconds: int, zone: tzinfo) -> int:
    """The instant at which clocks in ``zone`` first show that time or a later one.

    ``day`` is a proleptic ordinal; the result is in seconds since the epoch.
    """
    wall = (datetime.fromordinal(day) + timedelta(seconds=seconds)).replace(tzinfo=zone)
    by_old_offset = _seconds(wall)
    by_new_offset = _seconds(wall.replace(fold=1))
    if by_old_offset <= by_new_offset:  # an ordinary time, or the first of two
        return by_old_offset
    # The time is skipped. Read by either offset it falls on the other side of the
    # change, so the change is in between: halve until it is found.
    low, high = by_new_offset, by_old_offset
    offset = _local(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        if _local(middle, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def _weekday(day: int) -> int:
    return (day - 1) % 7  # ordinal 1 was a Monday


def _exists(day: int, zone: tzinfo) -> bool:
    """Whether ``zone`` had that date at all."""
    return first_shown(day, 0, zone) < first_shown(day + 1, 0, zone)


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A window that comes back. ``start`` and ``end`` must have a zone.

    With ``end_day`` it is a weekly one, and ``start_days`` must hold a single day;
    otherwise it begins on each of ``start_days``.
    """

    start: TimeOfDay
    end: TimeOfDay
    start_days: frozenset[int] = EVERY_DAY
    end_day: int | None = None

    def __post_init__(self) -> None:
        assert self.start.zone is not None
        assert self.end.zone is not None
        assert self.start_days
        assert self.end_day is None or len(self.start_days) == 1

    def window(self, now_ns: int) -> tuple[int, int] | None:
        """First instant, and first instant after, of the window that ``now_ns`` is in.

        None between windows.
        """
        now_s = now_ns // NS_PER_S
        # Clocks put back across midnight show yesterday's date again: look at tomorrow.
        latest = _local(now_s, self._zone(self.start)).toordinal() + 1
        for day in range(latest, latest - LOOK_BACK_DAYS, -1):
            start_s = self._begins(day)
            if start_s is not None and start_s <= now_s:
                end_s = self._end(day, start_s)
                return (start_s * NS_PER_S, end_s * NS_PER_S) if now_s < end_s else None
        return None

    @staticmethod
    def _zone(time: TimeOfDay) -> tzinfo:
        assert time.zone is not None
        return time.zone

    def _begins(self, day: int) -> int | None:
        """The instant at which a window begins on ``day``; None if none does."""
        zone = self._zone(self.start)
        if _weekday(day) in self.start_days and _exists(day, zone):
            return first_shown(day, self.start.seconds, zone)
        return None

    def _ends(self, day: int) -> int:
        """The instant at which a window ends that should end on ``day``."""
        zone = self._zone(self.end)
        while not _exists(day, zone):
            day += 1
        return first_shown(day, self.end.seconds, zone)

    def _end(self, day: int, start_s: int) -> int:
        """The end of the window that began on ``day``, at ``start_s``."""
        if self.start.zone is not self.end.zone:
            return min(self._next_end(start_s), self._next_start(day))
        if self.end_day is None:
            days = 0
        else:
            days = (self.end_day - _weekday(day)) % 7
        if days == 0 and self.end.seconds <= self.start.seconds:
            days = 1 if self.end_day is None else 7
        end_s = self._ends(day + days)
        if _exists(day + days, self._zone(self.end)):
            return end_s
        return min(end_s, self._next_start(day))

    def _next_end(self, start_s: int) -> int:
        first = _local(start_s, self._zone(self.end)).toordinal() - 1
        return next(
            instant
            for day in range(first, first + LOOK_BACK_DAYS + 2)
            if self.end_day in (None, _weekday(day))
            and (instant := self._ends(day)) > start_s
        )

    def _next_start(self, day: int) -> int:
        return next(
            instant
            for later in range(day + 1, day + LOOK_BACK_DAYS)
            if (instant := self._begins(later)) is not None
        )
