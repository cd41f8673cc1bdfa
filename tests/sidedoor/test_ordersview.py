"""The stream of single orders: a reader at any pace has the book, queue by queue."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson
import pytest

from engine import decimals
from engine.codes import EventKind
from engine.records import EVENT_BYTES, unpack_all
from engine.shard import Shard
from fixgw.marketdata import checksum
from fixgw.marketdata.book import Book
from fixgw.sidedoor import ordersview
from fixgw.sidedoor.market import Market
from fixgw.sidedoor.ordersview import HISTORY_MAX, OrdersView, TooManyOrders
from fixgw.sidedoor.text import id_text
from tests.marketdata.stage import BUY, SELL, Stage, shows
from tests.property.generating import Generator
from tests.property.profiles import PROFILES

BATCHES = 1_200


class OrdersReader:
    """Does what spec/websocket.md says of the channel orders, and nothing else."""

    def __init__(self) -> None:
        self.seq = -1
        self.queues: dict[tuple[str, str], dict[str, str]] = {}
        self._where: dict[str, tuple[str, str]] = {}

    def apply(self, message: dict[str, Any]) -> None:
        assert message["channel"] == "orders"
        if message["type"] == "snapshot":
            self.queues, self._where = {}, {}
        else:
            assert message["type"] == "delta"
            assert message["prev_seq"] == self.seq
        for order_id, side, price, qty in message["orders"]:
            where = self._where.get(order_id)
            if qty == "0":
                if where is not None:
                    del self._where[order_id]
                    del self.queues[where][order_id]
                    if not self.queues[where]:
                        del self.queues[where]
            elif where is not None:
                assert where == (side, price)
                self.queues[where][order_id] = qty
            else:
                self._where[order_id] = side, price
                self.queues.setdefault((side, price), {})[order_id] = qty
        self.seq = message["seq"]


def queues_of(book: Book) -> dict[tuple[str, str], dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for side, own in (("buy", book.bids), ("sell", book.asks)):
        for order_id, shown in own.orders():
            price = decimals.render(abs(shown.key or 0))
            queue = found.setdefault((side, price), {})
            queue[id_text(order_id)] = decimals.render(shown.qty)
    return found


@pytest.mark.parametrize("seed", [61, 62])
def test_readers_at_any_pace_have_the_queues(seed: int) -> None:
    random, market = Random(seed), Market()
    generator = Generator(random, PROFILES["plain"])
    shard = Shard(0, b"a key of no note")
    readers: list[tuple[OrdersReader, OrdersView, int]] = []
    kinds = {"snapshot": 0, "delta": 0}
    for number in range(BATCHES):
        time, commands = generator.batch()
        data = shard.apply(b"".join(each.pack() for each in commands), time)
        events = unpack_all(data, EVENT_BYTES)
        generator.observe(events)
        market.on_events(0, events, True)
        if number == 10:
            for symbol in market._listings:
                view = market.listing(symbol).orders_view()
                readers += [(OrdersReader(), view, pace) for pace in (1, 5, 60, 900)]
        for reader, view, pace in readers:
            if reader.seq != view.seq and random.randrange(pace) == 0:
                text, seq = view.message_since(reader.seq)
                message = orjson.loads(text)
                reader.apply(message)
                kinds[message["type"]] += 1
                book = market.listing(view.symbol).book
                assert reader.seq == seq == view.seq
                assert reader.queues == queues_of(book)
                for key, queue in queues_of(book).items():
                    assert list(reader.queues[key]) == list(queue)
                assert message["checksum"] == checksum.of_orders(book)
    assert kinds["delta"] > 100
    assert kinds["snapshot"] > len(readers)


def viewed() -> tuple[Stage, OrdersView]:
    stage = Stage()
    view = OrdersView("ABC", stage.projection.markets["ABC"].book)
    stage.projection.watchers.append(lambda increment: view.advance(increment.book))
    return stage, view


def test_what_one_delta_says() -> None:
    stage, view = viewed()
    for order in (1, 2, 3):
        stage.step(shows(order, BUY, 99, 5))
    seen = view.seq
    stage.step(shows(1, BUY, 99, 4, kind=EventKind.FILLED))
    stage.step(shows(2, BUY, 99, 9, priority=7, kind=EventKind.REPLACED))
    stage.step(shows(8, SELL, 101, 2))
    message = orjson.loads(view.message_since(seen)[0])
    assert message["orders"] == [
        ["0-8", "", "", "0"],
        ["0-2", "", "", "0"],
        ["0-1", "buy", "99", "4"],
        ["0-2", "buy", "99", "9"],
        ["0-8", "sell", "101", "2"],
    ]
    assert view.message_since(seen)[0] is view.message_since(seen)[0]
    # What changes no displayed order is none of its business.
    seq = view.seq
    stage.step(shows(9, BUY, 0, 5))
    assert view.seq == seq


def test_behind_the_history_a_snapshot_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, view = viewed()
    stage.step(*[shows(1000 + n, SELL, 101, 1) for n in range(HISTORY_MAX)])
    seen = view.seq
    for number in range(HISTORY_MAX):
        stage.step(shows(1 + number % 3, BUY, 99, 1 + number % 2, priority=number + 1))
    assert orjson.loads(view.message_since(seen)[0])["type"] == "delta"
    stage.step(shows(9, BUY, 99, 1, priority=5000))
    assert orjson.loads(view.message_since(seen)[0])["type"] == "snapshot"
    monkeypatch.setattr(ordersview, "ORDERS_MAX", 10)
    stage.step(shows(10, BUY, 99, 1, priority=5001))
    with pytest.raises(TooManyOrders, match="ABC: more than 10 orders"):
        view.message_since(-1)


def test_many_readers_at_many_places_keep_few_texts() -> None:
    stage, view = viewed()
    seqs = []
    for number in range(2 * ordersview.TEXTS_MAX):
        stage.step(shows(1 + number, BUY, 90 + number % 9, 1))
        seqs.append(view.seq)
    stage.step(shows(9_000, SELL, 101, 1))
    for seq in seqs:
        view.message_since(seq)
    assert len(view._texts) <= ordersview.TEXTS_MAX
