"""What is in force in a shard besides its books: phases, limits, blocks.

It is read off the shard's own events, those of the log at start included, so it is the
same after every restart and costs the shard nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from engine.codes import EventKind, Phase, PhaseReason
from engine.records import (
    EVENT_BYTES,
    BlockEvent,
    InstrumentEvent,
    LimitsEvent,
    PhaseEvent,
)

_WATCHED = frozenset(
    {
        EventKind.INSTRUMENT_DEFINED,
        EventKind.PHASE,
        EventKind.LIMITS_SET,
        EventKind.BLOCKED_SET,
    }
)

Owner = tuple[int, int, str]
"""Scope, the session's identity or 0, the account or nothing."""


@dataclass(frozen=True, slots=True)
class PhaseState:
    """The phase of one instrument, and why. Times in nanoseconds, 0 = none."""

    phase: int = Phase.CONTINUOUS
    reason: int = PhaseReason.NONE
    until: int = 0
    then: int = 0
    goes_on: bool = False
    """An operator wants trading for ever, also after what interrupts it."""

    @property
    def held(self) -> bool:
        """Whether it is the operator's, and the timetable is to leave it alone."""
        return self.reason == PhaseReason.OPERATOR or self.goes_on

    def after(self, event: PhaseEvent) -> PhaseState:
        """What is in force behind that event."""
        if event.reason == PhaseReason.OPERATOR:
            goes_on = event.phase == Phase.CONTINUOUS and not event.until
        else:
            goes_on = self.goes_on and event.reason != PhaseReason.SCHEDULE
        return PhaseState(event.phase, event.reason, event.until, event.then, goes_on)


@dataclass(frozen=True, slots=True)
class LimitState:
    """What a session or an account may do: the fields of SET_LIMITS, 0 = unlimited."""

    order_qty_max: int = 0
    notional_max: int = 0
    open_orders_max: int = 0
    rate_max: int = 0
    position_max: int = 0
    blocked: bool = False


class Standing:
    """Give it every event once, in order, with :meth:`take`."""

    def __init__(self) -> None:
        self.phases: dict[str, PhaseState] = {}
        """By symbol, in order of definition."""
        self.limits: dict[Owner, LimitState] = {}
        """Of every owner that ever had any, in the order they came."""
        self.moved: set[str] = set()
        """Symbols whose phase has changed; who looks at them empties it."""

    def take(self, events: bytes) -> None:
        """Packed events, following those taken before."""
        kinds = events[::EVENT_BYTES]
        if _WATCHED.isdisjoint(kinds):
            return
        for index, kind in enumerate(kinds):
            if kind in _WATCHED:
                place = index * EVENT_BYTES
                self._take(kind, events[place : place + EVENT_BYTES])

    def _take(self, kind: int, packed: bytes) -> None:
        if kind == EventKind.INSTRUMENT_DEFINED:
            symbol = InstrumentEvent.unpack(packed).symbol
            if symbol not in self.phases:
                self.phases[symbol] = PhaseState()
                self.moved.add(symbol)
        elif kind == EventKind.PHASE:
            phase = PhaseEvent.unpack(packed)
            before = self.phases.get(phase.symbol, PhaseState())
            self.phases[phase.symbol] = before.after(phase)
            self.moved.add(phase.symbol)
        elif kind == EventKind.LIMITS_SET:
            limits = LimitsEvent.unpack(packed)
            owner = limits.scope, limits.owner, limits.account
            self.limits[owner] = replace(
                self.limits.get(owner, LimitState()),
                order_qty_max=limits.order_qty_max,
                notional_max=limits.notional_max,
                open_orders_max=limits.open_orders_max,
                rate_max=limits.rate_max,
                position_max=limits.position_max,
            )
        else:
            block = BlockEvent.unpack(packed)
            owner = block.scope, block.owner, block.account
            known = self.limits.get(owner, LimitState())
            self.limits[owner] = replace(known, blocked=bool(block.blocked))
