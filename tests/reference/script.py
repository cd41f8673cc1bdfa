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

Kinds of order: ``market``, ``to-limit``, ``stop 105`` (with ``@ 106`` a stop-limit
order), ``trail 3``, ``primary -1``, ``midpoint``. What else: ``iceberg 2``, ``hidden``,
``post-only``, ``whole`` (ALL_OR_NONE), ``min 3``, ``fok``, ``until 90`` (GTD),
``at-open``, ``at-close``, ``in-auction``; ``account a``, ``group g``, and with the same
owner ``newest``, ``oldest``, ``both``, ``decrement``.

    > phase X closing_auction              any phase, of X or of all
    > phase - halted until 99 then continuous
    > mass-cancel Q session=1 side=49      also: mass-status
    > status S of A                        OrderStatusRequest
    > wait 50                              a TICK that much later

Orders are for the instrument X unless ``on`` says otherwise; it is defined first, with
a tick and a lot of 1. Numbers are integer units. The engine time is 1 at the
definition and goes up by one with every command.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import ndiff
from typing import Any

from engine.codes import (
    CommandFlag,
    CommandKind,
    EventKind,
    ExecInst,
    Liquidity,
    OrdStatus,
    OrdType,
    Phase,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine.layouts import Record
from engine.records import (
    EVENT_BYTES,
    AuctionEvent,
    BlockCommand,
    BlockEvent,
    ClockCommand,
    ClockEvent,
    InstrumentCommand,
    InstrumentEvent,
    LimitsCommand,
    LimitsEvent,
    MassCommand,
    OrderCommand,
    OrderEvent,
    PhaseCommand,
    PhaseEvent,
    unpack_all,
)
from engine.shard import Shard
from tests.reference import invariants
from tests.reference.exchange import ReferenceExchange

HASH_KEY = bytes(range(16))

SIDES = {"buy": Side.BUY, "sell": Side.SELL}
TIMES = {
    "day": TimeInForce.DAY,
    "gtc": TimeInForce.GTC,
    "ioc": TimeInForce.IOC,
    "fok": TimeInForce.FOK,
    "at-open": TimeInForce.AT_THE_OPENING,
    "at-close": TimeInForce.AT_THE_CLOSE,
    "in-auction": TimeInForce.GOOD_FOR_AUCTION,
}
FLAGS = {
    "leaves": CommandFlag.QTY_IS_LEAVES,
    "reuse": CommandFlag.REUSE_ID,
    "unsolicited": CommandFlag.UNSOLICITED,
    "resend": CommandFlag.POSS_RESEND,
    "keep-gtc": CommandFlag.KEEP_GTC,
}
BITS = {
    "post-only": ExecInst.POST_ONLY,
    "whole": ExecInst.ALL_OR_NONE,
    "hidden": ExecInst.HIDDEN,
}
SELF_TRADES = {
    "newest": SelfTrade.CANCEL_NEWEST,
    "oldest": SelfTrade.CANCEL_OLDEST,
    "both": SelfTrade.CANCEL_BOTH,
    "decrement": SelfTrade.DECREMENT,
}
TEXTS = {"account": "account", "group": "stp_id", "on": "symbol"}
NUMBERS = {"@": "price", "iceberg": "display_qty", "min": "min_qty"}
STATUSES = {"halt": Phase.HALTED, "resume": Phase.CONTINUOUS}


X = InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol="X")


def _named(text: str) -> tuple[int, str]:
    """Session and ClOrdID(11) of ``A`` or ``2:A``; ``-`` is an empty identifier."""
    session, _, name = text.rpartition(":")
    return int(session or 1), "" if name == "-" else name


def _values(words: list[str]) -> dict[str, Any]:
    """``name=value``, whole numbers where they are some."""
    pairs = [word.partition("=") for word in words]
    return {
        name: int(value) if value.lstrip("-").isdigit() else value
        for name, _, value in pairs
    }


def _phase(words: list[str]) -> PhaseCommand:
    """``X halted until 99 then continuous``."""
    symbol, phase, *rest = words
    further = dict(zip(rest[::2], rest[1::2], strict=True))
    then = further.get("then")
    return PhaseCommand(
        CommandKind.SET_PHASE,
        phase=Phase[phase.upper()],
        until=int(further.get("until", 0)),
        then=Phase[then.upper()] if then else 0,
        symbol="" if symbol == "-" else symbol,
    )


def _define(words: list[str]) -> InstrumentCommand:
    terms: dict[str, Any] = {
        name: int(value) for name, value in zip(words[1::2], words[2::2], strict=True)
    }
    return InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol=words[0], **terms)


def _mass(kind: CommandKind) -> Callable[[list[str]], MassCommand]:
    def make(words: list[str]) -> MassCommand:
        request_id = "" if words[0] == "-" else words[0]
        values = {"session": 1, "reason": Reason.MASS_CANCEL, **_values(words[1:])}
        return MassCommand(kind, request_id=request_id, **values)

    return make


VERBS: dict[str, Callable[[list[str]], Record]] = {
    "day": lambda words: ClockCommand(CommandKind.END_OF_DAY, day=int(words[0])),
    "wait": lambda words: ClockCommand(CommandKind.TICK),
    "halt": lambda words: PhaseCommand(
        CommandKind.SET_PHASE, phase=Phase.HALTED, symbol=words[0]
    ),
    "resume": lambda words: PhaseCommand(
        CommandKind.SET_PHASE, phase=Phase.CONTINUOUS, symbol=words[0]
    ),
    "phase": _phase,
    "define": _define,
    "mass-cancel": _mass(CommandKind.MASS_CANCEL),
    "mass-status": _mass(CommandKind.MASS_STATUS),
    "limits": lambda words: LimitsCommand(CommandKind.SET_LIMITS, **_values(words)),
    "block": lambda words: BlockCommand(CommandKind.SET_BLOCKED, **_values(words)),
}
"""Commands that are not of one order."""

ORDER_VERBS = {
    "cancel": CommandKind.CANCEL,
    "replace": CommandKind.REPLACE,
    "status": CommandKind.ORDER_STATUS,
}


def parse(line: str) -> Record:
    """The command in one line of a script."""
    words = line.split()
    verb = words.pop(0)
    if verb in VERBS:
        return VERBS[verb](words)
    session, name = _named(words.pop(0))
    values: dict[str, Any] = {
        "session": session,
        "cl_ord_id": name,
        "flags": 0,
        "exec_inst": 0,
    }
    if verb in SIDES:
        values |= {
            "kind": CommandKind.NEW_ORDER,
            "side": SIDES[verb],
            "ord_type": OrdType.LIMIT,
            "time_in_force": TimeInForce.DAY,
            "symbol": "X",
        }
    else:
        values["kind"] = ORDER_VERBS[verb]
        assert words.pop(0) == "of", line
        values["orig_cl_ord_id"] = _named(words.pop(0))[1]
    while words:
        _word(words.pop(0), words, values)
    return OrderCommand(**values)


def _word(word: str, words: list[str], values: dict[str, Any]) -> None:
    """One word of an order, with what belongs to it."""
    if word in NUMBERS:
        values[NUMBERS[word]] = int(words.pop(0))
        if word == "@" and values.get("ord_type") == OrdType.STOP:
            values["ord_type"] = OrdType.STOP_LIMIT
    elif word in TEXTS:
        values[TEXTS[word]] = words.pop(0)
    elif word == "market":
        values["ord_type"] = OrdType.MARKET
    elif word == "to-limit":
        values["ord_type"] = OrdType.MARKET_TO_LIMIT
    elif word == "stop":
        values["stop_price"] = int(words.pop(0))
        if values["kind"] == CommandKind.NEW_ORDER:
            limited = "price" in values
            values["ord_type"] = OrdType.STOP_LIMIT if limited else OrdType.STOP
    elif word == "trail":
        values |= {"peg_offset": int(words.pop(0))}
        values["exec_inst"] |= ExecInst.TRAILING
        values["ord_type"] = OrdType.STOP
    elif word in ("primary", "midpoint"):
        values["ord_type"] = OrdType.PEGGED
        values["exec_inst"] |= ExecInst[f"PEG_{word.upper()}"]
        if word == "primary":
            values["peg_offset"] = int(words.pop(0))
    elif word == "until":
        values |= {"time_in_force": TimeInForce.GTD, "expire_time": int(words.pop(0))}
    elif word == "number":
        epoch, _, number = words.pop(0).partition("/")
        values |= {"session_epoch": int(epoch), "msg_seq_num": int(number)}
    elif word in TIMES:
        values["time_in_force"] = TIMES[word]
    elif word in FLAGS:
        values["flags"] |= FLAGS[word]
    elif word in BITS:
        values["exec_inst"] |= BITS[word]
    elif word in SELF_TRADES:
        values["stp"] = SELF_TRADES[word]
    elif "=" in word:
        values |= _values([word])
    else:
        values["qty"] = int(word)


def parse_all(*lines: str) -> list[Record]:
    return [parse(line) for line in lines]


# -- events as lines -------------------------------------------------------------------


def tell(event: Any) -> str:
    """An event as a line of a script."""
    if isinstance(event, InstrumentEvent):
        return f"{event.symbol} defined"
    if isinstance(event, PhaseEvent):
        words = {Phase.CONTINUOUS: "trading"}
        phase = Phase(event.phase)
        return f"{event.symbol} {words.get(phase, phase.name.lower())}"
    if isinstance(event, ClockEvent):
        return f"day {event.day} begins"
    if isinstance(event, AuctionEvent):
        verb = "uncrosses" if event.uncrossed else "would trade"
        side = {0: "", ord("1"): " buy", ord("2"): " sell"}[event.imbalance_side]
        surplus = f", left {event.imbalance_qty}{side}" if side else ""
        return f"{event.symbol} {verb} {event.volume} @ {event.price}{surplus}"
    if isinstance(event, LimitsEvent):
        return f"limits of {event.account or event.owner}"
    if isinstance(event, BlockEvent):
        word = "blocked" if event.blocked else "free"
        return f"{event.account or event.owner} {word}: {event.count}"
    assert isinstance(event, OrderEvent)
    return _tell_order(event)


def _tell_order(event: OrderEvent) -> str:
    prefix = "" if event.session == 1 else f"{event.session}:"
    name, orig = prefix + (event.cl_ord_id or "-"), event.orig_cl_ord_id or "-"
    reason = Reason(event.reason).name
    side = "buy" if event.side == Side.BUY else "sell"
    market = event.ord_type == OrdType.MARKET
    price = f"@ {event.price}"
    if event.ord_type in (OrdType.STOP, OrdType.STOP_LIMIT) and not event.triggered:
        price = f"stop {event.stop_price}" + (f" {price}" if event.price else "")
    what = f"{side} {event.qty} " + ("market" if market else price)
    fill = f"{event.last_qty} @ {event.last_price}"
    leaves = f"leaves {event.leaves_qty}"
    if event.kind == EventKind.FILLED:
        verb = {
            Liquidity.ADDED: "makes",
            Liquidity.REMOVED: "takes",
            Liquidity.AUCTION: "crosses",
        }[Liquidity(event.liquidity)]
        return f"{name} {verb} {fill}, {leaves}"
    if event.kind == EventKind.CANCELLED:
        if event.orig_cl_ord_id:
            return f"{name} cancels {orig}: {event.last_qty} {reason}"
        return f"{name} cancelled: {event.last_qty} {reason}"
    if event.kind == EventKind.EXPIRED:
        why = "" if event.reason == Reason.END_OF_DAY else f" {reason}"
        return f"{name} expired: {event.last_qty}{why}"
    if event.kind == EventKind.STATUS:
        status = OrdStatus(event.ord_status).name
        return f"{name} is {status}: {leaves}"
    return {
        EventKind.REJECTED: f"{name} rejected: {reason}",
        EventKind.CANCEL_REJECTED: f"{name} does not cancel {orig}: {reason}",
        EventKind.REPLACE_REJECTED: f"{name} does not replace {orig}: {reason}",
        EventKind.ACCEPTED: f"{name} accepted: {what}",
        EventKind.REPLACED: f"{name} replaces {orig}: {what}, {leaves}",
        EventKind.TRIGGERED: f"{name} triggered",
        EventKind.RESTATED: f"{name} restated: {what} {reason}",
        EventKind.MASS_CANCELLED: f"{name} cancelled {event.count} orders",
        EventKind.MASS_STATUS_DONE: f"{name} told {event.count} orders",
        EventKind.TRADE_CANCELLED: f"{name} has not traded {fill}",
        EventKind.TRADE_CORRECTED: f"{name} has traded {fill}",
    }[EventKind(event.kind)]


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
        self.pause = 0
        """How much later than usual the next commands come."""
        for command in definitions or (X,):
            self.give(command)

    def give(self, *commands: Record) -> list[Any]:
        """Apply commands in one call; the shard's events."""
        data = b"".join(command.pack() for command in commands)
        self.time += 1 + self.pause
        self.pause = 0
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
        for symbol, _, _, _, bids, asks, *_ in self.shard.dump()[1]:
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
            words = line[1:].split()
            pair.pause = int(words[1]) if words[0] == "wait" else 0
            given += [tell(event) for event in pair.give(parse(line[1:]))]
    if given != expected:
        raise AssertionError("\n".join(["not as written:", *ndiff(expected, given)]))
    pair.check()
    return pair
