"""Limits and blocks of sessions and accounts: the edge of each, in a shard.

Section 8 of ``spec/matching.md``. Every market is also played to the reference
exchange, which must give the same bytes.
"""

from __future__ import annotations

from typing import Any

import pytest

from engine.codes import CommandFlag, OrdType, Phase, TimeInForce
from engine.records import UNIT, BlockEvent, LimitsEvent
from tests.unit.market_samples import (
    SECOND,
    Market,
    block,
    buy,
    cancel,
    instrument,
    limits,
    phase,
    replace,
    sell,
)

OWNERS: list[dict[str, Any]] = [{"session": 1}, {"account": "ACC"}]
ACCEPTED = "{} ACCEPTED".format


def by_owner(test: Any) -> Any:
    """For a session's limits and for an account's."""
    return pytest.mark.parametrize("owner", OWNERS, ids=["session", "account"])(test)


def limited(owner: dict[str, Any], *definitions: Any, **values: Any) -> Market:
    market = Market(*definitions)
    market.give(limits(**owner, **values))
    return market


def mine(name: str, qty: int, price: int = 100, **fields: Any) -> Any:
    return buy(name, qty, price, account="ACC", **fields)


# -- quantity and value ----------------------------------------------------------------


@by_owner
def test_order_qty(owner: dict[str, Any]) -> None:
    market = limited(owner, order_qty_max=10)
    assert market.says(mine("A", 10), mine("B", 11)) == [
        "A ACCEPTED",
        "B REJECTED: LIMIT_ORDER_QTY",
    ]
    assert market.says(replace("C", "A", 11, 100)) == [
        "C REPLACE_REJECTED: LIMIT_ORDER_QTY"
    ]
    assert market.says(replace("D", "A", 9, 100)) == ["D REPLACED"]
    market.check()


@by_owner
def test_notional(owner: dict[str, Any]) -> None:
    """Price x quantity is exact: one unit more is too much."""
    market = limited(owner, notional_max=1000)
    assert market.says(mine("A", 10, 100 * UNIT), mine("B", 10, 100 * UNIT + 1)) == [
        "A ACCEPTED",
        "B REJECTED: LIMIT_NOTIONAL",
    ]
    assert market.says(replace("C", "A", 11, 100 * UNIT)) == [
        "C REPLACE_REJECTED: LIMIT_NOTIONAL"
    ]
    market.check()


def test_notional_of_the_largest_order() -> None:
    """The product takes 120 bits."""
    market = limited({"session": 1}, notional_max=9 * 10**18)
    assert market.says(mine("A", 10**18, 10**18)) == ["A REJECTED: LIMIT_NOTIONAL"]
    market.check()


@pytest.mark.parametrize(
    ("price", "fields", "fits"),
    [
        (0, {"ord_type": OrdType.STOP, "stop_price": 120 * UNIT}, 8),
        (50 * UNIT, {"ord_type": OrdType.STOP_LIMIT, "stop_price": 120 * UNIT}, 20),
        (0, {}, 10),
    ],
    ids=["stop price", "limit of a stop", "last price"],
)
def test_what_an_order_is_valued_by(price: int, fields: Any, fits: int) -> None:
    market = Market()
    market.give(sell("S", 1, 100 * UNIT), buy("T", 1, 100 * UNIT))
    market.give(limits(1, notional_max=1000))
    assert (
        market.says(
            mine("A", fits, price, **fields), mine("B", fits + 1, price, **fields)
        )[-1]
        == "B REJECTED: LIMIT_NOTIONAL"
    )
    assert market.events[-2].cl_ord_id == "A"
    market.check()


def test_a_market_order_before_the_first_trade_is_valued_by_the_anchor() -> None:
    market = limited({"session": 1}, instrument(reference_price=200 * UNIT))
    market.give(limits(1, notional_max=1000))
    assert market.says(mine("A", 6, 0)) == ["A REJECTED: LIMIT_NOTIONAL"]
    market.check()


def test_without_any_price_a_value_passes() -> None:
    market = limited({"session": 1}, notional_max=1)
    assert market.says(mine("A", 10**18, 0)) == [
        "A ACCEPTED",
        "A CANCELLED: UNFILLED_REMAINDER",
    ]
    market.check()


# -- open orders -----------------------------------------------------------------------


@by_owner
def test_open_orders(owner: dict[str, Any]) -> None:
    """Waiting and parked orders count; what has ended makes room."""
    market = limited(owner, open_orders_max=3)
    assert market.says(
        mine("A", 1),
        mine("B", 1, 0, ord_type=OrdType.STOP, stop_price=200),
        mine("C", 1, time_in_force=TimeInForce.AT_THE_CLOSE),
        mine("D", 1),
    ) == [ACCEPTED("A"), ACCEPTED("B"), ACCEPTED("C"), "D REJECTED: LIMIT_OPEN_ORDERS"]
    assert market.says(cancel("E", "B"), mine("F", 1), mine("G", 1)) == [
        "E CANCELLED: REQUESTED",
        "F ACCEPTED",
        "G REJECTED: LIMIT_OPEN_ORDERS",
    ]
    assert market.says(sell("H", 1, 100, session=2))[1] == "A fills 1 @ 100"
    assert market.says(mine("I", 1), mine("J", 1))[0] == "I ACCEPTED"
    market.check()


@by_owner
def test_an_order_that_never_rests_needs_room_too(owner: dict[str, Any]) -> None:
    market = limited(owner, open_orders_max=1)
    market.give(mine("A", 1))
    assert market.says(mine("B", 1, time_in_force=TimeInForce.IOC)) == [
        "B REJECTED: LIMIT_OPEN_ORDERS"
    ]
    market.check()


@by_owner
def test_what_is_open_already_counts(owner: dict[str, Any]) -> None:
    market = Market()
    market.give(mine("A", 1), mine("B", 1), buy("C", 1, 100, session=2))
    market.give(limits(**owner, open_orders_max=3))
    assert market.says(mine("D", 1), mine("E", 1)) == [
        "D ACCEPTED",
        "E REJECTED: LIMIT_OPEN_ORDERS",
    ]
    market.check()


def test_replaces_are_no_new_orders() -> None:
    market = limited({"session": 1}, open_orders_max=1)
    market.give(mine("A", 1))
    assert market.says(replace("B", "A", 5, 101)) == ["B REPLACED"]
    market.check()


# -- positions -------------------------------------------------------------------------


def test_position() -> None:
    """What is held and what is open of the side count; the other side does not."""
    market = limited({"account": "ACC"}, position_max=10)
    market.give(mine("A", 4), sell("B", 4, 100, session=2))
    market.give(mine("C", 5, 90), sell("D", 7, 200, account="ACC"))
    assert market.says(mine("E", 2, 90), mine("F", 1, 90)) == [
        "E REJECTED: LIMIT_POSITION",
        "F ACCEPTED",
    ]
    # Short by at most 10: 4 held, 7 on offer, so 7 more.
    assert market.says(
        sell("G", 8, 200, account="ACC"), sell("H", 7, 200, account="ACC")
    ) == ["G REJECTED: LIMIT_POSITION", "H ACCEPTED"]
    market.check()


def test_position_of_a_replace() -> None:
    """Only what LeavesQty(151) rises by counts."""
    market = limited({"account": "ACC"}, position_max=10)
    market.give(mine("A", 8, 90))
    assert market.says(
        replace("B", "A", 11, 90), replace("C", "A", 10, 90), replace("D", "C", 1, 90)
    ) == ["B REPLACE_REJECTED: LIMIT_POSITION", "C REPLACED", "D REPLACED"]
    market.give(limits(account="ACC", position_max=1))
    market.give(mine("E", 1, 90))
    assert market.says(replace("F", "D", 1, 91)) == ["F REPLACED"]
    market.check()


def test_position_is_per_instrument() -> None:
    market = limited(
        {"account": "ACC"}, instrument("X"), instrument("Y"), position_max=5
    )
    assert market.says(mine("A", 5, 90), mine("B", 5, 90, symbol="Y")) == [
        "A ACCEPTED",
        "B ACCEPTED",
    ]
    market.check()


def test_a_session_has_no_position() -> None:
    market = limited({"session": 1}, position_max=1)
    assert market.says(mine("A", 100)) == ["A ACCEPTED"]
    market.check()


def test_positions_are_kept_without_limits() -> None:
    """A limit that comes later knows what was traded, and what is open, before."""
    market = Market()
    market.give(mine("A", 4), sell("B", 4, 100, session=2), mine("C", 3, 90))
    market.give(limits(account="ACC", position_max=10))
    assert market.says(mine("D", 4, 90), mine("E", 3, 90)) == [
        "D REJECTED: LIMIT_POSITION",
        "E ACCEPTED",
    ]
    market.check()


def test_a_position_beyond_64_bits() -> None:
    most = 10**18
    market = Market()
    for n in range(12):
        market.give(mine(f"A{n}", most), sell(f"B{n}", most, 100, session=2))
    assert market.shard.dump()[6] == [
        (b"ACC".ljust(24, b"\0"), b"X".ljust(24, b"\0"), 12 * most)
    ]
    market.give(limits(account="ACC", position_max=2**63 - 1))
    assert market.says(mine("C", 1)) == ["C REJECTED: LIMIT_POSITION"]
    market.check()


def test_orders_without_an_account_have_no_position() -> None:
    market = Market()
    market.give(buy("A", 4, 100), sell("B", 4, 100))
    assert market.shard.dump()[6] == []
    market.check()


# -- the message rate ------------------------------------------------------------------


@by_owner
def test_rate(owner: dict[str, Any]) -> None:
    """Two at once, the third half a second later."""
    market = limited(owner, rate_max=2)
    market.at(SECOND)
    assert market.says(*[mine(f"A{n}", 1) for n in range(3)]) == [
        "A0 ACCEPTED",
        "A1 ACCEPTED",
        "A2 REJECTED: LIMIT_RATE",
    ]
    market.at(SECOND + SECOND // 2 - 1)
    assert market.says(mine("B", 1)) == ["B REJECTED: LIMIT_RATE"]
    assert market.says(mine("C", 1), mine("D", 1)) == [
        "C ACCEPTED",
        "D REJECTED: LIMIT_RATE",
    ]
    market.check()


def test_cancels_are_never_refused() -> None:
    market = limited({"session": 1}, rate_max=1)
    assert market.says(mine("A", 1), cancel("B", "A"), cancel("C", "A")) == [
        "A ACCEPTED",
        "B CANCELLED: REQUESTED",
        "C CANCEL_REJECTED: TOO_LATE",
    ]
    market.check()


def test_replaces_count() -> None:
    market = limited({"session": 1}, rate_max=2)
    assert market.says(
        mine("A", 1), replace("B", "A", 2, 100), replace("C", "B", 3, 100)
    ) == ["A ACCEPTED", "B REPLACED", "C REPLACE_REJECTED: LIMIT_RATE"]
    market.check()


def test_the_rate_of_a_session_is_asked_before_that_of_an_account() -> None:
    market = limited({"session": 1}, rate_max=2)
    market.give(limits(account="ACC", rate_max=1))
    assert market.says(mine("A", 1), mine("B", 1), buy("C", 1, 100)) == [
        "A ACCEPTED",
        "B REJECTED: LIMIT_RATE",
        "C REJECTED: LIMIT_RATE",
    ]
    market.check()


def test_refused_orders_count_but_not_those_with_a_bad_identifier() -> None:
    market = limited({"session": 1}, rate_max=2)
    assert (
        market.says(
            mine("", 1),
            mine("A", 0),
            mine("A", 1),
            mine("B", 1, symbol="Z"),
            mine("C", 1),
        )[-1]
        == "C ACCEPTED"
    )
    assert market.says(mine("D", 1)) == ["D REJECTED: LIMIT_RATE"]
    market.check()


def test_a_new_rate_keeps_what_was_used() -> None:
    market = limited({"session": 1}, rate_max=1)
    market.give(mine("A", 1), limits(1, rate_max=2))
    assert market.says(mine("B", 1)) == ["B REJECTED: LIMIT_RATE"]
    market.give(limits(1))
    assert market.says(mine("C", 1)) == ["C ACCEPTED"]
    market.check()


def test_the_highest_rate() -> None:
    market = limited({"session": 1}, rate_max=10**9)
    assert market.says(mine("A", 1), mine("B", 1)) == ["A ACCEPTED", "B ACCEPTED"]
    market.check()


# -- blocks ----------------------------------------------------------------------------


@by_owner
def test_a_block_cancels_everything(owner: dict[str, Any]) -> None:
    market = Market()
    market.give(
        mine("A", 1),
        mine("B", 1, 0, ord_type=OrdType.STOP, stop_price=200),
        mine("C", 1, time_in_force=TimeInForce.AT_THE_CLOSE),
        mine("D", 1, 99, time_in_force=TimeInForce.GTC),
        buy("E", 1, 98, session=2),
    )
    name = owner.get("account", 1)
    assert market.says(block(**owner)) == [
        "D CANCELLED: BLOCKED",
        "A CANCELLED: BLOCKED",
        "B CANCELLED: BLOCKED",
        "C CANCELLED: BLOCKED",
        f"{name} blocked=1: 4",
    ]
    assert market.says(mine("F", 1)) == ["F REJECTED: BLOCKED"]
    assert market.says(buy("G", 1, 98, session=2)) == ["G ACCEPTED"]
    assert market.says(block(**owner), block(**owner, blocked=0)) == [
        f"{name} blocked=1: 0",
        f"{name} blocked=0: 0",
    ]
    assert market.says(mine("H", 1)) == ["H ACCEPTED"]
    market.check()


def test_a_block_refuses_replaces_but_no_cancels() -> None:
    """An order of a blocked account can only be open where the shard has more orders
    of a session: here it came before, for another account."""
    market = Market()
    market.give(buy("A", 1, 100), block(account="ACC"))
    assert market.says(mine("B", 1)) == ["B REJECTED: BLOCKED"]
    market.give(block(1, blocked=1))
    assert market.says(cancel("C", "A")) == ["C CANCEL_REJECTED: TOO_LATE"]
    assert market.says(replace("D", "A", 2, 100)) == ["D REPLACE_REJECTED: TOO_LATE"]
    market.check()


def test_a_block_comes_before_the_rate() -> None:
    market = limited({"session": 1}, rate_max=1)
    market.give(block(account="ACC"))
    assert market.says(mine("A", 1), buy("B", 1, 100)) == [
        "A REJECTED: BLOCKED",
        "B ACCEPTED",
    ]
    market.check()


# -- what is told, and kept ------------------------------------------------------------


def test_the_events() -> None:
    market = Market()
    first, second = market.give(
        limits(7, order_qty_max=1, notional_max=2, open_orders_max=3, rate_max=4),
        limits(account="ACC", position_max=5),
    )
    assert isinstance(first, LimitsEvent)
    assert isinstance(second, LimitsEvent)
    assert (first.scope, first.owner, first.account) == (1, 7, "")
    assert (first.order_qty_max, first.notional_max) == (1, 2)
    assert (first.open_orders_max, first.rate_max, first.position_max) == (3, 4, 0)
    assert (second.scope, second.owner, second.account) == (2, 0, "ACC")
    assert second.position_max == 5
    (third,) = market.give(block(7))
    assert isinstance(third, BlockEvent)
    assert (third.scope, third.owner, third.blocked, third.count) == (1, 7, 1, 0)
    market.check()


def test_setting_what_is_set_is_told_all_the_same() -> None:
    market = Market()
    assert market.says(*[limits(1, rate_max=5)] * 2) == ["1 limits", "1 limits"]
    market.check()


def test_limits_outlive_the_day() -> None:
    market = limited({"session": 1}, order_qty_max=10)
    from tests.unit.market_samples import day

    market.give(day(2))
    assert market.says(mine("A", 11)) == ["A REJECTED: LIMIT_ORDER_QTY"]
    market.check()


def test_a_limit_of_one_owner_is_none_of_another() -> None:
    market = limited({"session": 1}, order_qty_max=1)
    market.give(limits(account="OTHER", order_qty_max=1))
    assert market.says(buy("A", 5, 100, session=2, account="ACC")) == ["A ACCEPTED"]
    market.check()


def test_the_limits_of_a_session_are_asked_first() -> None:
    market = limited({"session": 1}, open_orders_max=1)
    market.give(limits(account="ACC", order_qty_max=1), mine("A", 1))
    assert market.says(mine("B", 2)) == ["B REJECTED: LIMIT_OPEN_ORDERS"]
    market.check()


def test_limits_come_after_the_terms_of_the_instrument() -> None:
    market = limited({"session": 1}, instrument(qty_max=10), order_qty_max=5)
    assert market.says(mine("A", 11), mine("B", 6)) == [
        "A REJECTED: QTY_ABOVE_MAX",
        "B REJECTED: LIMIT_ORDER_QTY",
    ]
    market.check()


def test_many_owners() -> None:
    """The tables grow; each owner keeps its own."""
    market = Market()
    for n in range(1, 60):
        market.give(limits(n, order_qty_max=n), limits(account=f"A{n}", rate_max=n))
    for n in range(1, 60):
        assert market.says(buy(f"B{n}", n + 1, 100, session=n)) == [
            f"B{n} REJECTED: LIMIT_ORDER_QTY"
        ]
    market.check()


@by_owner
def test_a_partial_fill_and_a_decrement_leave_the_sums_right(
    owner: dict[str, Any],
) -> None:
    market = limited(owner, open_orders_max=2)
    market.give(limits(account="ACC", position_max=20, open_orders_max=2))
    market.give(mine("A", 10), sell("B", 4, 100, session=2))
    market.give(sell("C", 3, 100, session=2, account="ACC", stp=ord("4")))
    assert market.says(mine("D", 14, 90), mine("E", 13, 90)) == [
        "D REJECTED: LIMIT_POSITION",
        "E ACCEPTED",
    ]
    market.check()


def test_reuse_of_an_identifier_keeps_the_count() -> None:
    market = limited({"session": 1}, open_orders_max=1)
    reuse = int(CommandFlag.REUSE_ID)
    market.give(mine("A", 1, flags=reuse), cancel("A", "A", flags=reuse))
    assert market.says(mine("A", 1, flags=reuse), mine("B", 1)) == [
        "A ACCEPTED",
        "B REJECTED: LIMIT_OPEN_ORDERS",
    ]
    market.check()


def test_a_halt_does_not_hide_a_block() -> None:
    market = Market()
    market.give(phase(Phase.HALTED), block(1))
    assert market.says(mine("A", 1)) == ["A REJECTED: BLOCKED"]
    market.check()
