"""An expected message and the one that came, side by side."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from fixgw.certify.compare import MORE, Difference
from fixgw.certify.wire import fields_of


@dataclass(frozen=True, slots=True)
class Row:
    """One field of both; None on the side that lacks it."""

    tag: str
    expected: str | None
    received: str | None
    note: str
    """What is wrong with it; empty when it is as expected or was not compared."""


def align(expected: str, received: str, differences: Sequence[Difference]) -> list[Row]:
    """Every field of both messages: in the received order, then what is missing."""
    wanted: dict[str, deque[str]] = defaultdict(deque)
    for tag, value in fields_of(expected):
        if tag != MORE:
            wanted[tag].append(value)
    notes = {
        (difference.tag, difference.received): difference.note
        for difference in differences
    }
    rows = []
    for tag, value in fields_of(received):
        text = wanted[tag].popleft() if wanted[tag] else None
        note = notes.get((tag, value)) or notes.get((tag, f"{tag}={value}"), "")
        rows.append(Row(tag, text, value, note or _frame_note(tag, differences)))
    rows += [
        Row(tag, value, None, notes.get((tag, None), ""))
        for tag, values in wanted.items()
        for value in values
    ]
    return rows


def _frame_note(tag: str, differences: Sequence[Difference]) -> str:
    """What a difference says that has no values of its own."""
    for difference in differences:
        if difference.tag == tag and difference.expected is difference.received is None:
            return difference.note
    return ""
