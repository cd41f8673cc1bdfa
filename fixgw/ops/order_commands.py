"""``fixgw orders``: what is open in the books, and taking it out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.host.admin import AdminError, NotRunning
from fixgw.ops.session_names import SessionNames, session_names
from fixgw.ops.shard_calls import (
    BULK_S_MAX,
    Shards,
    as_json_option,
    end,
    give_up,
    show,
    table,
    where,
)

LIST_ORDERS = 100
LIST_ORDERS_MAX = 1_000_000
"""More than anybody reads; a list is asked for in parts, so it costs nobody a wait."""

_Answer = TypeVar("_Answer")

_of_symbol = click.option("--symbol", metavar="SYMBOL", help="Orders for this symbol.")
_of_session = click.option(
    "--session", metavar="NAME", help="Orders of this session, or of REST:ACCOUNT."
)
_of_account = click.option("--account", metavar="NAME", help="Of this Account(1).")
_of_side = click.option(
    "--side", type=click.Choice(["buy", "sell"]), help="Of this side only."
)


@click.group()
def orders() -> None:
    """Open orders of the running exchange: list, cancel.

    \b
    fixgw orders list --symbol ACME
    fixgw orders cancel 0-17
    fixgw orders cancel --session BUYER --all --confirm
    fixgw orders cancel --account ACC1 --side sell --all --confirm

    An order that is cancelled here is reported to its owner as cancelled by the
    exchange.
    """


@orders.command("list")
@_of_symbol
@_of_session
@_of_account
@_of_side
@click.option(
    "--limit",
    type=click.IntRange(1, LIST_ORDERS_MAX),
    default=LIST_ORDERS,
    show_default=True,
    help="How many at the most, of each shard.",
)
@as_json_option
@where
def list_orders(
    symbol: str | None,
    session: str | None,
    account: str | None,
    side: str | None,
    limit: int,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Show open orders, oldest first.

    Columns: OrderID(37), the session or account it belongs to, its ClOrdID(11), what
    is ordered, how much of it is still open and how much of that the book shows. The
    stop price of a pegged order is its limit.
    """
    shards = Shards(config, data)
    names = session_names(shards)
    wanted = _filter(names, symbol, session, account, side)
    # One more than are shown tells whether there are more.
    parts, problems = _ask(
        shards,
        symbol,
        lambda shard: shards.rows(shard, "orders.list", "orders", wanted, limit + 1),
    )
    more = any(len(part) > limit for part in parts)
    rows = [
        {**order, "session_name": _owner(names, order)}
        for part in parts
        for order in sorted(part[:limit], key=_age)
    ]
    if as_json:
        click.echo(json.dumps({"orders": rows, "more": more}, indent=2))
    elif rows:
        made = table(
            *("order", "session", "ClOrdID", "symbol", "side", "open>", "of>"),
            *("shown>", "price>", "stop>", "type", "until"),
        )
        for row in rows:
            made.add_row(
                *(row[name] for name in ("order_id", "session_name", "cl_ord_id")),
                *(row[name] for name in ("symbol", "side", "leaves_qty", "qty")),
                *(row[name] or "" for name in ("shown_qty", "price", "stop_price")),
                row["type"],
                row["time_in_force"],
            )
        show(made)
        if more:
            click.echo(f"there are more than {limit}: see --limit, --symbol, --session")
    elif not problems:
        click.echo("no open orders")
    end(problems)


@orders.command()
@click.argument("order_ids", nargs=-1, metavar="[ORDER_ID]...")
@_of_symbol
@_of_session
@_of_account
@_of_side
@click.option("--all", "everything", is_flag=True, help="All that are meant.")
@click.option("--confirm", is_flag=True, help="Needed with --all.")
@as_json_option
@where
def cancel(
    order_ids: tuple[str, ...],
    symbol: str | None,
    session: str | None,
    account: str | None,
    side: str | None,
    everything: bool,
    confirm: bool,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Take orders out, by OrderID(37) or all of a symbol, session, account, side.

    All of them, wherever they are, is one command for each shard: an order is either
    cancelled or came after it. '--all --confirm' alone means every order there is.
    """
    shards = Shards(config, data)
    filters = {
        "symbol": symbol,
        "session": session,
        "account": account,
        "side": side,
    }
    given = {kind: name for kind, name in filters.items() if name}
    if order_ids:
        if everything or given:
            raise click.UsageError("either order ids, or --all with what is meant")
        _cancel_each(shards, order_ids, as_json)
        return
    if not everything:
        raise click.UsageError(
            "name orders by their ids, or say --all, with --symbol, --session, "
            "--account or --side"
        )
    wanted = _filter(session_names(shards), symbol, session, account, side)
    if not confirm:
        which = " and ".join(f"{kind} {name}" for kind, name in given.items())
        raise click.UsageError(
            f"this would cancel every order{' of ' if which else ''}{which}; "
            "add --confirm to do it"
        )
    answers, problems = _ask(
        shards,
        symbol,
        lambda shard: shards.ask(
            shard, "orders.cancel_all", {**wanted, "all": True}, BULK_S_MAX
        ),
    )
    if as_json:
        click.echo(json.dumps(answers, indent=2))
    else:
        count = sum(answer["cancelled"] for answer in answers)
        click.echo(f"{count} order{'' if count == 1 else 's'} cancelled")
    end(problems)


def _cancel_each(shards: Shards, order_ids: tuple[str, ...], as_json: bool) -> None:
    """One by one; one that cannot be cancelled does not keep the others from it."""
    names = session_names(shards)
    results, problems = [], []
    for order_id in dict.fromkeys(order_ids):
        shard, _, number = order_id.partition("-")
        if not (shard.isdecimal() and number.isdecimal() and order_id.isascii()):
            problems.append(f"{order_id} is no order id: one looks like 0-17")
            continue
        if int(shard) not in shards.numbers:
            problems.append(f"{order_id}: there is no shard {shard}")
            continue
        try:
            told = shards.ask(int(shard), "orders.cancel", {"order_id": order_id})
        except (AdminError, NotRunning) as error:
            problems.append(str(error))
            continue
        owner = _owner(names, told)
        results.append({**told, "shard": int(shard), "session_name": owner})
        if not as_json:
            click.echo(
                f"{told['order_id']} {told['cl_ord_id']} of {owner}: "
                f"{told['cancelled_qty']} {told['symbol']} cancelled"
            )
    if as_json:
        click.echo(json.dumps(results, indent=2))
    end(problems)


def _filter(
    names: SessionNames,
    symbol: str | None,
    session: str | None,
    account: str | None,
    side: str | None,
) -> dict[str, str]:
    """Which orders, as a shard wants to be told it."""
    given = {"symbol": symbol, "account": account, "side": side}
    wanted = {kind: name for kind, name in given.items() if name}
    if session:
        try:
            wanted["session"] = f"{names.key(session):016x}"
        except ValueError as error:
            give_up(str(error))
    return wanted


def _ask(
    shards: Shards, symbol: str | None, action: Callable[[int], _Answer]
) -> tuple[list[_Answer], list[str]]:
    """What the shard of the symbol answers, or all of them."""
    if symbol is None:
        return shards.each(shards.numbers, action)
    try:
        return [action(shards.of(symbol))], []
    except (AdminError, NotRunning) as error:
        return [], [shards.about(symbol, error)]


def _age(order: dict[str, Any]) -> int:
    """Orders of one shard are numbered in the order they came."""
    return int(order["order_id"].partition("-")[2])


def _owner(names: SessionNames, order: dict[str, Any]) -> str:
    return names.name(int(order["session"], 16), order.get("account", ""))
