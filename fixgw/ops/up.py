"""``fixgw up``: the whole exchange on one machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from engine.host.admin import AdminServer, AuditLog, Command
from engine.host.lock import FolderLock
from engine.host.server import stop_on_signals
from fixgw import __version__
from fixgw.config import Config
from fixgw.ops import logs
from fixgw.ops.market_setup import check_schedule, load_limits
from fixgw.ops.metrics.supervisor import supervisor_metrics
from fixgw.ops.options import overrides_of, run_to_exit, shared_options
from fixgw.ops.setup import (
    Overrides,
    SetupError,
    check_manifest,
    load_config,
    load_rulebooks,
    load_settings,
)
from fixgw.ops.supervisor import ChildSpec, Supervision
from fixgw.ops.watching import watch
from fixgw.session.settings import AcceptorSettings

log = logging.getLogger(__name__)

SESSIONS_SHOWN_MAX = 8
"""More names than this would make the banner longer than a screen."""


@click.command()
@shared_options
def up(**options: Any) -> None:
    """Run the whole exchange on this machine, each process under one supervisor.

    Starts on embedded defaults, needs no server, keeps its data in ./data and goes on
    from there the next time. Ctrl-C stops it cleanly.
    """
    logs.set_up("supervisor", options["log_format"])
    overrides = overrides_of(options)

    def action() -> int:
        config, settings = checked(overrides)
        lock = locked(config.data)

        async def run() -> int:
            supervision = Supervision()
            stop_on_signals(supervision.stop, None)
            async with watched(config, supervision):
                children = stages(config, overrides, options["log_format"])
                await supervision.start(children)
                if supervision.is_up:
                    click.echo(banner(settings, config, supervision.facts))
                    await supervision.stop.wait()
                await supervision.end()
            return supervision.exit_code

        try:
            check_manifest(config)
            return asyncio.run(run())
        finally:
            lock.release()

    run_to_exit(action)


def locked(data: Path) -> FolderLock:
    """The data folder, made if it is not there. Raises FolderInUse and SetupError."""
    try:
        return FolderLock(data)
    except OSError as error:
        raise SetupError(
            f"the data folder {data} cannot be used: {error.strerror}. Name another "
            "one with --data"
        ) from error


@asynccontextmanager
async def watched(config: Config, supervision: Supervision) -> AsyncIterator[None]:
    """The supervisor's admin socket and metrics, while its children run."""
    name = "supervisor"
    admin = AdminServer(
        config.admin_socket(name),
        {"status": Command(lambda _: supervision.status(), changes=False)},
        AuditLog(config.audit_log),
        name,
    )
    await admin.start()
    telemetry = watch(
        config, name, supervision.status, lambda: supervisor_metrics(supervision)
    )
    try:
        yield
    finally:
        if telemetry is not None:
            telemetry.close()
        await admin.close()


def checked(overrides: Overrides) -> tuple[Config, AcceptorSettings]:
    """The configuration, once everything the children will read is known to be good.

    Raises SetupError.
    """
    config = load_config(overrides)
    settings = load_settings(config, overrides)
    load_rulebooks(config.sessions, settings)
    check_schedule(config)
    load_limits(config, settings)
    for warning in settings.warnings:
        log.warning("%s", warning)
    return config, settings


def stages(
    config: Config, overrides: Overrides, log_format: str
) -> list[list[ChildSpec]]:
    """The children of an exchange: who depends on whom starts later."""
    common = [*overrides.arguments(), "--log-format", log_format]

    def spec(name: str, *words: str, port_option: str = "") -> ChildSpec:
        return ChildSpec(
            name,
            [*words, *common],
            port_option,
            needed=words[0] in ("shard", "gateway"),
            essential=name == "gateway",
            admin_socket=config.admin_socket(name),
        )

    known = {
        "gateway": spec("gateway", "gateway", port_option="--port"),
        "sidedoor": spec("sidedoor", "sidedoor", port_option="--http-port"),
        "breaker": spec("breaker", "breaker"),
        "publisher": spec("publisher", "publisher"),
        "readmodel": spec("readmodel", "readmodel", "run"),
    }
    shards = [name for name in config.processes if name.startswith("shard ")]
    others = [name for name in config.processes if name in known and name != "gateway"]
    return [
        [spec(name, "shard", name.removeprefix("shard ")) for name in shards],
        [known["gateway"]],
        [known[name] for name in others],
    ]


def banner(
    settings: AcceptorSettings, config: Config, facts: dict[str, dict[str, Any]]
) -> str:
    """What listens where, and what to try next."""
    sessions = [
        session.session_id for session in (*settings.sessions, *settings.templates)
    ]
    clients = [session.target_comp_id for session in sessions]
    versions = {session.begin_string for session in sessions}
    version = versions.pop() if len(versions) == 1 else "FIX"
    port = facts.get("gateway", {}).get("port", settings.port)
    more = ", …" if len(clients) > SESSIONS_SHOWN_MAX else ""
    lines = [
        f"fixgw {__version__} is ready",
        "",
        f"  {f'{version} acceptor':<16}  {settings.host or '*'}:{port}",
        f"  sessions          {', '.join(clients[:SESSIONS_SHOWN_MAX])}{more}",
    ]
    if config.sidedoor.enabled:
        http_port = facts.get("sidedoor", {}).get("port")
        where = f"http://{config.sidedoor.host}:{http_port}/"
        lines.append(
            f"  REST, web page    {where if http_port else 'not running, see above'}"
        )
    for name, fact in sorted(facts.items()):
        if "instruments" in fact:
            lines.append(
                f"  {name:<16}  {fact['instruments']} instruments, "
                f"{fact['open_orders']} open orders"
            )
    lines += [
        f"  data              {_shown(config.data)}",
        "",
        *_to_try(settings, port),
        "  look  bin/fixgw status",
        "  stop  Ctrl-C",
    ]
    return "\n".join(lines)


def _to_try(settings: AcceptorSettings, port: int) -> list[str]:
    """Two commands that trade with each other. The client speaks FIX 4.4."""
    names = [
        session.session_id.target_comp_id
        for session in settings.sessions
        if session.session_id.begin_string == "FIX.4.4"
    ]
    if not names:
        return []
    where = "" if port == 9876 else f" --port {port}"
    first, second = names[0], names[1] if len(names) > 1 else names[0]
    return [
        f"  try   bin/fixgw client {first}{where} --script 'buy 100 ACME @ 10.00'",
        f"        bin/fixgw client {second}{where} --script 'sell 100 ACME @ 10.00'",
    ]


def _shown(data: Path) -> str:
    try:
        return f"./{data.relative_to(Path.cwd())}"
    except ValueError:
        return str(data)
