"""Pegged orders follow the displayed book: section 5.3 of ``spec/matching.md``."""

from __future__ import annotations

from typing import Any

from engine.codes import EventKind, Reason
from engine.records import InstrumentCommand
from tests.reference.script import Pair, X, parse, parse_all, run

TICK_2 = InstrumentCommand(X.kind, symbol="X", tick=2)


def prices(events: list[Any]) -> list[tuple[str, str, int]]:
    """(ClOrdID, reason, price) of every RESTATED."""
    return [
        (event.cl_ord_id, Reason(event.reason).name, event.price)
        for event in events
        if event.kind == EventKind.RESTATED
    ]


def test_a_primary_peg_follows_its_own_side_at_its_offset() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > buy P 5 primary -2
          P accepted: buy 5 @ 0
          P restated: buy 5 @ 98 REPEGGED
        > buy B 1 @ 101
          B accepted: buy 1 @ 101
          P restated: buy 5 @ 99 REPEGGED
        > cancel C of B
          C cancels B: 1 REQUESTED
          P restated: buy 5 @ 98 REPEGGED
        > cancel D of A
          D cancels A: 1 REQUESTED
          P restated: buy 5 @ 0 PARKED
    """)


def test_pegs_do_not_follow_hidden_orders_nor_each_other() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > buy B 1 @ 105 hidden
          B accepted: buy 1 @ 105
        > buy P 1 primary 0
          P accepted: buy 1 @ 0
          P restated: buy 1 @ 100 REPEGGED
        > buy Q 1 primary 0
          Q accepted: buy 1 @ 0
          Q restated: buy 1 @ 100 REPEGGED
        > cancel C of A
          C cancels A: 1 REQUESTED
          P restated: buy 1 @ 0 PARKED
          Q restated: buy 1 @ 0 PARKED
    """)


def test_a_midpoint_peg_is_rounded_away_from_trading() -> None:
    pair = Pair(TICK_2)
    pair.give(*parse_all("buy A 1 @ 100", "sell B 1 @ 106"))
    assert prices(pair.give(parse("buy P 1 midpoint"))) == [("P", "REPEGGED", 102)]
    assert prices(pair.give(parse("sell Q 1 midpoint"))) == [("Q", "REPEGGED", 104)]
    assert pair.events[-1].shown_qty == 0, "it is not displayed"
    pair.check()


def test_two_midpoint_pegs_meet() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > sell B 1 @ 106
          B accepted: sell 1 @ 106
        > buy P 3 midpoint
          P accepted: buy 3 @ 0
          P restated: buy 3 @ 103 REPEGGED
        > sell Q 2 midpoint
          Q accepted: sell 2 @ 0
          Q restated: sell 2 @ 103 REPEGGED
          P makes 2 @ 103, leaves 1
          Q takes 2 @ 103, leaves 0
    """)


def test_a_peg_goes_no_further_than_its_limit() -> None:
    pair = Pair()
    pair.give(parse("buy A 1 @ 100"))
    assert prices(pair.give(parse("buy P 1 @ 99 primary 0")))[0][2] == 99
    assert pair.events[-1].stop_price == 99, "the limit is told there"
    assert prices(pair.give(parse("buy B 1 @ 97"))) == []
    pair.give(parse("cancel C of A"))
    assert prices(pair.events[-1:]) == [("P", "REPEGGED", 97)]
    changed = pair.give(parse("replace D of P 1 @ 96"))
    assert (changed[0].price, changed[0].stop_price) == (0, 96)
    assert prices(changed) == [("D", "REPEGGED", 96)]
    pair.check()


def test_a_peg_trades_when_its_new_price_crosses() -> None:
    """The second peg finds nothing left and moves on: what the first did to the book
    comes before it."""
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > sell B 1 @ 102
          B accepted: sell 1 @ 102
        > sell S 2 @ 102 hidden
          S accepted: sell 2 @ 102
        > buy P 2 midpoint
          P accepted: buy 2 @ 0
          P restated: buy 2 @ 101 REPEGGED
        > buy Q 2 midpoint
          Q accepted: buy 2 @ 0
          Q restated: buy 2 @ 101 REPEGGED
        > cancel C of B
          C cancels B: 1 REQUESTED
          P restated: buy 2 @ 0 PARKED
          Q restated: buy 2 @ 0 PARKED
        > sell D 1 @ 104
          D accepted: sell 1 @ 104
          P restated: buy 2 @ 102 REPEGGED
          S makes 2 @ 102, leaves 0
          P takes 2 @ 102, leaves 0
          Q restated: buy 2 @ 102 REPEGGED
    """)


def test_pegs_are_parked_while_nothing_trades() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > buy P 1 primary 0
          P accepted: buy 1 @ 0
          P restated: buy 1 @ 100 REPEGGED
        > halt X
          X halted
          P restated: buy 1 @ 0 PARKED
        > cancel B of A
          B cancels A: 1 REQUESTED
        > resume X
          X trading
        > buy C 1 @ 99
          C accepted: buy 1 @ 99
          P restated: buy 1 @ 99 REPEGGED
    """)


def test_offsets_towards_the_market_are_refused() -> None:
    run("""
        > buy A 1 primary 1
          A rejected: PEG_OFFSET_INVALID
        > sell B 1 primary -1
          B rejected: PEG_OFFSET_INVALID
        > buy C 1 midpoint peg_offset=1
          C rejected: PEG_OFFSET_INVALID
    """)
