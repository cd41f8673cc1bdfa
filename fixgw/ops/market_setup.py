"""From the configuration to what a shard keeps: trading days and limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from engine.codes import CommandKind, Scope
from engine.host.phasekeeper import Timetable
from engine.records import LimitsCommand
from fixgw.config import Config, TradingDays
from fixgw.ops.session_names import SessionNames
from fixgw.ops.setup import SetupError, load_shard_instruments, shown_path
from fixgw.session.settings import AcceptorSettings


def timetable(config: Config) -> Timetable | None:
    """Who keeps the phases: None leaves them to operators."""
    return TradingDays(config.schedule) if config.schedule else None


def load_limits(config: Config, settings: AcceptorSettings) -> list[LimitsCommand]:
    """The limits that the configuration sets. Raises SetupError.

    A session with a table of its own has those, any other that is listed those for all
    sessions, if there are any.
    """
    names = SessionNames(session.session_id for session in settings.sessions)
    default = config.limits.session
    of_sessions: dict[int, dict[str, Any]] = {}
    if default is not None:
        of_sessions = {each.session_id.key: default for each in settings.sessions}
    for name, limits in config.limits.sessions.items():
        try:
            of_sessions[names.key(name)] = limits
        except ValueError as error:
            raise SetupError(
                f"{config.path}: limits.sessions.{name}: {error}"
            ) from None
    accounts: dict[str, dict[str, Any]] = dict(config.limits.accounts)
    whole = LimitsCommand(CommandKind.SET_LIMITS)
    return [
        replace(whole, scope=Scope.SESSION, session=key, **limits)
        for key, limits in of_sessions.items()
    ] + [
        replace(whole, scope=Scope.ACCOUNT, account=name, **limits)
        for name, limits in accounts.items()
    ]


def check_schedule(config: Config) -> None:
    """Raises SetupError when [schedule] names an instrument there is not."""
    known = {
        instrument.symbol
        for shard in load_shard_instruments(config)
        for instrument in shard
    }
    for group in config.schedule:
        for symbol in sorted(group.symbols - known):
            raise SetupError(
                f"{config.path}: schedule.{group.name}.symbols: there is no instrument "
                f"{symbol} in {shown_path(config.instruments)}"
            )
