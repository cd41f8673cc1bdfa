"""The desks of market data on a stage: events by hand, sessions that only listen."""

from __future__ import annotations

from typing import Any

from engine.codes import EventKind, Liquidity, OrdType, Phase, PhaseReason, Side
from engine.layouts import Record
from engine.records import UNIT, AuctionEvent, InstrumentEvent, OrderEvent, PhaseEvent
from fixgw.marketdata.desk import MarketDataDesk
from fixgw.marketdata.floor import Floor
from fixgw.marketdata.securities import SecuritiesDesk
from fixgw.marketdata.statuses import StatusDesk
from fixgw.orders.routing import ShardMap
from fixgw.session.identity import SessionId
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message, parse_message
from tests.marketdata.reader import split
from tests.sessions.conversation import build, pairs_of

NOW = 1_795_248_000_000_000_000
"""2026-11-21, 08:00:00 UTC."""
BUY, SELL = int(Side.BUY), int(Side.SELL)


class Client:
    """A session as the desks see it, and what it was sent."""

    def __init__(self, version: str = "FIX.4.4", **settings: Any) -> None:
        begin = "FIXT.1.1" if version.startswith("FIX.5") else version
        names = {"FIX.5.0": "7", "FIX.5.0SP1": "8", "FIX.5.0SP2": "9"}
        self.session_id = SessionId(begin, "EXCHANGE", f"C{id(self)}")
        self.key = id(self)
        self.appl_ver_id = names.get(version, "")
        self.settings = SessionSettings(session_id=self.session_id, **settings)
        self.is_open = True
        self.room = True
        self.is_cut = False
        self.told: list[tuple[str, bytes, bool]] = []

    def business_reject(
        self, message: Message, reason: int, text: str, now_ns: int
    ) -> None:
        body = b"380=%d\x0158=%b\x01" % (reason, text.encode())
        self.told.append(("j", body, True))

    def hear(self) -> list[str]:
        """What it was told since the last call, as ``35=...|tag=value|...``."""
        told, self.told = self.told, []
        return [
            f"35={kind}|{body.decode('latin-1').replace(chr(1), '|')}".rstrip("|")
            for kind, body, _ in told
        ]

    def entries(self, kind: str) -> list[dict[int, bytes]]:
        """The entries of the one message it was told, which is a W or an X."""
        ((heard, body, kept),) = self.told
        self.told.clear()
        assert (heard, kept) == (kind, False)
        group = body.partition(b"268=")[2]
        count, _, rest = group.partition(b"\x01")
        found = split(rest)
        assert len(found) == int(count)
        return found


class Stage:
    """Projection and desks; the outlet is the stage itself."""

    def __init__(self, *symbols: str, shards: int = 1) -> None:
        self.level = True
        self.woken = 0
        self.floor = Floor(ShardMap(shards, {"ABC": 0}), self)
        self.floor.is_level = lambda shard: self.level
        self.projection = self.floor.projection
        self.desk = MarketDataDesk(self.floor, self.wake)
        self.statuses = StatusDesk(self.floor, self.wake)
        self.securities = SecuritiesDesk(self.floor)
        self.seq = self.command = 0
        for symbol in symbols or ("ABC",):
            self.step(define(symbol))

    # -- outlet ------------------------------------------------------------------------

    def send(self, client: Any, msg_type: str, body: bytes, *, keep: bool) -> bool:
        if not keep and not client.is_open:
            return False
        client.told.append((msg_type, body, keep))
        return True

    def has_room(self, client: Any) -> bool:
        return bool(client.room and client.is_open)

    def cut(self, client: Any) -> None:
        client.is_cut = True

    def wake(self) -> None:
        self.woken += 1

    # -- what happens ------------------------------------------------------------------

    def step(self, *events: Record, settle: bool = True) -> None:
        """One command with these events."""
        self.command += 1
        self.more(*events, settle=settle)

    def more(self, *events: Record, settle: bool = True) -> None:
        """Further events of the same command."""
        for event in events:
            self.seq += 1
            object.__setattr__(event, "seq", self.seq)
            object.__setattr__(event, "command_seq", self.command)
            object.__setattr__(event, "time", NOW + self.seq)
        self.projection.take(0, events)
        if settle:
            self.projection.settle(0)

    def ask(self, client: Any, text: str) -> list[str]:
        """A client's message; what it was told."""
        message = parse_message(build(f"{text}|34=7", {8: "FIX.4.4"}))
        assert isinstance(message, Message)
        for desk in (self.desk, self.statuses, self.securities):
            if message.msg_type in desk.message_types:
                desk.on_message(client, message, NOW)
        heard: list[str] = client.hear()
        return heard

    def leave(self, client: Any) -> None:
        """The client's connection is gone."""
        for desk in (self.desk, self.statuses, self.securities):
            desk.on_logout(client)

    def request(self, client: Any, text: str = "", symbols: str = "ABC") -> list[str]:
        """A MarketDataRequest for bids and offers; ``text`` has what is other."""
        fields = {"262": "R", "263": "1", "264": "0", "265": "1"}
        types = ["0", "1"]
        for tag, value in pairs_of(text):
            if tag == 269:
                types = value.split(",")
            else:
                fields[str(tag)] = value
        body = "|".join(f"{tag}={value}" for tag, value in fields.items() if value)
        for types_ in [types] if types != [""] else []:
            body += f"|267={len(types_)}" + "".join(f"|269={one}" for one in types_)
        names = symbols.split(",") if symbols else []
        if names:
            body += f"|146={len(names)}" + "".join(f"|55={name}" for name in names)
        return self.ask(client, f"35=V|{body}")

    def tell(self) -> None:
        """The turn of the event loop ends."""
        self.desk.tell()
        self.statuses.tell()


def define(symbol: str, **terms: Any) -> InstrumentEvent:
    return InstrumentEvent(
        int(EventKind.INSTRUMENT_DEFINED), symbol=symbol, currency="USD", **terms
    )


def shows(
    order: int,
    side: int,
    price: int,
    qty: int,
    priority: int = 0,
    kind: EventKind = EventKind.ACCEPTED,
    **more: Any,
) -> OrderEvent:
    """An order displays ``qty`` whole units at ``price`` whole units from now on."""
    return OrderEvent(
        int(kind),
        side=side,
        ord_type=int(OrdType.LIMIT if price else OrdType.MARKET),
        order_id=order,
        price=price * UNIT,
        shown_qty=qty * UNIT,
        leaves_qty=qty * UNIT,
        priority=priority or order,
        **{"symbol": "ABC", **more},
    )


def fill(
    order: int,
    side: int,
    price: int,
    left: int,
    last: tuple[int, int],
    trade: int,
    liquidity: Liquidity,
    **more: Any,
) -> OrderEvent:
    """A fill of ``last``, which is price and quantity."""
    return shows(
        order,
        side,
        price,
        left,
        kind=EventKind.FILLED,
        last_price=last[0] * UNIT,
        last_qty=last[1] * UNIT,
        trade_id=trade,
        liquidity=int(liquidity),
        **more,
    )


def phase(
    phase: Phase, reason: PhaseReason = PhaseReason.OPERATOR, symbol: str = "ABC"
) -> PhaseEvent:
    return PhaseEvent(
        int(EventKind.PHASE), phase=int(phase), reason=int(reason), symbol=symbol
    )


def auction(
    price: int,
    volume: int = 0,
    surplus: tuple[int, int] = (0, 0),
    *,
    uncrossed: bool = False,
) -> AuctionEvent:
    """``surplus`` is its side and its quantity."""
    return AuctionEvent(
        int(EventKind.AUCTION),
        phase=int(Phase.OPENING_AUCTION),
        uncrossed=int(uncrossed),
        imbalance_side=surplus[0],
        imbalance_qty=surplus[1] * UNIT,
        price=price * UNIT,
        volume=volume * UNIT,
        symbol="ABC",
    )
