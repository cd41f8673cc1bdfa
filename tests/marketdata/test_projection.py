"""Rules of the projection, one by one; random flow is in test_property."""

from __future__ import annotations

from zlib import crc32

import pytest

from engine.codes import EventKind, Liquidity, OrdStatus, Phase
from engine.records import OrderEvent
from fixgw.marketdata import checksum
from fixgw.marketdata.book import BUY, SELL, OutOfStep, keeps_place
from fixgw.marketdata.projection import Increment, Projection
from fixgw.marketdata.window import Window
from tests.marketdata.stage import Stage, auction, define, fill, phase, shows


class Watched(Stage):
    """A stage that notes increments."""

    def __init__(self, *symbols: str) -> None:
        self.increments: list[Increment] = []
        super().__init__(*symbols)
        self.projection.watchers.append(self.increments.append)

    def numbers(self) -> list[tuple[str, int]]:
        """Symbol of each increment, and how many it had before."""
        seen: dict[str, int] = {}
        found = []
        for increment in self.increments:
            symbol = increment.market.symbol
            seen[symbol] = seen.get(symbol, 0) + 1
            found.append((symbol, seen[symbol]))
        return found


def test_one_number_per_command_that_changes_something() -> None:
    stage = Watched("ABC", "XYZ")
    stage.step(shows(1, BUY, 99, 5), shows(2, BUY, 98, 5))
    stage.step(shows(3, BUY, 99, 5, symbol="XYZ"), shows(4, BUY, 97, 5))
    # Comes and goes; says again what is known; refusals, answers: no number.
    stage.step(shows(5, BUY, 99, 1), shows(5, BUY, 99, 0, kind=EventKind.EXPIRED))
    stage.step(shows(1, BUY, 99, 5, kind=EventKind.REPLACED))
    stage.step(shows(1, BUY, 99, 9, kind=EventKind.STATUS))
    stage.step(OrderEvent(int(EventKind.REJECTED), symbol="NONE"))
    stage.step(shows(9, BUY, 99, 5, kind=EventKind.CANCEL_REJECTED))
    assert stage.numbers() == [("ABC", 1), ("XYZ", 1), ("ABC", 2)]
    assert stage.projection.markets["ABC"].rpt_seq == 3  # its terms were the first
    assert stage.projection.markets["ABC"].book.seq == 6
    assert stage.projection.open_orders == 4


def test_nothing_shows_before_the_command_is_whole() -> None:
    stage = Watched()
    stage.step(shows(1, BUY, 99, 5), settle=False)
    stage.more(phase(Phase.HALTED), auction(99, 1), define("ABC", tick=7), settle=False)
    market = stage.projection.markets["ABC"]
    assert (market.rpt_seq, market.book.seq) == (1, 0)
    assert market.phase == Phase.CONTINUOUS
    assert market.auction is None
    assert market.terms.tick == 0
    # The first event of the next command says so.
    stage.step(shows(2, BUY, 98, 5), settle=False)
    assert (market.rpt_seq, market.book.seq, market.phase) == (2, 2, Phase.HALTED)
    assert market.terms.tick == 7
    stage.projection.settle(0)
    stage.projection.settle(0)
    assert market.rpt_seq == 3


def test_commands_of_different_shards_do_not_end_each_other() -> None:
    projection = Projection()
    one = Stage("ABC")
    projection = one.projection
    one.step(shows(1, BUY, 99, 5), settle=False)
    event = define("XYZ")
    object.__setattr__(event, "command_seq", 1)
    projection.take(1, [event])
    assert projection.markets["ABC"].rpt_seq == 1
    projection.settle(1)
    assert projection.markets["XYZ"].rpt_seq == 1
    assert projection.markets["XYZ"].shard == 1
    assert projection.markets["ABC"].rpt_seq == 1
    projection.settle(0)
    assert projection.markets["ABC"].rpt_seq == 2


def test_hidden_quantity_is_nowhere() -> None:
    stage = Watched()
    hidden = shows(1, BUY, 99, 0)
    object.__setattr__(hidden, "leaves_qty", 10**9)
    iceberg = shows(2, BUY, 98, 3)
    object.__setattr__(iceberg, "leaves_qty", 10**12)
    stage.step(hidden)
    stage.step(iceberg)
    book = stage.projection.markets["ABC"].book
    assert checksum.text_of_levels(book) == "98:3|"
    assert checksum.text_of_orders(book) == "98:3:0-2|"
    assert len(stage.increments) == 1


def test_an_order_that_keeps_its_place_and_one_that_does_not() -> None:
    stage = Watched()
    for order in (1, 2, 3):
        stage.step(shows(order, SELL, 101, 5))
    stage.step(
        shows(1, SELL, 101, 4, priority=9, kind=EventKind.FILLED),
        shows(2, SELL, 101, 3, priority=2, kind=EventKind.RESTATED),
        shows(3, SELL, 102, 5, priority=8, kind=EventKind.REPLACED),
    )
    book = stage.projection.markets["ABC"].book
    assert checksum.text_of_orders(book) == "|101:3:0-2,101:4:0-1,102:5:0-3"
    changes = stage.increments[-1].book.orders
    assert [(c.order_id, keeps_place(c)) for c in changes] == [
        (2, True),
        (3, False),
        (1, False),
    ]


def test_market_orders_are_a_total_and_in_no_level() -> None:
    stage = Watched()
    stage.step(shows(1, BUY, 0, 5))
    stage.step(shows(2, BUY, 99, 1))
    book = stage.projection.markets["ABC"].book
    assert book.bids.market_qty == 5 * 10**8
    assert checksum.text_of_levels(book) == "99:1|"
    assert stage.increments[0].book.market
    assert not stage.increments[0].book.orders
    # A market order that becomes a limit order comes into the levels.
    stage.step(shows(1, BUY, 98, 4, kind=EventKind.RESTATED))
    assert book.bids.market_qty == 0
    assert checksum.text_of_levels(book) == "99:1,98:4|"
    (change,) = stage.increments[2].book.orders
    assert change.before is None


def test_trades_need_the_fill_that_stands_for_them() -> None:
    stage = Watched()
    stage.step(shows(1, SELL, 9, 5))
    stage.step(
        fill(1, SELL, 9, 4, (9, 1), 3, Liquidity.ADDED),
        fill(2, BUY, 9, 0, (9, 1), 3, Liquidity.REMOVED),
    )
    (trade,) = stage.increments[-1].trades
    assert (trade.seq, trade.trade_id, trade.side) == (4, 3, BUY)
    stage.step(
        fill(3, BUY, 9, 0, (9, 2), 5, Liquidity.AUCTION),
        fill(1, SELL, 9, 2, (9, 2), 5, Liquidity.AUCTION),
    )
    (trade,) = stage.increments[-1].trades
    assert (trade.seq, trade.trade_id, trade.side) == (6, 5, 0)
    assert stage.projection.trades == 2
    assert stage.projection.markets["ABC"].last_trade == trade


def test_events_of_what_is_not_defined_are_not_guessed_at() -> None:
    with pytest.raises(OutOfStep, match="'NONE', which is not defined"):
        Stage().step(shows(1, BUY, 9, 1, symbol="NONE"))
    with pytest.raises(OutOfStep):
        Stage().step(phase(Phase.HALTED, symbol="NONE"))


def test_packed_events_are_the_same() -> None:
    stage = Stage("ABC", "XYZ")
    packed = Projection()
    taken: list[bytes] = []

    def step(*events: OrderEvent) -> None:
        stage.step(*events)
        taken.extend(event.pack() for event in events)

    packed.take_packed(
        0, b"".join(m.terms.pack() for m in stage.projection.markets.values())
    )
    step(shows(1, BUY, 99, 5, ord_status=int(OrdStatus.NEW), cl_ord_id="A"))
    step(shows(2, SELL, 101, 5, account="ME", symbol="XYZ"))
    halt = phase(Phase.HALTED)
    stage.step(halt)
    taken.append(halt.pack())
    step(shows(1, BUY, 99, 2, kind=EventKind.CANCELLED))
    packed.take_packed(0, b"".join(taken))
    packed.settle(0)
    for symbol, market in stage.projection.markets.items():
        other = packed.markets[symbol]
        assert (other.rpt_seq, other.seq, other.phase) == (
            market.rpt_seq,
            market.seq,
            market.phase,
        )
        assert checksum.text_of_orders(other.book) == checksum.text_of_orders(
            market.book
        )
    packed.take_packed(0, b"")


# -- checksums and windows -------------------------------------------------------------


def test_checksums_are_of_the_best_ten_levels() -> None:
    stage = Stage()
    book = stage.projection.markets["ABC"].book
    assert checksum.text_of_levels(book) == checksum.text_of_orders(book) == "|"
    assert checksum.of_levels(book) == crc32(b"|")
    for number in range(12):
        stage.step(shows(1 + number, BUY, 50 - number, 1))
        stage.step(shows(101 + number, SELL, 60 + number, 2))
    bids = ",".join(f"{50 - n}:1" for n in range(10))
    asks = ",".join(f"{60 + n}:2" for n in range(10))
    assert checksum.text_of_levels(book) == f"{bids}|{asks}"
    assert checksum.of_levels(book) == crc32(f"{bids}|{asks}".encode())
    orders = checksum.text_of_orders(book)
    assert orders.startswith("50:1:0-1,49:1:0-2,")
    assert orders.endswith(",69:2:0-110")
    assert checksum.of_orders(book) == crc32(orders.encode())


def test_the_worked_example_of_the_specification() -> None:
    stage = Stage()
    for order, side, price, qty in (
        (17, BUY, 99, 10),
        (18, SELL, 101, 4),
        (19, BUY, 99, 2),
    ):
        stage.step(shows(order, side, price, qty))
    book = stage.projection.markets["ABC"].book
    assert checksum.text_of_levels(book) == "99:12|101:4"
    assert checksum.text_of_orders(book) == "99:10:0-17,99:2:0-19|101:4:0-18"
    assert checksum.of_levels(book) == 1358741781
    assert checksum.of_orders(book) == 1745242243


def test_a_window_knows_what_comes_in_and_what_falls_out() -> None:
    stage = Watched()
    window = Window(stage.projection.markets["ABC"].book.bids, 2)
    moves = []
    stage.projection.watchers.append(
        lambda increment: moves.append(window.advance(increment.book.bids))
    )
    key = 10**8
    stage.step(shows(1, BUY, 10, 1))
    stage.step(shows(2, BUY, 9, 1))
    stage.step(shows(3, BUY, 8, 1))
    stage.step(shows(4, BUY, 11, 1))
    stage.step(shows(4, BUY, 11, 0, kind=EventKind.CANCELLED))
    assert moves == [
        [(10 * key, False, True)],
        [(9 * key, False, True)],
        [],
        [(11 * key, False, True), (9 * key, True, False)],
        [(11 * key, True, False), (9 * key, False, True)],
    ]
    assert window.has(9 * key)
    assert not window.has(8 * key)
