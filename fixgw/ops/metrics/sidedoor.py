"""Metrics of the side door. Counters begin with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator

from prometheus_client.core import Metric

from fixgw.ops.metrics.families import (
    by_shard,
    counted,
    counter,
    histogram,
    total,
    value,
)
from fixgw.sidedoor.figures import LATENCY_BOUNDS_S
from fixgw.sidedoor.process import SideDoor

KINDS = ("new", "cancel", "replace", "cancel_all", "deadline")


async def sidedoor_metrics(door: SideDoor) -> AsyncIterator[Metric]:
    """What passed through REST and WebSocket."""
    services = door.services
    figures = services.figures
    yield counted(
        "orders_received",
        "Orders, cancels and replaces from clients that were given to shards",
        "kind",
        {kind: figures.orders[kind] for kind in KINDS},
    )
    yield histogram(
        "order_latency_seconds",
        "From giving an order to its shard until it is on disk and its events are here",
        [],
        LATENCY_BOUNDS_S,
        [((), figures.order_latency.buckets, figures.order_latency.sum_ns)],
    )
    yield counter(
        "fixgw_http_requests",
        "Requests answered",
        ["route", "status"],
        [
            ((route, str(status)), count)
            for (route, status), count in figures.requests.items()
        ],
    )
    yield histogram(
        "fixgw_http_request_seconds",
        "From a whole request to its answer",
        ["route"],
        LATENCY_BOUNDS_S,
        [
            ((route,), latency.buckets, latency.sum_ns)
            for route, latency in figures.latency.items()
        ],
    )
    yield counted("fixgw_http_errors", "Errors by code", "code", figures.errors)
    yield total(
        "fixgw_http_outcomes_unknown",
        "Orders whose outcome was not known in time",
        figures.outcomes_unknown,
    )
    yield total(
        "fixgw_http_replays",
        "Requests answered with the outcome of an earlier one",
        figures.replays,
    )
    yield value(
        "fixgw_websocket_connections", "Open WebSockets", services.hub.connections
    )
    yield value(
        "fixgw_unconfirmed_commands",
        "Commands given to shards and not yet confirmed",
        services.dispatcher.under_way,
    )
    down = services.dispatcher.down
    yield by_shard(
        "fixgw_shard_link_up",
        "1 while a shard can be given orders",
        {shard: int(shard not in down) for shard in range(services.config.shard_count)},
    )
