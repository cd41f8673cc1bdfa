"""Sums, ceilings and the terms of an instrument: these commands, exactly these events.

The notation is that of :mod:`tests.reference.script`. Every script is also checked
against the invariants and the reference exchange.
"""

from __future__ import annotations

import pytest

from engine.codes import CommandKind, EventKind, Reason
from engine.records import (
    EVENT_BYTES,
    PRICE_MAX,
    QTY_MAX,
    UNIT,
    InstrumentCommand,
    OrderEvent,
    unpack_all,
)
from engine.shard import Shard
from tests.reference.script import HASH_KEY, Pair, X, parse, parse_all, run

# -- average price ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fills", "average"),
    [
        ([(1, 100), (1, 101)], 101),  # 100.5: half up
        ([(2, 100), (1, 101)], 100),  # 100.33
        ([(1, 100), (2, 101)], 101),  # 100.67
        ([(3, 100), (1, 102)], 101),  # 100.5
        ([(1, 1), (QTY_MAX - 1, 2)], 2),
        ([(QTY_MAX // 2, PRICE_MAX), (QTY_MAX // 2, PRICE_MAX - 1)], PRICE_MAX),
        ([(QTY_MAX // 2, 1), (QTY_MAX // 2, PRICE_MAX)], PRICE_MAX // 2 + 1),
        ([(QTY_MAX, PRICE_MAX)], PRICE_MAX),
    ],
)
def test_average_price_rounds_half_up(
    fills: list[tuple[int, int]], average: int
) -> None:
    pair = Pair()
    for place, (qty, price) in enumerate(fills):
        pair.give(parse(f"sell m{place} {qty} @ {price}"))
    total = sum(qty for qty, _ in fills)
    events = pair.give(parse(f"buy T {total} @ {PRICE_MAX}"))
    assert events[-1].avg_price == average
    assert (events[-1].cum_qty, events[-1].leaves_qty) == (total, 0)
    pair.check()


def test_average_of_the_maker_counts_all_its_fills() -> None:
    pair = Pair()
    pair.give(*parse_all("buy A 4 @ 100", "sell T 1 @ 100", "replace B of A 4 @ 101"))
    events = pair.give(parse("sell U 1 @ 101"))
    assert (events[1].cum_qty, events[1].avg_price) == (2, 101)
    pair.check()


# -- ceilings --------------------------------------------------------------------------


def test_prices_near_the_ceiling() -> None:
    pair = run(f"""
        > buy A 1 @ {PRICE_MAX}
          A accepted: buy 1 @ {PRICE_MAX}
        > buy B 1 @ {PRICE_MAX - 1}
          B accepted: buy 1 @ {PRICE_MAX - 1}
        > buy C 1 @ {PRICE_MAX + 1}
          C rejected: PRICE_ABOVE_MAX
        > sell T 1 @ {PRICE_MAX}
          T accepted: sell 1 @ {PRICE_MAX}
          A makes 1 @ {PRICE_MAX}, leaves 0
          T takes 1 @ {PRICE_MAX}, leaves 0
        > sell U 1 @ {PRICE_MAX}
          U accepted: sell 1 @ {PRICE_MAX}
    """)
    assert pair.depth() == ([(PRICE_MAX - 1, 1)], [(PRICE_MAX, 1)])


def test_side_never_holds_more_than_64_bits() -> None:
    pair = Pair()
    for number in range(9):
        pair.give(parse(f"buy b{number} {QTY_MAX} @ 1"))
    (refused,) = pair.give(parse(f"buy X {QTY_MAX} @ 1"))
    (last,) = pair.give(parse(f"buy Y {QTY_MAX // 5} @ 1"))
    (over,) = pair.give(parse("buy Z 1 @ 1"))
    kinds = [event.kind for event in (refused, last, over)]
    assert kinds == [EventKind.REJECTED, EventKind.ACCEPTED, EventKind.REJECTED]
    assert pair.depth() == ([(1, 9_200_000_000_000_000_000)], [])
    (replaced,) = pair.give(parse(f"replace W of Y {QTY_MAX // 5 + 1} @ 1"))
    assert replaced.kind == EventKind.REPLACE_REJECTED
    assert {refused.reason, over.reason, replaced.reason} == {Reason.OPEN_QTY_ABOVE_MAX}
    pair.check()


def test_replace_cannot_push_order_qty_over_the_limit() -> None:
    run(f"""
        > buy A {QTY_MAX} @ 1
          A accepted: buy {QTY_MAX} @ 1
        > sell T 5 @ 1
          T accepted: sell 5 @ 1
          A makes 5 @ 1, leaves {QTY_MAX - 5}
          T takes 5 @ 1, leaves 0
        > replace B of A {QTY_MAX - 4} @ 1 leaves
          B does not replace A: OPEN_QTY_ABOVE_MAX
        > replace C of A {QTY_MAX - 5} @ 1 leaves
          C replaces A: buy {QTY_MAX} @ 1, leaves {QTY_MAX - 5}
    """)


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        ("price_max", f"buy A 1 @ {PRICE_MAX + 1}"),
        ("qty_max", f"buy A {QTY_MAX + 1} @ 1"),
    ],
)
def test_no_definition_lifts_the_limits_of_the_engine(limit: str, line: str) -> None:
    """PRICE_MAX and QTY_MAX hold for every product: 128-bit sums count on it."""
    shard = Shard(1, HASH_KEY)
    wide = parse(f"define X {limit} {2**63 - 1}")
    try:
        shard.apply(wide.pack(), 1)
    except ValueError:
        return  # as good: such terms never come into force
    (event,) = unpack_all(shard.apply(parse(line).pack(), 2), EVENT_BYTES)[:1]
    assert event.kind == EventKind.REJECTED


def test_terms_of_an_instrument() -> None:
    strict = InstrumentCommand(
        CommandKind.DEFINE_INSTRUMENT,
        tick=5,
        lot=10,
        price_min=50,
        price_max=100,
        qty_max=100,
        symbol="X",
    )
    run(
        """
        > buy a 0 @ 50
          a rejected: QTY_NOT_POSITIVE
        > buy b -10 @ 50
          b rejected: QTY_NOT_POSITIVE
        > buy c 15 @ 50
          c rejected: QTY_OFF_LOT
        > buy d 110 @ 50
          d rejected: QTY_ABOVE_MAX
        > buy e 10 @ 0
          e rejected: PRICE_NOT_POSITIVE
        > buy f 10 @ -5
          f rejected: PRICE_NOT_POSITIVE
        > buy g 10 @ 51
          g rejected: PRICE_OFF_TICK
        > buy h 10 @ 45
          h rejected: PRICE_BELOW_MIN
        > buy i 10 @ 105
          i rejected: PRICE_ABOVE_MAX
        > buy j 100 @ 100
          j accepted: buy 100 @ 100
        > buy k 10 @ 50
          k accepted: buy 10 @ 50
        > replace l of k 15 @ 50
          l does not replace k: QTY_OFF_LOT
        > replace m of k 10 @ 52
          m does not replace k: PRICE_OFF_TICK
        > buy n 10 @ 50 on Y
          n rejected: UNKNOWN_SYMBOL
        > buy o 10 @ 50 side=51
          o rejected: UNSUPPORTED_SIDE
        > buy p 10 @ 50 ord_type=53
          p rejected: UNSUPPORTED_ORD_TYPE
        > buy q 10 @ 50 time_in_force=53
          q rejected: UNSUPPORTED_TIME_IN_FORCE
        """,
        strict,
    )


def test_notional_limit_is_exact() -> None:
    capped = InstrumentCommand(
        CommandKind.DEFINE_INSTRUMENT, symbol="X", notional_max=1_000 * UNIT
    )
    run(
        f"""
        > buy A {10 * UNIT} @ {100 * UNIT}
          A accepted: buy {10 * UNIT} @ {100 * UNIT}
        > buy B {10 * UNIT + 1} @ {100 * UNIT}
          B rejected: NOTIONAL_ABOVE_MAX
        > replace C of A {10 * UNIT} @ {100 * UNIT + 1}
          C does not replace A: NOTIONAL_ABOVE_MAX
        > buy D {QTY_MAX} @ {PRICE_MAX}
          D rejected: NOTIONAL_ABOVE_MAX
        """,
        capped,
    )


def test_new_terms_leave_resting_orders_alone() -> None:
    run("""
        > buy A 3 @ 101
          A accepted: buy 3 @ 101
        > define X tick 10 lot 10
          X defined
        > replace B of A 3 @ 101
          B does not replace A: QTY_OFF_LOT
        > sell T 10 @ 100
          T accepted: sell 10 @ 100
          A makes 3 @ 101, leaves 0
          T takes 3 @ 101, leaves 7
    """)


def test_definition_is_echoed() -> None:
    shard = Shard(1, HASH_KEY)
    (event,) = unpack_all(shard.apply(X.pack(), 5), EVENT_BYTES)
    assert (event.seq, event.command_seq, event.time) == (1, 1, 5)
    assert (event.symbol, event.tick, event.qty_max) == ("X", 1, QTY_MAX)
    assert type(event) is not OrderEvent
