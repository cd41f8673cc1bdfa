"""An append-only log in a folder: append a batch, commit it, read from a number.

One writer per folder (the host holds a lock). ``append`` hands the bytes to the kernel,
so they survive the end of the process; ``commit`` makes them survive loss of power. A
failed commit is final: the kernel may have dropped the pages it could not write and
report success next time, so DurabilityLost must end the process.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.journal.format import (
    ALIGNMENT,
    NO_HASH,
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    CorruptLog,
    LogKind,
    LogRecord,
    SegmentHeader,
    pack_record,
    read_record,
)

SEGMENT_BYTES = 256 * 1024 * 1024
"""A segment is closed when the next record would take it past this size."""

PREALLOCATION_BYTES = 4 * 1024 * 1024
"""Zeros written ahead of need: overwriting allocated blocks needs no metadata update,
which halves the time of a sync. Written by a second thread when half is used up."""

_PLACE_SHIFT = 40
"""A place is the number of the segment above this many bits of offset."""

INDEX_EVERY_BYTES = 256 * 1024
"""One entry of the in-memory index per this many bytes: what a seek has to read
past."""


class DurabilityLost(Exception):
    """A write or sync failed: nothing after the last commit may be acknowledged."""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What opening a log found."""

    records: int
    first: int
    """First number in the log; 1 unless older segments were taken away."""
    last: int
    """Last number in the log, ``first - 1`` when it is empty."""
    torn_bytes: int
    """Length of an unfinished record that was trimmed off the end, 0 for none."""
    torn_at: str
    """File, offset and reason of the trimmed record, empty for none."""


class RecordLog:
    """A log of one kind and owner in ``folder``, which is made if it is missing.

    ``preallocate``: write zeros ahead, for logs that are committed. Opening verifies
    every record; it raises CorruptLog when anything but an unfinished last record is
    wrong, and trims that.
    """

    def __init__(
        self,
        folder: Path,
        kind: LogKind,
        owner: int,
        *,
        preallocate: bool = False,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._folder = folder
        self._kind = kind
        self._owner = owner
        self._preallocate = preallocate
        self._segment_bytes = segment_bytes
        self._segments: list[Path] = []
        self._index_first: list[int] = []
        self._index_place: list[tuple[int, int]] = []
        self._indexed_to = 0
        self._hash = NO_HASH
        self._generation = b""
        self._file = -1
        self._offset = 0
        self._allocated = 0
        self._filler: threading.Thread | None = None
        self._filler_error: OSError | None = None
        self._readers: dict[int, int] = {}
        self.last = 0
        self.durable = 0
        self.last_payload_place = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.recovery = self._recover()

    # -- writing -----------------------------------------------------------------------

    def append(self, payload: bytes, count: int, stamp: int) -> int:
        """Write a batch of ``count`` items; the number of the first.

        Raises DurabilityLost when the bytes could not be written.
        """
        first = self.last + 1
        size = RECORD_HEADER_BYTES + len(payload)
        size += -size % ALIGNMENT
        if self._file < 0 or self._offset + size > self._segment_bytes:
            self._begin_segment()
        data, digest = pack_record(
            first, count, stamp, self.durable, self._hash, payload
        )
        if self._preallocate:
            self._ensure_allocated(self._offset + size)
        self._write(data, self._offset)
        self._note(first, self._offset)
        self.last_payload_place = (
            len(self._segments) - 1 << _PLACE_SHIFT | self._offset + RECORD_HEADER_BYTES
        )
        self._offset += len(data)
        self._hash = digest
        self.last = first + count - 1
        return first

    def commit(self) -> None:
        """Return when everything appended is on disk. Raises DurabilityLost."""
        if self._file >= 0 and self.durable < self.last:
            try:
                os.fdatasync(self._file)
            except OSError as error:
                raise DurabilityLost(f"{self._segments[-1]}: sync: {error}") from error
            self.durable = self.last

    def close(self) -> None:
        """Commit what a clean end should leave on disk, and close."""
        if self._filler is not None:
            self._filler.join()
        if self._file >= 0:
            self.commit()
            os.close(self._file)
            self._file = -1
        for file in self._readers.values():
            os.close(file)
        self._readers.clear()

    # -- reading -----------------------------------------------------------------------

    def read(self, first: int) -> Iterator[LogRecord]:
        """The records from the one that holds ``first`` on, as far as written now."""
        last = self.last
        if first > last or not self._index_first:
            return
        entry = max(bisect_right(self._index_first, first) - 1, 0)
        segment, offset = self._index_place[entry]
        while segment < len(self._segments):
            for record, place in self._read_segment(segment, offset):
                if record.last >= first:
                    yield record
                if record.last >= last:
                    return
                offset = place
            segment += 1
            offset = SEGMENT_HEADER_BYTES

    def read_with_places(self) -> Iterator[tuple[LogRecord, int]]:
        """All records, each with the place of its payload for :meth:`read_bytes`."""
        for segment in range(len(self._segments)):
            offset = SEGMENT_HEADER_BYTES
            for record, after in self._read_segment(segment, offset):
                place = segment << _PLACE_SHIFT | offset + RECORD_HEADER_BYTES
                yield record, place
                offset = after

    def read_bytes(self, place: int, size: int) -> bytes:
        """Bytes of a payload that was appended or read, by their place."""
        segment = place >> _PLACE_SHIFT
        file = self._readers.get(segment)
        if file is None:
            file = os.open(self._segments[segment], os.O_RDONLY)
            self._readers[segment] = file
        return os.pread(file, size, place & (1 << _PLACE_SHIFT) - 1)

    def _read_segment(
        self, segment: int, offset: int
    ) -> Iterator[tuple[LogRecord, int]]:
        window = 4 * INDEX_EVERY_BYTES
        with self._segments[segment].open("rb") as file:
            start, data = offset, b""
            while True:
                found = read_record(data, offset - start)
                if isinstance(found, str):
                    file.seek(offset)
                    more = file.read(window)
                    if offset == start and len(more) == len(data):
                        return
                    if len(more) == window and offset == start:
                        window *= 2
                    start, data = offset, more
                    continue
                record, _, after = found
                yield record, start + after
                offset = start + after

    # -- opening -----------------------------------------------------------------------

    def _recover(self) -> RecoveryReport:
        self._segments = sorted(self._folder.glob("*.log"))
        records, first, torn_bytes, torn_at = 0, 1, 0, ""
        end = SEGMENT_HEADER_BYTES
        for number, path in enumerate(self._segments):
            data = path.read_bytes()
            final = number == len(self._segments) - 1
            head = data[:SEGMENT_HEADER_BYTES]
            if final and (len(head) < SEGMENT_HEADER_BYTES or not head.strip(b"\0")):
                # The crash came between making the file and writing its header.
                torn_bytes, torn_at = len(data), f"{path}: byte 0: unfinished header"
                path.unlink()
                self._segments.pop()
                break
            header = SegmentHeader.unpack(data[:SEGMENT_HEADER_BYTES], path)
            self._check_header(header, path, number)
            if number == 0:
                first, self.last = header.first, header.first - 1
                self._generation, self._hash = header.generation, header.previous
            elif header.first != self.last + 1 or header.previous != self._hash:
                raise CorruptLog(path, 0, "does not continue the segment before it")
            offset = SEGMENT_HEADER_BYTES
            while True:
                found = read_record(data, offset)
                if isinstance(found, str):
                    break
                record, digest, after = found
                if record.previous != self._hash:
                    raise CorruptLog(path, offset, "the hash chain is broken")
                if record.first != self.last + 1:
                    raise CorruptLog(
                        path, offset, f"number {record.first} after {self.last}"
                    )
                self._note(record.first, offset, number)
                self._hash, self.last, offset = digest, record.last, after
                records += 1
            rest = data[offset:]
            if rest.strip(b"\0"):
                if not final:
                    raise CorruptLog(path, offset, found)
                self._refuse_if_more_follows(path, data, offset, found)
                torn_bytes = len(rest.rstrip(b"\0"))
                torn_at = f"{path}: byte {offset}: {found}"
                self._trim(path, offset)
            end = offset
        self.durable = self.last
        if self._segments:
            self._open_segment(end)
        return RecoveryReport(records, first, self.last, torn_bytes, torn_at)

    def _check_header(self, header: SegmentHeader, path: Path, number: int) -> None:
        if header.kind != self._kind or header.owner != self._owner:
            raise CorruptLog(
                path,
                0,
                f"belongs to {header.kind.name} {header.owner}, "
                f"not to {self._kind.name} {self._owner}",
            )
        if number and header.generation != self._generation:
            raise CorruptLog(path, 0, "is of another generation of this log")

    @staticmethod
    def _refuse_if_more_follows(
        path: Path, data: bytes, offset: int, reason: str
    ) -> None:
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

    def _trim(self, path: Path, offset: int) -> None:
        with path.open("r+b") as file:
            file.truncate(offset)
            file.flush()
            os.fsync(file.fileno())

    # -- files -------------------------------------------------------------------------

    def _begin_segment(self) -> None:
        if self._filler is not None:
            self._filler.join()
            self._filler = None
        if self._file >= 0:
            self.commit()
            os.close(self._file)
        if not self._generation:
            self._generation = os.urandom(16)
        path = self._folder / f"{self.last + 1:020}.log"
        header = SegmentHeader(
            self._kind, self._owner, self.last + 1, self._generation, self._hash
        )
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
            self._segments.append(path)
            self._write(header.pack(), 0)
            if self._preallocate:
                os.fsync(self._file)
                folder = os.open(self._folder, os.O_RDONLY)
                os.fsync(folder)
                os.close(folder)
        except OSError as error:
            raise DurabilityLost(f"{path}: {error}") from error
        self._offset = self._allocated = SEGMENT_HEADER_BYTES
        self._indexed_to = 0

    def _open_segment(self, offset: int) -> None:
        self._file = os.open(self._segments[-1], os.O_RDWR)
        self._offset = offset
        self._allocated = max(os.fstat(self._file).st_size, offset)

    def _write(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._file, view, offset)
                view, offset = view[written:], offset + written
        except OSError as error:
            raise DurabilityLost(f"{self._segments[-1]}: write: {error}") from error

    def _ensure_allocated(self, end: int) -> None:
        """Zeros up to ``end`` and beyond; half a step before they run out, more."""
        if self._filler is not None and (
            end > self._allocated or not self._filler.is_alive()
        ):
            self._filler.join()
            self._filler = None
            if self._filler_error is not None:
                raise DurabilityLost(
                    f"{self._segments[-1]}: {self._filler_error}"
                ) from self._filler_error
            self._allocated += PREALLOCATION_BYTES
        if end > self._allocated:
            self._fill(self._allocated, end - self._allocated)
            self._allocated = end
        if self._filler is None and end + PREALLOCATION_BYTES // 2 > self._allocated:
            self._filler = threading.Thread(
                target=self._fill,
                args=(self._allocated, PREALLOCATION_BYTES),
                name="preallocate",
                daemon=True,
            )
            self._filler.start()

    def _fill(self, offset: int, size: int) -> None:
        try:
            os.pwrite(self._file, bytes(size), offset)
            os.fdatasync(self._file)
        except OSError as error:
            self._filler_error = error

    def _note(self, first: int, offset: int, segment: int | None = None) -> None:
        number = len(self._segments) - 1 if segment is None else segment
        begins = not self._index_place or self._index_place[-1][0] != number
        if begins or offset - self._indexed_to >= INDEX_EVERY_BYTES:
            self._index_first.append(first)
            self._index_place.append((number, offset))
            self._indexed_to = offset
