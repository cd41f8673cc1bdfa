"""Serving a ResendRequest(2): stored messages again, GapFills for the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from fixgw.wire import Message, finish, parse_message

HEADER_TAGS = frozenset(
    {34, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122, 128, 129, 142, 143, 144}
    | {145, 212, 213, 347, 369, 627}
)
"""Standard header fields behind MsgType(35), FIX 4.4 volume 2."""

PENDING_REQUESTS_MAX = 4
"""ResendRequests that may wait for the one being served; more are ignored."""

INFINITY_OF_OLD = 999_999
"""EndSeqNo(16) meaning "all" in FIX 4.2 and before, still sent by some."""


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


@dataclass(slots=True)
class ReplayProgress:
    """How far the serving of one request has come."""

    begin: int
    end: int
    """Inclusive; never above the last number sent when it began."""
    cursor: int = field(init=False)
    """The next number to look at."""
    run_from: int = field(init=False)
    """First number of the current run that will become one GapFill; 0 for none."""

    def __post_init__(self) -> None:
        self.cursor = self.begin
        self.run_from = 0

    @property
    def done(self) -> bool:
        """Whether everything asked for was looked at."""
        return self.cursor > self.end

    def skip_to(self, seq: int) -> None:
        """Numbers from the cursor up to ``seq`` - 1 hold nothing to resend."""
        if seq > self.cursor:
            self.run_from = self.run_from or self.cursor
            self.cursor = seq

    def take_run(self) -> int:
        """Begin of the run that ends before the cursor, and forget it; 0 for none."""
        begin, self.run_from = self.run_from, 0
        return begin
