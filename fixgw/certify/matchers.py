"""Patterns that stand for a value in an expected message.

``11=<SET:id>`` instead of a value. Several may follow one another, then all must hold:
``34=<SET:seq><NUM:2..>``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from fixgw.certify.macros import NAME

_PATTERN = re.compile(
    r"<(ANY|SET|NUM|RE|PREFIX|CONTAINS|NOW|NOT|IN|OPT|NONE)(?::((?:[^<>]|<[^<>]*>)*))?>"
)

Captures = dict[str, str]


class PatternError(ValueError):
    """A pattern is malformed; says how."""


Test = Callable[[str, Captures], str]
"""Takes a value that came, and where captured values go. Empty when it is good, else
what it should have been."""


def is_pattern(text: str) -> bool:
    """Whether a value consists of patterns. Raises PatternError for a mixture."""
    if not _PATTERN.search(text):
        return False
    if _PATTERN.sub("", text):
        raise PatternError(f"{text!r} mixes patterns and text; a value is one or other")
    return True


def tests_of(text: str) -> list[Test]:
    """The tests of a value that consists of patterns. Raises PatternError."""
    found = []
    for match in _PATTERN.finditer(text):
        try:
            found.append(_MAKERS[match[1]](match[2] or ""))
        except (ValueError, InvalidOperation, re.error) as error:
            raise PatternError(f"{match[0]}: {error}") from error
    return found


def presence_of(text: str) -> str:
    """OPT when a field may be missing, NONE when it must be, else empty."""
    for match in _PATTERN.finditer(text):
        if match[1] in ("OPT", "NONE"):
            return match[1]
    return ""


def set_names(text: str) -> list[str]:
    """The names that a text captures values under."""
    return re.findall(rf"<SET:({NAME})>", text)


def _any(argument: str) -> Test:
    return lambda value, captures: "" if value else "any value"


def _set(argument: str) -> Test:
    if not re.fullmatch(NAME, argument):
        raise ValueError("a name has letters, digits and _")

    def test(value: str, captures: Captures) -> str:
        captures[argument] = value
        return "" if value else "any value"

    return test


def _num(argument: str) -> Test:
    low, high = bounds_of(argument)

    def test(value: str, captures: Captures) -> str:
        number = _decimal(value)
        if number is None:
            return f"the number {argument}"
        inside = (low is None or number >= low) and (high is None or number <= high)
        return "" if inside else f"the number {argument}"

    return test


def bounds_of(argument: str) -> tuple[Decimal | None, Decimal | None]:
    """Least and greatest of ``5``, ``1..5``, ``1..`` or ``..5``. Raises ValueError."""
    low, dots, high = argument.partition("..")
    least = Decimal(low) if low else None
    if not dots:
        if least is None:
            raise ValueError("a number or a range is missing")
        return least, least
    greatest = Decimal(high) if high else None
    if least is not None and greatest is not None and greatest < least:
        raise ValueError("the range is empty")
    return least, greatest


def _decimal(value: str) -> Decimal | None:
    """The number in a FIX field; no exponents, no NaN."""
    if re.fullmatch(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", value):
        return Decimal(value)
    return None


def _re(argument: str) -> Test:
    pattern = re.compile(argument, re.DOTALL)
    return lambda value, captures: (
        "" if pattern.fullmatch(value) else f"what matches {argument}"
    )


def _prefix(argument: str) -> Test:
    return lambda value, captures: (
        "" if value.startswith(argument) else f"what begins with {argument!r}"
    )


def _contains(argument: str) -> Test:
    return lambda value, captures: (
        "" if argument in value else f"what contains {argument!r}"
    )


def _not(argument: str) -> Test:
    return lambda value, captures: "" if value != argument else f"not {argument!r}"


def _in(argument: str) -> Test:
    values = argument.split(",")
    return lambda value, captures: (
        "" if value in values else f"one of {', '.join(values)}"
    )


def _now(argument: str) -> Test:
    seconds = float(argument or 2)

    def test(value: str, captures: Captures) -> str:
        moment = _moment(value)
        now = datetime.now(UTC)
        if moment is not None and abs(now - moment) <= timedelta(seconds=seconds):
            return ""
        return f"within {seconds:g} s of {now:%Y%m%d-%H:%M:%S}"

    return test


def _moment(value: str) -> datetime | None:
    """A UTCTimestamp with up to six digits of fraction looked at."""
    found = re.fullmatch(
        r"([0-9]{8}-[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?[0-9]*", value
    )
    if found is None:
        return None
    try:
        moment = datetime.strptime(found[1], "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment + timedelta(seconds=float(found[2] or 0))


def _opt(argument: str) -> Test:
    if not argument:
        return lambda value, captures: ""
    return lambda value, captures: "" if value == argument else repr(argument)


def _none(argument: str) -> Test:
    return lambda value, captures: "no such field"


_MAKERS: dict[str, Callable[[str], Test]] = {
    "ANY": _any,
    "SET": _set,
    "NUM": _num,
    "RE": _re,
    "PREFIX": _prefix,
    "CONTAINS": _contains,
    "NOT": _not,
    "IN": _in,
    "NOW": _now,
    "OPT": _opt,
    "NONE": _none,
}
PATTERN_MACROS = frozenset(_MAKERS)
