"""Opening a log: every record is verified, an unfinished last one is trimmed.

A crash can leave one thing behind that is not whole: the last record, or the header of
the last segment, which was never acknowledged. Anything else that is wrong, and
anything behind which an intact record follows, is damage: CorruptLog.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.journal.format import (
    ALIGNMENT,
    NO_HASH,
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    CorruptLog,
    LogKind,
    SegmentHeader,
    UnreadableHeader,
    header_hash,
    read_record,
)


@dataclass(slots=True)
class RecoveryReport:
    """What opening a log found."""

    records: int = 0
    first: int = 1
    """First number in the log; 1 unless older segments were taken away."""
    last: int = 0
    """Last number in the log, ``first - 1`` when it is empty."""
    torn_bytes: int = 0
    """Length of what was trimmed off the end, 0 for nothing."""
    torn_at: str = ""
    """File, offset and reason of what was trimmed, empty for nothing."""


class Recovery:
    """Walks the segments of a folder once. ``note`` is called with each record's first
    number, segment and offset."""

    def __init__(
        self,
        folder: Path,
        kind: LogKind,
        owner: int,
        note: Callable[[int, int, int], None],
    ) -> None:
        self.segments = sorted(folder.glob("*.log"))
        self.report = RecoveryReport()
        self.generation = b""
        self.hash = NO_HASH
        self.end = SEGMENT_HEADER_BYTES
        self._kind = kind
        self._owner = owner
        self._note = note
        for number in range(len(self.segments)):
            self._segment(number)

    def _segment(self, number: int) -> None:
        path = self.segments[number]
        final = number == len(self.segments) - 1
        data = path.read_bytes()
        head = data[:SEGMENT_HEADER_BYTES]
        try:
            header = SegmentHeader.unpack(head, path)
        except UnreadableHeader:
            if not final or data[SEGMENT_HEADER_BYTES:].strip(b"\0"):
                raise
            # The crash came between making the file and syncing its header.
            self._torn(path, 0, len(data), "unfinished header")
            path.unlink()
            self.segments.pop()
            return
        self._join(header, path, number)
        self.hash = header_hash(head)
        offset = SEGMENT_HEADER_BYTES
        while True:
            found = read_record(data, offset)
            if isinstance(found, str):
                break
            record, digest, after = found
            if record.previous != self.hash:
                raise CorruptLog(path, offset, "the hash chain is broken")
            if record.first != self.report.last + 1:
                raise CorruptLog(
                    path, offset, f"number {record.first} after {self.report.last}"
                )
            self._note(record.first, number, offset)
            self.hash, self.report.last, offset = digest, record.last, after
            self.report.records += 1
        rest = data[offset:].rstrip(b"\0")
        if rest:
            if not final:
                raise CorruptLog(path, offset, found)
            _refuse_if_more_follows(path, data, offset, found)
            self._torn(path, offset, len(rest), found)
            _truncate(path, offset)
        self.end = offset

    def _join(self, header: SegmentHeader, path: Path, number: int) -> None:
        """The segment must be this log's and continue the one before it."""
        if header.kind != self._kind or header.owner != self._owner:
            raise CorruptLog(
                path,
                0,
                f"belongs to {header.kind.name} {header.owner}, "
                f"not to {self._kind.name} {self._owner}",
            )
        if number == 0:
            self.report.first = header.first
            self.report.last = header.first - 1
            self.generation = header.generation
        elif header.generation != self.generation:
            raise CorruptLog(path, 0, "is of another generation of this log")
        elif header.first != self.report.last + 1 or header.previous != self.hash:
            raise CorruptLog(path, 0, "does not continue the segment before it")

    def _torn(self, path: Path, offset: int, size: int, reason: str) -> None:
        self.report.torn_bytes = size
        self.report.torn_at = f"{path}: byte {offset}: {reason}"


def _refuse_if_more_follows(path: Path, data: bytes, offset: int, reason: str) -> None:
    """An unfinished write is the last thing in a log; anything else is damage."""
    place = offset + ALIGNMENT
    while place + RECORD_HEADER_BYTES <= len(data):
        place = data.find(b"FLGR", place)
        if place < 0:
            return
        if place % ALIGNMENT == 0 and not isinstance(read_record(data, place), str):
            raise CorruptLog(
                path, offset, f"{reason}, but an intact record follows at {place}"
            )
        place += 1


def _truncate(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.truncate(offset)
        file.flush()
        os.fsync(file.fileno())
