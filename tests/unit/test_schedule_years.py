"""Windows over whole years of clock changes, against a watch looked at every minute."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixgw.session.schedule import Plan
from fixgw.session.timeofday import TimeOfDay, parse_time

NS_PER_S = 1_000_000_000
DAY = 1440
YEAR = 2026
FIRST_S = int(datetime(YEAR - 1, 12, 1, tzinfo=UTC).timestamp())
"""A month before the year, so that every window that is open in it was seen to open."""
MINUTES = 13 * 31 * DAY
COMPARED_FROM = 31 * DAY

ZONES = (
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",  # half an hour, and summer is in winter
    "America/Sao_Paulo",  # no change any more
    "Africa/Cairo",  # midnight becomes 01:00
    "Pacific/Chatham",  # 02:45 becomes 03:45
    "America/Santiago",  # 24:00 becomes 23:00
)


@cache
def watch(zone: str) -> list[int]:
    """What clocks there show in each minute: minutes since the first of all days."""
    place = ZoneInfo(zone)
    shown = []
    for minute in range(MINUTES):
        wall = datetime.fromtimestamp(FIRST_S + 60 * minute, place)
        shown.append(wall.toordinal() * DAY + wall.hour * 60 + wall.minute)
    return shown


@cache
def moments(zone: str, seconds: int) -> dict[int, int]:
    """Each date, and the minute of the watch at which that time of it comes.

    That is when the watch shows that time, or has ever shown a later one.
    """
    found = {}
    shown = watch(zone)
    day = shown[0] // DAY + 1
    due = day * DAY + seconds // 60
    for minute, wall in enumerate(shown):
        while due <= wall:
            found[day] = minute
            day += 1
            due += DAY
    return found


def windows(zone: str, start: TimeOfDay, end: TimeOfDay, plan: Plan) -> list[range]:
    """The minutes of each window, in their order."""
    days = frozenset(range(7)) if plan.weekdays is None else plan.weekdays
    if plan.start_day is not None:
        days = frozenset({plan.start_day})
    lasts = 0
    if plan.end_day is not None and plan.start_day is not None:
        lasts = (plan.end_day - plan.start_day) % 7
    if not lasts and end.seconds <= start.seconds:
        lasts = 1 if plan.end_day is None else 7
    ends = moments(zone, end.seconds)
    return [
        range(minute, ends.get(day + lasts, MINUTES))
        for day, minute in moments(zone, start.seconds).items()
        if date.fromordinal(day).weekday() in days
    ]


def instant(minute: int) -> int:
    return (FIRST_S + 60 * minute) * NS_PER_S


def compare(zone: str, plan: Plan) -> None:
    assert not list(plan.problems())
    assert plan.start_time is not None
    assert plan.end_time is not None
    made = plan.schedule()
    closed_since = 0
    for minutes in windows(zone, plan.start_time, plan.end_time, plan):
        if minutes.stop > MINUTES - DAY:
            break
        if not minutes:
            continue  # its times are both within a skipped hour
        begin, end = instant(minutes.start), instant(minutes.stop)
        assert minutes.start >= closed_since
        if minutes.start > COMPARED_FROM:
            closed = range(closed_since, minutes.start)
            for minute in closed[:1], closed[len(closed) // 2 :][:1], closed[-1:]:
                assert not any(made.is_open(instant(each)) for each in minute)
            assert made.is_open(begin - 1) is not bool(closed)
            for now in (begin, (begin + end) // 2, end - 1):
                assert made.window(now) == (begin, end)
                assert made.is_same_window(begin, now)
            assert made.window_start(end) in (None, end)
            assert not made.is_same_window(begin, end)
        closed_since = minutes.stop


TIMES = [
    ("08:00:00", "17:00:00"),
    ("17:00:00", "17:00:00"),
    ("00:00:00", "00:00:00"),
    ("22:00:00", "06:00:00"),
    ("02:30:00", "02:30:00"),
    ("01:30:00", "02:15:00"),
    ("02:00:00", "03:00:00"),
    ("23:30:00", "00:30:00"),
]


@pytest.mark.parametrize("zone", ZONES)
def test_daily_windows(zone: str) -> None:
    place = ZoneInfo(zone)
    for start, end in TIMES:
        times = {"start_time": parse_time(start), "end_time": parse_time(end)}
        compare(zone, Plan(zone=place, **times))  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ZONES)
def test_weekdays_and_weeks(zone: str) -> None:
    place = ZoneInfo(zone)
    for start, end in TIMES[1:6]:
        times = {"start_time": parse_time(start), "end_time": parse_time(end)}
        weekdays = frozenset({0, 4, 6})  # Sunday is the day of most changes
        compare(zone, Plan(zone=place, weekdays=weekdays, **times))  # type: ignore[arg-type]
        days = {"start_day": 6, "end_day": 4}
        compare(zone, Plan(zone=place, **days, **times))  # type: ignore[arg-type]


minutes = st.integers(0, DAY - 1) | st.sampled_from([0, 60, 120, 150, 180, 1410])
times = minutes.map(lambda minute: TimeOfDay(60 * minute))


@given(
    st.sampled_from(ZONES),
    times,
    times,
    st.none() | st.frozensets(st.integers(0, 6), min_size=1),
    st.none() | st.tuples(st.integers(0, 6), st.integers(0, 6)),
)
@settings(max_examples=12, deadline=None)
def test_any_window(
    zone: str,
    start: TimeOfDay,
    end: TimeOfDay,
    weekdays: frozenset[int] | None,
    week: tuple[int, int] | None,
) -> None:
    plan = Plan(
        zone=ZoneInfo(zone),
        start_time=start,
        end_time=end,
        weekdays=None if week else weekdays,
        start_day=week[0] if week else None,
        end_day=week[1] if week else None,
    )
    if not list(plan.problems()):
        compare(zone, plan)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("time", ["00:00:00", "01:30:00", "02:30:00", "17:00:00"])
def test_a_reset_within_the_session_strikes_once_a_day(zone: str, time: str) -> None:
    plan = Plan(
        zone=ZoneInfo(zone),
        non_stop_session=True,
        reset_seq_time=parse_time(time),
        enable_reset_seq_time=True,
    )
    made = plan.schedule()
    struck = moments(zone, parse_time(time).seconds)
    instants = [instant(minute) for minute in struck.values()]
    for before, now in zip(instants[31:], instants[32:], strict=False):
        assert made.is_open(now)
        assert made.numbers_since(now - 1) == before
        assert made.numbers_since(now) == now
        assert made.last_reset(now) == now
        assert made.next_reset(before) == now
        assert made.next_reset(now - 1) == now
        assert made.is_same_window(before, now)
