"""Which messages and remarks of a log are to be shown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fixgw.client.display import raw_fields
from fixgw.client.message import Message
from fixgw.dictionary import Dictionary
from fixgw.ops.logview.fields import masked
from fixgw.ops.logview.items import Item, Logged, Remark
from fixgw.ops.logview.orderchain import OrderChain
from fixgw.ops.logview.times import Bound

_HEARTBEATS = frozenset("01")  # and TestRequest, which only asks for one
_MSG_TYPE = re.compile(r"[0-9A-Za-z]{1,3}")
_SEQ = re.compile(r"(\d{1,18})?(-)?(\d{1,18})?", re.ASCII)
SEQ_MAX = 10**18


@dataclass(slots=True)
class Filter:
    """All conditions must hold; empty ones do. Remarks pass unless a condition is
    about messages."""

    sessions: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    symbols: frozenset[str] = frozenset()
    outgoing: bool | None = None
    seq: tuple[int, int] = (0, SEQ_MAX)
    since: Bound | None = None
    until: Bound | None = None
    grep: re.Pattern[str] | None = None
    chain: OrderChain | None = None
    heartbeats: bool = True
    without_direction: int = field(default=0, init=False)
    """How many messages were left out because nobody knows who sent them."""

    @property
    def is_about_messages(self) -> bool:
        """Whether a condition says nothing of remarks."""
        wanted = (self.sessions, self.types, self.symbols, self.chain)
        return any(wanted) or self.outgoing is not None or self.seq != (0, SEQ_MAX)

    def passes(self, item: Item) -> bool:
        """Whether an item is to be shown. Feed every item, in order."""
        if isinstance(item, Remark):
            return self._passes_remark(item)
        message = item.message
        # The chain first: it learns from every message.
        if self.chain is not None and not self.chain.matches(item):
            return False
        if self.types and message.type not in self.types:
            return False
        if not self.heartbeats and message.type in _HEARTBEATS:
            return False
        if self.symbols and message.get(55) not in self.symbols:
            return False
        if self.sessions and not self._in_session(item):
            return False
        if self.seq != (0, SEQ_MAX) and not self._in_range(message):
            return False
        if not self._in_time(item.at_ns):
            return False
        if self.grep is not None and not self.grep.search(
            "".join(raw_fields(Message(masked(message.fields))))
        ):
            return False
        return self.outgoing is None or self._goes_right(item)

    def _passes_remark(self, remark: Remark) -> bool:
        if remark.is_trouble:
            return True
        if self.is_about_messages or not self._in_time(remark.at_ns):
            return False
        return self.grep is None or self.grep.search(remark.text) is not None

    def _goes_right(self, item: Logged) -> bool:
        self.without_direction += item.outgoing is None
        return item.outgoing is self.outgoing

    def _in_session(self, item: Logged) -> bool:
        sender, target = item.message.get(49), item.message.get(56)
        names = (sender, target, item.session, f"{sender}->{target}")
        return any(name in self.sessions for name in names)

    def _in_range(self, message: Message) -> bool:
        number = message.get(34)
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            return False
        return self.seq[0] <= int(number) <= self.seq[1]

    def _in_time(self, at_ns: int | None) -> bool:
        if self.since is None and self.until is None:
            return True
        if at_ns is None or (self.since is not None and not self.since.passed(at_ns)):
            return False
        return self.until is None or not self.until.passed(at_ns)


def seq_range(text: str) -> tuple[int, int]:
    """``7``, ``7-9``, ``7-`` or ``-9``. Raises ValueError."""
    found = _SEQ.fullmatch(text)
    if found is None or not (found[1] or found[3]) or (found[3] and not found[2]):
        raise ValueError(f"{text!r} is no range; ranges look like 7, 7-9, 7- or -9")
    first = int(found[1] or 0)
    last = int(found[3]) if found[3] else SEQ_MAX if found[2] else first
    if first > last:
        raise ValueError(f"{text!r}: {first} is above {last}")
    return first, last


def msg_types(words: Iterable[str], dictionary: Dictionary) -> frozenset[str]:
    """MsgTypes(35) from types and names, with commas or without. Raises ValueError."""
    by_name: Mapping[str, str] = {
        message.name.lower(): msg_type
        for msg_type, message in dictionary.messages.items()
    }
    found: set[str] = set()
    for word in ",".join(words).replace(" ", "").split(","):
        if word.lower() in by_name:
            found.add(by_name[word.lower()])
        elif _MSG_TYPE.fullmatch(word):
            found.add(word)
        elif word:
            names = [message.name for message in dictionary.messages.values()]
            near = difflib.get_close_matches(word, names, 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
            raise ValueError(f"there is no message type {word!r}; {hint}")
    return frozenset(found)
