"""Silence on both directions, second by second: what is due, and what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from fixgw.session.identity import SessionId
from fixgw.session.liveness import Due, Liveness
from fixgw.session.profile import Profile
from fixgw.session.settings import SessionSettings

S = 10**9


def silence(interval_s: int = 10, **own: Any) -> Liveness:
    session_id = SessionId("FIX.4.4", "EXCHANGE", "CLIENT")
    liveness = Liveness(SessionSettings(session_id=session_id, **own))
    liveness.interval_s = interval_s
    liveness.start(0)
    return liveness


def test_a_heartbeat_is_due_after_the_interval() -> None:
    liveness = silence()
    assert liveness.due(10 * S - 1) is Due.NOTHING
    assert liveness.due(10 * S) is Due.HEARTBEAT
    liveness.sent(10 * S)
    liveness.received(10 * S)
    assert liveness.due(20 * S - 1) is Due.NOTHING


def test_a_silent_client_is_asked_once_and_then_given_up() -> None:
    liveness = silence()
    liveness.sent(12 * S)
    assert liveness.due(12 * S - 1) is Due.NOTHING
    assert liveness.due(12 * S) is Due.TEST_REQUEST
    assert liveness.test_req_id == b"TEST-1"
    assert liveness.due(13 * S) is Due.NOTHING
    liveness.sent(23 * S)
    assert liveness.due(24 * S - 1) is Due.NOTHING
    assert liveness.due(24 * S) is Due.GIVE_UP


def test_anything_from_the_client_clears_it() -> None:
    liveness = silence()
    assert liveness.due(12 * S) is Due.TEST_REQUEST
    liveness.received(13 * S)
    liveness.sent(24 * S)
    assert liveness.due(25 * S - 1) is Due.NOTHING
    assert liveness.due(25 * S) is Due.TEST_REQUEST
    assert liveness.test_req_id == b"TEST-2", "each has an id of its own"


@pytest.mark.parametrize(
    ("own", "due", "id_"),
    [
        ({}, Due.HEARTBEAT, b"TEST-1"),
        ({"quiet_while_asking": True}, Due.NOTHING, b"TEST-1"),
        ({"fixed_test_req_id": True}, Due.HEARTBEAT, b"TEST"),
    ],
)
def test_while_a_test_request_is_open(
    own: dict[str, bool], due: Due, id_: bytes
) -> None:
    liveness = silence(profile=Profile(**own))
    assert liveness.due(12 * S) is Due.TEST_REQUEST
    assert liveness.due(12 * S) is due
    assert liveness.test_req_id == id_


def test_nothing_is_ever_due_without_an_interval() -> None:
    assert silence(0).due(10**6 * S) is Due.NOTHING


def test_without_the_check_nobody_is_asked_or_given_up() -> None:
    liveness = silence(disable_heartbeat_check=True)
    assert liveness.due(10**6 * S) is Due.HEARTBEAT
    liveness.sent(10**6 * S)
    assert liveness.due(10**6 * S) is Due.NOTHING


def test_the_factors_are_settings() -> None:
    liveness = silence(
        test_request_delay_multiplier=1.0, heartbeat_timeout_multiplier=2.0
    )
    liveness.sent(20 * S)
    assert liveness.due(20 * S - 1) is Due.NOTHING
    assert liveness.due(20 * S) is Due.TEST_REQUEST
    assert liveness.due(30 * S) is Due.GIVE_UP


def test_a_client_that_talks_but_does_not_answer_is_told_of_once() -> None:
    liveness = silence()
    assert liveness.due(12 * S) is Due.TEST_REQUEST
    assert not liveness.is_unanswered(30 * S), "it is silent, which is worse"
    liveness.received(13 * S)
    assert not liveness.is_unanswered(22 * S - 1)
    assert liveness.is_unanswered(22 * S)
    assert not liveness.is_unanswered(22 * S)


@pytest.mark.parametrize(
    ("test_req_id", "unanswered"), [(b"TEST-1", False), (b"OTHER", True), (None, True)]
)
def test_only_its_own_id_answers(test_req_id: bytes | None, unanswered: bool) -> None:
    liveness = silence()
    assert liveness.due(12 * S) is Due.TEST_REQUEST
    liveness.received(13 * S)
    liveness.heard(test_req_id)
    assert liveness.is_unanswered(30 * S) is unanswered


def test_a_new_connection_owes_nothing() -> None:
    liveness = silence()
    assert liveness.due(12 * S) is Due.TEST_REQUEST
    liveness.start(15 * S)
    assert not liveness.is_unanswered(30 * S)
    assert liveness.due(25 * S - 1) is Due.NOTHING
