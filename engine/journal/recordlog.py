"""An append-only log in a folder: append a batch, commit it, read from a number.

One writer per folder (the host holds a lock). ``append`` hands the bytes to the kernel,
so they survive the end of the process; ``commit`` makes them survive loss of power. A
failed write or sync is final: the kernel may have dropped the pages it could not write
and report success next time, so DurabilityLost must end the process.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from engine.journal.filler import Filler
from engine.journal.format import (
    ALIGNMENT,
    PAYLOAD_BYTES_MAX,
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    CorruptLog,
    LogKind,
    LogRecord,
    SegmentHeader,
    header_hash,
    pack_record,
    read_record,
    record_bytes,
)
from engine.journal.recovery import Recovery

SEGMENT_BYTES = 256 * 1024 * 1024
"""A segment is closed when the next record would take it past this size."""

_PLACE_SHIFT = 40
"""A place is the number of the segment above this many bits of offset."""

INDEX_EVERY_BYTES = 256 * 1024
"""One entry of the in-memory index per this many bytes: what a seek has to read
past."""

READ_BYTES = 1024 * 1024
"""How much is read at a time; more where a record is longer."""


class DurabilityLost(Exception):
    """A write or sync failed: nothing after the last commit may be acknowledged."""


class RecordLog:
    """A log of one kind and owner in ``folder``, which is made if it is missing.

    ``preallocate``: the log will be committed, so its files are made to survive loss of
    power and zeros are written ahead. Opening verifies every record (see
    :mod:`engine.journal.recovery`) and raises CorruptLog.
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
        self._index_first: list[int] = []
        self._index_place: list[tuple[int, int]] = []
        self._indexed_to = 0
        self._file = -1
        self._filler: Filler | None = None
        self._failure: DurabilityLost | None = None
        self._closed = False
        self._readers: dict[int, int] = {}
        self.last_payload_place = 0
        folder.mkdir(parents=True, exist_ok=True)
        found = Recovery(folder, kind, owner, self._note)
        self._segments = found.segments
        self._generation = found.generation
        self._hash = found.hash
        self._offset = found.end
        self.recovery = found.report
        self.last = self.durable = found.report.last
        if self._segments:
            self._file = os.open(self._segments[-1], os.O_RDWR)
            self._begin_filling(os.fstat(self._file).st_size)

    # -- writing -----------------------------------------------------------------------

    def append(self, payload: bytes, count: int, stamp: int) -> int:
        """Write a batch of ``count`` items; the number of the first.

        Raises ValueError, having written nothing, for what could not be read back, and
        DurabilityLost when the bytes could not be written.
        """
        if count < 1 or len(payload) > PAYLOAD_BYTES_MAX:
            raise ValueError(f"a record of {count} items and {len(payload)} bytes")
        self._require_open()
        size = RECORD_HEADER_BYTES + len(payload)
        size += -size % ALIGNMENT
        first = self.last + 1
        try:
            if self._file < 0 or self._offset + size > self._segment_bytes:
                self._begin_segment()
            if self._filler is not None:
                self._filler.ensure(self._offset + size)
            data, digest = pack_record(
                first, count, stamp, self.durable, self._hash, payload
            )
            self._write(data, self._offset)
        except OSError as error:
            raise self._fail("write", error) from error
        number = len(self._segments) - 1
        self._note(first, number, self._offset)
        self.last_payload_place = (
            number << _PLACE_SHIFT | self._offset + RECORD_HEADER_BYTES
        )
        self._offset += len(data)
        self._hash = digest
        self.last = first + count - 1
        return first

    def commit(self) -> None:
        """Return when everything appended is on disk. Raises DurabilityLost."""
        self._require_open()
        if self._file >= 0 and self.durable < self.last:
            try:
                os.fdatasync(self._file)
                if self._filler is not None:
                    self._filler.check()
            except OSError as error:
                raise self._fail("sync", error) from error
            self.durable = self.last

    def close(self) -> None:
        """Commit what a clean end should leave on disk, and close.

        After a failure nothing is tried again, the files are only closed.
        """
        if self._closed:
            return
        try:
            if self._failure is None:
                if self._filler is not None:
                    self._filler.finish()
                self.commit()
        except OSError as error:
            raise self._fail("close", error) from error
        finally:
            self._closed = True
            if self._file >= 0:
                os.close(self._file)
            for file in self._readers.values():
                os.close(file)
            self._readers.clear()

    # -- reading -----------------------------------------------------------------------

    def read(self, first: int) -> Iterator[LogRecord]:
        """The records from the one that holds ``first`` on, as far as written now.

        Raises CorruptLog when one cannot be read back.
        """
        if first > self.last or not self._index_first:
            return
        entry = max(bisect_right(self._index_first, first) - 1, 0)
        segment, offset = self._index_place[entry]
        for record, _ in self._walk(segment, offset):
            if record.last >= first:
                yield record

    def read_with_places(self) -> Iterator[tuple[LogRecord, int]]:
        """All records, each with the place of its payload for :meth:`read_bytes`."""
        return self._walk(0, SEGMENT_HEADER_BYTES)

    def read_bytes(self, place: int, size: int) -> bytes:
        """Bytes of a payload that was appended or read, by their place."""
        file = self._reader(place >> _PLACE_SHIFT)
        return os.pread(file, size, place & (1 << _PLACE_SHIFT) - 1)

    def _walk(self, segment: int, offset: int) -> Iterator[tuple[LogRecord, int]]:
        """Records from a place up to what is the last number now."""
        last, reached = self.last, 0
        while reached < last and segment < len(self._segments):
            file, start, data = self._reader(segment), offset, b""
            while reached < last:
                size = record_bytes(data, offset - start)
                if not size or offset - start + size > len(data):
                    start, data = offset, os.pread(file, READ_BYTES, offset)
                    size = record_bytes(data, 0)
                    if size > len(data):
                        data = os.pread(file, size, offset)
                found = read_record(data, offset - start)
                if isinstance(found, str):
                    break
                record, _, after = found
                place = segment << _PLACE_SHIFT | offset + RECORD_HEADER_BYTES
                yield record, place
                reached, offset = record.last, start + after
            segment, offset = segment + 1, SEGMENT_HEADER_BYTES
        if reached < last:
            raise CorruptLog(
                self._folder, 0, f"record {reached + 1} of {last} cannot be read back"
            )

    def _reader(self, segment: int) -> int:
        file = self._readers.get(segment)
        if file is None:
            file = os.open(self._segments[segment], os.O_RDONLY)
            self._readers[segment] = file
        return file

    # -- files -------------------------------------------------------------------------

    def _require_open(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise ValueError("the log is closed")

    def _fail(self, what: str, error: OSError) -> DurabilityLost:
        name = self._segments[-1] if self._segments else self._folder
        self._failure = DurabilityLost(f"{name}: {what}: {error}")
        return self._failure

    def _begin_segment(self) -> None:
        if self._filler is not None:
            self._filler.finish()
            self._filler = None
        if self._file >= 0:
            os.fdatasync(self._file)
            self.durable = self.last
            os.close(self._file)
            self._file = -1
        if not self._generation:
            self._generation = os.urandom(16)
        path = self._folder / f"{self.last + 1:020}.log"
        head = SegmentHeader(
            self._kind, self._owner, self.last + 1, self._generation, self._hash
        ).pack()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
        self._segments.append(path)
        self._write(head, 0)
        if self._preallocate:
            os.fsync(self._file)
            for folder in (self._folder, *self._folder.parents[:2]):
                _sync_folder(folder)
        self._hash = header_hash(head)
        self._offset = SEGMENT_HEADER_BYTES
        self._begin_filling(SEGMENT_HEADER_BYTES)

    def _begin_filling(self, allocated: int) -> None:
        if self._preallocate:
            self._filler = Filler(self._segments[-1], max(allocated, self._offset))

    def _write(self, data: bytes, offset: int) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, offset)
            view, offset = view[written:], offset + written

    def _note(self, first: int, segment: int, offset: int) -> None:
        begins = not self._index_place or self._index_place[-1][0] != segment
        if begins or offset - self._indexed_to >= INDEX_EVERY_BYTES:
            self._index_first.append(first)
            self._index_place.append((segment, offset))
            self._indexed_to = offset


def _sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive loss of power."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
