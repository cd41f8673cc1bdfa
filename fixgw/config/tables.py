"""The sections of ``fixgw.toml`` whose tables have names of the user's own:
``[schedule.NAME]`` and ``[limits…]``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from engine import decimals
from engine.codes import Phase
from engine.host.limitcommands import AMOUNTS, COUNTS, NAMES
from engine.records import ACCOUNT_BYTES
from fixgw.config.timetable import Group
from fixgw.config.values import NS_PER_S, time_of_day
from fixgw.session.timeofday import EVERY_DAY, parse_days, parse_zone

RANDOM_END_S_MAX = 3_600
"""An auction that ends more than an hour late is a mistake."""

DAY_PHASES = (
    Phase.PRE_OPEN,
    Phase.OPENING_AUCTION,
    Phase.CONTINUOUS,
    Phase.CLOSING_AUCTION,
    Phase.POST_CLOSE,
    Phase.CLOSED,
)
"""What a trading day may consist of, in this order."""

_STARTS = {phase.name.lower(): phase for phase in DAY_PHASES}
_SCHEDULE_KEYS = (
    "symbols",
    "time_zone",
    "weekdays",
    "always",
    "random_end_s",
    *_STARTS,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits by who they are for: every session, some sessions, some accounts.

    Each is the fields of SET_LIMITS in the integers of the records; those not named
    are 0, which is unlimited.
    """

    session: dict[str, int] | None = None
    sessions: dict[str, dict[str, int]] = field(default_factory=dict)
    accounts: dict[str, dict[str, int]] = field(default_factory=dict)


def schedule(tree: object, problems: list[str]) -> tuple[Group, ...]:
    """The groups of [schedule]; what is wrong is added to ``problems``."""
    groups: list[Group] = []
    taken: dict[str, str] = {}
    for name, table in _tables("schedule", tree, problems):
        group = _group(name, table, problems)
        for symbol in sorted(group.symbols):
            if symbol in taken:
                problems.append(
                    f"schedule.{name}: {symbol} is in schedule.{taken[symbol]} already"
                )
            taken[symbol] = name
        groups.append(group)
    return tuple(groups)


def limits(tree: object, problems: list[str]) -> Limits:
    """What [limits] says; what is wrong is added to ``problems``."""
    default: dict[str, int] | None = None
    named: dict[str, dict[str, dict[str, int]]] = {"sessions": {}, "accounts": {}}
    for name, table in _tables("limits", tree, problems):
        if name == "session":
            default = _limits("limits.session", table, problems, ("position_max",))
        elif name in named:
            without = ("position_max",) if name == "sessions" else ()
            for owner, inner in _tables(f"limits.{name}", table, problems):
                full = f"limits.{name}.{owner}"
                named[name][owner] = _limits(full, inner, problems, without)
                if name == "accounts" and not _is_account(owner):
                    problems.append(f"{full}: {owner!r} can be no account")
        else:
            problems.append(
                f"limits.{name} is unknown: there are limits.session, "
                "limits.sessions.NAME and limits.accounts.NAME"
            )
    return Limits(default, named["sessions"], named["accounts"])


def _tables(
    name: str, tree: object, problems: list[str]
) -> Iterable[tuple[str, dict[str, Any]]]:
    if not isinstance(tree, dict):
        problems.append(f"{name} is no table")
        return
    for inner, table in tree.items():
        if isinstance(table, dict):
            yield inner, table
        else:
            problems.append(f"{name}.{inner} is no table")


def _unknown(table: str, key: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(key, list(known), 1)
    advice = f"; did you mean {table}.{near[0]}?" if near else ""
    return f"unknown key {table}.{key}{advice}"


def _group(name: str, table: dict[str, Any], problems: list[str]) -> Group:
    full = f"schedule.{name}"
    problems += [
        _unknown(full, key, _SCHEDULE_KEYS)
        for key in table
        if key not in _SCHEDULE_KEYS
    ]

    def read(key: str, convert: Any, default: Any) -> Any:
        if key not in table:
            return default
        try:
            return convert(table[key])
        except ValueError as error:
            problems.append(f"{full}.{key} is {table[key]!r}, {error}")
            return default

    symbols = read("symbols", _symbols, frozenset())
    starts = [
        (at // NS_PER_S, phase)
        for key, phase in _STARTS.items()
        if (at := read(key, time_of_day, None)) is not None
    ]
    if (name == "default") == bool(symbols):
        problems.append(
            f"{full}.symbols: default is for all instruments of no other table"
            if symbols
            else f"{full}.symbols is missing: which instruments is it for?"
        )
    problems += [f"{full}: {text}" for text in _contradictions(table, starts)]
    return Group(
        name,
        symbols,
        read("time_zone", _zone, UTC),
        read("weekdays", _weekdays, EVERY_DAY),
        tuple(starts),
        read("always", _always, Phase.CONTINUOUS),
        read("random_end_s", _random, 0),
    )


def _contradictions(
    table: dict[str, Any], starts: list[tuple[int, Phase]]
) -> Iterable[str]:
    if ("always" in table) == bool(starts):
        yield (
            "either always, or times of a trading day"
            if starts
            else "says nothing: give always, or the times of a trading day"
        )
    if len(starts) == 1:
        yield "one time is no trading day: when does that phase end?"
    turns = sum(b[0] <= a[0] for a, b in zip(starts, starts[1:], strict=False))
    if turns > 1 or (turns and starts[-1][0] >= starts[0][0]):
        order = ", ".join(_STARTS)
        yield f"times must follow each other within a day, in the order {order}"


def _symbols(value: object) -> frozenset[str]:
    if not isinstance(value, list) or not all(
        isinstance(one, str) and one.isascii() and one for one in value
    ):
        raise ValueError("not a list of symbols")
    return frozenset(value)


def _zone(value: object) -> Any:
    if not isinstance(value, str):
        raise ValueError("not the name of a time zone")
    return parse_zone(value)


def _weekdays(value: object) -> frozenset[int]:
    if not isinstance(value, str):
        raise ValueError("not days like Monday,Tuesday")
    return parse_days(value)


def _always(value: object) -> Phase:
    if not isinstance(value, str) or value not in ("continuous", "closed"):
        raise ValueError("not continuous or closed")
    return Phase[value.upper()]


def _random(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"not 0 to {RANDOM_END_S_MAX}")
    if not 0 <= value <= RANDOM_END_S_MAX:
        raise ValueError(f"not 0 to {RANDOM_END_S_MAX}")
    return value


def _limits(
    full: str, table: dict[str, Any], problems: list[str], without: tuple[str, ...]
) -> dict[str, int]:
    found = {}
    for key, value in table.items():
        if key in without:
            problems.append(f"{full}.{key}: only accounts have positions")
        elif key not in NAMES:
            problems.append(_unknown(full, key, NAMES))
        else:
            try:
                found[key] = _limit(key, value)
            except ValueError as error:
                problems.append(f"{full}.{key} is {value!r}, {error}")
    return found


def _limit(key: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("not a whole number, or an amount in quotes")
    if key in COUNTS:
        if not isinstance(value, int) or not 0 <= value <= COUNTS[key]:
            raise ValueError(f"not 0 to {COUNTS[key]}")
        return value
    try:
        amount = decimals.parse(str(value).encode("ascii", "replace"))
    except ValueError:
        amount = -1
    if not 0 <= amount <= AMOUNTS[key]:
        raise ValueError(f"not 0 to {decimals.render(AMOUNTS[key])}")
    return amount


def _is_account(name: str) -> bool:
    return 0 < len(name) <= ACCOUNT_BYTES and name.isascii() and name.isprintable()
