"""Reading the arguments of an admin command: each typed, none unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from engine.host.admincall import AdminError


class Arguments:
    """The arguments of one call. Every reading method raises AdminError with
    BAD_ARGUMENT."""

    def __init__(self, given: dict[str, Any], *known: str) -> None:
        self._given = given
        for name in given:
            if name not in known:
                takes = f"it takes {', '.join(known)}" if known else "it takes none"
                raise bad(f"{name[:80]!r} is no argument of this command: {takes}")

    def has(self, name: str) -> bool:
        """Whether it was given; null counts as not given."""
        return self._given.get(name) is not None

    def text(self, name: str, size_max: int) -> str:
        """A text that must be there."""
        value = self._given.get(name)
        if not isinstance(value, str) or not value:
            raise bad(f"{name} is missing, or no text")
        if len(value) > size_max:
            raise bad(f"{name} has {len(value)} characters, {size_max} is the most")
        return value

    def text_or_none(self, name: str, size_max: int) -> str | None:
        """A text that may be left out."""
        return self.text(name, size_max) if self.has(name) else None

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number from ``least`` to ``most``."""
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad(f"{name} is no whole number")
        if not least <= value <= most:
            raise bad(f"{name} is {value}: it may be {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        """true or false; false when it is left out."""
        value = self._given.get(name, False)
        if not isinstance(value, bool):
            raise bad(f"{name} is neither true nor false")
        return value


def bad(message: str) -> AdminError:
    """What to raise for an argument that will not do."""
    return AdminError("BAD_ARGUMENT", message)


def not_found(what: str, name: str, known: Iterable[str]) -> AdminError:
    """What to raise for a name nobody has, with the nearest one that is known."""
    near = difflib.get_close_matches(name, known, n=1)
    advice = f"; did you mean {near[0]}?" if near else ""
    return AdminError("NOT_FOUND", f"{what} {name[:80]!r}{advice}")
