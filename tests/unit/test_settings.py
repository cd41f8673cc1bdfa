"""The sessions file: what it may say, and what is told when it says something wrong."""

from __future__ import annotations

import ast
from dataclasses import FrozenInstanceError
from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.session import book
from fixgw.session.identity import SessionId
from fixgw.session.keys import KEYS
from fixgw.session.schedule import NON_STOP
from fixgw.session.settings import (
    AcceptorSettings,
    Problem,
    SessionSettings,
    SettingsError,
    parse,
)

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "config" / "sessions.cfg"

GOOD = {
    "ConnectionType": "acceptor",
    "SocketAcceptPort": "9876",
    "BeginString": "FIX.4.4",
    "SenderCompID": "EXCHANGE",
    "NonStopSession": "Y",
}
TLS = {"ServerCertificateFile": "a.pem", "CertificationAuthoritiesFile": "ca.pem"}


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


def test_the_listener_in_several_sections() -> None:
    text = file("SocketAcceptPort=9876", "[SESSION]", "TargetCompID=SELLER")
    assert parse(text, "x.cfg").port == 9876


def test_a_key_that_does_nothing_in_any_session_is_told_once() -> None:
    text = file(
        "HeartBtIntOverride=Y",
        "[SESSION]",
        "TargetCompID=SELLER",
        "ThrottleBurst=5",
        HeartBtInt="20",
        RedactFieldsInLogs="1",
    )
    assert parse(text, "x.cfg").warnings == (
        "x.cfg:6: ThrottleBurst: has no effect without ThrottleMessagesPerSecond",
        "x.cfg:14: RedactFieldsInLogs: has no effect without FileLogPath",
    )


def test_whoever_may_claim_any_address_is_told() -> None:
    (warning,) = parse(file("UseTCPProxy=Y"), "x.cfg").warnings
    assert warning.startswith("x.cfg:3: UseTCPProxy: whoever reaches the port may")


def test_sub_ids_and_locations() -> None:
    text = file(
        "TargetSubID=DESK", "TargetLocationID=NY", SenderSubID="S", SenderLocationID="L"
    )
    session_id = only_session(text).session_id
    assert str(session_id) == "FIX.4.4:EXCHANGE/S/L->BUYER/DESK/NY"
    assert session_id.target_location_id == "NY"


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
            file("BeginString=FIX.5.0SP2"),
            [
                "3: BeginString: FIX.5.0SP2 is spoken as BeginString=FIXT.1.1 and"
                " DefaultApplVerID"
            ],
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
            [
                "3: AllowedRemoteAddresses: '10.0.0.1/8' is an address in a network;"
                " did you mean 10.0.0.0/8?"
            ],
        ),
        (
            file("SenderCompID=B\xdcRSE"),
            ["3: SenderCompID: 'BÜRSE' is not 1 to 64 printable ASCII characters"],
        ),
        (
            file("HttpAcceptPort=8080"),
            [
                "3: HttpAcceptPort: is not offered, except 0: there is no control"
                " page; `fixgw sessions` controls the sessions"
            ],
        ),
        (
            file("SessionQualifier=Q"),
            [
                "3: SessionQualifier: is not offered: it is in no message, so an"
                " acceptor cannot tell such sessions apart"
            ],
        ),
        (
            file("AppDataDictionary.FIX.4.4=FIX44.xml", "TransportDataDictionary=T"),
            [
                "3: AppDataDictionary.FIX.4.4: is for FIXT.1.1, not for FIX.4.4",
                "4: TransportDataDictionary: is for FIXT.1.1, not for FIX.4.4",
            ],
        ),
        (
            file("AppDataDictionary.FIX.3.9=FIX39.xml"),
            [
                "3: AppDataDictionary.FIX.3.9: no engine of the QuickFIX family knows"
                " this key; did you mean AppDataDictionary?"
            ],
        ),
        (
            file("BeginString=FIXT.1.1", "DataDictionary=FIX44.xml"),
            [
                "1: DefaultApplVerID: is missing; FIXT.1.1 needs it",
                "4: DataDictionary: FIXT.1.1 has two: TransportDataDictionary and"
                " AppDataDictionary",
            ],
        ),
        (
            file("BeginString=FIXT.1.1", "DefaultApplVerID=FIX.6.0"),
            [
                "4: DefaultApplVerID: 'FIX.6.0' is not one of FIX.4.0, FIX.4.1,"
                " FIX.4.2, FIX.4.3, FIX.4.4, FIX.5.0, FIX.5.0SP1, FIX.5.0SP2, or its"
                " number"
            ],
        ),
        (
            file("SendNextExpectedMsgSeqNum=Y", BeginString="FIX.4.3"),
            ["3: SendNextExpectedMsgSeqNum: is for FIX.4.4, not for FIX.4.3"],
        ),
        (
            file("TargetLocationID=L", BeginString="FIX.4.0"),
            ["3: TargetLocationID: is for FIX.4.1, not for FIX.4.0"],
        ),
        (
            file("EnableResetSeqTime=Y"),
            ["3: EnableResetSeqTime: needs ResetSeqTime"],
        ),
        (
            file("HeartBtIntOverride=Y"),
            ["3: HeartBtIntOverride: needs HeartBtInt, the interval to dictate"],
        ),
        (
            file("HeartBtIntOverride=Y", "HeartBtInt=61", HeartBtIntMax="60"),
            ["4: HeartBtInt: is not from HeartBtIntMin=0 to HeartBtIntMax=60"],
        ),
        (
            file("HeartBtIntMin=10", HeartBtIntMax="5"),
            ["3: HeartBtIntMin: 10 is above HeartBtIntMax=5"],
        ),
        (
            file("AcceptorTemplate=Y"),
            [
                "2: TargetCompID: contradicts AcceptorTemplate=Y, which is for any"
                " client"
            ],
        ),
        (
            file("TargetSubID=*"),
            ["3: TargetSubID: * is no name; without this key any will do"],
        ),
        (
            file().replace("BUYER", "*"),
            ["2: TargetCompID: * is for a section with AcceptorTemplate=Y"],
        ),
        (
            file("DynamicSessions=Y", "SenderCompID=*").replace("BUYER", "*"),
            ["4: SenderCompID: must be named: * is for the client's side alone"],
        ),
        (
            file("AcceptorTemplate=Y", "ClientCertificateNames=a", **TLS).replace(
                "BUYER", "*"
            ),
            [
                "4: ClientCertificateNames: cannot be the same for all clients not"
                " listed"
            ],
        ),
        (
            file("LogonAuthentication=PASSWORD"),
            ["3: LogonAuthentication: PASSWORD needs CredentialsFile"],
        ),
        (
            file("LogonAuthentication=CERTIFICATE"),
            [
                "3: LogonAuthentication: CERTIFICATE needs TLS with certificates of"
                " clients: give CertificationAuthoritiesFile"
            ],
        ),
        (
            file("ClientCertificateNames=a"),
            [
                "3: ClientCertificateNames: needs TLS with certificates of clients:"
                " give CertificationAuthoritiesFile"
            ],
        ),
        (file("TrustedProxies=10.0.0.1"), ["3: TrustedProxies: needs UseTCPProxy=Y"]),
        (
            file("SocketUseSSL=Y"),
            [
                "3: SocketUseSSL: needs a certificate of ours: give"
                " SocketCertificateFile"
            ],
        ),
        (
            file("SocketPrivateKeyFile=key.pem"),
            [
                "3: SocketPrivateKeyFile: needs a certificate of ours: give"
                " SocketCertificateFile"
            ],
        ),
        (
            file("CertificateVerifyLevel=2", SSLCertificate="a.pem"),
            [
                "3: CertificateVerifyLevel: needs CertificationAuthoritiesFile: who"
                " vouches for them?"
            ],
        ),
        (
            file("NeedClientAuth=Y", SSLCertificate="a.pem"),
            [
                "3: NeedClientAuth: needs CertificationAuthoritiesFile: who vouches"
                " for them?"
            ],
        ),
        (
            file("CertificateVerifyLevel=1", SSLCertificate="a.pem"),
            ["3: CertificateVerifyLevel: needs CertificationAuthoritiesFile"],
        ),
        (
            file("NeedClientAuth=Y", "CertificateVerifyLevel=1", **TLS),
            ["4: CertificateVerifyLevel: contradicts NeedClientAuth=Y"],
        ),
        (
            file("CertificateRevocationListFile=c.pem", SSLCertificate="a.pem"),
            [
                "3: CertificateRevocationListFile: is of no use: no client is asked"
                " for a certificate"
            ],
        ),
        (
            file("SocketCertificateFile=keys.p12"),
            [
                "3: SocketCertificateFile: 'keys.p12' is not PEM; convert it with:"
                " openssl pkcs12 -nodes -in FILE -out server.pem"
            ],
        ),
        (
            file("SocketMinimumTLSVersion=TLS10", **TLS),
            [
                "3: SocketMinimumTLSVersion: 'TLS10': only TLS 1.2 and TLS 1.3 are"
                " offered"
            ],
        ),
        (
            file("Conformance=QUICKFIX"),
            ["3: Conformance: 'QUICKFIX' is not one of standard, quickfix"],
        ),
        (
            file("ClientCertificateNames=a,,b", **TLS),
            ["3: ClientCertificateNames: 'a,,b' is not a list of names"],
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
    monkeypatch.setattr(book, "SESSIONS_MAX", 1)
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


# The sample


def test_the_sample() -> None:
    made = parse(SAMPLE.read_text(), "config/sessions.cfg")
    assert made.warnings == ()
    assert (made.host, made.port) == ("127.0.0.1", 9876)
    names = [session.session_id.target_comp_id for session in made.sessions]
    assert names == ["BUYER", "SELLER", "MAKER", "DESK1", "DESK2"]
    assert {session.data_dictionary for session in made.sessions} == {"spec/FIX44.xml"}
    assert {session.schedule for session in made.sessions} == {NON_STOP}


def sample_with(*names: str) -> str:
    """The sample with these keys of its comments."""
    text = SAMPLE.read_text()
    for name in names:
        assert f"#   {name}=" in text
        text = text.replace(f"#   {name}=", f"{name}=")
    return text


def test_the_sample_with_the_schedule_in_its_comment() -> None:
    text = sample_with("StartTime", "EndTime", "TimeZone", "Weekdays")
    text = text.replace("\nNonStopSession=Y", "")
    schedule = parse(text, "config/sessions.cfg").sessions[0].schedule
    assert schedule.session is not None
    assert schedule.session.start.zone == ZoneInfo("America/New_York")


def test_the_sample_with_the_version_in_its_comment() -> None:
    text = sample_with("BeginString", "DefaultApplVerID", "AppDataDictionary")
    text = text.replace("\nBeginString=FIX.4.4", "")
    session = parse(text, "config/sessions.cfg").sessions[0]
    assert session.session_id.begin_string == "FIXT.1.1"
    assert session.app_data_dictionaries == (("9", "spec/FIX50SP2.xml"),)


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
        "book",
        "catalogue",
        "credentials",
        "explaining",
        "identity",
        "keys",
        "listener",
        "mending",
        "passwords",
        "policies",
        "profile",
        "recurrence",
        "schedule",
        "sections",
        "settings",
        "timeofday",
        "unhonoured",
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


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("ResendRequestChunkSize=5", False),
        ("MaxMessagesInResendRequest=5", True),
        ("MaxMessagesInResendRequest=5\nClosedResendInterval=N", False),
        ("ResendRequestChunkSize=5\nClosedResendInterval=Y", True),
    ],
)
def test_quickfixn_says_the_true_end_of_the_last_chunk(text: str, closed: bool) -> None:
    (session,) = parse(file(text), "sessions.cfg").sessions
    assert session.resend_request_chunk_size == 5
    assert session.closed_resend_interval is closed
