"""What an operator may ask of a shard, and do to it: the commands of its admin socket.

Halts, resumes and cancels go the way of every command: into the log, to disk, through
the shard. They are answered by their events. Lists are read page by page with a turn of
the event loop between, so that matching is not held up.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import decimals
from engine.figures import OpenOrder
from engine.host.admin import AdminError, Command
from engine.host.arguments import Arguments, bad, not_found
from engine.host.listing import (
    ORDER_NUMBER_BITS,
    instrument_json,
    order_id_text,
    order_json,
    order_number,
    session_key,
    session_text,
)
from engine.host.service import ServiceStopped, ShardService
from engine.records import (
    CL_ORD_ID_BYTES,
    EVENT_BYTES,
    SYMBOL_BYTES,
    CommandFlag,
    CommandKind,
    InstrumentStatus,
    OrderCommand,
    StatusCommand,
    unpack_all,
)

log = logging.getLogger(__name__)

PAGE_SLOTS = 256
"""Places of orders looked at, or orders cancelled, between two turns of the event loop:
a millisecond when all are taken."""

LIST_DEFAULT = 100
LIST_MAX = 1_000
"""Orders or instruments in one answer: a few milliseconds of work, some 400 KiB of
text. A longer list is asked for in parts."""

PLACE_MAX = 2**31 - 1
"""Where a part of a list may begin."""

STATE_ENTRIES_MAX = 20_000
"""Orders and identifiers a state hash is taken of without "force": it holds up matching
for some 4 microseconds each."""

REASON_CHARS_MAX = 200
"""What an operator may say about a halt: one line of the audit log."""

DISK_FREE_BYTES_MIN = 1024 * 1024 * 1024
"""Less free space than four segments of the command log is a problem: a shard that
cannot write stops."""


class Operator:
    """The operator's side of one shard. Lives on the event loop of its service.

    ``folder`` is that of the shard; ``clock`` gives nanoseconds since the epoch.
    """

    def __init__(
        self,
        service: ShardService,
        folder: Path,
        version: str,
        clock: Callable[[], int],
    ) -> None:
        self.service = service
        self.host = service.host
        self._folder = folder
        self._version = version
        self._started_ns = clock()
        self._shard = service.host.shard

    @property
    def process(self) -> str:
        """The name of the process."""
        return f"shard {self._shard.shard_id}"

    def commands(self) -> dict[str, Command]:
        """For the admin socket."""
        return {
            "status": Command(self._status, changes=False),
            "instruments.list": Command(self._instruments, changes=False),
            "instruments.halt": Command(self._halt, changes=True),
            "instruments.resume": Command(self._resume, changes=True),
            "orders.list": Command(self._orders, changes=False),
            "orders.cancel": Command(self._cancel, changes=True),
            "orders.cancel_all": Command(self._cancel_all, changes=True),
            "state-hash": Command(self._state_hash, changes=False),
        }

    # -- what it says ------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """How the shard is, in the form every process answers "status"."""
        shard, last = self._shard, self.host.event_seq
        free = shutil.disk_usage(self._folder).free
        problems = []
        if free < DISK_FREE_BYTES_MIN:
            problems.append(
                f"{free // 2**20} MiB are free where {self._folder} is: a shard that "
                "cannot write its log stops"
            )
        return {
            "process": self.process,
            "pid": os.getpid(),
            "started_ns": self._started_ns,
            "version": self._version,
            "healthy": not problems,
            "problems": problems,
            "facts": {
                "last_command": self.host.command_seq,
                "last_event": last,
                "open_orders": shard.open_orders,
                "instruments": shard.instruments,
                "halted": shard.halted(),
                "duplicates": shard.duplicates,
                "day": shard.day,
                "time_ns": shard.time,
                "commands_waiting": self.service.commands_waiting,
                "log_bytes": _bytes_in(self._folder / "commands"),
                "disk_free_bytes": free,
                "links": [
                    {
                        "gateway": link.gateway,
                        "last_event": link.sent,
                        "events_behind": last - link.sent,
                        "unsent_bytes": link.backlog,
                    }
                    for link in self.service.links()
                ],
            },
        }

    def _status(self, given: dict[str, Any]) -> dict[str, Any]:
        Arguments(given)
        return self.status()

    async def _instruments(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "from", "limit")
        first = arguments.number("from", 0, 0, PLACE_MAX)
        limit = arguments.number("limit", LIST_MAX, 1, LIST_MAX)
        rows: list[dict[str, Any]] = []
        while len(rows) < limit:
            size = min(PAGE_SLOTS, limit - len(rows))
            page = self._shard.instruments_page(first + len(rows), size)
            rows += [instrument_json(one, terms[1], terms[2]) for terms, one in page]
            if len(page) < size:
                break
            await asyncio.sleep(0)
        end = first + len(rows)
        return {
            "shard": self._shard.shard_id,
            "instruments": rows,
            "next": end if end < self._shard.instruments else None,
        }

    async def _orders(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "symbol", "session", "from", "limit")
        slot = arguments.number("from", 0, 0, PLACE_MAX)
        limit = arguments.number("limit", LIST_DEFAULT, 1, LIST_MAX)
        is_meant = self._meant(arguments)
        rows: list[dict[str, Any]] = []
        count = PAGE_SLOTS
        while slot >= 0 and len(rows) < limit:
            page, following = self._shard.orders_page(slot, count)
            found = [order for order in page if is_meant(order)]
            if len(rows) + len(found) > limit:
                # A smaller page, so that the next part begins where this one ends.
                count = max(1, count // 2)
                continue
            rows += [order_json(order) for order in found]
            slot = following
            await asyncio.sleep(0)
        return {
            "shard": self._shard.shard_id,
            "orders": rows,
            "next": slot if slot >= 0 else None,
        }

    def _state_hash(self, given: dict[str, Any]) -> dict[str, Any]:
        force = Arguments(given, "force").flag("force")
        entries = self._shard.open_orders + self._shard.identifiers
        if entries > STATE_ENTRIES_MAX and not force:
            raise AdminError(
                "CONFLICT",
                f"{entries} orders and identifiers: matching would stand still while "
                "they are read; say force to do it all the same",
            )
        return {
            "shard": self._shard.shard_id,
            "last_command": self.host.command_seq,
            "last_event": self.host.event_seq,
            "state_hash": self._shard.state_hash().hex(),
        }

    # -- what it does ------------------------------------------------------------------

    async def _halt(self, given: dict[str, Any]) -> dict[str, Any]:
        return await self._set_status(given, InstrumentStatus.HALTED)

    async def _resume(self, given: dict[str, Any]) -> dict[str, Any]:
        return await self._set_status(given, InstrumentStatus.TRADING)

    async def _set_status(
        self, given: dict[str, Any], wanted: InstrumentStatus
    ) -> dict[str, Any]:
        arguments = Arguments(given, "symbol", "reason")
        arguments.text_or_none("reason", REASON_CHARS_MAX)
        symbol = arguments.text("symbol", SYMBOL_BYTES)
        self._require(symbol)
        kind = CommandKind.SET_INSTRUMENT_STATUS
        command = StatusCommand(kind, status=wanted, symbol=symbol)
        answer = {"symbol": symbol, "status": wanted.name.lower()}
        for event in await self._process(command.pack()):
            log.warning("an operator has set %s to %s", symbol, answer["status"])
            return {**answer, "changed": True, "event": event.seq}
        return {**answer, "changed": False, "message": f"already {answer['status']}"}

    async def _cancel(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "order_id", "session", "cl_ord_id")
        if arguments.has("order_id"):
            if arguments.has("session") or arguments.has("cl_ord_id"):
                raise bad("either order_id, or session and cl_ord_id")
            name = arguments.text("order_id", 24)
            number = order_number(name)
            if number >> ORDER_NUMBER_BITS != self._shard.shard_id:
                raise AdminError("NOT_FOUND", f"{name} is no order of {self.process}")
            order = self._shard.find_open(number)
            if order is None:
                raise _no_order(name)
            command = _cancel(order.session, order.cl_ord_id, order.symbol)
        else:
            session = session_key(arguments.text("session", 16))
            name = arguments.text("cl_ord_id", CL_ORD_ID_BYTES)
            if not name.isascii():
                raise _no_order(name)
            command = _cancel(session, name, "")
        events = await self._process(command)
        if not events:
            raise _no_order(name)
        (event,) = events
        log.warning("an operator cancelled %s", order_id_text(event.order_id))
        return {
            "order_id": order_id_text(event.order_id),
            "session": session_text(event.session),
            "cl_ord_id": event.cl_ord_id,
            "account": event.account,
            "symbol": event.symbol,
            "cancelled_qty": decimals.render(event.last_qty),
            "filled_qty": decimals.render(event.cum_qty),
            "event": event.seq,
        }

    async def _cancel_all(self, given: dict[str, Any]) -> dict[str, Any]:
        """Those open when they are come to; what arrives meanwhile may stay."""
        arguments = Arguments(given, "symbol", "session")
        if not arguments.has("symbol") and not arguments.has("session"):
            raise bad("a symbol, a session, or both: nothing else says which orders")
        is_meant = self._meant(arguments)
        count = slot = 0
        while slot >= 0:
            page, slot = self._shard.orders_page(slot, PAGE_SLOTS)
            commands = [
                _cancel(order.session, order.cl_ord_id, order.symbol)
                for order in page
                if is_meant(order)
            ]
            if commands:
                count += len(await self._process(b"".join(commands)))
            await asyncio.sleep(0)
        log.warning("an operator cancelled orders: %d", count)
        return {"shard": self._shard.shard_id, "cancelled": count}

    async def _process(self, commands: bytes) -> list[Any]:
        """The events of these commands, once they are on disk."""
        try:
            events = await self.service.process(commands)
        except ServiceStopped:
            raise AdminError(
                "UNAVAILABLE",
                f"{self.process} stops: whether this was done shows when it is back",
            ) from None
        return unpack_all(events, EVENT_BYTES)

    # -- which -------------------------------------------------------------------------

    def _require(self, symbol: str) -> None:
        if not self._shard.status_of(symbol):
            known = [one.symbol for one in self._shard.figures().instruments]
            raise not_found(f"{self.process} has no instrument", symbol, known)

    def _meant(self, arguments: Arguments) -> Callable[[OpenOrder], bool]:
        """Whether an order is of the symbol and of the session that are named."""
        symbol = arguments.text_or_none("symbol", SYMBOL_BYTES)
        named = arguments.text_or_none("session", 16)
        session = session_key(named) if named else None
        if symbol:
            self._require(symbol)
        return lambda order: (
            symbol in (None, order.symbol) and session in (None, order.session)
        )


def _cancel(session: int, cl_ord_id: str, symbol: str) -> bytes:
    """The exchange's own cancel of an order, packed."""
    return OrderCommand(
        CommandKind.CANCEL,
        flags=CommandFlag.UNSOLICITED,
        session=session,
        orig_cl_ord_id=cl_ord_id,
        symbol=symbol,
    ).pack()


def _no_order(name: str) -> AdminError:
    message = f"no open order {name}: it was filled, cancelled, or never there"
    return AdminError("NOT_FOUND", message)


def _bytes_in(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder))
