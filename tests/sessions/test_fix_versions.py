"""What the versions of FIX differ in: every column of the table, seen on the wire."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from fixgw.dictionary import APPL_VER_IDS
from fixgw.session.numbers import Numbers
from fixgw.session.profile import QUICKFIX
from fixgw.session.reasons import DisconnectReason
from fixgw.session.versions import VERSIONS, Version
from tests.sessions.conversation import Conversation

ALL = sorted(VERSIONS)
OLD = ["FIX.4.0", "FIX.4.1"]
NEW = [name for name in ALL if name not in OLD]
LOGON_OF = {name: "35=A|34=1|98=0|108=30" for name in ALL}
LOGON_OF["FIXT.1.1"] += "|1137=9"


def talk(begin_string: str, **settings: Any) -> Conversation:
    """Logged on, with the dictionary of the version."""
    return Conversation(begin_string=begin_string, **settings).log_on()


def differing(name: str) -> dict[str, object]:
    """In what a version is not FIX.4.4."""
    usual = VERSIONS["FIX.4.4"]
    version = VERSIONS[name]
    values = {item.name: getattr(version, item.name) for item in fields(Version)}
    return {key: value for key, value in values.items() if value != getattr(usual, key)}


def test_the_table() -> None:
    """Written out apart from it: what each version has otherwise than FIX.4.4."""
    until_41 = {
        "has_fraction": False,
        "has_business_reject": False,
        "has_reject_fields": False,
        "reject_codes": frozenset(),
        "open_end": 999_999,
        "open_ends": {0, 999_999},
        "has_next_expected": False,
        "has_last_processed": False,
    }
    before_41 = {"has_reset_flag": False, "has_location_fields": False}
    wanted: dict[str, dict[str, object]] = {
        "FIX.4.0": {**until_41, **before_41},
        "FIX.4.1": until_41,
        "FIX.4.2": {
            "reject_codes": set(range(12)),
            "open_ends": {0, 999_999},
            "has_next_expected": False,
        },
        "FIX.4.3": {"reject_codes": set(range(18)), "has_next_expected": False},
        "FIX.4.4": {},
        "FIXT.1.1": {"reject_codes": {*range(19), 99}, "is_fixt": True},
    }
    assert {name: differing(name) for name in ALL} == {
        name: row if name == "FIX.4.4" else {"begin_string": name, **row}
        for name, row in wanted.items()
    }


# -- timestamps ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("digits", "text"), [(0, ""), (3, ".000"), (9, ".000000000")])
def test_sending_time(name: str, digits: int, text: str) -> None:
    c = talk(name, timestamp_precision=digits)
    c.client("35=1|34=2|112=a")
    pairs = dict(c.expect("35=0|34=2|112=a"))
    assert pairs[52] == "20260102-03:04:05" + ("" if name in OLD else text)


@pytest.mark.parametrize("name", ALL)
def test_gap_fills_and_resent_messages_have_the_same_form(name: str) -> None:
    c = talk(name)
    c.client("35=2|34=2|7=1|16=0")
    pairs = dict(c.expect("35=4|34=1|43=Y|122=*|36=2|123=Y"))
    assert pairs[52] == pairs[122]
    assert ("." in pairs[122]) == (name not in OLD)


# -- resend requests -------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_our_request_for_everything(name: str) -> None:
    c = talk(name)
    c.client("35=0|34=5")
    c.expect_only(f"35=2|34=2|7=2|16={999999 if name in OLD else 0}")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("end", ["0", "999999", "1000000"])
def test_their_request_for_everything(name: str, end: str) -> None:
    """Beyond the last number sent is everything as well."""
    c = talk(name)
    c.client(f"35=2|34=2|7=1|16={end}")
    c.expect_only("35=4|34=1|43=Y|122=*|36=2|123=Y")


@pytest.mark.parametrize(("name", "filled"), [("FIX.4.2", True), ("FIX.4.3", False)])
def test_999999_is_a_number_like_others_from_4_3_on(name: str, filled: bool) -> None:
    c = Conversation(
        begin_string=name, validate=False, numbers=Numbers(next_out=1_000_050)
    )
    c.next_stored = 1_000_050
    c.client("35=A|34=1|98=0|108=30")
    c.forget()
    c.client("35=2|34=2|7=999999|16=999999")
    end = 1_000_051 if filled else 1_000_000
    c.expect_only(f"35=4|34=999999|43=Y|122=*|36={end}|123=Y")


# -- Reject(3) -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_reject(name: str) -> None:
    c = talk(name)
    c.client("35=0|34=2|9999=1")
    if name in OLD:
        c.expect_only("35=3|34=2|45=2|58=Invalid tag number (9999)")
    else:
        text = "58=Invalid tag number|371=9999|372=0|373=0"
        c.expect_only(f"35=3|34=2|45=2|{text}")


@pytest.mark.parametrize("name", ALL)
def test_a_reject_that_blames_no_field(name: str) -> None:
    c = talk(name)
    c.client("35=ZZZ|34=2")
    more = "" if name in OLD else "|372=ZZZ|373=11"
    c.expect_only(f"35=3|34=2|45=2|58=Invalid MsgType{more}")


TWICE = "35=1|34=2|112=a|112=b"


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("profile", [None, QUICKFIX], ids=["standard", "quickfix"])
def test_codes_above_11(name: str, profile: Any) -> None:
    c = talk(name, **({"profile": profile} if profile else {}))
    c.client(TWICE)
    if name in OLD:
        c.expect_only("35=3|34=2|45=2|58=Tag appears more than once (112)")
        return
    code = "" if name == "FIX.4.2" and profile else "|373=13"
    c.expect_only(f"35=3|34=2|45=2|58=Tag appears more than once|371=112|372=1{code}")


@pytest.mark.parametrize(
    ("name", "codes"), [("FIX.4.2", []), ("FIX.4.3", []), ("FIX.4.4", [99])]
)
def test_a_code_that_the_version_does_not_have_is_left_out(
    name: str, codes: list[int]
) -> None:
    c = talk(name, validate=False)

    def refuse(session: Any, message: Any, now_ns: int) -> None:
        session.reject(message, 99, None, "no", now_ns)

    c.app.reaction = refuse
    c.client("35=B|34=2|148=x|33=1|58=y")
    more = "".join(f"|373={code}" for code in codes)
    c.expect_only(f"35=3|34=2|45=2|58=no|372=B{more}")


# -- routing ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_answers_go_back_the_way_they_came(name: str) -> None:
    c = talk(name, validate=False)
    c.app.reaction = lambda s, m, now: s.reject(m, 0, 1, "no", now)
    c.client("35=B|34=2|115=A|116=B|128=C|129=D|144=E|145=F")
    route = "115=C|116=D|128=A|129=B"
    if name != "FIX.4.0":
        route += "|144=F|145=E"
    tail = "58=no (1)" if name in OLD else "58=no|371=1|372=B|373=0"
    c.expect_only(f"35=3|34=2|{route}|45=2|{tail}")


# -- BusinessMessageReject(j) ----------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("profile", [None, QUICKFIX], ids=["standard", "quickfix"])
def test_a_type_that_is_not_supported(name: str, profile: Any) -> None:
    c = talk(name, validate=False, **({"profile": profile} if profile else {}))
    text = "Unsupported Message Type"
    c.app.reaction = lambda s, m, now: s.business_reject(m, 3, text, now)
    c.client("35=8|34=2|11=ID")
    if name in OLD:
        c.expect_only("35=3|34=2|45=2|58=Unsupported message type")
        return
    version = "|1137=9" if name == "FIXT.1.1" and profile else ""
    c.expect_only(f"35=j|34=2|45=2|58={text}|372=8|379=ID|380=3{version}")


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("profile", [None, QUICKFIX], ids=["standard", "quickfix"])
def test_the_words_of_another_refusal(name: str, profile: Any) -> None:
    c = talk(name, validate=False, **({"profile": profile} if profile else {}))
    c.app.reaction = lambda s, m, now: s.business_reject(m, 4, "shard 2 is down", now)
    c.client("35=D|34=2")
    text = "Application Not Available" if profile else "shard 2 is down"
    if name in OLD:
        c.expect_only(f"35=3|34=2|45=2|58={text}")
    else:
        version = "|1137=9" if name == "FIXT.1.1" and profile else ""
        c.expect_only(f"35=j|34=2|45=2|58={text}|372=D|380=4{version}")


# -- Logon -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_the_reset_flag(name: str) -> None:
    """FIX.4.0 has none: by its dictionary the field is undefined."""
    c = Conversation(begin_string=name, numbers=Numbers(next_in=9, next_out=1))
    c.client(f"{LOGON_OF[name]}|141=Y")
    if name == "FIX.4.0":
        c.expect("35=5|34=1|58=Invalid tag number")
        c.expect_closed(DisconnectReason.INVALID_LOGON)
    else:
        status = "|1409=0" if name == "FIXT.1.1" else ""
        c.expect_only(f"{LOGON_OF[name]}|141=Y{status}")
        assert c.resets == 1


def test_without_a_dictionary_the_reset_flag_of_4_0_is_not_looked_at() -> None:
    c = Conversation(
        begin_string="FIX.4.0",
        validate=False,
        numbers=Numbers(next_in=9, next_out=1),
    )
    c.client("35=A|34=9|98=0|108=30|141=Y")
    c.expect_only("35=A|34=1|98=0|108=30")
    c.client("35=A|34=1|98=0|108=30|141=Y")
    c.expect("35=5|34=2|58=Already logged on")
    assert c.resets == 0


@pytest.mark.parametrize("name", ALL)
def test_369(name: str) -> None:
    c = Conversation(begin_string=name, enable_last_msg_seq_num_processed=True)
    c.client(LOGON_OF[name])
    c.forget()
    c.client("35=1|34=2|112=a")
    c.expect_only("35=0|34=2|" + ("" if name in OLD else "369=2|") + "112=a")


@pytest.mark.parametrize("name", ALL)
def test_789(name: str) -> None:
    """Before FIX.4.4 it is neither sent nor looked at."""
    c = Conversation(
        begin_string=name, validate=False, enable_next_expected_msg_seq_num=True
    )
    c.client(f"{LOGON_OF[name]}|789=1")
    has_it = name in ("FIX.4.4", "FIXT.1.1")
    status = "|1409=0" if name == "FIXT.1.1" else ""
    c.expect_only(LOGON_OF[name] + ("|789=2" if has_it else "") + status)


@pytest.mark.parametrize("name", ALL)
def test_789_too_high_is_an_error_where_it_exists(name: str) -> None:
    c = Conversation(begin_string=name, validate=False)
    c.client(f"{LOGON_OF[name]}|789=7")
    has_it = name in ("FIX.4.4", "FIXT.1.1")
    assert c.session.is_logged_on == (not has_it)


# -- FIXT ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["9", "6"])
def test_the_clients_1137_becomes_ours(value: str) -> None:
    c = Conversation(begin_string="FIXT.1.1", default_appl_ver_id="9")
    assert c.session.appl_ver_id == "9"
    c.client(f"35=A|34=1|98=0|108=30|1137={value}")
    c.expect_only(f"35=A|34=1|98=0|108=30|1137={value}|1409=0")
    assert c.session.appl_ver_id == value


@pytest.mark.parametrize(
    ("begin_string", "setting", "value"),
    [
        ("FIXT.1.1", "FIX.5.0SP2", "9"),
        ("FIXT.1.1", "9", "9"),
        ("FIXT.1.1", "", ""),
        ("FIX.4.2", "", "4"),
        ("FIX.4.4", "", "6"),
    ],
)
def test_the_version_before_a_logon(
    begin_string: str, setting: str, value: str
) -> None:
    c = Conversation(begin_string=begin_string, default_appl_ver_id=setting)
    assert c.session.appl_ver_id == value


def test_messages_are_judged_by_the_clients_version() -> None:
    c = Conversation(begin_string="FIXT.1.1", default_appl_ver_id="9")
    c.client("35=A|34=1|98=0|108=30|1137=6")
    c.forget()
    c.client("35=D|34=2|1128=7|11=A|54=1|55=XYZ|60=20260102-03:04:05|38=5|40=1")
    c.expect_only("35=3|34=2|45=2|58=*|371=1128|372=D|373=18")
    c.client("35=D|34=3|11=A|54=1|55=XYZ|60=20260102-03:04:05|38=5|40=1")
    c.expect_nothing()
    assert c.app.numbers == [3]


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("value", ["33", "FIX.5.0SP2", "1"])
def test_an_unknown_1137(validate: bool, value: str) -> None:
    c = Conversation(begin_string="FIXT.1.1", validate=validate)
    c.client(f"35=A|34=1|98=0|108=30|1137={value}")
    c.expect(f"35=5|34=1|58=Invalid DefaultApplVerID={value}")
    c.expect_closed(DisconnectReason.INVALID_LOGON)


@pytest.mark.parametrize("validate", [True, False])
def test_without_1137(validate: bool) -> None:
    c = Conversation(begin_string="FIXT.1.1", validate=validate)
    c.client("35=A|34=1|98=0|108=30")
    c.expect("35=5|34=1|58=DefaultApplVerID(1137) is missing")
    c.expect_closed(DisconnectReason.INVALID_LOGON)


@pytest.mark.parametrize("value", sorted(set(APPL_VER_IDS.values())))
def test_without_a_dictionary_every_version_is_good(value: str) -> None:
    c = Conversation(begin_string="FIXT.1.1", validate=False)
    c.client(f"35=A|34=1|98=0|108=30|1137={value}")
    c.expect_only(f"35=A|34=1|98=0|108=30|1137={value}|1409=0")


# -- SessionStatus(1409) ---------------------------------------------------------------


def test_status_of_an_answered_logout() -> None:
    c = talk("FIXT.1.1")
    c.client("35=5|34=2")
    c.expect_only("35=5|34=2|1409=4")


def test_a_logout_without_a_status_of_its_own() -> None:
    c = talk("FIXT.1.1")
    c.session.logout("bye", c.now_ns)
    c.carry_out()
    c.expect_only("35=5|34=2|58=bye")


STATUSES = {
    DisconnectReason.AUTHENTICATION_FAILED: 5,
    DisconnectReason.OUTSIDE_SCHEDULE: 7,
    DisconnectReason.SESSION_DISABLED: 7,
    DisconnectReason.SCHEDULE_END: 7,
    DisconnectReason.MSG_SEQ_NUM_TOO_LOW: 9,
    DisconnectReason.NEXT_EXPECTED_TOO_HIGH: 10,
}


@pytest.mark.parametrize("reason", STATUSES)
@pytest.mark.parametrize("value", ["9", "6"])
def test_status_of_a_logout_of_ours(reason: DisconnectReason, value: str) -> None:
    """9 and 10 are values of FIX 5.0 SP2."""
    c = Conversation(begin_string="FIXT.1.1")
    c.client(f"35=A|34=1|98=0|108=30|1137={value}")
    c.forget()
    c.session.break_off(reason, "so it is", c.now_ns)
    c.carry_out()
    status = STATUSES[reason]
    told = status < 9 or value == "9"
    c.expect("35=5|34=2|58=so it is" + (f"|1409={status}" if told else ""))
    c.expect_closed(reason)


@pytest.mark.parametrize("value", ["9", "6"])
def test_status_of_a_refused_logon(value: str) -> None:
    """It counts which version the refused Logon names, not the last good one."""
    c = Conversation(begin_string="FIXT.1.1", numbers=Numbers(next_in=9, next_out=1))
    c.client(f"35=A|34=4|98=0|108=30|1137={value}")
    text = "58=MsgSeqNum too low, expecting 9 but received 4"
    c.expect(f"35=5|34=1|{text}" + ("|1409=9" if value == "9" else ""))
    c.expect_closed(DisconnectReason.MSG_SEQ_NUM_TOO_LOW)


def test_status_can_be_left_out() -> None:
    c = Conversation(begin_string="FIXT.1.1", profile=QUICKFIX).log_on()
    c.client("35=5|34=2")
    c.expect("35=5|34=2")
    c.expect_closed(DisconnectReason.LOGOUT_COMPLETE)
