"""Trades the operator cancels or corrects; fees; the bands: exact numbers.

Sections 7 and 12 of ``spec/matching.md``. Every market is also played to the reference
exchange, which must give the same bytes.
"""

from __future__ import annotations

from typing import Any

import pytest

from engine.codes import CommandKind, EventKind, OrdStatus, OrdType
from engine.records import UNIT, OrderEvent
from tests.unit.market_samples import (
    Market,
    buy,
    cancel,
    day,
    instrument,
    replace,
    sell,
    trade_change,
)

CANCEL, CORRECT = CommandKind.TRADE_CANCEL, CommandKind.TRADE_CORRECT
ACC = b"ACC".ljust(24, b"\0")
X = b"X".ljust(24, b"\0")


def traded(bought: int, sold: int, price: int = 100) -> tuple[Market, OrderEvent]:
    """A market after one trade of at most 4, and the fill of the buyer."""
    market = Market()
    market.give(buy("A", bought, price, account="ACC"))
    events = market.give(sell("B", sold, price, session=2))
    (fill,) = [e for e in events if e.cl_ord_id == "A"]
    assert isinstance(fill, OrderEvent)
    return market, fill


# -- an order that is still open -------------------------------------------------------


def test_a_cancelled_trade_of_an_open_order() -> None:
    market, fill = traded(10, 4)
    (event,) = market.give(trade_change(CANCEL, fill))
    assert isinstance(event, OrderEvent)
    assert event.kind == EventKind.TRADE_CANCELLED
    assert (event.trade_id, event.contra_order_id) == (
        fill.trade_id,
        (1 << 48) | fill.seq,
    )
    assert (event.last_price, event.last_qty) == (100, 4)
    assert (event.qty, event.leaves_qty, event.cum_qty) == (10, 6, 0)
    assert (event.avg_price, event.ord_status) == (0, OrdStatus.NEW)
    assert (event.session, event.cl_ord_id, event.account) == (1, "A", "ACC")
    assert market.shard.dump()[6] == [(ACC, X, 0)]
    market.check_agreed()


def test_a_corrected_trade_of_an_open_order() -> None:
    market, fill = traded(10, 4)
    (event,) = market.give(trade_change(CORRECT, fill, new_price=90))
    assert isinstance(event, OrderEvent)
    assert event.kind == EventKind.TRADE_CORRECTED
    assert (event.last_price, event.last_qty) == (90, 4)
    assert (event.cum_qty, event.avg_price, event.leaves_qty) == (4, 90, 6)
    assert event.ord_status == OrdStatus.PARTIALLY_FILLED
    assert market.shard.dump()[6] == [(ACC, X, 4)]
    assert market.says(sell("C", 6, 100, session=2))[1:] == [
        "A fills 6 @ 100",
        "C fills 6 @ 100",
    ]
    assert market.events[-2].avg_price == 96
    market.check_agreed()


def test_its_place_does_not_change() -> None:
    market, fill = traded(10, 4)
    market.give(buy("C", 1, 100), trade_change(CANCEL, fill))
    assert market.says(sell("D", 1, 100, session=2))[1] == "A fills 1 @ 100"
    market.check_agreed()


def test_the_order_can_be_replaced_afterwards() -> None:
    market, fill = traded(10, 4)
    market.give(trade_change(CANCEL, fill))
    (event,) = market.give(replace("C", "A", 8, 100))
    assert (event.qty, event.leaves_qty, event.cum_qty) == (8, 8, 0)
    market.check_agreed()


def test_figures_and_last_price_stay() -> None:
    market, fill = traded(10, 4)
    before = market.shard.figures().instruments
    market.give(trade_change(CANCEL, fill))
    assert market.shard.figures().instruments == before
    market.check_agreed()


def test_more_than_was_traded_is_nothing() -> None:
    market, fill = traded(10, 4)
    state = market.shard.dump()[1:]
    assert (
        market.says(
            trade_change(CANCEL, fill, last_qty=5),
            trade_change(CANCEL, fill, last_price=101),
            trade_change(CORRECT, fill, last_price=201, new_price=100),
        )
        == []
    )
    assert market.shard.dump()[1:] == state
    assert market.says(trade_change(CANCEL, fill)) == ["A TRADE_CANCELLED"]
    market.check_agreed()


def test_the_largest_values() -> None:
    most = 10**18
    market, fill = traded(most, most // 2, most)
    (event,) = market.give(trade_change(CORRECT, fill, new_price=1))
    assert (event.cum_qty, event.avg_price) == (most // 2, 1)
    market.check_agreed()


# -- an order that has ended -----------------------------------------------------------


def test_an_order_that_has_ended_is_as_the_command_says() -> None:
    market, fill = traded(4, 4)
    (event,) = market.give(
        trade_change(
            CANCEL, fill, cum_qty=0, avg_price=0, ord_status=OrdStatus.CANCELED
        )
    )
    assert isinstance(event, OrderEvent)
    assert (event.ord_status, event.qty, event.leaves_qty) == (OrdStatus.CANCELED, 4, 0)
    assert (event.cum_qty, event.avg_price, event.price) == (0, 0, 100)
    assert (event.last_qty, event.order_id) == (4, fill.order_id)
    assert (event.cl_ord_id, event.symbol, event.account) == ("A", "X", "ACC")
    assert market.shard.dump()[6] == [(ACC, X, 0)]
    market.check_agreed()


def test_a_sold_position_comes_back() -> None:
    market = Market()
    market.give(buy("A", 4, 100))
    events = market.give(sell("B", 4, 100, session=2, account="ACC"))
    assert market.shard.dump()[6] == [(ACC, X, -4)]
    market.give(trade_change(CANCEL, events[-1]))
    assert market.shard.dump()[6] == [(ACC, X, 0)]
    market.check_agreed()


def test_a_symbol_that_is_not_there_has_no_position() -> None:
    market, fill = traded(4, 4)
    assert market.says(trade_change(CANCEL, fill, symbol="Z", exec_id=99)) == [
        "A TRADE_CANCELLED"
    ]
    assert market.shard.dump()[6] == [(ACC, X, 4)]
    market.check_agreed()


# -- once a day ------------------------------------------------------------------------


def test_the_same_kind_twice_is_nothing() -> None:
    market, fill = traded(10, 4)
    assert market.says(*[trade_change(CORRECT, fill, new_price=90)] * 2) == [
        "A TRADE_CORRECTED"
    ]
    assert market.says(*[trade_change(CANCEL, fill, last_price=90)] * 2) == [
        "A TRADE_CANCELLED"
    ]
    assert len(market.shard.dump()[8]) == 2
    market.check_agreed()


def test_what_was_changed_is_forgotten_with_the_day() -> None:
    market, fill = traded(4, 4)
    change = trade_change(CORRECT, fill, new_price=90)
    assert market.says(change, day(2), change) == [
        "A TRADE_CORRECTED",
        "ClockEvent",
        "A TRADE_CORRECTED",
    ]
    market.check_agreed()


def test_an_order_ends_between_two_changes() -> None:
    market, fill = traded(10, 4)
    market.give(trade_change(CORRECT, fill, new_price=90), cancel("C", "A"))
    (event,) = market.give(trade_change(CANCEL, fill, last_price=90))
    assert (event.leaves_qty, event.qty) == (0, 10)
    market.check_agreed()


# -- fees ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "qty", "price", "fee"),
    [
        (100_000, 10 * UNIT, 100 * UNIT, UNIT),
        (-100_000, 10 * UNIT, 100 * UNIT, -UNIT),
        (50_000_000, 1, UNIT, 1),
        (49_999_999, 1, UNIT, 0),
        (-50_000_000, 1, UNIT, 0),
        (-50_000_001, 1, UNIT, -1),
        (100_000_000, 1, UNIT - 1, 0),
        (0, UNIT, UNIT, 0),
        (100_000_000, 10**18, 10**18, 2**63 - 1),
        (-100_000_000, 10**18, 10**18, -(2**63)),
    ],
)
def test_fees(rate: int, qty: int, price: int, fee: int) -> None:
    """The value is rounded down, the fee half up; both within 64 bits."""
    market = Market(instrument(maker_fee=rate, taker_fee=-rate))
    market.give(buy("A", qty, price))
    maker, taker = market.give(sell("B", qty, price))[1:]
    assert maker.fee == fee
    market.check()
    other = Market(instrument(maker_fee=-rate, taker_fee=rate))
    other.give(buy("A", qty, price))
    taker = other.give(sell("B", qty, price))[2]
    assert taker.fee == fee
    other.check()


# -- bands -----------------------------------------------------------------------------


@pytest.mark.parametrize("price", [90, 110])
def test_the_edges_of_the_static_band(price: int) -> None:
    market = Market(instrument(reference_price=100, static_band=10_000_000))
    beyond = price - 1 if price < 100 else price + 1
    assert market.says(buy("A", 1, price), buy("B", 1, beyond)) == [
        "A ACCEPTED",
        "B REJECTED: PRICE_OUTSIDE_BAND",
    ]
    market.check()


def test_the_distance_is_rounded_down() -> None:
    market = Market(instrument(reference_price=99, static_band=10_000_000))
    assert market.says(buy("A", 1, 108), buy("B", 1, 109)) == [
        "A ACCEPTED",
        "B REJECTED: PRICE_OUTSIDE_BAND",
    ]
    market.check()


def test_without_an_anchor_any_price_is_inside() -> None:
    market = Market(instrument(static_band=1, dynamic_band=1))
    assert market.says(buy("A", 1, 10**18), sell("B", 1, 1))[2:] == [
        f"A fills 1 @ {10**18}",
        f"B fills 1 @ {10**18}",
    ]
    market.check()


def test_the_widest_band_and_the_highest_prices() -> None:
    """Distances take more than 64 bits."""
    most = 10**18
    market = Market(instrument(reference_price=most, static_band=2**62))
    assert market.says(buy("A", 1, 1), buy("B", 1, most)) == [
        "A ACCEPTED",
        "B ACCEPTED",
    ]
    market.check()


def test_another_reference_price_moves_the_anchor() -> None:
    terms: dict[str, Any] = {"static_band": 10_000_000}
    market = Market(instrument(reference_price=100, **terms))
    market.give(instrument(reference_price=200, **terms))
    assert market.says(buy("A", 1, 110), buy("B", 1, 180)) == [
        "A REJECTED: PRICE_OUTSIDE_BAND",
        "B ACCEPTED",
    ]
    market.check()


def test_market_orders_obey_the_dynamic_band() -> None:
    market = Market(instrument(reference_price=100, dynamic_band=10_000_000))
    market.give(sell("A", 1, 110), sell("B", 1, 122), sell("C", 1, 121))
    assert market.says(buy("D", 3)) == [
        "D ACCEPTED",
        "A fills 1 @ 110",
        "D fills 1 @ 110",
        "C fills 1 @ 121",
        "D fills 1 @ 121",
        "B fills 1 @ 122",
        "D fills 1 @ 122",
    ]
    market.check()


def test_the_dynamic_band_is_around_the_last_trade() -> None:
    market = Market(instrument(reference_price=100, dynamic_band=10_000_000))
    market.give(sell("A", 1, 110), sell("B", 1, 122))
    assert market.says(buy("C", 2, ord_type=OrdType.MARKET)) == [
        "C ACCEPTED",
        "A fills 1 @ 110",
        "C fills 1 @ 110",
        "C CANCELLED: BAND_HIT",
    ]
    market.check()
