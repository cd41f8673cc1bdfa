"""Numbers as the side door writes them: decimal text, identifiers, percent."""

from __future__ import annotations

from fixgw.marketdata.text import INT64_MAX, decimal_text, id_text

__all__ = ["INT64_MAX", "decimal_text", "id_text", "percent_text"]


def percent_text(part: int, whole: int) -> str:
    """``part`` of ``whole`` in percent, two decimal places, rounded half away from 0.

    ``whole`` is above 0.
    """
    hundredths = (abs(part) * 20_000 + whole) // (2 * whole)
    sign = "-" if part < 0 and hundredths else ""
    return f"{sign}{hundredths // 100}.{hundredths % 100:02d}"
