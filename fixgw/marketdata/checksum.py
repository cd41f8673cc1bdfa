"""Checksums of a book, for whoever keeps one from increments.

CRC-32 (that of zlib and PNG) of an ASCII text of the best :data:`LEVELS` levels of each
side: the bids, best first, joined by ``,``; a ``|``; the asks, best first, likewise.

* Level 2: each level is ``price:quantity``.
* Level 3: each order is ``price:quantity:order``, those of a level in their priority;
  the order is its OrderID(37).

Numbers are the shortest decimals: ``99.5:3,99:10|101:4``. An empty book is ``|``.
"""

from __future__ import annotations

from zlib import crc32

from engine.decimals import render
from fixgw.marketdata.book import Book, BookSide
from fixgw.marketdata.text import decimal_text, id_text

LEVELS = 10
"""What a screen shows, and cheap enough to add to every increment."""


def text_of_levels(book: Book) -> str:
    """The text of level 2."""
    return "|".join(",".join(_levels(side)) for side in (book.bids, book.asks))


def text_of_orders(book: Book) -> str:
    """The text of level 3."""
    return "|".join(",".join(_orders(side)) for side in (book.bids, book.asks))


def of_levels(book: Book) -> int:
    """The checksum of level 2, 32 bits without sign."""
    return crc32(text_of_levels(book).encode("ascii"))


def of_orders(book: Book) -> int:
    """The checksum of level 3, 32 bits without sign."""
    return crc32(text_of_orders(book).encode("ascii"))


def _levels(side: BookSide) -> list[str]:
    return [f"{render(abs(key))}:{decimal_text(qty)}" for key, qty in side.top(LEVELS)]


def _orders(side: BookSide) -> list[str]:
    return [
        f"{render(abs(shown.key or 0))}:{render(shown.qty)}:{id_text(order_id)}"
        for order_id, shown in side.orders(LEVELS)
    ]
