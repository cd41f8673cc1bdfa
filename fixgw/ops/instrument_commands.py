"""``fixgw instruments``: what is traded, and whether it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from engine.host.admin import AdminError, NotRunning
from fixgw.ops.shard_calls import (
    Shards,
    as_json_option,
    end,
    give_up,
    show,
    table,
    unknown,
    where,
)

_STYLES = {"trading": "green", "halted": "bold red"}


@click.group()
def instruments() -> None:
    """Instruments of the running exchange: list, halt, resume.

    \b
    fixgw instruments list
    fixgw instruments halt ACME --reason 'news pending'
    fixgw instruments resume ACME

    A halted instrument refuses new orders and replaces; cancels are taken, orders stay
    in the book. A halt lasts until it is ended, over every restart.
    """


@instruments.command("list")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@as_json_option
@where
def list_instruments(
    symbols: tuple[str, ...], as_json: bool, config: Path | None, data: Path | None
) -> None:
    """Show all instruments, or these: status, open orders, trades.

    Quantities are those open in the book and those traded since the data was begun.
    """
    shards = Shards(config, data)
    found, problems = shards.instruments()
    known = [row["symbol"] for row in found]
    if not problems:
        problems = [
            unknown("there is no instrument", symbol, known)
            for symbol in symbols
            if symbol not in known
        ]
    rows = [row for row in found if not symbols or row["symbol"] in symbols]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        made = table(
            *("symbol", "status", "shard>", "orders>", "bid levels>", "bid qty>"),
            *("ask levels>", "ask qty>", "trades>", "traded>"),
        )
        for row in rows:
            made.add_row(
                row["symbol"],
                Text(row["status"], _STYLES.get(row["status"], "")),
                *(str(row[name]) for name in ("shard", "orders", "bid_levels")),
                row["bid_qty"],
                str(row["ask_levels"]),
                row["ask_qty"],
                str(row["trades"]),
                row["traded_qty"],
            )
        show(made)
    end(problems)


@instruments.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option("--all", "everything", is_flag=True, help="Every instrument.")
@click.option("--confirm", is_flag=True, help="Needed with --all.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit log.")
@as_json_option
@where
def halt(
    symbols: tuple[str, ...],
    everything: bool,
    confirm: bool,
    reason: str | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Stop trading in instruments.

    New orders and replaces are refused from the moment this returns; cancels are not.
    Orders stay in the book: 'fixgw orders cancel --symbol SYMBOL --all' takes them out.
    """
    shards = Shards(config, data)
    chosen = _chosen(shards, symbols, everything, confirm, "halt")
    _set(shards, chosen, "instruments.halt", reason, as_json)


@instruments.command()
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@click.option("--all", "everything", is_flag=True, help="Every instrument.")
@click.option("--confirm", is_flag=True, help="Needed with --all.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit log.")
@as_json_option
@where
def resume(
    symbols: tuple[str, ...],
    everything: bool,
    confirm: bool,
    reason: str | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Let halted instruments trade again.

    Orders that stayed in the book keep their place; a resting book cannot be crossed,
    so nothing trades by itself.
    """
    shards = Shards(config, data)
    chosen = _chosen(shards, symbols, everything, confirm, "resume")
    _set(shards, chosen, "instruments.resume", reason, as_json)


def _chosen(
    shards: Shards,
    symbols: tuple[str, ...],
    everything: bool,
    confirm: bool,
    verb: str,
) -> list[str]:
    """The symbols that are meant, or a usage error."""
    if everything == bool(symbols):
        raise click.UsageError(f"name the symbols to {verb}, or say --all")
    if not everything:
        return list(dict.fromkeys(symbols))
    found, problems = shards.instruments()
    if problems:
        give_up(f"{problems[0]}\nfixgw: nothing was done: --all needs every shard")
    if not confirm:
        raise click.UsageError(
            f"this would {verb} all {len(found)} instruments; add --confirm to do it"
        )
    return [row["symbol"] for row in found]


def _set(
    shards: Shards, symbols: list[str], command: str, reason: str | None, as_json: bool
) -> None:
    """Halt or resume each; one that cannot be does not keep the others from it."""
    results: list[dict[str, Any]] = []
    problems = []
    for symbol in symbols:
        shard = shards.of(symbol)
        arguments = {"symbol": symbol, **({"reason": reason} if reason else {})}
        try:
            told = shards.ask(shard, command, arguments)
            results.append({**told, "shard": shard})
            if not as_json:
                already = "" if told["changed"] else "already "
                click.echo(f"{symbol} is {already}{told['status']}")
        except (AdminError, NotRunning) as error:
            problems.append(shards.about(symbol, error))
    if as_json:
        click.echo(json.dumps(results, indent=2))
    end(problems)
