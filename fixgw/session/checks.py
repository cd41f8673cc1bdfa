"""Checks of a single message: who sent it, when, and whether it was sent before."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from fixgw.dictionary import SessionRejectReason, Violation
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message, parse_utc_timestamp

NS_PER_S = 1_000_000_000


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
        text = "Incorrect BeginString"
        if not settings.profile.plain_reject_texts:
            seen = (message.get(8) or b"").decode("latin-1")
            text += f": expected {own.begin_string}, received {seen}"
        return Objection(DisconnectReason.BEGIN_STRING_WRONG, text)
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


def check_routing(message: Message, settings: SessionSettings) -> Violation | None:
    """OnBehalfOfCompID(115) and DeliverToCompID(128) are among those agreed, if any
    are; FIX session test cases 18.a and 18.b."""
    for tag, agreed in (
        (115, settings.on_behalf_of_comp_ids),
        (128, settings.deliver_to_comp_ids),
    ):
        value = message.get(tag)
        if agreed and value and value.decode("latin-1") not in agreed:
            return Violation(SessionRejectReason.COMP_ID_PROBLEM, tag)
    return None


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
