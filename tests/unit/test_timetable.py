"""Trading days: phases by the clock of a zone, over midnights, weekends and changes of
the clock."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.codes import Phase
from fixgw.config import ConfigError, TradingDays, parse

HERE = Path("fixgw.toml")
BERLIN = ZoneInfo("Europe/Berlin")
DAY = {
    "time_zone": "Europe/Berlin",
    "weekdays": "Monday,Tuesday,Wednesday,Thursday,Friday",
    "pre_open": "08:00:00",
    "opening_auction": "08:50:00",
    "continuous": "09:00:00",
    "closing_auction": "17:30:00",
    "post_close": "17:35:00",
    "closed": "18:00:00",
}


def parsed(**sections: Any) -> Any:
    tree = {"sessions": "s", "instruments": "i", "data": "d", **sections}
    return parse(tree, HERE)


def problems(**sections: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parsed(**sections)
    return [line.partition(": ")[2] for line in str(caught.value).splitlines()]


def days(**groups: Any) -> TradingDays:
    return TradingDays(parsed(schedule=groups).schedule)


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("now", "phase", "until", "then"),
    [
        ("2026-11-20 07:59:59", Phase.CLOSED, "2026-11-20 08:00:00", Phase.PRE_OPEN),
        (
            "2026-11-20 08:00:00",
            Phase.PRE_OPEN,
            "2026-11-20 08:50:00",
            Phase.OPENING_AUCTION,
        ),
        (
            "2026-11-20 08:59:59",
            Phase.OPENING_AUCTION,
            "2026-11-20 09:00:00",
            Phase.CONTINUOUS,
        ),
        (
            "2026-11-20 12:00:00",
            Phase.CONTINUOUS,
            "2026-11-20 17:30:00",
            Phase.CLOSING_AUCTION,
        ),
        ("2026-11-20 17:35:00", Phase.POST_CLOSE, "2026-11-20 18:00:00", Phase.CLOSED),
        # Friday evening to Monday morning.
        ("2026-11-20 18:00:00", Phase.CLOSED, "2026-11-23 08:00:00", Phase.PRE_OPEN),
        ("2026-11-22 12:00:00", Phase.CLOSED, "2026-11-23 08:00:00", Phase.PRE_OPEN),
    ],
)
def test_a_day_of_trading(now: str, phase: Phase, until: str, then: Phase) -> None:
    slot = days(default=DAY).slot("X", at(now))
    assert (slot.phase, slot.until, slot.then) == (phase, at(until), then)


def test_the_clock_is_that_of_the_zone_also_when_it_changes() -> None:
    table = days(default=DAY)
    summer, winter = at("2026-10-23 09:00:00"), at("2026-10-26 09:00:00")
    assert winter - summer == (3 * 24 + 1) * 3600 * 10**9
    for now in (summer, winter):
        assert table.slot("X", now - 1).phase == Phase.OPENING_AUCTION
        assert table.slot("X", now).phase == Phase.CONTINUOUS


def test_a_trading_day_may_go_over_midnight() -> None:
    night = {
        "time_zone": "America/Chicago",
        "weekdays": "Sunday,Monday",
        "pre_open": "16:45:00",
        "continuous": "17:00:00",
        "closed": "16:00:00",
    }
    chicago = ZoneInfo("America/Chicago")
    table = days(default=night)

    def phase(text: str) -> int:
        return table.slot("X", at(text, chicago)).phase

    assert phase("2026-11-22 17:00:00") == Phase.CONTINUOUS
    assert phase("2026-11-23 15:59:59") == Phase.CONTINUOUS
    assert phase("2026-11-23 16:00:00") == Phase.CLOSED
    assert phase("2026-11-23 16:45:00") == Phase.PRE_OPEN
    # The day that begins on Monday ends on Tuesday; Tuesday begins none.
    assert phase("2026-11-24 15:59:59") == Phase.CONTINUOUS
    assert phase("2026-11-28 12:00:00") == Phase.CLOSED


def test_groups_have_their_own_days_and_others_trade_always() -> None:
    table = days(
        stocks={**DAY, "symbols": ["A", "B"], "random_end_s": 30},
        coins={"symbols": ["C"], "always": "continuous"},
        old={"symbols": ["D"], "always": "closed"},
    )
    now = at("2026-11-20 08:55:00")
    assert table.slot("A", now).phase == Phase.OPENING_AUCTION
    assert table.slot("A", now).random_ns == 30 * 10**9
    assert table.slot("C", now).phase == table.slot("Z", now).phase == Phase.CONTINUOUS
    assert table.slot("D", now).phase == Phase.CLOSED
    assert table.next_change(now) == at("2026-11-20 09:00:00")
    assert days(coins={"symbols": ["C"], "always": "continuous"}).next_change(now) == 0


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (
            {"default": {**DAY, "symbols": ["A"]}},
            "schedule.default.symbols: default is for all instruments of no other "
            "table",
        ),
        (
            {"stocks": DAY},
            "schedule.stocks.symbols is missing: which instruments is it for?",
        ),
        (
            {"default": {**DAY, "pre_opn": "07:00:00"}},
            "unknown key schedule.default.pre_opn; did you mean "
            "schedule.default.pre_open?",
        ),
        (
            {"default": {**DAY, "continuous": "9 o'clock"}},
            'schedule.default.continuous is "9 o\'clock", not a time like 17:30:00',
        ),
        (
            {"default": {**DAY, "time_zone": "Europe/Berln"}},
            "schedule.default.time_zone is 'Europe/Berln', 'Europe/Berln' is not in "
            "the time zone database",
        ),
        (
            {"default": {**DAY, "weekdays": "Mo,Mo"}},
            "schedule.default.weekdays is 'Mo,Mo', 'Mo,Mo' names a day twice",
        ),
        (
            {"default": {**DAY, "random_end_s": 3601}},
            "schedule.default.random_end_s is 3601, not 0 to 3600",
        ),
        (
            {"default": {**DAY, "continuous": "07:00:00"}},
            "schedule.default: times must follow each other within a day, in the order "
            "pre_open, opening_auction, continuous, closing_auction, post_close, "
            "closed",
        ),
        (
            {"default": {}},
            "schedule.default: says nothing: give always, or the times of a trading "
            "day",
        ),
        (
            {"default": {"closed": "18:00:00"}},
            "schedule.default: one time is no trading day: when does that phase end?",
        ),
        (
            {"default": {**DAY, "always": "continuous"}},
            "schedule.default: either always, or times of a trading day",
        ),
        (
            {
                "a": {"symbols": ["X"], "always": "closed"},
                "b": {"symbols": ["X"], "always": "continuous"},
            },
            "schedule.b: X is in schedule.a already",
        ),
        ({"default": 5}, "schedule.default is no table"),
    ],
)
def test_what_is_wrong_is_said(groups: dict[str, Any], said: str) -> None:
    assert said in problems(schedule=groups)


def test_limits_are_read_in_the_integers_of_the_records() -> None:
    limits = parsed(
        limits={
            "session": {"order_qty_max": 1000, "rate_max": 50},
            "sessions": {"BUYER": {"notional_max": "1000.5"}},
            "accounts": {"ACC1": {"position_max": 5, "open_orders_max": 7}},
        }
    ).limits
    assert limits.session == {"order_qty_max": 1000 * 10**8, "rate_max": 50}
    assert limits.sessions == {"BUYER": {"notional_max": 100_050_000_000}}
    expected = {"ACC1": {"position_max": 5 * 10**8, "open_orders_max": 7}}
    assert limits.accounts == expected


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"session": {"rate": 5}}, "unknown key limits.session.rate; did you mean "),
        (
            {"session": {"position_max": 5}},
            "limits.session.position_max: only accounts have positions",
        ),
        (
            {"session": {"rate_max": "5"}},
            "limits.session.rate_max is '5', not 0 to 1000000000",
        ),
        (
            {"session": {"order_qty_max": "much"}},
            "limits.session.order_qty_max is 'much', not 0 to 10000000000",
        ),
        (
            {"session": {"order_qty_max": 1.5}},
            "limits.session.order_qty_max is 1.5, not a whole number, or an amount in "
            "quotes",
        ),
        ({"everybody": {}}, "limits.everybody is unknown: there are limits.session, "),
        ({"accounts": {"A" * 25: {}}}, f"limits.accounts.{'A' * 25}: "),
    ],
)
def test_wrong_limits_are_refused(limits: dict[str, Any], said: str) -> None:
    assert any(problem.startswith(said) for problem in problems(limits=limits))


@pytest.mark.parametrize(
    ("breaker", "said"),
    [
        ({"levels": [15, 10]}, "circuit_breaker.levels is [15, 10], not 1 to 10 whole"),
        ({"levels": [10, 20]}, "circuit_breaker.halt_s has not one time for each of "),
        ({"halt_s": [1, 2, 86_401]}, "circuit_breaker.halt_s is [1, 2, 86401], not 1 "),
    ],
)
def test_wrong_levels_are_refused(breaker: dict[str, Any], said: str) -> None:
    found = problems(circuit_breaker=breaker)
    assert any(problem.startswith(said) for problem in found), found
