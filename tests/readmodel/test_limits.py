"""Numbers as large as they come: nothing is rounded, neither kept nor shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from engine.codes import EventKind, Liquidity, OrdStatus, OrdType, Side, TimeInForce
from engine.journal import LogKind, RecordLog
from engine.records import PRICE_MAX, QTY_MAX, OrderEvent
from fixgw.config import Config
from fixgw.readmodel import sql
from fixgw.readmodel.database import Database
from fixgw.readmodel.schema import TABLES, Type
from fixgw.readmodel.sqlite import SqliteDatabase
from fixgw.sidedoor.identity import account_key
from tests.readmodel.support import consume_logs, tables

Make = Callable[[], Database]
TIME = 1_800_000_000_123_456_789
LOWEST, HIGHEST = -(2**63), 2**63 - 1
AMOUNTS = [0, 1, -1, 10**8, -(10**8), 123_456_789, 10**8 - 1, LOWEST, HIGHEST, 10**18]


def logged(config: Config, events: Iterable[OrderEvent]) -> None:
    """A log of shard 0 with these events."""
    packed = [event.pack() for event in events]
    log = RecordLog(config.shard_folder(0) / "events", LogKind.EVENTS, 0)
    log.append(b"".join(packed), len(packed), TIME)
    log.close()


def fill(seq: int, side: Side, qty: int, price: int, **facts: Any) -> OrderEvent:
    """One fill of an order of its own."""
    values: dict[str, Any] = {
        "kind": EventKind.FILLED,
        "seq": seq,
        "command_seq": seq,
        "time": TIME + seq,
        "session": account_key("ALICE"),
        "account": "ALICE",
        "symbol": "BIG",
        "side": side,
        "ord_type": OrdType.LIMIT,
        "time_in_force": TimeInForce.DAY,
        "ord_status": OrdStatus.FILLED,
        "liquidity": Liquidity.REMOVED,
        "order_id": seq,
        "contra_order_id": seq + 1,
        "trade_id": seq,
        "price": price,
        "qty": qty,
        "cum_qty": qty,
        "last_price": price,
        "last_qty": qty,
        "cl_ord_id": f"c{seq}",
    }
    return OrderEvent(**{**values, **facts})


def units(number: str | Decimal, places: int) -> int:
    """A decimal number in units of its last place, by its digits alone."""
    text = number if isinstance(number, str) else f"{number:f}"
    whole, _, part = text.partition(".")
    assert len(part) <= places
    return int(whole + part.ljust(places, "0"))


def shown(database: Database, view: str, order: str) -> list[dict[str, Any]]:
    """All rows of a view, as people would get them."""
    with closing(database.snapshot()) as snapshot:
        connection: Any = snapshot._connection  # type: ignore[attr-defined]
        cursor = connection.execute(f"SELECT * FROM {view} ORDER BY {order}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_positions_beyond_all_integers(config: Config, new_database: Make) -> None:
    count = 40
    events = [fill(n, Side.BUY, QTY_MAX, PRICE_MAX) for n in range(1, count)]
    events.append(fill(count, Side.SELL, QTY_MAX - 1, PRICE_MAX - 1))
    logged(config, events)
    consume_logs(config, new_database())
    (position,) = tables(new_database())["positions"]
    bought = (count - 1) * QTY_MAX
    assert bought > 2**64
    assert (count - 1) * QTY_MAX * PRICE_MAX > 2**124
    assert position == {
        "session": f"{account_key('ALICE'):016x}",
        "account": "ALICE",
        "symbol": "BIG",
        "net_qty": bought - (QTY_MAX - 1),
        "bought_qty": bought,
        "bought_value": bought * PRICE_MAX,
        "sold_qty": QTY_MAX - 1,
        "sold_value": (QTY_MAX - 1) * (PRICE_MAX - 1),
        "updated_ns": TIME + count,
    }
    (row,) = shown(new_database(), "positions_readable", "symbol")
    assert Decimal(row["net_qty"]) == Decimal("380000000000.00000001")
    assert Decimal(row["bought_qty"]) == Decimal("390000000000")
    assert str(row["sold_qty"]) == "9999999999.99999999"
    assert Decimal(row["bought_value"]) == Decimal("3900000000000000000000")
    assert str(row["sold_value"]) == "99999999999999999800.0000000000000001"
    (person,) = tables(new_database())["participants"]
    assert person["name"] == "REST:ALICE"


def test_what_was_refused_may_bear_any_number(
    config: Config, new_database: Make
) -> None:
    """Refused orders are told as they came."""
    events = [
        OrderEvent(
            EventKind.REJECTED,
            seq=n + 1,
            command_seq=n + 1,
            time=TIME,
            order_id=n + 1,
            ord_status=OrdStatus.REJECTED,
            price=amount,
            qty=amount,
            side=n,
            ord_type=255 - n,
        )
        for n, amount in enumerate(AMOUNTS)
    ]
    logged(config, events)
    consume_logs(config, new_database())
    found = tables(new_database())["order_events"]
    assert sorted(row["price"] for row in found) == sorted(AMOUNTS)
    rows = shown(new_database(), "order_events_readable", "seq")
    for amount, row in zip(AMOUNTS, rows, strict=True):
        assert units(row["qty"], 8) == amount
        assert str(row["qty"]) == str(row["price"])
        assert (row["shard"], row["seq"]) == (0, AMOUNTS.index(amount) + 1)


def test_amounts_and_times_as_people_read_them(
    config: Config, new_database: Make
) -> None:
    logged(config, [fill(1, Side.SELL, 150_000_000, 1_025_000_000)])
    consume_logs(config, new_database())
    (row,) = shown(new_database(), "executions_readable", "seq")
    assert (str(row["qty"]), str(row["price"])) == ("1.5", "10.25")
    time = row["time"]
    if isinstance(time, datetime):
        assert time.timestamp() == pytest.approx(TIME / 1e9, abs=1e-6)
    else:
        assert time == "2027-01-15T08:00:00.123456790Z"
    (position,) = shown(new_database(), "positions_readable", "symbol")
    assert [
        str(position[name]) for name in ("net_qty", "sold_value", "bought_qty")
    ] == [
        "-1.5",
        "15.375",
        "0",
    ]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("places", [8, 16])
def test_digits_of_any_length(tmp_path: Path, sign: int, places: int) -> None:
    """SQLite has them as text, and a point is put into it."""
    column = next(
        column
        for table in TABLES
        for column in table.columns
        if column.type.is_sum and column.type.places == places
    )
    expression = sql.SQLITE.decimal(column)
    database = SqliteDatabase(tmp_path / "tables" / "readmodel.sqlite")
    database.open()
    assert database._connection
    for digits in (
        "0",
        "1",
        "9" * 7,
        "1" + "0" * 8,
        "9" * 16,
        "12" + "0" * 16,
        "7" * 60,
    ):
        value = sign * int(digits)
        (text,) = database._connection.execute(
            f"SELECT {expression} FROM (SELECT ? AS {column.name})", (str(value),)
        ).fetchone()
        assert units(text, places) == value
        assert text == text.rstrip("0").rstrip(".") or value % 10**places == 0
    database.close()


AMOUNT_NAMES = (
    *("qty", "price", "value", "volume", "fee", "peg_offset", "tick", "lot", "band"),
    *("_min", "_max"),
)
"""What the columns of amounts end with."""


def test_every_column_of_a_kind_is_shown_as_one() -> None:
    """Kinds with the same SQL type are still different kinds."""
    assert len({*Type}) == 6
    for table in TABLES:
        for column in table.columns:
            is_time = column.name.endswith("_ns") and column.name != "volatility_ns"
            assert (column.type is Type.TIME) == is_time
            is_amount = column.name.endswith(AMOUNT_NAMES)
            assert (column.type.places > 0) == (is_amount and table.name != "meta")


def test_text_a_server_cannot_hold(config: Config, postgres: Any) -> None:
    """Not from any way in; it must not be an endless attempt."""
    from fixgw.readmodel.database import DatabaseRefused
    from fixgw.readmodel.postgres import PostgresDatabase

    logged(config, [fill(1, Side.BUY, 1, 1, cl_ord_id="a\0b")])
    url = postgres.fresh_database()
    with pytest.raises(DatabaseRefused, match="cannot contain NUL"):
        consume_logs(config, PostgresDatabase(url))
    with psycopg.connect(url) as connection:
        found = connection.execute(b"SELECT * FROM fixgw.progress").fetchall()
    assert found == []
