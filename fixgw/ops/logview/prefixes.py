"""What logs write before a message: when it was, and which way it went.

Known are the QuickFIX family (C++, Go, J, .NET), files and screens, and whatever says
the same in plain words:

    20261121-09:30:00.123 : 8=FIX…                               files; J has no blank
    <20261121-09:30:00.123, FIX.4.4:A->B, incoming> (8=FIX…)     screens of J
    <20261121-09:30:00.123, FIX.4.4:A->B, incoming>              screens of C++ and Go,
      (8=FIX…)                                                   on two lines
    <incoming> 8=FIX…                                            screens of .NET
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from fixgw.client.message import Message
from fixgw.ops.logview.times import find_time

_SCREEN = re.compile(
    r"<(?:(?P<time>[^,<>]{8,40}), .{1,250}?, )?"
    r"(?P<kind>incoming|outgoing|event|error[^<>]{0,40})>"
)
_STAMPED = re.compile(r"(\d{8}-\d\d:\d\d:\d\d(?:\.\d{1,12})?) ?: ", re.ASCII)
_IN = r"incoming|inbound|received|receive|recv|rcvd|from client|<-|<<|←"
_OUT = r"outgoing|outbound|sent|sending|send|to client|->|>>|→"
_WAY = re.compile(
    rf"(?<![a-z])(?:(?P<into>{_IN})|(?P<out>{_OUT})|"
    r"[\[(<|\s](?:(?P<into2>in)|(?P<out2>out))[\])>|:])(?![a-z])",
    re.IGNORECASE,
)
PREFIX_CHARS_MAX = 400
"""Of a longer prefix only the end is looked at: that is where the words are."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """What is known of a message or remark from the text before it."""

    at_ns: int | None = None
    outgoing: bool | None = None
    is_event: bool = False
    rest: str = ""
    """Of an event: its text. Empty: it stands on the next line."""


NOTHING = Prefix()


def of_message(text: str) -> Prefix:
    """What the text before a message says."""
    text = text[-PREFIX_CHARS_MAX:]
    if not text.strip():
        return NOTHING
    if (stamp := _STAMPED.fullmatch(text)) is not None:
        return Prefix(find_time(stamp[1]))
    if (screen := _SCREEN.search(text)) is not None:
        return _of_screen(screen, text)
    # A session's name has an arrow of its own, which says nothing of direction.
    words = re.sub(r"\S+->\S+", " ", text)
    outgoing = None
    for way in _WAY.finditer(words):
        outgoing = way.lastgroup in ("out", "out2")
    return Prefix(find_time(text), outgoing)


def of_line(text: str) -> Prefix | None:
    """What a line without a message is, if it is one of QuickFIX's."""
    if (event := _STAMPED.match(text)) is not None:
        return Prefix(find_time(event[1]), None, True, text[event.end() :])
    if (screen := _SCREEN.match(text)) is not None:
        return _of_screen(screen, text)
    return None


def _of_screen(screen: re.Match[str], text: str) -> Prefix:
    kind = screen["kind"]
    is_event = kind not in ("incoming", "outgoing")
    rest = text[screen.end() :].strip()
    if rest.startswith("(") and rest.endswith(")"):
        rest = rest[1:-1]
    outgoing = None if is_event else kind == "outgoing"
    return Prefix(find_time(screen["time"] or ""), outgoing, is_event, rest)


_SPLIT = {".incoming": False, ".outgoing": True}
"""The first QuickFIX engines wrote a file for each direction."""


class Owner:
    """Whose log a file is, by its name: ``FIX.4.4-BUYER-EXCHANGE.messages…``.

    Comp IDs may hold hyphens themselves, so the name is only ever compared with those
    of a message.
    """

    def __init__(self, file_name: str) -> None:
        self._name = file_name

    def sent(self, message: Message) -> bool | None:
        """Whether the owner sent a message; None where the name does not tell."""
        for suffix, outgoing in _SPLIT.items():
            if self._name.endswith(suffix):
                return outgoing
        begin = message.get(8) + "-"
        if not self._name.startswith(begin) or len(begin) < 2:
            return None
        name = self._name[len(begin) :]
        sender, target = message.get(49), message.get(56)
        sent, received = _leads(sender, name), _leads(target, name)
        if sent and received:  # A and A-B: the other name decides
            sent = name.startswith(f"{sender}-{target}")
            received = name.startswith(f"{target}-{sender}")
        return sent if sent != received else None


def _leads(comp_id: str, name: str) -> bool:
    """Whether a name begins with a comp ID, behind which a sub ID may follow."""
    return bool(comp_id) and name.startswith((f"{comp_id}-", f"{comp_id}_"))
