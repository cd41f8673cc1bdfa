"""Framing: the same messages however the bytes arrive, and each frames to itself.

Never raises. What is garbled is only counted in bytes: its pieces depend on the cuts.
"""

from __future__ import annotations

from fixgw.wire import Framer, Garbled, Message, parse_message
from tests.fuzz import mutate

CORPUS = "messages"
MUTATE = mutate.fix

PIECE_SIZES = (1, 2, 7, 61)


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


def pieces(data: bytes, size: int) -> list[bytes]:
    """The data in pieces of this size, which a shorter input leaves where they are."""
    return [data[place : place + size] for place in range(0, len(data), size)]


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
    raws = [message.raw for message in whole]
    for size in PIECE_SIZES:
        found = [message.raw for message in messages_of(pieces(data, size))]
        assert found == raws, f"in pieces of {size} it is not as whole"
