"""What goes back: which fields, in which order, with which bytes."""

from __future__ import annotations

import pytest

from fixgw.dictionary import Dictionary, load
from fixgw.echo.body import body_of
from fixgw.wire import Message, finish, parse_message

XML = """\
<fix type="FIX" major="4" minor="4">
 <header>
  <field name="BeginString" required="Y"/><field name="BodyLength" required="Y"/>
  <field name="MsgType" required="Y"/><field name="MsgSeqNum" required="Y"/>
 </header>
 <trailer><field name="CheckSum" required="Y"/></trailer>
 <messages>
  <message name="NewOrderSingle" msgtype="D" msgcat="app">
   <field name="Text" required="N"/><field name="OrderQty" required="N"/>
   <field name="EncodedTextLen" required="N"/><field name="EncodedText" required="N"/>
   <group name="NoPartyIDs" required="N">
    <field name="PartyID" required="Y"/><field name="PartyRole" required="N"/>
    <group name="NoPartySubIDs" required="N">
     <field name="PartySubID" required="Y"/><field name="PartySubIDType" required="N"/>
    </group>
   </group>
  </message>
 </messages>
 <fields>
  <field number="8" name="BeginString" type="STRING"/>
  <field number="9" name="BodyLength" type="LENGTH"/>
  <field number="10" name="CheckSum" type="STRING"/>
  <field number="34" name="MsgSeqNum" type="SEQNUM"/>
  <field number="35" name="MsgType" type="STRING"/>
  <field number="38" name="OrderQty" type="QTY"/>
  <field number="58" name="Text" type="STRING"/>
  <field number="354" name="EncodedTextLen" type="LENGTH"/>
  <field number="355" name="EncodedText" type="DATA"/>
  <field number="448" name="PartyID" type="STRING"/>
  <field number="452" name="PartyRole" type="INT"/>
  <field number="453" name="NoPartyIDs" type="NUMINGROUP"/>
  <field number="523" name="PartySubID" type="STRING"/>
  <field number="802" name="NoPartySubIDs" type="NUMINGROUP"/>
  <field number="803" name="PartySubIDType" type="INT"/>
 </fields>
</fix>
"""
DICTIONARY = load(XML, "test.xml")


def message(text: str) -> Message:
    """An order of ``text`` with ``|`` for SOH."""
    content = b"35=D|34=2|" + text.encode() + b"|"
    parsed = parse_message(finish(b"FIX.4.4", content.replace(b"|", b"\x01")))
    assert isinstance(parsed, Message)
    return parsed


def returned(text: str, dictionary: Dictionary | None = DICTIONARY) -> str:
    """The body that goes back."""
    body = body_of(message(text), dictionary)
    assert body.endswith(b"\x01")
    return body.replace(b"\x01", b"|").decode().removesuffix("|")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("58=a|38=002000.00", "38=002000.00|58=a"),
        ("38=1|58=", "38=1|58="),
        # A group stays whole, nested ones inside it, and in the order it came.
        (
            "453=2|448=A|452=1|802=1|523=x|803=2|448=B|58=z|38=1",
            "38=1|58=z|453=2|448=A|452=1|802=1|523=x|803=2|448=B",
        ),
        ("453=0|38=1", "38=1|453=0"),
        # A tag of nobody's, and one of the user's.
        ("6000=u|58=a|4000=n", "58=a|4000=n|6000=u"),
        ("354=3|355=a=b|58=a", "58=a|354=3|355=a=b"),
    ],
)
def test_ascending_by_tag(text: str, expected: str) -> None:
    assert returned(text) == expected


def test_a_data_field_keeps_its_bytes() -> None:
    assert body_of(message("58=a|354=5|355=x|8=y"), DICTIONARY) == (
        b"58=a\x01354=5\x01355=x\x018=y\x01"
    )


def test_without_a_dictionary_the_order_is_kept() -> None:
    envelope = "43=Y|49=A|52=20260102-03:04:05|56=B|97=Y|122=20260102-03:04:05|1128=9"
    assert (
        returned(f"{envelope}|58=a|453=1|448=A|38=1", None) == "58=a|453=1|448=A|38=1"
    )


def test_a_message_the_dictionary_does_not_have() -> None:
    """Nothing is known of its groups."""
    dictionary = load(XML.replace('msgtype="D"', 'msgtype="E"'), "test.xml")
    assert returned("58=a|38=1", dictionary) == "38=1|58=a"
