"""Names of tags, enum values and message types."""

from __future__ import annotations

from typing import Protocol


class Names(Protocol):
    """What a FIX dictionary says about tags, enum values and message types."""

    def field_name(self, tag: int) -> str | None: ...
    def enum_name(self, tag: int, value: str) -> str | None: ...
    def message_name(self, msg_type: str) -> str | None: ...


class NoNames:
    """Stands in for the dictionary where there is none: tags stay numbers."""

    def field_name(self, tag: int) -> str | None:
        return None

    def enum_name(self, tag: int, value: str) -> str | None:
        return None

    def message_name(self, msg_type: str) -> str | None:
        return None
