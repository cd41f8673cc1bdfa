"""Stops wait, trail and trigger: section 5 of ``spec/matching.md``.

The notation is that of :mod:`tests.reference.script`; every script is also played to
the reference exchange.
"""

from __future__ import annotations

from engine.codes import EventKind, Reason
from tests.reference.script import Pair, parse, parse_all, run

TRADE_AT_100 = """
        > sell M 1 @ 100
          M accepted: sell 1 @ 100
        > buy N 1 @ 100
          N accepted: buy 1 @ 100
          M makes 1 @ 100, leaves 0
          N takes 1 @ 100, leaves 0
"""


def test_a_stop_waits_and_becomes_a_market_order() -> None:
    run(f"""
        {TRADE_AT_100}
        > buy A 2 stop 102
          A accepted: buy 2 stop 102
        > sell B 1 @ 102
          B accepted: sell 1 @ 102
        > sell C 5 @ 103
          C accepted: sell 5 @ 103
        > buy D 1 @ 102
          D accepted: buy 1 @ 102
          B makes 1 @ 102, leaves 0
          D takes 1 @ 102, leaves 0
          A triggered
          C makes 2 @ 103, leaves 3
          A takes 2 @ 103, leaves 0
    """)


def test_a_triggered_stop_does_not_rest() -> None:
    run(f"""
        {TRADE_AT_100}
        > sell A 2 stop 100
          A accepted: sell 2 stop 100
          A triggered
          A cancelled: 2 UNFILLED_REMAINDER
    """)


def test_a_stop_limit_rests_at_its_price() -> None:
    run(f"""
        {TRADE_AT_100}
        > buy A 2 stop 100 @ 101
          A accepted: buy 2 stop 100 @ 101
          A triggered
        > sell B 1 @ 101
          B accepted: sell 1 @ 101
          A makes 1 @ 101, leaves 1
          B takes 1 @ 101, leaves 0
    """)


def test_nothing_triggers_before_the_first_trade() -> None:
    run("""
        > sell A 2 stop 100
          A accepted: sell 2 stop 100
        > buy B 5 @ 90
          B accepted: buy 5 @ 90
        > sell C 1 @ 90
          C accepted: sell 1 @ 90
          B makes 1 @ 90, leaves 4
          C takes 1 @ 90, leaves 0
          A triggered
          B makes 2 @ 90, leaves 2
          A takes 2 @ 90, leaves 0
    """)


def test_a_cascade_runs_to_its_end_one_stop_at_a_time() -> None:
    """Each stop's trade reaches the next stop price; an entering order is finished
    before the next stop triggers."""
    run(f"""
        {TRADE_AT_100}
        > buy B1 1 @ 98
          B1 accepted: buy 1 @ 98
        > buy B2 2 @ 97
          B2 accepted: buy 2 @ 97
        > buy B3 2 @ 95
          B3 accepted: buy 2 @ 95
        > sell S1 2 stop 98
          S1 accepted: sell 2 stop 98
        > sell S2 3 stop 97
          S2 accepted: sell 3 stop 97
        > sell S3 1 stop 95
          S3 accepted: sell 1 stop 95
        > sell T 1 @ 98
          T accepted: sell 1 @ 98
          B1 makes 1 @ 98, leaves 0
          T takes 1 @ 98, leaves 0
          S1 triggered
          B2 makes 2 @ 97, leaves 0
          S1 takes 2 @ 97, leaves 0
          S2 triggered
          B3 makes 2 @ 95, leaves 0
          S2 takes 2 @ 95, leaves 1
          S2 cancelled: 1 UNFILLED_REMAINDER
          S3 triggered
          S3 cancelled: 1 UNFILLED_REMAINDER
    """)


def test_the_nearest_stop_price_triggers_first_then_the_older() -> None:
    run(f"""
        {TRADE_AT_100}
        > buy A 1 stop 103
          A accepted: buy 1 stop 103
        > buy B 1 stop 102
          B accepted: buy 1 stop 102
        > buy C 1 stop 102
          C accepted: buy 1 stop 102
        > sell D 1 @ 104
          D accepted: sell 1 @ 104
        > buy E 1 @ 104
          E accepted: buy 1 @ 104
          D makes 1 @ 104, leaves 0
          E takes 1 @ 104, leaves 0
          B triggered
          B cancelled: 1 UNFILLED_REMAINDER
          C triggered
          C cancelled: 1 UNFILLED_REMAINDER
          A triggered
          A cancelled: 1 UNFILLED_REMAINDER
    """)


def test_of_a_buy_and_a_sell_stop_the_older_triggers_first() -> None:
    run("""
        > sell A 1 stop 100
          A accepted: sell 1 stop 100
        > buy B 1 stop 100
          B accepted: buy 1 stop 100
        > sell C 1 @ 100
          C accepted: sell 1 @ 100
        > buy D 1 @ 100
          D accepted: buy 1 @ 100
          C makes 1 @ 100, leaves 0
          D takes 1 @ 100, leaves 0
          A triggered
          A cancelled: 1 UNFILLED_REMAINDER
          B triggered
          B cancelled: 1 UNFILLED_REMAINDER
    """)


# -- trailing --------------------------------------------------------------------------


def test_a_trailing_stop_follows_up_and_never_back() -> None:
    pair = Pair()
    pair.give(*parse_all("sell M 1 @ 100", "buy N 1 @ 100", "sell A 5 trail 3"))
    assert pair.events[-1].stop_price == 97
    pair.give(*parse_all("sell O 1 @ 104", "buy P 1 @ 104"))
    moved = pair.events[-1]
    assert (moved.kind, moved.reason) == (EventKind.RESTATED, Reason.TRAILED)
    assert (moved.cl_ord_id, moved.stop_price) == ("A", 101)
    pair.give(*parse_all("buy Q 2 @ 102", "sell R 1 @ 102"))
    assert pair.events[-1].kind == EventKind.FILLED, "it does not follow down"
    triggered = pair.give(*parse_all("buy S 9 @ 101", "sell T 2 @ 101"))
    assert [e.cl_ord_id for e in triggered if e.kind == EventKind.TRIGGERED] == ["A"]
    pair.check()


def test_a_trailing_stop_needs_a_trade_or_a_stop_price_to_begin_with() -> None:
    run("""
        > sell A 1 trail 3
          A rejected: NO_REFERENCE_PRICE
        > sell B 1 stop 90 trail 3
          B accepted: sell 1 stop 90
        > sell C 1 stop 90 trail 0
          C rejected: PEG_OFFSET_INVALID
        > sell D 1 stop 0
          D rejected: STOP_PRICE_INVALID
    """)


def test_trailing_stops_move_by_priority_and_get_a_new_one() -> None:
    pair = Pair()
    pair.give(*parse_all("sell A 1 stop 90 trail 5", "sell B 1 stop 91 trail 5"))
    pair.give(*parse_all("sell M 1 @ 100", "buy N 1 @ 100"))
    first, second = pair.events[-2:]
    assert [first.cl_ord_id, second.cl_ord_id] == ["A", "B"]
    assert first.priority < second.priority
    assert first.stop_price == second.stop_price == 95
    pair.check()


# -- what can be done to a stop that waits ---------------------------------------------


def test_a_stop_that_waits_can_be_cancelled_and_replaced() -> None:
    run(f"""
        {TRADE_AT_100}
        > buy A 2 stop 105
          A accepted: buy 2 stop 105
        > replace B of A 1 stop 104
          B replaces A: buy 1 stop 104, leaves 1
        > replace C of B 1
          C replaces B: buy 1 stop 104, leaves 1
        > replace D of C 1 stop 100
          D replaces C: buy 1 stop 100, leaves 1
          D triggered
          D cancelled: 1 UNFILLED_REMAINDER
        > buy E 1 stop 105
          E accepted: buy 1 stop 105
        > cancel F of E
          F cancels E: 1 REQUESTED
    """)


def test_stops_wait_through_a_halt_and_trigger_behind_it() -> None:
    run(f"""
        {TRADE_AT_100}
        > sell A 1 stop 99
          A accepted: sell 1 stop 99
        > phase X pre_open
          X pre_open
        > buy B 1 @ 98
          B accepted: buy 1 @ 98
        > sell C 1 @ 98
          C accepted: sell 1 @ 98
        > buy D 1 @ 97
          D accepted: buy 1 @ 97
        > resume X
          B crosses 1 @ 98, leaves 0
          C crosses 1 @ 98, leaves 0
          X uncrosses 1 @ 98
          X trading
          A triggered
          D makes 1 @ 97, leaves 0
          A takes 1 @ 97, leaves 0
    """)


def test_waiting_stops_count_for_the_open_quantity_of_their_side() -> None:
    """Else a cascade could bring more into the book than its sums can hold."""
    pair = Pair()
    for number in range(9):
        pair.give(parse(f"sell A{number} {10**18} stop 50"))
    (refused,) = pair.give(parse(f"sell B {10**18} stop 50"))
    assert refused.reason == Reason.OPEN_QTY_ABOVE_MAX
    (taken,) = pair.give(parse(f"buy C {10**18} @ 40"))
    assert taken.kind == EventKind.ACCEPTED, "the other side is not concerned"
    pair.check()
