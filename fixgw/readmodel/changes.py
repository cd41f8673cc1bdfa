"""Trades that were cancelled or corrected by the operator: what becomes of the rows.

The event of a correction has the new price only. The old one, which the position was
made with, is in the row of the execution: so these statements read before they write,
inside the transaction of their batch. There are few of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from engine.records import OrderEvent
from fixgw.readmodel import sql
from fixgw.readmodel.rows import (
    STATES,
    Batch,
    Row,
    identifier,
    position_sums,
    session_text,
)
from fixgw.readmodel.schema import EXECUTIONS, POSITIONS, TRADES, Table

CANCELLED = "CANCELLED"

Execute = Callable[[str, Sequence[object]], Row | None]
"""Runs a statement; the first row of what it gives."""


def apply(
    dialect: sql.Dialect,
    execute: Execute,
    add: Callable[[Table, list[Row]], None],
    batch: Batch,
) -> None:
    """All of a batch that changes rows there are, after its own rows were written.

    ``add`` writes rows of a table.
    """
    for event in batch.changes:
        _change_trade(dialect, execute, add, event)
    for (table, key), columns in batch.updates.items():
        execute(sql.update(dialect, table, columns), [*columns.values(), *key])


def _change_trade(
    dialect: sql.Dialect,
    execute: Execute,
    add: Callable[[Table, list[Row]], None],
    event: OrderEvent,
) -> None:
    exec_id = identifier(event.contra_order_id)
    found = execute(sql.select_fill(dialect), (exec_id,))
    if found is None:
        return
    price, qty, state = found
    new = changed_fill(event, price, state)
    if new is None:
        return
    key = session_text(event.session), event.account, event.symbol
    more = position_change(event, price, qty)
    add(POSITIONS, [(*key, *more, event.time)])
    columns = dict(zip(("state", "price"), new, strict=True))
    for table, row in ((EXECUTIONS, exec_id), (TRADES, identifier(event.trade_id))):
        execute(sql.update(dialect, table, columns), [*columns.values(), row])


def changed_fill(event: OrderEvent, price: Any, state: Any) -> tuple[str, int] | None:
    """State and price of a fill after a change; None if it counts no more already."""
    if state == CANCELLED:
        return None
    new_state = STATES[event.kind]
    return new_state, price if new_state == CANCELLED else event.last_price


def position_change(event: OrderEvent, price: Any, qty: Any) -> list[int]:
    """What the change of a fill that was made at ``price`` adds to its position."""
    old = position_sums(event.side, qty, price)
    new = [0] * len(old)
    if STATES[event.kind] != CANCELLED:
        new = position_sums(event.side, qty, event.last_price)
    return [after - before for after, before in zip(new, old, strict=True)]
