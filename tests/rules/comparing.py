"""Whether a message is the documented one: equal but for times and identifiers."""

from __future__ import annotations

import re

from tests.rules.document import Pairs

HEADER = frozenset({8, 9, 34, 49, 52, 56, 10})
"""Fields that examples leave out."""

CLIENTS_OWN = frozenset({126, 432})
"""Times that a client has said: they come back as they were."""

_IDENTIFIER = re.compile(r"[0-9]{1,5}-[0-9]{1,15}")
_TIME = re.compile(r"[0-9]{8}-[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?")
_SPACES = {
    **dict.fromkeys((37, 1369), "commands"),
    **dict.fromkeys((17, 19, 527), "events"),
}
"""Fields whose identifiers are of one kind; those of others are their own."""
_NUMBERS = frozenset({17, 19})
"""Identifiers that are plain numbers in FIX 4.0."""


class Comparison:
    """Of one example. Identifiers stand for each other throughout it."""

    def __init__(self) -> None:
        self._real: dict[tuple[str, str], str] = {}
        self._documented: dict[tuple[str, str], str] = {}

    def difference(self, documented: Pairs, received: Pairs) -> str:
        """What is wrong, empty if nothing is."""
        found = [pair for pair in received if pair[0] not in HEADER]
        tags = [tag for tag, _ in documented]
        if [tag for tag, _ in found] != tags:
            return f"received {shown(found)}"
        for (tag, wanted), (_, value) in zip(documented, found, strict=True):
            if not self._alike(tag, wanted, value):
                return f"{tag} is {value}, not {wanted}: {shown(found)}"
        return ""

    def _alike(self, tag: int, wanted: str, value: str) -> bool:
        if wanted in ("*", value) and not self._is_identifier(tag, wanted):
            return True
        if tag not in CLIENTS_OWN and _TIME.fullmatch(wanted):
            return _TIME.fullmatch(value) is not None and len(value) == len(wanted)
        if self._is_identifier(tag, wanted) and self._is_identifier(tag, value):
            space = _SPACES.get(tag, str(tag))
            return (
                self._real.setdefault((space, wanted), value) == value
                and self._documented.setdefault((space, value), wanted) == wanted
            )
        return False

    @staticmethod
    def _is_identifier(tag: int, value: str) -> bool:
        if tag in _NUMBERS and value.isdigit():
            return value != "0"
        return _IDENTIFIER.fullmatch(value) is not None


def shown(pairs: Pairs) -> str:
    """The message as examples have it."""
    return "".join(f"{tag}={value}|" for tag, value in pairs)
