"""Orders of one owner do not trade with each other: section 7 of
``spec/matching.md``."""

from __future__ import annotations

import pytest

from tests.reference.script import run

OWN = """
        > sell A 5 @ 100 account me
          A accepted: sell 5 @ 100
        > sell B 5 @ 100 account you
          B accepted: sell 5 @ 100
"""


def test_cancel_newest_ends_the_taker() -> None:
    run(f"""
        {OWN}
        > buy C 8 @ 100 account me newest
          C accepted: buy 8 @ 100
          C cancelled: 8 SELF_TRADE
    """)


def test_cancel_oldest_ends_the_maker_and_the_taker_goes_on() -> None:
    run(f"""
        {OWN}
        > buy C 8 @ 100 account me oldest
          C accepted: buy 8 @ 100
          A cancelled: 5 SELF_TRADE
          B makes 5 @ 100, leaves 0
          C takes 5 @ 100, leaves 3
    """)


def test_cancel_both_ends_the_maker_then_the_taker() -> None:
    run(f"""
        {OWN}
        > buy C 8 @ 100 account me both
          C accepted: buy 8 @ 100
          A cancelled: 5 SELF_TRADE
          C cancelled: 8 SELF_TRADE
    """)


def test_decrement_takes_the_smaller_quantity_off_both() -> None:
    pair = run(f"""
        {OWN}
        > buy C 8 @ 100 account me decrement
          C accepted: buy 8 @ 100
          A cancelled: 5 SELF_TRADE
          C restated: buy 3 @ 100 SELF_TRADE
          B makes 3 @ 100, leaves 2
          C takes 3 @ 100, leaves 0
    """)
    assert [event.last_qty for event in pair.events[-4:-2]] == [5, 5]


def test_a_decremented_maker_keeps_its_place() -> None:
    run(f"""
        {OWN}
        > buy C 2 @ 100 account me decrement
          C accepted: buy 2 @ 100
          A restated: sell 3 @ 100 SELF_TRADE
          C cancelled: 2 SELF_TRADE
        > buy D 4 @ 100 account you2
          D accepted: buy 4 @ 100
          A makes 3 @ 100, leaves 0
          D takes 3 @ 100, leaves 1
          B makes 1 @ 100, leaves 4
          D takes 1 @ 100, leaves 0
    """)


def test_decrement_of_equals_ends_both() -> None:
    run(f"""
        {OWN}
        > buy C 5 @ 100 account me decrement
          C accepted: buy 5 @ 100
          A cancelled: 5 SELF_TRADE
          C cancelled: 5 SELF_TRADE
    """)


def test_a_decremented_iceberg_shows_the_next_part_from_behind() -> None:
    pair = run("""
        > sell A 9 @ 100 iceberg 3 account me
          A accepted: sell 9 @ 100
        > sell B 1 @ 100
          B accepted: sell 1 @ 100
        > buy C 4 @ 100 account me decrement
          C accepted: buy 4 @ 100
          A restated: sell 5 @ 100 SELF_TRADE
          C cancelled: 4 SELF_TRADE
        > buy D 2 @ 100
          D accepted: buy 2 @ 100
          B makes 1 @ 100, leaves 0
          D takes 1 @ 100, leaves 1
          A makes 1 @ 100, leaves 4
          D takes 1 @ 100, leaves 0
    """)
    assert pair.events[4].shown_qty == 3


def test_the_group_counts_before_the_account() -> None:
    run("""
        > sell A 1 @ 100 account me group one
          A accepted: sell 1 @ 100
        > buy B 1 @ 100 account me group two newest
          B accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
        > sell C 1 @ 100 account me group one
          C accepted: sell 1 @ 100
        > buy D 1 @ 100 account you group one newest
          D accepted: buy 1 @ 100
          D cancelled: 1 SELF_TRADE
        > buy E 1 @ 100 account me newest
          E accepted: buy 1 @ 100
          C makes 1 @ 100, leaves 0
          E takes 1 @ 100, leaves 0
    """)


@pytest.mark.parametrize("mode", ["newest", "oldest", "both", "decrement"])
def test_without_group_and_account_nobody_is_the_same(mode: str) -> None:
    run(f"""
        > sell A 1 @ 100
          A accepted: sell 1 @ 100
        > buy B 1 @ 100 {mode}
          B accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
    """)


def test_only_the_mode_of_the_taker_counts() -> None:
    run("""
        > sell A 1 @ 100 account me newest
          A accepted: sell 1 @ 100
        > buy B 1 @ 100 account me
          B accepted: buy 1 @ 100
          A makes 1 @ 100, leaves 0
          B takes 1 @ 100, leaves 0
    """)


def test_fill_or_kill_ends_at_an_own_order_unless_that_is_cancelled() -> None:
    run("""
        > sell A 4 @ 100 iceberg 2
          A accepted: sell 4 @ 100
        > sell B 1 @ 100 account me
          B accepted: sell 1 @ 100
        > buy C 3 @ 100 account me newest fok
          C accepted: buy 3 @ 100
          C cancelled: 3 FOK_NOT_FILLED
        > buy D 4 @ 100 account me oldest fok
          D accepted: buy 4 @ 100
          A makes 2 @ 100, leaves 2
          D takes 2 @ 100, leaves 2
          B cancelled: 1 SELF_TRADE
          A makes 2 @ 100, leaves 0
          D takes 2 @ 100, leaves 0
    """)


def test_auctions_do_not_prevent_self_trades() -> None:
    run("""
        > phase X opening_auction
          X opening_auction
        > sell A 1 @ 100 account me newest
          A accepted: sell 1 @ 100
        > buy B 1 @ 100 account me newest
          B accepted: buy 1 @ 100
          X would trade 1 @ 100
        > resume X
          B crosses 1 @ 100, leaves 0
          A crosses 1 @ 100, leaves 0
          X uncrosses 1 @ 100
          X trading
    """)
