"""Events as JSON: nothing is lost, nothing unknown is taken."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codes import (
    EventKind,
    Liquidity,
    OrdStatus,
    OrdType,
    Phase,
    PhaseReason,
    Reason,
    Scope,
    Side,
    TimeInForce,
)
from engine.eventchain import genesis
from engine.layouts import Record
from engine.records import (
    EVENT_BYTES,
    EVENTS,
    UNIT,
    ClockEvent,
    LimitsEvent,
    OrderEvent,
    PhaseEvent,
    unpack_all,
)
from fixgw.fanout.codec import (
    SCHEMA_VERSION,
    DecodedEvent,
    decode,
    encode,
    to_json,
    to_record,
)

CHAIN = genesis(1)
RANGES = {
    "uint8_t": (0, 0xFF),
    "uint16_t": (0, 0xFFFF),
    "uint32_t": (0, 0xFFFFFFFF),
    "uint64_t": (0, 2**64 - 1),
    "int64_t": (-(2**63), 2**63 - 1),
}
NAMED: dict[str, list[int]] = {
    "liquidity": list(Liquidity),
    "reason": list(Reason),
    "phase": list(Phase),
    "then": [0, *Phase],
    "scope": list(Scope),
    "imbalance_side": [0, *Side],
    **dict.fromkeys(("triggered", "uncrossed", "blocked"), [0, 1]),
}


def record_of(kind: EventKind) -> type[Record]:
    return type(unpack_all(bytes([kind]).ljust(EVENT_BYTES, b"\0"), EVENT_BYTES)[0])


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """Packed events of every kind, all fields over their whole range."""
    kind = draw(st.sampled_from(list(EventKind)))
    record = record_of(kind)
    values: dict[str, Any] = {"kind": kind}
    for name, wire, meaning, _ in record.layout()[1:]:
        if meaning == "zero":
            values[name] = 0
        elif name in NAMED:
            names = list(PhaseReason) if record is PhaseEvent else NAMED["reason"]
            names = names if name == "reason" else NAMED[name]
            values[name] = draw(st.sampled_from(names))
        elif wire.code.endswith("s"):
            values[name] = draw(
                st.text(st.characters(max_codepoint=127), max_size=wire.size)
            ).rstrip("\0")
        else:
            values[name] = draw(st.integers(*RANGES[wire.c_type]))
    return record(**values).pack()


@given(st.integers(0, 0xFFFF), events(), st.binary(min_size=16, max_size=16))
def test_an_event_comes_back_as_it_was(shard: int, event: bytes, chain: bytes) -> None:
    decoded = decode(encode(shard, event, chain))
    seq = int.from_bytes(event[16:24], "little")
    assert decoded == DecodedEvent(shard, seq, chain, event)


@given(events())
def test_any_json_reader_sees_the_same(event: bytes) -> None:
    """Integers are beyond 2**53, but integers; everything else is text or null."""
    assert json.loads(encode(1, event, CHAIN)) == to_json(1, event, CHAIN)


@given(st.binary(min_size=24, max_size=24))
def test_text_that_is_not_ascii_is_not_lost(text: bytes) -> None:
    place = next(row[3] for row in OrderEvent.layout() if row[0] == "account")
    event = bytearray(filled())
    event[place : place + 24] = text
    assert decode(encode(1, bytes(event), CHAIN)).event == event


def filled(**changes: Any) -> bytes:
    values: dict[str, Any] = {
        "kind": EventKind.FILLED,
        "side": Side.BUY,
        "ord_type": OrdType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "ord_status": OrdStatus.PARTIALLY_FILLED,
        "liquidity": Liquidity.REMOVED,
        "seq": 12,
        "command_seq": 5,
        "time": 1_700_000_000_000_000_001,
        "session": 0xFEDCBA9876543210,
        "order_id": 1 << 48 | 7,
        "contra_order_id": 1 << 48 | 3,
        "trade_id": 1 << 48 | 12,
        "price": 10 * UNIT + 25_000_000,
        "qty": 100 * UNIT,
        "leaves_qty": 60 * UNIT,
        "cum_qty": 40 * UNIT,
        "avg_price": 1_012_345_678,
        "last_price": 10 * UNIT,
        "last_qty": 40 * UNIT,
        "display_qty": 10 * UNIT,
        "shown_qty": 10 * UNIT,
        "expire_time": 1_800_000_000_000_000_001,
        "fee": -1_250_000,
        "priority": 2**63,
        "exec_inst": 3,
        "stp": ord("1"),
        "cl_ord_id": "A-1",
        "account": "ALICE",
        "symbol": "ACME",
        "stp_id": "DESK",
    }
    return OrderEvent(**values | changes).pack()


def test_a_fill() -> None:
    assert to_json(1, filled(), CHAIN) == {
        "schema": 2,
        "shard": 1,
        "seq": 12,
        "type": "FILLED",
        "chain": CHAIN.hex(),
        "side": "BUY",
        "ord_type": "LIMIT",
        "time_in_force": "GTC",
        "ord_status": "PARTIALLY_FILLED",
        "liquidity": "REMOVED",
        "reason": None,
        "flags": 0,
        "source": 0,
        "session_epoch": 0,
        "command_seq": 5,
        "time_ns": 1_700_000_000_000_000_001,
        "session": "fedcba9876543210",
        "msg_seq_num": 0,
        "order_id": "1-7",
        "contra_order_id": "1-3",
        "trade_id": "1-12",
        "price": "10.25",
        "qty": "100",
        "leaves_qty": "60",
        "cum_qty": "40",
        "avg_price": "10.12345678",
        "last_price": "10",
        "last_qty": "40",
        "stop_price": "0",
        "display_qty": "10",
        "min_qty": "0",
        "peg_offset": "0",
        "expire_time_ns": 1_800_000_000_000_000_001,
        "fee": "-0.0125",
        "shown_qty": "10",
        "priority": 2**63,
        "exec_inst": 3,
        "stp": "CANCEL_NEWEST",
        "triggered": False,
        "count": 0,
        "index": 0,
        "fan_out": 0,
        "cl_ord_id": "A-1",
        "orig_cl_ord_id": "",
        "account": "ALICE",
        "symbol": "ACME",
        "stp_id": "DESK",
    }


def test_a_phase_has_reasons_of_its_own() -> None:
    event = PhaseEvent(
        EventKind.PHASE,
        phase=Phase.VOLATILITY_AUCTION,
        reason=PhaseReason.BAND,
        then=Phase.CONTINUOUS,
        until=1_800_000_000_000_000_001,
        symbol="ACME",
    ).pack()
    document = to_json(1, event, CHAIN)
    assert document["reason"] == "BAND"
    assert document["phase"] == "VOLATILITY_AUCTION"
    assert document["then"] == "CONTINUOUS"
    assert document["until_ns"] == 1_800_000_000_000_000_001
    assert decode(encode(1, event, CHAIN)).event == event


def test_counts_are_integers_where_quantities_are_text() -> None:
    event = LimitsEvent(
        EventKind.LIMITS_SET,
        scope=Scope.ACCOUNT,
        order_qty_max=5 * UNIT,
        open_orders_max=5,
        rate_max=7,
        account="ALICE",
    ).pack()
    document = to_json(1, event, CHAIN)
    assert [document[name] for name in ("scope", "owner", "account")] == [
        "ACCOUNT",
        None,
        "ALICE",
    ]
    assert [document[f"{n}_max"] for n in ("order_qty", "open_orders", "rate")] == [
        "5",
        5,
        7,
    ]
    assert decode(encode(1, event, CHAIN)).event == event


def test_a_code_that_is_not_supported_is_told_as_it_is() -> None:
    """Refused orders are events too."""
    event = filled(side=ord("5"), ord_type=0, time_in_force=0xE9)
    document = to_json(1, event, CHAIN)
    assert [document[name] for name in ("side", "ord_type", "time_in_force")] == [
        "5",
        None,
        "\xe9",
    ]
    assert decode(encode(1, event, CHAIN)).event == event


def test_a_record_has_a_key_of_a_bounded_set() -> None:
    """A client may put anything into an order that is refused."""
    key, value, headers = to_record(1, filled(), CHAIN)
    assert key == b"ACME"
    assert value == encode(1, filled(), CHAIN)
    assert headers == [
        ("shard", b"1"),
        ("seq", b"12"),
        ("type", b"FILLED"),
        ("schema", b"2"),
    ]
    for kind in EventKind:
        if record_of(kind) is OrderEvent:
            event = filled(kind=kind, symbol="ANYTHING")
            asked = kind.name in ("STATUS", "MASS_CANCELLED", "MASS_STATUS_DONE")
            bare = asked or kind.name.endswith("REJECTED")
            assert to_record(7, event, CHAIN)[0] == (
                b"shard-7" if bare else b"ANYTHING"
            )
    day = ClockEvent(EventKind.DAY_ENDED, day=20_000, seq=1).pack()
    assert to_record(7, day, CHAIN)[0] == b"shard-7"


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(set(range(256)) - set(map(int, EventKind))))
def test_an_unknown_kind_is_not_encoded(kind: int) -> None:
    with pytest.raises(ValueError, match="no event of a known kind"):
        encode(0, bytes([kind]).ljust(EVENT_BYTES, b"\0"), CHAIN)


@pytest.mark.parametrize("size", [0, 1, EVENT_BYTES - 1, EVENT_BYTES + 1])
def test_other_sizes_are_not_encoded(size: int) -> None:
    with pytest.raises(ValueError, match="no event of a known kind"):
        encode(0, filled().ljust(size, b"\0")[:size], CHAIN)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reason": 999}, "999 is no Reason"),
        ({"liquidity": 9}, "9 is no Liquidity"),
        ({"triggered": 2}, "2 is neither 0 nor 1"),
    ],
)
def test_a_value_the_engine_never_gives_is_not_encoded(
    changes: dict[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        encode(1, filled(**changes), CHAIN)


@pytest.mark.parametrize("record", EVENTS, ids=lambda record: record.__name__)
def test_bytes_where_there_is_no_field_are_not_encoded(record: type[Record]) -> None:
    """Else the copy would differ, and the chain would not show why."""
    kind = next(kind for kind in EventKind if record_of(kind) is record)
    event = record(kind=kind).pack()  # type: ignore[call-arg]
    assert decode(encode(0, event, CHAIN)).event == event
    rows = record.layout()
    used = {at for _, w, m, place in rows for at in range(place, place + w.size)}
    reserved = {
        at
        for _, w, m, place in rows
        if m == "zero"
        for at in range(place, place + w.size)
    }
    for place in (set(range(EVENT_BYTES)) - used) | reserved:
        changed = bytearray(event)
        changed[place] = 1
        with pytest.raises(ValueError, match="reserved field|behind the last field"):
            encode(0, bytes(changed), CHAIN)


def changed(**members: Any) -> bytes:
    document = to_json(1, filled(), CHAIN) | members
    return orjson.dumps({k: v for k, v in document.items() if v != "absent"})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (changed(schema=1), f"version 1, this build reads {SCHEMA_VERSION}"),
        (changed(schema="absent"), "version None"),
        (changed(schema=True), "version True"),
        (changed(schema=2.0), "version 2.0"),
        (changed(type=["FILLED"]), "unknown event type"),
        (changed(type="FROZEN"), "unknown event type 'FROZEN'"),
        (changed(type="absent"), "unknown event type"),
        (changed(type="DAY_ENDED"), "members missing or unknown: "),
        (changed(price="absent"), "members missing or unknown: price"),
        (changed(venue="X"), "members missing or unknown: venue"),
        (changed(chain=CHAIN.hex()[:-1]), "chain's value"),
        (changed(chain=CHAIN.hex().upper()), "chain's value"),
        (changed(chain=None), "None is no text"),
        (changed(side="B"), None),
        (changed(side="HOLD"), "'HOLD' is no Side"),
        (changed(side=["BUY"]), "is no Side"),
        (changed(reason="BORED"), "'BORED' is no Reason"),
        (changed(reason=1), "1 is no Reason"),
        (changed(shard="1"), "'1' is no integer"),
        (changed(seq=True), "True is no integer"),
        (changed(seq=1.0), "1.0 is no integer"),
        (changed(seq=-1), "a number is out of range"),
        (changed(flags=65536), "a number is out of range"),
        (changed(triggered=1), "1 is neither true nor false"),
        (changed(price=10), "10 is no text"),
        (changed(price="1e3"), "'1e3' is no decimal"),
        (changed(price="1.000000001"), "is no decimal"),
        (changed(price="\u0661"), "is no decimal"),
        (changed(price="99999999999"), "a number is out of range"),
        (changed(order_id="7"), "'7' is no identifier"),
        (changed(order_id="1-281474976710656"), "is no identifier"),
        (changed(order_id="65536-1"), "a number is out of range"),
        (changed(session="FEDCBA9876543210"), "is no session key"),
        (changed(symbol="A" * 25), "symbol is longer than 24 bytes"),
        (changed(symbol="\u20ac"), "ordinal not in range"),
        (b"[]", "no JSON object"),
        (b"{", "unexpected end|EOF"),
    ],
)
def test_what_is_not_known_is_not_decoded(value: bytes, message: str | None) -> None:
    if message is None:
        decode(value)
        return
    with pytest.raises(ValueError, match=message):
        decode(value)
