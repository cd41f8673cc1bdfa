"""Cancel and replace: these commands, exactly these events.

The notation is that of :mod:`tests.reference.script`. Every script is also checked
against the invariants and the reference exchange.
"""

from __future__ import annotations

import pytest

from engine.codes import OrdStatus, TimeInForce
from tests.reference.script import Pair, parse, run

# -- replace and the queue -------------------------------------------------------------

QUEUE = """
    > sell A 5 @ 100
      A accepted: sell 5 @ 100
    > sell B 5 @ 100
      B accepted: sell 5 @ 100
    > sell C 5 @ 100
      C accepted: sell 5 @ 100
"""


@pytest.mark.parametrize(
    ("qty", "flag"), [(4, ""), (5, ""), (1, ""), (4, "leaves"), (5, "leaves")]
)
def test_replace_that_asks_no_more_keeps_its_place(qty: int, flag: str) -> None:
    run(f"""{QUEUE}
        > replace D of A {qty} @ 100 {flag}
          D replaces A: sell {qty} @ 100, leaves {qty}
        > buy T 1 @ 100
          T accepted: buy 1 @ 100
          D makes 1 @ 100, leaves {qty - 1}
          T takes 1 @ 100, leaves 0
    """)


@pytest.mark.parametrize("flag", ["", "leaves"])
def test_replace_that_asks_for_more_goes_to_the_tail(flag: str) -> None:
    run(f"""{QUEUE}
        > replace D of A 6 @ 100 {flag}
          D replaces A: sell 6 @ 100, leaves 6
        > buy T 11 @ 100
          T accepted: buy 11 @ 100
          B makes 5 @ 100, leaves 0
          T takes 5 @ 100, leaves 6
          C makes 5 @ 100, leaves 0
          T takes 5 @ 100, leaves 1
          D makes 1 @ 100, leaves 5
          T takes 1 @ 100, leaves 0
    """)


def test_replace_of_the_price_there_and_back_goes_to_the_tail() -> None:
    run(f"""{QUEUE}
        > replace D of A 5 @ 101
          D replaces A: sell 5 @ 101, leaves 5
        > replace E of D 5 @ 100
          E replaces D: sell 5 @ 100, leaves 5
        > buy T 11 @ 100
          T accepted: buy 11 @ 100
          B makes 5 @ 100, leaves 0
          T takes 5 @ 100, leaves 6
          C makes 5 @ 100, leaves 0
          T takes 5 @ 100, leaves 1
          E makes 1 @ 100, leaves 4
          T takes 1 @ 100, leaves 0
    """)


def test_replace_down_then_up_to_the_old_quantity_goes_to_the_tail() -> None:
    run(f"""{QUEUE}
        > replace D of A 3 @ 100
          D replaces A: sell 3 @ 100, leaves 3
        > replace E of D 5 @ 100
          E replaces D: sell 5 @ 100, leaves 5
        > buy T 1 @ 100
          T accepted: buy 1 @ 100
          B makes 1 @ 100, leaves 4
          T takes 1 @ 100, leaves 0
    """)


def test_replace_after_a_partial_fill_counts_what_was_filled() -> None:
    run(f"""{QUEUE}
        > buy T 2 @ 100
          T accepted: buy 2 @ 100
          A makes 2 @ 100, leaves 3
          T takes 2 @ 100, leaves 0
        > replace D of A 4 @ 100
          D replaces A: sell 4 @ 100, leaves 2
        > replace E of D 2 @ 100 leaves
          E replaces D: sell 4 @ 100, leaves 2
        > buy U 3 @ 100
          U accepted: buy 3 @ 100
          E makes 2 @ 100, leaves 0
          U takes 2 @ 100, leaves 1
          B makes 1 @ 100, leaves 4
          U takes 1 @ 100, leaves 0
    """)


def test_crossing_replace_trades_at_the_makers_prices() -> None:
    pair = run("""
        > sell A 2 @ 101
          A accepted: sell 2 @ 101
        > sell B 2 @ 102
          B accepted: sell 2 @ 102
        > buy C 5 @ 99
          C accepted: buy 5 @ 99
        > replace D of C 5 @ 105
          D replaces C: buy 5 @ 105, leaves 5
          A makes 2 @ 101, leaves 0
          D takes 2 @ 101, leaves 3
          B makes 2 @ 102, leaves 0
          D takes 2 @ 102, leaves 1
    """)
    assert pair.depth() == ([(105, 1)], [])


def test_crossing_replace_of_a_sell_that_is_filled_is_over() -> None:
    pair = run("""
        > buy A 5 @ 99
          A accepted: buy 5 @ 99
        > sell B 3 @ 105
          B accepted: sell 3 @ 105
        > replace C of B 3 @ 95
          C replaces B: sell 3 @ 95, leaves 3
          A makes 3 @ 99, leaves 2
          C takes 3 @ 99, leaves 0
        > cancel D of C
          D does not cancel C: TOO_LATE
    """)
    assert pair.depth() == ([(99, 2)], [])


@pytest.mark.parametrize("qty", [1, 2])
def test_replace_to_what_is_filled_cancels_the_rest(qty: int) -> None:
    pair = run(f"""{QUEUE}
        > buy T 2 @ 100
          T accepted: buy 2 @ 100
          A makes 2 @ 100, leaves 3
          T takes 2 @ 100, leaves 0
        > replace D of A {qty} @ 100
          D cancels A: 3 REPLACED_BELOW_CUM_QTY
        > cancel E of D
          E does not cancel D: TOO_LATE
    """)
    assert pair.depth() == ([], [(100, 10)])


def test_replace_to_nothing_open_cancels_only_with_qty_is_leaves() -> None:
    run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > replace B of A 0 @ 100
          B does not replace A: QTY_NOT_POSITIVE
        > replace C of A -1 @ 100 leaves
          C does not replace A: QTY_NOT_POSITIVE
        > replace D of A 0 @ 100 leaves
          D cancels A: 5 REPLACED_BELOW_CUM_QTY
    """)


def test_replace_may_change_day_and_gtc_but_not_to_ioc() -> None:
    pair = run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > replace B of A 5 @ 100 ioc
          B does not replace A: UNSUPPORTED_TIME_IN_FORCE
        > replace C of A 5 @ 100 gtc
          C replaces A: buy 5 @ 100, leaves 5
        > day 1
          day 1 begins
        > replace D of C 5 @ 100
          D replaces C: buy 5 @ 100, leaves 5
        > day 2
          day 2 begins
        > replace E of D 5 @ 100 day
          E replaces D: buy 5 @ 100, leaves 5
        > day 3
          E expired: 5
          day 3 begins
    """)
    assert pair.events[-2].time_in_force == TimeInForce.DAY


def test_replace_and_cancel_may_not_contradict_the_order() -> None:
    run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > replace B of A 5 @ 100 on Y
          B does not replace A: SYMBOL_MISMATCH
        > replace C of A 5 @ 100 side=50
          C does not replace A: SIDE_CHANGED
        > replace D of A 5 @ 100 market
          D does not replace A: ORD_TYPE_CHANGED
        > cancel E of A on Y
          E does not cancel A: SYMBOL_MISMATCH
        > cancel F of A side=50
          F does not cancel A: SIDE_CHANGED
        > cancel G of A ord_type=49
          G does not cancel A: ORD_TYPE_CHANGED
        > cancel H of A on X side=49 ord_type=50
          H cancels A: 5 REQUESTED
    """)


# -- which order -----------------------------------------------------------------------


def test_ended_is_too_late_and_never_there_is_unknown() -> None:
    run("""
        > cancel a of A
          a does not cancel A: UNKNOWN_ORDER
        > replace b of A 1 @ 100
          b does not replace A: UNKNOWN_ORDER
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > sell B 1 @ 100
          B accepted: sell 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
        > cancel c of A
          c does not cancel A: TOO_LATE
        > replace d of B 2 @ 100
          d does not replace B: TOO_LATE
        > buy C 1 @ 100
          C accepted: buy 1 @ 100
        > cancel e of C
          e cancels C: 1 REQUESTED
        > cancel f of C
          f does not cancel C: TOO_LATE
        > cancel g of e
          g does not cancel e: UNKNOWN_ORDER
        > cancel h of -
          h does not cancel -: UNKNOWN_ORDER
    """)


def test_slot_of_a_dead_order_does_not_answer_for_the_next() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > cancel a of A
          a cancels A: 1 REQUESTED
        > buy B 1 @ 100
          B accepted: buy 1 @ 100
        > cancel b of A
          b does not cancel A: TOO_LATE
        > cancel c of B
          c cancels B: 1 REQUESTED
    """)


def test_any_identifier_of_the_chain_names_the_live_order() -> None:
    run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > replace B of A 4 @ 100
          B replaces A: buy 4 @ 100, leaves 4
        > replace C of A 3 @ 100
          C replaces B: buy 3 @ 100, leaves 3
        > cancel D of B
          D cancels C: 3 REQUESTED
        > cancel E of A
          E does not cancel A: TOO_LATE
    """)


def test_sessions_have_identifiers_of_their_own() -> None:
    run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > cancel 2:B of A
          2:B does not cancel A: UNKNOWN_ORDER
        > buy 2:A 5 @ 100
          2:A accepted: buy 5 @ 100
        > cancel 2:C of A
          2:C cancels A: 5 REQUESTED
        > cancel C of A
          C cancels A: 5 REQUESTED
    """)


def test_refusal_shows_the_live_order_and_a_blank_otherwise() -> None:
    pair = Pair()
    pair.give(parse("buy A 5 @ 100"), parse("sell T 2 @ 100"))
    (live,) = pair.give(parse("replace B of A 9 @ 0"))
    assert (live.ord_status, live.price, live.qty) == (
        OrdStatus.PARTIALLY_FILLED,
        100,
        5,
    )
    assert (live.leaves_qty, live.cum_qty, live.avg_price) == (3, 2, 100)
    assert live.order_id == 2**48 + 2
    (blank,) = pair.give(parse("replace C of ? 9 @ 7"))
    assert (blank.ord_status, blank.order_id) == (OrdStatus.REJECTED, 0)
    assert (blank.price, blank.qty, blank.leaves_qty) == (7, 9, 0)
    pair.check()
