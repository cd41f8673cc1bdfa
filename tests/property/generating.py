"""Random command streams over everything a shard can do: a seed in, batches out.

Few prices, few identifiers and many mistakes, so that orders meet and every refusal
happens. Session 3 reuses its identifiers; session 2 numbers its messages, repeats some
and starts new epochs. What it is told of the events (:meth:`Generator.observe`) is all
it knows of the state: which phases are on, which trades there were.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

from engine.codes import (
    CommandFlag,
    CommandKind,
    EventKind,
    Phase,
    PhaseReason,
    Reason,
    Scope,
)
from engine.layouts import Record
from engine.records import (
    QTY_MAX,
    UNIT,
    BlockCommand,
    ClockCommand,
    DeadlineCommand,
    LimitsCommand,
    MassCommand,
    OrderCommand,
    OrderEvent,
    PhaseCommand,
    TradeCommand,
)
from tests.property.ordering import ACCOUNTS, EXTREMES, SESSIONS, Orders
from tests.property.profiles import LOTS, SECOND, Profile, changed_terms

T = TypeVar("T")

START = 1_000_000 * SECOND
STEPS = (1, 1, 1, 1000, SECOND // 1000, SECOND // 20, SECOND // 10, SECOND)
TRADES_KEPT = 12
LIMITS = (
    *("order_qty_max", "notional_max", "open_orders_max", "rate_max"),
    "position_max",
)
NO_LIMITS: dict[str, Any] = dict.fromkeys(LIMITS, 0)
REFUSALS = (
    EventKind.REJECTED,
    EventKind.CANCEL_REJECTED,
    EventKind.REPLACE_REJECTED,
)
MASS_FLAGS = (int(CommandFlag.KEEP_GTC), int(CommandFlag.POSS_DUP))

Batch = tuple[int, list[Record]]
"""Engine time and commands."""


def weighted(random: Random, weights: Mapping[T, int]) -> T:
    return random.choices(list(weights), list(weights.values()))[0]


class Generator:
    """An endless stream of batches, a function of the seed and of the events."""

    def __init__(self, random: Random, profile: Profile) -> None:
        self.random = random
        self.profile = profile
        self.time = START
        self.day = 0
        self.symbols = [terms.symbol for terms in profile.instruments]
        self.orders = Orders(random, profile)
        self.phases = dict.fromkeys(self.symbols, int(Phase.CONTINUOUS))
        self.blocked: list[BlockCommand] = []
        self.limited: list[LimitsCommand] = []
        self.trades: deque[list[Any]] = deque(maxlen=TRADES_KEPT)
        """Fill, its price by now."""
        self.last: dict[int, OrderEvent] = {}
        self.queued: deque[Record] = deque(profile.instruments)
        self.makers: dict[str, Callable[[], list[Record]]] = {
            "new": lambda: [self.orders.new(self.time)],
            "cancel": lambda: [self.orders.change(CommandKind.CANCEL, self.time)],
            "replace": lambda: [self.orders.change(CommandKind.REPLACE, self.time)],
            "resend": lambda: [self.orders.again(self.time)],
            "status": lambda: [self.orders.status()],
            "mass_cancel": lambda: [self._mass(CommandKind.MASS_CANCEL)],
            "mass_status": lambda: [self._mass(CommandKind.MASS_STATUS)],
            "define": self._define,
            "end_of_day": self._end_of_day,
            "phase": self._phase,
            "limits": self._limits,
            "block": self._block,
            "tick": lambda: [ClockCommand(int(CommandKind.TICK))],
            "change_trade": self._change_trade,
            "deadline": self._deadline,
            "heap": self._heap,
        }

    def _one_in(self, n: int) -> bool:
        return self.random.randrange(n) == 0

    def batch(self) -> Batch:
        """The next one."""
        self.time += self.random.choice(STEPS)
        count = 1
        if self._one_in(self.profile.batches):
            count = self.random.randrange(2, 5)
        commands = []
        for _ in range(count):
            while not self.queued:
                self.queued.extend(self._some())
            commands.append(self.queued.popleft())
        return self.time, commands

    def _some(self) -> list[Record]:
        """Anything; what stops trading does not last."""
        strange = [s for s in self.symbols if self.phases[s] != Phase.CONTINUOUS]
        if strange and self._one_in(self.profile.patience):
            return [self._resume(self.random.choice(strange))]
        if self.blocked and self._one_in(10):
            return [replace(self.blocked.pop(), blocked=0)]
        if self.limited and self._one_in(20):
            return [replace(self.limited.pop(), **NO_LIMITS)]
        return self.makers[weighted(self.random, self.profile.commands)]()

    def _resume(self, symbol: str) -> PhaseCommand:
        kind, phase = int(CommandKind.SET_PHASE), int(Phase.CONTINUOUS)
        return PhaseCommand(kind, phase=phase, symbol=symbol)

    def observe(self, events: list[Any]) -> None:
        """What came of it."""
        for event in events:
            if event.kind == EventKind.PHASE:
                self.phases[event.symbol] = event.phase
            elif event.kind == EventKind.DAY_ENDED:
                self.trades.clear()
                self.last.clear()
            elif event.kind < EventKind.STATUS and event.kind not in REFUSALS:
                self.last[event.order_id] = event
                self.orders.observe(event)
                if event.kind == EventKind.FILLED and self._one_in(3):
                    self.trades.append([event, event.last_price])

    # -- the exchange's own commands ---------------------------------------------------

    def _define(self) -> list[Record]:
        terms = self.random.choice(self.profile.instruments)
        return [changed_terms(self.random.randrange(16), terms)]

    def _end_of_day(self) -> list[Record]:
        self.day += self.random.randrange(3)
        return [ClockCommand(int(CommandKind.END_OF_DAY), day=self.day)]

    def _phase(self) -> list[Record]:
        """A phase, or the end of one."""
        random = self.random
        symbol = random.choice([*self.symbols, *self.symbols, "", "NONE"])
        phase, then, until = int(random.choice(list(Phase))), 0, 0
        if self._one_in(2):
            until = max(1, self.time + random.randrange(-SECOND, 4 * SECOND))
            then = int(random.choice([*Phase, *[Phase.CONTINUOUS] * 8]))
            if phase == Phase.HALTED and self._one_in(2):
                then = int(Phase.VOLATILITY_AUCTION)
        command = PhaseCommand(
            int(CommandKind.SET_PHASE),
            phase=phase,
            reason=int(random.choice(list(PhaseReason))),
            then=then,
            until=until,
            symbol=symbol,
        )
        return [command, command] if self._one_in(10) else [command]

    def _owner(self) -> dict[str, Any]:
        if self._one_in(2):
            return {
                "scope": int(Scope.SESSION),
                "session": self.random.choice(SESSIONS),
            }
        return {
            "scope": int(Scope.ACCOUNT),
            "account": self.random.choice(ACCOUNTS[1:]),
        }

    def _limits(self) -> list[Record]:
        random = self.random
        lot = LOTS[random.choice(self.symbols)]
        values: dict[str, Any] = {
            "order_qty_max": random.choice([lot * 4, lot * 8]),
            "notional_max": random.choice([10, 50_000 * UNIT, 1]),
            "open_orders_max": random.choice([1, 3, 8]),
            "rate_max": random.choice([1, 3, 10, 1000, SECOND]),
            "position_max": random.choice([lot * 10, lot * 30]),
        }
        chosen = {name: v for name, v in values.items() if self._one_in(3)}
        kind = int(CommandKind.SET_LIMITS)
        command = LimitsCommand(kind, **self._owner(), **chosen)
        self.limited.append(command)
        return [command]

    def _block(self) -> list[Record]:
        kind = int(CommandKind.SET_BLOCKED)
        command = BlockCommand(kind, **self._owner(), blocked=1)
        self.blocked.append(command)
        return [command] if not self._one_in(8) else [replace(command, blocked=0)]

    def _deadline(self) -> list[Record]:
        random = self.random
        reasons = [Reason.DISCONNECTED, Reason.LOGGED_OUT, Reason.DEAD_MAN]
        deadline = self.time + random.randrange(-SECOND, 4 * SECOND)
        command = DeadlineCommand(
            int(CommandKind.SET_DEADLINE),
            reason=int(random.choice(reasons)),
            flags=int(random.choice([0, CommandFlag.KEEP_GTC])),
            source=random.randrange(3),
            session=random.choice(SESSIONS),
            deadline=0 if self._one_in(4) else deadline,
        )
        return [command]

    def _mass(self, kind: CommandKind) -> MassCommand:
        random = self.random
        named = kind == CommandKind.MASS_STATUS or not self._one_in(3)
        return MassCommand(
            int(kind),
            side=random.choice([0, 0, 0, ord("1"), ord("2"), 7]),
            fan_out=random.randrange(1, 4),
            flags=random.choice([0, 0, *MASS_FLAGS]),
            source=random.randrange(3),
            reason=int(random.choice([Reason.MASS_CANCEL, Reason.DISCONNECTED])),
            session=random.choice([*SESSIONS, *SESSIONS, 0]),
            receive_time=random.randrange(2**40),
            request_id=self.orders.any_id() if named else "",
            account=random.choice(["", "", "", *ACCOUNTS]),
            symbol=random.choice(["", "", *self.symbols, "NONE"]),
        )

    def _change_trade(self) -> list[Record]:
        """What an operator may do: he knows the fill and what became of the order."""
        if not self.trades:
            return [ClockCommand(int(CommandKind.TICK))]
        entry = self.random.choice(self.trades)
        fill, price = entry
        cancels = self._one_in(2)
        last = self.last.get(fill.order_id, fill)
        kind = CommandKind.TRADE_CANCEL if cancels else CommandKind.TRADE_CORRECT
        new_price = 0 if cancels else price + self.random.randrange(1, 4)
        if cancels:
            self.trades.remove(entry)
        else:
            entry[1] = new_price
        command = TradeCommand(
            int(kind),
            side=fill.side,
            ord_type=last.ord_type,
            time_in_force=last.time_in_force,
            ord_status=last.ord_status,
            source=fill.source,
            session=fill.session,
            order_id=fill.order_id,
            trade_id=fill.trade_id,
            exec_id=fill.order_id // 2**48 * 2**48 + fill.seq,
            price=last.price,
            qty=last.qty,
            cum_qty=max(0, last.cum_qty - fill.last_qty * cancels),
            avg_price=last.avg_price,
            last_price=price,
            last_qty=fill.last_qty,
            new_price=new_price,
            cl_ord_id=last.cl_ord_id,
            account=fill.account,
            symbol=fill.symbol,
        )
        return [command] * (2 if self._one_in(5) else 1)

    def _heap(self) -> list[Record]:
        """So many large orders that the side overflows, unless others take them."""
        if "WIDE" not in self.symbols:
            return [self.orders.new(self.time)]
        first = self.orders.new(self.time)
        side = self.random.choice([ord("1"), ord("2")])
        return [
            replace(
                self.orders.limit(self.time, "WIDE"),
                session=first.session,
                flags=first.flags & CommandFlag.REUSE_ID,
                side=side,
                time_in_force=ord("0"),
                price=2 if side == ord("1") else 10**18 - 1,
                qty=QTY_MAX,
                msg_seq_num=0,
                account=self.random.choice(ACCOUNTS),
                cl_ord_id=self.orders.fresh_id(first.session),
            )
            for _ in range(11)
        ]


__all__ = ["EXTREMES", "Batch", "Generator", "OrderCommand"]
