"""Who may log on: every question a Logon has to pass before a session hears of it.

In this order; the first answer "no" decides.

====  ==================================================  =============================
step  asked                                               if not
====  ==================================================  =============================
1     is the address within its limits?                   RATE_LIMIT, CONNECTION_LIMIT
1     is the PROXY header right, if there is to be one?   PROXY_HEADER_WRONG
1     has TLS come about, if there is to be TLS?          TLS_FAILED
2     is it a message, and a Logon(A)?                    FIRST_MESSAGE_NOT_LOGON
3     is there a session, or a template, for its CompIDs  UNKNOWN_SESSION
4     is nobody connected for it?                         ALREADY_CONNECTED
1     may it come from that address?                      ADDRESS_NOT_ALLOWED
1     is its certificate bound to the CompIDs?            CERTIFICATE_NOT_BOUND
5     does no operator keep it closed?                    SESSION_DISABLED
5-7   time window, content, SendingTime(52)               kept, see below
8     is it who it says?                                  AUTHENTICATION_FAILED
4, 5  as above: it may have changed meanwhile             as above
====  ==================================================  =============================

Each of these "no" is the end of the connection without a byte: an answer would bear a
number of a session that may not be theirs, and tell which sessions there are. Only what
steps 5 to 7 object to is answered, by the session, and only to somebody who has passed
step 8 all the same. Nothing has changed before that. A session that is to be made from
a template is made last of all, and only if there is no objection.

The steps of the connection itself are in :mod:`fixgw.net.connection`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from fixgw.net.authentication import AT_ONCE, Authenticator
from fixgw.net.dynamic import DynamicSessions, NoRoom
from fixgw.net.gateway import Gateway
from fixgw.net.hosted import Hosted
from fixgw.net.sender import Sender
from fixgw.session.checks import Objection, may_connect
from fixgw.session.reasons import DisconnectReason
from fixgw.session.session import Session
from fixgw.wire import Message

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applicant:
    """Where a Logon comes from."""

    address: str
    names: frozenset[str] = frozenset()
    """What its certificate calls it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """The connection is to be closed without a byte. ``hosted`` is the session it was
    meant for, if it is served."""

    reason: DisconnectReason
    text: str = ""
    hosted: Hosted | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Logon that has passed everything but authentication. ``hosted`` is None for a
    session that does not exist yet."""

    message: Message
    applicant: Applicant
    session: Session
    hosted: Hosted | None
    objection: Objection | None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The Logon is the session's to answer, with this objection if there is one."""

    message: Message
    hosted: Hosted
    objection: Objection | None


class Admission:
    """Decides for all connections of a gateway. Changes nothing but to make a session
    from a template."""

    def __init__(
        self,
        gateway: Gateway,
        authenticator: Authenticator,
        dynamic: DynamicSessions | None,
    ) -> None:
        self._gateway = gateway
        self._authenticator = authenticator
        self._dynamic = dynamic

    def judge(self, message: Message, applicant: Applicant) -> Refusal | Candidate:
        """Steps 2 to 7 for the first message of a connection."""
        if message.msg_type != "A":
            return Refusal(DisconnectReason.FIRST_MESSAGE_NOT_LOGON)
        sender = Sender.of(message)
        hosted = self._gateway.find_sender(sender)
        made = self._dynamic.candidate(sender, hosted) if self._dynamic else None
        if made is not None:
            hosted, session = None, made
        elif hosted is not None:
            session = hosted.session
        else:
            return Refusal(DisconnectReason.UNKNOWN_SESSION)
        if hosted is not None and hosted.connection is not None:
            return Refusal(DisconnectReason.ALREADY_CONNECTED, hosted=hosted)
        settings = session.settings
        if not may_connect(settings, applicant.address):
            return Refusal(DisconnectReason.ADDRESS_NOT_ALLOWED, hosted=hosted)
        bound = settings.client_certificate_names
        if bound and applicant.names.isdisjoint(bound):
            return Refusal(
                DisconnectReason.CERTIFICATE_NOT_BOUND,
                _shown(applicant.names),
                hosted,
            )
        if hosted is not None and not hosted.is_open:
            # Without a word, as QuickFIX does: a Logout would bear a number, and its
            # client counts a Logout without asking for what it misses before it.
            return Refusal(DisconnectReason.SESSION_DISABLED, hosted=hosted)
        objection = session.judge_logon(message, self._gateway.clock())
        return Candidate(message, applicant, session, hosted, objection)

    @staticmethod
    def is_immediate(candidate: Candidate) -> bool:
        """Whether :meth:`admit_at_once` will do."""
        authentication = candidate.session.settings.authentication
        return candidate.hosted is not None and authentication in AT_ONCE

    def admit_at_once(self, candidate: Candidate) -> Refusal | Admitted:
        """Step 8, where it takes no time."""
        assert candidate.hosted is not None
        objection = self._authenticator.check_at_once(
            candidate.session.settings, candidate.message, candidate.applicant.names
        )
        if objection is not None:
            return Refusal(objection.reason, objection.text, candidate.hosted)
        return Admitted(candidate.message, candidate.hosted, candidate.objection)

    async def admit(
        self, candidate: Candidate, is_there: Callable[[], bool]
    ) -> Refusal | Admitted:
        """Step 8 and those behind it; others go on meanwhile. ``is_there`` says whether
        the client still waits for the answer."""
        message, hosted = candidate.message, candidate.hosted
        objection = await self._authenticator.check(
            candidate.session.settings,
            message,
            candidate.applicant.names,
            candidate.applicant.address,
        )
        if objection is not None:
            return Refusal(objection.reason, objection.text, hosted)
        if not is_there():
            return Refusal(DisconnectReason.PEER_CLOSED, hosted=hosted)
        if hosted is None:
            found = await self._make(candidate)
            if isinstance(found, Refusal):
                return found
            hosted = found
        if hosted.connection is not None:
            return Refusal(DisconnectReason.ALREADY_CONNECTED, hosted=hosted)
        if not hosted.is_open:
            return Refusal(DisconnectReason.SESSION_DISABLED, hosted=hosted)
        return Admitted(message, hosted, candidate.objection)

    async def _make(self, candidate: Candidate) -> Hosted | Refusal:
        """The session of a template's new client."""
        assert self._dynamic is not None
        if candidate.objection is not None:
            return Refusal(candidate.objection.reason, candidate.objection.text)
        try:
            return await self._dynamic.admit(candidate.session)
        except NoRoom:
            return Refusal(
                DisconnectReason.UNKNOWN_SESSION,
                "There are as many dynamic sessions as there may be.",
            )
        except OSError as error:
            log.error(
                "%s cannot be remembered, and is not served: %s",
                candidate.session.session_id,
                error,
            )
            return Refusal(DisconnectReason.INTERNAL_ERROR)


def _shown(names: frozenset[str]) -> str:
    if not names:
        return "It has shown no certificate, and its session is bound to one."
    return f"Its certificate is for {', '.join(sorted(names))}."
