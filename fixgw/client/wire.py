"""The wire form of messages, by simplefix: bytes, numbers and times in fields."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import simplefix

from fixgw.client.message import Message


def now() -> str:
    """This moment as a UTCTimestamp."""
    return f"{datetime.now(UTC):%Y%m%d-%H:%M:%S.%f}"[:-3]


def age_s(sent_at: str) -> float:
    """How long ago the moment of a UTCTimestamp was."""
    moment = datetime.strptime(sent_at, "%Y%m%d-%H:%M:%S.%f").replace(tzinfo=UTC)
    return (datetime.now(UTC) - moment) / timedelta(seconds=1)


def whole(message: Message, tag: int) -> int:
    """The number in a field; 0 where there is none, or none of a sane length."""
    value = message.get(tag)
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) else 0


def encode(fields: list[tuple[int, str]]) -> bytes:
    """The bytes of a message; BodyLength(9) and CheckSum(10) are added."""
    message = simplefix.FixMessage()
    for tag, value in fields:
        message.append_pair(tag, value.encode("utf-8", "surrogateescape"))
    data: bytes = message.encode()
    return data


def read(parsed: simplefix.FixMessage) -> Message:
    """What simplefix parsed, as a message of ours."""
    pairs = [(int(t), v.decode("utf-8", "surrogateescape")) for t, v in parsed.pairs]
    return Message(tuple(pairs))


def frame_fault(data: bytes) -> str:
    """What is wrong with the frame of a message; empty when it is sound."""
    frame = re.fullmatch(
        rb"8=[^\x01]+\x019=(\d{1,9})\x01(35=.*\x01)10=(\d{3})\x01", data, re.S
    )
    if frame is None:
        return "it does not begin with tags 8, 9, 35 and end with 10"
    if int(frame[1]) != len(frame[2]):
        return f"BodyLength(9) says {int(frame[1])}, the body has {len(frame[2])} bytes"
    total = sum(data[: frame.start(3) - len("10=")]) % 256
    if int(frame[3]) != total:
        return f"CheckSum(10) says {int(frame[3]):03}, the bytes make {total:03}"
    return ""
