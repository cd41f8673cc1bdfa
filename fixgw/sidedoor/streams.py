"""What one connection gets of one channel: streams that are pulled, not pushed.

Nothing is queued for a public stream. It remembers how far its reader is and says, when
there is room to send, what brings the reader from there to now. So a slow reader of
books, tickers and instruments gets the newest state, however many states came between,
and costs no memory; a slow reader of trades gets every one or is cut.

Only private streams have a queue. It is bounded, and nothing in it is ever left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from fixgw.sidedoor.closing import CloseCode, Cut
from fixgw.sidedoor.listing import BookView, Listing
from fixgw.sidedoor.ordersview import TooManyOrders
from fixgw.sidedoor.private import Item
from fixgw.sidedoor.tape import TooFarBehind

if TYPE_CHECKING:
    from fixgw.sidedoor.peer import Peer

PRIVATE_ITEMS_MAX = 10_000
"""Private items that wait for one connection. The end of the day may cancel thousands
of orders at once, and who reads must get through that."""


def encode(message: dict[str, Any]) -> str:
    """A message as it is sent."""
    return orjson.dumps(message).decode()


class Stream(Protocol):
    """One subscription of one connection."""

    peer: Peer

    def pull(self) -> str | None:
        """The next message, or None when the reader has everything. Raises Cut."""


class BookStream:
    """Snapshot, then deltas that chain, each from what this reader got last."""

    __slots__ = ("listing", "peer", "seen", "view")

    def __init__(self, peer: Peer, listing: Listing, view: BookView) -> None:
        self.peer = peer
        self.listing = listing
        self.view = view
        self.seen = -1

    def pull(self) -> str | None:
        """See :class:`Stream`."""
        if self.seen == self.view.seq or not self.listing.ready:
            return None
        try:
            text, self.seen = self.view.message_since(self.seen)
        except TooManyOrders as error:
            raise Cut(CloseCode.SLOW_READER, str(error)) from None
        return text


class TradeStream:
    """Snapshot of the newest trades, then every trade."""

    __slots__ = ("listing", "peer", "seen")

    def __init__(self, peer: Peer, listing: Listing) -> None:
        self.peer = peer
        self.listing = listing
        self.seen = -1

    def pull(self) -> str | None:
        """See :class:`Stream`."""
        tape = self.listing.tape
        if self.seen == tape.seq or not self.listing.ready:
            return None
        try:
            text, self.seen = tape.message_since(self.seen)
        except TooFarBehind as error:
            raise Cut(CloseCode.TRADES_BEHIND, str(error)) from None
        return text


class Board:
    """A message about one instrument of which only the newest is of interest: its
    ticker, or its terms and status. ``number`` counts the states there were."""

    __slots__ = ("listing", "number", "stamp", "text")

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.number = 0
        self.text = ""
        self.stamp: tuple[int, int] = (-1, -1)
        """What the text was made from: see the hub."""

    def write(self, message: dict[str, Any]) -> None:
        """A new state."""
        self.text = encode(message)
        self.number += 1


class BoardStream:
    """The newest state of a board."""

    __slots__ = ("board", "peer", "seen")

    def __init__(self, peer: Peer, board: Board) -> None:
        self.peer = peer
        self.board = board
        self.seen = 0

    def pull(self) -> str | None:
        """See :class:`Stream`."""
        board = self.board
        if self.seen == board.number or not board.listing.ready:
            return None
        self.seen = board.number
        return board.text


class PrivateText:
    """A private item, encoded when the first of its readers needs it."""

    __slots__ = ("_item", "_text", "seq")

    def __init__(self, item: Item) -> None:
        self.seq = item.seq
        self._item = item
        self._text = ""

    @property
    def text(self) -> str:
        """As it is sent."""
        if not self._text:
            self._text = encode({"channel": "private", **self._item.body})
        return self._text


class PrivateStream:
    """Orders and fills of an account: all of them, or the connection ends."""

    __slots__ = ("_first", "_items", "account_key", "peer")

    def __init__(self, peer: Peer, account_key: int, first: Iterable[str]) -> None:
        self.peer = peer
        self.account_key = account_key
        self._first = deque(first)
        self._items: deque[PrivateText] = deque()

    def add(self, items: Iterable[PrivateText]) -> None:
        """What happened. Too much of it waiting shows in the next :meth:`pull`."""
        if len(self._items) <= PRIVATE_ITEMS_MAX:
            self._items.extend(items)

    def pull(self) -> str | None:
        """See :class:`Stream`."""
        if len(self._items) > PRIVATE_ITEMS_MAX:
            raise Cut(CloseCode.PRIVATE_BEHIND)
        if self._first:
            return self._first.popleft()
        return self._items.popleft().text if self._items else None
