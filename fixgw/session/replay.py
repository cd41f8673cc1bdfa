"""Serving a ResendRequest(2): stored messages again, GapFills for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fixgw.wire import Message, finish, parse_message

HEADER_TAGS = frozenset(
    {34, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122, 128, 129, 142, 143, 144}
    | {145, 212, 213, 347, 369, 627}
)
"""Standard header fields behind MsgType(35), FIX 4.4 volume 2."""

PENDING_REQUESTS_MAX = 4
"""ResendRequests that may wait for the one being served; more are ignored."""


class StoredMessage(NamedTuple):
    """A message as it was sent."""

    seq: int
    admin: bool
    data: bytes


def as_possible_duplicate(data: bytes, sending_time: bytes) -> bytes:
    """The stored message again: PossDupFlag(43)=Y, OrigSendingTime(122) = its old
    SendingTime(52), and a new one; the same number and body.
    """
    message = parse_message(data)
    if not isinstance(message, Message):
        raise ValueError(f"the store holds no message: {message!r}")
    fields = message.fields()
    header: dict[int, bytes] = {}
    body_from = len(fields) - 1
    for place in range(3, len(fields) - 1):
        tag, value = fields[place]
        if tag not in HEADER_TAGS:
            body_from = place
            break
        header[tag] = value
    header[122] = header[52]
    header[52] = sending_time
    header[43] = b"Y"
    lines = [b"35=" + fields[2][1]]
    lines += [b"%d=%b" % (tag, header[tag]) for tag in sorted(header)]
    lines += [b"%d=%b" % row for row in fields[body_from:-1]]
    return finish(fields[0][1], b"\x01".join(lines) + b"\x01")


class Resender:
    """Serves one ResendRequest(2) at a time; a few may wait for their turn.

    While it works, new messages are held back in the store, so that the client sees
    replayed and live messages one after the other and not mixed: weak clients lose
    their place otherwise. When the replay is done, what was held is written as it was
    first composed.

    The shell reads the store: it asks :attr:`wanted` and passes the rows to
    :meth:`rows`, slice by slice, so that a huge request costs little memory and other
    sessions need not wait for it. ``gap_fill`` composes a SequenceReset-GapFill over
    the numbers from its first argument to the one before its second.
    """

    def __init__(self, gap_fill: Callable[[int, int, int], bytes]) -> None:
        self._gap_fill = gap_fill
        self.clear()

    def clear(self) -> None:
        """Forget everything: the connection is gone or the numbers were reset."""
        self._range = (0, 0)
        self._cursor = 0
        self._run_from = 0
        self._waiting: list[tuple[int, int]] = []
        self._held_from = 0

    @property
    def is_replaying(self) -> bool:
        """Whether a request is being served."""
        return self._cursor > 0

    @property
    def holds(self) -> bool:
        """Whether a new message must stay in the store for now."""
        return self._cursor > 0 or self._held_from > 0

    def hold(self, seq: int) -> None:
        """The new message ``seq`` stays in the store until its turn."""
        self._held_from = self._held_from or seq

    def last_written(self, last_sent: int) -> int:
        """The highest number on the wire, when ``last_sent`` is the highest given."""
        return self._held_from - 1 if self._held_from else last_sent

    def request(self, begin: int, end: int) -> bool:
        """Serve ``begin`` to ``end`` (inclusive); whether a replay begins by it.

        The range being served is not served again; beyond PENDING_REQUESTS_MAX a
        request is ignored.
        """
        if not self.is_replaying:
            self._begin(begin, end)
            return True
        if (begin, end) != self._range and len(self._waiting) < PENDING_REQUESTS_MAX:
            self._waiting.append((begin, end))
        return False

    def wanted(self, last_sent: int) -> tuple[int, int] | None:
        """The stored numbers to read next, inclusive; None when nothing is wanted."""
        if self.is_replaying:
            return self._cursor, self._range[1]
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
        if not self.is_replaying:
            self._held_from = through + 1 if through < last_sent else 0
            return [row.data for row in rows]
        out: list[bytes] = []
        for row in rows:
            if row.admin:
                continue
            self._skip_to(row.seq)
            self._fill(out, now_ns)
            out.append(as_possible_duplicate(row.data, sending_time))
            self._cursor = row.seq + 1
        self._skip_to(through + 1)
        if self._cursor > self._range[1]:
            self._fill(out, now_ns)
            self._cursor = 0
            if self._waiting:
                self._begin(*self._waiting.pop(0))
        return out

    def _begin(self, begin: int, end: int) -> None:
        self._range = (begin, end)
        self._cursor = begin
        self._run_from = 0

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
