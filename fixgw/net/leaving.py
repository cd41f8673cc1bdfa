"""What becomes of the orders of a client that leaves: cancel on disconnect and on
logout, and the dead man's switch.

The shards cancel, at a time they have been told (SET_DEADLINE), whatever becomes of
this gateway meanwhile. So all that is to do here is to say when:

* A connection ends: now and the session's grace, to every shard.
* The client logs on: no longer. Nothing is cancelled that was sent after that: what
  removes the deadline is ahead of it on every link.
* A link to a shard comes up: what holds now is said again, ahead of everything else.
  What is said over a link that is up is never repeated when it is lost, so a shard is
  never told of an end after its session has begun again.
* A shard was not there while the grace of a client ran out: the cancel itself is said
  when its link is up, behind what is sent again: that was sent before the client left.
* The gateway was killed: with each Logon and each end is noted in the outbox how it
  stands with the client. Whoever was logged on then is gone since now.
"""

from __future__ import annotations

from engine.codes import CommandFlag, CommandKind, Reason
from engine.records import MassCommand
from fixgw.dictionary import SessionRejectReason
from fixgw.net.gateway import Gateway
from fixgw.orders.deadman import dead_man, deadline_command
from fixgw.session.session import Session
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message
from fixgw.wire.building import utc_timestamp

CANCEL_ALL_AFTER = "U1"
CANCEL_ALL_AFTER_ACK = "U2"
REQ_ID, TIMEOUT_MS, CANCEL_AT = 5701, 5702, 5703
"""CancelAllAfterReqID, CancelAllAfterMs, CancelAllAt."""

REQ_ID_BYTES_MAX = 64
"""What is returned with each answer, which is kept."""

APPLICATION_NOT_AVAILABLE = 4
"""BusinessRejectReason(380)."""

NOTHING, LOGGED_ON = 0, 1
"""How it stands with a client: nothing to do, or logged on. Otherwise it is the Reason
for which its orders are cancelled."""

NS_PER_S = 1_000_000_000

ENDS = {
    Reason.DISCONNECTED: "cancel_on_disconnect",
    Reason.LOGGED_OUT: "cancel_on_logout",
}
"""Why a client's orders are cancelled, and the setting that asks for it."""


class Leaving:
    """The desk of those who leave (:class:`fixgw.orders.exchange.Desk`)."""

    message_types = frozenset({CANCEL_ALL_AFTER})

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._deadlines: dict[tuple[int, Reason], int] = {}
        """By session and reason; 0 of one that was removed."""
        self._missed: dict[int, dict[int, Reason]] = {}
        """By shard: sessions that came back after their time, and it was not there."""
        self._has_begun = False
        gateway.openings.append(self._opening)
        gateway.behinds.append(self._behind)

    # -- of sessions -------------------------------------------------------------------

    def on_logon(self, session: Session) -> None:
        """The client is there: nothing is cancelled because it had gone."""
        self._begin()
        if not _is_watched(session.settings):
            return
        now_ns = self._gateway.clock()
        for reason in ENDS:
            deadline = self._deadlines.get((session.key, reason), 0)
            if 0 < deadline <= now_ns:
                self._miss(session.key, reason)
            self._set(session, reason, 0)
        self._note(session, LOGGED_ON)

    def on_logout(self, session: Session) -> None:
        """The client is gone, with a Logout or without."""
        settings = session.settings
        if not _is_watched(settings):
            return
        clean = session.ended_cleanly
        reason = Reason.LOGGED_OUT if clean else Reason.DISCONNECTED
        if not getattr(settings, ENDS[reason]):
            self._note(session, NOTHING)
            return
        self._set(session, reason, self._gateway.clock() + _grace_ns(settings))
        self._note(session, reason)

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """CancelAllAfter(U1): sets the dead man's switch, answered by (U2)."""
        text = message.get(TIMEOUT_MS) or b""
        req_id = message.get(REQ_ID) or b""
        if len(req_id) > REQ_ID_BYTES_MAX:
            why = f"at most {REQ_ID_BYTES_MAX} characters are possible here"
            _reject(session, message, REQ_ID, why, now_ns)
            return
        keep_gtc = session.settings.cancel_keeps_gtc
        try:
            timeout_ms = int(text) if text.isdigit() and len(text) < 12 else -1
            deadline, command = dead_man(
                session.key, self._gateway.number, timeout_ms, now_ns, keep_gtc=keep_gtc
            )
        except ValueError as error:
            _reject(session, message, TIMEOUT_MS, str(error), now_ns)
            return
        down = [n for n, link in self._gateway.links.items() if not link.is_up]
        if down:
            # It would be promised and not be so.
            session.business_reject(
                message,
                APPLICATION_NOT_AVAILABLE,
                f"shard {down[0]} is not available, try again later",
                now_ns,
            )
            return
        self._deadlines[session.key, Reason.DEAD_MAN] = deadline
        self._gateway.tell_all(command)
        body = b"%d=%s\x01%d=%d\x01" % (
            *(REQ_ID, req_id),
            *(TIMEOUT_MS, timeout_ms),
        )
        if deadline:
            body += b"%d=%s\x01" % (CANCEL_AT, utc_timestamp(deadline))
        session.send(CANCEL_ALL_AFTER_ACK, body, now_ns)

    # -- inside ------------------------------------------------------------------------

    def _set(self, session: Session, reason: Reason, deadline: int) -> None:
        self._deadlines[session.key, reason] = deadline
        self._gateway.tell_all(self._command(session.key, reason, deadline))

    def _command(self, key: int, reason: Reason, deadline: int) -> bytes:
        settings = self._gateway.session(key).session.settings
        return deadline_command(
            key,
            self._gateway.number,
            reason,
            deadline,
            keep_gtc=settings.cancel_keeps_gtc,
        )

    def _note(self, session: Session, standing: int) -> None:
        self._gateway.note_standing(self._gateway.session(session.key), standing)

    def _miss(self, key: int, reason: Reason) -> None:
        for shard, link in self._gateway.links.items():
            if not link.is_up:
                self._missed.setdefault(shard, {})[key] = reason

    def _begin(self) -> None:
        """The gateway starts: who was there is gone since now."""
        if self._has_begun:
            return
        self._has_begun = True
        now_ns = self._gateway.clock()
        for hosted in self._gateway.sessions:
            standing = self._gateway.standing(hosted.key)
            if standing == NOTHING:
                continue
            settings = hosted.session.settings
            was_on = standing == LOGGED_ON
            reason = Reason.DISCONNECTED if was_on else Reason(standing)
            wanted = getattr(settings, ENDS[reason])
            at = now_ns + _grace_ns(settings) if wanted else 0
            self._deadlines[hosted.key, reason] = at
            self._gateway.note_standing(hosted, reason if wanted else NOTHING)

    def _opening(self, shard: int) -> bytes:
        """What a shard is told first."""
        self._begin()
        now_ns = self._gateway.clock()
        commands = b""
        for (key, reason), deadline in self._deadlines.items():
            over = 0 < deadline <= now_ns
            if reason is Reason.DEAD_MAN:
                # A shard that was there when it went off has done it; one that was not
                # had it in its log. Neither is to do it again.
                if not over:
                    commands += self._command(key, reason, deadline)
            else:
                commands += self._command(key, reason, 0 if over else deadline)
        return commands

    def _behind(self, shard: int) -> bytes:
        """What a shard is told once it has what was under way: cancels whose time came
        while it was not there."""
        now_ns = self._gateway.clock()
        gone = list(self._missed.pop(shard, {}).items())
        gone += [
            (key, reason)
            for (key, reason), deadline in self._deadlines.items()
            if reason is not Reason.DEAD_MAN and 0 < deadline <= now_ns
        ]
        return b"".join(self._cancel(key, reason) for key, reason in gone)

    def _cancel(self, key: int, reason: Reason) -> bytes:
        settings = self._gateway.session(key).session.settings
        return MassCommand(
            CommandKind.MASS_CANCEL,
            flags=CommandFlag.KEEP_GTC if settings.cancel_keeps_gtc else 0,
            source=self._gateway.number,
            reason=reason,
            session=key,
        ).pack()


def _reject(
    session: Session, message: Message, tag: int, why: str, now_ns: int
) -> None:
    reason = SessionRejectReason.VALUE_INCORRECT
    session.reject(message, reason, tag, f"{reason.text}: {why}", now_ns)


def _is_watched(settings: SessionSettings) -> bool:
    return settings.cancel_on_disconnect or settings.cancel_on_logout


def _grace_ns(settings: SessionSettings) -> int:
    return settings.cancel_on_disconnect_grace_s * NS_PER_S
