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
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import decimals
from engine.codes import CommandFlag, CommandKind, EventKind, Phase, Reason, Side
from engine.figures import OpenOrder
from engine.host.acting import done, known_symbol
from engine.host.admin import AdminError, Command
from engine.host.arguments import Arguments, bad
from engine.host.limitcommands import LimitCommands
from engine.host.listing import (
    ORDER_NUMBER_BITS,
    instrument_json,
    order_id_text,
    order_json,
    order_number,
    session_key,
    session_text,
)
from engine.host.marketcommands import MarketCommands
from engine.host.service import ShardService
from engine.host.tradecommands import TradeCommands
from engine.records import ACCOUNT_BYTES, CL_ORD_ID_BYTES, MassCommand, OrderCommand

log = logging.getLogger(__name__)

PAGE_SLOTS = 256
"""Places of orders looked at between two turns of the event loop: a millisecond when
all are taken."""

LIST_DEFAULT = 100
LIST_MAX = 1_000
"""Orders or instruments in one answer: a few milliseconds of work, some 400 KiB of
text. A longer list is asked for in parts."""

PLACE_MAX = 2**31 - 1
"""Where a part of a list may begin."""

STATE_ENTRIES_MAX = 20_000
"""Orders and identifiers a state hash is taken of without "force": it holds up matching
for some 4 microseconds each."""

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
            **MarketCommands(self.service).commands(),
            "orders.list": Command(self._orders, changes=False),
            "orders.cancel": Command(self._cancel, changes=True),
            "orders.cancel_all": Command(self._cancel_all, changes=True),
            **TradeCommands(self.service).commands(),
            **LimitCommands(self.service).commands(),
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
                "halted": self._in_phase(Phase.HALTED),
                "phases": self._phases(),
                "blocked": sum(
                    state.blocked for state in self.host.standing.limits.values()
                ),
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
            phases = self.host.standing.phases
            rows += [
                instrument_json(one, terms[1], terms[2], phases[one.symbol])
                for terms, one in page
            ]
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
        arguments = Arguments(
            given, "symbol", "session", "account", "side", "from", "limit"
        )
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
        found = await _cancelled(self.service, command)
        if not found:
            raise _no_order(name)
        (event,) = found
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
        """One command: everything that is open when its turn comes."""
        arguments = Arguments(given, "symbol", "session", "account", "side", "all")
        if not arguments.flag("all") and not any(
            arguments.has(name) for name in ("symbol", "session", "account")
        ):
            raise bad("a symbol, a session, an account, or all: else which orders?")
        named = arguments.text_or_none("session", 16)
        command = MassCommand(
            CommandKind.MASS_CANCEL,
            side=_side(arguments) or 0,
            reason=Reason.CANCELLED_BY_EXCHANGE,
            session=session_key(named) if named else 0,
            account=_account(arguments) or "",
            symbol=self._symbol(arguments) or "",
        )
        count = len(await _cancelled(self.service, command.pack()))
        log.warning("an operator cancelled orders: %d", count)
        return {"shard": self._shard.shard_id, "cancelled": count}

    # -- which -------------------------------------------------------------------------

    def _in_phase(self, phase: Phase) -> list[str]:
        states = self.host.standing.phases.items()
        return sorted(symbol for symbol, state in states if state.phase == phase)

    def _phases(self) -> dict[str, int]:
        """How many instruments are in each phase."""
        counts = Counter(state.phase for state in self.host.standing.phases.values())
        return {Phase(phase).name.lower(): counts[phase] for phase in sorted(counts)}

    def _symbol(self, arguments: Arguments) -> str | None:
        has = arguments.has("symbol")
        return known_symbol(self.service, arguments) if has else None

    def _meant(self, arguments: Arguments) -> Callable[[OpenOrder], bool]:
        """Whether an order is of the symbol, session, account and side named."""
        symbol = self._symbol(arguments)
        named = arguments.text_or_none("session", 16)
        session = session_key(named) if named else None
        account, side = _account(arguments), _side(arguments)
        return lambda order: (
            symbol in (None, order.symbol)
            and session in (None, order.session)
            and account in (None, order.account)
            and side in (None, order.side)
        )


def _account(arguments: Arguments) -> str | None:
    account = arguments.text_or_none("account", ACCOUNT_BYTES)
    if account is not None and not account.isascii():
        raise bad("account is not ASCII")
    return account


def _side(arguments: Arguments) -> int | None:
    name = arguments.text_or_none("side", 10)
    if name is None:
        return None
    if name.upper() not in Side.__members__:
        raise bad(f"side {name!r} is neither buy nor sell")
    return Side[name.upper()]


def _cancel(session: int, cl_ord_id: str, symbol: str) -> bytes:
    """The exchange's own cancel of an order, packed."""
    return OrderCommand(
        CommandKind.CANCEL,
        flags=CommandFlag.UNSOLICITED,
        session=session,
        orig_cl_ord_id=cl_ord_id,
        symbol=symbol,
    ).pack()


async def _cancelled(service: ShardService, command: bytes) -> list[Any]:
    """What the exchange itself has cancelled by this command."""
    events = await done(service, command, (EventKind.CANCELLED,))
    return [event for event in events if event.reason == Reason.CANCELLED_BY_EXCHANGE]


def _no_order(name: str) -> AdminError:
    message = f"no open order {name}: it was filled, cancelled, or never there"
    return AdminError("NOT_FOUND", message)


def _bytes_in(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder))
