"""One order through all its messages, whatever identifier each of them carries."""

from __future__ import annotations

from fixgw.client.message import Message
from fixgw.ops.logview.items import Logged

_OWN = frozenset({11, 41, 379})
"""ClOrdID, OrigClOrdID, BusinessRejectRefID: the client's identifiers, unique within
its session only."""
_EXCHANGE = frozenset({37, 198})
"""OrderID, SecondaryOrderID: the exchange's, the same in every session."""
_NO_ORDER = frozenset({"", "0", "NONE", "UNKNOWN"})
_REFUSALS = frozenset("3j")
_NAMES_MAX = 100_000
"""What has more names than this is no single order."""

Pair = frozenset[str]
Name = tuple[Pair | None, str]


class OrderChain:
    """Which messages are about an order, given any identifier of it.

    A replace gives an order a new ClOrdID(11) and names the old one in
    OrigClOrdID(41); reports carry the exchange's OrderID(37) besides. Every message
    that matches adds its identifiers, so one pass finds what comes later, and passes
    until ``size`` stays the same find all. A Reject(3) is found by the number of the
    message it refuses.
    """

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._names: set[Name] = set()
        self._numbers: set[tuple[Pair, str, str]] = set()

    @property
    def size(self) -> int:
        """How many names the order has by now."""
        return len(self._names)

    def begin_pass(self) -> None:
        """The log is read from its beginning again."""
        self._numbers.clear()

    def matches(self, logged: Logged) -> bool:
        """Whether a message is about the order; what else it is called is learned."""
        message = logged.message
        sender, target = message.get(49), message.get(56)
        pair = frozenset((sender, target))
        if message.type == "A" and message.get(141) == "Y":
            self._numbers = {known for known in self._numbers if known[0] != pair}
        names = _names(message, pair)
        if message.type in _REFUSALS:
            refused = (pair, target, message.get(45)) in self._numbers
            return refused or self._is_ours(names)
        if not self._is_ours(names):
            return False
        if len(self._names) < _NAMES_MAX:
            self._names.update(names)
            self._numbers.add((pair, sender, message.get(34)))
        return True

    def _is_ours(self, names: list[Name]) -> bool:
        return any(name[1] == self._wanted or name in self._names for name in names)


def _names(message: Message, pair: Pair) -> list[Name]:
    names: list[Name] = []
    for tag, value in message.fields:
        if tag in _OWN and value not in _NO_ORDER:
            names.append((pair, value))
        elif tag in _EXCHANGE and value not in _NO_ORDER:
            names.append((None, value))
    return names
