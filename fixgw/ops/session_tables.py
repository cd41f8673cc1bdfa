"""Sessions as tables, for terminals and for what reads lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from fixgw.ops.shard_calls import PIPE_WIDTH, table

NS_PER_S = 1_000_000_000

_STYLES = {"ACTIVE": "green", "DISCONNECTED": "dim"}
_UNDER_WAY = "yellow"


def console() -> Console:
    """Where tables go: as wide as they must be where no terminal limits them."""
    # Text of clients may stand in a table: none of it may mean anything here.
    made = Console(highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made


def sessions_table(rows: Sequence[dict[str, Any]], now_ns: int, width: int) -> Table:
    """One line for each session; times are those since ``now_ns``.

    Where the whole would not fit into ``width``, columns are left out, those first
    that are missed least.
    """
    columns = {title: [cell(row, now_ns) for row in rows] for title, cell in _CELLS}
    widths = {
        title: max(len(title.removesuffix(">")), *map(len, cells), 0)
        for title, cells in columns.items()
    }
    for title in _DISPENSABLE:
        if sum(widths.values()) + _GAP * (len(widths) - 1) <= width:
            break
        del columns[title], widths[title]
    made = table(*columns)
    for cells in zip(*columns.values(), strict=True):
        made.add_row(*cells)
    return made


def session_page(row: dict[str, Any], now_ns: int) -> RenderableType:
    """Everything about one session."""
    facts = {
        "state": _state(row, now_ns),
        "enabled": _enabled(row),
        "peer": row["peer"] or "none",
        "next in": f"{row['next_in']}{_processed(row)}",
        "next out": str(row["next_out"]),
        "epoch": str(row["epoch"]),
        "window": _time(row["window_start_ns"]) or "always open",
        "heartbeat": _seconds(row["heartbeat_s"]),
        "queued": f"{row['queued']} messages stored and not sent",
        "unsent": f"{row['unsent_bytes']} bytes the client has not read",
        "remarks": _remarks(row, command=row["command"]),
        "last end": _end(row["last_disconnect"]),
        "last refused": _end(row["last_refused"]),
        "key": row["key"],
    }
    counters = {
        name.replace("_", " "): str(count) for name, count in row["counters"].items()
    }
    return Group(
        Text(row["session"], "bold"),
        _grid(facts),
        Text("\nsince the gateway began", "bold"),
        _grid(counters),
        Text("\nsettings", "bold"),
        _grid(row["settings"]),
    )


def age(since_ns: int | None, now_ns: int) -> str:
    """How long ago, to two units."""
    if since_ns is None:
        return ""
    seconds = max(0, now_ns - since_ns) // NS_PER_S
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours:02}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {seconds:02}s" if minutes else f"{seconds}s"


def _grid(facts: dict[str, Any]) -> Table:
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in facts.items():
        if text:
            grid.add_row(Text(f"  {name}", "dim"), text)
    return grid


def _state_name(state: str) -> Text:
    return Text(state, _STYLES.get(state, _UNDER_WAY))


def _seconds(seconds: int | None) -> str:
    return "" if seconds is None else f"{seconds} s"


def _count(count: int) -> str:
    """Nothing where there is nothing: what waits should be seen."""
    return str(count) if count else ""


def _state(row: dict[str, Any], now_ns: int) -> str:
    since = row["logged_on_since_ns"]
    if since is None:
        return str(row["state"])
    return f"{row['state']} for {age(since, now_ns)}, since {_time(since)}"


def _enabled(row: dict[str, Any]) -> str:
    if row["enabled"]:
        return "yes"
    text = f": {row['disabled_text']}" if row["disabled_text"] else ""
    return f"no, since {_time(row['disabled_since_ns'])}{text}"


def _processed(row: dict[str, Any]) -> str:
    if not row["unconfirmed"]:
        return ""
    return f", from {row['processed_in']} on they wait for a shard"


def _end(end: dict[str, Any] | None) -> str:
    if end is None:
        return ""
    return (
        f"{_time(end['time_ns'])}, {end['peer']}, {end['reason']} ({end['number']}): "
        f"{end['text']}"
    )


def _time(ns: int | None) -> str:
    if ns is None:
        return ""
    when = datetime.fromtimestamp(ns // NS_PER_S, UTC)
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def _remarks(row: dict[str, Any], command: str | None = None) -> Text:
    remarks = {
        "disabled": not row["enabled"],
        "serves a resend": row["replaying"],
        "waits for a resend": row["missing"],
        f"{command} under way": bool(command),
    }
    told = ", ".join(name for name, holds in remarks.items() if holds)
    return Text(told, "bold red" if not row["enabled"] else _UNDER_WAY)


_CELLS: list[tuple[str, Callable[[dict[str, Any], int], str | Text]]] = [
    ("session", lambda row, now_ns: row["name"]),
    ("state", lambda row, now_ns: _state_name(row["state"])),
    ("logged on", lambda row, now_ns: age(row["logged_on_since_ns"], now_ns)),
    ("peer", lambda row, now_ns: row["peer"] or ""),
    ("next in>", lambda row, now_ns: str(row["next_in"])),
    ("next out>", lambda row, now_ns: str(row["next_out"])),
    ("epoch>", lambda row, now_ns: str(row["epoch"])),
    ("heartbeat>", lambda row, now_ns: _seconds(row["heartbeat_s"])),
    ("queued>", lambda row, now_ns: _count(row["queued"])),
    ("unconfirmed>", lambda row, now_ns: _count(row["unconfirmed"])),
    ("remarks", lambda row, now_ns: _remarks(row)),
]
"""The columns of the list. A title that ends in ``>`` is of numbers."""

_DISPENSABLE = ("heartbeat>", "epoch>", "peer", "unconfirmed>", "queued>", "logged on")
_GAP = 2
"""Blanks between two columns."""
