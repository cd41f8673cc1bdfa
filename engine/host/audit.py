"""The audit log: who changed what, in the order it was done."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class AuditLog:
    """Who changed what: JSON lines, readable by the owner only, each on disk when
    :meth:`write` returns. Several processes may write to one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, **facts: Any) -> None:
        """Append one entry; ``ts`` is added. Raises OSError, or ValueError or TypeError
        for facts JSON cannot hold."""
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        entry = {"ts": now.replace("+00:00", "Z"), **facts}
        line = json.dumps(entry, allow_nan=False).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        file = os.open(self.path, flags, 0o600)
        try:
            # Under a lock, so that what looks like a torn end is not another
            # process's entry half written.
            fcntl.flock(file, fcntl.LOCK_EX)
            size = os.fstat(file).st_size
            if size and os.pread(file, 1, size - 1) != b"\n":
                # A full disk or a loss of power cut the last entry short: it must not
                # take this one with it.
                line = b"\n" + line
            if os.write(file, line) != len(line):
                raise OSError(errno.ENOSPC, "the audit log took only part of an entry")
            os.fsync(file)
        finally:
            os.close(file)
