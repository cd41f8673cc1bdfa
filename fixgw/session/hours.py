"""Whether the time has come to end a session, or to begin its numbers anew."""

from __future__ import annotations

from enum import Enum, auto

from fixgw.session.numbers import Numbers
from fixgw.session.schedule import Schedule

LOOK_NS = 60_000_000_000
"""So long an answer is believed at most: clocks and time zones are set by people."""


class Turn(Enum):
    """What the schedule calls for."""

    NOTHING = auto()
    END = auto()
    """The window is over, or that part of it in which a Logon is allowed."""
    RESET = auto()
    """ResetSeqTime has struck."""


class Hours:
    """The schedule of one session, against the numbers it has.

    It is asked many times per second, and to look into a schedule takes time: so it
    remembers until when nothing can change.
    """

    def __init__(self, schedule: Schedule, numbers: Numbers) -> None:
        self._schedule = schedule
        self._numbers = numbers
        self._from_ns = 0
        self._until_ns = 0

    def start(self) -> None:
        """A connection begins."""
        self._until_ns = 0

    def turn(self, now_ns: int) -> Turn:
        """What is called for now; the same again, as long as it is not done."""
        if self._from_ns <= now_ns < self._until_ns:
            return Turn.NOTHING
        schedule, window = self._schedule, self._numbers.window
        is_same = schedule.is_same_window(window, now_ns)
        if not is_same or not schedule.is_logon_allowed(now_ns):
            return Turn.END
        if schedule.numbers_since(now_ns) != window:
            return Turn.RESET
        self._from_ns = now_ns
        self._until_ns = min([now_ns + LOOK_NS, *self._changes(now_ns)])
        return Turn.NOTHING

    def _changes(self, now_ns: int) -> list[int]:
        """When something changes, as far as that is known."""
        schedule = self._schedule
        windows = [
            each.window(now_ns) for each in (schedule.session, schedule.logon) if each
        ]
        ends = [window[1] for window in windows if window]
        reset = schedule.next_reset(now_ns)
        return ends if reset is None else [*ends, reset]
