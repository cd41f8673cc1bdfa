"""Serving a ResendRequest(2): stored messages again, GapFills for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fixgw.session.settings import SessionSettings
from fixgw.wire import finish, parse_utc_timestamp

NS_PER_S = 1_000_000_000
SOH = 0x01

_HEADER = frozenset({34, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122, 128, 129})
_HEADER_41 = _HEADER | {142, 143, 144, 145}
_HEADER_42 = _HEADER_41 | {212, 213, 347, 369, 370}
_HEADER_43 = _HEADER_42 | {627, 628, 629, 630}
_HEADER_44 = _HEADER_43 - {370}

HEADER_TAGS = {
    b"FIX.4.0": _HEADER,
    b"FIX.4.1": _HEADER_41,
    b"FIX.4.2": _HEADER_42,
    b"FIX.4.3": _HEADER_43,
    b"FIX.4.4": _HEADER_44,
    b"FIXT.1.1": _HEADER_44 | {1128, 1129, 1156},
}
"""Standard header fields behind MsgType(35), by BeginString(8)."""

_HEADERS = {
    version: {b"%d" % tag: tag for tag in tags} for version, tags in HEADER_TAGS.items()
}
"""The same with the tags as they are written."""

_DATA_TAGS = {90: 91, 212: 213}
"""Length fields of the header, and the data fields behind them."""


class StoredMessage(NamedTuple):
    """A message as it was sent."""

    seq: int
    admin: bool
    data: bytes


class Span(NamedTuple):
    """A range to serve, inclusive. Above ``messages_end`` everything is filled over."""

    begin: int
    end: int
    messages_end: int


def as_possible_duplicate(data: bytes, sending_time: bytes) -> bytes:
    """The stored message again: PossDupFlag(43)=Y, OrigSendingTime(122) = its old
    SendingTime(52), and a new one; the same number, and a body of the same bytes.

    The fields of the header keep their order. Raises ValueError if ``data`` is no
    message with a SendingTime(52).
    """
    begin_string = data[2 : data.find(b"\x01")]
    known = _HEADERS.get(begin_string)
    place = data.find(b"\x0135=") + 1
    if known is None or not place or data[-7:-4] != b"10=":
        raise ValueError(f"the store holds no message: {data!r}")
    end = data.index(SOH, place)
    fields = [data[place:end]]
    original = b""
    flag_at = time_at = data_tag = data_size = 0
    while True:
        place = end + 1
        equals = data.find(b"=", place)
        tag = known.get(data[place:equals])
        if tag is None:
            break
        end = equals + 1 + data_size if tag == data_tag else data.index(SOH, equals)
        # The new fields go before the first with a higher tag.
        if tag > 43 and not flag_at:
            flag_at = len(fields)
        if tag > 122 and not time_at:
            time_at = len(fields)
        if tag == 52:
            original = data[equals + 1 : end]
            fields.append(b"52=" + sending_time)
        elif tag not in (43, 122):
            fields.append(data[place:end])
        data_tag = _DATA_TAGS.get(tag, 0)
        if data_tag:
            data_size = int(data[equals + 1 : end])
    if not original:
        raise ValueError(f"the store holds a message without SendingTime: {data!r}")
    fields.insert(time_at or len(fields), b"122=" + original)
    fields.insert(flag_at, b"43=Y")
    return finish(begin_string, b"\x01".join(fields) + b"\x01" + data[place:-7])


class ResendPolicy:
    """Which stored messages are sent again; the others are filled over.

    * Session level messages never, but Reject(3) with ResendSessionLevelRejects.
    * Application messages unless ResendSkipMsgTypes names their type, or their
      SendingTime(52) lies further back than ResendAgeMax: an old quote does harm.
    """

    def __init__(self, settings: SessionSettings) -> None:
        self._rejects = settings.resend_session_level_rejects
        self._skipped = {kind.encode() for kind in settings.resend_skip_msg_types}
        self._age_ns_max = settings.resend_age_s_max * NS_PER_S

    def wants(self, row: StoredMessage, now_ns: int) -> bool:
        """Whether this message is sent again."""
        data = row.data
        place = data.find(b"\x0135=") + 4
        msg_type = data[place : data.find(b"\x01", place)]
        if msg_type == b"3":
            return self._rejects
        if row.admin or msg_type in self._skipped:
            return False
        if not self._age_ns_max:
            return True
        place = data.find(b"\x0152=") + 4
        sent_ns = parse_utc_timestamp(data[place : data.find(b"\x01", place)])
        return now_ns - sent_ns <= self._age_ns_max


class Resender:
    """Serves one ResendRequest(2) at a time; a few may wait for their turn.

    While it works, new messages are held back in the store, so that the client sees
    replayed and live messages one after the other and not mixed: weak clients lose
    their place otherwise. When the replay is done, what was held is written as it was
    first composed. With InterleaveLiveMessages nothing is held: new messages, whose
    numbers lie above every range being served, go out between the replayed ones.

    The shell reads the store: it asks :attr:`wanted` and passes the rows to
    :meth:`rows`, slice by slice, so that a huge request costs little memory and other
    sessions need not wait for it. ``gap_fill`` composes a SequenceReset-GapFill over
    the numbers from its first argument to the one before its second. ``resent`` counts
    the messages sent again.
    """

    def __init__(
        self, settings: SessionSettings, gap_fill: Callable[[int, int, int], bytes]
    ) -> None:
        self.resent = 0
        self._gap_fill = gap_fill
        self._policy = ResendPolicy(settings)
        self._persists = settings.persist_messages
        self._interleaves = settings.interleave_live_messages
        self.clear()

    def clear(self) -> None:
        """Forget everything: the connection is gone or the numbers were reset."""
        self._spans: list[Span] = []
        self._cursor = 0
        self._run_from = 0
        self._held_from = 0

    @property
    def is_replaying(self) -> bool:
        """Whether a request is being served."""
        return bool(self._spans)

    @property
    def under_way(self) -> Sequence[tuple[int, int]]:
        """The range being served and those that wait, each inclusive."""
        return [(span.begin, span.end) for span in self._spans]

    @property
    def holds(self) -> bool:
        """Whether a new message must stay in the store for now."""
        return bool(self._spans or self._held_from) and not self._interleaves

    def hold(self, seq: int) -> None:
        """The new message ``seq`` stays in the store until its turn."""
        self._held_from = self._held_from or seq

    def last_written(self, last_sent: int) -> int:
        """The highest number on the wire, when ``last_sent`` is the highest given."""
        return self._held_from - 1 if self._held_from else last_sent

    def request(self, begin: int, end: int, messages_end: int) -> bool:
        """Serve ``begin`` to ``end`` (inclusive, and written already), messages only up
        to ``messages_end``; whether a replay begins by it, or waits for another.
        """
        if not self._persists:
            messages_end = begin - 1
        self._spans.append(Span(begin, end, messages_end))
        if len(self._spans) > 1:
            return False
        self._cursor = begin
        return True

    def wanted(self, last_sent: int) -> tuple[int, int] | None:
        """The stored numbers to read next, inclusive; None when nothing is wanted.

        An end before the begin means that no row is needed to go on.
        """
        if self._spans:
            return self._cursor, min(self._spans[0].messages_end, last_sent)
        if self._held_from:
            return self._held_from, last_sent
        return None

    def rows(
        self,
        rows: Sequence[StoredMessage],
        through: int,
        last_sent: int,
        sending_time: bytes,
        now_ns: int,
    ) -> list[bytes]:
        """What to write for the stored messages of :meth:`wanted` up to ``through``."""
        if not self._spans:
            self._held_from = through + 1 if through < last_sent else 0
            return [row.data for row in rows]
        # A GapFill ends with what was asked for, and with what was ever sent.
        end = min(self._spans[0].end, last_sent)
        messages_end = min(self._spans[0].messages_end, end)
        out: list[bytes] = []
        for row in rows:
            if self._policy.wants(row, now_ns):
                self._skip_to(row.seq)
                self._fill(out, now_ns)
                out.append(as_possible_duplicate(row.data, sending_time))
                self._cursor = row.seq + 1
                self.resent += 1
        self._skip_to(min(through, messages_end) + 1)
        if self._cursor > messages_end:
            self._skip_to(end + 1)
            self._fill(out, now_ns)
            self._end_span()
        return out

    def _end_span(self) -> None:
        """The next range, if one waits."""
        del self._spans[0]
        if self._spans:
            self._cursor = self._spans[0].begin

    def _skip_to(self, seq: int) -> None:
        """Numbers from the cursor up to ``seq`` - 1 hold nothing to resend."""
        if seq > self._cursor:
            self._run_from = self._run_from or self._cursor
            self._cursor = seq

    def _fill(self, out: list[bytes], now_ns: int) -> None:
        """One GapFill over the run of skipped numbers, if there is one."""
        if self._run_from:
            out.append(self._gap_fill(self._run_from, self._cursor, now_ns))
            self._run_from = 0
