"""``fixgw publisher``: events to Kafka."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from fixgw.config import Config
from fixgw.ops.options import Ready, run_process, shared_options
from fixgw.ops.setup import SetupError
from fixgw.ops.watching import watch


@click.command()
@shared_options
def publisher(**options: Any) -> None:
    """Run the publisher: every event of every shard, in order, to Kafka.

    It reads the shards' logs in the data folder and needs no other process of the
    exchange. Where it goes on is where the topic ends. It starts with `fixgw up` when
    kafka.bootstrap_servers is set.
    """

    async def serve(config: Config, stop: asyncio.Event, ready: Ready) -> int:
        if not config.kafka.bootstrap_servers:
            raise SetupError(
                f"{config.path}: kafka.bootstrap_servers is not set, so there is "
                "nowhere to publish to. Add for example\n"
                '    [kafka]\n    bootstrap_servers = "localhost:9092"'
            )
        # Here, so that no other command waits for the client of Kafka to be imported.
        from fixgw.fanout import process
        from fixgw.ops.metrics.publisher import publisher_metrics

        def made(found: process.PublisherProcess) -> None:
            watch(
                *(config, "publisher", found.status),
                lambda: publisher_metrics(found.publisher),
            )

        return await process.serve(config, stop, ready, made)

    run_process("publisher", options, serve)
