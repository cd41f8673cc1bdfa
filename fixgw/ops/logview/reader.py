"""Runs logs through filter and renderer: one after the other, merged, or followed."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from fixgw.client.sentences import printable
from fixgw.ops.logview.filters import Filter
from fixgw.ops.logview.items import Item, LogProblem
from fixgw.ops.logview.render import Renderer
from fixgw.ops.logview.sources import PipeSource, Source

POLL_S = 0.2
PASSES_MAX = 20
"""How often the logs are read to find all names of one order: a pass finds at least
one more, and an order's names are few."""

Told = tuple[Source, Item]


@dataclass(slots=True)
class Reader:
    """Shows ``sources``. Problems are told to ``complain``; the others go on."""

    sources: Sequence[Source]
    wanted: Filter
    renderer: Renderer
    write: Callable[[str], None]
    flush: Callable[[], None]
    complain: Callable[[str], None]
    merge: bool = False
    last: int | None = None
    headers: bool = False
    """Name the log above its items where it changes."""
    _shown: Source | None = None
    _broken: list[Source] = field(default_factory=list)

    def __post_init__(self) -> None:
        for source in self.sources:
            if isinstance(source, PipeSource):
                source.before_wait = self.flush

    def show(self) -> None:
        """Everything there is."""
        self._learn_names(final=True)
        self._put(self._everything(final=True))
        self.flush()

    def follow(self) -> None:
        """Everything there is, then what comes, as long as one of the logs can be
        read."""
        self._learn_names(final=False)
        self._put(self._everything(final=False))
        self.flush()
        while len(self._broken) < len(self.sources):
            came: list[Told] = []
            for source in self.sources:
                if source not in self._broken:
                    came += self._items(source, source.poll)
            if self.merge:
                came.sort(key=_time_of)
            self._put(iter(came), to_come=True)
            self.flush()
            time.sleep(POLL_S)

    # -- reading -----------------------------------------------------------------------

    def _everything(self, final: bool) -> Iterator[Told]:
        streams = [self._whole(source, final) for source in self.sources]
        if not self.merge:
            for stream in streams:
                yield from stream
            return
        # An item without a time stays behind the one before it.
        timed = (_timed(stream, place) for place, stream in enumerate(streams))
        for _, _, _, told in heapq.merge(*timed, key=lambda entry: entry[:3]):
            yield told

    def _whole(self, source: Source, final: bool) -> Iterator[Told]:
        def items() -> Iterator[Item]:
            source.rewind()
            yield from source.read()
            if final:
                yield from source.finish()

        return self._items(source, items)

    def _items(
        self, source: Source, items: Callable[[], Iterable[Item]]
    ) -> Iterator[Told]:
        try:
            for item in items():
                yield source, item
        except LogProblem as problem:
            self._broken.append(source)
            self.complain(str(problem))
        except OSError as error:
            self._broken.append(source)
            self.complain(f"{source.name}: {error.strerror}")

    def _learn_names(self, final: bool) -> None:
        """Read ahead until all names of the wanted order are known."""
        chain = self.wanted.chain
        if chain is None or not all(source.can_rewind for source in self.sources):
            return
        complain, self.complain = self.complain, lambda text: None
        for _ in range(PASSES_MAX):
            size = chain.size
            chain.begin_pass()
            for _, item in self._everything(final):
                self.wanted.passes(item)
            if chain.size == size:
                break
        chain.begin_pass()
        self._broken.clear()
        self.wanted.without_direction = 0
        self.complain = complain

    # -- writing -----------------------------------------------------------------------

    def _put(self, told: Iterator[Told], to_come: bool = False) -> None:
        passing: Iterator[Told] = (e for e in told if self.wanted.passes(e[1]))
        if self.last is not None and not to_come:
            passing = iter(deque(passing, maxlen=self.last))
        for source, item in passing:
            if self.headers and source is not self._shown:
                self._shown = source
                self.write(f"==> {printable(source.name)} <==")
            for line in self.renderer.lines(item):
                self.write(line)


def _time_of(told: Told) -> int:
    return told[1].at_ns or 0


def _timed(stream: Iterator[Told], place: int) -> Iterator[tuple[int, int, int, Told]]:
    """With a key to merge by: time, never going back, then the place of the log."""
    latest = 0
    for number, told in enumerate(stream):
        latest = max(latest, told[1].at_ns or 0)
        yield latest, place, number, told
