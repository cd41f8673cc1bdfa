"""The wire form of messages as dialogues have it: completing, framing, taking apart.

It shares no code with the exchange, so that a codec is never its own judge.
"""

from __future__ import annotations

import re

SOH = "\x01"
FRAME_BYTES_MAX = 64 * 1024 * 1024
"""Longer ones are taken for a BodyLength(9) that means nothing."""

_HEAD = re.compile(r"8=[^\x01]*\x01")
_LENGTH = re.compile(r"\x019=[^\x01]*\x01")
_TAIL = re.compile(r"\x0110=[^\n]*\x01\Z")
_BODY_START = re.compile(rb"8=[^\x01]*\x019=([0-9]{1,9})\x01")


class FrameError(Exception):
    """What came is no message, nor will more bytes make it one."""


def fixify(text: str) -> str:
    """Complete a message that begins with ``8=``: what is missing of 9 and 10.

    A BodyLength(9) or CheckSum(10) that is given stays as it is: so bad ones are made.
    A CheckSum given without a BodyLength makes the length one too small, as in every
    runner of these dialogues: public ones count on it.
    """
    head = _HEAD.match(text)
    if head is None:
        return text
    has_length = _LENGTH.search(text) is not None
    rest = text[head.end() :]
    tail = _TAIL.search(rest)
    if tail is not None:
        rest = rest[: tail.start()]
    length = "" if has_length else f"9={len(rest)}{SOH}"
    whole = head[0] + length + rest
    return whole + (tail[0] if tail is not None else f"10={check_sum(whole)}{SOH}")


def check_sum(text: str) -> str:
    """CheckSum(10) of everything in front of it."""
    return f"{sum(text.encode('latin-1')) % 256:03}"


def take_frame(buffer: bytearray) -> bytes | None:
    """Take the first message out of what has come; None while it is not whole.

    It ends at the first SOH behind the bytes that BodyLength(9) counts. Raises
    FrameError when the length is no number.
    """
    place = buffer.find(b"\x019=")
    if place < 0:
        return None
    end = buffer.find(b"\x01", place + 3)
    if end < 0:
        return None
    digits = bytes(buffer[place + 3 : end])
    if not digits.isdigit() or int(digits) > FRAME_BYTES_MAX:
        raise FrameError(f"BodyLength(9) is {digits.decode('latin-1')!r}")
    end = buffer.find(b"\x01", end + 1 + int(digits))
    if end < 0:
        return None
    frame = bytes(buffer[: end + 1])
    del buffer[: end + 1]
    return frame


def fields_of(text: str) -> list[tuple[str, str]]:
    """Tag and value of every field; a part without ``=`` is a tag without a value."""
    parts = text.split(SOH)
    while parts and not parts[-1]:
        parts.pop()
    found = []
    for part in parts:
        tag, _, value = part.partition("=")
        found.append((tag, value))
    return found


def visible(text: str) -> str:
    """For people: ``|`` for SOH, other control characters as ``\\x1b``.

    What a peer sends must not reach a terminal or a page as it is.
    """
    text = text.replace(SOH, "|")
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else f"\\x{ord(char):02x}" for char in text
    )


def frame_fault(frame: bytes) -> str:
    """What is wrong with the frame of a message; empty when it is sound."""
    start = _BODY_START.match(frame)
    if start is None:
        return "it does not begin with BeginString(8) and BodyLength(9)"
    tail = frame.rfind(b"\x0110=", 0, -1)
    if tail < 0 or not re.fullmatch(rb"[0-9]{3}\x01", frame[tail + 4 :]):
        return "it does not end with a CheckSum(10) of three digits"
    length = tail + 1 - start.end()
    if int(start[1]) != length:
        return f"BodyLength(9) says {int(start[1])}, there are {length} bytes"
    total = sum(frame[: tail + 1]) % 256
    if int(frame[tail + 4 : -1]) != total:
        said = frame[tail + 4 : -1].decode()
        return f"CheckSum(10) says {said}, the bytes make {total:03}"
    return ""
