"""The little order language of the terminal client.

Everything here is pure: a line of text becomes a command or a :class:`LanguageError`
that points at the word it did not understand.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, NoReturn

from fixgw.client.message import Fields
from fixgw.client.terms import AMOUNTS, KINDS, UNKNOWN, Terms

WAITS = {"fill": "fill", "cancelled": "cancelled", "canceled": "cancelled"}
# These the session writes itself; in a raw body they would appear twice.
HEADER_OF_THE_SESSION = frozenset({8, 9, 34, 49, 52, 56, 10})

_WORD = re.compile(r"[^\s@=]+=\S*|@|[^\s@]+")
NUMBER = re.compile(r"\d+(\.\d+)?|\.\d+")
_SIDES = {"buy": "1", "sell": "2"}


class LanguageError(Exception):
    """A line that is not a command: where, why, and a line that would be one."""

    def __init__(self, line: str, position: int, problem: str, example: str) -> None:
        super().__init__(problem)
        self.line, self.position = line, position
        self.problem, self.example = problem, example

    def explained(self) -> str:
        pointer = " " * self.position + "^ " + self.problem
        return f"  {self.line}\n  {pointer}\n  for example: {self.example}"


@dataclass(frozen=True, slots=True)
class NewOrder:
    side: str
    quantity: str
    symbol: str
    price: str | None  # None where the type has none, or none was said
    time_in_force: str = ""
    cl_ord_id: str = ""  # empty: the client makes one
    account: str = ""
    ord_type: str = "2"
    others: Fields = ()  # by tag, behind the ordinary fields


@dataclass(frozen=True, slots=True)
class Cancel:
    cl_ord_id: str


@dataclass(frozen=True, slots=True)
class Replace:
    cl_ord_id: str
    quantity: str
    price: str = ""
    others: Fields = ()


@dataclass(frozen=True, slots=True)
class Status:
    cl_ord_id: str


@dataclass(frozen=True, slots=True)
class Everything:
    """All orders of ours, or those of a symbol and side: cancelled or told."""

    cancel: bool
    symbol: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True)
class Raw:
    fields: Fields


@dataclass(frozen=True, slots=True)
class Wait:
    what: str = "answer"  # or "fill", "cancelled"
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Sleep:
    seconds: float


@dataclass(frozen=True, slots=True)
class Resend:
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Word:
    """A command without arguments: ``orders``, ``test``, ``help`` or ``quit``."""

    name: str


QUIT = Word("quit")

About = NewOrder | Cancel | Replace | Status | Everything | Raw
"""Commands that are a message of their own."""

Command = About | Wait | Sleep | Resend | Word


class Rule(NamedTuple):
    """One line of the language, as :func:`help_text` shows it."""

    usage: str
    meaning: str
    example: str
    parse: Callable[[_Words], Command]


class _Words:
    """The words of one line, read from left to right."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.found = [(m.group(), m.start()) for m in _WORD.finditer(line)]
        self.at = 0
        self.example = RULES["buy"].example

    def __bool__(self) -> bool:
        return self.at < len(self.found)

    def fail(self, problem: str, back: int = 0) -> NoReturn:
        index = self.at - back
        end = len(self.line.rstrip()) + 1
        position = self.found[index][1] if index < len(self.found) else end
        raise LanguageError(self.line, position, problem, self.example)

    def take(self, wanted: str) -> str:
        if not self:
            self.fail(f"expected {wanted} here")
        self.at += 1
        return self.found[self.at - 1][0]

    def number(self, wanted: str) -> str:
        word = self.take(wanted)
        if not NUMBER.fullmatch(word) or Decimal(word) == 0:
            self.fail(f"expected {wanted}, a number above zero, not {word!r}", back=1)
        return word

    def price(self) -> str:
        if (word := self.take("'@ PRICE'")) != "@":
            self.fail(f"expected '@ PRICE', not {word!r}", back=1)
        return self.number("a price")

    def seconds(self) -> float:
        return float(self.number("a number of seconds"))

    def whole(self, wanted: str) -> int:
        word = self.take(wanted)
        if not (word.isascii() and word.isdigit()):
            self.fail(f"expected {wanted}, a whole number, not {word!r}", back=1)
        return int(word)


def parse(line: str) -> Command | None:
    """The command of one line; None for an empty line or a ``#`` comment."""
    words = _Words(line)
    if not words or line.lstrip().startswith("#"):
        return None
    name = words.take("a command").lower()
    if name not in RULES:
        near = difflib.get_close_matches(name, RULES, n=1)
        hint = f", did you mean {near[0]!r}?" if near else "; 'help' lists the commands"
        words.fail(f"there is no command {name!r}{hint}", back=1)
    rule = RULES[name]
    words.example = rule.example
    command = rule.parse(words)
    if words:
        words.fail("nothing more was expected here")
    return command


def parse_script(text: str) -> list[Command]:
    """All commands of a text; they stand on lines of their own or between ``;``."""
    parsed = (parse(line) for line in re.split(r"[;\n]", text))
    return [command for command in parsed if command is not None]


def help_text() -> str:
    wide = max(len(rule.usage) for rule in RULES.values())
    lines = [f"  {r.usage:<{wide}}  {r.meaning}".rstrip() for r in RULES.values()]
    return "\n".join((*lines, *_MORE))


_MORE = (
    "  Orders also take: stop=PRICE trail=DISTANCE (stops), show=QTY (iceberg),",
    "    hidden, post (never at once), aon, min=QTY, offset=N (pegs), group=ID,",
    "    stp=new|old|both|less, opg, atc, gfa, account=NAME",
)


def _order(words: _Words) -> NewOrder:
    side = words.found[0][0].lower()
    quantity = words.number("a quantity")
    symbol = words.take("a symbol")
    if symbol == "@":
        words.fail("expected a symbol before the price", back=1)
    if not words:
        words.fail("expected '@ PRICE', 'market', 'mtl', 'peg' or 'mid' here")
    price = None
    terms = Terms("2")
    kind = words.found[words.at][0].lower()
    if kind in KINDS:
        words.take("")
        terms.ord_type, inst = KINDS[kind]
        terms.exec_inst += inst
        if inst and words and words.found[words.at][0] == "@":
            price = words.price()
    else:
        price = words.price()
    _options(words, terms)
    return NewOrder(
        _SIDES[side],
        quantity,
        symbol,
        price,
        terms.time_in_force,
        terms.cl_ord_id,
        terms.account,
        terms.ord_type,
        terms.fields,
    )


def _options(words: _Words, terms: Terms) -> None:
    while words:
        word = words.take("an option")
        name, equals, value = word.partition("=")
        if equals and not value:
            words.fail(f"{UNKNOWN}, not {word!r}", back=1)
        # A peg may be below what it follows.
        if equals and name in AMOUNTS and not NUMBER.fullmatch(value.lstrip("-")):
            words.fail(f"expected a number behind {name}=", back=1)
        if problem := terms.take(name.lower(), value):
            told = f", not {word!r}" if problem.startswith("expected gtc") else ""
            words.fail(problem + told, back=1)


def _cancel(words: _Words) -> Cancel:
    return Cancel(words.take("the ClOrdID of an order (or 'last')"))


def _replace(words: _Words) -> Replace:
    cl_ord_id = words.take("the ClOrdID of an order (or 'last')")
    quantity = words.number("the new quantity")
    price = ""
    if not words or "=" not in words.found[words.at][0]:
        price = words.price()
    terms = Terms("2")
    while words:
        word = words.take("an option")
        name, _, value = word.partition("=")
        if name not in ("stop", "show", "offset") or not NUMBER.fullmatch(
            value.lstrip("-")
        ):
            words.fail(f"expected stop=, show= or offset=N, not {word!r}", back=1)
        if problem := terms.take(name, value):
            words.fail(problem, back=1)
    return Replace(cl_ord_id, quantity, price, terms.fields)


def _status(words: _Words) -> Command:
    if not words:
        return Everything(cancel=False)
    return Status(words.take("the ClOrdID of an order (or 'last')"))


def _mass_cancel(words: _Words) -> Everything:
    found = {"symbol": "", "side": ""}
    while words:
        word = words.take("a symbol or a side")
        name = "side" if word.lower() in _SIDES else "symbol"
        if found[name]:
            words.fail("this was already said", back=1)
        found[name] = _SIDES[word.lower()] if name == "side" else word
    return Everything(cancel=True, **found)


def _wait(words: _Words) -> Wait:
    what = "answer"
    if words and words.found[words.at][0].lower() in WAITS:
        what = WAITS[words.take("").lower()]
    return Wait(what, words.seconds() if words else None)


def _sleep(words: _Words) -> Sleep:
    return Sleep(words.seconds())


def _resend(words: _Words) -> Resend:
    begin = words.whole("the first MsgSeqNum")
    return Resend(begin, words.whole("the last MsgSeqNum") if words else 0)


def _raw(words: _Words) -> Raw:
    start = words.found[0][1] + len("raw")
    body = words.line[start:].strip()
    position = words.line.find(body, start)
    fields: list[tuple[int, str]] = []
    for part in body.rstrip("|").split("|"):
        tag, equals, value = part.partition("=")
        if not equals or not (tag.isascii() and tag.isdigit()):
            problem = f"expected TAG=VALUE, not {part!r}"
            raise LanguageError(words.line, position, problem, words.example)
        if int(tag) in HEADER_OF_THE_SESSION:
            problem = f"the session adds tag {tag} itself"
            raise LanguageError(words.line, position, problem, words.example)
        if not fields and int(tag) != 35:
            problem = "a message begins with its type, 35=..."
            raise LanguageError(words.line, position, problem, words.example)
        fields.append((int(tag), value))
        position += len(part) + 1
    words.at = len(words.found)
    return Raw(tuple(fields))


def _word(words: _Words) -> Word:
    return Word(words.found[0][0].lower())


RULES: dict[str, Rule] = {
    "buy": Rule(
        "buy QTY SYMBOL @ PRICE",
        "or in its place: market, mtl, peg, mid",
        "buy 100 ACME @ 10.00",
        _order,
    ),
    "sell": Rule(
        "sell QTY SYMBOL @ PRICE",
        "at the end: gtc ioc fok until=TIME id=ID",
        "sell 100 ACME market",
        _order,
    ),
    "cancel": Rule(
        "cancel ID", "ID is a ClOrdID, or 'last'", "cancel BUYER-1", _cancel
    ),
    "masscancel": Rule(
        "masscancel [SYMBOL] [buy|sell]",
        "all our orders, as the exchange has them",
        "masscancel ACME sell",
        _mass_cancel,
    ),
    "replace": Rule(
        "replace ID QTY [@ PRICE]",
        "new terms; also: stop= show= offset=",
        "replace BUYER-1 50 @ 10.05",
        _replace,
    ),
    "status": Rule(
        "status [ID]", "ask for one order, or for all", "status BUYER-1", _status
    ),
    "orders": Rule("orders", "the live orders, as seen from here", "orders", _word),
    "wait": Rule(
        "wait [fill|cancelled] [SECONDS]",
        "for the newest order: answer, fill, end",
        "wait fill 5",
        _wait,
    ),
    "sleep": Rule("sleep SECONDS", "only listen for a while", "sleep 0.5", _sleep),
    "raw": Rule(
        "raw 35=TYPE|TAG=VALUE|...",
        "any message; its header is added",
        "raw 35=H|11=BUYER-1|55=ACME|54=1",
        _raw,
    ),
    "test": Rule("test", "ask for a sign of life (TestRequest)", "test", _word),
    "resend": Rule(
        "resend BEGIN [END]", "ask for old messages again", "resend 1 5", _resend
    ),
    "help": Rule("help", "this list", "help", _word),
    "quit": Rule("quit", "log out and leave", "quit", _word),
}
