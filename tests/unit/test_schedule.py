"""Session windows: by example, and against a clock that is watched minute by minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixgw.session.recurrence import NS_PER_S, Recurrence
from fixgw.session.schedule import NON_STOP, Plan, Schedule
from fixgw.session.timeofday import (
    DAYS,
    EVERY_DAY,
    TimeOfDay,
    parse_day,
    parse_days,
    parse_time,
    parse_zone,
)

NEW_YORK = ZoneInfo("America/New_York")
LONDON = ZoneInfo("Europe/London")
DAY_S = 86_400


def ns(text: str, zone: tzinfo = UTC, fold: int = 0) -> int:
    """The instant of ``2026-03-08 12:00[:00]`` in that zone."""
    moment = datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)
    return int(moment.timestamp()) * NS_PER_S


def plan(zone: tzinfo = UTC, **keys: str) -> Plan:
    """A plan from texts: ``start_time="08:00:00", start_day="Monday"``."""
    parsers = {"time": parse_time, "day": parse_day, "weekdays": parse_days}
    values = {name: parsers[name.split("_")[-1]](text) for name, text in keys.items()}
    return Plan(zone=zone, **values)  # type: ignore[arg-type]


def schedule(zone: tzinfo = UTC, **keys: str) -> Schedule:
    written = plan(zone, **keys)
    assert not list(written.problems())
    return written.schedule()


def problems(**keys: str) -> dict[str, str]:
    return dict(plan(UTC, **keys).problems())


# Values


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:00", 0), ("7:05:09", 25_509), ("23:59:59", 86_399)],
)
def test_time_of_day(text: str, seconds: int) -> None:
    assert parse_time(text) == TimeOfDay(seconds)


def test_time_of_day_with_a_zone() -> None:
    time = parse_time("15:00:00 US/Central")
    assert time == TimeOfDay(54_000, ZoneInfo("US/Central"))
    assert str(time) == "15:00:00 US/Central"


@pytest.mark.parametrize(
    "text",
    ["", "8:00", "24:00:00", "08:60:00", "08:00:60", "08:00:00.5", "8am", "-1:00:00"],
)
def test_what_is_not_a_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time of day"):
        parse_time(text)


@pytest.mark.parametrize("text", ["Mars/Phobos", "/etc/passwd", "../UTC", "America"])
def test_what_is_not_a_zone(text: str) -> None:
    with pytest.raises(ValueError, match="is not in the time zone database"):
        parse_zone(text)
    with pytest.raises(ValueError, match="is not in the time zone database"):
        parse_time(f"08:00:00 {text}")


@pytest.mark.parametrize("day", range(7))
def test_days_by_name_or_the_beginning_of_it(day: int) -> None:
    name = DAYS[day]
    for length in range(2, len(name) + 1):
        assert parse_day(name[:length]) == day
        assert parse_day(name[:length].upper()) == day


@pytest.mark.parametrize("text", ["", "M", "T", "Noday", "Mondays", "1"])
def test_what_is_not_a_day(text: str) -> None:
    with pytest.raises(ValueError, match="is not a day of the week"):
        parse_day(text)


def test_days_are_separated_by_commas() -> None:
    assert parse_days("Mon, tue,SUNDAY") == {0, 1, 6}
    with pytest.raises(ValueError, match="names a day twice"):
        parse_days("Mon,Monday")
    with pytest.raises(ValueError, match="is not a day of the week"):
        parse_days("Mon,")


# Windows by example


def test_a_session_that_never_closes() -> None:
    for now in (0, ns("2026-07-01 00:00")):
        assert NON_STOP.is_open(now)
        assert NON_STOP.is_logon_allowed(now)
        assert NON_STOP.window_start(now) == 0
        assert NON_STOP.window(now) is None


def test_a_window_holds_its_first_instant_but_not_its_last() -> None:
    hours = schedule(start_time="08:00:00", end_time="17:00:00")
    start, end = ns("2026-07-01 08:00"), ns("2026-07-01 17:00")
    assert hours.window_start(start - 1) is None
    assert hours.window_start(start) == start
    assert hours.window_start(end - 1) == start
    assert hours.window_start(end) is None
    assert hours.window(start) == (start, end)
    assert hours.is_open(end - 1)
    assert not hours.is_open(end)


def test_equal_times_are_all_day_with_a_reset() -> None:
    all_day = schedule(start_time="17:00:00", end_time="17:00:00")
    reset = ns("2026-07-01 17:00")
    assert all_day.window_start(reset - 1) == ns("2026-06-30 17:00")
    assert all_day.window_start(reset) == reset
    assert all_day.is_open(reset)


def test_a_window_across_midnight_is_one_session() -> None:
    night = schedule(start_time="22:00:00", end_time="06:00:00")
    start = ns("2026-06-30 22:00")
    assert night.window_start(ns("2026-06-30 23:59:59")) == start
    assert night.window_start(ns("2026-07-01 00:00")) == start
    assert night.window_start(ns("2026-07-01 05:59:59")) == start
    assert night.window_start(ns("2026-07-01 06:00")) is None


def test_a_week() -> None:
    week = schedule(
        NEW_YORK,
        start_time="18:00:00",
        end_time="17:00:00",
        start_day="Sun",
        end_day="Fri",
    )
    start = ns("2026-06-28 18:00", NEW_YORK)
    end = ns("2026-07-03 17:00", NEW_YORK)
    assert week.window(start) == (start, end)
    assert week.window_start(start - 1) is None
    assert week.window_start(ns("2026-07-01 03:00", NEW_YORK)) == start
    assert week.window_start(end - 1) == start
    assert week.window_start(end) is None


def test_a_week_across_its_turn() -> None:
    week = schedule(
        start_time="20:00:00", end_time="02:00:00", start_day="Sat", end_day="Tue"
    )
    start = ns("2026-06-27 20:00")
    assert week.window_start(ns("2026-06-29 12:00")) == start
    assert week.window_start(ns("2026-06-30 01:59")) == start
    assert week.window_start(ns("2026-06-30 02:00")) is None


@pytest.mark.parametrize(("end_time", "hours"), [("17:00:00", 167), ("18:00:00", 168)])
def test_a_week_from_a_day_to_the_same_day(end_time: str, hours: int) -> None:
    week = schedule(
        start_time="18:00:00", end_time=end_time, start_day="Sun", end_day="Sun"
    )
    start = ns("2026-06-28 18:00")
    assert week.window(start) == (start, start + hours * 3600 * NS_PER_S)
    assert week.window_start(start - 1) != start


def test_weekdays_are_those_on_which_a_window_begins() -> None:
    nights = schedule(start_time="22:00:00", end_time="06:00:00", weekdays="Mon,Fri")
    assert nights.window_start(ns("2026-07-04 05:00")) == ns("2026-07-03 22:00")
    assert nights.window_start(ns("2026-07-04 23:00")) is None
    assert nights.window_start(ns("2026-06-29 23:00")) == ns("2026-06-29 22:00")
    assert nights.window_start(ns("2026-06-29 05:00")) is None


def test_local_hours_keep_their_place_on_the_clock() -> None:
    hours = schedule(NEW_YORK, start_time="08:00:00", end_time="17:00:00")
    winter, summer = ns("2026-03-07 13:00"), ns("2026-03-08 12:00")
    assert hours.window_start(winter) == winter
    assert hours.window_start(winter - 1) is None
    assert hours.window_start(summer) == summer
    assert hours.window_start(summer - 1) is None


def test_a_day_of_23_hours_and_one_of_25() -> None:
    all_day = schedule(NEW_YORK, start_time="00:00:00", end_time="00:00:00")
    for day, hours in (("2026-03-08", 23), ("2026-11-01", 25)):
        start = ns(f"{day} 00:00", NEW_YORK)
        assert all_day.window(start) == (start, start + hours * 3600 * NS_PER_S)


def test_a_skipped_time_happens_at_the_change() -> None:
    change = ns("2026-03-08 07:00")  # 02:00 becomes 03:00
    opens = schedule(NEW_YORK, start_time="02:30:00", end_time="17:00:00")
    assert opens.window_start(change - 1) is None
    assert opens.window_start(change) == change
    closes = schedule(NEW_YORK, start_time="01:00:00", end_time="02:30:00")
    assert closes.is_open(change - 1)
    assert not closes.is_open(change)


def test_a_window_within_skipped_time_does_not_happen() -> None:
    short = schedule(NEW_YORK, start_time="02:10:00", end_time="02:50:00")
    change = ns("2026-03-08 07:00")
    for minutes in range(-120, 240):
        assert not short.is_open(change + minutes * 60 * NS_PER_S)


def test_a_time_shown_twice_happens_the_first_time() -> None:
    first = ns("2026-11-01 01:30", NEW_YORK)
    second = ns("2026-11-01 01:30", NEW_YORK, fold=1)
    assert second - first == 3600 * NS_PER_S
    opens = schedule(NEW_YORK, start_time="01:30:00", end_time="17:00:00")
    assert opens.window_start(first) == first
    assert opens.window_start(second) == first
    closes = schedule(NEW_YORK, start_time="22:00:00", end_time="01:30:00")
    assert closes.is_open(first - 1)
    for minutes in range(120):
        assert not closes.is_open(first + minutes * 60 * NS_PER_S)


def test_a_date_that_was_left_out_begins_no_window() -> None:
    samoa = ZoneInfo("Pacific/Apia")
    hours = schedule(samoa, start_time="08:00:00", end_time="17:00:00")
    midnight = ns("2011-12-31 00:00", samoa)
    assert hours.window_start(midnight) is None
    assert hours.window_start(midnight - 7 * 3600 * NS_PER_S - 1) == ns(
        "2011-12-29 08:00", samoa
    )
    assert hours.is_open(midnight + 8 * 3600 * NS_PER_S)


def test_an_end_on_a_date_that_was_left_out_is_put_off() -> None:
    samoa = ZoneInfo("Pacific/Apia")
    night = schedule(samoa, start_time="22:00:00", end_time="06:00:00")
    start = ns("2011-12-29 22:00", samoa)
    assert night.window(start) == (start, ns("2011-12-31 06:00", samoa))


def test_a_week_whose_first_day_was_left_out() -> None:
    samoa = ZoneInfo("Pacific/Apia")
    week = schedule(
        samoa,
        start_time="08:00:00",
        end_time="17:00:00",
        start_day="Fri",
        end_day="Wed",
    )
    for text in ("2012-01-04 12:00", "2012-01-06 07:59"):
        assert week.window(ns(text, samoa)) is None
    assert week.is_open(ns("2011-12-28 16:59", samoa))
    assert week.is_open(ns("2012-01-06 08:00", samoa))


def test_each_time_may_have_a_zone_of_its_own() -> None:
    mixed = schedule(
        start_time="08:00:00 Europe/London", end_time="15:00:00 US/Central"
    )
    start = ns("2026-07-01 07:00")
    assert mixed.window(start) == (start, ns("2026-07-01 20:00"))
    # Between the changes of the two zones the window is an hour shorter.
    start = ns("2026-03-10 08:00")
    assert mixed.window(start) == (start, ns("2026-03-10 20:00"))


def test_a_window_ends_when_the_next_begins() -> None:
    # The same instant for most of the year; in March New York is an hour nearer.
    mixed = schedule(
        start_time="16:00:00 Europe/London", end_time="11:00:00 America/New_York"
    )
    july, march = ns("2026-07-01 15:00"), ns("2026-03-10 16:00")
    assert mixed.window(july) == (july, july + DAY_S * NS_PER_S)
    assert mixed.window(march) == (march, march + 23 * 3600 * NS_PER_S)
    autumn = schedule(
        start_time="11:00:00 America/New_York", end_time="16:00:00 Europe/London"
    )
    start = ns("2026-03-10 15:00")
    assert autumn.window(start) == (start, start + 3600 * NS_PER_S)


def test_a_logon_is_accepted_in_a_part_of_the_window() -> None:
    part = schedule(
        start_time="08:00:00",
        end_time="17:00:00",
        logon_time="08:30:00",
        logout_time="16:30:00",
    )
    start = ns("2026-07-01 08:00")
    for clock, allowed in (
        ("07:59", False),
        ("08:00", False),
        ("08:30", True),
        ("16:29", True),
        ("16:30", False),
        ("17:00", False),
    ):
        assert part.is_logon_allowed(ns(f"2026-07-01 {clock}")) is allowed
    assert part.window_start(ns("2026-07-01 08:10")) == start


def test_logon_until_the_end_or_from_the_start() -> None:
    late = schedule(start_time="08:00:00", end_time="17:00:00", logon_time="09:00:00")
    assert not late.is_logon_allowed(ns("2026-07-01 08:59"))
    assert late.is_logon_allowed(ns("2026-07-01 16:59"))
    early = schedule(start_time="08:00:00", end_time="17:00:00", logout_time="16:00:00")
    assert early.is_logon_allowed(ns("2026-07-01 08:00"))
    assert not early.is_logon_allowed(ns("2026-07-01 16:00"))


def test_logon_days_within_a_week() -> None:
    week = schedule(
        start_time="18:00:00",
        end_time="17:00:00",
        start_day="Sun",
        end_day="Fri",
        logon_day="Mon",
        logon_time="06:00:00",
    )
    assert not week.is_logon_allowed(ns("2026-06-28 20:00"))
    assert week.is_logon_allowed(ns("2026-06-29 06:00"))
    assert week.is_logon_allowed(ns("2026-07-03 16:59"))


def test_logon_days_of_daily_windows() -> None:
    daily = schedule(
        start_time="00:00:00",
        end_time="00:00:00",
        logon_day="Mon",
        logout_day="Fri",
        logon_time="06:00:00",
        logout_time="20:00:00",
    )
    assert daily.is_open(ns("2026-07-04 12:00"))
    assert not daily.is_logon_allowed(ns("2026-07-04 12:00"))
    assert daily.is_logon_allowed(ns("2026-07-01 03:00"))
    assert not daily.is_logon_allowed(ns("2026-07-03 20:00"))


def test_a_recurrence_needs_a_zone() -> None:
    with pytest.raises(AssertionError):
        Recurrence(TimeOfDay(0), TimeOfDay(0, UTC))


# Plans that cannot be


HOURS = {"start_time": "08:00:00", "end_time": "17:00:00"}
WEEK = {**HOURS, "start_day": "Mon", "end_day": "Fri"}


@pytest.mark.parametrize(
    ("keys", "blamed"),
    [
        ({}, {"StartTime", "EndTime"}),
        ({"start_time": "08:00:00"}, {"EndTime"}),
        ({**HOURS, "start_day": "Mon"}, {"StartDay"}),
        ({**HOURS, "end_day": "Mon"}, {"EndDay"}),
        ({**WEEK, "weekdays": "Mon"}, {"Weekdays"}),
        ({**HOURS, "start_day": "Mon", "end_day": "Mon"}, {"EndDay"}),
        ({**HOURS, "logon_day": "Mon"}, {"LogonDay"}),
        ({**HOURS, "logout_day": "Mon"}, {"LogoutDay"}),
        ({**HOURS, "logon_time": "07:59:59"}, {"LogonTime"}),
        ({**HOURS, "logon_time": "17:00:00"}, {"LogonTime"}),
        ({**HOURS, "logout_time": "17:00:01"}, {"LogoutTime"}),
        ({**HOURS, "logout_time": "08:00:00"}, {"LogoutTime"}),
        (
            {**HOURS, "logon_time": "16:00:00", "logout_time": "09:00:00"},
            {"LogoutTime"},
        ),
        ({**WEEK, "logon_day": "Sun"}, {"LogonDay"}),
        ({**WEEK, "logout_day": "Sat"}, {"LogoutDay"}),
        ({**WEEK, "logon_time": "07:00:00"}, {"LogonTime"}),
        ({**WEEK, "logon_day": "Thu", "logout_day": "Tue"}, {"LogonTime"}),
        (
            {**HOURS, "weekdays": "Mon", "logout_day": "Tue", "logon_day": "Tue"},
            {"LogonDay"},
        ),
        (HOURS, set()),
        (WEEK, set()),
        ({**WEEK, "logon_day": "Tue"}, set()),
        ({**HOURS, "logon_time": "07:00:00 Europe/London"}, set()),
    ],
)
def test_contradictions(keys: dict[str, str], blamed: set[str]) -> None:
    assert set(problems(**keys)) == blamed


@given(
    st.builds(
        Plan,
        start_time=st.builds(
            TimeOfDay, st.integers(0, 24).map(lambda h: h % 24 * 3600)
        ),
        end_time=st.builds(TimeOfDay, st.integers(0, 24).map(lambda h: h % 24 * 3600)),
        logon_time=st.none()
        | st.builds(TimeOfDay, st.integers(0, 23).map((3600).__mul__)),
        logout_time=st.none()
        | st.builds(TimeOfDay, st.integers(0, 23).map((3600).__mul__)),
        start_day=st.none() | st.integers(0, 6),
        end_day=st.none() | st.integers(0, 6),
        logon_day=st.none() | st.integers(0, 6),
        logout_day=st.none() | st.integers(0, 6),
        weekdays=st.none() | st.frozensets(st.integers(0, 6), min_size=1),
        non_stop_session=st.booleans(),
    ),
    st.integers(0, 2 * 10**9),
)
@settings(deadline=None)
def test_a_plan_without_problems_has_a_schedule(written: Plan, now_s: int) -> None:
    if list(written.problems()):
        return
    made = written.schedule()
    week = range(now_s, now_s + 7 * DAY_S, 3600)
    open_times = [now for now in week if made.is_open(now * NS_PER_S)]
    assert open_times
    assert any(made.is_logon_allowed(now * NS_PER_S) for now in open_times)


# The oracle: a clock on the wall, looked at once a minute


def walk(
    recurrence: Recurrence, first_s: int, last_s: int
) -> Iterator[tuple[int, int | None]]:
    """Each minute with the start of its window, found by waiting for it.

    An event is due when the wall shows its date and time, or has ever shown later ones.
    """
    start_zone, end_zone = recurrence.start.zone, recurrence.end.zone
    assert start_zone is not None
    assert end_zone is not None
    events = list(expected_events(recurrence, first_s, last_s))
    shown = {zone: datetime(1970, 1, 1) for zone in (start_zone, end_zone)}  # noqa: DTZ001
    started: int | None = None
    begun = datetime(1970, 1, 1)  # noqa: DTZ001
    for now in range(first_s, last_s, 60):
        for zone in shown:
            wall = datetime.fromtimestamp(now, zone).replace(tzinfo=None)
            shown[zone] = max(shown[zone], wall)
        due = [event for event in events if shown[event[2]] >= event[0]]
        if not due:
            yield now, started
            continue
        events = [event for event in events if shown[event[2]] < event[0]]
        # Of two zones' events in one minute the end comes first, then the new start.
        order = (0, 1) if start_zone is end_zone else (1, 0)
        for _, starts, _, void_from in sorted(
            due, key=lambda event: [event[i] for i in order]
        ):
            if starts:
                started, begun = now, shown[start_zone]
            elif begun < void_from:
                started = None
        yield now, started


def expected_events(
    recurrence: Recurrence, first_s: int, last_s: int
) -> Iterator[tuple[datetime, bool, tzinfo, datetime]]:
    """(wall time, whether a start, zone, void from), for the dates a zone has.

    An end that was put off does not end a window begun since that time.
    """
    ends = EVERY_DAY if recurrence.end_day is None else {recurrence.end_day}
    for time, days, starts in (
        (recurrence.start, recurrence.start_days, True),
        (recurrence.end, ends, False),
    ):
        assert time.zone is not None
        dates = {
            datetime.fromtimestamp(now, time.zone).date()
            for now in range(first_s, last_s + 2 * DAY_S, 1800)
        }
        for number in range((max(dates) - min(dates)).days):
            day = min(dates) + timedelta(days=number)
            if day.weekday() not in days or (starts and day not in dates):
                continue
            shown = min(each for each in dates if each >= day)  # an end is put off
            midnight = datetime(shown.year, shown.month, shown.day)  # noqa: DTZ001
            wall = midnight + timedelta(seconds=time.seconds)
            put_off = shown != day and recurrence.start.zone is recurrence.end.zone
            void_from = midnight if put_off else datetime(9999, 1, 1)  # noqa: DTZ001
            yield wall, starts, time.zone, void_from


CHANGES = {
    "UTC": date(2026, 7, 1),
    "America/New_York": date(2026, 3, 8),
    "Europe/London": date(2026, 10, 25),
    "Australia/Lord_Howe": date(2026, 4, 5),  # half an hour
    "America/Havana": date(2026, 11, 1),  # 01:00 becomes midnight
    "Africa/Cairo": date(2026, 4, 24),  # midnight becomes 01:00
    "America/Sao_Paulo": date(2018, 2, 18),  # midnight becomes 23:00 of the day before
    "America/St_Johns": date(2006, 10, 29),  # 00:01 becomes 23:01 of the day before
    "Pacific/Apia": date(2011, 12, 30),  # the date that was left out
    "Asia/Kathmandu": date(2026, 7, 1),
}
minutes = st.integers(0, 24 * 60 - 1) | st.sampled_from(
    [0, 1, 30, 59, 60, 90, 119, 120, 150, 179, 180, 1380, 1410, 1439]
)
times = minutes.map(lambda minute: minute * 60)


@st.composite
def recurrences(draw: st.DrawFn) -> tuple[Recurrence, date]:
    names = st.sampled_from(sorted(CHANGES))
    name = draw(names)
    zone = end_zone = ZoneInfo(name)
    if draw(st.integers(0, 4)) == 0:
        end_zone = ZoneInfo(draw(names))
    start, end = TimeOfDay(draw(times), zone), TimeOfDay(draw(times), end_zone)
    match draw(st.sampled_from(["daily", "weekdays", "weekly"])):
        case "weekdays":
            days = draw(st.frozensets(st.integers(0, 6), min_size=1))
            made = Recurrence(start, end, days)
        case "weekly":
            days = frozenset({draw(st.integers(0, 6))})
            made = Recurrence(start, end, days, draw(st.integers(0, 6)))
        case _:
            made = Recurrence(start, end)
    return made, CHANGES[name] + timedelta(days=draw(st.integers(-2, 8)))


@given(recurrences(), st.integers(1, 59))
@settings(max_examples=40, deadline=None)
def test_windows_are_those_of_a_watched_clock(
    made: tuple[Recurrence, date], step: int
) -> None:
    recurrence, day = made
    watched = Schedule(recurrence)
    middle = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    # A week and more of watching, until the open window is known; then compare.
    first, last = middle - 17 * DAY_S, middle + 2 * DAY_S
    before: int | None = None
    for now, started in walk(recurrence, first, last):
        if now >= middle - 2 * DAY_S and (started != before or now // 60 % step == 0):
            expected = None if started is None else started * NS_PER_S
            assert watched.window_start(now * NS_PER_S) == expected
            assert watched.is_open(now * NS_PER_S) == (started is not None)
            if expected is not None:
                window = watched.window(now * NS_PER_S)
                assert window is not None
                assert window[0] <= now * NS_PER_S < window[1]
        before = started


@given(recurrences(), st.integers(-(10**9), 4 * 10**9))
def test_a_window_is_the_same_at_each_of_its_instants(
    made: tuple[Recurrence, date], now_s: int
) -> None:
    recurrence, _ = made
    window = recurrence.window(now_s * NS_PER_S)
    if window is None:
        return
    start, end = window
    assert recurrence.window(start) == window
    assert recurrence.window(end - 1) == window
    assert recurrence.window(end) != window
    assert recurrence.window(start - 1) != window


# Resets within the session


def test_without_a_reset_time_numbers_begin_with_the_window() -> None:
    now = ns("2026-07-01 12:00")
    hours = schedule(start_time="08:00:00", end_time="17:00:00")
    assert hours.numbers_since(now) == hours.window_start(now)
    assert hours.last_reset(now) is None
    assert hours.next_reset(now) is None
    assert hours.numbers_since(ns("2026-07-01 18:00")) is None
    assert NON_STOP.numbers_since(now) == 0


def test_a_reset_time_within_a_window() -> None:
    hours = Plan(
        start_time=parse_time("08:00:00"),
        end_time=parse_time("17:00:00"),
        logout_time=parse_time("16:00:00"),
        reset_seq_time=parse_time("07:00:00 America/New_York"),
        enable_reset_seq_time=True,
    ).schedule()
    assert hours.logon is not None
    start, noon = ns("2026-07-01 08:00"), ns("2026-07-01 11:00")
    assert hours.numbers_since(start) == start
    assert hours.numbers_since(noon - 1) == start
    assert hours.next_reset(start) == noon
    assert hours.numbers_since(noon) == noon
    assert hours.is_same_window(start, noon)
    assert hours.is_same_window(noon, ns("2026-07-01 16:59"))
    assert not hours.is_same_window(noon, ns("2026-07-01 17:00"))
    assert not hours.is_same_window(noon, ns("2026-07-02 08:00"))


def test_a_reset_time_of_a_session_that_never_closes() -> None:
    hours = Plan(
        non_stop_session=True,
        reset_seq_time=parse_time("07:00:00"),
        enable_reset_seq_time=True,
    ).schedule()
    today, tomorrow = ns("2026-07-01 07:00"), ns("2026-07-02 07:00")
    assert hours.numbers_since(today) == today
    assert hours.numbers_since(tomorrow - 1) == today
    assert hours.next_reset(today) == tomorrow
    assert hours.numbers_since(tomorrow) == tomorrow
    assert hours.is_same_window(today, tomorrow), "it is one session all the same"


def test_a_reset_time_needs_a_time() -> None:
    assert list(Plan(non_stop_session=True, enable_reset_seq_time=True).problems()) == [
        ("EnableResetSeqTime", "needs ResetSeqTime")
    ]


@pytest.mark.parametrize(
    ("keys", "allowed"),
    [
        ({"logout_day": "Thu"}, ("2026-07-02 16:59", "2026-07-02 17:00")),
        ({"logout_time": "16:00:00"}, ("2026-07-03 15:59", "2026-07-03 16:00")),
    ],
)
def test_a_logon_window_that_ends_before_its_week(
    keys: dict[str, str], allowed: tuple[str, str]
) -> None:
    week = schedule(**WEEK, **keys)
    last, first = (ns(text) for text in allowed)
    assert week.is_logon_allowed(last)
    assert week.is_open(first)
    assert not week.is_logon_allowed(first)
