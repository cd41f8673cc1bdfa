"""What each order type does: icebergs, hidden, all-or-none, minimum quantity, fill or
kill, post-only, market-to-limit.

The notation is that of :mod:`tests.reference.script`; every script is also played to
the reference exchange. Sections of ``spec/matching.md`` are in brackets.
"""

from __future__ import annotations

import pytest

from engine.codes import OrdType, Reason
from engine.records import InstrumentCommand, OrderEvent
from tests.reference.script import Pair, X, parse, run

BAND = InstrumentCommand(X.kind, symbol="X", dynamic_band=10_000_000)
"""Ten percent around the last price, and no volatility auction."""


def shown(pair: Pair, line: str) -> list[tuple[str, int, int]]:
    """(ClOrdID, LeavesQty, shown) of each event a command gives."""
    return [
        (event.cl_ord_id, event.leaves_qty, event.shown_qty)
        for event in pair.give(parse(line))
        if isinstance(event, OrderEvent)
    ]


# -- icebergs [2] ----------------------------------------------------------------------


def test_an_iceberg_shows_a_part_and_goes_behind_when_it_is_used_up() -> None:
    run("""
        > buy A 10 @ 100 iceberg 4
          A accepted: buy 10 @ 100
        > buy B 5 @ 100
          B accepted: buy 5 @ 100
        > sell C 12 @ 100
          C accepted: sell 12 @ 100
          A makes 4 @ 100, leaves 6
          C takes 4 @ 100, leaves 8
          B makes 5 @ 100, leaves 0
          C takes 5 @ 100, leaves 3
          A makes 3 @ 100, leaves 3
          C takes 3 @ 100, leaves 0
    """)


def test_what_an_iceberg_shows_is_told_with_its_fill() -> None:
    pair = Pair()
    assert shown(pair, "buy A 10 @ 100 iceberg 4") == [("A", 10, 4)]
    assert shown(pair, "sell B 3 @ 100") == [("B", 3, 3), ("A", 7, 1), ("B", 0, 0)]
    assert shown(pair, "sell C 1 @ 100") == [("C", 1, 1), ("A", 6, 4), ("C", 0, 0)]
    assert shown(pair, "sell D 5 @ 100")[1:4] == [("A", 2, 2), ("D", 1, 1), ("A", 1, 1)]
    pair.check()


def test_a_refilled_iceberg_has_a_new_priority() -> None:
    pair = Pair()
    first = pair.give(parse("buy A 10 @ 100 iceberg 4"))[0].priority
    partly = pair.give(parse("sell B 3 @ 100"))[1].priority
    refilled = pair.give(parse("sell C 1 @ 100"))[1].priority
    assert first == partly < refilled
    pair.check()


def test_an_incoming_iceberg_trades_with_all_of_it() -> None:
    run("""
        > sell A 9 @ 100
          A accepted: sell 9 @ 100
        > buy B 10 @ 100 iceberg 2
          B accepted: buy 10 @ 100
          A makes 9 @ 100, leaves 0
          B takes 9 @ 100, leaves 1
    """)


@pytest.mark.parametrize(
    ("qty", "display", "reason"),
    [
        (10, 11, "DISPLAY_QTY_INVALID"),
        (10, -1, "DISPLAY_QTY_INVALID"),
        (1001, 1, "DISPLAY_QTY_INVALID"),
        (1000, 1, ""),
        (10, 10, ""),
    ],
)
def test_how_much_an_iceberg_may_show(qty: int, display: int, reason: str) -> None:
    pair = Pair()
    (event,) = pair.give(parse(f"buy A {qty} @ 100 iceberg {display}"))
    assert Reason(event.reason) == (Reason[reason] if reason else Reason.NONE)
    pair.check()


def test_only_a_replace_that_shows_no_more_keeps_its_place() -> None:
    run("""
        > buy A 10 @ 100 iceberg 4
          A accepted: buy 10 @ 100
        > buy B 5 @ 100
          B accepted: buy 5 @ 100
        > replace C of A 10 @ 100 iceberg 2
          C replaces A: buy 10 @ 100, leaves 10
        > sell D 2 @ 100
          D accepted: sell 2 @ 100
          C makes 2 @ 100, leaves 8
          D takes 2 @ 100, leaves 0
        > replace E of B 5 @ 100 iceberg 2
          E does not replace B: DISPLAY_QTY_INVALID
        > replace F of C 10 @ 100 iceberg 3
          F replaces C: buy 10 @ 100, leaves 8
        > sell G 6 @ 100
          G accepted: sell 6 @ 100
          B makes 5 @ 100, leaves 0
          G takes 5 @ 100, leaves 1
          F makes 1 @ 100, leaves 7
          G takes 1 @ 100, leaves 0
    """)


# -- hidden [2] ------------------------------------------------------------------------


def test_hidden_orders_trade_behind_the_displayed_ones_of_their_price_only() -> None:
    run("""
        > buy A 5 @ 100 hidden
          A accepted: buy 5 @ 100
        > buy B 5 @ 100
          B accepted: buy 5 @ 100
        > buy C 5 @ 99
          C accepted: buy 5 @ 99
        > sell D 12 @ 99
          D accepted: sell 12 @ 99
          B makes 5 @ 100, leaves 0
          D takes 5 @ 100, leaves 7
          A makes 5 @ 100, leaves 0
          D takes 5 @ 100, leaves 2
          C makes 2 @ 99, leaves 3
          D takes 2 @ 99, leaves 0
    """)


def test_a_hidden_order_shows_nothing() -> None:
    pair = Pair()
    assert shown(pair, "buy A 5 @ 100 hidden") == [("A", 5, 0)]
    assert shown(pair, "sell B 2 @ 100")[1] == ("A", 3, 0)
    pair.check()


# -- all or none [3] -------------------------------------------------------------------


def test_all_or_none_takes_all_or_rests() -> None:
    run("""
        > sell A 5 @ 100
          A accepted: sell 5 @ 100
        > buy B 6 @ 100 whole
          B accepted: buy 6 @ 100
        > sell C 5 @ 100
          C accepted: sell 5 @ 100
        > replace D of B 10 @ 100
          D replaces B: buy 10 @ 100, leaves 10
          A makes 5 @ 100, leaves 0
          D takes 5 @ 100, leaves 5
          C makes 5 @ 100, leaves 0
          D takes 5 @ 100, leaves 0
    """)


def test_an_all_or_none_maker_that_is_too_large_is_passed_over() -> None:
    run("""
        > sell A 6 @ 100 whole
          A accepted: sell 6 @ 100
        > sell B 2 @ 100 whole
          B accepted: sell 2 @ 100
        > sell C 9 @ 101
          C accepted: sell 9 @ 101
        > buy D 5 @ 101
          D accepted: buy 5 @ 101
          B makes 2 @ 100, leaves 0
          D takes 2 @ 100, leaves 3
          C makes 3 @ 101, leaves 6
          D takes 3 @ 101, leaves 0
        > buy E 6 @ 100
          E accepted: buy 6 @ 100
          A makes 6 @ 100, leaves 0
          E takes 6 @ 100, leaves 0
    """)


# -- fill or kill, minimum quantity [3] ------------------------------------------------


def test_fill_or_kill_takes_all_or_nothing() -> None:
    run("""
        > sell A 5 @ 100
          A accepted: sell 5 @ 100
        > buy B 6 @ 100 fok
          B accepted: buy 6 @ 100
          B cancelled: 6 FOK_NOT_FILLED
        > sell C 1 @ 101 hidden
          C accepted: sell 1 @ 101
        > buy D 6 @ 101 fok
          D accepted: buy 6 @ 101
          A makes 5 @ 100, leaves 0
          D takes 5 @ 100, leaves 1
          C makes 1 @ 101, leaves 0
          D takes 1 @ 101, leaves 0
    """)


def test_fill_or_kill_counts_icebergs_whole_but_no_too_large_all_or_none() -> None:
    run("""
        > sell A 5 @ 100 iceberg 1
          A accepted: sell 5 @ 100
        > sell B 3 @ 100 whole
          B accepted: sell 3 @ 100
        > buy C 7 @ 100 fok
          C accepted: buy 7 @ 100
          C cancelled: 7 FOK_NOT_FILLED
    """)


def test_fill_or_kill_sees_the_dynamic_band_move_along() -> None:
    """From 100 to 108 to 116 each trade is within ten percent of the one before."""
    run(
        """
        > sell A 1 @ 100
          A accepted: sell 1 @ 100
        > buy B 1 @ 100
          B accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
        > sell C 1 @ 108
          C accepted: sell 1 @ 108
        > sell D 1 @ 116
          D accepted: sell 1 @ 116
        > sell E 1 @ 140
          E accepted: sell 1 @ 140
        > buy F 3 @ 140 fok
          F accepted: buy 3 @ 140
          F cancelled: 3 FOK_NOT_FILLED
        > buy G 2 @ 140 fok
          G accepted: buy 2 @ 140
          C makes 1 @ 108, leaves 0
          G takes 1 @ 108, leaves 1
          D makes 1 @ 116, leaves 0
          G takes 1 @ 116, leaves 0
    """,
        BAND,
    )


def test_a_minimum_quantity_is_asked_for_once() -> None:
    run("""
        > sell A 3 @ 100
          A accepted: sell 3 @ 100
        > buy B 9 @ 100 min 4
          B accepted: buy 9 @ 100
          B cancelled: 9 MIN_QTY_NOT_MET
        > buy C 9 @ 100 min 3
          C accepted: buy 9 @ 100
          A makes 3 @ 100, leaves 0
          C takes 3 @ 100, leaves 6
        > sell D 1 @ 100
          D accepted: sell 1 @ 100
          C makes 1 @ 100, leaves 5
          D takes 1 @ 100, leaves 0
    """)


# -- post only, market to limit [3] ----------------------------------------------------


def test_a_post_only_order_that_would_trade_is_refused() -> None:
    run("""
        > sell A 3 @ 100
          A accepted: sell 3 @ 100
        > buy B 1 @ 100 post-only
          B rejected: POST_ONLY_WOULD_TRADE
        > buy C 1 @ 99 post-only
          C accepted: buy 1 @ 99
        > replace D of C 1 @ 100
          D does not replace C: POST_ONLY_WOULD_TRADE
        > cancel E of A
          E cancels A: 3 REQUESTED
        > sell F 3 @ 100 whole
          F accepted: sell 3 @ 100
        > replace G of C 2 @ 100
          G replaces C: buy 2 @ 100, leaves 2
        > buy H 3 @ 100 post-only
          H rejected: POST_ONLY_WOULD_TRADE
    """)


def test_market_to_limit_rests_at_the_price_it_traded_at_last() -> None:
    pair = run("""
        > buy A 1 to-limit
          A accepted: buy 1 @ 0
          A cancelled: 1 UNFILLED_REMAINDER
        > sell B 2 @ 100
          B accepted: sell 2 @ 100
        > sell C 2 @ 101
          C accepted: sell 2 @ 101
        > buy D 9 to-limit
          D accepted: buy 9 @ 0
          B makes 2 @ 100, leaves 0
          D takes 2 @ 100, leaves 7
          C makes 2 @ 101, leaves 0
          D takes 2 @ 101, leaves 5
          D restated: buy 9 @ 101 MARKET_TO_LIMIT
        > sell E 1 @ 100
          E accepted: sell 1 @ 100
          D makes 1 @ 101, leaves 4
          E takes 1 @ 101, leaves 0
        > replace F of D 9 @ 99
          F replaces D: buy 9 @ 99, leaves 4
    """)
    assert pair.events[-1].ord_type == OrdType.LIMIT


def test_the_rest_of_an_ioc_market_to_limit_is_cancelled() -> None:
    run("""
        > sell A 2 @ 100
          A accepted: sell 2 @ 100
        > buy B 5 to-limit ioc
          B accepted: buy 5 @ 0
          A makes 2 @ 100, leaves 0
          B takes 2 @ 100, leaves 3
          B cancelled: 3 UNFILLED_REMAINDER
    """)


# -- the dynamic band [7] --------------------------------------------------------------


def test_without_volatility_auctions_an_order_that_hits_the_band_is_cancelled() -> None:
    run(
        """
        > sell A 1 @ 100
          A accepted: sell 1 @ 100
        > buy B 1 @ 100
          B accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
        > sell C 1 @ 111
          C accepted: sell 1 @ 111
        > buy D 1 @ 111
          D accepted: buy 1 @ 111
          D cancelled: 1 BAND_HIT
        > sell E 1 @ 110
          E accepted: sell 1 @ 110
        > buy F 1 @ 111
          F accepted: buy 1 @ 111
          E makes 1 @ 110, leaves 0
          F takes 1 @ 110, leaves 0
    """,
        BAND,
    )


def test_with_them_a_limit_order_rests_and_the_auction_begins() -> None:
    run(
        """
        > sell A 2 @ 111
          A accepted: sell 2 @ 111
        > buy B 1 market
          B accepted: buy 1 market
          A makes 1 @ 111, leaves 1
          B takes 1 @ 111, leaves 0
        > cancel C of A
          C cancels A: 1 REQUESTED
        > sell D 2 @ 130
          D accepted: sell 2 @ 130
        > buy E 3 @ 130
          E accepted: buy 3 @ 130
          X volatility_auction
          X would trade 2 @ 130, left 1 buy
    """,
        InstrumentCommand(
            X.kind, symbol="X", dynamic_band=10_000_000, volatility_ns=50
        ),
    )
