"""Which levels have fired today, and how long the market is halted: on disk before
anything is halted, so that no level fires twice."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from fixgw.store.replacing import replace_file


class StateDamaged(Exception):
    """The file is not what was written there; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A level that was reached: ``percent`` it stands for, the index then, when, and
    until when it halts, nanoseconds since the epoch."""

    percent: int
    index: int
    time_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class State:
    """What holds on a trading day. ``halted_until_ns`` 0: nothing is halted."""

    day: int = 0
    firings: tuple[Firing, ...] = field(default_factory=tuple)
    halted_until_ns: int = 0

    @property
    def highest(self) -> int:
        """The highest level that has fired, in percent; 0 for none."""
        return max((firing.percent for firing in self.firings), default=0)

    def fired(self, firing: Firing) -> State:
        """With one more."""
        until = max(self.halted_until_ns, firing.until_ns)
        return replace(self, firings=(*self.firings, firing), halted_until_ns=until)


class StateFile:
    """``state.json`` in the breaker's folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> State:
        """What was written last; a new state if nothing was. Raises StateDamaged."""
        try:
            found: dict[str, Any] = json.loads(self._path.read_text())
            return State(
                int(found["day"]),
                tuple(Firing(**firing) for firing in found["firings"]),
                int(found["halted_until_ns"]),
            )
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StateDamaged(
                f"{self._path} cannot be read: {error}. Restore it, or remove it: then "
                "every level may fire again today"
            ) from error

    def write(self, state: State) -> None:
        """On disk when this returns. Raises OSError."""
        replace_file(self._path, json.dumps(asdict(state), indent=2) + "\n")
