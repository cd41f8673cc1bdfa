"""Every way a connection or session ends, numbered."""

from __future__ import annotations

from enum import IntEnum


class DisconnectReason(IntEnum):
    """Logged and counted with each end of a connection. Numbers never change
    meaning."""

    PEER_CLOSED = 1
    LOGOUT_COMPLETE = 2
    LOGON_TIMEOUT = 3
    LOGON_BYTES_EXCEEDED = 4
    FIRST_MESSAGE_NOT_LOGON = 5
    UNKNOWN_SESSION = 6
    ALREADY_CONNECTED = 7
    ADDRESS_NOT_ALLOWED = 8
    OUTSIDE_SCHEDULE = 9
    INVALID_LOGON = 10
    MSG_SEQ_NUM_TOO_LOW = 11
    MSG_SEQ_NUM_MISSING = 12
    BEGIN_STRING_WRONG = 13
    COMP_ID_WRONG = 14
    SENDING_TIME_WRONG = 15
    HEARTBEAT_TIMEOUT = 16
    LOGOUT_TIMEOUT = 17
    UNEXPECTED_LOGON = 18
    GARBLED_LIMIT = 19
    SLOW_CONSUMER = 20
    SHUTDOWN = 21
    RESEND_UNANSWERED = 22
    INTERNAL_ERROR = 23
    SCHEDULE_END = 24
    CONNECTION_LIMIT = 25
    OPERATOR_DISCONNECT = 26
    SESSION_DISABLED = 27
    AUTHENTICATION_FAILED = 28
    RATE_LIMIT = 29
    THROTTLED = 30
    RESEND_LIMIT = 31
    TLS_FAILED = 32
    PROXY_HEADER_WRONG = 33
    CERTIFICATE_NOT_BOUND = 34
    NEXT_EXPECTED_TOO_HIGH = 35
    MESSAGE_TOO_LARGE = 36

    @property
    def sentence(self) -> str:
        """One sentence for people."""
        return _SENTENCES[self]


_SENTENCES = {
    DisconnectReason.PEER_CLOSED: "The client closed the connection without a Logout.",
    DisconnectReason.LOGOUT_COMPLETE: "Both sides have sent their Logout.",
    DisconnectReason.LOGON_TIMEOUT: "No Logon came in time after the connection.",
    DisconnectReason.LOGON_BYTES_EXCEEDED: "Too many bytes came before a Logon.",
    DisconnectReason.FIRST_MESSAGE_NOT_LOGON: "The first message was not a Logon.",
    DisconnectReason.UNKNOWN_SESSION: "No session has these CompIDs.",
    DisconnectReason.ALREADY_CONNECTED: "The session has a live connection already.",
    DisconnectReason.ADDRESS_NOT_ALLOWED: "The session may not log on from there.",
    DisconnectReason.OUTSIDE_SCHEDULE: "The session may not log on at this time.",
    DisconnectReason.INVALID_LOGON: "The Logon was not acceptable.",
    DisconnectReason.MSG_SEQ_NUM_TOO_LOW: "MsgSeqNum(34) was below the expected.",
    DisconnectReason.MSG_SEQ_NUM_MISSING: "A message had no MsgSeqNum(34).",
    DisconnectReason.BEGIN_STRING_WRONG: "BeginString(8) was not the session's.",
    DisconnectReason.COMP_ID_WRONG: "A CompID was not the session's.",
    DisconnectReason.SENDING_TIME_WRONG: "SendingTime(52) was too far off.",
    DisconnectReason.HEARTBEAT_TIMEOUT: "Nothing came, not even after a TestRequest.",
    DisconnectReason.LOGOUT_TIMEOUT: "The Logout was not answered in time.",
    DisconnectReason.UNEXPECTED_LOGON: "A second Logon came without a reset.",
    DisconnectReason.GARBLED_LIMIT: "Too many garbled messages came.",
    DisconnectReason.SLOW_CONSUMER: "The client did not read what was sent.",
    DisconnectReason.SHUTDOWN: "The gateway is shutting down.",
    DisconnectReason.RESEND_UNANSWERED: "Repeated ResendRequests were not answered.",
    DisconnectReason.INTERNAL_ERROR: "An error of our own: see the log.",
    DisconnectReason.SCHEDULE_END: "The session's time window has ended.",
    DisconnectReason.CONNECTION_LIMIT: "Too many connections were open.",
    DisconnectReason.OPERATOR_DISCONNECT: "An operator cut the connection.",
    DisconnectReason.SESSION_DISABLED: "An operator keeps the session closed.",
    DisconnectReason.AUTHENTICATION_FAILED: "The client did not prove who it is.",
    DisconnectReason.RATE_LIMIT: "Too many connections or Logons came from there.",
    DisconnectReason.THROTTLED: "The client went on sending more than it may.",
    DisconnectReason.RESEND_LIMIT: "The client asked for too much to be resent.",
    DisconnectReason.TLS_FAILED: "No TLS connection could be agreed on.",
    DisconnectReason.PROXY_HEADER_WRONG: "The PROXY header was missing or wrong.",
    DisconnectReason.CERTIFICATE_NOT_BOUND: "The certificate is not the session's.",
    DisconnectReason.NEXT_EXPECTED_TOO_HIGH: (
        "The client expects a message that was never sent."
    ),
    DisconnectReason.MESSAGE_TOO_LARGE: "A message was larger than allowed.",
}
