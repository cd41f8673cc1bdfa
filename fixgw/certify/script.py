"""A script: the lines of a file, parsed into steps for one version of FIX.

The grammar is that of the public acceptance dialogues, and lines that begin with a
keyword of ours; docs/certification.md has all of it. Every error of a file is found at
once, with its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fixgw.certify import steps as s
from fixgw.certify.compare import MORE, expected_of
from fixgw.certify.including import read_lines
from fixgw.certify.keywords import BLOCK_KEYWORDS, KEYWORDS, Malformed
from fixgw.certify.macros import SHARED, TEXT_MACROS, names_used
from fixgw.certify.matchers import PATTERN_MACROS, PatternError, set_names
from fixgw.certify.steps import Step
from fixgw.certify.versions import Variant, VersionError, expand

_LINE = re.compile(r"([IEie])(?:([0-9]),)?(.*)", re.DOTALL)
_SLEEP = re.compile(r"sleep\(([0-9]+(?:\.[0-9]+)?)\)\s*$")
_NOTIFY = re.compile(r"#\s*NOTIFY:\s*(.*)")
_KEYWORD = re.compile(r"([A-Z_]+)(?:\s+(.*?))?\s*$", re.DOTALL)
_MACRO = re.compile(r"<([A-Z]+)(?=[:>.+-])")
_PIPES = re.compile(r"(<RE:[^<>]*>)|\|")
_KNOWN_MACROS = TEXT_MACROS | PATTERN_MACROS | {"MORE"}

BLOCKS_MAX = 20
"""Blocks within blocks: nobody could read more, nor Python go deeper for ever."""


@dataclass(slots=True)
class Lines:
    """The lines of a script still to be parsed, and the errors found so far."""

    left: Iterator[tuple[int, str]]
    errors: list[tuple[int, str]] = field(default_factory=list)
    depth: int = 0
    """Blocks that are open."""

    def wrong(self, line: int, text: str) -> None:
        self.errors.append((line, text))


def parse_steps(
    text: str, variant: Variant, folder: Path
) -> tuple[tuple[Step, ...], list[tuple[int, str]]]:
    """The steps of a script for one version, and its errors by line.

    ``folder`` is where the files are that it includes.
    """
    numbered, errors = read_lines(text, folder)
    lines = Lines(iter(numbered), errors)
    found, _ = _block(lines, variant, 0, frozenset())
    lines.errors += _names_unknown(found)
    return tuple(found), sorted(lines.errors)


def _block(
    lines: Lines, variant: Variant, opened: int, ends: frozenset[str]
) -> tuple[list[Step], tuple[int, str, str]]:
    """Steps up to one of the keywords ``ends``: line, keyword, the text behind it."""
    found: list[Step] = []
    for number, line in lines.left:
        try:
            line = expand(line.rstrip("\r"), variant)
            parsed = _line(lines, variant, number, line, ends)
        except (Malformed, VersionError) as error:
            lines.wrong(number, str(error))
            continue
        if isinstance(parsed, tuple):
            return found, parsed
        if parsed is not None:
            found.append(parsed)
    if ends:
        lines.wrong(opened, "the block that begins here has no eEND")
    return found, (opened, "END", "")


def _line(
    lines: Lines, variant: Variant, number: int, line: str, ends: frozenset[str]
) -> Step | tuple[int, str, str] | None:
    """One line: a step, the end of the block, or nothing. Raises Malformed."""
    if not line.strip():
        return None
    if line.startswith("#"):
        notice = _NOTIFY.match(line)
        return s.Notify(number, 1, notice[1]) if notice else None
    if pause := _SLEEP.match(line):
        return s.Pause(number, 1, float(pause[1]))
    found = _LINE.fullmatch(line)
    if found is None:
        raise Malformed("a line begins with I, E, i, e, # or sleep(")
    if found[2] == "0":
        raise Malformed("connections are numbered from 1 to 9")
    kind, connection, rest = found[1], int(found[2] or 1), found[3]
    if kind == "I":
        text, is_own = _message(rest, expects=False)
        if is_own and text.startswith("8=") and not text.endswith("\x01"):
            text += "\x01"
        return s.Send(number, connection, text)
    if kind == "E":
        return _expect(number, connection, rest)
    word = _KEYWORD.match(rest)
    if word is None:
        raise Malformed(f"{kind} is followed by a keyword in capitals")
    keyword, argument = kind + word[1], word[2] or ""
    if word[1] in ("END", "WHEN"):
        if word[1] not in ends:
            raise Malformed(f"there is no block that {keyword} could belong to")
        return number, word[1], argument
    if keyword in BLOCK_KEYWORDS:
        return _opened(lines, variant, s.Step(number, connection), keyword, argument)
    if keyword == "eMAYBE":
        return s.Maybe(number, connection, _expect(number, connection, argument))
    if keyword == "iRAW":
        text = _message(argument, expects=False)[0]
        return s.Send(number, connection, text, is_raw=True)
    if keyword not in KEYWORDS:
        raise Malformed(f"{keyword} is no keyword")
    return KEYWORDS[keyword](number, connection, argument)


def _opened(
    lines: Lines, variant: Variant, at: Step, keyword: str, argument: str
) -> Step:
    """A block and everything in it."""
    if lines.depth == BLOCKS_MAX:
        raise Malformed(f"blocks are nested more than {BLOCKS_MAX} deep")
    lines.depth += 1
    try:
        return _inside(lines, variant, at, keyword, argument)
    finally:
        lines.depth -= 1


def _inside(
    lines: Lines, variant: Variant, at: Step, keyword: str, argument: str
) -> Step:
    number, connection = at.line, at.connection
    if keyword == "iREPEAT":
        body, _ = _block(lines, variant, number, frozenset({"END"}))
        if not re.fullmatch(r"[1-9][0-9]{0,8}", argument):
            raise Malformed("iREPEAT takes a number of rounds")
        return s.Repeat(number, connection, int(argument), tuple(body))
    if keyword == "eALL":
        body, _ = _block(lines, variant, number, frozenset({"END"}))
        expects = tuple(step for step in body if isinstance(step, s.Expect))
        if not expects or len(expects) < len(body):
            raise Malformed("eALL holds E lines only")
        return s.AllOf(number, connection, expects)
    either = frozenset({"END", "WHEN"})
    before, end = _block(lines, variant, number, either)
    alternatives = []
    while end[1] == "WHEN":
        line, _, text = end
        try:
            expect = _expect(line, connection, text)
        except Malformed as error:
            lines.wrong(line, str(error))
            expect = s.Expect(line, connection, "", is_own=True)
        body, end = _block(lines, variant, number, either)
        alternatives.append(s.Alternative(expect, tuple(body)))
    if before or not alternatives:
        raise Malformed("eONEOF is followed by eWHEN lines")
    return s.OneOf(number, connection, tuple(alternatives))


def _expect(number: int, connection: int, text: str) -> s.Expect:
    text, is_own = _message(text, expects=True)
    try:
        if is_own:
            expected_of(text, is_own)
    except PatternError as error:
        raise Malformed(str(error)) from error
    return s.Expect(number, connection, text, is_own)


def _message(text: str, *, expects: bool) -> tuple[str, bool]:
    """The text of a message, and whether it is of our dialect: without a SOH."""
    if not text:
        raise Malformed("the message is missing")
    if "\x01" in text:
        return text, False
    text = _PIPES.sub(lambda match: match[1] or "\x01", text)
    for name in _MACRO.findall(text):
        if name not in _KNOWN_MACROS:
            raise Malformed(f"<{name}…> is no macro")
        if not expects and (name in PATTERN_MACROS or name == "MORE"):
            raise Malformed(f"<{name}…> is a pattern: it cannot be sent")
    if expects:
        for part in filter(None, text.split("\x01")):
            tag, equals, _ = part.partition("=")
            if part != MORE and not (equals and tag.isascii() and tag.isdigit()):
                raise Malformed(f"{part!r} is not tag=value")
    return text, True


def _names_unknown(steps: list[Step]) -> list[tuple[int, str]]:
    """Values that are used and nowhere given a name."""
    flat = s.flatten(tuple(steps))
    given: set[str] = set()
    for step in flat:
        if isinstance(step, s.Let):
            given.add(step.name)
        if text := getattr(step, "text", ""):
            given.update(set_names(text))
            given.update(names_used(text, "NEXT"))
    return [
        (step.line, f"<GET:{name}>: nothing has that name")
        for step in flat
        for name in names_used(getattr(step, "text", ""), "GET")
        if name not in given and not name.startswith(SHARED)
    ]
