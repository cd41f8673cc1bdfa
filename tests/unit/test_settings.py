"""The sessions file: what it may say, and what is told when it says something wrong."""

from __future__ import annotations

import ast
from dataclasses import FrozenInstanceError, fields
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.session import settings as module
from fixgw.session.catalogue import FAMILIES
from fixgw.session.identity import SessionId
from fixgw.session.keys import KEYS, Concern, Key, Kind, Scope, find, nearest
from fixgw.session.schedule import NON_STOP, Plan
from fixgw.session.settings import (
    AcceptorSettings,
    Problem,
    SessionSettings,
    SettingsError,
    parse,
)
from fixgw.session.values import CONVERTERS, DEFAULTS

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "config" / "sessions.cfg"

GOOD = {
    "ConnectionType": "acceptor",
    "SocketAcceptPort": "9876",
    "BeginString": "FIX.4.4",
    "SenderCompID": "EXCHANGE",
    "NonStopSession": "Y",
}


def file(*session: str, **default: str) -> str:
    """A file with one session of the given lines; ``default`` overrides, "" removes."""
    values = {**GOOD, **default}
    lines = [f"{name}={value}" for name, value in values.items() if value]
    return "\n".join(["[SESSION]", "TargetCompID=BUYER", *session, "[DEFAULT]", *lines])


def refused(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse(text, "x.cfg")
    assert str(caught.value).splitlines() == [str(p) for p in caught.value.problems]
    return str(caught.value).splitlines()


def only_session(text: str) -> SessionSettings:
    made = parse(text, "x.cfg")
    assert made.warnings == ()
    assert len(made.sessions) == 1
    return made.sessions[0]


# What is well


def test_the_least_that_a_file_must_say() -> None:
    assert parse(file(), "x.cfg") == AcceptorSettings(
        port=9876,
        sessions=(
            SessionSettings(session_id=SessionId("FIX.4.4", "EXCHANGE", "BUYER")),
        ),
    )


def test_defaults_of_the_records_are_those_of_the_keys() -> None:
    for record in (SessionSettings, AcceptorSettings):
        for item in fields(record):
            if item.name in DEFAULTS:
                assert item.default == DEFAULTS[item.name], item.name


def test_every_honoured_key_goes_somewhere() -> None:
    taken = {
        item.name
        for cls in (SessionSettings, AcceptorSettings, Plan)
        for item in fields(cls)
    }
    taken |= {"begin_string", "sender_comp_id", "target_comp_id", "connection_type"}
    taken |= {"time_zone", "use_local_time", "milliseconds_in_time_stamp"}
    for key in KEYS.values():
        if key.concern is Concern.HONOURED:
            assert key.field in taken, key.name


def test_all_values() -> None:
    text = file(
        "CheckCompID=N",
        "CheckLatency=N",
        "MaxLatency=30",
        "ResetOnLogon=Y",
        "ResetOnLogout=Y",
        "ResetOnDisconnect=Y",
        "PersistMessages=N",
        "TimestampPrecision=6",
        "DataDictionary=a b.xml",
        "LogonTimeout=5",
        "LogoutTimeout=4",
        "TestRequestDelayMultiplier=0.5",
        "HeartBeatTimeoutMultiplier=2",
        "DisableHeartBeatCheck=Y",
        "ResendRequestChunkSize=100",
        "ClosedResendInterval=Y",
        "SendRedundantResendRequests=Y",
        "ValidateFieldsOutOfOrder=N",
        "ValidateFieldsHaveValues=N",
        "ValidateUserDefinedFields=N",
        "AllowUnknownMsgFields=Y",
        "AllowUnknownEnumValues=Y",
        "RequiresOrigSendingTime=N",
        "AllowedRemoteAddresses=10.0.0.1, 192.168.0.0/16,::1",
        "EnableLastMsgSeqNumProcessed=Y",
        "SendLogoutBeforeDisconnectFromTimeout=Y",
    )
    assert only_session(text) == SessionSettings(
        session_id=SessionId("FIX.4.4", "EXCHANGE", "BUYER"),
        schedule=NON_STOP,
        check_comp_id=False,
        check_latency=False,
        max_latency_s=30,
        reset_on_logon=True,
        reset_on_logout=True,
        reset_on_disconnect=True,
        persist_messages=False,
        timestamp_precision=6,
        data_dictionary="a b.xml",
        logon_timeout_s=5,
        logout_timeout_s=4,
        test_request_delay_multiplier=0.5,
        heartbeat_timeout_multiplier=2.0,
        disable_heartbeat_check=True,
        resend_request_chunk_size=100,
        closed_resend_interval=True,
        send_redundant_resend_requests=True,
        validate_fields_out_of_order=False,
        validate_fields_have_values=False,
        validate_user_defined_fields=False,
        allow_unknown_msg_fields=True,
        allow_unknown_enum_values=True,
        requires_orig_sending_time=False,
        allowed_remote_addresses=(
            ip_network("10.0.0.1/32"),
            ip_network("192.168.0.0/16"),
            ip_network("::1/128"),
        ),
        enable_last_msg_seq_num_processed=True,
        send_logout_before_disconnect_from_timeout=True,
    )


def test_the_listener() -> None:
    made = parse(
        file(
            SocketAcceptHost="0.0.0.0",
            SocketNodelay="N",
            SocketKeepAlive="Y",
            SocketSendBufferSize="65536",
            SocketReceiveBufferSize="131072",
        ),
        "x.cfg",
    )
    assert (made.host, made.port) == ("0.0.0.0", 9876)
    assert (made.no_delay, made.keep_alive) == (False, True)
    assert (made.send_buffer_bytes, made.receive_buffer_bytes) == (65_536, 131_072)


def test_a_session_overrides_the_default() -> None:
    text = file("MaxLatency=1", "[SESSION]", "TargetCompID=SELLER", MaxLatency="2")
    assert [each.max_latency_s for each in parse(text, "x.cfg").sessions] == [1, 2]


def test_a_session_overrides_another_spelling_of_the_default() -> None:
    text = file("MaxMessagesInResendRequest=5", ResendRequestChunkSize="9")
    assert only_session(text).resend_request_chunk_size == 5


def test_a_session_overrides_a_window_that_the_default_has_not() -> None:
    text = file("NonStopSession=N", "StartTime=08:00:00", "EndTime=17:00:00")
    assert not only_session(text).schedule.is_open(0)


def test_midnight_to_midnight_beside_a_session_that_never_closes() -> None:
    text = file(StartTime="00:00:00", EndTime="00:00:00")
    assert only_session(text).schedule == NON_STOP


def test_sections_in_any_case_space_comments_and_crlf() -> None:
    lines = ["# comment", "", " [default] ", "  # comment"]
    lines += [f"\t{name} = {value} " for name, value in GOOD.items()]
    lines += ["[ Session ]", "TargetCompID = BUYER", "DataDictionary=a=b#c.xml", ""]
    made = parse("\ufeff" + "\r\n".join(lines), "x.cfg")
    assert made.sessions[0].data_dictionary == "a=b#c.xml"


@pytest.mark.parametrize(
    ("lines", "digits"),
    [
        ([], 3),
        (["MillisecondsInTimeStamp=Y"], 3),
        (["MillisecondsInTimeStamp=N"], 0),
        (["TimestampPrecision=9"], 9),
        (["TimestampPrecision=0"], 0),
        (["TimeStampPrecision=SECONDS"], 0),
        (["TimeStampPrecision=MICROS"], 6),
        (["TimeStampPrecision=NANOS", "TimestampPrecision=9"], 9),
        (["TimestampPrecision=6", "MillisecondsInTimeStamp=Y"], 6),
        (["TimestampPrecision=0", "MillisecondsInTimeStamp=N"], 0),
    ],
)
def test_precision_of_times(lines: list[str], digits: int) -> None:
    assert only_session(file(*lines)).timestamp_precision == digits


def test_times_of_this_machine() -> None:
    text = file(
        NonStopSession="", UseLocalTime="Y", StartTime="08:00:00", EndTime="17:00:00"
    )
    made = parse(text, "x.cfg", ZoneInfo("Asia/Tokyo")).sessions[0].schedule
    assert made.is_open(0)  # 09:00 in Tokyo
    assert (
        parse(text.replace("UseLocalTime=Y", "TimeZone=Asia/Tokyo"), "x.cfg")
        .sessions[0]
        .schedule
        == made
    )


def test_records_are_frozen() -> None:
    made = parse(file(), "x.cfg")
    with pytest.raises(FrozenInstanceError):
        made.port = 1  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        made.sessions[0].max_latency_s = 1  # type: ignore[misc]


# What is wrong, in the very words

NO_WINDOW = "contradicts NonStopSession=Y: such a session has no window"
MISSING_TIME = "is missing; it is required unless NonStopSession=Y"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["1: SocketAcceptPort: is missing", "1: [SESSION]: there is none"]),
        (
            "MaxLatency=1\n" + file(),
            ["1: MaxLatency: stands before any section"],
        ),
        (file("[SOMETHING]"), ["3: [SOMETHING]: is neither [DEFAULT] nor [SESSION]"]),
        (file("[SESSION"), ["3: [SESSION: is neither [DEFAULT] nor [SESSION]"]),
        (
            file("[DEFAULT]", "MaxLatency=1"),
            ["5: [DEFAULT]: is given twice, first at line 3"],
        ),
        (file("MaxLatency 1"), ["3: MaxLatency 1: is neither a section nor key=value"]),
        (
            file("DataDictionary=" + "x" * 986),
            ["3: DataDictionary=xxxxx...: the line is longer than 1000 characters"],
        ),
        (
            file("HeartbeatInt=30"),
            [
                "3: HeartbeatInt: no engine of the QuickFIX family knows this key;"
                " did you mean HeartBtInt?"
            ],
        ),
        (
            file("maxlatency=30"),
            [
                "3: maxlatency: no engine of the QuickFIX family knows this key;"
                " did you mean MaxLatency?"
            ],
        ),
        (
            file("Quux=30"),
            ["3: Quux: no engine of the QuickFIX family knows this key"],
        ),
        (
            file("=30"),
            ["3: : no engine of the QuickFIX family knows this key"],
        ),
        (
            file("MaxLatency=1", "MaxLatency=1"),
            ["4: MaxLatency: is given twice, first at line 3"],
        ),
        (file("MaxLatency="), ["3: MaxLatency: has no value"]),
        (
            file("MaxMessagesInResendRequest=1", "ResendRequestChunkSize=2"),
            [
                "4: ResendRequestChunkSize: contradicts MaxMessagesInResendRequest=1 of"
                " line 3, another spelling of this key"
            ],
        ),
        (
            file("[SESSION]", "TargetCompID=BUYER"),
            ["3: [SESSION]: FIX.4.4:EXCHANGE->BUYER is already the session of line 1"],
        ),
        (
            file(
                "SenderCompID=A", "[SESSION]", "SenderCompID=A->A", "TargetCompID=B"
            ).replace("TargetCompID=BUYER", "TargetCompID=A->B"),
            ["4: [SESSION]: FIX.4.4:A->A->B is already the session of line 1"],
        ),
        (
            file("SocketAcceptPort=9877"),
            [
                "3: SocketAcceptPort: contradicts SocketAcceptPort=9876 of line 6:"
                " all sessions share one listener"
            ],
        ),
        (
            file("SocketAcceptAddress=::1", SocketAcceptHost="127.0.0.1"),
            [
                "3: SocketAcceptAddress: contradicts SocketAcceptHost=127.0.0.1 of line"
                " 10: all sessions share one listener"
            ],
        ),
        (file(SocketAcceptPort=""), ["3: SocketAcceptPort: is missing"]),
        (
            file(SocketAcceptPort="x"),
            ["5: SocketAcceptPort: 'x' is not a whole number from 0 to 65535"],
        ),
        (file(BeginString=""), ["1: BeginString: is missing, here and in [DEFAULT]"]),
        (file(SenderCompID=""), ["1: SenderCompID: is missing, here and in [DEFAULT]"]),
        (
            file().replace("TargetCompID=BUYER", ""),
            ["1: TargetCompID: is missing, here and in [DEFAULT]"],
        ),
        (
            file(ConnectionType=""),
            ["1: ConnectionType: is missing, here and in [DEFAULT]"],
        ),
        (
            file(NonStopSession=""),
            [f"1: StartTime: {MISSING_TIME}", f"1: EndTime: {MISSING_TIME}"],
        ),
        (
            file("StartTime=8:00", NonStopSession=""),
            [
                f"1: EndTime: {MISSING_TIME}",
                "3: StartTime: '8:00' is not a time of day"
                " (HH:MM:SS, or HH:MM:SS Zone)",
            ],
        ),
        (
            file("ConnectionType=initiator"),
            ["3: ConnectionType: initiator is not offered: this is an acceptor"],
        ),
        (file("ConnectionType=both"), ["3: ConnectionType: 'both' is not acceptor"]),
        (
            file("BeginString=FIX.4.2"),
            ["3: BeginString: FIX.4.2 is not offered yet, only FIX.4.4 is"],
        ),
        (file("BeginString=FIX4"), ["3: BeginString: 'FIX4' is not a version of FIX"]),
        (
            file(
                "StartDay=Mon",
                "EndDay=Fri",
                "Weekdays=Mon",
                "NonStopSession=N",
                "StartTime=08:00:00",
                "EndTime=17:00:00",
            ),
            ["5: Weekdays: excludes StartDay and EndDay: windows are daily or weekly"],
        ),
        (
            file("Weekdays=Mon"),
            ["3: Weekdays: contradicts NonStopSession=Y: such a session has no window"],
        ),
        (
            file("StartTime=08:00:00", "LogonDay=Mon"),
            [
                f"3: StartTime: {NO_WINDOW}",
                f"4: LogonDay: {NO_WINDOW}",
            ],
        ),
        (
            file(
                "StartDay=Mon",
                NonStopSession="",
                StartTime="08:00:00",
                EndTime="17:00:00",
            ),
            ["3: StartDay: is given without EndDay"],
        ),
        (
            file(
                "EndDay=Mon",
                NonStopSession="",
                StartTime="08:00:00",
                EndTime="17:00:00",
            ),
            ["3: EndDay: is given without StartDay"],
        ),
        (
            file(
                "StartDay=Mon",
                "EndDay=Mon",
                NonStopSession="",
                StartTime="08:00:00",
                EndTime="17:00:00",
            ),
            [
                "4: EndDay: Monday 08:00:00 to 17:00:00 means hours to one engine and a"
                " week to another; use Weekdays for the hours, or EndTime ="
                " StartTime for the week"
            ],
        ),
        (
            file(
                "LogonTime=07:00:00",
                NonStopSession="",
                StartTime="08:00:00",
                EndTime="17:00:00",
            ),
            ["3: LogonTime: logon opens at 07:00:00, outside the session's window"],
        ),
        (
            file(
                "LogoutTime=18:00:00",
                NonStopSession="",
                StartTime="08:00:00",
                EndTime="17:00:00",
            ),
            ["3: LogoutTime: logon closes at 18:00:00, outside the session's window"],
        ),
        (
            file("UseLocalTime=Y"),
            ["3: UseLocalTime: the zone of this machine is not known; give TimeZone"],
        ),
        (
            file("UseLocalTime=Y", "TimeZone=UTC"),
            ["4: TimeZone: contradicts UseLocalTime=Y"],
        ),
        (
            file("UseDataDictionary=N", DataDictionary="FIX44.xml"),
            ["10: DataDictionary: contradicts UseDataDictionary=N"],
        ),
        (
            file("MillisecondsInTimeStamp=N", "TimestampPrecision=6"),
            ["3: MillisecondsInTimeStamp: contradicts a precision of 6"],
        ),
        (
            file("MillisecondsInTimeStamp=Y", "TimeStampPrecision=SECONDS"),
            ["3: MillisecondsInTimeStamp: contradicts a precision of 0"],
        ),
        (
            file("TestRequestDelayMultiplier=1.5"),
            [
                "1: HeartBeatTimeoutMultiplier: 1.4 cuts a silent client before"
                " TestRequestDelayMultiplier=1.5 asks it"
            ],
        ),
        (
            file("ResendSessionLevelRejects=Y", PersistMessages="N"),
            [
                "3: ResendSessionLevelRejects: contradicts PersistMessages=N: nothing"
                " is kept to be resent"
            ],
        ),
        (
            file(
                "StartDay=Someday",
                "EndDay=Fri",
                NonStopSession="",
                StartTime="08:00:00",
                EndTime="17:00:00",
            ),
            ["3: StartDay: 'Someday' is not a day of the week"],
        ),
        (
            file("TestRequestDelayMultiplier=nan"),
            ["3: TestRequestDelayMultiplier: 'nan' is not a number from 0 to 10"],
        ),
        (
            file("TimestampPrecision=4"),
            ["3: TimestampPrecision: '4' is not one of 0, 3, 6, 9"],
        ),
        (
            file("TimeStampPrecision=PICOS"),
            [
                "3: TimeStampPrecision: 'PICOS' is not one of SECONDS, MILLIS, MICROS,"
                " NANOS"
            ],
        ),
        (
            file("AllowedRemoteAddresses=10.0.0.1,client"),
            ["3: AllowedRemoteAddresses: 'client' is not an IP address or network"],
        ),
        (
            file("AllowedRemoteAddresses=10.0.0.1/8"),
            ["3: AllowedRemoteAddresses: '10.0.0.1/8' is not an IP address or network"],
        ),
        (
            file("SenderCompID=B\xdcRSE"),
            ["3: SenderCompID: 'BÜRSE' is not 1 to 64 printable ASCII characters"],
        ),
        (
            file("HttpAcceptPort=8080"),
            [
                "3: HttpAcceptPort: is not offered yet, except 0: there is no control"
                " page"
            ],
        ),
        (
            file("SessionQualifier=Q"),
            [
                "3: SessionQualifier: is not offered yet: it is not in any message, so"
                " an acceptor cannot tell such sessions apart"
            ],
        ),
        (
            file("AppDataDictionary.FIX.4.4=FIX44.xml"),
            [
                "3: AppDataDictionary.FIX.4.4: is not offered yet: it belongs to"
                " FIXT.1.1"
            ],
        ),
    ],
)
def test_problems(text: str, told: list[str]) -> None:
    assert refused(text) == [f"x.cfg:{line}" for line in told]


def test_all_problems_are_told_together_and_each_once() -> None:
    text = file(
        "Foo=1",
        "[SESSION]",
        "TargetCompID=SELLER",
        MaxLatency="0",
        Bar="2",
        TestRequestDelayMultiplier="9",
    )
    assert refused(text) == [
        "x.cfg:1: HeartBeatTimeoutMultiplier: 1.4 cuts a silent client before"
        " TestRequestDelayMultiplier=9.0 asks it",
        "x.cfg:3: Foo: no engine of the QuickFIX family knows this key",
        "x.cfg:4: HeartBeatTimeoutMultiplier: 1.4 cuts a silent client before"
        " TestRequestDelayMultiplier=9.0 asks it",
        "x.cfg:12: MaxLatency: '0' is not a whole number from 1 to 86400",
        "x.cfg:13: Bar: no engine of the QuickFIX family knows this key",
    ]


def test_one_contradiction_in_the_default_is_told_once() -> None:
    text = file(
        "[SESSION]",
        "TargetCompID=SELLER",
        UseDataDictionary="N",
        DataDictionary="FIX44.xml",
    )
    assert refused(text) == [
        "x.cfg:12: DataDictionary: contradicts UseDataDictionary=N"
    ]


def test_too_many_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SESSIONS_MAX", 1)
    text = file("[SESSION]", "TargetCompID=SELLER")
    assert refused(text) == ["x.cfg:3: [SESSION]: more than 1 sessions"]


def test_a_problem_knows_its_parts() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(file("Foo=1"), "x.cfg")
    reason = "no engine of the QuickFIX family knows this key"
    assert caught.value.problems == (Problem("x.cfg", 3, "Foo", reason),)


def test_secrets_are_not_told() -> None:
    for line in ("MySQLStorePassword=hunter2", "SSLCertificatePassword=hunter2"):
        assert "hunter2" not in "\n".join(refused(file(line)))
    made = parse(file("ProxyPassword=hunter2"), "x.cfg")
    assert "hunter2" not in "\n".join(made.warnings)


def settings_or_problems(text: str) -> None:
    """Nothing else may come of a text; an error names at least one problem."""
    try:
        made = parse(text, "x.cfg")
    except SettingsError as error:
        if not error.problems:
            raise AssertionError("refused for nothing") from error
    else:
        assert made.sessions


@given(st.text(alphabet="[]DEFAULTSION=#\r\n 1aY", max_size=60) | st.text())
def test_any_text_is_settings_or_problems(text: str) -> None:
    settings_or_problems(text)


@given(st.sampled_from(sorted(KEYS)), st.text(max_size=20))
def test_any_value_is_settings_or_problems(name: str, value: str) -> None:
    settings_or_problems(file(f"{name}={value}"))


# Every key of the table

EXAMPLES = {
    Kind.TEXT: "some text",
    Kind.COMP_ID: "EXCHANGE",
    Kind.VERSION: "FIX.4.4",
    Kind.CONNECTION: "acceptor",
    Kind.HOST: "localhost",
    Kind.ADDRESSES: "127.0.0.1",
    Kind.TIME: "12:00:00",
    Kind.DAY: "Monday",
    Kind.DAYS: "Monday,Tuesday",
    Kind.RATIO: "1.5",
    Kind.BOOL: "N",
}
BAD: dict[Kind, str] = dict.fromkeys(set(Kind) - {Kind.TEXT}, "?")
BAD[Kind.COMP_ID] = "\x01"


def example(key: Key) -> str:
    return key.default or EXAMPLES.get(key.kind) or str(max(key.low, 1))


def file_with(key: Key, value: str) -> str:
    """A file in which that key stands once, and what it cannot do without beside it."""
    others = {name: text for name, text in GOOD.items() if name != key.name}
    target = ["TargetCompID=BUYER"] if key.name != "TargetCompID" else []
    if key.name in (
        "StartTime",
        "EndTime",
        "StartDay",
        "EndDay",
        "LogonDay",
        "LogoutDay",
    ):
        pair = {"Start": "End", "End": "Start", "Logon": "Logout", "Logout": "Logon"}
        stem = key.name.removesuffix("Time").removesuffix("Day")
        other = pair[stem] + key.name.removeprefix(stem)
        others[other] = EXAMPLES[key.kind]
    scheduling = {
        "Weekdays",
        "LogonTime",
        "LogoutTime",
        "StartDay",
        "EndDay",
        "LogonDay",
        "LogoutDay",
    }
    if key.name in scheduling | {"StartTime", "EndTime"}:
        del others["NonStopSession"]
    if key.name in scheduling:
        others |= {"StartTime": "00:00:00", "EndTime": "00:00:00"}
    if key.name == "NonStopSession":
        others |= {"StartTime": "00:00:00", "EndTime": "00:00:00"}
    lines = [f"{name}={text}" for name, text in others.items()]
    return "\n".join([f"[DEFAULT]\n{key.name}={value}", *lines, "[SESSION]", *target])


ALL = sorted(KEYS.values(), key=lambda key: key.name)


@pytest.mark.parametrize("key", ALL, ids=lambda key: key.name)
def test_what_becomes_of_each_key(key: Key) -> None:
    text = file_with(key, example(key))
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
        case Concern.NOT_OFFERED if key.default:
            assert parse(text, "x.cfg").warnings == ()
        case Concern.NOT_OFFERED:
            assert refused(text) == [f"{told}is not offered yet: {key.reason}"]


@pytest.mark.parametrize("key", ALL, ids=lambda key: key.name)
def test_no_value_will_do_for_no_key(key: Key) -> None:
    assert f"x.cfg:2: {key.name}: has no value" in refused(file_with(key, ""))


@pytest.mark.parametrize(
    "key", [key for key in ALL if key.kind in BAD], ids=lambda key: key.name
)
def test_each_key_refuses_a_bad_value(key: Key) -> None:
    (told,) = refused(file_with(key, BAD[key.kind]))
    assert told.startswith(f"x.cfg:2: {key.name}: {BAD[key.kind]!r} is n")


@pytest.mark.parametrize(
    "key", [key for key in ALL if key.kind is Kind.INT], ids=lambda key: key.name
)
def test_numbers_have_bounds(key: Key) -> None:
    for number in (key.low - 1, key.high + 1):
        reason = f"'{number}' is not a whole number from {key.low} to {key.high}"
        assert refused(file_with(key, str(number))) == [
            f"x.cfg:2: {key.name}: {reason}"
        ]
    for number in (key.low, key.high):
        assert CONVERTERS[key.kind](str(number), key) == number


@pytest.mark.parametrize(
    "key",
    [key for key in ALL if key.concern is Concern.NOT_OFFERED and key.default],
    ids=lambda key: key.name,
)
def test_a_key_not_offered_refuses_all_but_its_default(key: Key) -> None:
    other = {Kind.BOOL: "N" if key.default == "Y" else "Y", Kind.TEXT: "other"}
    value = other.get(key.kind, str(key.high))
    assert refused(file_with(key, value)) == [
        f"x.cfg:2: {key.name}: is not offered yet, except {key.default}: {key.reason}"
    ]


def test_the_table_is_sound() -> None:
    assert set(CONVERTERS) == set(Kind)
    for key in KEYS.values():
        assert key.meaning
        assert key.name.isalnum() or key.name == "SLF4JLogPrependSessionID"
        assert bool(key.reason) == (
            key.concern in (Concern.NO_EFFECT, Concern.NOT_OFFERED)
        )
        assert (key.kind in (Kind.INT, Kind.RATIO)) == (key.high > key.low)
        assert key.scope is Scope.SESSION or key.concern is Concern.HONOURED
        if key.default:
            CONVERTERS[key.kind](key.default, key)


def test_spellings_of_one_key_agree() -> None:
    # One is in digits, one in words; all others read alike.
    by_field: dict[str, list[Key]] = {}
    for key in KEYS.values():
        if key.concern is Concern.HONOURED:
            by_field.setdefault(key.field, []).append(key)
    for same in by_field.values():
        values = {CONVERTERS[key.kind](key.default, key) for key in same if key.default}
        assert len(values) <= 1
        assert len({(key.scope, key.low, key.high) for key in same}) == 1


@pytest.mark.parametrize("stem", FAMILIES)
def test_names_that_go_on(stem: str) -> None:
    good = ".FIX.4.4" if stem == "AppDataDictionary" else "12"
    assert find(stem + good) is KEYS[stem]
    for bad in ("0", "x", "01", "."):
        assert find(stem + bad) is None


@given(st.sampled_from(sorted(KEYS)), st.data())
def test_a_slip_of_the_finger_is_recognized(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    slip = name[:at] + name[at + 1 :]
    if len(name) > 5 and slip not in KEYS:
        assert nearest(slip) is not None
    # Two spellings of one key may differ in case alone.
    assert (nearest(name.upper()) or "").lower() == name.lower()


# The sample


def test_the_sample() -> None:
    made = parse(SAMPLE.read_text(), "config/sessions.cfg")
    assert made.warnings == ()
    assert (made.host, made.port) == ("127.0.0.1", 9876)
    names = [session.session_id.target_comp_id for session in made.sessions]
    assert names == ["BUYER", "SELLER", "MAKER", "DESK1", "DESK2"]
    assert {session.data_dictionary for session in made.sessions} == {"spec/FIX44.xml"}
    assert {session.schedule for session in made.sessions} == {NON_STOP}


def test_the_sample_with_the_schedule_in_its_comment() -> None:
    text = SAMPLE.read_text().replace("\n#   ", "\n").replace("NonStopSession=Y", "")
    schedule = parse(text, "config/sessions.cfg").sessions[0].schedule
    assert schedule.session is not None
    assert schedule.session.start.zone == ZoneInfo("America/New_York")


def test_quickfix_reads_the_sample_too() -> None:
    quickfix = pytest.importorskip("quickfix")
    theirs = quickfix.SessionSettings(str(SAMPLE))
    for ours in parse(SAMPLE.read_text(), "").sessions:
        name = ours.session_id
        parts = (name.begin_string, name.sender_comp_id, name.target_comp_id)
        dictionary = theirs.get(quickfix.SessionID(*parts))
        assert dictionary.getString("DataDictionary") == ours.data_dictionary
    assert theirs.size() == 5


@pytest.mark.parametrize(
    "name",
    [
        "catalogue",
        "identity",
        "keys",
        "recurrence",
        "schedule",
        "sections",
        "settings",
        "timeofday",
        "values",
        "view",
    ],
)
def test_modules_are_pure(name: str) -> None:
    tree = ast.parse((ROOT / "fixgw" / "session" / f"{name}.py").read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
    banned = {"asyncio", "socket", "os", "time", "random", "logging", "pathlib", "io"}
    assert imported.isdisjoint(banned)
