"""Takes events from a source into a database: each once, in order, or stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from engine.records import EVENT_BYTES, unpack_all
from fixgw.readmodel.database import Database, DatabaseDown, DatabaseInUse, Progress
from fixgw.readmodel.figures import NS_PER_S, Figures
from fixgw.readmodel.names import Names
from fixgw.readmodel.rows import Batch, fill_batch
from fixgw.readmodel.sources import (
    Chunk,
    Gap,
    Source,
    SourceDown,
    StreamBroken,
    new_part,
)

log = logging.getLogger(__name__)

BACKOFF_S_FIRST = 0.1
BACKOFF_S_MAX = 5.0

LOOK_S = 0.5
"""How often it is looked how much there is to come, for the figures."""

STOP_GRACE_S = 3.0
"""How long a call of the database may go on when all is to end."""

_Result = TypeVar("_Result")


class Consumer:
    """One source, one database. Neither being away is its end: it tries again."""

    def __init__(
        self,
        source: Source,
        database: Database,
        names: Names,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.figures = Figures()
        self.database = database
        self._source = source
        self._names = names
        self._clock = clock
        self._progress: dict[int, Progress] = {}
        self._is_open = False
        self._again: set[int] = set()
        self._stop = asyncio.Event()
        self._committed: dict[int, Progress] = {}
        self._tended_ns = 0
        self._held = asyncio.Lock()

    async def run(
        self,
        stop: asyncio.Event,
        on_progress: Callable[[int], None] = lambda size: None,
        until_level: bool = False,
    ) -> None:
        """Take events until ``stop`` is set, or until there are no more.

        ``on_progress`` gets the number of bytes of events taken. Raises StreamBroken,
        DatabaseRefused, and CorruptLog of a log; ``until_level`` also DatabaseInUse.
        """
        self._stop = stop
        backoff_s = BACKOFF_S_FIRST
        while not stop.is_set():
            try:
                async with self._held:
                    chunks = await self._turn(on_progress)
                    if not self._is_open:
                        break
                    if self._is_time():
                        await self._look()
                        if not until_level:
                            await self._commit()
                            await self._ask(self.database.check)
                backoff_s = BACKOFF_S_FIRST
                if self._source.problem:
                    self._ill(self._source.problem, "source")
                else:
                    self._well()
                if until_level and not chunks and await self._source.is_level():
                    return
            except Gap as gap:
                if not self._source.may_begin_again or gap.shard in self._again:
                    raise
                log.warning("%s. It is looked for from the beginning", gap)
                self._again.add(gap.shard)
                self._is_open = False
            except (DatabaseDown, SourceDown) as error:
                if until_level and isinstance(error, DatabaseInUse):
                    raise
                self._is_open = False
                side = "source" if isinstance(error, SourceDown) else "database"
                self.figures.retries += 1
                self._ill(str(error), side)
                if side == "database":
                    with contextlib.suppress(SourceDown):
                        await self._look()
                await _wait(stop, backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    async def adopt(self, other: Database) -> None:
        """Put ``other``, built beside ours and open, in its place, between two batches.

        Raises DatabaseDown, of which DatabaseInUse; then ours is still what it was.
        """
        async with self._held:
            # Whatever comes of it, the next turn opens what is there then.
            self._is_open = False
            await self._ask(self.database.replace_by, other)

    async def close(self) -> None:
        """Let go of source and database."""
        await self._source.close()
        await asyncio.to_thread(self.database.close)

    async def _turn(self, on_progress: Callable[[int], None]) -> list[Chunk]:
        """One read of the source, and what it gave into the tables."""
        if not self._is_open:
            self._progress = await self._ask(self.database.open)
            self.figures.progress = dict(self._progress)
            # What was read and not written is read again.
            self.figures.ahead, self.figures.in_hand = self.figures.lag, {}
            if not await self._open_source():
                return []
            self._is_open = True
        chunks = await self._source.read()
        for chunk in chunks:
            self.figures.read(chunk.shard, len(chunk.chains))
        for chunk in chunks:
            on_progress(await self._take(chunk))
            self.figures.stored(chunk.shard, len(chunk.chains))
        return chunks

    async def _open_source(self) -> bool:
        """Whether it is open; not, if all is to end before it is."""
        opening = asyncio.ensure_future(self._source.open(self._progress, self._again))
        stopping = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not opening.done():
            opening.cancel()
            await asyncio.wait({opening})
            return False
        opening.result()
        return True

    async def _take(self, chunk: Chunk) -> int:
        """One chunk into the database; the number of bytes of new events."""
        known = self._progress.get(chunk.shard, Progress.at_start(chunk.shard))
        new = new_part(chunk, known)
        taken = 0 if new is None else len(new.chains)
        self.figures.duplicates += len(chunk.chains) - taken
        if new is None:
            return 0
        batch = await asyncio.to_thread(self._batch, new, known)
        await self._ask(self.database.write, batch)
        self._again.discard(new.shard)
        self._progress[new.shard] = self.figures.progress[new.shard] = Progress(
            batch.seq,
            batch.chain,
            batch.chain_before,
            batch.time_ns,
            batch.kafka_offset,
        )
        self.figures.events += taken
        self.figures.batches += 1
        self.figures.rows += sum(len(rows) for rows in batch.rows.values())
        return len(new.packed)

    def _batch(self, new: Chunk, known: Progress) -> Batch:
        """What a chunk changes. Raises StreamBroken."""
        try:
            return self._filled(new, known)
        except ValueError as error:
            raise StreamBroken(
                f"shard {new.shard}: among events {new.first} to {new.last} is one "
                f"that this release does not know: {error}"
            ) from error

    def _filled(self, new: Chunk, known: Progress) -> Batch:
        events = unpack_all(new.packed, EVENT_BYTES)
        last = events[-1]
        before = new.chains[-2] if len(new.chains) > 1 else known.chain
        batch = Batch(
            new.shard,
            known.seq,
            last.seq,
            new.chains[-1],
            before,
            last.time,
            new.kafka_offset,
        )
        fill_batch(batch, events, self._names)
        return batch

    def _is_time(self) -> bool:
        """Whether to look around between two turns."""
        now_ns = self._clock()
        if 0 <= now_ns - self._tended_ns < LOOK_S * NS_PER_S:
            return False
        self._tended_ns = now_ns
        return True

    async def _look(self) -> None:
        """See how much there is to come."""
        begun_ns = self._clock()
        self.figures.looked(await self._source.behind(), begun_ns)

    async def _commit(self) -> None:
        """Tell the source how far we are."""
        if self._progress != self._committed:
            await self._source.commit(self._progress)
            self._committed = dict(self._progress)

    async def _ask(self, call: Callable[..., _Result], *arguments: object) -> _Result:
        """What the database answers. How long it takes is told while it does, and how
        much there is to come; when all is to end, it has a little more time, then it is
        cut off."""
        self.figures.asked_ns = self._clock()
        task = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
        stopping = asyncio.ensure_future(self._stop.wait())
        try:
            while not task.done() and not stopping.done():
                done, _ = await asyncio.wait(
                    {task, stopping},
                    timeout=LOOK_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not done:
                    with contextlib.suppress(SourceDown):
                        await self._look()
            if not task.done():
                await asyncio.wait({task}, timeout=STOP_GRACE_S)
            if not task.done():
                self.database.abort()
                await asyncio.wait({task})
            return task.result()
        finally:
            stopping.cancel()
            self.figures.asked_ns = 0

    def _ill(self, problem: str, side: str) -> None:
        if self.figures.problem is None:
            log.warning("%s; it is tried again until it works", problem)
        self.figures.problem = problem
        self.figures.missing = side

    def _well(self) -> None:
        if self.figures.problem is not None:
            log.info("it goes on, this is over: %s", self.figures.problem)
        self.figures.problem = None
        self.figures.missing = ""


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
