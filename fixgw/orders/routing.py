"""Which shard a symbol belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

from engine.records import SYMBOL_BYTES

KNOWN_SYMBOLS_MAX = 200_000
"""Symbols come from the wire: the memory of past answers is emptied beyond this. What
is too long for a symbol is not remembered."""


class ShardMap:
    """Rendezvous hashing: every symbol weighs every shard, the heaviest has it.

    Adding a shard moves only the symbols that it then wins. ``pins`` are exceptions.
    Nothing but the names decides, so every process finds the same.
    """

    def __init__(self, count: int, pins: Mapping[str, int]) -> None:
        if count < 1:
            raise ValueError("at least one shard is needed")
        for symbol, shard in pins.items():
            if not 0 <= shard < count:
                raise ValueError(f"{symbol} is pinned to {shard}, of {count} shards")
        self.count = count
        self._pins = {symbol.encode("ascii"): shard for symbol, shard in pins.items()}
        self._known = dict(self._pins)

    def shard_of(self, symbol: bytes) -> int:
        """The number of the shard that has ``symbol``."""
        known = self._known.get(symbol)
        if known is not None:
            return known
        if len(self._known) >= KNOWN_SYMBOLS_MAX:
            self._known = dict(self._pins)
        shard = max(range(self.count), key=lambda number: _weight(symbol, number))
        if len(symbol) <= SYMBOL_BYTES:
            self._known[symbol] = shard
        return shard


def _weight(symbol: bytes, shard: int) -> bytes:
    return blake2b(symbol, digest_size=8, key=shard.to_bytes(4, "big")).digest()
