"""Reject(3) and BusinessMessageReject(j) as a version and a profile want them.

Up to FIX 4.1 there is neither j nor a reason code: a Reject names the message by
RefSeqNum(45) and says everything else in Text(58), the tag in parentheses behind it.
"""

from __future__ import annotations

from fixgw.dictionary import SessionRejectReason
from fixgw.session.checks import number
from fixgw.session.profile import Profile
from fixgw.session.versions import FIX50SP2, VERSIONS, Version
from fixgw.wire import Message

UNSUPPORTED_MESSAGE_TYPE = 3
THROTTLED = 8
"""BusinessRejectReason(380)."""

UNSUPPORTED = "Unsupported message type"
"""What a Reject(3) says where there is no BusinessMessageReject(j)."""

BUSINESS_TEXTS = {
    1: "Unknown ID",
    2: "Unknown Security",
    3: "Unsupported Message Type",
    4: "Application Not Available",
    5: "Conditionally Required Field Missing",
    6: "Not Authorized",
    7: "DeliverTo Firm Not Available At This Time",
}
"""The words of public engines by BusinessRejectReason(380)."""

_REASONS_OF_42 = 5
"""The highest BusinessRejectReason(380) of FIX 4.2."""

_WITHOUT_TEXT = frozenset(
    {
        SessionRejectReason.XML_VALIDATION_ERROR,
        SessionRejectReason.GROUP_MEMBERS_OUT_OF_ORDER,
        SessionRejectReason.DELIMITER_IN_VALUE,
        SessionRejectReason.INVALID_APPLICATION_VERSION,
        SessionRejectReason.OTHER,
    }
)
"""Public engines have no words for these, or several: ours stay."""

_TEXTS = {
    int(reason): reason.text
    for reason in SessionRejectReason
    if reason not in _WITHOUT_TEXT
}

_WITHOUT_TAG = frozenset(
    {
        SessionRejectReason.COMP_ID_PROBLEM,
        SessionRejectReason.SENDING_TIME_ACCURACY,
    }
)


class Rejects:
    """Composes the bodies of both, ascending by tag, each field ended by SOH."""

    def __init__(self, version: Version, profile: Profile) -> None:
        self._version = version
        self._profile = profile

    def reject(
        self, message: Message, reason: int | None, tag: int | None, text: str
    ) -> bytes:
        """Body of Reject(3) of ``message``; no ``reason``: only the text says why."""
        if reason in _WITHOUT_TAG and self._profile.brief_identity_reject:
            tag = None
        if self._profile.plain_reject_texts and reason is not None:
            text = _TEXTS.get(reason, text)
        return self._body(message.get(34), message.msg_type, reason, tag, text)

    def garbled(self, seq: bytes, msg_type: str, text: str) -> bytes:
        """Body of Reject(3) of what is no message, as far as it was readable."""
        return self._body(seq, msg_type, None, None, text)

    def _body(
        self,
        seq: bytes | None,
        msg_type: str,
        reason: int | None,
        tag: int | None,
        text: str,
    ) -> bytes:
        version = self._version
        head = _ref_seq_num(seq)
        if not version.has_reject_fields:
            behind = "" if tag is None else f" ({tag})"
            return head + _text(text + behind)
        return b"%b%b%b%b%b" % (
            head,
            _text(text),
            b"371=%d\x01" % tag if tag is not None else b"",
            b"372=%b\x01" % msg_type.encode("latin-1") if msg_type else b"",
            self._code(reason),
        )

    def _code(self, reason: int | None) -> bytes:
        """SessionRejectReason(373), if the version has this value.

        FIX 4.2 ends at 11. The standard's test cases ask for higher ones all the same.
        """
        version = self._version
        if (
            version.begin_string == "FIX.4.2"
            and not self._profile.old_reject_codes_only
        ):
            version = VERSIONS["FIX.4.3"]
        codes = version.reject_codes
        if reason is None or reason not in codes:
            return b""
        return b"373=%d\x01" % reason

    def business_reject(
        self, message: Message, reason: int, text: str, appl_ver_id: str
    ) -> tuple[str, bytes]:
        """MsgType(35) and body of a BusinessMessageReject(j), or of the Reject(3) that
        stands for it. ``appl_ver_id`` is the session's DefaultApplVerID(1137)."""
        if self._profile.plain_reject_texts:
            text = BUSINESS_TEXTS.get(reason, text)
        if not self._version.has_business_reject:
            if reason == UNSUPPORTED_MESSAGE_TYPE:
                text = UNSUPPORTED
            return "3", self._body(message.get(34), message.msg_type, None, None, text)
        if reason >= THROTTLED and appl_ver_id != FIX50SP2:
            reason = 0
        if reason > _REASONS_OF_42 and self._version.begin_string == "FIX.4.2":
            reason = 0
        order = message.get(11) or message.get(584)
        told = self._version.is_fixt and self._profile.appl_ver_id_on_business_reject
        return "j", b"%b%b372=%b\x01%b380=%d\x01%b" % (
            _ref_seq_num(message.get(34)),
            _text(text),
            message.msg_type.encode("latin-1"),
            b"379=%b\x01" % order if order else b"",
            reason,
            b"1137=%b\x01" % appl_ver_id.encode("ascii") if told else b"",
        )


def _ref_seq_num(value: bytes | None) -> bytes:
    """RefSeqNum(45); left out if the message had no readable MsgSeqNum(34)."""
    seq = number(value)
    return b"" if seq is None else b"45=%d\x01" % seq


def _text(text: str) -> bytes:
    return b"58=%b\x01" % text.encode("latin-1", "replace") if text else b""
