"""Reject(3) and BusinessMessageReject(j): reasons, fields, counting, routing."""

from __future__ import annotations

from typing import Any

import pytest

from fixgw.orders.exchange import Exchange
from fixgw.orders.routing import ShardMap
from fixgw.session.session import Session
from fixgw.wire import Message
from tests.sessions.conversation import LOGON, ORDER, Conversation, pairs_of

HOP = "628=HUB|629=20260102-03:04:05|630=7"
"""An entry of NoHops(627), the group of the header."""

# Fields of a message numbered 2, and what a Reject says of it: 58, 371, 373.
CONTENT = {
    "14a_undefined_tag": (f"35=D|34=2|{ORDER}|9999=1", "Invalid tag number", 9999, 0),
    "14a_tag_zero": (f"35=D|34=2|{ORDER}|0=1", "Invalid tag number", 0, 0),
    "14a_tag_negative": (f"35=D|34=2|{ORDER}|-1=1", "Invalid tag number", -1, 0),
    "14a_user_defined": (f"35=D|34=2|{ORDER}|5001=1", "Invalid tag number", 5001, 0),
    "14b_required_missing": (
        "35=D|34=2|54=1|55=XYZ|60=20260102-03:04:05|38=5|40=1",
        "Required tag missing",
        11,
        1,
    ),
    "14b_required_missing_in_test_request": (
        "35=1|34=2",
        "Required tag missing",
        112,
        1,
    ),
    "14b_required_missing_in_resend_request": (
        "35=2|34=2|7=1",
        "Required tag missing",
        16,
        1,
    ),
    "14c_tag_of_another_message": (
        f"35=D|34=2|{ORDER}|434=1",
        "Tag not defined for this message type",
        434,
        2,
    ),
    "14d_without_value": (
        f"35=D|34=2|{ORDER}|58=",
        "Tag specified without a value",
        58,
        4,
    ),
    "14e_enum": (
        "35=D|34=2|11=A|54=!|55=XYZ|60=20260102-03:04:05|38=5|40=1",
        "Value is incorrect (out of range) for this tag",
        54,
        5,
    ),
    "14f_format": (
        "35=D|34=2|11=A|54=1|55=XYZ|60=20260102-03:04:05|38=+5|40=1",
        "Incorrect data format for value",
        38,
        6,
    ),
    "14f_format_of_a_time": (
        "35=D|34=2|11=A|54=1|55=XYZ|60=yesterday|38=5|40=1",
        "Incorrect data format for value",
        60,
        6,
    ),
    "14g_header_in_body": (
        f"35=D|34=2|{ORDER}|50=DESK",
        "Tag specified out of required order",
        50,
        14,
    ),
    "14h_twice": (f"35=D|34=2|{ORDER}|40=1", "Tag appears more than once", 40, 13),
    "14i_group_count": (
        f"35=D|34=2|627=2|{HOP}|{ORDER}",
        "Incorrect NumInGroup count for repeating group",
        627,
        16,
    ),
    "14j_group_order": (
        f"35=D|34=2|627=1|628=HUB|630=7|629=20260102-03:04:05|{ORDER}",
        "Out of order repeating group members",
        629,
        15,
    ),
    "2q_unknown_type": (f"35=ZZZ|34=2|{ORDER}", "Invalid MsgType", None, 11),
}


@pytest.mark.parametrize("case", CONTENT)
def test_a_reject_names_the_fault_and_the_message_is_counted(case: str) -> None:
    message, text, tag, reason = CONTENT[case]
    c = Conversation().log_on()
    c.client(message)
    blamed = "" if tag is None else f"|371={tag}"
    kind = message.partition("|")[0].removeprefix("35=")
    c.expect_only(f"35=3|34=2|45=2|58={text}{blamed}|372={kind}|373={reason}")
    assert c.next_in == 3
    assert c.app.numbers == []
    c.order(3)
    assert c.app.numbers == [3]


def test_the_delimiter_of_a_group_is_missing() -> None:
    c = Conversation().log_on()
    c.client(f"35=D|34=2|627=1|630=7|{ORDER}")
    c.expect_only("35=3|34=2|45=2|58=*|371=630|372=D|373=15")


def test_a_group_is_accepted() -> None:
    c = Conversation().log_on()
    c.client(f"35=D|34=2|627=2|{HOP}|{HOP}|{ORDER}")
    c.expect_nothing()


def test_a_group_of_none_is_accepted() -> None:
    c = Conversation().log_on()
    c.client(f"35=D|34=2|627=0|{ORDER}")
    c.expect_nothing()


def test_a_replayed_message_is_rejected_like_any_other() -> None:
    c = Conversation().log_on()
    c.order(3)
    c.forget()
    c.again(2, f"35=D|{ORDER}|9999=1")
    c.expect_only("35=3|34=3|45=2|58=Invalid tag number|371=9999|372=D|373=0")
    assert c.app.numbers == [3]


def test_an_empty_msg_type_gets_a_well_formed_answer() -> None:
    c = Conversation(validate=False)
    c.client(LOGON)
    c.forget()
    c.client(f"35=|34=2|{ORDER}|43=Y")
    c.expect_only("35=3|34=2|45=2|58=Required tag missing|371=122|373=1")


def test_an_empty_msg_type_with_a_dictionary() -> None:
    c = Conversation().log_on()
    c.client(f"35=|34=2|{ORDER}")
    c.expect_only("35=3|34=2|45=2|58=Invalid MsgType|373=11")
    assert c.next_in == 3


def test_a_test_request_without_112_and_dictionary_is_answered_well_formed() -> None:
    c = Conversation(validate=False)
    c.client(LOGON)
    c.forget()
    c.client("35=1|34=2")
    while c.wire:
        c.expect(f"35=0|34={c.session.numbers.next_out - 1}")


# -- switches --------------------------------------------------------------------------

ACCEPTED = {
    "validate_fields_have_values": (False, f"35=D|34=2|{ORDER}|58="),
    "validate_user_defined_fields": (False, f"35=D|34=2|{ORDER}|5001=1"),
    "allow_unknown_msg_fields": (True, f"35=D|34=2|{ORDER}|434=1"),
    "allow_unknown_enum_values": (
        True,
        "35=D|34=2|11=A|54=!|55=XYZ|60=20260102-03:04:05|38=5|40=1",
    ),
    "validate_fields_out_of_order": (False, f"35=D|34=2|{ORDER}|50=DESK"),
}


@pytest.mark.parametrize("setting", ACCEPTED)
def test_a_switch_accepts(setting: str) -> None:
    value, message = ACCEPTED[setting]
    settings: dict[str, Any] = {setting: value}
    c = Conversation(**settings).log_on()
    c.client(message)
    c.expect_nothing()
    assert c.app.numbers == [2]


# -- routing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("115=FIRM", "128=FIRM"),
        ("115=FIRM|116=TRADER", "128=FIRM|129=TRADER"),
        ("128=DESK|129=JOE", "115=DESK|116=JOE"),
        ("144=PARIS", "145=PARIS"),
        ("145=ROME", "144=ROME"),
        (
            "115=A|116=B|128=C|129=D|144=E|145=F",
            "115=C|116=D|128=A|129=B|144=F|145=E",
        ),
    ],
)
def test_rejects_go_back_the_way_they_came(source: str, target: str) -> None:
    c = Conversation().log_on()
    c.client(f"35=D|34=2|{source}|{ORDER}|9999=1")
    pairs = c.expect(
        f"35=3|34=2|{target}|45=2|58=Invalid tag number|371=9999|372=D|373=0"
    )
    tags = [tag for tag, _ in pairs]
    last_of_head = max(tags.index(tag) for tag, _ in pairs_of(target))
    assert last_of_head < tags.index(45), "routing belongs to the header"


def test_an_empty_route_is_left_out() -> None:
    c = Conversation(validate_fields_have_values=False).log_on()
    c.client(f"35=D|34=2|115=|{ORDER}|9999=1")
    c.expect_only("35=3|34=2|45=2|58=Invalid tag number|371=9999|372=D|373=0")


def test_a_business_reject_goes_back_the_way_its_message_came() -> None:
    c = exchange()
    c.client("35=B|34=2|115=FIRM|148=News|33=1|58=x")
    c.expect_only("35=j|34=2|128=FIRM|45=2|58=Unsupported Message Type|372=B|380=3")


# -- BusinessMessageReject -------------------------------------------------------------


class Shards:
    """Takes commands, or is down."""

    number = 0

    def __init__(self) -> None:
        self.up = True
        self.commands: list[int] = []

    def is_up(self, shard: int) -> bool:
        return self.up

    def command(self, shard: int, session: Session, seq: int, command: bytes) -> None:
        self.commands.append(seq)

    def speak(self, session: Session) -> None:
        """Its version is that of the reports."""


def exchange(shards: Shards | None = None) -> Conversation:
    """Logged on to an exchange of one shard."""
    application = Exchange(ShardMap(1, {}), shards or Shards())
    return Conversation(application=application).log_on()


def test_2r_a_type_that_is_not_supported() -> None:
    c = exchange()
    c.client("35=s|34=2|11=A|55=XYZ|54=1")
    c.expect_only("35=j|34=2|45=2|58=Unsupported Message Type|372=s|379=A|380=3")
    assert c.next_in == 3


def test_2r_holds_for_types_without_an_order_too() -> None:
    c = exchange()
    c.client("35=V|34=2|262=Q|263=0|264=0|267=1|269=0|146=1|55=XYZ")
    c.expect_only("35=j|34=2|45=2|58=Unsupported Message Type|372=V|380=3")


def test_14l_the_application_is_not_available() -> None:
    shards = Shards()
    c = exchange(shards)
    shards.up = False
    c.order(2)
    c.expect_only("35=j|34=2|45=2|58=*|372=D|379=A|380=4")
    assert c.next_in == 3
    shards.up = True
    c.order(3)
    assert shards.commands == [3]


def test_14m_a_conditionally_required_field() -> None:
    c = exchange()
    c.client("35=D|34=2|11=A|54=1|55=XYZ|60=20260102-03:04:05|38=5|40=2")
    c.expect_only("35=j|34=2|45=2|58=*|372=D|379=A|380=5")
    assert c.next_in == 3


def test_an_error_of_ours_is_answered_logged_and_does_not_come_again() -> None:
    def fail(session: Session, message: Message, now_ns: int) -> None:
        raise RuntimeError("no such luck")

    c = Conversation().log_on()
    c.app.reaction = fail
    c.order(2)
    c.expect_only("35=j|34=2|45=2|58=Application Not Available|372=D|379=A|380=4")
    assert c.next_in == 3
    (fault,) = c.faults
    assert str(fault.error) == "no such luck"
    assert b"\x0134=2\x01" in fault.data
    c.app.reaction = None
    c.order(3)
    c.expect_nothing()
    assert c.app.numbers == [2, 3]


def test_19_poss_resend_is_left_to_the_application() -> None:
    c = Conversation().log_on()
    c.order(2, "97=Y")
    c.expect_nothing()
    assert c.app.messages[0].get(97) == b"Y"


def test_our_poss_resend() -> None:
    c = Conversation().log_on()
    c.session.send("8", b"37=A\x01", c.now_ns, poss_resend=True)
    c.carry_out()
    c.expect_only("35=8|34=2|97=Y|37=A")


def test_without_a_dictionary_content_is_not_judged() -> None:
    c = Conversation(validate=False)
    c.client(LOGON)
    c.forget()
    c.client("35=D|34=2|9999=1")
    c.expect_nothing()
    assert c.app.numbers == [2]


def test_18b_is_not_configured_so_any_route_is_taken() -> None:
    c = Conversation().log_on()
    c.order(2, "115=ANYBODY")
    c.expect_nothing()
