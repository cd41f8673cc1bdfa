"""Any bytes as commands: ValueError and nothing changed, or whole, numbered events.

After each batch the state is in order. A second shard with another hash key gives the
same bytes, and so does the reference exchange as long as the bytes are ones a gateway
could have packed.
"""

from __future__ import annotations

from dataclasses import fields
from random import Random
from typing import Any
from zlib import crc32

from engine.codes import CommandKind, EventKind
from engine.figures import OpenOrder
from engine.records import COMMAND_BYTES, EVENT_BYTES, unpack_all
from engine.shard import Shard
from fixgw.orders.reports import render_reports
from tests.fuzz import mutate
from tests.reference.exchange import ReferenceExchange
from tests.reference.statechecks import all_orders, check_state

CORPUS = "commands"
MUTATE = mutate.commands

KINDS = set(CommandKind)
EVENT_KINDS = set(EventKind)


def batches(data: bytes) -> list[bytes]:
    """The input in batches of random sizes, nearly all of whole commands."""
    random = Random(crc32(data))
    parts = []
    place = 0
    while place < len(data):
        size = COMMAND_BYTES * random.choice((1, 1, 1, 2, 5, 40))
        parts.append(data[place : place + size])
        place += size
    return parts


def is_packed(part: bytes) -> bool:
    """Whether the records say the same when packed again: no bytes behind the last
    field or a text's end, nothing but ASCII."""
    try:
        records = unpack_all(part, COMMAND_BYTES)
    except UnicodeDecodeError:
        return False
    texts = (
        getattr(record, field.name) for record in records for field in fields(record)
    )
    if any(isinstance(text, str) and "\0" in text for text in texts):
        return False
    return b"".join(record.pack() for record in records) == part


def check_figures(shard: Shard, dump: Any) -> None:
    """Figures and lists say what the books hold."""
    instruments = shard.figures().instruments
    for found, book in zip(instruments, dump[1], strict=True):
        _, _, _, state, bids, asks, buy_stops, sell_stops, parked = book
        assert (found.phase, found.until) == (state[0], state[3])
        assert (found.bid_levels, found.ask_levels) == (len(bids), len(asks))
        assert found.bid_qty == sum(level[1] for level in bids)
        assert found.ask_qty == sum(level[1] for level in asks)
        queues = [level[3] + level[4] for level in (*bids, *asks)]
        assert found.orders == sum(map(len, queues))
        assert found.stops == sum(len(queue) for _, queue in (*buy_stops, *sell_stops))
        assert found.parked == len(parked)
    listed: list[OpenOrder] = []
    slot = 0
    while slot >= 0:
        page, slot = shard.orders_page(slot, 100)
        listed += page
    numbers = {order.order_id for order in listed}
    assert len(numbers) == len(listed) == shard.open_orders
    assert numbers == {order[0] for order in all_orders(dump)}


def check(data: bytes) -> None:
    shard = Shard(9, b"one key of chaos")
    twin = Shard(9, b"another such key")
    reference: ReferenceExchange | None = ReferenceExchange(9)
    parts = batches(data)
    for time, part in enumerate(parts, 1):
        before = shard.dump()
        good = len(part) % COMMAND_BYTES == 0 and {*part[::COMMAND_BYTES]} <= KINDS
        try:
            events = shard.apply(part, time)
        except ValueError:
            assert shard.dump() == before, "a refused batch changed the state"
            continue
        assert good, "a batch that is not whole commands was applied"
        assert len(events) % EVENT_BYTES == 0
        seq = before[0][2]
        for place in range(0, len(events), EVENT_BYTES):
            seq += 1
            assert events[place] in EVENT_KINDS
            assert int.from_bytes(events[place + 16 : place + 24], "little") == seq
        after = shard.dump()
        assert after[0][1] == before[0][1] + len(part) // COMMAND_BYTES
        assert after[0][2] == seq
        check_state(before, after, (), ())
        check_figures(shard, after)
        for session, msg_type, body in render_reports(events):
            assert session
            assert msg_type in ("8", "9", "r")
            assert body.endswith(b"\x01")
        assert twin.apply(part, time) == events, "the hash key changed an event"
        if reference and is_packed(part):
            assert reference.apply(part, time) == events, "the reference differs"
            assert reference.dump() == after, "the reference is in another state"
            assert reference.next_due == shard.next_due
        else:
            reference = None
    assert twin.state_hash() == shard.state_hash()
    assert twin.figures() == shard.figures()
    counted = shard.figures().events
    assert sum(counted.values()) == shard.event_seq
