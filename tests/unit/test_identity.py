"""The name of a session and the number that stands for it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.session.identity import SessionId, nonzero_key

BUYER = SessionId("FIX.4.4", "EXCHANGE", "BUYER")


def test_text_names_version_and_both_sides() -> None:
    assert str(BUYER) == "FIX.4.4:EXCHANGE->BUYER"


def test_text_ends_with_a_qualifier_if_there_is_one() -> None:
    assert str(SessionId("FIX.4.4", "A", "B", "Q1")) == "FIX.4.4:A->B:Q1"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "FIX.4.4:A->B:Q"),
        ({"sender_sub_id": "S"}, "FIX.4.4:A/S->B:Q"),
        ({"sender_location_id": "L"}, "FIX.4.4:A//L->B:Q"),
        ({"target_sub_id": "S", "target_location_id": "L"}, "FIX.4.4:A->B/S/L:Q"),
    ],
)
def test_sub_and_location_ids_stand_behind_their_comp_id(
    parts: dict[str, str], text: str
) -> None:
    assert str(SessionId("FIX.4.4", "A", "B", "Q", **parts)) == text


def test_key_never_changes() -> None:
    # Records on disk bear this number: a change would part them from their session.
    assert BUYER.key == 1_502_865_999_445_329_571


@given(st.text(), st.text(), st.text(), st.text())
def test_key_is_the_little_endian_digest_of_the_text(
    begin_string: str, sender: str, target: str, qualifier: str
) -> None:
    session_id = SessionId(begin_string, sender, target, qualifier)
    digest = blake2b(str(session_id).encode(), digest_size=8).digest()
    assert session_id.key == int.from_bytes(digest, "little")
    assert 0 < session_id.key < 2**64


def test_key_is_never_zero() -> None:
    assert nonzero_key(bytes(8)) == 1
    assert nonzero_key(b"\x00\x01" + bytes(6)) == 256


def test_ids_are_values() -> None:
    assert SessionId("FIX.4.4", "EXCHANGE", "BUYER") == BUYER
    assert len({BUYER, SessionId("FIX.4.4", "EXCHANGE", "BUYER")}) == 1
    assert SessionId("FIX.4.4", "BUYER", "EXCHANGE") != BUYER
    with pytest.raises(FrozenInstanceError):
        BUYER.qualifier = "x"  # type: ignore[misc]
