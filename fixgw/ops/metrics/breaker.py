"""Metrics of the circuit breaker."""

from __future__ import annotations

from collections.abc import AsyncIterator

from prometheus_client.core import Metric

from fixgw.breaker.process import BreakerProcess
from fixgw.ops.metrics.families import decimal, value


async def breaker_metrics(process: BreakerProcess) -> AsyncIterator[Metric]:
    """The index, and what came of it."""
    breaker = process.breaker
    yield value(
        "fixgw_market_index",
        "Mean of last over base of all instruments since the day began; 1 = unchanged",
        decimal(breaker.index) if process.is_level else 1.0,
    )
    yield value(
        "fixgw_breaker_level",
        "Highest level that has fired today, in percent; 0 = none",
        breaker.state.highest,
    )
    yield value(
        "fixgw_breaker_halted",
        "1 while the whole market is halted",
        int(breaker.is_halted),
    )
    yield value(
        "fixgw_breaker_ready",
        "1 when the events of every shard are known: the index is right",
        int(process.is_level),
    )
