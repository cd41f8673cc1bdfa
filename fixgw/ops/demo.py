"""``fixgw demo``: an exchange with simulated traders, to look at and to trade with."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from engine.host.lock import FolderLock
from engine.host.server import stop_on_signals
from engine.journal import CorruptLog
from fixgw import __version__
from fixgw.config import DEFAULT_PATH, Config
from fixgw.demo.screen import Lines, LiveTable, Screen
from fixgw.demo.staging import free_port, make_keys, write_config
from fixgw.demo.tally import Tally
from fixgw.demo.traders import RETAIL_ACCOUNTS, SESSIONS, Traders, Venue
from fixgw.ops import logs
from fixgw.ops.options import Ready, run_process, run_to_exit, shared_options
from fixgw.ops.setup import (
    Overrides,
    SetupError,
    check_manifest,
    load_config,
    load_settings,
    load_shard_instruments,
)
from fixgw.ops.supervisor import ChildSpec, Supervision
from fixgw.ops.up import checked, stages, watched
from fixgw.session.settings import AcceptorSettings
from fixgw.sidedoor.keys import ApiKey, KeyFile, KeysError

TAIL_LINES = 15
"""Of a log nobody has seen, so many lines are shown after a failure."""

METRICS_PORTS = 16
"""As many in a row as an exchange of a few shards takes."""

_PATH = click.Path(path_type=Path)
_PORT = click.IntRange(0, 65535)
_SPEED = click.FloatRange(0.1, 20.0)


@click.command()
@click.option(
    "--data",
    type=_PATH,
    help="Data folder, kept for the next time [a temporary one, removed at the end].",
)
@click.option("--config", type=_PATH, help="Configuration [config/fixgw.toml].")
@click.option("--seed", default=1, show_default=True, help="Of all that is random.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=_SPEED,
    help="How busy the traders are; 1 is about 60 requests a second.",
)
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End by itself after so long.",
)
@click.option("--port", type=_PORT, help="Of the FIX acceptor; 0 takes a free one.")
@click.option("--http-port", type=_PORT, help="Of REST and the web page; 0 likewise.")
@click.option("--metrics-port", type=_PORT, help="First port of metrics; 0 likewise.")
@click.option("--plain", is_flag=True, help="A line now and then instead of a table.")
@click.option("--logs", is_flag=True, help="Log lines on stderr, not in demo.log.")
@click.option(
    "--log-format",
    type=click.Choice(["auto", "pretty", "json"]),
    default="auto",
    show_default=True,
    help="Form of log lines: auto is pretty on a terminal.",
)
def demo(**options: Any) -> None:
    """Run an exchange with simulated traders: a market to look at and to trade in.

    Market makers and desks come over FIX, people over REST. The banner has the address
    of the web page, with a key in it for an account of your own, and where FIX clients
    log on: the sessions BUYER and SELLER are yours. Ports that are taken are replaced
    by free ones. Ctrl-C ends everything.
    """
    live = not options["plain"] and sys.stdout.isatty()
    run_to_exit(lambda: _main(options, live))


@click.command("demo-traders", hidden=True)
@click.option("--seed", type=int, default=1)
@click.option("--speed", type=_SPEED, default=1.0)
@click.option("--fix-port", type=_PORT, required=True)
@click.option("--rest-port", type=_PORT, required=True)
@shared_options
def demo_traders(
    seed: int, speed: float, fix_port: int, rest_port: int, **options: Any
) -> None:
    """Run the simulated traders of a demo alone."""

    async def serve(config: Config, stop: asyncio.Event, ready: Ready) -> int:
        settings = load_settings(config, Overrides())
        instruments = [i for some in load_shard_instruments(config) for i in some]
        there = KeyFile(config.sidedoor.keys).keys()
        keys = {key.account: key for key in there if not key.disabled}
        venue = Venue(
            fix_host=settings.host or "127.0.0.1",
            fix_port=fix_port,
            exchange=_exchange_name(settings),
            rest_url=f"http://{config.sidedoor.host}:{rest_port}",
            keys=[keys[name] for name in RETAIL_ACCOUNTS if name in keys],
            orders_per_second=config.sidedoor.orders_per_second,
            folder=config.data / "demo-traders",
        )
        traders = Traders(instruments, venue, seed, speed)
        # One line for each request would be all there is to see.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        ready({})
        await traders.run(stop)
        return 0

    run_process("demo-traders", options, serve)


def _main(options: dict[str, Any], live: bool) -> int:
    with (
        _data_folder(options["data"]) as data,
        _log_file(data, options["logs"]) as log_path,
    ):
        logs.set_up("supervisor", options["log_format"])
        lock = FolderLock(data)
        try:
            stage = _set_stage(options, data)
            check_manifest(stage.config)
            code = asyncio.run(_run(stage, options, live))
        finally:
            lock.release()
        if code and log_path is not None:
            _show_tail(log_path)
        return code


@dataclass(frozen=True, slots=True)
class _Stage:
    """Everything that is decided before the first process starts."""

    config: Config
    overrides: Overrides
    settings: AcceptorSettings
    key: ApiKey
    is_kept: bool
    """Whether the data stays when the demo ends."""


def _set_stage(options: dict[str, Any], data: Path) -> _Stage:
    """Configuration, keys and ports. Raises SetupError."""
    given = load_config(Overrides(config=options["config"] or DEFAULT_PATH))
    path = write_config(given, data)
    host = load_settings(given, Overrides()).host
    wanted = load_settings(given, Overrides()).port
    door, metrics = given.sidedoor, given.metrics
    overrides = Overrides(
        config=path,
        data=data,
        port=_port(options["port"], free_port(host, wanted)),
        http_port=_port(options["http_port"], free_port(door.host, door.port)),
        metrics_port=_port(
            options["metrics_port"],
            free_port(metrics.host, metrics.port, METRICS_PORTS),
        ),
    )
    config, settings = checked(overrides)
    known = {session.session_id.target_comp_id for session in settings.sessions}
    missing = [name for name in SESSIONS if name not in known]
    if missing:
        raise SetupError(
            f"{config.sessions}: the demo's traders need the sessions "
            f"{', '.join(missing)}: add them, or leave out --config"
        )
    try:
        key = make_keys(config)
    except KeysError as error:
        raise SetupError(str(error)) from error
    return _Stage(config, overrides, settings, key, options["data"] is not None)


def _port(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given


async def _run(stage: _Stage, options: dict[str, Any], live: bool) -> int:
    supervision = Supervision()
    stop_on_signals(supervision.stop, None)
    # A terminal that is closed would leave the temporary folder behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, supervision.stop.set)
    config = stage.config
    async with watched(config, supervision):
        log_format = options["log_format"]
        await supervision.start(stages(config, stage.overrides, log_format))
        if supervision.is_up:
            await supervision.start([[_traders(stage, options, supervision.facts)]])
        if supervision.is_up:
            banner = _banner(stage, supervision.facts)
            console = _Console(highlight=False)
            screen = LiveTable(console, banner) if live else Lines(console, banner)
            try:
                await _watch(screen, config, supervision, options["duration"])
            except BrokenPipeError:
                # Nobody looks any more (``| head``): that is an end, and no error.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        await supervision.end()
    return supervision.exit_code


class _Console(Console):
    """Leaves it to us what happens when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _traders(
    stage: _Stage, options: dict[str, Any], facts: dict[str, dict[str, Any]]
) -> ChildSpec:
    rest_port = facts.get("sidedoor", {}).get("port") or stage.config.sidedoor.port
    return ChildSpec(
        "demo-traders",
        [
            *("demo-traders", *stage.overrides.arguments()),
            *("--seed", str(options["seed"]), "--speed", str(options["speed"])),
            *("--fix-port", str(facts["gateway"]["port"])),
            *("--rest-port", str(rest_port), "--log-format", options["log_format"]),
        ],
    )


async def _watch(
    screen: Screen,
    config: Config,
    supervision: Supervision,
    duration_s: float | None,
) -> None:
    """Show the market until told to stop, or until the time is over."""
    stop = supervision.stop
    end = None if duration_s is None else time.monotonic() + duration_s
    shards = [config.shard_folder(number) for number in range(config.shard_count)]
    tally = Tally(shards)
    with screen, contextlib.closing(tally):
        while not stop.is_set():
            now = time.monotonic()
            if end is not None and now >= end:
                stop.set()
            try:
                tally.look(now)
            except CorruptLog:
                # Its shard says what is wrong with it, and stops.
                await stop.wait()
            screen.show(tally, supervision.status()["problems"])
            left_s = screen.every_s if end is None else min(screen.every_s, end - now)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(left_s, 0.01))


def _banner(stage: _Stage, facts: dict[str, dict[str, Any]]) -> str:
    """Where to look and what to try."""
    host = stage.settings.host or "127.0.0.1"
    fix_port = facts["gateway"]["port"]
    where = "" if fix_port == 9876 else f" --port {fix_port}"
    lines = [f"fixgw {__version__} demo, simulated traders are at work", ""]
    rest_port = facts.get("sidedoor", {}).get("port")
    if rest_port:
        url = f"http://{stage.config.sidedoor.host}:{rest_port}/"
        key = stage.key
        lines.append(f"  web page  {url}#key={key.key_id}&secret={key.secret}")
    lines.append(f"  FIX       {host}:{fix_port}, sessions BUYER and SELLER are yours")
    if stage.is_kept:
        lines.append(f"  data      {stage.config.data}")
    buy = f"bin/fixgw client BUYER{where} --script 'buy 100 ACME market; wait fill'"
    lines += [
        f"  try       {buy}",
        f"            bin/fixgw log {stage.config.data} --follow",
        "  stop      Ctrl-C",
        "",
    ]
    return "\n".join(lines)


def _exchange_name(settings: AcceptorSettings) -> str:
    """How the exchange signs with the traders' sessions."""
    for session in settings.sessions:
        if session.session_id.target_comp_id in SESSIONS:
            return session.session_id.sender_comp_id
    raise SetupError(f"there are no sessions {', '.join(SESSIONS)}")


# -- folders and files -----------------------------------------------------------------


@contextlib.contextmanager
def _data_folder(given: Path | None) -> Iterator[Path]:
    """The folder asked for, or one that is removed at the end."""
    if given is not None:
        yield given.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="fixgw-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _log_file(data: Path, to_stderr: bool) -> Iterator[Path | None]:
    """All processes write their logs to a file, for they would cover the market."""
    if to_stderr:
        yield None
        return
    data.mkdir(parents=True, exist_ok=True)
    path = data / "demo.log"
    sys.stderr.flush()
    terminal = os.dup(2)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    os.dup2(file, 2)
    os.close(file)
    try:
        yield path
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)


def _show_tail(path: Path) -> None:
    lines = path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    click.echo("\n".join(lines), err=True)
