"""Redaction: no secret survives it, and of an intact message nothing else changes.

Whole, cut off at the end, begun in the middle, and quoted in a text.
"""

from __future__ import annotations

import re
from itertools import pairwise
from random import Random
from zlib import crc32

from fixgw.wire import Framer, Message
from fixgw.wire.redaction import (
    LOGON_SECRET_TAGS,
    SECRET_MSG_TYPES,
    SECRET_TAGS,
    redact,
    redact_text,
    redacted,
)
from tests.fuzz import mutate

CORPUS = "redaction"
MUTATE = mutate.secrets

SECRET_BYTES_MIN = 6
"""What is shorter may stand anywhere by chance."""
CUTS = 8
LENGTHS = {96: 95, 89: 93, 1402: 1401, 1404: 1403}
"""Data fields among the secrets, by the length field that must stand before them."""
_LOOSE = re.compile(rb"\x01(?:554|925)=([^\x01|]{6,})(?=\x01)")


def survives(secret: bytes, shown: bytes, public: bytes) -> bool:
    """Whether a secret is shown more often than it stands where all may see it."""
    return shown.count(secret) > public.count(secret)


def check(data: bytes) -> None:
    random = Random(crc32(data))
    _check_loose(data)
    for message in Framer().feed(data):
        if isinstance(message, Message):
            _check_message(message, random)


def _check_loose(data: bytes) -> None:
    """Passwords in what need not be a message."""
    public = _LOOSE.sub(b"\x01", data)
    shown = redacted(data)
    for found in _LOOSE.finditer(data):
        if found[1] not in public:
            assert found[1] not in shown, found[1]


def _check_message(message: Message, random: Random) -> None:
    is_logon = message.msg_type.encode("latin-1") in SECRET_MSG_TYPES
    tags = {*SECRET_TAGS, *(LOGON_SECRET_TAGS if is_logon else ())}
    secrets, public = [], []
    for tag, value in message.fields():
        if tag in tags:
            secrets.append(value)
            value = b"***"
        public.append(b"%d=%b\x01" % (tag, value))
    expected = b"".join(public)
    raw = message.raw
    if b"|" not in raw and _is_plain(message):
        assert redacted(raw) == expected
    for secret in secrets:
        if len(secret) >= SECRET_BYTES_MIN:
            assert not survives(secret, redacted(raw), expected)
            assert not survives(secret, redact(raw).encode("latin-1"), expected)
            # A part of a frame that has drawn others in may be a part of any of them.
            if [tag for tag, _ in message.fields()].count(35) == 1:
                _check_parts(secret, raw, expected, random)


def _is_plain(message: Message) -> bool:
    """Whether it is seen where every secret ends, and nothing else looks like one."""
    fields = message.fields()
    rebuilt = b"".join(b"%d=%b\x01" % field for field in fields)
    tags = [tag for tag, _ in fields]
    return (
        rebuilt == message.raw
        and tags.count(35) == 1
        and not any(b"\x01" in value for tag, value in fields if tag not in LENGTHS)
        and all(
            before == LENGTHS[tag] and value == b"%d" % len(secret)
            for (before, value), (tag, secret) in pairwise(fields)
            if tag in LENGTHS
        )
    )


def _check_parts(secret: bytes, raw: bytes, public: bytes, random: Random) -> None:
    for _ in range(CUTS):
        place = random.randrange(len(raw) + 1)
        assert not survives(secret, redacted(raw[:place]), public)
        assert not survives(secret, redacted(raw[place:]), public)
    begin = raw.find(secret)
    while begin > 0 and b"\x01" not in secret:
        # The tail of a secret is one, wherever it is cut.
        place = begin + random.randrange(len(secret) - SECRET_BYTES_MIN + 1)
        tail = raw[place : begin + len(secret)]
        assert not survives(tail, redacted(raw[place:]), public)
        begin = raw.find(secret, begin + 1)
    if b"\x01" not in secret and secret.isalnum():
        text = f"cannot read {raw!r}"
        assert not survives(secret, redact_text(text).encode(), public)
        text = "cannot read " + raw.decode("latin-1")
        assert not survives(secret, redact_text(text).encode("latin-1"), public)
