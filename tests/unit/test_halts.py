"""Halts, the exchange's own cancels, figures and lists of orders: exact events."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from engine.codes import CommandFlag, CommandKind, EventKind, OrdStatus, Phase, Reason
from engine.figures import InstrumentFigures, OpenOrder
from engine.records import (
    COMMAND_BYTES,
    QTY_MAX,
    OrderCommand,
    PhaseCommand,
    PhaseEvent,
)
from engine.shard import Shard, check_commands
from tests.reference.script import HASH_KEY, Pair, X, parse, parse_all, run

SHARD = 1 << 48


QUIET: dict[str, Any] = {
    **{"stops": 0, "parked": 0, "then": 0, "phase_reason": 0, "until": 0},
    **{"last_price": 0, "anchor_price": 0},
}
"""Figures of an instrument in which there is nothing but a book."""


def status(symbol: str, value: int) -> PhaseCommand:
    kind = CommandKind.SET_PHASE
    return PhaseCommand(kind, phase=value, symbol=symbol)


# -- halts -----------------------------------------------------------------------------


def test_a_halted_instrument_takes_cancels_only() -> None:
    run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > halt X
          X halted
        > buy B 5 @ 100
          B rejected: TRADING_HALTED
        > sell C 5 market
          C rejected: TRADING_HALTED
        > sell C 5 @ 100 ioc
          C rejected: DUPLICATE_CL_ORD_ID
        > replace D of A 4 @ 100
          D does not replace A: TRADING_HALTED
        > replace E of A 0 @ 100 leaves
          E does not replace A: TRADING_HALTED
        > replace F of Z 4 @ 100
          F does not replace Z: UNKNOWN_ORDER
        > replace G of A 4 @ 100 on Y
          G does not replace A: SYMBOL_MISMATCH
        > cancel H of A
          H cancels A: 5 REQUESTED
        > resume X
          X trading
        > buy I 5 @ 100
          I accepted: buy 5 @ 100
    """)


def test_orders_stay_in_their_place_through_a_halt() -> None:
    run("""
        > sell A 5 @ 100
          A accepted: sell 5 @ 100
        > sell B 5 @ 100
          B accepted: sell 5 @ 100
        > halt X
          X halted
        > resume X
          X trading
        > buy C 7 @ 100
          C accepted: buy 7 @ 100
          A makes 5 @ 100, leaves 0
          C takes 5 @ 100, leaves 2
          B makes 2 @ 100, leaves 3
          C takes 2 @ 100, leaves 0
    """)


def test_the_day_ends_in_a_halt_as_always() -> None:
    run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > buy B 5 @ 100 gtc
          B accepted: buy 5 @ 100
        > halt X
          X halted
        > day 8
          A expired: 5
          day 8 begins
        > buy A 5 @ 100
          A rejected: TRADING_HALTED
        > cancel C of B
          C cancels B: 5 REQUESTED
    """)


def test_other_instruments_trade_on() -> None:
    run("""
        > define Y tick 1
          Y defined
        > halt X
          X halted
        > buy A 5 @ 100 on Y
          A accepted: buy 5 @ 100
        > sell B 5 @ 100 on Y
          B accepted: sell 5 @ 100
          A makes 5 @ 100, leaves 0
          B takes 5 @ 100, leaves 0
        > buy C 5 @ 100 on X
          C rejected: TRADING_HALTED
    """)


def test_a_status_that_changes_nothing_gives_nothing() -> None:
    pair = run("""
        > resume X
        > halt NONE
        > halt X
          X halted
        > halt X
        > resume X
          X trading
        > resume X
    """)
    assert pair.shard.command_seq == 7
    assert pair.shard.event_seq == 3


def test_new_terms_do_not_end_a_halt() -> None:
    run("""
        > halt X
          X halted
        > define X tick 5
          X defined
        > buy A 5 @ 100
          A rejected: TRADING_HALTED
    """)


def test_the_fields_of_a_status_event() -> None:
    pair = Pair()
    (event,) = pair.give(status("X", Phase.HALTED))
    assert event == PhaseEvent(
        EventKind.PHASE,
        phase=Phase.HALTED,
        seq=2,
        command_seq=2,
        time=2,
        symbol="X",
    )


@pytest.mark.parametrize("value", [0, 11, 255])
def test_a_status_that_is_none_is_refused(value: int) -> None:
    pair = Pair()
    good = status("X", Phase.HALTED).pack()
    bad = good + status("X", value).pack()
    before = pair.shard.dump()
    for apply in (pair.shard.apply, pair.reference.apply):
        with pytest.raises(ValueError, match=f"command 1: no phase {value}"):
            apply(bad, 9)
    with pytest.raises(ValueError, match=f"command 1: no phase {value}"):
        check_commands(bad)
    assert pair.shard.dump() == before


def test_a_halt_is_part_of_the_state() -> None:
    pair = Pair()
    before = pair.shard.dump()
    pair.give(status("X", Phase.HALTED))
    assert pair.shard.dump()[1][0][3][0] == Phase.HALTED
    pair.give(status("X", Phase.CONTINUOUS))
    assert pair.shard.dump()[1] == before[1]
    pair.check()


def test_events_and_state_of_a_log() -> None:
    """A release that gives other digests of this log cannot replay the logs of the one
    before: it needs a new layout version."""
    shard = Shard(3, bytes(16))
    lines = parse_all(
        "buy A 5 @ 100",
        "sell 2:B 3 @ 100",
        "buy C 7 @ 99 gtc",
        "replace D of C 4 @ 98",
        "sell 2:E 9 @ 101 number 1/4",
        "cancel 2:F of E number 1/5",
        "buy G 1 @ 0",
        "sell 2:H 2 @ 105 gtc",
        "day 7",
        "buy I 3 @ 104 ioc",
        "sell J 1 @ 110 reuse",
        "buy K 9 @ 100 iceberg 3 account me",
        "sell L 2 @ 99 trail 2 account me newest",
        "sell M 2 trail 3",
        "buy N 2 primary 0",
        "limits scope=1 session=1 open_orders_max=3",
        "buy O 2 @ 100",
        "phase X opening_auction",
        "sell 2:P 4 @ 100 at-open",
    )
    events = shard.apply(b"".join(record.pack() for record in (X, *lines)), 1)
    assert sha256(events).hexdigest() == (
        "850be54c6369b5dd41da03410957c3fda816ebf586dfe69cacc686c7b749c227"
    )
    assert shard.state_hash().hex() == "e19008aaf638b3122234bc6c718be68e"


# -- the exchange's own cancels --------------------------------------------------------


def test_the_exchange_cancels_an_order() -> None:
    pair = run("""
        > buy 2:A 5 @ 100 number 1/7
          2:A accepted: buy 5 @ 100
        > sell B 2 @ 100
          B accepted: sell 2 @ 100
          2:A makes 2 @ 100, leaves 3
          B takes 2 @ 100, leaves 0
        > cancel 2:- of A unsolicited
          2:A cancelled: 3 CANCELLED_BY_EXCHANGE
        > cancel 2:- of A unsolicited
        > cancel 2:C of A
          2:C does not cancel A: TOO_LATE
    """)
    event = next(e for e in pair.events if e.kind == EventKind.CANCELLED)
    assert (event.session, event.order_id) == (2, SHARD | 2)
    assert (event.cl_ord_id, event.orig_cl_ord_id) == ("A", "")
    assert (event.flags, event.msg_seq_num, event.session_epoch) == (0, 0, 0)
    assert (event.ord_status, event.cum_qty, event.leaves_qty) == (
        OrdStatus.CANCELED,
        2,
        0,
    )


def test_any_name_of_the_order_will_do_and_its_current_one_is_told() -> None:
    run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > replace B of A 5 @ 99
          B replaces A: buy 5 @ 99, leaves 5
        > cancel - of A unsolicited
          B cancelled: 5 CANCELLED_BY_EXCHANGE
        > cancel C of B
          C does not cancel B: TOO_LATE
    """)


@pytest.mark.parametrize(
    "line",
    [
        "cancel - of Z unsolicited",
        "cancel 2:- of A unsolicited",
        "cancel - of - unsolicited",
        "cancel - of A unsolicited on Y",
        "cancel - of A unsolicited side=50",
        "cancel - of A unsolicited ord_type=49",
    ],
)
def test_an_order_that_is_not_there_gives_no_event(line: str) -> None:
    pair = run(f"""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > {line}
        > cancel B of A
          B cancels A: 5 REQUESTED
    """)
    assert pair.shard.command_seq == 4


def test_the_exchange_cancels_in_a_halt() -> None:
    run("""
        > buy A 5 @ 100
          A accepted: buy 5 @ 100
        > halt X
          X halted
        > cancel - of A unsolicited
          A cancelled: 5 CANCELLED_BY_EXCHANGE
    """)


def test_it_is_no_message_of_the_session() -> None:
    """It neither takes one of its numbers nor one of its identifiers."""
    pair = run("""
        > buy 2:A 5 @ 100 number 1/1
          2:A accepted: buy 5 @ 100
        > cancel 2:U of A unsolicited number 1/9
          2:A cancelled: 5 CANCELLED_BY_EXCHANGE
        > buy 2:U 5 @ 100 number 1/2
          2:U accepted: buy 5 @ 100
    """)
    assert pair.shard.dump()[4] == [(2, 1, 2)]


def test_a_reused_identifier_is_free_again() -> None:
    run("""
        > buy A 5 @ 100 reuse
          A accepted: buy 5 @ 100
        > cancel - of A unsolicited
          A cancelled: 5 CANCELLED_BY_EXCHANGE
        > buy A 5 @ 100 reuse
          A accepted: buy 5 @ 100
    """)


@pytest.mark.parametrize("line", ["buy A 5 @ 100", "replace A of O 4 @ 100"])
def test_the_flag_means_nothing_elsewhere(line: str) -> None:
    plain, flagged = Pair(), Pair()
    for pair, word in ((plain, ""), (flagged, " unsolicited")):
        pair.give(parse("buy O 5 @ 100"))
        pair.give(parse(line + word))
        pair.check()
    events = [event.kind for event in plain.events]
    assert [event.kind for event in flagged.events] == events
    assert flagged.events[-1].flags == CommandFlag.UNSOLICITED


# -- figures ---------------------------------------------------------------------------


def test_figures() -> None:
    pair = run("""
        > sell A 4 @ 100
          A accepted: sell 4 @ 100
        > sell B 4 @ 101
          B accepted: sell 4 @ 101
        > buy C 6 @ 100
          C accepted: buy 6 @ 100
          A makes 4 @ 100, leaves 0
          C takes 4 @ 100, leaves 2
        > buy D 1 @ 99 ioc
          D accepted: buy 1 @ 99
          D cancelled: 1 UNFILLED_REMAINDER
        > buy E 1 @ 0
          E rejected: PRICE_NOT_POSITIVE
        > define Y tick 1
          Y defined
        > halt Y
          Y halted
    """)
    figures = pair.shard.figures()
    assert set(figures.events) == set(EventKind)
    assert {kind: n for kind, n in figures.events.items() if n} == {
        EventKind.ACCEPTED: 4,
        EventKind.REJECTED: 1,
        EventKind.FILLED: 2,
        EventKind.CANCELLED: 1,
        EventKind.INSTRUMENT_DEFINED: 2,
        EventKind.PHASE: 1,
    }
    assert set(figures.reasons) == set(Reason) - {Reason.NONE}
    assert {reason: n for reason, n in figures.reasons.items() if n} == {
        Reason.UNFILLED_REMAINDER: 1,
        Reason.PRICE_NOT_POSITIVE: 1,
    }
    assert figures.instruments == (
        InstrumentFigures(
            *("X", Phase.CONTINUOUS, 1, 4, 1, 1, 2, 4, 2),
            **{**QUIET, "last_price": 100},
        ),
        InstrumentFigures(*("Y", Phase.HALTED, 0, 0, 0, 0, 0, 0, 0), **QUIET),
    )
    assert figures == pair.reference.figures()


def test_figures_do_not_depend_on_the_batches() -> None:
    lines = ("buy A 5 @ 100", "sell B 3 @ 100", "halt X", "buy C 1 @ 1", "day 3")
    commands = [record.pack() for record in (X, *parse_all(*lines))]
    whole, apart = Shard(1, HASH_KEY), Shard(1, bytes(16))
    whole.apply(b"".join(commands), 1)
    for time, command in enumerate(commands, 1):
        apart.apply(command, time)
    assert whole.figures() == apart.figures()


def test_more_is_traded_than_an_integer_of_64_bits_holds() -> None:
    shard = Shard(1, HASH_KEY)
    lines = []
    for number in range(20):
        lines += [f"buy b{number} {QTY_MAX} @ 1", f"sell s{number} {QTY_MAX} @ 1"]
    shard.apply(b"".join(record.pack() for record in (X, *parse_all(*lines))), 1)
    (figures,) = shard.figures().instruments
    assert (figures.trades, figures.traded_qty) == (20, 20 * QTY_MAX)
    assert 20 * QTY_MAX > 2**64


# -- lists -----------------------------------------------------------------------------


def test_a_list_of_open_orders() -> None:
    pair = Pair()
    pair.give(parse("buy 2:A 5 @ 100 gtc"), parse("sell B 2 @ 100"))
    pair.give(
        OrderCommand(
            CommandKind.NEW_ORDER,
            side=ord("2"),
            ord_type=ord("2"),
            time_in_force=ord("0"),
            source=9,
            session=2**64 - 1,
            price=101,
            qty=7,
            cl_ord_id="x" * 36,
            account="y" * 24,
            symbol="X",
        )
    )
    orders, following = pair.shard.orders_page(0, 1000)
    assert following == -1
    assert orders == [
        OpenOrder(
            order_id=SHARD | 2,
            session=2,
            source=0,
            symbol="X",
            side=ord("1"),
            ord_type=ord("2"),
            time_in_force=ord("1"),
            price=100,
            qty=5,
            leaves_qty=3,
            cum_qty=2,
            avg_price=100,
            cl_ord_id="A",
            account="",
            exec_inst=0,
            stop_price=0,
            display_qty=0,
            expire_time=0,
            shown_qty=3,
            triggered=0,
            priority=1,
        ),
        OpenOrder(
            order_id=SHARD | 4,
            session=2**64 - 1,
            source=9,
            symbol="X",
            side=ord("2"),
            ord_type=ord("2"),
            time_in_force=ord("0"),
            price=101,
            qty=7,
            leaves_qty=7,
            cum_qty=0,
            avg_price=0,
            cl_ord_id="x" * 36,
            account="y" * 24,
            exec_inst=0,
            stop_price=0,
            display_qty=0,
            expire_time=0,
            shown_qty=7,
            triggered=0,
            priority=3,
        ),
    ]


def test_pages_are_bounded_and_lose_no_order_that_stays() -> None:
    """Orders come and go between the pages; those open all the time come once."""
    pair = Pair(compare=False)
    pair.give(*(parse(f"buy s{n} 1 @ 10 gtc") for n in range(300)))
    pair.give(*(parse(f"buy g{n} 1 @ 10 gtc") for n in range(300)))
    seen: list[str] = []
    slot, turn = 0, 0
    while slot >= 0:
        orders, slot = pair.shard.orders_page(slot, 16)
        assert len(orders) <= 16
        seen += [order.cl_ord_id for order in orders]
        pair.give(parse(f"cancel c{turn} of g{turn}"), parse(f"buy n{turn} 1 @ 9"))
        turn += 1
    assert turn == 1024 // 16
    assert len(seen) == len(set(seen))
    assert {f"s{n}" for n in range(300)} <= set(seen)


def test_an_order_is_found_by_its_id() -> None:
    pair = Pair()
    pair.give(*(parse(f"buy s{n} 1 @ 10") for n in range(300)))
    pair.give(parse("cancel c of s7"))
    for number, name in ((2, "s0"), (301, "s299"), (9, None), (302, None), (0, None)):
        found = pair.shard.find_open(SHARD | number)
        assert (found.cl_ord_id if found else None) == name
    for order_id in (0, 2, 2**64 - 1):
        assert pair.shard.find_open(order_id) is None
    assert Shard(1, HASH_KEY).find_open(SHARD | 2) is None
    assert pair.shard.identifiers == 301


def test_a_page_of_an_empty_shard() -> None:
    shard = Shard(1, HASH_KEY)
    assert shard.orders_page(0, 10) == ([], -1)
    assert shard.orders_page(5, 10) == ([], -1)


@pytest.mark.parametrize(
    ("slot", "count"), [(-1, 1), (0, 0), (0, -5), (2**31, 1), (0, 2**31)]
)
def test_a_page_that_is_none(slot: int, count: int) -> None:
    with pytest.raises(ValueError, match="no page of"):
        Shard(1, HASH_KEY).orders_page(slot, count)


def test_the_largest_page() -> None:
    pair = Pair()
    pair.give(parse("buy A 1 @ 1"))
    for slot, count in ((0, 2**31 - 1), (255, 2**31 - 1), (2**31 - 1, 2**31 - 1)):
        orders, following = pair.shard.orders_page(slot, count)
        assert following == -1
        assert [order.cl_ord_id for order in orders] == (["A"] if slot == 0 else [])


def test_text_that_is_not_ascii_is_shown() -> None:
    """No gateway lets it through, but a list must not fail for it."""
    shard = Shard(1, HASH_KEY)
    command = bytearray(parse("buy A 1 @ 1").pack())
    at = command.index(b"A")
    command[at] = 0xE9
    shard.apply(X.pack() + bytes(command), 1)
    assert len(command) == COMMAND_BYTES
    assert shard.orders_page(0, 9)[0][0].cl_ord_id == "\\xe9"


# -- instruments -----------------------------------------------------------------------


def test_pages_of_instruments() -> None:
    shard = Shard(1, HASH_KEY)
    assert shard.instruments_page(0, 10) == []
    lines = [f"define S{n} tick {n + 1}" for n in range(10)]
    shard.apply(b"".join(record.pack() for record in parse_all(*lines)), 1)
    assert shard.instruments == 10
    pages = [shard.instruments_page(first, 4) for first in (0, 4, 8, 12)]
    assert [len(page) for page in pages] == [4, 4, 2, 0]
    rows = [row for page in pages for row in page]
    assert [terms for terms, _ in rows] == shard.terms()
    assert tuple(figures for _, figures in rows) == shard.figures().instruments
    assert len(shard.instruments_page(9, 2**31 - 1)) == 1
    for first, count in ((-1, 1), (0, 0), (2**31, 1), (0, 2**31)):
        with pytest.raises(ValueError, match="no page of"):
            shard.instruments_page(first, count)


def test_the_phase_of_one() -> None:
    pair = run("""
        > define Y tick 1
          Y defined
        > halt Y
          Y halted
    """)
    shard = pair.shard
    assert shard.halted() == {"Y": Phase.HALTED}
    found = [shard.phase_of(symbol) for symbol in ("X", "Y", "Z", "", "é", "X" * 25)]
    assert found == [1, 2, 0, 0, 0, 0]
    long = "L" * 24
    pair.give(parse(f"define {long} tick 1"))
    assert [shard.phase_of(s) for s in (long, long[:-1], long + "L")] == [1, 0, 0]
