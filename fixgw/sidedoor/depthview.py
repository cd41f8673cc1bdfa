"""The best N levels of a book as a stream: a snapshot, then deltas that chain.

One view serves every subscriber of a symbol and depth. It remembers which levels each
of its last :data:`HISTORY_MAX` changes touched, not what they became: a subscriber that
has seen everything up to ``seen`` gets the levels touched since then as they are *now*,
in one message, whether one change or a hundred are behind it. That is the conflation of
slow readers, it costs no memory per subscriber, and subscribers that are equally far
share one encoded text.

A subscriber that is further behind than the history, or new, gets a snapshot, and so
does one for whom a delta would be longer than that.

Rules for who applies the messages: a snapshot replaces everything; a delta applies to
the state of ``prev_seq`` and no other; a level replaces the level at its price;
quantity "0" removes it, which may name a level that is not there. Afterwards there are
never more than N levels on a side: one that falls out of the best N is removed, one
that comes in is told.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import Any

import orjson

from engine.decimals import render
from fixgw.sidedoor.book import Book, BookSide, Change, Level

DEPTHS = (10, 25, 100, 500, 1000)
"""Depths there are: few, so that subscribers share views, and the deepest bounds the
longest message at about 60 KB."""

DEPTH_DEFAULT = 25

HISTORY_MAX = 256
"""Changes a subscriber may be behind and still get a delta. Beyond it most levels of a
busy book have changed and a snapshot is no longer."""

TEXTS_MAX = 16
"""Encoded messages kept for readers at the same place; slow readers at many different
places share nothing, and would only fill memory."""

_EVERYTHING = -(2**63)
"""The bound of a side with no more levels than the view is deep."""


class DepthView:
    """What the subscribers of one symbol and depth see.

    ``seq`` is the number of the last event that changed something within the depth.
    """

    def __init__(self, symbol: str, book: Book, depth: int) -> None:
        self.symbol = symbol
        self.depth = depth
        self.seq = book.seq
        self._book = book
        self._bounds = [_bound(book.bids, depth), _bound(book.asks, depth)]
        self._history: deque[tuple[int, list[int], list[int]]] = deque()
        self._reaches_to = self.seq
        self._texts: dict[int, str] = {}

    def advance(self, bids: list[Change], asks: list[Change]) -> bool:
        """The book was published with these changes; whether this view saw any."""
        book = self._book
        touched_bids = self._touched(0, book.bids, bids)
        touched_asks = self._touched(1, book.asks, asks)
        if not touched_bids and not touched_asks:
            return False
        if len(self._history) == HISTORY_MAX:
            self._reaches_to = self._history.popleft()[0]
        self.seq = book.seq
        self._history.append((self.seq, touched_bids, touched_asks))
        self._texts.clear()
        return True

    def message_since(self, seen: int) -> tuple[str, int]:
        """What brings a subscriber from ``seen`` to now, and the ``seq`` it then has.

        ``seen`` is -1 for one that has nothing yet. Not to be called for one that has
        everything.
        """
        text = self._texts.get(seen)
        if text is None:
            if len(self._texts) == TEXTS_MAX:
                self._texts.clear()
            message = self._delta(seen) if seen >= self._reaches_to else None
            text = orjson.dumps(message or self._snapshot()).decode()
            self._texts[seen] = text
        return text, self.seq

    def _touched(self, side: int, book: BookSide, changes: list[Change]) -> list[int]:
        """Keys a subscriber must hear of; the side's bound moves to where it is now."""
        old, new = self._bounds[side], _bound(book, self.depth)
        self._bounds[side] = new
        touched = {
            change.key
            for change in changes
            if (change.before and change.key >= old)
            or (change.after and change.key >= new)
        }
        if old != new:
            # Levels that did not change but came into the depth or fell out of it.
            first = bisect_left(book.keys, min(old, new))
            touched.update(book.keys[first : bisect_left(book.keys, max(old, new))])
        return list(touched)

    def _delta(self, seen: int) -> dict[str, Any] | None:
        bids: set[int] = set()
        asks: set[int] = set()
        for seq, touched_bids, touched_asks in reversed(self._history):
            if seq <= seen:
                break
            bids.update(touched_bids)
            asks.update(touched_asks)
        if len(bids) + len(asks) > 2 * self.depth:
            return None
        book = self._book
        return {
            "channel": "book",
            "type": "delta",
            "symbol": self.symbol,
            "depth": self.depth,
            "prev_seq": seen,
            "seq": self.seq,
            "time_ns": book.time_ns,
            "bids": _levels(book.bids, bids, self._bounds[0]),
            "asks": _levels(book.asks, asks, self._bounds[1]),
        }

    def _snapshot(self) -> dict[str, Any]:
        shown = self._book.shown(self.symbol, self.depth)
        return {
            "channel": "book",
            "type": "snapshot",
            "depth": self.depth,
            **shown,
            "seq": self.seq,
        }


def _bound(side: BookSide, depth: int) -> int:
    """The worst key within the depth."""
    return side.keys[-depth] if len(side.keys) > depth else _EVERYTHING


def _levels(side: BookSide, keys: set[int], bound: int) -> list[Level]:
    """The levels at ``keys`` as they are now, best first; "0" where there is none."""
    levels = side.levels
    return [
        [render(abs(key)), render(levels.get(key, 0)) if key >= bound else "0"]
        for key in sorted(keys, reverse=True)
    ]
