"""The echo: what public acceptance dialogues expect behind a session layer.

NewOrderSingle(D), SecurityDefinition(d) and Email(C) go back to whoever sent them. Any
other application message is answered as unsupported. Nothing is traded, no report is
ever made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fixgw.dictionary import Dictionary, Rulebook
from fixgw.echo.body import body_of
from fixgw.session.session import Session
from fixgw.wire import Message

ECHOED = frozenset({"D", "d", "C"})

ANY = "*"
"""TargetCompID(56) of a template, in whose place a session has its client's name."""

UNSUPPORTED_MESSAGE_TYPE = 3
"""BusinessRejectReason(380)."""

REMEMBERED_MAX = 100_000
"""ClOrdIDs of a session since its Logon; beyond this the oldest is forgotten. Some ten
megabytes: a client that goes on for days must not cost memory without bound."""


class Echo:
    """One for all sessions; each has a memory of its own.

    ``rulebooks`` are by SessionId, as text, of sessions and templates: they know which
    fields are a group.
    """

    def __init__(self, rulebooks: Mapping[str, Rulebook | None]) -> None:
        self._rulebooks = rulebooks
        self._seen: dict[int, dict[bytes, None]] = {}

    def on_logon(self, session: Session) -> None:
        """Nothing is known of the orders of this login."""
        self._seen.pop(session.key, None)

    def on_logout(self, session: Session) -> None:
        """What was ordered is forgotten."""
        self._seen.pop(session.key, None)

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        """Send the message back.

        An order with PossResend(97)=Y whose ClOrdID(11) this login has used already is
        ignored; without the flag it is sent back again (FIX 4.4 volume 2, PossResend).
        """
        if message.msg_type not in ECHOED:
            session.business_reject(
                message, UNSUPPORTED_MESSAGE_TYPE, "Unsupported Message Type", now_ns
            )
            return
        poss_resend = message.get(97) == b"Y"
        if message.msg_type == "D":
            seen = self._remember(session.key, message.get(11) or b"")
            if seen and poss_resend:
                return
        body = body_of(message, self._dictionary(session, message))
        # Of use with AllowPosDup=Y only; else the copy is no duplicate of anything.
        original = message.get(122) if message.get(43) == b"Y" else None
        session.send(
            message.msg_type,
            body,
            now_ns,
            poss_resend=poss_resend,
            orig_sending_time=original or b"",
        )

    def _dictionary(self, session: Session, message: Message) -> Dictionary | None:
        identity = session.session_id
        template = replace(identity, target_comp_id=ANY)
        for name in (str(identity), str(template)):
            rulebook = self._rulebooks.get(name)
            if rulebook is not None:
                return rulebook.dictionary_for(message, session.appl_ver_id)
        return None

    def _remember(self, key: int, cl_ord_id: bytes) -> bool:
        """Whether it was there before."""
        if not cl_ord_id:
            return False
        seen = self._seen.setdefault(key, {})
        if cl_ord_id in seen:
            return True
        seen[cl_ord_id] = None
        if len(seen) > REMEMBERED_MAX:
            del seen[next(iter(seen))]
        return False
