"""Sections of a sessions file: read line by line, each key judged by its concern."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fixgw.session.keys import KEYS, Concern, Key, Scope, find, nearest
from fixgw.session.values import default_of, value_of

LINE_CHARS_MAX = 1000
"""QuickFIX stops reading, without a word, at a line of more than 1023 bytes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the file: ``config/sessions.cfg:12: Key: reason``."""

    file: str
    line: int
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.key}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Entry:
    line: int
    name: str
    text: str
    value: Any


@dataclass(slots=True)
class Section:
    """What one section says: its honoured values by field, and fields it got wrong."""

    line: int
    entries: dict[str, Entry] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    spoilt: set[str] = field(default_factory=set)


ACCEPTOR_KEYS = tuple(key for key in KEYS.values() if key.scope is Scope.ACCEPTOR)


class Reader:
    """Collects sections, problems and warnings: give every line to :meth:`take`."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.default = Section(1)
        self.sessions: list[Section] = []
        self._section: Section | None = None
        self._has_default = False

    def take(self, number: int, line: str) -> None:
        if not line or line.startswith("#"):
            return
        if len(line) > LINE_CHARS_MAX:
            reason = f"the line is longer than {LINE_CHARS_MAX} characters"
            self.refuse(number, f"{line[:20]}...", reason)
        elif line.startswith("["):
            self._begin(number, line)
        elif "=" in line:
            name, _, text = line.partition("=")
            self._set(number, name.strip(), text.strip())
        else:
            self.refuse(number, line, "is neither a section nor key=value")

    def refuse(self, line: int, key: str, reason: str) -> None:
        """Notes a problem; reading goes on."""
        self.problems.append(Problem(self.file, line, key, reason))

    def _begin(self, number: int, line: str) -> None:
        self._section = Section(number)
        title = line[1:-1].strip().upper() if line.endswith("]") else ""
        if title == "SESSION":
            self.sessions.append(self._section)
        elif title != "DEFAULT":
            self.refuse(number, line, "is neither [DEFAULT] nor [SESSION]")
        elif self._has_default:
            first = self.default.line
            self.refuse(number, line, f"is given twice, first at line {first}")
            self._section = self.default  # so that nothing in it counts as missing
        else:
            self.default = self._section
            self._has_default = True

    def _set(self, number: int, name: str, text: str) -> None:
        section, key = self._section, find(name)
        if section is None:
            self.refuse(number, name, "stands before any section")
        elif key is None:
            self.refuse(number, name, _unknown(name))
        elif name in section.lines:
            first = section.lines[name]
            self.refuse(number, name, f"is given twice, first at line {first}")
        else:
            section.lines[name] = number
            try:
                self._judge(
                    section, key, Entry(number, name, text, value_of(text, key))
                )
            except ValueError as error:
                section.spoilt.add(key.field)
                self.refuse(number, name, str(error))

    def _judge(self, section: Section, key: Key, entry: Entry) -> None:
        """Puts a well-formed value where its concern says; ValueError refuses it."""
        match key.concern:
            case Concern.HONOURED:
                same = section.entries.setdefault(key.field, entry)
                if same.value != entry.value:
                    raise ValueError(
                        f"contradicts {same.name}={same.text} of line {same.line},"
                        " another spelling of this key"
                    )
            case Concern.REFUSED:
                if not key.default:
                    raise ValueError(f"is not offered: {key.reason}")
                if entry.value != default_of(key):
                    raise ValueError(
                        f"is not offered, except {key.default}: {key.reason}"
                    )
            case Concern.INITIATOR:
                self._warn(entry, f"concerns an initiator only: {key.meaning}")
            case _:
                self._warn(entry, f"has no effect: {key.reason}")

    def _warn(self, entry: Entry, text: str) -> None:
        self.warnings.append(Problem(self.file, entry.line, entry.name, text))

    def acceptor_entries(self) -> dict[str, Entry]:
        """What is said of the listener, by field; refuses what is said twice.

        It may stand in any section, but all sessions share one listener.
        """
        sections = (self.default, *self.sessions)
        found: dict[str, Entry] = {}
        for name in dict.fromkeys(key.field for key in ACCEPTOR_KEYS):
            said = [each.entries[name] for each in sections if name in each.entries]
            for other in said[1:]:
                if other.value != said[0].value:
                    self.refuse(
                        other.line,
                        other.name,
                        f"contradicts {said[0].name}={said[0].text} of line"
                        f" {said[0].line}: all sessions share one listener",
                    )
            if said:
                found[name] = said[0]
        return found

    def is_spoilt(self, name: str) -> bool:
        """Whether any section gave that field a value that was refused."""
        return any(name in each.spoilt for each in (self.default, *self.sessions))


def _unknown(name: str) -> str:
    reason = "no engine of the QuickFIX family knows this key"
    suggestion = nearest(name)
    return f"{reason}; did you mean {suggestion}?" if suggestion else reason
