"""The format of a log: segments of records, chained by hash. See ``spec/journal.md``.

A segment file begins with a header that says whose log it is, of what kind, which
generation, and which number and hash its first record continues from. Records follow,
each padded to 8 bytes. What lies behind the last record is the end of the file or
zeros.

A record carries a batch: ``count`` consecutive numbers beginning with ``first``. Its
hash is BLAKE2b-128 over header and payload, and stands as ``previous`` in the next
record, so that no record can be altered, dropped, reordered or taken from another log
unnoticed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b

import google_crc32c

FORMAT_VERSION = 1
SEGMENT_MAGIC = b"FIXGWLOG"
RECORD_MAGIC = 0x52474C46  # "FLGR" in a dump: a place to look for a record
ALIGNMENT = 8
HASH_BYTES = 16
NO_HASH = bytes(HASH_BYTES)

PAYLOAD_BYTES_MAX = 64 * 1024 * 1024
"""No batch comes near this; a length above it is damage, not a record."""

_SEGMENT = struct.Struct("<8sHHIQ16s16sI")
SEGMENT_HEADER_BYTES = 64
_RECORD = struct.Struct("<IIIIQIIqQ16s")
RECORD_HEADER_BYTES = _RECORD.size
_CRC_OFFSET = 8
_FIRST_OFFSET = 16
assert RECORD_HEADER_BYTES == 64


class LogKind(IntEnum):
    """What a log holds."""

    COMMANDS = 1
    EVENTS = 2
    OUTBOX = 3


class CorruptLog(Exception):
    """A log that must not be read past a certain point. Names file, offset, reason."""

    def __init__(self, path: object, offset: int, reason: str) -> None:
        super().__init__(f"{path}: byte {offset}: {reason}")
        self.path = str(path)
        self.offset = offset
        self.reason = reason


class UnreadableHeader(CorruptLog):
    """A segment header that is not whole: cut off, zeros, or with a wrong checksum."""


@dataclass(frozen=True, slots=True)
class SegmentHeader:
    """The first 64 bytes of a segment."""

    kind: LogKind
    owner: int
    """Number of the shard or gateway, 0 to 65,535."""
    first: int
    """Number of the first record's first item."""
    generation: bytes
    """16 random bytes chosen when the log was begun, the same in all its segments."""
    previous: bytes
    """Hash of the last record of the segment before, zeros in the first segment."""

    def pack(self) -> bytes:
        """The header's 64 bytes, with its checksum."""
        packed = _SEGMENT.pack(
            SEGMENT_MAGIC,
            FORMAT_VERSION,
            self.kind,
            self.owner,
            self.first,
            self.generation,
            self.previous,
            0,
        )[:-4]
        return (packed + struct.pack("<I", google_crc32c.value(packed))).ljust(
            SEGMENT_HEADER_BYTES, b"\0"
        )

    @classmethod
    def unpack(cls, data: bytes, path: object) -> SegmentHeader:
        """The header in ``data``. Raises CorruptLog."""
        if len(data) < SEGMENT_HEADER_BYTES:
            raise UnreadableHeader(path, 0, "the segment header is cut off")
        magic, version, kind, owner, first, generation, previous, crc = (
            _SEGMENT.unpack_from(data)
        )
        if magic != SEGMENT_MAGIC:
            raise UnreadableHeader(path, 0, "this is no log segment")
        if google_crc32c.value(data[: _SEGMENT.size - 4]) != crc:
            raise UnreadableHeader(path, 0, "the segment header's checksum is wrong")
        if version != FORMAT_VERSION:
            raise CorruptLog(
                path, 8, f"format version {version}, this build reads {FORMAT_VERSION}"
            )
        if any(data[_SEGMENT.size : SEGMENT_HEADER_BYTES]):
            raise CorruptLog(path, _SEGMENT.size, "the header's padding is not zero")
        if kind not in list(LogKind):
            raise CorruptLog(
                path, 10, f"log kind {kind}, this build knows 1 to {max(LogKind)}"
            )
        return cls(LogKind(kind), owner, first, generation, previous)


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record as read: a batch of ``count`` items numbered from ``first``."""

    first: int
    count: int
    stamp: int
    """Nanoseconds since the epoch, chosen by the writer."""
    durable: int
    """The last number the writer knew to be on disk when it wrote this."""
    previous: bytes
    payload: bytes

    @property
    def last(self) -> int:
        return self.first + self.count - 1


def pack_record(
    first: int, count: int, stamp: int, durable: int, previous: bytes, payload: bytes
) -> tuple[bytes, bytes]:
    """A record's bytes, padded, and its hash."""
    head = _RECORD.pack(
        RECORD_MAGIC, len(payload), 0, 0, first, count, 0, stamp, durable, previous
    )
    crc = google_crc32c.extend(google_crc32c.value(head), payload)
    head = head[:_CRC_OFFSET] + struct.pack("<I", crc) + head[_CRC_OFFSET + 4 :]
    digest = record_hash(head, payload)
    return head + payload + bytes(-len(payload) % ALIGNMENT), digest


def record_hash(head: bytes, payload: bytes) -> bytes:
    """The hash by which the next record continues from this one."""
    digest = blake2b(head, digest_size=HASH_BYTES)
    digest.update(payload)
    return digest.digest()


def header_hash(head: bytes) -> bytes:
    """The hash by which the first record continues from the segment's header."""
    return blake2b(head, digest_size=HASH_BYTES).digest()


def record_bytes(data: bytes, offset: int) -> int:
    """Length with padding of the record whose header is at ``offset``; 0 if there is
    none.

    Not a check: the header may be damaged.
    """
    if offset + RECORD_HEADER_BYTES > len(data):
        return 0
    magic, length = struct.unpack_from("<II", data, offset)
    if magic != RECORD_MAGIC or length > PAYLOAD_BYTES_MAX:
        return 0
    size: int = RECORD_HEADER_BYTES + length
    return size + -size % ALIGNMENT


def record_numbers(data: bytes, offset: int) -> tuple[int, int]:
    """First number and count in the record header at ``offset``, unverified."""
    first, count = struct.unpack_from("<QI", data, offset + _FIRST_OFFSET)
    return first, count


def read_record(data: bytes, offset: int) -> tuple[LogRecord, bytes, int] | str:
    """The whole and intact record at ``offset``: it, its hash, and where the next
    begins.

    Otherwise a text that says what is wrong. ``data`` is the segment's bytes.
    """
    end = offset + RECORD_HEADER_BYTES
    if end > len(data):
        return "the record header is cut off"
    head = data[offset:end]
    magic, length, crc, zero, first, count, zero2, stamp, durable, previous = (
        _RECORD.unpack(head)
    )
    if magic != RECORD_MAGIC:
        return "no record begins here"
    if length > PAYLOAD_BYTES_MAX or zero or zero2 or not count:
        return "the record header makes no sense"
    payload = data[end : end + length]
    if len(payload) < length:
        return "the record's payload is cut off"
    bare = head[:_CRC_OFFSET] + b"\0\0\0\0" + head[_CRC_OFFSET + 4 :]
    if google_crc32c.extend(google_crc32c.value(bare), payload) != crc:
        return "the record's checksum is wrong"
    after = end + length + (-length % ALIGNMENT)
    if any(data[end + length : after]):
        return "the record's padding is not zero"
    record = LogRecord(first, count, stamp, durable, previous, payload)
    return record, record_hash(head, payload), after
