"""Kinds of values in ``fixgw.toml``: each turns what TOML gave into what we use.

A kind raises ValueError with what it wanted instead, to stand behind "… is 'x', ".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

NS_PER_S = 1_000_000_000
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")

_PASSWORD = re.compile(r"(://[^/?#:@]*:)[^?#]*@|([?&](?:ssl)?password=)[^&#]*")
"""Before the host, and as libpq takes it in the query."""

LEVELS_MAX = 10
"""Levels of the circuit breaker; markets have three."""

Kind = Callable[[object], object]


def integer(least: int, most: int) -> Kind:
    """A whole number within bounds, both included."""

    def convert(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"not {least} to {most}")
        if not least <= value <= most:
            raise ValueError(f"not {least} to {most}")
        return value

    return convert


def boolean(value: object) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise ValueError("not true or false")
    return value


def text(value: object) -> str:
    """Any text that is not empty."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("not a text")
    return value


def one_of(*choices: str) -> Kind:
    """One of a few words."""

    def convert(value: object) -> str:
        if value not in choices:
            raise ValueError("not " + " or ".join(choices))
        return str(value)

    return convert


def time_of_day(value: object) -> int:
    """``17:30:00`` as nanoseconds after midnight."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a time like 17:30:00")
    hours, minutes, seconds = (int(part) for part in found.groups())
    return (hours * 3600 + minutes * 60 + seconds) * NS_PER_S


def url(*schemes: str, empty: bool = False, words: tuple[str, ...] = ()) -> Kind:
    """An address with one of ``schemes``, one of ``words``, or, if allowed, nothing."""
    wanted = " or ".join([*words, f"an address like {schemes[0]}://host"])

    def convert(value: object) -> str:
        if isinstance(value, str):
            if (empty and not value) or value in words:
                return value
            try:
                parts = urlsplit(value)
                if parts.scheme in schemes and (parts.hostname or parts.path):
                    return value
            except ValueError:
                pass
        raise ValueError(f"not {wanted}")

    return convert


def without_password(address: str) -> str:
    """An address as it may be shown."""
    return _PASSWORD.sub(lambda m: f"{m[1]}***@" if m[1] else f"{m[2]}***", address)


def servers(value: object) -> str:
    """``host:port``, several with commas between, or nothing."""
    if not isinstance(value, str):
        raise ValueError("not servers like host:9092,other:9092")
    for server in value.split(",") if value else ():
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError("not servers like host:9092,other:9092")
    return value


def topic(value: object) -> str:
    """A name Kafka takes for a topic."""
    if not isinstance(value, str) or not _TOPIC.fullmatch(value) or value in "..":
        raise ValueError("not a topic: 1 to 249 of letters, digits, '.', '_', '-'")
    return value


def percents(value: object) -> tuple[int, ...]:
    """Whole percents, ascending."""
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= LEVELS_MAX
        or any(isinstance(one, bool) or not isinstance(one, int) for one in value)
        or value != sorted(set(value))
        or not 0 < value[0] <= value[-1] < 100
    ):
        raise ValueError(f"not 1 to {LEVELS_MAX} whole percents, ascending")
    return tuple(value)


def durations(value: object) -> tuple[int, ...]:
    """Seconds, each up to a day."""
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= LEVELS_MAX
        or any(isinstance(one, bool) or not isinstance(one, int) for one in value)
        or not all(0 <= one <= 86_400 for one in value)
    ):
        raise ValueError(f"not 1 to {LEVELS_MAX} times in seconds, each 0 to 86400")
    return tuple(value)
