"""Where the stored messages of one session lie in the outbox's log."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator

FILLED_MAX = 32
"""So many numbers without a message cost less, at 13 bytes each, than a run that begins
behind them."""


class _Run:
    """Messages with consecutive numbers: 13 bytes for each. Size 0: there is none."""

    __slots__ = ("admin", "first", "places", "sizes")

    def __init__(self, first: int) -> None:
        self.first = first
        self.places = array("Q")
        self.sizes = array("I")
        self.admin = array("B")

    @property
    def end(self) -> int:
        return self.first + len(self.places)


class Sent:
    """The messages of a session's current epoch, ascending.

    Their numbers follow each other, but for those an operator has skipped and those of
    messages that are not kept: however many these are, they cost nothing.
    """

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self._next: int | None = None

    def skip_to(self, seq: int) -> None:
        """The next message is ``seq``. Raises ValueError if it was sent already."""
        if self._next is not None and seq < self._next:
            raise ValueError(f"next number {seq} after message {self._next - 1}")
        self._next = seq

    def add(self, seq: int, place: int, size: int, admin: int) -> None:
        """The next message. Raises ValueError if its number is not the next."""
        if self._next is not None and seq != self._next:
            raise ValueError(f"message {seq} after {self._next - 1}")
        missing = seq - self._runs[-1].end if self._runs else seq
        if not self._runs or missing > FILLED_MAX:
            self._runs.append(_Run(seq))
        run = self._runs[-1]
        for _ in range(seq - run.end):
            run.places.append(0)
            run.sizes.append(0)
            run.admin.append(1)
        run.places.append(place)
        run.sizes.append(size)
        run.admin.append(admin)
        self._next = seq + 1

    def between(self, begin: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Number, place, size and session-level flag of each message from ``begin`` to
        ``end``, inclusive."""
        index = max(0, bisect_right(self._runs, begin, key=lambda run: run.first) - 1)
        for run in self._runs[index:]:
            for seq in range(max(begin, run.first), min(end + 1, run.end)):
                at = seq - run.first
                if not run.sizes[at]:
                    continue
                yield seq, run.places[at], run.sizes[at], run.admin[at]
