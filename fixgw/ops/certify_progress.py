"""Progress of ``fixgw certify``: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich import progress
from rich.console import Console
from rich.markup import escape

from fixgw.certify import Dialogue, Result
from fixgw.certify.wire import visible

LINE_EVERY_S = 10.0
"""How often a line is written where there is no terminal."""

NAMES_MAX = 3
"""Running dialogues that are named beside the bar."""


class Progress:
    """Counts dialogues while they run; a context manager."""

    def __init__(self, total: int, *, names_all: bool) -> None:
        """``names_all``: a line for each dialogue, as somebody has to do his part."""
        self._total, self._names_all = total, names_all
        self._done = self._failed = 0
        self._running: list[str] = []
        self._next = time.monotonic() + LINE_EVERY_S
        self._bar: progress.Progress | None = None
        self._task = progress.TaskID(0)

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            self._bar = progress.Progress(
                progress.BarColumn(),
                progress.MofNCompleteColumn(),
                progress.TimeElapsedColumn(),
                progress.TextColumn("{task.description}"),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("", total=self._total)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, dialogue: Dialogue) -> None:
        """A dialogue is being played."""
        self._running.append(dialogue.label)
        if self._names_all:
            self.say(f"playing {dialogue.label}: {dialogue.title}")
        self._show()

    def end(self, result: Result) -> None:
        """One is over."""
        self._running.remove(result.dialogue.label)
        self._done += 1
        self._failed += result.has_failed
        if result.has_failed or self._names_all:
            reason = f": {visible(result.reason)}" if result.reason else ""
            self.say(f"{result.outcome.value} {result.dialogue.label}{reason}")
        if self._bar is not None:
            self._bar.advance(self._task)
        elif time.monotonic() >= self._next and self._done < self._total:
            self.say(f"{self._done} of {self._total} dialogues, {self._failed} failed")
            self._next = time.monotonic() + LINE_EVERY_S
        self._show()

    def _show(self) -> None:
        if self._bar is None:
            return
        names = ", ".join(self._running[:NAMES_MAX])
        failed = f"[red]{self._failed} failed[/] " if self._failed else ""
        self._bar.update(self._task, description=failed + escape(names))

    def say(self, text: str) -> None:
        """Write a line beside the progress."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
