"""The best N levels of one side, and what a change of the book changes within them."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from fixgw.marketdata.book import BookSide, Change

_EVERYTHING = -(2**63)
"""The bound of a side with no more levels than the window is deep."""


class Move(NamedTuple):
    """A level that changed, or came in or fell out without changing."""

    key: int
    was: bool
    """It was within the window before."""
    now: bool


class Window:
    """The best ``depth`` levels of ``side``; 0 = all. ``bound`` is the worst key."""

    __slots__ = ("bound", "depth", "side")

    def __init__(self, side: BookSide, depth: int) -> None:
        self.side = side
        self.depth = depth
        self.bound = self._bound()

    def has(self, key: int) -> bool:
        """Whether a level with this key is, or would be, within."""
        return key >= self.bound

    def advance(self, changes: list[Change]) -> list[Move]:
        """The side was published with these changes; what they are from here."""
        old, new = self.bound, self._bound()
        self.bound = new
        moves = {}
        for key, before, after in changes:
            was, now = bool(before) and key >= old, bool(after) and key >= new
            if was or now:
                moves[key] = Move(key, was, now)
        if old != new:
            # Levels that did not change but came into the depth or fell out of it.
            keys = self.side.keys
            known = {change.key for change in changes}
            first = bisect_left(keys, min(old, new))
            for key in keys[first : bisect_left(keys, max(old, new))]:
                if key not in known:
                    moves[key] = Move(key, old < new, new < old)
        return list(moves.values())

    def _bound(self) -> int:
        keys = self.side.keys
        if not self.depth or len(keys) <= self.depth:
            return _EVERYTHING
        return keys[-self.depth]
