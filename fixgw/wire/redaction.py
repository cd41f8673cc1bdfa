"""FIX messages as text for logs, without the secrets in them.

Works on any bytes: a message that was garbled, cut off or cut in the middle must not
show a password either. Where it cannot be told where a secret ends, everything up to
the end is hidden: too little in a log can be asked for again, too much cannot be taken
back.
"""

from __future__ import annotations

import re

SECRET_TAGS = (554, 925, 1402, 1404)
"""Password, NewPassword, EncryptedPassword, EncryptedNewPassword: in any message."""

LOGON_SECRET_TAGS = (96, 89)
"""RawData and Signature: secrets in a Logon(A) and a UserRequest(BE), and hidden where
the type of the message cannot be seen. In a News(B) RawData is what the news are."""

SECRET_MSG_TYPES = (b"A", b"BE")

MASK = "***"

_SOH = b"\x01"
_ALL = (*SECRET_TAGS, *LOGON_SECRET_TAGS)
_LENGTHS = {96: 95, 89: 93, 1402: 1401, 1404: 1403}
"""Data fields by their length field: what is in them may contain SOH."""

_MSG_TYPE = re.compile(rb"(?:^|[\x01|])35=([^\x01|]*)(?=[\x01|])")
_BEGIN = re.compile(
    rb"(?:^|(?<=[\x01|]))(" + b"|".join(b"%d" % tag for tag in _ALL) + rb")="
)
_TRAILER = re.compile(rb"\x0110=[0-9]{3}\x01")
_FIELD = re.compile(rb"\x01(?=[0-9]{1,9}=|\Z)")
_BAR = re.compile(rb"\|(?=[0-9]{1,9}=|\Z)")
"""Where somebody wrote ``|`` for SOH, it separates only if a field follows."""


def redact(message: bytes) -> str:
    """A FIX message as readable text: SOH as ``|``, secrets as ``***``."""
    return redacted(message).replace(_SOH, b"|").decode("latin-1")


def redacted(message: bytes) -> bytes:
    """The same with ``***`` for each secret and nothing else changed."""
    types = [(found.start(), found[1]) for found in _MSG_TYPE.finditer(message)]
    # What type a field belongs to, is said before it. In what begins in the middle of
    # a Logon, the first type to be seen may be that of the next message.
    told_at = types[0][0] if types else len(message)
    secret_at = next(
        (place for place, kind in types if kind in SECRET_MSG_TYPES), len(message)
    )
    begin = 0
    pieces = []
    if message and not message.startswith(b"8="):
        # It begins in the middle of a message, which may be the middle of a secret.
        first = (_FIELD if _SOH in message else _BAR).search(message)
        begin = first.start() if first else len(message)
        pieces.append(MASK.encode())
    place = begin
    while (secret := _BEGIN.search(message, place)) is not None:
        tag = int(secret[1])
        if tag in LOGON_SECRET_TAGS and told_at < secret.start() < secret_at:
            place = secret.end()
            continue
        pieces.append(message[begin : secret.end()] + MASK.encode())
        begin = place = _end_of(message, tag, secret.start(), secret.end())
    pieces.append(message[begin:])
    return b"".join(pieces)


def _end_of(message: bytes, tag: int, start: int, value: int) -> int:
    """Where the secret ends whose field begins at ``start``."""
    if tag in _LENGTHS:
        told = re.compile(rb"(?:^|[\x01|])%d=([0-9]{1,6})[\x01|]$" % _LENGTHS[tag])
        size = told.search(message, max(0, start - 16), start)
        if size is not None:
            end = value + int(size[1])
            if message[end : end + 1] in (_SOH, b"|"):
                return end
        # Its length is not known: it may go on behind an SOH, up to the trailer.
        trailers = list(_TRAILER.finditer(message, value))
        if _SOH in message:
            return trailers[-1].start() if trailers else len(message)
    end = message.find(_SOH, value)
    if end < 0 and _SOH not in message:
        bar = _BAR.search(message, value)
        end = bar.start() if bar else -1
    return len(message) if end < 0 else end


_IN_TEXT = re.compile(
    r"(?:(?<![0-9])|(?<=\\x01)|(?<=\\u0001))(" + "|".join(map(str, _ALL)) + r")="
    r"(?:(?!\\x01|\\u0001|\x01|\n).)*"
)
"""A secret ends with SOH, as such or as it is printed."""

_BETWEEN_BARS = re.compile(
    r"(?<![0-9])(" + "|".join(map(str, _ALL)) + r")="
    r"(?:(?!\|(?:[0-9]{1,9}=|$)|\^A|<SOH>|\n).)*",
    re.MULTILINE,
)
"""Where there is no SOH, somebody wrote something else for it."""


def redact_text(text: str, mask: str = MASK) -> str:
    """A text that may quote a message, as exceptions do, without secrets."""
    if "=" not in text:
        return text
    has_soh = any(soh in text for soh in ("\x01", "\\x01", "\\u0001"))
    return (_IN_TEXT if has_soh else _BETWEEN_BARS).sub(rf"\1={mask}", text)
