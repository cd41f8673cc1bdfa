"""Where a log ends, without reading it: by the headers of its newest records."""

from __future__ import annotations

import os
from pathlib import Path

from engine.journal.format import (
    RECORD_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    record_bytes,
    record_numbers,
)
from engine.journal.tail import READ_BYTES, segment_names

READ_BYTES_MAX = 32 * READ_BYTES
"""What one call reads at most: about 30 ms. After a long absence the next calls go
on from there."""


class LogEnd:
    """The last number in a log another process writes.

    A figure for operators, not for decisions: records are neither verified nor
    complete for sure.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: tuple[str, int] | None = None
        self._offset = 0
        self._last = 0

    def last(self) -> int:
        """The number of the last item as far as found; 0 when there is no log."""
        names = segment_names(self._folder)
        if not names:
            self._file, self._last = None, 0
            return 0
        try:
            file = os.open(self._folder / names[-1], os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return self._last
        try:
            identity = (names[-1], os.fstat(file).st_ino)
            if identity != self._file or os.fstat(file).st_size < self._offset:
                self._file, self._offset = identity, SEGMENT_HEADER_BYTES
                self._last = int(names[-1][:20]) - 1
            self._hop(file)
        finally:
            os.close(file)
        return self._last

    def _hop(self, file: int) -> None:
        """From record to record, by the lengths in their headers.

        Where there is something else, the file is not what it was: the next call begins
        again.
        """
        budget = READ_BYTES_MAX
        while budget > 0:
            data = os.pread(file, READ_BYTES, self._offset)
            budget -= len(data)
            offset = 0
            while size := record_bytes(data, offset):
                first, count = record_numbers(data, offset)
                if first != self._last + 1:
                    self._file = None
                    return
                self._last += count
                offset += size
            self._offset += offset
            if not offset:
                if data[:RECORD_HEADER_BYTES].strip(b"\0"):
                    self._file = None
                return
