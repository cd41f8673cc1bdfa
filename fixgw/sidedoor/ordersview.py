"""Every displayed order of a book as a stream: a snapshot, then deltas that chain.

One view serves every subscriber of a symbol. It remembers which orders each of its last
:data:`HISTORY_MAX` changes touched and whether they kept their place, not what they
became; so a slow reader costs no memory and gets, in one message, what leads to now.

Rules for who applies the messages: a snapshot replaces everything; a delta applies to
the state of ``prev_seq`` and no other, its entries in their order; an entry with
quantity "0" removes the order, which may not be there; one of an order that is there
changes its quantity and nothing else; any other order goes to the end of the queue of
its price.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import orjson

from engine.codes import Side
from engine.decimals import render
from fixgw.marketdata import checksum
from fixgw.marketdata.book import Book, BookChange, BookSide, Shown, keeps_place
from fixgw.sidedoor.text import id_text

HISTORY_MAX = 256
"""Changes a subscriber may be behind and still get a delta."""

ORDERS_MAX = 20_000
"""Orders in a snapshot, about 1 MB: a deeper book is to be had by levels."""

TEXTS_MAX = 16
"""Encoded messages kept for readers at the same place."""


class TooManyOrders(Exception):
    """The book displays more orders than a snapshot may have."""


class OrdersView:
    """What the subscribers of one symbol's orders see.

    ``seq`` is the number of the last event that changed a displayed order.
    """

    channel = "orders"
    depth = 0

    def __init__(self, symbol: str, book: Book) -> None:
        self.symbol = symbol
        self.seq = book.seq
        self._book = book
        self._history: deque[tuple[int, dict[int, bool]]] = deque()
        self._reaches_to = self.seq
        self._texts: dict[int, str] = {}

    def advance(self, change: BookChange) -> bool:
        """The book was published with this change; whether this view saw any."""
        if not change.orders:
            return False
        if len(self._history) == HISTORY_MAX:
            self._reaches_to = self._history.popleft()[0]
        self.seq = self._book.seq
        touched = {each.order_id: keeps_place(each) for each in change.orders}
        self._history.append((self.seq, touched))
        self._texts.clear()
        return True

    def message_since(self, seen: int) -> tuple[str, int]:
        """What brings a subscriber from ``seen`` to now, and the ``seq`` it then has.

        ``seen`` is -1 for one that has nothing yet. Not to be called for one that has
        everything. Raises TooManyOrders.
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
        kept: dict[int, bool] = {}
        for seq, touched in reversed(self._history):
            if seq <= seen:
                break
            for order_id, keeps in touched.items():
                kept[order_id] = keeps and kept.get(order_id, True)
        if len(kept) > max(len(self._book), 1):
            return None
        entries: list[list[str]] = []
        comers: list[tuple[int, Shown]] = []
        for order_id, keeps in kept.items():
            shown = self._book.order(order_id)
            in_level = shown is not None and shown.key is not None
            if shown is not None and in_level and keeps:
                entries.append(_entry(order_id, shown))
                continue
            entries.append([id_text(order_id), "", "", "0"])
            if shown is not None and in_level:
                comers.append((order_id, shown))
        comers.sort(key=lambda comer: comer[1].priority)
        entries += [_entry(order_id, shown) for order_id, shown in comers]
        return self._head("delta") | {"prev_seq": seen, "orders": entries}

    def _snapshot(self) -> dict[str, Any]:
        book = self._book
        if book.bids.count + book.asks.count > ORDERS_MAX:
            text = f"{self.symbol}: more than {ORDERS_MAX} orders are displayed"
            raise TooManyOrders(text)
        orders = _entries(book.bids) + _entries(book.asks)
        return self._head("snapshot") | {"orders": orders}

    def _head(self, kind: str) -> dict[str, Any]:
        return {
            "channel": "orders",
            "type": kind,
            "symbol": self.symbol,
            "seq": self.seq,
            "time_ns": self._book.time_ns,
            "checksum": checksum.of_orders(self._book),
        }


def _entries(side: BookSide) -> list[list[str]]:
    return [_entry(order_id, shown) for order_id, shown in side.orders()]


def _entry(order_id: int, shown: Shown) -> list[str]:
    """OrderID, side, price, displayed quantity."""
    side = Side(shown.side).name.lower()
    return [id_text(order_id), side, render(abs(shown.key or 0)), render(shown.qty)]
