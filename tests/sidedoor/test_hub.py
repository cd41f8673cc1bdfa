"""The hub behind the sockets: pace, turns, limits, and nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import orjson
import pytest

from engine.codes import Phase
from fixgw.sidedoor.closing import (
    MEANINGS,
    REASON_BYTES_MAX,
    CloseCode,
    Cut,
    reason_text,
)
from fixgw.sidedoor.guard import Caller, Role
from fixgw.sidedoor.hub import HubLimits
from fixgw.sidedoor.identity import account_key
from fixgw.sidedoor.peer import (
    ANSWERS_MAX,
    ERRORS_MAX,
    MESSAGES_BURST,
    MESSAGES_PER_SECOND,
    TURNS_AT_ONCE,
    Peer,
)
from fixgw.sidedoor.private import PrivateStream as Account
from fixgw.sidedoor.streams import PRIVATE_ITEMS_MAX
from fixgw.sidedoor.topics import PAGE_ORDERS, Topic, beginning
from fixgw.sidedoor.wsprotocol import LiveProtocol
from tests.sidedoor.live_door import Client, Door, run, until


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Counted:
    """A stream with so many messages."""

    def __init__(self, peer: Peer, name: str, count: int) -> None:
        self.peer = peer
        self.name = name
        self.left = count

    def pull(self) -> str | None:
        if not self.left:
            return None
        self.left -= 1
        return self.name


class Sender:
    """Takes messages; can be held up."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, text: str) -> None:
        await self.open.wait()
        self.sent.append(text)


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


# -- one connection --------------------------------------------------------------------


def test_streams_take_turns_and_answers_come_first() -> None:
    async def scene() -> None:
        peer, sender = Peer(1, "here", Clock()), Sender()
        for name, count in (("a", 3), ("b", 1), ("c", 2)):
            peer.ready(Counted(peer, name, count))
        peer.beat("old beat")
        peer.beat("beat")
        peer.answer({"n": 1})
        peer.answer({"n": 2})
        writing = asyncio.ensure_future(peer.write(sender))
        await until(lambda: peer.drained)
        assert sender.sent == ['{"n":1}', '{"n":2}', "beat", *"abcaca"]
        peer.ready(Counted(peer, "d", 1))
        await until(lambda: sender.sent[-1] == "d")
        writing.cancel()

    play(scene)


def test_a_long_queue_lets_others_have_the_loop() -> None:
    async def scene() -> None:
        peer, sender = Peer(1, "here", Clock()), Sender()
        peer.ready(Counted(peer, "x", 10 * TURNS_AT_ONCE))
        writing = asyncio.ensure_future(peer.write(sender))
        await asyncio.sleep(0)
        assert len(sender.sent) == TURNS_AT_ONCE
        writing.cancel()

    play(scene)


def test_what_is_forgotten_is_not_sent() -> None:
    async def scene() -> None:
        peer, sender = Peer(1, "here", Clock()), Sender()
        stream, other = Counted(peer, "x", 5), Counted(peer, "y", 1)
        peer.ready(stream)
        peer.ready(other)
        peer.forget(stream)
        peer.forget(stream)
        writing = asyncio.ensure_future(peer.write(sender))
        await until(lambda: peer.drained)
        assert sender.sent == ["y"]
        writing.cancel()

    play(scene)


def test_how_long_a_message_waits() -> None:
    async def scene() -> None:
        clock = Clock()
        peer, sender = Peer(1, "here", clock), Sender()
        assert peer.stalled_s() == 0
        sender.open.clear()
        peer.beat("x")
        writing = asyncio.ensure_future(peer.write(sender))
        await asyncio.sleep(0)
        clock.now_s += 7
        assert peer.stalled_s() == 7
        assert not peer.drained
        sender.open.set()
        await until(lambda: peer.drained)
        assert peer.stalled_s() == 0
        writing.cancel()

    play(scene)


def test_answers_that_are_not_read_end_it() -> None:
    async def scene() -> None:
        peer = Peer(1, "here", Clock())
        for _ in range(ANSWERS_MAX):
            peer.answer({})
        assert not peer.ended.is_set()
        peer.answer({})
        assert peer.ended.is_set()
        peer.end(Cut(CloseCode.IDLE))
        assert peer.cut is not None
        assert peer.cut.code is CloseCode.SLOW_READER

    play(scene)


def test_inbound_messages_have_a_rate_and_a_burst() -> None:
    async def scene() -> None:
        clock = Clock()
        peer = Peer(7, "here", clock)
        assert peer.next_request() == "ws-7-1"
        for _ in range(MESSAGES_BURST - 1):
            peer.next_request()
        with pytest.raises(Cut, match="TOO_MANY_MESSAGES"):
            peer.next_request()
        clock.now_s += 1 + 2 / MESSAGES_PER_SECOND
        for _ in range(MESSAGES_PER_SECOND):
            peer.next_request()
        clock.now_s += 10_000
        for _ in range(MESSAGES_BURST):
            peer.next_request()
        with pytest.raises(Cut):
            peer.next_request()

    play(scene)


def test_errors_are_counted() -> None:
    async def scene() -> None:
        peer = Peer(1, "here", Clock())
        for _ in range(ERRORS_MAX):
            peer.count_error()
        with pytest.raises(Cut, match="TOO_MANY_ERRORS"):
            peer.count_error()

    play(scene)


# -- pace ------------------------------------------------------------------------------


def test_few_readers_hear_at_once_and_many_at_a_pace() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        peer = Peer(1, "here", Clock())
        topic = Topic(loop, pace_s_per_reader=0.02)
        streams = [Counted(peer, str(n), 0) for n in range(5)]
        topic.streams.update(dict.fromkeys(streams))
        told: list[float] = []
        peer.ready = lambda _: told.append(loop.time())  # type: ignore[method-assign]
        topic.changed()
        assert len(told) == 5
        async with asyncio.timeout(30):
            while len(told) < 4 * 5:
                topic.changed()
                await asyncio.sleep(0.001)
        rounds = told[::5]
        gaps = [
            after - before for before, after in zip(rounds, rounds[1:], strict=False)
        ]
        assert min(gaps) >= 0.099
        topic.changed()
        topic.close()
        await asyncio.sleep(0.12)
        assert len(told[::5]) == len(rounds)

    play(scene)


# -- private beginnings ----------------------------------------------------------------


class FewOrders:
    """What a private stream asks of the accounts."""

    def __init__(self, count: int) -> None:
        self.count = count

    def open_orders(self, key: int) -> list[Any]:
        class Shown:
            def shown(self) -> dict[str, Any]:
                return {}

        return [Shown()] * self.count

    def positions(self, key: int) -> list[Any]:
        return []


@pytest.mark.parametrize("count", [0, 1, PAGE_ORDERS, PAGE_ORDERS + 1])
def test_pages_of_a_snapshot(count: int) -> None:
    account = Account(FewOrders(count), 5)  # type: ignore[arg-type]
    pages = [orjson.loads(text) for text in beginning(account, None, 0)]
    assert sum(len(page["orders"]) for page in pages) == count
    assert [page["more"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert all(len(page["orders"]) <= PAGE_ORDERS for page in pages)
    assert len(pages) == max(1, -(-count // PAGE_ORDERS))
    assert {(page["epoch"], page["seq"]) for page in pages} == {(account.epoch, 0)}


# -- nothing left behind ---------------------------------------------------------------


async def subscribe_to_everything(client: Client) -> None:
    await client.log_in()
    await client.subscribe("private")
    for channel in ("book", "trades", "ticker", "instruments"):
        request = {"op": "subscribe", "channel": channel, "symbols": ["ABC", "XYZ"]}
        await client.ask(request)
        for _ in range(2):
            await client.hear()


def test_who_leaves_leaves_nothing() -> None:
    async def talk(door: Door) -> None:
        hub = door.hub
        clients = [await door.client() for _ in range(3)]
        for client in clients:
            await subscribe_to_everything(client)
        assert hub.connections == 3
        assert hub.subscriptions == 3 * 9
        listing = door.market.listing("ABC")
        assert listing.tape.readers == 3
        assert list(listing.views) == [25]
        door.trade(100)
        await clients[0].socket.close()
        clients[1].socket.transport.abort()
        await until(lambda: hub.connections == 1)
        door.trade(101)
        heard = set()
        while len(heard) < 3:
            heard.add((await clients[2].hear())["channel"])
        await clients[2].ask({"op": "unsubscribe", "channel": "private"})
        assert not hub._accounts
        await clients[2].socket.close()
        await until(lambda: hub.connections == 0)
        assert not hub._topics
        assert not hub._boards
        assert not hub._per_address
        assert hub.subscriptions == listing.tape.readers == 0
        assert not listing.views
        assert not door.private.stream(account_key("ALICE")).listened_to
        # And what happens now goes to nobody.
        door.trade(102)
        door.halt("ABC", Phase.HALTED)
        door.feed.on_link(0, False)

    run(talk)


def test_closing_ends_its_tasks_and_takes_nobody_in() -> None:
    async def talk(door: Door) -> None:
        await door.client()
        await door.hub.close()
        await until(lambda: door.hub.connections == 0)
        assert all(task.done() for task in door.hub._tasks)
        with pytest.raises(Cut, match="GOING_AWAY"):
            door.hub.admit("127.0.0.1")

    run(talk)


def test_a_duty_that_fails_does_not_end_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        await client.subscribe("ticker", "ABC")

        def fail() -> None:
            raise ZeroDivisionError

        original, door.hub._beat = door.hub._beat, fail  # type: ignore[method-assign]
        await until(lambda: "a duty of the streams failed" in caplog.text)
        door.hub._beat = original  # type: ignore[method-assign]
        while not client.heartbeats:
            await client.next()

    run(talk)


def test_addresses_of_one_line_count_together() -> None:
    async def talk(door: Door) -> None:
        for _ in range(2):
            door.hub.admit("2001:db8::1")
        with pytest.raises(Cut, match="ADDRESS_LIMIT"):
            door.hub.admit("2001:db8::2")
        door.hub.admit("2001:db8:0:1::1")

    run(talk, limits=HubLimits(connections_per_address=2))


def test_a_key_is_asked_about_once_for_all_its_connections() -> None:
    async def talk(door: Door) -> None:
        caller = Caller("alice", "ALICE", Role.TRADE)
        for _ in range(3):
            door.hub.admit("127.0.0.1").caller = caller
        door.hub.admit("127.0.0.1")
        asked = []

        async def still_valid(who: Caller) -> bool:
            asked.append(who)
            return True

        door.guard.still_valid = still_valid  # type: ignore[method-assign]
        await door.hub._check_keys()
        assert asked == [caller]

    run(talk)


def test_compression_is_not_offered() -> None:
    async def talk(door: Door) -> None:
        client = await door.client(compression="deflate")
        assert client.socket.protocol.extensions == []
        (protocol,) = door.server.server_state.connections
        assert isinstance(protocol, LiveProtocol)

    run(talk)


# -- close codes -----------------------------------------------------------------------


def test_every_close_code_has_words_that_fit_a_frame() -> None:
    assert set(MEANINGS) == set(CloseCode)
    for code in CloseCode:
        assert len(reason_text(code).encode()) <= REASON_BYTES_MAX
        assert reason_text(code) == f"{code.name}: {MEANINGS[code].why}"
    long = reason_text(CloseCode.TRADES_BEHIND, "é" * 200)
    assert len(long.encode()) <= REASON_BYTES_MAX
    assert PRIVATE_ITEMS_MAX > PAGE_ORDERS
