"""Validation: the quick way passes nothing in which the long way finds a fault.

Neither raises, whatever the switches; what is found has a text to answer with.
"""

from __future__ import annotations

from pathlib import Path

from fixgw.dictionary import MessageSupport, Rulebook, Switches, load, validate
from fixgw.wire import Framer, Message
from tests.fuzz import mutate

CORPUS = "messages"
MUTATE = mutate.fix

SPEC = Path(__file__).resolve().parents[2] / "spec" / "FIX44.xml"
FIX44 = load(SPEC.read_text(), SPEC.name)
RULES = Rulebook.single(FIX44)
SWITCHES = (
    Switches(),
    Switches(validate_fields_out_of_order=False, allow_unknown_msg_fields=True),
    Switches(
        validate_fields_have_values=False,
        validate_user_defined_fields=False,
        allow_unknown_enum_values=True,
        validate_unordered_group_fields=False,
        first_field_in_group_is_delimiter=True,
    ),
)


def check(data: bytes) -> None:
    for message in Framer().feed(data):
        if not isinstance(message, Message):
            continue
        for switches in SWITCHES:
            quick = RULES.judge(message, switches)
            slow = validate(FIX44, message.msg_type, message.fields(), switches)
            if quick is MessageSupport.UNSUPPORTED:
                assert FIX44.message_support(message.msg_type) is quick
                assert slow is not None
            else:
                assert quick == slow
            assert slow is None or slow.text
