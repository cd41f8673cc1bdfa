"""Commands of operators on their way through a shard."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from engine.host.admin import AdminError
from engine.host.arguments import Arguments, not_found
from engine.host.service import ServiceStopped, ShardService
from engine.records import EVENT_BYTES, SYMBOL_BYTES, unpack_all


async def done(
    service: ShardService, commands: bytes, kinds: Container[int]
) -> list[Any]:
    """The events of these kinds that these commands caused, once they are on disk.

    What time brought at the start of their batch, and what followed in the book, is
    among the events of a command as well. Raises AdminError.
    """
    try:
        events = await service.process(commands)
    except ServiceStopped:
        raise AdminError(
            "UNAVAILABLE",
            f"shard {service.host.shard.shard_id} stops: whether this was done shows "
            "when it is back",
        ) from None
    return [event for event in unpack_all(events, EVENT_BYTES) if event.kind in kinds]


def known_symbol(service: ShardService, arguments: Arguments) -> str:
    """The argument "symbol", which must be an instrument's. Raises AdminError."""
    symbol = arguments.text("symbol", SYMBOL_BYTES)
    phases = service.host.standing.phases
    if symbol not in phases:
        process = f"shard {service.host.shard.shard_id}"
        raise not_found(f"{process} has no instrument", symbol, phases)
    return symbol
