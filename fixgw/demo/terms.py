"""What the traders need to know of an instrument, in its ticks and lots."""

from __future__ import annotations

from dataclasses import dataclass

from engine.records import UNIT, InstrumentCommand

TYPICAL_NOTIONAL = 10_000 * UNIT
"""About so much an ordinary order is worth, in the instrument's currency."""

SPREAD_DIVISOR = 5_000
"""Half the spread of the first quotes: one five-thousandth of the price."""


@dataclass(frozen=True, slots=True)
class Terms:
    """One instrument. Prices count ticks, quantities are in units of 1e-8."""

    symbol: str
    tick: int
    lot: int
    reference: int
    low: int
    high: int
    size: int
    """An ordinary quantity."""
    size_max: int
    """No order of a trader is larger."""

    @classmethod
    def of(cls, instrument: InstrumentCommand) -> Terms | None:
        """The terms of an instrument; None for one without a price to begin with."""
        tick, lot = instrument.tick, instrument.lot
        reference = instrument.reference_price // tick
        low = -(-instrument.price_min // tick)
        high = instrument.price_max // tick
        if not low <= reference <= high or not reference:
            return None
        most = instrument.qty_max
        if instrument.notional_max:
            most = min(most, instrument.notional_max * UNIT // instrument.price_max)
            most = max(most, lot)
        size = TYPICAL_NOTIONAL * UNIT // instrument.reference_price
        size = _rounded(max(size // lot, 1)) * lot
        size_max = most // lot * lot
        size = min(size, max(size_max // 20 // lot, 1) * lot)
        return cls(instrument.symbol, tick, lot, reference, low, high, size, size_max)

    @property
    def half_spread(self) -> int:
        """Ticks between the fair price and the best quotes."""
        return max(1, self.reference // SPREAD_DIVISOR)

    def clamped(self, ticks: int) -> int:
        """The nearest price that may be traded at."""
        return min(max(ticks, self.low), self.high)

    def price(self, ticks: int) -> int:
        """A price in units of 1e-8."""
        return ticks * self.tick

    def quantity(self, numerator: int, denominator: int) -> int:
        """A part or multiple of the ordinary size, in whole lots, at least one."""
        lots = self.size * numerator // denominator // self.lot
        return min(max(_rounded(lots), 1) * self.lot, self.size_max)


def _rounded(lots: int) -> int:
    """Two digits, the others zero: quantities as people choose them."""
    zeros: int = 10 ** max(len(str(lots)) - 2, 0)
    return lots // zeros * zeros
