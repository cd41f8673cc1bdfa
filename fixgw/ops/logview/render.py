"""How messages and remarks look: a line, all fields, as on the wire, or JSON.

Values come from a log, which took them from a socket: whatever is not printable is
written as an escape and cannot steer the terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fixgw.client.display import Display
from fixgw.client.message import Message
from fixgw.client.sentences import printable
from fixgw.dictionary import Dictionary
from fixgw.ops.logview.fields import masked
from fixgw.ops.logview.groups import Node, tree
from fixgw.ops.logview.items import Item, Logged, Remark
from fixgw.ops.logview.times import clock_text, day_text, iso_text, stamp_text

_UNLIMITED = 1 << 30
_PARTNER_WIDTH, _BOTH_WIDTH = 10, 18
_INDENT = "      "
_TAG_WIDTH = 5
_NAME_WIDTH_MAX = 24
_PLACES = ((11, "cl_ord_id"), (41, "orig_cl_ord_id"), (37, "order_id"), (55, "symbol"))


@dataclass(slots=True)
class Renderer:
    """Makes lines of items."""

    dictionary: Dictionary
    form: str = "line"
    """``line``, ``full``, ``raw`` or ``json``."""
    colour: bool = False
    label: str = ""
    """What names the session in each line: ``partner``, ``both``, or nothing."""
    secrets: bool = False
    _display: Display = field(init=False)
    _day: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._display = Display(self.dictionary, _UNLIMITED, self.colour)

    def lines(self, item: Item) -> Iterator[str]:
        """The lines of one item, without line ends."""
        if self.form == "json":
            said = self._json(item) if isinstance(item, Logged) else _remark(item)
            yield json.dumps(said)
            return
        if self.form == "raw" and isinstance(item, Logged):
            yield self._raw(item)
            return
        day = day_text(item.at_ns)
        if day and day != self._day and self.form != "raw":
            self._day = day
            yield self._style(f"— {day} UTC", "dim")
        if isinstance(item, Remark):
            text = f"  {clock_text(item.at_ns)} {printable(item.text)}"
            yield self._style(text, "bad" if item.is_trouble else "dim")
            return
        message = self._shown(item.message)
        label = self._label(item)
        (line,) = self._display.headline(
            message, clock_text(item.at_ns), item.outgoing, label=label
        )
        yield self._dimmed(item, line) + self._fault(item)
        if self.form == "full":
            nodes = tree(message, self.dictionary)
            yield from self._fields(nodes, _INDENT, _name_width(nodes, self.dictionary))

    def _shown(self, message: Message) -> Message:
        return message if self.secrets else Message(masked(message.fields))

    def _style(self, text: str, *names: str) -> str:
        return self._display.style(text, *names)

    def _label(self, item: Logged) -> str:
        if not self.label:
            return ""
        if self.label == "partner" and item.outgoing is not None:
            partner = item.message.get(56 if item.outgoing else 49)
            return f"{printable(partner):<{_PARTNER_WIDTH}} "
        both = f"{item.message.get(49)}→{item.message.get(56)}"
        return f"{printable(both):<{_BOTH_WIDTH}} "

    def _dimmed(self, item: Logged, line: str) -> str:
        """Session messages are what one looks past; those with a fault are not."""
        is_session = item.message.type in "01245A" and not item.fault
        return self._style(line, "dim") if is_session else line

    def _fault(self, item: Logged) -> str:
        return self._style(f" [{item.fault}]", "bad") if item.fault else ""

    # -- forms -------------------------------------------------------------------------

    def _raw(self, item: Logged) -> str:
        message = self._shown(item.message)
        arrow = {True: "→", False: "←", None: "·"}[item.outgoing]
        # Not by raw_fields: where secrets were asked for, they are there.
        text = "".join(f"{tag}={printable(value)}|" for tag, value in message.fields)
        return f"{arrow} {stamp_text(item.at_ns)} : {text}{self._fault(item)}"

    def _fields(self, nodes: Sequence[Node], indent: str, wide: int) -> Iterator[str]:
        for node in nodes:
            name = self.dictionary.field_name(node.tag) or "?"
            meaning = self.dictionary.enum_name(node.tag, node.value)
            value = printable(node.value) + (f"  {meaning}" if meaning else "")
            text = f"{node.tag:>{_TAG_WIDTH}}  {name:<{wide}}  {value}"
            yield f"{indent}{text}".rstrip()
            inner = indent + " " * (_TAG_WIDTH + 2)
            for number, entry in enumerate(node.entries, 1):
                yield self._style(f"{inner}- {number}", "dim")
                yield from self._fields(
                    entry, inner, _name_width(entry, self.dictionary)
                )

    def _json(self, item: Logged) -> dict[str, Any]:
        message = self._shown(item.message)
        said: dict[str, Any] = {
            "time": iso_text(item.at_ns),
            "time_ns": item.at_ns,
            "direction": {True: "out", False: "in", None: None}[item.outgoing],
            "session": item.session,
            "sender": message.get(49),
            "target": message.get(56),
            "type": message.type,
            "name": self.dictionary.message_name(message.type),
            "seq": _whole(message.get(34)),
            "poss_dup": message.possible_duplicate,
        }
        for tag, name in _PLACES:
            if message.get(tag):
                said[name] = message.get(tag)
        said["fault"] = item.fault or None
        said["fields"] = self._json_fields(tree(message, self.dictionary))
        return said

    def _json_fields(self, nodes: Sequence[Node]) -> list[dict[str, Any]]:
        said = []
        for node in nodes:
            entry: dict[str, Any] = {
                "tag": node.tag,
                "name": self.dictionary.field_name(node.tag),
                "value": node.value,
            }
            meaning = self.dictionary.enum_name(node.tag, node.value)
            if meaning is not None:
                entry["enum"] = meaning
            if node.entries:
                entry["entries"] = [self._json_fields(inner) for inner in node.entries]
            said.append(entry)
        return said


def _remark(remark: Remark) -> dict[str, Any]:
    return {
        "time": iso_text(remark.at_ns),
        "time_ns": remark.at_ns,
        "remark": remark.text,
    }


def _whole(text: str) -> int | None:
    sane = text.isascii() and text.isdigit() and len(text) < 19
    return int(text) if sane else None


def _name_width(nodes: Sequence[Node], dictionary: Dictionary) -> int:
    names = (dictionary.field_name(node.tag) or "?" for node in nodes)
    return min(max(map(len, names), default=1), _NAME_WIDTH_MAX)
