"""Identifiers, numbered commands, days and calls: what a shard does beside matching.

The notation is that of :mod:`tests.reference.script`. Every script is also checked
against the invariants and the reference exchange.
"""

from __future__ import annotations

import pytest

from engine.codes import CommandFlag, EventKind, OrdStatus, Reason
from engine.records import EVENT_BYTES, unpack_all
from engine.shard import Shard
from tests.reference.script import HASH_KEY, Pair, X, parse, run

# -- identifiers used up ---------------------------------------------------------------


def test_identifiers_are_used_up_by_every_command() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > buy A 1 @ 100
          A rejected: DUPLICATE_CL_ORD_ID
        > buy B 0 @ 100
          B rejected: QTY_NOT_POSITIVE
        > buy B 1 @ 100
          B rejected: DUPLICATE_CL_ORD_ID
        > cancel C of Z
          C does not cancel Z: UNKNOWN_ORDER
        > buy C 1 @ 100
          C rejected: DUPLICATE_CL_ORD_ID
        > replace D of A 0 @ 100
          D does not replace A: QTY_NOT_POSITIVE
        > cancel D of A
          D does not cancel A: DUPLICATE_CL_ORD_ID
        > cancel E of A on Y
          E does not cancel A: SYMBOL_MISMATCH
        > cancel E of A
          E does not cancel A: DUPLICATE_CL_ORD_ID
        > cancel A of A
          A does not cancel A: DUPLICATE_CL_ORD_ID
        > cancel F of A
          F cancels A: 1 REQUESTED
        > buy F 1 @ 100
          F rejected: DUPLICATE_CL_ORD_ID
        > buy - 1 @ 100
          - rejected: MISSING_CL_ORD_ID
        > cancel - of A
          - does not cancel A: MISSING_CL_ORD_ID
    """)


def test_reuse_id_frees_identifiers_with_their_order() -> None:
    run("""
        > buy A 1 @ 100 reuse
          A accepted: buy 1 @ 100
        > buy A 1 @ 100 reuse
          A rejected: DUPLICATE_CL_ORD_ID
        > replace A of A 2 @ 100 reuse
          A replaces A: buy 2 @ 100, leaves 2
        > replace B of A 3 @ 100 reuse
          B replaces A: buy 3 @ 100, leaves 3
        > buy A 1 @ 99 reuse
          A accepted: buy 1 @ 99
        > cancel B of B reuse
          B cancels B: 3 REQUESTED
        > cancel B of B reuse
          B does not cancel B: UNKNOWN_ORDER
        > buy B 0 @ 100 reuse
          B rejected: QTY_NOT_POSITIVE
        > buy B 1 @ 100 reuse
          B accepted: buy 1 @ 100
        > sell C 2 @ 99 reuse
          C accepted: sell 2 @ 99
          B makes 1 @ 100, leaves 0
          C takes 1 @ 100, leaves 1
          A makes 1 @ 99, leaves 0
          C takes 1 @ 99, leaves 0
        > buy C 1 @ 100 ioc reuse
          C accepted: buy 1 @ 100
          C cancelled: 1 UNFILLED_REMAINDER
        > buy C 1 @ 100 reuse
          C accepted: buy 1 @ 100
        > replace D of C 0 @ 100 reuse leaves
          D cancels C: 1 REPLACED_BELOW_CUM_QTY
        > buy D 1 @ 100 reuse
          D accepted: buy 1 @ 100
        > buy C 1 @ 100 reuse
          C accepted: buy 1 @ 100
    """)


def test_reuse_id_of_a_replace_does_not_free_what_was_used_for_the_day() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > replace B of A 2 @ 100 reuse
          B replaces A: buy 2 @ 100, leaves 2
        > buy A 1 @ 100
          A rejected: DUPLICATE_CL_ORD_ID
    """)


def test_reuse_id_of_an_order_does_not_free_what_a_replace_used_for_the_day() -> None:
    run("""
        > buy A 1 @ 100 reuse
          A accepted: buy 1 @ 100
        > replace B of A 2 @ 100
          B replaces A: buy 2 @ 100, leaves 2
        > cancel C of B
          C cancels B: 2 REQUESTED
        > buy B 1 @ 100
          B rejected: DUPLICATE_CL_ORD_ID
    """)


def test_replace_back_to_an_earlier_identifier_notes_it_once() -> None:
    pair = Pair(compare=False)
    pair.give(parse("buy A 1 @ 100"), parse("replace B of A 2 @ 100"))
    (event,) = pair.give(parse("replace A of A 3 @ 100 reuse"))
    assert (event.kind, event.cl_ord_id) == (EventKind.REPLACED, "A")
    names = [row[:2] for row in pair.shard.dump()[2]]
    assert len(names) == len(set(names))
    pair.check()


# -- numbered commands -----------------------------------------------------------------


def test_numbers_a_session_has_brought_are_dropped_without_an_event() -> None:
    pair = run("""
        > buy A 1 @ 100 number 0/1
          A accepted: buy 1 @ 100
        > buy B 1 @ 100 number 0/1
        > buy A 1 @ 100 number 0/1
        > buy C 0 @ 100 number 0/5
          C rejected: QTY_NOT_POSITIVE
        > buy C 1 @ 100 number 0/5
        > buy D 1 @ 100 number 0/3
        > buy 2:E 1 @ 100 number 0/1
          2:E accepted: buy 1 @ 100
        > buy F 1 @ 100
          F accepted: buy 1 @ 100
        > buy G 1 @ 100 number 1/1
          G accepted: buy 1 @ 100
        > buy H 1 @ 100 number 0/9
        > buy I 1 @ 100 number 1/2
          I accepted: buy 1 @ 100
    """)
    assert pair.shard.duplicates == 5
    assert pair.shard.command_seq == 12


def test_epochs_are_unsigned() -> None:
    run("""
        > buy A 1 @ 100 number 2147483647/9
          A accepted: buy 1 @ 100
        > buy B 1 @ 100 number 2147483648/1
          B accepted: buy 1 @ 100
        > buy C 1 @ 100 number 4294967295/1
          C accepted: buy 1 @ 100
        > buy D 1 @ 100 number 1/1
    """)


@pytest.mark.parametrize(
    "line",
    [
        "buy A 5 @ 100",
        "buy A 0 @ 100",
        "buy A 5 @ 100 ioc",
        "replace A of O 4 @ 100",
        "replace A of O 0 @ 100 leaves",
        "replace A of O 0 @ 100",
        "cancel A of O",
        "cancel A of -",
    ],
)
def test_answer_carries_number_epoch_and_flags_of_its_command(line: str) -> None:
    pair = Pair()
    pair.give(parse("buy O 9 @ 99"))
    flags = 0x8000 | CommandFlag.POSS_RESEND
    command = parse(f"{line} number 3/7")
    wanted = int(flags | command.flags)  # type: ignore[attr-defined]
    events = pair.give(parse(f"{line} number 3/7 flags={wanted}"))
    told = [(event.session_epoch, event.msg_seq_num, event.flags) for event in events]
    assert told == [(3, 7, wanted)] * len(events)


def test_fills_and_expiries_carry_no_number() -> None:
    pair = Pair()
    pair.give(parse("buy A 5 @ 100 number 3/7 flags=2"))
    fills = pair.give(parse("sell 2:T 2 @ 100 number 3/7 flags=2"))[1:]
    expiry = pair.give(parse("day 1"))[0]
    for event in [*fills, expiry]:
        assert (event.session_epoch, event.msg_seq_num, event.flags) == (0, 0, 0)
    pair.check()


# -- days ------------------------------------------------------------------------------


def test_day_orders_expire_in_a_fixed_order() -> None:
    run("""
        > define Y tick 1 lot 1
          Y defined
        > sell a 1 @ 105 on Y
          a accepted: sell 1 @ 105
        > buy b 1 @ 100
          b accepted: buy 1 @ 100
        > sell c 1 @ 106
          c accepted: sell 1 @ 106
        > buy d 1 @ 99
          d accepted: buy 1 @ 99
        > buy e 1 @ 99
          e accepted: buy 1 @ 99
        > sell f 1 @ 105
          f accepted: sell 1 @ 105
        > buy 2:g 1 @ 98
          2:g accepted: buy 1 @ 98
        > buy h 1 @ 99 gtc
          h accepted: buy 1 @ 99
        > buy i 1 @ 99 on Y
          i accepted: buy 1 @ 99
        > day 20000
          2:g expired: 1
          d expired: 1
          e expired: 1
          b expired: 1
          f expired: 1
          c expired: 1
          i expired: 1
          a expired: 1
          day 20000 begins
        > sell T 5 @ 90 ioc
          T accepted: sell 5 @ 90
          h makes 1 @ 99, leaves 0
          T takes 1 @ 99, leaves 4
          T cancelled: 4 UNFILLED_REMAINDER
    """)


def test_partly_filled_order_expires_with_its_sums() -> None:
    pair = Pair()
    pair.give(parse("buy A 5 @ 100"), parse("sell T 2 @ 100"))
    expired, ended = pair.give(parse("day 7"))
    assert (expired.kind, expired.ord_status) == (EventKind.EXPIRED, OrdStatus.EXPIRED)
    assert (expired.cum_qty, expired.leaves_qty, expired.last_qty) == (2, 0, 3)
    assert (expired.reason, expired.qty) == (Reason.END_OF_DAY, 5)
    assert (ended.day, pair.shard.day) == (7, 7)
    pair.check()


def test_a_new_day_frees_the_identifiers_of_dead_orders() -> None:
    run("""
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > buy B 0 @ 100
          B rejected: QTY_NOT_POSITIVE
        > buy C 1 @ 100 gtc
          C accepted: buy 1 @ 100
        > day 1
          A expired: 1
          day 1 begins
        > cancel D of A
          D does not cancel A: UNKNOWN_ORDER
        > buy A 1 @ 100
          A accepted: buy 1 @ 100
        > buy B 1 @ 100
          B accepted: buy 1 @ 100
        > buy C 1 @ 100
          C rejected: DUPLICATE_CL_ORD_ID
        > cancel E of C
          E cancels C: 1 REQUESTED
    """)


def test_the_chain_of_a_live_order_outlasts_the_day() -> None:
    """A cancel sent before the answer to a replace, across the end of the day."""
    run("""
        > buy A 2 @ 100 gtc
          A accepted: buy 2 @ 100
        > replace B of A 1 @ 100
          B replaces A: buy 1 @ 100, leaves 1
        > day 1
          day 1 begins
        > cancel C of A
          C cancels B: 1 REQUESTED
    """)


# -- calls -----------------------------------------------------------------------------


def test_a_call_without_commands_gives_no_events() -> None:
    shard = Shard(1, HASH_KEY)
    assert shard.apply(b"", 1) == b""
    assert len(shard.apply(X.pack(), 2)) == EVENT_BYTES
    assert shard.apply(b"", 3) == b""
    with pytest.raises(ValueError, match="not after"):
        shard.apply(b"", 3)


def test_identifiers_carry_the_shard() -> None:
    shard = Shard(0xFFFF, HASH_KEY)
    lines = ["buy A 1 @ 100", "sell B 1 @ 100"]
    data = X.pack() + b"".join(parse(line).pack() for line in lines)
    _, _, accepted, maker, taker = unpack_all(shard.apply(data, 1), EVENT_BYTES)
    assert accepted.order_id == 0xFFFF << 48 | 3
    assert maker.trade_id == taker.trade_id == 0xFFFF << 48 | maker.seq
    assert (maker.contra_order_id, taker.order_id) == (accepted.order_id,) * 2


@pytest.mark.parametrize("shard_id", [-1, 0x10000])
def test_shard_number_is_16_bits(shard_id: int) -> None:
    with pytest.raises(ValueError, match="0 to 65535"):
        Shard(shard_id, HASH_KEY)
