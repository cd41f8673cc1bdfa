"""Composes our messages: header, body, length, checksum.

Fields of the header stand in ascending order behind MsgType(35), those of the bodies
too: some clients compare messages byte by byte.
"""

from __future__ import annotations

from fixgw.session.identity import SessionId
from fixgw.session.versions import Version
from fixgw.wire import Message, finish, utc_timestamp

# OnBehalfOf/DeliverTo and location fields of a message, and where its answer carries
# them (FIX 4.4 volume 1, message routing).
REVERSE_ROUTE = ((128, 115), (129, 116), (115, 128), (116, 129), (145, 144), (144, 145))

LOCATION_TAGS = frozenset({142, 143, 144, 145})

Route = tuple[tuple[int, bytes], ...]
"""Fields of the header, ascending by tag."""


class Composer:
    """Builds the messages of one session. Stateless apart from the session's names."""

    def __init__(
        self, session_id: SessionId, version: Version, timestamp_digits: int
    ) -> None:
        self._begin_string = session_id.begin_string.encode("ascii")
        self._digits = timestamp_digits if version.has_fraction else 0
        self._sender = _fields(
            (49, session_id.sender_comp_id), (50, session_id.sender_sub_id)
        )
        self._target = _fields(
            (56, session_id.target_comp_id), (57, session_id.target_sub_id)
        )
        locations = (
            (142, session_id.sender_location_id),
            (143, session_id.target_location_id),
        )
        self._locations: Route = tuple(
            (tag, name.encode("ascii")) for tag, name in locations if name
        )
        if not version.has_location_fields:
            self._locations = ()
        self._usual_route = _route(self._locations)

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
        route: Route = (),
        last_processed: int = -1,
        poss_resend: bool = False,
        original: bytes = b"",
    ) -> bytes:
        """A whole message. ``body`` is its fields, each ended by SOH.

        ``original``: OrigSendingTime(122), for a possible duplicate.
        """
        head = self._usual_route
        if route or original:
            fields = [*route, *self._locations]
            if original:
                fields.append((122, original))
            head = _route(tuple(sorted(fields)))
        content = b"35=%b\x0134=%d\x01%b%b52=%b\x01%b%b%b%b%b" % (
            msg_type.encode("ascii"),
            seq,
            b"43=Y\x01" if original else b"",
            self._sender,
            utc_timestamp(now_ns, self._digits),
            self._target,
            b"97=Y\x01" if poss_resend else b"",
            head,
            b"369=%d\x01" % last_processed if last_processed >= 0 else b"",
            body,
        )
        return finish(self._begin_string, content)

    def gap_fill(
        self, begin: int, new_seq_no: int, now_ns: int, last_processed: int = -1
    ) -> bytes:
        """SequenceReset(4) over the numbers from ``begin`` to ``new_seq_no`` - 1."""
        return self.message(
            "4",
            begin,
            b"36=%d\x01123=Y\x01" % new_seq_no,
            now_ns,
            last_processed=last_processed,
            original=utc_timestamp(now_ns, self._digits),
        )


def reverse_route(message: Message, version: Version) -> Route:
    """The routing fields of an answer to ``message``; empty ones left out."""
    fields = []
    for source, target in REVERSE_ROUTE:
        value = message.get(source)
        if value and (version.has_location_fields or target not in LOCATION_TAGS):
            fields.append((target, value))
    return tuple(sorted(fields))


def _fields(*fields: tuple[int, str]) -> bytes:
    """Those that have a value."""
    return _route(tuple((tag, text.encode("ascii")) for tag, text in fields if text))


def _route(fields: Route) -> bytes:
    return b"".join(b"%d=%b\x01" % field for field in fields)
