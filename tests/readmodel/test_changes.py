"""Orders of all types, phases, auctions, and trades the operator changed, as events:
what the tables make of them, in both databases, however the events are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from engine.codes import (
    EventKind,
    ExecInst,
    Liquidity,
    OrdStatus,
    OrdType,
    Phase,
    PhaseReason,
    Reason,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine.journal import LogKind, RecordLog
from engine.layouts import Record
from engine.records import UNIT, AuctionEvent, InstrumentEvent, OrderEvent, PhaseEvent
from fixgw.config import Config
from fixgw.readmodel.comparison import Findings
from fixgw.readmodel.database import Database
from fixgw.readmodel.sources import LogSource
from fixgw.readmodel.verify import verify
from tests.readmodel.support import consume_logs, tables

Make = Callable[[], Database]
NOW = 1_800_000_000 * 10**9


class Story:
    """Events of shard 0, numbered as they come; shard 1 stays empty."""

    def __init__(self, config: Config) -> None:
        self._logs = [
            RecordLog(config.shard_folder(n) / "events", LogKind.EVENTS, n)
            for n in range(2)
        ]
        self.seq = 0

    def tell(self, *events: Record) -> list[int]:
        """Append events; their numbers."""
        first = self.seq + 1
        packed = []
        for event in events:
            self.seq += 1
            changes: dict[str, Any] = {
                "seq": self.seq,
                "command_seq": self.seq,
                "time": NOW + self.seq,
            }
            if getattr(event, "trade_id", None) == OWN:
                changes["trade_id"] = self.seq
            packed.append(replace(event, **changes).pack())
        self._logs[0].append(b"".join(packed), len(packed), NOW + self.seq)
        self._logs[0].commit()
        return list(range(first, self.seq + 1))

    def close(self) -> None:
        for log in self._logs:
            log.close()


OWN = 2**60
"""Stands for the number of the event itself."""


@pytest.fixture
def story(config: Config) -> Iterator[Story]:
    made = Story(config)
    yield made
    made.close()


def order(kind: EventKind, order_id: int, **values: Any) -> OrderEvent:
    """An event of a limit order of 100 at 10; session 1 buys, session 2 sells."""
    side = Side.BUY if order_id % 2 else Side.SELL
    usual: dict[str, Any] = {
        "side": side,
        "ord_type": OrdType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "ord_status": OrdStatus.NEW,
        "session": 1 if side == Side.BUY else 2,
        "order_id": order_id,
        "price": 10 * UNIT,
        "qty": 100 * UNIT,
        "leaves_qty": 100 * UNIT,
        "cl_ord_id": f"C{order_id}",
        "account": "A" if side == Side.BUY else "B",
        "symbol": "ACME",
    }
    return OrderEvent(kind, **usual | values)


def fill(order_id: int, other: int, qty: int, cum: int, **values: Any) -> OrderEvent:
    """A fill at 10."""
    done = cum == 100
    return order(
        EventKind.FILLED,
        order_id,
        contra_order_id=other,
        ord_status=OrdStatus.FILLED if done else OrdStatus.PARTIALLY_FILLED,
        leaves_qty=(100 - cum) * UNIT,
        cum_qty=cum * UNIT,
        avg_price=10 * UNIT,
        last_price=10 * UNIT,
        last_qty=qty * UNIT,
        **values,
    )


def changed(
    kind: EventKind, filled: OrderEvent, exec_id: int, trade: int, **values: Any
) -> OrderEvent:
    """The change of a fill of an order that is open."""
    return replace(
        filled,
        **{
            "kind": kind,
            "contra_order_id": exec_id,
            "trade_id": trade,
            "liquidity": 0,
            "fee": 0,
            **values,
        },
    )


ACME = InstrumentEvent(
    EventKind.INSTRUMENT_DEFINED, tick=1, lot=UNIT, symbol="ACME", currency="USD"
)


def trade(story: Story) -> tuple[OrderEvent, OrderEvent, int, int]:
    """Order 1 rests with 100 and buys 40 of order 2, which is filled with 100 by
    another 60: the fill of each at 40, and their numbers."""
    maker = fill(1, 2, 40, 40, trade_id=OWN, liquidity=Liquidity.ADDED, fee=-5)
    taker = fill(2, 1, 40, 40, liquidity=Liquidity.REMOVED, fee=25)
    story.tell(
        ACME, order(EventKind.ACCEPTED, 1), order(EventKind.ACCEPTED, 2, symbol="ACME")
    )
    (first,) = story.tell(maker)
    (second,) = story.tell(replace(taker, trade_id=first))
    return maker, taker, first, second


def read(config: Config, make: Make) -> dict[str, list[dict[str, Any]]]:
    """All tables, after a look at the log; the comparison finds nothing wrong."""
    consume_logs(config, make())
    assert verified(config, make).told == []
    return tables(make())


def verified(config: Config, make: Make) -> Findings:
    """What the comparison finds."""
    snapshot = make().snapshot()
    source = LogSource(config)

    async def run() -> Findings:
        try:
            return await verify(source, snapshot, lambda size: None)
        finally:
            await source.close()

    found = asyncio.run(run())
    snapshot.close()
    return found


def cut(config: Config, make: Make, way: str) -> Callable[[], None]:
    """What is done between two tellings: all is taken so far, or nothing."""

    def pause() -> None:
        if way == "pieces":
            consume_logs(config, make())

    return pause


@pytest.mark.parametrize("way", ["pieces", "whole"])
def test_a_cancelled_trade(
    config: Config, story: Story, new_database: Make, way: str
) -> None:
    """Order 1 is open, order 2 was cancelled meanwhile and is told by the command."""
    pause = cut(config, new_database, way)
    maker, taker, first, second = trade(story)
    pause()
    story.tell(
        order(
            EventKind.CANCELLED,
            2,
            ord_status=OrdStatus.CANCELED,
            leaves_qty=0,
            cum_qty=40 * UNIT,
            avg_price=10 * UNIT,
            last_qty=60 * UNIT,
            reason=Reason.REQUESTED,
            display_qty=10 * UNIT,
            cl_ord_id="X2",
        )
    )
    pause()
    none = {"cum_qty": 0, "avg_price": 0}
    story.tell(
        changed(
            EventKind.TRADE_CANCELLED,
            maker,
            *(first, first),
            **none,
            ord_status=OrdStatus.NEW,
            leaves_qty=60 * UNIT,
        ),
        changed(
            EventKind.TRADE_CANCELLED,
            taker,
            *(second, first),
            **none,
            ord_status=OrdStatus.CANCELED,
            leaves_qty=0,
            display_qty=0,
        ),
    )
    found = read(config, new_database)
    one, two = found["orders"]
    assert [one[n] for n in ("status", "cum_qty", "leaves_qty", "avg_price")] == [
        "NEW",
        0,
        60 * UNIT,
        0,
    ]
    assert [two[n] for n in ("status", "cum_qty", "display_qty", "reason")] == [
        "CANCELED",
        0,
        10 * UNIT,
        "REQUESTED",
    ]
    assert (two["cl_ord_id"], two["seq"]) == ("C2", story.seq)
    assert [row["state"] for row in found["executions"]] == ["CANCELLED"] * 2
    assert [row["fee"] for row in found["executions"]] == [-5, 25]
    (bargain,) = found["trades"]
    assert (bargain["state"], bargain["price"]) == ("CANCELLED", 10 * UNIT)
    for row in found["positions"]:
        sums = ("net_qty", "bought_qty", "bought_value", "sold_qty", "sold_value")
        assert [row[name] for name in sums] == [0] * 5
    kinds = [row["kind"] for row in found["order_events"]]
    assert kinds[-2:] == ["TRADE_CANCELLED"] * 2


@pytest.mark.parametrize("way", ["pieces", "whole"])
def test_a_corrected_trade_that_is_cancelled_later(
    config: Config, story: Story, new_database: Make, way: str
) -> None:
    pause = cut(config, new_database, way)
    maker, taker, first, second = trade(story)
    pause()
    price = {"last_price": 9 * UNIT, "avg_price": 9 * UNIT}
    story.tell(
        changed(EventKind.TRADE_CORRECTED, maker, first, first, **price),
        changed(EventKind.TRADE_CORRECTED, taker, second, first, **price),
    )
    found = read(config, new_database)
    assert [(r["state"], r["price"]) for r in found["executions"]] == [
        ("CORRECTED", 9 * UNIT)
    ] * 2
    assert found["trades"][0]["price"] == 9 * UNIT
    buyer, seller = found["positions"]
    assert buyer["bought_value"] == seller["sold_value"] == 360 * UNIT**2
    assert (buyer["net_qty"], seller["net_qty"]) == (40 * UNIT, -40 * UNIT)
    assert {row["avg_price"] for row in found["orders"]} == {9 * UNIT}
    # What happens to the order afterwards tells all of it again.
    story.tell(
        order(
            EventKind.REPLACED,
            1,
            leaves_qty=50 * UNIT,
            qty=90 * UNIT,
            cum_qty=40 * UNIT,
            avg_price=9 * UNIT,
            cl_ord_id="C3",
        )
    )
    pause()
    gone = {"last_price": 9 * UNIT, "cum_qty": 0, "avg_price": 0}
    story.tell(
        changed(EventKind.TRADE_CANCELLED, maker, first, first, **gone),
        changed(EventKind.TRADE_CANCELLED, taker, second, first, **gone),
    )
    found = read(config, new_database)
    assert [row["bought_value"] for row in found["positions"]] == [0, 0]
    assert [row["sold_value"] for row in found["positions"]] == [0, 0]
    assert found["orders"][0]["cl_ord_id"] == "C3"


def test_a_change_the_tables_lack_is_found(
    config: Config, story: Story, new_database: Make
) -> None:
    maker, taker, first, second = trade(story)
    gone = {"cum_qty": 0, "avg_price": 0}
    story.tell(
        changed(EventKind.TRADE_CANCELLED, maker, first, first, **gone),
        changed(EventKind.TRADE_CANCELLED, taker, second, first, **gone),
    )
    consume_logs(config, new_database())
    database = new_database()
    database.open()
    database._connection.execute(  # type: ignore[attr-defined]
        f"UPDATE executions SET state = 'VALID' WHERE exec_id = '0-{second}'"
    )
    database.close()
    told = verified(config, new_database).told
    assert any(
        f"executions 0-{second}: TRADE_CANCELLED, event {story.seq}, is not in it"
        in text
        for text in told
    ), told


@pytest.mark.parametrize("way", ["pieces", "whole"])
def test_a_stop_an_iceberg_and_a_peg(
    config: Config, story: Story, new_database: Make, way: str
) -> None:
    pause = cut(config, new_database, way)
    stop = {
        "ord_type": OrdType.STOP_LIMIT,
        "stop_price": 11 * UNIT,
        "display_qty": 10 * UNIT,
        "expire_time": NOW + 10**12,
        "time_in_force": TimeInForce.GTD,
        "exec_inst": ExecInst.TRAILING | 1 << 9,
        "peg_offset": UNIT,
        "stp": SelfTrade.DECREMENT,
        "stp_id": "DESK",
    }
    story.tell(ACME, order(EventKind.ACCEPTED, 1, **stop))
    pause()
    story.tell(
        order(
            EventKind.TRIGGERED, 1, **stop, triggered=1, shown_qty=10 * UNIT, priority=9
        )
    )
    pause()
    story.tell(
        order(
            EventKind.RESTATED,
            2,
            ord_type=OrdType.PEGGED,
            exec_inst=ExecInst.PEG_PRIMARY,
            reason=Reason.REPEGGED,
        )
    )
    one, two = read(config, new_database)["orders"]
    assert (
        one
        | {
            "ord_type": "STOP_LIMIT",
            "time_in_force": "GTD",
            "stop_price": 11 * UNIT,
            "triggered": 1,
            "display_qty": 10 * UNIT,
            "shown_qty": 10 * UNIT,
            "expire_ns": NOW + 10**12,
            "exec_inst": "TRAILING 512",
            "peg_offset": UNIT,
            "stp": "DECREMENT",
            "stp_id": "DESK",
        }
        == one
    )
    assert (two["exec_inst"], two["reason"]) == ("PEG_PRIMARY", "REPEGGED")


@pytest.mark.parametrize("way", ["pieces", "whole"])
def test_phases_and_an_auction(
    config: Config, story: Story, new_database: Make, way: str
) -> None:
    pause = cut(config, new_database, way)
    phase = PhaseEvent(
        EventKind.PHASE,
        phase=Phase.OPENING_AUCTION,
        reason=PhaseReason.SCHEDULE,
        then=Phase.CONTINUOUS,
        until=NOW + 10**9,
        symbol="ACME",
    )
    story.tell(ACME, phase)
    pause()
    story.tell(replace(ACME, tick=UNIT))
    pause()
    indicative = AuctionEvent(
        EventKind.AUCTION,
        phase=Phase.OPENING_AUCTION,
        price=10 * UNIT,
        volume=40 * UNIT,
        imbalance_side=Side.BUY,
        imbalance_qty=UNIT,
        symbol="ACME",
    )
    story.tell(indicative, order(EventKind.ACCEPTED, 1), order(EventKind.ACCEPTED, 2))
    (first,) = story.tell(fill(1, 2, 40, 40, trade_id=OWN, liquidity=Liquidity.AUCTION))
    story.tell(
        replace(fill(2, 1, 40, 40, liquidity=Liquidity.AUCTION), trade_id=first),
        replace(indicative, uncrossed=1),
    )
    found = read(config, new_database)
    (held,) = found["auctions"]
    assert (held["volume"], held["imbalance_side"], held["seq"]) == (
        40 * UNIT,
        "BUY",
        story.seq,
    )
    (bargain,) = found["trades"]
    assert (bargain["aggressor_side"], bargain["buy_order_id"]) == ("", "0-1")
    assert bargain["trade_id"] == f"0-{first}"
    (acme,) = found["instruments"]
    assert acme["tick"] == UNIT
    assert (
        acme
        | {
            "phase": "OPENING_AUCTION",
            "phase_reason": "SCHEDULE",
            "phase_until_ns": NOW + 10**9,
        }
        == acme
    )
    assert [row["then_phase"] for row in found["phases"]] == ["CONTINUOUS"]


def test_what_was_only_asked_for_makes_no_rows(
    config: Config, story: Story, new_database: Make
) -> None:
    story.tell(
        order(EventKind.STATUS, 0, ord_status=OrdStatus.REJECTED, symbol="NONE"),
        OrderEvent(EventKind.MASS_CANCELLED, session=1, count=3, cl_ord_id="M"),
        OrderEvent(EventKind.MASS_STATUS_DONE, session=1, count=3, cl_ord_id="M"),
    )
    found = read(config, new_database)
    assert not any(found.values())


def test_times_people_read(config: Config, story: Story, new_database: Make) -> None:
    """No time is null, not 1970."""
    story.tell(
        order(EventKind.ACCEPTED, 1), order(EventKind.ACCEPTED, 2, expire_time=NOW)
    )
    consume_logs(config, new_database())
    database = new_database()
    database.open()
    rows = database._connection.execute(  # type: ignore[attr-defined]
        "SELECT expire FROM orders_readable ORDER BY order_id"
    ).fetchall()
    database.close()
    assert rows[0][0] is None
    assert str(rows[1][0]).startswith("2027-01-15")
