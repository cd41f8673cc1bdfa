"""Market data through the whole gateway: what is kept, who waits for whom, restarts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.records import UNIT
from fixgw.net.links import LocalLink
from fixgw.net.marketdata import MarketData
from fixgw.session.reasons import DisconnectReason
from tests.marketdata.reader import BookReader, Entry
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.sessions.conversation import Pairs, stamp

V = "35=V|262={}|263=1|264=0|265=1|267=3|269=0|269=1|269=2|146=1|55=XYZ"
BUY, SELL = "1", "2"
Talk = Callable[[InProcess], Coroutine[Any, Any, None]]


def playing(folder: Path, conversation: Talk, **options: Any) -> None:
    run(folder, conversation, market_data=True, **options)


def entries_of(pairs: Pairs) -> list[Entry]:
    """The entries of a W or X."""
    first = 279 if dict(pairs)[35] == "X" else 269
    found: list[Entry] = []
    for tag, value in pairs[[tag for tag, _ in pairs].index(268) + 1 :]:
        if tag == first:
            found.append({})
        if found and tag not in (10, 5083, 5084):
            found[-1][tag] = value.encode()
    return found


async def follow(client: Client, reader: BookReader, until_seq: int) -> list[str]:
    """Take W and X until the reader has that number; their types."""
    kinds = []
    while reader.rpt_seq < until_seq:
        pairs = await client.next()
        message = dict(pairs)
        kinds.append(message[35])
        if message[35] == "W":
            reader.snapshot(int(message[83]), entries_of(pairs))
        else:
            assert message[35] == "X", message
            reader.increment(entries_of(pairs))
    return kinds


def new(client: Client, name: str, side: str, price: int, qty: int) -> None:
    """A limit order."""
    when = stamp(client._clock())
    client.say(f"35=D|11={name}|54={side}|55=XYZ|60={when}|38={qty}|40=2|44={price}")


def market_of(x: InProcess) -> Any:
    assert x.market_data is not None
    return x.market_data.projection.markets["XYZ"]


def test_a_book_from_snapshot_and_increments(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        buyer, seller = await x.client(), await x.client("SELLER")
        reader = BookReader()
        buyer.say(V.format("A"))
        assert await follow(buyer, reader, 1) == ["W"]
        for number in range(5):
            new(seller, f"s{number}", SELL, 101 + number, 5)
            await seller.report(f"s{number}")
        await follow(buyer, reader, 6)
        new(seller, "taker", BUY, 102, 7)
        await follow(buyer, reader, 7)
        assert reader.levels(b"1") == [
            (102 * UNIT, 3 * UNIT),
            *((price * UNIT, 5 * UNIT) for price in (103, 104, 105)),
        ]
        assert [trade[2:] for trade in reader.trades] == [
            (b"101", b"5"),
            (b"102", b"2"),
        ]
        assert reader.rpt_seq == market_of(x).rpt_seq

    playing(tmp_path, conversation)


def test_a_resend_fills_over_market_data(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        buyer = await x.client()
        buyer.order("a")
        await buyer.report("a")
        buyer.say(V.format("A"))
        assert dict(await buyer.next())[34] == "3"
        buyer.order("b")
        heard = [dict(await buyer.next()) for _ in range(2)]
        assert sorted(each[35] for each in heard) == ["8", "X"]
        report = next(each[34] for each in heard if each[35] == "8")
        buyer.say("35=2|7=1|16=0")
        again = [dict(await buyer.next()) for _ in range(5 if report == "4" else 4)]
        shown = [(each[35], each[34], each.get(36)) for each in again]
        filled_to = str(int(report))
        if report == "5":
            assert shown == [
                ("4", "1", "2"),
                ("8", "2", None),
                ("4", "3", filled_to),
                ("8", "5", None),
            ]
        else:
            assert shown == [
                ("4", "1", "2"),
                ("8", "2", None),
                ("4", "3", "4"),
                ("8", "4", None),
                ("4", "5", "6"),
            ]

    playing(tmp_path, conversation)


def test_numbers_go_on_after_a_crash_and_the_book_is_there_again(
    tmp_path: Path,
) -> None:
    async def conversation(x: InProcess) -> None:
        buyer = await x.client()
        buyer.order("a")
        await buyer.report("a")
        buyer.say(V.format("A"))
        snapshot = dict(await buyer.next())
        assert (snapshot[35], snapshot[34]) == ("W", "3")
        x.kill_gateway()
        await buyer.close()
        x.start_gateway()
        await x.listen()
        buyer = await x.connect(next_out=4)
        answer = await buyer.log_on()
        assert answer[34] == "4"
        # What was subscribed is not any more; the number of the W is used.
        buyer.say("35=2|7=3|16=3")
        await buyer.hear("35=4|34=3|36=4|43=Y|122=*|123=Y")
        buyer.say(V.format("A"))
        again = dict(await buyer.next())
        assert (again[35], again[83], again[270]) == ("W", snapshot[83], "100")

    playing(tmp_path, conversation)


def test_until_the_past_is_known_requests_are_refused(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        buyer = await x.client()
        buyer.order("a")
        await buyer.report("a")
        assert x.market_data is not None
        real = x.market_data.links
        x.market_data.links = {}
        # Orders do not wait for it.
        buyer.order("b")
        await buyer.report("b")
        for text, kind in (
            (V.format("A"), "j"),
            ("35=e|324=Q|263=0|55=XYZ", "j"),
            ("35=g|335=Q|263=0", "j"),
            ("35=c|320=Q|321=0|55=XYZ", "j"),
            ("35=x|320=Q|559=4", "y"),
        ):
            buyer.say(text)
            answer = dict(await buyer.next())
            assert (answer[35], answer[380 if kind == "j" else 560]) == (kind, "4")
            assert "loaded" in answer[58]
        x.market_data.links = real
        buyer.say(V.format("A"))
        assert dict(await buyer.next())[35] == "W"

    playing(tmp_path, conversation)


def test_events_that_do_not_fit_end_market_data_and_nothing_else(
    tmp_path: Path,
) -> None:
    async def conversation(x: InProcess) -> None:
        assert x.market_data is not None
        buyer, reader = await x.client(), await x.client("SELLER")
        reader.say(V.format("R"))
        assert dict(await reader.next())[35] == "W"
        x.market_data.projection.markets.clear()
        buyer.order("a")
        await buyer.report("a")
        # Who has a subscription is not left with a book that stands still.
        ended = dict(await reader.next())
        assert (ended[35], ended[262]) == ("Y", "R")
        assert x.market_data.market_data.subscriptions == 0
        buyer.say(V.format("A"))
        answer = dict(await buyer.next())
        assert (answer[35], answer[380]) == ("j", "4")
        buyer.order("b")
        await buyer.report("b")

    playing(tmp_path, conversation)


class _Held:
    """A connection whose peer has much unread."""

    unsent = 10**6

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_an_error_in_one_session_is_its_own(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        broken, other = await x.client(), await x.client("SELLER")
        for client in (broken, other):
            client.say(V.format("A"))
            assert dict(await client.next())[35] == "W"

        def send(*_: Any, **__: Any) -> int:
            raise RuntimeError("broken")

        session: Any = x.hosted().session
        session.send = send
        new(other, "o", BUY, 90, 5)
        kinds = {dict(await other.next())[35] for _ in range(2)}
        assert kinds == {"8", "X"}
        await x.disconnected(DisconnectReason.INTERNAL_ERROR)

    playing(tmp_path, conversation)


def test_a_reader_that_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        slow, fast = await x.client(), await x.client("SELLER")
        for client in (slow, fast):
            client.say(V.format("A"))
            assert dict(await client.next())[35] == "W"
        connection: Any = x.hosted().connection
        x.hosted().connection = _Held(connection)
        reader = BookReader()
        reader.rpt_seq = 1
        for number in range(40):
            new(fast, f"o{number}", BUY, 90 + number % 9, 5)
        reports = 0
        while reader.rpt_seq < 41 or reports < 40:
            pairs = await fast.next()
            if dict(pairs)[35] == "X":
                reader.increment(entries_of(pairs), dense=True)
            else:
                reports += 1
        await slow.silence(0.2)
        # It reads again: one snapshot, and what follows.
        x.hosted().connection = connection
        late = BookReader()
        assert await follow(slow, late, 41) == ["W"]
        assert late.levels(b"0") == reader.levels(b"0")
        new(fast, "z", BUY, 50, 1)
        assert await follow(slow, late, 42) == ["X"]

    playing(tmp_path, conversation)


def test_one_that_misses_too_many_trades_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fixgw.marketdata.desk.MISSED_TRADES_MAX", 3)

    async def conversation(x: InProcess) -> None:
        slow, fast = await x.client(), await x.client("SELLER")
        slow.say(V.format("A"))
        assert dict(await slow.next())[35] == "W"
        connection: Any = x.hosted().connection
        x.hosted().connection = _Held(connection)
        new(fast, "bid", BUY, 100, 100)
        for number in range(5):
            new(fast, f"o{number}", SELL, 100, 1)
        await x.disconnected(DisconnectReason.SLOW_CONSUMER)
        assert x.market_data is not None
        assert x.market_data.market_data.subscriptions == 0

    playing(tmp_path, conversation)


def test_market_data_of_two_shards_and_many_clients(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        clients = [await x.client("BUYER"), await x.client("SELLER")]
        for client in clients:
            client.say("35=V|262=A|263=1|264=0|265=1|267=1|269=0|146=2|55=ABC|55=XYZ")
            heard = [dict(await client.next()) for _ in range(2)]
            assert [(each[35], each[55]) for each in heard] == [
                ("W", "ABC"),
                ("W", "XYZ"),
            ]
        clients[0].order("a", symbol="ABC")
        clients[0].order("b", symbol="XYZ")
        for client, reports in zip(clients, (2, 0), strict=True):
            heard = [dict(await client.next()) for _ in range(2 + reports)]
            told = [each[55] for each in heard if each[35] == "X"]
            assert sorted(told) == ["ABC", "XYZ"]

    playing(tmp_path, conversation, shards=2)


def test_the_tick_serves_who_waits(tmp_path: Path) -> None:
    """A snapshot asked for while a replay runs comes when it has ended."""

    async def conversation(x: InProcess) -> None:
        buyer = await x.client()
        for number in range(3):
            buyer.order(f"o{number}")
            await buyer.report(f"o{number}")
        # Both in one write: the replay has begun when the request is served.
        buyer.send(buyer.message("35=2|7=1|16=0") + buyer.message(V.format("A")))
        heard = [dict(await buyer.next())[35] for _ in range(5)]
        assert heard == ["4", "8", "8", "8", "W"]

    playing(tmp_path, conversation)


def test_it_is_told_while_the_past_is_read_and_no_longer(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        buyer = await x.client()
        assert x.market_data is not None
        told: list[int] = []
        again = MarketData(
            x.gateway, x._map, x._market_link, lambda: told.append(len(told))
        )
        again.start()
        again._tick(0)
        assert told == []
        await until(lambda: all(link.is_up for link in again.links.values()))
        again._tick(0)
        assert told == [0]
        buyer.order("a")
        await buyer.report("a")
        again._tick(0)
        assert told == [0]
        for number, link in again.links.items():
            assert isinstance(link, LocalLink)
            x.services[number].detach(link)

    playing(tmp_path, conversation)
