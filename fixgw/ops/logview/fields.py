"""From the bytes of a message, as a log has them, to its fields.

Nothing here raises, whatever the bytes: a log shows what was, also where it was wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fixgw.client.message import Fields
from fixgw.client.wire import frame_fault
from fixgw.wire.redaction import (
    LOGON_SECRET_TAGS,
    SECRET_MSG_TYPES,
    SECRET_TAGS,
    redact_text,
)

SOH = b"\x01"
SEPARATORS = (SOH, b"|", b"^A", b"<SOH>", rb"\x01", rb"\u0001")
"""What stands between fields in logs, or in what was copied out of them."""

MASK = "****"
_SECRETS = frozenset(SECRET_TAGS)
_LOGON_SECRETS = _SECRETS.union(LOGON_SECRET_TAGS)
_LOGONS = frozenset(kind.decode() for kind in SECRET_MSG_TYPES)

_FIELDS = re.compile("([0-9]{1,9})=([^\x01]*)\x01")
_TAG = re.compile(rb"([0-9]{1,9})=")
_END = re.compile(rb"\x01(?=[0-9]{1,9}=|\Z)")


def take_apart(
    raw: bytes, separator: bytes, lengths: Mapping[int, int]
) -> tuple[Fields, str]:
    """The fields of a message, and what is wrong with its frame.

    ``lengths`` tells which tag gives the length of which: such data may hold
    separators. What is no ``tag=value`` belongs to the value before it.
    """
    data = raw if separator == SOH else raw.replace(separator, SOH)
    if not data.endswith(SOH):
        data += SOH
    regular = _regular(data, lengths)
    if regular is not None:
        return regular, _fault(regular, data)
    return _irregular(data, separator, lengths)


def _regular(data: bytes, lengths: Mapping[int, int]) -> Fields | None:
    """The fields of a message that is nothing but fields: nearly every one is."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    found = _FIELDS.findall(text)
    if sum(len(tag) + len(value) + 2 for tag, value in found) != len(text):
        return None
    fields = tuple((int(tag), value) for tag, value in found)
    return None if any(tag in lengths for tag, _ in fields) else fields


def _irregular(
    data: bytes, separator: bytes, lengths: Mapping[int, int]
) -> tuple[Fields, str]:
    pairs: list[tuple[int, bytes]] = []
    at, torn = 0, False
    while (found := _TAG.match(data, at)) is not None:
        start, tag = found.end(), int(found[1])
        end = _data_end(data, start, tag, pairs, lengths)
        if end < 0:
            end = _END.search(data, start).start()  # type: ignore[union-attr]
        value = data[start:end]
        if separator != SOH and SOH in value:
            value, torn = value.replace(SOH, separator), True
        pairs.append((tag, value))
        at = end + 1
    if torn:
        data = b"".join(b"%d=%b\x01" % pair for pair in pairs)
    fields = tuple((tag, _text(value)) for tag, value in pairs)
    return fields, _fault(fields, data)


def _fault(fields: Fields, data: bytes) -> str:
    if not fields or fields[-1][0] != 10:
        return "it is cut off: no CheckSum(10) at its end"
    return frame_fault(data)


def _data_end(
    data: bytes,
    start: int,
    tag: int,
    pairs: list[tuple[int, bytes]],
    lengths: Mapping[int, int],
) -> int:
    """Where a value ends whose length is told by the field before it; or -1."""
    if not pairs or lengths.get(pairs[-1][0]) != tag:
        return -1
    told = pairs[-1][1]
    if not told.isdigit() or len(told) > 9:
        return -1
    end = start + int(told)
    fits = data[end : end + 1] == SOH
    return end if fits and (end + 1 == len(data) or _TAG.match(data, end + 1)) else -1


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def masked(fields: Fields) -> Fields:
    """The same without secrets."""
    secrets = _SECRETS
    if any(tag == 35 and value in _LOGONS for tag, value in fields):
        secrets = _LOGON_SECRETS
    if not any(tag in secrets for tag, _ in fields):
        return fields
    return tuple((t, MASK if t in secrets else v) for t, v in fields)


def masked_text(text: str) -> str:
    """A line that may quote a message, without secrets."""
    return redact_text(text, MASK)
