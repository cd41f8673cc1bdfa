"""The digest of a shard's state: one number two replays must agree on.

The dump (see :meth:`engine.shard.Shard.dump`) is written out as text in one canonical
form and hashed with BLAKE2b-128. It covers everything a later command could depend on:
instruments and their order, every queue order by order, used identifiers, the highest
MsgSeqNum(34) applied per session, and the counters.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

Dump = tuple[
    tuple[int, int, int, int, int],
    list[tuple[bytes, bytes, tuple[int, ...], list[Any], list[Any]]],
    list[tuple[int, bytes, int, bool, int]],
    list[tuple[int, int, int]],
]


def state_hash(dump: Dump) -> bytes:
    """The 16-byte digest of a dump. ``repr`` of ints, bytes, bools and tuples is
    exact."""
    return blake2b(repr(dump).encode("ascii"), digest_size=16).digest()
