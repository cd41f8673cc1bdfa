"""Where a session is, and how it ends.

A Logout(5) of ours never overtakes what was sent before it: while a replay runs it
waits like any other message. Engines that count a Logout whatever its number would skip
a message otherwise, and never ask for it. Only what breaks off does not wait.
"""

from __future__ import annotations

from fixgw.session.checks import NS_PER_S
from fixgw.session.effects import Close
from fixgw.session.outbound import Outbound
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import SessionSettings
from fixgw.session.status import STATUS_OF, SessionStatus
from fixgw.session.tables import Happening, State, next_state

PEER_CLOSE_PATIENCE_S = 10
"""After we answered a Logout the client should close; so long we wait (test case
13.b). A replay before our own Logout may pause as long."""

ENDING = frozenset({State.LOGOUT_SENT, State.LOGOUT_ANSWERED})


class Lifecycle:
    """The state of one session, moved by the table TRANSITIONS alone."""

    def __init__(self, settings: SessionSettings, out: Outbound) -> None:
        self.state = State.DISCONNECTED
        self._out = out
        self._logout_timeout_ns = settings.logout_timeout_s * NS_PER_S
        self._closes_after_logout = settings.profile.close_after_logout
        self._deadline_ns = 0
        self._end_reason = DisconnectReason.LOGOUT_COMPLETE
        self._end_text = ""
        self._said = ""
        self._logged_out = False
        self._waits_for_replay = False
        self._closes_after_replay = False

    @property
    def is_ending(self) -> bool:
        """Whether a Logout was said and the connection is still there."""
        return self.state in ENDING

    def move(self, happening: Happening) -> None:
        """To the next state. Raises LocalError for what cannot happen in this one."""
        self.state = next_state(self.state, happening)
        self._out.connected = self.state is not State.DISCONNECTED
        self._out.is_logged_on = self.state is State.ACTIVE

    def begin_logout(
        self,
        text: str,
        now_ns: int,
        reason: DisconnectReason,
        *,
        why: str = "",
        at_once: bool = False,
    ) -> None:
        """Say Logout; the end of the connection will be counted as ``reason``.

        ``why`` is for the log. ``at_once``: a replay under way is dropped, not waited
        for.
        """
        self._end_reason, self._end_text, self._said = reason, why, text
        if at_once:
            self._out.forget_replays()
        self._out.logout(text, now_ns, STATUS_OF.get(reason))
        self.move(Happening.LOGOUT_BEGUN)
        self._wait(now_ns)

    def logout_received(self, now_ns: int) -> None:
        """The client has said Logout: answer it, or take it for the answer to ours."""
        if self.state is State.LOGOUT_SENT:
            self._logged_out = True
            if self._waits_for_replay:
                self._closes_after_replay = True
                return
            self.move(Happening.LOGOUT_RECEIVED)
            self._out.effects.append(Close(self._end_reason, self._end_text))
        elif self.state is State.LOGOUT_ANSWERED:
            self.move(Happening.LOGOUT_RECEIVED)
            self._out.effects.append(Close(DisconnectReason.LOGOUT_COMPLETE, ""))
        else:
            self._logged_out = True
            self._out.logout("", now_ns, SessionStatus.LOGOUT_COMPLETE)
            self.move(Happening.LOGOUT_RECEIVED)
            self._closes_after_replay = self._closes_after_logout
            self._wait(now_ns)

    def _wait(self, now_ns: int) -> None:
        """For the client; but first for a replay, if our Logout stands behind one."""
        self._waits_for_replay = self._out.is_logout_held
        patience_ns = PEER_CLOSE_PATIENCE_S * NS_PER_S
        if self._waits_for_replay:
            self._deadline_ns = now_ns + patience_ns
        elif self._closes_after_replay:
            self.close(self._end_reason, self._end_text)
        elif self.state is State.LOGOUT_SENT:
            self._deadline_ns = now_ns + self._logout_timeout_ns
        else:
            self._deadline_ns = now_ns + patience_ns

    def replay_went_on(self, now_ns: int) -> None:
        """Part of a replay was written: perhaps our Logout with it."""
        if self._waits_for_replay:
            self._wait(now_ns)

    def numbers_were_reset(self, now_ns: int) -> None:
        """Replays were dropped by it, and our Logout if it stood behind one: say it
        again."""
        if self._waits_for_replay:
            self._out.logout(self._said, now_ns, STATUS_OF.get(self._end_reason))
            self._wait(now_ns)

    def check_deadline(self, now_ns: int) -> None:
        """To be called while ending: close what took too long (test cases 12, 13.b).

        Not to answer a Logout, or not to close after one, is an error of the client's.
        """
        longest_ns = max(PEER_CLOSE_PATIENCE_S * NS_PER_S, self._logout_timeout_ns)
        # The clock may have been set back.
        self._deadline_ns = min(self._deadline_ns, now_ns + longest_ns)
        if now_ns < self._deadline_ns:
            return
        self._out.forget_replays()
        reason = self._end_reason
        if self.state is State.LOGOUT_ANSWERED or (
            reason is DisconnectReason.LOGOUT_COMPLETE and not self._logged_out
        ):
            reason = DisconnectReason.LOGOUT_TIMEOUT
        self.close(reason, self._end_text)

    def break_off(self, reason: DisconnectReason, text: str, now_ns: int) -> None:
        """Say Logout and close at once."""
        self._out.forget_replays()
        self._out.logout(text, now_ns, STATUS_OF.get(reason))
        self.close(reason, text)

    def close(self, reason: DisconnectReason, text: str) -> None:
        """Close without another word."""
        self._waits_for_replay = False
        self.move(Happening.BROKEN_OFF)
        self._out.effects.append(Close(reason, text))

    def lose(self) -> bool:
        """The connection is gone; whether a Logout had been exchanged."""
        clean, self._logged_out = self._logged_out, False
        self._end_reason, self._end_text = DisconnectReason.LOGOUT_COMPLETE, ""
        self._waits_for_replay = self._closes_after_replay = False
        self.move(Happening.CONNECTION_LOST)
        return clean
