"""The streams over real sockets: what is said, to whom, and how it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from itertools import islice
from random import Random
from typing import Any
from zlib import crc32

import orjson
import pytest
from websockets.asyncio.client import connect

from engine.codes import Phase
from fixgw.sidedoor import streams, tape
from fixgw.sidedoor.client import Signer
from fixgw.sidedoor.closing import CloseCode
from fixgw.sidedoor.depthview import DEPTHS
from fixgw.sidedoor.hub import TICK_S, HubLimits
from fixgw.sidedoor.limits import Limits, Rate
from fixgw.sidedoor.peer import ANSWERS_MAX, ERRORS_MAX, MESSAGES_BURST
from fixgw.sidedoor.topics import PAGE_ORDERS
from fixgw.sidedoor.wsprotocol import (
    KERNEL_BUFFER_BYTES,
    MESSAGE_BYTES_MAX,
    PINGS_PER_SECOND_MAX,
)
from tests.reference.flow import Flow
from tests.sidedoor.live_door import SECRET, Client, Door, run, until
from tests.sidedoor.reader import BookReader

Talk = Callable[[Door], Coroutine[Any, Any, None]]


async def follow(client: Client, reader: BookReader, seq: int) -> int:
    """Apply book messages until ``seq``; how many it took."""
    count = 0
    while reader.seq != seq:
        message = await client.hear()
        if message.get("channel") == "book":
            reader.apply(message)
            count += 1
    return count


def shown(door: Door, symbol: str, depth: int) -> tuple[Any, Any]:
    book = door.market.book(symbol, depth)
    return book["bids"], book["asks"]


# -- books -----------------------------------------------------------------------------


def test_a_book_from_snapshot_to_deltas() -> None:
    async def talk(door: Door) -> None:
        door.order("buy", 3, 99)
        client = await door.client()
        snapshot = await client.subscribe("book", "ABC", depth=10)
        assert snapshot == {
            "channel": "book",
            "type": "snapshot",
            "symbol": "ABC",
            "depth": 10,
            "seq": 3,
            "time_ns": door.now,
            "checksum": crc32(b"99:3|"),
            "bids": [["99", "3"]],
            "asks": [],
        }
        door.order("buy", 2, 99)
        assert await client.hear() == {
            "channel": "book",
            "type": "delta",
            "symbol": "ABC",
            "depth": 10,
            "prev_seq": 3,
            "seq": 4,
            "time_ns": door.now,
            "checksum": crc32(b"99:5|"),
            "bids": [["99", "5"]],
            "asks": [],
        }
        door.order("sell", 5, 99)
        delta = await client.hear()
        assert (delta["prev_seq"], delta["bids"]) == (4, [["99", "0"]])
        door.order("sell", 1, 120, "XYZ")
        await client.silence()

    run(talk)


def test_several_symbols_and_their_end() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        for channel in ("book", "trades", "ticker", "instruments"):
            request = {"op": "subscribe", "channel": channel, "symbols": ["ABC", "XYZ"]}
            answer = await client.ask(request | {"id": channel})
            assert answer["type"] == "subscribed"
            assert (answer["id"], answer["symbols"]) == (channel, ["ABC", "XYZ"])
            heard = [await client.hear(), await client.hear()]
            assert {m["symbol"] for m in heard} == {"ABC", "XYZ"}
            assert {m["channel"] for m in heard} == {channel}
        assert door.hub.subscriptions == 8
        request = {"op": "unsubscribe", "channel": "book", "symbols": ["ABC", "NONE"]}
        answer = await client.ask(request)
        assert answer == {
            "type": "unsubscribed",
            "channel": "book",
            "symbols": ["ABC"],
        }
        answer = await client.ask({"op": "unsubscribe", "channel": "trades"})
        assert sorted(answer["symbols"]) == ["ABC", "XYZ"]
        door.trade(100)
        message = await client.hear()
        assert (message["channel"], message["symbol"]) == ("ticker", "ABC")
        door.trade(100, symbol="XYZ")
        heard = [await client.hear(), await client.hear()]
        assert {m["channel"] for m in heard} == {"book", "ticker"}

    run(talk)


def test_subscribing_again_gives_a_fresh_snapshot_and_one_stream() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        await client.subscribe("book", "ABC", depth=25)
        again = await client.subscribe("book", "ABC", depth=25)
        assert (again["type"], again["depth"]) == ("snapshot", 25)
        other = await client.subscribe("book", "ABC", depth=10)
        assert (other["type"], other["depth"]) == ("snapshot", 10)
        door.order("buy", 1, 10)
        delta = await client.hear()
        assert (delta["type"], delta["depth"]) == ("delta", 10)
        await client.silence()
        assert list(door.market.listing("ABC").views) == [10]
        assert (await client.subscribe("trades", "ABC"))["type"] == "snapshot"
        assert (await client.subscribe("trades", "ABC"))["type"] == "snapshot"
        assert door.market.listing("ABC").tape.readers == 1
        door.trade(100)
        await client.hear()
        message = await client.hear()
        assert (message["channel"], message["type"]) == ("trades", "update")

    run(talk)


@pytest.mark.parametrize("depth", DEPTHS[:2])
def test_readers_of_any_speed_end_with_exactly_the_book(depth: int) -> None:
    """A random market; one reader reads all the time, others come by now and then."""

    async def talk(door: Door) -> None:
        random = Random(depth)
        clients = [(await door.client(), BookReader(), pace) for pace in (1, 5, 60)]
        market, paused = Flow(random), dict[str, int]()
        for client, reader, _ in clients:
            reader.apply(await client.subscribe("book", "PLAIN", depth=depth))
        view = door.market.listing("PLAIN").view(depth)
        counts = [0, 0, 0]
        for number, command in enumerate(islice(iter(market), 3, 2_500)):
            door.apply(command)
            if number % 4 == 0:
                await asyncio.sleep(0)
            for place, (client, reader, pace) in enumerate(clients):
                if number % (40 * pace) == 0:
                    counts[place] += await follow(client, reader, view.seq)
                    assert reader.book() == shown(door, "PLAIN", depth)
        for place, (client, reader, _) in enumerate(clients):
            counts[place] += await follow(client, reader, view.seq)
            assert reader.book() == shown(door, "PLAIN", depth)
        assert min(counts) > 20, paused

    run(talk, symbols=("PLAIN", "STRICT", "WIDE"))


def narrow() -> socket.socket:
    """A socket that takes little before its owner reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    return sock


async def deaf_client(door: Door, *channels: str, **options: Any) -> Client:
    """A client that has subscribed and reads nothing from then on."""
    sock = narrow()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", door.port))
    client = await door.client(sock=sock, max_queue=1, **options)
    if "private" in channels:
        await client.log_in()
    for channel in channels:
        symbols = () if channel == "private" else ("ABC",)
        await client.subscribe(channel, *symbols)
    client.socket.transport.pause_reading()
    return client


async def flood(
    door: Door, condition: Callable[[], object], *, rows: int = 100
) -> None:
    """A moving market until something holds."""
    turn = 0
    while not condition():
        turn += 1
        side = ("buy", 1000) if turn % 2 else ("sell", 2000)
        qty = 1 + turn % 97
        door.apply(
            *[
                door.new(side[0], qty, side[1] + row, "ABC", "MAKER")
                for row in range(rows)
            ]
        )
        await asyncio.sleep(0)


def test_a_slow_reader_gets_the_newest_book_and_costs_nobody() -> None:
    """It stops reading, thousands of changes later it reads on: few messages, and
    exactly the book. Meanwhile another reader has been told everything."""

    async def talk(door: Door) -> None:
        slow = await deaf_client(door)
        slow.socket.transport.resume_reading()
        reader = BookReader()
        reader.apply(await slow.subscribe("book", "ABC", depth=100))
        slow.socket.transport.pause_reading()
        quick = await door.client()
        other = BookReader()
        other.apply(await quick.subscribe("book", "ABC", depth=100))
        view = door.market.listing("ABC").view(100)
        (peer,) = [p for p in door.hub._peers.values() if p.number == 1]
        await flood(door, lambda: peer.stalled_s() > 0.2)
        quick_count = await follow(quick, other, view.seq)
        changes = 3_000
        for number in range(changes):
            door.order("buy" if number % 2 else "sell", 1, 500 if number % 2 else 3000)
            if number % 50 == 0:
                quick_count += await follow(quick, other, view.seq)
        assert peer.stalled_s() > 0.2
        slow.socket.transport.resume_reading()
        count = await follow(slow, reader, view.seq)
        assert reader.book() == other.book() == shown(door, "ABC", 100)
        assert count < quick_count
        # What was left unsent is bounded by buffers, not by how much has happened.
        assert count < changes // 10

    run(talk)


# -- trades, tickers, instruments ------------------------------------------------------


def test_trades_from_snapshot_to_every_one() -> None:
    async def talk(door: Door) -> None:
        door.trade(100)
        client = await door.client()
        snapshot = await client.subscribe("trades", "ABC")
        assert snapshot["type"] == "snapshot"
        assert snapshot["trades"] == door.market.trades("ABC", 10)
        assert snapshot["seq"] == snapshot["trades"][-1]["seq"]
        seen = snapshot["seq"]
        for price in range(101, 110):
            door.trade(price, 2)
        heard: list[Any] = []
        while len(heard) < 9:
            message = await client.hear()
            assert (message["type"], message["prev_seq"]) == ("update", seen)
            seen = message["seq"]
            heard += message["trades"]
        assert heard[::-1] == door.market.trades("ABC", 9)

    run(talk)


def test_trades_of_a_burst_all_arrive_in_order() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        await client.subscribe("trades", "ABC")
        makers = 2_000
        door.apply(*[door.new("sell", 1, 10, "ABC", "MAKER") for _ in range(makers)])
        door.order("buy", makers, 10)
        heard: list[Any] = []
        while len(heard) < makers:
            heard += (await client.hear())["trades"]
        seqs = [trade["seq"] for trade in heard]
        assert seqs == sorted(set(seqs))

    run(talk)


def test_tickers_are_conflated() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        await client.subscribe("ticker", "ABC")
        loop = asyncio.get_running_loop()
        start = loop.time()
        count = 0
        while loop.time() < start + 1.0 or count <= 100:
            door.trade(100 + count % 7)
            count += 1
            await asyncio.sleep(0.002)
        heard = [await client.hear()]
        while heard[-1]["seq"] != door.market.ticker("ABC")["seq"]:
            heard.append(await client.hear())
        assert len(heard) <= 2 + (loop.time() - start) / TICK_S
        last = heard[-1]
        assert (last.pop("channel"), last.pop("type")) == ("ticker", "state")
        assert last == door.market.ticker("ABC")

    run(talk)


def test_instruments_say_what_may_be_done() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        first = await client.subscribe("instruments", "ABC")
        assert (first["status"], first["available"]) == ("trading", True)
        door.halt("ABC", Phase.HALTED)
        assert (await client.hear())["status"] == "halted"
        assert door.market.ticker("ABC")["status"] == "halted"
        door.halt("XYZ", Phase.HALTED)
        door.halt("ABC", Phase.CONTINUOUS)
        assert (await client.hear())["status"] == "trading"
        door.feed.on_link(0, False)
        assert (await client.hear())["available"] is False
        door.feed.on_link(0, True)
        message = await client.hear()
        expected = {"channel": "instruments", "type": "state"}
        assert message == expected | door.market.instrument("ABC")

    run(talk)


def test_nothing_is_streamed_before_the_past_is_known() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        for channel in ("book", "trades", "ticker", "instruments"):
            request = {"op": "subscribe", "channel": channel, "symbols": ["ABC"]}
            assert (await client.ask(request))["type"] == "subscribed"
        await client.log_in()
        answer = await client.ask({"op": "subscribe", "channel": "private"})
        assert answer["error"]["code"] == "SHARD_UNAVAILABLE"
        for _ in range(20):
            door.trade(100)
            await asyncio.sleep(0)
        await client.silence(0.4)
        door.feed.on_link(0, True)
        heard = [await client.hear() for _ in range(4)]
        kinds = {message["channel"]: message["type"] for message in heard}
        assert kinds == {
            "book": "snapshot",
            "trades": "snapshot",
            "ticker": "state",
            "instruments": "state",
        }
        assert (await client.subscribe("private"))["type"] == "snapshot"

    run(talk, up=False)


def test_one_shard_that_is_not_there_holds_up_private_streams_only() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        await client.subscribe("book", "ABC")
        await client.log_in()
        answer = await client.ask({"op": "subscribe", "channel": "private"})
        assert "shard 1" in answer["error"]["message"]

    run(talk, shards=2)


# -- private ---------------------------------------------------------------------------


def test_private_needs_a_login() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        answer = await client.ask({"op": "subscribe", "channel": "private", "id": 7})
        assert (answer["error"]["code"], answer["id"]) == ("KEY_MISSING", 7)

    run(talk)


def test_private_from_snapshot_to_dense_items() -> None:
    async def talk(door: Door) -> None:
        resting = door.order("buy", 1, 90, account="ALICE")
        client = await door.client()
        await client.log_in()
        snapshot = await client.subscribe("private")
        assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 0)
        assert [o["client_order_id"] for o in snapshot["orders"]] == [resting]
        door.order("buy", 1, 90, account="BOB")
        own = door.order("buy", 5, 100, account="ALICE")
        door.order("sell", 2, 100, account="BOB")
        door.cancel(own, "ALICE")
        heard = []
        while not heard or heard[-1].get("order", {}).get("status") != "cancelled":
            heard.append(await client.hear())
        assert [item["seq"] for item in heard] == list(range(1, len(heard) + 1))
        assert {item["channel"] for item in heard} == {"private"}
        fills = [item["fill"] for item in heard if item["type"] == "fill"]
        assert [(fill["qty"], fill["price"]) for fill in fills] == [("2", "100")]
        text = orjson.dumps(heard).decode()
        assert resting not in text
        assert own in text

    run(talk)


def test_private_resumes_where_it_was() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        await client.log_in()
        epoch = (await client.subscribe("private"))["epoch"]
        for number in range(5):
            door.order("buy", 1, 10 + number, account="ALICE")
        for _ in range(2):
            await client.hear()
        await client.socket.close()
        door.order("buy", 1, 30, account="ALICE")

        client = await door.client()
        await client.log_in()
        resumed = await client.subscribe("private", epoch=epoch, after_seq=2)
        assert resumed == {
            "channel": "private",
            "type": "resumed",
            "epoch": epoch,
            "seq": 2,
        }
        door.order("buy", 1, 31, account="ALICE")
        items = [await client.hear() for _ in range(5)]
        assert [item["seq"] for item in items] == [3, 4, 5, 6, 7]
        prices = [item["order"]["price"] for item in items]
        assert prices == ["12", "13", "14", "30", "31"]

        # A number not yet given out, and another epoch: what is now, whole.
        for place in (
            {"epoch": epoch, "after_seq": 99},
            {"epoch": "0", "after_seq": 2},
        ):
            snapshot = await client.subscribe("private", **place)
            assert (snapshot["type"], snapshot["seq"]) == ("snapshot", 7)
            assert len(snapshot["orders"]) == 7

    run(talk)


def test_both_connections_of_an_account_hear_everything() -> None:
    async def talk(door: Door) -> None:
        clients = [await door.client() for _ in range(2)]
        for client in clients:
            await client.log_in()
            await client.subscribe("private")
        door.order("buy", 1, 10, account="ALICE")
        one, other = [await client.hear() for client in clients]
        assert one == other
        await clients[0].ask({"op": "unsubscribe", "channel": "private"})
        door.order("buy", 1, 11, account="ALICE")
        assert (await clients[1].hear())["seq"] == 2
        await clients[0].silence()

    run(talk)


def test_large_snapshots_come_in_pages() -> None:
    async def talk(door: Door) -> None:
        count = 2 * PAGE_ORDERS + 1
        for number in range(count):
            door.order("buy", 1, 1 + number, account="ALICE")
        client = await door.client(max_size=2**20)
        await client.log_in()
        pages = [await client.subscribe("private")]
        while pages[-1]["more"]:
            pages.append(await client.hear())
        assert [len(page["orders"]) for page in pages] == [PAGE_ORDERS, PAGE_ORDERS, 1]
        ids = {o["client_order_id"] for page in pages for o in page["orders"]}
        assert len(ids) == count

    run(talk)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signature": "0" * 64}, "SIGNATURE_INVALID"),
        ({"key": "carol"}, "KEY_UNKNOWN"),
        ({"timestamp": 1}, "TIMESTAMP_OUTSIDE_WINDOW"),
        ({"timestamp": "1"}, "INVALID_REQUEST"),
        ({"signature": "short"}, "SIGNATURE_INVALID"),
        ({"key": ""}, "KEY_UNKNOWN"),
        ({"key": "a\nb"}, "INVALID_REQUEST"),
        ({"key": None}, "INVALID_REQUEST"),
    ],
)
def test_a_login_that_is_refused(change: dict[str, Any], code: str) -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        login = Signer("alice", SECRET).websocket_login() | change
        answer = await client.ask(login)
        assert answer["error"]["code"] == code
        answer = await client.ask({"op": "subscribe", "channel": "private"})
        assert answer["error"]["code"] == "KEY_MISSING"

    run(talk)


def test_a_login_counts_once_and_another_account_starts_anew() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        login = Signer("alice", SECRET).websocket_login()
        answer = await client.ask(login | {"id": "in"})
        assert answer == {
            "type": "authenticated",
            "account": "ALICE",
            "role": "trade",
            "id": "in",
        }
        await client.subscribe("private")
        answer = await client.ask(login)
        assert answer["error"]["code"] == "REPLAYED"
        await client.log_in("bob")
        door.order("buy", 1, 10, account="ALICE")
        await client.silence()

    run(talk)


# -- what is asked wrongly -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "INVALID_JSON", "one JSON object"),
        ("nonsense", "INVALID_JSON", "one JSON object"),
        ("[1]", "INVALID_JSON", "one JSON object"),
        ("[" * 5000, "INVALID_JSON", "one JSON object"),
        ('{"op": "ping", "op": 1}', "INVALID_REQUEST", "op is one of"),
        (
            "{}",
            "INVALID_REQUEST",
            "op is one of subscribe, unsubscribe, auth, cancel_after, ping",
        ),
        ('{"op": ["ping"]}', "INVALID_REQUEST", "op is one of"),
        ('{"op": "ping", "id": {}}', "INVALID_REQUEST", "id is a whole number"),
        ('{"op": "ping", "id": 1.5}', "INVALID_REQUEST", "id is a whole number"),
        ('{"op": "ping", "now": 1}', "INVALID_REQUEST", "ping has no member 'now'"),
        ('{"op": "subscribe"}', "INVALID_REQUEST", "channel is one of book, orders"),
        (
            '{"op": "subscribe", "channel": "book"}',
            "INVALID_REQUEST",
            "symbols is a list",
        ),
        (
            '{"op": "subscribe", "channel": "book", "symbols": []}',
            "INVALID_REQUEST",
            "symbols is a list",
        ),
        (
            '{"op": "subscribe", "channel": "book", "symbols": [1]}',
            "INVALID_REQUEST",
            "symbols is a list",
        ),
        (
            '{"op": "subscribe", "channel": "book", "symbols": ["ABC"], "depth": 7}',
            "INVALID_REQUEST",
            "depth is one of 10, 25",
        ),
        (
            '{"op": "subscribe", "channel": "book", "symbols": ["ABC"], "depth": true}',
            "INVALID_REQUEST",
            "depth is one of 10, 25",
        ),
        (
            '{"op": "subscribe", "channel": "trades", "symbols": ["ABC"], "depth": 10}',
            "INVALID_REQUEST",
            "depth belongs to the channel book",
        ),
        (
            '{"op": "subscribe", "channel": "ticker", "symbols": ["A"], "epoch": "1"}',
            "INVALID_REQUEST",
            "belong to the channel private",
        ),
        (
            '{"op": "subscribe", "channel": "private", "symbols": ["ABC"]}',
            "INVALID_REQUEST",
            "private has no symbols",
        ),
        (
            '{"op": "subscribe", "channel": "private", "epoch": "1"}',
            "INVALID_REQUEST",
            "epoch and after_seq belong together",
        ),
        (
            '{"op": "subscribe", "channel": "private", "epoch": "1", "after_seq": -1}',
            "INVALID_REQUEST",
            "after_seq is a whole number",
        ),
        (
            '{"op": "subscribe", "channel": "book", "symbols": ["ABC", "NO"]}',
            "UNKNOWN_SYMBOL",
            "'NO' is not traded here",
        ),
    ],
)
def test_bad_messages_are_answered_and_change_nothing(
    text: str, code: str, words: str
) -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        await client.subscribe("book", "XYZ")
        answer = await client.ask(text)
        assert answer["type"] == "error"
        assert answer["error"]["code"] == code
        assert words in answer["error"]["message"]
        assert answer["error"]["request_id"] == "ws-1-2"
        assert door.hub.subscriptions == 1
        pong = await client.ask({"op": "ping", "id": "still here"})
        assert (pong["type"], pong["id"]) == ("pong", "still here")

    run(talk)


def test_subscriptions_are_limited() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        request = {"op": "subscribe", "channel": "ticker", "symbols": ["ABC", "XYZ"]}
        assert (await client.ask(request))["type"] == "subscribed"
        for _ in range(2):
            await client.hear()
        more = {"op": "subscribe", "channel": "book", "symbols": ["ABC", "XYZ"]}
        answer = await client.ask(more)
        assert answer["error"]["code"] == "SUBSCRIPTION_LIMIT"
        assert door.hub.subscriptions == 2
        assert (await client.ask(request))["type"] == "subscribed"

    run(talk, limits=HubLimits(subscriptions=3))


def test_heartbeats_and_pings_both_ways() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        await client.subscribe("book", "ABC")
        await client.log_in()
        await client.subscribe("private")
        door.order("buy", 1, 10, account="ALICE")
        await until(lambda: door.market.shards[0].seq == 3)
        while len(client.heartbeats) < 3:
            await client.next()
        first, second = client.heartbeats[1:3]
        assert 0.9e9 < second["time_ns"] - first["time_ns"] < 1.5e9
        assert second["shards"] == [
            {"shard": 0, "available": True, "seq": 3, "time_ns": door.now}
        ]
        assert second["private"]["seq"] == 1
        waiter = await client.socket.ping()
        assert await asyncio.wait_for(waiter, 20) >= 0

    run(talk)


def test_an_ordinary_protocol_will_do() -> None:
    """Without LiveProtocol the streams are the same; only deaf peers hold on longer."""

    async def talk(door: Door) -> None:
        client = await door.client()
        assert (await client.subscribe("book", "ABC"))["type"] == "snapshot"
        await client.socket.send(b"\0")
        assert (await client.closed())[0] == CloseCode.BINARY_MESSAGE

    run(talk, protocol="websockets-sansio")


# -- how connections end: every close code ---------------------------------------------

Ending = tuple[CloseCode, dict[str, Any], Callable[[Door], Coroutine[Any, Any, Client]]]
ENDINGS: dict[str, Ending] = {}


def ends(code: CloseCode, **options: Any) -> Callable[..., Any]:
    """The scenario returns a client whose connection must end with ``code``."""

    def note(scenario: Callable[[Door], Coroutine[Any, Any, Client]]) -> Any:
        ENDINGS[scenario.__name__] = (code, options, scenario)
        return scenario

    return note


async def raw_client(door: Door) -> Client:
    """Connected, nothing read."""
    client = Client(await connect(door.url, max_size=2**24))
    door.clients.append(client)
    return client


@ends(CloseCode.GOING_AWAY)
async def the_hub_closes(door: Door) -> Client:
    client = await door.client()
    await client.subscribe("book", "ABC")
    closing = asyncio.ensure_future(door.hub.close())
    notice = await client.hear()
    assert (notice["type"], notice["code"]) == ("notice", "GOING_AWAY")
    await closing
    return client


@ends(CloseCode.GOING_AWAY)
async def the_server_shuts_down(door: Door) -> Client:
    client = await door.client()
    door.server.should_exit = True
    return client


@ends(CloseCode.GOING_AWAY)
async def one_connects_while_the_hub_closes(door: Door) -> Client:
    await door.hub.close()
    return await raw_client(door)


@ends(CloseCode.BINARY_MESSAGE)
async def bytes_are_sent(door: Door) -> Client:
    client = await door.client()
    await client.socket.send(b'{"op": "ping"}')
    return client


@ends(CloseCode.MESSAGE_TOO_BIG)
async def a_long_message_is_sent(door: Door) -> Client:
    client = await door.client()
    await client.say(" " * MESSAGE_BYTES_MAX)
    assert (await client.hear())["error"]["code"] == "INVALID_JSON"
    await client.say(" " * (MESSAGE_BYTES_MAX + 1))
    return client


@ends(CloseCode.MESSAGE_TOO_BIG, protocol="websockets-sansio")
async def a_long_message_is_sent_to_an_ordinary_protocol(door: Door) -> Client:
    client = await door.client()
    await client.say(" " * (MESSAGE_BYTES_MAX + 1))
    return client


@ends(CloseCode.INTERNAL_ERROR)
async def something_fails_inside(door: Door) -> Client:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    door.hub.subscribe_trades = fail  # type: ignore[method-assign]
    client = await door.client()
    await client.ask({"op": "subscribe", "channel": "trades", "symbols": ["ABC"]})
    return client


@ends(CloseCode.CONNECTION_LIMIT, limits=HubLimits(connections=2))
async def one_connection_too_many(door: Door) -> Client:
    for _ in range(2):
        await door.client()
    return await raw_client(door)


@ends(CloseCode.ADDRESS_LIMIT, limits=HubLimits(connections_per_address=2))
async def one_connection_too_many_of_an_address(door: Door) -> Client:
    first = await door.client()
    await door.client()
    refused = await raw_client(door)
    await refused.closed()
    # A place that was given back can be taken again.
    await first.socket.close()
    await until(lambda: door.hub.connections == 1)
    await door.client()
    return refused


@ends(CloseCode.ADDRESS_LIMIT)
async def connections_come_too_fast(door: Door) -> Client:
    door.guard._limits = Limits({"public": Rate(1, 1)})
    await door.client()
    return await raw_client(door)


@ends(CloseCode.IDLE, limits=HubLimits(idle_s=0.2))
async def nothing_is_subscribed(door: Door) -> Client:
    client = await door.client()
    await client.log_in()
    return client


@ends(CloseCode.IDLE, limits=HubLimits(idle_s=0.2))
async def everything_is_unsubscribed(door: Door) -> Client:
    client = await door.client()
    await client.subscribe("book", "ABC")
    await client.silence(1.6)
    await client.ask({"op": "unsubscribe", "channel": "book"})
    return client


@ends(CloseCode.TOO_MANY_MESSAGES)
async def messages_come_too_fast(door: Door) -> Client:
    client = await door.client()
    for _ in range(MESSAGES_BURST + 20):
        await client.say({"op": "ping"})
    return client


@ends(CloseCode.TOO_MANY_MESSAGES)
async def pings_come_too_fast(door: Door) -> Client:
    client = await door.client()
    for _ in range(PINGS_PER_SECOND_MAX + 1):
        await client.socket.ping()
    return client


@ends(CloseCode.TOO_MANY_ERRORS)
async def nothing_makes_sense(door: Door) -> Client:
    client = await door.client()
    for _ in range(ERRORS_MAX):
        assert (await client.ask("?"))["type"] == "error"
    await client.say("?")
    return client


@ends(CloseCode.SLOW_READER, limits=HubLimits(stall_s=0.5))
async def nothing_is_read(door: Door) -> Client:
    client = await deaf_client(door, "book")
    await flood(door, lambda: door.hub.cuts["SLOW_READER"])
    client.socket.transport.resume_reading()
    return client


@ends(CloseCode.SLOW_READER)
async def answers_are_not_read(door: Door) -> Client:
    client = await deaf_client(door, "book")
    (peer,) = door.hub._peers.values()
    await flood(door, lambda: peer.stalled_s() > 0.3)
    peer.next_request = lambda: "?"  # type: ignore[method-assign]
    for _ in range(ANSWERS_MAX + 1):
        await client.say({"op": "ping"})
    await flood(door, lambda: door.hub.cuts["SLOW_READER"])
    client.socket.transport.resume_reading()
    return client


@ends(CloseCode.TRADES_BEHIND)
async def more_trades_than_are_kept(door: Door) -> Client:
    client = await deaf_client(door, "trades", "book")
    (peer,) = door.hub._peers.values()
    await flood(door, lambda: peer.stalled_s() > 0.3)
    door.trade(1500)
    kept = tape.TRADES_KEPT_FOR_READERS
    for _ in range(0, kept + kept // 4 + 2_000, 1_000):
        door.apply(
            *[
                door.new(side, 1, 1500, "ABC", "MAKER")
                for _ in range(1_000)
                for side in ("sell", "buy")
            ]
        )
    assert peer.stalled_s() > 0
    client.socket.transport.resume_reading()
    return client


@ends(CloseCode.PRIVATE_BEHIND)
async def more_private_items_than_wait(door: Door) -> Client:
    client = await deaf_client(door, "private", "book")
    (peer,) = door.hub._peers.values()
    await flood(door, lambda: peer.stalled_s() > 0.3)
    for _ in range(0, streams.PRIVATE_ITEMS_MAX + 1, 1_000):
        door.apply(
            *[door.new("buy", 1, 1 + row, "XYZ", "ALICE") for row in range(1_000)]
        )
    door.order("buy", 1, 1, "XYZ", "ALICE")
    client.socket.transport.resume_reading()
    return client


@ends(CloseCode.KEY_REVOKED)
async def the_key_is_disabled(door: Door) -> Client:
    client = await door.client()
    await client.log_in()
    await client.subscribe("private")
    other = await door.client()
    await other.log_in("bob")
    await other.subscribe("book", "ABC")
    door.keys.disable("alice")
    await until(lambda: door.hub.cuts["KEY_REVOKED"])
    assert (await other.ask({"op": "ping"}))["type"] == "pong"
    return client


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.filterwarnings("error")
def test_endings(name: str, caplog: pytest.LogCaptureFixture) -> None:
    code, options, scenario = ENDINGS[name]

    async def talk(door: Door) -> None:
        client = await scenario(door)
        found, reason = await client.closed()
        assert (found, reason) == (code, reason)
        if options.get("protocol") != "websockets-sansio":
            assert reason.startswith(f"{code.name}: ") or code is (
                CloseCode.MESSAGE_TOO_BIG
            )
        await until(lambda: client.socket.transport.is_closing())

    run(talk, **options)
    faults = [record for record in caplog.records if record.levelname == "ERROR"]
    assert bool(faults) == (code is CloseCode.INTERNAL_ERROR), faults


def test_every_close_code_is_reached() -> None:
    assert {code for code, _, _ in ENDINGS.values()} == set(CloseCode)


def test_a_peer_that_answers_no_pings_is_gone() -> None:
    async def talk(door: Door) -> None:
        client = await deaf_client(door, "instruments")
        await until(lambda: door.hub.connections == 0)
        client.socket.transport.resume_reading()
        assert await client.closed() == (1011, "keepalive ping timeout")

    run(talk, ws_ping_interval=0.5, ws_ping_timeout=1.0)


def test_a_deaf_peer_cannot_hold_its_socket() -> None:
    """It never reads: the close frame stays unread, and the connection is gone."""

    async def talk(door: Door) -> None:
        client = await deaf_client(door, "book")
        (peer,) = door.hub._peers.values()
        await flood(door, lambda: peer.stalled_s() > 0.3)
        await until(lambda: door.hub.connections == 0)
        connections = door.server.server_state.connections
        protocol = next(iter(connections))
        assert protocol.transport.get_write_buffer_size() < 3 * KERNEL_BUFFER_BYTES
        protocol.transport.abort()
        await until(lambda: not connections)
        assert client.socket.protocol.close_rcvd is None

    run(talk, limits=HubLimits(stall_s=0.3))


# -- single orders, auctions -----------------------------------------------------------


def test_single_orders_and_the_auction() -> None:
    async def talk(door: Door) -> None:
        door.order("buy", 3, 99)
        client = await door.client()
        snapshot = await client.subscribe("orders", "ABC")
        assert (snapshot["type"], len(snapshot["orders"])) == ("snapshot", 1)
        assert snapshot["orders"][0][1:] == ["buy", "99", "3"]
        state = await client.subscribe("auction", "ABC")
        assert (state["phase"], state["indicative"]) == ("continuous", False)
        door.order("sell", 1, 99)
        delta = await client.hear()
        assert delta["prev_seq"] == snapshot["seq"]
        assert [entry[3] for entry in delta["orders"]] == ["2"]
        assert delta["checksum"] == crc32(f"99:2:{delta['orders'][0][0]}|".encode())
        door.halt("ABC", Phase.HALTED)
        state = await client.hear()
        assert (state["channel"], state["phase"]) == ("auction", "halted")

    run(talk)


def test_a_book_of_too_many_orders_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixgw.sidedoor.websocket.ORDERS_MAX", 1)
    monkeypatch.setattr("fixgw.sidedoor.ordersview.ORDERS_MAX", 1)

    async def talk(door: Door) -> None:
        door.order("buy", 3, 99)
        client = await door.client()
        stream = await client.subscribe("orders", "ABC")
        assert len(stream["orders"]) == 1
        door.order("buy", 3, 98)
        assert (await client.hear())["type"] == "delta"
        request = {"op": "subscribe", "channel": "orders", "symbols": ["ABC"]}
        answer = await client.ask(request)
        assert answer["error"]["code"] == "SUBSCRIPTION_LIMIT"
        assert "more than 1 orders" in answer["error"]["message"]

    run(talk)


# -- a dead-man switch -----------------------------------------------------------------


def test_a_dead_man_takes_a_key_that_may_trade() -> None:
    async def talk(door: Door) -> None:
        client = await door.client()
        wish: dict[str, Any] = {"op": "cancel_after", "timeout_ms": 60_000}
        answer = await client.ask(wish)
        assert answer["error"]["code"] == "KEY_MISSING"
        await client.log_in()
        answer = await client.ask(wish)
        assert answer["deadline_ns"] == answer["time_ns"] + 60_000_000_000
        answer = await client.ask({"op": "cancel_after", "timeout_ms": 0, "id": 7})
        assert (answer["deadline_ns"], answer["id"]) == (None, 7)
        for wrong in (999, 86_400_001, -1, "5000", True, None):
            answer = await client.ask({"op": "cancel_after", "timeout_ms": wrong})
            assert answer["error"]["code"] == "INVALID_REQUEST"

    run(talk)
