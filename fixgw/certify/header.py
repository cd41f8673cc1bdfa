"""The header of a script: comments in front of its first step that say what it is.

``# rule: 2.c``, ``# title: …`` and so on; a comment with any other word is a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fixgw.certify.compare import Mode
from fixgw.certify.groups import Group, group_of
from fixgw.certify.versions import Version, VersionError, select, version_of

PROFILES = ("standard", "quickfix")
_LINE = re.compile(
    r"#\s*(rule|title|versions|settings|profile|client|server|compare|group|exclusive"
    r"|condition|expected):(?:\s+(.*))?$"
)
_TEST_CASE = re.compile(r"#\s*@testcase\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Header:
    """What a script says of itself; empty where it says nothing."""

    rule: str = ""
    """The case of the standard or of the rule book, as in ``2.c``."""
    title: str = ""
    condition: str = ""
    expected: str = ""
    versions: tuple[Version, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    """What the acceptor's session has to be configured with."""
    profile: str = "both"
    """standard, quickfix or both: under which of them the script holds."""
    client: str = ""
    """The CompID of the client; {v} stands for the version in short."""
    server: str = ""
    mode: Mode | None = None
    """How to compare, where the script cannot leave it to the command line."""
    groups: tuple[Group, ...] = ()
    is_exclusive: bool = False
    """Whether nothing else may run at the same time."""


def parse_header(lines: list[str]) -> tuple[Header, list[tuple[int, str]]]:
    """The header in these comment lines, and what is wrong with it by line."""
    facts: dict[str, object] = {}
    groups: list[Group] = []
    errors = []
    for number, line in enumerate(lines, 1):
        if (case := _TEST_CASE.match(line)) and "rule" not in facts:
            facts["rule"] = case[1]
        if (found := _LINE.match(line)) is None:
            continue
        key, value = found[1], (found[2] or "").strip()
        try:
            if key == "group":
                groups.append(group_of(value))
            else:
                if key in ("condition", "expected") and key in facts:
                    value = f"{facts[key]} {value}"
                facts.update(_fact(key, value))
        except (ValueError, VersionError) as error:
            errors.append((number, f"# {key}: {error}"))
    return Header(**facts, groups=tuple(groups)), errors  # type: ignore[arg-type]


def _fact(key: str, value: str) -> dict[str, object]:
    match key:
        case "versions":
            return {key: select(value)}
        case "settings":
            return {key: tuple(_setting(word) for word in value.split())}
        case "profile":
            if value not in (*PROFILES, "both"):
                raise ValueError(f"{value!r} is not standard, quickfix or both")
        case "compare":
            if value not in ("strict", "relaxed"):
                raise ValueError(f"{value!r} is neither strict nor relaxed")
            return {"mode": Mode(value)}
        case "exclusive":
            if value not in ("yes", "no"):
                raise ValueError(f"{value!r} is neither yes nor no")
            return {"is_exclusive": value == "yes"}
    return {key: value}


def _setting(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not key or not equals:
        raise ValueError(f"{word!r} is not Key=value")
    return key, value


__all__ = ["PROFILES", "Header", "parse_header", "version_of"]
