"""What an operator does to trades: look at one, cancel it, correct its price.

Both sides are changed by one batch of two commands, made of what the event log says;
what does not fit is refused and changes nothing.
"""

from __future__ import annotations

import logging
from typing import Any

from engine import decimals
from engine.codes import CommandKind, EventKind, OrdStatus, Side
from engine.host.acting import done
from engine.host.admin import AdminError, Command
from engine.host.arguments import Arguments, bad
from engine.host.listing import order_id_text, order_number, session_text
from engine.host.service import ShardService
from engine.host.tradefacts import NoTrade, SideFacts, TradeFacts
from engine.records import PRICE_MAX, TradeCommand

log = logging.getLogger(__name__)

REASON_CHARS_MAX = 200
"""What an operator may say about it: one line of the audit log."""

_STATUSES = {int(status): status.name.lower() for status in OrdStatus}


class TradeCommands:
    """The commands ``trades.*`` of one shard."""

    def __init__(self, service: ShardService) -> None:
        self._service = service
        self._host = service.host

    def commands(self) -> dict[str, Command]:
        """For the admin socket."""
        return {
            "trades.show": Command(self._show, changes=False),
            "trades.cancel": Command(self._cancel, changes=True),
            "trades.correct": Command(self._correct, changes=True),
        }

    async def _show(self, given: dict[str, Any]) -> dict[str, Any]:
        facts = await self._facts(Arguments(given, "trade_id"))
        return self._told(facts)

    async def _cancel(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "trade_id", "dry_run", "reason")
        arguments.text_or_none("reason", REASON_CHARS_MAX)
        return await self._change(arguments, CommandKind.TRADE_CANCEL, 0)

    async def _correct(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "trade_id", "price", "dry_run", "reason")
        arguments.text_or_none("reason", REASON_CHARS_MAX)
        text = arguments.text("price", 40)
        try:
            price = decimals.parse(text.encode("ascii", "replace"))
        except ValueError as error:
            raise bad(f"price {text!r} is no price: {error}") from None
        if not 0 < price <= PRICE_MAX:
            raise bad(f"price {text} is not above 0 and at most 10000000000")
        return await self._change(arguments, CommandKind.TRADE_CORRECT, price)

    async def _facts(self, arguments: Arguments) -> TradeFacts:
        name = arguments.text("trade_id", 24)
        try:
            facts = TradeFacts(self._host, order_number(name))
        except NoTrade as error:
            raise AdminError("NOT_FOUND", f"{name}: {error}") from None
        await facts.read()
        return facts

    async def _change(
        self, arguments: Arguments, kind: CommandKind, price: int
    ) -> dict[str, Any]:
        dry_run = arguments.flag("dry_run")
        facts = await self._facts(arguments)
        # From here to the command's turn nothing else is logged: what is waiting goes
        # first, and the facts are those it leaves.
        self._service.settle()
        facts.catch_up()
        self._check(facts, kind, price)
        answer = {
            **self._told(facts),
            "new_price": decimals.render(price) if price else None,
            "orders_after": [_after(side, price) for side in facts.sides],
            "done": False,
        }
        if dry_run:
            return answer
        commands = [_command(kind, facts.trade_id, side, price) for side in facts.sides]
        events = await done(
            self._service,
            b"".join(command.pack() for command in commands),
            (EventKind.TRADE_CANCELLED, EventKind.TRADE_CORRECTED),
        )
        if len(events) != len(commands):
            raise AdminError(
                "CONFLICT",
                f"the shard has changed {len(events)} of {len(commands)} sides: see "
                "its events",
            )
        log.warning(
            "an operator has done %s to trade %s",
            kind.name,
            order_id_text(facts.trade_id),
        )
        return {**answer, "done": True, "events": [event.seq for event in events]}

    def _check(self, facts: TradeFacts, kind: CommandKind, price: int) -> None:
        """Raises AdminError for what does not fit."""
        name = order_id_text(facts.trade_id)
        for side in facts.sides:
            if side.cancelled:
                raise AdminError("CONFLICT", f"{name} is cancelled already")
            if kind == CommandKind.TRADE_CORRECT and side.corrected_today:
                message = f"{name} was corrected today: cancel it, or wait for tomorrow"
                raise AdminError("CONFLICT", message)
        if kind == CommandKind.TRADE_CORRECT:
            fill = facts.sides[0].fill
            tick = self._tick(fill.symbol)
            if price % tick:
                said = decimals.render(tick)
                raise bad(f"price is off the tick of {fill.symbol}, which is {said}")
            if all(side.price == price for side in facts.sides):
                message = f"{name} is at {decimals.render(price)} already"
                raise AdminError("CONFLICT", message)

    def _tick(self, symbol: str) -> int:
        padded = symbol.encode()
        for name, _, terms in self._host.shard.terms():
            if name.rstrip(b"\0") == padded:
                return terms[0]
        raise AdminError("NOT_FOUND", f"there is no instrument {symbol} any more")

    def _told(self, facts: TradeFacts) -> dict[str, Any]:
        fill = facts.sides[0].fill
        return {
            "trade_id": order_id_text(facts.trade_id),
            "shard": self._host.shard.shard_id,
            "symbol": fill.symbol,
            "qty": decimals.render(fill.last_qty),
            "price": decimals.render(fill.last_price),
            "time_ns": fill.time,
            "cancelled": all(side.cancelled for side in facts.sides),
            "sides": [self._side(side) for side in facts.sides],
        }

    def _side(self, side: SideFacts) -> dict[str, Any]:
        fill, last = side.fill, side.last
        is_open = self._host.shard.find_open(fill.order_id) is not None
        return {
            "side": Side(fill.side).name.lower(),
            "order_id": order_id_text(fill.order_id),
            "exec_id": order_id_text(side.exec_id),
            "session": session_text(fill.session),
            "account": fill.account,
            "cl_ord_id": last.cl_ord_id,
            "price_now": None if side.cancelled else decimals.render(side.price),
            "order_open": is_open,
            "order_status": _STATUSES.get(last.ord_status, "?"),
            "qty": decimals.render(last.qty),
            "filled_qty": decimals.render(last.cum_qty),
            "avg_price": decimals.render(last.avg_price),
        }


def _after(side: SideFacts, price: int) -> dict[str, Any]:
    cum, average = side.after(price)
    return {
        "order_id": order_id_text(side.fill.order_id),
        "filled_qty": decimals.render(cum),
        "avg_price": decimals.render(average),
    }


def _command(
    kind: CommandKind, trade_id: int, side: SideFacts, price: int
) -> TradeCommand:
    fill, last = side.fill, side.last
    cum, average = side.after(price)
    return TradeCommand(
        kind,
        side=fill.side,
        ord_type=last.ord_type,
        time_in_force=last.time_in_force,
        ord_status=side.status_after(cum),
        source=fill.source,
        session=fill.session,
        order_id=fill.order_id,
        trade_id=trade_id,
        exec_id=side.exec_id,
        price=last.price,
        qty=last.qty,
        cum_qty=cum,
        avg_price=average,
        last_price=side.price,
        last_qty=fill.last_qty,
        new_price=price,
        cl_ord_id=last.cl_ord_id,
        account=fill.account,
        symbol=fill.symbol,
    )
