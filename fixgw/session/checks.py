"""Checks of a single message: who sent it, when, and whether a Logon is acceptable."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from fixgw.dictionary import SessionRejectReason, Violation
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message, parse_utc_timestamp

NS_PER_S = 1_000_000_000

HEART_BT_INT_S_MAX = 3_600
"""A HeartBtInt(108) above an hour is a mistake: a dead peer would never be noticed."""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a message or Logon is refused."""

    reason: DisconnectReason
    text: str
    """Goes to the client in Text(58)."""
    tag: int | None = None
    """The field to blame, for a Reject(3)."""
    reject: SessionRejectReason | None = None
    """SessionRejectReason(373) of a Reject(3) before the Logout, if one is due."""


def number(value: bytes | None) -> int | None:
    """A non-negative integer of FIX (leading zeros allowed), or None."""
    if value and value.isdigit() and len(value) <= 18:
        return int(value)
    return None


def may_connect(settings: SessionSettings, address: str) -> bool:
    """Whether AllowedRemoteAddresses lets a client at this IP address log on."""
    allowed = settings.allowed_remote_addresses
    if not allowed:
        return True
    ip = ip_address(address.removeprefix("::ffff:"))
    return any(ip in network for network in allowed)


def check_identity(message: Message, settings: SessionSettings) -> Objection | None:
    """BeginString(8) and the CompIDs of a message inside a session."""
    own = settings.session_id
    if message.get(8) != own.begin_string.encode("ascii"):
        seen = (message.get(8) or b"").decode("latin-1")
        return Objection(
            DisconnectReason.BEGIN_STRING_WRONG,
            f"Incorrect BeginString: expected {own.begin_string}, received {seen}",
        )
    if settings.check_comp_id:
        for tag, expected in ((49, own.target_comp_id), (56, own.sender_comp_id)):
            value = message.get(tag)
            if value and value != expected.encode("ascii"):
                seen = value.decode("latin-1")
                return Objection(
                    DisconnectReason.COMP_ID_WRONG,
                    f"CompID problem: expected {expected}, received {seen}",
                    tag,
                    SessionRejectReason.COMP_ID_PROBLEM,
                )
    return None


def check_sending_time(
    message: Message, settings: SessionSettings, now_ns: int
) -> Objection | None:
    """SendingTime(52) within MaxLatency of our clock; absence is judged as content."""
    value = message.get(52)
    if not settings.check_latency or not value:
        return None
    try:
        off_ns = abs(parse_utc_timestamp(value) - now_ns)
    except ValueError:
        return None
    if off_ns <= settings.max_latency_s * NS_PER_S:
        return None
    return Objection(
        DisconnectReason.SENDING_TIME_WRONG,
        f"SendingTime accuracy problem: {value.decode('latin-1')} is "
        f"{off_ns // NS_PER_S} s off, {settings.max_latency_s} s are allowed",
        52,
        SessionRejectReason.SENDING_TIME_ACCURACY,
    )


def check_possible_duplicate(
    message: Message, settings: SessionSettings
) -> Violation | None:
    """OrigSendingTime(122) of a possible duplicate: there, and not after SendingTime.

    FIX session test cases 2.f and 2.g.
    """
    if message.get(43) != b"Y":
        return None
    original = message.get(122)
    if not original:
        if not settings.requires_orig_sending_time:
            return None
        return Violation(SessionRejectReason.REQUIRED_TAG_MISSING, 122)
    try:
        sent = parse_utc_timestamp(message.get(52) or b"")
        late = parse_utc_timestamp(original) > sent
    except ValueError:
        return None
    return Violation(SessionRejectReason.SENDING_TIME_ACCURACY, 122) if late else None


def check_logon(
    message: Message, settings: SessionSettings, now_ns: int
) -> Objection | None:
    """A Logon by itself: its time window, identity, number and own fields.

    The dictionary and SendingTime(52) are judged after it. Nothing is changed before
    all of them are passed.
    """
    if not settings.schedule.is_logon_allowed(now_ns):
        return Objection(
            DisconnectReason.OUTSIDE_SCHEDULE, "Logon is not allowed at this time"
        )
    objection = check_identity(message, settings)
    if objection is not None:
        return objection
    if number(message.get(34)) is None:
        return Objection(
            DisconnectReason.MSG_SEQ_NUM_MISSING, "Received message without MsgSeqNum"
        )
    method = message.get(98)
    if method != b"0":
        seen = (method or b"").decode("latin-1")
        return Objection(
            DisconnectReason.INVALID_LOGON,
            f"EncryptMethod(98)={seen} is not supported, only 0 (none)",
            98,
            SessionRejectReason.DECRYPTION_PROBLEM if method else None,
        )
    text = _heart_bt_int_problem(message.get(108) or b"")
    if not text and message.get(141) == b"Y" and number(message.get(34)) != 1:
        text = "ResetSeqNumFlag(141)=Y demands MsgSeqNum(34)=1"
    if not text and message.get(43) == b"Y":
        text = "a Logon cannot be a possible duplicate"
    return Objection(DisconnectReason.INVALID_LOGON, text) if text else None


def _heart_bt_int_problem(value: bytes) -> str:
    """What is wrong with HeartBtInt(108); empty if nothing."""
    if value.startswith(b"-"):
        return "HeartBtInt must not be negative"
    seconds = number(value)
    if seconds is None:
        return "HeartBtInt(108) is missing or no number"
    if seconds > HEART_BT_INT_S_MAX:
        return f"HeartBtInt(108) is above {HEART_BT_INT_S_MAX}"
    return ""
