"""The key table, seen through the three indices a shard keeps in it.

It is compiled and has no Python interface: identifiers, symbols and sessions go in as
commands, and answers and the dump tell what the table holds. A dict is the model.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from engine.codes import (
    CommandFlag,
    CommandKind,
    EventKind,
    OrdType,
    Reason,
    Side,
    TimeInForce,
)
from engine.records import EVENT_BYTES, InstrumentCommand, OrderCommand, unpack_all
from engine.shard import Shard
from tests.reference.script import HASH_KEY, X

REUSE = int(CommandFlag.REUSE_ID)


def new(session: int, name: str, flags: int = REUSE, symbol: str = "X") -> bytes:
    return OrderCommand(
        CommandKind.NEW_ORDER,
        side=Side.BUY,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.GTC,
        flags=flags,
        session=session,
        price=100,
        qty=1,
        cl_ord_id=name,
        symbol=symbol,
    ).pack()


def cancel(session: int, name: str) -> bytes:
    return OrderCommand(
        CommandKind.CANCEL,
        flags=REUSE,
        session=session,
        cl_ord_id=name,
        orig_cl_ord_id=name,
    ).pack()


class Model:
    """A shard with one instrument, and a dict of the identifiers it should know."""

    def __init__(self, hash_key: bytes = HASH_KEY) -> None:
        self.shard = Shard(0, hash_key)
        self.shard.apply(X.pack(), 1)
        self.known: dict[tuple[int, str], int] = {}

    def add(self, session: int, name: str) -> None:
        (event,) = self._give(new(session, name))
        if (session, name) in self.known:
            assert event.kind == EventKind.REJECTED
            assert event.reason == Reason.DUPLICATE_CL_ORD_ID
        else:
            assert event.kind == EventKind.ACCEPTED
            self.known[session, name] = event.order_id

    def remove(self, session: int, name: str) -> None:
        (event,) = self._give(cancel(session, name))
        if (session, name) in self.known:
            assert event.kind == EventKind.CANCELLED
            assert event.order_id == self.known.pop((session, name))
        else:
            assert event.kind == EventKind.CANCEL_REJECTED
            assert event.reason == Reason.UNKNOWN_ORDER

    def _give(self, command: bytes) -> list[Any]:
        packed = self.shard.apply(command, self.shard.time + 1)
        return unpack_all(packed, EVENT_BYTES)

    def check(self) -> None:
        rows = [
            (session, text.rstrip(b"\0").decode(), number)
            for session, text, number, live, _ in self.shard.dump()[2]
            if live
        ]
        assert rows == sorted((*key, number) for key, number in self.known.items())
        assert len(self.shard.dump()[2]) == len(rows)
        assert self.shard.open_orders == len(rows)


def test_grows_far_beyond_its_first_capacity_and_shrinks_again() -> None:
    model = Model()
    keys = [(n % 7, f"order-{n}") for n in range(20_000)]
    for key in keys:
        model.add(*key)
    model.check()
    for key in keys[::3]:
        model.add(*key)
    Random(1).shuffle(keys)
    for key in keys[:15_000]:
        model.remove(*key)
    model.check()
    for key in keys:
        model.remove(*key)
    model.check()
    assert not model.known


@pytest.mark.parametrize("key", range(40))
def test_clusters_survive_removal(key: int) -> None:
    """Just below the fill at which the table grows, runs are long and wrap around."""
    random = Random(key)
    model = Model(random.randbytes(16))
    names = [f"{n:x}" for n in range(60)]
    for _ in range(800):
        name = random.choice(names)
        if random.random() < 0.5 and len(model.known) < 39:
            model.add(1, name)
        else:
            model.remove(1, name)
        assert len(model.known) <= 39
    model.check()
    for name in names:
        model.remove(1, name)
    model.check()


@pytest.mark.parametrize("order", ["first in first out", "last in first out", "any"])
def test_fill_and_empty_again_and_again(order: str) -> None:
    random = Random(7)
    model = Model()
    for _ in range(12):
        names = [f"n{random.randrange(10**9)}" for _ in range(300)]
        for name in names:
            model.add(5, name)
        model.check()
        gone = list(dict.fromkeys(names))
        if order == "last in first out":
            gone.reverse()
        elif order == "any":
            random.shuffle(gone)
        for name in gone:
            model.remove(5, name)
        model.check()


def test_keys_that_differ_in_one_place_are_different() -> None:
    model = Model()
    base = "a" * 36
    texts = {base[:length] for length in range(1, 37)}
    texts |= {base[:place] + "b" + base[place + 1 :] for place in range(36)}
    sessions = [0, 1, 2**32, 2**63, 2**64 - 1]
    for session in sessions:
        for text in sorted(texts):
            model.add(session, text)
    model.check()
    for session in sessions:
        for text in sorted(texts):
            model.add(session, text)  # each is found again
    for text in sorted(texts):
        model.remove(sessions[1], text)
    model.check()


def test_used_identifiers_of_a_day_are_all_kept_and_then_forgotten() -> None:
    shard = Shard(0, HASH_KEY)
    shard.apply(X.pack(), 1)
    names = [f"day{n}" for n in range(5_000)]
    data = b"".join(new(1, name, flags=0, symbol="?") for name in names)
    shard.apply(data, 2)
    assert len(shard.dump()[2]) == 5_000
    again = unpack_all(shard.apply(data, 3), EVENT_BYTES)
    assert {event.reason for event in again} == {Reason.DUPLICATE_CL_ORD_ID}
    end = bytes([CommandKind.END_OF_DAY]).ljust(256, b"\0")
    shard.apply(end, 4)
    assert shard.dump()[2] == []
    again = unpack_all(shard.apply(data, 5), EVENT_BYTES)
    assert {event.reason for event in again} == {Reason.UNKNOWN_SYMBOL}


def test_instruments_are_found_by_symbol_and_kept_in_order() -> None:
    shard = Shard(0, HASH_KEY)
    symbols = [f"S{n * 7919 % 3000}" for n in range(3_000)] + ["y" * 24, "y" * 23]
    define = [
        InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol=symbol).pack()
        for symbol in symbols
    ]
    shard.apply(b"".join(define), 1)
    shard.apply(b"".join(reversed(define)), 2)  # changes terms, adds none
    found = [book[0].rstrip(b"\0").decode() for book in shard.dump()[1]]
    assert found == symbols
    orders = b"".join(new(1, symbol, symbol=symbol) for symbol in symbols)
    events = unpack_all(shard.apply(orders, 3), EVENT_BYTES)
    assert [event.symbol for event in events] == symbols
    assert {event.kind for event in events} == {EventKind.ACCEPTED}
    (unknown,) = unpack_all(shard.apply(new(1, "z", symbol="S3000"), 4), EVENT_BYTES)
    assert unknown.reason == Reason.UNKNOWN_SYMBOL


def test_sessions_remember_their_last_number() -> None:
    shard = Shard(0, HASH_KEY)
    shard.apply(X.pack(), 1)
    random = Random(3)
    last: dict[int, tuple[int, int]] = {}
    sessions = [0, 2**64 - 1, *(random.randrange(2**64) for _ in range(2_000))]
    for serial in range(6_000):
        session = random.choice(sessions)
        number = (random.randrange(3), random.randrange(1, 2**64))
        command = OrderCommand(
            CommandKind.CANCEL,
            session=session,
            session_epoch=number[0],
            msg_seq_num=number[1],
            cl_ord_id=f"c{serial}",
        )
        events = shard.apply(command.pack(), serial + 2)
        repeat = number <= last.get(session, (-1, 0))
        assert (events == b"") == repeat
        if not repeat:
            last[session] = number
    assert shard.dump()[4] == sorted((key, *number) for key, number in last.items())
