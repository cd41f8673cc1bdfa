"""Each key of a sessions file by its name: what it changes, or why it is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.session.catalogue import FAMILIES, OWN
from fixgw.session.keys import KEYS, Concern, Key, Kind, Scope, find, nearest
from fixgw.session.profile import QUICKFIX, Profile
from fixgw.session.schedule import Plan
from fixgw.session.settings import (
    AcceptorSettings,
    SessionSettings,
    SettingsError,
    parse,
)
from fixgw.session.values import CHOICES, CONVERTERS, DEFAULTS

GOOD = {
    "ConnectionType": "acceptor",
    "SocketAcceptPort": "9876",
    "BeginString": "FIX.4.4",
    "SenderCompID": "EXCHANGE",
    "TargetCompID": "BUYER",
    "NonStopSession": "Y",
}
HOURS = {"NonStopSession": "N", "StartTime": "08:00:00", "EndTime": "17:00:00"}
WEEK = {**HOURS, "StartDay": "Monday", "EndDay": "Friday"}
FIXT = {"BeginString": "FIXT.1.1", "DefaultApplVerID": "FIX.5.0SP2"}
CERTIFIED = {"ServerCertificateFile": "a.pem"}
VOUCHED = {**CERTIFIED, "CertificationAuthoritiesFile": "ca.pem"}
THROTTLED = {"ThrottleMessagesPerSecond": "10"}
LOGGED = {"FileLogPath": "log"}

BESIDE: dict[str, dict[str, str]] = {
    "StartTime": HOURS,
    "EndTime": HOURS,
    "LogonTime": HOURS,
    "LogoutTime": HOURS,
    "Weekdays": HOURS,
    "StartDay": WEEK,
    "EndDay": WEEK,
    "LogonDay": WEEK,
    "LogoutDay": WEEK,
    "TimeZone": HOURS,
    "NonStopSession": {"StartTime": "00:00:00", "EndTime": "00:00:00"},
    "ResetSeqTime": {"EnableResetSeqTime": "Y"},
    "EnableResetSeqTime": {"ResetSeqTime": "12:00:00"},
    "DefaultApplVerID": {"BeginString": "FIXT.1.1"},
    "TransportDataDictionary": FIXT,
    "AppDataDictionary": FIXT,
    "HeartBtInt": {"HeartBtIntOverride": "Y"},
    "HeartBtIntOverride": {"HeartBtInt": "20"},
    "CancelKeepsGTC": {"CancelOnLogout": "Y"},
    "CancelOnDisconnectGrace": {"CancelOnDisconnect": "Y"},
    "ThrottleBurst": THROTTLED,
    "ThrottleRejectsMax": THROTTLED,
    "ResendOverflow": {"ResendMessagesMax": "10"},
    "RedactFieldsInLogs": LOGGED,
    "RedactionLogText": LOGGED,
    "TrustedProxies": {"UseTCPProxy": "Y"},
    "UseTCPProxy": {"TrustedProxies": "10.0.0.0/8"},
    "SocketUseSSL": CERTIFIED,
    "SSLEnable": CERTIFIED,
    "ServerCertificateKeyFile": CERTIFIED,
    "SocketPrivateKeyFile": CERTIFIED,
    "CertificationAuthoritiesFile": CERTIFIED,
    "SocketCAFile": CERTIFIED,
    "SSLCACertificate": CERTIFIED,
    "SSLProtocol": CERTIFIED,
    "EnabledProtocols": CERTIFIED,
    "SocketMinimumTLSVersion": CERTIFIED,
    "SSLProtocols": CERTIFIED,
    "SSLCipherSuite": CERTIFIED,
    "CertificateRevocationListFile": VOUCHED,
    "CertificateVerifyLevel": VOUCHED,
    "NeedClientAuth": VOUCHED,
    "SSLRequireClientCertificate": VOUCHED,
    "ClientCertificateNames": VOUCHED,
    "LogonAuthentication": {"CredentialsFile": "c.toml"},
}
"""What a key cannot do without, or does nothing without."""

OTHER = {
    "ConnectionType": "acceptor",
    "BeginString": "FIX.4.2",
    "TargetCompID": "SELLER",
    "SenderCompID": "VENUE",
    "StartTime": "09:00:00",
    "EndTime": "16:00:00",
    "LogonTime": "09:00:00",
    "LogoutTime": "16:00:00",
    "StartDay": "Tuesday",
    "EndDay": "Thursday",
    "LogonDay": "Tuesday",
    "LogoutDay": "Thursday",
    "Weekdays": "Mon,Tue",
    "ResetSeqTime": "13:00:00",
    "TimeZone": "America/New_York",
    "TestRequestDelayMultiplier": "0.3",
    "DefaultApplVerID": "8",
    "SSLProtocol": "all -SSLv2 -TLSv1_2",
    "EnabledProtocols": "TLSv1.3",
    "SocketMinimumTLSVersion": "TLS13",
    "SSLProtocols": "Tls13",
    "RedactFieldsInLogs": "1,109",
    "ResendSkipMsgTypes": "8, AE",
    "SocketTrafficClass": "IPTOS_LOWDELAY,IPTOS_RELIABILITY",
    "TimeStampPrecision": "NANOS",
    "TimestampPrecision": "6",
    "Conformance": "quickfix",
    "LogonAuthentication": "SIGNATURE",
    "ResetSeqNumFlag": "REFUSE",
    "ResendOverflow": "GAP_FILL",
    "CertificateVerifyLevel": "2",
    "HeartBtIntMax": "3599",
    "SocketAcceptPort": "1",
    "MaxLatency": "30",
}
"""A value that is not the default, where it is not plain which."""

KINDS = {
    Kind.TEXT: "some text",
    Kind.COMP_ID: "DESK",
    Kind.HOST: "localhost",
    Kind.ADDRESSES: "10.0.0.0/8, ::1",
    Kind.RATIO: "2.5",
    Kind.PEM: "other.pem",
    Kind.NAMES: "buyer.example, CN 2",
    Kind.VERSION: "FIX.4.4",
}


def file(values: dict[str, str]) -> str:
    """[DEFAULT] with these keys, the first of them in line 2, and a session."""
    lines = [f"{name}={value}" for name, value in values.items()]
    return "\n".join(["[DEFAULT]", *lines, "[SESSION]"])


def around(key: Key, value: str | None) -> str:
    """A file with that key in line 2, if it has a value, and what it needs beside."""
    others = {**GOOD, **BESIDE.get(key.name, {})}
    others.pop(key.name, None)
    return file(others if value is None else {key.name: value, **others})


def example(key: Key) -> str:
    """A good value, other than the default if it is an honoured key."""
    if key.name in OTHER:
        return OTHER[key.name]
    if key.concern is not Concern.HONOURED and key.default:
        return key.default
    if key.kind is Kind.BOOL:
        return "N" if key.default == "Y" else "Y"
    if key.kind is Kind.INT:
        return str(min(key.high, max(key.low, int(key.default or 0)) + 1))
    return KINDS[key.kind]


def refused(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(text, "x.cfg")
    return str(caught.value).splitlines()


ALL = sorted(KEYS.values(), key=lambda key: key.name)
HONOURED = [key for key in ALL if key.concern is Concern.HONOURED]


def named(keys: list[Key]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("key", keys, ids=[key.name for key in keys])


# Where each honoured key goes

PARTS = ("begin_string", "sender_comp_id", "target_comp_id")
SUBS = ("sender_sub_id", "sender_location_id", "target_sub_id", "target_location_id")
TO_THE_TEMPLATES = {"is_template", "dynamic_sessions"}
TO_THE_SCHEDULE = {item.name for item in fields(Plan)} | {"time_zone", "use_local_time"}
TO_TLS = {
    "tls_enabled",
    "tls_verify_level",
    "tls_client_certificate",
}


def of_session(made: AcceptorSettings, key: Key) -> Any:
    """What a session has of that key."""
    (session,) = made.sessions
    field = key.field
    if field in (*PARTS, *SUBS):
        return getattr(session.session_id, field)
    if field in {item.name for item in fields(Profile)}:
        return getattr(session.profile, field)
    if field == "milliseconds_in_time_stamp":
        return session.timestamp_precision > 0
    if field == "heart_bt_int_s":
        return session.heart_bt_int_override_s
    if field == "app_data_dictionary":
        return dict(session.app_data_dictionaries)["9"]
    return getattr(session, field)


@named(
    [
        key
        for key in HONOURED
        if key.scope is Scope.SESSION
        and key.field not in TO_THE_SCHEDULE | TO_THE_TEMPLATES
        and key.name
        not in ("ConnectionType", "Conformance", "HeartBtIntOverride", "UseLocalTime")
    ]
)
def test_a_key_of_a_session_sets_its_field(key: Key) -> None:
    expected = CONVERTERS[key.kind](example(key), key)
    assert of_session(parse(around(key, example(key)), "x.cfg"), key) == expected
    if key.name not in GOOD and key.name not in ("DefaultApplVerID", "HeartBtInt"):
        text = around(key, None)
        if key.kind is Kind.TEXT and BESIDE.get(key.name) is FIXT:
            return  # there is nothing instead of it
        assert of_session(parse(text, "x.cfg"), key) != expected


@named([key for key in HONOURED if key.field in TO_THE_SCHEDULE])
def test_a_key_of_the_schedule_changes_it(key: Key) -> None:
    if key.name in ("NonStopSession", "UseLocalTime"):
        return  # test_settings.py has them
    changed = parse(around(key, example(key)), "x.cfg").sessions[0].schedule
    if key.name in HOURS:
        assert changed != parse(file({**GOOD, **HOURS}), "x.cfg").sessions[0].schedule
    elif key.name in ("StartDay", "EndDay"):
        assert changed != parse(file({**GOOD, **WEEK}), "x.cfg").sessions[0].schedule
    elif "ResetSeqTime" in key.name:
        assert changed.reset is not None
        assert changed.session is None
    else:
        assert changed != parse(around(key, None), "x.cfg").sessions[0].schedule


@named(
    [key for key in HONOURED if key.scope is Scope.ACCEPTOR and key.field not in TO_TLS]
)
def test_a_key_of_the_listener_sets_its_field(key: Key) -> None:
    made = parse(around(key, example(key)), "x.cfg")
    expected = CONVERTERS[key.kind](example(key), key)
    if key.field.startswith("tls_"):
        assert made.tls is not None
        assert getattr(made.tls, key.field.removeprefix("tls_")) == expected
    else:
        assert getattr(made, key.field) == expected


@named([key for key in ALL if key.field in TO_THE_TEMPLATES])
def test_a_key_that_makes_a_template(key: Key) -> None:
    values = {key.name: "Y", **GOOD, "TargetCompID": "*"}
    made = parse(file(values).replace(f"{key.name}=Y", "") + f"\n{key.name}=Y", "x.cfg")
    assert made.sessions == ()
    assert str(made.templates[0].session_id) == "FIX.4.4:EXCHANGE->*"


@pytest.mark.parametrize("name", ["SocketUseSSL", "SSLEnable"])
def test_a_key_that_switches_tls(name: str) -> None:
    values = {**GOOD, "ServerCertificateFile": "a.pem"}
    on = parse(file({**values, name: "Y"}), "x.cfg")
    off = parse(file({**values, name: "N"}), "x.cfg")
    assert on.tls is not None
    assert off.tls is None
    (warning,) = off.warnings
    assert "ServerCertificateFile: has no effect: TLS is switched off" in warning


@pytest.mark.parametrize(
    ("name", "value", "demanded"),
    [
        ("CertificateVerifyLevel", "2", True),
        ("CertificateVerifyLevel", "1", False),
        ("NeedClientAuth", "Y", True),
        ("NeedClientAuth", "N", False),
        ("SSLRequireClientCertificate", "Y", True),
    ],
)
def test_a_key_that_demands_certificates(name: str, value: str, demanded: bool) -> None:
    made = parse(file({**GOOD, **VOUCHED, name: value}), "x.cfg")
    assert made.tls is not None
    assert made.tls.client_certificate is demanded
    assert made.tls.ca_file == "ca.pem"


def test_no_certificate_is_asked_for_at_level_0() -> None:
    made = parse(file({**GOOD, **VOUCHED, "CertificateVerifyLevel": "0"}), "x.cfg")
    assert made.tls is not None
    assert made.tls.ca_file is None
    (warning,) = made.warnings
    assert warning.endswith("has no effect: no client is asked for a certificate")


def test_a_certificate_authority_in_the_way_of_quickfixgo_demands_certificates() -> (
    None
):
    values = {**GOOD, "SocketCertificateFile": "a.pem", "SocketCAFile": "ca.pem"}
    for more, demanded in (({}, True), ({"SocketUseSSL": "Y"}, False)):
        made = parse(file({**values, **more}), "x.cfg")
        assert made.tls is not None
        assert made.tls.client_certificate is demanded


def test_conformance_selects_the_rows_and_a_row_key_wins() -> None:
    values = {**GOOD, "Conformance": "quickfix"}
    (session,) = parse(file(values), "x.cfg").sessions
    assert session.profile == QUICKFIX
    assert session.logon_timeout_s == 10
    assert not session.ignore_poss_dup_resend_requests
    text = file({**values, "FixedTestReqID": "N", "LogonTimeout": "3"})
    (session,) = parse(text, "x.cfg").sessions
    assert session.profile == replace(QUICKFIX, fixed_test_req_id=False)
    assert session.logon_timeout_s == 3
    (session,) = parse(file({**GOOD, "FixedTestReqID": "Y"}), "x.cfg").sessions
    assert session.profile == Profile(fixed_test_req_id=True)


def test_every_row_of_a_profile_has_a_key() -> None:
    fields_of_keys = {key.field for key in HONOURED if key.kind is Kind.BOOL}
    assert {item.name for item in fields(Profile)} <= fields_of_keys


def test_an_interval_that_is_dictated() -> None:
    text = file({**GOOD, "HeartBtIntOverride": "Y", "HeartBtInt": "17"})
    assert parse(text, "x.cfg").sessions[0].heart_bt_int_override_s == 17
    made = parse(text.replace("Override=Y", "Override=N"), "x.cfg")
    assert made.sessions[0].heart_bt_int_override_s == 0
    (warning,) = made.warnings
    assert warning.endswith("HeartBtInt: has no effect without HeartBtIntOverride")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ()),
        ({"AppDataDictionary": "A"}, (("9", "A"),)),
        (
            {"AppDataDictionary.FIX.4.4": "B", "AppDataDictionary": "A"},
            (("9", "A"), ("6", "B")),
        ),
        ({"AppDataDictionary.FIX.5.0SP2": "C"}, (("9", "C"),)),
    ],
)
def test_dictionaries_of_applications(
    values: dict[str, str], expected: tuple[tuple[str, str], ...]
) -> None:
    made = parse(file({**GOOD, **FIXT, **values}), "x.cfg")
    assert made.sessions[0].app_data_dictionaries == expected
    assert made.sessions[0].default_appl_ver_id == "9"


def test_a_default_is_for_the_sessions_that_can_have_it() -> None:
    values = {**GOOD, **FIXT, "EnableNextExpectedMsgSeqNum": "Y", "DataDictionary": "D"}
    text = file(values) + "\n[SESSION]\nBeginString=FIX.4.2"
    assert [each.session_id.begin_string for each in parse(text, "x.cfg").sessions] == [
        "FIXT.1.1",
        "FIX.4.2",
    ]


# What becomes of the others


@named(ALL)
def test_what_becomes_of_each_key(key: Key) -> None:
    if key.name == "UseLocalTime" or key.field in TO_THE_TEMPLATES | TO_TLS:
        return
    text = around(key, example(key))
    told = f"x.cfg:2: {key.name}: "
    match key.concern:
        case Concern.HONOURED:
            assert parse(text, "x.cfg").warnings == ()
        case Concern.INITIATOR:
            warning = f"{told}concerns an initiator only: {key.meaning}"
            assert parse(text, "x.cfg").warnings == (warning,)
        case Concern.NO_EFFECT:
            warning = f"{told}has no effect: {key.reason}"
            assert parse(text, "x.cfg").warnings == (warning,)
        case Concern.REFUSED if key.default:
            assert parse(text, "x.cfg").warnings == ()
        case Concern.REFUSED:
            assert refused(text) == [f"{told}is not offered: {key.reason}"]


@named([key for key in ALL if key.concern is Concern.REFUSED and key.default])
def test_a_key_not_offered_refuses_all_but_its_default(key: Key) -> None:
    other = {Kind.BOOL: "N" if key.default == "Y" else "Y", Kind.TEXT: "other"}
    value = other.get(key.kind, str(key.high))
    assert refused(around(key, value)) == [
        f"x.cfg:2: {key.name}: is not offered, except {key.default}: {key.reason}"
    ]


@named(ALL)
def test_no_value_will_do_for_no_key(key: Key) -> None:
    assert f"x.cfg:2: {key.name}: has no value" in refused(around(key, ""))


BAD: dict[Kind, str] = dict.fromkeys(set(Kind) - {Kind.TEXT, Kind.NAMES, Kind.PEM}, "?")
BAD |= {Kind.COMP_ID: "\x01", Kind.NAMES: ",", Kind.PEM: "keys.jks"}


@named([key for key in ALL if key.kind in BAD])
def test_each_key_refuses_a_bad_value(key: Key) -> None:
    told = refused(around(key, BAD[key.kind]))
    assert any(
        line.startswith(f"x.cfg:2: {key.name}: {BAD[key.kind]!r} is n") for line in told
    )


@named([key for key in ALL if key.kind is Kind.INT])
def test_numbers_have_bounds(key: Key) -> None:
    for number in (key.low - 1, key.high + 1):
        reason = f"'{number}' is not a whole number from {key.low} to {key.high}"
        assert f"x.cfg:2: {key.name}: {reason}" in refused(around(key, str(number)))
    for number in (key.low, key.high):
        assert CONVERTERS[key.kind](str(number), key) == number


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("all -SSLv2", "TLSv1.2"),
        ("all -SSLv2 -SSLv3 -TLSv1 -TLSv1_1 -TLSv1_2", "TLSv1.3"),
        ("+TLSv1_2 +TLSv1_3", "TLSv1.2"),
        ("TLSv1.2,TLSv1.3", "TLSv1.2"),
        ("Tls12, Tls13", "TLSv1.2"),
        ("TLS13", "TLSv1.3"),
        ("SSL30", None),
        ("TLSv1", None),
        ("TLSv1.1,TLSv1.2", None),
        ("-TLSv1.2", None),
        ("best", None),
    ],
)
def test_versions_of_tls_in_the_notation_of_any_engine(
    text: str, version: str | None
) -> None:
    key = KEYS["SSLProtocol"]
    if version is not None:
        assert CONVERTERS[key.kind](text, key) == version
        return
    with pytest.raises(ValueError, match="versions of TLS|only TLS 1.2 and TLS 1.3"):
        CONVERTERS[key.kind](text, key)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("255", 255),
        ("256", None),
        ("IPTOS_LOWCOST", 2),
        ("IPTOS_LOWDELAY | IPTOS_THROUGHPUT", 24),
        ("IPTOS_LOWDELAY,", None),
    ],
)
def test_traffic_classes(text: str, value: int | None) -> None:
    key = KEYS["SocketTrafficClass"]
    if value is not None:
        assert CONVERTERS[key.kind](text, key) == value
        return
    with pytest.raises(ValueError, match="nor of IPTOS_LOWCOST"):
        CONVERTERS[key.kind](text, key)


# The table


def test_the_table_is_sound() -> None:
    assert set(CONVERTERS) == set(Kind)
    for key in KEYS.values():
        assert key.meaning
        assert key.name.isalnum()
        assert bool(key.reason) == (key.concern in (Concern.NO_EFFECT, Concern.REFUSED))
        assert bool(key.topic) == (key.concern is Concern.HONOURED)
        assert (key.kind in (Kind.INT, Kind.RATIO)) == (key.high > key.low)
        assert (key.kind is Kind.CHOICE) == (key.field in CHOICES)
        assert key.scope is Scope.SESSION or key.concern is Concern.HONOURED
        if key.default:
            CONVERTERS[key.kind](key.default, key)
    assert KEYS.keys() >= OWN


def test_defaults_of_the_records_are_those_of_the_keys() -> None:
    for record in (SessionSettings, AcceptorSettings):
        for item in fields(record):
            if item.name in DEFAULTS:
                assert item.default == DEFAULTS[item.name], item.name


def test_spellings_of_one_key_agree() -> None:
    # Some differ in how a value is written; all others read alike.
    by_field: dict[str, list[Key]] = {}
    for key in HONOURED:
        by_field.setdefault(key.field, []).append(key)
    for same in by_field.values():
        values = {CONVERTERS[key.kind](key.default, key) for key in same if key.default}
        assert len(values) <= 1
        assert len({(key.scope, key.low, key.high) for key in same}) == 1


@pytest.mark.parametrize("stem", FAMILIES)
def test_names_that_go_on(stem: str) -> None:
    good = ".FIX.4.4" if stem == "AppDataDictionary" else "12"
    found = find(stem + good)
    assert found is not None
    assert found.name == stem + good
    assert found.field == KEYS[stem].field + good
    assert found.concern is KEYS[stem].concern
    for bad in ("0", "x", "01", ".", ".FIX.4.5", ".FIX.5.0SP3"):
        assert find(stem + bad) is None


@given(st.sampled_from(sorted(KEYS)), st.data())
def test_a_slip_of_the_finger_is_recognized(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    slip = name[:at] + name[at + 1 :]
    if len(name) > 5 and slip not in KEYS:
        assert nearest(slip) is not None
    # Two spellings of one key may differ in case alone.
    assert (nearest(name.upper()) or "").lower() == name.lower()
