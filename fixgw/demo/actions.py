"""What a trader wants done, whichever way it goes to the exchange.

Prices and quantities are in units of 1e-8, as everywhere inside.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Side(IntEnum):
    """Side(54)."""

    BUY = 1
    SELL = 2

    @property
    def other(self) -> Side:
        """The side it trades with."""
        return Side.SELL if self is Side.BUY else Side.BUY


@dataclass(frozen=True, slots=True)
class Place:
    """Enter an order; without a price a market order."""

    cl_ord_id: str
    symbol: str
    side: Side
    qty: int
    price: int | None
    immediate: bool = False
    """What is not filled at once is cancelled."""


@dataclass(frozen=True, slots=True)
class Change:
    """Give an open order another price and quantity, and with them a new name."""

    cl_ord_id: str
    new_id: str
    symbol: str
    side: Side
    qty: int
    """The total: what was filled already is included."""
    price: int


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Cancel an open order."""

    cl_ord_id: str
    new_id: str
    symbol: str
    side: Side


Action = Place | Change | Withdraw
