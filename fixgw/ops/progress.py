"""A progress bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from engine.records import EVENT_BYTES

LINE_EVERY_S = 10.0
"""How often a line is written where there is no terminal."""


@contextmanager
def bar(what: str, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """Counts events by their bytes; gives what to call with the bytes of some more."""
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    total = None if total_bytes is None else total_bytes // EVENT_BYTES
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=total)
        yield lambda size: progress.advance(task, size // EVENT_BYTES)
        done = progress.tasks[0].completed
        progress.update(task, total=done, completed=done)


class _Lines:
    """The same for a log file."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._count = 0
        self._next = time.monotonic() + LINE_EVERY_S

    def __call__(self, size: int) -> None:
        self._count += size // EVENT_BYTES
        if time.monotonic() >= self._next:
            sys.stderr.write(f"{self._count} {self._what}\n")
            self._next = time.monotonic() + LINE_EVERY_S
