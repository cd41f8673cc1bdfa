"""Whose an order is, for people: sessions by name instead of their keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import click

from fixgw.ops.setup import SetupError, load_settings
from fixgw.ops.shard_calls import Shards, unknown
from fixgw.session.identity import SessionId
from fixgw.sidedoor.identity import account_key

REST = "REST:"
"""Before the name of an account of the side door."""

KEY_CHARS = 16


class SessionNames:
    """The names of the configured sessions; accounts of the side door besides.

    A session is called by TargetCompID(56), the client's own name, where that says
    which is meant, and by its whole identity where it does not.
    """

    def __init__(self, sessions: Iterable[SessionId]) -> None:
        sessions = list(sessions)
        alike = Counter(session.target_comp_id for session in sessions)
        self._names = {
            session.key: (
                session.target_comp_id
                if alike[session.target_comp_id] == 1
                else str(session)
            )
            for session in sessions
        }
        self._keys = {str(session): session.key for session in sessions}
        self._keys |= {name: key for key, name in self._names.items()}

    def name(self, key: int, account: str) -> str:
        """What a session is called; ``account`` is that of its order.

        An unknown session, one that is no longer configured, is its key.
        """
        known = self._names.get(key)
        if known is not None:
            return known
        if account and account_key(account) == key:
            return REST + account
        return f"{key:0{KEY_CHARS}x}"

    def key(self, name: str) -> int:
        """The key of a session by its name, of a ``REST:ACCOUNT``, or a key in
        hexadecimal. Raises ValueError that says what there is."""
        known = self._keys.get(name)
        if known is not None:
            return known
        if name.startswith(REST) and len(name) > len(REST):
            return account_key(name.removeprefix(REST))
        if len(name) == KEY_CHARS and set(name) <= set("0123456789abcdef"):
            return int(name, 16)
        raise ValueError(unknown("there is no session", name, self._keys))


def session_names(shards: Shards) -> SessionNames:
    """The configured sessions; none, with a warning, where the file is wrong.

    An order must be found and cancelled all the same.
    """
    try:
        settings = load_settings(shards.config, shards.overrides)
    except SetupError as error:
        click.echo(f"fixgw: sessions are shown by their keys:\n{error}", err=True)
        return SessionNames([])
    return SessionNames(session.session_id for session in settings.sessions)
