"""What the terminal client shows: messages as readable text, and its own orders.

A message is one headline (direction, time, name, MsgSeqNum(34), a sentence where the
message has one to say) and below it the body as ``Name(tag)=value ENUM`` in columns.
Session messages are one dim line. Values come from the other side of a socket, so
whatever is not printable is written as an escape and cannot steer the terminal.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Protocol

from sortedcontainers import SortedDict

from fixgw.client.commands import CannotSend, Message, Order

SECRETS = frozenset({554, 925})  # Password, NewPassword
_HEADER = frozenset({8, 9, 34, 35, 43, 49, 50, 52, 56, 57, 90, 91, 97, 115, 116, 122})
_HEADER |= frozenset({128, 129, 142, 143, 144, 145, 212, 213, 347, 369})
_TRAILER = frozenset({10, 89, 93})
_SESSION = frozenset("01245A")  # Reject(3) is news, so it is shown in full

_CELL = 28  # three columns in a terminal of 88
_INDENT = "    "
_HEAD_WIDTH = 22
_STYLES = {"dim": "2", "bold": "1", "out": "36", "in": "34", "good": "32", "bad": "31"}

_SIDES = {"1": "buy", "2": "sell"}
_REPORTS = {
    "0": "ACCEPTED",
    "3": "DONE FOR DAY",
    "4": "CANCELLED",
    "5": "REPLACED",
    "6": "PENDING CANCEL",
    "7": "STOPPED",
    "8": "REJECTED",
    "9": "SUSPENDED",
    "A": "PENDING",
    "C": "EXPIRED",
    "D": "RESTATED",
    "E": "PENDING REPLACE",
    "F": "FILL",
    "G": "TRADE CORRECTED",
    "H": "TRADE CANCELLED",
    "I": "STATUS",
}
_DONE_TRADES = frozenset({"F", "G", "H"})
_DEAD = frozenset("34C")  # ExecType(150) after which nothing is left
_PENDING = frozenset("A6E")  # ExecType(150): received, the answer is still to come
_ORDERS_KEPT = 100


class Names(Protocol):
    """What a FIX dictionary says about tags, enum values and message types."""

    def field_name(self, tag: int) -> str | None: ...
    def enum_name(self, tag: int, value: str) -> str | None: ...
    def message_name(self, msg_type: str) -> str | None: ...


class NoNames:
    """Stands in for the dictionary where there is none: tags stay numbers."""

    def field_name(self, tag: int) -> str | None:
        return None

    def enum_name(self, tag: int, value: str) -> str | None:
        return None

    def message_name(self, msg_type: str) -> str | None:
        return None


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
        lines = self._headline(message, at, outgoing, note)
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

    def _headline(
        self, message: Message, at: datetime, outgoing: bool, note: str
    ) -> list[str]:
        name = self.names.message_name(message.type) or f"35={printable(message.type)}"
        head = f"{name} #{printable(message.get(34, '?'))}"
        arrow, hue = ("→", "out") if outgoing else ("←", "in")
        moment = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}"
        said = sentence(message, self.names)
        marks = [f"[{text}]" for text in (_possible_duplicate(message), note) if text]
        more = [text for text in (said, *marks) if text]
        lines = _filled(f"{arrow} {moment} {head:<{_HEAD_WIDTH}}", more, self.width)
        if message.type in _SESSION:
            return lines
        top = lines[0].replace(said, self._coloured(said, message), 1)
        top = top.replace(head, self.style(head, hue), 1)
        top = top.replace(moment, self.style(moment, "dim"), 1)
        top = self.style(arrow, hue) + top[1:]
        return [top, *(self._coloured(line, message) for line in lines[1:])]

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


def printable(value: str) -> str:
    """The value, with an escape for each character that could move a terminal."""
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)


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


def sentence(message: Message, names: Names) -> str:
    """What the message says, in a few words; empty when it is only its fields."""
    tell: Callable[[Message, Names], str] | None = _SENTENCES.get(message.type)
    return printable(tell(message, names)) if tell is not None else ""


def describe(message: Message) -> str:
    """``buy 100 ACME @ 10.00`` of an order or a report, as far as the fields go."""
    price = message.get(44)
    market = "market" if message.get(40) == "1" else ""
    words = (
        _SIDES.get(message.get(54), ""),
        message.get(38),
        message.get(55),
        f"@ {price}" if price else market,
    )
    return " ".join(word for word in words if word)


def _possible_duplicate(message: Message) -> str:
    if not message.possible_duplicate:
        return "PossResend" if message.get(97) == "Y" else ""
    first = message.get(122).partition("-")[2]
    return f"PossDup, first sent {printable(first)}" if first else "PossDup"


def _say_order(message: Message, names: Names) -> str:
    return f"{describe(message)} as {message.get(11)}"


def _say_change(message: Message, names: Names) -> str:
    what = "cancel" if message.type == "F" else "replace"
    by = f"{what} {message.get(41)} as {message.get(11)}"
    return by if message.type == "F" else f"{by}: {describe(message)}"


def _say_report(message: Message, names: Names) -> str:
    kind = message.get(150)
    word = _REPORTS.get(kind, "REPORT")
    if kind in _DONE_TRADES:
        side = _SIDES.get(message.get(54), "")
        traded = f"{message.get(32)} {message.get(55)} @ {message.get(31)}"
        return f"{word} {side} {traded}, {message.get(151)} left"
    reason = _reason(message, names, 103)
    if kind == "8":
        return f"{word} {describe(message)}{reason}"
    count = f"{message.get(14)} filled" if kind in _DEAD else f"{message.get(151)} left"
    return f"{word} {describe(message)}, {count}{reason}"


def _say_cancel_reject(message: Message, names: Names) -> str:
    what = "REPLACE" if message.get(434) == "2" else "CANCEL"
    return f"{what} REJECTED {message.get(41)}{_reason(message, names, 102)}"


def _say_reject(message: Message, names: Names) -> str:
    code = 373 if message.type == "3" else 380
    tag = message.get(371)
    name = names.field_name(int(tag)) if tag.isdecimal() and len(tag) < 10 else None
    about = f", {name or 'tag'}({tag})" if tag else ""
    return f"REJECTED message #{message.get(45)}{about}{_reason(message, names, code)}"


def _say_logon(message: Message, names: Names) -> str:
    reset = ", numbers start again" if message.get(141) == "Y" else ""
    return f"heartbeat every {message.get(108)} s{reset}"


def _say_resend(message: Message, names: Names) -> str:
    end = message.get(16)
    return f"asks for #{message.get(7)} to {'the end' if end == '0' else '#' + end}"


def _say_sequence(message: Message, names: Names) -> str:
    what = "nothing to resend" if message.get(123) == "Y" else "reset"
    return f"{what}, next is #{message.get(36)}"


def _reason(message: Message, names: Names, code: int) -> str:
    text, value = message.get(58), message.get(code)
    return (
        f": {text or names.enum_name(code, value) or f'reason {value}'}"
        if (text or value)
        else ""
    )


_SENTENCES = {
    "D": _say_order,
    "F": _say_change,
    "G": _say_change,
    "8": _say_report,
    "9": _say_cancel_reject,
    "3": _say_reject,
    "j": _say_reject,
    "A": _say_logon,
    "2": _say_resend,
    "4": _say_sequence,
    "5": lambda message, names: message.get(58),
    "0": lambda message, names: message.get(112),
    "1": lambda message, names: message.get(112),
}


def orders_table(orders: Iterable[Order], names: Names) -> str:
    """The orders as rows under their headings; a sentence when there are none."""
    rows = [("ClOrdID", "side", "quantity", "symbol", "price", "left", "state")]
    for order in orders:
        state = names.enum_name(39, order.status) or order.status or "no answer yet"
        side = _SIDES.get(order.side, order.side)
        price, left = order.price or "market", str(order.left)
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


@dataclass(slots=True)
class Request:
    """One message that asks for an answer, and the answer once it is there."""

    cl_ord_id: str
    number: int  # its MsgSeqNum(34), which a Reject names
    order: Order | None
    answer: str = ""  # then "accepted" or "rejected"


class OrderView:
    """Our orders as the messages tell them. The exchange's book is the truth.

    Feed every application message exactly once, in order, to :meth:`sent` and
    :meth:`received`; a replayed report finds its order as the first one would have.
    """

    def __init__(self, saved: Iterable[dict[str, str]] = ()) -> None:
        orders = [Order(**fields) for fields in saved]
        # The order last spoken of; the newest is saved last.
        self.current: Order | None = orders[-1] if orders else None
        self.orders: SortedDict[str, Order] = SortedDict(_by_number)
        self.orders.update((order.cl_ord_id, order) for order in orders)
        self.requests: dict[str, Request] = {}
        self.newest: Request | None = None

    def to_save(self) -> list[dict[str, str]]:
        """All live orders and the latest of the others, the current one last."""
        done = [order for order in self.orders.values() if not order.live]
        kept = self.live() + done[-_ORDERS_KEPT:]
        if self.current is not None:
            kept = [o for o in kept if o is not self.current] + [self.current]
        return [asdict(order) for order in kept]

    def live(self) -> list[Order]:
        return [order for order in self.orders.values() if order.live]

    def find(self, cl_ord_id: str) -> Order:
        if cl_ord_id == "last" and self.current is not None:
            return self.current
        if cl_ord_id not in self.orders:
            known = ", ".join(order.cl_ord_id for order in self.live()) or "none"
            raise CannotSend(f"no order {cl_ord_id!r} is known here; live: {known}")
        order: Order = self.orders[cl_ord_id]
        return order

    @property
    def rejected(self) -> bool:
        return any(r.answer == "rejected" for r in self.requests.values())

    def sent(self, message: Message, number: int) -> None:
        cl_ord_id = message.get(11)
        if not cl_ord_id:
            return
        order = self.orders.get(message.get(41, cl_ord_id))
        if order is None and message.type == "D":
            order = self.orders[cl_ord_id] = _order_of(message)
        self.newest = Request(cl_ord_id, number, order)
        self.requests[cl_ord_id] = self.newest
        self.current = order or self.current

    def received(self, message: Message) -> None:
        if message.type == "8":
            self._report(message)
        elif message.type == "9":
            self._answer(self.requests.get(message.get(11)), "rejected")
        elif message.type in ("3", "j"):
            self._refused(message.get(45))

    def _report(self, message: Message) -> None:
        exec_type, cl_ord_id = message.get(150), message.get(11)
        request = self.requests.get(cl_ord_id)
        rejected = exec_type == "8"
        order = self.orders.get(message.get(41)) or self.orders.get(cl_ord_id)
        if order is None and not rejected:
            order = self.orders[cl_ord_id] = _order_of(message)
        # A rejected second order with a ClOrdID in use leaves the first one alone.
        if order is not None and not (rejected and order.status):
            self._update(order, message)
        if exec_type not in _PENDING:
            self._answer(request, "rejected" if rejected else "accepted")

    def _update(self, order: Order, message: Message) -> None:
        order.status = message.get(39, order.status)
        order.filled = message.get(14, order.filled)
        order.quantity = message.get(38, order.quantity)
        order.price = message.get(44, order.price)
        if message.get(150) == "5" and order.cl_ord_id != message.get(11):
            self.orders.pop(order.cl_ord_id, None)
            order.cl_ord_id = message.get(11)
            self.orders[order.cl_ord_id] = order

    def _refused(self, number: str) -> None:
        for request in self.requests.values():
            if str(request.number) == number:
                self._answer(request, "rejected")
                if request.order is not None and not request.order.status:
                    request.order.status = "8"

    def _answer(self, request: Request | None, answer: str) -> None:
        if request is not None and not request.answer:
            request.answer = answer


def _order_of(message: Message) -> Order:
    return Order(
        cl_ord_id=message.get(11),
        side=message.get(54),
        symbol=message.get(55),
        quantity=message.get(38, "0"),
        price=message.get(44),
        account=message.get(1),
        time_in_force=message.get(59),
    )


def _by_number(cl_ord_id: str) -> list[tuple[int, str]]:
    """A sort key in which BUYER-2 comes before BUYER-10."""
    parts = re.findall(r"\d+|\D+", cl_ord_id)
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in parts]
