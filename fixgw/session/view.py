"""A session as a sessions file describes it, and what must hold within it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, tzinfo
from typing import Any

from fixgw.session.identity import SessionId
from fixgw.session.keys import KEYS
from fixgw.session.schedule import MISSING_TIME, Plan
from fixgw.session.sections import Entry, Section
from fixgw.session.values import DEFAULTS


@dataclass(frozen=True, slots=True)
class View:
    """A session as it will be: its own section over the default."""

    default: Section
    section: Section
    local_zone: tzinfo | None

    def _entry(self, name: str) -> Entry | None:
        own = self.section.entries.get(name)
        return own or self.default.entries.get(name)

    def get(self, name: str) -> Any:
        """The value of that field; its default if not given, None if it has none."""
        entry = self._entry(name)
        return entry.value if entry else DEFAULTS.get(name)

    def is_given(self, name: str) -> bool:
        return self._entry(name) is not None

    def line(self, key_name: str) -> int:
        """Where to point for a problem with that key."""
        entry = self._entry(KEYS[key_name].field)
        return entry.line if entry else self.section.line

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is missing and what contradicts what: the key to blame, the reason.

        A key whose value was refused is as good as given, but nothing is said of what
        depends on its value.
        """
        spoilt = self.default.spoilt | self.section.spoilt
        for name, reason in _required(self):
            if KEYS[name].field not in spoilt:
                yield name, reason
        for rule, inputs in RULES.items():
            if spoilt.isdisjoint(inputs):
                yield from rule(self)

    def session_id(self) -> SessionId | None:
        parts = [self.get(KEYS[name].field) for name in IDENTITY]
        return SessionId(*parts) if all(parts) else None

    def plan(self) -> Plan:
        values = {name: self.get(name) for name in PLAN_FIELDS}
        zone = self.local_zone if self.get("use_local_time") else self.get("time_zone")
        return Plan(**values, zone=zone or UTC)

    def precision(self) -> int:
        given = self.is_given("timestamp_precision")
        if not given and not self.get("milliseconds_in_time_stamp"):
            return 0
        digits: int = self.get("timestamp_precision")
        return digits


IDENTITY = ("BeginString", "SenderCompID", "TargetCompID")
PLAN_FIELDS = tuple(item.name for item in fields(Plan) if item.name != "zone")


def _required(view: View) -> Iterator[tuple[str, str]]:
    for name in ("ConnectionType", *IDENTITY):
        if not view.is_given(KEYS[name].field):
            yield name, "is missing, here and in [DEFAULT]"
    if not view.get("non_stop_session"):
        for name in ("StartTime", "EndTime"):
            if not view.is_given(KEYS[name].field):
                yield name, MISSING_TIME


def _scheduling(view: View) -> Iterator[tuple[str, str]]:
    if view.get("use_local_time"):
        if view.is_given("time_zone"):
            yield "TimeZone", "contradicts UseLocalTime=Y"
        elif view.local_zone is None:
            yield "UseLocalTime", "the zone of this machine is not known; give TimeZone"
    yield from view.plan().problems()


def _dictionary(view: View) -> Iterator[tuple[str, str]]:
    if not view.get("use_data_dictionary") and view.is_given("data_dictionary"):
        yield "DataDictionary", "contradicts UseDataDictionary=N"


def _precision(view: View) -> Iterator[tuple[str, str]]:
    if view.is_given("milliseconds_in_time_stamp") and view.is_given(
        "timestamp_precision"
    ):
        digits, wanted = view.precision(), view.get("milliseconds_in_time_stamp")
        if (digits > 0) != wanted:
            yield "MillisecondsInTimeStamp", f"contradicts a precision of {digits}"


def _silence(view: View) -> Iterator[tuple[str, str]]:
    asks, cuts = (
        view.get("test_request_delay_multiplier"),
        view.get("heartbeat_timeout_multiplier"),
    )
    if cuts <= asks:
        yield (
            "HeartBeatTimeoutMultiplier",
            f"{cuts} cuts a silent client before TestRequestDelayMultiplier={asks}"
            " asks it",
        )


def _resending(view: View) -> Iterator[tuple[str, str]]:
    if view.get("resend_session_level_rejects") and not view.get("persist_messages"):
        yield (
            "ResendSessionLevelRejects",
            "contradicts PersistMessages=N: nothing is kept to be resent",
        )


RULES: dict[Callable[[View], Iterator[tuple[str, str]]], tuple[str, ...]] = {
    _scheduling: (*PLAN_FIELDS, "use_local_time", "time_zone"),
    _dictionary: ("use_data_dictionary", "data_dictionary"),
    _precision: ("milliseconds_in_time_stamp", "timestamp_precision"),
    _silence: ("test_request_delay_multiplier", "heartbeat_timeout_multiplier"),
    _resending: ("resend_session_level_rejects", "persist_messages"),
}
"""What must hold within one session, and the fields by which that is judged."""
