"""Who is behind the key of a session."""

from __future__ import annotations

from collections.abc import Mapping

from fixgw.sidedoor.identity import account_key


class Names:
    """FIX sessions are known by their keys, accounts of the side door are
    recognised."""

    def __init__(self, sessions: Mapping[int, str]) -> None:
        self._sessions = sessions

    def __call__(self, key: int, account: str) -> str:
        """The name; empty for somebody unknown."""
        known = self._sessions.get(key)
        if known is not None:
            return known
        if account and account_key(account) == key:
            return f"REST:{account}"
        return ""
