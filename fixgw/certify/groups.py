"""Repeating groups as dialogues compare them: sets of entries.

A script says which fields belong to a group: ``# group: 453 448 447 452``, the field
that counts, the one that begins each entry, then the others. A group within a group
has a line of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Item = tuple[str, str, Any]
"""Tag, value, and the entries of the group that the field opens, else ()."""

Entries = tuple[tuple[Item, ...], ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A repeating group."""

    count_tag: str
    delimiter: str
    members: frozenset[str]
    """The delimiter and all other fields of an entry."""


def group_of(text: str) -> Group:
    """What a header line says. Raises ValueError."""
    tags = text.split()
    if len(tags) < 2 or not all(tag.isascii() and tag.isdigit() for tag in tags):
        raise ValueError("a group is the tag that counts, then the tags of an entry")
    return Group(tags[0], tags[1], frozenset(tags[1:]))


def collapse(items: Iterable[Item], groups: Sequence[Group]) -> list[Item]:
    """The fields with each group folded into the field that counts its entries."""
    found = list(items)
    if not groups:
        return found
    by_count = {group.count_tag: group for group in groups}
    done, place = _fold(found, 0, by_count, None)
    assert place == len(found)
    return done


def _fold(
    items: list[Item],
    place: int,
    groups: dict[str, Group],
    within: Group | None,
) -> tuple[list[Item], int]:
    """Fields from ``place`` on, up to the first that is not of the group ``within``."""
    done: list[Item] = []
    while place < len(items):
        tag, value, _ = items[place]
        is_first = not done
        if within is not None and (
            tag not in within.members or (tag == within.delimiter and not is_first)
        ):
            break
        place += 1
        group = groups.get(tag)
        if group is None:
            done.append((tag, value, ()))
            continue
        entries = []
        while place < len(items) and items[place][0] in group.members:
            entry, place = _fold(items, place, groups, group)
            entries.append(tuple(entry))
        done.append((tag, value, tuple(entries)))
    return done, place
