"""The bodies of order messages, the same whichever session adds the header."""

from __future__ import annotations

from fixgw.client.commands import Everything, NewOrder, Replace
from fixgw.client.message import Message
from fixgw.client.orders import Order


def order_body(order: NewOrder, cl_ord_id: str, now: str) -> Message:
    """NewOrderSingle(D); ``now`` is a UTCTimestamp, as in the bodies below."""
    return _body(
        (35, "D"),
        (1, order.account),
        (11, cl_ord_id),
        (38, order.quantity),
        (40, order.ord_type),
        (44, order.price or ""),
        (54, order.side),
        (55, order.symbol),
        (59, order.time_in_force),
        (60, now),
        *order.others,
    )


def cancel_body(order: Order, cl_ord_id: str, now: str) -> Message:
    """OrderCancelRequest(F)."""
    return _body(
        (35, "F"),
        (1, order.account),
        (11, cl_ord_id),
        (38, order.quantity),
        (41, order.cl_ord_id),
        (54, order.side),
        (55, order.symbol),
        (60, now),
    )


def replace_body(order: Order, new: Replace, cl_ord_id: str, now: str) -> Message:
    """OrderCancelReplaceRequest(G): an order that keeps its type and time in force."""
    return _body(
        (35, "G"),
        (1, order.account),
        (11, cl_ord_id),
        (38, new.quantity),
        (40, order.ord_type),
        (41, order.cl_ord_id),
        (44, new.price),
        (54, order.side),
        (55, order.symbol),
        (59, "" if order.time_in_force == "6" else order.time_in_force),
        (60, now),
        *new.others,
    )


def status_body(order: Order) -> Message:
    """OrderStatusRequest(H)."""
    return _body(
        (35, "H"),
        (1, order.account),
        (11, order.cl_ord_id),
        (54, order.side),
        (55, order.symbol),
    )


def everything_body(wanted: Everything, request_id: str, now: str) -> Message:
    """OrderMassCancelRequest(q) or OrderMassStatusRequest(AF)."""
    scope = "1" if wanted.symbol else "7"
    if not wanted.cancel:
        return _body((35, "AF"), (584, request_id), (585, scope), (55, wanted.symbol))
    return _body(
        (35, "q"),
        (11, request_id),
        (530, scope),
        (54, wanted.side),
        (55, wanted.symbol),
        (60, now),
    )


def _body(*fields: tuple[int, str]) -> Message:
    return Message(tuple(field for field in fields if field[1]))
