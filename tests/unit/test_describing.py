"""Settings as a sessions file would say them: read again, they are the same."""

from __future__ import annotations

import pytest

from fixgw.session.describing import as_keys
from fixgw.session.settings import SessionSettings, parse

HEAD = """\
[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort=9876
BeginString=FIX.4.4
SenderCompID=EXCHANGE
TargetCompID=BUYER
"""

FILES = {
    "plain": "NonStopSession=Y",
    "daily": "StartTime=08:00:00\nEndTime=17:00:00\nTimeZone=America/New_York",
    "weekdays": "StartTime=22:00:00\nEndTime=06:00:00\nTimeZone=Asia/Tokyo\n"
    "Weekdays=Friday,Mo,We",
    "weekly": "StartTime=08:00:00\nEndTime=17:00:00\nTimeZone=Europe/Berlin\n"
    "StartDay=Mo\nEndDay=Fr",
    "logon": "StartTime=08:00:00\nEndTime=17:00:00\nTimeZone=Europe/Berlin\n"
    "LogonTime=08:30:00\nLogoutTime=16:00:00",
    "weekly logon": "StartTime=08:00:00\nEndTime=17:00:00\nTimeZone=Europe/Berlin\n"
    "StartDay=Mo\nEndDay=Fr\nLogonTime=09:00:00\nLogonDay=Tu\nLogoutDay=Th",
    "two zones": "StartTime=08:00:00 Asia/Tokyo\nEndTime=17:00:00 Europe/Berlin",
    "the rest": "NonStopSession=Y\nCheckCompID=N\nCheckLatency=N\nMaxLatency=7\n"
    "ResetOnLogon=Y\nResetOnLogout=Y\nResetOnDisconnect=Y\nPersistMessages=N\n"
    "TimeStampPrecision=NANOS\nUseDataDictionary=N\nLogonTimeout=3\nLogoutTimeout=4\n"
    "TestRequestDelayMultiplier=0.000001\nHeartBeatTimeoutMultiplier=9.5\n"
    "DisableHeartBeatCheck=Y\nMaxMessagesInResendRequest=50\nClosedResendInterval=Y\n"
    "SendRedundantResendRequests=Y\nEnableLastMsgSeqNumProcessed=Y\n"
    "ValidateFieldsOutOfOrder=N\nValidateFieldsHaveValues=N\n"
    "CheckUserDefinedFields=N\nAllowUnknownMessageFields=Y\n"
    "AllowUnknownEnumValues=Y\nRequiresOrigSendingTime=N\n"
    "SendLogoutBeforeDisconnectFromTimeout=Y\n"
    "AllowedRemoteAddresses=10.0.0.0/8, ::1",
    "quickfix": "NonStopSession=Y\nConformance=quickfix\nResetSeqNumFlag=REFUSE\n"
    "HeartBtIntOverride=Y\nHeartBtInt=20\nResendSkipMsgTypes=S,W\n"
    "ThrottleMessagesPerSecond=5\nResendOverflow=LOGOUT\nTargetSubID=DESK",
    "one row": "NonStopSession=Y\nCloseAfterLogout=Y",
    "all but one row": "NonStopSession=Y\nConformance=quickfix\nCloseAfterLogout=N",
    "a reset": "StartTime=08:00:00\nEndTime=17:00:00\nResetSeqTime=12:00:00\n"
    "EnableResetSeqTime=Y",
    "a reset without a window": "NonStopSession=Y\nResetSeqTime=12:00:00\n"
    "EnableResetSeqTime=Y",
    "a dictionary": "NonStopSession=Y\nDataDictionary=other/FIX44.xml\n"
    "ResendSessionLevelRejects=Y",
}


def settings(text: str) -> SessionSettings:
    (session,) = parse(f"{HEAD}[SESSION]\n{text}\n", "sessions.cfg").sessions
    return session


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_is_what_was_read(name: str) -> None:
    first = settings(FILES[name])
    text = "".join(f"{key}={value}\n" for key, value in as_keys(first).items())
    assert settings(text) == first


def test_fixt_names_its_versions() -> None:
    head = HEAD.replace("FIX.4.4", "FIXT.1.1")
    text = "NonStopSession=Y\nDefaultApplVerID=FIX.5.0SP2\n"
    text += "AppDataDictionary.FIX.4.4=other/FIX44.xml\n"
    (first,) = parse(f"{head}[SESSION]\n{text}", "sessions.cfg").sessions
    keys = as_keys(first)
    assert keys["DefaultApplVerID"] == "9"
    assert keys["AppDataDictionary.FIX.4.4"] == "other/FIX44.xml"
    again = "".join(f"{key}={value}\n" for key, value in keys.items())
    (second,) = parse(f"{head}[SESSION]\n{again}", "sessions.cfg").sessions
    assert first == second


def test_every_key_of_a_file_is_there_or_said_by_another_name() -> None:
    keys = as_keys(settings(FILES["the rest"]))
    renamed = {
        "TimeStampPrecision": "TimestampPrecision",
        "MaxMessagesInResendRequest": "ResendRequestChunkSize",
        "CheckUserDefinedFields": "ValidateUserDefinedFields",
        "AllowUnknownMessageFields": "AllowUnknownMsgFields",
    }
    for line in FILES["the rest"].splitlines():
        key = line.partition("=")[0]
        assert renamed.get(key, key) in keys
    assert keys["TimestampPrecision"] == "9"
    assert keys["TestRequestDelayMultiplier"] == "0.000001"
    assert keys["AllowedRemoteAddresses"] == "10.0.0.0/8,::1/128"


def test_times_in_utc_are_named_so() -> None:
    keys = as_keys(settings("StartTime=08:00:00\nEndTime=17:00:00"))
    assert (keys["StartTime"], keys["EndTime"]) == ("08:00:00 UTC", "17:00:00 UTC")
    assert "Weekdays" not in keys
    assert "DataDictionary" not in keys
