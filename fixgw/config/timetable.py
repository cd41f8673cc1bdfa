"""The trading day: which phase instruments are in at which time, from [schedule].

Each table ``[schedule.NAME]`` is for the instruments it lists, ``[schedule.default]``
for all others; an instrument of none is always in CONTINUOUS. Times are local ones of
the table's zone. A phase lasts until the next one begins, the last one until the first
of the next trading day. Where clocks are changed a time happens once, at the first
moment at which clocks show it or a later one (:mod:`fixgw.session.recurrence`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from engine.codes import Phase
from engine.host.phasekeeper import Slot
from fixgw.session.recurrence import first_shown
from fixgw.session.timeofday import EVERY_DAY

NS_PER_S = 1_000_000_000
DAY_NS = 86_400 * NS_PER_S

LOOK_DAYS = 9
"""A phase begins at most a week after the one before, a day later if it crosses
midnight and one more for the distance of zones: so many days around now are looked
at."""

Instant = tuple[int, Phase]


@dataclass(frozen=True, slots=True)
class Group:
    """The trading day of some instruments.

    ``starts`` are seconds after midnight and the phase that begins then, in the order
    of the day: one that is below the one before belongs to the next date. Without any
    it is always ``always``. Auctions end up to ``random_s`` later.
    """

    name: str
    symbols: frozenset[str] = frozenset()
    zone: tzinfo = UTC
    weekdays: frozenset[int] = EVERY_DAY
    starts: tuple[tuple[int, Phase], ...] = ()
    always: Phase = Phase.CONTINUOUS
    random_s: int = 0

    def instants(self, day: int) -> Iterable[Instant]:
        """When the phases begin of the trading day of that date, nanoseconds."""
        if (day - 1) % 7 not in self.weekdays:
            return
        before = -1
        for seconds, phase in self.starts:
            if seconds <= before:
                day += 1
            before = seconds
            yield first_shown(day, seconds, self.zone) * NS_PER_S, phase


@dataclass(slots=True)
class _Days:
    """The instants of a group around one day."""

    group: Group
    day: int = -1
    instants: list[Instant] = field(default_factory=list)

    def slot(self, now_ns: int) -> Slot:
        """See Timetable."""
        group = self.group
        if not group.starts:
            return Slot(group.always)
        self._look(now_ns)
        place = bisect_right(self.instants, now_ns, key=lambda one: one[0])
        until, then = self.instants[place]
        return Slot(self.instants[place - 1][1], until, then, group.random_s * NS_PER_S)

    def _look(self, now_ns: int) -> None:
        day = now_ns // DAY_NS
        if day == self.day:
            return
        self.day = day
        today = datetime.fromtimestamp(now_ns // NS_PER_S, UTC).toordinal()
        found = {
            instant: phase
            for each in range(today - LOOK_DAYS, today + LOOK_DAYS)
            for instant, phase in self.group.instants(each)
        }
        self.instants = sorted(found.items())


class TradingDays:
    """A Timetable (:mod:`engine.host.phasekeeper`) of the groups of a
    configuration."""

    def __init__(self, groups: Iterable[Group]) -> None:
        days = [_Days(group) for group in groups]
        default = _Days(Group("default"))
        self._of = {symbol: one for one in days for symbol in one.group.symbols}
        self._default = next((d for d in days if d.group.name == "default"), default)
        self._days = days

    def slot(self, symbol: str, now_ns: int) -> Slot:
        """See Timetable."""
        return self._of.get(symbol, self._default).slot(now_ns)

    def next_change(self, now_ns: int) -> int:
        """See Timetable."""
        changes = (days.slot(now_ns).until for days in self._days)
        return min((change for change in changes if change), default=0)
