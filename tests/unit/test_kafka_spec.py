"""``spec/kafka.md`` and ``spec/events.schema.json`` say what the code does."""

from __future__ import annotations

import json
import re
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, ValidationError

from engine.codes import (
    EventKind,
    Liquidity,
    OrdStatus,
    OrdType,
    Phase,
    PhaseReason,
    Reason,
    Scope,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine.eventchain import extend, genesis
from engine.records import EVENT_BYTES
from fixgw.fanout import kafka, shardpublisher
from fixgw.fanout.codec import SCHEMA_VERSION, decode, encode, to_json, to_record
from fixgw.fanout.process import ExitCode
from tests.unit.test_codec import CHAIN, events, filled

SPEC = Path(__file__).parents[2] / "spec"
TEXT = (SPEC / "kafka.md").read_text(encoding="utf-8")
SCHEMA = json.loads((SPEC / "events.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def blocks(kind: str) -> list[str]:
    """The fenced blocks of the document."""
    return re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)


def dumped(block: str) -> bytes:
    """The bytes of a dump, filled up with zeros to an event."""
    data = b""
    for line in block.splitlines():
        offset, _, row = line.partition("  ")
        assert int(offset, 16) == len(data)
        data += bytes.fromhex(row)
    return data.ljust(EVENT_BYTES, b"\0")


# -- the document ----------------------------------------------------------------------


def test_the_example_is_what_is_published() -> None:
    values = [re.sub(r"\n ?", "", block).encode() for block in blocks("json")]
    packed = [dumped(block) for block in blocks("hex")]
    chains = extend(genesis(1), b"".join(packed))
    assert len(values) == 2
    for number, value in enumerate(values):
        assert encode(1, packed[number], chains[number]) == value
        found = decode(value)
        assert (found.shard, found.seq) == (1, number + 1)
        assert (found.event, found.chain) == (packed[number], chains[number])
        key, _, headers = to_record(1, packed[number], chains[number])
        assert f"Record {number + 1}, key `{key.decode()}`" in TEXT
        assert all(f"| header `{name}` |" in TEXT for name, _ in headers)


def test_the_beginning_of_the_chain_is_the_one_described() -> None:
    assert 'chain(0) = BLAKE2b("fixgw events of shard N")' in TEXT


def test_the_limits_of_the_document() -> None:
    assert f"does not grow for {shardpublisher.LOG_PATIENCE_S:g} s" in TEXT
    assert f"exit code {ExitCode.CANNOT_PUBLISH} " in TEXT
    assert f"schema version {SCHEMA_VERSION}:" in TEXT
    assert kafka.BATCH_BYTES_MAX < 1024 * 1024
    assert "`max.message.bytes` must be 1 MiB or" in TEXT


# -- the schema ------------------------------------------------------------------------


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@given(events())
def test_every_event_is_valid(event: bytes) -> None:
    # The shard numbers both from 1.
    event = event[:16] + (b"\1" + event[17:24]) + (b"\1" + event[25:32]) + event[32:]
    VALIDATOR.validate(json.loads(encode(7, event, CHAIN)))


def test_every_type_and_member_is_in_the_schema() -> None:
    types = [
        name
        for record in SCHEMA["oneOf"]
        for name in definition(record)["properties"]["type"]["enum"]
    ]
    assert sorted(types) == sorted(kind.name for kind in EventKind)


def definition(reference: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["$defs"][reference["$ref"].rpartition("/")[2]]
    assert found["required"] == list(found["properties"])
    return found


@pytest.mark.parametrize(
    "enum",
    [
        *(Side, OrdType, TimeInForce, OrdStatus, SelfTrade, Liquidity),
        *(Phase, PhaseReason, Scope, Reason),
    ],
    ids=lambda enum: enum.__name__,
)
def test_every_name_is_in_the_schema(enum: type[IntEnum]) -> None:
    found = SCHEMA["$defs"][enum.__name__]
    listed = found["enum"] if "enum" in found else found["anyOf"][0]["enum"]
    names = [member.name for member in enum if member.name != "NONE"]
    # None is null: in the list, or a branch of its own where any character may stand.
    nulls = [None] if "enum" in found else []
    assert sorted(listed, key=str) == sorted([*names, *nulls], key=str)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 1},
        {"type": "FROZEN"},
        {"type": "DAY_ENDED"},
        {"seq": 0},
        {"seq": 2**64},
        {"seq": "1"},
        {"shard": 65536},
        {"chain": "00"},
        {"side": "HOLD"},
        {"reason": "BORED"},
        {"liquidity": "1"},
        {"price": 10.25},
        {"price": "10.250"},
        {"price": "1e3"},
        {"price": None},
        {"order_id": 7},
        {"session": 7},
        {"symbol": "A" * 25},
        {"symbol": None},
        {"venue": "X"},
    ],
    ids=str,
)
def test_other_values_are_not_valid(changes: dict[str, Any]) -> None:
    document = to_json(1, filled(), CHAIN)
    VALIDATOR.validate(document)
    with pytest.raises(ValidationError):
        VALIDATOR.validate(document | changes)


@pytest.mark.parametrize("member", sorted(to_json(1, filled(), CHAIN)))
def test_every_member_has_to_be_there(member: str) -> None:
    document = to_json(1, filled(), CHAIN)
    del document[member]
    with pytest.raises(ValidationError):
        VALIDATOR.validate(document)
