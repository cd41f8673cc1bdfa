"""The newest trades of one instrument, as a list and as a stream.

Trades are those of :mod:`fixgw.marketdata.projection`. The number of the event that
stands for one is its ``seq``. A trade that the operator has cancelled or corrected
comes again with what it is now and a ``change`` that says so; what was told before
stays.

A subscriber is told every trade in order or is told that it has lost some, never less:
:meth:`Tape.message_since` raises :class:`TooFarBehind` when the first trade it still
needs is no longer kept. The trades of the newest publication are always kept, however
many they are, so one large order costs nobody who keeps up.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import orjson

from engine.codes import Side
from engine.decimals import render
from fixgw.marketdata.projection import Trade, TradeChange
from fixgw.sidedoor.text import id_text

TRADES_KEPT = 1_000
"""Trades kept per instrument for lists: about 250 KB."""

TRADES_KEPT_FOR_READERS = 20_000
"""Trades kept while somebody is subscribed, for readers that are behind: seconds of the
fastest market a shard can make, about 5 MB."""

TRADES_PER_MESSAGE = 250
"""A reader that is behind gets several messages of at most so many trades: 40 KB."""

SNAPSHOT_TRADES = 50
"""Trades a new subscriber gets at once: what fits on a screen."""

TEXTS_MAX = 16
"""Encoded messages kept for readers at the same place; slow readers at many different
places share nothing, and would only fill memory."""

_SEQ = attrgetter("seq")


class TooFarBehind(Exception):
    """Trades a subscriber has not had are no longer kept."""


class Tape:
    """Trades in order. ``seq`` is that of the newest, 0 if there is none."""

    __slots__ = ("_forgotten", "_texts", "_trades", "readers", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.readers = 0
        """How many are subscribed; set by whoever serves them."""
        self._trades: list[Trade] = []
        self._forgotten = 0
        self._texts: dict[int, tuple[str, int]] = {}

    @property
    def seq(self) -> int:
        """Number of the newest trade."""
        return self._trades[-1].seq if self._trades else 0

    def extend(self, news: Sequence[Trade]) -> None:
        """Trades after all before, of one publication."""
        trades = self._trades
        trades.extend(news)
        self._texts.clear()
        keep = TRADES_KEPT_FOR_READERS if self.readers else TRADES_KEPT
        # A quarter more before trimming, so that trimming is rare.
        if len(trades) > keep + keep // 4:
            surplus = len(trades) - max(keep, len(news))
            if surplus > 0:
                self._forgotten = trades[surplus - 1].seq
                del trades[:surplus]

    def newest(self, limit: int, before: int | None = None) -> list[dict[str, Any]]:
        """At most ``limit`` trades, newest first, all with a ``seq`` below ``before``.

        Pages stay as they are while trades are added: ask for those before the last
        ``seq`` of the page. The list ends where trades are no longer kept.
        """
        trades = self._trades
        end = len(trades)
        if before is not None:
            end = bisect_left(trades, before, key=_SEQ)
        page = trades[max(0, end - limit) : end]
        return [self._shown(trade) for trade in reversed(page)]

    def message_since(self, seen: int) -> tuple[str, int]:
        """The first trades after ``seen``, oldest first, and the ``seq`` one then has.

        ``seen`` is -1 for a subscriber that has nothing yet: it gets a snapshot of the
        newest. Raises TooFarBehind.
        """
        found = self._texts.get(seen)
        if found is None:
            if len(self._texts) == TEXTS_MAX:
                self._texts.clear()
            message = self._message(seen)
            text = orjson.dumps(message).decode()
            found = self._texts[seen] = text, message["seq"]
        return found

    def _message(self, seen: int) -> dict[str, Any]:
        message: dict[str, Any] = {"channel": "trades"}
        if seen < 0:
            message |= {"type": "snapshot", "symbol": self.symbol, "seq": self.seq}
            return message | {"trades": self.newest(SNAPSHOT_TRADES)[::-1]}
        if seen < self._forgotten:
            raise TooFarBehind(f"{self.symbol}: trades after {seen} are no longer kept")
        first = bisect_right(self._trades, seen, key=_SEQ)
        page = self._trades[first : first + TRADES_PER_MESSAGE]
        return message | {
            "type": "update",
            "symbol": self.symbol,
            "prev_seq": seen,
            "seq": page[-1].seq if page else seen,
            "trades": [self._shown(trade) for trade in page],
        }

    def _shown(self, trade: Trade) -> dict[str, Any]:
        shown = {
            "trade_id": id_text(trade.trade_id),
            "symbol": self.symbol,
            "price": render(trade.price),
            "qty": render(trade.qty),
            "aggressor_side": Side(trade.side).name.lower() if trade.side else None,
            "time_ns": trade.time_ns,
            "seq": trade.seq,
        }
        if trade.change is not TradeChange.NEW:
            shown["change"] = trade.change.value
        return shown
