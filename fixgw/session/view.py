"""A session as a sessions file describes it, and what must hold within it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, tzinfo
from typing import Any

from fixgw.dictionary import APPL_VER_IDS
from fixgw.session.identity import SessionId
from fixgw.session.keys import KEYS, find
from fixgw.session.profile import PROFILES, Conformance, Profile
from fixgw.session.schedule import MISSING_TIME, Plan
from fixgw.session.sections import Entry, Section
from fixgw.session.values import DEFAULTS, FIXT, QUICKFIX_DEFAULTS, VERSIONS


@dataclass(frozen=True, slots=True)
class View:
    """A session as it will be: its own section over the default.

    A template stands for every client that is not listed: TargetCompID ``*``.
    """

    default: Section
    section: Section
    local_zone: tzinfo | None

    def entry(self, name: str) -> Entry | None:
        """What the file says of that field, for this session.

        What [DEFAULT] says is for those sessions whose version can have it.
        """
        own = self.section.entries.get(name)
        if own is not None or name not in self.default.entries:
            return own
        return self.default.entries[name] if self.fits(name) else None

    def fits(self, name: str) -> bool:
        """Whether the session's version of FIX has what that field is for."""
        said = self.section.entries.get("begin_string") or self.default.entries.get(
            "begin_string"
        )
        if said is None:
            return True
        if said.value == FIXT:
            return name != "data_dictionary"
        since = SINCE.get(name.partition(".")[0], VERSIONS[0])
        return VERSIONS.index(said.value) >= VERSIONS.index(since)

    def get(self, name: str) -> Any:
        """The value of that field; its default if not given, None if it has none."""
        entry = self.entry(name)
        return entry.value if entry else self.default_of(name)

    def default_of(self, name: str) -> Any:
        """The value of a field that the file does not mention; Conformance selects.

        With MaxMessagesInResendRequest it is QuickFIX/n's: that engine says the true
        end of the last part of a gap as well.
        """
        if name == "closed_resend_interval":
            chunk = self.entry("resend_request_chunk_size")
            return chunk is not None and chunk.name == "MaxMessagesInResendRequest"
        if (
            name in QUICKFIX_DEFAULTS
            and self.get("conformance") is Conformance.QUICKFIX
        ):
            return QUICKFIX_DEFAULTS[name]
        return DEFAULTS.get(name)

    def is_given(self, name: str) -> bool:
        return self.entry(name) is not None

    def line(self, key_name: str) -> int:
        """Where to point for a problem with that key."""
        key = find(key_name)
        entry = self.entry(key.field) if key else None
        return entry.line if entry else self.section.line

    @property
    def is_template(self) -> bool:
        # DynamicSessions=Y of [DEFAULT] makes a section of its own of [DEFAULT].
        own = self.section.entries.get("dynamic_sessions")
        return bool(self.get("is_template") or (own and own.value))

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

    def needing(self) -> Iterator[tuple[Entry, str]]:
        """What is given and does something only beside another key: that key, or
        nothing if it does something."""
        for name, needed in WITHOUT_EFFECT.items():
            entry = self.entry(KEYS[name].field)
            if entry is not None:
                has_effect = any(self.get(KEYS[other].field) for other in needed)
                yield entry, "" if has_effect else " or ".join(needed)

    def session_id(self) -> SessionId | None:
        parts = [self.get(KEYS[name].field) for name in IDENTITY]
        if self.is_template:
            parts[-1] = parts[-1] or "*"
        if not all(parts):
            return None
        return SessionId(
            *parts,
            **{KEYS[name].field: self.get(KEYS[name].field) or "" for name in SUBS},
        )

    def profile(self) -> Profile:
        """The column that Conformance selects, and the rows that have a key."""
        rows = {item.name: self.get(item.name) for item in fields(Profile)}
        given = {name: value for name, value in rows.items() if value is not None}
        return replace(PROFILES[self.get("conformance")], **given)

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

    def app_data_dictionaries(self) -> tuple[tuple[str, str], ...]:
        """ApplVerID(1128) and file, DefaultApplVerID's first."""
        default = self.get("default_appl_ver_id")
        found = {}
        for name in (*self.default.entries, *self.section.entries):
            stem, _, version = name.partition(".")
            entry = self.entry(name)
            if stem == "app_data_dictionary" and entry is not None:
                found[APPL_VER_IDS.get(version, default)] = str(entry.value)
        return tuple(sorted(found.items(), key=lambda item: item[0] != default))


IDENTITY = ("BeginString", "SenderCompID", "TargetCompID")
DICTIONARIES = ("DataDictionary", "TransportDataDictionary", "AppDataDictionary")
SUBS = ("SenderSubID", "SenderLocationID", "TargetSubID", "TargetLocationID")
PLAN_FIELDS = tuple(item.name for item in fields(Plan) if item.name != "zone")

WITHOUT_EFFECT = {
    "HeartBtInt": ("HeartBtIntOverride",),
    "ResetSeqTime": ("EnableResetSeqTime",),
    "ThrottleBurst": ("ThrottleMessagesPerSecond",),
    "ThrottleRejectsMax": ("ThrottleMessagesPerSecond",),
    "ResendOverflow": ("ResendMessagesMax", "ResendRequestsPerMinuteMax"),
    "CancelOnDisconnectGrace": ("CancelOnDisconnect", "CancelOnLogout"),
    "CancelKeepsGTC": ("CancelOnDisconnect", "CancelOnLogout"),
    "RedactFieldsInLogs": ("FileLogPath",),
    "RedactionLogText": ("FileLogPath",),
}
"""Keys that do nothing unless one of some others is set."""

SINCE = {
    "sender_location_id": "FIX.4.1",
    "target_location_id": "FIX.4.1",
    "enable_last_msg_seq_num_processed": "FIX.4.2",
    "enable_next_expected_msg_seq_num": "FIX.4.4",
    "drop_copy_of": "FIX.4.4",
    "default_appl_ver_id": FIXT,
    "transport_data_dictionary": FIXT,
    "app_data_dictionary": FIXT,
}
"""The fields for what FIX has from that version on."""


def _required(view: View) -> Iterator[tuple[str, str]]:
    for name in ("ConnectionType", *IDENTITY):
        if name == "TargetCompID" and view.is_template:
            continue
        if not view.is_given(KEYS[name].field):
            yield name, "is missing, here and in [DEFAULT]"
    if not view.get("non_stop_session"):
        for name in ("StartTime", "EndTime"):
            if not view.is_given(KEYS[name].field):
                yield name, MISSING_TIME


def _wildcards(view: View) -> Iterator[tuple[str, str]]:
    name = view.get("target_comp_id")
    if view.is_template and name not in ("*", None):
        yield "TargetCompID", "contradicts AcceptorTemplate=Y, which is for any client"
    for name in (*IDENTITY, *SUBS):
        if view.get(KEYS[name].field) != "*":
            continue
        if name in SUBS:
            yield name, "* is no name; without this key any will do"
        elif name != "TargetCompID":
            yield name, "must be named: * is for the client's side alone"
        elif not view.is_template:
            yield name, "* is for a section with AcceptorTemplate=Y"


def _version(view: View) -> Iterator[tuple[str, str]]:
    version = view.get("begin_string")
    for field, entry in view.section.entries.items():
        if view.fits(field) or not entry.value:
            continue
        since = SINCE.get(field.partition(".")[0])
        if since is not None:
            yield entry.name, f"is for {since}, not for {version}"
        else:
            yield (
                entry.name,
                "FIXT.1.1 has two: TransportDataDictionary and AppDataDictionary",
            )
    if version == FIXT and not view.is_given("default_appl_ver_id"):
        yield "DefaultApplVerID", "is missing; FIXT.1.1 needs it"


def _scheduling(view: View) -> Iterator[tuple[str, str]]:
    if view.get("use_local_time"):
        if view.is_given("time_zone"):
            yield "TimeZone", "contradicts UseLocalTime=Y"
        elif view.local_zone is None:
            yield "UseLocalTime", "the zone of this machine is not known; give TimeZone"
    yield from view.plan().problems()


def _dictionary(view: View) -> Iterator[tuple[str, str]]:
    if view.get("use_data_dictionary"):
        return
    for name in DICTIONARIES:
        if view.is_given(KEYS[name].field):
            yield name, "contradicts UseDataDictionary=N"


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


def _interval(view: View) -> Iterator[tuple[str, str]]:
    low, high = view.get("heart_bt_int_s_min"), view.get("heart_bt_int_s_max")
    if low > high:
        yield "HeartBtIntMin", f"{low} is above HeartBtIntMax={high}"
    elif view.get("heart_bt_int_override"):
        if not view.is_given("heart_bt_int_s"):
            yield "HeartBtIntOverride", "needs HeartBtInt, the interval to dictate"
        elif not low <= view.get("heart_bt_int_s") <= high:
            yield (
                "HeartBtInt",
                f"is not from HeartBtIntMin={low} to HeartBtIntMax={high}",
            )


def _authentication(view: View) -> Iterator[tuple[str, str]]:
    # Somebody who is not listed has no name but the one the certificate must have.
    if view.is_template and view.is_given("client_certificate_names"):
        yield "ClientCertificateNames", "cannot be the same for all clients not listed"


RULES: dict[Callable[[View], Iterator[tuple[str, str]]], tuple[str, ...]] = {
    _scheduling: (*PLAN_FIELDS, "use_local_time", "time_zone"),
    _wildcards: ("target_comp_id", "is_template", "dynamic_sessions"),
    _version: ("begin_string", "default_appl_ver_id"),
    _dictionary: ("use_data_dictionary",),
    _interval: (
        "heart_bt_int_override",
        "heart_bt_int_s",
        "heart_bt_int_s_min",
        "heart_bt_int_s_max",
    ),
    _authentication: ("is_template", "dynamic_sessions"),
    _precision: ("milliseconds_in_time_stamp", "timestamp_precision"),
    _silence: ("test_request_delay_multiplier", "heartbeat_timeout_multiplier"),
    _resending: ("resend_session_level_rejects", "persist_messages"),
}
"""What must hold within one session, and the fields by which that is judged."""
