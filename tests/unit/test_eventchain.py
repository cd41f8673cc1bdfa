"""The chain over a shard's events."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from engine.eventchain import CHAIN_BYTES, extend, genesis
from engine.records import EVENT_BYTES

EVENTS = b"".join(bytes([number]) * EVENT_BYTES for number in range(1, 8))


def test_each_value_binds_the_one_before_and_the_event() -> None:
    values = extend(genesis(3), EVENTS)
    assert len(values) == 7
    previous = genesis(3)
    for number, value in enumerate(values):
        event = EVENTS[number * EVENT_BYTES : (number + 1) * EVENT_BYTES]
        assert value == blake2b(previous + event, digest_size=16).digest()
        previous = value


def test_the_beginning_is_of_the_shard() -> None:
    assert genesis(0).hex() == "85a9455038b23f2b005f83258e92f6ad"
    assert len({genesis(shard) for shard in range(1000)}) == 1000
    assert {len(genesis(shard)) for shard in range(1000)} == {CHAIN_BYTES}


@pytest.mark.parametrize("cut", range(8))
def test_batches_change_nothing(cut: int) -> None:
    whole = extend(genesis(0), EVENTS)
    front = extend(genesis(0), EVENTS[: cut * EVENT_BYTES])
    previous = front[-1] if front else genesis(0)
    assert front + extend(previous, EVENTS[cut * EVENT_BYTES :]) == whole


def test_one_bit_changes_every_value_behind_it() -> None:
    whole = extend(genesis(0), EVENTS)
    for bit in range(0, len(EVENTS) * 8, 97):
        changed = bytearray(EVENTS)
        changed[bit // 8] ^= 1 << bit % 8
        other = extend(genesis(0), bytes(changed))
        first = bit // 8 // EVENT_BYTES
        assert other[:first] == whole[:first]
        assert not set(other[first:]) & set(whole)


def test_nothing_extends_to_nothing() -> None:
    assert extend(genesis(0), b"") == []


@pytest.mark.parametrize("size", [1, EVENT_BYTES - 1, EVENT_BYTES + 1])
def test_half_an_event_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="no whole number of events"):
        extend(genesis(0), bytes(size))


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_a_value_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"a chain value of {size} bytes"):
        extend(bytes(size), EVENTS)


@pytest.mark.parametrize("shard", [-1, 65536])
def test_a_shard_that_cannot_be_is_refused(shard: int) -> None:
    with pytest.raises(ValueError, match="is not between"):
        genesis(shard)
