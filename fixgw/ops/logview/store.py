"""The messages of a QuickFIX FileStore: its ``.body``, and what lies beside it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from fixgw.ops.logview.items import Item, Remark
from fixgw.ops.logview.sources import FileSource
from fixgw.ops.logview.text import TextParser

_STORE_NUMBERS = (".seqnums", ".senderseqnums", ".targetseqnums", ".session")
STORE_SUFFIXES = frozenset({".body", ".header", *_STORE_NUMBERS})
_INDEX_TAIL_BYTES = 4096


class StoreSource(FileSource):
    """The messages of a QuickFIX FileStore: its ``.body``, and what lies beside it."""

    def __init__(
        self, path: Path, new_parser: Callable[[], TextParser], entries: bool
    ) -> None:
        super().__init__(path.with_suffix(".body"), new_parser)
        self._entries = entries

    def finish(self) -> Iterator[Item]:
        """What is unfinished, and whether the index fits the messages."""
        yield from super().finish()
        indexed = _indexed_bytes(self._path.with_suffix(".header"))
        if indexed is not None and indexed != self._offset:
            yield Remark(
                f"the index {self._path.stem}.header leads to byte {indexed}, "
                f"{self._path.name} has {self._offset}",
                None,
                is_trouble=True,
            )
        for suffix in _STORE_NUMBERS if self._entries else ():
            with contextlib.suppress(OSError):
                text = self._path.with_suffix(suffix).read_bytes()[:100]
                said = re.sub(rb"[^ -~]+", b" ", text).decode().strip()
                yield Remark(f"{self._path.stem}{suffix}: {said}", None)


def _indexed_bytes(path: Path) -> int | None:
    """Where a store's index says that the last message ends.

    C++ and .NET write ``number,offset,size`` as text, Java 4, 8 and 4 bytes.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _INDEX_TAIL_BYTES))
            tail = file.read()
    except OSError:
        return None
    found = re.findall(rb"(?:^|\s)\d+,(\d+),(\d+)(?=\s)", tail)
    if found:
        return int(found[-1][0]) + int(found[-1][1])
    if size and size % 16 == 0:
        return int.from_bytes(tail[-12:-4]) + int.from_bytes(tail[-4:])
    return None
