"""The form of our messages: which fields, in which order."""

from __future__ import annotations

import pytest

from fixgw.session.identity import SessionId
from fixgw.session.outgoing import Composer, reverse_route
from fixgw.session.versions import VERSIONS
from fixgw.wire import Message, parse_message
from tests.sessions.conversation import Conversation, build, read

NOW = 1_767_323_045_123_456_789
SUBS = {
    "sender_sub_id": "DESK",
    "sender_location_id": "PARIS",
    "target_sub_id": "JOE",
    "target_location_id": "ROME",
}


def composer(begin_string: str = "FIX.4.4", **parts: str) -> Composer:
    session_id = SessionId(begin_string, "EXCHANGE", "CLIENT", **parts)
    return Composer(session_id, VERSIONS[begin_string], 3)


def tags(data: bytes) -> list[int]:
    return [tag for tag, _ in read(data)]


def test_every_field_of_the_header_in_order() -> None:
    route = tuple((tag, b"x") for tag in (115, 116, 128, 129, 144, 145))
    data = composer("FIX.4.4", **SUBS).message(
        "8",
        7,
        b"37=A\x01",
        NOW,
        route=route,
        last_processed=3,
        poss_resend=True,
        original=b"20260102-03:04:05",
    )
    head = [34, 43, 49, 50, 52, 56, 57, 97, 115, 116, 122, 128, 129, 142, 143, 144, 145]
    assert tags(data) == [8, 9, 35, *head, 369, 37, 10]
    assert dict(read(data))[52] == "20260102-03:04:05.123"


def test_a_route_takes_its_place_among_the_locations() -> None:
    route = ((144, b"LYON"), (128, b"FIRM"))
    data = composer("FIX.4.4", **SUBS).message("3", 1, b"", NOW, route=route)
    fields = [(128, "FIRM"), (142, "PARIS"), (143, "ROME"), (144, "LYON")]
    assert [row for row in read(data) if row[0] > 100] == fields


def test_sub_and_location_ids_are_those_of_the_session() -> None:
    pairs = dict(read(composer("FIX.4.4", **SUBS).message("0", 1, b"", NOW)))
    assert (pairs[50], pairs[57]) == ("DESK", "JOE")
    assert (pairs[142], pairs[143]) == ("PARIS", "ROME")


@pytest.mark.parametrize("part", SUBS)
def test_only_those_that_are_configured(part: str) -> None:
    wanted = {"sender_sub_id": 50, "target_sub_id": 57}
    wanted |= {"sender_location_id": 142, "target_location_id": 143}
    data = composer("FIX.4.4", **{part: "X"}).message("0", 1, b"", NOW)
    assert set(tags(data)) - {8, 9, 10, 34, 35, 49, 52, 56} == {wanted[part]}


def test_4_0_has_no_locations() -> None:
    data = composer("FIX.4.0", **SUBS).gap_fill(3, 9, NOW)
    assert tags(data) == [8, 9, 35, 34, 43, 49, 50, 52, 56, 57, 122, 36, 123, 10]
    assert dict(read(data))[122] == "20260102-03:04:05"


@pytest.mark.parametrize("last", [-1, 0, 5])
def test_gap_fill(last: int) -> None:
    pairs = read(composer().gap_fill(3, 9, NOW, last))
    tail = [(36, "9"), (123, "Y")]
    if last >= 0:
        tail = [(369, str(last)), *tail]
    time = "20260102-03:04:05.123"
    head = [(35, "4"), (34, "3"), (43, "Y"), (49, "EXCHANGE"), (52, time)]
    assert pairs[2:-1] == [*head, (56, "CLIENT"), (122, time), *tail]


def test_a_session_with_sub_ids_says_them_in_everything() -> None:
    c = Conversation(session_id=SessionId("FIX.4.4", "EXCHANGE", "CLIENT", **SUBS))
    c.client("35=A|34=1|98=0|108=30")
    subs = "50=DESK|57=JOE|142=PARIS|143=ROME"
    c.expect(f"35=A|34=1|{subs}|98=0|108=30")
    c.send("35=8|37=A")
    c.expect(f"35=8|34=2|{subs}|37=A")
    c.client("35=2|34=2|7=1|16=0")
    c.expect(f"35=4|34=1|43=Y|122=*|{subs}|36=2|123=Y")
    pairs = c.expect(f"35=8|34=2|43=Y|122=*|{subs}|37=A")
    found = [tag for tag, _ in pairs]
    assert found == [8, 9, 35, 34, 43, 49, 50, 52, 56, 57, 122, 142, 143, 37, 10]


@pytest.mark.parametrize("extra", ["", "50=X|", "57=X|", "142=X|143=Y|"])
def test_whatever_sub_ids_a_client_says_inside_its_session(extra: str) -> None:
    """They name people and places there, not the session."""
    c = Conversation(session_id=SessionId("FIX.4.4", "EXCHANGE", "CLIENT", **SUBS))
    c.client("35=A|34=1|98=0|108=30")
    c.forget()
    c.client(f"35=0|34=2|{extra}")
    c.expect_nothing()
    assert c.next_in == 3


def test_reverse_route() -> None:
    data = build("35=D|115=A|128=|145=P|58=x", {8: "FIX.4.4"})
    message = parse_message(data)
    assert isinstance(message, Message)
    assert reverse_route(message, VERSIONS["FIX.4.4"]) == ((128, b"A"), (144, b"P"))
    assert reverse_route(message, VERSIONS["FIX.4.0"]) == ((128, b"A"),)
