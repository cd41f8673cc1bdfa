"""Dictionaries: what spec/FIX44.xml holds, what the loader makes of XML and refuses."""

import ast
import sysconfig
from pathlib import Path

import pytest

from fixgw.dictionary import (
    Dictionary,
    DictionaryError,
    MessageSupport,
    SessionRejectReason,
    load,
)
from fixgw.dictionary.model import STANDARD_MSG_TYPES

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "spec" / "FIX44.xml"
# The dictionaries of the QuickFIX package, if it is installed: other people's files in
# the same form, of every version, with groups and nested components.
PUBLISHED = sorted(
    (Path(sysconfig.get_path("data")) / "share" / "quickfix").glob("FIX*.xml")
)

SMALL = """
<fix type="FIX" major="4" minor="4">
 <header><field name="BeginString" required="Y"/></header>
 <messages>
  <message name="News" msgtype="B" msgcat="app">
   <field name="Headline" required="Y"/>
   <component name="Lines" required="Y"/>
   <component name="Sources" required="N"/>
  </message>
 </messages>
 <trailer><field name="CheckSum" required="Y"/></trailer>
 <components>
  <component name="Lines">
   <group name="NoLines" required="Y">
    <field name="Text" required="Y"/>
    <field name="RawDataLength" required="N"/>
    <field name="RawData" required="N"/>
    <component name="Sources" required="N"/>
   </group>
  </component>
  <component name="Sources">
   <group name="NoSources" required="N">
    <field name="Source" required="Y"/>
   </group>
  </component>
 </components>
 <fields>
  <field number="8" name="BeginString" type="STRING"/>
  <field number="10" name="CheckSum" type="STRING"/>
  <field number="33" name="NoLines" type="NUMINGROUP"/>
  <field number="58" name="Text" type="STRING"/>
  <field number="61" name="Urgency" type="CHAR">
   <value enum="0" description="NORMAL"/>
   <value enum="1"/>
  </field>
  <field number="95" name="RawDataLength" type="LENGTH"/>
  <field number="96" name="RawData" type="DATA"/>
  <field number="148" name="Headline" type="STRING"/>
  <field number="6001" name="NoSources" type="NUMINGROUP"/>
  <field number="6002" name="Source" type="STRING"/>
 </fields>
</fix>
"""


@pytest.fixture(scope="module")
def spec() -> Dictionary:
    return load(SPEC.read_text(), SPEC.name)


def tags(dictionary: Dictionary, msg_type: str) -> set[int]:
    return set(dictionary.messages[msg_type].body.places)


def test_it_answers_by_tag_name_and_type(spec: Dictionary) -> None:
    assert spec.begin_string == "FIX.4.4"
    assert spec.field_name(38) == "OrderQty"
    assert spec.field_name(5000) is None
    assert spec.tag("ClOrdID") == 11
    assert spec.enum_name(54, "1") == "BUY"
    assert spec.enum_name(54, "?") is None
    assert spec.enum_name(55, "1") is None
    assert spec.enum_name(5000, "1") is None
    assert spec.message_name("D") == "NewOrderSingle"
    assert spec.message_name("AE") is None
    with pytest.raises(DictionaryError, match="no field named 'Colour'"):
        spec.tag("Colour")


def test_data_fields_know_their_length(spec: Dictionary) -> None:
    assert spec.data_lengths == {93: 89, 90: 91, 95: 96, 212: 213, 354: 355}


def test_admin_messages_are_those_of_the_session_layer(spec: Dictionary) -> None:
    admin = {msg_type for msg_type in spec.messages if spec.is_admin(msg_type)}
    assert admin == set("012345A")
    orders = {*"89DFGHqr", "AF"}
    others = {*"VWXYcdefghxyj", "U1", "U2", "U3", "U4"}
    assert set(spec.messages) - admin == orders | others
    assert not spec.is_admin("zz")


def test_message_types_are_supported_legal_or_unknown(spec: Dictionary) -> None:
    assert spec.message_support("D") is MessageSupport.SUPPORTED
    assert spec.message_support("AE") is MessageSupport.UNSUPPORTED
    assert spec.message_support("U7") is MessageSupport.UNSUPPORTED
    for unknown in ("", "*", "ZZ", "O", "BI", "U\x00"):
        assert spec.message_support(unknown) is MessageSupport.UNKNOWN


def test_every_standard_message_type_is_supported_or_legal(spec: Dictionary) -> None:
    standard = STANDARD_MSG_TYPES["FIX.4.4"]
    assert len(standard) == 93
    own = {"U1", "U2", "U3", "U4"}
    assert set(spec.fields[35].enum) == standard | own
    assert spec.messages.keys() <= standard | own
    answers = {spec.message_support(msg_type) for msg_type in standard}
    assert answers == {MessageSupport.SUPPORTED, MessageSupport.UNSUPPORTED}


def test_orders_take_no_field_that_would_change_their_meaning(spec: Dictionary) -> None:
    """They are defined all the same, so that the answer is 373=2 and not 373=0."""
    names = (
        "MaxShow DisplayQty CashOrderQty EffectiveTime DiscretionInst PriceType "
        "QtyType SettlType SettlDate NoTradingSessions PositionEffect CashMargin"
    )
    for name in names.split():
        for msg_type in "DFG":
            assert spec.tag(name) not in tags(spec, msg_type)
    terms = "ExecInst StopPx MaxFloor ExpireTime ExpireDate PegOffsetValue MinQty"
    for name in terms.split():
        assert spec.tag(name) in tags(spec, "D")
        assert (spec.tag(name) in tags(spec, "G")) == (name != "MinQty")
        assert spec.tag(name) not in tags(spec, "F")


def test_required_fields_of_the_order_messages(spec: Dictionary) -> None:
    required = {t: spec.messages[t].body.required for t in "DFG"}
    assert required["D"] == (11, 38, 40, 54, 55, 60)
    assert required["F"] == (11, 41, 54, 55, 60)
    assert required["G"] == (11, 38, 40, 41, 54, 55, 60)
    assert spec.header.required == (8, 9, 34, 35, 49, 52, 56)
    assert spec.trailer.required == (10,)


def test_reports_carry_what_the_exchange_sends(spec: Dictionary) -> None:
    report = (
        "37 11 41 17 150 39 55 54 38 40 44 59 14 151 6 60 1 31 32 103 58 527 851 378 "
        "18 19 99 110 111 126 136 211 584 790 797 839 911 912 2362 2964 5714"
    )
    assert tags(spec, "8") == {int(tag) for tag in report.split()}
    assert tags(spec, "9") == {37, 11, 41, 39, 1, 60, 434, 102, 58}
    assert tags(spec, "A") == {98, 108, 95, 96, 141, 789, 383, 464, 553, 554}


def test_reject_reasons_agree_with_the_dictionary(spec: Dictionary) -> None:
    for value, name in spec.fields[373].enum.items():
        assert SessionRejectReason(int(value)).name == name
    only_fixt = {SessionRejectReason.INVALID_APPLICATION_VERSION}
    listed = {int(value) for value in spec.fields[373].enum}
    assert set(SessionRejectReason) - listed == only_fixt


def test_every_reject_reason_has_a_text() -> None:
    texts = {reason.text for reason in SessionRejectReason}
    assert len(texts) == len(SessionRejectReason) == 20
    assert all(text.isascii() and text.isprintable() and text for text in texts)


def test_quickfix_loads_the_specification() -> None:
    quickfix = pytest.importorskip("quickfix")
    assert quickfix.DataDictionary(str(SPEC)).getVersion() == "FIX.4.4"


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_dictionaries_load(path: Path) -> None:
    dictionary = load(path.read_text(), path.name)
    assert dictionary.messages
    assert dictionary.begin_string.startswith("FIX")


def test_fields_have_the_names_types_and_values_others_give_them(
    spec: Dictionary,
) -> None:
    """Checked against QuickFIX's FIX44.xml; what differs is listed with its reason."""
    path = next((path for path in PUBLISHED if path.name == "FIX44.xml"), None)
    if path is None:
        pytest.skip("no published dictionary installed")
    published = load(path.read_text(), path.name)
    # Rule80A(47) was retired by FIX 4.4, the others belong to FIX 5.0.
    ours_only = {47, 969, 1138, 1140, 1148, 1149, 2362, 2964}
    values_added = {
        35: {"U1", "U2", "U3", "U4"},  # our own
        40: {"5", "A", "B", "C", "F", "H"},  # retired, but still an OrdType to refuse
        103: {"12"},  # surveillance option: in FIX 4.4, missing there
        269: {"J", "Q", "b", "c"},  # of FIX 5.0, sent if asked for
        323: {"4"},  # a list: in FIX 4.4, missing there
        347: {"SHIFT_JIS"},  # usual spelling
    }
    standard = {tag for tag in spec.fields if tag < 5000}
    assert standard - published.fields.keys() == ours_only
    for tag in standard - ours_only:
        ours, theirs = spec.fields[tag], published.fields[tag]
        assert (ours.name, ours.type) == (theirs.name, theirs.type)
        if ours.enum:
            extra = ours.enum.keys() - theirs.enum.keys()
            assert extra == values_added.get(tag, set())
            assert theirs.enum.keys() <= ours.enum.keys()


# The loader.


def test_components_and_groups_are_resolved() -> None:
    news = load(SMALL, "small").messages["B"]
    assert list(news.body.places) == [148, 33, 6001]
    assert news.body.required == (33, 148)
    lines = news.body.groups[33]
    assert lines.delimiter == 58
    assert list(lines.layout.places) == [58, 95, 96, 6001]
    assert lines.layout.required == (58,)
    assert lines.layout.groups[6001].delimiter == 6002
    assert news.body.tags() == {148, 33, 58, 95, 96, 6001, 6002}
    assert news.count_tags == {33, 6001}


def test_nothing_is_required_in_an_optional_component() -> None:
    optional = SMALL.replace(
        '<component name="Lines" required="Y"/>',
        '<component name="Lines" required="N"/>',
    )
    assert load(optional, "small").messages["B"].body.required == (148,)


def test_a_plain_field_listed_twice_keeps_its_first_place() -> None:
    twice = SMALL.replace(
        '<component name="Sources" required="N"/>\n  </message>',
        '<field name="Headline" required="N"/></message>',
    )
    body = load(twice, "small").messages["B"].body
    assert list(body.places) == [148, 33]
    assert body.required == (33, 148)


def test_a_value_without_description_is_its_own_name() -> None:
    assert load(SMALL, "small").enum_name(61, "1") == "1"


def test_other_values_may_be_allowed() -> None:
    """As published dictionaries say of SymbolSfx(65) and IOIQty(27)."""
    name = 'name="Urgency" type="CHAR"'
    opened = SMALL.replace(name, f'{name} allowOtherValues="true"')
    for text, good in ((SMALL, b"01"), (opened, b"012")):
        small = load(text, "small")
        assert small.enum_name(61, "0") == "NORMAL"
        for value in (b"0", b"1", b"2", b"23", b""):
            found = bool(small.fields[61].accepts(value))
            assert found == (value != b"" and value in good and len(value) == 1)


def test_a_list_of_values_is_good_if_each_of_them_is() -> None:
    listed = 'name="Urgency" type="MULTIPLEVALUESTRING"'
    text = SMALL.replace('name="Urgency" type="CHAR"', listed)
    accepts = load(text, "small").fields[61].accepts
    assert all(map(accepts, (b"0", b"1 0", b"0 1 0")))
    assert not any(map(accepts, (b"", b"2", b"0 2", b"0  1", b"01", b" 0")))


def test_the_empty_value_is_one_of_a_text_only() -> None:
    small = load(SMALL, "small")
    assert not small.fields[61].is_text, "its values are listed"
    assert small.fields[148].is_text


def test_char_is_text_before_fix_4_2() -> None:
    assert load(SMALL, "small").fields[61].type == "CHAR"
    old = SMALL.replace('minor="4"', 'minor="1"')
    assert load(old, "small").fields[61].type == "STRING"


def test_the_transport_version_is_named_by_its_type() -> None:
    fixt = SMALL.replace(
        'type="FIX" major="4" minor="4"', 'type="FIXT" major="1" minor="1"'
    )
    assert load(fixt, "small").begin_string == "FIXT.1.1"


@pytest.mark.parametrize("type_name", ["STRING", "CHAR", "LOCALMKTDATE"])
def test_a_count_that_is_said_to_be_text_is_a_count(type_name: str) -> None:
    dictionary = load(
        SMALL.replace(NO_LINES, NO_LINES.replace("NUMINGROUP", type_name)), "d"
    )
    assert dictionary.fields[33].type == "NUMINGROUP"


def test_quantity_is_another_name_for_qty() -> None:
    field = '<field number="38" name="OrderQty" type="QUANTITY"/></fields>'
    dictionary = load(SMALL.replace("</fields>", field), "d")
    assert dictionary.fields[38].well_formed(b"1.5")
    assert not dictionary.fields[38].well_formed(b"many")


HEADLINE = '<field name="Headline" required="Y"/>'
NO_LINES = '<field number="33" name="NoLines" type="NUMINGROUP"/>'
LENGTH = '<field number="95" name="RawDataLength" type="LENGTH"/>'
NEWS = '<message name="News" msgtype="B" msgcat="app">'
SOURCE = '<field name="Source" required="Y"/>'
# What to replace in SMALL, by what, and what the error says.
MALFORMED = [
    (SMALL, "<fix", "not well-formed XML"),
    ("<fix ", "<fox ", "not well-formed XML"),
    (SMALL, "<dictionary/>", "root element is <dictionary>"),
    ('major="4" ', "", "<fix> has no major"),
    ('minor="4"', 'minor="four"', "minor 'four' is not a number"),
    ("</header>", "</header><header/>", "one <header>, not 2"),
    ('<trailer><field name="CheckSum" required="Y"/></trailer>', "", "one <trailer>"),
    ("<fields>", "<fields><comment/>", "<fields>: unexpected element <comment>"),
    (NO_LINES, NO_LINES * 2, "field 33 is defined twice"),
    (NO_LINES, NO_LINES + NO_LINES.replace("33", "34"), "field 'NoLines' is defined"),
    ('number="58"', 'number="0"', "field 'Text': number 0 is no tag"),
    ('number="58"', 'number="-58"', "field 'Text': number '-58' is not a number"),
    ('number="58"', 'number="1234567890"', "number 1234567890 is too large"),
    ('number="58"', f'number="{"9" * 5000}"', "99999 is too large"),
    ('number="58" ', "", "field 'Text': <field> has no number"),
    ('name="Text" type', 'name="" type', "<fields>: <field> has no name"),
    ('"Text" type="STRING"', '"Text" type="WORDS"', "'Text': unknown type 'WORDS'"),
    ('"Text" type="STRING"', '"Text"', "field 'Text': <field> has no type"),
    ('"CHAR">', '"CHAR" allowOtherValues="Y">', "allowOtherValues is 'Y'"),
    ('<value enum="1"/>', "<value/>", "'Urgency': <value> has no enum"),
    ('<value enum="1"/>', "<enum/>", "'Urgency': unexpected element <enum>"),
    (LENGTH, "", "'RawDataLength' is not defined"),
    (LENGTH, LENGTH.replace("Length", "Size", 1), "'RawDataLength' is not defined"),
    (
        '<field number="96" name="RawData"',
        '<field number="98" name="Blob" type="DATA"/><field number="96" name="RawData"',
        "field 'Blob' has no length field",
    ),
    (HEADLINE, HEADLINE.replace("Headline", "Colour"), "'News': field 'Colour' is not"),
    (HEADLINE, HEADLINE.replace('"Y"', '"yes"'), "'Headline': required is 'YES'"),
    (HEADLINE, "<field/>", "message 'News': <field> has no name"),
    (HEADLINE, '<value name="x"/>', "'News': unexpected element <value>"),
    (HEADLINE, '<component name="Lids"/>', "'News': component 'Lids' is not defined"),
    (HEADLINE, '<component name="Lines"/>', "'News': group 'NoLines' is there twice"),
    (HEADLINE, '<field name="NoLines"/>', "'News': group 'NoLines' is there twice"),
    (HEADLINE, '<group name="NoLine"/>', "message 'News': field 'NoLine' is not"),
    (HEADLINE, '<group name="NoLines"/>', "'News': group 'NoLines' is empty"),
    (HEADLINE, '<group name="Text"/>', "group 'Text': its count is not of type"),
    (SOURCE, '<component name="Lines"/>', "'Lines' contains itself"),
    (SOURCE, '<component name="Sources"/>', "'Sources' contains itself"),
    ("<components>", "<components><group/>", "unexpected element <group>"),
    (
        '<component name="Sources">',
        '<component name="Lines"/><component name="Sources">',
        "component 'Lines' is defined twice",
    ),
    (NEWS, NEWS + "</message>" + NEWS, "msgtype 'B' is defined twice"),
    (
        NEWS,
        NEWS.replace(' msgtype="B"', ""),
        "message 'News': <message> has no msgtype",
    ),
    (NEWS, "<note/>" + NEWS, "<messages>: unexpected element <note>"),
]


@pytest.mark.parametrize(("old", "new", "message"), MALFORMED)
def test_malformed_dictionaries_are_refused(old: str, new: str, message: str) -> None:
    assert old in SMALL
    with pytest.raises(DictionaryError) as caught:
        load(SMALL.replace(old, new, 1), "small.xml")
    assert str(caught.value).startswith("small.xml: ")
    assert message in str(caught.value)


def test_the_package_reads_no_clock_and_does_no_io() -> None:
    allowed = {
        "re",
        "enum",
        "dataclasses",
        "collections",
        "typing",
        "xml",
        "fixgw",
        "cython",
    }
    for path in (ROOT / "fixgw" / "dictionary").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            assert {name.partition(".")[0] for name in names} <= allowed, path
