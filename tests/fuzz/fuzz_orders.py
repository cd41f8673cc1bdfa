"""The order path: bytes to messages to commands to events to reports.

No step raises but as documented. One that the shard rejects leaves the books as they
were; a number that came before gives no event and is counted. Every report is made of
whole fields with ascending tags.
"""

from __future__ import annotations

from engine.codes import CommandKind, EventKind
from engine.records import (
    COMMAND_BYTES,
    EVENT_BYTES,
    UNIT,
    InstrumentCommand,
    MassCommand,
    unpack_all,
)
from engine.shard import Shard
from fixgw.orders.exchange import ORDER_MESSAGES
from fixgw.orders.massrequests import MASS_MESSAGES, mass_command
from fixgw.orders.reports import REPORT_BYTES_MAX, render_reports
from fixgw.orders.translate import Refusal, order_command
from fixgw.wire import Framer, Message, finish, parse_message
from tests.fuzz import mutate
from tests.reference import invariants

CORPUS = "messages"
MUTATE = mutate.fix

INSTRUMENTS = b"".join(
    InstrumentCommand(kind=CommandKind.DEFINE_INSTRUMENT, **terms).pack()
    for terms in (
        {"symbol": "FREE"},
        {"symbol": "ACME", "tick": UNIT // 100, "lot": UNIT, "notional_max": 10**17},
    )
)
BLAMED = frozenset(
    {
        *(1, 11, 18, 38, 40, 41, 44, 54, 55, 59, 99, 110, 111, 125, 126, 211, 432, 790),
        *(1138, 2362, 2964),
    }
)
"""Fields a refusal may name."""
MISC_FEE_BASIS = 891
"""It stands within a group, ahead of lower tags behind it."""
REFUSED = {
    EventKind.REJECTED,
    EventKind.CANCEL_REJECTED,
    EventKind.REPLACE_REJECTED,
}


def number_of(message: Message) -> int:
    """MsgSeqNum(34), 0 when it is none."""
    text = message.get(34) or b""
    return int(text) if text.isdigit() and len(text) < 10 else 0


def command_of(message: Message) -> bytes | Refusal | None:
    """The command of a message, None when it is no order message."""
    session = 1 + sum(message.get(49) or b"") % 2
    arguments = (message, session, 1, number_of(message), 3, 12_345)
    if message.msg_type in ORDER_MESSAGES:
        return order_command(*arguments)
    if message.msg_type in MASS_MESSAGES:
        asked = mass_command(*arguments)
        return asked.pack() if isinstance(asked, MassCommand) else None
    try:
        order_command(*arguments)
    except ValueError:
        return None
    raise AssertionError(f"MsgType {message.msg_type!r} became a command")


def check_reports(events: bytes) -> None:
    for session, msg_type, body in render_reports(events):
        assert session in (1, 2)
        assert msg_type in ("8", "9", "r")
        assert len(body) < REPORT_BYTES_MAX
        content = b"35=%b\x01%b" % (msg_type.encode(), body)
        message = parse_message(finish(b"FIX.4.4", content))
        assert isinstance(message, Message), message
        tags = [tag for tag, _ in message.fields() if tag != MISC_FEE_BASIS][3:-1]
        assert tags == sorted(set(tags))


def check(data: bytes) -> None:
    shard = Shard(5, b"a key of no note")
    time = 1
    stream = shard.apply(INSTRUMENTS, time)
    books = shard.dump()[1]
    for message in Framer().feed(data):
        if not isinstance(message, Message):
            continue
        command = command_of(message)
        if command is None:
            continue
        if isinstance(command, Refusal):
            assert (command.session_reject is None) != (command.business_reject is None)
            assert command.text
            assert command.tag in BLAMED
            continue
        assert len(command) == COMMAND_BYTES
        (readable,) = unpack_all(command, COMMAND_BYTES)
        assert readable.pack() == command
        time += 1
        duplicates = shard.duplicates
        events = shard.apply(command, time)
        now = shard.dump()[1]
        kinds = {events[place] for place in range(0, len(events), EVENT_BYTES)}
        if not events and getattr(readable, "request_id", "?"):
            # A mass cancel without an identifier that finds nothing says nothing.
            assert shard.duplicates == duplicates + 1
        if kinds <= REFUSED:
            assert now == books, "a rejected command changed a book"
        books = now
        check_reports(events)
        stream += events
    invariants.check(unpack_all(stream, EVENT_BYTES))
