"""Sessions by what people call them."""

from __future__ import annotations

import pytest

from fixgw.session.directory import Directory, NoSuchSession
from fixgw.session.identity import SessionId

BUYER = SessionId("FIX.4.4", "EXCHANGE", "BUYER")
SELLER = SessionId("FIX.4.4", "EXCHANGE", "Seller")
DESK_A = SessionId("FIX.4.4", "EXCHANGE", "DESK")
DESK_B = SessionId("FIX.4.4", "OTHER", "DESK")
LOWER = SessionId("FIX.4.4", "EXCHANGE", "maker")
UPPER = SessionId("FIX.4.4", "EXCHANGE", "MAKER")
DIRECTORY = Directory([BUYER, SELLER, DESK_A, DESK_B, LOWER, UPPER])


@pytest.mark.parametrize(
    ("name", "session"),
    [
        ("BUYER", BUYER),
        ("buyer", BUYER),
        ("FIX.4.4:EXCHANGE->BUYER", BUYER),
        ("fix.4.4:exchange->buyer", BUYER),
        ("SELLER", SELLER),
        ("FIX.4.4:EXCHANGE->DESK", DESK_A),
        ("fix.4.4:other->desk", DESK_B),
        ("maker", LOWER),
        ("MAKER", UPPER),
    ],
)
def test_found(name: str, session: SessionId) -> None:
    assert DIRECTORY.find(name) == session


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("BUYR", "there is no session 'BUYR'; did you mean BUYER?"),
        ("seler", "there is no session 'seler'; did you mean Seller?"),
        (
            "FIX.4.4:EXCHANGE->BUYR",
            "there is no session 'FIX.4.4:EXCHANGE->BUYR'; did you mean "
            "FIX.4.4:EXCHANGE->BUYER?",
        ),
        ("zzz", "there is no session 'zzz'"),
        ("", "there is no session ''"),
        ("x" * 500, f"there is no session '{'x' * 80}'"),
        (
            "desk",
            "desk may be FIX.4.4:EXCHANGE->DESK, FIX.4.4:OTHER->DESK: say which",
        ),
        (
            "Maker",
            "Maker may be FIX.4.4:EXCHANGE->MAKER, FIX.4.4:EXCHANGE->maker: say which",
        ),
    ],
)
def test_not_found(name: str, said: str) -> None:
    with pytest.raises(NoSuchSession) as caught:
        DIRECTORY.find(name)
    assert str(caught.value) == said


def test_the_shortest_name_that_is_understood() -> None:
    for session in (BUYER, SELLER, DESK_A, DESK_B, LOWER, UPPER):
        assert DIRECTORY.find(DIRECTORY.name(session)) == session
    assert DIRECTORY.name(BUYER) == "BUYER"
    assert DIRECTORY.name(DESK_A) == "FIX.4.4:EXCHANGE->DESK"


def test_desks_of_one_client() -> None:
    desks = [
        SessionId("FIX.4.4", "EXCHANGE", "BUYER", target_sub_id=f"DESK{number}")
        for number in (1, 2)
    ]
    directory = Directory(desks)
    assert [directory.name(desk) for desk in desks] == ["BUYER/DESK1", "BUYER/DESK2"]
    assert directory.find("buyer/desk2") == desks[1]
    with pytest.raises(NoSuchSession, match="say which"):
        directory.find("BUYER")


def test_a_client_named_like_another_session_is_no_trap() -> None:
    """CompIDs may hold any printable character, also those of an identity."""
    odd = SessionId("FIX.4.4", "EXCHANGE", "FIX.4.4:EXCHANGE->BUYER")
    directory = Directory([BUYER, odd])
    assert directory.find("BUYER") == BUYER
    assert directory.find(str(odd)) == odd
    with pytest.raises(NoSuchSession, match="say which"):
        directory.find(str(BUYER))
