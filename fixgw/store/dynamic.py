"""Which sessions were made from a template: a small file that outlives the process.

The outbox knows a session by its key only. Without its name nobody could deliver to it
what came while the gateway was away.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fixgw.session.identity import SessionId
from fixgw.store.replacing import replace_file

FORMAT = 1


class DynamicDamaged(Exception):
    """The file cannot be understood: nobody knows whose the messages are."""


class DynamicStore:
    """The file of one gateway. Raises DynamicDamaged.

    A session is on disk when :meth:`add` returns; when it raises OSError, it is not
    known here. One whose template is gone stays, for the day it comes back.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = _load(path)

    @property
    def sessions(self) -> Sequence[SessionId]:
        """All of them, in the order they came."""
        return self._known

    def add(self, session: SessionId) -> None:
        """Remember one more: whole or not at all, as the file's replacement."""
        known = [*self._known, session]
        rows = [asdict(one) for one in known]
        text = json.dumps({"format": FORMAT, "sessions": rows}, indent=1) + "\n"
        replace_file(self._path, text)
        self._known = known


def _load(path: Path) -> list[SessionId]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise DynamicDamaged(f"{path}: {error}") from error
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']} is not {FORMAT}")
        known = [
            SessionId(**{str(name): str(value) for name, value in row.items()})
            for row in found["sessions"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DynamicDamaged(
            f"{path} does not say which sessions were made from templates ({error!r}): "
            "restore it; or remove it, and they are made again when their clients come"
        ) from error
    return known
