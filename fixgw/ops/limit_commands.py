"""``fixgw limits``: what sessions and accounts may do, and the kill switch."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.host.limitcommands import NAMES
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

_Command = TypeVar("_Command", bound=Callable[..., Any])

TITLES = {
    "order_qty_max": "order qty",
    "notional_max": "notional",
    "open_orders_max": "open orders",
    "rate_max": "per second",
    "position_max": "position",
}


def _whose(command: _Command) -> _Command:
    """The options that say whom limits are for."""
    command = click.option("--account", metavar="NAME", help="Of this Account(1).")(
        command
    )
    return click.option(
        "--session", metavar="NAME", help="Of this session, or of REST:ACCOUNT."
    )(command)


@click.group()
def limits() -> None:
    """Limits of sessions and accounts, and their kill switch.

    \b
    fixgw limits list
    fixgw limits set --session BUYER --rate-max 100 --order-qty-max 5000
    fixgw limits set --account ACC1 --position-max 10000
    fixgw limits block --account ACC1 --confirm
    fixgw limits unblock --account ACC1

    Each shard holds an owner to his limits by itself: open orders and messages are
    counted per shard, positions per instrument. What the configuration says of an owner
    is set again at the next start.
    """


@limits.command("list")
@_whose
@as_json_option
@where
def list_limits(
    session: str | None,
    account: str | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Show all limits that were ever set, or those of one session or account.

    An empty place is no limit. Where shards differ there is a line for each.
    """
    shards = Shards(config, data)
    names = session_names(shards)
    wanted = _owner(names, session, account) if session or account else {}
    parts, problems = shards.each(
        shards.numbers,
        lambda shard: shards.rows(shard, "limits.list", "limits", wanted),
    )
    rows = _merged(names, [row for part in parts for row in part])
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        made = table("of", *(f"{title}>" for title in TITLES.values()), "", "shards")
        for row in rows:
            made.add_row(
                row["name"],
                *(str(row[name] or "") for name in TITLES),
                "blocked" if row["blocked"] else "",
                ",".join(map(str, row["shards"])),
            )
        show(made)
    elif not problems:
        click.echo("no limits")
    end(problems)


@limits.command("set")
@_whose
@click.option("--order-qty-max", metavar="QTY", help="Largest OrderQty(38).")
@click.option("--notional-max", metavar="VALUE", help="Largest price x quantity.")
@click.option("--open-orders-max", type=int, metavar="N", help="Orders open at a time.")
@click.option("--rate-max", type=int, metavar="N", help="Orders in a second.")
@click.option("--position-max", metavar="QTY", help="Bought or sold; accounts only.")
@as_json_option
@where
def set_limits(
    session: str | None,
    account: str | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
    **given: Any,
) -> None:
    """Set limits of a session or an account; 0 takes one away, others stay.

    They hold for orders that come from now on, on every shard.
    """
    wanted = {name: given[name] for name in NAMES if given[name] is not None}
    if not wanted:
        raise click.UsageError("say which limit, for example --rate-max 100")
    _each(session, account, "limits.set", wanted, "limits set", as_json, config, data)


@limits.command()
@_whose
@click.option("--confirm", is_flag=True, help="Needed.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit log.")
@as_json_option
@where
def block(
    session: str | None,
    account: str | None,
    confirm: bool,
    reason: str | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """The kill switch: cancel all open orders of a session or an account, and refuse
    its new ones until 'unblock'.

    Holds over restarts. A session that is blocked may still log on, cancel, and see
    its reports: 'fixgw sessions disable' keeps it out.
    """
    if not confirm and (session or account):
        raise click.UsageError(
            f"this would cancel every order of {session or account} and refuse new "
            "ones; add --confirm to do it"
        )
    wanted = {"blocked": True, **({"reason": reason} if reason else {})}
    _each(session, account, "limits.block", wanted, "blocked", as_json, config, data)


@limits.command()
@_whose
@click.option("--reason", metavar="TEXT", help="Why, for the audit log.")
@as_json_option
@where
def unblock(
    session: str | None,
    account: str | None,
    reason: str | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Take orders again of a session or an account that was blocked."""
    wanted = {"blocked": False, **({"reason": reason} if reason else {})}
    _each(
        session, account, "limits.block", wanted, "not blocked", as_json, config, data
    )


def _each(
    session: str | None,
    account: str | None,
    command: str,
    wanted: dict[str, Any],
    said: str,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """One command for every shard; one that is down does not keep the others from
    it."""
    if bool(session) == bool(account):
        raise click.UsageError("say whose: --session NAME, or --account NAME")
    shards = Shards(config, data)
    arguments = {**_owner(session_names(shards), session, account), **wanted}
    answers, problems = shards.each(
        shards.numbers,
        lambda shard: {
            **shards.ask(shard, command, arguments, BULK_S_MAX),
            "shard": shard,
        },
    )
    if as_json:
        click.echo(json.dumps(answers, indent=2))
    elif answers:
        changed = any(answer["changed"] for answer in answers)
        text = f"{session or account}: {'' if changed else 'already '}{said}"
        cancelled = sum(answer.get("cancelled", 0) for answer in answers)
        if cancelled:
            text += f", {cancelled} order{'' if cancelled == 1 else 's'} cancelled"
        click.echo(text)
    end(problems)


def _owner(
    names: SessionNames, session: str | None, account: str | None
) -> dict[str, str]:
    if session and account:
        raise click.UsageError("either --session or --account")
    if account:
        return {"account": account}
    try:
        return {"session": f"{names.key(session or ''):016x}"}
    except ValueError as error:
        give_up(str(error))


def _merged(names: SessionNames, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same limits of several shards in one row, by name."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        shard = row.pop("shard")
        name = row["account"] or names.name(int(row["session"], 16), "")
        known = found.setdefault(
            json.dumps(row, sort_keys=True),
            {"name": f"{row['scope']} {name}", **row, "shards": []},
        )
        known["shards"].append(shard)
    return sorted(found.values(), key=lambda row: (row["name"], row["shards"]))
