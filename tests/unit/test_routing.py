"""Which shard a symbol belongs to: the same for ever, evenly, and with few moves."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from engine.records import SYMBOL_BYTES
from fixgw.orders import routing
from fixgw.orders.routing import ShardMap

ROOT = Path(__file__).parents[2]
SYMBOLS = [f"SYM{number}".encode() for number in range(20_000)]

GOLDEN = {
    b"ACME": (0, 0, 2, 6, 139),
    b"GLOBEX": (0, 1, 1, 1, 30),
    b"EUR/USD": (0, 1, 2, 2, 242),
    b"BTC-USD": (0, 1, 2, 4, 185),
    b"ES-Z6": (0, 0, 0, 0, 77),
    b"": (0, 0, 0, 3, 203),
    b"AAAAAAAAAAAAAAAAAAAAAAAA": (0, 0, 0, 5, 100),
}
"""Shard of each symbol of 1, 2, 3, 8 and 256. A change would lose the books of data
folders that exist."""


@pytest.mark.parametrize("symbol", GOLDEN)
def test_golden_values(symbol: bytes) -> None:
    found = tuple(ShardMap(n, {}).shard_of(symbol) for n in (1, 2, 3, 8, 256))
    assert found == GOLDEN[symbol]


def test_every_process_finds_the_same() -> None:
    script = (
        "from fixgw.orders.routing import ShardMap\n"
        "shards = ShardMap(7, {})\n"
        "print([shards.shard_of(b'SYM%d' % n) for n in range(500)])\n"
    )
    here = ShardMap(7, {})
    expected = str([here.shard_of(b"SYM%d" % n) for n in range(500)])
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            check=True,
        )
        assert done.stdout.strip() == expected


@pytest.mark.parametrize("count", [2, 3, 8])
def test_shards_have_equal_shares(count: int) -> None:
    shards = ShardMap(count, {})
    shares = Counter(shards.shard_of(symbol) for symbol in SYMBOLS)
    assert set(shares) == set(range(count))
    fair = len(SYMBOLS) / count
    assert all(0.93 * fair < share < 1.07 * fair for share in shares.values())


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_shard_more_takes_its_share_and_moves_nothing_else(count: int) -> None:
    before, after = ShardMap(count, {}), ShardMap(count + 1, {})
    moved = [s for s in SYMBOLS if before.shard_of(s) != after.shard_of(s)]
    assert all(after.shard_of(symbol) == count for symbol in moved)
    fair = len(SYMBOLS) / (count + 1)
    assert 0.9 * fair < len(moved) < 1.1 * fair


def test_pins_are_exceptions() -> None:
    free = ShardMap(4, {})
    elsewhere = (free.shard_of(b"ACME") + 1) % 4
    pinned = ShardMap(4, {"ACME": elsewhere})
    assert pinned.shard_of(b"ACME") == elsewhere
    for symbol in SYMBOLS[:1000]:
        assert pinned.shard_of(symbol) == free.shard_of(symbol)


def test_what_is_no_division_into_shards() -> None:
    with pytest.raises(ValueError, match="at least one shard is needed"):
        ShardMap(0, {})
    for shard in (-1, 2):
        with pytest.raises(ValueError, match=f"A is pinned to {shard}, of 2 shards"):
            ShardMap(2, {"A": shard})


def test_the_memory_of_symbols_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "KNOWN_SYMBOLS_MAX", 100)
    elsewhere = 1 - ShardMap(2, {}).shard_of(b"ACME")
    small = ShardMap(2, {"ACME": elsewhere})
    free = ShardMap(2, {})
    for symbol in SYMBOLS[:1000]:
        assert small.shard_of(symbol) == free.shard_of(symbol)
        assert len(small._known) <= 100
        assert small.shard_of(b"ACME") == elsewhere


def test_what_is_no_symbol_is_not_remembered() -> None:
    shards = ShardMap(2, {})
    long = b"A" * (SYMBOL_BYTES + 1)
    assert shards.shard_of(long) == shards.shard_of(long)
    assert long not in shards._known
