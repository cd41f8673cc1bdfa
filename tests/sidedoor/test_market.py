"""The public projection against the reference exchange and against its own rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest

from engine import decimals
from engine.codes import CommandKind, EventKind, OrdType, Phase, Side, TimeInForce
from engine.layouts import Record
from engine.records import (
    EVENT_BYTES,
    UNIT,
    InstrumentCommand,
    OrderCommand,
    OrderEvent,
    PhaseCommand,
    unpack_all,
)
from engine.shard import Shard
from fixgw.marketdata.book import OutOfStep
from fixgw.sidedoor.candles import KEPT
from fixgw.sidedoor.depthview import HISTORY_MAX, DepthView
from fixgw.sidedoor.listing import Listing
from fixgw.sidedoor.market import Changed, Market
from fixgw.sidedoor.tape import (
    SNAPSHOT_TRADES,
    TRADES_KEPT,
    TRADES_KEPT_FOR_READERS,
    TRADES_PER_MESSAGE,
    TooFarBehind,
)
from fixgw.sidedoor.text import decimal_text, id_text, percent_text
from tests.marketdata.shards import Side as ShownSide
from tests.marketdata.shards import books_of
from tests.property.generating import Generator
from tests.property.profiles import PROFILES
from tests.sidedoor.reader import BookReader

SEEDS = (21, 22, 23)
COMMANDS = 2_000
S = 1_000_000_000
MINUTE, HOUR, DAY = 60 * S, 3600 * S, 86400 * S


class Exchange:
    """A compiled shard and the market that follows it; one command at a time."""

    def __init__(self, *symbols: str, start_ns: int = 1000 * DAY) -> None:
        self.shard = Shard(0, b"a key of no note")
        self.market = Market()
        self.now = start_ns
        self.number = 0
        kind = CommandKind.DEFINE_INSTRUMENT
        for symbol in symbols or ("ABC",):
            self.apply(InstrumentCommand(kind, symbol=symbol, currency="EUR"))

    def apply(self, *commands: Record, later_ns: int = 1) -> list[Any]:
        self.now += later_ns
        packed = b"".join(command.pack() for command in commands)
        events = unpack_all(self.shard.apply(packed, self.now), EVENT_BYTES)
        self.market.on_events(0, events, True)
        return events

    def order(
        self, side: str, qty: int, price: int | None, *, later_ns: int = 1, **more: Any
    ) -> str:
        """An order in whole units; its ClOrdID(11)."""
        self.number += 1
        fields: dict[str, Any] = {
            "side": int(Side.BUY if side == "buy" else Side.SELL),
            "ord_type": int(OrdType.MARKET if price is None else OrdType.LIMIT),
            "time_in_force": int(TimeInForce.DAY),
            "price": (price or 0) * UNIT,
            "qty": qty * UNIT,
            "cl_ord_id": f"o{self.number}",
            "session": 1,
            "symbol": "ABC",
        } | more
        self.apply(OrderCommand(CommandKind.NEW_ORDER, **fields), later_ns=later_ns)
        return str(fields["cl_ord_id"])

    def trade(self, price: int, qty: int = 1, *, later_ns: int = 1) -> None:
        self.order("sell", qty, price, later_ns=later_ns)
        self.order("buy", qty, price)


def whole_book(market: Market, symbol: str) -> dict[str, Any]:
    """Every level there is, as price -> quantity per side in units."""
    shown = market.book(symbol, 10**6)
    return {
        side: {decimals.parse(p.encode()): decimals.parse(q.encode()) for p, q in rows}
        for side, rows in (("bids", shown["bids"]), ("asks", shown["asks"]))
    }


def displayed(side: ShownSide) -> dict[int, int]:
    """Price -> displayed quantity."""
    return {price: sum(qty for _, qty in orders) for price, orders in side.levels}


# -- against the shard -----------------------------------------------------------------


def flow(seed: int, batches: int, name: str = "plain") -> Iterator[tuple[Shard, bytes]]:
    """A shard after each batch of random commands, and its events."""
    generator = Generator(Random(seed), PROFILES[name])
    shard = Shard(0, b"a key of no note")
    for _ in range(batches):
        time, commands = generator.batch()
        data = shard.apply(b"".join(each.pack() for each in commands), time)
        generator.observe(unpack_all(data, EVENT_BYTES))
        yield shard, data


def follow(seed: int, batches: int) -> Iterator[tuple[Market, Shard]]:
    """Market and shard after each batch; events arrive in random pieces."""
    random, market = Random(seed), Market()
    for shard, data in flow(seed, batches):
        events = unpack_all(data, EVENT_BYTES)
        single = len({event.command_seq for event in events}) == 1
        while len(events) > 1 and random.randrange(3) == 0:
            cut = random.randrange(1, len(events))
            before = {s: market.book(s, 1000) for s in market._listings if single}
            market.on_events(0, events[:cut], False)
            assert {s: market.book(s, 1000) for s in before} == before
            events = events[cut:]
        market.on_events(0, events, True)
        yield market, shard


@pytest.mark.parametrize("seed", SEEDS)
def test_books_are_those_of_the_shard_after_every_command(seed: int) -> None:
    kinds: Counter[str] = Counter()
    trades = 0
    for market, shard in follow(seed, COMMANDS):
        for symbol, (bids, asks) in books_of(shard.dump()).items():
            shown = market.book(symbol, 1000)
            assert whole_book(market, symbol) == {
                "bids": displayed(bids),
                "asks": displayed(asks),
            }
            prices = [decimals.parse(row[0].encode()) for row in shown["bids"]]
            assert prices == sorted(prices, reverse=True)
            prices = [decimals.parse(row[0].encode()) for row in shown["asks"]]
            assert prices == sorted(prices)
            ticker = market.ticker(symbol)
            best = [side.levels[0][0] if side.levels else None for side in (bids, asks)]
            assert [ticker["bid"], ticker["ask"]] == [
                None if price is None else decimals.render(price) for price in best
            ]
            kinds["two-sided"] += None not in best
        trades = market.trades_seen
        orders = [
            o
            for s in books_of(shard.dump()).values()
            for side in s
            for o in side.levels
        ]
        assert market.open_orders >= sum(len(queue) for _, queue in orders)
    assert trades > 100
    assert kinds["two-sided"] > COMMANDS // 10


def test_pieces_of_any_size_lead_to_the_same(request: pytest.FixtureRequest) -> None:
    """Start-up takes events in chunks of thousands, live ones singly: no difference."""
    seed = request.config.getoption("randomly_seed", 0)
    events: list[Any] = []
    for _, data in flow(seed, 1_500):
        events += unpack_all(data, EVENT_BYTES)
    one, other = Market(), Market()
    one.on_events(0, events, True)
    for event in events:
        other.on_events(0, [event], False)
    other.on_events(0, [], True)
    for market in (one, other):
        market.on_link(0, True)
    assert one.instruments() == other.instruments()
    for symbol in one._listings:
        for call in ("book", "trades"):
            assert getattr(one, call)(symbol, 500) == getattr(other, call)(symbol, 500)
        assert one.candles(symbol, 60, 10) == other.candles(symbol, 60, 10)
        assert one.listing(symbol).auction() == other.listing(symbol).auction()


# -- rules, one by one -----------------------------------------------------------------


def test_levels_gather_orders_and_seq_is_the_last_change() -> None:
    exchange = Exchange()
    exchange.order("buy", 3, 99)
    exchange.order("buy", 2, 99)
    exchange.order("sell", 4, 101)
    shown = exchange.market.book("ABC", 5)
    assert shown == {
        "symbol": "ABC",
        "seq": exchange.shard.event_seq,
        "time_ns": exchange.now,
        "bids": [["99", "5"]],
        "asks": [["101", "4"]],
    }
    exchange.order("buy", 0, 99)  # refused: the book is what it was
    assert exchange.market.book("ABC", 5) == shown


def test_what_comes_and_goes_in_one_command_changes_no_book() -> None:
    exchange = Exchange()
    exchange.order("buy", 3, 99)
    shown = exchange.market.book("ABC", 5)
    exchange.order("sell", 3, 101, time_in_force=int(TimeInForce.IOC))
    exchange.order("buy", 3, None)  # a market order finds nothing
    assert exchange.market.book("ABC", 5) == shown


def test_the_market_and_ioc_take_and_never_rest() -> None:
    exchange = Exchange()
    exchange.order("sell", 3, 101)
    exchange.order("sell", 3, 102)
    exchange.order("buy", 4, None)
    assert exchange.market.book("ABC", 5)["asks"] == [["102", "2"]]
    exchange.order("buy", 9, 105, time_in_force=int(TimeInForce.IOC))
    assert exchange.market.book("ABC", 5)["asks"] == []
    assert exchange.market.book("ABC", 5)["bids"] == []
    assert exchange.market.open_orders == 0


def test_trades_are_the_takers_fills() -> None:
    exchange = Exchange()
    exchange.order("sell", 3, 101)
    exchange.order("sell", 3, 102)
    exchange.order("buy", 4, 102)
    newest, first = exchange.market.trades("ABC", 10)
    seq = exchange.shard.event_seq
    assert newest == {
        "trade_id": f"0-{seq - 1}",
        "symbol": "ABC",
        "price": "102",
        "qty": "1",
        "aggressor_side": "buy",
        "time_ns": exchange.now,
        "seq": seq,
    }
    assert (first["price"], first["qty"], first["seq"]) == ("101", "3", seq - 2)
    assert exchange.market.trades("ABC", 10, before=seq) == [first]
    assert exchange.market.trades("ABC", 1) == [newest]
    assert exchange.market.trades("ABC", 10, before=1) == []


def test_pages_of_trades_stay_as_trades_are_added() -> None:
    exchange = Exchange()
    for price in range(1, 8):
        exchange.trade(price)
    page = exchange.market.trades("ABC", 3)
    exchange.trade(9)
    rest = exchange.market.trades("ABC", 9, before=page[-1]["seq"])
    assert [trade["price"] for trade in page + rest] == list("7654321")


def test_ticker_over_24_hours_of_engine_time() -> None:
    exchange = Exchange()
    market = exchange.market
    assert market.ticker("ABC")["last"] is None
    assert market.ticker("ABC")["volume_24h"] == "0"
    exchange.trade(50, 2)
    exchange.trade(80, later_ns=HOUR)
    exchange.trade(40, later_ns=HOUR)
    exchange.trade(60, 3, later_ns=HOUR)
    exchange.order("buy", 7, 59)
    exchange.order("sell", 8, 61)
    ticker = market.ticker("ABC")
    assert ticker == {
        "symbol": "ABC",
        "seq": exchange.shard.event_seq,
        "time_ns": exchange.now,
        "status": "trading",
        "phase": "continuous",
        "last": "60",
        "last_qty": "3",
        "bid": "59",
        "bid_qty": "7",
        "ask": "61",
        "ask_qty": "8",
        "open_24h": "50",
        "high_24h": "80",
        "low_24h": "40",
        "volume_24h": "7",
        "trades_24h": 4,
        "change_24h": "10",
        "change_percent_24h": "20.00",
    }
    # The first trade, in minute 0, leaves the window 1,440 minutes later, not before.
    exchange.order("buy", 1, 1, later_ns=DAY - 3 * HOUR - MINUTE)
    assert market.ticker("ABC")["open_24h"] == "50"
    exchange.order("buy", 1, 1, later_ns=MINUTE)
    ticker = market.ticker("ABC")
    assert (ticker["open_24h"], ticker["volume_24h"]) == ("80", "5")
    assert (ticker["change_24h"], ticker["change_percent_24h"]) == ("-20", "-25.00")
    exchange.order("buy", 1, 1, later_ns=DAY)
    ticker = market.ticker("ABC")
    assert (ticker["last"], ticker["volume_24h"]) == ("60", "0")
    assert (ticker["open_24h"], ticker["change_percent_24h"]) == (None, None)


def test_candles_of_every_length() -> None:
    exchange = Exchange()
    for price, later_ns in ((10, S), (12, S), (9, S), (11, 2 * MINUTE)):
        exchange.trade(price, 2, later_ns=later_ns)
    minutes = exchange.market.candles("ABC", 60, 10)
    assert minutes == [
        {
            "time_ns": 1000 * DAY,
            "open": "10",
            "high": "12",
            "low": "9",
            "close": "9",
            "volume": "6",
            "trades": 3,
            "seq": 13,
        },
        {
            "time_ns": 1000 * DAY + 2 * MINUTE,
            "open": "11",
            "high": "11",
            "low": "11",
            "close": "11",
            "volume": "2",
            "trades": 1,
            "seq": 17,
        },
    ]
    for length in (300, 3_600, 86_400):
        (candle,) = exchange.market.candles("ABC", length, 10)
        assert (candle["open"], candle["close"]) == ("10", "11")
        assert (candle["high"], candle["low"]) == ("12", "9")
        assert (candle["volume"], candle["trades"]) == ("8", 4)
    assert exchange.market.candles("ABC", 60, 1) == minutes[1:]
    with pytest.raises(ValueError, match="no candles of 61 s"):
        exchange.market.candles("ABC", 61, 1)


def test_candles_and_trades_are_bounded() -> None:
    exchange = Exchange()
    for _ in range(KEPT[60] + 5):
        exchange.trade(10, later_ns=MINUTE)
    assert len(exchange.market.candles("ABC", 60, 10**6)) == KEPT[60]
    kept = exchange.market.trades("ABC", 10**6)
    assert TRADES_KEPT <= len(kept) <= TRADES_KEPT + TRADES_KEPT // 4
    # And 24 hours are exactly what is kept.
    assert exchange.market.ticker("ABC")["trades_24h"] == KEPT[60]


def test_unknown_symbols() -> None:
    market = Exchange().market
    for call in (market.instrument, market.ticker, market.listing):
        with pytest.raises(KeyError):
            call("NONE")
    for method in (market.book, market.trades):
        with pytest.raises(KeyError):
            method("NONE", 1)
    with pytest.raises(KeyError):
        market.candles("NONE", 60, 1)


def test_instruments_with_terms_as_defined_last() -> None:
    exchange = Exchange("XYZ", "ABC")
    kind = CommandKind.DEFINE_INSTRUMENT
    exchange.apply(
        InstrumentCommand(
            kind,
            symbol="XYZ",
            currency="USD",
            tick=UNIT // 100,
            lot=UNIT,
            reference_price=5 * UNIT,
            price_min=UNIT,
            price_max=9 * UNIT,
            qty_max=1000 * UNIT,
            notional_max=2000 * UNIT,
        )
    )
    shown = exchange.market.instruments()
    assert [instrument["symbol"] for instrument in shown] == ["ABC", "XYZ"]
    assert shown[1] == exchange.market.instrument("XYZ")
    assert shown[1] == {
        "symbol": "XYZ",
        "currency": "USD",
        "status": "trading",
        "phase": "continuous",
        "available": False,
        "shard": 0,
        "tick": "0.01",
        "lot": "1",
        "reference_price": "5",
        "price_min": "1",
        "price_max": "9",
        "qty_min": None,
        "qty_max": "1000",
        "notional_max": "2000",
    }
    assert shown[0]["notional_max"] is None
    exchange.market.on_link(0, True)
    assert exchange.market.instrument("ABC")["available"] is True
    exchange.market.on_link(0, False)
    assert exchange.market.instrument("ABC")["available"] is False


def test_a_halt_and_its_end() -> None:
    exchange = Exchange()
    watcher = Advances()
    exchange.market.watch(watcher)
    kind = CommandKind.SET_PHASE
    for phase, word in ((Phase.HALTED, "halted"), (Phase.CONTINUOUS, "trading")):
        exchange.apply(PhaseCommand(kind, phase=int(phase), symbol="ABC"))
        for shown in (exchange.market.instrument("ABC"), exchange.market.ticker("ABC")):
            assert (shown["status"], shown["phase"]) == (word, phase.name.lower())
    assert [listing.symbol for listing in watcher.terms] == ["ABC", "ABC"]
    assert exchange.market.listing("ABC").terms_version == 3


def test_events_that_do_not_fit_are_not_guessed_at() -> None:
    strange = OrderEvent(EventKind.CANCELLED, order_id=5, symbol="NONE")
    with pytest.raises(OutOfStep):
        Exchange().market.on_events(0, [strange], True)


def test_an_auction_from_its_call_to_its_trades() -> None:
    exchange = Exchange()
    market, kind = exchange.market, CommandKind.SET_PHASE
    watcher = Advances()
    market.watch(watcher)
    phase = int(Phase.OPENING_AUCTION)
    exchange.apply(PhaseCommand(kind, phase=phase, symbol="ABC"))
    exchange.order("buy", 7, 101)
    exchange.order("sell", 5, 100, later_ns=2 * S)
    exchange.order("buy", 1, None)
    shown = market.listing("ABC").auction()
    assert (shown["phase"], shown["indicative"]) == ("opening_auction", True)
    assert (shown["volume"], shown["imbalance_side"]) == ("5", "buy")
    assert (shown["market_bid_qty"], shown["market_ask_qty"]) == ("1", "0")
    assert market.book("ABC", 5)["bids"] == [["101", "7"]]
    phase = int(Phase.CONTINUOUS)
    exchange.apply(PhaseCommand(kind, phase=phase, symbol="ABC"))
    shown = market.listing("ABC").auction()
    assert (shown["phase"], shown["indicative"], shown["imbalance_side"]) == (
        "continuous",
        False,
        None,
    )
    assert {trade["aggressor_side"] for trade in market.trades("ABC", 9)} == {None}
    assert all(change.status for change in watcher.changes[:1])


# -- streams ---------------------------------------------------------------------------


class Advances:
    """A watcher that notes what it is told."""

    def __init__(self) -> None:
        self.changes: list[Changed] = []
        self.terms: list[Listing] = []

    def on_market(self, changes: list[Changed]) -> None:
        self.changes += changes

    def on_terms(self, listings: list[Listing]) -> None:
        self.terms += listings


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("depth", [1, 2, 5, 1000])
def test_readers_at_any_pace_end_with_exactly_the_book(seed: int, depth: int) -> None:
    """One reads everything, others now and then; each holds what the view shows."""
    random = Random(seed)
    market = Market()
    readers: list[tuple[BookReader, DepthView, int]] = []
    kinds: Counter[str] = Counter()
    for time, (_, data) in enumerate(flow(seed, COMMANDS), 1):
        market.on_events(0, unpack_all(data, EVENT_BYTES), True)
        if time == 10:
            for symbol in market._listings:
                view = market.listing(symbol).view(depth)
                readers += [
                    (BookReader(), view, pace) for pace in (1, 3, 40, 10 * HISTORY_MAX)
                ]
        for reader, view, pace in readers:
            if reader.seq != view.seq and (pace == 1 or random.randrange(pace) == 0):
                text, seq = view.message_since(reader.seq)
                message = orjson.loads(text)
                reader.apply(message)
                assert reader.seq == seq == view.seq
                kinds[message["type"]] += 1
            if reader.seq == view.seq:
                shown = market.book(view.symbol, depth)
                assert reader.book() == (shown["bids"], shown["asks"])
    assert kinds["delta"] > 500
    assert kinds["snapshot"] > len(readers) // 2


def test_a_view_says_nothing_of_what_is_below_its_depth() -> None:
    exchange = Exchange()
    for price in (99, 98, 97):
        exchange.order("buy", 1, price)
    view = exchange.market.listing("ABC").view(2)
    watcher = Advances()
    exchange.market.watch(watcher)
    seq = view.seq
    below = exchange.order("buy", 1, 90)
    assert (view.seq, watcher.changes[0].views) == (seq, [])
    assert exchange.market.book("ABC", 9)["seq"] > seq
    # Now one of the best two goes: the third comes in, told in the same message.
    exchange.order("sell", 1, 99)
    assert watcher.changes[1].views == [view]
    message = orjson.loads(view.message_since(seq)[0])
    assert message["bids"] == [["99", "0"], ["97", "1"]]
    assert (message["prev_seq"], message["seq"]) == (seq, view.seq)
    exchange.apply(
        OrderCommand(CommandKind.CANCEL, session=1, cl_ord_id="c", orig_cl_ord_id=below)
    )
    # And back: it falls out again.
    seq = view.seq
    exchange.order("buy", 5, 99)
    message = orjson.loads(view.message_since(seq)[0])
    assert message["bids"] == [["99", "5"], ["97", "0"]]


def test_readers_at_the_same_place_share_one_text() -> None:
    exchange = Exchange()
    view = exchange.market.listing("ABC").view(10)
    seq = view.seq
    exchange.order("buy", 1, 99)
    assert view.message_since(seq)[0] is view.message_since(seq)[0]
    tape = exchange.market.listing("ABC").tape
    exchange.trade(100)
    assert tape.message_since(0)[0] is tape.message_since(0)[0]


def test_a_reader_beyond_the_history_gets_a_snapshot() -> None:
    exchange = Exchange()
    view = exchange.market.listing("ABC").view(10)
    seen = view.seq
    for number in range(HISTORY_MAX):
        exchange.order("buy", 1, 99 - number % 3)
    assert orjson.loads(view.message_since(seen)[0])["type"] == "delta"
    exchange.order("buy", 1, 99)
    assert orjson.loads(view.message_since(seen)[0])["type"] == "snapshot"


def test_a_delta_longer_than_the_view_is_a_snapshot() -> None:
    exchange = Exchange()
    view = exchange.market.listing("ABC").view(2)
    seen = view.seq
    for price in (90, 91, 92, 93):
        exchange.order("buy", 1, price)
    assert orjson.loads(view.message_since(seen)[0])["type"] == "delta"
    exchange.order("buy", 1, 94)
    assert orjson.loads(view.message_since(seen)[0])["type"] == "snapshot"


def test_trades_come_each_once_in_pages_or_not_at_all() -> None:
    exchange = Exchange()
    tape = exchange.market.listing("ABC").tape
    for _ in range(SNAPSHOT_TRADES + 1):
        exchange.trade(10)
    snapshot = orjson.loads(tape.message_since(-1)[0])
    assert [t["seq"] for t in snapshot["trades"]] == [
        t["seq"] for t in exchange.market.trades("ABC", SNAPSHOT_TRADES)
    ][::-1]
    seen = snapshot["seq"]
    for _ in range(TRADES_PER_MESSAGE + 3):
        exchange.trade(11)
    heard = []
    while seen != tape.seq:
        text, then = tape.message_since(seen)
        message = orjson.loads(text)
        assert message["prev_seq"] == seen
        assert len(message["trades"]) <= TRADES_PER_MESSAGE
        heard += message["trades"]
        seen = then
    assert [t["price"] for t in heard] == ["11"] * (TRADES_PER_MESSAGE + 3)
    for _ in range(TRADES_KEPT):
        exchange.trade(12)
    with pytest.raises(TooFarBehind):
        tape.message_since(snapshot["seq"])


def test_one_huge_order_loses_nobody_any_trade() -> None:
    exchange = Exchange()
    tape = exchange.market.listing("ABC").tape
    for _ in range(3 * TRADES_KEPT):
        exchange.order("sell", 1, 10)
    exchange.order("buy", 3 * TRADES_KEPT, 10)
    message = orjson.loads(tape.message_since(0)[0])
    assert message["trades"][0]["seq"] == exchange.shard.event_seq - 6 * TRADES_KEPT + 2
    tape.readers = 1
    for _ in range(TRADES_KEPT):
        exchange.trade(10)
    assert len(tape.newest(10**6)) == 4 * TRADES_KEPT < TRADES_KEPT_FOR_READERS


# -- numbers as text -------------------------------------------------------------------


def test_text_of_numbers() -> None:
    assert decimal_text(150_000_000) == "1.5"
    assert decimal_text(2**63) == "92233720368.54775808"
    assert decimal_text(-(10**20)) == "-1000000000000"
    assert decimal_text(10**20 + 10) == "1000000000000.0000001"
    assert id_text(3 << 48 | 17) == "3-17"
    assert percent_text(1, 3) == "33.33"
    assert percent_text(-2, 3) == "-66.67"
    assert percent_text(-1, 10**9) == "0.00"
