"""The sessions file: QuickFIX's own format and key names, read without a file.

``[DEFAULT]`` once, ``[SESSION]`` for each session, ``key=value`` lines, ``#`` lines.
What a session does not say, the default says. :mod:`fixgw.session.keys` lists the keys.

Whoever runs an exchange must be able to trust that a session is what the file says. So
everything wrong with the file is found in one go and refused together: unknown keys,
bad values, values that contradict each other. What is harmless is told in a warning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, tzinfo
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from fixgw.session.identity import SessionId
from fixgw.session.keys import KEYS, Concern, Key, Kind, Scope, find, nearest
from fixgw.session.schedule import (
    MISSING_TIME,
    NON_STOP,
    Plan,
    Schedule,
    parse_day,
    parse_days,
    parse_time,
    parse_zone,
)

OFFERED_VERSIONS = ("FIX.4.4",)
VERSIONS = ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIXT.1.1")
"""Values of BeginString(8) that QuickFIX knows; what is not offered is refused."""

LINE_CHARS_MAX = 1000
"""QuickFIX stops reading, without a word, at a line of more than 1023 bytes."""

SESSIONS_MAX = 10_000
"""Each session costs memory at start whether it is used or not."""

COMP_ID = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
"""Printable ASCII, at most 64 of it: it goes into every message and record."""

UNITS = {"SECONDS": 0, "MILLIS": 3, "MICROS": 6, "NANOS": 9}

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the file: ``config/sessions.cfg:12: Key: reason``."""

    file: str
    line: int
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.reason}"


class SettingsError(ValueError):
    """All that is wrong with a sessions file, in the order of its lines."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """One session. SenderCompID of ``session_id`` is ours, TargetCompID the client's.

    A TestRequest is sent after HeartBtInt times (1 + test_request_delay_multiplier)
    without a message, and the connection is cut after HeartBtInt times
    (1 + heartbeat_timeout_multiplier). ``data_dictionary`` None means the dictionary
    that comes with the version. No ``allowed_remote_addresses`` means all are allowed.
    """

    session_id: SessionId
    schedule: Schedule = NON_STOP
    check_comp_id: bool = True
    check_latency: bool = True
    max_latency_s: int = 120
    reset_on_logon: bool = False
    reset_on_logout: bool = False
    reset_on_disconnect: bool = False
    persist_messages: bool = True
    timestamp_precision: int = 3
    use_data_dictionary: bool = True
    data_dictionary: str | None = None
    logon_timeout_s: int = 10
    logout_timeout_s: int = 2
    test_request_delay_multiplier: float = 0.2
    heartbeat_timeout_multiplier: float = 1.4
    disable_heartbeat_check: bool = False
    resend_request_chunk_size: int = 0
    closed_resend_interval: bool = False
    send_redundant_resend_requests: bool = False
    resend_session_level_rejects: bool = False
    validate_fields_out_of_order: bool = True
    validate_fields_have_values: bool = True
    validate_user_defined_fields: bool = True
    allow_unknown_msg_fields: bool = False
    allow_unknown_enum_values: bool = False
    validate_length_and_checksum: bool = True
    requires_orig_sending_time: bool = True
    allowed_remote_addresses: tuple[Network, ...] = ()
    enable_last_msg_seq_num_processed: bool = False
    send_logout_before_disconnect_from_timeout: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptorSettings:
    """The listener and its sessions, in the order of the file.

    An empty ``host`` means every interface; a buffer of 0 bytes is left to the system.
    ``warnings`` are for the operator, in the form of problems.
    """

    host: str = ""
    port: int
    no_delay: bool = True
    keep_alive: bool = False
    send_buffer_bytes: int = 0
    receive_buffer_bytes: int = 0
    sessions: tuple[SessionSettings, ...]
    warnings: tuple[str, ...] = ()


def parse(text: str, name: str, local_zone: tzinfo | None = None) -> AcceptorSettings:
    """The settings in ``text``; ``name`` is the file for messages.

    ``local_zone`` is what UseLocalTime=Y stands for; without it that value is refused.
    Raises SettingsError with every problem found.
    """
    reader = _Reader(name)
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        reader.take(number, line.strip())
    views = [_View(reader.default, section, local_zone) for section in reader.sessions]
    acceptor = reader.check_acceptor()
    reader.check_sessions(views)
    if reader.problems:
        # One fault in [DEFAULT] is found again with every session.
        found = sorted(dict.fromkeys(reader.problems), key=lambda each: each.line)
        raise SettingsError(tuple(found))
    return AcceptorSettings(
        **acceptor,
        sessions=tuple(view.settings() for view in views),
        warnings=tuple(str(warning) for warning in reader.warnings),
    )


def _bool(text: str, key: Key) -> bool:
    if text not in ("Y", "N"):
        raise ValueError(f"{text!r} is neither Y nor N")
    return text == "Y"


def _int(text: str, key: Key) -> int:
    if not re.fullmatch(r"-?[0-9]{1,10}", text) or not key.low <= int(text) <= key.high:
        raise ValueError(f"{text!r} is not a whole number from {key.low} to {key.high}")
    return int(text)


def _ratio(text: str, key: Key) -> float:
    # The form keeps out what float() would also take: nan, inf, 1e9, 1_0.
    if (
        not re.fullmatch(r"[0-9]{1,4}(?:\.[0-9]{1,6})?", text)
        or not key.low <= float(text) <= key.high
    ):
        raise ValueError(f"{text!r} is not a number from {key.low} to {key.high}")
    return float(text)


def _comp_id(text: str, key: Key) -> str:
    if not COMP_ID.fullmatch(text):
        raise ValueError(f"{text!r} is not 1 to 64 printable ASCII characters")
    return text


def _version(text: str, key: Key) -> str:
    if text in OFFERED_VERSIONS:
        return text
    if text in VERSIONS:
        raise ValueError(
            f"{text} is not offered yet, only {', '.join(OFFERED_VERSIONS)} is"
        )
    raise ValueError(f"{text!r} is not a version of FIX")


def _connection(text: str, key: Key) -> str:
    if text == "initiator":
        raise ValueError("initiator is not offered: this is an acceptor")
    if text != "acceptor":
        raise ValueError(f"{text!r} is not acceptor")
    return text


def _host(text: str, key: Key) -> str:
    if not re.fullmatch(r"[0-9A-Za-z._:%-]+", text):
        raise ValueError(f"{text!r} is not a host name or address")
    return text


def _addresses(text: str, key: Key) -> tuple[Network, ...]:
    return tuple(_network(part.strip()) for part in text.split(","))


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address or network") from None


def _digits(text: str, key: Key) -> int:
    digits = {str(digits): digits for digits in UNITS.values()}
    if text not in digits:
        raise ValueError(f"{text!r} is not one of {', '.join(digits)}")
    return digits[text]


def _unit(text: str, key: Key) -> int:
    if text not in UNITS:
        raise ValueError(f"{text!r} is not one of {', '.join(UNITS)}")
    return UNITS[text]


CONVERTERS: dict[Kind, Callable[[str, Key], Any]] = {
    Kind.BOOL: _bool,
    Kind.INT: _int,
    Kind.RATIO: _ratio,
    Kind.TEXT: lambda text, key: text,
    Kind.COMP_ID: _comp_id,
    Kind.VERSION: _version,
    Kind.CONNECTION: _connection,
    Kind.HOST: _host,
    Kind.ADDRESSES: _addresses,
    Kind.TIME: lambda text, key: parse_time(text),
    Kind.DAY: lambda text, key: parse_day(text),
    Kind.DAYS: lambda text, key: parse_days(text),
    Kind.ZONE: lambda text, key: parse_zone(text),
    Kind.DIGITS: _digits,
    Kind.UNIT: _unit,
}
"""How to read each kind of value. They raise ValueError with the reason."""


def _default(key: Key) -> Any:
    return CONVERTERS[key.kind](key.default, key)


DEFAULTS = {
    key.field: _default(key)
    for key in KEYS.values()
    if key.concern is Concern.HONOURED and key.default
}
"""The value of each field that no key of a file sets."""


@dataclass(frozen=True, slots=True)
class _Entry:
    line: int
    name: str
    text: str
    value: Any


@dataclass(slots=True)
class _Section:
    """What one section says: its honoured values by field, and fields it got wrong."""

    line: int
    entries: dict[str, _Entry] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    spoilt: set[str] = field(default_factory=set)


class _Reader:
    """Collects sections, problems and warnings line by line."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.default = _Section(1)
        self.sessions: list[_Section] = []
        self._section: _Section | None = None
        self._has_default = False

    def take(self, number: int, line: str) -> None:
        if not line or line.startswith("#"):
            return
        if len(line) > LINE_CHARS_MAX:
            reason = f"the line is longer than {LINE_CHARS_MAX} characters"
            self._refuse(number, f"{line[:20]}...", reason)
        elif line.startswith("["):
            self._begin(number, line)
        elif "=" in line:
            name, _, text = line.partition("=")
            self._set(number, name.strip(), text.strip())
        else:
            self._refuse(number, line, "is neither a section nor key=value")

    def _refuse(self, line: int, key: str, reason: str) -> None:
        self.problems.append(Problem(self.file, line, key, reason))

    def _begin(self, number: int, line: str) -> None:
        self._section = _Section(number)
        title = line[1:-1].strip().upper() if line.endswith("]") else ""
        if title == "SESSION":
            self.sessions.append(self._section)
        elif title != "DEFAULT":
            self._refuse(number, line, "is neither [DEFAULT] nor [SESSION]")
        elif self._has_default:
            first = self.default.line
            self._refuse(number, line, f"is given twice, first at line {first}")
            self._section = self.default  # so that nothing in it counts as missing
        else:
            self.default = self._section
            self._has_default = True

    def _set(self, number: int, name: str, text: str) -> None:
        section, key = self._section, find(name)
        if section is None:
            self._refuse(number, name, "stands before any section")
        elif key is None:
            self._refuse(number, name, _unknown(name))
        elif name in section.lines:
            first = section.lines[name]
            self._refuse(number, name, f"is given twice, first at line {first}")
        else:
            section.lines[name] = number
            try:
                self._judge(section, key, _Entry(number, name, text, _value(text, key)))
            except ValueError as error:
                section.spoilt.add(key.field)
                self._refuse(number, name, str(error))

    def _judge(self, section: _Section, key: Key, entry: _Entry) -> None:
        """Puts a well-formed value where its concern says; ValueError refuses it."""
        match key.concern:
            case Concern.HONOURED:
                same = section.entries.setdefault(key.field, entry)
                if same.value != entry.value:
                    raise ValueError(
                        f"contradicts {same.name}={same.text} of line {same.line},"
                        " another spelling of this key"
                    )
            case Concern.NOT_OFFERED:
                if not key.default:
                    raise ValueError(f"is not offered yet: {key.reason}")
                if entry.value != _default(key):
                    raise ValueError(
                        f"is not offered yet, except {key.default}: {key.reason}"
                    )
            case Concern.INITIATOR:
                self._warn(entry, f"concerns an initiator only: {key.meaning}")
            case Concern.NO_EFFECT:
                self._warn(entry, f"has no effect: {key.reason}")

    def _warn(self, entry: _Entry, text: str) -> None:
        self.warnings.append(Problem(self.file, entry.line, entry.name, text))

    def check_acceptor(self) -> dict[str, Any]:
        """The listener's values: the default's or, if it has none, a session's."""
        values = {}
        for key in KEYS.values():
            if key.scope is not Scope.ACCEPTOR or key.field in values:
                continue
            sections = (self.default, *self.sessions)
            said = [
                section.entries[key.field]
                for section in sections
                if key.field in section.entries
            ]
            for other in said[1:]:
                if other.value != said[0].value:
                    self._refuse(
                        other.line,
                        other.name,
                        f"contradicts {said[0].name}={said[0].text} of line"
                        f" {said[0].line}: all sessions share one listener",
                    )
            if said:
                values[key.field] = said[0].value
            elif key.field in DEFAULTS:
                values[key.field] = DEFAULTS[key.field]
            elif key.field == "port" and not any(
                "port" in section.spoilt for section in sections
            ):
                self._refuse(self.default.line, key.name, "is missing")
        return values

    def check_sessions(self, views: list[_View]) -> None:
        if not views:
            self._refuse(1, "[SESSION]", "there is none")
        if len(views) > SESSIONS_MAX:
            line = views[SESSIONS_MAX].section.line
            self._refuse(line, "[SESSION]", f"more than {SESSIONS_MAX} sessions")
        lines: dict[int, int] = {}
        for view in views:
            for name, reason in view.problems():
                self._refuse(view.line(name), name, reason)
            session_id = view.session_id()
            if session_id is not None:
                first = lines.setdefault(session_id.key, view.section.line)
                if first != view.section.line:
                    reason = f"{session_id} is already the session of line {first}"
                    self._refuse(view.section.line, "[SESSION]", reason)


def _unknown(name: str) -> str:
    reason = "no engine of the QuickFIX family knows this key"
    suggestion = nearest(name)
    return f"{reason}; did you mean {suggestion}?" if suggestion else reason


def _value(text: str, key: Key) -> Any:
    if not text:
        raise ValueError("has no value")
    return CONVERTERS[key.kind](text, key)


@dataclass(frozen=True, slots=True)
class _View:
    """A session as it will be: its own section over the default."""

    default: _Section
    section: _Section
    local_zone: tzinfo | None

    def _entry(self, name: str) -> _Entry | None:
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

    def settings(self) -> SessionSettings:
        """The session. Only to be called when there are no problems."""
        values: dict[str, Any] = {
            name: value
            for name in SESSION_FIELDS
            if (value := self.get(name)) is not None
        }
        values["session_id"] = self.session_id()
        values["schedule"] = self.plan().schedule()
        values["timestamp_precision"] = self.precision()
        return SessionSettings(**values)


IDENTITY = ("BeginString", "SenderCompID", "TargetCompID")
PLAN_FIELDS = tuple(item.name for item in fields(Plan) if item.name != "zone")
SESSION_FIELDS = tuple(item.name for item in fields(SessionSettings))


def _required(view: _View) -> Iterator[tuple[str, str]]:
    for name in ("ConnectionType", *IDENTITY):
        if not view.is_given(KEYS[name].field):
            yield name, "is missing, here and in [DEFAULT]"
    if not view.get("non_stop_session"):
        for name in ("StartTime", "EndTime"):
            if not view.is_given(KEYS[name].field):
                yield name, MISSING_TIME


def _scheduling(view: _View) -> Iterator[tuple[str, str]]:
    if view.get("use_local_time"):
        if view.is_given("time_zone"):
            yield "TimeZone", "contradicts UseLocalTime=Y"
        elif view.local_zone is None:
            yield "UseLocalTime", "the zone of this machine is not known; give TimeZone"
    yield from view.plan().problems()


def _dictionary(view: _View) -> Iterator[tuple[str, str]]:
    if not view.get("use_data_dictionary") and view.is_given("data_dictionary"):
        yield "DataDictionary", "contradicts UseDataDictionary=N"


def _precision(view: _View) -> Iterator[tuple[str, str]]:
    if view.is_given("milliseconds_in_time_stamp") and view.is_given(
        "timestamp_precision"
    ):
        digits, wanted = view.precision(), view.get("milliseconds_in_time_stamp")
        if (digits > 0) != wanted:
            yield "MillisecondsInTimeStamp", f"contradicts a precision of {digits}"


def _silence(view: _View) -> Iterator[tuple[str, str]]:
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


def _resending(view: _View) -> Iterator[tuple[str, str]]:
    if view.get("resend_session_level_rejects") and not view.get("persist_messages"):
        yield (
            "ResendSessionLevelRejects",
            "contradicts PersistMessages=N: nothing is kept to be resent",
        )


RULES: dict[Callable[[_View], Iterator[tuple[str, str]]], tuple[str, ...]] = {
    _scheduling: (*PLAN_FIELDS, "use_local_time", "time_zone"),
    _dictionary: ("use_data_dictionary", "data_dictionary"),
    _precision: ("milliseconds_in_time_stamp", "timestamp_precision"),
    _silence: ("test_request_delay_multiplier", "heartbeat_timeout_multiplier"),
    _resending: ("resend_session_level_rejects", "persist_messages"),
}
"""What must hold within one session, and the fields by which that is judged."""
