"""The compiled shard against the reference exchange, after every single command.

More, and longer: ``python -m tests.property.model --commands 5000000 --processes 2``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from engine.codes import EventKind
from engine.records import COMMAND_BYTES
from engine.shard import Shard
from tests.property.comparing import EVERYTHING, Comparison, Difference, Failure, run
from tests.property.generating import Batch, Generator
from tests.property.mutants import MUTANTS, seen_after
from tests.property.profiles import PROFILES
from tests.property.shrinking import explain, fault_of, gist, shrink, story
from tests.reference.exchange import ReferenceExchange

ROOT = Path(__file__).resolve().parents[2]
SEGMENTS = 10
SEGMENT = 4_000

RARE: dict[str, tuple[str, ...]] = {
    "plain": (
        "reason OPEN_QTY_ABOVE_MAX",
        "reason PRICE_NOT_POSITIVE",
        "reason BAND_HIT",
    ),
    "auctions": (
        "reason OPEN_QTY_ABOVE_MAX",
        "reason PRICE_ABOVE_MAX",
        "reason PRICE_BELOW_MIN",
    ),
    "stops": (
        "reason OPEN_QTY_ABOVE_MAX",
        "reason NOTIONAL_ABOVE_MAX",
        "reason PRICE_ABOVE_MAX",
        "reason PRICE_BELOW_MIN",
        "reason PRICE_OUTSIDE_BAND",
        "reason QTY_ABOVE_MAX",
        "reason QTY_BELOW_MIN",
        "reason LIMIT_NOTIONAL",
    ),
    "risk": ("reason TRAILED",),
    "chaos": (),
}
"""What a profile need not reach in its commands here, by its instruments."""


def _run(profile: str, seed: int, commands: int) -> tuple[Comparison, Counter[str]]:
    """As :func:`run`; a failure is told by its smallest sequence."""
    try:
        return run(profile, seed, commands)
    except Failure as failure:
        told = explain(failure)
    pytest.fail(told, pytrace=False)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("profile", PROFILES)
def test_volume(profile: str) -> None:
    """40,000 commands each; a run that never reached something is red."""
    coverage: Counter[str] = Counter()
    commands = 0
    for seed in range(SEGMENTS):
        comparison, covered = _run(profile, seed, SEGMENT)
        coverage.update(covered)
        commands += comparison.commands
    assert commands >= SEGMENTS * SEGMENT
    missing = EVERYTHING - {name for name in coverage if coverage[name]}
    assert missing <= set(RARE[profile]), sorted(missing)


def test_no_two_profiles_leave_out_the_same() -> None:
    left_out = [set(RARE[name]) for name in PROFILES]
    assert not set.intersection(*left_out)


def test_a_fresh_seed(request: pytest.FixtureRequest) -> None:
    """The seed pytest-randomly prints in the header brings flows not seen before."""
    seed = request.config.getoption("randomly_seed", 0)
    for profile in PROFILES:
        _run(profile, seed, 400)


# -- determinism -----------------------------------------------------------------------


def batches_of(profile: str, seed: int, count: int) -> list[Batch]:
    """What the reference makes of a seed, to be played to shards alone."""
    generator = Generator(Random(f"{profile} {seed}"), PROFILES[profile])
    reference = ReferenceExchange(7)
    batches = []
    for _ in range(count):
        batch = generator.batch()
        batches.append(batch)
        time, commands = batch
        reference.apply(b"".join(command.pack() for command in commands), time)
        generator.observe(reference.last_events)
    return batches


def play(shard: Shard, batches: list[Batch]) -> bytes:
    return b"".join(
        shard.apply(b"".join(command.pack() for command in commands), time)
        for time, commands in batches
    )


_CHILD = """
import json, sys
from hashlib import sha256
from engine.shard import Shard
from tests.property.profiles import PROFILES
from tests.property.test_shard_model import batches_of, play
answer = []
for profile in PROFILES:
    shard = Shard(7, bytes.fromhex(sys.argv[1]))
    events = play(shard, batches_of(profile, 5, 600))
    answer += [sha256(events).hexdigest(), shard.state_hash().hex()]
json.dump(answer, sys.stdout)
"""


def _in_another_process(hash_seed: str, hash_key: bytes) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, hash_key.hex()],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=100,
    )
    answer: list[str] = json.loads(done.stdout)
    return answer


@pytest.mark.timeout(240)
def test_hash_seeds_and_hash_keys_make_no_difference() -> None:
    """Generator, reference and shard: another process gives the same bytes."""
    first = _in_another_process("0", bytes(16))
    assert len(set(first)) == 2 * len(PROFILES)
    assert _in_another_process("4242", b"\xff" * 16) == first


@pytest.mark.parametrize("profile", PROFILES)
def test_a_replay_is_as_if_it_had_never_stopped(profile: str) -> None:
    """From the first command on, and half-way with the rest behind it."""
    batches = batches_of(profile, 6, 500)
    shard = Shard(7, bytes(16))
    first = play(shard, batches[:250])
    half = shard.dump()
    rest = play(shard, batches[250:])
    restored = Shard(7, b"\x55" * 16)
    assert play(restored, batches[:250]) == first
    assert restored.dump() == half
    assert play(restored, batches[250:]) == rest
    assert restored.state_hash() == shard.state_hash()
    assert restored.figures() == shard.figures()


@pytest.mark.parametrize("place", [0, 4, 41])
def test_bad_batches_change_nothing(place: int) -> None:
    """A command of no known kind anywhere in a batch: ValueError, nothing done."""
    batches = batches_of("chaos", 7, 60)
    shard, reference = Shard(7, bytes(16)), ReferenceExchange(7)
    time, _ = batches[-1]
    data = b"".join(c.pack() for _, some in batches[:-1] for c in some)
    spoiled = bytearray(data)
    spoiled[place * COMMAND_BYTES] = 99
    for one in (shard, reference):
        empty = one.dump()
        with pytest.raises(ValueError, match="kind"):
            one.apply(bytes(spoiled), time)
        assert one.dump() == empty
        one.apply(data, time)
    assert shard.dump() == reference.dump()


# -- the tools themselves --------------------------------------------------------------

SOME_MUTANTS = [
    "the newest order of a price trades first",
    "a stop cascade runs once only",
    "self-trade prevention cancels the other one",
    "an auction takes the lowest price of the largest volume",
    "trailing stops go back",
    "KEEP_GTC keeps nothing",
]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", SOME_MUTANTS)
def test_a_wrong_rule_is_seen(name: str) -> None:
    """The others: ``python -m tests.property.mutants``."""
    assert seen_after(MUTANTS[name], 30_000)


def test_a_failing_sequence_becomes_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three hundred batches around one cancel of nothing: what is left is that."""
    right = Comparison.apply

    def apply(self: Comparison, batch: Batch) -> list[Any]:
        events = right(self, batch)
        for event in events:
            if event.kind == EventKind.CANCEL_REJECTED:
                raise Difference(f"made up {event.seq}: details")
        return events

    batches = batches_of("plain", 8, 300)
    monkeypatch.setattr(Comparison, "apply", apply)
    fault = fault_of(batches)
    assert gist(fault) == "Difference made up "
    small = shrink(batches, lambda few: gist(fault_of(few)) == gist(fault))
    assert len(small) == 1
    told = story(small).splitlines()
    assert told[0].startswith("> +0 CANCEL")
    assert told[-1].startswith("!! made up")
