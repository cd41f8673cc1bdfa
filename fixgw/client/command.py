"""``fixgw client``: a FIX session at the keyboard, in a pipe, or in one line.

The options, one login from beginning to end, and the exit code.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import click

from fixgw.client import commands as language
from fixgw.client.commands import Command, LanguageError
from fixgw.client.connection import log_on
from fixgw.client.display import Display
from fixgw.client.login import LogonFailed, Settings
from fixgw.client.names import Names, NoNames
from fixgw.client.orders import OrderView
from fixgw.client.runner import Runner
from fixgw.client.saved import Saved
from fixgw.client.sources import piped, scripted, typed
from fixgw.client.terminal import Terminal
from fixgw.dictionary import load

EXIT_OK, EXIT_REJECTED, EXIT_USAGE, EXIT_NO_SESSION = 0, 1, 2, 3
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_DICTIONARY = Path(__file__).parents[2] / "spec" / "FIX44.xml"
_WIDTH_UNKNOWN = 88
_PAGE = f"""\b
Commands:
{language.help_text()}

\b
Exit codes:
  0  all went well
  1  an order was rejected, or a wait ran out of time
  2  the command line or a command was not understood
  3  there was no session, or it was lost
"""


async def _run(
    settings: Settings,
    saved: Saved,
    display: Display,
    script: list[Command] | None,
    patience_s: float,
) -> int:
    """One login from Logon to Logout; returns the exit code."""
    terminal = Terminal(display, OrderView(saved.orders))
    connection = await log_on(settings, saved, terminal)
    session = connection.session
    attended = script is None and sys.stdin.isatty()
    runner = Runner(
        connection, terminal, saved, patience_s=patience_s, attended=attended
    )
    try:
        # What happened while we were away comes before what we do now.
        await connection.until(lambda: not session.catching_up, patience_s)
        if script is not None:
            await scripted(runner, script)
        elif attended:
            await typed(runner, saved.path.parent)
        else:
            await piped(runner)
    finally:
        await connection.logout()
    if not session.clean:
        terminal.problem(session.reason)
        return EXIT_NO_SESSION
    failed = runner.failed or terminal.view.rejected
    return EXIT_REJECTED if failed and not attended else EXIT_OK


def _names() -> Names:
    """The FIX 4.4 dictionary of the exchange; numbers alone where it is missing."""
    try:
        return load(_DICTIONARY.read_text("utf-8"), "FIX44")
    except OSError:
        return NoNames()


def _display(verbose: bool, raw: bool) -> Display:
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    width = shutil.get_terminal_size((_WIDTH_UNKNOWN, 24)).columns
    return Display(_names(), width, colour, verbose, raw)


@click.command("client", epilog=_PAGE)
@click.argument("sender", metavar="NAME")
@click.option(
    "--target",
    default="EXCHANGE",
    show_default=True,
    metavar="NAME",
    help="TargetCompID(56).",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where it listens."
)
@click.option("--port", default=9876, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--store",
    default="data/client",
    show_default=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keeps sequence numbers, orders and the history of the prompt.",
)
@click.option(
    "--reset",
    is_flag=True,
    help="Begin both sequence numbers at 1 (ResetSeqNumFlag=Y).",
)
@click.option(
    "--heartbeat",
    default=30,
    show_default=True,
    metavar="SECONDS",
    type=click.IntRange(0, 3600),
    help="HeartBtInt(108).",
)
@click.option("--username", default="", help="With a password; NAME if left out.")
@click.option(
    "--password",
    default="",
    envvar="FIXGW_PASSWORD",
    show_envvar=True,
    help="Better in the environment than on the command line.",
)
@click.option("--script", metavar="TEXT", help="Do these commands, log out and leave.")
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(min=0, min_open=True),
    help="How long a script waits for an answer.",
)
@click.option("--verbose", is_flag=True, help="Also headers and heartbeats.")
@click.option("--raw", is_flag=True, help="Also each message as tag=value|.")
def client(
    sender: str,
    target: str,
    host: str,
    port: int,
    store: Path,
    reset: bool,
    heartbeat: int,
    username: str,
    password: str,
    script: str | None,
    timeout: float,
    verbose: bool,
    raw: bool,
) -> None:
    """Try the exchange by hand: log on as NAME and trade over FIX 4.4.

    Commands come from the keyboard, from a pipe (one to a line), or from --script,
    where a semicolon or a new line ends each.
    """
    settings = Settings(
        sender=sender,
        target=target,
        host=host,
        port=port,
        heartbeat_s=heartbeat,
        username=username,
        password=password,
        reset=reset,
    )
    code = _main(settings, store, _display(verbose, raw), script, timeout)
    click.get_current_context().exit(code)


def _main(
    settings: Settings,
    store: Path,
    display: Display,
    script: str | None,
    patience_s: float,
) -> int:
    try:
        # All of the script is understood before the first message goes out.
        commands = None if script is None else language.parse_script(script)
        saved = Saved.open(store, settings.sender, settings.target)
        try:
            return asyncio.run(_run(settings, saved, display, commands, patience_s))
        finally:
            saved.close()
    except LanguageError as error:
        click.echo(error.explained(), err=True)
        return EXIT_USAGE
    except LogonFailed as error:
        click.echo(f"fixgw client: {error}", err=True)
        return EXIT_NO_SESSION
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
