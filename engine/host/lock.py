"""One process per data folder."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


class FolderInUse(Exception):
    """Another process owns the folder; its text says which, and what to do."""


class FolderLock:
    """An exclusive lock on a folder, held until :meth:`release` or the process ends.

    ``patience_s``: how long to wait for a holder that is on its way out.
    Raises FolderInUse.
    """

    def __init__(self, folder: Path, patience_s: float = 0.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "lock"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        deadline = time.monotonic() + patience_s
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                holder = os.pread(self._file, 64, 0).decode("ascii", "replace").strip()
                os.close(self._file)
                raise FolderInUse(
                    f"{folder} is in use by process {holder or 'unknown'}: "
                    "stop that one first, or choose another folder"
                ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        os.close(self._file)
