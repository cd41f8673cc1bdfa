"""A trader's own orders, as far as the exchange has told.

A request may be under way for each order, one at a time; until it is answered the order
may be as it was or as it is to be, and both are reckoned with.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from fixgw.demo.actions import Action, Change, Place, Side


class Kind(Enum):
    """What a report says."""

    ACCEPTED = auto()
    FILLED = auto()
    REPLACED = auto()
    ENDED = auto()
    """Cancelled or expired."""
    REJECTED = auto()
    """A new order was refused."""
    REFUSED = auto()
    """A cancel or replace was refused, the order is as it was."""
    GONE = auto()
    """A cancel or replace was refused because there is no such open order."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the exchange said about one order."""

    kind: Kind
    cl_ord_id: str
    symbol: str = ""
    side: Side = Side.BUY
    orig_id: str = ""
    qty: int = 0
    price: int = 0
    filled: int = 0
    """CumQty(14)."""
    last_qty: int = 0
    leaves: int = 0


@dataclass(slots=True)
class OwnOrder:
    """One order. ``request`` is under way since ``asked_at``; None: nothing is."""

    cl_ord_id: str
    symbol: str
    side: Side
    qty: int
    price: int
    filled: int = 0
    request: Action | None = None
    asked_at: float = 0.0
    since: float = 0.0
    """When it was entered, by the trader's clock."""

    @property
    def leaves(self) -> int:
        """What is open of it."""
        return self.qty - self.filled

    def prices(self) -> Iterator[int]:
        """The prices it may have at the exchange now."""
        yield self.price
        if isinstance(self.request, Change):
            yield self.request.price


class Blotter:
    """Orders by their current ClOrdID(11). Reports may come twice, or of orders nobody
    remembers (after a crash of the trader): those are taken in."""

    def __init__(self) -> None:
        self.orders: dict[str, OwnOrder] = {}
        self._requests: dict[str, OwnOrder] = {}

    def __len__(self) -> int:
        return len(self.orders)

    @property
    def under_way(self) -> int:
        """How many requests wait for their answers."""
        return len(self._requests)

    def to_save(self) -> list[dict[str, str]]:
        """What is open, for :meth:`restore` after a restart."""
        return [
            {
                "cl_ord_id": order.cl_ord_id,
                "symbol": order.symbol,
                "side": str(int(order.side)),
                "qty": str(order.qty),
                "price": str(order.price),
                "filled": str(order.filled),
            }
            for order in self.orders.values()
        ]

    def restore(self, saved: list[dict[str, str]]) -> None:
        """Take in the orders of a life before. Requests of then are not remembered: an
        order is asked about again under the name it had."""
        for row in saved:
            order = OwnOrder(
                row["cl_ord_id"],
                row["symbol"],
                Side(int(row["side"])),
                int(row["qty"]),
                int(row["price"]),
                int(row["filled"]),
            )
            self.orders[order.cl_ord_id] = order

    # -- what is asked -----------------------------------------------------------------

    def asked(self, action: Action, now: float) -> OwnOrder | None:
        """A request is sent. The order it is about; None when there is none such."""
        if isinstance(action, Place):
            order = OwnOrder(
                action.cl_ord_id,
                action.symbol,
                action.side,
                action.qty,
                action.price or 0,
                since=now,
            )
            self.orders[order.cl_ord_id] = order
            self._requests[action.cl_ord_id] = order
        else:
            found = self.orders.get(action.cl_ord_id)
            if found is None:
                return None
            order = found
            self._answered(order)
            self._requests[action.new_id] = order
        order.request, order.asked_at = action, now
        return order

    def overdue(self, now: float, patience_s: float) -> list[OwnOrder]:
        """Orders whose request was not answered for so long: it may be lost."""
        return [o for o in self._requests.values() if now - o.asked_at > patience_s]

    # -- what is told ------------------------------------------------------------------

    def told(self, report: Report, now: float) -> OwnOrder | None:
        """A report has come. The order it is about; None when there is none."""
        order = self._requests.get(report.cl_ord_id) or self.orders.get(
            report.orig_id or report.cl_ord_id
        )
        kind = report.kind
        if kind in (Kind.REJECTED, Kind.REFUSED, Kind.GONE):
            return self._refused(order, report)
        if order is None:
            if kind is Kind.ENDED or not report.leaves:
                return None
            order = OwnOrder(
                report.cl_ord_id, report.symbol, report.side, 0, 0, since=now
            )
        if report.cl_ord_id in self._requests:
            # Fills may come while a request is under way: they bear the old name.
            self._answered(order)
        self._rename(order, report)
        order.filled = max(order.filled, report.filled)
        if kind is Kind.ENDED or (kind is not Kind.ACCEPTED and not report.leaves):
            self._forget(order)
        return order

    def _rename(self, order: OwnOrder, report: Report) -> None:
        if report.kind is not Kind.ENDED:
            order.qty, order.price = report.qty or order.qty, report.price
        if report.kind is Kind.REPLACED:
            self.orders.pop(order.cl_ord_id, None)
            order.cl_ord_id = report.cl_ord_id
        if report.kind is not Kind.ENDED:
            self.orders[order.cl_ord_id] = order

    def _refused(self, order: OwnOrder | None, report: Report) -> OwnOrder | None:
        if order is None:
            return None
        asked = order.request
        if asked is None or _name_of(asked) != report.cl_ord_id:
            # A second answer: the first one has settled it.
            return order
        self._answered(order)
        if report.kind is not Kind.REFUSED or isinstance(asked, Place):
            self._forget(order)
        return order

    def _answered(self, order: OwnOrder) -> None:
        if order.request is not None:
            self._requests.pop(_name_of(order.request), None)
            order.request = None

    def _forget(self, order: OwnOrder) -> None:
        self._answered(order)
        if self.orders.get(order.cl_ord_id) is order:
            del self.orders[order.cl_ord_id]


def _name_of(action: Action) -> str:
    """The ClOrdID(11) by which an answer to a request is known."""
    return action.cl_ord_id if isinstance(action, Place) else action.new_id
