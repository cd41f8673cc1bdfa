"""What every price-time book must do: cancels, sweeps, prices, replaces, identifiers.

The notation is that of :mod:`tests.reference.script`; each script is also checked
against the invariants and the reference exchange.
"""

from __future__ import annotations

from random import Random

import pytest

from engine.codes import EventKind, Reason
from engine.records import PRICE_MAX
from tests.reference.script import Pair, parse, parse_all, run

# -- queues ----------------------------------------------------------------------------


def _left_after_cancelling(side: str, gone: str) -> list[str]:
    """Who trades, in order, when a queue of six has lost some."""
    other = {"buy": "sell", "sell": "buy"}[side]
    pair = Pair()
    pair.give(*parse_all(*(f"{side} {name} 1 @ 100" for name in "ABCDEF")))
    for name in gone:
        pair.give(parse(f"cancel x{name} of {name}"))
    events = pair.give(parse(f"{other} T 6 @ 100 ioc"))
    pair.check()
    return [e.cl_ord_id for e in events if e.kind == EventKind.FILLED][::2]


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize(
    ("what", "gone"),
    [
        ("the head", "A"),
        ("the middle", "C"),
        ("the tail", "F"),
        ("several scattered", "BDE"),
        ("several scattered, backwards", "EDB"),
        ("all but the last", "ABCDE"),
    ],
)
def test_cancels_in_a_queue_leave_the_others_in_order(
    side: str, what: str, gone: str
) -> None:
    left = [name for name in "ABCDEF" if name not in gone]
    assert _left_after_cancelling(side, gone) == left


@pytest.mark.parametrize(
    ("side", "other", "prices", "best_first"),
    [
        ("sell", "buy", (102, 100, 101, 100), "BDCA"),
        ("buy", "sell", (98, 100, 99, 100), "BDCA"),
    ],
)
def test_price_first_then_time(
    side: str, other: str, prices: tuple[int, ...], best_first: str
) -> None:
    pair = Pair()
    for name, price in zip("ABCD", prices, strict=True):
        pair.give(parse(f"{side} {name} 1 @ {price}"))
    events = pair.give(parse(f"{other} T 4 market"))
    pair.check()
    fills = [e.cl_ord_id for e in events if e.kind == EventKind.FILLED]
    assert "".join(fills[::2]) == best_first


def test_a_partly_filled_maker_keeps_the_front_between_calls() -> None:
    run("""
        > sell A 5 @ 100
          A accepted: sell 5 @ 100
        > sell B 5 @ 100
          B accepted: sell 5 @ 100
        > buy T 2 @ 100
          T accepted: buy 2 @ 100
          A makes 2 @ 100, leaves 3
          T takes 2 @ 100, leaves 0
        > sell C 1 @ 100
          C accepted: sell 1 @ 100
        > buy U 1 @ 100
          U accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 2
          U takes 1 @ 100, leaves 0
        > buy V 3 market
          V accepted: buy 3 market
          A makes 2 @ 100, leaves 0
          V takes 2 @ 100, leaves 1
          B makes 1 @ 100, leaves 4
          V takes 1 @ 100, leaves 0
    """)


# -- sweeps ----------------------------------------------------------------------------


def test_an_ioc_sweeps_the_best_first_and_its_rest_is_cancelled() -> None:
    pair = run("""
        > sell A 2 @ 101
          A accepted: sell 2 @ 101
        > sell B 2 @ 100
          B accepted: sell 2 @ 100
        > sell C 2 @ 102
          C accepted: sell 2 @ 102
        > buy T 9 @ 101 ioc
          T accepted: buy 9 @ 101
          B makes 2 @ 100, leaves 0
          T takes 2 @ 100, leaves 7
          A makes 2 @ 101, leaves 0
          T takes 2 @ 101, leaves 5
          T cancelled: 5 UNFILLED_REMAINDER
    """)
    assert pair.depth() == ([], [(102, 2)])


def test_a_sweep_that_fits_exactly_leaves_nothing() -> None:
    pair = run("""
        > buy A 2 @ 101
          A accepted: buy 2 @ 101
        > buy B 2 @ 100
          B accepted: buy 2 @ 100
        > sell T 4 @ 100
          T accepted: sell 4 @ 100
          A makes 2 @ 101, leaves 0
          T takes 2 @ 101, leaves 2
          B makes 2 @ 100, leaves 0
          T takes 2 @ 100, leaves 0
    """)
    assert pair.depth() == ([], [])


def test_the_rest_of_a_limit_order_is_the_new_best_and_can_be_hit() -> None:
    pair = run("""
        > sell A 2 @ 100
          A accepted: sell 2 @ 100
        > sell B 2 @ 103
          B accepted: sell 2 @ 103
        > buy T 5 @ 102
          T accepted: buy 5 @ 102
          A makes 2 @ 100, leaves 0
          T takes 2 @ 100, leaves 3
        > sell U 1 market
          U accepted: sell 1 market
          T makes 1 @ 102, leaves 2
          U takes 1 @ 102, leaves 0
    """)
    assert pair.depth() == ([(102, 2)], [(103, 2)])


@pytest.mark.parametrize(
    ("maker", "taker", "rest"),
    [("sell A 2 @ 101", "buy T 2 @ 100", 0), ("buy A 2 @ 99", "sell T 2 @ 100", 1)],
)
def test_a_limit_order_stops_at_its_own_price(
    maker: str, taker: str, rest: int
) -> None:
    """Also a sell, which must not go on below its price."""
    pair = Pair()
    pair.give(parse(maker))
    events = pair.give(parse(taker))
    pair.check()
    assert [event.kind for event in events] == [EventKind.ACCEPTED]
    assert pair.depth()[rest] == [(100, 2)]


# -- prices ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maker", "taker", "price"),
    [
        ("sell A 2 @ 95", "buy T 2 @ 100", 95),
        ("buy A 2 @ 105", "sell T 2 @ 100", 105),
        ("sell A 2 @ 95", "buy T 2 market", 95),
        ("buy A 2 @ 105", "sell T 2 market", 105),
        ("sell A 2 @ 95", "buy T 2 @ 100 fok", 95),
        ("buy A 2 @ 105", "sell T 2 to-limit", 105),
    ],
)
def test_a_trade_prints_at_the_resting_orders_price_on_both_sides(
    maker: str, taker: str, price: int
) -> None:
    pair = Pair()
    pair.give(parse(maker))
    events = pair.give(parse(taker))
    pair.check()
    fills = [event for event in events if event.kind == EventKind.FILLED]
    assert [event.last_price for event in fills] == [price, price]
    assert [event.avg_price for event in fills] == [price, price]


@pytest.mark.parametrize(
    ("maker", "passive", "change", "price"),
    [
        ("sell A 2 @ 100", "buy B 2 @ 90", "replace C of B 2 @ 105", 100),
        ("buy A 2 @ 100", "sell B 2 @ 110", "replace C of B 2 @ 95", 100),
    ],
)
def test_a_crossing_replace_trades_at_the_makers_price(
    maker: str, passive: str, change: str, price: int
) -> None:
    """It matches; it never rests crossed."""
    pair = Pair()
    pair.give(*parse_all(maker, passive))
    events = pair.give(parse(change))
    pair.check()
    kinds = [EventKind.REPLACED, EventKind.FILLED, EventKind.FILLED]
    assert [event.kind for event in events] == kinds
    assert events[1].last_price == events[2].last_price == price
    assert pair.depth() == ([], [])


def test_prices_at_the_ceiling() -> None:
    run(f"""
        > sell A 2 @ {PRICE_MAX}
          A accepted: sell 2 @ {PRICE_MAX}
        > buy B 1 @ {PRICE_MAX - 1}
          B accepted: buy 1 @ {PRICE_MAX - 1}
        > buy C 1 @ {PRICE_MAX}
          C accepted: buy 1 @ {PRICE_MAX}
          A makes 1 @ {PRICE_MAX}, leaves 1
          C takes 1 @ {PRICE_MAX}, leaves 0
        > buy D 1 @ {PRICE_MAX + 1}
          D rejected: PRICE_ABOVE_MAX
        > buy E 1 @ 1
          E accepted: buy 1 @ 1
    """)


def test_5000_fills_at_one_price() -> None:
    pair = Pair()
    pair.give(*parse_all(*(f"sell A{n} 1 @ 100" for n in range(5_000))))
    events = pair.give(parse("buy T 5000 @ 100"))
    assert [e.cl_ord_id for e in events[1::2]] == [f"A{n}" for n in range(5_000)]
    assert pair.depth() == ([], [])
    pair.check()


# -- levels ----------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_best_level_emptied_by_a_cancel_vanishes_at_once(side: str) -> None:
    """From price, depth, and what can be traded with: no phantom is left."""
    best, worse = (100, 99) if side == "buy" else (100, 101)
    other = {"buy": "sell", "sell": "buy"}[side]
    pair = Pair()
    pair.give(*parse_all(f"{side} A 3 @ {best}", f"{side} B 4 @ {worse}"))
    pair.give(parse("cancel C of A"))
    assert pair.depth()[side == "sell"] == [(worse, 4)]
    events = pair.give(parse(f"{other} T 1 market"))
    assert events[1].last_price == worse
    pair.check()


def test_depth_counts_what_is_open_and_not_what_was_filled() -> None:
    pair = Pair()
    pair.give(*parse_all("sell A 9 @ 100", "sell B 5 @ 100", "buy T 6 @ 100"))
    assert pair.depth() == ([], [(100, 8)])
    pair.give(parse("replace C of A 8 @ 100"))
    assert pair.depth() == ([], [(100, 7)])
    pair.give(parse("cancel D of C"))
    assert pair.depth() == ([], [(100, 5)])
    pair.check()


def test_best_and_depth_after_every_message() -> None:
    """Some defects heal before the next trade: so after each, against counting."""
    random, pair = Random(7), Pair()
    names: list[str] = []
    for number in range(400):
        what = random.random()
        price, qty = random.randrange(95, 106), random.randrange(1, 6)
        if what < 0.6 or not names:
            side = random.choice(["buy", "sell"])
            line = f"{side} N{number} {qty} @ {price}"
            names.append(f"N{number}")
        elif what < 0.8:
            line = f"cancel N{number} of {names.pop(random.randrange(len(names)))}"
        else:
            line = f"replace N{number} of {random.choice(names)} {qty} @ {price}"
        pair.give(parse(line))
        book = pair.reference.venue.books["X"]
        naive = [
            sorted({order.price for order in side}, reverse=side is book.bids)
            for side in (book.bids, book.asks)
        ]
        wanted = tuple(
            [
                (price, sum(order.leaves for order in side if order.price == price))
                for price in prices
            ]
            for prices, side in zip(naive, (book.bids, book.asks), strict=True)
        )
        assert pair.depth() == wanted
    pair.check()


# -- replaces and identifiers ----------------------------------------------------------


def test_a_replace_of_one_of_two_orders_leaves_the_other() -> None:
    run("""
        > sell A 3 @ 100
          A accepted: sell 3 @ 100
        > sell B 3 @ 100
          B accepted: sell 3 @ 100
        > replace C of A 3 @ 101
          C replaces A: sell 3 @ 101, leaves 3
        > buy T 6 @ 101
          T accepted: buy 6 @ 101
          B makes 3 @ 100, leaves 0
          T takes 3 @ 100, leaves 3
          C makes 3 @ 101, leaves 0
          T takes 3 @ 101, leaves 0
    """)


def test_a_partly_filled_order_can_be_replaced_and_cancelled_and_the_sums_hold() -> (
    None
):
    """It does not rest short: what was filled is carried over once."""
    run("""
        > sell A 9 @ 100
          A accepted: sell 9 @ 100
        > buy T 4 @ 100
          T accepted: buy 4 @ 100
          A makes 4 @ 100, leaves 5
          T takes 4 @ 100, leaves 0
        > replace B of A 12 @ 101
          B replaces A: sell 12 @ 101, leaves 8
        > buy U 3 @ 101
          U accepted: buy 3 @ 101
          B makes 3 @ 101, leaves 5
          U takes 3 @ 101, leaves 0
        > cancel C of B
          C cancels B: 5 REQUESTED
    """)


@pytest.mark.parametrize("verb", ["cancel", "replace"])
@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ((), "UNKNOWN_ORDER"),
        (("sell A 1 @ 100", "cancel B of A"), "TOO_LATE"),
        (("sell A 1 @ 100", "buy B 1 @ 100"), "TOO_LATE"),
        (("sell A 1 @ 100 ioc",), "TOO_LATE"),
        (("sell A 0 @ 100",), "UNKNOWN_ORDER"),
    ],
)
def test_what_is_not_open_can_be_neither_cancelled_nor_replaced(
    verb: str, before: tuple[str, ...], reason: str
) -> None:
    """Never there, cancelled, filled, never rested, refused; also on an empty book."""
    pair = Pair()
    for line in before:
        pair.give(parse(line))
    state = pair.depth()
    (event,) = pair.give(parse(f"{verb} Z of A" + " 1 @ 99" * (verb == "replace")))
    assert event.kind in (EventKind.CANCEL_REJECTED, EventKind.REPLACE_REJECTED)
    assert Reason(event.reason).name == reason
    pair.check()
    assert pair.depth() == state


def test_identifiers_are_free_again_where_that_is_agreed_and_order_ids_never() -> None:
    pair = run("""
        > sell A 1 @ 100 reuse
          A accepted: sell 1 @ 100
        > buy B 1 @ 100 reuse
          B accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
        > sell A 1 @ 100 reuse
          A accepted: sell 1 @ 100
        > cancel C of A
          C cancels A: 1 REQUESTED
        > sell A 1 @ 100 reuse
          A accepted: sell 1 @ 100
        > sell A 1 @ 100 reuse
          A rejected: DUPLICATE_CL_ORD_ID
        > sell D 1 @ 101
          D accepted: sell 1 @ 101
        > cancel E of D
          E cancels D: 1 REQUESTED
        > sell D 1 @ 101
          D rejected: DUPLICATE_CL_ORD_ID
    """)
    accepted = [e.order_id for e in pair.events if e.kind == EventKind.ACCEPTED]
    assert len(set(accepted)) == len(accepted)
