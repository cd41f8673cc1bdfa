"""``fixgw instruments``: what is traded, and whether it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.text import Text

from engine.host.admin import AdminError, NotRunning
from engine.host.marketcommands import PHASES
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

FOR_S_MAX = 30 * 86_400
"""A phase for more than a month is not for a time."""

_Command = TypeVar("_Command", bound=Callable[..., Any])

_STYLES = {"continuous": "green", "halted": "bold red"}


@click.group()
def instruments() -> None:
    """Instruments of the running exchange: list, halt, resume, set a phase.

    \b
    fixgw instruments list
    fixgw instruments halt ACME --reason 'news pending'
    fixgw instruments halt ACME --for 300 --then volatility_auction
    fixgw instruments phase post_only ACME GLOBEX
    fixgw instruments resume ACME

    A halted instrument refuses new orders and replaces; cancels are taken, orders stay.
    What is set here holds, over every restart and whatever the schedule says, until
    'resume' gives the instrument back to its schedule, or until the time given is
    over.
    """


@instruments.command("list")
@click.argument("symbols", nargs=-1, metavar="[SYMBOL]...")
@as_json_option
@where
def list_instruments(
    symbols: tuple[str, ...], as_json: bool, config: Path | None, data: Path | None
) -> None:
    """Show all instruments, or these: phase, open orders, trades.

    'held' is a phase an operator has set; 'until' is when it ends by itself.

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
            *("symbol", "phase", "", "until", "shard>", "orders>"),
            *("bid levels>", "bid qty>"),
            *("ask levels>", "ask qty>", "trades>", "traded>"),
        )
        for row in rows:
            made.add_row(
                row["symbol"],
                Text(row["status"], _STYLES.get(row["status"], "")),
                "held" if row["held"] else "",
                _until(row),
                *(str(row[name]) for name in ("shard", "orders", "bid_levels")),
                row["bid_qty"],
                str(row["ask_levels"]),
                row["ask_qty"],
                str(row["trades"]),
                row["traded_qty"],
            )
        show(made)
    end(problems)


def _which(command: _Command) -> _Command:
    """What all that changes instruments takes."""
    for option in reversed(
        (
            click.argument("symbols", nargs=-1, metavar="[SYMBOL]..."),
            click.option("--all", "everything", is_flag=True, help="Every instrument."),
            click.option("--confirm", is_flag=True, help="Needed with --all."),
            click.option("--reason", metavar="TEXT", help="Why, for the audit log."),
            as_json_option,
            where,
        )
    ):
        command = option(command)
    return command


def _until_options(command: _Command) -> _Command:
    """How long a phase lasts, and what follows."""
    for option in reversed(
        (
            click.option(
                "--for",
                "for_s",
                type=click.IntRange(1, FOR_S_MAX),
                metavar="SECONDS",
                help="End it by itself after so long.",
            ),
            click.option(
                "--until",
                metavar="TIME",
                help="End it by itself at this time: 2026-11-21T17:30:00Z.",
            ),
            click.option(
                "--then",
                type=click.Choice(sorted(PHASES)),
                help="The phase that follows --for or --until [continuous].",
            ),
        )
    ):
        command = option(command)
    return command


@instruments.command()
@_which
@_until_options
def halt(symbols: tuple[str, ...], **options: Any) -> None:
    """Stop trading in instruments.

    New orders and replaces are refused from the moment this returns; cancels are not.
    Orders stay: 'fixgw orders cancel --symbol SYMBOL --all' takes them out.
    """
    _change(symbols, "halt", "instruments.halt", options)


@instruments.command()
@click.argument("phase", type=click.Choice(sorted(PHASES)), metavar="PHASE")
@_which
@_until_options
def phase(phase: str, symbols: tuple[str, ...], **options: Any) -> None:
    """Bring instruments into a trading phase, and keep them there.

    PHASE is one of continuous, halted, closed, pre_open, opening_auction,
    volatility_auction, closing_auction, post_close, cancel_only, post_only. An auction
    trades at one price when it ends, with --for, --until, or the next phase.
    """
    _change(symbols, f"set to {phase}", "instruments.phase", options, phase=phase)


@instruments.command()
@_which
def resume(symbols: tuple[str, ...], **options: Any) -> None:
    """Give instruments back to their schedule: end a halt, or another phase.

    They come into the phase that the schedule wants now; without a schedule that is
    continuous. Orders that stayed keep their place.
    """
    _change(symbols, "resume", "instruments.resume", options)


def _change(
    symbols: tuple[str, ...],
    verb: str,
    command: str,
    options: dict[str, Any],
    **arguments: Any,
) -> None:
    """Check what was asked for, and do it."""
    for_s, until = options.get("for_s"), options.get("until")
    if for_s is not None and until is not None:
        raise click.UsageError("either --for or --until")
    if until is not None:
        arguments["until_ns"] = _time_ns(until)
    elif for_s is not None:
        arguments["until_ns"] = time.time_ns() + for_s * 1_000_000_000
    if options.get("then") is not None:
        if "until_ns" not in arguments:
            raise click.UsageError("--then needs --for or --until")
        arguments["then"] = options["then"]
    if options["reason"]:
        arguments["reason"] = options["reason"]
    shards = Shards(options["config"], options["data"])
    everything, confirm = options["everything"], options["confirm"]
    chosen = _chosen(shards, symbols, everything, confirm, verb)
    _set(shards, chosen, command, arguments, options["as_json"])


def _time_ns(text: str) -> int:
    """Nanoseconds since the epoch of a time with its zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.UsageError(f"--until {text}: say it like 2026-11-21T17:30:00Z")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(microseconds=1) * 1_000


def _until(row: dict[str, Any]) -> str:
    """When a phase ends and what follows, for people."""
    if row["until_ns"] is None:
        return ""
    moment = datetime.fromtimestamp(row["until_ns"] // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S} {row['then']}"


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
    shards: Shards,
    symbols: list[str],
    command: str,
    given: dict[str, Any],
    as_json: bool,
) -> None:
    """Change each; one that cannot be does not keep the others from it."""
    results: list[dict[str, Any]] = []
    problems = []
    for symbol in symbols:
        shard = shards.of(symbol)
        arguments = {"symbol": symbol, **given}
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
