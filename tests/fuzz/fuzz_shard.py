"""Any bytes as commands: ValueError and nothing changed, or whole, numbered events.

After each batch the books are in order and not crossed. A second shard with another
hash key gives the same bytes.
"""

from __future__ import annotations

from random import Random
from typing import Any
from zlib import crc32

from engine.figures import OpenOrder
from engine.records import (
    COMMAND_BYTES,
    EVENT_BYTES,
    CommandKind,
    EventKind,
    InstrumentStatus,
)
from engine.shard import Shard
from fixgw.orders.reports import render_reports
from tests.fuzz import mutate

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


def check_books(shard: Shard) -> None:
    """What must hold of the books after any command."""
    live = 0
    _, books, ids, _ = shard.dump()
    for *_, bids, asks in books:
        for side, best_first in ((bids, -1), (asks, 1)):
            prices = [price for price, _, _ in side]
            assert prices == sorted(set(prices), key=lambda price: price * best_first)
            for price, qty, queue in side:
                assert queue
                assert qty == sum(order[9] for order in queue)
                live += len(queue)
                for order in queue:
                    assert order[7] == price
                    assert order[9] > 0
                    assert order[8] == order[9] + order[10]
        if bids and asks:
            assert bids[0][0] < asks[0][0], "the book is crossed"
    assert live == shard.open_orders
    check_figures(shard, books)
    assert len({(owner, text) for owner, text, *_ in ids}) == len(ids)


def check_figures(shard: Shard, books: list[Any]) -> None:
    """Figures and lists say what the books hold."""
    instruments = shard.figures().instruments
    for found, (_, _, terms, bids, asks) in zip(instruments, books, strict=True):
        assert (found.status == InstrumentStatus.HALTED) == (len(terms) == 8)
        assert (found.bid_levels, found.ask_levels) == (len(bids), len(asks))
        assert found.bid_qty == sum(qty for _, qty, _ in bids)
        assert found.ask_qty == sum(qty for _, qty, _ in asks)
        assert found.orders == sum(len(queue) for *_, queue in (*bids, *asks))
    listed: list[OpenOrder] = []
    slot = 0
    while slot >= 0:
        page, slot = shard.orders_page(slot, 100)
        listed += page
    assert len({order.order_id for order in listed}) == len(listed)
    assert len(listed) == shard.open_orders


def check(data: bytes) -> None:
    shard = Shard(9, b"one key of chaos")
    twin = Shard(9, b"another such key")
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
        check_books(shard)
        for session, msg_type, body in render_reports(events):
            assert session
            assert msg_type in ("8", "9")
            assert body.endswith(b"\x01")
        assert twin.apply(part, time) == events, "the hash key changed an event"
    assert twin.state_hash() == shard.state_hash()
    assert twin.figures() == shard.figures()
    counted = shard.figures().events
    assert sum(counted.values()) == shard.event_seq
