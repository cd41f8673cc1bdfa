"""``fixgw sidedoor``: REST and WebSocket, without shards."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from fixgw.config import Config
from fixgw.ops.options import Ready, run_process, shared_options
from fixgw.ops.watching import watch


@click.command()
@shared_options
def sidedoor(**options: Any) -> None:
    """Run the side door: orders by REST, streams by WebSocket, the web page."""

    async def serve(config: Config, stop: asyncio.Event, ready: Ready) -> int:
        # Here, so that no other command waits for the web framework to be imported.
        from fixgw.ops.metrics.sidedoor import sidedoor_metrics
        from fixgw.sidedoor import process

        def made(door: process.SideDoor) -> None:
            watch(config, "sidedoor", door.status, lambda: sidedoor_metrics(door))

        return await process.serve(config, stop, ready, made)

    run_process("sidedoor", options, serve)
