"""What an order can ask for beside price and quantity, and what cannot be said."""

from __future__ import annotations

import pytest

from engine.codes import CommandKind, ExecInst, SelfTrade
from engine.records import OrderCommand
from fixgw.orders.translate import order_command
from tests.unit.test_translate import (
    NEW,
    UNIT,
    command,
    message,
    refusal,
)

DAY_NS = 86_400_000_000_000
SECOND_OF_2026 = 1_767_323_045 * 10**9  # 2026-01-02 03:04:05


# -- ExecInst(18) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        ("6", ExecInst.POST_ONLY),
        ("G", ExecInst.ALL_OR_NONE),
        ("R", ExecInst.PEG_PRIMARY),
        ("M", ExecInst.PEG_MIDPOINT),
        ("a", ExecInst.TRAILING),
        ("6 G", ExecInst.POST_ONLY | ExecInst.ALL_OR_NONE),
        ("6 6", ExecInst.POST_ONLY),
        ("a R M G 6", ExecInst(59)),
    ],
)
def test_exec_inst(value: str, bits: int) -> None:
    """What goes together is the shard's to say."""
    for msg_type in "DG":
        assert command(msg_type, t18=value).exec_inst == bits
        assert command(msg_type).exec_inst == 0


@pytest.mark.parametrize("value", ["", "66", "6G", "6 ", " 6", "6  G", "6,G", "6 GG"])
def test_exec_inst_of_another_form(value: str) -> None:
    for msg_type in "DG":
        wanted = (6, None, 18, "characters, a space between two")
        assert refusal(msg_type, t18=value) == wanted


def test_every_other_exec_inst_is_refused() -> None:
    for code in set(range(33, 127)) - set(b"6GRMa"):
        for value in (chr(code), f"6 {chr(code)}"):
            wanted = (5, None, 18, "only 6, G, M, R and a can be honoured")
            assert refusal("D", t18=value) == wanted


# -- prices ----------------------------------------------------------------------------


def test_a_stop_needs_its_price() -> None:
    for code, stop_only in (("3", True), ("4", False)):
        one = command("D", t40=code, t99="7", t44="8")
        assert one.stop_price == 7 * UNIT
        assert one.price == (0 if stop_only else 8 * UNIT)
        wanted = (None, 5, 99, "a stop order needs StopPx(99)")
        assert refusal("D", t40=code) == wanted
        assert command("G", t40=code).stop_price == 0
    wanted = (None, 5, 44, "a limit order needs Price(44)")
    assert refusal("D", t40="4", t99="7", t44=None) == wanted
    assert refusal("G", t40="4", t99="7", t44=None) == wanted


def test_a_trailing_stop_may_do_without() -> None:
    one = command("D", t40="3", t18="a", t211="0.5")
    assert (one.stop_price, one.peg_offset) == (0, UNIT // 2)
    assert one.exec_inst == ExecInst.TRAILING


@pytest.mark.parametrize("code", ["1", "2", "K", "P"])
def test_only_a_stop_has_a_stop_price(code: str) -> None:
    wanted = (5, None, 99, "only OrdType(40) 3 and 4 have a stop price")
    for msg_type in "DG":
        assert refusal(msg_type, t40=code, t99="7") == wanted


def test_a_pegged_order_may_have_a_limit_and_an_offset() -> None:
    for msg_type in "DG":
        one = command(msg_type, t40="P", t18="R", t44=None)
        assert (one.price, one.peg_offset) == (0, 0)
        one = command(msg_type, t40="P", t18="R", t44="9", t211="-0.25")
        assert (one.price, one.peg_offset) == (9 * UNIT, -UNIT // 4)


@pytest.mark.parametrize("code", ["1", "2", "3", "4", "K"])
def test_nothing_else_has_an_offset(code: str) -> None:
    wanted = (5, None, 211, "only pegged orders and trailing stops have an offset")
    for msg_type in "DG":
        assert refusal(msg_type, t40=code, t99=None, t211="1") == (
            wanted
            if code not in "34" or msg_type == "G"
            else (None, 5, 99, "a stop order needs StopPx(99)")
        )


def test_market_to_limit_has_no_price() -> None:
    assert command("D", t40="K", t44="5").price == 0


# -- quantities ------------------------------------------------------------------------


@pytest.mark.parametrize("tag", [111, 1138])
def test_the_displayed_quantity(tag: int) -> None:
    for msg_type in "DG":
        one = command(msg_type, **{f"t{tag}": "2.5"})
        assert (one.display_qty, one.exec_inst) == (5 * UNIT // 2, 0)
        one = command(msg_type, **{f"t{tag}": "0.00"})
        assert (one.display_qty, one.exec_inst) == (0, ExecInst.HIDDEN)
        one = command(msg_type, **{f"t{tag}": "-1"})
        assert one.display_qty == -UNIT  # the shard refuses it
        assert refusal(msg_type, **{f"t{tag}": "x"})[:3] == (6, None, tag)


def test_both_displayed_quantities_must_say_the_same() -> None:
    assert command("D", t111="3", t1138="3.0").display_qty == 3 * UNIT
    assert command("D", t111="0", t1138="0").exec_inst == ExecInst.HIDDEN
    wanted = (5, None, 1138, "MaxFloor(111) says otherwise")
    assert refusal("D", t111="3", t1138="4") == wanted
    assert refusal("D", t111="0", t1138="4") == wanted


def test_the_least_quantity_is_for_new_orders() -> None:
    assert command("D", t110="2").min_qty == 2 * UNIT
    assert command("D", t110="0").min_qty == 0
    assert command("G", t110="2").min_qty == 0


# -- times -----------------------------------------------------------------------------


def test_expire_time_and_expire_date() -> None:
    for msg_type in "DG":
        one = command(msg_type, t59="6", t126="20260102-03:04:05.006")
        assert one.expire_time == SECOND_OF_2026 + 6_000_000
        one = command(msg_type, t59="6", t432="20260102")
        midnight = SECOND_OF_2026 // DAY_NS * DAY_NS
        assert one.expire_time == midnight + DAY_NS - 1


def test_good_till_date_needs_a_date() -> None:
    wanted = (None, 5, 126, "TimeInForce(59)=6 needs ExpireTime(126)")
    assert refusal("D", t59="6") == wanted
    assert command("G", t59="6").expire_time == 0  # as it was


@pytest.mark.parametrize("tif", [None, "0", "1", "3", "4", "B"])
def test_a_date_needs_good_till_date(tif: str | None) -> None:
    for msg_type in "DG":
        for tag, value in ((126, "20260102-03:04:05"), (432, "20260102")):
            changes = {"t59": tif, f"t{tag}": value}
            wanted = (5, None, tag, "it goes with TimeInForce(59)=6 only")
            assert refusal(msg_type, **changes) == wanted


def test_one_date_is_enough() -> None:
    assert refusal("D", t59="6", t126="20260102-03:04:05", t432="20260102") == (
        *(5, None, 432),
        "ExpireTime(126) says it already",
    )


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (126, ""),
        (126, "20260102"),
        (126, "20260230-00:00:00"),
        (126, "22630101-00:00:00"),
        (126, "19691231-23:59:59"),
        (126, "20260102-03:04:05.0"),
        (432, ""),
        (432, "2026010"),
        (432, "202601021"),
        (432, "20261301"),
        (432, "22620412"),
        (432, "2026-1-2"),
    ],
)
def test_bad_dates(tag: int, value: str) -> None:
    assert refusal("D", **{"t59": "6", f"t{tag}": value})[:3] == (6, None, tag)


# -- self-trades -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        ("0", SelfTrade.NONE),
        ("1", SelfTrade.CANCEL_NEWEST),
        ("2", SelfTrade.CANCEL_OLDEST),
        ("3", SelfTrade.CANCEL_BOTH),
        ("4", SelfTrade.DECREMENT),
    ],
)
@pytest.mark.parametrize("default", [0, *b"1234"])
def test_an_order_says_more_than_its_session(
    value: str, mode: SelfTrade, default: int
) -> None:
    one = order_command(message("D", NEW | {2964: value}), 1, 1, 1, 1, 1, default)
    assert isinstance(one, bytes)
    assert OrderCommand.unpack(one).stp == mode
    one = order_command(message("D", NEW), 1, 1, 1, 1, 1, default)
    assert isinstance(one, bytes)
    assert OrderCommand.unpack(one).stp == default


def test_a_replace_leaves_self_trades_as_they_are() -> None:
    fields = NEW | {41: "c0", 2964: "1"}
    one = order_command(message("G", fields), 1, 1, 1, 1, 1, ord("2"))
    assert isinstance(one, bytes)
    assert OrderCommand.unpack(one).stp == 0


@pytest.mark.parametrize("value", ["5", "9", "/", "a"])
def test_unknown_modes(value: str) -> None:
    wanted = (5, None, 2964, "only 0 to 4 are possible here")
    assert refusal("D", t2964=value) == wanted


def test_the_group_of_an_order() -> None:
    assert command("D", t2362="a" * 12).stp_id == "a" * 12
    wanted = (5, None, 2362, "at most 12 characters are possible here")
    assert refusal("D", t2362="a" * 13) == wanted


# -- status ----------------------------------------------------------------------------


def test_a_status_request() -> None:
    one = command("H")
    assert one == OrderCommand(
        kind=CommandKind.ORDER_STATUS,
        side=ord("1"),
        cl_ord_id="s1",
        orig_cl_ord_id="c1",
        account="acc",
        symbol="BTC-USD",
        session=11,
        session_epoch=2,
        msg_seq_num=7,
        source=3,
        receive_time=99,
    )
    assert command("H", t790=None).cl_ord_id == ""
    assert command("H", t38="x", t40="xx", t126="y") == one
    assert refusal("H", t790="x" * 37)[2] == 790
    assert refusal("H", t11="x" * 37)[2] == 11
