"""Deadlines of sessions and orders that are good till a date: what time brings.

Sections 8 and 11 of ``spec/matching.md``. Every market is also played to the reference
exchange, which must give the same bytes.
"""

from __future__ import annotations

from typing import Any

from engine.codes import CommandFlag, ExecInst, OrdType, Phase, Reason, TimeInForce
from tests.unit.market_samples import (
    PEG,
    SECOND,
    TICK,
    Market,
    buy,
    cancel,
    day,
    deadline,
    instrument,
    phase,
    replace,
    sell,
)


def gtd(name: str, time: int, qty: int = 1, price: int = 100, **fields: Any) -> Any:
    return buy(
        name, qty, price, time_in_force=TimeInForce.GTD, expire_time=time, **fields
    )


# -- deadlines -------------------------------------------------------------------------


def test_a_deadline_cancels_all_orders_of_its_session() -> None:
    market = Market()
    market.give(
        buy("A", 1, 100),
        sell("B", 1, 110),
        buy("C", 1, 100, session=2),
        buy("D", 1, ord_type=OrdType.STOP, stop_price=200),
    )
    assert market.says(deadline(1, 10 * SECOND)) == []
    assert market.shard.next_due == 10 * SECOND
    market.at(10 * SECOND - 1)
    assert market.says(TICK) == []
    assert market.says(TICK) == [
        "A CANCELLED: DISCONNECTED",
        "B CANCELLED: DISCONNECTED",
        "D CANCELLED: DISCONNECTED",
    ]
    assert market.shard.next_due == 0
    assert market.says(buy("E", 1, 100), TICK) == ["E ACCEPTED"]
    market.check()


def test_the_newest_counts_and_0_removes_it() -> None:
    market = Market()
    market.give(buy("A", 1, 100))
    market.give(deadline(1, 10 * SECOND), deadline(1, 20 * SECOND))
    assert market.shard.next_due == 20 * SECOND
    market.give(deadline(1, 5 * SECOND))
    assert market.shard.next_due == 5 * SECOND
    market.give(deadline(1, 0))
    assert market.shard.next_due == 0
    market.give(deadline(1, 0))
    market.at(30 * SECOND)
    assert market.says(TICK) == []
    market.check()


def test_one_per_reason() -> None:
    market = Market()
    market.give(
        deadline(1, 10 * SECOND),
        deadline(1, 8 * SECOND, reason=Reason.DEAD_MAN),
        deadline(1, 9 * SECOND, reason=Reason.LOGGED_OUT),
    )
    market.give(deadline(1, 0, reason=Reason.DEAD_MAN), buy("A", 1, 100))
    assert market.shard.next_due == 9 * SECOND
    market.at(9 * SECOND)
    assert market.says(TICK) == ["A CANCELLED: LOGGED_OUT"]
    assert market.shard.next_due == 10 * SECOND
    market.check()


def test_those_of_one_batch_by_time_session_reason() -> None:
    market = Market()
    for session in (1, 2, 3, 4):
        market.give(buy(f"A{session}", 1, 100, session=session))
    market.give(
        deadline(4, 7 * SECOND),
        deadline(3, 5 * SECOND),
        deadline(1, 6 * SECOND, reason=Reason.DEAD_MAN),
        deadline(1, 6 * SECOND),
        deadline(2, 5 * SECOND),
    )
    market.at(8 * SECOND)
    assert market.says(TICK) == [
        "A2 CANCELLED: DISCONNECTED",
        "A3 CANCELLED: DISCONNECTED",
        "A1 CANCELLED: DISCONNECTED",
        "A4 CANCELLED: DISCONNECTED",
    ]
    market.check()


def test_keep_gtc() -> None:
    market = Market()
    market.give(
        buy("A", 1, 100, time_in_force=TimeInForce.GTC),
        buy("B", 1, 100),
        gtd("C", 10**18),
        deadline(1, 10 * SECOND, flags=int(CommandFlag.KEEP_GTC)),
    )
    market.at(10 * SECOND)
    assert market.says(TICK) == ["B CANCELLED: DISCONNECTED"]
    market.check()


def test_a_deadline_in_the_past_is_due_with_the_next_batch() -> None:
    market = Market()
    market.at(10 * SECOND)
    assert market.says(buy("A", 1, 100), deadline(1, 5)) == ["A ACCEPTED"]
    assert market.shard.next_due == 5
    assert market.says(TICK) == ["A CANCELLED: DISCONNECTED"]
    market.check()


def test_the_market_settles_after_each() -> None:
    """Session 1 goes, the peg of session 2 falls to 98 and then goes as well."""
    market = Market()
    market.give(
        buy("A", 1, 100), buy("B", 1, 98, session=3), buy("P", 1, session=2, **PEG)
    )
    market.give(deadline(2, 6 * SECOND), deadline(1, 5 * SECOND))
    market.at(6 * SECOND)
    assert market.says(TICK) == [
        "A CANCELLED: DISCONNECTED",
        "P RESTATED: REPEGGED",
        "P CANCELLED: DISCONNECTED",
    ]
    market.check()


def test_many_sessions() -> None:
    """The table grows, and is searched, in any order."""
    market = Market()
    for n in range(1, 80):
        market.give(buy(f"A{n}", 1, 100, session=n))
        market.give(deadline(n, (100 - n) * SECOND))
    for n in range(1, 80, 2):
        market.give(deadline(n, 0))
    assert market.shard.next_due == 22 * SECOND
    market.at(60 * SECOND)
    assert len(market.give(TICK)) == 20
    assert market.shard.next_due == 62 * SECOND
    assert len(market.shard.dump()[7]) == 19
    market.check()


def test_deadlines_outlive_the_day() -> None:
    market = Market()
    market.give(deadline(1, 10 * SECOND), day(2), buy("A", 1, 100))
    market.at(10 * SECOND)
    assert market.says(TICK) == ["A CANCELLED: DISCONNECTED"]
    market.check()


# -- good till date --------------------------------------------------------------------


def test_an_order_expires_when_its_time_has_come() -> None:
    market = Market()
    market.give(gtd("A", 10 * SECOND), gtd("B", 10 * SECOND + 1))
    assert market.shard.next_due == 10 * SECOND
    market.at(10 * SECOND)
    assert market.says(sell("C", 2, 100)) == [
        "A EXPIRED: EXPIRED_BY_TIME",
        "C ACCEPTED",
        "B fills 1 @ 100",
        "C fills 1 @ 100",
    ]
    assert market.shard.next_due == 0
    market.check()


def test_by_time_then_order_id() -> None:
    market = Market()
    market.give(
        gtd("A", 7 * SECOND),
        gtd("B", 6 * SECOND),
        gtd("C", 7 * SECOND, price=99),
        gtd("D", 5 * SECOND),
    )
    market.at(8 * SECOND)
    assert market.says(TICK) == [
        f"{name} EXPIRED: EXPIRED_BY_TIME" for name in ("D", "B", "A", "C")
    ]
    market.check()


def test_from_every_place() -> None:
    market = Market()
    market.give(
        gtd("A", 9 * SECOND, ord_type=OrdType.STOP, stop_price=200),
        gtd("B", 8 * SECOND, ord_type=OrdType.PEGGED, exec_inst=ExecInst.PEG_PRIMARY),
        gtd("C", 7 * SECOND),
    )
    market.at(9 * SECOND)
    assert market.says(TICK) == [
        f"{name} EXPIRED: EXPIRED_BY_TIME" for name in ("C", "B", "A")
    ]
    assert market.shard.open_orders == 0
    market.check()


def test_all_expire_before_anything_settles() -> None:
    market = Market(instrument("Y"), instrument("X"))
    market.give(
        *[buy(f"B{s}", 1, 98, symbol=s) for s in "XY"],
        *[gtd(f"A{s}", 5 * SECOND, symbol=s) for s in "XY"],
        *[buy(f"P{s}", 1, symbol=s, **PEG) for s in "XY"],
    )
    market.at(5 * SECOND)
    assert market.says(TICK) == [
        "AX EXPIRED: EXPIRED_BY_TIME",
        "AY EXPIRED: EXPIRED_BY_TIME",
        "PY RESTATED: REPEGGED",
        "PX RESTATED: REPEGGED",
    ]
    market.check()


def test_a_replace_changes_the_time() -> None:
    later, sooner = 20 * SECOND, 5 * SECOND
    tif = {"time_in_force": TimeInForce.GTD}
    market = Market()
    market.give(gtd("A", 10 * SECOND))
    market.give(replace("B", "A", 1, 100, expire_time=later, **tif))
    assert market.shard.next_due == later
    market.give(replace("C", "B", 1, 100, expire_time=sooner, **tif))
    assert market.shard.next_due == sooner
    market.give(replace("D", "C", 1, 100, time_in_force=TimeInForce.GTC))
    assert market.shard.next_due == 0
    market.give(replace("E", "D", 1, 100, expire_time=sooner, **tif))
    market.at(sooner)
    assert market.says(TICK) == ["E EXPIRED: EXPIRED_BY_TIME"]
    market.check()


def test_orders_that_ended_leave_nothing_behind() -> None:
    """Thousands come and go, a slot is used again and again: each fires once."""
    market = Market(compare=False)
    for n in range(5000):
        market.give(gtd(f"A{n}", SECOND + n), cancel(f"C{n}", f"A{n}"))
    market.give(gtd("L", SECOND + 100), gtd("K", SECOND + 50))
    assert market.shard.next_due == SECOND + 50
    market.at(10 * SECOND)
    assert market.says(TICK) == [
        "K EXPIRED: EXPIRED_BY_TIME",
        "L EXPIRED: EXPIRED_BY_TIME",
    ]
    assert market.shard.next_due == 0


def test_many_at_once_in_any_order() -> None:
    market = Market(compare=False)
    times = [SECOND + (n * 7919) % 1000 for n in range(1000)]
    market.give(*[gtd(f"A{n}", time) for n, time in enumerate(times)])
    expected = sorted(range(1000), key=lambda n: (times[n], n))
    market.at(SECOND + 499)
    half = [event.cl_ord_id for event in market.give(TICK)]
    assert half == [f"A{n}" for n in expected if times[n] < SECOND + 500]
    assert market.shard.next_due == SECOND + 500
    market.at(3 * SECOND)
    assert len(half) + len(market.give(TICK)) == 1000


# -- the order of what time brings -----------------------------------------------------


def test_orders_then_phases_then_deadlines_then_prices() -> None:
    market = Market(instrument("Y"), instrument("X"))
    market.give(
        phase(Phase.OPENING_AUCTION, "Y"),
        phase(Phase.PRE_OPEN, then=Phase.OPENING_AUCTION, until=5 * SECOND),
        gtd("A", 5 * SECOND),
        buy("B", 1, 101, session=2),
        buy("D", 1, 100, session=2),
        sell("C", 1, 100, session=3),
        deadline(2, 5 * SECOND),
    )
    market.give(gtd("E", 5 * SECOND, session=3, symbol="Y"))
    market.at(5 * SECOND)
    assert market.says(buy("F", 1, 100, session=4)) == [
        "A EXPIRED: EXPIRED_BY_TIME",
        "E EXPIRED: EXPIRED_BY_TIME",
        "X OPENING_AUCTION",
        "D CANCELLED: DISCONNECTED",
        "B CANCELLED: DISCONNECTED",
        "F ACCEPTED",
        "X indicates 1 @ 100",
    ]
    market.check()


def test_a_batch_without_commands_is_no_time() -> None:
    market = Market()
    market.give(gtd("A", 5 * SECOND))
    market.at(6 * SECOND)
    assert market.says() == []
    assert market.says(TICK) == ["A EXPIRED: EXPIRED_BY_TIME"]
    market.check()
