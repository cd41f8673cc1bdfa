"""``fixgw certify``: play scripted dialogues against a FIX acceptor, or as one."""

from __future__ import annotations

import asyncio
import shlex
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from fixgw import __version__
from fixgw.certify import (
    Dialogue,
    Names,
    Run,
    ScriptError,
    Situation,
    is_wanted,
    load,
    run,
)
from fixgw.certify.compare import Mode
from fixgw.certify.dialogue import PROFILES
from fixgw.certify.door import Door
from fixgw.certify.namesources import load_naming
from fixgw.certify.naming import Naming
from fixgw.certify.occasion import Occasion
from fixgw.certify.runner import JOBS
from fixgw.certify.sessionsfile import sessions_text
from fixgw.certify.versions import DEFAULT, VersionError, version_of
from fixgw.ops.certify_progress import Progress
from fixgw.ops.certify_reports import print_report, write_reports

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it

_EPILOG = """\b
Exit codes:
  0  every dialogue has passed
  1  at least one has failed, or none could be carried out
  2  the command line or a script is wrong; nothing was played

The grammar of scripts is in docs/certification.md.
"""

_SECONDS = click.FloatRange(min=0, min_open=True)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class _Options:
    """The command line."""

    paths: tuple[Path, ...]
    host: str
    port: int | None
    is_server: bool
    mode: str
    profile: str | None
    versions: tuple[str, ...]
    client_id: str
    server_id: str
    words: tuple[str, ...]
    listing: bool
    write_sessions: Path | None
    jobs: int
    rounds: int
    wait: float | None
    connect_wait: float
    report_dir: Path | None
    member: str
    certifier: str
    dictionary: tuple[Path, ...]
    operator_command: str
    set_session_command: str
    tls: bool
    tls_ca: Path | None
    tls_certificate: Path | None
    tls_key: Path | None
    tls_name: str | None


class _Wrong(Exception):
    """The command line cannot be carried out; says why."""


@click.command(epilog=_EPILOG)
@click.argument(
    "paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH..."
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where it listens."
)
@click.option("--port", type=click.IntRange(0, 65535), help="Its port.")
@click.option(
    "--server",
    "is_server",
    is_flag=True,
    help="Play the exchange: listen on host and port, and test the clients that come.",
)
@click.option(
    "--strict",
    "mode",
    flag_value="strict",
    help="Order of fields, BodyLength(9) and texts must be exactly as written.",
)
@click.option(
    "--relaxed",
    "mode",
    flag_value="relaxed",
    default="relaxed",
    help="Any order, Text(58) may go on, times are not compared [default].",
)
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    help="Only dialogues that hold under it; also what <PROFILE:…> stands for.",
)
@click.option(
    "--begin-string",
    "versions",
    multiple=True,
    metavar="VERSION",
    help="Only these versions, as FIX.4.2 or FIX.5.0SP2 [with --server FIX.4.4].",
)
@click.option(
    "--client-id",
    default="TW{v}",
    show_default=True,
    metavar="NAME",
    help="CompID of the client in scripts with <CLIENT>; {v} is 44, 50SP2, ….",
)
@click.option(
    "--server-id",
    default="ISLD",
    show_default=True,
    metavar="NAME",
    help="CompID of the acceptor in scripts with <SERVER>.",
)
@click.option(
    "--filter",
    "words",
    multiple=True,
    metavar="WORD",
    help="Only dialogues with WORD in name, rule, title, version; rule:2.c is a rule.",
)
@click.option("--list", "listing", is_flag=True, help="Show the dialogues; play none.")
@click.option(
    "--write-sessions",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the sessions the dialogues need, as a sessions.cfg; play none.",
)
@click.option(
    "--jobs",
    default=JOBS,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Sessions side by side; dialogues of one session never run together.",
)
@click.option(
    "--repeat",
    "rounds",
    default=1,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Play everything so many times.",
)
@click.option(
    "--wait",
    type=_SECONDS,
    metavar="SECONDS",
    help="How long a message is waited for [relaxed 10, strict 40].",
)
@click.option(
    "--connect-wait",
    default=60.0,
    show_default=True,
    type=_SECONDS,
    metavar="SECONDS",
    help="How long a client has to connect, with --server.",
)
@click.option(
    "--report-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write report.html, report.xml (JUnit) and report.txt there.",
)
@click.option("--member", default="", metavar="NAME", help="Who is certified.")
@click.option("--certifier", default="", metavar="NAME", help="Who certifies.")
@click.option(
    "--dictionary",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="QuickFIX XML with the names for reports, before those in spec.",
)
@click.option(
    "--operator-command",
    default="",
    metavar="COMMAND",
    help="What iOPERATOR steps run, as 'bin/fixgw'.",
)
@click.option(
    "--set-session-command",
    default="",
    metavar="COMMAND",
    help="What iSET_SESSION runs: {client}, {server}, {begin_string}, {counter}, "
    "{value}, and {command} (set-next-in or set-next-out) are replaced.",
)
@click.option("--tls", is_flag=True, help="Connect, or listen, with TLS.")
@click.option("--tls-ca", type=_FILE, metavar="FILE", help="Whom to trust.")
@click.option("--tls-certificate", type=_FILE, metavar="FILE", help="Our certificate.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its key.")
@click.option("--tls-name", metavar="NAME", help="The acceptor's name in its own.")
def certify(**options: Any) -> None:
    """Play scripted FIX dialogues against an acceptor, and report what differed.

    PATH is a script (.def) or a folder with scripts. With --server it plays the
    exchange instead, for testing clients.
    """
    chosen = _Options(**options)
    try:
        dialogues = _dialogues(chosen)
        if chosen.listing:
            _list(dialogues)
            return
        if chosen.write_sessions is not None:
            chosen.write_sessions.write_text(sessions_text(dialogues), "utf-8")
            return
        naming = load_naming(chosen.dictionary)
        situation = _situation(chosen)
        if chosen.report_dir is not None:
            # Not after an hour of dialogues.
            chosen.report_dir.mkdir(parents=True, exist_ok=True)
    except (_Wrong, ScriptError, VersionError, OSError) as error:
        click.echo(f"fixgw certify: {error}", err=True)
        sys.exit(EXIT_USAGE)
    try:
        done = asyncio.run(_play(dialogues, situation, chosen))
    except _Wrong as error:
        click.echo(f"fixgw certify: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(_report(done, naming, situation, chosen))


def _dialogues(chosen: _Options) -> list[Dialogue]:
    """What is to be played. Raises _Wrong, ScriptError, VersionError."""
    spoken = chosen.versions
    if chosen.is_server and not spoken:
        # A client has one session: there is no point in waiting for all versions.
        spoken = (DEFAULT,)
    versions = tuple(version_of(name) for name in spoken)
    names = Names(
        chosen.client_id, chosen.server_id, chosen.profile or "standard", versions
    )
    found = [
        dialogue
        for dialogue in load(chosen.paths, names)
        if is_wanted(dialogue, chosen.profile or "", chosen.words)
        and (not chosen.versions or dialogue.version in {v.name for v in versions})
    ]
    if not found:
        raise _Wrong("no dialogue is left to play")
    return found


def _list(dialogues: Sequence[Dialogue]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("rule", "title", "version", "profile", "script"):
        table.add_column(name, overflow="fold")
    for dialogue in dialogues:
        table.add_row(
            dialogue.rule,
            dialogue.title,
            dialogue.version,
            dialogue.header.profile,
            dialogue.name,
        )
    Console(markup=False).print(table)
    click.echo(f"\n{len(dialogues)} dialogues")


def _situation(chosen: _Options) -> Situation:
    """Where and how to play. Raises _Wrong, OSError."""
    if chosen.port is None or (chosen.port == 0 and not chosen.is_server):
        raise _Wrong("--port is missing")
    tls = _tls(chosen)
    return Situation(
        chosen.host,
        chosen.port,
        Mode(chosen.mode),
        chosen.wait,
        connect_s=chosen.connect_wait,
        operator_command=chosen.operator_command,
        set_session_command=chosen.set_session_command,
        door=Door(chosen.host, chosen.port, tls) if chosen.is_server else None,
        tls=tls,
        tls_name=(chosen.tls_name or chosen.host) if tls else None,
    )


def _tls(chosen: _Options) -> ssl.SSLContext | None:
    if not chosen.tls:
        if chosen.tls_ca or chosen.tls_certificate or chosen.tls_key:
            raise _Wrong("--tls-… options need --tls")
        return None
    purpose = ssl.Purpose.SERVER_AUTH
    if chosen.is_server:
        purpose = ssl.Purpose.CLIENT_AUTH
        if chosen.tls_certificate is None:
            raise _Wrong("--server with --tls needs --tls-certificate")
    try:
        context = ssl.create_default_context(purpose, cafile=chosen.tls_ca)
    except ssl.SSLError as error:
        raise _Wrong(f"--tls-ca {chosen.tls_ca}: {error.reason}") from error
    if chosen.is_server and chosen.tls_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    if chosen.tls_certificate is not None:
        try:
            context.load_cert_chain(chosen.tls_certificate, chosen.tls_key)
        except ssl.SSLError as error:
            raise _Wrong(
                f"--tls-certificate {chosen.tls_certificate}: {error.reason}, or its "
                "key is not that of --tls-key"
            ) from error
    return context


async def _play(
    dialogues: Sequence[Dialogue], situation: Situation, chosen: _Options
) -> Run:
    """Play everything. Raises _Wrong when the port cannot be had."""
    door = situation.door
    if door is not None:
        try:
            await door.open()
        except OSError as error:
            raise _Wrong(f"{door.host}:{door.port}: {error.strerror}") from error
        click.echo(f"listening on {door.host}:{door.port}", err=True)
    with Progress(len(dialogues) * chosen.rounds, names_all=door is not None) as shown:
        try:
            return await run(
                dialogues,
                replace(situation, notify=shown.say),
                jobs=chosen.jobs,
                rounds=chosen.rounds,
                on_begin=shown.begin,
                on_end=shown.end,
            )
        finally:
            if door is not None:
                await door.shut()


def _report(done: Run, naming: Naming, situation: Situation, chosen: _Options) -> int:
    """Tell how it went; the exit code."""
    port = situation.door.port if situation.door is not None else situation.port
    occasion = Occasion(
        target=f"{situation.host}:{port}",
        mode=situation.mode.value,
        program=f"fixgw certify {__version__}",
        member=chosen.member,
        certifier=chosen.certifier,
        profile=chosen.profile or "",
        command=shlex.join(["fixgw", *sys.argv[1:]]),
        is_server=chosen.is_server,
    )
    print_report(done, naming, occasion)
    if chosen.report_dir is not None:
        write_reports(chosen.report_dir, done, naming, occasion)
    return EXIT_OK if done.is_good else EXIT_FAILED
