"""Metrics of the publisher."""

from __future__ import annotations

from collections.abc import AsyncIterator

from prometheus_client.core import Metric

from fixgw.fanout.publisher import Publisher
from fixgw.ops.metrics.families import by_shard, total, value


async def publisher_metrics(publisher: Publisher) -> AsyncIterator[Metric]:
    """How far Kafka is behind the logs."""
    yield by_shard(
        "fixgw_publisher_lag_events",
        "Events in the log that are not in Kafka yet",
        publisher.lag,
    )
    yield by_shard(
        "fixgw_publisher_seq",
        "Number of the last event in Kafka",
        publisher.published,
    )
    yield value(
        "fixgw_publisher_connected",
        "1 while Kafka takes events",
        int(publisher.connected),
    )
    yield total(
        "fixgw_publisher_losses",
        "Times Kafka was lost or could not be reached",
        publisher.losses,
    )
