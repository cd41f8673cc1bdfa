"""Metrics of the read model."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from prometheus_client.core import Metric

from fixgw.ops.metrics.families import by_shard, gauge, total, value
from fixgw.readmodel.consumer import Consumer


async def readmodel_metrics(consumer: Consumer) -> AsyncIterator[Metric]:
    """How far the tables are behind. Counters begin with the process."""
    figures = consumer.figures
    now_ns = time.time_ns()
    yield value(
        "fixgw_readmodel_lag_seconds",
        "How old the tables are at most; 0 while they hold everything",
        figures.lag_s(now_ns),
    )
    yield by_shard(
        "fixgw_readmodel_lag_events", "Events that are not in the tables", figures.lag
    )
    yield by_shard(
        "fixgw_readmodel_seq",
        "Number of the last event in the tables",
        {shard: known.seq for shard, known in figures.progress.items()},
    )
    problems = figures.problems(now_ns)
    yield gauge(
        "fixgw_readmodel_up",
        "1 while a side works",
        ["side"],
        [((side,), int(side not in problems)) for side in ("source", "database")],
    )
    yield total("fixgw_readmodel_events", "Events taken", figures.events)
    yield total(
        "fixgw_readmodel_duplicates",
        "Events that came again and were dropped",
        figures.duplicates,
    )
    yield total("fixgw_readmodel_batches", "Transactions written", figures.batches)
    yield total("fixgw_readmodel_rows", "Rows written", figures.rows)
    yield total(
        "fixgw_readmodel_retries",
        "Times source or database failed and were tried again",
        figures.retries,
    )
