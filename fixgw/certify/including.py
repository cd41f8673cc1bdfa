"""Scripts within scripts: ``iINCLUDE logon.inc`` stands for the lines of that file.

Steps that come from there carry the line of the iINCLUDE, so that a report points into
the script that was played.
"""

from __future__ import annotations

import re
from pathlib import Path

DEPTH_MAX = 5
"""Files within files: more is a circle."""

_INCLUDE = re.compile(r"iINCLUDE\s+(\S+)\s*$")

Numbered = list[tuple[int, str]]


def read_lines(text: str, folder: Path) -> tuple[Numbered, Numbered]:
    """The lines of a script with their numbers, and what is wrong with its includes."""
    found: Numbered = []
    errors: Numbered = []
    for number, line in enumerate(text.split("\n"), 1):
        for part in _included(line, folder, 0, number, errors):
            found.append((number, part))
    return found, errors


def _included(
    line: str, folder: Path, depth: int, number: int, errors: Numbered
) -> list[str]:
    """A line, or the lines that it stands for."""
    include = _INCLUDE.match(line)
    if include is None:
        return [line]
    if depth == DEPTH_MAX:
        errors.append((number, f"iINCLUDE {include[1]}: files include one another"))
        return []
    path = folder / include[1]
    try:
        text = path.read_bytes().decode("latin-1")
    except OSError as error:
        errors.append((number, f"iINCLUDE {include[1]}: {error.strerror}"))
        return []
    except ValueError:
        errors.append((number, f"iINCLUDE {include[1]!r}: no file has such a name"))
        return []
    found = []
    for part in text.split("\n"):
        found += _included(part, path.parent, depth + 1, number, errors)
    return found
