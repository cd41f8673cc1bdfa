"""Finds sessions by what people call them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

from fixgw.session.identity import SessionId


class NoSuchSession(LookupError):
    """Nobody, or more than one, is called so; the text says who is near."""


class Directory:
    """The sessions of a gateway.

    Each is called by its whole identity, and by TargetCompID(56), the client's own
    name, alone or with its SubID, where that says which is meant. Upper and lower case
    make a difference only where two sessions differ by nothing else.
    """

    def __init__(self, sessions: Iterable[SessionId]) -> None:
        self._exact: dict[str, list[SessionId]] = defaultdict(list)
        self._folded: dict[str, list[SessionId]] = defaultdict(list)
        for session in sessions:
            self.add(session)

    def add(self, session: SessionId) -> None:
        """One more, that was not known so far."""
        for name in {str(session), session.target_comp_id, session.target}:
            self._exact[name].append(session)
            self._folded[name.casefold()].append(session)

    def name(self, session: SessionId) -> str:
        """The shortest name :meth:`find` knows it by."""
        for short in (session.target_comp_id, session.target):
            if self._exact[short] == [session]:
                return short
        return str(session)

    def find(self, name: str) -> SessionId:
        """The session of that name. Raises NoSuchSession."""
        found = self._exact.get(name) or self._folded.get(name.casefold()) or []
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(sorted(str(session) for session in found))
            raise NoSuchSession(f"{name} may be {names}: say which")
        near = get_close_matches(name.casefold(), self._folded, n=1)
        advice = f"; did you mean {self._shown(near[0])}?" if near else ""
        raise NoSuchSession(f"there is no session {name[:80]!r}{advice}")

    def _shown(self, folded: str) -> str:
        return next(name for name in self._exact if name.casefold() == folded)
