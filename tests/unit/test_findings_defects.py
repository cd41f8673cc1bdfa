"""Defects found in real matching engines, each as a test: this shard has none of them.

Issues of public engines are named where one is worth reading. The notation is that of
:mod:`tests.reference.script`.
"""

from __future__ import annotations

import pytest

from engine.codes import EventKind, OrdStatus
from engine.records import QTY_MAX
from tests.reference.script import Pair, parse, parse_all, run


def makers(pair: Pair, line: str) -> list[str]:
    """Who made, in order, what an order took."""
    events = pair.give(parse(line))
    return [e.cl_ord_id for e in events if e.kind == EventKind.FILLED][::2]


def filled(pair: Pair, line: str) -> list[tuple[int, int]]:
    """Quantity and price of each trade of an order."""
    events = pair.give(parse(line))
    fills = [e for e in events if e.kind == EventKind.FILLED][::2]
    return [(e.last_qty, e.last_price) for e in fills]


# -- priority --------------------------------------------------------------------------


def test_a_cancel_does_not_swap_the_last_order_forward() -> None:
    pair = Pair()
    pair.give(*parse_all(*(f"sell {name} 1 @ 100" for name in "ABCDE")))
    pair.give(parse("cancel x of B"))
    assert makers(pair, "buy T 5 market") == ["A", "C", "D", "E"]
    pair.check()


@pytest.mark.parametrize("count", [11, 12, 13, 17, 40, 200])
def test_time_breaks_ties_however_many_there_are(count: int) -> None:
    """A heap or an unstable sort loses it, some only above twelve orders."""
    pair = Pair()
    names = [f"A{number}" for number in range(count)]
    pair.give(*parse_all(*(f"buy {name} 1 @ 100" for name in names)))
    assert makers(pair, f"sell T {count} @ 100") == names
    pair.check()


def test_a_partly_filled_maker_is_not_queued_again_at_the_tail() -> None:
    """joaquinbejar/OrderBook-rs#88."""
    pair = Pair()
    pair.give(*parse_all("sell A 10 @ 100", "sell B 10 @ 100", "buy T 3 @ 100"))
    assert makers(pair, "buy U 8 @ 100") == ["A", "B"]
    pair.check()


def test_new_orders_do_not_go_ahead_of_old_ones() -> None:
    pair = Pair()
    pair.give(*parse_all("sell A 1 @ 100", "sell B 1 @ 101"))
    pair.give(*parse_all("sell C 1 @ 101", "sell D 1 @ 100"))
    assert makers(pair, "buy T 4 market") == ["A", "D", "B", "C"]
    pair.check()


# -- the wrong price -------------------------------------------------------------------


@pytest.mark.parametrize("older_first", [True, False])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_neither_the_takers_limit_nor_the_middle_is_printed(
    side: str, older_first: bool
) -> None:
    """On neither side, whatever the order of the identifiers."""
    other = {"buy": "sell", "sell": "buy"}[side]
    maker, taker = ("A", "Z") if older_first else ("Z", "A")
    limit = 90 if side == "buy" else 110
    pair = Pair()
    pair.give(parse(f"{side} {maker} 2 @ 100"))
    assert filled(pair, f"{other} {taker} 2 @ {limit}") == [(2, 100)]
    pair.check()


def test_the_best_price_is_taken_first_and_not_the_first_inserted() -> None:
    pair = Pair()
    pair.give(*parse_all("sell A 1 @ 103", "sell B 1 @ 101", "sell C 1 @ 102"))
    assert filled(pair, "buy T 3 market") == [(1, 101), (1, 102), (1, 103)]
    pair.check()


# -- overrun ---------------------------------------------------------------------------


def test_a_marketable_limit_order_keeps_its_limit() -> None:
    """minyukim/matchcore#167."""
    pair = Pair()
    pair.give(*parse_all("sell A 1 @ 100", "sell B 1 @ 102"))
    assert filled(pair, "buy T 2 @ 101") == [(1, 100)]
    assert pair.depth() == ([(101, 1)], [(102, 1)])
    pair.check()


def test_a_sell_does_not_go_on_below_its_price() -> None:
    """maringantis/OrderMatchingEngine#2."""
    pair = Pair()
    pair.give(*parse_all("buy A 1 @ 100", "buy B 1 @ 98"))
    assert filled(pair, "sell T 2 @ 99") == [(1, 100)]
    assert pair.depth() == ([(98, 1)], [(99, 1)])
    pair.check()


# -- what rests and should not ---------------------------------------------------------


@pytest.mark.parametrize(
    ("taker", "rests"),
    [
        ("buy T 5 @ 101 ioc", False),
        ("buy T 5 market", False),
        ("buy T 5 market gtc", False),
        ("buy T 5 @ 101 fok", False),
        ("buy T 5 @ 101 min 4", False),
        ("buy T 5 to-limit ioc", False),
        ("buy T 5 to-limit", True),
        ("buy T 5 @ 101 min 3", True),
    ],
)
def test_only_what_may_rest_joins_the_book(taker: str, rests: bool) -> None:
    """enewhuis/liquibook#43: the rest of an IOC joined the book."""
    pair = Pair()
    pair.give(parse("sell A 3 @ 100"))
    pair.give(parse(taker))
    pair.check()
    assert bool(pair.depth()[0]) == rests


def test_a_replace_does_not_rest_crossed() -> None:
    """joaquinbejar/hft-clob-core#59."""
    pair = Pair()
    pair.give(*parse_all("sell A 3 @ 100", "buy B 5 @ 99"))
    assert filled(pair, "replace C of B 5 @ 102") == [(3, 100)]
    assert pair.depth() == ([(102, 2)], [])
    pair.check()


def test_the_rest_of_a_prevented_self_trade_does_not_rest() -> None:
    run("""
        > sell A 2 @ 100
          A accepted: sell 2 @ 100
        > sell B 2 @ 101 account me
          B accepted: sell 2 @ 101
        > buy T 5 @ 101 account me newest
          T accepted: buy 5 @ 101
          A makes 2 @ 100, leaves 0
          T takes 2 @ 100, leaves 3
          T cancelled: 3 SELF_TRADE
        > buy U 5 @ 101 account me oldest
          U accepted: buy 5 @ 101
          B cancelled: 2 SELF_TRADE
    """)


@pytest.mark.parametrize(
    ("mode", "bids", "asks"),
    [
        ("newest", [], [(100, 3), (101, 4)]),
        ("oldest", [(101, 1)], []),
        ("both", [], [(101, 4)]),
        ("decrement", [], [(101, 2)]),
    ],
)
def test_each_mode_of_self_trade_prevention(
    mode: str, bids: list[tuple[int, int]], asks: list[tuple[int, int]]
) -> None:
    pair = Pair()
    pair.give(*parse_all("sell A 3 @ 100 group g", "sell B 4 @ 101"))
    pair.give(parse(f"buy T 5 @ 101 group g {mode}"))
    assert pair.depth() == (bids, asks)
    pair.check()


def test_fill_or_kill_does_not_count_what_would_be_a_self_trade() -> None:
    run("""
        > sell A 3 @ 100 account me
          A accepted: sell 3 @ 100
        > sell B 3 @ 100
          B accepted: sell 3 @ 100
        > buy T 4 @ 100 fok account me oldest
          T accepted: buy 4 @ 100
          T cancelled: 4 FOK_NOT_FILLED
        > buy U 3 @ 100 fok account me newest
          U accepted: buy 3 @ 100
          U cancelled: 3 FOK_NOT_FILLED
        > buy V 3 @ 100 fok account me oldest
          V accepted: buy 3 @ 100
          A cancelled: 3 SELF_TRADE
          B makes 3 @ 100, leaves 0
          V takes 3 @ 100, leaves 0
    """)


# -- quantities ------------------------------------------------------------------------


def test_a_maker_is_not_matched_over_and_over() -> None:
    pair = Pair()
    pair.give(parse("sell A 4 @ 100"))
    taken = [filled(pair, f"buy T{n} 3 @ 100 ioc") for n in range(3)]
    assert taken == [[(3, 100)], [(1, 100)], []]
    pair.check()


def test_a_replace_behind_a_partial_fill_does_not_rest_short() -> None:
    pair = Pair()
    pair.give(*parse_all("buy A 10 @ 100", "sell T 4 @ 100"))
    pair.give(parse("replace B of A 10 @ 99"))
    assert pair.depth() == ([(99, 6)], [])
    pair.check()


def test_a_replace_below_what_is_filled_ends_the_order() -> None:
    run("""
        > buy A 10 @ 100
          A accepted: buy 10 @ 100
        > sell T 4 @ 100
          T accepted: sell 4 @ 100
          A makes 4 @ 100, leaves 6
          T takes 4 @ 100, leaves 0
        > replace B of A 3 @ 100
          B cancels A: 6 REPLACED_BELOW_CUM_QTY
        > sell U 1 @ 100 ioc
          U accepted: sell 1 @ 100
          U cancelled: 1 UNFILLED_REMAINDER
    """)


@pytest.mark.parametrize("qty", ["0", "-1", str(QTY_MAX + 1), str(2**63 - 1)])
def test_there_are_no_trades_of_nothing(qty: str) -> None:
    pair = Pair()
    pair.give(parse("sell A 3 @ 100"))
    (event,) = pair.give(parse(f"buy T {qty} @ 100"))
    assert event.kind == EventKind.REJECTED
    assert pair.depth() == ([], [(100, 3)])
    pair.check()


def test_an_iceberg_trades_no_more_than_it_has() -> None:
    run("""
        > sell A 5 @ 100 iceberg 2
          A accepted: sell 5 @ 100
        > sell B 2 @ 100
          B accepted: sell 2 @ 100
        > buy T 9 @ 100
          T accepted: buy 9 @ 100
          A makes 2 @ 100, leaves 3
          T takes 2 @ 100, leaves 7
          B makes 2 @ 100, leaves 0
          T takes 2 @ 100, leaves 5
          A makes 2 @ 100, leaves 1
          T takes 2 @ 100, leaves 3
          A makes 1 @ 100, leaves 0
          T takes 1 @ 100, leaves 2
    """)


# -- levels ----------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_no_side_remembers_a_best_price_that_is_gone(side: str) -> None:
    """After a cancel, a fill, a replace away and the end of the day."""
    other = {"buy": "sell", "sell": "buy"}[side]
    best, worse = (100, 98) if side == "buy" else (100, 102)
    for gone in (
        "cancel x of A",
        f"{other} x 1 @ {best}",
        f"replace x of A 1 @ {worse}",
        "day 1",
    ):
        pair = Pair()
        pair.give(*parse_all(f"{side} A 1 @ {best}", f"{side} B 1 @ {worse} gtc"))
        pair.give(parse(gone))
        assert filled(pair, f"{other} T 1 market") == [(1, worse)], gone
        pair.check()


def test_a_level_that_somebody_is_in_is_not_deleted() -> None:
    pair = Pair()
    pair.give(*parse_all("sell A 1 @ 100", "sell B 1 @ 100 hidden", "cancel C of A"))
    assert filled(pair, "buy T 1 market") == [(1, 100)]
    pair.check()


def test_a_price_is_one_level_however_it_is_reached() -> None:
    """Prices are whole numbers: no second spelling of one splits it."""
    pair = Pair()
    pair.give(*parse_all("sell A 1 @ 100", "sell B 1 @ 101", "replace C of B 1 @ 100"))
    assert pair.depth() == ([], [(100, 2)])
    pair.check()


# -- identity --------------------------------------------------------------------------


def test_a_duplicate_identifier_of_an_open_order_changes_nothing() -> None:
    pair = Pair()
    pair.give(parse("sell A 1 @ 100"))
    (event,) = pair.give(parse("sell A 2 @ 100"))
    assert event.kind == EventKind.REJECTED
    assert makers(pair, "buy T 5 @ 100") == ["A"]
    pair.check()


def test_a_cancel_finds_the_order_on_either_side() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > sell B 1 @ 101
          B accepted: sell 1 @ 101
        > cancel C of B
          C cancels B: 1 REQUESTED
        > cancel D of A
          D cancels A: 1 REQUESTED
    """)


def test_a_filled_order_cannot_be_cancelled() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > sell B 1 @ 100
          B accepted: sell 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
        > cancel C of A
          C does not cancel A: TOO_LATE
        > cancel D of B
          D does not cancel B: TOO_LATE
    """)


# -- FOK, ALL_OR_NONE, stops -----------------------------------------------------------


def test_fill_or_kill_counts_all_makers_together() -> None:
    """AlphaGodzilla/loom#1: it was held against each maker alone."""
    run("""
        > sell A 2 @ 100
          A accepted: sell 2 @ 100
        > sell B 2 @ 101
          B accepted: sell 2 @ 101
        > buy T 5 @ 101 fok
          T accepted: buy 5 @ 101
          T cancelled: 5 FOK_NOT_FILLED
        > buy U 4 @ 101 fok
          U accepted: buy 4 @ 101
          A makes 2 @ 100, leaves 0
          U takes 2 @ 100, leaves 2
          B makes 2 @ 101, leaves 0
          U takes 2 @ 101, leaves 0
    """)


def test_all_or_none_trades_whole_and_at_the_right_prices() -> None:
    """chronoxor/CppTrader#28, enewhuis/liquibook#17."""
    run("""
        > sell A 5 @ 100 whole
          A accepted: sell 5 @ 100
        > sell B 2 @ 101
          B accepted: sell 2 @ 101
        > buy T 3 @ 101
          T accepted: buy 3 @ 101
          B makes 2 @ 101, leaves 0
          T takes 2 @ 101, leaves 1
        > buy U 5 @ 102 whole
          U accepted: buy 5 @ 102
          A makes 5 @ 100, leaves 0
          U takes 5 @ 100, leaves 0
        > sell V 3 @ 101 whole
          V accepted: sell 3 @ 101
        > sell W 1 @ 101
          W accepted: sell 1 @ 101
          T makes 1 @ 101, leaves 0
          W takes 1 @ 101, leaves 0
    """)


def test_a_waiting_stop_can_be_cancelled_and_replaced() -> None:
    """enewhuis/liquibook#25 and #29."""
    run("""
        > buy A 1 stop 105
          A accepted: buy 1 stop 105
        > cancel B of A
          B cancels A: 1 REQUESTED
        > sell C 1 stop 95 @ 94
          C accepted: sell 1 stop 95 @ 94
        > replace D of C 2 @ 93 stop 96
          D replaces C: sell 2 stop 96 @ 93, leaves 2
        > cancel E of D
          E cancels D: 2 REQUESTED
        > cancel F of D
          F does not cancel D: TOO_LATE
    """)


def test_a_stop_cascade_runs_to_its_end_in_a_defined_order() -> None:
    """melin-engine/melin#2: it ran once only."""
    run("""
        > sell A 1 @ 100
          A accepted: sell 1 @ 100
        > sell B 1 @ 102
          B accepted: sell 1 @ 102
        > sell C 1 @ 104
          C accepted: sell 1 @ 104
        > sell D 1 @ 106
          D accepted: sell 1 @ 106
        > buy S3 1 stop 104
          S3 accepted: buy 1 stop 104
        > buy S2 1 stop 102
          S2 accepted: buy 1 stop 102
        > buy S1 1 stop 100
          S1 accepted: buy 1 stop 100
        > buy T 1 @ 100
          T accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 0
          T takes 1 @ 100, leaves 0
          S1 triggered
          B makes 1 @ 102, leaves 0
          S1 takes 1 @ 102, leaves 0
          S2 triggered
          C makes 1 @ 104, leaves 0
          S2 takes 1 @ 104, leaves 0
          S3 triggered
          D makes 1 @ 106, leaves 0
          S3 takes 1 @ 106, leaves 0
    """)


def test_a_cascade_of_20000_stops_does_not_nest() -> None:
    """Each triggers the next; recursion would overflow the stack."""
    count = 20_000
    pair = Pair(compare=False)
    pair.give(*parse_all(*(f"sell A{n} 1 @ {100 + n}" for n in range(count + 1))))
    pair.give(*parse_all(*(f"buy S{n} 1 stop {100 + n}" for n in range(count))))
    events = pair.give(parse("buy T 1 @ 100"))
    triggered = [e.cl_ord_id for e in events if e.kind == EventKind.TRIGGERED]
    assert triggered == [f"S{n}" for n in range(count)]
    assert pair.depth() == ([], [])


def test_an_expired_maker_does_not_trade() -> None:
    run("""
        > sell A 1 @ 100 until 6
          A accepted: sell 1 @ 100
        > sell B 1 @ 101
          B accepted: sell 1 @ 101
        > wait 2
          A expired: 1 EXPIRED_BY_TIME
        > buy T 1 market
          T accepted: buy 1 market
          B makes 1 @ 101, leaves 0
          T takes 1 @ 101, leaves 0
    """)


def test_an_order_expires_in_the_very_call_that_would_trade_with_it() -> None:
    run("""
        > sell A 1 @ 100 until 3
          A accepted: sell 1 @ 100
        > buy T 1 @ 100
          A expired: 1 EXPIRED_BY_TIME
          T accepted: buy 1 @ 100
    """)


# -- scale and memory ------------------------------------------------------------------


def test_12000_makers_and_more_are_swept_without_recursion() -> None:
    count = 40_000
    pair = Pair(compare=False)
    pair.give(*parse_all(*(f"sell A{n} 1 @ {100 + n % 7}" for n in range(count))))
    events = pair.give(parse(f"buy T {count} market"))
    assert sum(e.kind == EventKind.FILLED for e in events) == 2 * count
    assert events[-1].ord_status == OrdStatus.FILLED


def test_nothing_is_dropped_where_others_have_a_ceiling() -> None:
    """8,192 orders; 512 levels; 65,535 ticks; 32,768 orders of one price."""
    prices = range(1_000, 71_000, 8)
    pair = Pair(compare=False)
    lines = [f"sell A{price} 1 @ {price}" for price in prices]
    lines += [f"buy B{n} 1 @ 999" for n in range(33_000)]
    events = pair.give(*parse_all(*lines))
    assert all(e.kind == EventKind.ACCEPTED for e in events)
    (bid,), asks = pair.depth()
    assert bid == (999, 33_000)
    assert [price for price, _ in asks] == list(prices)


def test_identifiers_of_ended_orders_do_not_pile_up_over_the_days() -> None:
    pair = Pair(compare=False)
    sizes = []
    for day in range(1, 6):
        lines = [f"sell {day}-{n} 1 @ 100 ioc" for n in range(2_000)]
        pair.give(*parse_all(*lines))
        pair.give(parse(f"day {day}"))
        sizes.append(pair.shard.identifiers)
    assert sizes == [0] * 5


def test_a_reused_place_in_memory_is_not_the_order_that_was_there() -> None:
    """The old name means the old order, whoever got its place."""
    run("""
        > sell A 1 @ 100
          A accepted: sell 1 @ 100
        > cancel B of A
          B cancels A: 1 REQUESTED
        > sell C 1 @ 101
          C accepted: sell 1 @ 101
        > cancel D of A
          D does not cancel A: TOO_LATE
        > buy T 1 @ 100
          T accepted: buy 1 @ 100
        > replace E of A 1 @ 100
          E does not replace A: TOO_LATE
    """)


def test_a_partial_ioc_and_a_first_trade_come_back() -> None:
    """Some engines dead-lock at the first trade, or at an IOC filled in part."""
    pair = Pair()
    pair.give(parse("sell A 1 @ 100"))
    assert filled(pair, "buy T 2 @ 100 ioc") == [(1, 100)]
    pair.give(parse("sell B 1 @ 100"))
    assert filled(pair, "buy U 1 @ 100") == [(1, 100)]
    pair.check()


def test_an_iceberg_of_countless_parts_is_refused() -> None:
    """A taker of it would give as many trades, and the shard answer nobody."""
    run("""
        > sell A 1001 @ 100 iceberg 1
          A rejected: DISPLAY_QTY_INVALID
        > sell B 1000 @ 100 iceberg 1
          B accepted: sell 1000 @ 100
        > replace C of B 1001 @ 100
          C does not replace B: DISPLAY_QTY_INVALID
    """)


def test_only_so_many_ended_orders_are_remembered() -> None:
    """The oldest is forgotten but for its name, its number and how it ended."""
    count = 16_384
    pair = Pair(compare=False)
    pair.give(*parse_all(*(f"sell A{n} 1 @ 100 ioc" for n in range(count))))
    (first,) = pair.give(parse("status S of A0"))
    assert (first.qty, first.ord_status) == (1, OrdStatus.CANCELED)
    pair.give(parse("sell Z 1 @ 100 ioc"))
    (first,) = pair.give(parse("status S of A0"))
    assert (first.qty, first.ord_status) == (0, OrdStatus.CANCELED)
    assert first.order_id == (1 << 48) + 2
    (second,) = pair.give(parse("status S of A1"))
    assert second.qty == 1
    assert pair.give(parse("sell A0 1 @ 100 ioc resend")) == []
