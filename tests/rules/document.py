"""Examples in a document: fenced blocks that say what clients send and are told.

A block begins with three backticks and ``fix``, and perhaps the version if it is not
FIX 4.4: ``fix 4.2``, ``fix 5.0SP2``. Its lines are

* ``BUYER > 35=D|11=A|…``: the client BUYER sends this. Header and trailer are left out,
  but for MsgType(35) and flags; ``*`` as a value is the time.
* ``BUYER < 35=8|11=A|…``: the next message BUYER receives, with exactly these fields in
  this order. ``*`` is any value. Times may differ but for their form, and identifiers
  that the exchange gives (``0-17``) if they do so alike throughout the example.
* ``! …``: something happens, see :mod:`tests.rules.happening`.
* an empty line, or one that begins with ``#``: nothing.

Each example has an exchange of its own, with ACME in its first shard and GLOBEX in its
second. All clients are logged on when it begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

VERSIONS = ("4.0", "4.1", "4.2", "4.3", "4.4", "5.0", "5.0SP1", "5.0SP2")

_FENCE = re.compile(r"```fix(?: (?P<version>\S+))?")
_MESSAGE = re.compile(r"(?P<client>[A-Z][A-Z0-9]*) (?P<way>[<>]) (?P<text>\S.*)")
_FIELD = re.compile(r"(?P<tag>[1-9][0-9]*)=(?P<value>[^|]+)")

Pairs = list[tuple[int, str]]


class BadExample(Exception):
    """A block is not in the form above; says where."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message: from the client if ``sent``, else to it."""

    line: int
    client: str
    sent: bool
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class Happens:
    """Something that is no message: the words behind the exclamation mark."""

    line: int
    words: tuple[str, ...]


Step = Said | Happens


@dataclass(slots=True)
class Example:
    """One block. ``version`` is that of FIX, as ``FIX.4.4``."""

    document: str
    line: int
    version: str
    steps: list[Step] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What a test of it is called."""
        return f"{self.document}:{self.line}"

    @property
    def clients(self) -> list[str]:
        """Who takes part, in the order of their first message."""
        said = [step.client for step in self.steps if isinstance(step, Said)]
        return list(dict.fromkeys(said))


def examples(path: Path, *, complete: bool = True) -> list[Example]:
    """Those of a document; nothing need be received if they are not ``complete`` yet.
    Raises BadExample."""
    found: list[Example] = []
    current: Example | None = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.name}:{number}"
        if current is None:
            if line.startswith("```fix"):
                current = Example(path.name, number, _version(line, where))
        elif line == "```":
            received = any(isinstance(s, Said) and not s.sent for s in current.steps)
            if complete and not received:
                raise BadExample(f"{where}: nothing is received in this example")
            found.append(current)
            current = None
        elif line and not line.startswith("#"):
            current.steps.append(_step(line, number, where))
    if current is not None:
        raise BadExample(f"{path.name}:{current.line}: the block does not end")
    return found


def _version(line: str, where: str) -> str:
    match = _FENCE.fullmatch(line)
    version = match["version"] or "4.4" if match is not None else ""
    if version not in VERSIONS:
        raise BadExample(f"{where}: {line} names no version of FIX")
    return f"FIX.{version}"


def _step(line: str, number: int, where: str) -> Step:
    if line.startswith("! "):
        return Happens(number, tuple(line[2:].split()))
    match = _MESSAGE.fullmatch(line)
    if match is None:
        raise BadExample(f"{where}: neither a message nor an event: {line}")
    pairs = []
    for part in match["text"].rstrip("|").split("|"):
        fieldmatch = _FIELD.fullmatch(part)
        if fieldmatch is None:
            raise BadExample(f"{where}: {part} is no field")
        pairs.append((int(fieldmatch["tag"]), fieldmatch["value"]))
    if pairs[0][0] != 35:
        raise BadExample(f"{where}: a message begins with MsgType(35)")
    return Said(number, match["client"], match["way"] == ">", pairs)
