"""Which sessions an operator has disabled: a small file that outlives the process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from fixgw.session.identity import SessionId
from fixgw.store.replacing import replace_file

FORMAT = 1


class DisabledDamaged(Exception):
    """The file cannot be understood: nobody knows who is to be kept out."""


@dataclass(frozen=True, slots=True)
class Disabling:
    """When and with what words a session was disabled."""

    since_ns: int
    text: str


class DisabledSessions:
    """The disabled sessions of one gateway. Raises DisabledDamaged.

    A change is on disk when the call returns; when it raises OSError, this object knows
    nothing of it, and the disk the old or the new. A session that is no longer
    configured stays in the file, for the day it comes back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _load(path)

    def get(self, session: SessionId) -> Disabling | None:
        """How a session was disabled; None if it is not."""
        return self._known.get(str(session))

    def disable(self, session: SessionId, disabling: Disabling) -> None:
        """Disable, or say anew when and how."""
        self._store({**self._known, str(session): disabling})

    def enable(self, session: SessionId) -> None:
        """Enable again."""
        name = str(session)
        self._store({one: how for one, how in self._known.items() if one != name})

    def _store(self, known: dict[str, Disabling]) -> None:
        rows = {name: asdict(how) for name, how in sorted(known.items())}
        text = json.dumps({"format": FORMAT, "disabled": rows}, indent=2) + "\n"
        replace_file(self._path, text)
        self._known = known


def _load(path: Path) -> dict[str, Disabling]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DisabledDamaged(f"{path}: {error}") from error
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']} is not {FORMAT}")
        return {
            str(name): Disabling(int(how["since_ns"]), str(how["text"]))
            for name, how in found["disabled"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DisabledDamaged(
            f"{path} does not say which sessions are disabled ({error!r}): restore it, "
            "or remove it to enable them all"
        ) from error
