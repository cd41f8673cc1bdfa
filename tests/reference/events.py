"""The events of the reference exchange: what each says, and its place in the log.

An event that answers a command carries its MsgSeqNum(34), epoch and flags; what happens
by the way carries none.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from engine.codes import EventKind, OrdStatus, Reason
from engine.layouts import Record
from engine.records import OrderCommand, OrderEvent
from tests.reference.orders import Order

# What an order, a command and an event call the same.
OF_ORDERS = (
    *("side", "ord_type", "time_in_force", "source", "session", "order_id", "price"),
    *("qty", "avg_price", "stop_price", "display_qty", "min_qty", "peg_offset"),
    *("expire_time", "priority", "exec_inst", "stp", "triggered", "cl_ord_id"),
    *("account", "symbol", "stp_id"),
)
OF_COMMANDS = (
    *("side", "ord_type", "time_in_force", "source", "session", "price", "qty"),
    *("stop_price", "display_qty", "min_qty", "peg_offset", "expire_time"),
    *("exec_inst", "stp", "cl_ord_id", "orig_cl_ord_id", "account", "symbol"),
    "stp_id",
)
OF_MESSAGES = ("flags", "msg_seq_num", "session_epoch")


class Events:
    """The events of one exchange. ``given`` are those of the commands at hand."""

    def __init__(self, shard_id: int) -> None:
        self.shard_id = shard_id
        self.command_seq = 0
        self.event_seq = 0
        self.time = 0
        self.given: list[Any] = []
        self.kinds: Counter[int] = Counter()
        self.reasons: Counter[int] = Counter()

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
        self.given.append(event)
        self.kinds[kind] += 1
        if record is OrderEvent:
            self.reasons[values.get("reason", Reason.NONE)] += 1

    def tell(
        self, kind: EventKind, order: Order, command: Any = None, **values: Any
    ) -> None:
        """An event about an order as it now is; ``command`` is what it answers."""
        told = {name: getattr(order, name) for name in OF_ORDERS}
        told["ord_status"] = order.status
        told["leaves_qty"] = order.leaves
        told["cum_qty"] = order.cum
        told["shown_qty"] = order.shown
        if command:
            told |= {name: getattr(command, name) for name in OF_MESSAGES}
        self.emit(OrderEvent, kind, **{**told, **values})

    def refuse(
        self,
        kind: EventKind,
        command: OrderCommand,
        reason: Reason,
        order: Order | None,
    ) -> None:
        """What was asked and why not: with ``order``, the one named, if it is live."""
        if order and order.leaves:
            self.tell(
                kind,
                order,
                command,
                reason=reason,
                cl_ord_id=command.cl_ord_id,
                orig_cl_ord_id=command.orig_cl_ord_id,
            )
            return
        order_id = order.order_id if order else 0
        if kind == EventKind.REJECTED:
            order_id = self.id(self.command_seq)
        self.emit(
            OrderEvent,
            kind,
            reason=reason,
            ord_status=order.status if order else OrdStatus.REJECTED,
            order_id=order_id,
            **{name: getattr(command, name) for name in (*OF_COMMANDS, *OF_MESSAGES)},
        )
