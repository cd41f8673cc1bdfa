"""What a shard answers about orders: status requests, and orders that were sent before.

Section 9 of ``spec/matching.md``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.codes import CommandKind, EventKind, OrdStatus, Reason
from engine.layouts import Record
from engine.records import OrderCommand
from tests.reference.script import Pair, parse, parse_all, run

REMEMBERED = 16_384


def test_a_status_request_tells_an_order_by_any_of_its_names() -> None:
    pair = Pair()
    pair.give(*parse_all("buy A 5 @ 100", "sell S 2 @ 100", "replace B of A 6 @ 99"))
    for name in ("A", "B"):
        (answer,) = pair.give(parse(f"status Q of {name}"))
        assert answer.kind == EventKind.STATUS
        assert (answer.cl_ord_id, answer.orig_cl_ord_id) == ("B", "Q")
        assert (answer.leaves_qty, answer.cum_qty, answer.price) == (4, 2, 99)
        assert answer.ord_status == OrdStatus.PARTIALLY_FILLED
    pair.check()


def test_a_status_request_uses_up_no_identifier() -> None:
    run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > status Q of A
          A is NEW: leaves 5
        > status Q of A
          A is NEW: leaves 5
        > buy Q 1 @ 100
          Q accepted: buy 1 @ 100
    """)


@pytest.mark.parametrize(
    "request_", ["status Q of Z", "status Q of A on Y", "2:status", "status Q of C"]
)
def test_what_is_unknown(request_: str) -> None:
    """Another session's, another symbol's, and a name that only ever was a cancel's."""
    pair = Pair()
    pair.give(*parse_all("buy A 5 @ 100", "buy B 1 @ 90", "cancel C of B"))
    line = "status 2:Q of A" if request_ == "2:status" else request_
    (answer,) = pair.give(parse(line))
    assert answer.ord_status == OrdStatus.REJECTED
    assert Reason(answer.reason) == Reason.UNKNOWN_ORDER
    assert (answer.order_id, answer.orig_cl_ord_id) == (0, "Q")
    pair.check()


def test_ended_orders_are_told_as_they_ended() -> None:
    pair = Pair()
    pair.give(*parse_all("buy A 5 @ 100", "sell S 2 @ 100", "cancel C of A"))
    pair.give(*parse_all("buy B 1 @ 100 ioc", "buy D 1 @ 99", "sell E 1 @ 99"))
    told = {}
    for name in ("A", "S", "B", "D"):
        (answer,) = pair.give(parse(f"status Q of {name}"))
        told[name] = (OrdStatus(answer.ord_status).name, answer.leaves_qty, answer.qty)
    assert told == {
        "A": ("CANCELED", 0, 5),
        "S": ("FILLED", 0, 2),
        "B": ("CANCELED", 0, 1),
        "D": ("FILLED", 0, 1),
    }
    pair.check()


def test_the_oldest_of_many_ended_orders_is_forgotten_but_for_its_end() -> None:
    pair = Pair(compare=False)
    first: OrderCommand = parse("buy A 5 @ 100 ioc account me")  # type: ignore[assignment]
    pair.give(first)
    more = [replace(first, cl_ord_id=f"N{i}") for i in range(REMEMBERED - 1)]
    pair.give(*more)
    (answer,) = pair.give(parse("status Q of A"))
    assert (answer.qty, answer.account) == (5, "me")
    pair.give(replace(first, cl_ord_id="LAST"))
    (answer,) = pair.give(parse("status Q of A account you"))
    assert (answer.ord_status, answer.cl_ord_id) == (OrdStatus.CANCELED, "A")
    assert (answer.qty, answer.price, answer.account) == (0, 0, "you")
    assert answer.order_id == 1 << 48 | 2
    pair.give(parse("day 1"))
    (answer,) = pair.give(parse("status Q of LAST"))
    assert answer.ord_status == OrdStatus.REJECTED


# -- sent again ------------------------------------------------------------------------


def resend(pair: Pair, line: str) -> list[Any]:
    """What a command gives that says it may have come before."""
    return pair.give(parse(f"{line} resend"))


def test_the_same_order_again_is_answered_with_its_status() -> None:
    pair = Pair()
    pair.give(*parse_all("buy A 5 @ 100", "sell S 2 @ 100"))
    before = pair.shard.duplicates
    (answer,) = resend(pair, "buy A 5 @ 100 number 0/9")
    assert (answer.kind, answer.cl_ord_id) == (EventKind.STATUS, "A")
    assert (answer.orig_cl_ord_id, answer.msg_seq_num) == ("", 9)
    assert (answer.leaves_qty, answer.ord_status) == (3, OrdStatus.PARTIALLY_FILLED)
    assert pair.shard.duplicates == before
    pair.check()


def test_the_same_order_again_is_told_after_its_end() -> None:
    pair = Pair()
    pair.give(*parse_all("buy A 5 @ 100", "replace B of A 6 @ 99", "cancel C of B"))
    (answer,) = resend(pair, "buy A 5 @ 100")
    assert (answer.kind, answer.cl_ord_id) == (EventKind.STATUS, "B")
    assert answer.ord_status == OrdStatus.CANCELED
    pair.check()


@pytest.mark.parametrize(
    "other",
    ["buy A 6 @ 100", "buy A 5 @ 99", "sell A 5 @ 100", "buy A 5 @ 100 gtc"]
    + ["buy A 5 @ 100 account me", "buy A 5 @ 100 hidden", "buy A 5 @ 100 iceberg 5"],
)
def test_another_order_of_that_name_is_refused(other: str) -> None:
    pair = Pair()
    pair.give(parse("buy A 5 @ 100"))
    (answer,) = resend(pair, other)
    assert answer.kind == EventKind.REJECTED
    assert answer.reason == Reason.DUPLICATE_CL_ORD_ID
    pair.check()


@pytest.mark.parametrize(
    "line", ["cancel C of A", "replace R of A 3 @ 100", "buy C 1 @ 100", "buy B 0 @ 9"]
)
def test_what_nothing_is_known_of_is_dropped(line: str) -> None:
    """Cancels and replaces, and names that never were an accepted order's."""
    pair = Pair()
    pair.give(*parse_all("buy A 5 @ 100", "buy B 0 @ 9", "buy D 2 @ 98"))
    pair.give(*parse_all("replace R of A 4 @ 100", "cancel C of D"))
    before = pair.shard.duplicates
    assert resend(pair, line) == []
    assert pair.shard.duplicates == before + 1
    pair.check()


def test_a_resend_of_what_never_came_is_as_good_as_new() -> None:
    run("""
        > buy A 5 @ 100 resend
          A accepted: buy 5 @ 100
        > cancel C of A resend
          C cancels A: 5 REQUESTED
    """)


def test_the_content_covers_every_field_a_client_can_set() -> None:
    """One order differs from the first in one field each: none is taken for it."""
    first = OrderCommand(
        CommandKind.NEW_ORDER,
        side=ord("1"),
        ord_type=ord("4"),
        time_in_force=ord("6"),
        session=1,
        price=100,
        qty=10,
        stop_price=100,
        display_qty=5,
        expire_time=10**9,
        cl_ord_id="A",
        account="me",
        symbol="X",
        stp_id="g",
    )
    pair = Pair()
    pair.give(first)
    changes: list[dict[str, Any]] = [
        {"side": ord("2")},
        {"ord_type": ord("2")},
        {"time_in_force": ord("1")},
        {"exec_inst": 4},
        {"stp": ord("1")},
        {"price": 99},
        {"qty": 11},
        {"stop_price": 99},
        {"display_qty": 6},
        {"min_qty": 1},
        {"peg_offset": 1},
        {"expire_time": 10**9 + 1},
        {"account": "you"},
        {"stp_id": "h"},
    ]
    for change in changes:
        again: Record = replace(first, flags=2, **change)
        (answer,) = pair.give(again)
        assert answer.kind == EventKind.REJECTED, change
    (answer,) = pair.give(replace(first, flags=2, source=3, session_epoch=1))
    assert answer.kind == EventKind.STATUS, "how it came does not matter"
    pair.check()
