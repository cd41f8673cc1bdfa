"""Where other engines lost determinism: hashing, fees, what many orders do at once.

Two processes with different PYTHONHASHSEED, and replays, are in
``tests/property/test_shard_model.py``.
"""

from __future__ import annotations

import pytest

from engine.codes import EventKind
from engine.records import EVENT_BYTES, UNIT, unpack_all
from engine.shard import Shard
from tests.reference.script import X, parse, parse_all, run

KEYS = [bytes(16), b"\xff" * 16, bytes(range(16)), b"another key here"]


def _cancelled(hash_key: bytes, *lines: str) -> list[str]:
    """Whose orders ended, in order, by the last of the commands."""
    shard = Shard(1, hash_key)
    data = [command.pack() for command in (X, *parse_all(*lines))]
    events = b""
    for time, one in enumerate(data, 1):
        events = shard.apply(one, time)
    ends = (EventKind.CANCELLED, EventKind.EXPIRED)
    return [e.cl_ord_id for e in unpack_all(events, EVENT_BYTES) if e.kind in ends]


BOOK = (
    "sell F 1 @ 103",
    "buy B 1 @ 98",
    "sell D 1 @ 101",
    "buy H 1 stop 110",
    "buy A 1 @ 97",
    "sell E 1 @ 101 hidden",
    "buy C 1 @ 98 hidden",
    "sell I 1 stop 90",
    "sell G 1 @ 104",
    "buy J 1 @ 99 at-close",
)


@pytest.mark.parametrize("last", ["mass-cancel Q", "block scope=1 session=1 blocked=1"])
def test_mass_cancels_have_one_order(last: str) -> None:
    """Bids, then asks, by price, displayed before hidden, stops, what is parked:
    hash iteration had its say in joaquinbejar/OrderBook-rs#94, #190, #192 and #195."""
    for key in KEYS:
        found = _cancelled(key, *BOOK, last)
        assert "".join(found) == "ABCDEFGHIJ"


def test_the_end_of_the_day_has_the_same_order() -> None:
    for key in KEYS:
        found = _cancelled(key, *BOOK, "day 1")
        assert "".join(found) == "ABCDEFGHIJ"


def test_orders_that_expire_together_go_by_time_and_number() -> None:
    for key in KEYS:
        lines = [f"sell {name} 1 @ 100 until 20" for name in "BCDE"]
        lines.insert(2, "sell A 1 @ 105 until 19")
        shard = Shard(1, key)
        for time, command in enumerate([X, *parse_all(*lines)], 1):
            shard.apply(command.pack(), time)
        events = unpack_all(shard.apply(parse("wait 1").pack(), 30), EVENT_BYTES)
        assert [event.cl_ord_id for event in events] == list("ABCDE")


@pytest.mark.parametrize(
    ("rate", "price", "qty", "fee"),
    [
        (UNIT // 1000, 100 * UNIT, UNIT, UNIT // 10),
        (1, UNIT, UNIT, 1),
        (1, UNIT // 2, UNIT, 1),
        (1, UNIT // 2 - 1, UNIT, 0),
        (-1, UNIT // 2, UNIT, 0),
        (-1, UNIT // 2 + 1, UNIT, -1),
        (-UNIT, UNIT, UNIT, -UNIT),
    ],
)
def test_fees_round_half_up(rate: int, price: int, qty: int, fee: int) -> None:
    """Of rebates too: towards more for the owner of the order to get, never less."""
    pair = run("")
    pair.give(parse(f"define X maker_fee {rate} taker_fee {rate}"))
    pair.give(parse(f"sell A {qty} @ {price}"))
    events = pair.give(parse(f"buy T {qty} @ {price}"))
    pair.check()
    assert [e.fee for e in events if e.kind == EventKind.FILLED] == [fee, fee]


def test_each_identifier_is_a_function_of_the_log() -> None:
    """OrderID: shard and command; ExecID: shard and event; the trade: its maker's."""
    pair = run("""
        > sell A 1 @ 100
          A accepted: sell 1 @ 100
        > buy B 1 @ 100
          B accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
    """)
    shard = 1 << 48
    accepted = [e for e in pair.events if e.kind == EventKind.ACCEPTED]
    assert [e.order_id for e in accepted] == [shard + 2, shard + 3]
    fills = [e for e in pair.events if e.kind == EventKind.FILLED]
    assert {e.trade_id for e in fills} == {shard + fills[0].seq}
