"""An order of the reference exchange, and what one says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from math import floor
from typing import Any

from engine.codes import ExecInst, OrdStatus, OrdType
from engine.figures import OpenOrder
from engine.records import ACCOUNT_BYTES, CL_ORD_ID_BYTES, STP_ID_BYTES, UNIT

NOWHERE, BOOK, STOPS, PARKED = "nowhere", "book", "stops", "parked"

# As plain numbers, which are compared a hundred times faster.
POST_ONLY, ALL_OR_NONE, HIDDEN, PEG_PRIMARY, PEG_MIDPOINT, TRAILING = map(int, ExecInst)
HIDING = HIDDEN | ALL_OR_NONE | PEG_MIDPOINT
PEGS = PEG_PRIMARY | PEG_MIDPOINT
STOP_TYPES = (OrdType.STOP, OrdType.STOP_LIMIT)


@cache
def padded(text: str, size: int) -> bytes:
    return text.encode("ascii").ljust(size, b"\0")


@dataclass(eq=False, slots=True)
class Order:
    """An order, live while ``leaves`` is above zero."""

    order_id: int
    session: int
    source: int
    flags: int
    symbol: str
    side: int
    ord_type: int
    time_in_force: int
    exec_inst: int
    stp: int
    price: int
    """Of a pegged order the one it works at; 0: market, or none at the moment."""
    qty: int
    leaves: int
    display_qty: int
    stop_price: int
    """Of a pegged order its limit."""
    min_qty: int
    peg_offset: int
    expire_time: int
    content: int
    cl_ord_id: str
    account: str
    stp_id: str
    cum: int = 0
    notional: int = 0
    triggered: int = 0
    priority: int = 0
    place: str = NOWHERE
    part: int = 0
    """Of an iceberg: what it displays."""
    ended: int = 0
    """OrdStatus(39) it ended with, 0 while it is live."""
    remembered: bool = False
    names: list[str] = field(default_factory=list)
    """Every ClOrdID(11) the order has had that is still noted."""

    @property
    def avg_price(self) -> int:
        if not self.cum:
            return 0
        return floor(Fraction(self.notional, self.cum) + Fraction(1, 2))

    @property
    def status(self) -> int:
        if not self.leaves:
            return self.ended or OrdStatus.FILLED
        return OrdStatus.PARTIALLY_FILLED if self.cum else OrdStatus.NEW

    @property
    def hidden(self) -> bool:
        return bool(self.exec_inst & HIDING)

    @property
    def shown(self) -> int:
        """What the book displays of it."""
        if not self.leaves or self.hidden or self.place in (STOPS, PARKED):
            return 0
        return self.part if self.display_qty else self.leaves

    @property
    def waits(self) -> bool:
        """Whether it is a stop that has not been triggered."""
        return self.ord_type in STOP_TYPES and not self.triggered

    @property
    def open_part(self) -> int:
        """What others can trade with at a time."""
        return self.part if self.display_qty else self.leaves

    def display_next(self) -> None:
        self.part = min(self.display_qty, self.leaves)

    def has(self, bit: int) -> bool:
        return bool(self.exec_inst & bit)

    def listed(self) -> OpenOrder:
        """As in the lists of open orders."""
        return OpenOrder(
            order_id=self.order_id,
            session=self.session,
            source=self.source,
            symbol=self.symbol,
            side=self.side,
            ord_type=self.ord_type,
            time_in_force=self.time_in_force,
            price=self.price,
            qty=self.qty,
            leaves_qty=self.leaves,
            cum_qty=self.cum,
            avg_price=self.avg_price,
            cl_ord_id=self.cl_ord_id,
            account=self.account,
            exec_inst=self.exec_inst,
            stop_price=self.stop_price,
            display_qty=self.display_qty,
            expire_time=self.expire_time,
            shown_qty=self.shown,
            triggered=self.triggered,
            priority=self.priority,
        )

    def dump(self) -> tuple[Any, ...]:
        return (
            self.order_id,
            self.session,
            self.source,
            self.flags,
            self.side,
            self.ord_type,
            self.time_in_force,
            self.exec_inst,
            self.stp,
            self.triggered,
            self.price,
            self.qty,
            self.leaves,
            self.cum,
            self.notional >> 64,
            self.notional % 2**64,
            self.shown,
            self.display_qty,
            self.stop_price,
            self.min_qty,
            self.peg_offset,
            self.expire_time,
            self.priority,
            self.content,
            padded(self.cl_ord_id, CL_ORD_ID_BYTES),
            padded(self.account, ACCOUNT_BYTES),
            padded(self.stp_id, STP_ID_BYTES),
        )


def same_owner(one: Order, other: Order) -> bool:
    """By group if either has one, else by account."""
    if one.stp_id or other.stp_id:
        return one.stp_id == other.stp_id
    return bool(one.account) and one.account == other.account


def fee(price: int, qty: int, rate: int) -> int:
    """Of a fill: rounded half up, kept within 64 bits."""
    value = price * qty // UNIT
    return max(-(2**63), min(2**63 - 1, (value * rate + UNIT // 2) // UNIT))
