"""``fixgw breaker``: the process of the circuit breaker, and ending a halt."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import click

from engine.host.admin import AdminError, NotRunning, call
from fixgw.breaker import process
from fixgw.config import Config
from fixgw.ops.metrics.breaker import breaker_metrics
from fixgw.ops.options import Ready, run_process, shared_options
from fixgw.ops.shard_calls import Shards, as_json_option, give_up, where
from fixgw.ops.watching import watch


@click.group(invoke_without_command=True)
@shared_options
@click.pass_context
def breaker(ctx: click.Context, /, **options: Any) -> None:
    """Run the circuit breaker: halt all instruments when the whole market falls.

    Without a command it runs the process, which 'fixgw up' does when
    circuit_breaker.enabled is set. 'fixgw status' shows the index and the levels.
    """
    if ctx.invoked_subcommand is not None:
        return

    async def serve(config: Config, stop: asyncio.Event, ready: Ready) -> int:
        def made(found: process.BreakerProcess) -> None:
            watch(
                *(config, "breaker", found.status),
                lambda: breaker_metrics(found),
            )

        return await process.serve(config, stop, ready, made)

    run_process("breaker", options, serve)


@breaker.command()
@click.option("--confirm", is_flag=True, help="Needed.")
@click.option("--reason", metavar="TEXT", help="Why, for the audit log.")
@as_json_option
@where
def release(
    confirm: bool,
    reason: str | None,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Let instruments be resumed in spite of a market-wide halt.

    The halt itself stays until its time is over, or until 'fixgw instruments resume
    --all --confirm' ends it. Levels that have fired do not fire again today.
    """
    if not confirm:
        raise click.UsageError(
            "this would end the watch over the market-wide halt; add --confirm to do it"
        )
    path = Shards(config, data).config.admin_socket("breaker")
    try:
        answer = call(path, "breaker.release", {"reason": reason} if reason else {})
    except (AdminError, NotRunning) as error:
        give_up(str(error))
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    elif answer["changed"]:
        click.echo("released: resume what is to trade with 'fixgw instruments resume'")
    else:
        click.echo("the market is not halted")
