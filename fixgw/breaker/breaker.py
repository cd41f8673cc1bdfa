"""When the market is halted: levels of the index, each once a day.

The breaker takes every shard's events from the first one on and knows the index
(:mod:`fixgw.breaker.index`) as soon as it has caught up with all. When the index has
fallen by a level's percents since the day began, and no higher level has fired today,
every instrument that trades or is in an auction is halted until the level's time is
over, then comes into VOLATILITY_AUCTION and from there back to trading. What comes to
trading meanwhile by a timetable is halted as well; what an operator does is his.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from engine.codes import CommandKind, Phase, PhaseReason
from engine.records import PhaseCommand
from fixgw.breaker.index import WHOLE, Market, index_of
from fixgw.breaker.state import Firing, State, StateFile

log = logging.getLogger(__name__)

NS_PER_S = 1_000_000_000
DAY_NS = 86_400 * NS_PER_S

HALTABLE = frozenset(
    {
        Phase.CONTINUOUS,
        Phase.POST_ONLY,
        Phase.OPENING_AUCTION,
        Phase.VOLATILITY_AUCTION,
        Phase.CLOSING_AUCTION,
    }
)
"""Phases in which something trades, or will when they end. The others stay."""


class Breaker:
    """The decisions. ``levels`` are percents, ascending; ``halt_s`` how long each
    halts, 0 for the rest of the trading day, which ends at ``day_ends_ns`` after
    midnight UTC. ``tell`` gives packed commands to a shard.
    """

    def __init__(
        self,
        shards: int,
        levels: Sequence[int],
        halt_s: Sequence[int],
        day_ends_ns: int,
        file: StateFile,
        clock: Callable[[], int],
        tell: Callable[[int, bytes], None],
    ) -> None:
        self.markets = [Market() for _ in range(shards)]
        self.levels = tuple(zip(levels, halt_s, strict=True))
        self.state = file.read()
        self._day_ends_ns = day_ends_ns
        self._file = file
        self._clock = clock
        self._tell = tell

    @property
    def index(self) -> int:
        """See fixgw.breaker.index."""
        return index_of(self.markets)

    @property
    def is_halted(self) -> bool:
        """Whether the market is halted now."""
        return self.state.halted_until_ns > self._clock()

    def look(self, moved: Iterable[tuple[int, str]] = ()) -> None:
        """Decide, once all shards are level: after their events, of which ``moved`` are
        the shards and symbols whose phase has changed. Raises OSError when what was
        decided cannot be written down."""
        day = min(market.day for market in self.markets)
        if day > self.state.day:
            until = self.state.halted_until_ns if self.is_halted else 0
            self._write(State(day, (), until))
        index = self.index
        for percent, halt_s in reversed(self.levels):
            if index <= WHOLE - percent * WHOLE // 100:
                if percent > self.state.highest:
                    self._fire(percent, halt_s, index)
                    return
                break
        if self.is_halted:
            by_shard: dict[int, list[str]] = {}
            for shard, symbol in moved:
                by_shard.setdefault(shard, []).append(symbol)
            for shard, symbols in by_shard.items():
                self._tell(shard, self.halts(shard, symbols))

    def halts(self, shard: int, symbols: Iterable[str] | None = None) -> bytes:
        """Packed commands that halt these instruments of a shard, or all, as far as
        there is anything to halt and no operator has seen to it since; none while the
        market is not halted."""
        if not self.is_halted:
            return b""
        phases, operated = self.markets[shard].phases, self.markets[shard].operated
        until = self.state.halted_until_ns
        since = self.state.firings[-1].time_ns if self.state.firings else 0
        return b"".join(
            PhaseCommand(
                CommandKind.SET_PHASE,
                phase=Phase.HALTED,
                reason=PhaseReason.CIRCUIT_BREAKER,
                then=Phase.VOLATILITY_AUCTION,
                until=until,
                symbol=symbol,
            ).pack()
            for symbol in (phases if symbols is None else symbols)
            if phases[symbol] in HALTABLE and operated.get(symbol, -1) < since
        )

    def release(self) -> None:
        """Watch over the halt no longer: what is resumed stays resumed. Levels that
        have fired do not fire again today. Raises OSError."""
        self._write(replace(self.state, halted_until_ns=0))

    def _fire(self, percent: int, halt_s: int, index: int) -> None:
        now_ns = self._clock()
        until = now_ns + halt_s * NS_PER_S if halt_s else self._end_of_day(now_ns)
        log.critical(
            "the market has fallen by %d %%, the index is %d: everything is halted",
            percent,
            index,
        )
        self._write(self.state.fired(Firing(percent, index, now_ns, until)))
        for shard in range(len(self.markets)):
            self._tell(shard, self.halts(shard))

    def _end_of_day(self, now_ns: int) -> int:
        days = (now_ns - self._day_ends_ns) // DAY_NS + 1
        return days * DAY_NS + self._day_ends_ns

    def _write(self, state: State) -> None:
        self._file.write(state)
        self.state = state
