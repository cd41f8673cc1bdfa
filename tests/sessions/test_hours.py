"""When a session has to end or to begin anew, and how often the schedule is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixgw.session.hours import LOOK_NS, Hours, Turn
from fixgw.session.numbers import Numbers
from fixgw.session.schedule import NON_STOP, Plan, Schedule, parse_time

DAY = datetime(2026, 1, 2, tzinfo=UTC)
NS = 10**9


def at(text: str, day: int = 0) -> int:
    """That time of the day, or of a later one, in nanoseconds."""
    hours, minutes, seconds = (float(part) for part in text.split(":"))
    when = DAY + timedelta(days=day, hours=hours, minutes=minutes, seconds=seconds)
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1000


def plan(**times: str) -> Schedule:
    parsed: dict[str, Any] = {name: parse_time(text) for name, text in times.items()}
    if "reset_seq_time" in times:
        parsed["enable_reset_seq_time"] = True
    if "start_time" not in times:
        parsed["non_stop_session"] = True
    return Plan(**parsed).schedule()


SESSION = {"start_time": "08:00:00", "end_time": "17:00:00"}


@pytest.mark.parametrize(
    ("times", "begins", "ends", "turn"),
    [
        (SESSION, "09:00:00", "17:00:00", Turn.END),
        (
            {**SESSION, "logon_time": "08:30:00", "logout_time": "16:00:00"},
            "09:00:00",
            "16:00:00",
            Turn.END,
        ),
        ({**SESSION, "reset_seq_time": "12:00:00"}, "09:00:00", "12:00:00", Turn.RESET),
        ({"reset_seq_time": "12:00:00"}, "09:00:00", "12:00:00", Turn.RESET),
    ],
)
def test_a_turn_comes_at_its_instant(
    times: dict[str, str], begins: str, ends: str, turn: Turn
) -> None:
    schedule = plan(**times)
    now = at(begins)
    hours = Hours(schedule, Numbers(window=schedule.numbers_since(now) or 0))
    hours.start()
    while now < at(ends):
        assert hours.turn(now) is Turn.NOTHING
        now += 7 * NS
    assert hours.turn(at(ends) - 1) is Turn.NOTHING
    assert hours.turn(at(ends)) is turn
    assert hours.turn(at(ends)) is turn, "until it is done"


def test_a_window_of_a_whole_day_ends_where_the_next_begins() -> None:
    schedule = plan(start_time="00:00:00", end_time="00:00:00")
    hours = Hours(schedule, Numbers(window=at("00:00:00")))
    assert hours.turn(at("23:59:59.999")) is Turn.NOTHING
    assert hours.turn(at("00:00:00", day=1)) is Turn.END


def test_without_a_schedule_there_is_never_anything() -> None:
    hours = Hours(NON_STOP, Numbers())
    assert {hours.turn(at("00:00:00", day)) for day in range(100)} == {Turn.NOTHING}


class Counting:
    """A schedule that counts how often it is looked into."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        self.looks += name == "is_same_window"
        return getattr(self.schedule, name)


def test_the_schedule_is_looked_into_once_a_minute() -> None:
    counting = Counting(plan(**SESSION))
    hours = Hours(counting, Numbers(window=at("08:00:00")))  # type: ignore[arg-type]
    for tick in range(6000):
        hours.turn(at("09:00:00") + tick * NS // 10)
    assert counting.looks == 6000 * NS // 10 // LOOK_NS


def test_a_clock_that_is_set_back_is_noticed() -> None:
    hours = Hours(plan(**SESSION), Numbers(window=at("08:00:00")))
    assert hours.turn(at("09:00:00")) is Turn.NOTHING
    assert hours.turn(at("07:00:00")) is Turn.END


def test_a_new_connection_is_looked_at_anew() -> None:
    numbers = Numbers(window=at("08:00:00"))
    schedule = plan(**SESSION)
    hours = Hours(schedule, numbers)
    assert hours.turn(at("09:00:00")) is Turn.NOTHING
    numbers.window = at("08:00:00", day=1)
    assert hours.turn(at("09:00:01")) is Turn.NOTHING
    hours.start()
    assert hours.turn(at("09:00:01")) is Turn.RESET
