"""What the event log says of a trade: both fills, and what became of their orders.

A trade is named by the ExecID(17) of its first fill. Everything is read from the log,
from the first event of the older order on; nothing is kept in memory for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from engine.codes import EventKind, OrdStatus
from engine.host.host import ShardHost
from engine.records import EVENT_BYTES, OrderEvent

NUMBER_MASK = (1 << 48) - 1
"""A TradeID, ExecID or OrderID is the shard above this many bits of number."""

READ_BYTES = 1024 * 1024
"""Events looked through between two turns of the event loop."""

_OFFSETS = {name: offset for name, _, _, offset in OrderEvent.layout()}
_ORDER_ID = _OFFSETS["order_id"]
_COMMAND_SEQ = _OFFSETS["command_seq"]

_CHANGES = frozenset(
    {
        EventKind.ACCEPTED,
        EventKind.FILLED,
        EventKind.CANCELLED,
        EventKind.REPLACED,
        EventKind.EXPIRED,
        EventKind.TRIGGERED,
        EventKind.RESTATED,
        EventKind.TRADE_CANCELLED,
        EventKind.TRADE_CORRECTED,
    }
)
"""Events after which an order is as they say; the others answer and change nothing."""


class NoTrade(Exception):
    """There is no such trade; the text says why."""


@dataclass(slots=True)
class SideFacts:
    """One side of a trade: its fill, and its order as it is now."""

    fill: OrderEvent
    exec_id: int
    last: OrderEvent
    """The last event that changed the order."""
    fills: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Quantity and price of each fill of the order that counts, by ExecID."""
    cancelled: bool = False
    corrected_today: bool = False

    @property
    def price(self) -> int:
        """What this side traded at, corrections included."""
        return self.fills[self.exec_id][1]

    def after(self, new_price: int) -> tuple[int, int]:
        """CumQty(14) and AvgPx(6), rounded half up, once this fill is at ``new_price``,
        or is gone where that is 0."""
        fills = dict(self.fills)
        qty, _ = fills.pop(self.exec_id)
        if new_price:
            fills[self.exec_id] = qty, new_price
        cum = sum(size for size, _ in fills.values())
        value = sum(size * price for size, price in fills.values())
        return cum, (2 * value + cum) // (2 * cum) if cum else 0

    def status_after(self, cum: int) -> int:
        """OrdStatus(39) of the order afterwards, if it is not open: one that was filled
        and lost a fill did not get all it wanted, and never will."""
        status = self.last.ord_status
        if status == OrdStatus.FILLED and cum < self.last.qty:
            return OrdStatus.CANCELED
        return status

    def take(self, event: OrderEvent, exec_id: int) -> None:
        """An event of the order, in the order of the log."""
        if event.kind == EventKind.FILLED:
            self.fills[exec_id] = event.last_qty, event.last_price
        elif event.kind == EventKind.TRADE_CANCELLED:
            self.fills.pop(event.contra_order_id, None)
            self.cancelled |= event.contra_order_id == self.exec_id
        elif event.kind == EventKind.TRADE_CORRECTED:
            known = self.fills.get(event.contra_order_id)
            if known is not None:
                self.fills[event.contra_order_id] = known[0], event.last_price
            self.corrected_today |= event.contra_order_id == self.exec_id
        if event.kind in _CHANGES:
            self.last = event


class TradeFacts:
    """The facts of one trade. First :meth:`read`, then, in the turn in which they are
    used, :meth:`catch_up`."""

    def __init__(self, host: ShardHost, trade_id: int) -> None:
        self._host = host
        self.trade_id = trade_id
        self._shard = host.shard.shard_id << 48
        self.sides = [self._side(seq) for seq in self._fills()]
        self._seen = 0

    async def read(self) -> None:
        """Everything up to now, with turns for others between."""
        orders = [side.fill.order_id & NUMBER_MASK for side in self.sides]
        self._seen = await self._first_of(min(orders)) - 1
        read = 0
        for record in self._host.events_after(self._seen):
            self._look_through(record.first, record.payload)
            read += len(record.payload)
            if read >= READ_BYTES:
                read = 0
                await asyncio.sleep(0)

    def catch_up(self) -> None:
        """What has happened since :meth:`read`."""
        for record in self._host.events_after(self._seen):
            self._look_through(record.first, record.payload)

    def _fills(self) -> tuple[int, int]:
        """Numbers of the two FILLED events. Raises NoTrade."""
        seq = self.trade_id & NUMBER_MASK
        if self.trade_id >> 48 << 48 != self._shard or not self._is_fill(seq):
            raise NoTrade("there is no such trade")
        if not self._is_fill(seq + 1):
            raise NoTrade(f"only one side of it is at event {seq}")
        return seq, seq + 1

    def _is_fill(self, seq: int) -> bool:
        if not 0 < seq <= self._host.event_seq:
            return False
        packed = self._event(seq)
        return (
            packed[0] == EventKind.FILLED
            and OrderEvent.unpack(packed).trade_id == self.trade_id
        )

    def _side(self, seq: int) -> SideFacts:
        fill = OrderEvent.unpack(self._event(seq))
        return SideFacts(fill, self._shard | seq, fill)

    def _event(self, seq: int) -> bytes:
        record = next(self._host.events_after(seq - 1))
        place = (seq - record.first) * EVENT_BYTES
        return record.payload[place : place + EVENT_BYTES]

    async def _first_of(self, command: int) -> int:
        """The number of the first event of that command, or of the next that has
        any: events are in the order of their commands."""
        low, high = 1, self._host.event_seq
        while low < high:
            middle = (low + high) // 2
            caused = self._event(middle)[_COMMAND_SEQ : _COMMAND_SEQ + 8]
            if int.from_bytes(caused, "little") < command:
                low = middle + 1
            else:
                high = middle
            await asyncio.sleep(0)
        return low

    def _look_through(self, first: int, payload: bytes) -> None:
        kinds = payload[::EVENT_BYTES]
        places = [
            (place, side)
            for side in self.sides
            for place in _places(payload, side.fill.order_id)
        ]
        days = [
            (index * EVENT_BYTES, None)
            for index, kind in enumerate(kinds if EventKind.DAY_ENDED in kinds else b"")
            if kind == EventKind.DAY_ENDED
        ]
        for place, side in sorted([*places, *days], key=lambda found: found[0]):
            seq = first + place // EVENT_BYTES
            if seq <= self._seen:
                continue
            if side is None:
                for each in self.sides:
                    each.corrected_today = False
            else:
                event = OrderEvent.unpack(payload[place : place + EVENT_BYTES])
                side.take(event, self._shard | seq)
        self._seen = max(self._seen, first + len(kinds) - 1)


def _places(payload: bytes, order_id: int) -> list[int]:
    """Where in packed events those of an order begin."""
    wanted = order_id.to_bytes(8, "little")
    found = []
    at = payload.find(wanted)
    while at >= 0:
        place, offset = divmod(at, EVENT_BYTES)
        if offset == _ORDER_ID and payload[place * EVENT_BYTES] in _CHANGES:
            found.append(place * EVENT_BYTES)
        at = payload.find(wanted, at + 1)
    return found
