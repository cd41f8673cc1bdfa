"""The lines that begin with a keyword, without those that open a block.

Each keyword has a function from line, connection and the text behind it to a step.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fixgw.certify import steps as s
from fixgw.certify.macros import NAME
from fixgw.certify.steps import Step

SECONDS_MAX = 3600.0
"""Of a pause or wait in a script: longer ones are for a calendar, not for a test."""


class Malformed(ValueError):
    """A line is not of the grammar; says why."""


Maker = Callable[[int, int, str], Step]


def seconds_of(text: str) -> float:
    """A number of seconds. Raises Malformed."""
    if not re.fullmatch(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+", text):
        raise Malformed(f"{text!r} is no number of seconds")
    seconds = float(text)
    if seconds > SECONDS_MAX:
        raise Malformed(f"{text} s is more than {SECONDS_MAX:g} s")
    return seconds


def _bare(kind: Callable[[int, int], Step]) -> Maker:
    """A keyword without anything behind it."""

    def make(line: int, connection: int, argument: str) -> Step:
        if argument:
            raise Malformed(f"nothing may follow the keyword, {argument!r} does")
        return kind(line, connection)

    return make


def _timed(kind: Callable[[int, int, float], Step]) -> Maker:
    """A keyword with a number of seconds behind it."""
    return lambda line, connection, argument: kind(
        line, connection, seconds_of(argument)
    )


def _text(kind: Callable[[int, int, str], Step]) -> Maker:
    """A keyword with a text behind it."""

    def make(line: int, connection: int, argument: str) -> Step:
        if not argument:
            raise Malformed("a text has to follow the keyword")
        return kind(line, connection, argument)

    return make


def _within(line: int, connection: int, argument: str) -> Step:
    low, dots, high = argument.partition("..")
    if not dots:
        return s.Within(line, connection, 0.0, seconds_of(argument))
    least, most = seconds_of(low), seconds_of(high)
    if most < least:
        raise Malformed("the range is empty")
    return s.Within(line, connection, least, most)


def _pieces(line: int, connection: int, argument: str) -> Step:
    found = re.fullmatch(
        r"(?:([1-9][0-9]{0,6})|at\s+([1-9][0-9]{0,6})|fields)(?:\s+every\s+(\S+))?",
        argument,
    )
    if found is None:
        raise Malformed("iPIECES takes a number of bytes, fields, or at and a place")
    pause_s = seconds_of(found[3]) if found[3] else 0.0
    return s.Pieces(line, connection, int(found[1] or 0), int(found[2] or 0), pause_s)


def _glue(line: int, connection: int, argument: str) -> Step:
    if not re.fullmatch(r"[2-9]|[1-9][0-9]{1,4}", argument):
        raise Malformed("iGLUE takes the number of messages, at least 2")
    return s.Glue(line, connection, int(argument))


def _skip(line: int, connection: int, argument: str) -> Step:
    return s.Skip(line, connection, frozenset(argument.replace(",", " ").split()))


def _set_session(line: int, connection: int, argument: str) -> Step:
    found = re.fullmatch(
        r"(\S+:\S+->\S+)\s+(NEXTSENDERSEQNUM|NEXTTARGETSEQNUM)=([0-9]{1,18})", argument
    )
    if found is None:
        raise Malformed("it must be FIX.4.4:SERVER->CLIENT NEXTSENDERSEQNUM=1")
    return s.SetSession(line, connection, found[1], found[2], int(found[3]))


def _let(line: int, connection: int, argument: str) -> Step:
    name, _, value = argument.partition(" ")
    if not re.fullmatch(NAME, name) or not value.strip():
        raise Malformed("iLET takes a name and a value")
    return s.Let(line, connection, name, value.strip())


KEYWORDS: dict[str, Maker] = {
    "iCONNECT": _bare(s.Connect),
    "iDISCONNECT": _bare(s.Disconnect),
    "iABORT": _bare(s.Abort),
    "iLISTEN": _bare(lambda line, connection: s.Listen(line, connection, True)),
    "iDEAF": _bare(lambda line, connection: s.Listen(line, connection, False)),
    "iHOLD": _bare(lambda line, connection: s.Hold(line, connection, True)),
    "iRESUME": _bare(lambda line, connection: s.Hold(line, connection, False)),
    "iPIECES": _pieces,
    "iGLUE": _glue,
    "iSET_SESSION": _set_session,
    "iOPERATOR": _text(s.Operator),
    "iPAUSE": _timed(s.Pause),
    "iLET": _let,
    "iFAIL": _text(s.Fail),
    "iBREAK": _bare(s.Break),
    "eCONNECT": _bare(s.Accept),
    "eDISCONNECT": _bare(s.ExpectClose),
    "eNOTHING": _timed(s.Nothing),
    "eIGNORE": _timed(s.Ignore),
    "eSKIP": _skip,
    "eWITHIN": _within,
}

BLOCK_KEYWORDS = frozenset({"iREPEAT", "eONEOF", "eALL"})
"""Those that are closed by iEND or eEND."""
