"""Each invariant sees the fault it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.codes import EventKind, ExecInst, Phase
from engine.records import PhaseEvent
from tests.reference import invariants
from tests.reference.script import run

Doctor = Callable[[list[Any]], list[Any]]


def _story() -> list[Any]:
    """Two makers at one price and a worse one, a taker that fills one and a half; a
    stop, and an auction."""
    return run("""
        > sell A 4 @ 100
          A accepted: sell 4 @ 100
        > sell B 4 @ 100
          B accepted: sell 4 @ 100
        > sell C 4 @ 101
          C accepted: sell 4 @ 101
        > buy D 6 @ 100
          D accepted: buy 6 @ 100
          A makes 4 @ 100, leaves 0
          D takes 4 @ 100, leaves 2
          B makes 2 @ 100, leaves 2
          D takes 2 @ 100, leaves 0
        > cancel F of B
          F cancels B: 2 REQUESTED
        > cancel G of B
          G does not cancel B: TOO_LATE
        > buy S 1 stop 100
          S accepted: buy 1 stop 100
          S triggered
          C makes 1 @ 101, leaves 3
          S takes 1 @ 101, leaves 0
        > phase X closing_auction
          X closing_auction
        > buy H 2 @ 101
          H accepted: buy 2 @ 101
          X would trade 2 @ 101, left 1 sell
        > resume X
          H crosses 2 @ 101, leaves 0
          C crosses 2 @ 101, leaves 1
          X uncrosses 2 @ 101, left 1 sell
          X trading
    """).events


def _change(place: int, **values: Any) -> Doctor:
    def doctor(events: list[Any]) -> list[Any]:
        changed = replace(events[place], **values)
        return [*events[:place], changed, *events[place + 1 :]]

    return doctor


def _both(one: Doctor, other: Doctor) -> Doctor:
    return lambda events: other(one(events))


HALT = PhaseEvent(EventKind.PHASE, phase=Phase.HALTED, symbol="X")


# Positions: 0 the definition, 1-3 A, B, C accepted, 4 D accepted, 5-8 the fills, 9 the
# cancel, 10 the refusal, 11 S accepted, 12 triggered, 13-14 its trade, 15 the phase,
# 16 H accepted, 17 indicative, 18-19 crossed, 20 uncrossed, 21 the phase.
@pytest.mark.parametrize(
    ("invariant", "doctor"),
    [
        (invariants.seq_is_dense, _change(3, seq=9)),
        (invariants.seq_is_dense, _change(3, time=1)),
        (invariants.ids_are_unique, _change(2, order_id=2**48 + 2)),
        (invariants.ids_are_unique, _change(7, trade_id=2**48 + 6)),
        (invariants.ids_are_unique, _change(9, order_id=1)),
        (invariants.quantities_add_up, _change(5, leaves_qty=1)),
        (invariants.quantities_add_up, _change(9, last_qty=3)),
        (invariants.quantities_add_up, _change(8, avg_price=101)),
        (invariants.quantities_add_up, _change(6, last_qty=0)),
        (invariants.cum_never_falls, _change(8, cum_qty=3)),
        (invariants.nothing_after_the_end, _change(1, kind=int(EventKind.REPLACED))),
        (invariants.nothing_after_the_end, _change(7, ord_status=ord("2"))),
        (invariants.nothing_after_the_end, _change(9, ord_status=ord("1"))),
        (invariants.refusals_tell_the_truth, _change(10, reason=0)),
        (
            invariants.refusals_tell_the_truth,
            _change(10, ord_status=ord("1"), order_id=2**48 + 3),
        ),
        (invariants.trades_agree, _change(6, last_price=99)),
        (invariants.trades_agree, _change(6, last_qty=3)),
        (invariants.trades_agree, _change(6, trade_id=1)),
        (invariants.trades_agree, _change(6, liquidity=1)),
        (invariants.trades_agree, _change(6, side=ord("2"))),
        (invariants.trades_agree, _change(5, contra_order_id=0)),
        (invariants.trades_agree, _change(18, side=ord("2"))),
        (invariants.trades_agree, lambda events: events[:8]),
        (invariants.prints_at_makers_price, _change(5, last_price=99)),
        (invariants.prints_at_makers_price, _change(6, last_price=101)),
        (invariants.prints_at_makers_price, _change(18, last_price=102)),
        (invariants.priority_is_kept, _change(5, order_id=2**48 + 3)),
        (invariants.priority_is_kept, _change(1, priority=9)),
        (invariants.priority_is_kept, _change(3, price=99)),
        (
            invariants.wholes_trade_whole,
            _change(7, exec_inst=int(ExecInst.ALL_OR_NONE)),
        ),
        (invariants.wholes_trade_whole, _change(6, time_in_force=ord("4"))),
        (invariants.makers_only, _change(6, exec_inst=int(ExecInst.POST_ONLY))),
        (
            invariants.makers_only,
            _both(
                _change(5, stp_id="g"), _change(6, stp=ord("1"), stp_id="g")
            ),
        ),
        (invariants.shown_is_right, _change(1, shown_qty=5)),
        (invariants.shown_is_right, _change(1, exec_inst=int(ExecInst.HIDDEN))),
        (invariants.fees_are_right, _change(5, fee=1)),
        (invariants.phases_hold, lambda events: [*events[:4], HALT, *events[4:]]),
        (invariants.phases_hold, lambda events: events[:21]),
        (invariants.stops_wait_for_their_price, _change(12, stop_price=102)),
        (invariants.stops_wait_for_their_price, _change(14, triggered=0)),
        (
            invariants.auctions_have_one_price,
            _change(19, last_price=100),
        ),
    ],
)  # fmt: skip
def test_invariants_see_faults(
    invariant: Callable[[invariants.Events], None], doctor: Doctor
) -> None:
    events = _story()
    invariant(events)
    with pytest.raises(invariants.Violation):
        invariant(doctor(events))


def test_every_invariant_is_seen_to_fail() -> None:
    marks = test_invariants_see_faults.pytestmark  # type: ignore[attr-defined]
    seen = {case[0] for mark in marks for case in mark.args[1]}
    assert seen == set(invariants.ALL)
