"""A message that came against the message that was expected, field by field.

Two modes, as the public runners of dialogues have them:

* strict: the same fields in the same order; values equal, but 10, 42, 52, 60 and 122
  only need the shape of a check sum or a time.
* relaxed: the same fields in any order; 10, 52, 60 and 122 are not compared, BodyLength
  (9) only where all values have the written width, Text(58) may go on behind what is
  expected.

Whatever the mode, patterns decide where they stand, and the frame itself must be sound.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from fixgw.certify.groups import Entries, Group, Item, collapse
from fixgw.certify.matchers import Captures, Test, is_pattern, presence_of, tests_of
from fixgw.certify.wire import fields_of, fixify, frame_fault

MORE = "<MORE>"
"""A field of its own: other fields may come as well."""


class Mode(Enum):
    """How exactly a message has to be the expected one."""

    STRICT = "strict"
    RELAXED = "relaxed"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a message differs from the expected one."""

    tag: str
    expected: str | None
    """None where the field is not expected."""
    received: str | None
    """None where the field is missing."""
    note: str
    """In a few words."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A message to compare with, its macros expanded."""

    items: tuple[Item, ...]
    is_open: bool
    """Whether other fields may come as well, in any order."""
    ignored: frozenset[str]
    """Tags of the frame that were not written, so are not compared."""
    text: str


def expected_of(text: str, is_own: bool) -> Expected:
    """What a line says. ``is_own`` as in ``Expect``. Raises PatternError."""
    is_open = is_own and not text.startswith("8=")
    ignored: set[str] = set()
    if not is_own:
        text = fixify(text)
    fields = fields_of(text)
    if (MORE, "") in fields:
        is_open = True
        fields.remove((MORE, ""))
    if is_own and not is_open:
        ignored = {"9", "10"} - {tag for tag, _ in fields}
    items = tuple((tag, value, ()) for tag, value in fields)
    for _, value in fields:
        if is_pattern(value):
            tests_of(value)
    return Expected(items, is_open, frozenset(ignored), text)


_SECONDS = re.compile(r"[0-9]{8}-[0-9]{2}:[0-9]{2}:[0-9]{2}")
_SHAPES = {
    "10": re.compile(r"[0-9]{3}"),
    **dict.fromkeys(("42", "52", "60", "122"), _SECONDS),
}
_NOT_COMPARED = frozenset({"10", "52", "60", "122"})
_WIDTH_MAY_VARY = ("42", "52", "58", "60", "122")


@dataclass(slots=True)
class _Comparison:
    """What is the same for all fields of a message."""

    mode: Mode
    captures: Captures
    skips_length: bool = False
    found: list[Difference] = field(default_factory=list)

    def differ(
        self, tag: str, expected: str | None, received: str | None, note: str
    ) -> None:
        self.found.append(Difference(tag, expected, received, note))


def compare(
    expected: Expected,
    frame: bytes,
    mode: Mode,
    groups: Sequence[Group] = (),
    captures: Captures | None = None,
) -> list[Difference]:
    """In what a message differs; nothing when it is the expected one.

    Values of ``<SET:name>`` go to ``captures`` only when nothing differs.
    """
    wanted = collapse(expected.items, groups)
    came = [(tag, value, ()) for tag, value in fields_of(frame.decode("latin-1"))]
    items = collapse([item for item in came if item[0] not in expected.ignored], groups)
    trial: Captures = {}
    comparison = _Comparison(mode, trial, _widths_differ(wanted, items))
    _compare_items(comparison, wanted, items, expected.is_open)
    if fault := frame_fault(frame):
        tag = "10" if fault.startswith("CheckSum") else "9"
        comparison.differ(tag, None, None, f"the frame is wrong: {fault}")
    if not comparison.found and captures is not None:
        captures.update(trial)
    return comparison.found


def _compare_items(
    comparison: _Comparison,
    wanted: Iterable[Item],
    came: Sequence[Item],
    is_open: bool,
) -> None:
    wanted = _settle_presence(wanted, came)
    places: dict[str, list[Item]] = defaultdict(list)
    for item in came:
        places[item[0]].append(item)
    missing = False
    for item in wanted:
        if not places[item[0]]:
            missing = True
            comparison.differ(item[0], item[1], None, "the field is missing")
            continue
        _compare_field(comparison, item, places[item[0]].pop(0))
    left = [item for items in places.values() for item in items]
    if not is_open:
        for tag, value, _ in left:
            comparison.differ(tag, None, value, "the field is not expected")
        if comparison.mode is Mode.STRICT and not missing and not left:
            _compare_order(comparison, wanted, came)


def _settle_presence(wanted: Iterable[Item], came: Sequence[Item]) -> list[Item]:
    """The expected fields without those that need not or must not be there."""
    there = {tag for tag, _, _ in came}
    return [item for item in wanted if item[0] in there or not presence_of(item[1])]


def _compare_order(
    comparison: _Comparison, wanted: Sequence[Item], came: Sequence[Item]
) -> None:
    for (tag, text, _), (other, value, _) in zip(wanted, came, strict=True):
        if tag != other:
            note = f"field {tag} is expected in this place, {other} stands there"
            comparison.differ(other, f"{tag}={text}", f"{other}={value}", note)
            return


def _compare_field(comparison: _Comparison, wanted: Item, came: Item) -> None:
    tag, text, entries = wanted
    value = came[1]
    if is_pattern(text):
        _run(comparison, tag, text, value, tests_of(text))
    elif comparison.mode is Mode.STRICT:
        shape = _SHAPES.get(tag)
        if shape is not None:
            if not shape.search(value):
                comparison.differ(tag, text, value, "the value has another shape")
        elif value != text:
            comparison.differ(tag, text, value, "the value differs")
    elif tag not in _NOT_COMPARED and not (tag == "9" and comparison.skips_length):
        same = value.startswith(text) if tag == "58" else value == text
        if not same:
            comparison.differ(tag, text, value, "the value differs")
    if entries or came[2]:
        _compare_entries(comparison, tag, entries, came[2])


def _run(
    comparison: _Comparison, tag: str, text: str, value: str, tests: Iterable[Test]
) -> None:
    for test in tests:
        if wish := test(value, comparison.captures):
            comparison.differ(tag, text, value, f"expected is {wish}")
            return


def _compare_entries(
    comparison: _Comparison, tag: str, wanted: Entries, came: Entries
) -> None:
    """Each expected entry is one of those that came, in whatever order."""
    left = list(came)
    for entry in wanted:
        for other in left:
            trial = _Comparison(Mode.RELAXED, dict(comparison.captures))
            _compare_items(trial, entry, other, is_open=False)
            if not trial.found:
                comparison.captures.update(trial.captures)
                left.remove(other)
                break
        else:
            comparison.differ(tag, _entry_text(entry), None, "no such group entry")
    for entry in left:
        comparison.differ(tag, None, _entry_text(entry), "a group entry too many")


def _entry_text(entry: Sequence[Item]) -> str:
    return "|".join(f"{tag}={value}" for tag, value, _ in entry)


def _widths_differ(wanted: Iterable[Item], came: Iterable[Item]) -> bool:
    """Whether a value of varying width makes BodyLength(9) incomparable."""
    widths = {tag: len(value) for tag, value, _ in came}
    return any(
        tag in _WIDTH_MAY_VARY and widths.get(tag) != len(text)
        for tag, text, _ in wanted
    )
