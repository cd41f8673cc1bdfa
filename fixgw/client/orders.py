"""Our orders, as the messages about them tell of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal

from sortedcontainers import SortedDict

from fixgw.client.commands import NUMBER
from fixgw.client.message import Message

_DONE = frozenset("2348C")  # OrdStatus(39) of an order that is no longer in the book
_PENDING = frozenset("A6E")  # ExecType(150): received, the answer is still to come
_ORDERS_KEPT = 100


class CannotSend(Exception):
    """The command is well formed but there is nothing it could be about."""


@dataclass(slots=True)
class Order:
    """What the reports have said so far about one order of ours."""

    cl_ord_id: str
    side: str
    symbol: str
    quantity: str
    price: str = ""
    account: str = ""
    time_in_force: str = ""
    status: str = ""  # OrdStatus(39); empty until the first answer
    filled: str = "0"
    ord_type: str = "2"
    stop: str = ""

    @property
    def live(self) -> bool:
        return self.status not in _DONE

    @property
    def traded(self) -> bool:
        return _decimal(self.filled) > 0

    @property
    def cancelled(self) -> bool:
        return self.status in ("4", "C")

    @property
    def left(self) -> Decimal:
        return _decimal(self.quantity) - _decimal(self.filled)


def _decimal(text: str) -> Decimal:
    """What a report says, even if it is no number: the view only informs."""
    return Decimal(text) if NUMBER.fullmatch(text) else Decimal(0)


@dataclass(slots=True)
class Request:
    """One message that asks for an answer, and the answer once it is there."""

    cl_ord_id: str  # of OrderMassStatusRequest(AF) its MassStatusReqID(584)
    number: int  # its MsgSeqNum(34), which a Reject names
    order: Order | None
    answer: str = ""  # then "accepted" or "rejected"


class OrderView:
    """Our orders as the messages tell them. The exchange's book is the truth.

    Feed every application message exactly once, in order, to :meth:`sent` and
    :meth:`received`; a replayed report finds its order as the first one would have.
    """

    def __init__(self, saved: Iterable[dict[str, str]] = ()) -> None:
        orders = [Order(**fields) for fields in saved]
        # The order last spoken of; the newest is saved last.
        self.current: Order | None = orders[-1] if orders else None
        self.orders: SortedDict[str, Order] = SortedDict(_by_number)
        self.orders.update((order.cl_ord_id, order) for order in orders)
        self.requests: dict[str, Request] = {}
        self.newest: Request | None = None

    def to_save(self) -> list[dict[str, str]]:
        """All live orders and the latest of the others, the current one last."""
        done = [order for order in self.orders.values() if not order.live]
        kept = self.live() + done[-_ORDERS_KEPT:]
        if self.current is not None:
            kept = [o for o in kept if o is not self.current] + [self.current]
        return [asdict(order) for order in kept]

    def live(self) -> list[Order]:
        return [order for order in self.orders.values() if order.live]

    def find(self, cl_ord_id: str) -> Order:
        if cl_ord_id == "last" and self.current is not None:
            return self.current
        if cl_ord_id not in self.orders:
            known = ", ".join(order.cl_ord_id for order in self.live()) or "none"
            raise CannotSend(f"no order {cl_ord_id!r} is known here; live: {known}")
        order: Order = self.orders[cl_ord_id]
        return order

    @property
    def rejected(self) -> bool:
        return any(r.answer == "rejected" for r in self.requests.values())

    def sent(self, message: Message, number: int) -> None:
        cl_ord_id = message.get(584 if message.type == "AF" else 11)
        if not cl_ord_id:
            return
        order = self.orders.get(message.get(41, cl_ord_id))
        if order is None and message.type == "D":
            order = self.orders[cl_ord_id] = _order_of(message)
        self.newest = Request(cl_ord_id, number, order)
        self.requests[cl_ord_id] = self.newest
        self.current = order or self.current

    def received(self, message: Message) -> None:
        if message.type == "8":
            self._report(message)
        elif message.type == "r":
            done = "rejected" if message.get(531) == "0" else "accepted"
            self._answer(self.requests.get(message.get(11)), done)
        elif message.type == "9":
            self._answer(self.requests.get(message.get(11)), "rejected")
        elif message.type in ("3", "j"):
            self._refused(message.get(45))

    def _report(self, message: Message) -> None:
        exec_type, cl_ord_id = message.get(150), message.get(11)
        request = self.requests.get(cl_ord_id)
        rejected = exec_type == "8"
        order = self.orders.get(message.get(41)) or self.orders.get(cl_ord_id)
        # None has this name where a mass status request found no order.
        if order is None and cl_ord_id and not rejected:
            order = self.orders[cl_ord_id] = _order_of(message)
        # A rejected second order with a ClOrdID in use leaves the first one alone.
        if order is not None and not (rejected and order.status):
            self._update(order, message)
        if exec_type not in _PENDING:
            self._answer(request, "rejected" if rejected else "accepted")
        if message.get(912, "Y") == "Y":
            self._answer(self.requests.get(message.get(584)), "accepted")

    def _update(self, order: Order, message: Message) -> None:
        order.status = message.get(39, order.status)
        order.filled = message.get(14, order.filled)
        order.quantity = message.get(38, order.quantity)
        order.price = message.get(44, order.price)
        order.ord_type = message.get(40, order.ord_type)
        order.stop = message.get(99, order.stop)
        if message.get(150) == "5" and order.cl_ord_id != message.get(11):
            self.orders.pop(order.cl_ord_id, None)
            order.cl_ord_id = message.get(11)
            self.orders[order.cl_ord_id] = order

    def _refused(self, number: str) -> None:
        for request in self.requests.values():
            if str(request.number) == number:
                self._answer(request, "rejected")
                if request.order is not None and not request.order.status:
                    request.order.status = "8"

    def _answer(self, request: Request | None, answer: str) -> None:
        if request is not None and not request.answer:
            request.answer = answer


def _order_of(message: Message) -> Order:
    return Order(
        cl_ord_id=message.get(11),
        side=message.get(54),
        symbol=message.get(55),
        quantity=message.get(38, "0"),
        price=message.get(44),
        account=message.get(1),
        time_in_force=message.get(59),
        ord_type=message.get(40, "2"),
        stop=message.get(99),
    )


def _by_number(cl_ord_id: str) -> list[tuple[int, str]]:
    """A sort key in which BUYER-2 comes before BUYER-10."""
    parts = re.findall(r"\d+|\D+", cl_ord_id)
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in parts]
