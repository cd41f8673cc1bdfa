"""ValidateLengthAndChecksum=N: a message counts although its 9 or 10 is wrong.

For clients that write BodyLength(9) or CheckSum(10) wrong and cannot be changed. Only
these two are forgiven; whatever else is garbled stays so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fixgw.wire import MESSAGE_FIELDS_MAX, Garbled, Message, parse_message

_FRAME = re.compile(rb"(8=[^\x01]*\x01)9=[0-9]*\x01(.*\x01)10=[^\x01]*\x01", re.DOTALL)
_NEXT = re.compile(rb"(?<=\x01)(?=8=FIXT?\.[0-9.]+\x019=)")


def forgiven(
    items: Sequence[Message | Garbled], data_lengths: Mapping[int, int]
) -> list[Message | Garbled]:
    """What a framer gave, with messages where only length or checksum was wrong."""
    found: list[Message | Garbled] = []
    for item in items:
        if isinstance(item, Garbled):
            found += mended(item, data_lengths) or [item]
        else:
            found.append(item)
    return found


def mended(
    garbled: Garbled, data_lengths: Mapping[int, int] | None = None
) -> list[Message]:
    """The messages in what was garbled, with their true length and checksum.

    A length that was too long has drawn the next message in: then there are two. None
    if anything else is wrong. ``data_lengths`` as of the framer.
    """
    found = []
    for part in _NEXT.split(garbled.raw):
        frame = _FRAME.fullmatch(part)
        if frame is None:
            return []
        data = b"%b9=%d\x01%b" % (frame[1], len(frame[2]), frame[2])
        data += b"10=%03d\x01" % (sum(data) % 256)
        message = parse_message(data, MESSAGE_FIELDS_MAX, data_lengths)
        if isinstance(message, Garbled):
            return []
        found.append(message)
    return found
