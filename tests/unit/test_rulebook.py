"""Rulebooks: which dictionary judges, and that the quick way hides no fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixgw.dictionary import (
    APPL_VER_IDS,
    Dictionary,
    DictionaryError,
    MessageSupport,
    Rulebook,
    SessionRejectReason,
    Switches,
    Violation,
    load,
    validate,
)
from fixgw.dictionary.validation import GROUP_ENTRIES_MAX
from fixgw.wire import Garbled, Message, finish, parse_message
from tests.unit.dictionary_samples import parsed, sample

ROOT = Path(__file__).resolve().parents[2]


def dictionary(stem: str, folder: str = "spec") -> Dictionary:
    path = ROOT / folder / f"{stem}.xml"
    return load(path.read_text(), path.name)


FIX44 = dictionary("FIX44")
FIXT11 = dictionary("FIXT11")
FIX50 = dictionary("FIX50")
SP2 = dictionary("FIX50SP2")
CERTIFICATION = dictionary("FIX44", "tests/fix_scenarios/dictionaries")
SINGLE = Rulebook.single(FIX44)
FIXT = Rulebook.fixt(FIXT11, {"6": FIX44, "7": FIX50, "9": SP2}, "9")

TIME = "20240229-12:00:00"
ORDER = f"11=id|55=BTC-USD|54=1|60={TIME}|38=10|40=2|44=1.5|"


def message(
    body: str, msg_type: str = "D", begin: str = "FIXT.1.1", header: str = ""
) -> Message:
    text = f"35={msg_type}|34=2|49=A|52={TIME}|56=B|{header}{body}"
    parsed = parse_message(
        finish(begin.encode(), text.replace("|", "\x01").encode("latin-1")), 100_000
    )
    assert isinstance(parsed, Message)
    return parsed


def reason(
    answer: Violation | MessageSupport | None,
) -> tuple[int, int | None] | MessageSupport | None:
    return (int(answer.reason), answer.tag) if isinstance(answer, Violation) else answer


# -- one dictionary --------------------------------------------------------------------


def test_a_single_dictionary_judges_everything() -> None:
    good = message(ORDER, begin="FIX.4.4")
    assert SINGLE.judge(good) is None
    assert SINGLE.judge(good, Switches(), "9") is None
    assert SINGLE.judge(message("98=0|108=30|", "A", "FIX.4.4")) is None
    bad = message(ORDER.replace("40=2", "40=w"), begin="FIX.4.4")
    assert reason(SINGLE.judge(bad)) == (5, 40)
    assert SINGLE.judge(bad, Switches(allow_unknown_enum_values=True)) is None


def test_legal_types_are_unsupported_others_unknown() -> None:
    for msg_type in ("AE", "n", "U7"):
        answer = SINGLE.judge(message("", msg_type, "FIX.4.4"))
        assert answer is MessageSupport.UNSUPPORTED
    for msg_type in ("*", "ZZ", "BI", ""):
        assert reason(SINGLE.judge(message("", msg_type, "FIX.4.4"))) == (11, None)


def test_structure_is_judged_before_the_type() -> None:
    mixed = message("58=x|43=Y|", "AE", "FIX.4.4")
    assert reason(SINGLE.judge(mixed)) == (14, 43)


def test_it_answers_like_the_dictionary() -> None:
    assert SINGLE.begin_string == "FIX.4.4"
    assert SINGLE.speaks("6")
    assert not SINGLE.speaks("9")
    assert SINGLE.is_admin("A")
    assert not SINGLE.is_admin("D")
    assert not SINGLE.is_admin("?")
    assert SINGLE.message_name("D") == "NewOrderSingle"
    assert SINGLE.field_name(38) == "OrderQty"
    assert SINGLE.enum_name(54, "1") == "BUY"
    assert SINGLE.data_lengths == FIX44.data_lengths


def test_of_a_version_nobody_numbered() -> None:
    old = (ROOT / "spec" / "FIX40.xml").read_text().replace('minor="0"', 'minor="9"', 1)
    rules = Rulebook.single(load(old, "old"))
    assert rules.begin_string == "FIX.4.9"
    assert rules.message_name("D") == "NewOrderSingle"
    assert reason(rules.judge(message("", "AE", "FIX.4.9"))) == (11, None)


# -- FIXT ------------------------------------------------------------------------------


def test_version_numbers_are_known_by_name() -> None:
    assert APPL_VER_IDS["FIX.5.0SP2"] == APPL_VER_IDS["9"] == "9"
    assert APPL_VER_IDS["FIX.4.0"] == APPL_VER_IDS["2"] == "2"
    assert len(APPL_VER_IDS) == 16


def test_the_transport_judges_its_own_messages() -> None:
    assert FIXT.judge(message("98=0|108=30|1137=9|", "A")) is None
    # Also when it names an application version that nobody has.
    assert FIXT.judge(message("112=x|", "0"), Switches(), "33") is None
    assert reason(FIXT.judge(message("98=0|108=30|", "A"))) == (1, 1137)
    assert reason(FIXT.judge(message("925=x|98=0|108=30|1137=9|", "A"))) == (2, 925)
    # The application's fields are unknown to it.
    assert reason(FIXT.judge(message("11=x|", "0"))) == (0, 11)


# FIX 4.4 lets Rule80A(47) pass and has no TimeInForce(59) of 9, FIX 5.0 the reverse.
ONLY_44 = ORDER + "47=A|"
ONLY_50 = ORDER + "59=9|"


@pytest.mark.parametrize(
    ("default", "header", "judge"),
    [
        ("", "", "9"),
        ("9", "", "9"),
        ("6", "", "6"),
        ("6", "1128=9|", "9"),
        ("9", "1128=6|", "6"),
        ("", "1128=6|", "6"),
        ("33", "1128=6|", "6"),
    ],
)
def test_the_version_is_the_messages_the_clients_or_ours(
    default: str, header: str, judge: str
) -> None:
    old = FIXT.judge(message(ONLY_44, header=header), Switches(), default)
    new = FIXT.judge(message(ONLY_50, header=header), Switches(), default)
    assert reason(old) == (None if judge == "6" else (0, 47))
    assert reason(new) == (None if judge == "9" else (5, 59))


@pytest.mark.parametrize(
    ("default", "header"),
    [("33", ""), ("8", ""), ("", "1128=8|"), ("9", "1128=33|"), ("9", "1128=é|")],
)
def test_an_unknown_version_is_refused(default: str, header: str) -> None:
    answer = FIXT.judge(message(ORDER, header=header), Switches(), default)
    assert reason(answer) == (18, 1128)
    assert isinstance(answer, Violation)
    assert answer.text == "Invalid or unsupported application version"


def test_it_gives_the_dictionary_of_a_message() -> None:
    order = FIXT.dictionary_for(message(ORDER, header="1128=6|"))
    assert order is not None
    assert order.enum_name(59, "9") is None
    logon = FIXT.dictionary_for(message("", "A"))
    assert logon is not None
    assert logon.begin_string == "FIXT.1.1"
    assert FIXT.dictionary_for(message(ORDER), "33") is None
    assert SINGLE.dictionary_for(message(ORDER)) is FIX44


def test_an_empty_version_is_no_version() -> None:
    answer = FIXT.judge(message(ORDER, header="1128=|"))
    assert reason(answer) == (4, 1128)


def test_header_and_trailer_are_the_transports() -> None:
    assert FIXT.judge(message(ORDER, header="1129=x|1156=3|")) is None
    assert reason(FIXT.judge(message(ORDER, header="1156=x|"))) == (6, 1156)
    assert reason(FIXT.judge(message(ORDER + "1129=x|"))) == (14, 1129)
    assert reason(FIXT.judge(message(ORDER + "1137=9|"))) == (2, 1137)
    no_target = message(ORDER).raw.replace(b"\x0156=B", b"")
    body = no_target[no_target.index(b"35=") : -7]
    without = parse_message(finish(b"FIXT.1.1", body))
    assert isinstance(without, Message)
    assert reason(FIXT.judge(without)) == (1, 56)


def test_types_of_the_application_version_are_legal() -> None:
    for msg_type, default, answer in [
        ("CC", "9", MessageSupport.UNSUPPORTED),
        ("CC", "7", (11, None)),
        ("BI", "7", MessageSupport.UNSUPPORTED),
        ("BI", "6", (11, None)),
        ("AE", "6", MessageSupport.UNSUPPORTED),
        ("U9", "6", MessageSupport.UNSUPPORTED),
        ("*", "9", (11, None)),
    ]:
        given = message("", msg_type)
        assert reason(FIXT.judge(given, Switches(), default)) == answer, msg_type


def test_the_session_messages_of_an_application_dictionary_do_not_count() -> None:
    """FIX 4.4 as an application: its Logon needs no DefaultApplVerID(1137)."""
    rules = Rulebook.fixt(FIXT11, {"6": FIX44}, "6")
    assert reason(rules.judge(message("98=0|108=30|", "A"))) == (1, 1137)
    assert rules.judge(message(ORDER)) is None


def test_what_it_answers_for_logs() -> None:
    assert FIXT.begin_string == "FIXT.1.1"
    assert [FIXT.speaks(each) for each in ("6", "7", "8", "9", "", "33")] == [
        *(True, True, False, True),
        *(False, False),
    ]
    assert FIXT.is_admin("A")
    assert not FIXT.is_admin("D")
    assert FIXT.message_name("D") == "NewOrderSingle"
    assert FIXT.message_name("A") == "Logon"
    assert FIXT.field_name(1137) == "DefaultApplVerID"
    assert FIXT.field_name(38) == "OrderQty"
    assert FIXT.enum_name(1128, "9") == "FIX50SP2"
    assert FIXT.enum_name(59, "9") == "AT_CROSSING"
    assert FIXT.data_lengths.items() >= {(1401, 1402), (354, 355), (95, 96)}


def test_dictionaries_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(DictionaryError, match="'FIX.5.0' is no ApplVerID"):
        Rulebook.fixt(FIXT11, {"FIX.5.0": FIX50}, "FIX.5.0")
    with pytest.raises(DictionaryError, match="no dictionary for the default '9'"):
        Rulebook.fixt(FIXT11, {"7": FIX50}, "9")


@pytest.mark.parametrize(("own", "taken"), [(256, True), (257, False)])
def test_data_fields_of_its_own_are_limited(own: int, taken: bool) -> None:
    more = "".join(
        f'<field number="{tag}" name="X{tag}Len" type="LENGTH"/>'
        f'<field number="{tag + 1}" name="X{tag}" type="DATA"/>'
        for tag in range(20_000, 20_000 + 2 * own, 2)
    )
    text = (ROOT / "spec" / "FIX44.xml").read_text()
    many = load(text.replace("</fields>", more + "</fields>"), "many")
    if taken:
        lengths = Rulebook.single(many).data_lengths
        data = b"35=B\x0120000=3\x0120001=a\x01b\x01"
        assert isinstance(parse_message(finish(b"FIX.4.4", data)), Garbled)
        read = parse_message(finish(b"FIX.4.4", data), 10, lengths)
        assert isinstance(read, Message)
        assert read.get(20001) == b"a\x01b"
    else:
        with pytest.raises(DictionaryError, match="many: more than 256 data fields"):
            Rulebook.single(many)


def test_a_tag_may_mean_one_thing_to_each() -> None:
    """Text(58) is a number to this application; the transport's is still text."""
    other = (ROOT / "spec" / "FIX50SP2.xml").read_text()
    text = '<field number="58" name="Text" type="STRING"/>'
    assert text in other
    number = load(other.replace(text, text.replace("STRING", "INT")), "number")
    rules = Rulebook.fixt(FIXT11, {"9": number}, "9")
    assert reason(rules.judge(message(ORDER + "58=x|"))) == (6, 58)
    assert rules.judge(message(ORDER + "58=7|")) is None
    assert rules.judge(message("58=x|", "5")) is None


def test_a_tag_of_the_header_is_no_tag_of_the_body() -> None:
    """Some dictionaries list OnBehalfOfCompID(115) in a body as well."""
    text = (ROOT / "spec" / "FIX44.xml").read_text()
    order = '<message name="NewOrderSingle" msgtype="D" msgcat="app">'
    both = text.replace(order, order + '<field name="OnBehalfOfCompID"/>')
    rules = Rulebook.single(load(both, "both"))
    assert reason(rules.judge(message(ORDER + "115=x|", begin="FIX.4.4"))) == (14, 115)
    assert rules.judge(message(ORDER, begin="FIX.4.4", header="115=x|")) is None


# -- the quick way ---------------------------------------------------------------------

RULES = Rulebook.single(CERTIFICATION)
SWITCHES = st.builds(
    Switches,
    validate_fields_out_of_order=st.booleans(),
    validate_fields_have_values=st.booleans(),
    validate_user_defined_fields=st.booleans(),
    allow_unknown_msg_fields=st.booleans(),
    allow_unknown_enum_values=st.booleans(),
    validate_unordered_group_fields=st.booleans(),
    first_field_in_group_is_delimiter=st.booleans(),
)
VALUES = st.sampled_from(
    [
        *(b"", b"0", b"1", b"2", b"3", b"-1", b"007", b"1.5", b"-", b".", b"1.", b"A"),
        *(b"Y", b"N", b"n", b"text", b"te\x02xt", b"\x7f", b"\x80", b"\xff", b" "),
        *(b"1 G", b"1  G", b"G", b"9" * 18, b"9" * 19, b"0" * 30 + b"2", b"1e5"),
        *(b"20240229-12:00:00", b"20230229-12:00:00", b"20240115-24:00:00"),
        *(b"20240115-23:59:60.123456", b"20240115-12:00:00.1", b"00000115-12:00:00"),
        *(b"20241315-12:00:00", b"2024-01-15 12:00:0", b"20240115-12:00:00.123456789x"),
        *(b"202402", b"20240230", b"USD", b"US", b"999999999999", b"4294967298"),
    ]
)
TAGS = st.sampled_from(
    sorted(
        CERTIFICATION.fields.keys()
        - CERTIFICATION.data_lengths.keys()
        - set(CERTIFICATION.data_lengths.values())
        - {8, 9, 10, 35}
    )
    + [999, 5000, 9999, -1]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good message with some fields dropped, doubled, moved or given other values."""
    msg_type = draw(st.sampled_from(sorted(CERTIFICATION.messages)))
    entries = draw(st.integers(1, 3))
    good = sample(CERTIFICATION, msg_type, draw(st.booleans()), None, entries)
    fields = parsed(good, CERTIFICATION).fields()[2:-1]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(1, len(fields) - 1))
        change = draw(st.sampled_from(["drop", "double", "move", "value", "insert"]))
        if change == "drop":
            del fields[at]
        elif change == "double":
            fields.insert(draw(st.integers(1, len(fields))), fields[at])
        elif change == "move":
            fields.insert(draw(st.integers(1, len(fields) - 1)), fields.pop(at))
        elif change == "value":
            fields[at] = (fields[at][0], draw(VALUES))
        else:
            fields.insert(at, (draw(TAGS), draw(VALUES)))
        if len(fields) < 2:
            break
    content = b"".join(b"%d=%b\x01" % field for field in fields)
    return finish(b"FIX.4.4", content)


@pytest.mark.timeout(180)  # 10 s on an idle machine
@given(mutated(), SWITCHES)
@settings(max_examples=3000, deadline=None)
def test_the_quick_way_never_passes_what_has_a_fault(
    data: bytes, switches: Switches
) -> None:
    message = parse_message(data)
    if not isinstance(message, Message):
        return  # a data field that lost its length
    for each in (Switches(), switches):
        slow = validate(CERTIFICATION, message.msg_type, message.fields(), each)
        assert RULES.judge(message, each) == slow


def test_it_passes_however_often_it_is_asked() -> None:
    """What was seen in one message is not remembered in the next."""
    good = parsed(sample(CERTIFICATION, "D", True), CERTIFICATION)
    twice = message(ORDER + "58=x|58=y|", begin="FIX.4.4")
    for _ in range(1000):
        assert RULES.judge(good) is None
        assert reason(RULES.judge(twice)) == (13, 58)


def lines(count: int, claimed: int | None = None) -> Message:
    """An Email with this many lines."""
    body = f"94=0|147=s|33={count if claimed is None else claimed}|" + "58=x|" * count
    return message(body, "C", "FIX.4.4")


def test_group_entries_are_limited() -> None:
    assert RULES.judge(lines(GROUP_ENTRIES_MAX)) is None
    answer = RULES.judge(lines(GROUP_ENTRIES_MAX + 1))
    assert reason(answer) == (16, 33)
    assert isinstance(answer, Violation)
    assert answer.text == "More than 5000 group entries"


def test_entries_of_all_groups_count_together() -> None:
    notes = "10010=2|10011=a|10011=b|"
    most = GROUP_ENTRIES_MAX // 3
    for count, fault in [(most, None), (most + 1, (16, 10010))]:
        allocs = f"78={count}|" + f"79=a|{notes}" * count
        given = message(f"11=i|{allocs}{ORDER[6:]}", begin="FIX.4.4")
        assert reason(RULES.judge(given)) == fault


@pytest.mark.parametrize(
    "claimed", [0, 1, 3, 255, 256, 258, 65538, 4294967298, 10**18 - 1]
)
def test_a_count_is_not_believed(claimed: int) -> None:
    assert reason(RULES.judge(lines(2, claimed))) == (16, 33)


def test_a_count_may_have_leading_zeros() -> None:
    for zeros in (1, 8, 20, 6000):
        body = f"94=0|147=s|33={'0' * zeros}2|58=x|58=y|"
        assert RULES.judge(message(body, "C", "FIX.4.4")) is None


def test_the_reason_is_the_sessions() -> None:
    answer = FIXT.judge(message(ORDER), Switches(), "33")
    assert isinstance(answer, Violation)
    assert answer.reason is SessionRejectReason.INVALID_APPLICATION_VERSION
