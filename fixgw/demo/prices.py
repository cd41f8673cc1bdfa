"""The fair price of every instrument: a random walk that stays around its reference.

Whole numbers only, and one source of chance: the same seed gives the same prices. A
walk counts thousandths of a tick, so that instruments with few ticks move as others do.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from fixgw.demo.terms import Terms

FINE = 1_000
"""Steps of a walk in a tick."""

STEP_DIVISOR = 12_000
"""One draw moves the price by at most a twelve-thousandth; a step adds two draws."""

PULL_DIVISOR = 3_000
"""How much of its distance to the reference a step takes back: half in 200 s."""

REACH_DIVISOR = 20
"""A walk never leaves five percent around its reference."""


class Prices:
    """All fair prices. ``step`` is a tenth of a second of the market's time."""

    def __init__(self, instruments: Sequence[Terms], seed: int) -> None:
        self._random = Random(f"{seed} prices")
        self._terms = {terms.symbol: terms for terms in instruments}
        self._places = {t.symbol: t.reference * FINE for t in instruments}

    def step(self) -> None:
        """Move all prices once."""
        for symbol, terms in self._terms.items():
            middle = terms.reference * FINE
            reach = max(middle // REACH_DIVISOR, 2 * FINE)
            most = max(middle // STEP_DIVISOR, 1)
            place = self._places[symbol]
            place += self._random.randint(-most, most) + self._random.randint(
                -most, most
            )
            place -= (place - middle) // PULL_DIVISOR
            self._places[symbol] = min(max(place, middle - reach), middle + reach)

    def fair(self, symbol: str) -> int:
        """The price now, in ticks."""
        terms = self._terms[symbol]
        return terms.clamped((self._places[symbol] + FINE // 2) // FINE)
