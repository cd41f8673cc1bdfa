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

TIME_IN_FORCE = {"day": "0", "gtc": "1", "ioc": "3", "fok": "4"}
WAITS = {"fill": "fill", "cancelled": "cancelled", "canceled": "cancelled"}
# These the session writes itself; in a raw body they would appear twice.
HEADER_OF_THE_SESSION = frozenset({8, 9, 34, 49, 52, 56, 10})

_WORD = re.compile(r"[^\s@=]+=\S*|@|[^\s@]+")
NUMBER = re.compile(r"\d+(\.\d+)?|\.\d+")


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
    price: str | None  # None is a market order
    time_in_force: str = ""
    cl_ord_id: str = ""  # empty: the client makes one
    account: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    cl_ord_id: str


@dataclass(frozen=True, slots=True)
class Replace:
    cl_ord_id: str
    quantity: str
    price: str


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

Command = NewOrder | Cancel | Replace | Raw | Wait | Sleep | Resend | Word


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
    return "\n".join(lines)


def _order(words: _Words) -> NewOrder:
    side = words.found[0][0].lower()
    quantity = words.number("a quantity")
    symbol = words.take("a symbol")
    if symbol == "@":
        words.fail("expected a symbol before the price", back=1)
    if not words:
        words.fail("expected '@ PRICE' or 'market' here")
    price = None
    if words.found[words.at][0].lower() == "market":
        words.take("'market'")
    else:
        price = words.price()
    options = {"time_in_force": "", "cl_ord_id": "", "account": ""}
    while words:
        _order_option(words, options)
    return NewOrder("1" if side == "buy" else "2", quantity, symbol, price, **options)


def _order_option(words: _Words, options: dict[str, str]) -> None:
    word = words.take("an option")
    name, equals, value = word.partition("=")
    key = {"id": "cl_ord_id", "account": "account"}.get(name) if equals else None
    if key is None and word.lower() in TIME_IN_FORCE:
        key, value = "time_in_force", TIME_IN_FORCE[word.lower()]
    if key is None or not value:
        known = "gtc, ioc, day, fok, id=ID or account=NAME"
        words.fail(f"expected {known}, not {word!r}", back=1)
    if options[key]:
        words.fail("this was already said", back=1)
    options[key] = value


def _cancel(words: _Words) -> Cancel:
    return Cancel(words.take("the ClOrdID of an order (or 'last')"))


def _replace(words: _Words) -> Replace:
    cl_ord_id = words.take("the ClOrdID of an order (or 'last')")
    return Replace(cl_ord_id, words.number("the new quantity"), words.price())


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
        "a limit order; also: buy QTY SYMBOL market",
        "buy 100 ACME @ 10.00",
        _order,
    ),
    "sell": Rule(
        "sell QTY SYMBOL @ PRICE",
        "at the end: gtc ioc day id=ID account=A",
        "sell 100 ACME market",
        _order,
    ),
    "cancel": Rule(
        "cancel ID", "ID is a ClOrdID, or 'last'", "cancel BUYER-1", _cancel
    ),
    "replace": Rule(
        "replace ID QTY @ PRICE",
        "new quantity and price of an order",
        "replace BUYER-1 50 @ 10.05",
        _replace,
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
