"""``fixgw gateway`` and ``fixgw shard``: one process of the exchange alone."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import click

import engine.host.server as shard_server
from engine.host.operator import Operator as ShardOperator
from fixgw import __version__
from fixgw.config import Config
from fixgw.dropcopy.desk import DropCopyDesk
from fixgw.net import serving
from fixgw.net.gateway import Gateway
from fixgw.net.leaving import Leaving
from fixgw.net.marketdata import MarketData, over_sockets
from fixgw.net.operator import Operator as GatewayOperator
from fixgw.ops.credential_watch import CredentialsWatch
from fixgw.ops.market_setup import load_limits, timetable
from fixgw.ops.metrics.gateway import gateway_metrics
from fixgw.ops.metrics.shard import shard_metrics
from fixgw.ops.options import Ready, overrides_of, run_process, shared_options
from fixgw.ops.setup import (
    SetupError,
    check_layout,
    load_rulebooks,
    load_settings,
    load_shard_instruments,
)
from fixgw.ops.tls_files import with_tls_files
from fixgw.ops.watching import watch
from fixgw.orders.exchange import Desk, Exchange
from fixgw.orders.routing import ShardMap


@click.command()
@shared_options
def gateway(**options: Any) -> None:
    """Run one gateway: the FIX acceptor, without shards."""

    async def serve(config: Config, stop: asyncio.Event, ready: Ready) -> int:
        settings = with_tls_files(
            config.sessions, load_settings(config, overrides_of(options))
        )
        credentials = CredentialsWatch(config.sessions, settings)
        shards = ShardMap(config.shard_count, config.pins)
        shard_sockets = {
            number: config.shard_socket(number) for number in range(shards.count)
        }
        event_logs = {
            number: config.shard_folder(number) / "events"
            for number in range(shards.count)
        }

        def application(gateway: Gateway) -> Exchange:
            links = over_sockets(gateway.number, shard_sockets)
            # Garbage collection would look at a whole loaded market again and again.
            market_data = MarketData(gateway, shards, links, gc.freeze)
            desks: list[Desk] = [Leaving(gateway), DropCopyDesk(gateway, event_logs)]
            return Exchange(shards, gateway, [*desks, *market_data.desks])

        setup = serving.GatewaySetup(
            number=0,
            folder=config.gateway_folder(0),
            settings=settings,
            rulebooks=load_rulebooks(config.sessions, settings),
            application=application,
            credentials=credentials.first,
            changed_credentials=credentials.changed,
            shard_sockets=shard_sockets,
            admin_socket=config.admin_socket("gateway"),
            audit_log=config.audit_log,
            version=__version__,
        )

        def made(operator: GatewayOperator) -> None:
            watch(
                *(config, operator.process, operator.status),
                lambda: gateway_metrics(operator.gateway),
            )

        return await serving.serve(
            setup, stop, lambda port: ready({"port": port}), made
        )

    run_process("gateway", options, serve)


@click.command()
@click.argument("number", type=click.IntRange(0, 65535))
@shared_options
def shard(number: int, **options: Any) -> None:
    """Run one shard: the books of its symbols, and their journal."""

    async def serve(config: Config, stop: asyncio.Event, ready: Ready) -> int:
        if number >= config.shard_count:
            raise SetupError(
                f"{config.path}: there is no shard {number}, "
                f"shards.count is {config.shard_count}"
            )
        check_layout(config)
        instruments = load_shard_instruments(config)[number]
        limits = load_limits(config, load_settings(config, overrides_of(options)))
        name = f"shard {number}"

        def made(operator: ShardOperator) -> None:
            watch(config, name, operator.status, lambda: shard_metrics(operator))

        return await shard_server.serve(
            number,
            config.shard_folder(number),
            config.shard_socket(number),
            instruments,
            config.day_ends_ns,
            stop,
            ready,
            admin_socket=config.admin_socket(name),
            audit_log=config.audit_log,
            version=__version__,
            on_operator=made,
            timetable=timetable(config),
            limits=limits,
        )

    run_process(f"shard {number}", options, serve)
