"""The books as the events tell them: who is where, and who is first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sortedcontainers import SortedDict

from engine.codes import (
    EventKind,
    OrdType,
    Phase,
    Reason,
    Side,
    TimeInForce,
)
from engine.records import OrderEvent, PhaseEvent
from tests.reference.orders import ALL_OR_NONE, HIDING

AUCTIONS = {
    Phase.OPENING_AUCTION,
    Phase.VOLATILITY_AUCTION,
    Phase.CLOSING_AUCTION,
}
QUIET = {
    *(EventKind.REJECTED, EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED),
    *(EventKind.STATUS, EventKind.MASS_CANCELLED, EventKind.MASS_STATUS_DONE),
}
CHANGED_BEHIND = {EventKind.TRADE_CANCELLED, EventKind.TRADE_CORRECTED}

Key = tuple[bool, int, bool, int]


@dataclass(slots=True)
class Seen:
    """An open order: its last event, and whether it is in the book."""

    event: OrderEvent
    in_book: bool

    @property
    def queued(self) -> bool:
        return self.in_book and not self.event.exec_inst & ALL_OR_NONE

    @property
    def key(self) -> Key:
        """Ascending is what trades first."""
        event = self.event
        price = -event.price if event.side == Side.BUY else event.price
        hidden = bool(event.exec_inst & HIDING)
        return event.price != 0, price, hidden, event.priority


class Market:
    """All open orders."""

    def __init__(self) -> None:
        self.orders: dict[int, Seen] = {}
        self.queues: dict[tuple[str, int], SortedDict] = defaultdict(SortedDict)
        """By side, who is next to trade, ALL_OR_NONE orders aside."""
        self.phases: dict[str, int] = defaultdict(lambda: int(Phase.CONTINUOUS))

    def take(self, event: Any) -> None:
        """What an event changes."""
        if type(event) is PhaseEvent:
            self.phases[event.symbol] = event.phase
        if type(event) is not OrderEvent or event.kind in QUIET:
            return
        seen = self.orders.get(event.order_id)
        if seen is None and event.kind in CHANGED_BEHIND:
            return
        queue = self.queues[event.symbol, event.side]
        if seen and seen.queued:
            del queue[seen.key]
        if event.leaves_qty == 0:
            self.orders.pop(event.order_id, None)
            return
        in_book = self._in_book(event, seen is not None and seen.in_book)
        seen = self.orders[event.order_id] = Seen(event, in_book)
        if seen.queued:
            queue[seen.key] = seen

    def _in_book(self, event: OrderEvent, before: bool) -> bool:
        stop = event.ord_type in (OrdType.STOP, OrdType.STOP_LIMIT)
        if stop and not event.triggered:
            return False
        if event.ord_type == OrdType.PEGGED and not event.price:
            return False
        if event.kind == EventKind.ACCEPTED:
            phase = self.phases[event.symbol]
            if event.time_in_force == TimeInForce.AT_THE_CLOSE:
                return phase == Phase.CLOSING_AUCTION
            if event.time_in_force == TimeInForce.GOOD_FOR_AUCTION:
                return phase in AUCTIONS
            return True
        if event.kind == EventKind.TRIGGERED:
            return True
        if event.reason in (Reason.REPEGGED, Reason.ACTIVATED):
            return True
        return before

    def first(self, symbol: str, side: int) -> Seen | None:
        """Who trades next, ALL_OR_NONE orders aside."""
        queue = self.queues[symbol, side]
        return queue.peekitem(0)[1] if queue else None
