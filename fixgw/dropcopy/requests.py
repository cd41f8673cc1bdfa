"""DropCopyRequest(U3) and DropCopyReport(U4): copies of what has been.

A request names a range of ExecIDs(17) of one shard. Its copies bear PossResend(97)=Y,
for the client may have had them, and are followed by a report with their number; or a
report says why there are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from fixgw.wire import Message

DROP_COPY_REQUEST = "U3"
DROP_COPY_REPORT = "U4"

REQ_ID = 5711
BEGIN, END = 5712, 5713
REQ_ID_BYTES_MAX = 64
"""What is returned with the report, which is kept."""
STATUS, COUNT, REJ_REASON = 5715, 5716, 5717
TEXT = 58

_EXEC_ID = re.compile(rb"(\d{1,5})-(\d{1,15})")


class Status(IntEnum):
    """DropCopyStatus(5715)."""

    COMPLETE = 1
    """Every copy of the range was sent."""
    REJECTED = 2
    """None was; DropCopyRejReason(5717) says why."""
    PARTIAL = 3
    """As many as are sent for one request, or as could be read, which
    DropCopyRejReason(5717) then says: ask again behind the last."""


class RejReason(IntEnum):
    """DropCopyRejReason(5717), with the sentence of Text(58)."""

    NOT_DROP_COPY = 1
    BAD_EXEC_ID = 2
    UNKNOWN_SHARD = 3
    BAD_RANGE = 4
    BUSY = 5
    NOT_AVAILABLE = 6

    @property
    def text(self) -> str:
        """What Text(58) says."""
        return _TEXTS[self]


_TEXTS = {
    RejReason.NOT_DROP_COPY: "This session is no drop copy session",
    RejReason.BAD_EXEC_ID: "An ExecID looks like 0-17",
    RejReason.UNKNOWN_SHARD: "No shard gives such ExecIDs",
    RejReason.BAD_RANGE: "The range ends before it begins, or begins behind the last",
    RejReason.BUSY: "Another request is being served",
    RejReason.NOT_AVAILABLE: "The log cannot be read, try again later",
}


@dataclass(frozen=True, slots=True)
class Range:
    """What is asked for: events ``first`` to ``last`` of a shard, both included."""

    shard: int
    first: int
    last: int


def wanted(message: Message, last_of: dict[int, int]) -> Range | RejReason:
    """The range of a request. ``last_of`` is the last event by shard."""
    begin = _EXEC_ID.fullmatch(message.get(BEGIN) or b"")
    said_end = message.get(END)
    end = _EXEC_ID.fullmatch(said_end) if said_end else begin
    if begin is None or end is None:
        return RejReason.BAD_EXEC_ID
    shard, first = int(begin[1]), int(begin[2])
    if shard not in last_of:
        return RejReason.UNKNOWN_SHARD
    last = min(int(end[2]), last_of[shard]) if said_end else last_of[shard]
    if int(end[1]) != shard or first < 1 or first > last:
        return RejReason.BAD_RANGE
    return Range(shard, first, last)


def report(
    req_id: bytes, status: Status, count: int, reason: RejReason | None = None
) -> bytes:
    """The body of a DropCopyReport(U4)."""
    body = b""
    if reason is not None:
        body += b"%d=%s\x01" % (TEXT, reason.text.encode())
    body += b"%d=%s\x01%d=%d\x01%d=%d\x01" % (
        *(REQ_ID, req_id),
        *(STATUS, status),
        *(COUNT, count),
    )
    if reason is not None:
        body += b"%d=%d\x01" % (REJ_REASON, reason)
    return body
