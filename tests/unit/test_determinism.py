"""The same commands give the same bytes, whatever the process, hash key or batching."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from engine.codes import CommandKind
from engine.records import (
    COMMAND_BYTES,
    EVENT_BYTES,
    ClockCommand,
    InstrumentCommand,
    unpack_all,
)
from engine.shard import Shard, check_commands
from tests.reference.flow import Flow
from tests.reference.script import HASH_KEY, X, parse

ROOT = Path(__file__).resolve().parents[2]

COMMANDS = 4_000
SEED = 20


def flow_bytes(count: int = COMMANDS) -> list[bytes]:
    return [command.pack() for command in islice(Flow(Random(SEED)), count)]


def play(commands: list[bytes], hash_key: bytes, batch: int) -> tuple[bytes, Shard]:
    """Events and shard; the engine time of a call is the number of its last command."""
    shard, events = Shard(3, hash_key), []
    for start in range(0, len(commands), batch):
        part = commands[start : start + batch]
        events.append(shard.apply(b"".join(part), start + len(part)))
    return b"".join(events), shard


_CHILD = """
import json, sys
from hashlib import sha256
from tests.unit.test_determinism import flow_bytes, play
events, shard = play(flow_bytes(), bytes.fromhex(sys.argv[1]), 5)
json.dump([sha256(events).hexdigest(), shard.state_hash().hex()], sys.stdout)
"""


def in_another_process(hash_seed: str, hash_key: bytes) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, hash_key.hex()],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=50,
    )
    answer: list[str] = json.loads(done.stdout)
    return answer


def test_processes_and_hash_keys_agree() -> None:
    events, shard = play(flow_bytes(), HASH_KEY, 5)
    here = [sha256(events).hexdigest(), shard.state_hash().hex()]
    assert len(events) > COMMANDS * EVENT_BYTES
    for hash_seed, hash_key in (("0", bytes(16)), ("4242", b"\xff" * 16)):
        assert in_another_process(hash_seed, hash_key) == here


def test_hash_keys_agree_on_the_whole_state() -> None:
    commands = flow_bytes(2_000)
    results = {
        (events, repr(shard.dump()))
        for events, shard in (
            play(commands, Random(key).randbytes(16), 50) for key in range(8)
        )
    }
    assert len(results) == 1


def test_batches_make_no_difference_but_time() -> None:
    commands = flow_bytes()

    def timeless(events: bytes) -> list[object]:
        return [replace(event, time=0) for event in unpack_all(events, EVENT_BYTES)]

    whole, shard = play(commands, HASH_KEY, len(commands))
    for batch in (1, 7):
        events, other = play(commands, HASH_KEY, batch)
        assert timeless(events) == timeless(whole)
        assert other.state_hash() == shard.state_hash()


def test_any_buffer_will_do() -> None:
    data = b"".join(flow_bytes(200))
    results = {
        Shard(3, HASH_KEY).apply(buffer, 9)
        for buffer in (
            data,
            bytearray(data),
            memoryview(data),
            memoryview(b"\x7f" + data)[1:],
            memoryview(data).cast("Q"),
        )
    }
    assert len(results) == 1


def test_two_shards_in_one_process_share_nothing() -> None:
    commands = flow_bytes(1_000)
    alone = play(commands, HASH_KEY, 1)[0]
    one, other = Shard(3, HASH_KEY), Shard(3, HASH_KEY)
    for time, command in enumerate(commands, 1):
        given = one.apply(command, time)
        if time > 10:
            other.apply(commands[time - 11], time)
        assert given == alone[: len(given)]
        alone = alone[len(given) :]
    assert not alone


# -- bad input changes nothing ---------------------------------------------------------

GOOD = parse("buy B 1 @ 100").pack()
UNKNOWN = [kind for kind in range(256) if kind not in list(CommandKind)]


def bad_terms(**terms: int | str) -> bytes:
    command = InstrumentCommand(
        CommandKind.DEFINE_INSTRUMENT,
        **{"symbol": "Y", **terms},  # type: ignore[arg-type]
    )
    return command.pack()


def unknown(kind: int) -> bytes:
    return bytes([kind]) + GOOD[1:]


BAD: dict[str, Callable[[], tuple[bytes, int]]] = {
    "unknown kind in the middle": lambda: (GOOD + unknown(7) + GOOD, 10),
    "unknown kind at the end": lambda: (GOOD + unknown(0), 10),
    "one byte short": lambda: (GOOD + GOOD[:-1], 10),
    "one byte over": lambda: (GOOD + b"\x01", 10),
    "one byte": lambda: (b"\x01", 10),
    "the same time": lambda: (GOOD, 5),
    "an earlier time": lambda: (GOOD, 4),
    "time zero": lambda: (GOOD, 0),
    "a negative time": lambda: (GOOD, -1),
    "no tick": lambda: (GOOD + bad_terms(tick=0), 10),
    "a negative tick": lambda: (GOOD + bad_terms(tick=-5) + GOOD, 10),
    "no lot": lambda: (GOOD + bad_terms(lot=0), 10),
    "a negative lot": lambda: (bad_terms(lot=-1), 10),
    "no symbol": lambda: (GOOD + bad_terms(symbol=""), 10),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_changes_nothing(case: str) -> None:
    shard = Shard(1, HASH_KEY)
    shard.apply(X.pack() + parse("sell A 5 @ 100").pack(), 5)
    before = shard.state_hash()
    data, time = BAD[case]()
    with pytest.raises(ValueError, match=r"\d|symbol"):
        shard.apply(data, time)
    assert shard.state_hash() == before
    assert (shard.command_seq, shard.event_seq, shard.time) == (2, 2, 5)
    events = unpack_all(shard.apply(GOOD, 6), EVENT_BYTES)
    assert [event.seq for event in events] == [3, 4, 5]


def test_every_unknown_kind_is_refused() -> None:
    shard = Shard(1, HASH_KEY)
    for kind in UNKNOWN:
        with pytest.raises(ValueError, match=f"command 1: unknown kind {kind}"):
            shard.apply(GOOD + unknown(kind), 1)
        with pytest.raises(ValueError, match=f"unknown kind {kind}"):
            check_commands(unknown(kind))
    assert shard.command_seq == 0


def test_check_commands_lets_good_ones_pass() -> None:
    check_commands(b"")
    check_commands(GOOD + X.pack() + ClockCommand(CommandKind.END_OF_DAY).pack())
    with pytest.raises(ValueError, match="no whole number"):
        check_commands(bytes(COMMAND_BYTES - 1))


@pytest.mark.parametrize("size", [0, 15, 17])
def test_hash_key_is_16_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Shard(1, bytes(size))
