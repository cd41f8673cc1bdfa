"""Who an account is to the shards: a session key like any other.

A record names the owner of an order by a session's key. An account of the side door
has the key of a session that nobody logs on to, so its orders and client order ids are
its own, apart from those of every FIX session.
"""

from __future__ import annotations

from functools import lru_cache

from fixgw.session.identity import SessionId

SIDE_DOOR_NUMBER = 1000
"""The number of the side door where records and links name a gateway."""

OWN_ID_MARK = "~"
"""First character of the identifiers the side door makes for its cancels. It is none
that a client order id may have, so the two never meet."""

KNOWN_ACCOUNTS_MAX = 100_000
"""Account names come from the events of all sessions: the memory of keys is bounded."""


@lru_cache(maxsize=KNOWN_ACCOUNTS_MAX)
def account_key(account: str) -> int:
    """The key of ``account``: an unsigned 64-bit number, never 0."""
    return SessionId("REST", "EXCHANGE", account).key
