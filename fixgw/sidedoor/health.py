"""How the side door is: for probes, for its admin socket, for metrics."""

from __future__ import annotations

from typing import Any

from fixgw.sidedoor.services import Services


def readiness(services: Services) -> dict[str, Any]:
    """Whether every shard can be reached, and everything else that is wrong.

    Redis being away is a problem, but the side door goes on without it; that no shard
    can be reached is not to be hidden from those who send requests here.
    """
    dispatcher, market = services.dispatcher, services.market
    dependencies: dict[str, Any] = {}
    problems = []
    for shard in range(services.config.shard_count):
        up = dispatcher.is_up(shard)
        position = market.shards.get(shard)
        seq = position.seq if position is not None else 0
        dependencies[f"shard {shard}"] = {"up": up, "seq": seq}
        if not up:
            problems.append(f"shard {shard} cannot be reached")
    ready = not problems
    if (redis_up := services.guard.redis_up) is not None:
        dependencies["redis"] = {"up": redis_up, "seq": None}
    return {
        "ready": ready,
        "dependencies": dependencies,
        "problems": problems + services.guard.health(),
    }


def public_readiness(services: Services) -> dict[str, Any]:
    """The same for strangers: problems are counted and not told, because they name
    files and addresses of this machine."""
    found = readiness(services)
    return {**found, "problems": len(found["problems"])}


def facts(services: Services) -> dict[str, Any]:
    """Figures for operators."""
    figures, hub = services.figures, services.hub
    return {
        "requests": sum(figures.requests.values()),
        "orders": figures.orders["new"],
        "cancels": figures.orders["cancel"],
        "replaces": figures.orders["replace"],
        "under_way": services.dispatcher.under_way,
        "websockets": hub.connections,
        "accounts": len(services.accounts),
        "events": services.accounts.events_seen,
        "replays": figures.replays,
        "outcomes_unknown": figures.outcomes_unknown,
        "requests_by_status": _by_status(figures.requests),
        "errors": dict(figures.errors),
    }


def _by_status(requests: dict[tuple[str, int], int]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for (_, status), count in requests.items():
        totals[str(status)] = totals.get(str(status), 0) + count
    return totals
