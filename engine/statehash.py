"""The digest of a shard's state: one number two replays must agree on.

The dump (see :meth:`engine.shard.Shard.dump`) is written out as text in one canonical
form and hashed with BLAKE2b-128. It covers everything a later command could depend on:
instruments and their order, every queue order by order, used identifiers, the orders
that are remembered, the highest MsgSeqNum(34) applied per session, limits, positions,
deadlines, changed trades, and the counters.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

Row = tuple[Any, ...]

Dump = tuple[
    tuple[int, int, int, int, int, int],
    list[Row],
    list[tuple[int, bytes, int, bool, int]],
    list[tuple[Row, int]],
    list[tuple[int, int, int]],
    list[Row],
    list[tuple[bytes, bytes, int]],
    list[tuple[int, int, int, int, int]],
    list[tuple[int, int]],
]
"""Counters, books, identifiers, ended orders, sessions, limits, positions, deadlines,
changed trades."""


def state_hash(dump: Dump) -> bytes:
    """The 16-byte digest of a dump. ``repr`` of ints, bytes, bools and tuples is
    exact."""
    return blake2b(repr(dump).encode("ascii"), digest_size=16).digest()
