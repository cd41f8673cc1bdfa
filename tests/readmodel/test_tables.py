"""The tables hold what the events say, row by row, in both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fixgw.config import Config
from fixgw.readmodel import schema
from fixgw.readmodel.comparison import Findings
from fixgw.readmodel.database import Database, DatabaseInUse, DatabaseRefused
from fixgw.readmodel.sources import LogSource, StreamBroken
from fixgw.readmodel.verify import verify
from tests.readmodel.support import (
    History,
    config_of,
    consume,
    consume_logs,
    expected,
    tables,
)

Make = Callable[[], Database]


def test_every_row(config: Config, history: History, new_database: Make) -> None:
    consumer = consume_logs(config, new_database())
    assert consumer.figures.events == history.count
    found, wanted = tables(new_database()), expected(history)
    assert found.keys() == wanted.keys()
    for name, rows in wanted.items():
        assert rows or name == "auctions", name
        assert found[name] == rows, name
    widest = max(row["bought_value"] for row in found["positions"])
    assert widest > 2**63, "nothing was near the limits"


def test_in_steps_as_at_once(
    config: Config, history: History, new_database: Make
) -> None:
    for _ in range(5):
        consume_logs(config, new_database())
        history.write(400)
    consumer = consume_logs(config, new_database())
    assert 0 < consumer.figures.events < history.count
    assert tables(new_database()) == expected(history)
    assert consume_logs(config, new_database()).figures.events == 0


def test_two_writers(config: Config, history: History, new_database: Make) -> None:
    first = new_database()
    first.open()
    with pytest.raises(DatabaseInUse, match="has a writer already"):
        new_database().open()
    first.close()
    consume_logs(config, new_database())


def test_another_history(
    config: Config, history: History, new_database: Make, tmp_path_factory: object
) -> None:
    """Data folder and database that do not belong together."""
    consume_logs(config, new_database())
    other_config = config_of(tmp_path_factory.mktemp("other"))  # type: ignore[attr-defined]
    other = History(other_config, seed=8)
    other.write(4000)
    before = tables(new_database())
    with pytest.raises(StreamBroken, match="the history of another exchange"):
        consume_logs(other_config, new_database())
    assert tables(new_database()) == before
    other.close()


def test_another_schema_version(new_database: Make) -> None:
    database = new_database()
    database.open()
    database._connection.execute("UPDATE meta SET value = '1'")  # type: ignore[attr-defined]
    database.close()
    for _ in range(2):
        with pytest.raises(DatabaseRefused, match="has schema version 1, this release"):
            new_database().open()


def test_a_rebuild_is_the_same(
    config: Config, history: History, new_database: Make
) -> None:
    consume_logs(config, new_database())
    before = tables(new_database())
    target = new_database()
    consume(LogSource(config), target.beside(anew=True))
    ready = target.beside()
    ready.open()
    target.replace_by(ready)
    assert tables(new_database()) == before
    history.write(200)
    consume_logs(config, new_database())
    assert tables(new_database()) == expected(history)


def verification(config: Config, database: Database) -> Findings:
    """What a comparison finds."""
    snapshot = database.snapshot()
    source = LogSource(config)

    async def run() -> Findings:
        try:
            return await verify(source, snapshot, lambda size: None)
        finally:
            await source.close()

    found = asyncio.run(run())
    snapshot.close()
    return found


def test_verify_finds_nothing(
    config: Config, history: History, new_database: Make
) -> None:
    consume_logs(config, new_database())
    findings = verification(config, new_database())
    assert findings.told == []
    assert findings.events == history.count
    found = tables(new_database())
    compared = [len(found[name]) for name in found if name != "participants"]
    assert findings.rows == sum(compared)


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("UPDATE orders SET leaves_qty = leaves_qty + 1 WHERE order_id = '{order}'",)
        + ("leaves_qty is",),
        ("DELETE FROM executions WHERE order_id = '{filled}'", "a row is missing"),
        ("UPDATE positions SET net_qty = '1' WHERE symbol = 'WIDE'", "net_qty is 1"),
        ("UPDATE order_events SET kind = 'X' WHERE shard = 1 AND seq = 5", "kind is"),
        (
            "UPDATE executions SET exec_id = 'x' WHERE exec_id = "
            "(SELECT MIN(exec_id) FROM executions)",
            *("executions: ",),
        ),
        ("DELETE FROM orders WHERE order_id = '{order}'", "orders: a row is missing"),
        (
            "UPDATE trades SET trade_id = 'x', seq = 999999999 WHERE trade_id = "
            "(SELECT MIN(trade_id) FROM trades)",
            "trades: ",
        ),
    ],
)
def test_verify_finds_a_change(
    config: Config, history: History, new_database: Make, statement: str, wanted: str
) -> None:
    consume_logs(config, new_database())
    found = tables(new_database())
    order = found["orders"][0]["order_id"]
    filled = found["executions"][0]["order_id"]
    database = new_database()
    database.open()
    database._connection.execute(  # type: ignore[attr-defined]
        statement.format(order=order, filled=filled)
    )
    database.close()
    findings = verification(config, new_database())
    assert findings.differences
    assert all(wanted in text for text in findings.told), findings.told


def test_readable_views(config: Config, history: History, new_database: Make) -> None:
    consume_logs(config, new_database())
    database = new_database()
    database.open()
    rows = database._connection.execute(  # type: ignore[attr-defined]
        "SELECT t.price, r.price, t.qty, r.qty FROM trades t "
        "JOIN trades_readable r ON t.trade_id = r.trade_id"
    ).fetchall()
    database.close()
    assert rows
    for price, shown_price, qty, shown_qty in rows:
        assert float(shown_price) == pytest.approx(price / 1e8)
        assert float(shown_qty) == pytest.approx(qty / 1e8)


def test_the_document_is_current() -> None:
    document = schema.DOCUMENT.read_text()
    assert schema.with_tables(document) == document
