"""When a session may be connected, and when its sequence numbers begin anew.

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

Two instants with different window starts lie in different sessions, between which the
sequence numbers are reset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

NS_PER_S = 1_000_000_000
S_PER_DAY = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
EVERY_DAY = frozenset(range(7))

LOOK_BACK_DAYS = 15
"""A weekly window began at most 7 days ago, 14 if its zone left that date out."""

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


def _seconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(seconds=1)


def _local(instant_s: int, zone: tzinfo) -> datetime:
    return (EPOCH + timedelta(seconds=instant_s)).astimezone(zone)


@lru_cache(maxsize=4096)
def _first_shown(day: int, seconds: int, zone: tzinfo) -> int:
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
    return _first_shown(day, 0, zone) < _first_shown(day + 1, 0, zone)


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
            return _first_shown(day, self.start.seconds, zone)
        return None

    def _ends(self, day: int) -> int:
        """The instant at which a window ends that should end on ``day``."""
        zone = self._zone(self.end)
        while not _exists(day, zone):
            day += 1
        return _first_shown(day, self.end.seconds, zone)

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


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a session is open, and in which part of that a Logon is accepted.

    Without ``session`` it never closes and is never reset by time. Without ``logon`` a
    Logon is accepted as long as the session is open.
    """

    session: Recurrence | None = None
    logon: Recurrence | None = None

    def window(self, now_ns: int) -> tuple[int, int] | None:
        """Start and end of the window ``now_ns`` is in; None when there is none.

        None also for a session that never closes: ask is_open first.
        """
        return self.session.window(now_ns) if self.session else None

    def is_open(self, now_ns: int) -> bool:
        """Whether the session may be connected at that time."""
        return self.session is None or self.session.window(now_ns) is not None

    def window_start(self, now_ns: int) -> int | None:
        """The start of the window that ``now_ns`` is in; None if the session is closed.

        If it differs from that of the session's last activity, the caller resets the
        sequence numbers. It is always 0 for a session that never closes.
        """
        if self.session is None:
            return 0
        window = self.session.window(now_ns)
        return window[0] if window else None

    def is_logon_allowed(self, now_ns: int) -> bool:
        """Whether a Logon may be accepted; when not, the caller ends what is open."""
        if not self.is_open(now_ns):
            return False
        return self.logon is None or self.logon.window(now_ns) is not None


MISSING_TIME = "is missing; it is required unless NonStopSession=Y"

NON_STOP = Schedule()
"""Always open, never reset by time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The scheduling keys of one session as they were written.

    First ask problems(); if there are none, schedule().
    """

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_day: int | None = None
    end_day: int | None = None
    weekdays: frozenset[int] | None = None
    logon_time: TimeOfDay | None = None
    logout_time: TimeOfDay | None = None
    logon_day: int | None = None
    logout_day: int | None = None
    zone: tzinfo = UTC
    non_stop_session: bool = False

    def problems(self) -> Iterator[tuple[str, str]]:
        """What contradicts what: the key to blame, and the reason."""
        if self.non_stop_session:
            yield from self._beside_non_stop()
            return
        yield from self._missing()
        if self.weekdays is not None and self.start_day is not None:
            yield (
                "Weekdays",
                "excludes StartDay and EndDay: windows are daily or weekly",
            )
        if self.weekdays is not None and not (
            self.logon_day is self.logout_day is None
        ):
            key = "LogonDay" if self.logon_day is not None else "LogoutDay"
            yield key, "contradicts Weekdays, which are days of logon too"
        if self.start_time and self.end_time:
            yield from self._same_day(self.start_time, self.end_time)
            yield from self._logon_outside(self.start_time, self.end_time)

    def schedule(self) -> Schedule:
        """The schedule of a plan without problems."""
        if self.non_stop_session:
            return NON_STOP
        assert self.start_time is not None
        assert self.end_time is not None
        days = EVERY_DAY if self.weekdays is None else self.weekdays
        session = self._recurrence(
            self.start_time, self.end_time, self.start_day, self.end_day, days
        )
        if self.logon_time is None is self.logout_time and self.logon_day is None:
            return Schedule(session)
        return Schedule(
            session,
            self._recurrence(
                self.logon_time or self.start_time,
                self.logout_time or self.end_time,
                *self._logon_days(),
                EVERY_DAY,
            ),
        )

    def _recurrence(
        self,
        start: TimeOfDay,
        end: TimeOfDay,
        start_day: int | None,
        end_day: int | None,
        days: frozenset[int],
    ) -> Recurrence:
        return Recurrence(
            TimeOfDay(start.seconds, start.zone or self.zone),
            TimeOfDay(end.seconds, end.zone or self.zone),
            days if start_day is None else frozenset({start_day}),
            end_day,
        )

    def _logon_days(self) -> tuple[int | None, int | None]:
        return (
            self.start_day if self.logon_day is None else self.logon_day,
            self.end_day if self.logout_day is None else self.logout_day,
        )

    def _beside_non_stop(self) -> Iterator[tuple[str, str]]:
        # QuickFIX allows midnight to midnight here: many files have it in [DEFAULT].
        given = {
            "StartTime": self.start_time not in (None, MIDNIGHT),
            "EndTime": self.end_time not in (None, MIDNIGHT),
            "StartDay": self.start_day is not None,
            "EndDay": self.end_day is not None,
            "Weekdays": self.weekdays is not None,
            "LogonTime": self.logon_time is not None,
            "LogoutTime": self.logout_time is not None,
            "LogonDay": self.logon_day is not None,
            "LogoutDay": self.logout_day is not None,
        }
        for key, is_given in given.items():
            if is_given:
                yield key, "contradicts NonStopSession=Y: such a session has no window"

    def _missing(self) -> Iterator[tuple[str, str]]:
        if self.start_time is None:
            yield "StartTime", MISSING_TIME
        if self.end_time is None:
            yield "EndTime", MISSING_TIME
        logon_day, logout_day = self._logon_days()
        for first, first_day, last, last_day in (
            ("StartDay", self.start_day, "EndDay", self.end_day),
            ("LogonDay", logon_day, "LogoutDay", logout_day),
        ):
            if first == "LogonDay" and self.logon_day is None is self.logout_day:
                continue  # both are StartDay's and EndDay's, judged already
            if first_day is not None and last_day is None:
                yield first, f"is given without {last}"
            if last_day is not None and first_day is None:
                yield last, f"is given without {first}"

    def _same_day(self, start: TimeOfDay, end: TimeOfDay) -> Iterator[tuple[str, str]]:
        # QuickFIX/J takes this for some hours once a week, QuickFIX C++ for the whole
        # week. Whoever writes it would be surprised by one of the two.
        if (
            self.start_day is not None
            and self.start_day == self.end_day
            and start.zone is end.zone
            and start.seconds < end.seconds
        ):
            yield (
                "EndDay",
                f"{DAYS[self.start_day]} {start} to {end} means hours to one engine and"
                " a week to another; use Weekdays for the hours, or EndTime ="
                " StartTime for the week",
            )

    def _logon_outside(
        self, start: TimeOfDay, end: TimeOfDay
    ) -> Iterator[tuple[str, str]]:
        """The logon window must lie within the session's.

        Times in different zones cannot be compared so; there, a Logon is accepted when
        both windows are open, whatever they are.
        """
        logon, logout = self.logon_time or start, self.logout_time or end
        if len({time.zone or self.zone for time in (start, end, logon, logout)}) > 1:
            return
        weekly = None not in (self.start_day, self.end_day)
        logon_day, logout_day = self._logon_days()
        period = S_PER_DAY * (7 if weekly else 1)

        def position(time: TimeOfDay, day: int | None) -> int:
            days = (day or 0) - (self.start_day or 0) if weekly else 0
            return (days * S_PER_DAY + time.seconds - start.seconds) % period

        # An end that falls on the beginning is that of a full day or week.
        length = position(end, self.end_day) or period
        opens = position(logon, logon_day)
        closes = position(logout, logout_day) or period
        if opens >= length:
            key = "LogonDay" if self.logon_time is None else "LogonTime"
            yield key, f"logon opens at {logon}, outside the session's window"
        elif closes > length:
            key = "LogoutDay" if self.logout_time is None else "LogoutTime"
            yield key, f"logon closes at {logout}, outside the session's window"
        elif closes <= opens and (weekly or self.logon_day is None):
            key = "LogonTime" if self.logout_time is None else "LogoutTime"
            yield key, f"logon closes at {logout}, before it opens at {logon}"
