"""The index: how far the whole market is from where it was when the day began.

For each instrument that had a price when the day began, base is that price: its last
trade's or, while it had not traded, its reference price. The index is the mean of
``last x 1e8 // base`` over these instruments, rounded down; 100,000,000 is as it was.
An instrument that has not traded since counts as unchanged; one that was added during
the day does not count before the next. All arithmetic is on integers.
"""

from __future__ import annotations

from engine.codes import EventKind, Phase, PhaseReason
from engine.records import EVENT_BYTES, InstrumentEvent, OrderEvent, PhaseEvent

WHOLE = 100_000_000
"""The index of a market that has not moved."""

_OFFSETS = {name: offset for name, _, _, offset in OrderEvent.layout()}
_SYMBOL, _LAST_PRICE = _OFFSETS["symbol"], _OFFSETS["last_price"]
_WATCHED = frozenset(
    {
        EventKind.FILLED,
        EventKind.INSTRUMENT_DEFINED,
        EventKind.DAY_ENDED,
        EventKind.PHASE,
    }
)


class Market:
    """One shard's instruments: prices and phases, from its events in order."""

    def __init__(self) -> None:
        self.phases: dict[str, int] = {}
        self.operated: dict[str, int] = {}
        """When an operator has set the phase that an instrument is in."""
        self.day = 0
        """The trading day, as its shard counts it; 0 before the first end of one."""
        self._last: dict[str, int] = {}
        self._reference: dict[str, int] = {}
        self._base: dict[str, int] = {}
        self._ratios: dict[str, int] = {}
        self.total = 0
        """Of the ratios of all instruments that count."""

    @property
    def count(self) -> int:
        """Instruments that count."""
        return len(self._base)

    def take(self, events: bytes) -> set[str]:
        """Packed events; the symbols whose phase has changed, but not by an
        operator."""
        moved: set[str] = set()
        kinds = events[::EVENT_BYTES]
        if _WATCHED.isdisjoint(kinds):
            return moved
        for index, kind in enumerate(kinds):
            if kind not in _WATCHED:
                continue
            place = index * EVENT_BYTES
            if kind == EventKind.FILLED:
                self._filled(events, place)
            else:
                self._other(kind, events[place : place + EVENT_BYTES], moved)
        return moved

    def _filled(self, events: bytes, place: int) -> None:
        start = place + _SYMBOL
        symbol = events[start : start + 24].rstrip(b"\0").decode("ascii")
        start = place + _LAST_PRICE
        price = int.from_bytes(events[start : start + 8], "little")
        self._last[symbol] = price
        base = self._base.get(symbol)
        if base:
            self._set(symbol, price * WHOLE // base)

    def _other(self, kind: int, packed: bytes, moved: set[str]) -> None:
        if kind == EventKind.PHASE:
            phase = PhaseEvent.unpack(packed)
            self.phases[phase.symbol] = phase.phase
            if phase.reason == PhaseReason.OPERATOR:
                self.operated[phase.symbol] = phase.time
            else:
                self.operated.pop(phase.symbol, None)
                moved.add(phase.symbol)
        elif kind == EventKind.DAY_ENDED:
            self.day = int.from_bytes(packed[4:8], "little")
            self._begin_day()
        else:
            instrument = InstrumentEvent.unpack(packed)
            symbol = instrument.symbol
            is_new = symbol not in self.phases
            self._reference[symbol] = instrument.reference_price
            if is_new:
                self.phases[symbol] = Phase.CONTINUOUS
                if not self.day and instrument.reference_price:
                    # Before the first day has ended the exchange is being set up.
                    self._base[symbol] = instrument.reference_price
                    self._set(symbol, WHOLE)

    def _begin_day(self) -> None:
        self._ratios.clear()
        self._base.clear()
        self.total = 0
        for symbol in self.phases:
            base = self._last.get(symbol) or self._reference.get(symbol, 0)
            if base:
                self._base[symbol] = base
                self._set(symbol, WHOLE)

    def _set(self, symbol: str, ratio: int) -> None:
        self.total += ratio - self._ratios.get(symbol, 0)
        self._ratios[symbol] = ratio


def index_of(markets: list[Market]) -> int:
    """The index over all shards; WHOLE where nothing counts."""
    count = sum(market.count for market in markets)
    return sum(market.total for market in markets) // count if count else WHOLE
