"""Runs dialogues: groups side by side, within a group one after the other."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fixgw.certify.dialogue import Dialogue
from fixgw.certify.grouping import phases_of
from fixgw.certify.player import Player
from fixgw.certify.situation import Situation
from fixgw.certify.steps import flatten
from fixgw.certify.transcript import Outcome, Result

JOBS = 16
"""Groups side by side: a dialogue mostly waits, so more than there are processors."""


@dataclass(frozen=True, slots=True)
class Run:
    """All that was played, and when."""

    results: tuple[Result, ...]
    """In the order of the dialogues, not of their ends."""
    began: datetime
    duration_s: float

    def count(self, outcome: Outcome) -> int:
        """How many dialogues ended so."""
        return sum(result.outcome is outcome for result in self.results)

    @property
    def is_good(self) -> bool:
        """Whether something passed and nothing failed."""
        return self.count(Outcome.PASSED) > 0 and not self.count(Outcome.FAILED)


async def run(
    dialogues: Sequence[Dialogue],
    situation: Situation,
    *,
    jobs: int = JOBS,
    rounds: int = 1,
    on_begin: Callable[[Dialogue], None] = lambda dialogue: None,
    on_end: Callable[[Result], None] = lambda result: None,
) -> Run:
    """Play all dialogues ``rounds`` times.

    In server mode they share the one port, so they are played one after the other.
    """
    began, start = datetime.now(UTC), time.monotonic()
    places = {id(dialogue): place for place, dialogue in enumerate(dialogues)}
    found: list[Result] = []
    slots = asyncio.Semaphore(jobs)

    async def play(group: Sequence[Dialogue], number: int) -> None:
        async with slots:
            for dialogue in group:
                on_begin(dialogue)
                result = await Player(dialogue, situation).play()
                result = dataclasses.replace(result, round=number)
                found.append(result)
                on_end(result)

    phases = _phases(dialogues, situation)
    for number in range(1, rounds + 1):
        for groups in phases:
            await asyncio.gather(*(play(group, number) for group in groups))
    found.sort(key=lambda result: (result.round, places[id(result.dialogue)]))
    return Run(tuple(found), began, time.monotonic() - start)


def _phases(
    dialogues: Sequence[Dialogue], situation: Situation
) -> list[list[list[Dialogue]]]:
    """What is played side by side, phase after phase."""
    if situation.door is not None:
        return [[list(dialogues)]]
    # Those that will be skipped must not hold up the sessions they name.
    idle = [item for item in dialogues if situation.lacks(flatten(item.steps))]
    names = {id(item) for item in idle}
    shared, *alone = phases_of([item for item in dialogues if id(item) not in names])
    return [[*shared, *([item] for item in idle)], *alone]
