"""Random command streams: a seed in, commands out.

Few prices, few identifiers and many mistakes, so that orders meet and every refusal
happens. Session 3 reuses its identifiers; sessions 1 and 2 do not; session 2 numbers
its messages, repeats some and starts new epochs. Now and then an instrument is halted
and an order is cancelled by the exchange.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from engine.codes import CommandFlag, CommandKind, OrdType, Phase, Side, TimeInForce
from engine.layouts import Record
from engine.records import (
    PRICE_MAX,
    QTY_MAX,
    UNIT,
    ClockCommand,
    InstrumentCommand,
    OrderCommand,
    PhaseCommand,
)

PLAIN = InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol="PLAIN", currency="USD")
STRICT = InstrumentCommand(
    CommandKind.DEFINE_INSTRUMENT,
    tick=UNIT // 2,
    lot=10 * UNIT,
    reference_price=100 * UNIT,
    price_min=98 * UNIT,
    price_max=102 * UNIT,
    qty_max=50 * UNIT,
    notional_max=4_000 * UNIT,
    symbol="STRICT",
    currency="EUR",
)
WIDE = InstrumentCommand(CommandKind.DEFINE_INSTRUMENT, symbol="WIDE", currency="JPY")

INSTRUMENTS = (PLAIN, STRICT, WIDE)

PRICES: dict[str, Sequence[int]] = {
    "PLAIN": [98, 99, 100, 101, 102],
    "STRICT": [x * UNIT // 2 for x in (194, 196, 198, 199, 200, 201, 204, 206)],
    "WIDE": [1, 2, PRICE_MAX - 1, PRICE_MAX],
}
DEEP_BIDS, DEEP_ASKS = range(68, 98), range(103, 133)
QTYS = {
    "PLAIN": [1, 2, 3, 5, 8],
    "STRICT": [x * UNIT for x in (10, 20, 30, 40, 50, 60)],
    "WIDE": [1, QTY_MAX - 1, QTY_MAX],
}
EXTREMES = [
    0, -1, 1, 7, PRICE_MAX, PRICE_MAX + 1, QTY_MAX - 1, QTY_MAX + 1, 2**63 - 1, -(2**63)
]  # fmt: skip

TIMES_IN_FORCE = [TimeInForce.DAY] * 4 + [TimeInForce.GTC, TimeInForce.IOC]

RECENT_IDS = 8
"""How many of a session's last identifiers later commands refer to."""


class Flow:
    """An endless stream of commands, a function of ``random`` alone."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.serial = 0
        self.day = 0
        self.recent = {
            session: deque([("?", "PLAIN")], RECENT_IDS) for session in (1, 2, 3)
        }
        self.number = 0
        self.epoch = 0
        self.halted: list[str] = []
        self.sent: deque[OrderCommand] = deque(maxlen=8)

    def __iter__(self) -> Iterator[Record]:
        yield from INSTRUMENTS
        while True:
            yield from self._some()

    def _one_in(self, n: int) -> bool:
        return self.random.randrange(n) == 0

    def _some(self) -> list[Record]:
        pick = self.random.randrange(1000)
        if pick < 8:
            self.day += self.random.randrange(3)
            return [ClockCommand(CommandKind.END_OF_DAY, day=self.day)]
        if pick < 16:
            return [self._definition()]
        if pick < 20:
            return self._heap()
        if pick < 24:
            return [self._status()]
        if pick < 50 and self.sent:
            return [self.random.choice(self.sent)]
        if pick < 600:
            command = self._new()
        elif pick < 720:
            command = self._change(CommandKind.CANCEL)
        else:
            command = self._change(CommandKind.REPLACE)
        if command.kind == CommandKind.CANCEL and self._one_in(8):
            flags = command.flags | CommandFlag.UNSOLICITED
            command = replace(command, cl_ord_id="", flags=flags)
        if self._one_in(12):
            command = self._spoil(command)
        self.sent.append(command)
        return [command]

    def _definition(self) -> InstrumentCommand:
        if self._one_in(2):
            return self.random.choice(INSTRUMENTS)
        return replace(
            STRICT,
            tick=self.random.choice([1, UNIT // 2, UNIT]),
            lot=self.random.choice([1, 10 * UNIT, 20 * UNIT]),
            price_max=self.random.choice([101, 102]) * UNIT,
            notional_max=self.random.choice([0, 3_000 * UNIT, 4_000 * UNIT]),
        )

    def _status(self) -> PhaseCommand:
        """A halt, or the end of one: mostly of what is halted, so that trading goes
        on."""
        if self.halted and not self._one_in(4):
            symbol, status = self.halted.pop(), Phase.CONTINUOUS
        else:
            symbol = self.random.choice([*PRICES, "NONE"])
            status = self.random.choice([Phase.CONTINUOUS, Phase.HALTED, Phase.HALTED])
            if status == Phase.HALTED:
                self.halted.append(symbol)
        return PhaseCommand(CommandKind.SET_PHASE, phase=int(status), symbol=symbol)

    def _heap(self) -> list[Record]:
        """So many large orders that the side overflows, unless others take them."""
        side = self.random.choice(list(Side))
        price = 2 if side == Side.BUY else PRICE_MAX - 1
        return [
            replace(
                self._new(),
                symbol="WIDE",
                side=side,
                ord_type=OrdType.LIMIT,
                time_in_force=TimeInForce.DAY,
                price=price,
                qty=QTY_MAX,
            )
            for _ in range(12)
        ]

    def _id(self, session: int, symbol: str, *, keep: bool = True) -> str:
        """A ClOrdID(11), mostly fresh; ``keep`` when later commands may refer to it."""
        if self._one_in(20):
            return self.random.choice(self.recent[session])[0]
        if session == 3:
            text = f"r{self.random.randrange(30)}"
        else:
            self.serial += 1
            text = f"{session}-{self.serial}"
        if keep or self._one_in(10):
            self.recent[session].append((text, symbol))
        return text

    def _head(self) -> dict[str, Any]:
        """The fields every order command has."""
        random = self.random
        session = random.randrange(1, 4)
        flags = CommandFlag(0)
        if session == 3:
            flags |= CommandFlag.REUSE_ID
        if self._one_in(10):
            flags |= random.choice([CommandFlag.POSS_DUP, CommandFlag.POSS_RESEND])
        head: dict[str, Any] = {
            "session": session,
            "flags": int(flags),
            "source": session % 2,
            "receive_time": random.randrange(2**62),
            "account": random.choice(["", "alpha", "x" * 24]),
            "symbol": random.choice(list(PRICES)),
            "side": int(random.choice(list(Side))),
            "ord_type": int(OrdType.MARKET if self._one_in(10) else OrdType.LIMIT),
            "time_in_force": int(random.choice(TIMES_IN_FORCE)),
        }
        if session == 2 and not self._one_in(10):
            if self._one_in(100):
                self.epoch += 1
                self.number = 0
            self.number += 1
            head["session_epoch"] = self.epoch
            head["msg_seq_num"] = self.number
        return head

    def _new(self) -> OrderCommand:
        head = self._head()
        symbol = head["symbol"]
        prices = PRICES[symbol]
        if not self._one_in(3):  # mostly passive, so that queues form
            half = len(prices) // 2 + 1
            prices = prices[:half] if head["side"] == Side.BUY else prices[-half:]
            if symbol == "PLAIN" and self._one_in(5):  # and now and then many levels
                prices = DEEP_BIDS if head["side"] == Side.BUY else DEEP_ASKS
        return OrderCommand(
            CommandKind.NEW_ORDER,
            price=self.random.choice(prices),
            qty=self.random.choice(QTYS[symbol]),
            cl_ord_id=self._id(head["session"], symbol),
            **head,
        )

    def _change(self, kind: CommandKind) -> OrderCommand:
        """A cancel or replace of a recent order, which repeats little of what it is."""
        random = self.random
        head = self._head()
        session = head["session"]
        named = session if not self._one_in(12) else random.randrange(1, 4)
        head["orig_cl_ord_id"], symbol = random.choice(self.recent[named])
        if session == 3 and self._one_in(2):
            head["cl_ord_id"] = head["orig_cl_ord_id"]
        else:
            keep = kind == CommandKind.REPLACE and not self._one_in(2)
            head["cl_ord_id"] = self._id(session, symbol, keep=keep)
        if not self._one_in(8):
            head["symbol"] = ""
        if not self._one_in(8):
            head["side"] = 0
        if not self._one_in(8):
            head["ord_type"] = 0
        if self._one_in(2):
            head["time_in_force"] = 0
        if kind == CommandKind.CANCEL:
            return OrderCommand(kind, **head)
        if self._one_in(4):
            head["flags"] |= CommandFlag.QTY_IS_LEAVES
        qty = random.choice(QTYS[symbol])
        if head["flags"] & CommandFlag.QTY_IS_LEAVES and self._one_in(8):
            qty = 0
        return OrderCommand(kind, price=random.choice(PRICES[symbol]), qty=qty, **head)

    def _spoil(self, command: OrderCommand) -> OrderCommand:
        """The command with one field wrong, or at the edge of what is right."""
        random = self.random
        changes: list[dict[str, Any]] = [
            {"price": random.choice(EXTREMES)},
            {"qty": random.choice(EXTREMES)},
            {"price": command.price + 1},
            {"qty": command.qty + 1},
            {"side": random.choice([0, ord("3"), 255])},
            {"ord_type": random.choice([0, ord("3"), ord("P")])},
            {"time_in_force": random.choice([0, ord("4"), ord("6"), 255])},
            {"symbol": random.choice(["NONE", "plain", "PLAINS", "W"])},
            {"cl_ord_id": ""},
            {"orig_cl_ord_id": ""},
            {"flags": command.flags ^ CommandFlag.UNSOLICITED},
            {"cl_ord_id": command.cl_ord_id.ljust(36, "x")},
            {"msg_seq_num": random.randrange(4), "session_epoch": random.randrange(4)},
        ]
        return replace(command, **random.choice(changes))
