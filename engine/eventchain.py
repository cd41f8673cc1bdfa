"""The chain of a shard's events: one digest per event that binds all before it.

The value after event n is BLAKE2b-128 over the value after event n - 1 and the 384
bytes of event n; before the first event stands :func:`genesis`. It depends on the
events alone, not on how they were batched, so it is the same after any replay, in every
copy and on every way an event travels: whoever holds the events up to n and one value
can prove that the event n + 1 he is given is the one the shard made.
"""

from __future__ import annotations

from hashlib import blake2b

from engine.records import EVENT_BYTES

CHAIN_BYTES = 16

_GENESIS = b"fixgw events of shard "


def genesis(shard: int) -> bytes:
    """The chain's value before the first event of ``shard``, 0 to 65,535.

    It differs by shard, so that the events of one are never taken for another's.
    """
    if not 0 <= shard <= 0xFFFF:
        raise ValueError(f"shard {shard} is not between 0 and 65535")
    return blake2b(_GENESIS + b"%d" % shard, digest_size=CHAIN_BYTES).digest()


def extend(previous: bytes, events: bytes) -> list[bytes]:
    """The chain's value after each of ``events``, which follow on ``previous``.

    ``events`` are packed events of one shard without a gap. Raises ValueError for a
    length that is no multiple of an event's and a value that is not of 16 bytes.
    """
    if len(previous) != CHAIN_BYTES:
        raise ValueError(f"a chain value of {len(previous)} bytes, not {CHAIN_BYTES}")
    if len(events) % EVENT_BYTES:
        raise ValueError(f"{len(events)} bytes are no whole number of events")
    values = []
    value = previous
    for start in range(0, len(events), EVENT_BYTES):
        value = blake2b(
            value + events[start : start + EVENT_BYTES], digest_size=CHAIN_BYTES
        ).digest()
        values.append(value)
    return values
