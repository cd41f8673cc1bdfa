"""The commands that run the exchange: ``up``, and each of its processes alone."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

import engine.host.server as shard_server
from engine.host.lock import FolderInUse, FolderLock
from engine.journal import CorruptLog
from fixgw import __version__
from fixgw.net import acceptor
from fixgw.ops import logs
from fixgw.ops.setup import (
    Overrides,
    SetupError,
    check_manifest,
    load_config,
    load_dictionaries,
    load_settings,
    load_shard_instruments,
)
from fixgw.ops.supervisor import report_ready, supervise
from fixgw.orders.routing import ShardMap
from fixgw.session.settings import AcceptorSettings

log = logging.getLogger(__name__)

CONFIGURATION_WRONG = 78
"""Exit code: nothing was started, the message says what to change (EX_CONFIG)."""

IN_USE = 75
"""Exit code: another process has the data folder (EX_TEMPFAIL)."""

_PATH = click.Path(path_type=Path)
_Command = TypeVar("_Command", bound=Callable[..., Any])


def shared_options(command: _Command) -> _Command:
    """The options every process of the exchange takes."""
    for option in reversed(
        (
            click.option(
                "--config", type=_PATH, help="Configuration [config/fixgw.toml]."
            ),
            click.option("--data", type=_PATH, help="Data folder [./data]."),
            click.option(
                "--sessions", type=_PATH, help="FIX sessions [config/sessions.cfg]."
            ),
            click.option(
                "--instruments",
                type=_PATH,
                help="Instruments [config/instruments.csv].",
            ),
            click.option("--host", help="Address to listen on."),
            click.option(
                "--port",
                type=click.IntRange(0, 65535),
                help="Port to listen on; 0 takes a free one.",
            ),
            click.option(
                "--log-format",
                type=click.Choice(["auto", "pretty", "json"]),
                default="auto",
                show_default=True,
                help="Log lines on stderr: auto is pretty on a terminal.",
            ),
            click.option("--supervisor-fd", type=int, hidden=True),
        )
    ):
        command = option(command)
    return command


def _overrides(options: dict[str, Any]) -> Overrides:
    names = ("config", "data", "sessions", "instruments", "host", "port")
    return Overrides(**{name: options[name] for name in names})


def _run(action: Callable[[], int]) -> None:
    """Turn what can go wrong at a start into one line and an exit code."""
    try:
        code = action()
    except SetupError as error:
        click.echo(f"fixgw: not started:\n{error}", err=True)
        code = CONFIGURATION_WRONG
    except FolderInUse as error:
        click.echo(f"fixgw: not started: {error}", err=True)
        code = IN_USE
    except KeyboardInterrupt:
        # Ctrl-C before anything was started, so there is nothing to stop.
        code = 0
    except CorruptLog as error:
        log.critical("damaged log, nothing is served from it: %s", error)
        code = shard_server.ExitCode.CORRUPT_LOG
    sys.exit(code)


@click.command()
@shared_options
def up(**options: Any) -> None:
    """Run the whole exchange on this machine: gateway, shards, supervisor.

    Starts on embedded defaults, needs no server, keeps its data in ./data and goes on
    from there the next time. Ctrl-C stops it cleanly.
    """
    logs.set_up("supervisor", options["log_format"])
    overrides = _overrides(options)

    def action() -> int:
        config = load_config(overrides)
        settings = load_settings(config, overrides)
        load_dictionaries(config, settings)
        load_shard_instruments(config)
        for warning in settings.warnings:
            log.warning("%s", warning)
        lock = FolderLock(config.data)
        check_manifest(config)
        common = [*overrides.arguments(), "--log-format", options["log_format"]]

        def on_up(facts: dict[str, dict[str, Any]]) -> None:
            click.echo(_banner(settings, config.data, facts))

        try:
            return asyncio.run(
                supervise(
                    [["shard", str(n), *common] for n in range(config.shard_count)],
                    ["gateway", *common],
                    on_up,
                )
            )
        finally:
            lock.release()

    _run(action)


@click.command()
@shared_options
def gateway(**options: Any) -> None:
    """Run one gateway: the FIX acceptor, without shards."""
    logs.set_up("gateway", options["log_format"])
    overrides = _overrides(options)

    def action() -> int:
        config = load_config(overrides)
        settings = load_settings(config, overrides)
        setup = acceptor.GatewaySetup(
            number=0,
            folder=config.gateway_folder(0),
            settings=settings,
            dictionaries=load_dictionaries(config, settings),
            shards=ShardMap(config.shard_count, config.pins),
            shard_socket=config.shard_socket,
        )

        async def run() -> int:
            stop = asyncio.Event()
            supervisor = options["supervisor_fd"]
            shard_server.stop_on_signals(stop, supervisor)
            return await acceptor.serve(
                setup, stop, lambda port: report_ready(supervisor, {"port": port})
            )

        return asyncio.run(run())

    _run(action)


@click.command()
@click.argument("number", type=click.IntRange(0, 65535))
@shared_options
def shard(number: int, **options: Any) -> None:
    """Run one shard: the books of its symbols, and their journal."""
    logs.set_up(f"shard {number}", options["log_format"])
    overrides = _overrides(options)

    def action() -> int:
        config = load_config(overrides)
        if number >= config.shard_count:
            raise SetupError(
                f"{config.path}: there is no shard {number}, "
                f"shards.count is {config.shard_count}"
            )
        instruments = load_shard_instruments(config)[number]

        async def run() -> int:
            stop = asyncio.Event()
            supervisor = options["supervisor_fd"]
            shard_server.stop_on_signals(stop, supervisor)
            return await shard_server.serve(
                number,
                config.shard_folder(number),
                config.shard_socket(number),
                instruments,
                config.day_ends_ns,
                stop,
                lambda facts: report_ready(supervisor, facts),
            )

        return asyncio.run(run())

    _run(action)


def _banner(
    settings: AcceptorSettings, data: Path, facts: dict[str, dict[str, Any]]
) -> str:
    """What listens where, and what to try next."""
    clients = [session.session_id.target_comp_id for session in settings.sessions]
    port = facts.get("gateway", {}).get("port", settings.port)
    try:
        shown_data = f"./{data.relative_to(Path.cwd())}"
    except ValueError:
        shown_data = str(data)
    shown = ", ".join(clients[:8]) + (", …" if len(clients) > 8 else "")
    lines = [
        f"fixgw {__version__} is ready",
        "",
        f"  FIX.4.4 acceptor  {settings.host or '*'}:{port}",
        f"  sessions          {shown}",
    ]
    for name, fact in sorted(facts.items()):
        if "instruments" in fact:
            lines.append(
                f"  {name:<16}  {fact['instruments']} instruments, "
                f"{fact['open_orders']} open orders"
            )
    second = clients[1] if len(clients) > 1 else clients[0]
    where = "" if port == 9876 else f" --port {port}"
    lines += [
        f"  data              {shown_data}",
        "",
        f"  try   bin/fixgw client {clients[0]}{where} --script 'buy 100 ACME @ 10.00'",
        f"        bin/fixgw client {second}{where} --script 'sell 100 ACME @ 10.00'",
        "  stop  Ctrl-C",
    ]
    return "\n".join(lines)
