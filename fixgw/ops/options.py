"""What the commands that run a process have in common: options, errors, signals."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.host.host import OtherLayout
from engine.host.lock import FolderInUse
from engine.host.server import ExitCode as ShardExitCode
from engine.host.server import stop_on_signals
from engine.journal import CorruptLog
from fixgw.config import METRICS_PORT_MAX, Config
from fixgw.ops import logs
from fixgw.ops.setup import OVERRIDES, Overrides, SetupError, load_config

log = logging.getLogger(__name__)

CONFIGURATION_WRONG = 78
"""Exit code: nothing was started, the message says what to change (EX_CONFIG)."""

IN_USE = 75
"""Exit code: another process has the data folder (EX_TEMPFAIL)."""

Ready = Callable[[dict[str, Any]], None]
"""To be called with a few facts once a process does what it is for."""

_PATH = click.Path(path_type=Path)
_PORT = click.IntRange(0, 65535)
_METRICS_PORT = click.IntRange(0, METRICS_PORT_MAX)
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
            click.option("--host", help="Address of the FIX acceptor."),
            click.option(
                "--port",
                type=_PORT,
                help="Port of the FIX acceptor; 0 takes a free one.",
            ),
            click.option(
                "--http-port",
                type=_PORT,
                help="Port of REST, WebSocket and web page; 0 takes a free one.",
            ),
            click.option(
                "--metrics-port",
                type=_METRICS_PORT,
                help="First port of metrics and health; 0 takes free ones.",
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


def overrides_of(options: dict[str, Any]) -> Overrides:
    """What the shared options say instead of the files."""
    return Overrides(**{name: options[name] for name in OVERRIDES})


def run_to_exit(action: Callable[[], int]) -> None:
    """Turn what can go wrong at a start into one line and an exit code."""
    try:
        code = action()
    except SetupError as error:
        click.echo(f"fixgw: not started:\n{error}", err=True)
        code = CONFIGURATION_WRONG
    except OtherLayout as error:
        click.echo(f"fixgw: not started: {error}", err=True)
        code = CONFIGURATION_WRONG
    except FolderInUse as error:
        click.echo(f"fixgw: not started: {error}", err=True)
        code = IN_USE
    except KeyboardInterrupt:
        # Ctrl-C before anything was started, so there is nothing to stop.
        code = 0
    except CorruptLog as error:
        log.critical("damaged log, nothing is served from it: %s", error)
        code = ShardExitCode.CORRUPT_LOG
    sys.exit(code)


def run_process(
    name: str,
    options: dict[str, Any],
    serve: Callable[[Config, asyncio.Event, Ready], Awaitable[int]],
) -> None:
    """Run one process until it is told to stop, and end with its exit code.

    ``serve`` gets the configuration with what the command line says instead, an event
    that is set when the process is to stop, and what to call when it is ready. It may
    raise SetupError before it is.
    """
    logs.set_up(name, options["log_format"])
    overrides = overrides_of(options)

    def action() -> int:
        config = load_config(overrides)

        async def run() -> int:
            stop = asyncio.Event()
            supervisor = options["supervisor_fd"]
            stop_on_signals(stop, supervisor)
            return await serve(
                config, stop, lambda facts: report_ready(supervisor, facts)
            )

        return asyncio.run(run())

    run_to_exit(action)


def report_ready(supervisor_fd: int | None, facts: dict[str, Any]) -> None:
    """A child tells its supervisor that it is ready."""
    if supervisor_fd is not None:
        os.write(supervisor_fd, json.dumps(facts).encode() + b"\n")
