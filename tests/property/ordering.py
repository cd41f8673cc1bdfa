"""Random orders and what is asked about them: the commands a session sends."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from engine.codes import (
    CommandFlag,
    CommandKind,
    ExecInst,
    OrdType,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine.records import PRICE_MAX, QTY_MAX, OrderCommand, OrderEvent
from tests.property.profiles import LOTS, MIDDLES, SECOND, TICKS, Profile

T = TypeVar("T")

SESSIONS = (1, 2, 3, 4)
ACCOUNTS = ("", "alpha", "beta", "x" * 24)
GROUPS = ("", "", "", "desk", "g" * 12)
REUSING, NUMBERED = 3, 2
"""The sessions that reuse identifiers, and that number messages."""

DAYS = (TimeInForce.DAY, TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD)
AUCTIONS = (
    TimeInForce.AT_THE_OPENING,
    TimeInForce.AT_THE_CLOSE,
    TimeInForce.GOOD_FOR_AUCTION,
)
EXTREMES = [
    *(0, -1, 1, 7, PRICE_MAX, PRICE_MAX + 1, QTY_MAX - 1, QTY_MAX + 1),
    *(2**63 - 1, -(2**63)),
]
RECENT_IDS = 10
"""How many of a session's last identifiers later commands refer to."""
SENT_KEPT = 10
REUSED_IDS = 25


def _weighted(random: Random, weights: Mapping[T, int]) -> T:
    return random.choices(list(weights), list(weights.values()))[0]


class Orders:
    """Makes the commands of four sessions."""

    def __init__(self, random: Random, profile: Profile) -> None:
        self.random = random
        self.profile = profile
        self.symbols = [terms.symbol for terms in profile.instruments]
        self.serial = 0
        self.number = 0
        self.epoch = 0
        self.recent = {
            session: deque([("?", self.symbols[0])], RECENT_IDS) for session in SESSIONS
        }
        self.open: dict[int, OrderEvent] = {}
        """Orders by their last event."""
        self.sent: deque[OrderCommand] = deque(maxlen=SENT_KEPT)

    def _one_in(self, n: int) -> bool:
        return self.random.randrange(n) == 0

    def observe(self, event: OrderEvent) -> None:
        """Notes which orders are open."""
        if event.leaves_qty:
            self.open[event.order_id] = event
        else:
            self.open.pop(event.order_id, None)

    # -- identifiers -------------------------------------------------------------------

    def fresh_id(self, session: int) -> str:
        if session == REUSING:
            return f"r{self.random.randrange(REUSED_IDS)}"
        self.serial += 1
        return f"{session}-{self.serial}"

    def any_id(self) -> str:
        session = self.random.choice(SESSIONS)
        if self._one_in(2):
            return self.random.choice(self.recent[session])[0]
        return self.fresh_id(session)

    def _id(self, session: int, symbol: str, *, keep: bool = True) -> str:
        """Mostly fresh; ``keep`` when later commands may refer to it."""
        if self._one_in(25):
            return self.random.choice(self.recent[session])[0]
        text = self.fresh_id(session)
        if keep or self._one_in(8):
            self.recent[session].append((text, symbol))
        return text

    def _head(self, session: int = 0) -> dict[str, Any]:
        """The fields every order command has."""
        random = self.random
        session = session or random.choice(SESSIONS)
        flags = CommandFlag.REUSE_ID if session == REUSING else CommandFlag(0)
        if self._one_in(12):
            flags |= random.choice([CommandFlag.POSS_DUP, CommandFlag.POSS_RESEND])
        head: dict[str, Any] = {
            "session": session,
            "flags": int(flags),
            "source": session % 2,
            "receive_time": random.randrange(2**62),
        }
        if session == NUMBERED and not self._one_in(10):
            if self._one_in(100):
                self.epoch += 1
                self.number = 0
            self.number += 1
            head["session_epoch"] = self.epoch
            head["msg_seq_num"] = self.number
        return head

    # -- prices and quantities ---------------------------------------------------------

    def _price(self, symbol: str, side: int) -> int:
        """Mostly passive, so that queues form."""
        away = self.random.randrange(0, 7)
        if self._one_in(self.profile.aggressive):
            away = self.random.randrange(-5, 6)
        if symbol == "WIDE":
            away = self.random.randrange(-1, 2)
        sign = -1 if side == Side.BUY else 1
        return MIDDLES[symbol] + sign * away * TICKS[symbol]

    def _qty(self, symbol: str) -> int:
        return LOTS[symbol] * self.random.choice([1, 2, 2, 3, 4, 5, 8, 12])

    # -- new orders --------------------------------------------------------------------

    def new(self, time: int) -> OrderCommand:
        kind = _weighted(self.random, self.profile.kinds)
        symbol = self.random.choice(self.symbols)
        makers = {
            OrdType.LIMIT: self.limit,
            OrdType.MARKET: self._market,
            OrdType.MARKET_TO_LIMIT: self._market_to_limit,
            OrdType.STOP: self._stop,
            OrdType.STOP_LIMIT: self._stop_limit,
            OrdType.PEGGED: self._pegged,
        }
        command = makers[kind](time, symbol)
        if self._one_in(self.profile.wild):
            command = self._wild(command)
        if self._one_in(self.profile.spoiled):
            command = self._spoil(command)
        self.sent.append(command)
        return command

    def _base(
        self, time: int, symbol: str, kind: OrdType, tif: TimeInForce | None = None
    ) -> OrderCommand:
        random, head = self.random, self._head()
        side = int(random.choice(list(Side)))
        if tif is None:
            tif = random.choice(DAYS)
        expire = 0
        if tif == TimeInForce.GTD:
            expire = time + random.randrange(1, 12 * SECOND)
        stp = 0
        if self._one_in(self.profile.self_trade):
            stp = int(random.choice(list(SelfTrade)[1:]))
        return OrderCommand(
            int(CommandKind.NEW_ORDER),
            side=side,
            ord_type=int(kind),
            time_in_force=int(tif),
            stp=stp,
            price=self._price(symbol, side),
            qty=self._qty(symbol),
            expire_time=expire,
            cl_ord_id=self._id(head["session"], symbol),
            account=random.choice(ACCOUNTS),
            symbol=symbol,
            stp_id=random.choice(GROUPS),
            **head,
        )

    def limit(self, time: int, symbol: str) -> OrderCommand:
        random = self.random
        style = _weighted(random, self.profile.styles)
        tifs = {
            "ioc": TimeInForce.IOC,
            "fok": TimeInForce.FOK,
            "gtd": TimeInForce.GTD,
            "gtc": TimeInForce.GTC,
            "auction": random.choice(AUCTIONS),
            "plain": TimeInForce.DAY,
        }
        command = self._base(time, symbol, OrdType.LIMIT, tifs.get(style))
        bits = {
            "post_only": ExecInst.POST_ONLY,
            "all_or_none": ExecInst.ALL_OR_NONE,
            "hidden": ExecInst.HIDDEN,
        }
        changes: dict[str, Any] = {"exec_inst": int(bits.get(style, 0))}
        part = LOTS[symbol] * random.randrange(1, 4)
        if style == "iceberg":
            changes["display_qty"] = min(part, command.qty)
            if self._one_in(8):
                changes["exec_inst"] = int(ExecInst.POST_ONLY)
        elif style == "min_qty":
            changes["min_qty"] = min(part, command.qty)
            if self._one_in(2):
                changes |= {"time_in_force": int(TimeInForce.IOC), "expire_time": 0}
        elif style == "hidden" and self._one_in(4):
            changes["exec_inst"] |= int(ExecInst.POST_ONLY)
        return replace(command, **changes)

    def _market(self, time: int, symbol: str) -> OrderCommand:
        tifs = [*DAYS, TimeInForce.IOC, TimeInForce.FOK, *AUCTIONS]
        tif = self.random.choice(tifs)
        command = self._base(time, symbol, OrdType.MARKET, tif)
        if tif in DAYS and self._one_in(4):
            return replace(command, min_qty=LOTS[symbol])
        return command

    def _market_to_limit(self, time: int, symbol: str) -> OrderCommand:
        tif = self.random.choice([*DAYS, *DAYS, TimeInForce.IOC])
        command = self._base(time, symbol, OrdType.MARKET_TO_LIMIT, tif)
        if self._one_in(4):
            return replace(command, min_qty=min(command.qty, 2 * LOTS[symbol]))
        return command

    def _stop(
        self, time: int, symbol: str, kind: OrdType = OrdType.STOP
    ) -> OrderCommand:
        command = self._base(time, symbol, kind)
        away = self.random.randrange(-1, 5) * TICKS[symbol]
        sign = 1 if command.side == Side.BUY else -1
        command = replace(command, stop_price=MIDDLES[symbol] + sign * away)
        if not self._one_in(3):
            return command
        return replace(
            command,
            exec_inst=int(ExecInst.TRAILING),
            stop_price=0 if self._one_in(2) else command.stop_price,
            peg_offset=self.random.randrange(1, 5) * TICKS[symbol],
        )

    def _stop_limit(self, time: int, symbol: str) -> OrderCommand:
        command = self._stop(time, symbol, OrdType.STOP_LIMIT)
        sign = 1 if command.side == Side.BUY else -1
        slack = self.random.randrange(-2, 5) * TICKS[symbol]
        base = command.stop_price or MIDDLES[symbol]
        changes: dict[str, Any] = {"price": base + sign * slack}
        if self._one_in(6):
            changes["display_qty"] = min(command.qty, LOTS[symbol])
        elif self._one_in(4):
            changes["exec_inst"] = command.exec_inst | int(ExecInst.HIDDEN)
        return replace(command, **changes)

    def _pegged(self, time: int, symbol: str) -> OrderCommand:
        random = self.random
        command = self._base(time, symbol, OrdType.PEGGED)
        limit = 0 if self._one_in(2) else command.price
        if self._one_in(2):
            peg = int(ExecInst.PEG_MIDPOINT)
            return replace(command, exec_inst=peg, price=limit)
        bits = ExecInst.PEG_PRIMARY
        if self._one_in(4):
            bits |= ExecInst.HIDDEN
        sign = -1 if command.side == Side.BUY else 1
        offset = random.choice([0, 0, 1, 2, 200]) * sign * TICKS[symbol]
        if symbol == "WIDE":
            offset = 0
        return replace(command, exec_inst=int(bits), price=limit, peg_offset=offset)

    # -- changes -----------------------------------------------------------------------

    def change(self, kind: CommandKind, time: int) -> OrderCommand:
        """A cancel or replace of a recent order, which repeats little of what it is."""
        random = self.random
        side = int(random.choice(list(Side)))
        if self.open and not self._one_in(5):
            order = self.open[random.choice(list(self.open))]
            head = self._head(order.session if not self._one_in(30) else 0)
            orig, symbol, side = order.cl_ord_id, order.symbol, order.side
        else:
            head = self._head()
            named = random.choice([head["session"], *SESSIONS])
            orig, symbol = random.choice(self.recent[named])
        session = head["session"]
        if session == REUSING and self._one_in(2):
            name = orig
        else:
            keep = kind == CommandKind.REPLACE and not self._one_in(2)
            name = self._id(session, symbol, keep=keep)
        command = OrderCommand(
            int(kind),
            side=random.choice([side, *Side]) if self._one_in(10) else 0,
            ord_type=int(random.choice(list(OrdType))) if self._one_in(15) else 0,
            symbol=random.choice([symbol, *self.symbols]) if self._one_in(10) else "",
            account=random.choice(ACCOUNTS),
            cl_ord_id=name,
            orig_cl_ord_id=orig,
            **head,
        )
        if kind == CommandKind.CANCEL and self._one_in(8):
            flags = command.flags | CommandFlag.UNSOLICITED
            command = replace(command, cl_ord_id="", flags=int(flags))
        elif kind == CommandKind.REPLACE:
            command = self._replace(command, symbol, side, time)
        if self._one_in(self.profile.spoiled):
            command = self._spoil(command)
        self.sent.append(command)
        return command

    def _replace(
        self, command: OrderCommand, symbol: str, side: int, time: int
    ) -> OrderCommand:
        random, tick, lot = self.random, TICKS[symbol], LOTS[symbol]
        changes: dict[str, Any] = {
            "price": self._price(symbol, side),
            "qty": self._qty(symbol),
        }
        if self._one_in(4):
            changes["flags"] = command.flags | int(CommandFlag.QTY_IS_LEAVES)
            if self._one_in(8):
                changes["qty"] = 0
        if self._one_in(3):
            tif = random.choice([*DAYS, TimeInForce.GTD, TimeInForce.AT_THE_CLOSE])
            changes["time_in_force"] = int(tif)
            if tif == TimeInForce.GTD and not self._one_in(4):
                changes["expire_time"] = time + random.randrange(-SECOND, 9 * SECOND)
        if self._one_in(6):
            changes["display_qty"] = lot * random.randrange(1, 4)
        if self._one_in(4):
            changes["stop_price"] = MIDDLES[symbol] + random.randrange(-4, 5) * tick
        if self._one_in(6):
            changes["peg_offset"] = random.randrange(-3, 5) * tick
        if self._one_in(10):
            changes["exec_inst"] = int(random.choice(list(ExecInst)))
        if self._one_in(12):
            changes["stp"] = int(random.choice(list(SelfTrade)))
        return replace(command, **changes)

    # -- asking, and sending again -----------------------------------------------------

    def status(self) -> OrderCommand:
        random, head = self.random, self._head()
        session = head["session"]
        orig, symbol = random.choice(self.recent[session])
        if self._one_in(8):
            orig, symbol = self.any_id(), random.choice(self.symbols)
        return OrderCommand(
            int(CommandKind.ORDER_STATUS),
            side=int(random.choice([0, 0, *Side])),
            cl_ord_id=random.choice(["", "q1", f"q{self.serial}"]),
            orig_cl_ord_id=orig,
            account=random.choice(ACCOUNTS),
            symbol=random.choice(["", "", symbol, *self.symbols]),
            **head,
        )

    def again(self, time: int) -> OrderCommand:
        """What was sent before: as it was, or as one sends it that may have come."""
        if not self.sent:
            return self.new(time)
        command = self.random.choice(self.sent)
        if self._one_in(4):
            return command
        flags = command.flags | CommandFlag.POSS_RESEND
        changes: dict[str, Any] = {"flags": int(flags)}
        if not self._one_in(3):
            changes |= {"msg_seq_num": 0, "session_epoch": 0}
        if self._one_in(5):
            changes["qty"] = self._qty(self.symbols[0])
        return replace(command, **changes)

    # -- mistakes ----------------------------------------------------------------------

    def _wild(self, command: OrderCommand) -> OrderCommand:
        """Any combination of everything there is."""
        random, lot = self.random, LOTS[command.symbol]
        bits = 0
        for bit in ExecInst:
            if self._one_in(4):
                bits |= int(bit)
        return replace(
            command,
            ord_type=int(random.choice(list(OrdType))),
            time_in_force=int(random.choice(list(TimeInForce))),
            exec_inst=bits,
            display_qty=random.choice([0, 0, 0, lot]),
            min_qty=random.choice([0, 0, 0, lot]),
            stop_price=random.choice([0, command.price]),
            peg_offset=random.choice([0, 0, TICKS[command.symbol]]),
        )

    def _spoil(self, command: OrderCommand) -> OrderCommand:
        """The command with one field wrong, or at the edge of what is right."""
        random = self.random
        field = random.choice(["price", "qty", "stop_price", "display_qty", "min_qty"])
        extreme = random.choice(EXTREMES)
        middle = MIDDLES.get(command.symbol, MIDDLES[self.symbols[-1]])
        changes: list[dict[str, Any]] = [
            {field: extreme},
            {field: min(getattr(command, field) + 1, 2**63 - 1)},
            {"price": middle // 2},
            {"price": middle * 2},
            {"peg_offset": extreme},
            {"peg_offset": min(-command.peg_offset, 2**63 - 1)},
            {"expire_time": extreme},
            {"side": random.choice([0, ord("3"), 255])},
            {"ord_type": random.choice([0, ord("5"), ord("Q")])},
            {"time_in_force": random.choice([0, ord("5"), ord("8"), 255])},
            {"exec_inst": random.choice([64, 0x8000, 1 << 7 | 1])},
            {"exec_inst": command.exec_inst ^ int(random.choice(list(ExecInst)))},
            {"stp": random.choice([1, ord("5"), 255])},
            {"symbol": random.choice(["NONE", "plain", "PLAINS", "W"])},
            {"cl_ord_id": ""},
            {"orig_cl_ord_id": ""},
            {"flags": command.flags ^ int(CommandFlag.UNSOLICITED)},
            {"cl_ord_id": command.cl_ord_id.ljust(36, "x")},
            {"account": "new account"},
            {"msg_seq_num": random.randrange(4), "session_epoch": random.randrange(4)},
        ]
        return replace(command, **random.choice(changes))
