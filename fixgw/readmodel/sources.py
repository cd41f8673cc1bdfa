"""Where the read model gets events from: the shards' logs, or Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.eventchain import extend
from engine.journal import LogEnd
from engine.records import EVENT_BYTES
from fixgw.config import Config
from fixgw.fanout.cursor import Position
from fixgw.fanout.eventstream import EventStream, LogReplaced
from fixgw.readmodel.database import Progress

BATCH_EVENTS_MAX = 5000
"""Events of one transaction: enough to make its cost small, few enough that readers
see news several times a second."""

POLL_S = 0.02
"""How often a log that had nothing new is looked at again."""

RETRY_S = 0.5
"""How often a log is looked at that does not go on where the tables end."""


class StreamBroken(Exception):
    """What a source gives does not continue what was taken: a person must look."""


class Gap(StreamBroken):
    """Events of a shard are missing between those that were taken and those that
    came."""

    def __init__(self, shard: int, expected: int, found: int) -> None:
        super().__init__(
            f"shard {shard}: event {expected} was expected, event {found} came: those "
            "between are missing. Nothing was written behind the gap; 'fixgw readmodel "
            "rebuild --confirm' begins anew"
        )
        self.shard = shard


class SourceDown(Exception):
    """A source cannot be read now: try again."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Events of one shard in a row, with the chain's value after each."""

    shard: int
    first: int
    packed: bytes
    chains: list[bytes]
    kafka_offset: int = -1
    """Offset of the last one."""

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self.first + len(self.chains) - 1


class Source(Protocol):
    """Gives every shard's events in order, at least once.

    What can be asked of it may raise SourceDown; then it is to be opened again.
    """

    may_begin_again: bool
    """Whether a gap may only seem to be one, for the place to begin was wrong."""

    async def open(
        self, progress: Mapping[int, Progress], again: Collection[int] = ()
    ) -> None:
        """Begin behind ``progress``, and see that it is this source's past.

        Shards in ``again`` begin with their first event. Raises StreamBroken.
        """

    async def read(self) -> list[Chunk]:
        """The next events; none when there are no new ones for a moment.

        Raises StreamBroken, and CorruptLog of a log.
        """

    async def behind(self) -> dict[int, int]:
        """How many events of each shard there are that were not given yet: a figure,
        not for decisions."""

    async def is_level(self) -> bool:
        """After a reading that gave nothing: whether there is nothing more now."""

    @property
    def problem(self) -> str:
        """Why some shard's events do not come, while others may; empty if all do."""

    async def commit(self, progress: Mapping[int, Progress]) -> None:
        """Let whoever watches the source know how far we are; it is not for us."""

    async def close(self) -> None:
        """Let go of it."""


class LogSource:
    """The event logs of all shards of one machine."""

    may_begin_again = False

    def __init__(self, config: Config) -> None:
        self._shards = {
            shard: _ShardLog(shard, config.shard_folder(shard) / "events")
            for shard in range(config.shard_count)
        }

    async def open(
        self, progress: Mapping[int, Progress], again: Collection[int] = ()
    ) -> None:
        """See Source. A log is opened when it is read."""
        await self.close()
        for shard, log in self._shards.items():
            log.begin(progress.get(shard, Progress.at_start(shard)))

    async def read(self) -> list[Chunk]:
        """See Source."""
        chunks = await asyncio.to_thread(self._read)
        if not chunks:
            await asyncio.sleep(POLL_S)
        return chunks

    def _read(self) -> list[Chunk]:
        try:
            found = [log.read() for log in self._shards.values()]
        except OSError as error:
            raise SourceDown(f"the event logs cannot be read: {error}") from error
        return [chunk for chunk in found if chunk is not None]

    async def behind(self) -> dict[int, int]:
        """See Source."""
        return await asyncio.to_thread(self._behind)

    def _behind(self) -> dict[int, int]:
        try:
            return {shard: log.behind() for shard, log in self._shards.items()}
        except OSError as error:
            raise SourceDown(f"the event logs cannot be read: {error}") from error

    async def is_level(self) -> bool:
        """See Source. An unfinished record at an end is no event."""
        return not self.problem

    async def commit(self, progress: Mapping[int, Progress]) -> None:
        """See Source. Nobody watches a file."""

    @property
    def problem(self) -> str:
        """See Source."""
        return "; ".join(log.problem for log in self._shards.values() if log.problem)

    async def close(self) -> None:
        """See Source."""
        for log in self._shards.values():
            log.close()


class _ShardLog:
    """The log of one shard, behind what was taken of it."""

    def __init__(self, shard: int, folder: Path) -> None:
        self.problem = ""
        self._shard = shard
        self._folder = folder
        self._known = Progress.at_start(shard)
        self._end = LogEnd(folder)
        self._stream: EventStream | None = None
        self._not_before = 0.0

    def begin(self, known: Progress) -> None:
        """Go on behind ``known``; it is looked up again first."""
        self._known = known
        self._not_before = 0.0

    def behind(self) -> int:
        """Events in the log that were not given yet."""
        return max(self._end.last() - self._known.seq, 0)

    def read(self) -> Chunk | None:
        """The next events. Raises StreamBroken and CorruptLog."""
        if self._stream is None and not self._enter():
            return None
        assert self._stream is not None
        try:
            events = self._stream.read(BATCH_EVENTS_MAX)
        except LogReplaced:
            # A damaged log was made anew: the same events, but that is to be seen.
            self.close()
            return None
        if events is None:
            return None
        before = self._known.chain
        self._known = Progress(
            events.position.seq,
            events.position.chain,
            events.chains[-2] if len(events.chains) > 1 else before,
        )
        return Chunk(self._shard, events.first, events.packed, events.chains)

    def _enter(self) -> bool:
        """Begin to read; False while the log is shorter than the tables.

        The event that was taken last is read again: with another history in the folder
        the events behind it would fit nothing.
        """
        now = time.monotonic()
        if now < self._not_before:
            return False
        known = self._known
        before = Position(max(known.seq - 1, 0), known.chain_before or known.chain)
        stream = EventStream(self._folder, self._shard, before)
        try:
            last = stream.read(1) if known.seq else None
        except LogReplaced:
            stream.close()
            return False
        except BaseException:
            stream.close()
            raise
        if known.seq and last is None:
            stream.close()
            self._not_before = now + RETRY_S
            self.problem = (
                f"shard {self._shard}: event {known.seq} is in the tables and not in "
                f"{self._folder}: its shard fills it up when it starts"
            )
            return False
        if last is not None and last.chains[0] != known.chain:
            stream.close()
            raise other_history(self._shard, known.seq)
        self.problem = ""
        self._stream = stream
        return True

    def close(self) -> None:
        """Close the files; reading opens them again."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def new_part(chunk: Chunk, known: Progress) -> Chunk | None:
    """A chunk without what was taken already; None if that is all of it.

    Raises StreamBroken for a gap, for another event in the place of the one taken last,
    and for events that do not lead to the chain's values they bear.
    """
    if chunk.first > known.seq + 1:
        raise Gap(chunk.shard, known.seq + 1, chunk.first)
    if chunk.first <= known.seq <= chunk.last and (
        chunk.chains[known.seq - chunk.first] != known.chain
    ):
        raise other_history(chunk.shard, known.seq)
    if chunk.last <= known.seq:
        return None
    skip = known.seq + 1 - chunk.first
    new = Chunk(
        chunk.shard,
        known.seq + 1,
        chunk.packed[skip * EVENT_BYTES :],
        chunk.chains[skip:],
        chunk.kafka_offset,
    )
    _check_chain(new, known.chain)
    return new


def _check_chain(chunk: Chunk, before: bytes) -> None:
    found = extend(before, chunk.packed)
    for index, (own, told) in enumerate(zip(found, chunk.chains, strict=True)):
        if own != told:
            raise StreamBroken(
                f"shard {chunk.shard}: event {chunk.first + index} breaks the chain: "
                "it is not what the shard made, or one before it was not"
            )


def other_history(shard: int, seq: int) -> StreamBroken:
    """The error of a source that tells something else than was taken."""
    return StreamBroken(
        f"shard {shard}: event {seq} is another than the one that was taken: this is "
        "the history of another exchange, or it was changed. See that data folder and "
        "database belong together; 'fixgw readmodel rebuild --confirm' begins anew"
    )
