"""Repeating groups: the flat fields of a message as the tree the dictionary gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fixgw.client.message import Message
from fixgw.dictionary import Dictionary
from fixgw.dictionary.model import Group, Layout

DEPTH_MAX = 8
"""FIX nests groups three deep; a dictionary that nests for ever must not."""


@dataclass(slots=True)
class Node:
    """One field; behind a NumInGroup field stand the entries of its group."""

    tag: int
    value: str
    entries: list[list[Node]] = field(default_factory=list)


def tree(message: Message, dictionary: Dictionary | None) -> list[Node]:
    """All fields in the order of the wire, those of groups below their counts.

    An entry begins with the group's first field and ends where a field comes that the
    group does not know. Nothing is dropped or moved, whatever the counts say.
    """
    if dictionary is None:
        return [Node(tag, value) for tag, value in message.fields]
    top: dict[int, Group] = {}
    for layout in (dictionary.header, dictionary.trailer, _body(message, dictionary)):
        if layout is not None:
            top |= layout.groups
    root: list[Node] = []
    open_groups: list[_Open] = []
    for tag, value in message.fields:
        node = Node(tag, value)
        while open_groups and not open_groups[-1].takes(node):
            open_groups.pop()
        if not open_groups:
            root.append(node)
        groups = open_groups[-1].group.layout.groups if open_groups else top
        group = groups.get(tag)
        if group is not None and len(open_groups) < DEPTH_MAX:
            open_groups.append(_Open(group, node))
    return root


def _body(message: Message, dictionary: Dictionary) -> Layout | None:
    known = dictionary.messages.get(message.type)
    return None if known is None else known.body


@dataclass(slots=True)
class _Open:
    """A group whose entries are being read."""

    group: Group
    count: Node

    def takes(self, node: Node) -> bool:
        """Put a field into the group, if it belongs there."""
        entries = self.count.entries
        if node.tag == self.group.delimiter:
            entries.append([node])
            return True
        places: Mapping[int, int] = self.group.layout.places
        if not entries or node.tag not in places:
            return False
        if any(other.tag == node.tag for other in entries[-1]):
            return False  # a second one belongs to something else
        entries[-1].append(node)
        return True
