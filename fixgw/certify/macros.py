"""Macros that put text into a message while a dialogue runs.

``<TIME>``, ``<TIME+n>`` and ``<TIME-n>`` are the moment of the line, in UTC seconds,
and come first; ``<FILE:name>`` comes last. The others are ours: ``<TIME.3>`` has digits
of fraction, ``<GET:name>`` is a value captured or let, ``<NEXT:name>`` counts,
``<UNIQUE:name>`` is an identifier never used before, ``<N>`` the number of the round,
``<FILL:n:text>`` repeats, ``<HEX:01ff>`` is bytes, ``<SUM:a,b>`` adds decimals.
"""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

FILL_BYTES_MAX = 64 * 1024 * 1024
"""Of one ``<FILL:n:text>``: more would be a slip of the pen."""

SHARED = "run_"
"""Names that begin so keep their values from dialogue to dialogue."""

NAME = r"[A-Za-z_][A-Za-z0-9_]*"

_TIME = re.compile(r"<TIME(?:\.([0-9]))?([+-][0-9]+)?>")
_OURS = re.compile(r"<(GET|NEXT|UNIQUE|N|FILL|HEX|SUM)(?::([^<>]*))?>")
_FILE = re.compile(r"<FILE:([^<>]+)>")
_REFERENCE = re.compile(rf"({NAME})(?:([+-])([0-9]+))?")
_serial = itertools.count(1)


class MacroError(ValueError):
    """A macro cannot be expanded; says which and why."""


class Scope:
    """The values a running dialogue has names for.

    ``folder`` is where the files of ``<FILE:name>`` are.
    """

    def __init__(
        self,
        folder: Path,
        shared: dict[str, str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """``shared`` holds the names that begin with ``run_``, for all dialogues."""
        self._own: dict[str, str] = {}
        self._shared = shared if shared is not None else {}
        self.rounds: list[int] = []
        self._folder = folder
        self._now = now
        self._names: dict[str, str] = {}

    def expand(self, text: str) -> str:
        """The text with every macro replaced; patterns stay. Raises MacroError."""
        if "<" not in text:
            return text
        moment = datetime.fromtimestamp(self._now(), UTC)
        text = _TIME.sub(lambda match: _stamp(moment, match), text)
        # From the inside out: <NUM:<GET:price>> has one macro within another.
        for _ in range(8):
            done = _OURS.sub(self._ours, text)
            if done == text:
                break
            text = done
        return _FILE.sub(self._file, text)

    def set(self, name: str, value: str) -> None:
        """Give a name a value, for ``<GET:name>``."""
        self._values(name)[name] = value

    def _values(self, name: str) -> dict[str, str]:
        return self._shared if name.startswith(SHARED) else self._own

    def _ours(self, match: re.Match[str]) -> str:
        return _TEXTS[match[1]](self, match[2] or "")

    def _file(self, match: re.Match[str]) -> str:
        try:
            return (self._folder / match[1]).read_bytes().decode("latin-1")
        except OSError as error:
            raise MacroError(f"{match[0]}: {error.strerror}") from error

    def get(self, argument: str) -> str:
        """The value of ``name``, ``name+1`` or ``name-1``."""
        found = _REFERENCE.fullmatch(argument)
        value = self._values(found[1]).get(found[1]) if found else None
        if found is None or value is None:
            raise MacroError(f"<GET:{argument}>: nothing has that name yet")
        if found[2] is None:
            return value
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise MacroError(f"<GET:{argument}>: {value!r} is no number")
        return str(int(value) + int(found[2] + found[3]))

    def next(self, name: str) -> str:
        """The value of a counter, which begins at 1, and one more the next time."""
        value = self._values(name).get(name, "1")
        if not re.fullmatch(r"[0-9]{1,18}", value):
            raise MacroError(f"<NEXT:{name}>: {value!r} is no number")
        self.set(name, str(int(value) + 1))
        return value

    def unique(self, name: str) -> str:
        """An identifier; the same one for the same name, a new one without a name."""
        if not name:
            return _unique()
        return self._names.setdefault(name, _unique())

    def round(self) -> str:
        """The number of the round of the innermost repetition."""
        return str(self.rounds[-1] if self.rounds else 1)


def names_used(text: str, macro: str) -> list[str]:
    """The names that a macro of a text refers to."""
    return re.findall(rf"<{macro}:({NAME})", text)


def _stamp(moment: datetime, match: re.Match[str]) -> str:
    moment += timedelta(seconds=int(match[2] or 0))
    text = f"{moment:%Y%m%d-%H:%M:%S}"
    digits = int(match[1] or 0)
    return f"{text}.{moment:%f}000"[: len(text) + 1 + digits] if digits else text


def _unique() -> str:
    """Sixteen characters: of time, process and a count."""
    ticks = time.time_ns() // 1_000_000 % 16**8
    return f"C{ticks:08X}{os.getpid() % 16**4:04X}{next(_serial) % 16**3:03X}"


def _fill(scope: Scope, argument: str) -> str:
    count, colon, text = argument.partition(":")
    if not colon or not count.isascii() or not count.isdigit() or not text:
        raise MacroError(f"<FILL:{argument}> must be <FILL:count:text>")
    if int(count) * len(text) > FILL_BYTES_MAX:
        raise MacroError(f"<FILL:{count}:…> is more than {FILL_BYTES_MAX} bytes")
    return int(count) * text


def _hex(scope: Scope, argument: str) -> str:
    try:
        return bytes.fromhex(argument).decode("latin-1")
    except ValueError as error:
        raise MacroError(f"<HEX:{argument}> must be pairs of hex digits") from error


def _sum(scope: Scope, argument: str) -> str:
    try:
        return f"{sum(Decimal(part) for part in argument.split(',')):f}"
    except InvalidOperation as error:
        raise MacroError(f"<SUM:{argument}> must be decimals and commas") from error


_TEXTS: dict[str, Callable[[Scope, str], str]] = {
    "GET": lambda scope, argument: scope.get(argument),
    "NEXT": lambda scope, argument: scope.next(argument),
    "UNIQUE": lambda scope, argument: scope.unique(argument),
    "N": lambda scope, argument: scope.round(),
    "FILL": _fill,
    "HEX": _hex,
    "SUM": _sum,
}
TEXT_MACROS = frozenset({"TIME", "FILE", *_TEXTS})
"""Those that this module replaces."""
