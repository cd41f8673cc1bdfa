"""The events of the reference exchange: what each says, and its place in the log.

An event that answers a command carries its MsgSeqNum(34), epoch and flags; fills and
expiries, which others' commands cause, carry none.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from engine.records import (
    EventKind,
    OrderCommand,
    OrderEvent,
    OrdStatus,
    Reason,
    Record,
)
from tests.reference.book import Order


class Events:
    """The events of one exchange. ``packed`` are those of the commands at hand."""

    def __init__(self, shard_id: int) -> None:
        self.shard_id = shard_id
        self.command_seq = 0
        self.event_seq = 0
        self.time = 0
        self.packed: list[bytes] = []
        self.kinds: Counter[int] = Counter()
        self.reasons: Counter[int] = Counter()

    def counters(self) -> tuple[int, int, int, int]:
        return self.shard_id, self.command_seq, self.event_seq, self.time

    def id(self, position: int) -> int:
        """An identifier that depends on nothing but a position in the log."""
        return self.shard_id * 2**48 + position

    def emit(self, record: type[Record], kind: EventKind, **values: Any) -> None:
        """The next event, of any kind."""
        self.event_seq += 1
        event = record(
            kind=int(kind),  # type: ignore[call-arg]
            seq=self.event_seq,
            command_seq=self.command_seq,
            time=self.time,
            **values,
        )
        self.packed.append(event.pack())
        self.kinds[kind] += 1
        if record is OrderEvent:
            self.reasons[values.get("reason", Reason.NONE)] += 1

    def tell(
        self, kind: EventKind, order: Order, command: OrderCommand | None, **values: Any
    ) -> None:
        """An event about an order as it now is; ``command`` is what it answers."""
        told: dict[str, Any] = {
            "side": order.side,
            "ord_type": order.ord_type,
            "time_in_force": order.time_in_force,
            "ord_status": order.status,
            "source": order.source,
            "session": order.session,
            "order_id": order.order_id,
            "price": order.price,
            "qty": order.qty,
            "leaves_qty": order.leaves,
            "cum_qty": order.cum,
            "avg_price": order.avg_price,
            "cl_ord_id": order.cl_ord_id,
            "account": order.account,
            "symbol": order.symbol,
        }
        if command:
            told["flags"] = command.flags
            told["msg_seq_num"] = command.msg_seq_num
            told["session_epoch"] = command.session_epoch
        self.emit(OrderEvent, kind, **{**told, **values})

    def refuse(
        self,
        kind: EventKind,
        command: OrderCommand,
        reason: Reason,
        order: Order | None,
    ) -> None:
        """What was asked and why not: with ``order``, the one named, if it is live."""
        names = {
            "cl_ord_id": command.cl_ord_id,
            "orig_cl_ord_id": command.orig_cl_ord_id,
        }
        if order and order.leaves:
            self.tell(kind, order, command, reason=reason, **names)
            return
        order_id = order.order_id if order else 0
        if kind == EventKind.REJECTED:
            order_id = self.id(self.command_seq)
        self.emit(
            OrderEvent,
            kind,
            reason=reason,
            ord_status=order.final_status if order else OrdStatus.REJECTED,
            order_id=order_id,
            side=command.side,
            ord_type=command.ord_type,
            time_in_force=command.time_in_force,
            flags=command.flags,
            source=command.source,
            session=command.session,
            session_epoch=command.session_epoch,
            msg_seq_num=command.msg_seq_num,
            price=command.price,
            qty=command.qty,
            account=command.account,
            symbol=command.symbol,
            **names,
        )
