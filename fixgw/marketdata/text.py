"""Numbers as market data writes them: decimal text and identifiers."""

from __future__ import annotations

from engine.decimals import render
from engine.records import UNIT

INT64_MAX = 2**63 - 1

_NUMBER = (1 << 48) - 1
"""An identifier is a shard above so many bits of number."""


def decimal_text(units: int) -> str:
    """The shortest decimal text of ``units`` of 1e-8, of any size.

    Sums of quantities (a day's volume) may exceed the 64 bits the engine's own
    function takes.
    """
    if -INT64_MAX <= units <= INT64_MAX:
        return render(units)
    sign = "-" if units < 0 else ""
    whole, rest = divmod(abs(units), UNIT)
    fraction = f"{rest:08d}".rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def id_text(identifier: int) -> str:
    """OrderID, ExecID or TradeID as everywhere else: ``shard-number``."""
    return f"{identifier >> 48}-{identifier & _NUMBER}"
