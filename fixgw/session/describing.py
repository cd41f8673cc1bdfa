"""The settings of a session, written as a sessions file writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from typing import Any

from fixgw.dictionary import APPL_VER_IDS
from fixgw.session.keys import KEYS, Concern
from fixgw.session.profile import PROFILES, Conformance, Profile
from fixgw.session.recurrence import Recurrence
from fixgw.session.schedule import Schedule
from fixgw.session.settings import SessionSettings
from fixgw.session.timeofday import DAYS, EVERY_DAY

_NAMES: dict[str, str] = {}
for _key in KEYS.values():
    if _key.concern is Concern.HONOURED:
        _NAMES.setdefault(_key.field, _key.name)

_VERSION_NAMES = {
    value: name for name, value in APPL_VER_IDS.items() if name.startswith("FIX")
}


def as_keys(settings: SessionSettings) -> dict[str, str]:
    """Every key that is in force, defaults included, by its name in QuickFIX's own
    spelling. Keys without a value, as a DataDictionary that is ours, are left out. Read
    again they give the same settings.
    """
    keys = _identity(settings)
    keys |= _schedule(settings.schedule)
    for field in fields(settings):
        value = getattr(settings, field.name)
        name = _NAMES.get(field.name)
        if name is not None and value not in (None, "", (), frozenset()):
            keys[name] = _text(value)
    if settings.heart_bt_int_override_s:
        keys["HeartBtIntOverride"] = "Y"
        keys["HeartBtInt"] = str(settings.heart_bt_int_override_s)
    for version, path in settings.app_data_dictionaries:
        keys[f"AppDataDictionary.{_VERSION_NAMES[version]}"] = path
    return keys | _profile(settings.profile)


def _identity(settings: SessionSettings) -> dict[str, str]:
    parts = fields(settings.session_id)
    values = {part.name: getattr(settings.session_id, part.name) for part in parts}
    return {_NAMES[name]: text for name, text in values.items() if text}


def _profile(profile: Profile) -> dict[str, str]:
    conformance = Conformance.STANDARD
    if profile == PROFILES[Conformance.QUICKFIX]:
        conformance = Conformance.QUICKFIX
    rows = {
        _NAMES[row.name]: _text(getattr(profile, row.name)) for row in fields(profile)
    }
    return {"Conformance": conformance.value, **rows}


def _schedule(schedule: Schedule) -> dict[str, str]:
    reset = {}
    if schedule.reset is not None:
        reset = {"EnableResetSeqTime": "Y", "ResetSeqTime": str(schedule.reset.start)}
    if schedule.session is None:
        return {"NonStopSession": "Y", **reset}
    keys = _window(schedule.session, ("StartTime", "EndTime", "StartDay", "EndDay"))
    if schedule.logon is not None:
        names = ("LogonTime", "LogoutTime", "LogonDay", "LogoutDay")
        keys |= _window(schedule.logon, names)
    return keys | reset


def _window(window: Recurrence, names: tuple[str, str, str, str]) -> dict[str, str]:
    keys = {names[0]: str(window.start), names[1]: str(window.end)}
    if window.end_day is not None:
        (start_day,) = window.start_days
        keys |= {names[2]: DAYS[start_day], names[3]: DAYS[window.end_day]}
    elif window.start_days != EVERY_DAY:
        keys["Weekdays"] = ",".join(DAYS[day] for day in sorted(window.start_days))
    return keys


def _text(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    return _TEXTS[type(value)](value)


_TEXTS: dict[type, Callable[[Any], str]] = {
    bool: lambda value: "Y" if value else "N",
    int: str,
    float: lambda value: f"{value:.6f}".rstrip("0").rstrip("."),
    str: str,
    tuple: lambda values: ",".join(map(str, values)),
    frozenset: lambda values: ",".join(map(str, sorted(values))),
}
