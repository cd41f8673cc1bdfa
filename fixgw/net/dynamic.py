"""Sessions that are not listed: made from a template when their client logs on.

A template's TargetCompID(56) is ``*``, any name. A session made from it is one like the
others from then on: it is remembered, has numbers and stored messages, and is there
again after a restart. It is made only when nothing speaks against its first Logon any
more, so that nobody fills the list who is not let in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from fixgw.net.gateway import Gateway
from fixgw.net.hosted import Hosted
from fixgw.net.sender import Sender
from fixgw.session.identity import SessionId
from fixgw.session.session import Session
from fixgw.session.settings import SessionSettings
from fixgw.session.values import COMP_ID
from fixgw.store.dynamic import DynamicStore

log = logging.getLogger(__name__)

ANY = "*"
"""TargetCompID of a template."""

MakeSession = Callable[[SessionSettings, SessionId], Session]
"""Makes a session from settings; the second is the template's identity."""


class NoRoom(Exception):
    """There are as many dynamic sessions as there may be."""


class DynamicSessions:
    """The templates of a gateway, and the sessions made from them."""

    def __init__(
        self,
        gateway: Gateway,
        templates: Sequence[SessionSettings],
        sessions_max: int,
        make: MakeSession,
        store: DynamicStore,
    ) -> None:
        self._gateway = gateway
        self._templates = templates
        self._sessions_max = sessions_max
        self._make = make
        self._store = store
        self._made: set[int] = set()
        self._storing = asyncio.Lock()

    def restore(self) -> None:
        """The sessions of earlier, as far as they still have a template and are not
        listed now."""
        for session_id in self._store.sessions:
            if self._gateway.has(session_id.key):
                continue
            session = self._session(session_id)
            if session is None:
                log.warning("%s is not served: no template is for it", session_id)
                continue
            self._gateway.add_sessions([session])
            self._made.add(session.key)

    def candidate(self, sender: Sender, found: Hosted | None = None) -> Session | None:
        """The session that would be made for a Logon from ``sender``; None if no
        template is for it, or another session goes by that name.

        ``found`` is the session there is for it. A listed one is the right one; one
        that was made from a template is, unless another template says more of what the
        Logon says.
        """
        fit = -1
        if found is not None:
            if found.key not in self._made:
                return None
            fit = sender.fit(found.session.session_id)
        try:
            begin, name, ours = (part.decode("ascii") for part in sender[:3])
        except UnicodeDecodeError:
            return None
        if name == ANY or not COMP_ID.fullmatch(name):
            return None
        best = None
        for template in self._templates:
            own = template.session_id
            if (own.begin_string, own.sender_comp_id) == (begin, ours) and (
                sender.fit(own) > fit
            ):
                best, fit = template, sender.fit(own)
        if best is None:
            return None
        own = best.session_id
        session_id = replace(own, target_comp_id=name)
        if self._gateway.has(session_id.key):
            return None
        return self._make(_settings(best, session_id), own)

    async def admit(self, session: Session) -> Hosted:
        """Remember and serve a session that :meth:`candidate` gave.

        If another connection was faster, its session is the answer. Raises NoRoom, or
        OSError if it could not be remembered.
        """
        async with self._storing:
            if not self._gateway.has(session.key):
                if len(self._made) >= self._sessions_max:
                    raise NoRoom
                session_id = session.session_id
                await asyncio.to_thread(self._store.add, session_id)
                self._gateway.add_sessions([session])
                self._made.add(session.key)
                log.info("%s is made from a template", session_id)
        return self._gateway.session(session.key)

    def _session(self, session_id: SessionId) -> Session | None:
        any_client = replace(session_id, target_comp_id=ANY)
        for template in self._templates:
            if template.session_id == any_client:
                return self._make(_settings(template, session_id), any_client)
        return None


def _settings(template: SessionSettings, session_id: SessionId) -> SessionSettings:
    return replace(template, session_id=session_id)
