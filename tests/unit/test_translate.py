"""Order messages to commands: each field's place, each refusal, each flag."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codes import CommandFlag, CommandKind
from engine.records import COMMAND_BYTES, OrderCommand
from fixgw.orders.translate import Refusal, order_command
from fixgw.wire import Message, finish, parse_message

UNIT = 10**8
NEW = {11: "c1", 1: "acc", 55: "BTC-USD", 54: "1", 38: "10", 40: "2", 44: "1.5"}
CANCEL = {11: "c2", 41: "c1", 1: "acc", 55: "BTC-USD", 54: "1"}
REPLACE = NEW | {11: "c2", 41: "c1"}
STATUS = {11: "c1", 790: "s1", 1: "acc", 55: "BTC-USD", 54: "1"}
BASES: dict[str, dict[int, Any]] = {
    "D": NEW,
    "F": CANCEL,
    "G": REPLACE,
    "H": STATUS,
}
KINDS = {
    "D": CommandKind.NEW_ORDER,
    "F": CommandKind.CANCEL,
    "G": CommandKind.REPLACE,
    "H": CommandKind.ORDER_STATUS,
}


def message(msg_type: str, fields: dict[int, Any]) -> Message:
    """A message of these fields; None leaves one out."""
    content = b"35=" + msg_type.encode() + b"\x0134=7\x01"
    for tag, value in fields.items():
        if value is not None:
            raw = value if isinstance(value, bytes) else value.encode("latin-1")
            content += b"%d=%b\x01" % (tag, raw)
    read = parse_message(finish(b"FIX.4.4", content))
    assert isinstance(read, Message), read
    return read


def translate(msg_type: str, **changes: Any) -> bytes | Refusal:
    """The answer to the base message with ``t<tag>=value`` changes."""
    fields = BASES[msg_type] | {int(tag[1:]): value for tag, value in changes.items()}
    return order_command(message(msg_type, fields), 11, 2, 7, 3, 99)


def command(msg_type: str, **changes: Any) -> OrderCommand:
    result = translate(msg_type, **changes)
    assert isinstance(result, bytes), getattr(result, "text", result)
    assert len(result) == COMMAND_BYTES
    return OrderCommand.unpack(result)


def refusal(msg_type: str, **changes: Any) -> tuple[int | None, int | None, int, str]:
    result = translate(msg_type, **changes)
    assert isinstance(result, Refusal), result
    return result.session_reject, result.business_reject, result.tag, result.text


# -- good messages ---------------------------------------------------------------------

STAMP = {
    "session": 11,
    "session_epoch": 2,
    "msg_seq_num": 7,
    "source": 3,
    "receive_time": 99,
}


def test_a_new_order() -> None:
    assert command("D", t59="1") == OrderCommand(
        kind=CommandKind.NEW_ORDER,
        side=ord("1"),
        ord_type=ord("2"),
        time_in_force=ord("1"),
        price=3 * UNIT // 2,
        qty=10 * UNIT,
        cl_ord_id="c1",
        account="acc",
        symbol="BTC-USD",
        **STAMP,
    )


def test_a_cancel() -> None:
    """Quantity, price, type and time in force are not read: they cannot be wrong."""
    wanted = OrderCommand(
        kind=CommandKind.CANCEL,
        side=ord("1"),
        cl_ord_id="c2",
        orig_cl_ord_id="c1",
        account="acc",
        symbol="BTC-USD",
        **STAMP,
    )
    assert command("F") == wanted
    assert command("F", t38="x", t44="y", t40="zz", t59="long") == wanted


def test_a_replace() -> None:
    assert command("G") == OrderCommand(
        kind=CommandKind.REPLACE,
        side=ord("1"),
        ord_type=ord("2"),
        price=3 * UNIT // 2,
        qty=10 * UNIT,
        cl_ord_id="c2",
        orig_cl_ord_id="c1",
        account="acc",
        symbol="BTC-USD",
        **STAMP,
    )


@pytest.mark.parametrize("msg_type", "DFG")
def test_each_text_field_lands_in_its_place(msg_type: str) -> None:
    places = {11: "cl_ord_id", 1: "account", 55: "symbol", 41: "orig_cl_ord_id"}
    if msg_type == "D":
        del places[41]  # a new order names no other
        assert command("D", t41="x" * 99).orig_cl_ord_id == ""
    for tag, name in places.items():
        most = 24 if name in ("account", "symbol") else 36
        for value in ("x", "y" * most, " ~", "a b=c,d\"'"):
            assert getattr(command(msg_type, **{f"t{tag}": value}), name) == value
        assert getattr(command(msg_type, **{f"t{tag}": None}), name) == ""
        assert getattr(command(msg_type, **{f"t{tag}": ""}), name) == ""


@pytest.mark.parametrize("msg_type", "DFG")
def test_each_stamp_lands_in_its_place(msg_type: str) -> None:
    read = message(msg_type, BASES[msg_type])
    most = (2**64 - 1, 2**32 - 1, 2**64 - 1, 2**16 - 1, 2**63 - 1)
    result = order_command(read, *most)
    assert isinstance(result, bytes)
    one = OrderCommand.unpack(result)
    assert most == (
        one.session,
        one.session_epoch,
        one.msg_seq_num,
        one.source,
        one.receive_time,
    )
    assert one.kind == KINDS[msg_type]
    for place, value in enumerate((2**64, 2**32, 2**64, 2**16, 2**63)):
        with pytest.raises(OverflowError):
            order_command(read, *(*most[:place], value, *most[place + 1 :]))
        if place < 4:
            with pytest.raises(OverflowError):
                order_command(read, *(*most[:place], -1, *most[place + 1 :]))


@pytest.mark.parametrize("side", "1234567895AZ")
def test_every_side_reaches_the_engine(side: str) -> None:
    for msg_type in "DFG":
        assert command(msg_type, t54=side).side == ord(side)


@pytest.mark.parametrize("code", "0123456789P")
def test_every_type_and_time_in_force_reach_the_engine(code: str) -> None:
    beside = {"t99": "1"} if code in "34" else {}
    until = {"t126": "20260102-03:04:05"} if code == "6" else {}
    for msg_type in "DG":
        assert command(msg_type, t40=code, **beside).ord_type == ord(code)
        assert command(msg_type, t59=code, **until).time_in_force == ord(code)


def test_a_new_order_is_a_day_order_by_default() -> None:
    """FIX 4.4: absence of TimeInForce(59) means day; of a replace, no change."""
    assert command("D").time_in_force == ord("0")
    assert command("G").time_in_force == 0
    assert command("F").time_in_force == 0


def test_only_a_limit_order_has_a_price() -> None:
    for msg_type in "DG":
        assert command(msg_type, t40="1").price == 0
        assert command(msg_type, t40="1", t44="bad").price == 0
        assert command(msg_type, t40="1", t44=None).price == 0
        assert command(msg_type, t40="2", t44="7").price == 7 * UNIT


def test_the_first_of_equal_tags_counts() -> None:
    content = b"35=D\x0111=one\x0111=two\x0155=X\x0154=1\x0138=1\x0140=1\x01"
    read = parse_message(finish(b"FIX.4.4", content))
    assert isinstance(read, Message)
    result = order_command(read, 1, 1, 1, 1, 1)
    assert isinstance(result, bytes)
    assert OrderCommand.unpack(result).cl_ord_id == "one"


@pytest.mark.parametrize("msg_type", "DFG")
@pytest.mark.parametrize(
    ("dup", "resend", "flags"),
    [
        (None, None, 0),
        ("Y", None, CommandFlag.POSS_DUP),
        (None, "Y", CommandFlag.POSS_RESEND),
        ("Y", "Y", CommandFlag.POSS_DUP | CommandFlag.POSS_RESEND),
        ("N", "N", 0),
        ("", "", 0),
        ("y", "YY", 0),
    ],
)
def test_flags(msg_type: str, dup: str, resend: str, flags: int) -> None:
    assert command(msg_type, t43=dup, t97=resend).flags == flags


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("0", 0),
        ("-1", -UNIT),
        ("-0.00000001", -1),
        ("0.00000001", 1),
        (".5", UNIT // 2),
        ("5.", 5 * UNIT),
        ("002000.00", 2000 * UNIT),
        ("1.230000000000000", 123_000_000),
        ("91999999999.99999999", 9_199_999_999_999_999_999),
        ("-91999999999.99999999", -9_199_999_999_999_999_999),
    ],
)
def test_decimals(text: str, units: int) -> None:
    """Zero and negative ones too: whether they are allowed is the shard's to say."""
    for msg_type in "DG":
        assert command(msg_type, t38=text).qty == units
        assert command(msg_type, t44=text).price == units


def test_a_missing_quantity_is_none() -> None:
    """The dictionary demands OrderQty(38); without it the shard refuses 0."""
    assert command("D", t38=None).qty == 0


def test_reserved_bytes_are_zero() -> None:
    for msg_type in "DFG":
        result = translate(msg_type)
        assert isinstance(result, bytes)
        assert OrderCommand.unpack(result).pack() == result
        assert result[-12:] == bytes(12)  # SelfMatchPreventionID(2362), not given


# -- refusals --------------------------------------------------------------------------

LONG = "at most {} characters are possible here"
UNPRINTABLE = "only printable ASCII is possible here"
TEXTS = [("D", 11), ("D", 1), ("D", 55)] + [
    (msg_type, tag) for msg_type in "FG" for tag in (11, 41, 1, 55)
]


@pytest.mark.parametrize(("msg_type", "tag"), TEXTS)
def test_long_texts(msg_type: str, tag: int) -> None:
    most = 36 if tag in (11, 41) else 24
    for size in (most + 1, most + 2, 1_000, 60_000):
        wanted = (5, None, tag, LONG.format(most))
        assert refusal(msg_type, **{f"t{tag}": "x" * size}) == wanted


@pytest.mark.parametrize(("msg_type", "tag"), TEXTS)
def test_texts_not_printable(msg_type: str, tag: int) -> None:
    for byte in {*range(32), *range(127, 256)} - {1}:
        for value in (bytes([byte]), b"ab" + bytes([byte]), bytes([byte]) + b"c"):
            wanted = (5, None, tag, UNPRINTABLE)
            assert refusal(msg_type, **{f"t{tag}": value}) == wanted
    for byte in range(32, 127):
        assert command(msg_type, **{f"t{tag}": bytes([byte])})


@pytest.mark.parametrize(
    ("msg_type", "tag"), [("D", 54), ("F", 54), ("G", 54)] + [("D", 40), ("G", 59)]
)
@pytest.mark.parametrize("value", ["", "11", "buy"])
def test_not_one_character(msg_type: str, tag: int, value: str) -> None:
    wanted = (6, None, tag, "one character is expected")
    assert refusal(msg_type, **{f"t{tag}": value}) == wanted


@pytest.mark.parametrize("tag", [40, 54, 59])
def test_a_character_not_printable(tag: int) -> None:
    """A report would carry it back; and a NUL would stand for a missing field."""
    for byte in {*range(32), *range(127, 256)} - {1}:
        result = translate("D", **{f"t{tag}": bytes([byte])})
        assert isinstance(result, Refusal), f"byte {byte} of tag {tag} is taken"


DECIMAL_FIELDS = [("D", 38), ("D", 44), ("G", 38), ("G", 44)]


@pytest.mark.parametrize(("msg_type", "tag"), DECIMAL_FIELDS)
@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("0.000000001", 5, "at most 8 decimal places are possible here"),
        ("1.123456789", 5, "at most 8 decimal places are possible here"),
        ("92000000000", 5, "the number is too large"),
        ("-92000000000", 5, "the number is too large"),
        ("9" * 400, 5, "the number is too large"),
        ("1" + "0" * 30 + ".5", 5, "the number is too large"),
        ("", 6, "this is no decimal number"),
        ("-", 6, "this is no decimal number"),
        (".", 6, "this is no decimal number"),
        ("-.", 6, "this is no decimal number"),
        ("+1", 6, "this is no decimal number"),
        ("1e3", 6, "this is no decimal number"),
        (" 1", 6, "this is no decimal number"),
        ("1 ", 6, "this is no decimal number"),
        ("1,5", 6, "this is no decimal number"),
        ("1.2.3", 6, "this is no decimal number"),
        ("0x1", 6, "this is no decimal number"),
        ("nan", 6, "this is no decimal number"),
        ("--1", 6, "this is no decimal number"),
        ("1\x00", 6, "this is no decimal number"),
        ("\xb2", 6, "this is no decimal number"),
    ],
)
def test_bad_decimals(msg_type: str, tag: int, text: str, code: int, says: str) -> None:
    assert refusal(msg_type, **{f"t{tag}": text}) == (code, None, tag, says)


def test_a_limit_order_needs_a_price() -> None:
    wanted = (None, 5, 44, "a limit order needs Price(44)")
    assert refusal("D", t44=None) == wanted
    assert refusal("G", t44=None) == wanted


def test_the_first_fault_is_told() -> None:
    """In this order: 11, 41, 1, 55, 54, 40, 59, 38, 44."""
    faults = {
        11: "x" * 37,
        41: "x" * 37,
        1: "x" * 37,
        55: "x" * 37,
        54: "xx",
        40: "xx",
        59: "xx",
        38: "x",
        44: "x",
    }
    while faults:
        first = next(iter(faults))
        changes = {f"t{tag}": value for tag, value in faults.items()}
        assert refusal("G", **changes)[2] == first
        del faults[first]


@pytest.mark.parametrize("msg_type", ["0", "8", "A", "AE", "DD", "", "d", "\xc4"])
def test_other_messages_are_not_orders(msg_type: str) -> None:
    read = parse_message(
        finish(b"FIX.4.4", b"35=" + msg_type.encode("latin-1") + b"\x01")
    )
    assert isinstance(read, Message)
    with pytest.raises(ValueError, match="is no order message"):
        order_command(read, 1, 1, 1, 1, 1)


@pytest.mark.parametrize("bad", [None, b"35=D", object()])
def test_only_messages_are_taken(bad: Any) -> None:
    with pytest.raises(TypeError):
        order_command(bad, 1, 1, 1, 1, 1)


# -- properties ------------------------------------------------------------------------

VALUES = st.one_of(
    st.sampled_from([b"1", b"2", b"0", b"Y", b"N", b"10.5", b"x" * 36, b"x" * 37, b""]),
    st.binary(max_size=40).map(lambda data: data.replace(b"\x01", b"")),
)
TAGS = st.sampled_from(
    [
        *(1, 11, 18, 38, 40, 41, 43, 44, 54, 55, 59, 97, 99, 110, 111, 126, 211, 432),
        *(790, 1138, 2362, 2964),
    ]
)


@given(st.sampled_from("DFGH"), st.dictionaries(TAGS, VALUES))
def test_any_values_give_a_command_or_a_refusal(
    msg_type: str, fields: dict[int, bytes]
) -> None:
    result = order_command(message(msg_type, fields), 1, 1, 1, 1, 1)
    if isinstance(result, Refusal):
        assert (result.session_reject is None) != (result.business_reject is None)
        assert result.tag in fields or result.business_reject == 5
        assert result.text
        return
    one = OrderCommand.unpack(result)
    assert one.pack() == result
    assert one.kind == KINDS[msg_type]
    named = one.orig_cl_ord_id if msg_type == "H" else one.cl_ord_id
    assert named.encode() == fields.get(11, b"")
    assert one.symbol.encode() == fields.get(55, b"")


@pytest.mark.parametrize("value", ["P", "", "FF", "f"])
def test_only_a_whole_order_can_be_cancelled(value: str) -> None:
    """CxlType(125) of FIX 4.0."""
    assert refusal("F", t125=value) == (
        *(5, None, 125),
        "only F, the whole order, is possible",
    )
    assert command("F", t125="F") == command("F")
    for msg_type in "DG":
        assert command(msg_type, t125=value) == command(msg_type)
