"""Requests that passed validation, and the 256-byte commands they become.

The shard judges everything that a record can hold; here is only its layout. A command
has no MsgSeqNum(34) and is marked PossResend(97): a shard that gets it again after a
lost link drops it without an event, because its ClOrdID(11) is used.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from itertools import count

from engine.codes import CommandFlag, CommandKind, Reason
from engine.records import CL_ORD_ID_BYTES, MassCommand, OrderCommand
from fixgw.sidedoor.account import Content
from fixgw.sidedoor.identity import OWN_ID_MARK, SIDE_DOOR_NUMBER
from fixgw.sidedoor.orders import Order

FLAGS = int(CommandFlag.POSS_RESEND)

PROCESS_BYTES = 8
"""Random bytes in the identifiers of one process: two processes never make the same."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to enter. Prices and quantities in units of 1e-8, codes as in FIX."""

    client_order_id: str
    symbol: str
    side: int
    ord_type: int
    time_in_force: int
    qty: int
    price: int
    stop_price: int = 0
    display_qty: int = 0
    min_qty: int = 0
    peg_offset: int = 0
    expire_time: int = 0
    exec_inst: int = 0
    stp: int = 0
    stp_id: str = ""

    @property
    def content(self) -> Content:
        """What makes two requests the same; see ``account.new_content``."""
        return (
            "new",
            self.symbol,
            self.side,
            self.ord_type,
            self.time_in_force,
            self.qty,
            self.price,
            self.stop_price,
            self.display_qty,
            self.min_qty,
            self.peg_offset,
            self.expire_time,
            self.exec_inst,
            self.stp,
            self.stp_id,
        )

    def packed(self, key: int, account: str, now_ns: int) -> bytes:
        """The command of the account with this session key."""
        return OrderCommand(
            CommandKind.NEW_ORDER,
            side=self.side,
            ord_type=self.ord_type,
            time_in_force=self.time_in_force,
            flags=FLAGS,
            source=SIDE_DOOR_NUMBER,
            exec_inst=self.exec_inst,
            stp=self.stp,
            session=key,
            receive_time=now_ns,
            price=self.price,
            qty=self.qty,
            stop_price=self.stop_price,
            display_qty=self.display_qty,
            min_qty=self.min_qty,
            peg_offset=self.peg_offset,
            expire_time=self.expire_time,
            cl_ord_id=self.client_order_id,
            account=account,
            symbol=self.symbol,
            stp_id=self.stp_id,
        ).pack()


@dataclass(frozen=True, slots=True)
class Replacement:
    """What an order shall become: its total quantity and its price; of the rest 0 means
    as before."""

    new_client_order_id: str
    qty: int
    price: int
    stop_price: int = 0
    display_qty: int = 0
    peg_offset: int = 0
    time_in_force: int = 0
    expire_time: int = 0

    def content(self, target: int | str) -> Content:
        """The same for a replace of the order with this OrderID."""
        return (
            "replace",
            target,
            self.qty,
            self.price,
            self.stop_price,
            self.display_qty,
            self.peg_offset,
            self.time_in_force,
            self.expire_time,
        )

    def packed(
        self, order: Order, named: str, key: int, account: str, now_ns: int
    ) -> bytes:
        """The command for ``order``, which the request calls ``named``."""
        return OrderCommand(
            CommandKind.REPLACE,
            time_in_force=self.time_in_force,
            flags=FLAGS,
            source=SIDE_DOOR_NUMBER,
            session=key,
            receive_time=now_ns,
            price=self.price,
            qty=self.qty,
            stop_price=self.stop_price,
            display_qty=self.display_qty,
            peg_offset=self.peg_offset,
            expire_time=self.expire_time,
            cl_ord_id=self.new_client_order_id,
            orig_cl_ord_id=named,
            account=account,
            symbol=order.symbol,
        ).pack()


class CancelIds:
    """Identifiers for cancels: a client names only the order it wants to be rid of.

    ``~``, 16 hex digits of this process, ``-``, a number. No client order id begins
    like this, and no other process has the same digits.
    """

    def __init__(self) -> None:
        self._prefix = f"{OWN_ID_MARK}{secrets.token_hex(PROCESS_BYTES)}-"
        self._numbers = count(1)

    def next(self) -> str:
        """One that was never used."""
        made = f"{self._prefix}{next(self._numbers)}"
        assert len(made) <= CL_ORD_ID_BYTES
        return made


def cancel_packed(
    cancel_id: str, order: Order, key: int, account: str, now_ns: int
) -> bytes:
    """The command that cancels ``order``."""
    return OrderCommand(
        CommandKind.CANCEL,
        flags=FLAGS,
        source=SIDE_DOOR_NUMBER,
        session=key,
        receive_time=now_ns,
        cl_ord_id=cancel_id,
        orig_cl_ord_id=order.client_order_id,
        account=account,
        symbol=order.symbol,
    ).pack()


def mass_cancel_packed(
    request_id: str,
    key: int,
    account: str,
    symbol: str,
    side: int,
    fan_out: int,
    now_ns: int,
) -> bytes:
    """The command that cancels all open orders of an account in a shard; an empty
    ``symbol`` and a ``side`` of 0 are any. It has no client order id: a shard that gets
    it again after a lost link carries it out again."""
    return MassCommand(
        CommandKind.MASS_CANCEL,
        side=side,
        fan_out=fan_out,
        source=SIDE_DOOR_NUMBER,
        reason=int(Reason.MASS_CANCEL),
        session=key,
        receive_time=now_ns,
        request_id=request_id,
        account=account,
        symbol=symbol,
    ).pack()


def fingerprint(content: Content) -> bytes:
    """The content of a request as 16 bytes, for claims."""
    text = "\x00".join(str(part) for part in content)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
