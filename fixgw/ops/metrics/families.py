"""Families of metrics from plain figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

UNITS = Decimal(100_000_000)
"""Units of a price or quantity in 1."""

Rows = Iterable[tuple[Sequence[str], float]]
"""Values of labels, and the figure."""

COMMANDS = {"D": "new", "F": "cancel", "G": "replace"}
"""The label "kind" of what clients ask for, by MsgType(35)."""


def counter(name: str, text: str, labels: Sequence[str], rows: Rows) -> _Counter:
    """A counter. ``name`` without ``_total``."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, figure in rows:
        family.add_metric(values, figure)
    return family


def total(name: str, text: str, figure: float) -> _Counter:
    """A counter without labels. ``name`` without ``_total``."""
    return counter(name, text, [], [((), figure)])


def counted(name: str, text: str, label: str, by: Mapping[str, float]) -> _Counter:
    """A counter with one label. ``name`` without ``_total``."""
    return counter(name, text, [label], [((key,), by[key]) for key in by])


def gauge(name: str, text: str, labels: Sequence[str], rows: Rows) -> _Gauge:
    """A gauge."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, figure in rows:
        family.add_metric(values, figure)
    return family


def value(name: str, text: str, figure: float) -> _Gauge:
    """A gauge without labels."""
    return gauge(name, text, [], [((), figure)])


def by_shard(name: str, text: str, figures: Mapping[int, float]) -> _Gauge:
    """A gauge for each shard."""
    return gauge(name, text, ["shard"], [((str(n),), figures[n]) for n in figures])


def histogram(
    name: str,
    text: str,
    labels: Sequence[str],
    bounds_s: Sequence[float],
    rows: Iterable[tuple[Sequence[str], Sequence[int], int]],
) -> HistogramMetricFamily:
    """A histogram in seconds.

    Each row: values of labels, counts per bucket of which the last has no bound, and
    the sum in nanoseconds.
    """
    family = HistogramMetricFamily(name, text, labels=labels)
    bounds = [*map(str, bounds_s), "+Inf"]
    for values, counts, sum_ns in rows:
        buckets: list[tuple[str, float]] = []
        below = 0
        for bound, count in zip(bounds, counts, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric(values, [*buckets], sum_ns / 1e9)
    return family


def decimal(units: int) -> float:
    """An amount for a dashboard: as near as a float can be."""
    return float(units / UNITS)


_Counter = CounterMetricFamily
_Gauge = GaugeMetricFamily
