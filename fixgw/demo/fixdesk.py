"""A trader on a FIX session: logs on, again whenever it is cut off, and keeps going.

What was sent and received is counted in a file, with the open orders, so that after a
crash the exchange gives again what the trader has not seen. The file is written now and
then, not with every message: what it lacks comes again, and finds the orders as they
were then.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from engine import decimals
from fixgw.client import wire
from fixgw.client.bodies import cancel_body, order_body, replace_body
from fixgw.client.commands import NewOrder, Replace
from fixgw.client.connection import Connection, log_on
from fixgw.client.login import LogonFailed, Settings
from fixgw.client.message import Message
from fixgw.client.orders import Order
from fixgw.client.saved import Saved
from fixgw.demo.actions import Action, Change, Place, Side, Withdraw
from fixgw.demo.blotter import Blotter, Kind, Report

log = logging.getLogger(__name__)

RETRY_S_FIRST, RETRY_S_MAX = 0.3, 3.0
SAVE_S = 1.0
RESET_AFTER = 5
"""After so many refused Logons the numbers are begun anew: better than never."""

_NUMBERS_MAX = 2_000
"""Requests whose numbers are remembered: a Reject(3) names no order, only a number."""

_KINDS = {
    "0": Kind.ACCEPTED,
    "F": Kind.FILLED,
    "5": Kind.REPLACED,
    "4": Kind.ENDED,
    "C": Kind.ENDED,
    "8": Kind.REJECTED,
}
_NO_SUCH_ORDER = frozenset({"0", "1"})
"""CxlRejReason(102): too late, unknown order."""


class Trader(Protocol):
    """What decides: a market maker, a taker."""

    blotter: Blotter

    def act(self, now: float, steps: int) -> list[Action]: ...
    def on_report(self, report: Report, now: float) -> None: ...


class LazySaved(Saved):
    """Writes its file when asked to by :meth:`flush`, not with every message."""

    _dirty = False

    def save(self) -> None:
        """Remember that there is something to write."""
        self._dirty = True

    def flush(self, orders: list[dict[str, str]]) -> None:
        """Write it, with the open orders."""
        if self._dirty:
            self._dirty = False
            self.orders = orders
            super().save()


class FixDesk:
    """One trader on one session. Run :meth:`run`; :meth:`send` while ``ready``."""

    def __init__(self, settings: Settings, folder: Path, trader: Trader) -> None:
        self.settings = settings
        self.trader = trader
        self._saved = LazySaved.open(folder, settings.sender, settings.target)
        trader.blotter.restore(self._saved.orders)
        self._connection: Connection | None = None
        self._numbers: dict[int, str] = {}
        self._refused_logons = 0
        self.sent_count = 0

    @property
    def ready(self) -> bool:
        """Logged on, and everything missed while away has been told."""
        connection = self._connection
        return (
            connection is not None
            and not connection.ended
            and not connection.session.catching_up
        )

    async def run(self) -> None:
        """Stay logged on until cancelled; then log out."""
        retry_s = RETRY_S_FIRST
        try:
            while True:
                try:
                    self._connection = await log_on(self.settings, self._saved, self)
                except LogonFailed as error:
                    self._failed(error)
                    await asyncio.sleep(retry_s)
                    retry_s = min(retry_s * 2, RETRY_S_MAX)
                    continue
                retry_s, self._refused_logons = RETRY_S_FIRST, 0
                self.settings = replace(self.settings, reset=False)
                log.info("%s is logged on", self.settings.sender)
                await self._serve(self._connection)
                log.info(
                    "%s was cut off: %s",
                    self.settings.sender,
                    self._connection.session.reason or "logged out",
                )
        finally:
            await self._leave()

    def send(self, actions: Sequence[Action]) -> None:
        """Send requests. Only while ``ready``."""
        assert self._connection is not None
        session = self._connection.session
        now = wire.now()
        for action in actions:
            number = session.send(*_body(action, now).fields)
            name = action.cl_ord_id if isinstance(action, Place) else action.new_id
            self._numbers[number] = name
            self.sent_count += 1
        while len(self._numbers) > _NUMBERS_MAX:
            del self._numbers[next(iter(self._numbers))]

    # -- life --------------------------------------------------------------------------

    async def _serve(self, connection: Connection) -> None:
        while not connection.ended:
            await connection.until(lambda: False, SAVE_S)
            self._saved.flush(self.trader.blotter.to_save())
        with suppress(OSError):
            await connection.over()

    def _failed(self, error: LogonFailed) -> None:
        self._refused_logons += 1
        log.info("%s is not logged on: %s", self.settings.sender, error)
        if self._refused_logons >= RESET_AFTER and "nothing listens" not in str(error):
            self.settings = replace(self.settings, reset=True)

    async def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and not connection.ended:
            await connection.logout()
        self._saved.flush(self.trader.blotter.to_save())
        self._saved.close()

    # -- what the session tells: fixgw.client.session.Application ----------------------

    def show(self, message: Message, *, outgoing: bool, note: str = "") -> None:
        """Nobody looks at single messages."""

    def notice(self, text: str) -> None:
        """Worth a line in the log."""
        log.info("%s: %s", self.settings.sender, text)

    def sent(self, message: Message, number: int) -> None:
        """Known already: it was sent by :meth:`send`."""

    def to_save(self) -> list[dict[str, str]]:
        """Left to :meth:`LazySaved.flush`: this is asked with every message."""
        return self._saved.orders

    def received(self, message: Message) -> None:
        """Pass on what is about an order."""
        report = report_of(message, self._numbers.get)
        if report is not None:
            self.trader.on_report(report, time.monotonic())


def report_of(message: Message, name_of: Callable[[int], str | None]) -> Report | None:
    """What a message says of an order; None for one that is about none.

    ``name_of`` gives the ClOrdID(11) of a message of ours by its number.
    """
    if message.type == "8" and (kind := _KINDS.get(message.get(150))) is not None:
        return Report(
            kind,
            message.get(11),
            message.get(55),
            Side.SELL if message.get(54) == "2" else Side.BUY,
            message.get(41),
            *(_units(message.get(tag)) for tag in (38, 44, 14, 32, 151)),
        )
    if message.type == "9":
        gone = message.get(102) in _NO_SUCH_ORDER
        return Report(
            Kind.GONE if gone else Kind.REFUSED,
            message.get(11),
            orig_id=message.get(41),
        )
    if message.type in ("3", "j"):
        name = message.get(379) or name_of(wire.whole(message, 45))
        return Report(Kind.REFUSED, name) if name else None
    return None


def _units(text: str) -> int:
    """A decimal in units of 1e-8; 0 for what is none."""
    try:
        return decimals.parse(text.encode())
    except ValueError:
        return 0


def _body(action: Action, now: str) -> Message:
    side = str(int(action.side))
    if isinstance(action, Place):
        return order_body(
            NewOrder(
                side,
                decimals.render(action.qty),
                action.symbol,
                None if action.price is None else decimals.render(action.price),
                "3" if action.immediate else "",
            ),
            action.cl_ord_id,
            now,
        )
    order = Order(action.cl_ord_id, side, action.symbol, "")
    if isinstance(action, Withdraw):
        return cancel_body(order, action.new_id, now)
    assert isinstance(action, Change)
    new = Replace(
        action.cl_ord_id, decimals.render(action.qty), decimals.render(action.price)
    )
    return replace_body(order, new, action.new_id, now)
