"""Metrics of the supervisor."""

from __future__ import annotations

from collections.abc import AsyncIterator

from prometheus_client.core import Metric

from fixgw.ops.metrics.families import counted, gauge
from fixgw.ops.supervisor import Supervision


async def supervisor_metrics(supervision: Supervision) -> AsyncIterator[Metric]:
    """Which children are there, and how often each was started."""
    children = supervision.children
    yield gauge(
        "fixgw_process_ready",
        "1 while a process does its work",
        ["process"],
        [((child.name,), int(child.problem is None)) for child in children],
    )
    yield gauge(
        "fixgw_process_halted",
        "1 when a process has ended with a fault that needs a person",
        ["process"],
        [((child.name,), int(child.halted)) for child in children],
    )
    yield counted(
        "fixgw_process_starts",
        "How often a process was started",
        "process",
        {child.name: child.starts for child in children},
    )
