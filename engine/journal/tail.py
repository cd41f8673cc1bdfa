"""Follows a log that another process writes: read-only, verified, across its restarts.

What the writer may do meanwhile, and what a reader must make of it:

* A record is being written, or the writer died in the middle of one. Its bytes are not
  an intact record. That is the end for now: nothing is taken, nothing is kept of it,
  and the place is read again next time. The writer may have trimmed it by then and
  written other records there.
* A new segment is begun. The one before it is complete then, so it is read once more
  before the new one: what lies between its last record and its end must be zeros.
* The folder is put aside and the log made anew in its place, or a file is taken away.
  Then the files under these names are no longer the ones that are open, and the place
  is looked for anew, by number.

Everything else is damage. It is believed only after a fresh look, for what had been
read may have been replaced: if reading from the beginning of the segment finds the
same, CorruptLog is raised.
"""

from __future__ import annotations

import os
import re
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
    UnreadableHeader,
    header_hash,
    read_record,
    record_bytes,
)

READ_BYTES = 1024 * 1024
"""How much is read at a time, and what one call gives unless told otherwise."""

_SEGMENT_NAME = re.compile(r"\d{20}\.log")
_MAGIC = b"FLGR"


def segment_names(folder: Path) -> list[str]:
    """Names of the segments in ``folder`` in order; none if there is no folder."""
    try:
        return sorted(filter(_SEGMENT_NAME.fullmatch, os.listdir(folder)))
    except FileNotFoundError:
        return []


class LogTail:
    """The records of a log behind item number ``after``, as they are written.

    Neither folder nor log need exist yet. Nothing is ever written or trimmed. A log
    that is shorter than ``after`` gives nothing until it has grown past it.

    ``rewinds`` counts how often the place had to be looked for anew. Items up to the
    last one given are not compared when that happens: who needs to know that they are
    still the same (they are, unless another history was put there) verifies them.
    """

    def __init__(self, folder: Path, kind: LogKind, owner: int, after: int = 0) -> None:
        self._folder = folder
        self._kind = kind
        self._owner = owner
        self._given = after
        self._file = -1
        self._path = folder
        self._offset = 0
        self._hash = NO_HASH
        self._next = 1
        self._generation = b""
        self._searched: tuple[int, int, int] | None = None
        self.rewinds = 0

    @property
    def given(self) -> int:
        """The last number given out; ``after`` before anything was."""
        return self._given

    def read(self, bytes_max: int = READ_BYTES) -> list[LogRecord]:
        """The next intact records; none when there is nothing new yet.

        Their payloads have at most ``bytes_max`` bytes together, or there is only one.
        The first ever given, and the first after a rewind, may hold items up to
        ``given`` in front of new ones; finding it reads one segment. Raises CorruptLog.
        """
        try:
            return self._read(bytes_max)
        except CorruptLog:
            self._lose_place()
            return self._read(bytes_max)

    def close(self) -> None:
        """Close the file. Reading again would open it again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # -- reading -----------------------------------------------------------------------

    def _read(self, bytes_max: int) -> list[LogRecord]:
        records: list[LogRecord] = []
        room = bytes_max
        if self._file < 0 and not self._find_place():
            return records
        while True:
            data = self._at_place()
            offset = 0
            while not isinstance(found := read_record(data, offset), str):
                record, digest, after = found
                if records and len(record.payload) > room:
                    return records
                try:
                    self._check(record)
                except CorruptLog:
                    # What is intact in front of it is given first.
                    if records:
                        return records
                    raise
                if record.last > self._given:
                    records.append(record)
                    room -= len(record.payload)
                    self._given = record.last
                self._hash, self._next = digest, record.last + 1
                self._offset += after - offset
                offset = after
                if records and room <= 0:
                    return records
            if offset:
                continue
            if records or not self._goes_on(found):
                return records

    def _at_place(self) -> bytes:
        """Bytes from the place on: the whole record that begins there if it can be."""
        data = os.pread(self._file, READ_BYTES, self._offset)
        size = record_bytes(data, 0)
        if size > len(data) and len(data) == READ_BYTES:
            data = os.pread(self._file, size, self._offset)
        return data

    def _check(self, record: LogRecord) -> None:
        if record.previous != self._hash:
            raise CorruptLog(self._path, self._offset, "the hash chain is broken")
        if record.first != self._next:
            raise CorruptLog(
                self._path,
                self._offset,
                f"number {record.first} after {self._next - 1}",
            )

    def _goes_on(self, reason: str) -> bool:
        """There is no intact record at the place: whether reading may go on elsewhere.

        False: this is the end for now.
        """
        names = segment_names(self._folder)
        if not self._is_current():
            self._lose_place()
            return self._find_place()
        later = [name for name in names if name > self._path.name]
        data = self._at_place()
        if not isinstance(read_record(data, 0), str):
            # It was completed while we looked.
            return True
        if not later:
            if data.strip(b"\0"):
                self._refuse_if_more_follows(reason)
            return False
        # Its successor was there before this look: this segment is complete.
        if self._any_behind(self._offset):
            raise CorruptLog(self._path, self._offset, reason)
        return self._enter(self._folder / later[0], last=len(later) == 1)

    def _is_current(self) -> bool:
        """Whether the open file is still the one of its name, and no shorter."""
        ours = os.fstat(self._file)
        try:
            named = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        same = (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)
        return same and ours.st_size >= self._offset

    # -- finding the place -------------------------------------------------------------

    def _lose_place(self) -> None:
        if self._file >= 0:
            self.rewinds += 1
        self.close()
        self._searched = None

    def _find_place(self) -> bool:
        """Begin at the segment that holds the last number given; whether there is one.

        Not at the one that holds the next: so it is seen that the two belong together.
        """
        names = segment_names(self._folder)
        if not names:
            return False
        given, following = f"{self._given:020}.log", f"{self._given + 1:020}.log"
        begun = [name for name in names if name <= given]
        if not begun:
            if names[0] != following:
                raise CorruptLog(
                    self._folder / names[0],
                    0,
                    f"begins with number {int(names[0][:20])}: number "
                    f"{self._given + 1} was taken away",
                )
            begun = [following]
        return self._enter(self._folder / begun[-1], last=begun[-1] == names[-1])

    def _enter(self, path: Path, last: bool) -> bool:
        """Go to the beginning of a segment; False when it is not there yet.

        From the segment before it, it must continue that one.
        """
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            header = self._header(file, path, last)
            if header is not None:
                self._join(header, path)
        except BaseException:
            os.close(file)
            raise
        if header is None:
            os.close(file)
            return False
        self.close()
        self._file, self._path = file, path
        self._offset = SEGMENT_HEADER_BYTES
        self._hash = header_hash(header.pack())
        self._next = header.first
        self._generation = header.generation
        self._searched = None
        return True

    def _header(self, file: int, path: Path, last: bool) -> SegmentHeader | None:
        """A segment's header; None while the writer has yet to write it."""
        try:
            return SegmentHeader.unpack(os.pread(file, SEGMENT_HEADER_BYTES, 0), path)
        except UnreadableHeader:
            if last and not self._any_behind(SEGMENT_HEADER_BYTES, file):
                return None
        # Records stand behind it, so it is complete by now.
        return SegmentHeader.unpack(os.pread(file, SEGMENT_HEADER_BYTES, 0), path)

    def _join(self, header: SegmentHeader, path: Path) -> None:
        if header.kind != self._kind or header.owner != self._owner:
            raise CorruptLog(
                path,
                0,
                f"belongs to {header.kind.name} {header.owner}, "
                f"not to {self._kind.name} {self._owner}",
            )
        if header.first != int(path.name[:20]):
            raise CorruptLog(path, 0, f"begins with number {header.first}")
        if self._file < 0:
            return
        if header.generation != self._generation:
            raise CorruptLog(path, 0, "is of another generation of this log")
        if header.first != self._next or header.previous != self._hash:
            raise CorruptLog(path, 0, "does not continue the segment before it")

    # -- damage ------------------------------------------------------------------------

    def _any_behind(self, offset: int, file: int = -1) -> bool:
        """Whether anything but zeros lies behind ``offset``."""
        while data := os.pread(self._file if file < 0 else file, READ_BYTES, offset):
            if data.strip(b"\0"):
                return True
            offset += len(data)
        return False

    def _refuse_if_more_follows(self, reason: str) -> None:
        """A record that is not intact is the end, unless an intact one follows it.

        Searched once per state of the file, for an unfinished record may stay there
        until the writer is started again.
        """
        facts = os.fstat(self._file)
        state = (self._offset, facts.st_size, facts.st_mtime_ns)
        if state == self._searched:
            return
        offset = self._offset + ALIGNMENT
        while data := os.pread(self._file, READ_BYTES, offset):
            place = data.find(_MAGIC)
            while place >= 0:
                at = offset + place
                if at % ALIGNMENT == 0 and self._is_intact(at):
                    # Records are written in order: by now the bad one is complete.
                    if not isinstance(read_record(self._at_place(), 0), str):
                        return
                    raise CorruptLog(
                        self._path,
                        self._offset,
                        f"{reason}, but an intact record follows at {at}",
                    )
                place = data.find(_MAGIC, place + 1)
            # The last bytes again: the magic may lie across the border.
            offset += max(len(data) - len(_MAGIC) + 1, 1)
        self._searched = state

    def _is_intact(self, offset: int) -> bool:
        head = os.pread(self._file, RECORD_HEADER_BYTES, offset)
        data = os.pread(self._file, record_bytes(head, 0), offset)
        return not isinstance(read_record(data, 0), str)
