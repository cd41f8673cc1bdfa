"""Mass cancels, mass status requests, the end of the day: which orders, in what order.

Section 9 of ``spec/matching.md``. Every market is also played to the reference
exchange, which must give the same bytes.
"""

from __future__ import annotations

from typing import Any

import pytest

from engine.codes import CommandFlag, EventKind, ExecInst, OrdType, Phase, TimeInForce
from engine.records import OrderEvent
from tests.unit.market_samples import (
    PEG,
    Market,
    buy,
    day,
    instrument,
    mass_cancel,
    mass_status,
    phase,
    sell,
)

STOP: dict[str, Any] = {"ord_type": OrdType.STOP}


def full_market() -> Market:
    """Orders in every place of two instruments, given in no order."""
    market = Market(instrument("Y"), instrument("X"))
    market.give(
        sell("Y1", 1, 110, symbol="Y"),
        sell("P1", 1, 115, time_in_force=TimeInForce.AT_THE_CLOSE),
        sell("S2", 1, stop_price=90, **STOP),
        sell("A2", 1, 111),
        sell("A1", 1, 110),
        buy("K2", 1, stop_price=130, **STOP),
        buy("B3", 1, 99),
        buy("H2", 1, 99, exec_inst=ExecInst.HIDDEN),
        buy("B2", 1, 98, session=2, account="ACC"),
        buy("B4", 1, 99, time_in_force=TimeInForce.GTC),
        buy("K1", 1, stop_price=120, **STOP),
        sell("S1", 1, stop_price=80, **STOP),
        buy("P2", 1, 115, time_in_force=TimeInForce.GOOD_FOR_AUCTION),
        sell("S3", 1, stop_price=90, **STOP),
    )
    return market


WALK = [
    *("Y1", "B2", "B3", "B4", "H2", "A1", "A2", "K1", "K2", "S1", "S2", "S3"),
    *("P1", "P2"),
]
"""The order of a mass cancel: bids, then asks, by ascending price, displayed before
hidden; stops by ascending stop price, buys first; the parked queue."""


def names(events: list[Any], kind: EventKind) -> list[str]:
    return [event.cl_ord_id for event in events if event.kind == kind]


def test_the_order_of_the_walk() -> None:
    market = full_market()
    found = names(market.give(mass_cancel(session=0)), EventKind.CANCELLED)
    market.check()
    assert found == WALK
    assert market.shard.open_orders == 0


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"session": 2}, {"B2"}),
        ({"session": 0, "account": "ACC"}, {"B2"}),
        ({"account": "ACC"}, set()),
        ({"symbol": "Y"}, {"Y1"}),
        ({"symbol": "Z"}, set()),
        ({"side": ord("1")}, {"B3", "B4", "H2", "K1", "K2", "P2"}),
        ({"side": ord("2"), "symbol": "X"}, {"A1", "A2", "S1", "S2", "S3", "P1"}),
        ({"session": 9}, set()),
    ],
)
def test_what_fits(fields: dict[str, Any], found: set[str]) -> None:
    market = full_market()
    events = market.give(mass_cancel(request_id="M", **fields))
    assert names(events, EventKind.CANCELLED) == [
        name for name in WALK if name in found
    ]
    assert events[-1].kind == EventKind.MASS_CANCELLED
    assert events[-1].count == len(found)
    market.check()


def test_keep_gtc() -> None:
    market = full_market()
    market.give(buy("G", 1, 97, time_in_force=TimeInForce.GTD, expire_time=10**18))
    events = market.give(mass_cancel(flags=int(CommandFlag.KEEP_GTC)))
    assert names(events, EventKind.CANCELLED) == [
        name for name in WALK if name not in {"B2", "B4"}
    ]
    market.check()


def test_the_answer_repeats_the_request() -> None:
    market = full_market()
    (answer,) = market.give(
        mass_cancel(
            request_id="M",
            fan_out=3,
            side=ord("1"),
            account="ACC",
            symbol="X",
            msg_seq_num=7,
            session_epoch=2,
            source=5,
        )
    )
    assert isinstance(answer, OrderEvent)
    assert (answer.cl_ord_id, answer.fan_out, answer.count) == ("M", 3, 0)
    assert (answer.side, answer.account, answer.symbol) == (ord("1"), "ACC", "X")
    assert (answer.session, answer.msg_seq_num, answer.session_epoch) == (1, 7, 2)
    assert answer.source == 5
    market.check()


def test_without_a_request_id_there_is_no_answer() -> None:
    market = full_market()
    events = market.give(mass_cancel(symbol="Y"))
    assert [event.kind for event in events] == [EventKind.CANCELLED]
    assert (events[0].msg_seq_num, events[0].orig_cl_ord_id) == (0, "")
    market.check()


def test_a_request_id_is_used_up_by_nothing() -> None:
    market = full_market()
    assert market.says(
        mass_cancel(request_id="B3", symbol="Z"),
        mass_cancel(request_id="B3", symbol="Z"),
        buy("M", 1, 100),
        mass_cancel(request_id="M", symbol="Z"),
    ) == ["B3 MASS_CANCELLED: 0"] * 2 + ["M ACCEPTED", "M MASS_CANCELLED: 0"]
    market.check()


def test_what_is_left_settles() -> None:
    """A pegged order follows the market when the order it followed is cancelled."""
    market = Market()
    market.give(
        buy("A", 1, 100),
        buy("B", 1, 98, session=2),
        buy("P", 1, session=2, ord_type=OrdType.PEGGED, exec_inst=ExecInst.PEG_PRIMARY),
    )
    assert market.says(mass_cancel(request_id="M")) == [
        "A CANCELLED: MASS_CANCEL",
        "M MASS_CANCELLED: 1",
        "P RESTATED: REPEGGED",
    ]
    assert market.events[-1].price == 98
    market.check()


def test_in_an_auction_the_indicative_price_follows() -> None:
    market = Market()
    market.give(phase(Phase.OPENING_AUCTION), buy("A", 5, 100), sell("B", 5, 100))
    market.at(10**10)
    assert market.says(mass_cancel(side=ord("1"))) == [
        "A CANCELLED: MASS_CANCEL",
        "X indicates 0 @ 0",
    ]
    market.check()


def test_many_levels_on_both_sides() -> None:
    """Levels are emptied in all places; what is left is where it was."""
    market = Market()
    market.give(
        *[buy(f"B{n}", 1, 100 + n, session=1 + n % 3) for n in range(50)],
        *[sell(f"S{n}", 1, 200 + n, session=1 + n % 3) for n in range(50)],
    )
    for session in (2, 1):
        market.give(mass_cancel(session=session))
        market.check()
    bids, asks = market.depth()
    assert bids == [(100 + n, 1) for n in range(49, -1, -1) if n % 3 == 2]
    assert asks == [(200 + n, 1) for n in range(50) if n % 3 == 2]
    market.give(sell("T", 50, 1, session=4), buy("U", 50, 1000, session=4))
    market.check()


# -- mass status -----------------------------------------------------------------------


def test_mass_status() -> None:
    market = full_market()
    events = market.give(mass_status(request_id="R", fan_out=3))
    statuses = events[:-1]
    expected = [name for name in WALK if name != "B2"]
    assert [event.cl_ord_id for event in statuses] == expected
    assert [event.index for event in statuses] == list(range(1, len(expected) + 1))
    assert {(e.kind, e.count, e.fan_out, e.orig_cl_ord_id) for e in statuses} == {
        (EventKind.STATUS, len(expected), 3, "R")
    }
    assert (events[-1].kind, events[-1].count) == (
        EventKind.MASS_STATUS_DONE,
        len(expected),
    )
    assert market.shard.open_orders == len(WALK)
    market.check()


def test_mass_status_of_nothing() -> None:
    market = Market()
    assert market.says(mass_status(request_id="R")) == ["R MASS_STATUS_DONE: 0"]
    market.check()


# -- the end of the day ----------------------------------------------------------------


def test_the_end_of_the_day() -> None:
    market = full_market()
    events = market.give(day(2))
    assert names(events, EventKind.EXPIRED) == [name for name in WALK if name != "B4"]
    assert market.shard.open_orders == 1
    market.check()


def test_settling_comes_before_the_day_has_ended() -> None:
    gtc = TimeInForce.GTC
    market = Market()
    market.give(
        buy("A", 1, 100), buy("B", 1, 98, time_in_force=gtc), buy("P", 1, **PEG)
    )
    market.give(buy("Q", 1, time_in_force=gtc, **PEG))
    assert market.says(day(2)) == [
        "A EXPIRED: END_OF_DAY",
        "P EXPIRED: END_OF_DAY",
        "Q RESTATED: REPEGGED",
        "ClockEvent",
    ]
    market.check()
