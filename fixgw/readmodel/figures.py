"""What a consumer tells about itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from fixgw.readmodel.database import Progress

NS_PER_S = 1_000_000_000

ANSWER_S_MAX = 5.0
"""A database that has not answered for this long counts as missing. It is waited for
all the same: it may only be slow."""


@dataclass(slots=True)
class Figures:
    """Counters since the process began, and how things are. Times are of the system's
    clock, in nanoseconds."""

    events: int = 0
    duplicates: int = 0
    batches: int = 0
    rows: int = 0
    retries: int = 0
    problem: str | None = None
    """Why it does not go on now; None while it does."""
    missing: str = ""
    """Which side is to blame for that: "source" or "database"."""
    progress: dict[int, Progress] = field(default_factory=dict)
    ahead: dict[int, int] = field(default_factory=dict)
    """Events of each shard that were there at the last look and are not read yet."""
    in_hand: dict[int, int] = field(default_factory=dict)
    """Events of each shard that were read and are not in the tables yet."""
    looked_ns: int = 0
    """When the last look at the source was; 0 for never."""
    level_ns: int = 0
    """When there was no more than the tables hold; 0 if that never was."""
    asked_ns: int = 0
    """Since when an answer of the database is waited for; 0 if none is."""

    @property
    def lag(self) -> dict[int, int]:
        """Events of each shard that are not in the tables."""
        shards = sorted(self.progress.keys() | self.ahead.keys() | self.in_hand.keys())
        return {
            shard: self.ahead.get(shard, 0) + self.in_hand.get(shard, 0)
            for shard in shards
        }

    @property
    def is_level(self) -> bool:
        """Whether the tables hold everything there was at the last look."""
        return not any(self.lag.values())

    def lag_s(self, now_ns: int) -> float:
        """How old the tables are at most; 0 while they hold everything.

        What is missing came after the last event they hold, and after they were last
        level.
        """
        if self.is_level:
            return 0.0
        newest = max((known.time_ns for known in self.progress.values()), default=0)
        # Engine time may be ahead of the clock when that was set back.
        known = [then for then in (newest, self.level_ns) if 0 < then <= now_ns]
        return (now_ns - max(known)) / NS_PER_S if known else 0.0

    def looked(self, ahead: dict[int, int], now_ns: int) -> None:
        """What was found at a look at the source."""
        self.ahead, self.looked_ns = ahead, now_ns
        self._note_level()

    def read(self, shard: int, count: int) -> None:
        """Events were read."""
        self.ahead[shard] = max(0, self.ahead.get(shard, 0) - count)
        self.in_hand[shard] = self.in_hand.get(shard, 0) + count

    def stored(self, shard: int, count: int) -> None:
        """Events that were read are in the tables."""
        self.in_hand[shard] -= count
        self._note_level()

    def _note_level(self) -> None:
        if self.is_level:
            self.level_ns = self.looked_ns

    def problems(self, now_ns: int) -> dict[str, str]:
        """What is wrong now, by the side it is on."""
        if self.problem is not None:
            return {self.missing: self.problem}
        waited_s = (now_ns - self.asked_ns) / NS_PER_S if self.asked_ns else 0.0
        if waited_s > ANSWER_S_MAX:
            return {"database": f"the database has not answered for {waited_s:.0f} s"}
        return {}
