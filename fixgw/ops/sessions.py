"""``fixgw sessions``: who is logged on, and what an operator can do about it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from engine.host.admin import AdminError, NotRunning
from fixgw.ops.session_calls import (
    ANSWER_S_MAX,
    END_S_MAX,
    SessionCalls,
    change_each,
    change_number,
)
from fixgw.ops.session_tables import console, session_page, sessions_table
from fixgw.ops.shard_calls import as_json_option, give_up, where
from fixgw.session.numbers import MSG_SEQ_NUM_MAX


@click.group()
def sessions() -> None:
    """FIX sessions of the running exchange: look at them, end them, set their numbers.

    \b
    fixgw sessions list --watch
    fixgw sessions show BUYER
    fixgw sessions logout BUYER --text 'see you tomorrow'
    fixgw sessions disable BUYER SELLER
    fixgw sessions set-next-out BUYER 500 --confirm

    A session is called by the client's name, TargetCompID(56), or by its whole identity
    as FIX.4.4:EXCHANGE->BUYER, in upper or lower case. Everything is in force when the
    command returns, and written to the audit log.
    """


_json = as_json_option
_names = click.argument("names", nargs=-1, metavar="[SESSION]...")
_name = click.argument("name", metavar="SESSION")
_number = click.argument(
    "number", type=click.IntRange(1, MSG_SEQ_NUM_MAX), metavar="NUMBER"
)
_all = click.option("--all", "everything", is_flag=True, help="Every session.")
_confirm_all = click.option("--confirm", is_flag=True, help="Needed with --all.")
_confirm = click.option("--confirm", is_flag=True, help="Needed: it cannot be undone.")
_text = click.option("--text", metavar="TEXT", help="What the Logout says, Text(58).")


# -- looking ---------------------------------------------------------------------------


@sessions.command("list")
@_names
@click.option("--watch", is_flag=True, help="Again each second, until Ctrl-C.")
@_json
@where
def list_sessions(
    names: tuple[str, ...],
    watch: bool,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Show all sessions, or these.

    \b
    next in, next out  MsgSeqNum(34) expected from the client and sent to it next
    epoch              how often the numbers expected began anew
    queued             messages stored that the client was not sent: it asks for them
    unconfirmed        messages of it whose orders are not yet on a shard's disk

    With --watch and --json each refresh is one line.
    """
    calls = SessionCalls(config, data)
    try:
        if watch:
            _watch(calls, names, as_json)
            return
        rows, now_ns = calls.rows(names)
    except (AdminError, NotRunning) as error:
        give_up(str(error))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        screen = console()
        screen.print(sessions_table(rows, now_ns, screen.width))


def _watch(calls: SessionCalls, names: tuple[str, ...], as_json: bool) -> None:
    try:
        from fixgw.ops.session_watch import watch_lines, watch_table

        (watch_lines if as_json else watch_table)(calls, names)
    except KeyboardInterrupt:
        # The way to end it.
        pass


@sessions.command()
@_name
@_json
@where
def show(name: str, as_json: bool, config: Path | None, data: Path | None) -> None:
    """Show everything about a session: state, numbers, counters, settings."""
    row = SessionCalls(config, data).look(name)
    if as_json:
        click.echo(json.dumps(row, indent=2))
    else:
        console().print(session_page(row, time.time_ns()))


# -- connections -----------------------------------------------------------------------


@sessions.command()
@_names
@_all
@_confirm_all
@_text
@_json
@where
def logout(names: tuple[str, ...], text: str | None, **options: Any) -> None:
    """Log clients out, and wait until their connections have ended.

    Says how each ended: answered, not answered within LogoutTimeout, or closed by the
    client. A client may log on again at once: 'disable' keeps it out.
    """
    change_each(names, "logout", _texts(text), END_S_MAX, **options)


@sessions.command()
@_names
@_all
@_confirm_all
@_json
@where
def disconnect(names: tuple[str, ...], **options: Any) -> None:
    """Close connections at once, without a Logout.

    For a client that is stuck: 'logout' is the orderly way. What it was not sent it can
    ask for when it comes back.
    """
    change_each(names, "disconnect", {}, ANSWER_S_MAX, **options)


@sessions.command()
@_names
@_all
@_confirm_all
@_text
@_json
@where
def disable(names: tuple[str, ...], text: str | None, **options: Any) -> None:
    """Log clients out and let them log on no more, until they are enabled.

    Lasts over restarts. A Logon of a disabled session is answered by the end of the
    connection and nothing else, as QuickFIX does it. Open orders stay in the book:
    'fixgw orders cancel --session SESSION --all' takes them out.
    """
    change_each(names, "disable", _texts(text), END_S_MAX, **options)


@sessions.command()
@_names
@_all
@_confirm_all
@_json
@where
def enable(names: tuple[str, ...], **options: Any) -> None:
    """Let disabled sessions log on again."""
    change_each(names, "enable", {}, ANSWER_S_MAX, **options)


# -- numbers ---------------------------------------------------------------------------


@sessions.command()
@_names
@_all
@_confirm
@_text
@_json
@where
def reset(
    names: tuple[str, ...], confirm: bool, text: str | None, **options: Any
) -> None:
    """Begin at 1 again, in both directions.

    A client that is connected is logged out first. It has to begin at 1 as well, by
    ResetOnLogon or in its own store, or it will find the numbers too low. Messages it
    was not sent can no longer be asked for.
    """
    if names and not confirm and not options["everything"]:
        calls = SessionCalls(options["config"], options["data"])
        rows = [calls.look(name) for name in dict.fromkeys(names)]
        lines = [
            f"{row['name']} (expects {row['next_in']}, sends {row['next_out']} next"
            f"{_queued(row)})"
            for row in rows
        ]
        raise click.UsageError(
            f"this would begin at 1 in both directions for {', '.join(lines)}; the "
            "client has to do the same. Add --confirm to do it"
        )
    change_each(names, "reset", _texts(text), END_S_MAX, confirm=confirm, **options)


@sessions.command("set-next-in")
@_name
@_number
@_confirm
@_json
@where
def set_next_in(name: str, number: int, **options: Any) -> None:
    """Expect NUMBER from the client next.

    For a client that has lost its numbers: its next message, which is its Logon, is to
    have this one. The session must not be connected: disable it first.

    \b
    Up:    messages in between are never asked for. Orders in them are lost.
    Down:  what comes under these numbers is taken for new. What the client sent before
           and sends again is refused by its ClOrdID(11), within the trading day.
    """

    def would(row: dict[str, Any]) -> str:
        return f"make the exchange expect {number} from {row['name']}, not " + str(
            row["next_in"]
        )

    change_number(name, "set_next_in", number, would, **options)


@sessions.command("set-next-out")
@_name
@_number
@_confirm
@_json
@where
def set_next_out(name: str, number: int, **options: Any) -> None:
    """Send NUMBER to the client next.

    For a client that expects a higher number than ours. The session must not be
    connected: disable it first. A number that is skipped is filled when the client
    asks for it; nothing stored is lost. A number that was sent is never sent again with
    another content, so NUMBER cannot be lower than the next one: see 'reset'.
    """

    def would(row: dict[str, Any]) -> str:
        return f"send {number} to {row['name']} next, not {row['next_out']}"

    change_number(name, "set_next_out", number, would, **options)


def _texts(text: str | None) -> dict[str, str]:
    return {"text": text} if text else {}


def _queued(row: dict[str, Any]) -> str:
    if not row["queued"]:
        return ""
    return f", {row['queued']} messages it was not sent would be gone"
