"""Composes our messages: header, body, length, checksum."""

from __future__ import annotations

from fixgw.session.identity import SessionId
from fixgw.wire import Message, finish, utc_timestamp

# OnBehalfOf/DeliverTo and location fields of a message, and where its answer carries
# them (FIX 4.4 volume 1, message routing).
REVERSE_ROUTE = ((128, 115), (129, 116), (115, 128), (116, 129), (145, 144), (144, 145))


class Composer:
    """Builds the messages of one session. Stateless apart from the session's names."""

    def __init__(self, session_id: SessionId, timestamp_digits: int) -> None:
        self._begin_string = session_id.begin_string.encode("ascii")
        self._sender = session_id.sender_comp_id.encode("ascii")
        self._target = session_id.target_comp_id.encode("ascii")
        self._digits = timestamp_digits

    def sending_time(self, now_ns: int) -> bytes:
        """SendingTime(52) in the session's precision."""
        return utc_timestamp(now_ns, self._digits)

    def message(
        self,
        msg_type: str,
        seq: int,
        body: bytes,
        now_ns: int,
        *,
        route: bytes = b"",
        last_processed: int = -1,
        poss_resend: bool = False,
    ) -> bytes:
        """A whole message. ``body`` and ``route`` are fields, each ended by SOH."""
        content = b"35=%b\x0134=%d\x0149=%b\x0152=%b\x0156=%b\x01%b%b%b%b" % (
            msg_type.encode("ascii"),
            seq,
            self._sender,
            utc_timestamp(now_ns, self._digits),
            self._target,
            b"97=Y\x01" if poss_resend else b"",
            route,
            b"369=%d\x01" % last_processed if last_processed >= 0 else b"",
            body,
        )
        return finish(self._begin_string, content)

    def gap_fill(
        self, begin: int, new_seq_no: int, now_ns: int, last_processed: int = -1
    ) -> bytes:
        """SequenceReset(4) over the numbers from ``begin`` to ``new_seq_no`` - 1."""
        time = utc_timestamp(now_ns, self._digits)
        content = (
            b"35=4\x0134=%d\x0143=Y\x0149=%b\x0152=%b\x0156=%b\x01122=%b\x01%b"
            b"36=%d\x01123=Y\x01"
        ) % (
            begin,
            self._sender,
            time,
            self._target,
            time,
            b"369=%d\x01" % last_processed if last_processed >= 0 else b"",
            new_seq_no,
        )
        return finish(self._begin_string, content)


def reverse_route(message: Message) -> bytes:
    """The routing fields of an answer to ``message``, ascending; empty ones left
    out."""
    fields = []
    for source, target in REVERSE_ROUTE:
        value = message.get(source)
        if value:
            fields.append((target, value))
    return b"".join(b"%d=%b\x01" % row for row in sorted(fields))


def reject_body(
    ref_seq_num: int, ref_msg_type: str, reason: int, tag: int | None, text: str
) -> bytes:
    """Body of Reject(3)."""
    return b"45=%d\x0158=%b\x01%b%b373=%d\x01" % (
        ref_seq_num,
        text.encode("latin-1", "replace"),
        b"371=%d\x01" % tag if tag is not None else b"",
        b"372=%b\x01" % ref_msg_type.encode("latin-1") if ref_msg_type else b"",
        reason,
    )


def business_reject_body(
    ref_seq_num: int, ref_msg_type: str, reason: int, text: str, business_id: bytes
) -> bytes:
    """Body of BusinessMessageReject(j); ``business_id`` is the ClOrdID(11), or
    empty."""
    return b"45=%d\x0158=%b\x01372=%b\x01%b380=%d\x01" % (
        ref_seq_num,
        text.encode("latin-1", "replace"),
        ref_msg_type.encode("latin-1"),
        b"379=%b\x01" % business_id if business_id else b"",
        reason,
    )
