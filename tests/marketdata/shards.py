"""What a book displays, from the dump of a shard."""

from __future__ import annotations

from typing import Any, NamedTuple

ORDER_ID, SHOWN, PRIORITY = 0, 16, 22
"""Places in an order of a dump."""
BIDS, ASKS = 4, 5
"""Places in a book of a dump."""
PHASE = 0
"""Place in the state of a book."""


class Side(NamedTuple):
    """Levels best first: price and its displayed orders in their priority, each with
    what is displayed of it; and the quantity of displayed market orders."""

    levels: list[tuple[int, list[tuple[int, int]]]]
    market_qty: int


def side_of(levels: list[Any]) -> Side:
    """One side of a dumped book."""
    found, market_qty = [], 0
    for price, _, shown, displayed, _ in levels:
        orders = [(order[ORDER_ID], order[SHOWN]) for order in displayed]
        priorities = [order[PRIORITY] for order in displayed]
        assert priorities == sorted(priorities)
        assert sum(qty for _, qty in orders) == shown
        if not price:
            market_qty = shown
        elif orders:
            found.append((price, orders))
    return Side(found, market_qty)


def books_of(dump: Any) -> dict[str, tuple[Side, Side]]:
    """Bids and asks by symbol."""
    return {
        book[0].rstrip(b"\0").decode(): (side_of(book[BIDS]), side_of(book[ASKS]))
        for book in dump[1]
    }


def phases_of(dump: Any) -> dict[str, int]:
    """The trading phase by symbol."""
    return {book[0].rstrip(b"\0").decode(): book[3][PHASE] for book in dump[1]}
