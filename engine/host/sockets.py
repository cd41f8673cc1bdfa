"""Unix sockets in folders of any depth."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

SOCKET_PATH_BYTES_MAX = 100
"""The system takes 107 bytes; longer paths are reached through the folder."""


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name of ``path`` short enough to bind or connect to, while the block lasts."""
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
