"""What happens on the market, as the shards' event logs tell it.

Read from the files: so it needs no connection, and shows what the exchange did and not
what somebody was told.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from pathlib import Path

from engine.codes import EventKind, Liquidity
from engine.host.frames import RECORDS_PER_FRAME_MAX
from engine.journal import LogKind
from engine.journal.tail import LogTail
from engine.records import OrderEvent
from fixgw.sidedoor.feed import decode
from fixgw.sidedoor.market import Market

READ_BYTES_MAX = 8 << 20
"""Of each log in one look: a past of hours is read in pieces, the view stays alive."""

RATE_WINDOW_S = 10.0

_REQUESTS = frozenset(
    int(kind)
    for kind in (
        EventKind.ACCEPTED,
        EventKind.REJECTED,
        EventKind.REPLACED,
        EventKind.CANCELLED,
        EventKind.CANCEL_REJECTED,
        EventKind.REPLACE_REJECTED,
    )
)


@dataclass(frozen=True, slots=True)
class Row:
    """One instrument as it is now; prices and quantities are text, - for none."""

    symbol: str
    bid: str
    ask: str
    last: str
    change_percent: str
    volume: str
    trades: int
    is_halted: bool
    trade_seq: int
    """Rises with every trade."""


class Tally:
    """Books and counts. Call :meth:`look` now and then."""

    def __init__(self, folders: list[Path]) -> None:
        self.requests = 0
        """Orders, changes and cancels the exchange has judged."""
        self.trades = 0
        self._market = Market()
        self._tails = [
            LogTail(folder / "events", LogKind.EVENTS, shard)
            for shard, folder in enumerate(folders)
        ]
        self._samples: deque[tuple[float, int, int]] = deque()

    def look(self, now: float) -> None:
        """Take in what is new. Raises CorruptLog."""
        for shard, tail in enumerate(self._tails):
            for record in tail.read(READ_BYTES_MAX):
                events = decode(record.payload)
                # A log begins with what it has; a rewound one may repeat its last.
                known = self._market.shards.get(shard)
                after = known.seq if known else 0
                fresh = [event for event in events if event.seq > after]
                # A full record may end in the middle of a command.
                complete = record.count != RECORDS_PER_FRAME_MAX
                self._market.on_events(shard, fresh, complete)
                for event in fresh:
                    if type(event) is OrderEvent:
                        self._count(event)
        self._samples.append((now, self.requests, self.trades))
        while self._samples[0][0] < now - RATE_WINDOW_S:
            self._samples.popleft()

    def _count(self, event: OrderEvent) -> None:
        if event.kind in _REQUESTS:
            self.requests += 1
        elif event.kind == EventKind.FILLED and event.liquidity == Liquidity.REMOVED:
            self.trades += 1

    def rates(self) -> tuple[float, float]:
        """Requests and trades in a second, over the last ones."""
        first, last = self._samples[0], self._samples[-1]
        seconds = max(last[0] - first[0], 0.001)
        return (last[1] - first[1]) / seconds, (last[2] - first[2]) / seconds

    @property
    def open_orders(self) -> int:
        """Orders in all books."""
        return self._market.open_orders

    def rows(self) -> list[Row]:
        """All instruments, by symbol."""
        rows = []
        for terms in self._market.instruments():
            ticker = self._market.ticker(terms["symbol"])
            places = len(terms["tick"].partition(".")[2])
            rows.append(
                Row(
                    ticker["symbol"],
                    _padded(ticker["bid"], places),
                    _padded(ticker["ask"], places),
                    _padded(ticker["last"], places),
                    ticker["change_percent_24h"] or "",
                    ticker["volume_24h"],
                    ticker["trades_24h"],
                    ticker["status"] == "halted",
                    self._market.listing(ticker["symbol"]).tape.seq,
                )
            )
        return rows

    def close(self) -> None:
        """Close the logs."""
        for tail in self._tails:
            tail.close()


def _padded(text: str | None, places: int) -> str:
    """A decimal with as many places as others of its kind: a column is read faster."""
    if text is None:
        return "-"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<{places}}" if places else text
