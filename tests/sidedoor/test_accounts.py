"""The projection of accounts against the shard it is projected from."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

import pytest

from engine.codes import CommandKind, EventKind, OrdStatus, OrdType, Side, TimeInForce
from engine.host.frames import RECORDS_PER_FRAME_MAX
from engine.layouts import Record
from engine.records import (
    EVENT_BYTES,
    UNIT,
    InstrumentCommand,
    OrderCommand,
    OrderEvent,
    unpack_all,
)
from engine.shard import Shard
from fixgw.net import eventtap
from fixgw.sidedoor import account, private
from fixgw.sidedoor.accounts import Accounts
from fixgw.sidedoor.feed import AnyEvent, Feed, decode
from fixgw.sidedoor.identity import OWN_ID_MARK, account_key
from fixgw.sidedoor.orders import Order
from fixgw.sidedoor.private import PrivateStreams
from tests.reference.flow import Flow

HASH_KEY = b"a key of no note"
ALICE, BOB = account_key("ALICE"), account_key("BOB")
OWNERS = {1: (ALICE, "ALICE"), 2: (BOB, "BOB"), 3: (3, "BOB")}
"""Sessions of the flow. The third is a FIX session that calls its account BOB."""

FAR_FUTURE_NS = 2**62


def owned(command: Record) -> Record:
    """A command of the flow as one of an account's."""
    if not isinstance(command, OrderCommand):
        return command
    session, name = OWNERS.get(command.session, (command.session, command.account))
    own_id = command.cl_ord_id
    if command.kind == CommandKind.CANCEL and own_id:
        own_id = f"{OWN_ID_MARK}{own_id}"[:36]
    return replace(command, session=session, account=name, cl_ord_id=own_id)


def commands(seed: int, count: int) -> Iterator[Record]:
    return map(owned, islice(Flow(Random(seed)), count))


def shown(accounts: Accounts, key: int) -> list[Any]:
    """Everything there is to see of an account."""
    return [
        [order.shown() for order in accounts.orders(key, 10**6)],
        [order.shown() for order in accounts.open_orders(key)],
        [fill.shown() for fill in accounts.fills(key, 10**6)],
        [position.shown() for position in accounts.positions(key)],
    ]


def live_orders(shard: Shard, key: int) -> dict[int, tuple[Any, ...]]:
    """The orders of a session in the shard's books."""
    found, slot = {}, 0
    while slot >= 0:
        page, slot = shard.orders_page(slot, 1000)
        for order in page:
            if order.session == key:
                found[order.order_id] = (
                    order.cl_ord_id,
                    order.side,
                    order.price,
                    order.qty,
                    order.leaves_qty,
                    order.cum_qty,
                    order.avg_price,
                    order.time_in_force,
                )
    return found


def known_live(accounts: Accounts, key: int) -> dict[int, tuple[Any, ...]]:
    return {
        order.order_id: (
            order.client_order_id,
            order.side,
            order.price,
            order.qty,
            order.leaves_qty,
            order.filled_qty,
            order.avg_price,
            order.time_in_force,
        )
        for order in accounts.open_orders(key)
    }


def check_ids(accounts: Accounts, shard: Shard, key: int) -> None:
    """What the shard takes for used is in use, and the other way round."""
    rows = [row for row in shard.dump()[2] if row[0] == key]
    used = {row[1].rstrip(b"\0").decode(): row for row in rows}
    ours = accounts._accounts[key].ids if key in accounts._accounts else {}
    in_use = {
        name
        for name, use in ours.items()
        if name and accounts.in_use(use, FAR_FUTURE_NS)
    }
    assert in_use == {name for name in used if not name.startswith(OWN_ID_MARK)}
    for name, (_, _, number, live, _) in used.items():
        if live and not name.startswith(OWN_ID_MARK):
            order = accounts.order(key, name)
            assert order is not None
            assert order.order_id == number
            assert order.is_live


@pytest.mark.parametrize("seed", range(6))
def test_accounts_know_what_the_shard_knows(seed: int) -> None:
    shard, accounts, everything = Shard(0, HASH_KEY), Accounts(), b""
    bought: dict[tuple[int, str], int] = defaultdict(int)
    notional: dict[tuple[int, str, int], int] = defaultdict(int)
    for time, command in enumerate(commands(seed, 3000), 1):
        events = shard.apply(command.pack(), time)
        everything += events
        records = decode(events)
        assert records == unpack_all(events, EVENT_BYTES)
        accounts.on_events(0, records, True)
        for event in records:
            if event.kind == EventKind.FILLED:
                assert isinstance(event, OrderEvent)
                sign = 1 if event.side == Side.BUY else -1
                place = event.session, event.symbol
                bought[place] += sign * event.last_qty
                notional[(*place, sign)] += event.last_qty * event.last_price
        if time % 50 == 0:
            for key in (ALICE, BOB):
                assert known_live(accounts, key) == live_orders(shard, key)
                check_ids(accounts, shard, key)
    for key in (ALICE, BOB):
        for position in accounts.positions(key):
            place = key, position.symbol
            assert position.bought_qty - position.sold_qty == bought[place]
            assert position.bought_notional == notional[(*place, 1)]
            assert position.sold_notional == notional[(*place, -1)]
    # Whoever gets it all at once, or in pieces, knows the same.
    at_once, in_pieces = Accounts(), Accounts()
    at_once.on_events(0, decode(everything), True)
    random, start = Random(seed), 0
    while start < len(everything):
        end = start + random.randrange(1, 300) * EVENT_BYTES
        in_pieces.on_events(0, decode(everything[start:end]), random.random() < 0.5)
        start = end
    assert len(accounts) == 2
    for key in (ALICE, BOB):
        assert shown(accounts, key) == shown(at_once, key) == shown(in_pieces, key)
        assert accounts.open_count(key) == len(live_orders(shard, key))


class Script:
    """One account's orders in shards of their own."""

    def __init__(self, shards: int = 1) -> None:
        self.shards = [Shard(number, HASH_KEY) for number in range(shards)]
        self.accounts = Accounts()
        self.time = 0
        for number in range(shards):
            define = CommandKind.DEFINE_INSTRUMENT
            self.do(InstrumentCommand(define, symbol=f"S{number}"), shard=number)

    def do(self, *given: Record, shard: int = 0) -> None:
        """Apply commands as one batch."""
        self.time += 1
        data = b"".join(record.pack() for record in given)
        events = decode(self.shards[shard].apply(data, self.time))
        self.accounts.on_events(shard, events, True)

    def order(
        self, name: str, side: Side = Side.BUY, key: int = ALICE, **more: Any
    ) -> OrderCommand:
        number = more.pop("shard", 0)
        return OrderCommand(
            CommandKind.NEW_ORDER,
            side=side,
            ord_type=OrdType.LIMIT,
            time_in_force=more.pop("time_in_force", TimeInForce.DAY),
            session=key,
            account="ALICE" if key == ALICE else "BOB",
            price=10 * UNIT,
            qty=UNIT,
            cl_ord_id=name,
            symbol=f"S{number}",
            **more,
        )


def names(orders: Sequence[Order]) -> list[str]:
    return [order.client_order_id for order in orders]


def test_ended_orders_and_fills_are_kept_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(account, "ENDED_ORDERS_KEPT", 4)
    monkeypatch.setattr(account, "FILLS_KEPT", 3)
    script = Script(shards=2)
    script.do(script.order("live"))
    for turn in range(6):
        shard = turn % 2
        ioc = {"time_in_force": TimeInForce.IOC, "shard": shard}
        script.do(script.order(f"o-{turn}", **ioc), shard=shard)
    known = script.accounts
    assert names(known.orders(ALICE, 100)) == ["o-5", "o-4", "o-3", "o-2", "live"]
    assert known.use(ALICE, "o-1") is None
    assert known.order(ALICE, "o-2") is not None
    for turn in range(5):
        script.do(
            script.order(f"s-{turn}", shard=turn % 2),
            script.order(f"b-{turn}", Side.SELL, BOB, shard=turn % 2),
            shard=turn % 2,
        )
    fills = known.fills(ALICE, 100)
    assert len(fills) == 3
    assert [fill.time_ns for fill in fills] == sorted(
        (fill.time_ns for fill in fills), reverse=True
    )
    # The positions count all of them.
    positions = {p.symbol: p.shown()["net_qty"] for p in known.positions(ALICE)}
    assert sum(int(qty) for qty in positions.values()) == 5


def test_names_of_one_order_are_kept_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(account, "IDS_PER_ORDER_KEPT", 3)
    monkeypatch.setattr(account, "LOOSE_IDS_KEPT", 2)
    script = Script()
    script.do(script.order("n-0"))
    for turn in range(1, 6):
        change = replace(
            script.order(f"n-{turn}"),
            kind=CommandKind.REPLACE,
            orig_cl_ord_id=f"n-{turn - 1}",
            price=(10 + turn) * UNIT,
        )
        script.do(change)
    known = script.accounts
    found = [f"n-{n}" for n in range(6) if known.order(ALICE, f"n-{n}") is not None]
    assert found == ["n-3", "n-4", "n-5"]
    for turn in range(4):
        script.do(
            replace(
                script.order(f"x-{turn}"),
                kind=CommandKind.REPLACE,
                orig_cl_ord_id="nobody",
            )
        )
    kept = [n for n in range(4) if known.use(ALICE, f"x-{n}") is not None]
    assert kept == [2, 3]


def test_one_identifier_in_two_shards() -> None:
    """Possible only where claims were lost: the live order is the one it names."""
    script = Script(shards=3)
    script.do(script.order("x"))
    first = script.accounts.order(ALICE, "x")
    assert first is not None
    refused = replace(script.order("x", shard=1), qty=-1)
    script.do(refused, shard=1)
    assert script.accounts.order(ALICE, "x") is first
    script.do(script.order("x", shard=2), shard=2)
    second = script.accounts.order(ALICE, "x")
    assert second is not None
    assert second.shard == 2
    assert len(script.accounts.open_orders(ALICE)) == 2


def test_a_private_stream_tells_everything_in_order() -> None:
    script = Script()
    streams = PrivateStreams(script.accounts)
    script.do(script.order("before"))
    stream = streams.stream(ALICE)
    heard: list[dict[str, Any]] = []
    detach = stream.attach(lambda items: heard.extend(item.body for item in items))
    script.do(script.order("a"))
    script.do(script.order("b", Side.SELL, BOB))
    told = [
        (item["seq"], item["type"], item[item["type"]]["client_order_id"])
        for item in heard
    ]
    assert told == [
        (1, "order", "a"),
        (2, "fill", "before"),
        (3, "order", "before"),
    ]
    assert heard[0]["order"]["status"] == "open"
    assert heard[2]["order"]["status"] == "filled"
    assert (heard[1]["fill"]["shard"], heard[1]["fill"]["liquidity"]) == (0, "maker")
    snapshot = stream.snapshot()
    assert (snapshot["epoch"], snapshot["seq"]) == (stream.epoch, 3)
    assert [order["client_order_id"] for order in snapshot["orders"]] == ["a"]
    assert snapshot["positions"][0]["net_qty"] == "1"
    resumed = stream.resume(stream.epoch, 1)
    assert resumed is not None
    assert [item.body for item in resumed] == heard[1:]
    assert stream.resume(stream.epoch, 3) == []
    assert stream.resume(stream.epoch, 4) is None
    assert stream.resume(stream.epoch, -1) is None
    assert stream.resume("another", 1) is None
    detach()
    script.do(script.order("c"))
    assert len(heard) == 3
    assert stream.seq == 4
    assert streams.stream(ALICE) is stream


def test_a_private_stream_keeps_so_many_items(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private, "ITEMS_KEPT", 3)
    monkeypatch.setattr(private, "STREAMS_MAX", 2)
    script = Script()
    streams = PrivateStreams(script.accounts)
    stream = streams.stream(ALICE)
    stream.attach(lambda items: None)
    for turn in range(5):
        script.do(script.order(f"o-{turn}"))
    assert stream.resume(stream.epoch, 1) is None
    resumed = stream.resume(stream.epoch, 2)
    assert resumed is not None
    assert [item.seq for item in resumed] == [3, 4, 5]
    # The streams nobody listens to make room for others, and begin anew.
    bob = streams.stream(BOB)
    streams.stream(account_key("CAROL"))
    assert len(streams) == 2
    assert streams.stream(ALICE) is stream
    again = streams.stream(BOB)
    assert again is not bob
    assert again.epoch != bob.epoch


class Watching:
    """Notes what a feed hands out."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, list[int], bool]] = []
        self.links: list[tuple[int, bool]] = []
        self.fails = False

    def on_events(self, shard: int, events: Sequence[AnyEvent], complete: bool) -> None:
        if self.fails:
            raise ZeroDivisionError
        self.heard.append((shard, [event.seq for event in events], complete))

    def on_link(self, shard: int, up: bool) -> None:
        self.links.append((shard, up))


def packed(first: int, count: int) -> bytes:
    return b"".join(
        OrderEvent(EventKind.ACCEPTED, ord_status=OrdStatus.NEW, seq=seq).pack()
        for seq in range(first, first + count)
    )


def test_a_feed_gives_every_event_once() -> None:
    watching, failures = Watching(), list[BaseException]()
    sink = Feed([watching], failures.append)
    sink.take_events(1, 1, 2, packed(1, 2))
    sink.take_events(1, 1, 2, packed(1, 2))
    sink.take_events(1, 2, 3, packed(2, 3))
    sink.take_events(0, 1, 1, packed(1, 1))
    assert watching.heard == [
        (1, [1, 2], True),
        (1, [3, 4], True),
        (0, [1], True),
    ]
    assert (sink.taken(1), sink.taken(0), sink.taken(7), sink.events) == (4, 1, 0, 5)
    with pytest.raises(ValueError, match="shard 1: event 6 after 4"):
        sink.take_events(1, 6, 1, packed(6, 1))
    sink.on_link(1, True)
    assert watching.links == [(1, True)]
    # An observer that fails is not given anything any more; nobody else is, either.
    watching.fails = True
    sink.take_events(1, 5, 1, packed(5, 1))
    watching.fails = False
    sink.take_events(1, 6, 1, packed(6, 1))
    sink.on_link(1, False)
    assert len(failures) == 1
    assert len(watching.heard) == 3
    assert watching.links == [(1, True)]


def test_a_full_frame_may_be_the_middle_of_a_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(eventtap, "SETTLE_S", 0.02)
    full = RECORDS_PER_FRAME_MAX

    async def main() -> None:
        watching = Watching()
        sink = Feed([watching], lambda error: None)
        sink.take_events(0, 1, full, packed(1, full))
        sink.take_events(0, full + 1, 1, packed(full + 1, 1))
        assert [complete for _, _, complete in watching.heard] == [False, True]
        sink.take_events(0, full + 2, full, packed(full + 2, full))
        assert watching.heard[-1][2] is False
        async with asyncio.timeout(20):
            while len(watching.heard) < 4:
                await asyncio.sleep(0.005)
        assert watching.heard[-1] == (0, [], True)

    asyncio.run(main())
