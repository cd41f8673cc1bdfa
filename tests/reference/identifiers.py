"""Names and numbers: which ClOrdID(11) is used, which message came before."""

from __future__ import annotations

from typing import Any

from engine.codes import CommandFlag, CommandKind, OrdStatus, Reason
from engine.records import CL_ORD_ID_BYTES, OrderCommand
from tests.reference import checks
from tests.reference.orders import Order, padded
from tests.reference.venue import Name, Venue

CONTENT_WORDS = 29


def content_of(command: OrderCommand) -> int:
    """A digest of what is asked for, whoever asks and under whatever name."""
    data = bytearray(command.pack())
    for begin, end in ((4, 12), (15, 40), (96, 168)):
        data[begin:end] = bytes(end - begin)
    digest = 14695981039346656037
    for word in range(CONTENT_WORDS):
        value = int.from_bytes(data[word * 8 : word * 8 + 8], "little")
        digest = (digest ^ value) * 1099511628211 % 2**64
    return digest or 1


def brought_before(venue: Venue, command: Any) -> bool:
    """Numbers rise by (epoch, number); any that does not is a repeat."""
    if not command.msg_seq_num:
        return False
    number = (command.session_epoch, command.msg_seq_num)
    if number <= venue.numbers.get(command.session, (-1, 0)):
        return True
    venue.numbers[command.session] = number
    return False


def check_name(venue: Venue, command: OrderCommand) -> Reason:
    """Whether ClOrdID(11) may be used by this command."""
    if not command.cl_ord_id:
        return Reason.MISSING_CL_ORD_ID
    if (command.session, command.cl_ord_id) not in venue.names:
        return Reason.NONE
    if (
        command.flags & CommandFlag.REUSE_ID
        and command.kind != CommandKind.NEW_ORDER
        and command.cl_ord_id == command.orig_cl_ord_id
    ):
        return Reason.NONE  # the order keeps its name
    return Reason.DUPLICATE_CL_ORD_ID


def note_name(venue: Venue, command: OrderCommand, order: Order | None) -> None:
    """The command's ClOrdID(11) is used from now on, for ``order`` or for none."""
    reusable = bool(command.flags & CommandFlag.REUSE_ID)
    key = (command.session, command.cl_ord_id)
    if key not in venue.names and (order or not reusable):
        venue.names[key] = Name(order, reusable)
        if order:
            order.names.append(command.cl_ord_id)


def named(venue: Venue, session: int, text: str) -> Order | None:
    """The order an identifier names, live or not."""
    name = venue.names.get((session, text))
    return name.order if name else None


def find(venue: Venue, command: OrderCommand) -> tuple[Order | None, Reason]:
    """The live order OrigClOrdID(41) names, and what is wrong with naming it so."""
    order = named(venue, command.session, command.orig_cl_ord_id)
    if order is None:
        return None, Reason.UNKNOWN_ORDER
    if not order.leaves:
        return None, Reason.TOO_LATE
    return order, checks.first(checks.same_order(command, order))


def forget_dead(venue: Venue) -> None:
    """A new day: only what names a live order is still used."""
    venue.names = {
        key: name
        for key, name in venue.names.items()
        if name.order and name.order.leaves
    }
    for order, _ in venue.ended:
        order.remembered = False
    venue.ended = []


def dump(venue: Venue) -> list[Any]:
    rows: list[Any] = []
    for (session, text), name in venue.names.items():
        row = (session, padded(text, CL_ORD_ID_BYTES))
        order = name.order
        if order is None:
            rows.append((*row, 0, False, 0))
        elif order.leaves:
            rows.append((*row, order.order_id, True, 0))
        else:
            rows.append((*row, order.order_id, False, int(order.status)))
    return sorted(rows)


def is_known(order: Order | None) -> bool:
    """Whether it is still known what was asked for."""
    return order is not None and (order.leaves > 0 or order.remembered)


UNKNOWN = {"ord_status": int(OrdStatus.REJECTED), "reason": Reason.UNKNOWN_ORDER}
