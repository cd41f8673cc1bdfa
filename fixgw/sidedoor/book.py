"""The levels of one book, projected from events, and the changes between two states.

A level is a price and the quantity open there; single orders are not kept here. What
events do to levels is collected first (:meth:`BookSide.add`) and takes effect only when
:meth:`Book.publish` is called, after a whole command. So a taker that was accepted and
has not been matched yet never shows as a crossed book, and what a command adds and
takes away again never shows at all.

Within a side a level is known by its *key*: the price for bids, the negated price for
asks. A higher key is a better price on both sides, so all that follows is written once.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any, NamedTuple

from engine.decimals import render

Level = list[str]
"""Price and quantity as decimal text."""


class Change(NamedTuple):
    """One level before and after a publication; 0 means it was not there."""

    key: int
    before: int
    after: int


class OutOfStep(Exception):
    """Events do not fit what earlier ones said: a projection cannot go on."""


class BookSide:
    """One side of a book: ``keys`` ascending, so the best level is the last one."""

    __slots__ = ("_pending", "keys", "levels")

    def __init__(self) -> None:
        self.levels: dict[int, int] = {}
        self.keys: list[int] = []
        self._pending: dict[int, int] = {}

    def add(self, key: int, qty: int) -> None:
        """``qty`` more is open at ``key``, less when negative, once published."""
        pending = self._pending
        pending[key] = pending.get(key, 0) + qty

    def publish(self) -> list[Change]:
        """What was added takes effect; the levels it changed. Raises OutOfStep."""
        changes = []
        levels, keys = self.levels, self.keys
        for key, qty in self._pending.items():
            if not qty:
                continue
            before = levels.get(key, 0)
            after = before + qty
            if after > 0:
                levels[key] = after
                if not before:
                    insort(keys, key)
            elif after == 0:
                del levels[key]
                del keys[bisect_left(keys, key)]
            else:
                raise OutOfStep(f"a level of {before} was to change by {qty}")
            changes.append(Change(key, before, after))
        self._pending.clear()
        return changes

    @property
    def best(self) -> tuple[int, int] | None:
        """Price and quantity of the best level."""
        if not self.keys:
            return None
        key = self.keys[-1]
        return abs(key), self.levels[key]

    def top(self, depth: int) -> list[Level]:
        """The best ``depth`` levels, best first."""
        levels = self.levels
        return [
            [render(abs(key)), render(levels[key])]
            for key in reversed(self.keys[-depth:])
        ]


class Book:
    """Both sides of an instrument's book as they were after a whole command.

    ``seq`` is the number of the last event that changed it, ``time_ns`` that event's
    engine time; both are 0 for a book nothing has happened to.
    """

    __slots__ = ("asks", "bids", "seq", "time_ns", "touched_ns", "touched_seq")

    def __init__(self) -> None:
        self.bids = BookSide()
        self.asks = BookSide()
        self.seq = 0
        self.time_ns = 0
        self.touched_seq = 0
        """The last event that was added, whether or not it changes anything."""
        self.touched_ns = 0

    def publish(self) -> tuple[list[Change], list[Change]]:
        """Everything added so far takes effect; changed bids and asks.

        Both lists are empty when the book is as it was, and then ``seq`` is too.
        """
        changes = self.bids.publish(), self.asks.publish()
        if changes[0] or changes[1]:
            self.seq = self.touched_seq
            self.time_ns = self.touched_ns
        return changes

    def shown(self, symbol: str, depth: int) -> dict[str, Any]:
        """The best ``depth`` levels of each side as JSON values."""
        return {
            "symbol": symbol,
            "seq": self.seq,
            "time_ns": self.time_ns,
            "bids": self.bids.top(depth),
            "asks": self.asks.top(depth),
        }
