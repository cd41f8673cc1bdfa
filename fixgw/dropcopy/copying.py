"""Copies of ExecutionReports(8): whose, and how they are marked.

A copy is the report as its owner's session would have it in the version of the drop
copy session, and besides

* CopyMsgIndicator(797)=Y,
* CopyOf(5714): whose it is, TargetCompID(56) of his session or REST:ACCOUNT; the key in
  16 hexadecimal digits of a session that is no longer configured.

MsgSeqNum(34) and SendingTime(52) are the drop copy session's own; ExecID(17) is the
owner's, so it says what is the same report.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from engine.codes import EventKind
from engine.records import EVENT_BYTES, OrderEvent
from fixgw.orders.dialect import FORM_OF_44
from fixgw.orders.reports import render_reports
from fixgw.sidedoor.identity import account_key

EVERYBODY = "*"
REST = "REST:"
"""Before the name of an account of the side door."""

COPY_MSG_INDICATOR, COPY_OF = 797, 5714

_OFFSETS = {name: offset for name, _, _, offset in OrderEvent.layout()}
_SESSION = _OFFSETS["session"]
_ACCOUNT = _OFFSETS["account"]
_SEQ = _OFFSETS["seq"]

_LATER = re.compile(rb"\x01(?=(?:79[89]|[89]\d\d|\d{4,})=)")
"""In front of the first field that belongs behind CopyMsgIndicator(797): fields are in
ascending order of their tags."""

_COPIED = frozenset(
    {
        EventKind.ACCEPTED,
        EventKind.REJECTED,
        EventKind.FILLED,
        EventKind.CANCELLED,
        EventKind.REPLACED,
        EventKind.EXPIRED,
        EventKind.TRIGGERED,
        EventKind.RESTATED,
        EventKind.TRADE_CANCELLED,
        EventKind.TRADE_CORRECTED,
    }
)
"""What happens to orders. Answers to questions, ExecType(150)=I, are not copied."""

NAMES_MAX = 100_000
"""Owners come from the events of all: the memory of their names is emptied beyond."""


class Owners:
    """What the owners of orders are called. ``find`` gives the TargetCompID of a
    session by its key, None if there is none."""

    def __init__(self, find: Callable[[int], str | None]) -> None:
        self._find = find
        self._known: dict[int, str] = {}

    def name(self, key: int, account: str) -> str:
        """The owner of an order with this session key and Account(1)."""
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= NAMES_MAX:
                self._known.clear()
            known = self._find(key)
            if known is None and account and account_key(account) == key:
                known = REST + account
            if known is None:
                return f"{key:016x}"
            self._known[key] = known
        return known


class Choice:
    """Which owners a drop copy session sees: names of DropCopyOf."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._everybody = EVERYBODY in names
        self._names = frozenset(names)

    def has(self, name: str) -> bool:
        """Whether reports of that owner are copied."""
        return self._everybody or name in self._names


def copies(
    events: bytes, owners: Owners, choice: Choice, form: int
) -> Iterator[tuple[int, bytes]]:
    """The number of the event and the body of each copy, for packed events."""
    for place in range(0, len(events), EVENT_BYTES):
        packed = events[place : place + EVENT_BYTES]
        key = int.from_bytes(packed[_SESSION : _SESSION + 8], "little")
        if not key or packed[0] not in _COPIED:
            continue
        account = packed[_ACCOUNT : _ACCOUNT + 24].rstrip(b"\0").decode()
        name = owners.name(key, account)
        if not choice.has(name):
            continue
        forms = None if form == FORM_OF_44 else {key: form}
        for _, msg_type, body in render_reports(packed, forms):
            if msg_type == "8":
                seq = int.from_bytes(packed[_SEQ : _SEQ + 8], "little")
                yield seq, marked(body, name)


def marked(body: bytes, name: str) -> bytes:
    """A report's body as that of a copy."""
    found = _LATER.search(body)
    place = found.end() if found else len(body)
    return b"%s%d=Y\x01%s%d=%s\x01" % (
        body[:place],
        COPY_MSG_INDICATOR,
        body[place:],
        COPY_OF,
        name.encode("ascii", "replace"),
    )
