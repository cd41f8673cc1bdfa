"""The link protocol between gateways and shards: frames of packed records.

A stream of frames, each a 32-byte header and a payload; ``spec/link.md`` is the table
of them. The gateway opens the link with HELLO, naming the last event of this shard it
has taken. The shard answers WELCOME and sends every later event, then the events as
they happen. The gateway sends batches of commands under numbers of its own; a shard's
EVENTS frame names the last batch of this link that is durable and whose events are all
sent.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from engine.records import LAYOUT_VERSION

FRAME_MAGIC = 0x4B4E494C
LINK_VERSION = 1
_HEADER = struct.Struct("<IHHIIQQ")
FRAME_HEADER_BYTES = _HEADER.size
assert FRAME_HEADER_BYTES == 32

FRAME_BYTES_MAX = 32 * 1024 * 1024
"""A frame longer than this is an error: no batch comes near it."""

RECORDS_PER_FRAME_MAX = 16_384
"""Longer lists of commands or events go out as several frames: 5 MiB at the most. One
order may cause any number of events."""

VERSION = LINK_VERSION << 8 | LAYOUT_VERSION


class FrameType(IntEnum):
    """What a frame is, and what its numbers mean."""

    HELLO = 1
    """number: the gateway's number; extra: last event taken."""
    WELCOME = 2
    """number: last command; extra: last event; count: the shard's number."""
    COMMANDS = 3
    """number: the gateway's number of this batch; payload: count commands."""
    EVENTS = 4
    """number: first event; extra: last durable batch; payload: count events."""
    REFUSED = 5
    """payload: why, as text. The shard closes the link after it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as read."""

    type: FrameType
    count: int
    number: int
    extra: int
    payload: bytes


class LinkError(Exception):
    """The other side does not speak this protocol; the link is closed."""


def pack_frame(
    kind: FrameType, number: int, extra: int = 0, payload: bytes = b"", count: int = 0
) -> bytes:
    """A frame's bytes. Raises ValueError for a payload the other side would refuse."""
    if len(payload) > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {len(payload)} bytes")
    return (
        _HEADER.pack(FRAME_MAGIC, VERSION, kind, len(payload), count, number, extra)
        + payload
    )


class FrameReader:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._error: LinkError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """The frames completed by ``data``.

        Raises LinkError once there is nothing whole left before the fault: call again
        with no bytes after a list that was not empty.
        """
        if self._error is not None:
            raise self._error
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        start = 0
        try:
            while len(buffer) - start >= FRAME_HEADER_BYTES:
                frame, end = self._read(buffer, start)
                if frame is None:
                    break
                frames.append(frame)
                start = end
        except LinkError as error:
            self._error = error
            if not frames:
                raise
        if start:
            del buffer[:start]
        return frames

    @staticmethod
    def _read(buffer: bytearray, start: int) -> tuple[Frame | None, int]:
        magic, version, kind, length, count, number, extra = _HEADER.unpack_from(
            buffer, start
        )
        if magic != FRAME_MAGIC:
            raise LinkError("no frame of the link protocol")
        if version != VERSION:
            raise LinkError(
                f"link and layout version {version:#x}, this build speaks "
                f"{VERSION:#x}: run the same release on both sides"
            )
        if length > FRAME_BYTES_MAX:
            raise LinkError(f"a frame of {length} bytes")
        if kind not in list(FrameType):
            raise LinkError(f"unknown frame type {kind}")
        end = start + FRAME_HEADER_BYTES + length
        if end > len(buffer):
            return None, start
        payload = bytes(memoryview(buffer)[start + FRAME_HEADER_BYTES : end])
        return Frame(FrameType(kind), count, number, extra, payload), end
