"""Framing: the same messages however the bytes arrive, and each frames to itself.

Never raises. What is garbled is only counted in bytes: its pieces depend on the cuts.
"""

from __future__ import annotations

from random import Random
from zlib import crc32

from fixgw.wire import Framer, Garbled, Message, parse_message
from tests.fuzz import mutate

CORPUS = "messages"
MUTATE = mutate.fix


def messages_of(chunks: list[bytes]) -> list[Message]:
    """The messages of one Framer that gets these chunks."""
    framer = Framer()
    messages = []
    for chunk in chunks:
        for item in framer.feed(chunk):
            assert isinstance(item, Message | Garbled), item
            if isinstance(item, Message):
                messages.append(item)
        assert framer.pending >= 0
    return messages


def cut(data: bytes, random: Random) -> list[bytes]:
    """The data in random pieces, some of them empty."""
    places = sorted(random.randrange(len(data) + 1) for _ in range(random.randrange(9)))
    ends = [*places, len(data)]
    return [data[begin:end] for begin, end in zip([0, *places], ends, strict=True)]


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
        assert message.raw[: message.body_start()].endswith(b"\x01")
    raws = [message.raw for message in whole]
    bytewise = messages_of([data[i : i + 1] for i in range(len(data))])
    assert [message.raw for message in bytewise] == raws, "byte by byte is not whole"
    pieces = messages_of(cut(data, Random(crc32(data))))
    assert [message.raw for message in pieces] == raws, "in pieces is not whole"
