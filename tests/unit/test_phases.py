"""Trading phases: what each lets in, and how an instrument goes from one to the next.

The first part walks every cell of the table in :mod:`engine.phasetable`. Every market
is also played to the reference exchange, which must give the same bytes.
"""

from __future__ import annotations

from itertools import product

import pytest

from engine.codes import (
    ExecInst,
    OrdType,
    Phase,
    PhaseReason,
    Reason,
    TimeInForce,
)
from engine.phasetable import RULES
from engine.records import OrderEvent, PhaseEvent
from tests.unit.market_samples import (
    PEG,
    SECOND,
    TICK,
    Market,
    buy,
    cancel,
    instrument,
    limits,
    mass_cancel,
    phase,
    replace,
    sell,
)

OPEN = phase(Phase.CONTINUOUS)
CALLS = (
    Phase.PRE_OPEN,
    Phase.OPENING_AUCTION,
    Phase.VOLATILITY_AUCTION,
    Phase.CLOSING_AUCTION,
)
OF_PHASES = {Reason.TRADING_HALTED, Reason.MARKET_CLOSED, Reason.NOT_IN_THIS_PHASE}
BITS = [ExecInst(0), *ExecInst]


def reason_of(market: Market, name: str, **fields: int) -> Reason:
    """Why this order is refused because of the phase, or NONE."""
    event = market.give(buy(name, 5, 100, **fields))[0]
    assert isinstance(event, OrderEvent)
    reason = Reason(event.reason)
    return reason if reason in OF_PHASES else Reason.NONE


# -- the table -------------------------------------------------------------------------


def test_every_phase_has_a_row() -> None:
    assert set(RULES) == set(Phase)


@pytest.mark.parametrize("value", Phase)
def test_every_cell_of_the_table(value: Phase) -> None:
    """All types with all times in force, with each bit of exec_inst and a MinQty."""
    rule = RULES[value]
    market = Market(instrument(volatility_ns=SECOND))
    market.give(phase(value))
    cells = product(OrdType, TimeInForce, BITS, (0, 5))
    for number, (kind, tif, bit, min_qty) in enumerate(cells):
        let_in = (
            not rule.refusal
            and kind in rule.ord_types
            and tif in rule.times_in_force
            and not bit & rule.not_with
            and (rule.min_qty or not min_qty)
        )
        expected = rule.refusal or Reason.NOT_IN_THIS_PHASE
        given = reason_of(
            market,
            f"O{number}",
            ord_type=kind,
            time_in_force=tif,
            exec_inst=bit,
            min_qty=min_qty,
            stop_price=200,
            expire_time=10**18,
        )
        cell = (value.name, kind.name, tif.name, bit, min_qty)
        assert given == (Reason.NONE if let_in else expected), cell
    market.check()


@pytest.mark.parametrize("value", Phase)
def test_replaces_in_every_phase(value: Phase) -> None:
    market = Market()
    market.give(buy("A", 5, 100), phase(value))
    refusal = RULES[value].refusal
    assert market.says(replace("B", "A", 4, 100)) == [
        f"B REPLACE_REJECTED: {refusal.name}" if refusal else "B REPLACED"
    ]
    market.check()


@pytest.mark.parametrize("value", Phase)
def test_cancels_in_every_phase(value: Phase) -> None:
    market = Market()
    market.give(buy("A", 5, 100), buy("B", 5, 100), phase(value))
    assert market.says(cancel("C", "A"), mass_cancel(request_id="M")) == [
        "C CANCELLED: REQUESTED",
        "B CANCELLED: MASS_CANCEL",
        "M MASS_CANCELLED: 1",
    ]
    market.check()


@pytest.mark.parametrize("value", Phase)
def test_only_continuous_trading_trades(value: Phase) -> None:
    market = Market()
    market.give(phase(value))
    market.give(buy("A", 5, 100), sell("B", 5, 100))
    assert market.shard.figures().instruments[0].trades == (value is Phase.CONTINUOUS)
    market.check()


def test_post_only_refuses_what_would_trade() -> None:
    market = Market()
    market.give(phase(Phase.POST_ONLY), sell("A", 5, 101))
    assert market.says(buy("B", 5, 101), buy("C", 5, 100)) == [
        "B REJECTED: POST_ONLY_WOULD_TRADE",
        "C ACCEPTED",
    ]
    assert market.says(replace("D", "C", 5, 101)) == [
        "D REPLACE_REJECTED: POST_ONLY_WOULD_TRADE"
    ]
    market.check()


# -- SET_PHASE -------------------------------------------------------------------------


def test_the_same_again_is_nothing() -> None:
    market = Market()
    assert market.says(OPEN) == []
    halt = phase(Phase.HALTED, then=Phase.CONTINUOUS, until=10 * SECOND)
    assert len(market.says(halt)) == 1
    assert market.says(halt) == []
    longer = phase(Phase.HALTED, then=Phase.CONTINUOUS, until=11 * SECOND)
    assert market.says(longer) == [f"X HALTED until {11 * SECOND}"]
    market.check()


def test_an_unknown_symbol_is_nothing() -> None:
    market = Market()
    assert market.says(phase(Phase.HALTED, "Z")) == []
    market.check()


def test_all_instruments_in_order_of_definition() -> None:
    market = Market(instrument("Z"), instrument("A"), instrument("M"))
    market.give(phase(Phase.HALTED, "A"))
    assert market.says(phase(Phase.HALTED, "")) == ["Z HALTED", "M HALTED"]
    market.check()


def test_what_the_event_says() -> None:
    market = Market(instrument(reference_price=90))
    market.give(buy("A", 1, 100), sell("B", 1, 100))
    (event,) = market.give(
        phase(
            Phase.CANCEL_ONLY,
            then=Phase.POST_ONLY,
            until=5 * SECOND,
            reason=PhaseReason.CIRCUIT_BREAKER,
        )
    )
    assert isinstance(event, PhaseEvent)
    assert (event.phase, event.then) == (Phase.CANCEL_ONLY, Phase.POST_ONLY)
    assert (event.reason, event.until) == (PhaseReason.CIRCUIT_BREAKER, 5 * SECOND)
    assert (event.reference_price, event.last_price) == (90, 100)
    market.check()


# -- phases that end by themselves -----------------------------------------------------


def test_a_phase_ends_when_its_time_has_come() -> None:
    market = Market()
    market.give(phase(Phase.HALTED, then=Phase.CONTINUOUS, until=10 * SECOND))
    assert market.shard.next_due == 10 * SECOND
    market.at(10 * SECOND - 1)
    assert market.says(TICK) == []
    (event,) = market.give(TICK)
    assert isinstance(event, PhaseEvent)
    assert (event.phase, event.then, event.until) == (Phase.CONTINUOUS, 0, 0)
    assert event.reason == PhaseReason.TIME
    assert market.shard.next_due == 0
    market.check()


def test_it_ends_before_the_first_command_of_the_batch() -> None:
    market = Market()
    market.give(phase(Phase.HALTED, then=Phase.CONTINUOUS, until=10 * SECOND))
    market.at(11 * SECOND)
    assert market.says(buy("A", 1, 100), buy("B", 1, 100)) == [
        "X CONTINUOUS",
        "A ACCEPTED",
        "B ACCEPTED",
    ]
    assert {event.command_seq for event in market.events[-3:-1]} == {3}
    market.check()


def test_several_end_in_order_of_definition() -> None:
    market = Market(instrument("Z"), instrument("A"), instrument("M"))
    market.give(
        phase(Phase.HALTED, "M", then=Phase.CONTINUOUS, until=8 * SECOND),
        phase(Phase.HALTED, "A", then=Phase.POST_ONLY, until=9 * SECOND),
        phase(Phase.HALTED, "Z", then=Phase.CLOSED, until=20 * SECOND),
    )
    assert market.shard.next_due == 8 * SECOND
    market.at(10 * SECOND)
    assert market.says(TICK) == ["A POST_ONLY", "M CONTINUOUS"]
    assert market.shard.next_due == 20 * SECOND
    market.check()


def test_a_later_command_replaces_the_time() -> None:
    market = Market(instrument("X"), instrument("Y"))
    market.give(
        phase(Phase.HALTED, then=Phase.CONTINUOUS, until=8 * SECOND),
        phase(Phase.HALTED, "Y", then=Phase.CONTINUOUS, until=9 * SECOND),
    )
    market.give(OPEN)
    assert market.shard.next_due == 9 * SECOND
    market.at(10 * SECOND)
    assert market.says(TICK) == ["Y CONTINUOUS"]
    market.check()


def test_a_halt_that_ends_with_an_auction_of_the_instruments_length() -> None:
    market = Market(instrument(volatility_ns=3 * SECOND))
    market.give(phase(Phase.HALTED, then=Phase.VOLATILITY_AUCTION, until=10 * SECOND))
    market.at(10 * SECOND)
    assert market.says(TICK) == [f"X VOLATILITY_AUCTION until {13 * SECOND}"]
    market.at(13 * SECOND)
    assert market.says(TICK) == ["X CONTINUOUS"]
    market.check()


def test_a_halt_of_an_instrument_without_volatility_auctions() -> None:
    market = Market()
    market.give(phase(Phase.HALTED, then=Phase.VOLATILITY_AUCTION, until=10 * SECOND))
    market.at(10 * SECOND)
    assert market.says(TICK) == ["X CONTINUOUS"]
    market.check()


def test_another_phase_may_end_with_an_endless_volatility_auction() -> None:
    market = Market(instrument(volatility_ns=3 * SECOND))
    market.give(
        phase(Phase.CANCEL_ONLY, then=Phase.VOLATILITY_AUCTION, until=10 * SECOND)
    )
    market.at(10 * SECOND)
    assert market.says(TICK) == ["X VOLATILITY_AUCTION"]
    market.check()


# -- the dynamic band ------------------------------------------------------------------


def test_a_band_that_is_hit_begins_a_volatility_auction() -> None:
    market = Market(
        instrument(
            reference_price=100, dynamic_band=10_000_000, volatility_ns=5 * SECOND
        )
    )
    market.give(sell("A", 5, 105), sell("B", 5, 116))
    assert market.says(buy("C", 8, 120)) == [
        "C ACCEPTED",
        "A fills 5 @ 105",
        "C fills 5 @ 105",
        f"X VOLATILITY_AUCTION until {market.time + 5 * SECOND}",
        "X indicates 3 @ 116, sell 2 over",
    ]
    (event,) = [e for e in market.events if isinstance(e, PhaseEvent)]
    assert (event.reason, event.then) == (PhaseReason.BAND, Phase.CONTINUOUS)
    assert market.shard.next_due == event.until
    market.at(event.until)
    assert market.says(TICK) == [
        "C fills 3 @ 116",
        "B fills 3 @ 116",
        "X uncrossed 3 @ 116, sell 2 over",
        "X CONTINUOUS",
    ]
    market.check()


def test_without_volatility_auctions_the_rest_is_cancelled() -> None:
    market = Market(instrument(reference_price=100, dynamic_band=10_000_000))
    market.give(sell("A", 5, 111))
    assert market.says(buy("B", 5, 111)) == ["B ACCEPTED", "B CANCELLED: BAND_HIT"]
    assert market.shard.figures().instruments[0].phase == Phase.CONTINUOUS
    market.check()


def test_an_uncross_whose_stops_hit_the_band() -> None:
    """The auction trades at 100; the stop it triggers would trade at 120."""
    market = Market(
        instrument(
            reference_price=100, dynamic_band=10_000_000, volatility_ns=5 * SECOND
        )
    )
    market.give(phase(Phase.OPENING_AUCTION))
    market.give(
        buy("S", 2, ord_type=OrdType.STOP, stop_price=100),
        buy("A", 5, 100),
        sell("B", 5, 100),
        sell("C", 5, 120),
    )
    until = market.time + 1 + 5 * SECOND
    assert market.says(OPEN) == [
        "A fills 5 @ 100",
        "B fills 5 @ 100",
        "X uncrossed 5 @ 100",
        "X CONTINUOUS",
        "S TRIGGERED",
        "S CANCELLED: BAND_HIT",
        f"X VOLATILITY_AUCTION until {until}",
    ]
    market.check()


# -- pegged and parked orders ----------------------------------------------------------


def test_pegged_orders_are_parked_by_priority() -> None:
    market = Market()
    market.give(
        buy("A", 1, 100),
        sell("B", 1, 110),
        sell("P", 1, **PEG),
        buy("Q", 1, **PEG),
        buy("R", 1, peg_offset=-1, **PEG),
    )
    assert market.says(phase(Phase.HALTED)) == [
        "X HALTED",
        "P RESTATED: PARKED",
        "Q RESTATED: PARKED",
        "R RESTATED: PARKED",
    ]
    assert {e.price for e in market.events[-3:]} == {0}
    assert market.says(OPEN) == [
        "X CONTINUOUS",
        "P RESTATED: REPEGGED",
        "Q RESTATED: REPEGGED",
        "R RESTATED: REPEGGED",
    ]
    assert [e.price for e in market.events[-3:]] == [110, 100, 99]
    market.check()


def test_parked_orders_come_into_the_book_when_their_auction_is_on() -> None:
    close, auction = TimeInForce.AT_THE_CLOSE, TimeInForce.GOOD_FOR_AUCTION
    market = Market()
    market.give(
        buy("A", 1, 100, time_in_force=close),
        buy("B", 1, 101, time_in_force=auction),
        sell("C", 1, 102, time_in_force=auction),
        sell("D", 1, time_in_force=close),
    )
    figures = market.shard.figures().instruments[0]
    assert (figures.orders, figures.parked) == (0, 4)
    assert market.says(phase(Phase.PRE_OPEN)) == ["X PRE_OPEN"]
    assert market.says(phase(Phase.VOLATILITY_AUCTION)) == [
        "X VOLATILITY_AUCTION",
        "B RESTATED: ACTIVATED",
        "C RESTATED: ACTIVATED",
    ]
    assert market.says(phase(Phase.CLOSING_AUCTION)) == [
        "X CLOSING_AUCTION",
        "A RESTATED: ACTIVATED",
        "D RESTATED: ACTIVATED",
        "X indicates 1 @ 101",
    ]
    market.check()


@pytest.mark.parametrize("value", CALLS)
def test_orders_for_an_auction_that_is_not_on_are_parked(value: Phase) -> None:
    market = Market()
    market.give(phase(value))
    market.give(
        buy("A", 1, 100, time_in_force=TimeInForce.AT_THE_CLOSE),
        buy("B", 1, 100, time_in_force=TimeInForce.GOOD_FOR_AUCTION),
    )
    figures = market.shard.figures().instruments[0]
    in_the_book = (value is Phase.CLOSING_AUCTION) + (value is not Phase.PRE_OPEN)
    assert (figures.orders, figures.parked) == (in_the_book, 2 - in_the_book)
    market.check()


def test_a_refused_order_changes_nothing_but_its_identifier() -> None:
    market = Market()
    market.give(limits(1, rate_max=2), phase(Phase.CLOSED))
    before = market.shard.figures().instruments
    assert market.says(buy("A", 1, 100)) == ["A REJECTED: MARKET_CLOSED"]
    assert market.shard.figures().instruments == before
    assert market.says(buy("A", 1, 100)) == ["A REJECTED: DUPLICATE_CL_ORD_ID"]
    assert market.says(buy("B", 1, 100), buy("C", 1, 100)) == [
        "B REJECTED: MARKET_CLOSED",
        "C REJECTED: LIMIT_RATE",
    ]
    market.check()
