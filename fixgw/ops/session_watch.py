"""The table of sessions that is always as of now."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import click
from rich.console import Group
from rich.live import Live
from rich.text import Text

from engine.host.admin import AdminError, NotRunning
from fixgw.ops.session_calls import SessionCalls
from fixgw.ops.session_tables import console, sessions_table

REFRESH_S = 1.0


def watch_table(calls: SessionCalls, names: Sequence[str]) -> None:
    """Until Ctrl-C. A gateway that goes away is said and waited for. Raises AdminError
    and NotRunning when it cannot be asked the first time."""
    rows, now_ns = calls.rows(names)
    problem = ""
    screen = console()
    with Live(console=screen, auto_refresh=False) as live:
        while True:
            shown = sessions_table(rows, now_ns, screen.width)
            live.update(Group(shown, Text(problem, "bold red")) if problem else shown)
            live.refresh()
            time.sleep(REFRESH_S)
            try:
                rows, now_ns = calls.rows(names)
                problem = ""
            except (AdminError, NotRunning) as error:
                problem = str(error)


def watch_lines(calls: SessionCalls, names: Sequence[str]) -> None:
    """One line of JSON for each refresh. Raises AdminError and NotRunning."""
    while True:
        rows, now_ns = calls.rows(names)
        click.echo(json.dumps({"time_ns": now_ns, "sessions": rows}))
        time.sleep(REFRESH_S)
