"""Framing: the same messages however the bytes arrive, and those a plain reading finds.

Never raises, keeps no more than a message may be, and comes to itself: behind whatever
came, good messages are soon read again. What is garbled is only counted in bytes: its
pieces depend on the cuts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fixgw.wire import Framer, Garbled, Message, finish, parse_message
from tests.fuzz import mutate

CORPUS = "messages"
MUTATE = mutate.fix

PIECE_SIZES = (1, 2, 7, 61)
ENVELOPE_BYTES_MAX = 64
"""What may stand around a body: so much further a CheckSum(10) is looked for."""

GOOD = finish(b"FIX.4.4", b"35=0\x0134=1\x0149=A\x0156=B\x01")
CHECKSUM_REACH = 4 + 12
"""A CheckSum(10) whose SOH is further away is none."""
_HEAD = re.compile(rb"8=([^\x01=]{0,31})\x019=([0-9]{1,9})\x01")


@dataclass(frozen=True)
class Limits:
    """What a framer is told of the session."""

    bytes_max: int = 64 * 1024
    fields_max: int = 1024
    data_lengths: Mapping[int, int] = field(default_factory=dict)

    def framer(self) -> Framer:
        return Framer(self.bytes_max, self.fields_max, self.data_lengths)


USUAL = Limits()
TIGHT = Limits(400, 16, {38: 58, 11: 55, 5001: 5002})


def messages_of(chunks: list[bytes], limits: Limits = USUAL) -> list[Message]:
    """The messages of one Framer that gets these chunks."""
    framer = limits.framer()
    messages = []
    for chunk in chunks:
        for item in framer.feed(chunk):
            assert isinstance(item, Message | Garbled), item
            if isinstance(item, Message):
                messages.append(item)
            else:
                assert item.reason
                assert len(item.raw) <= 256
        assert 0 <= framer.pending <= limits.bytes_max + 2 * ENVELOPE_BYTES_MAX
    return messages


def pieces(data: bytes, size: int) -> list[bytes]:
    """The data in pieces of this size, which a shorter input leaves where they are."""
    return [data[place : place + size] for place in range(0, len(data), size)]


def frames(data: bytes, limits: Limits) -> Iterator[bytes]:
    """What the rules make of the bytes, read plainly: from each ``8=`` with a length
    behind it, over so many bytes, to the next CheckSum(10)."""
    place = data.find(b"8=")
    while place >= 0:
        head = _HEAD.match(data, place)
        if head is None or not 0 < int(head[2]) <= limits.bytes_max:
            place = data.find(b"8=", place + 1)
            continue
        stop = head.end() - 1 + int(head[2])
        reach = limits.bytes_max + ENVELOPE_BYTES_MAX
        found = data.find(b"\x0110=", stop, place + reach)
        end = data.find(b"\x01", found + 4)
        if found < 0 and len(data) - place >= reach:
            place = data.find(b"8=", stop)
        elif found >= 0 and not 0 <= end <= found + CHECKSUM_REACH:
            if end < 0 and len(data) <= found + CHECKSUM_REACH:
                return  # it is not yet complete
            place = data.find(b"8=", found + 1)
        elif found < 0:
            return
        else:
            if end + 1 - place <= limits.bytes_max:
                yield data[place : end + 1]
            place = data.find(b"8=", end + 1)


def plainly(data: bytes, limits: Limits) -> list[bytes]:
    """The messages of a plain reading."""
    found = []
    for frame in frames(data, limits):
        message = parse_message(frame, limits.fields_max, limits.data_lengths)
        if isinstance(message, Message):
            found.append(frame)
    return found


def check(data: bytes) -> None:
    whole = messages_of([data])
    place = 0
    for message in whole:
        again = messages_of([message.raw])
        assert [one.raw for one in again] == [message.raw]
        assert again[0].fields() == message.fields()
        alone = parse_message(message.raw)
        assert isinstance(alone, Message), alone
        assert alone.fields() == message.fields()
        place = data.find(message.raw, place)
        assert place >= 0, "a message that is not in the input, or not in its order"
        place += len(message.raw)
        rebuilt = b"".join(b"%d=%b\x01" % field for field in message.fields())
        assert len(rebuilt) <= len(message.raw)
    _check_cuts(data, USUAL, PIECE_SIZES[::2])
    _check_cuts(data, TIGHT, PIECE_SIZES[1::2])
    _check_recovery(data, TIGHT)


def _check_cuts(data: bytes, limits: Limits, sizes: tuple[int, ...]) -> None:
    raws = [message.raw for message in messages_of([data], limits)]
    assert raws == plainly(data, limits), "not what a plain reading finds"
    for size in sizes:
        found = [message.raw for message in messages_of(pieces(data, size), limits)]
        assert found == raws, f"in pieces of {size} it is not as whole"


def _check_recovery(data: bytes, limits: Limits) -> None:
    """Good messages are read again when what waits has its length; at once if nothing
    waits."""
    framer = limits.framer()
    framer.feed(data)
    lost_max = (framer.pending > 0) * (limits.bytes_max // len(GOOD) + 3)
    lost = 0
    while GOOD not in [getattr(item, "raw", b"") for item in framer.feed(GOOD)]:
        lost += 1
        assert lost <= lost_max, "a good message was lost"
