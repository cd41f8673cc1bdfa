"""Checks of a single message: each answer by itself, and both sides of each bound."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from fixgw.dictionary import SessionRejectReason
from fixgw.session.checks import (
    Objection,
    check_identity,
    check_possible_duplicate,
    check_routing,
    check_sending_time,
    may_connect,
    number,
)
from fixgw.session.identity import SessionId
from fixgw.session.profile import Profile
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message, parse_message
from tests.sessions.conversation import build

NOON = "20260102-12:00:00.000"
NOON_NS = 1_767_355_200_000_000_000
NAMES = {8: "FIX.4.4", 49: "CLIENT", 56: "EXCHANGE", 52: NOON}
LATE = SessionRejectReason.SENDING_TIME_ACCURACY
COMP_ID = SessionRejectReason.COMP_ID_PROBLEM


def settings(**own: Any) -> SessionSettings:
    session_id = SessionId("FIX.4.4", "EXCHANGE", "CLIENT")
    return SessionSettings(session_id=session_id, **own)


def message(text: str = "", *, without: tuple[int, ...] = ()) -> Message:
    made = parse_message(build(f"35=0|34=2|{text}", NAMES, without))
    assert isinstance(made, Message)
    return made


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"0", 0),
        (b"007", 7),
        (b"9" * 18, 10**18 - 1),
        (b"9" * 19, None),
        (b"-1", None),
        (b"+1", None),
        (b"1.0", None),
        (b" 1", None),
        (b"", None),
        (None, None),
    ],
)
def test_number(value: bytes | None, expected: int | None) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("allowed", "address", "expected"),
    [
        ((), "203.0.113.9", True),
        (("192.0.2.0/24",), "192.0.2.255", True),
        (("192.0.2.0/24",), "192.0.3.0", False),
        (("192.0.2.0/24",), "::ffff:192.0.2.7", True),
        (("192.0.2.1/32", "2001:db8::/32"), "2001:db8::1", True),
        (("192.0.2.1/32",), "2001:db8::1", False),
    ],
)
def test_may_connect(allowed: tuple[str, ...], address: str, expected: bool) -> None:
    networks = tuple(ip_network(text) for text in allowed)
    assert may_connect(settings(allowed_remote_addresses=networks), address) is expected


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        (False, "Incorrect BeginString: expected FIX.4.4, received FIX.4.2"),
        (True, "Incorrect BeginString"),
    ],
)
def test_another_begin_string(plain: bool, text: str) -> None:
    own = settings(profile=Profile(plain_reject_texts=plain))
    found = check_identity(message("8=FIX.4.2"), own)
    assert found == Objection(DisconnectReason.BEGIN_STRING_WRONG, text)


@pytest.mark.parametrize(
    ("text", "tag", "said"),
    [
        ("49=OTHER", 49, "CompID problem: expected CLIENT, received OTHER"),
        ("56=OTHER", 56, "CompID problem: expected EXCHANGE, received OTHER"),
        ("49=B\xe4R", 49, "CompID problem: expected CLIENT, received B\xe4R"),
        ("49=X|56=Y", 49, "CompID problem: expected CLIENT, received X"),
    ],
)
def test_another_comp_id(text: str, tag: int, said: str) -> None:
    found = check_identity(message(text), settings())
    assert found == Objection(DisconnectReason.COMP_ID_WRONG, said, tag, COMP_ID)
    assert check_identity(message(text), settings(check_comp_id=False)) is None


@pytest.mark.parametrize("without", [(), (49,), (56,)])
def test_the_right_names(without: tuple[int, ...]) -> None:
    """What is missing is judged as content, not as another's."""
    assert check_identity(message(without=without), settings()) is None


@pytest.mark.parametrize("sign", [-1, 1])
def test_sending_time_on_either_side_of_our_clock(sign: int) -> None:
    own = settings(max_latency_s=10)
    edge = NOON_NS + sign * 10 * 10**9
    assert check_sending_time(message(), own, edge) is None
    found = check_sending_time(message(), own, edge + sign)
    text = f"SendingTime accuracy problem: {NOON} is 10 s off, 10 s are allowed"
    reason = DisconnectReason.SENDING_TIME_WRONG
    assert found == Objection(reason, text, 52, LATE)


@pytest.mark.parametrize(
    ("text", "own"),
    [("", {"check_latency": False}), ("52=", {}), ("52=yesterday", {})],
    ids=["not wanted", "not there", "not a time"],
)
def test_a_sending_time_that_is_not_compared(text: str, own: dict[str, Any]) -> None:
    assert check_sending_time(message(text), settings(**own), 0) is None


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        ("", None),
        ("115=DESK|128=BROKER", None),
        ("115=OTHER", 115),
        ("128=OTHER", 128),
        ("115=OTHER|128=OTHER", 115),
        ("115=", None),
    ],
)
def test_routing(text: str, blamed: int | None) -> None:
    own = settings(on_behalf_of_comp_ids=("DESK",), deliver_to_comp_ids=("BROKER",))
    found = check_routing(message(text), own)
    assert (found and (found.reason, found.tag)) == (blamed and (COMP_ID, blamed))


def test_without_an_agreement_anybody_is_routed_to() -> None:
    assert check_routing(message("115=ANY|128=BODY"), settings()) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("122=20260102-13:00:00", None),
        ("43=N|122=20260102-13:00:00", None),
        (f"43=Y|122={NOON}", None),
        ("43=Y|122=20260102-12:00:00.001", LATE),
        ("43=Y", SessionRejectReason.REQUIRED_TAG_MISSING),
        ("43=Y|122=", SessionRejectReason.REQUIRED_TAG_MISSING),
        ("43=Y|122=yesterday", None),
        ("43=Y|122=20260102-13:00:00|52=today", None),
    ],
)
def test_possible_duplicates(text: str, reason: SessionRejectReason | None) -> None:
    found = check_possible_duplicate(message(text), settings())
    assert (found and (found.reason, found.tag)) == (reason and (reason, 122))


def test_orig_sending_time_may_be_left_out_by_settings() -> None:
    own = settings(requires_orig_sending_time=False)
    assert check_possible_duplicate(message("43=Y"), own) is None
