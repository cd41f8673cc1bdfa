"""Candles: what was traded in each minute, five minutes, hour and day.

Time is engine time, that of the trades' events, and buckets begin at whole multiples of
their length since the epoch, UTC. A bucket without a trade does not exist. Each length
is kept for a bounded number of buckets (:data:`KEPT`).
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Any

from fixgw.sidedoor.text import decimal_text

NS_PER_S = 1_000_000_000

KEPT = {60: 1_440, 300: 1_440, 3_600: 1_440, 86_400: 1_440}
"""Length in seconds -> buckets kept: a day of minutes (the 24 hours of the ticker need
exactly these), five days, two months and four years; about 1 MB for a symbol that
trades all the time."""

DAY_MINUTES = KEPT[60]


class Candle:
    """One bucket. Prices and volume in units of 1e-8; ``start`` in seconds, ``seq`` is
    the number of its last trade, so that a stream of trades can be put on top."""

    __slots__ = ("close", "high", "low", "open", "seq", "start", "trades", "volume")

    def __init__(self, start: int, seq: int, price: int, qty: int) -> None:
        self.start = start
        self.seq = seq
        self.open = self.high = self.low = self.close = price
        self.volume = qty
        self.trades = 1

    def shown(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "time_ns": self.start * NS_PER_S,
            "open": decimal_text(self.open),
            "high": decimal_text(self.high),
            "low": decimal_text(self.low),
            "close": decimal_text(self.close),
            "volume": decimal_text(self.volume),
            "trades": self.trades,
            "seq": self.seq,
        }


class DayFigures:
    """What was traded in the last 24 hours; ``open`` is 0 if nothing was."""

    __slots__ = ("high", "low", "open", "trades", "volume")

    def __init__(self) -> None:
        self.open = self.high = self.low = 0
        self.volume = self.trades = 0

    def add(self, candle: Candle) -> None:
        """A later bucket of the same day."""
        if not self.trades:
            self.open = candle.open
            self.high, self.low = candle.high, candle.low
        self.high = max(self.high, candle.high)
        self.low = min(self.low, candle.low)
        self.volume += candle.volume
        self.trades += candle.trades


class Candles:
    """The buckets of one instrument, of every length in :data:`KEPT`."""

    __slots__ = ("_buckets", "_closed", "_closed_key")

    def __init__(self) -> None:
        self._buckets = {
            length: deque[Candle](maxlen=kept) for length, kept in KEPT.items()
        }
        self._closed = DayFigures()
        self._closed_key = (-1, -1)

    def add(self, seq: int, time_ns: int, price: int, qty: int) -> None:
        """A trade, not earlier than the one before."""
        second = time_ns // NS_PER_S
        for length, bucket in self._buckets.items():
            start = second - second % length
            last = bucket[-1] if bucket else None
            if last is None or last.start != start:
                bucket.append(Candle(start, seq, price, qty))
                continue
            if price > last.high:
                last.high = price
            elif price < last.low:
                last.low = price
            last.seq = seq
            last.close = price
            last.volume += qty
            last.trades += 1

    def last(self, interval_s: int, limit: int) -> list[dict[str, Any]]:
        """The newest ``limit`` buckets, oldest first. KeyError for no such length."""
        bucket = self._buckets[interval_s]
        skip = max(0, len(bucket) - limit)
        return [candle.shown() for candle in islice(bucket, skip, None)]

    def day(self, now_ns: int) -> DayFigures:
        """The minute ``now_ns`` lies in and the 1,439 before it."""
        minutes = self._buckets[60]
        this_minute = now_ns // NS_PER_S // 60 * 60
        last = minutes[-1] if minutes else None
        # All but the newest minute are final: they are added up once per minute.
        key = (this_minute, last.start if last else -1)
        if key != self._closed_key:
            self._closed_key = key
            self._closed = DayFigures()
            for candle in islice(minutes, 0, max(0, len(minutes) - 1)):
                if _within_a_day(candle, this_minute):
                    self._closed.add(candle)
        closed = self._closed
        figures = DayFigures()
        for name in DayFigures.__slots__:
            setattr(figures, name, getattr(closed, name))
        if last is not None and _within_a_day(last, this_minute):
            figures.add(last)
        return figures


def _within_a_day(candle: Candle, this_minute: int) -> bool:
    return candle.start > this_minute - DAY_MINUTES * 60
