"""The settings of a session, written as a sessions file writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from fixgw.session.keys import KEYS, Concern
from fixgw.session.recurrence import Recurrence
from fixgw.session.schedule import Schedule
from fixgw.session.settings import SessionSettings
from fixgw.session.timeofday import DAYS, EVERY_DAY

_NAMES: dict[str, str] = {}
for _key in KEYS.values():
    if _key.concern is Concern.HONOURED:
        _NAMES.setdefault(_key.field, _key.name)


def as_keys(settings: SessionSettings) -> dict[str, str]:
    """Every key that is in force, defaults included, by its name in QuickFIX's own
    spelling. Keys without a value, as a DataDictionary that is ours, are left out. Read
    again they give the same settings.
    """
    identity = settings.session_id
    keys = {
        "BeginString": identity.begin_string,
        "SenderCompID": identity.sender_comp_id,
        "TargetCompID": identity.target_comp_id,
        **_schedule(settings.schedule),
    }
    for field in fields(settings):
        value = getattr(settings, field.name)
        name = _NAMES.get(field.name)
        if name is not None and value is not None and value != ():
            keys[name] = _text(value)
    return keys


def _schedule(schedule: Schedule) -> dict[str, str]:
    if schedule.session is None:
        return {"NonStopSession": "Y"}
    keys = _window(schedule.session, ("StartTime", "EndTime", "StartDay", "EndDay"))
    if schedule.logon is not None:
        names = ("LogonTime", "LogoutTime", "LogonDay", "LogoutDay")
        keys |= _window(schedule.logon, names)
    return keys


def _window(window: Recurrence, names: tuple[str, str, str, str]) -> dict[str, str]:
    keys = {names[0]: str(window.start), names[1]: str(window.end)}
    if window.end_day is not None:
        (start_day,) = window.start_days
        keys |= {names[2]: DAYS[start_day], names[3]: DAYS[window.end_day]}
    elif window.start_days != EVERY_DAY:
        keys["Weekdays"] = ",".join(DAYS[day] for day in sorted(window.start_days))
    return keys


def _text(value: Any) -> str:
    return _TEXTS[type(value)](value)


_TEXTS: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "Y" if value else "N",
    int: str,
    float: lambda value: f"{value:.6f}".rstrip("0").rstrip("."),
    str: str,
    tuple: lambda networks: ",".join(map(str, networks)),
}
