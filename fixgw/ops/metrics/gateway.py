"""Metrics of a gateway. Counters begin with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator

from prometheus_client.core import Metric

from fixgw.net.figures import LATENCY_BOUNDS_S
from fixgw.net.gateway import Gateway
from fixgw.ops.metrics.families import (
    COMMANDS,
    by_shard,
    counted,
    gauge,
    histogram,
    total,
    value,
)


async def gateway_metrics(gateway: Gateway) -> AsyncIterator[Metric]:
    """What passed through its sessions."""
    totals = gateway.totals()
    figures = totals.figures
    yield counted(
        "orders_received",
        "Orders, cancels and replaces from clients, refused and repeated ones included",
        "kind",
        {COMMANDS[msg_type]: count for msg_type, count in totals.orders.items()},
    )
    yield histogram(
        "order_latency_seconds",
        "From the arrival of an order until it is on disk and reported",
        [],
        LATENCY_BOUNDS_S,
        [((), figures.latency.counts, figures.latency.sum_ns)],
    )
    yield counted(
        "fixgw_messages",
        "FIX messages",
        "direction",
        {"in": figures.messages_in, "out": figures.messages_out},
    )
    yield counted(
        "fixgw_bytes",
        "Bytes of FIX connections",
        "direction",
        {"in": figures.bytes_in, "out": figures.bytes_out},
    )
    yield counted(
        "fixgw_refusals",
        "Messages refused before they were orders, and garbled ones",
        "kind",
        {
            "reject": totals.rejects,
            "business_reject": totals.business_rejects,
            "garbled": figures.garbled,
        },
    )
    yield total("fixgw_logons", "Logons accepted", figures.logons)
    yield counted(
        "fixgw_disconnects", "Ends of connections", "reason", totals.disconnects
    )
    yield gauge(
        "fixgw_sessions",
        "FIX sessions",
        ["state"],
        [
            (("configured",), totals.sessions),
            (("logged_on",), totals.logged_on),
            (("disabled",), totals.disabled),
        ],
    )
    yield total(
        "fixgw_messages_resent",
        "Stored messages sent again for a ResendRequest",
        figures.messages_resent,
    )
    yield total(
        "fixgw_resends_refused",
        "ResendRequests that got less than they asked for",
        figures.resends_refused,
    )
    yield gauge(
        "fixgw_replays",
        "Replays of stored messages",
        ["state"],
        [
            (("running",), totals.replays_running),
            (("waiting",), totals.replays_waiting),
        ],
    )
    yield value(
        "fixgw_unconfirmed_commands",
        "Commands given to shards and not yet confirmed",
        totals.unconfirmed,
    )
    yield by_shard(
        "fixgw_shard_link_up",
        "1 while a shard can be given orders",
        {shard: int(link.is_up) for shard, link in gateway.links.items()},
    )
