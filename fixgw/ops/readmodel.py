"""``fixgw readmodel``: the tables of orders, executions, trades and positions."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from engine.host.admin import AdminError, NotRunning, call
from engine.journal import CorruptLog
from fixgw.config import Config
from fixgw.ops.options import (
    CONFIGURATION_WRONG,
    Ready,
    overrides_of,
    run_process,
    shared_options,
)
from fixgw.ops.setup import Overrides, SetupError, load_config, load_settings
from fixgw.ops.watching import watch

if TYPE_CHECKING:
    from fixgw.readmodel.database import Database
    from fixgw.readmodel.names import Names

FAILED = 1
"""Exit code: the tables differ, or could not be built; the message says what."""

ADOPT_S_MAX = 50.0
"""A running read model ends its batch first, and readers of the old tables may hold up
their removal."""

RESTART_S_MAX = 15.0
"""How long a rebuild waits for a read model that is being restarted: it neither answers
nor leaves its tables to others."""

_PATH = click.Path(path_type=Path)
_file = click.option("--config", type=_PATH, help="Configuration.")
_data = click.option("--data", type=_PATH, help="Data folder [./data].")


@click.group()
def readmodel() -> None:
    """Orders, executions, trades and positions as tables, in SQLite or PostgreSQL.

    \b
    fixgw readmodel status      how far it is
    fixgw readmodel verify      compare every row with the events
    fixgw readmodel rebuild     make all tables anew from the first event
    """


@readmodel.command()
@shared_options
def run(**options: Any) -> None:
    """Run the read model: take events into the tables as they come."""

    async def serve(config: Config, stop: asyncio.Event, ready: Ready) -> int:
        from fixgw.ops.metrics.readmodel import readmodel_metrics
        from fixgw.readmodel import process

        def made(model: process.ReadModel) -> None:
            watch(
                *(config, "readmodel", model.status),
                lambda: readmodel_metrics(model.consumer),
            )

        names = _names(config, overrides_of(options))
        return await process.serve(config, names, stop, ready, made)

    run_process("readmodel", options, serve)


@readmodel.command()
@_file
@_data
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def status(config: Path | None, data: Path | None, as_json: bool) -> None:
    """Say up to which event the tables are true."""
    loaded = _load(config, data)
    try:
        answer = call(loaded.admin_socket("readmodel"), "status")
    except (NotRunning, AdminError) as error:
        click.echo(str(error), err=True)
        sys.exit(FAILED)
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    facts = answer["facts"]
    click.echo(f"database   {facts['database']}")
    click.echo(f"source     {facts['source']}")
    for name, seq in facts["positions"].items():
        click.echo(f"{name:<10} event {seq}")
    click.echo(f"lag        {facts['lag_s']} s, {sum(facts['lag'].values())} events")
    for problem in answer["problems"]:
        click.echo(f"problem    {problem}")


@readmodel.command()
@_file
@_data
@click.option("--sessions", type=_PATH, help="FIX sessions, for their names.")
@click.option("--confirm", is_flag=True, help="Yes, replace the tables.")
def rebuild(
    config: Path | None, data: Path | None, sessions: Path | None, confirm: bool
) -> None:
    """Make all tables anew from the first event, then put them in place of the old.

    Readers see the old tables until the new ones are complete. The exchange, and the
    read model itself, may run meanwhile. If it is cut off, nothing has changed.
    """
    loaded = _load(config, data)
    if not confirm:
        click.echo(
            "the tables are made anew and replace the old ones: add --confirm", err=True
        )
        sys.exit(FAILED)
    overrides = Overrides(config=config, data=data, sessions=sessions)
    _ended_by(lambda: _rebuild(loaded, _names(loaded, overrides)))


@readmodel.command()
@_file
@_data
def verify(config: Path | None, data: Path | None) -> None:
    """Compare every row with what the events say; ends with 1 if one differs.

    Looks at the tables as they are at its beginning, so the exchange and the read model
    may run meanwhile. Names of participants are not compared.
    """
    loaded = _load(config, data)
    _ended_by(lambda: _verify(loaded))


async def _rebuild(config: Config, names: Names) -> int:
    from fixgw.ops.progress import bar
    from fixgw.readmodel.consumer import Consumer
    from fixgw.readmodel.database import DatabaseInUse
    from fixgw.readmodel.process import database_of, positions_of, source_of

    target = database_of(config)
    await asyncio.to_thread(target.check_replaceable)
    consumer = Consumer(source_of(config), target.beside(anew=True), names)
    try:
        with bar("events", event_bytes(config)) as advance:
            await consumer.run(asyncio.Event(), advance, until_level=True)
    except DatabaseInUse as error:
        click.echo(f"fixgw: another rebuild is under way: {error}", err=True)
        return FAILED
    finally:
        await consumer.close()
    taken = consumer.figures.events
    by_whom = _put_in_place(config, target, positions_of(consumer.figures.progress))
    click.echo(f"{taken} events; {by_whom}")
    return 0


def _put_in_place(config: Config, target: Database, positions: dict[str, int]) -> str:
    """Exchange the tables: by the read model if it runs, else here. Who did it.

    Raises AdminError, DatabaseDown and DatabaseRefused; then the old ones are still
    there.
    """
    from fixgw.readmodel.database import DatabaseInUse, DatabaseRefused
    from fixgw.readmodel.process import positions_of

    socket = config.admin_socket("readmodel")
    deadline = time.monotonic() + RESTART_S_MAX
    while True:
        try:
            asked = {"positions": positions}
            call(socket, "readmodel.adopt", asked, ADOPT_S_MAX)
            return "the running read model goes on with the new tables"
        except NotRunning:
            pass
        other = target.beside()
        try:
            if positions_of(other.open()) != positions:
                raise DatabaseRefused(f"another rebuild has been at {other.name}")
            target.replace_by(other)
            return "the new tables are in place"
        except DatabaseInUse:
            if time.monotonic() > deadline:
                raise
        finally:
            other.close()
        time.sleep(0.1)


async def _verify(config: Config) -> int:
    from fixgw.ops.progress import bar
    from fixgw.readmodel.process import database_of, source_of
    from fixgw.readmodel.verify import verify

    tables, source = database_of(config).snapshot(), source_of(config)
    try:
        with bar("events", event_bytes(config)) as advance:
            findings = await verify(source, tables, advance)
    finally:
        await source.close()
        tables.close()
    for text in findings.told:
        click.echo(text)
    if findings.differences:
        click.echo(f"{findings.differences} differences in {findings.rows} rows")
        return FAILED
    click.echo(f"{findings.rows} rows agree with {findings.events} events")
    return 0


def event_bytes(config: Config) -> int | None:
    """Bytes of all events there are in the logs; None where that is not known."""
    if config.readmodel.source != "log":
        return None
    return sum(
        path.stat().st_size
        for shard in range(config.shard_count)
        for path in (config.shard_folder(shard) / "events").glob("*.log")
    )


def _ended_by(action: Callable[[], Coroutine[Any, Any, int]]) -> NoReturn:
    """Run to an exit code; what can go wrong is one line."""
    from fixgw.readmodel.database import DatabaseDown, DatabaseRefused
    from fixgw.readmodel.sources import SourceDown, StreamBroken

    # It tells every attempt to connect; what it comes to is told once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)
    try:
        code = asyncio.run(action())
    except SetupError as error:
        click.echo(f"fixgw: {error}", err=True)
        code = CONFIGURATION_WRONG
    except (
        *(DatabaseDown, DatabaseRefused, SourceDown, StreamBroken, CorruptLog),
        AdminError,
    ) as error:
        click.echo(f"fixgw: {error}", err=True)
        code = FAILED
    sys.exit(code)


def _load(config: Path | None, data: Path | None) -> Config:
    try:
        return load_config(Overrides(config=config, data=data))
    except SetupError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIGURATION_WRONG)


def _names(config: Config, overrides: Overrides) -> Names:
    """Also sees that there is something to read. Raises SetupError."""
    from fixgw.readmodel.names import Names

    if config.readmodel.source == "log" and not config.data.exists():
        raise SetupError(
            f"{config.data} does not exist: start the exchange first, or name its data "
            "folder with --data"
        )
    settings = load_settings(config, overrides)
    return Names(
        {
            session.session_id.key: str(session.session_id)
            for session in settings.sessions
        }
    )
