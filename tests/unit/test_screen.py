"""The quick way alone: what it must pass, and what it must not."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixgw.dictionary import Dictionary, load
from fixgw.dictionary.model import FORMATS
from fixgw.dictionary.screen import Screen, Table
from fixgw.wire import Message, finish, parse_message

XML = """
<fix type="FIX" major="4" minor="4">
 <header>
  <field name="BeginString" required="Y"/><field name="BodyLength" required="Y"/>
  <field name="MsgType" required="Y"/>
 </header>
 <messages>
  <message name="Test" msgtype="Z" msgcat="app">
   <field name="Field" required="N"/>
   <field name="Needed" required="Y"/>
   <group name="NoOuter" required="N">
    <field name="First" required="Y"/>
    <field name="Second" required="N"/>
    <group name="NoInner" required="N">
     <field name="Third" required="N"/>
     <field name="Field" required="N"/>
    </group>
    <field name="Last" required="Y"/>
   </group>
  </message>
 </messages>
 <trailer><field name="CheckSum" required="Y"/></trailer>
 <fields>
  <field number="8" name="BeginString" type="STRING"/>
  <field number="9" name="BodyLength" type="LENGTH"/>
  <field number="10" name="CheckSum" type="STRING"/>
  <field number="35" name="MsgType" type="STRING"/>
  <field number="7000" name="Field" type="TYPE"><!--values--></field>
  <field number="7001" name="Needed" type="STRING"/>
  <field number="7010" name="NoOuter" type="NUMINGROUP"/>
  <field number="7011" name="First" type="STRING"/>
  <field number="7012" name="Second" type="STRING"/>
  <field number="7020" name="NoInner" type="NUMINGROUP"/>
  <field number="7021" name="Third" type="STRING"/>
  <field number="7013" name="Last" type="STRING"/>
  <field number="6999" name="FieldLength" type="LENGTH"/>
 </fields>
</fix>
"""


@functools.cache
def dictionary(type_name: str, values: tuple[str, ...] = ()) -> Dictionary:
    enum = "".join(f'<value enum="{value}"/>' for value in values)
    return load(XML.replace("TYPE", type_name).replace("<!--values-->", enum), "test")


def screen(dictionary: Dictionary, entries_max: int = 100) -> Screen:
    edges = dictionary.header_tags | dictionary.trailer_tags
    return Screen(
        Table(dictionary.header),
        Table(dictionary.messages["Z"].body, barred=edges),
        Table(dictionary.trailer),
        entries_max,
    )


STRING = screen(dictionary("STRING"))


def message(content: bytes) -> Message:
    read = parse_message(finish(b"FIX.4.4", b"35=Z\x01" + content), 100_000)
    assert isinstance(read, Message), read
    return read


def passes(text: str, by: Screen = STRING) -> bool:
    return by.passes(message(text.replace("|", "\x01").encode()))


def test_good_messages_pass() -> None:
    assert passes("7001=x|")
    assert passes("7000=x|7001=y|")
    assert passes("7001=y|7000=x|")
    assert passes("7001=x|7010=0|")
    assert passes("7001=x|7010=1|7011=a|7013=z|")
    assert passes("7010=2|7011=a|7012=b|7013=z|7011=a|7013=z|7001=x|")
    assert passes("7001=x|7010=1|7011=a|7020=2|7021=p|7000=q|7021=p|7013=z|7000=r|")


@pytest.mark.parametrize(
    "text",
    [
        "",  # a required field missing
        "7000=x|",
        "7001=|",  # empty
        "7001=x|7001=x|",  # repeated
        "7001=x|7002=x|",  # unknown
        "7001=x|9=5|",  # of the header
        "7001=x|7011=a|",  # of a group
        "7001=x|10=5|7000=x|",  # behind the trailer
        "7001=x|7010=2|7011=a|7013=z|",  # too few entries
        "7001=x|7010=0|7011=a|7013=z|",
        "7001=x|7010=1|7011=a|7013=z|7011=a|7013=z|",
        "7001=x|7010=1|7011=a|",  # a required member missing
        "7001=x|7010=1|7012=a|7013=z|",  # without the delimiter
        "7001=x|7010=1|7011=a|7013=z|7012=a|",  # out of order
        "7001=x|7010=1|7011=a|7012=a|7012=a|7013=z|",  # repeated in an entry
        "7001=x|7010=1|7011=|7013=z|",  # empty in an entry
        "7001=x|7010=1|7011=a|7020=1|7013=z|",  # nested: too few
        "7001=x|7010=1|7011=a|7020=1|7000=q|7013=z|",  # nested: without delimiter
        "7001=x|7010=-1|",
        "7001=x|7010=4294967296|",
        "7001=x|7010=0000000000|",  # good, but not plainly so
    ],
)
def test_others_do_not(text: str) -> None:
    assert not passes(text)


@pytest.mark.parametrize(("entries", "good"), [(100, True), (101, False)])
def test_entries_are_limited(entries: int, good: bool) -> None:
    assert STRING.entries_max == 100
    each = "7011=a|7013=z|"
    assert passes(f"7001=x|7010={entries}|{each * entries}") is good
    inner = "7021=a|" * (entries - 1)
    nested = f"7010=1|7011=a|7020={entries - 1}|{inner}7013=z|"
    assert passes(f"7001=x|{nested}") is good


def test_unknown_tags_may_pass_in_the_body() -> None:
    known = frozenset(dictionary("STRING").fields)
    edges = {8, 9, 10, 35}
    by = Screen(
        Table(dictionary("STRING").header),
        Table(dictionary("STRING").messages["Z"].body, barred=frozenset(edges)),
        Table(dictionary("STRING").trailer),
        100,
        known,
    )

    def tolerant(text: str, user: bool, unknown: bool) -> bool:
        given = message(text.replace("|", "\x01").encode())
        return by.passes(given, user, unknown)

    group = "7010=1|7011=a|7013=z|"
    for text, user, unknown in [
        ("9999=a|7001=x|9998=b|5000=c|", True, False),
        ("4999=a|7001=x|", False, True),
        ("4999=a|7001=x|9999=b|", True, True),
        (f"9999=a|{group}7001=x|", True, False),
        ("7001=x|" + "".join(f"{8000 + n}=a|" for n in range(16)), True, False),
    ]:
        assert tolerant(text, user, unknown), text
        assert not tolerant(text, False, False)
        if user != unknown:
            assert not tolerant(text, unknown, user)
    for text in [
        "9999=|7001=x|",  # empty
        "9999=a|7001=x|9999=b|",  # repeated
        "7001=x|7021=a|",  # known, in another place
        "7001=x|0=a|",
        "7001=x|-9999=a|",
        f"7001=x|{group}9999=a|",  # the entry's, or the body's?
        "7001=x|10=5|9999=a|",
        "7001=x|" + "".join(f"{8000 + n}=a|" for n in range(17)),
    ]:
        assert not tolerant(text, True, True), text


# -- values ----------------------------------------------------------------------------

PLAIN = {
    "STRING": [b"x", b"a b~!", b"x" * 1000],
    "CHAR": [b"a", b" ", b"~", b"?", b"@", b"0"],
    "BOOLEAN": [b"Y", b"N"],
    "INT": [b"0", b"-7", b"123456789012345678", b"007"],
    "SEQNUM": [b"0", b"123456789012345678"],
    "LENGTH": [b"12"],
    "NUMINGROUP": [b"0"],
    "PRICE": [b"1", b"-1.5", b".5", b"1.", b"1" * 30 + b".5"],
    "QTY": [b"002000.00"],
    "UTCTIMESTAMP": [
        b"20240229-00:00:00",
        b"20240131-23:59:60.123",
        b"20240430-00:00:00.123456",
        b"20240531-00:00:00.123456789",
        b"99991231-00:00:00.123456789012",
        b"00010101-00:00:00",
    ],
    "MONTHYEAR": [b"202402"],
    "CURRENCY": [b"USD"],
    "MULTIPLEVALUESTRING": [b"a bc d"],
    "DATA": [b"x"],
}


@pytest.mark.parametrize("type_name", PLAIN)
def test_plain_values_pass(type_name: str) -> None:
    by = screen(dictionary(type_name))
    for value in PLAIN[type_name]:
        assert by.passes(message(b"7001=x\x017000=%b\x01" % value)), value


NUMERIC = "0123456789+-.e "
VALUES = (
    st.text(NUMERIC, max_size=24).map(str.encode)
    | st.binary(max_size=6)
    | st.from_regex(
        rb"[0-2][0-9]{3}[01][0-9][0-3][0-9]-[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,12})?",
        fullmatch=True,
    )
).map(lambda value: value.replace(b"\x01", b"\x02"))


@given(st.sampled_from(sorted(FORMATS)), VALUES)
@settings(max_examples=3000, deadline=None)
def test_no_value_passes_that_the_type_does_not_take(
    type_name: str, value: bytes
) -> None:
    known = dictionary(type_name)
    if screen(known).passes(message(b"7001=x\x017000=%b\x01" % value)):
        assert known.fields[7000].accepts(value)


ENUMERATIONS = [
    ("CHAR", ("1", "2", "A", "~")),
    ("CHAR", ("1", "2", "12")),
    ("INT", ("1", "2", "99")),
    ("STRING", ("CS", "FUT")),
    ("CHAR", ("é",)),
    ("BOOLEAN", ("Y",)),
    ("MULTIPLECHARVALUE", ("a", "b")),
]


@pytest.mark.parametrize(("type_name", "values"), ENUMERATIONS)
def test_enumerated_values_pass_and_no_others(
    type_name: str, values: tuple[str, ...]
) -> None:
    known = dictionary(type_name, values)
    by = screen(known)
    tried = [bytes([code]) for code in range(256) if code != 1]
    tried += [value.encode() for value in values]
    tried += [b"a b", b"ab", b"1 2", b"CS FUT", b"99", b"991", b"12"]
    for value in tried:
        passed = by.passes(message(b"7001=x\x017000=%b\x01" % value))
        assert passed == bool(known.fields[7000].accepts(value)), value


# -- tables ----------------------------------------------------------------------------


def test_a_table_finds_each_of_very_many_tags() -> None:
    """Also tags that are alike in their lower bits."""
    tags = [20_000 + (step << shift) for shift in (0, 9, 16) for step in range(300)]
    tags = sorted(set(tags))
    fields = "".join(
        f'<field number="{tag}" name="X{tag}" type="INT"/>' for tag in tags
    )
    places = "".join(f'<field name="X{tag}" required="Y"/>' for tag in tags)
    text = XML.replace("TYPE", "STRING").replace("<!--values-->", "")
    text = text.replace("</fields>", fields + "</fields>")
    text = text.replace('msgcat="app">', 'msgcat="app">' + places)
    by = screen(load(text, "many"))
    content = "7001=x|" + "".join(f"{tag}={tag}|" for tag in reversed(tags))
    assert passes(content, by)
    assert not passes(content.replace(f"{tags[7]}={tags[7]}|", ""), by)
    assert not passes(content + f"{tags[7]}=1|", by)
    assert not passes(content + "19999=1|", by)
    assert not passes(content + "0=1|", by)
    assert not passes(content + "-20000=1|", by)
