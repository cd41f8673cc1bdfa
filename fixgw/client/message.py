"""A FIX message as the client handles it: tags and values as text."""

from __future__ import annotations

from dataclasses import dataclass

Fields = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """Fields in the order of the wire; a body alone begins with MsgType(35)."""

    fields: Fields

    def get(self, tag: int, default: str = "") -> str:
        return next((value for t, value in self.fields if t == tag), default)

    @property
    def type(self) -> str:
        return self.get(35)

    @property
    def possible_duplicate(self) -> bool:
        return self.get(43) == "Y"
