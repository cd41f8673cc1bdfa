"""What an operator does to sessions and accounts: their limits, and the kill switch."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from engine import decimals
from engine.codes import CommandKind, EventKind, Scope
from engine.host.acting import done
from engine.host.admin import Command
from engine.host.arguments import Arguments, bad
from engine.host.listing import session_key, session_text
from engine.host.service import ShardService
from engine.host.standing import LimitState, Owner
from engine.records import ACCOUNT_BYTES, QTY_MAX, BlockCommand, LimitsCommand

log = logging.getLogger(__name__)

LIST_MAX = 1_000
"""Owners in one answer; a longer list is asked for in parts."""

PLACE_MAX = 2**31 - 1

AMOUNTS = {
    "order_qty_max": QTY_MAX,
    "notional_max": 9 * 10**18,
    "position_max": 9 * 10**18,
}
"""Limits that are decimal texts, and the most each may be in units of 1e-8."""

COUNTS = {"open_orders_max": 10**9, "rate_max": 10**9}
"""Limits that are whole numbers, and the most each may be."""

NAMES = (*AMOUNTS, *COUNTS)


class LimitCommands:
    """The commands ``limits.*`` of one shard. A session is its key in hexadecimal."""

    def __init__(self, service: ShardService) -> None:
        self._service = service
        self._limits = service.host.standing.limits

    def commands(self) -> dict[str, Command]:
        """For the admin socket."""
        return {
            "limits.list": Command(self._list, changes=False),
            "limits.set": Command(self._set, changes=True),
            "limits.block": Command(self._block, changes=True),
        }

    def _list(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "session", "account", "from", "limit")
        first = arguments.number("from", 0, 0, PLACE_MAX)
        limit = arguments.number("limit", LIST_MAX, 1, LIST_MAX)
        owners = list(self._limits)
        if arguments.has("session") or arguments.has("account"):
            owner = _owner(arguments)
            owners = [owner] if owner in self._limits else []
        part = owners[first : first + limit]
        end = first + len(part)
        return {
            "shard": self._service.host.shard.shard_id,
            "limits": [limits_json(owner, self._limits[owner]) for owner in part],
            "next": end if end < len(owners) else None,
        }

    async def _set(self, given: dict[str, Any]) -> dict[str, Any]:
        """What is not given stays as it is; 0 takes a limit away."""
        arguments = Arguments(given, "session", "account", *NAMES)
        owner = _owner(arguments)
        wanted: dict[str, Any] = {
            name: _amount(arguments, name, most)
            for name, most in AMOUNTS.items()
            if arguments.has(name)
        }
        wanted |= {
            name: arguments.number(name, 0, 0, most)
            for name, most in COUNTS.items()
            if arguments.has(name)
        }
        if not wanted:
            raise bad(f"nothing to set: give one of {', '.join(NAMES)}")
        if owner[0] == Scope.SESSION and wanted.get("position_max"):
            raise bad("position_max is a limit of accounts, not of sessions")
        before = self._limits.get(owner, LimitState())
        after = replace(before, **wanted)
        if after == before and owner in self._limits:
            return {**limits_json(owner, before), "changed": False}
        command = LimitsCommand(
            CommandKind.SET_LIMITS,
            scope=owner[0],
            session=owner[1],
            account=owner[2],
            **{name: getattr(after, name) for name in NAMES},
        )
        await done(self._service, command.pack(), (EventKind.LIMITS_SET,))
        log.warning("an operator has set limits of %s", _name(owner))
        return {**limits_json(owner, self._limits[owner]), "changed": True}

    async def _block(self, given: dict[str, Any]) -> dict[str, Any]:
        """The kill switch: its open orders are cancelled when it is blocked."""
        arguments = Arguments(given, "session", "account", "blocked", "reason")
        arguments.text_or_none("reason", 200)
        owner = _owner(arguments)
        if not arguments.has("blocked"):
            raise bad("blocked is missing")
        blocked = arguments.flag("blocked")
        before = self._limits.get(owner, LimitState()).blocked
        if blocked == before and not blocked:
            state = self._limits.get(owner, LimitState())
            return {**limits_json(owner, state), "changed": False, "cancelled": 0}
        command = BlockCommand(
            CommandKind.SET_BLOCKED,
            scope=owner[0],
            blocked=int(blocked),
            session=owner[1],
            account=owner[2],
        )
        # What is blocked already is blocked again: somebody wants to be sure.
        (event,) = await done(self._service, command.pack(), (EventKind.BLOCKED_SET,))
        log.warning(
            "an operator has %s %s",
            "blocked" if blocked else "unblocked",
            _name(owner),
        )
        return {
            **limits_json(owner, self._limits[owner]),
            "changed": blocked != before,
            "cancelled": event.count,
        }


def limits_json(owner: Owner, state: LimitState) -> dict[str, Any]:
    """Limits as operators are told them; null where there is none."""
    scope, session, account = owner
    amounts = {
        name: decimals.render(value) if (value := getattr(state, name)) else None
        for name in AMOUNTS
    }
    return {
        "scope": Scope(scope).name.lower(),
        "session": session_text(session) if session else None,
        "account": account or None,
        **amounts,
        **{name: getattr(state, name) or None for name in COUNTS},
        "blocked": state.blocked,
    }


def _owner(arguments: Arguments) -> Owner:
    if arguments.has("session") == arguments.has("account"):
        raise bad("either a session or an account")
    if arguments.has("session"):
        key = session_key(arguments.text("session", 16))
        if not key:
            raise bad("session 0 is nobody")
        return Scope.SESSION, key, ""
    account = arguments.text("account", ACCOUNT_BYTES)
    if not account.isascii() or not account.isprintable():
        raise bad("account is not printable ASCII")
    return Scope.ACCOUNT, 0, account


def _amount(arguments: Arguments, name: str, most: int) -> int:
    text = arguments.text(name, 40)
    try:
        value = decimals.parse(text.encode("ascii", "replace"))
    except ValueError as error:
        raise bad(f"{name} {text!r} is no amount: {error}") from None
    if not 0 <= value <= most:
        raise bad(f"{name} {text} is not 0 to {decimals.render(most)}")
    return value


def _name(owner: Owner) -> str:
    return f"account {owner[2]}" if owner[2] else f"session {session_text(owner[1])}"
