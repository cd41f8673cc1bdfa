"""``fixgw echo``: the session layer alone, with an application that sends back."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click

from engine.host.lock import FolderLock
from engine.host.server import stop_on_signals
from fixgw import __version__
from fixgw.echo.application import Echo
from fixgw.net.serving import GatewaySetup, serve
from fixgw.ops import logs
from fixgw.ops.credential_watch import CredentialsWatch
from fixgw.ops.options import run_to_exit
from fixgw.ops.setup import (
    MANIFEST,
    SetupError,
    load_rulebooks,
    read_settings,
    shown_path,
)
from fixgw.ops.tls_files import with_tls_files

_PATH = click.Path(path_type=Path)

MARKER = "echo"
"""A file that says whose a folder is: what is in it may be thrown away."""


@click.command()
@click.option(
    "--sessions", type=_PATH, required=True, help="FIX sessions, as for the exchange."
)
@click.option("--host", help="Address to listen on, instead of the file's.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on, instead of the file's; 0 takes a free one.",
)
@click.option(
    "--folder", type=_PATH, help="Keep outbox and admin socket here [a temporary one]."
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "pretty", "json"]),
    default="auto",
    show_default=True,
    help="Log lines on stderr: auto is pretty on a terminal.",
)
def echo(
    sessions: Path,
    host: str | None,
    port: int | None,
    folder: Path | None,
    log_format: logs.LogFormat,
) -> None:
    """Run the session layer alone, to certify it or a client against it.

    Orders, security definitions and emails are sent back to whoever sent them, other
    application messages are refused as unsupported. Acceptor, sessions and outbox are
    those of the exchange; nothing is traded. Sequence numbers begin at 1 with each
    start.

    \b
    fixgw echo --sessions sessions.cfg --port 0
    fixgw echo --sessions sessions.cfg --folder /var/tmp/echo
    fixgw sessions list --data /var/tmp/echo      while it runs, in another terminal
    """
    logs.set_up("echo", log_format)
    run_to_exit(lambda: _run(sessions.resolve(), host, port, folder))


def _run(
    sessions: Path, host: str | None, port: int | None, folder: Path | None
) -> int:
    settings = with_tls_files(sessions, read_settings(sessions, host, port))
    # What FileStorePath names may be an exchange's, and is not for trying out.
    settings = replace(settings, file_store_path=None)
    credentials = CredentialsWatch(sessions, settings)
    rulebooks = load_rulebooks(sessions, settings)
    for warning in settings.warnings:
        click.echo(f"warning: {warning}", err=True)

    def ready(number: int) -> None:
        click.echo(f"listening on {settings.host or '*'}:{number}")
        sys.stdout.flush()

    async def run(home: Path) -> int:
        stop = asyncio.Event()
        stop_on_signals(stop, None)
        setup = GatewaySetup(
            number=0,
            folder=home / "gateway-0",
            settings=settings,
            rulebooks=rulebooks,
            application=lambda gateway: Echo(rulebooks),
            credentials=credentials.first,
            changed_credentials=credentials.changed,
            audit_log=home / "audit.log",
            version=__version__,
        )
        return await serve(setup, stop, ready)

    with _home(folder) as home:
        return asyncio.run(run(home))


@contextmanager
def _home(wanted: Path | None) -> Iterator[Path]:
    """A folder without a past: a temporary one, or the one wanted, emptied of what an
    echo before has left. Raises SetupError and FolderInUse."""
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="fixgw-echo-") as made:
            yield Path(made)
        return
    home = wanted.resolve()
    gateway, marker = home / "gateway-0", home / MARKER
    if (home / MANIFEST).exists() or (gateway.exists() and not marker.exists()):
        raise SetupError(
            f"{shown_path(home)}: holds the data of an exchange. An echo forgets what "
            "it finds at each start: name another folder with --folder"
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        marker.touch()
        lock = FolderLock(home)
    except OSError as error:
        raise SetupError(f"{shown_path(home)}: {error.strerror}") from error
    try:
        shutil.rmtree(gateway, ignore_errors=True)
        yield home
    finally:
        lock.release()
