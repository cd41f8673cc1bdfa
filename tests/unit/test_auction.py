"""Auctions: the price by each rule, who trades, what is published, what may not stay.

The rules are those of section 6.1 of ``spec/matching.md``. Every market is also played
to the reference exchange, which must give the same bytes.
"""

from __future__ import annotations

from typing import Any

import pytest

from engine.codes import EventKind, ExecInst, Liquidity, OrdType, Phase, TimeInForce
from engine.records import AuctionEvent, OrderEvent
from tests.unit.market_samples import (
    SECOND,
    TICK,
    Market,
    buy,
    cancel,
    instrument,
    phase,
    say,
    sell,
)

OPENING = phase(Phase.OPENING_AUCTION)
OPEN = phase(Phase.CONTINUOUS)


def opening(**terms: Any) -> Market:
    """An instrument in its opening auction."""
    market = Market(instrument(**terms))
    market.give(OPENING)
    return market


def uncrossed(market: Market) -> AuctionEvent:
    """What the auction came to."""
    events = [e for e in market.give(OPEN) if isinstance(e, AuctionEvent)]
    market.check()
    (event,) = events
    assert event.uncrossed
    return event


def outcome(*orders: Any, **terms: Any) -> tuple[int, int, int]:
    """Price, volume and surplus, below 0 of sellers, of an auction of these orders."""
    market = opening(**terms)
    market.give(*orders)
    event = uncrossed(market)
    side = -1 if event.imbalance_side == ord("2") else 1
    return event.price, event.volume, side * event.imbalance_qty


# -- the price -------------------------------------------------------------------------


def test_rule_1_the_largest_volume() -> None:
    assert outcome(
        buy("A", 5, 102),
        buy("B", 5, 101),
        sell("C", 3, 100),
        sell("D", 7, 101),
    ) == (101, 10, 0)


def test_rule_2_the_smallest_surplus() -> None:
    """8 trade at 100 to 102; at 102 nothing is left over."""
    assert outcome(
        buy("A", 8, 102),
        buy("B", 2, 100),
        sell("C", 8, 100),
        sell("D", 2, 103),
    ) == (102, 8, 0)


def test_rule_3_buyers_left_over_the_highest() -> None:
    assert outcome(buy("A", 10, 105), sell("B", 4, 100), reference_price=101) == (
        105,
        4,
        6,
    )


def test_rule_3_sellers_left_over_the_lowest() -> None:
    assert outcome(buy("A", 4, 105), sell("B", 10, 100), reference_price=104) == (
        100,
        4,
        -6,
    )


@pytest.mark.parametrize(
    ("reference", "price"),
    [(0, 100), (90, 100), (100, 100), (102, 102), (110, 105), (105, 105)],
)
def test_rule_4_the_nearest_to_the_reference(reference: int, price: int) -> None:
    """Nothing is left over at any price from 100 to 105; without a reference it is the
    lowest. The reference itself is a candidate."""
    assert outcome(buy("A", 4, 105), sell("B", 4, 100), reference_price=reference) == (
        price,
        4,
        0,
    )


def test_rule_4_of_two_equally_near_the_higher() -> None:
    """The reference is off the tick: no candidate, but prices are near to it."""
    market = Market(instrument(tick=1, reference_price=105))
    market.give(instrument(tick=10, reference_price=105), OPENING)
    market.give(buy("A", 4, 110), sell("B", 4, 100))
    event = uncrossed(market)
    assert (event.price, event.volume) == (110, 4)


def test_rule_4_when_the_surplus_changes_sides() -> None:
    """At 100 two are left of the buyers, at 105 two of the sellers: the nearest."""
    orders = (
        buy("A", 4, 105),
        buy("B", 2, 100),
        sell("C", 4, 100),
        sell("D", 2, 105),
    )
    assert outcome(*orders, reference_price=99) == (100, 4, 2)
    assert outcome(*orders, reference_price=106) == (105, 4, -2)
    assert outcome(*orders, reference_price=102) == (102, 4, 0)


def test_the_reference_is_the_last_price_before_the_anchor() -> None:
    market = Market(instrument(reference_price=100))
    market.give(buy("A", 1, 103), sell("B", 1, 103), OPENING)
    market.give(buy("C", 4, 105), sell("D", 4, 100))
    assert uncrossed(market).price == 103


def test_prices_outside_the_static_band_are_none() -> None:
    """10 % around 100; resting orders keep their prices when the band is narrowed."""
    market = opening(reference_price=100)
    market.give(buy("A", 10, 120), sell("B", 4, 80), buy("C", 1, 105))
    market.give(instrument(reference_price=100, static_band=10_000_000))
    event = uncrossed(market)
    assert (event.price, event.volume, event.imbalance_qty) == (105, 4, 7)


def test_no_candidate_inside_the_static_band() -> None:
    market = opening(reference_price=100)
    market.give(buy("A", 10, 120), sell("B", 4, 115))
    market.give(instrument(reference_price=100, static_band=10_000_000))
    assert [say(event) for event in market.give(OPEN)] == [
        "X uncrossed 0 @ 0",
        "X CONTINUOUS",
    ]
    market.check()


@pytest.mark.parametrize("side", [buy, sell])
def test_one_side_only(side: Any) -> None:
    market = opening(reference_price=100)
    assert market.says(side("A", 5, 100), side("B", 5)) == ["A ACCEPTED", "B ACCEPTED"]
    assert market.says(OPEN) == ["B CANCELLED: UNFILLED_REMAINDER", "X CONTINUOUS"]
    market.check()


def test_no_crossing() -> None:
    market = opening(reference_price=100)
    assert market.says(buy("A", 5, 99), sell("B", 5, 101)) == [
        "A ACCEPTED",
        "B ACCEPTED",
    ]
    assert market.says(OPEN) == ["X CONTINUOUS"]
    assert market.depth() == ([(99, 5)], [(101, 5)])
    market.check()


def test_the_largest_quantities() -> None:
    """The sums of both sides stay within 64 bits."""
    most = 10**18
    market = opening()
    market.give(*[buy(f"B{n}", most, 100 + n) for n in range(9)])
    market.give(*[sell(f"S{n}", most, 100 - n) for n in range(9)])
    event = uncrossed(market)
    assert (event.price, event.volume, event.imbalance_qty) == (100, 9 * most, 0)


# -- market orders ---------------------------------------------------------------------


def test_market_orders_trade_before_limits() -> None:
    market = opening(reference_price=100)
    market.give(buy("A", 5, 105), buy("B", 5), sell("C", 6, 100), sell("D", 1))
    assert market.says(OPEN) == [
        "B fills 1 @ 105",
        "D fills 1 @ 105",
        "B fills 4 @ 105",
        "C fills 4 @ 105",
        "A fills 2 @ 105",
        "C fills 2 @ 105",
        "X uncrossed 7 @ 105, buy 3 over",
        "X CONTINUOUS",
    ]
    market.check()


def test_only_market_orders_trade_at_the_reference() -> None:
    assert outcome(buy("A", 5), sell("B", 3), reference_price=100) == (100, 3, 2)


def test_only_market_orders_and_no_reference() -> None:
    market = opening()
    market.give(buy("A", 5), sell("B", 3))
    assert market.says(OPEN) == [
        "A CANCELLED: UNFILLED_REMAINDER",
        "B CANCELLED: UNFILLED_REMAINDER",
        "X CONTINUOUS",
    ]
    market.check()


def test_market_orders_reach_every_limit() -> None:
    """A market bid makes prices above the highest bid of interest, too."""
    assert outcome(
        buy("A", 10), buy("B", 1, 90), sell("C", 4, 100), sell("D", 6, 110)
    ) == (110, 10, 0)
    assert outcome(
        sell("A", 10), sell("B", 1, 120), buy("C", 4, 110), buy("D", 6, 100)
    ) == (100, 10, 0)


# -- who trades ------------------------------------------------------------------------


def test_price_then_displayed_then_time() -> None:
    hidden = ExecInst.HIDDEN
    market = opening()
    market.give(
        buy("A", 2, 100),
        buy("B", 2, 101, exec_inst=hidden),
        buy("C", 2, 101),
        buy("D", 2, 102),
        sell("E", 7, 100),
    )
    assert market.says(OPEN) == [
        *("D fills 2 @ 100", "E fills 2 @ 100"),
        *("C fills 2 @ 100", "E fills 2 @ 100"),
        *("B fills 2 @ 100", "E fills 2 @ 100"),
        *("A fills 1 @ 100", "E fills 1 @ 100"),
        "X uncrossed 7 @ 100, buy 1 over",
        "X CONTINUOUS",
    ]
    market.check()


def test_icebergs_trade_whole_and_keep_their_place() -> None:
    market = opening()
    market.give(sell("A", 10, 100, display_qty=3), sell("B", 5, 100), buy("C", 8, 100))
    fills = [e for e in market.give(OPEN) if e.kind == EventKind.FILLED]
    assert [(e.cl_ord_id, e.last_qty, e.shown_qty) for e in fills] == [
        ("C", 8, 0),
        ("A", 8, 2),
    ]
    assert market.says(buy("D", 3, 100)) == [
        "D ACCEPTED",
        "A fills 2 @ 100",
        "D fills 2 @ 100",
        "B fills 1 @ 100",
        "D fills 1 @ 100",
    ]
    market.check()


def test_fills_say_that_it_was_an_auction() -> None:
    market = opening(auction_fee=1_000_000)
    market.give(buy("A", 4, 100_0000_0000), sell("B", 4, 100_0000_0000))
    fills = [e for e in market.give(OPEN) if isinstance(e, OrderEvent)]
    buyer, seller = fills
    assert buyer.trade_id == seller.trade_id == (1 << 48) | buyer.seq
    assert {e.liquidity for e in fills} == {Liquidity.AUCTION}
    assert (buyer.contra_order_id, seller.contra_order_id) == (
        seller.order_id,
        buyer.order_id,
    )
    assert {e.fee for e in fills} == {4}
    market.check()


def test_self_trades_are_not_prevented() -> None:
    market = opening()
    market.give(
        buy("A", 4, 100, account="ACC", stp=ord("1")),
        sell("B", 4, 100, account="ACC", stp=ord("1")),
    )
    assert market.says(OPEN)[:2] == ["A fills 4 @ 100", "B fills 4 @ 100"]
    market.check()


def test_the_dynamic_band_does_not_count() -> None:
    market = Market(instrument(dynamic_band=1_000_000))
    market.give(buy("A", 1, 100), sell("B", 1, 100), OPENING)
    market.give(buy("C", 1, 200), sell("D", 1, 200))
    assert uncrossed(market).price == 200


def test_all_or_none_orders_take_no_part() -> None:
    """One rests crossed because it could not have all; an auction would fill it in
    part."""
    market = Market()
    market.give(sell("A", 5, 99), buy("B", 10, 100, exec_inst=ExecInst.ALL_OR_NONE))
    assert market.says(phase(Phase.POST_CLOSE)) == ["X POST_CLOSE"]
    market.give(phase(Phase.CONTINUOUS), OPENING)
    assert market.says(buy("C", 5, 99))[0] == "C ACCEPTED"
    assert market.says(OPEN)[:2] == ["C fills 5 @ 99", "A fills 5 @ 99"]
    market.check()


def test_the_anchor_and_the_last_price_are_that_price() -> None:
    market = opening(reference_price=100, static_band=10_000_000)
    market.give(buy("A", 5, 110), sell("B", 5, 110), OPEN)
    assert market.says(buy("C", 1, 121)) == ["C ACCEPTED"]
    assert market.says(buy("D", 1, 122)) == ["D REJECTED: PRICE_OUTSIDE_BAND"]
    figures = market.shard.figures().instruments[0]
    assert (figures.last_price, figures.anchor_price) == (110, 110)
    assert (figures.trades, figures.traded_qty) == (1, 5)
    market.check()


# -- what may not stay -----------------------------------------------------------------


def test_what_may_not_stay_goes_by_priority() -> None:
    market = opening()
    market.give(
        sell("A", 1, 110, time_in_force=TimeInForce.AT_THE_OPENING),
        buy("B", 1),
        sell("C", 1, 111),
        buy("D", 1, 90, time_in_force=TimeInForce.GOOD_FOR_AUCTION),
        buy("E", 1, 91, time_in_force=TimeInForce.GTC),
        sell("F", 1, time_in_force=TimeInForce.AT_THE_OPENING),
        sell("G", 1, 112, time_in_force=TimeInForce.AT_THE_CLOSE),
        cancel("H", "C"),
    )
    assert market.says(OPEN) == [
        *("B fills 1 @ 91", "F fills 1 @ 91"),
        "X uncrossed 1 @ 91, buy 1 over",
        "A EXPIRED: AUCTION_ENDED",
        "D EXPIRED: AUCTION_ENDED",
        "X CONTINUOUS",
    ]
    market.check()
    assert market.shard.open_orders == 2


def test_many_levels_are_emptied_at_once() -> None:
    market = opening()
    market.give(
        *[
            buy(f"B{n}", 1, 100 + n, time_in_force=TimeInForce.AT_THE_OPENING)
            for n in range(40)
        ],
        buy("K", 1, 119),
    )
    assert len(market.says(OPEN)) == 41
    assert market.depth() == ([(119, 1)], [])
    assert market.says(sell("S", 1, 119))[1:] == ["K fills 1 @ 119", "S fills 1 @ 119"]
    market.check()


@pytest.mark.parametrize(
    ("last", "uncrosses"),
    [
        (Phase.CONTINUOUS, True),
        (Phase.POST_ONLY, True),
        (Phase.POST_CLOSE, True),
        (Phase.CLOSED, True),
        (Phase.HALTED, False),
        (Phase.CANCEL_ONLY, False),
        (Phase.PRE_OPEN, False),
        (Phase.CLOSING_AUCTION, False),
    ],
)
def test_which_phases_uncross(last: Phase, uncrosses: bool) -> None:
    market = opening()
    market.give(buy("A", 5, 100), sell("B", 5, 100))
    assert ("A fills 5 @ 100" in market.says(phase(last))) == uncrosses
    market.check()


def test_closing_a_pre_open_phase_trades_nothing() -> None:
    market = Market()
    market.give(phase(Phase.PRE_OPEN), buy("A", 5, 100), sell("B", 5, 100))
    assert market.says(phase(Phase.CLOSED)) == ["X CLOSED"]
    market.check()


# -- indicative prices -----------------------------------------------------------------


def test_the_first_indicative_price_comes_with_its_command() -> None:
    market = opening()
    assert market.says(buy("A", 5, 101), sell("B", 3, 100)) == [
        "A ACCEPTED",
        "B ACCEPTED",
        "X indicates 3 @ 101, buy 2 over",
    ]
    market.check()


def test_the_next_comes_a_second_later() -> None:
    market = opening()
    market.give(buy("A", 5, 101), sell("B", 3, 100))
    assert market.says(sell("C", 2, 100)) == ["C ACCEPTED"]
    published = market.time - 1
    assert market.shard.next_due == published + SECOND
    market.at(published + SECOND - 1)
    assert market.says(TICK) == []
    assert market.says(TICK) == ["X indicates 5 @ 100"]
    assert market.shard.next_due == 0
    market.check()


def test_without_news_nothing_is_published() -> None:
    market = opening()
    market.give(buy("A", 5, 101), sell("B", 3, 100))
    market.at(5 * SECOND)
    assert market.says(TICK) == []
    assert market.shard.next_due == 0
    assert market.says(buy("C", 1, 99)) == ["C ACCEPTED"]
    assert market.says(cancel("D", "A")) == [
        "D CANCELLED: REQUESTED",
        "X indicates 0 @ 0",
    ]
    market.check()


def test_nothing_is_published_in_pre_open() -> None:
    market = Market()
    market.give(phase(Phase.PRE_OPEN))
    assert market.says(buy("A", 5, 101), sell("B", 3, 100)) == [
        "A ACCEPTED",
        "B ACCEPTED",
    ]
    assert market.says(OPENING) == [
        "X OPENING_AUCTION",
        "X indicates 3 @ 101, buy 2 over",
    ]
    market.check()


def test_published_and_gone_is_told_when_it_ends() -> None:
    market = opening()
    market.give(buy("A", 5, 100), sell("B", 5, 100), cancel("C", "A"))
    assert market.says(OPEN) == ["X uncrossed 0 @ 0", "X CONTINUOUS"]
    market.check()


def test_what_was_published_is_forgotten() -> None:
    """The next auction begins anew, at once."""
    market = opening()
    market.give(buy("A", 5, 100), sell("B", 3, 100), OPEN)
    assert market.says(OPENING, sell("C", 2, 100)) == [
        "X OPENING_AUCTION",
        "C ACCEPTED",
        "X indicates 2 @ 100",
    ]
    market.check()


def test_several_instruments_in_order_of_definition() -> None:
    market = Market(instrument("Y"), instrument("X"))
    market.give(phase(Phase.PRE_OPEN, ""))
    for symbol in ("X", "Y"):
        market.give(
            buy(f"A{symbol}", 5, 100, symbol=symbol),
            sell(f"B{symbol}", 5, 100, symbol=symbol),
        )
    assert market.says(phase(Phase.OPENING_AUCTION, "")) == [
        "Y OPENING_AUCTION",
        "X OPENING_AUCTION",
        "Y indicates 5 @ 100",
        "X indicates 5 @ 100",
    ]
    market.check()


def test_new_terms_may_change_the_price() -> None:
    market = opening(reference_price=102)
    assert market.says(buy("A", 5, 105), sell("B", 5, 100))[2:] == [
        "X indicates 5 @ 102"
    ]
    market.at(9 * SECOND)
    assert market.says(instrument(reference_price=104)) == ["InstrumentEvent"]
    assert market.says(TICK) == ["X indicates 5 @ 104"]
    market.check()


def test_stops_and_pegs_stay_out() -> None:
    market = Market()
    market.give(
        buy("A", 5, 100),
        buy("P", 5, ord_type=OrdType.PEGGED, exec_inst=ExecInst.PEG_PRIMARY),
        OPENING,
    )
    assert market.says(
        sell("S", 5, ord_type=OrdType.STOP, stop_price=100), sell("T", 3, 100)
    ) == ["S ACCEPTED", "T ACCEPTED", "X indicates 3 @ 100, buy 2 over"]
    market.check()
