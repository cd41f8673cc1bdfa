"""The states of a session, without one: who waits for whom, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from fixgw.session.effects import Close, Send
from fixgw.session.identity import SessionId
from fixgw.session.lifecycle import PEER_CLOSE_PATIENCE_S, Lifecycle
from fixgw.session.liveness import Liveness
from fixgw.session.numbers import Numbers
from fixgw.session.outbound import Outbound
from fixgw.session.profile import Profile
from fixgw.session.reasons import DisconnectReason
from fixgw.session.replay import StoredMessage
from fixgw.session.settings import SessionSettings
from fixgw.session.tables import Happening, LocalError, State
from fixgw.session.versions import VERSIONS
from tests.sessions.conversation import build, read

R = DisconnectReason
S = 10**9
TIMEOUT_S = 5


class Life:
    """A session that is established, and nothing around it."""

    def __init__(self, **own: Any) -> None:
        session_id = SessionId("FIX.4.4", "EXCHANGE", "CLIENT")
        settings = SessionSettings(
            session_id=session_id, logout_timeout_s=TIMEOUT_S, **own
        )
        self.out = Outbound(
            settings, VERSIONS["FIX.4.4"], Numbers(1, 3), Liveness(settings)
        )
        self.life = Lifecycle(settings, self.out)
        self.life.move(Happening.LOGON_ACCEPTED)

    @property
    def said(self) -> list[str]:
        """Text(58) of each Logout, and the reasons of ends, since the last call."""
        told = []
        for effect in self.out.effects:
            if isinstance(effect, Send):
                assert dict(read(effect.data))[35] == "5"
                told.append(dict(read(effect.data)).get(58, ""))
            elif isinstance(effect, Close):
                told.append(f"{effect.reason.name} {effect.text}".strip())
        self.out.effects.clear()
        return told

    def replay(self) -> None:
        """The client asks for what it has missed."""
        self.out.replay(1, 2, 2)
        self.out.effects.clear()

    def replay_ends(self) -> None:
        """All of it is written, then what was said meanwhile."""
        names = {8: "FIX.4.4", 49: "EXCHANGE", 52: "20260102-03:04:05", 56: "CLIENT"}
        while (wanted := self.out.replay_wanted) is not None:
            rows = [
                StoredMessage(seq, True, build(f"35=5|34={seq}|", names))
                for seq in range(wanted[0], wanted[1] + 1)
            ]
            self.out.replay_rows(rows, wanted[1], 0)
        self.life.replay_went_on(0)


def test_the_outgoing_half_knows_the_state() -> None:
    made = Life()
    assert (made.out.connected, made.out.is_logged_on) == (True, True)
    made.life.begin_logout("", 0, R.SHUTDOWN)
    assert (made.out.connected, made.out.is_logged_on) == (True, False)
    made.life.lose()
    assert (made.out.connected, made.out.is_logged_on) == (False, False)


def test_what_cannot_happen_is_an_error_of_ours() -> None:
    made = Life()
    with pytest.raises(LocalError, match="LOGON_ACCEPTED in state ACTIVE"):
        made.life.move(Happening.LOGON_ACCEPTED)


def test_our_logout_is_answered() -> None:
    made = Life()
    assert not made.life.is_ending
    made.life.begin_logout("bye", 0, R.SHUTDOWN, why="the night")
    assert made.life.is_ending
    assert made.said == ["bye"]
    made.life.logout_received(S)
    assert made.said == ["SHUTDOWN the night"]
    assert made.life.state is State.CLOSING
    assert made.life.lose()


def test_the_logout_of_the_client_is_answered_and_repeated() -> None:
    made = Life()
    made.life.logout_received(0)
    assert made.said == [""]
    assert made.life.state is State.LOGOUT_ANSWERED
    made.life.logout_received(S)
    assert made.said == ["LOGOUT_COMPLETE"]


def test_in_the_other_profile_we_close_at_once() -> None:
    made = Life(profile=Profile(close_after_logout=True))
    made.life.logout_received(0)
    assert made.said == ["", "LOGOUT_COMPLETE"]
    assert made.life.state is State.CLOSING


@pytest.mark.parametrize(
    ("reason", "counted"),
    [(R.LOGOUT_COMPLETE, R.LOGOUT_TIMEOUT), (R.SHUTDOWN, R.SHUTDOWN)],
)
def test_our_logout_is_not_answered_in_time(
    reason: DisconnectReason, counted: DisconnectReason
) -> None:
    made = Life()
    made.life.begin_logout("", 0, reason)
    assert made.said == [""]
    made.life.check_deadline(TIMEOUT_S * S - 1)
    assert made.said == []
    made.life.check_deadline(TIMEOUT_S * S)
    assert made.said == [counted.name]


def test_a_client_that_does_not_close_is_closed() -> None:
    made = Life()
    made.life.logout_received(0)
    assert made.said == [""]
    made.life.check_deadline(PEER_CLOSE_PATIENCE_S * S - 1)
    assert made.said == []
    made.life.check_deadline(PEER_CLOSE_PATIENCE_S * S)
    assert made.said == ["LOGOUT_TIMEOUT"]


# -- a Logout behind a replay --------------------------------------------------------


def test_our_logout_waits_for_a_replay_and_then_for_the_client() -> None:
    made = Life()
    made.replay()
    made.life.begin_logout("bye", 0, R.SHUTDOWN)
    assert made.out.is_logout_held
    made.out.effects.clear()
    made.life.check_deadline(TIMEOUT_S * S)
    assert made.said == [], "the patience of a replay is longer"
    made.replay_ends()
    made.out.effects.clear()
    made.life.check_deadline(TIMEOUT_S * S)
    assert made.said == ["SHUTDOWN"], "it counts from when the Logout was written"


def test_a_client_that_logs_out_meanwhile_hears_ours_first() -> None:
    made = Life()
    made.replay()
    made.life.begin_logout("bye", 0, R.SHUTDOWN)
    made.out.effects.clear()
    made.life.logout_received(S)
    assert made.said == []
    made.replay_ends()
    assert made.life.state is State.CLOSING
    assert isinstance(made.out.effects[-1], Close)
    assert made.out.effects[-1].reason is R.SHUTDOWN


@pytest.mark.parametrize("closes", [False, True])
def test_our_answer_waits_for_a_replay(closes: bool) -> None:
    made = Life(profile=Profile(close_after_logout=closes))
    made.replay()
    made.life.logout_received(0)
    made.out.effects.clear()
    assert made.life.state is State.LOGOUT_ANSWERED
    made.replay_ends()
    assert any(isinstance(effect, Close) for effect in made.out.effects) is closes


def test_a_replay_that_stands_still_does_not_wait_for_ever() -> None:
    made = Life()
    made.replay()
    made.life.begin_logout("", 0, R.LOGOUT_COMPLETE)
    made.out.effects.clear()
    made.life.check_deadline(PEER_CLOSE_PATIENCE_S * S)
    assert made.said == ["LOGOUT_TIMEOUT"]
    assert not made.out.is_replaying


def test_a_client_that_has_logged_out_is_not_blamed_for_our_replay() -> None:
    made = Life()
    made.replay()
    made.life.begin_logout("", 0, R.LOGOUT_COMPLETE)
    made.life.logout_received(S)
    made.out.effects.clear()
    made.life.check_deadline(PEER_CLOSE_PATIENCE_S * S)
    assert made.said == ["LOGOUT_COMPLETE"]


def test_a_reset_of_the_numbers_drops_the_replay_but_not_our_logout() -> None:
    made = Life()
    made.replay()
    made.life.begin_logout("bye", 0, R.SHUTDOWN)
    made.out.effects.clear()
    made.out.forget_stored()
    made.life.numbers_were_reset(0)
    assert made.said == ["bye"]
    assert not made.out.is_logout_held
    made.life.numbers_were_reset(0)
    assert made.said == [], "it was said"


def test_a_logout_at_once_drops_the_replay() -> None:
    made = Life()
    made.replay()
    made.life.begin_logout("bye", 0, R.OPERATOR_DISCONNECT, at_once=True)
    assert not made.out.is_replaying
    assert not made.out.is_logout_held
    assert made.said == ["bye"]


# -- without a farewell --------------------------------------------------------------


def test_breaking_off_waits_for_nothing() -> None:
    made = Life()
    made.replay()
    made.life.break_off(R.THROTTLED, "too much", 0)
    assert made.said == ["too much", "THROTTLED too much"]
    assert made.life.state is State.CLOSING
    assert not made.out.is_replaying


def test_closing_says_nothing() -> None:
    made = Life()
    made.life.close(R.SLOW_CONSUMER, "no room")
    assert made.said == ["SLOW_CONSUMER no room"]
    made.life.replay_went_on(0)
    assert made.said == []


def test_the_connection_is_lost() -> None:
    made = Life()
    assert not made.life.lose()
    assert made.life.state is State.DISCONNECTED


def test_one_connection_leaves_nothing_to_the_next() -> None:
    made = Life()
    made.life.begin_logout("", 0, R.SHUTDOWN, why="the night")
    made.life.logout_received(0)
    assert made.life.lose()
    made.life.move(Happening.LOGON_ACCEPTED)
    made.out.effects.clear()
    made.life.begin_logout("", 0, R.LOGOUT_COMPLETE)
    made.life.logout_received(0)
    assert made.said == ["", "LOGOUT_COMPLETE"]
    made.life.lose()
    made.life.move(Happening.LOGON_ACCEPTED)
    assert not made.life.lose()
