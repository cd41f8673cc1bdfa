"""What the side door counts about itself: plain integers, read when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

LATENCY_BOUNDS_S = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
)
"""Upper bounds of the buckets; a last one has none. An order takes milliseconds, and is
answered after five seconds in any case."""

ROUTES_MAX = 500
"""Pairs of route and status: routes are our own, so this is never reached by asking."""


class Histogram:
    """Counts by duration; ``buckets[i]`` are those up to ``LATENCY_BOUNDS_S[i]`` and
    above the bound before, the last one all others."""

    __slots__ = ("buckets", "count", "sum_ns")

    def __init__(self) -> None:
        self.buckets = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self.count = 0
        self.sum_ns = 0

    def add(self, duration_ns: int) -> None:
        """One more, in nanoseconds."""
        self.buckets[bisect_left(LATENCY_BOUNDS_S, duration_ns / 1e9)] += 1
        self.count += 1
        self.sum_ns += duration_ns


class Figures:
    """Counters since the process began; they only rise."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        """By route ("POST /v1/orders") and HTTP status; "other" where no route is."""
        self.errors: Counter[str] = Counter()
        """By code of the error."""
        self.latency: dict[str, Histogram] = {}
        """Of answers, by route."""
        self.orders: Counter[str] = Counter()
        """Commands sent to shards, by kind: "new", "cancel", "replace", "cancel_all",
        "deadline"."""
        self.outcomes_unknown = 0
        """Commands whose outcome was not known in time."""
        self.replays = 0
        """Requests answered with the outcome of an earlier one."""
        self.order_latency = Histogram()
        """From submitting a command to knowing what came of it."""

    def request(self, route: str, status: int, duration_ns: int) -> None:
        """A request was answered."""
        known = (route, status) in self.requests
        if not known and len(self.requests) >= ROUTES_MAX:
            route = "other"
        self.requests[route, status] += 1
        histogram = self.latency.get(route)
        if histogram is None:
            histogram = self.latency[route] = Histogram()
        histogram.add(duration_ns)
