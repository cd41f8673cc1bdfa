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

from collections import deque
from typing import Any

import orjson

from engine.decimals import render
from fixgw.marketdata import checksum
from fixgw.marketdata.book import Book, BookChange, BookSide
from fixgw.marketdata.window import Window
from fixgw.sidedoor.text import decimal_text

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

Level = list[str]
"""Price and quantity as decimal text."""


class DepthView:
    """What the subscribers of one symbol and depth see.

    ``seq`` is the number of the last event that changed something within the depth.
    """

    channel = "book"

    def __init__(self, symbol: str, book: Book, depth: int) -> None:
        self.symbol = symbol
        self.depth = depth
        self.seq = book.seq
        self._book = book
        self._bids = Window(book.bids, depth)
        self._asks = Window(book.asks, depth)
        self._history: deque[tuple[int, list[int], list[int]]] = deque()
        self._reaches_to = self.seq
        self._texts: dict[int, str] = {}

    def advance(self, change: BookChange) -> bool:
        """The book was published with this change; whether this view saw any."""
        book = self._book
        touched_bids = [move.key for move in self._bids.advance(change.bids)]
        touched_asks = [move.key for move in self._asks.advance(change.asks)]
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
            "checksum": checksum.of_levels(book),
            "bids": _levels(self._bids, bids),
            "asks": _levels(self._asks, asks),
        }

    def _snapshot(self) -> dict[str, Any]:
        shown = shown_book(self._book, self.symbol, self.depth)
        return {
            "channel": "book",
            "type": "snapshot",
            "depth": self.depth,
            "checksum": checksum.of_levels(self._book),
            **shown,
            "seq": self.seq,
        }


def shown_book(book: Book, symbol: str, depth: int) -> dict[str, Any]:
    """The best ``depth`` levels of each side as JSON values."""
    return {
        "symbol": symbol,
        "seq": book.seq,
        "time_ns": book.time_ns,
        "bids": _top(book.bids, depth),
        "asks": _top(book.asks, depth),
    }


def _top(side: BookSide, depth: int) -> list[Level]:
    return [[render(abs(key)), decimal_text(qty)] for key, qty in side.top(depth)]


def _levels(window: Window, keys: set[int]) -> list[Level]:
    """The levels at ``keys`` as they are now, best first; "0" where there is none."""
    levels = window.side.levels
    return [
        [
            render(abs(key)),
            decimal_text(levels.get(key, 0)) if window.has(key) else "0",
        ]
        for key in sorted(keys, reverse=True)
    ]
