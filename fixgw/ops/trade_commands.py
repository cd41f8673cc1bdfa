"""``fixgw trades``: look at a trade, cancel it, correct its price."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from engine.host.admin import AdminError, NotRunning
from fixgw.ops.session_names import session_names
from fixgw.ops.shard_calls import (
    BULK_S_MAX,
    Shards,
    as_json_option,
    give_up,
    show,
    table,
    where,
)

_trade = click.argument("trade_id", metavar="TRADE_ID")
_dry_run = click.option("--dry-run", is_flag=True, help="Only show what would be done.")
_confirm = click.option("--confirm", is_flag=True, help="Needed to do it.")
_reason = click.option("--reason", metavar="TEXT", help="Why, for the audit log.")


@click.group()
def trades() -> None:
    """Trades of the running exchange: show, cancel, correct.

    \b
    fixgw trades show 0-4711
    fixgw trades cancel 0-4711 --dry-run
    fixgw trades cancel 0-4711 --confirm --reason 'fat finger'
    fixgw trades correct 0-4711 --price 10.05 --confirm

    A trade is named by its TradeID, SecondaryExecID(527) of both reports. Both owners
    get an ExecutionReport(8), with ExecType(150) H or G. An order that is still open
    keeps what is open of it and its place; nothing is put back into the book.
    """


@trades.command("show")
@_trade
@as_json_option
@where
def show_trade(
    trade_id: str, as_json: bool, config: Path | None, data: Path | None
) -> None:
    """Both sides of a trade, and their orders as they are now."""
    shards = Shards(config, data)
    answer = _ask(shards, "trades.show", trade_id, {})
    _print(shards, answer, as_json)


@trades.command()
@_trade
@_dry_run
@_confirm
@_reason
@as_json_option
@where
def cancel(
    trade_id: str,
    dry_run: bool,
    confirm: bool,
    reason: str | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Cancel a trade, for both sides: fills, averages and positions are taken back.

    Trades of earlier days can be cancelled as well. Once cancelled, for ever.
    """
    arguments = {"dry_run": dry_run, **({"reason": reason} if reason else {})}
    _change("trades.cancel", trade_id, arguments, confirm, as_json, config, data)


@trades.command()
@_trade
@click.option("--price", metavar="PRICE", required=True, help="The right price.")
@_dry_run
@_confirm
@_reason
@as_json_option
@where
def correct(
    trade_id: str,
    price: str,
    dry_run: bool,
    confirm: bool,
    reason: str | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Correct the price of a trade, for both sides. At most once a day."""
    arguments = {
        "dry_run": dry_run,
        "price": price,
        **({"reason": reason} if reason else {}),
    }
    _change("trades.correct", trade_id, arguments, confirm, as_json, config, data)


def _change(
    command: str,
    trade_id: str,
    arguments: dict[str, Any],
    confirm: bool,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    if confirm == arguments["dry_run"]:
        raise click.UsageError("say --dry-run to look first, or --confirm to do it")
    shards = Shards(config, data)
    answer = _ask(shards, command, trade_id, arguments)
    _print(shards, answer, as_json)


def _ask(
    shards: Shards, command: str, trade_id: str, arguments: dict[str, Any]
) -> dict[str, Any]:
    shard, _, number = trade_id.partition("-")
    if not (shard.isdecimal() and number.isdecimal() and trade_id.isascii()):
        give_up(f"{trade_id} is no trade id: one looks like 0-4711")
    if int(shard) not in shards.numbers:
        give_up(f"{trade_id}: there is no shard {shard}")
    try:
        answer = shards.ask(
            int(shard), command, {"trade_id": trade_id, **arguments}, BULK_S_MAX
        )
    except (AdminError, NotRunning) as error:
        give_up(str(error))
    assert isinstance(answer, dict)
    return answer


def _print(shards: Shards, answer: dict[str, Any], as_json: bool) -> None:
    names = session_names(shards)
    for side in answer["sides"]:
        key = int(side["session"], 16)
        side["session_name"] = names.name(key, side["account"])
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    click.echo(
        f"{answer['trade_id']}: {answer['qty']} {answer['symbol']} at "
        f"{answer['price']}{', cancelled' if answer['cancelled'] else ''}"
    )
    made = table(
        *("side", "session", "account", "order", "ClOrdID", "status", "filled>"),
        *("average>", "filled then>", "average then>"),
    )
    after = answer.get("orders_after", [{"filled_qty": "", "avg_price": ""}] * 2)
    for side, then in zip(answer["sides"], after, strict=True):
        made.add_row(
            *(side[name] for name in ("side", "session_name", "account", "order_id")),
            *(side[name] for name in ("cl_ord_id", "order_status", "filled_qty")),
            side["avg_price"],
            *(then["filled_qty"], then["avg_price"]),
        )
    show(made)
    if "done" in answer:
        new = answer["new_price"]
        what = f"corrected to {new}" if new else "cancelled"
        click.echo(what if answer["done"] else f"it would be {what}: nothing was done")
