"""MarketDataRequest(V): what is answered, what follows, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codes import EventKind, Liquidity, Phase
from engine.records import OrderEvent
from fixgw.marketdata import checksum
from fixgw.marketdata import desk as desk_module
from fixgw.marketdata.requests import DEPTH_MAX, REQUEST_ID_BYTES_MAX, SYMBOLS_MAX
from tests.marketdata.reader import BookReader
from tests.marketdata.stage import (
    BUY,
    NOW,
    SELL,
    Client,
    Stage,
    auction,
    define,
    fill,
    phase,
    shows,
)

CANCELLED = EventKind.CANCELLED


def market(**settings: Any) -> tuple[Stage, Client]:
    """Two levels on each side, RptSeq(83) 5, and somebody to ask."""
    stage = Stage()
    stage.step(shows(1, BUY, 99, 5))
    stage.step(shows(2, BUY, 98, 3))
    stage.step(shows(3, SELL, 101, 4))
    stage.step(shows(4, SELL, 102, 2))
    return stage, Client(**settings)


# -- snapshots and increments ----------------------------------------------------------


def test_a_snapshot_then_increments_in_one_stream() -> None:
    stage, client = market()
    assert stage.request(client) == [
        "35=W|262=R|55=ABC|83=5|268=4|269=0|270=99|271=5|269=0|270=98|271=3|"
        "269=1|270=101|271=4|269=1|270=102|271=2"
    ]
    stage.step(shows(5, BUY, 99, 2))
    stage.step(shows(2, BUY, 98, 0, kind=CANCELLED))
    stage.step(shows(6, SELL, 100, 1))
    assert client.hear() == []
    assert stage.woken
    stage.tell()
    assert client.hear() == [
        "35=X|262=R|268=3|279=1|269=0|55=ABC|270=99|271=7|83=6|"
        "279=2|269=0|55=ABC|270=98|83=7|279=0|269=1|55=ABC|270=100|271=1|83=8"
    ]
    stage.tell()
    assert client.hear() == []


def test_only_whole_commands_are_told() -> None:
    stage, client = market()
    stage.request(client)
    # Accepted at a price that crosses, then filled in the same command.
    stage.step(shows(5, BUY, 101, 4), settle=False)
    stage.tell()
    assert client.hear() == []
    stage.more(
        fill(3, SELL, 101, 0, (101, 4), 7, Liquidity.ADDED),
        fill(5, BUY, 101, 0, (101, 4), 7, Liquidity.REMOVED),
    )
    stage.tell()
    assert client.hear() == ["35=X|262=R|268=1|279=2|269=1|55=ABC|270=101|83=6"]


def test_a_new_subscription_does_not_repeat_what_others_still_get() -> None:
    stage, first = market()
    second = Client()
    stage.request(first)
    stage.step(shows(5, BUY, 99, 2))
    (snapshot,) = stage.request(second)
    assert "|83=6|" in snapshot
    assert "270=99|271=7" in snapshot
    assert [heard[:4] for heard in first.hear()] == ["35=X"]
    stage.step(shows(5, BUY, 99, 1, kind=CANCELLED))
    stage.tell()
    for client in (first, second):
        assert client.hear() == [
            "35=X|262=R|268=1|279=1|269=0|55=ABC|270=99|271=6|83=7"
        ]


def test_depth_brings_in_what_comes_up_from_below() -> None:
    stage, client = market()
    assert stage.request(client, "264=1") == [
        "35=W|262=R|55=ABC|83=5|268=2|269=0|270=99|271=5|269=1|270=101|271=4"
    ]
    stage.step(shows(2, BUY, 98, 2, kind=CANCELLED))  # below
    stage.tell()
    assert client.hear() == []
    stage.step(shows(1, BUY, 99, 0, kind=CANCELLED))
    stage.tell()
    assert client.hear() == [
        "35=X|262=R|268=2|279=2|269=0|55=ABC|270=99|83=7|"
        "279=0|269=0|55=ABC|270=98|271=2|83=7"
    ]
    stage.step(shows(8, BUY, 100, 1))
    stage.tell()
    assert client.hear() == [
        "35=X|262=R|268=2|279=2|269=0|55=ABC|270=98|83=8|"
        "279=0|269=0|55=ABC|270=100|271=1|83=8"
    ]


def test_orders_one_by_one() -> None:
    stage, client = market()
    assert stage.request(client, "266=N|269=0") == [
        "35=W|262=R|55=ABC|83=5|268=2|269=0|278=0-1|270=99|271=5|"
        "269=0|278=0-2|270=98|271=3"
    ]
    # It keeps its place, then loses it.
    stage.step(shows(1, BUY, 99, 4, kind=EventKind.REPLACED))
    stage.step(shows(1, BUY, 99, 9, priority=7, kind=EventKind.REPLACED))
    stage.step(shows(3, SELL, 101, 1, kind=CANCELLED))  # not asked for
    stage.tell()
    assert client.hear() == [
        "35=X|262=R|268=3|279=1|269=0|278=0-1|55=ABC|270=99|271=4|83=6|"
        "279=2|269=0|278=0-1|55=ABC|270=99|83=7|"
        "279=0|269=0|278=0-1|55=ABC|270=99|271=9|83=7"
    ]


def test_trades_with_and_without_a_taker() -> None:
    stage, client = market()
    sp2 = Client("FIX.5.0SP2")
    assert stage.request(client, "269=2") == ["35=W|262=R|55=ABC|83=5|268=1|269=J"]
    stage.request(sp2, "269=2")
    stage.step(
        fill(3, SELL, 101, 3, (101, 1), 6, Liquidity.ADDED),
        fill(5, BUY, 101, 0, (101, 1), 6, Liquidity.REMOVED),
    )
    stage.step(
        fill(1, BUY, 99, 4, (100, 1), 8, Liquidity.AUCTION),
        fill(3, SELL, 101, 2, (100, 1), 8, Liquidity.AUCTION),
    )
    stage.tell()
    time = "272=20261121|273=08:00:00.000"
    assert client.hear() == [
        f"35=X|262=R|268=2|279=0|269=2|278=0-6|55=ABC|270=101|271=1|{time}|83=6|"
        f"279=0|269=2|278=0-8|55=ABC|270=100|271=1|{time}|83=7"
    ]
    assert sp2.hear() == [
        f"35=X|262=R|268=2|279=0|269=2|278=0-6|55=ABC|270=101|271=1|{time}|2446=1|"
        f"83=6|279=0|269=2|278=0-8|55=ABC|270=100|271=1|{time}|83=7"
    ]
    # Whoever comes now is told the last one.
    assert stage.request(Client(), "269=2") == [
        f"35=W|262=R|55=ABC|83=7|268=1|269=2|278=0-8|270=100|271=1|{time}"
    ]


def test_a_trade_that_is_cancelled_or_corrected() -> None:
    stage, client = market()
    stage.request(client, "269=2")
    for kind, own in ((EventKind.TRADE_CORRECTED, 6), (EventKind.TRADE_CANCELLED, 6)):
        for exec_id in (own, own + 1):
            event = fill(3, SELL, 101, 0, (100, 1), own, Liquidity.NONE)
            object.__setattr__(event, "kind", int(kind))
            object.__setattr__(event, "contra_order_id", exec_id)
            stage.step(event)
    stage.tell()
    entries = client.entries("X")
    assert [(e[279], e[278], e[83]) for e in entries] == [
        (b"1", b"0-6", b"6"),
        (b"2", b"0-6", b"7"),
    ]


def test_an_auction_from_its_first_price_to_its_end() -> None:
    stage, client = market()
    stage.request(client, "269=Q,A,b")
    stage.step(phase(Phase.OPENING_AUCTION), shows(5, BUY, 0, 7))
    stage.step(auction(100, 3, (BUY, 4)))
    stage.step(auction(101, 4, (BUY, 4)))
    stage.step(auction(0))
    stage.step(auction(101, 4, (SELL, 1)))
    stage.step(
        shows(5, BUY, 0, 0, kind=CANCELLED),
        auction(101, 5, (SELL, 2), uncrossed=True),
        phase(Phase.CONTINUOUS),
    )
    stage.tell()
    q = "55=ABC|270={}|271={}|286=5|83={}"
    assert (
        client.hear()
        == [
            "35=X|262=R|268=10|279=0|269=b|55=ABC|271=7|83=6|"
            f"279=0|269=Q|{q.format(100, 3, 7)}|279=0|269=A|55=ABC|271=4|277=P|83=7|"
            f"279=1|269=Q|{q.format(101, 4, 8)}|"
            "279=2|269=Q|55=ABC|83=9|279=2|269=A|55=ABC|83=9|"
            f"279=0|269=Q|{q.format(101, 4, 10)}|279=0|269=A|55=ABC|271=1|277=Q|83=10|"
            "279=2|269=b|55=ABC|83=11|279=1|269=Q|55=ABC|270=101|271=5|83=11|"
            "279=2|269=A|55=ABC|83=11".replace("268=10", "268=10")
        ]
        or client.hear() == []
    )


def test_an_auction_that_is_broken_off() -> None:
    stage, client = market()
    stage.request(client, "269=Q")
    stage.step(phase(Phase.VOLATILITY_AUCTION))
    stage.step(auction(100, 3))
    stage.step(phase(Phase.HALTED))
    stage.tell()
    assert [(e[279], e[269]) for e in client.entries("X")] == [
        (b"0", b"Q"),
        (b"2", b"Q"),
    ]


def test_an_empty_book() -> None:
    stage, client = Stage(), Client()
    assert stage.request(client, "264=5|269=0,1,2,Q,A,b,c") == [
        "35=W|262=R|55=ABC|83=1|268=1|269=J"
    ]
    stage.step(shows(1, BUY, 9, 1))
    stage.step(shows(1, BUY, 9, 0, kind=CANCELLED))
    stage.tell()
    reader = BookReader()
    reader.increment(client.entries("X"), dense=False)
    assert reader.levels(b"0") == []


def test_full_refresh_is_a_snapshot_each_time() -> None:
    stage, client = market()
    stage.request(client, "265=0|264=1")
    stage.step(shows(5, BUY, 99, 2))
    stage.step(shows(6, BUY, 99, 1))
    stage.tell()
    assert client.hear() == [
        "35=W|262=R|55=ABC|83=7|268=2|269=0|270=99|271=8|269=1|270=101|271=4"
    ]


def test_a_snapshot_alone_is_followed_by_nothing() -> None:
    stage, client = market()
    assert len(stage.request(client, "263=0|265=")) == 1
    assert stage.desk.subscriptions == 0
    stage.step(shows(5, BUY, 99, 2))
    stage.tell()
    assert client.hear() == []
    # Its MDReqID(262) is free again.
    assert stage.request(client, "263=0|265=")[0].startswith("35=W")


def test_several_instruments_of_one_request() -> None:
    stage, client = Stage("ABC", "XYZ"), Client()
    heard = stage.request(client, "", "ABC,XYZ,ABC")
    assert [each[:19] for each in heard] == [
        "35=W|262=R|55=ABC|8",
        "35=W|262=R|55=XYZ|8",
    ]
    assert stage.desk.subscriptions == 2
    stage.step(shows(1, BUY, 9, 1, symbol="XYZ"))
    stage.tell()
    assert [e[55] for e in client.entries("X")] == [b"XYZ"]


# -- refusals --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "symbols", "answer"),
    [
        ("", "NONE", "35=Y|262=R|281=0|58=Symbol(55)=NONE is not traded here"),
        ("", "ABC,NONE", "35=Y|262=R|281=0|58=Symbol(55)=NONE is not traded here"),
        ("263=3", "ABC", "35=Y|262=R|281=4|58=SubscriptionRequestType(263) must be 0, "
         "1 or 2"),
        ("264=1001", "ABC", "35=Y|262=R|281=5|58=MarketDepth(264) must be 0 (all), 1 "
         "(best) or up to 1000"),
        ("264=-1", "ABC", "35=Y|262=R|281=5|58=MarketDepth(264) must be 0 (all), 1 "
         "(best) or up to 1000"),
        ("264=5|266=N", "ABC", "35=Y|262=R|281=5|58=MarketDepth(264) must be 0 with "
         "AggregatedBook(266)=N"),
        ("265=2", "ABC", "35=Y|262=R|281=6|58=MDUpdateType(265) must be 0 (full "
         "refresh) or 1 (incremental)"),
        ("266=X", "ABC", "35=Y|262=R|281=7|58=AggregatedBook(266) must be Y or N"),
        ("269=0,7", "ABC", "35=Y|262=R|281=8|58=MDEntryType(269)=7 is not supported: "
         "0, 1, 2, A, Q, b, c are"),
        ("265=", "ABC", "35=j|380=5|58=MDUpdateType(265) is missing"),
        ("264=", "ABC", "35=j|380=5|58=MarketDepth(264) is missing"),
        ("269=", "ABC", "35=j|380=5|58=NoMDEntryTypes(267) is missing or 0"),
        ("", "", "35=j|380=5|58=NoRelatedSym(146) is missing or 0"),
        ("263=2|262=other", "ABC", "35=Y|262=other|58=MDReqID(262) names no "
         "subscription of this session"),
    ],
)  # fmt: skip
def test_refusals(text: str, symbols: str, answer: str) -> None:
    stage, client = market()
    assert stage.request(client, text, symbols) == [answer]
    assert stage.desk.subscriptions == 0


def test_a_refusal_changes_nothing() -> None:
    stage, client = market()
    stage.request(client)
    assert stage.request(client, "264=1") == [
        "35=Y|262=R|281=1|58=MDReqID(262) is that of a subscription already"
    ]
    stage.step(shows(2, BUY, 98, 2))
    stage.tell()
    assert len(client.entries("X")) == 1


def test_limits() -> None:
    names = ",".join(f"S{number}" for number in range(SYMBOLS_MAX + 1))
    stage, client = market(market_data_subscriptions_max=2)
    assert stage.request(client, "", names) == [
        f"35=Y|262=R|281=2|58=a request is for at most {SYMBOLS_MAX} instruments"
    ]
    long = "R" * (REQUEST_ID_BYTES_MAX + 1)
    (answer,) = stage.request(client, f"262={long}")
    assert answer.endswith(
        f"|58=MDReqID(262) is longer than {REQUEST_ID_BYTES_MAX} bytes"
    )
    assert stage.request(client, f"264={DEPTH_MAX}")[0].startswith("35=W")
    assert stage.request(client, "262=S")[0].startswith("35=W")
    assert stage.request(client, "262=T") == [
        "35=Y|262=T|281=2|58=a session has at most 2 subscriptions to instruments"
    ]
    assert stage.request(client, "262=S|263=2") == []
    assert stage.request(client, "262=T")[0].startswith("35=W")


def test_not_permitted_and_not_loaded() -> None:
    stage, client = market(market_data=False)
    assert stage.request(client) == [
        "35=Y|262=R|281=3|58=market data is not agreed for this session"
    ]
    stage.level = False
    assert stage.request(Client()) == [
        "35=j|380=4|58=market data is still being loaded, try again later"
    ]


def test_a_book_too_large_for_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "SNAPSHOT_ENTRIES_MAX", 4)
    stage, client = market()
    stage.request(client)
    stage.step(shows(5, BUY, 97, 2))
    stage.tell()
    assert len(client.entries("X")) == 1  # what is there goes on
    (answer,) = stage.request(Client())
    assert answer.startswith("35=Y|262=R|281=2|58=the book of ABC is too large")
    assert stage.request(Client(), "264=2")[0].startswith("35=W")
    # One that would need a new snapshot ends with the same answer.
    client.room = False
    stage.step(shows(6, BUY, 96, 2))
    stage.tell()
    client.room = True
    stage.desk.retry()
    assert client.hear() == [answer]
    assert stage.desk.subscriptions == 1


def test_a_snapshot_that_would_end_the_connection_is_refused() -> None:
    stage, client = Stage("ABC", "XYZ"), Client(slow_consumer_bytes_max=512)
    for number in range(20):
        stage.step(shows(1 + number, BUY, 90 - number, 1, symbol="XYZ"))
    # All of the request ends, and nothing of it follows.
    heard = stage.request(client, "", "XYZ,ABC")
    assert [each[:21] for each in heard] == ["35=Y|262=R|281=2|58=t"]
    assert stage.desk.subscriptions == 0
    assert stage.request(client, "264=2", "XYZ,ABC")[1].startswith("35=W")


def test_snapshots_of_many_instruments() -> None:
    names = [f"S{number}" for number in range(9)]
    stage, client = Stage(*names), Client()
    heard = stage.request(client, "263=0|265=", ",".join(names))
    assert [each.split("|")[2] for each in heard] == [f"55={name}" for name in names]
    assert stage.desk.subscriptions == 0
    assert not stage.desk._streams


# -- ends and slow readers -------------------------------------------------------------


def test_a_subscription_ends_on_request_and_with_the_connection() -> None:
    stage, client = market()
    other = Client()
    for each in (client, other):
        stage.request(each)
        stage.request(each, "262=S|269=2")
    assert stage.request(client, "263=2") == []
    stage.step(fill(3, SELL, 101, 0, (101, 4), 6, Liquidity.REMOVED))
    stage.tell()
    assert [each[:11] for each in client.hear()] == ["35=X|262=S|"]
    assert len(other.hear()) == 2
    stage.leave(client)
    stage.leave(client)
    stage.step(shows(9, BUY, 97, 1))
    stage.tell()
    assert client.hear() == []
    assert len(other.hear()) == 1
    stage.leave(other)
    assert stage.desk.subscriptions == 0
    assert not stage.desk._streams
    assert not stage.desk._requests


def test_a_slow_reader_gets_the_newest_state_and_every_trade() -> None:
    stage, slow = market()
    fast = Client()
    for client in (slow, fast):
        stage.request(client, "269=0,1,2")
    slow.room = False
    for number in range(3):
        stage.step(
            fill(3, SELL, 101, 3 - number, (101, 1), 6 + number, Liquidity.REMOVED)
        )
        stage.tell()
        assert len(fast.entries("X")) == 2
        stage.desk.retry()
        assert slow.hear() == []
    slow.room = True
    stage.desk.retry()
    entries = slow.entries("W")
    assert [e[278] for e in entries if e[269] == b"2"] == [b"0-6", b"0-7", b"0-8"]
    assert [e[271] for e in entries if e[269] == b"1"] == [b"1", b"2"]
    stage.step(shows(9, BUY, 97, 1))
    stage.tell()
    assert [e[83] for e in slow.entries("X")] == [b"9"]


def test_one_that_never_reads_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "MISSED_TRADES_MAX", 2)
    stage, slow = market()
    stage.request(slow, "269=2")
    slow.room = False
    for number in range(3):
        assert not slow.is_cut
        stage.step(fill(3, SELL, 101, 1, (101, 1), 6 + number, Liquidity.REMOVED))
        stage.tell()
    assert slow.is_cut
    stage.leave(slow)


def test_one_whose_replay_is_under_way_waits_for_its_snapshot() -> None:
    stage, client = market()
    client.is_open = False
    assert stage.request(client, "263=0|265=") == []
    stage.desk.retry()
    assert client.hear() == []
    client.is_open = True
    stage.desk.retry()
    assert len(client.entries("W")) == 4
    assert stage.desk.subscriptions == 0


def test_a_very_long_increment_is_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "INCREMENT_ENTRIES_MAX", 3)
    stage, client = market()
    stage.request(client)
    stage.step(*[shows(10 + number, BUY, 90 - number, 1) for number in range(4)])
    stage.tell()
    assert len(client.entries("W")) == 8


def changed(kind: EventKind, trade: int, price: int) -> OrderEvent:
    """Trade ``trade``, of 1 at 101, is changed by the operator."""
    event = fill(3, SELL, 101, 0, (price, 1), trade, Liquidity.NONE)
    return replace(event, kind=int(kind), contra_order_id=trade)


def traded(stage: Stage, *trades: int) -> None:
    for trade in trades:
        stage.step(fill(3, SELL, 101, 1, (101, 1), trade, Liquidity.REMOVED))
        stage.tell()


def prices(client: Client) -> list[tuple[bytes, bytes]]:
    """MDEntryID(278) and MDEntryPx(270) of the trades of the W it was told."""
    return [(e[278], e[270]) for e in client.entries("W") if e[269] == b"2"]


def test_a_snapshot_tells_no_trade_that_is_cancelled() -> None:
    """A W has no MDUpdateAction(279): what is in it counts as it is now."""
    stage, slow = market()
    stage.request(slow, "269=2")
    slow.room = False
    traded(stage, 6, 7, 8)
    stage.step(changed(EventKind.TRADE_CORRECTED, 6, 100))
    stage.step(changed(EventKind.TRADE_CANCELLED, 7, 101))
    stage.tell()
    slow.room = True
    stage.desk.retry()
    assert prices(slow) == [(b"0-6", b"100"), (b"0-8", b"101")]
    # The last trade, for who comes now: first corrected, then cancelled.
    for kind, entry in (
        (EventKind.TRADE_CORRECTED, "269=2|278=0-8|270=99|271=1|"),
        (EventKind.TRADE_CANCELLED, "269=J"),
    ):
        stage.step(changed(kind, 8, 99))
        stage.tell()
        (heard,) = stage.request(Client(), "269=2")
        assert f"|268=1|{entry}" in heard
    assert stage.projection.markets["ABC"].last_trade is not None


def test_changes_of_trades_told_before_follow_the_snapshot() -> None:
    stage, slow = market()
    stage.request(slow, "269=2")
    traded(stage, 6, 7)
    slow.hear()
    slow.room = False
    traded(stage, 8)
    stage.step(changed(EventKind.TRADE_CANCELLED, 6, 101))
    stage.step(changed(EventKind.TRADE_CORRECTED, 7, 100))
    stage.tell()
    slow.room = True
    stage.desk.retry()
    time = "272=20261121|273=08:00:00.000"
    assert slow.hear() == [
        f"35=W|262=R|55=ABC|83=10|268=1|269=2|278=0-8|270=101|271=1|{time}",
        f"35=X|262=R|268=2|279=2|269=2|278=0-6|55=ABC|270=101|271=1|{time}|83=10|"
        f"279=1|269=2|278=0-7|55=ABC|270=100|271=1|{time}|83=10",
    ]


def test_a_full_refresh_tells_no_trade_that_is_cancelled() -> None:
    stage, client = market()
    stage.request(client, "269=2|265=0")
    client.hear()
    traded(stage, 6)
    assert prices(client) == [(b"0-6", b"101")]
    stage.step(changed(EventKind.TRADE_CANCELLED, 6, 101))
    stage.tell()
    assert client.hear() == ["35=W|262=R|55=ABC|83=7|268=1|269=J"]


def test_one_who_comes_while_the_last_before_it_goes() -> None:
    """They share a stream; what the first still gets may end it."""
    stage, first = market()
    first.room = False
    stage.request(first, "263=0|265=")
    stage.step(shows(5, BUY, 99, 2))
    first.room = True
    second = Client()
    stage.request(second, "262=S")
    assert len(first.entries("W")) == 4
    second.hear()
    stage.step(shows(6, BUY, 99, 1))
    stage.tell()
    assert [e[271] for e in second.entries("X")] == [b"8"]


def test_a_refusal_comes_behind_a_replay() -> None:
    stage, client = market()
    client.is_open = False
    assert stage.request(client, symbols="NONE") == [
        "35=Y|262=R|281=0|58=Symbol(55)=NONE is not traded here"
    ]


# -- checks ----------------------------------------------------------------------------


def test_checks_on_request_of_the_sessions_file() -> None:
    stage, client = market(market_data_checks=True)
    (snapshot,) = stage.request(client, "264=0")
    assert "|5083=0|5084=" in snapshot
    stage.request(client, "262=T|264=1")
    stage.step(shows(2, BUY, 98, 1, kind=CANCELLED))
    stage.step(shows(5, BUY, 99, 2))
    stage.tell()
    whole, best = client.told
    client.told.clear()
    assert whole[1].endswith(
        b"5083=5\x015084=%d\x01" % _checksum("99:7,98:1|101:4,102:2")
    )
    # The best level alone does not tell the checksum, but what it was before.
    assert best[1].endswith(b"83=7\x015083=5\x01")
    orders = Client(market_data_checks=True)
    (snapshot,) = stage.request(orders, "266=N")
    wanted = _checksum("99:5:0-1,99:2:0-5,98:1:0-2|101:4:0-3,102:2:0-4")
    assert snapshot.endswith(f"5084={wanted}")


def _checksum(text: str) -> int:
    return crc32(text.encode())


@pytest.mark.parametrize("text", ["266=Y", "266=N"])
def test_all_who_listen_share_a_checksum(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """It is as long as the orders of ten levels are many."""
    worked_out = []
    for name in ("of_levels", "of_orders"):
        real = getattr(checksum, name)
        monkeypatch.setattr(
            checksum, name, lambda book, real=real: worked_out.append(1) or real(book)
        )
    stage = market()[0]
    clients = [Client(market_data_checks=True) for _ in range(3)]
    for client in clients:
        stage.request(client, text)
    assert len(worked_out) == 1
    stage.step(shows(9, BUY, 97, 1))
    stage.tell()
    assert len(worked_out) == 2
    (one,) = {tuple(client.hear()) for client in clients}
    assert "5084=" in one[0]


def test_numbers_survive_new_terms_and_count_phases() -> None:
    stage, client = market()
    stage.request(client)
    stage.step(define("ABC", tick=5))
    stage.step(phase(Phase.HALTED))
    stage.step(shows(9, BUY, 97, 1, kind=CANCELLED))
    stage.tell()
    assert [e[83] for e in client.entries("X")] == [b"8"]
    assert stage.projection.markets["ABC"].terms.tick == 5
    assert stage.projection.markets["ABC"].time_ns == NOW + 8


# -- anything at all -------------------------------------------------------------------

VALUES = st.one_of(
    st.sampled_from(["0", "1", "2", "3", "4", "N", "Y", "R", "ABC", "NONE", "Q", "-1"]),
    st.text(
        st.characters(min_codepoint=33, max_codepoint=255), min_size=1, max_size=70
    ),
)
TAGS = (
    *(55, 146, 262, 263, 264, 265, 266, 267, 269, 320, 321, 324, 335, 336, 559),
    *(58, 625),
)


@given(
    st.sampled_from("Vxceg"),
    st.lists(st.tuples(st.sampled_from(TAGS), VALUES), max_size=12),
)
@settings(max_examples=300, deadline=None)
def test_whatever_is_asked_has_an_answer(
    msg_type: str, fields: list[tuple[int, str]]
) -> None:
    """Also where no dictionary looks at it before."""
    stage, client = market()
    pairs = [f"35={msg_type}", *(f"{tag}={value}" for tag, value in fields)]
    text = "|".join(each.replace("|", "/") for each in pairs)
    heard = stage.ask(client, text)
    ends = (263, "2") in fields
    assert heard or ends
    stage.step(phase(Phase.HALTED), shows(9, BUY, 97, 1))
    stage.tell()
    stage.desk.retry()
    stage.leave(client)
    assert not stage.desk._streams
    assert not stage.desk._requests
    assert not stage.statuses._of
