"""What the terminal client shows of a message.

A message is one headline (direction, time, name, MsgSeqNum(34), a sentence where the
message has one to say) and below it the body as ``Name(tag)=value ENUM`` in columns.
Session messages are one dim line. Values come from the other side of a socket, so
whatever is not printable is written as an escape and cannot steer the terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fixgw.client.message import Message
from fixgw.client.names import Names
from fixgw.client.orders import Order
from fixgw.client.sentences import SIDES, printable, sentence
from fixgw.wire.redaction import SECRET_TAGS

SECRETS = frozenset(SECRET_TAGS)
_HEADER = frozenset({8, 9, 34, 35, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122})
_HEADER |= frozenset({128, 129, 142, 143, 144, 145, 212, 213, 347, 369})
_TRAILER = frozenset({10, 89, 93})
_SESSION = frozenset("01245A")  # Reject(3) is news, so it is shown in full

_CELL = 28  # three columns in a terminal of 88
_INDENT = "    "
_HEAD_WIDTH = 22
_ARROWS = {True: ("→", "out"), False: ("←", "in"), None: ("·", "bold")}
_STYLES = {"dim": "2", "bold": "1", "out": "36", "in": "34", "good": "32", "bad": "31"}


@dataclass(slots=True)
class Display:
    """Renders messages; :meth:`message` returns an empty text for what stays hidden."""

    names: Names
    width: int = 88
    colour: bool = False
    verbose: bool = False
    raw: bool = False

    def message(
        self, message: Message, at: datetime, *, outgoing: bool, note: str = ""
    ) -> str:
        if self._hidden(message):
            return ""
        session = message.type in _SESSION
        moment = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
        lines = self.headline(message, moment, outgoing, note)
        if not session or self.verbose:
            lines += self._grid(self._cells(message))
        if self.raw:
            lines += _filled(_INDENT, raw_fields(message), self.width, joint="")
        if not session:
            return "\n".join(lines)
        return "\n".join(self.style(line, "dim") for line in lines)

    def style(self, text: str, *names: str) -> str:
        if not self.colour or not text or not names:
            return text
        codes = ";".join(_STYLES[name] for name in names)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def _hidden(self, message: Message) -> bool:
        """Heartbeats are noise, but one that answers our TestRequest was asked for."""
        return message.type == "0" and not message.get(112) and not self.verbose

    def headline(
        self,
        message: Message,
        moment: str,
        outgoing: bool | None,
        note: str = "",
        label: str = "",
    ) -> list[str]:
        """Direction, time, ``label``, name, number and what the message says.

        On several lines where the width asks for it. ``outgoing`` is None where
        nobody knows.
        """
        name = self.names.message_name(message.type) or f"35={printable(message.type)}"
        head = f"{name} #{printable(message.get(34, '?'))}"
        arrow, hue = _ARROWS[outgoing]
        said = sentence(message, self.names)
        marks = [f"[{text}]" for text in (possible_duplicate(message), note) if text]
        more = [text for text in (said, *marks) if text]
        first = f"{arrow} {moment} {label}{head:<{_HEAD_WIDTH}}"
        lines = _filled(first, more, self.width)
        if message.type in _SESSION or not self.colour:
            return lines
        rest = lines[0][len(first) :]
        if said and rest.startswith(f" {said}"):
            rest = f" {self._coloured(said, message)}{rest[len(said) + 1 :]}"
        styled = self.style(head, hue) + " " * (_HEAD_WIDTH - len(head))
        top = f"{self.style(arrow, hue)} {self.style(moment, 'dim')} {label}{styled}"
        below = [self._coloured(line, message) for line in lines[1:]]
        return [(top + rest).rstrip(), *below]

    def _coloured(self, said: str, message: Message) -> str:
        if message.type in ("3", "9", "j") or message.get(150) == "8":
            return self.style(said, "bold", "bad")
        if message.get(150) == "F":
            return self.style(said, "bold", "good")
        return self.style(said, "bold")

    def _cells(self, message: Message) -> list[str]:
        fields = message.fields
        if not self.verbose:
            hidden = _HEADER | _TRAILER
            fields = tuple(field for field in fields if field[0] not in hidden)
        return [self._cell(tag, value) for tag, value in fields]

    def _cell(self, tag: int, value: str) -> str:
        name = self.names.field_name(tag)
        enum = self.names.enum_name(tag, value) or ""
        label = f"{name}({tag})" if name else str(tag)
        shown = "****" if tag in SECRETS else printable(value)
        return f"{label}={shown} {enum}".rstrip()

    def _grid(self, cells: Sequence[str]) -> list[str]:
        """Cells in columns of equal width; a wide cell takes several of them."""
        columns = max(1, (self.width - len(_INDENT)) // _CELL)
        lines, line, used = [], "", 0
        for cell in cells:
            span = -(-(len(cell) + 2) // _CELL)
            if used and used + span > columns:
                lines.append(line.rstrip())
                line, used = "", 0
            line += cell.ljust(span * _CELL)
            used += span
        lines.append(line.rstrip())
        return [part for text in lines if text for part in self._wrapped(text)]

    def _wrapped(self, text: str) -> list[str]:
        if len(text) + len(_INDENT) <= self.width:
            return [_INDENT + text]
        deeper = _INDENT + "  "
        return textwrap.wrap(
            text, self.width, initial_indent=_INDENT, subsequent_indent=deeper
        )


def raw_fields(message: Message) -> list[str]:
    """The fields as on the wire with ``|`` for SOH, passwords starred out."""
    shown = ((t, "****" if t in SECRETS else v) for t, v in message.fields)
    return [f"{tag}={printable(value)}|" for tag, value in shown]


def _filled(
    first: str, parts: Iterable[str], width: int, joint: str = " "
) -> list[str]:
    """The parts behind ``first``, on as many indented lines as they need."""
    lines, begun = [first], bool(first.strip())
    for part in parts:
        between = joint if begun else ""
        if begun and len(lines[-1]) + len(between) + len(part) > width:
            lines.append(_INDENT + part)
        else:
            lines[-1] += between + part
        begun = True
    return [line.rstrip() for line in lines]


def possible_duplicate(message: Message) -> str:
    """How a message is marked as perhaps not new; empty for others."""
    if not message.possible_duplicate:
        return "PossResend" if message.get(97) == "Y" else ""
    first = message.get(122).partition("-")[2]
    return f"PossDup, first sent {printable(first)}" if first else "PossDup"


def price_of(order: Order) -> str:
    """The price of an order as people say it."""
    stop = f"stop {order.stop}" if order.stop else ""
    limit = order.price or ("" if stop else "market")
    return " ".join(part for part in (stop, limit) if part)


def orders_table(orders: Iterable[Order], names: Names) -> str:
    """The orders as rows under their headings; a sentence when there are none."""
    rows = [("ClOrdID", "side", "quantity", "symbol", "price", "left", "state")]
    for order in orders:
        state = names.enum_name(39, order.status) or order.status or "no answer yet"
        side = SIDES.get(order.side, order.side)
        price, left = price_of(order), str(order.left)
        row = (order.cl_ord_id, side, order.quantity, order.symbol, price, left, state)
        rows.append(row)
    if len(rows) == 1:
        return "  no live orders"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = "<<><>><"
    return "\n".join(
        "  "
        + "  ".join(
            f"{printable(cell):{way}{wide}}"
            for cell, way, wide in zip(row, aligned, widths, strict=True)
        ).rstrip()
        for row in rows
    )
