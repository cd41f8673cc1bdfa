"""Book tests as tables: these commands, exactly these events.

A script is text. A line that starts with ``>`` is a command, the lines below it are the
events it must give, all of them and in order::

    > buy A 10 @ 100                       a limit order of session 1 for the day
      A accepted: buy 10 @ 100
    > sell 2:B 4 market                    session 2
      2:B accepted: sell 4 market
      A makes 4 @ 100, leaves 6
      2:B takes 4 @ 100, leaves 0
    > replace C of A 12 @ 101              then: ioc gtc day, leaves, reuse, on SYMBOL
      C replaces A: buy 12 @ 101, leaves 8
    > cancel D of C
      D cancels C: 8 REQUESTED
    > cancel - of C unsolicited            the exchange's own, "-" for no identifier
    > halt X                               and: resume X, define X tick 5, day 7
      X halted

Orders are for the instrument X unless ``on`` says otherwise; it is defined first, with
a tick and a lot of 1. Numbers are integer units.
"""

from __future__ import annotations

from difflib import ndiff
from typing import Any

from engine.records import (
    EVENT_BYTES,
    ClockCommand,
    ClockEvent,
    CommandFlag,
    CommandKind,
    EventKind,
    InstrumentCommand,
    InstrumentEvent,
    InstrumentStatus,
    Liquidity,
    OrderCommand,
    OrderEvent,
    OrdType,
    Reason,
    Record,
    Side,
    StatusCommand,
    StatusEvent,
    TimeInForce,
    unpack_all,
)
from engine.shard import Shard
from tests.reference import invariants
from tests.reference.exchange import ReferenceExchange

HASH_KEY = bytes(range(16))

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TIMES = {"day": TimeInForce.DAY, "gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC}
FLAGS = {
    "leaves": CommandFlag.QTY_IS_LEAVES,
    "reuse": CommandFlag.REUSE_ID,
    "unsolicited": CommandFlag.UNSOLICITED,
}
STATUSES = {"halt": InstrumentStatus.HALTED, "resume": InstrumentStatus.TRADING}

X = InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol="X")


def _named(text: str) -> tuple[int, str]:
    """Session and ClOrdID(11) of ``A`` or ``2:A``; ``-`` is an empty identifier."""
    session, _, name = text.rpartition(":")
    return int(session or 1), "" if name == "-" else name


def parse(line: str) -> Record:
    """The command in one line of a script."""
    words = line.split()
    verb = words.pop(0)
    if verb == "day":
        return ClockCommand(CommandKind.END_OF_DAY, day=int(words[0]))
    if verb in STATUSES:
        return StatusCommand(
            CommandKind.SET_INSTRUMENT_STATUS, status=STATUSES[verb], symbol=words[0]
        )
    if verb == "define":
        terms: dict[str, Any] = {
            name: int(value)
            for name, value in zip(words[1::2], words[2::2], strict=True)
        }
        return InstrumentCommand(
            CommandKind.DEFINE_INSTRUMENT, symbol=words[0], **terms
        )
    session, name = _named(words.pop(0))
    values: dict[str, Any] = {"session": session, "cl_ord_id": name, "flags": 0}
    if verb in SIDES:
        values |= {
            "kind": CommandKind.NEW_ORDER,
            "side": SIDES[verb],
            "ord_type": OrdType.LIMIT,
            "time_in_force": TimeInForce.DAY,
            "symbol": "X",
        }
    else:
        values["kind"] = CommandKind[verb.upper()]
        assert words.pop(0) == "of", line
        values["orig_cl_ord_id"] = _named(words.pop(0))[1]
    while words:
        word = words.pop(0)
        if word == "@":
            values["price"] = int(words.pop(0))
        elif word == "market":
            values["ord_type"] = OrdType.MARKET
        elif word == "on":
            values["symbol"] = words.pop(0)
        elif word == "number":
            epoch, _, number = words.pop(0).partition("/")
            values |= {"session_epoch": int(epoch), "msg_seq_num": int(number)}
        elif word in TIMES:
            values["time_in_force"] = TIMES[word]
        elif word in FLAGS:
            values["flags"] |= FLAGS[word]
        elif "=" in word:
            field, _, value = word.partition("=")
            values[field] = int(value)
        else:
            values["qty"] = int(word)
    return OrderCommand(**values)


def parse_all(*lines: str) -> list[Record]:
    return [parse(line) for line in lines]


def tell(event: Any) -> str:
    """An event as a line of a script."""
    if isinstance(event, InstrumentEvent):
        return f"{event.symbol} defined"
    if isinstance(event, StatusEvent):
        return f"{event.symbol} {InstrumentStatus(event.status).name.lower()}"
    if isinstance(event, ClockEvent):
        return f"day {event.day} begins"
    assert isinstance(event, OrderEvent)
    prefix = "" if event.session == 1 else f"{event.session}:"
    name, orig = prefix + (event.cl_ord_id or "-"), event.orig_cl_ord_id or "-"
    reason = Reason(event.reason).name
    if event.kind == EventKind.FILLED:
        verb = "makes" if event.liquidity == Liquidity.ADDED else "takes"
        fill = f"{event.last_qty} @ {event.last_price}"
        return f"{name} {verb} {fill}, leaves {event.leaves_qty}"
    if event.kind == EventKind.CANCELLED:
        if event.orig_cl_ord_id:
            return f"{name} cancels {orig}: {event.last_qty} {reason}"
        return f"{name} cancelled: {event.last_qty} {reason}"
    if event.kind == EventKind.EXPIRED:
        return f"{name} expired: {event.last_qty}"
    if event.kind == EventKind.REJECTED:
        return f"{name} rejected: {reason}"
    if event.kind == EventKind.CANCEL_REJECTED:
        return f"{name} does not cancel {orig}: {reason}"
    if event.kind == EventKind.REPLACE_REJECTED:
        return f"{name} does not replace {orig}: {reason}"
    side = "buy" if event.side == Side.BUY else "sell"
    market = event.ord_type == OrdType.MARKET
    what = f"{side} {event.qty} " + ("market" if market else f"@ {event.price}")
    if event.kind == EventKind.ACCEPTED:
        return f"{name} accepted: {what}"
    assert event.kind == EventKind.REPLACED
    return f"{name} replaces {orig}: {what}, leaves {event.leaves_qty}"


class Pair:
    """The shard under test, the reference beside it, and all events so far.

    Without ``compare`` the reference stands still: it is slow with thousands of orders.
    """

    def __init__(self, *definitions: InstrumentCommand, compare: bool = True) -> None:
        self.compare = compare
        self.shard = Shard(1, HASH_KEY)
        self.reference = ReferenceExchange(1)
        self.events: list[Any] = []
        self.agreed = True
        self.time = 0
        for command in definitions or (X,):
            self.give(command)

    def give(self, *commands: Record) -> list[Any]:
        """Apply commands in one call; the shard's events."""
        data = b"".join(command.pack() for command in commands)
        self.time += 1
        packed = self.shard.apply(data, self.time)
        if self.compare and self.agreed:
            expected = self.reference.apply(data, self.time)
            self.agreed = (
                packed == expected
                and self.shard.state_hash() == self.reference.state_hash()
            )
        events = unpack_all(packed, EVENT_BYTES)
        self.events += events
        return events

    def depth(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Price and quantity of each level, best first: bids and asks of X."""
        for symbol, _, _, bids, asks in self.shard.dump()[1]:
            if symbol.rstrip(b"\0") == b"X":
                return [level[:2] for level in bids], [level[:2] for level in asks]
        raise AssertionError("X is not defined")

    def check(self) -> None:
        """The invariants hold and the reference gave the same bytes and states."""
        invariants.check(self.events)
        assert self.agreed, "the reference exchange gives other events or states"


def run(script: str, *definitions: InstrumentCommand) -> Pair:
    """Play a script; AssertionError when any event is not as it says."""
    pair = Pair(*definitions)
    expected: list[str] = []
    given: list[str] = []
    for raw in script.splitlines():
        line = raw.strip()
        if not line:
            continue
        expected.append(line)
        if line.startswith(">"):
            given.append(line)
            given += [tell(event) for event in pair.give(parse(line[1:]))]
    if given != expected:
        raise AssertionError("\n".join(["not as written:", *ndiff(expected, given)]))
    pair.check()
    return pair
