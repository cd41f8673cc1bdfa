"""What an operator does to the trading phases of instruments.

A phase that he sets holds: the timetable leaves the instrument alone until he gives it
back (``instruments.resume``), or until the time he has set himself.
"""

from __future__ import annotations

import logging
from typing import Any

from engine.codes import CommandKind, EventKind, Phase, PhaseReason
from engine.host.acting import done, known_symbol
from engine.host.admin import Command
from engine.host.arguments import Arguments, bad
from engine.host.service import ShardService
from engine.host.standing import PhaseState
from engine.records import PhaseCommand

log = logging.getLogger(__name__)

REASON_CHARS_MAX = 200
"""What an operator may say about a halt: one line of the audit log."""

UNTIL_NS_MAX = 2**62
"""The year 2116: later is a mistake."""

PHASES = {phase.name.lower(): phase for phase in Phase}
"""By the names operators use."""


class MarketCommands:
    """The commands ``instruments.phase``, ``.halt`` and ``.resume`` of one shard."""

    def __init__(self, service: ShardService) -> None:
        self._service = service
        self._host = service.host

    def commands(self) -> dict[str, Command]:
        """For the admin socket."""
        return {
            "instruments.phase": Command(self._phase, changes=True),
            "instruments.halt": Command(self._halt, changes=True),
            "instruments.resume": Command(self._resume, changes=True),
        }

    async def _phase(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "symbol", "reason", "phase", "until_ns", "then")
        name = arguments.text("phase", 40)
        return await self._set(arguments, _named("phase", name))

    async def _halt(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "symbol", "reason", "until_ns", "then")
        return await self._set(arguments, Phase.HALTED)

    async def _set(self, arguments: Arguments, phase: Phase) -> dict[str, Any]:
        arguments.text_or_none("reason", REASON_CHARS_MAX)
        symbol = known_symbol(self._service, arguments)
        until = arguments.number("until_ns", 0, 0, UNTIL_NS_MAX)
        then = 0
        if until:
            if until <= self._host.clock():
                raise bad("until_ns is over already")
            name = arguments.text_or_none("then", 40) or "continuous"
            then = _named("then", name)
        elif arguments.has("then"):
            raise bad("then says what follows until_ns, which is missing")
        return await self._apply(
            symbol,
            PhaseCommand(
                CommandKind.SET_PHASE,
                phase=phase,
                reason=PhaseReason.OPERATOR,
                then=then,
                until=until,
                symbol=symbol,
            ),
        )

    async def _resume(self, given: dict[str, Any]) -> dict[str, Any]:
        arguments = Arguments(given, "symbol", "reason")
        arguments.text_or_none("reason", REASON_CHARS_MAX)
        symbol = known_symbol(self._service, arguments)
        command = self._host.keeper.give_back(symbol, self._host.clock())
        return await self._apply(symbol, command)

    async def _apply(self, symbol: str, command: PhaseCommand | None) -> dict[str, Any]:
        """The answer, with the event if there was one."""
        packed = command.pack() if command else b""
        events = await done(self._service, packed, (EventKind.PHASE,)) if packed else []
        state = phase_json(self._host.standing.phases[symbol])
        answer = {"symbol": symbol, "status": state["phase"], **state}
        for event in events:
            if command and (event.symbol, event.reason) == (symbol, command.reason):
                log.warning("an operator has set %s to %s", symbol, state["phase"])
                return {**answer, "changed": True, "event": event.seq}
        return {**answer, "changed": False, "message": f"already {state['phase']}"}


def phase_json(state: PhaseState) -> dict[str, Any]:
    """A phase as operators are told it; ``held`` is whether an operator's holds."""
    return {
        "phase": Phase(state.phase).name.lower(),
        "phase_reason": PhaseReason(state.reason).name.lower(),
        "until_ns": state.until or None,
        "then": Phase(state.then).name.lower() if state.until else None,
        "held": state.held,
    }


def _named(argument: str, name: str) -> Phase:
    phase = PHASES.get(name.lower())
    if phase is None:
        known = ", ".join(PHASES)
        raise bad(f"{argument} {name!r} is no phase: there are {known}")
    return phase
