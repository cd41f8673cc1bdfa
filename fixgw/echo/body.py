"""The body of a message as it goes back: the same fields, in the order we send."""

from __future__ import annotations

from fixgw.dictionary import Dictionary
from fixgw.wire import Message

HEADER = frozenset(
    {8, 9, 34, 35, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122, 128, 129}
    | {142, 143, 144, 145, 212, 213, 347, 369, 370, 1128, 1129, 1156}
)
"""The standard header of all versions, for sessions without a dictionary."""
TRAILER = frozenset({10, 89, 93})


def body_of(message: Message, dictionary: Dictionary | None) -> bytes:
    """All fields between header and trailer, each ended by SOH, values unchanged.

    Ascending by tag; a repeating group stays behind its count as it came, and a data
    field behind its length. Without a dictionary nobody can tell a group from other
    fields: they keep the order in which they came.
    """
    header = dictionary.header_tags if dictionary is not None else HEADER
    trailer = dictionary.trailer_tags if dictionary is not None else TRAILER
    around = header | trailer
    fields = [field for field in message.fields() if field[0] not in around]
    if dictionary is not None:
        blocks = _blocks(fields, message.msg_type, dictionary)
        fields = [field for block in sorted(blocks, key=_first_tag) for field in block]
    return b"".join(b"%d=%b\x01" % field for field in fields)


_Block = list[tuple[int, bytes]]


def _first_tag(block: _Block) -> int:
    return block[0][0]


def _blocks(fields: _Block, msg_type: str, dictionary: Dictionary) -> list[_Block]:
    """The fields, those together that must stay together."""
    known = dictionary.messages.get(msg_type)
    groups = known.body.groups if known is not None else {}
    blocks: list[_Block] = []
    members: frozenset[int] = frozenset()
    for field in fields:
        tag = field[0]
        if tag in members:
            blocks[-1].append(field)
            continue
        if tag in groups:
            members = groups[tag].layout.tags()
        elif tag in dictionary.data_lengths:
            members = frozenset({dictionary.data_lengths[tag]})
        else:
            members = frozenset()
        blocks.append([field])
    return blocks
