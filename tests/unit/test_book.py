"""Matching, rule by rule: these commands, exactly these events.

The notation is that of :mod:`tests.reference.script`. Every script is also checked
against the invariants and the reference exchange.
"""

from __future__ import annotations

import pytest

from engine.codes import EventKind
from engine.records import PRICE_MAX
from tests.reference.script import Pair, parse, parse_all, run

# -- priority --------------------------------------------------------------------------


def test_older_order_at_a_price_trades_first() -> None:
    run("""
        > sell A 5 @ 100
          A accepted: sell 5 @ 100
        > sell B 5 @ 100
          B accepted: sell 5 @ 100
        > buy T 7 @ 100
          T accepted: buy 7 @ 100
          A makes 5 @ 100, leaves 0
          T takes 5 @ 100, leaves 2
          B makes 2 @ 100, leaves 3
          T takes 2 @ 100, leaves 0
    """)


def test_better_price_goes_before_older_order() -> None:
    run("""
        > buy A 5 @ 99
          A accepted: buy 5 @ 99
        > buy B 5 @ 101
          B accepted: buy 5 @ 101
        > buy C 5 @ 100
          C accepted: buy 5 @ 100
        > sell T 15 @ 99
          T accepted: sell 15 @ 99
          B makes 5 @ 101, leaves 0
          T takes 5 @ 101, leaves 10
          C makes 5 @ 100, leaves 0
          T takes 5 @ 100, leaves 5
          A makes 5 @ 99, leaves 0
          T takes 5 @ 99, leaves 0
    """)


def _queue_after_cancelling(*names: str) -> list[str]:
    """Who makes, in order, when a queue of five has lost some."""
    pair = Pair()
    for name in "ABCDE":
        pair.give(parse(f"sell {name} 1 @ 100"))
    for name in names:
        pair.give(parse(f"cancel x{name} of {name}"))
    events = pair.give(parse("buy T 5 @ 100 ioc"))
    pair.check()
    return [event.cl_ord_id for event in events if event.kind == EventKind.FILLED][::2]


@pytest.mark.parametrize("gone", ["A", "C", "E", "BD", "DB", "ACE", "AB", "ED", "BCD"])
def test_cancel_keeps_the_order_of_those_behind(gone: str) -> None:
    assert _queue_after_cancelling(*gone) == [x for x in "ABCDE" if x not in gone]


def test_partly_filled_maker_keeps_the_front() -> None:
    run("""
        > sell A 5 @ 100
          A accepted: sell 5 @ 100
        > sell B 5 @ 100
          B accepted: sell 5 @ 100
        > buy T 2 @ 100
          T accepted: buy 2 @ 100
          A makes 2 @ 100, leaves 3
          T takes 2 @ 100, leaves 0
        > buy U 4 @ 100
          U accepted: buy 4 @ 100
          A makes 3 @ 100, leaves 0
          U takes 3 @ 100, leaves 1
          B makes 1 @ 100, leaves 4
          U takes 1 @ 100, leaves 0
    """)


# -- sweeps, limits, what may rest -----------------------------------------------------


def test_sweep_stops_at_the_limit_and_the_rest_becomes_the_best() -> None:
    pair = run("""
        > sell A 2 @ 100
          A accepted: sell 2 @ 100
        > sell B 2 @ 101
          B accepted: sell 2 @ 101
        > sell C 2 @ 102
          C accepted: sell 2 @ 102
        > buy T 9 @ 101
          T accepted: buy 9 @ 101
          A makes 2 @ 100, leaves 0
          T takes 2 @ 100, leaves 7
          B makes 2 @ 101, leaves 0
          T takes 2 @ 101, leaves 5
        > sell H 1 @ 101
          H accepted: sell 1 @ 101
          T makes 1 @ 101, leaves 4
          H takes 1 @ 101, leaves 0
    """)
    assert pair.depth() == ([(101, 4)], [(102, 2)])


def test_sell_does_not_trade_below_its_price() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > buy B 9 @ 99
          B accepted: buy 9 @ 99
        > sell T 5 @ 100
          T accepted: sell 5 @ 100
          A makes 1 @ 100, leaves 0
          T takes 1 @ 100, leaves 4
    """)


def test_exact_fill_leaves_nothing() -> None:
    pair = run("""
        > sell A 5 @ 100
          A accepted: sell 5 @ 100
        > buy T 5 @ 100
          T accepted: buy 5 @ 100
          A makes 5 @ 100, leaves 0
          T takes 5 @ 100, leaves 0
        > sell U 1 market
          U accepted: sell 1 market
          U cancelled: 1 UNFILLED_REMAINDER
    """)
    assert pair.depth() == ([], [])
    assert pair.shard.open_orders == 0


def test_trades_print_at_the_makers_price_both_ways() -> None:
    run("""
        > sell A 1 @ 95
          A accepted: sell 1 @ 95
        > buy T 1 @ 105
          T accepted: buy 1 @ 105
          A makes 1 @ 95, leaves 0
          T takes 1 @ 95, leaves 0
        > buy B 1 @ 105
          B accepted: buy 1 @ 105
        > sell U 1 @ 95
          U accepted: sell 1 @ 95
          B makes 1 @ 105, leaves 0
          U takes 1 @ 105, leaves 0
    """)


def test_rest_of_an_ioc_never_joins_the_book() -> None:
    pair = run("""
        > sell A 2 @ 100
          A accepted: sell 2 @ 100
        > sell B 2 @ 101
          B accepted: sell 2 @ 101
        > buy T 5 @ 100 ioc
          T accepted: buy 5 @ 100
          A makes 2 @ 100, leaves 0
          T takes 2 @ 100, leaves 3
          T cancelled: 3 UNFILLED_REMAINDER
        > cancel C of T
          C does not cancel T: TOO_LATE
    """)
    assert pair.depth() == ([], [(101, 2)])


def test_ioc_that_meets_nobody_is_cancelled_whole() -> None:
    pair = run("""
        > sell T 5 @ 100 ioc
          T accepted: sell 5 @ 100
          T cancelled: 5 UNFILLED_REMAINDER
    """)
    assert pair.depth() == ([], [])


@pytest.mark.parametrize("time_in_force", ["day", "gtc", "ioc"])
def test_market_order_sweeps_and_never_rests(time_in_force: str) -> None:
    pair = run(f"""
        > buy A 1 @ 1
          A accepted: buy 1 @ 1
        > buy B 1 @ {PRICE_MAX}
          B accepted: buy 1 @ {PRICE_MAX}
        > sell T 3 market {time_in_force}
          T accepted: sell 3 market
          B makes 1 @ {PRICE_MAX}, leaves 0
          T takes 1 @ {PRICE_MAX}, leaves 2
          A makes 1 @ 1, leaves 0
          T takes 1 @ 1, leaves 1
          T cancelled: 1 UNFILLED_REMAINDER
    """)
    assert pair.depth() == ([], [])


def test_price_of_a_market_order_is_ignored() -> None:
    pair = Pair()
    accepted, cancelled = pair.give(parse("buy T 3 market @ -77"))
    assert (accepted.price, cancelled.price) == (0, 0)
    pair.check()


def test_own_orders_trade_with_each_other() -> None:
    run("""
        > sell A 1 @ 100
          A accepted: sell 1 @ 100
        > buy B 1 @ 100
          B accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
    """)


def test_books_of_instruments_are_apart() -> None:
    run("""
        > define Y tick 1 lot 1
          Y defined
        > sell A 1 @ 100
          A accepted: sell 1 @ 100
        > buy B 1 @ 100 on Y
          B accepted: buy 1 @ 100
        > sell C 1 @ 100 on Y
          C accepted: sell 1 @ 100
          B makes 1 @ 100, leaves 0
          C takes 1 @ 100, leaves 0
    """)


# -- levels ----------------------------------------------------------------------------


def test_level_emptied_by_cancel_vanishes_at_once() -> None:
    pair = Pair()
    pair.give(*parse_all("buy A 1 @ 100", "buy B 2 @ 99", "sell C 3 @ 105"))
    pair.give(parse("cancel D of A"))
    assert pair.depth() == ([(99, 2)], [(105, 3)])
    events = pair.give(parse("sell T 1 @ 100"))
    assert [event.kind for event in events] == [EventKind.ACCEPTED]
    pair.check()


def test_level_left_by_a_replace_vanishes_and_the_other_order_stays() -> None:
    pair = Pair()
    pair.give(*parse_all("buy A 1 @ 100", "buy B 2 @ 100", "buy C 4 @ 98"))
    pair.give(parse("replace D of A 1 @ 99"))
    assert pair.depth() == ([(100, 2), (99, 1), (98, 4)], [])
    pair.give(parse("replace E of B 2 @ 98"))
    assert pair.depth() == ([(99, 1), (98, 6)], [])
    pair.check()


def test_depth_counts_only_what_is_open() -> None:
    pair = Pair()
    pair.give(*parse_all("buy A 10 @ 100", "sell T 4 @ 100", "replace B of A 8 @ 100"))
    assert pair.depth() == ([(100, 4)], [])
    pair.give(parse("replace C of B 5 @ 100 leaves"))
    assert pair.depth() == ([(100, 5)], [])
    pair.check()


def test_levels_sort_wherever_they_are_inserted() -> None:
    """More levels than are looked at one by one, inserted from outside and inside."""
    pair = Pair()
    prices = [(7 * i) % 101 + 1 for i in range(101)]
    for place, price in enumerate(prices):
        pair.give(parse(f"buy b{place} 1 @ {price}"))
        pair.give(parse(f"sell s{place} 1 @ {1000 - price}"))
    bids, asks = pair.depth()
    assert [price for price, _ in bids] == sorted(prices, reverse=True)
    assert [price for price, _ in asks] == sorted(1000 - price for price in prices)
    for place in range(0, 101, 2):
        pair.give(parse(f"cancel c{place} of b{place}"))
    left = sorted((prices[place] for place in range(1, 101, 2)), reverse=True)
    assert [price for price, _ in pair.depth()[0]] == left
    pair.check()


# -- scale -----------------------------------------------------------------------------


def test_5000_fills_at_one_price() -> None:
    pair = Pair(compare=False)
    pair.give(parse("sell A 5000 @ 100"))
    for number in range(5000):
        accepted, maker, taker = pair.give(parse(f"buy t{number} 1 @ 100"))
        assert (maker.last_qty, maker.leaves_qty) == (1, 4999 - number)
        assert (taker.leaves_qty, taker.avg_price) == (0, 100)
        assert accepted.order_id == taker.order_id
    assert pair.depth() == ([], [])
    pair.check()


def test_20000_makers_swept_by_one_order() -> None:
    pair = Pair(compare=False)
    makers = 20_000
    pair.give(*[parse(f"sell m{n} 1 @ {100 + n % 3}") for n in range(makers)])
    assert pair.shard.open_orders == makers
    events = pair.give(parse(f"buy T {makers} @ 102"))
    assert len(events) == 1 + 2 * makers
    names = [event.cl_ord_id for event in events[1::2]]
    assert names == [f"m{n}" for third in range(3) for n in range(third, makers, 3)]
    assert events[-1].leaves_qty == 0
    assert pair.shard.open_orders == 0
    assert pair.depth() == ([], [])
    value = sum(100 + n % 3 for n in range(makers))
    assert events[-1].avg_price == (2 * value + makers) // (2 * makers)
    pair.check()
