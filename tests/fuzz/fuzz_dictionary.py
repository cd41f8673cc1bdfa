"""Validation: the quick way passes nothing in which the long way finds a fault.

By every dictionary of the version, under the strictest switches, the most lenient and
some between. Neither way raises; what is found has a text and a tag to answer with; and
what the strictest pass, all the others pass.
"""

from __future__ import annotations

from dataclasses import fields
from zlib import crc32

from fixgw.dictionary import MessageSupport, Switches, Violation, validate
from fixgw.wire import Framer, Message, parse_message
from tests.fuzz import grammar

CORPUS = "dictionary"
MUTATE = grammar.message

FIELDS_MAX = 10_000
NAMES = tuple(field.name for field in fields(Switches))
STRICT = Switches()
LENIENT = Switches(**{name: not getattr(STRICT, name) for name in NAMES})
DEFAULTS = ("", "9", "6", "2", "x")
"""DefaultApplVerID(1137) of the client."""

SEEN: set[tuple[str, object]] = set()
"""Message types, and what was found wrong with them."""


def chosen(number: int) -> Switches:
    """One of the 128 combinations."""
    return Switches(**{name: bool(number >> bit & 1) for bit, name in enumerate(NAMES)})


def judge(
    family: grammar.Family, message: Message, switches: Switches, default: str
) -> Violation | MessageSupport | None:
    """What the rulebook says, which is what the plain way says."""
    rulebook = family.rulebook
    quick = rulebook.judge(message, switches, default)
    dictionary = rulebook.dictionary_for(message, default)
    if dictionary is None:
        assert isinstance(quick, Violation)
        assert (quick.reason, quick.tag) == (18, 1128)
        return quick
    slow = validate(dictionary, message.msg_type, message.fields(), switches)
    if quick is MessageSupport.UNSUPPORTED:
        assert dictionary.message_support(message.msg_type) is quick
        assert slow is not None
        assert slow.reason == 11
    else:
        assert quick == slow
    if slow is not None:
        assert slow.text
        assert slow.tag is not None or slow.reason == 11
    return quick


def check(data: bytes) -> None:
    number = crc32(data)
    default = DEFAULTS[number % len(DEFAULTS)]
    for framed in Framer(1 << 20, FIELDS_MAX).feed(data):
        if not isinstance(framed, Message):
            continue
        begin_string = (framed.get(8) or b"").decode("latin-1")
        for family in grammar.families():
            if family.begin_string != begin_string:
                continue
            lengths = family.rulebook.data_lengths
            message = parse_message(framed.raw, FIELDS_MAX, lengths)
            if not isinstance(message, Message):
                continue
            strict = judge(family, message, STRICT, default)
            SEEN.add((message.msg_type[:3], strict))
            others = (LENIENT, chosen(number >> 8), chosen(number >> 16))
            for switches in others:
                found = judge(family, message, switches, default)
                # Good by the strictest of all: good by any.
                assert strict is not None or found is None, (switches, found)
