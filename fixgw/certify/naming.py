"""Names of tags and values in reports, from FIX dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from fixgw.certify.wire import fields_of


class Dictionary(Protocol):
    """What a FIX dictionary says about tags, enum values and message types."""

    def field_name(self, tag: int) -> str | None: ...
    def enum_name(self, tag: int, value: str) -> str | None: ...
    def message_name(self, msg_type: str) -> str | None: ...


class Naming:
    """Names by version; where there is no dictionary for it, those of any other."""

    def __init__(self, dictionaries: Mapping[str, Sequence[Dictionary]]) -> None:
        """``dictionaries`` by name of the version, the best first; "" is for all."""
        self._dictionaries = dictionaries

    def _ask(self, version: str) -> list[Dictionary]:
        own = self._dictionaries.get(version, ())
        return [*own, *self._dictionaries.get("", ())]

    def tag(self, version: str, tag: str) -> str:
        """``MsgType(35)``, or the bare number where nobody knows it."""
        if tag.isascii() and tag.isdigit() and len(tag) < 10:
            for dictionary in self._ask(version):
                if name := dictionary.field_name(int(tag)):
                    return f"{name}({tag})"
        return tag

    def value(self, version: str, tag: str, value: str) -> str:
        """What a value means; empty where nobody knows it or it has no name."""
        if not (tag.isascii() and tag.isdigit() and len(tag) < 10):
            return ""
        for dictionary in self._ask(version):
            if tag == "35":
                name = dictionary.message_name(value)
            else:
                name = dictionary.enum_name(int(tag), value)
            if name:
                return name
        return ""

    def message(self, version: str, text: str) -> str:
        """The name of a message, as in ``Logon(A)``."""
        msg_type = dict(fields_of(text)).get("35", "")
        name = self.value(version, "35", msg_type)
        return f"{name}({msg_type})" if name else msg_type
