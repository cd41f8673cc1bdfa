"""When a session may be connected, and when its sequence numbers begin anew.

A schedule is written as a plan, the scheduling keys of a sessions file. The windows it
comes down to are :mod:`fixgw.session.recurrence`'s: two instants with different window
starts lie in different sessions, between which the sequence numbers are reset.

A running session asks at each of its ticks: :meth:`Schedule.is_same_window` (if not,
it logs out), :meth:`Schedule.is_logon_allowed` (if not, it logs out as well), and
:meth:`Schedule.numbers_since` (if it is not what it was, it resets the numbers and goes
on). A Logon asks is_logon_allowed, and resets the numbers if numbers_since is not what
it was at the last one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo

from fixgw.session.recurrence import Recurrence
from fixgw.session.timeofday import DAYS, EVERY_DAY, MIDNIGHT, TimeOfDay, parse_time

__all__ = ["MISSING_TIME", "NON_STOP", "Plan", "Schedule", "parse_time"]

S_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a session is open, and in which part of that a Logon is accepted.

    Without ``session`` it never closes and is never reset by its window. Without
    ``logon`` a Logon is accepted as long as the session is open. At each beginning of
    ``reset``, a daily recurrence, the numbers begin anew within the session.
    """

    session: Recurrence | None = None
    logon: Recurrence | None = None
    reset: Recurrence | None = None

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

    def is_same_window(self, then_ns: int, now_ns: int) -> bool:
        """Whether the session has been open all the time from ``then_ns`` to now."""
        start = self.window_start(now_ns)
        return start is not None and start <= then_ns

    def last_reset(self, now_ns: int) -> int | None:
        """The latest time up to now at which ResetSeqTime struck; None without it."""
        if self.reset is None:
            return None
        window = self.reset.window(now_ns)
        return window[0] if window else None

    def next_reset(self, now_ns: int) -> int | None:
        """The first time after now at which ResetSeqTime strikes; None without it."""
        if self.reset is None:
            return None
        window = self.reset.window(now_ns)
        return window[1] if window else None

    def numbers_since(self, now_ns: int) -> int | None:
        """When the sequence numbers of now began: with the window, or at ResetSeqTime.

        None if the session is closed. It never goes back while the clock does not.
        """
        start = self.window_start(now_ns)
        if start is None:
            return None
        return max(start, self.last_reset(now_ns) or 0)

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
    reset_seq_time: TimeOfDay | None = None
    enable_reset_seq_time: bool = False

    def problems(self) -> Iterator[tuple[str, str]]:
        """What contradicts what: the key to blame, and the reason."""
        if self.enable_reset_seq_time and self.reset_seq_time is None:
            yield "EnableResetSeqTime", "needs ResetSeqTime"
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
        reset = None
        if self.enable_reset_seq_time:
            assert self.reset_seq_time is not None
            time = self.reset_seq_time
            reset = self._recurrence(time, time, None, None, EVERY_DAY)
        if self.non_stop_session:
            return Schedule(reset=reset) if reset else NON_STOP
        assert self.start_time is not None
        assert self.end_time is not None
        days = EVERY_DAY if self.weekdays is None else self.weekdays
        session = self._recurrence(
            self.start_time, self.end_time, self.start_day, self.end_day, days
        )
        own = (self.logon_time, self.logout_time, self.logon_day, self.logout_day)
        if own == (None, None, None, None):
            return Schedule(session, reset=reset)
        logon = self._recurrence(
            self.logon_time or self.start_time,
            self.logout_time or self.end_time,
            *self._logon_days(),
            EVERY_DAY,
        )
        return Schedule(session, logon, reset)

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
