"""Keeps the instruments of a shard in the phases that a timetable wants.

What it decides becomes SET_PHASE commands in the shard's log, the drawn end of an
auction with them: a replay draws nothing. It decides by what is in force:

========================================  ==============================================
the instrument                            the timetable's phase
========================================  ==============================================
is in the wanted phase                    is there already
was put into its phase by an operator     waits until he gives the instrument back,
                                          also over an interruption of CONTINUOUS
is on its way there (``then``)            comes by itself
is halted by the circuit breaker          waits, but CLOSED does not
is in an auction that will end by itself  CONTINUOUS waits, any other does not
anything else                             is set
========================================  ==============================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from engine.codes import CommandKind, Phase, PhaseReason
from engine.host.standing import PhaseState, Standing
from engine.records import PhaseCommand

AUCTIONS = frozenset(
    {Phase.OPENING_AUCTION, Phase.VOLATILITY_AUCTION, Phase.CLOSING_AUCTION}
)


@dataclass(frozen=True, slots=True)
class Slot:
    """What a timetable wants at a moment: ``phase`` until ``until`` (nanoseconds, 0 =
    for ever), ``then`` the next. An auction ends up to ``random_ns`` later."""

    phase: int = Phase.CONTINUOUS
    until: int = 0
    then: int = 0
    random_ns: int = 0


class Timetable(Protocol):
    """Which phase each instrument is to be in."""

    def slot(self, symbol: str, now_ns: int) -> Slot:
        """What is wanted of an instrument at that time."""

    def next_change(self, now_ns: int) -> int:
        """The first time after ``now_ns`` at which any slot ends, 0 = never."""


class NoTimetable:
    """Every instrument is always in CONTINUOUS, and nobody is made to be."""

    def slot(self, symbol: str, now_ns: int) -> Slot:
        """See Timetable."""
        return Slot()

    def next_change(self, now_ns: int) -> int:
        """See Timetable."""
        return 0


class PhaseKeeper:
    """The decisions for one shard, whose ``standing`` is kept up by its host.

    ``draw`` gives a random whole number from 0 to below its argument; ``timetable``
    None leaves every phase to operators.
    """

    def __init__(
        self,
        standing: Standing,
        timetable: Timetable | None,
        draw: Callable[[int], int],
    ) -> None:
        self._standing = standing
        self._timetable: Timetable = timetable or NoTimetable()
        self._keeps = timetable is not None
        self._draw = draw
        self._change = 1 if self._keeps else 0

    def next_due(self, now_ns: int) -> int:
        """When it is to be asked next, 0 = never; 1 = now."""
        if not self._keeps:
            return 0
        moved = self._standing.moved
        moved &= {symbol for symbol in moved if self._wanted(symbol, now_ns)}
        return 1 if moved else self._change

    def due(self, now_ns: int) -> list[PhaseCommand]:
        """What is to be set at this time."""
        if not self._keeps:
            self._standing.moved.clear()
            return []
        symbols: Iterable[str] = sorted(self._standing.moved)
        if self._change and now_ns >= self._change:
            symbols = self._standing.phases
            self._change = self._timetable.next_change(now_ns)
        made = [
            self._command(symbol, slot)
            for symbol in symbols
            if (slot := self._wanted(symbol, now_ns)) is not None
        ]
        self._standing.moved.clear()
        return made

    def give_back(self, symbol: str, now_ns: int) -> PhaseCommand | None:
        """Ends an operator's hold, a halt, or what else keeps the instrument from the
        timetable's phase; None if nothing does."""
        state = self._standing.phases[symbol]
        command = self._command(symbol, self._timetable.slot(symbol, now_ns))
        if state.phase != command.phase:
            return command
        if not state.held:
            return None
        if not command.until and not state.until:
            # It is where it belongs: only a phase that ends makes the shard write down
            # that it is no longer the operator's.
            return PhaseCommand(
                CommandKind.SET_PHASE,
                phase=command.phase,
                reason=PhaseReason.SCHEDULE,
                then=command.phase,
                until=now_ns + 1,
                symbol=symbol,
            )
        return command

    def _wanted(self, symbol: str, now_ns: int) -> Slot | None:
        """The slot an instrument is to be brought into, if it is."""
        slot = self._timetable.slot(symbol, now_ns)
        kept = is_kept_from(self._standing.phases[symbol], slot.phase)
        return None if kept else slot

    def _command(self, symbol: str, slot: Slot) -> PhaseCommand:
        until = then = 0
        if slot.phase in AUCTIONS and slot.until:
            # Drawn here, before it is logged: the log says when the auction ends.
            extra = self._draw(slot.random_ns + 1) if slot.random_ns else 0
            until, then = slot.until + extra, slot.then
        return PhaseCommand(
            CommandKind.SET_PHASE,
            phase=slot.phase,
            reason=PhaseReason.SCHEDULE,
            then=then,
            until=until,
            symbol=symbol,
        )


def is_kept_from(state: PhaseState, wanted: int) -> bool:
    """Whether an instrument is not to be brought into the wanted phase now: see the
    table of this module."""
    if state.phase == wanted or state.held:
        return True
    if not state.until:
        return False
    if state.then == wanted:
        return True
    if state.phase == Phase.HALTED and state.reason == PhaseReason.CIRCUIT_BREAKER:
        return wanted != Phase.CLOSED
    return state.phase in AUCTIONS and wanted == Phase.CONTINUOUS
