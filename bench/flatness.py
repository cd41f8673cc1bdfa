"""What a command costs, by how many orders rest and by how many symbols there are.

States are built once and measured in turn, so that what else the machine does meets
all of them alike. Only the engine is timed: lines are made and parsed before.
"""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from common import progress

from engine.flow import REQUIRED, Flow
from engine.shard import Shard

ORDERS = (1_000, 10_000, 100_000, 1_000_000)
"""Resting orders, all of one symbol."""

SYMBOLS = (1, 10, 100, 1_000, 10_000)
ORDERS_OF_SYMBOLS = 100_000
"""Resting orders, shared out among the symbols."""

LEVELS = 100
"""Price levels of each side."""

LEVELS_OF_SYMBOLS = 2
"""The same where orders are shared out among symbols: of 10,000 each has ten orders, so
that with more levels most commands would make one or empty one, and few symbols not."""

NEAR = 4
"""Levels from the best that are near."""

MID = 1_000
RECENT = 500
"""Most cancels are of orders that came lately: those of "near" are of the last so
many. Those of "far" are of any that rests, however long ago its memory was used."""

COMMANDS = 100_000
"""In one measurement: half of them adds, half cancels."""

LINES_PER_LOAD = 4_096
WAYS = ("near", "far")


@dataclass
class State:
    """A shard with so many orders of so many symbols, always as many."""

    orders: int
    symbols: int
    levels: int = LEVELS
    seed: int = 1
    flow: Flow = field(init=False)
    times_ns: dict[str, list[float]] = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(f"{self.seed} {self.orders} {self.symbols}")
        self._live: list[int] = []
        self._recent: list[int] = []
        self._next = 0
        self.times_ns = {way: [] for way in WAYS}
        self.flow = Flow(Shard(0, secrets.token_bytes(16)), (*REQUIRED, "type", "tif"))
        self._run(self._fill())
        # What is measured first would find the memory of its way untouched.
        for way in WAYS:
            self._run(self._mix(way))

    def measure(self, way: str) -> None:
        """One more measurement: nanoseconds a command."""
        spent_ns = self._run(self._mix(way))
        self.times_ns[way].append(spent_ns / COMMANDS)

    def median_ns(self, way: str) -> float:
        """The middle of all measurements."""
        return statistics.median(self.times_ns[way])

    def _fill(self) -> Iterator[str]:
        for number in range(self.orders):
            # Every level of every side has orders before any has many.
            level = number // (2 * self.symbols) % self.levels
            yield self._add(number % self.symbols, number // self.symbols % 2, level)
            self._live.append(self._next)

    def _mix(self, way: str) -> Iterator[str]:
        draw = self._random.randrange
        live, recent = self._live, self._recent
        near = way == "near"
        for _ in range(COMMANDS // 2):
            symbol, side = draw(self.symbols), draw(2)
            yield self._add(
                symbol, side, draw(min(NEAR, self.levels) if near else self.levels)
            )
            pool = recent if near else live
            pool.append(self._next)
            if near and len(recent) <= RECENT:
                # The place of one that was there from the beginning.
                pool = live
            at = draw(len(pool))
            pool[at], pool[-1] = pool[-1], pool[at]
            yield f"cancel,{pool.pop()},,,,,,\n"
        live += recent
        recent.clear()

    def _add(self, symbol: int, side: int, level: int) -> str:
        self._next += 1
        price = MID + 1 + level if side else MID - level
        word = "sell" if side else "buy"
        return f"new,{self._next},S{symbol},{word},{price},10,,\n"

    def _run(self, lines: Iterator[str]) -> int:
        """Nanoseconds in the engine for these lines."""
        flow, clock = self.flow, time.thread_time_ns
        spent_ns = 0
        for chunk in _chunks(lines):
            flow.load(chunk)
            while flow.parse():
                before = clock()
                flow.run()
                spent_ns += clock() - before
                flow.rows()
        assert flow.malformed == 0
        return spent_ns


def _chunks(lines: Iterator[str]) -> Iterator[bytes]:
    part: list[str] = []
    for line in lines:
        part.append(line)
        if len(part) == LINES_PER_LOAD:
            yield "".join(part).encode()
            part.clear()
    yield "".join(part).encode()


@dataclass(frozen=True)
class Series:
    """One line of a plot: medians by orders or by symbols."""

    by: str
    way: str
    states: list[State]

    @property
    def points(self) -> list[tuple[int, float]]:
        """How many, and nanoseconds a command."""
        return [
            (
                one.orders if self.by == "orders" else one.symbols,
                one.median_ns(self.way),
            )
            for one in self.states
        ]

    @property
    def ratio(self) -> float:
        """Of the dearest to the cheapest."""
        values = [value for _, value in self.points]
        return max(values) / min(values)


def measure(
    repeats: int, orders: int, tell: Callable[[str], None] = progress
) -> list[Series]:
    """All four lines, with at most ``orders`` resting orders."""
    by_orders = []
    for count in [count for count in ORDERS if count <= orders]:
        tell(f"{count:,} orders of one symbol")
        by_orders.append(State(count, 1))
    by_symbols = []
    for count in SYMBOLS:
        total = min(ORDERS_OF_SYMBOLS, orders)
        tell(f"{total:,} orders of {count:,} symbols")
        by_symbols.append(State(total, count, LEVELS_OF_SYMBOLS))
    for number in range(repeats):
        tell(f"repeat {number + 1} of {repeats}")
        for way in WAYS:
            for state in (*by_orders, *by_symbols):
                state.measure(way)
    return [
        Series(by, way, states)
        for by, states in (("orders", by_orders), ("symbols", by_symbols))
        for way in WAYS
    ]
