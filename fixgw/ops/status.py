"""``fixgw status``: is all well, and what is not."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.host.admin import AdminError, NotRunning, call
from fixgw.config import Config
from fixgw.ops.options import CONFIGURATION_WRONG
from fixgw.ops.setup import Overrides, SetupError, load_config

ANSWER_S_MAX = 3.0
"""A process that does not answer within this time is not well."""

NOT_WELL = 1
"""Exit code: at least one process is down or has a problem."""

DOWN = "is not running"
"""The problem of a process that nobody serves the admin socket of."""

FACTS_SHOWN_MAX = 6
"""Figures shown per process; --json has all of them."""


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="Configuration.")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder [./data].")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object, with all facts."
)
def status(config: Path | None, data: Path | None, as_json: bool) -> None:
    """Ask every process of the exchange how it is.

    Ends with code 0 when all is well and 1 when something is not; then the last lines
    say what.
    """
    try:
        loaded = load_config(Overrides(config=config, data=data))
    except SetupError as error:
        click.echo(str(error), err=True)
        sys.exit(CONFIGURATION_WRONG)
    answers = ask_all(loaded)
    problems = [
        f"{name}: {problem}"
        for name, answer in answers.items()
        for problem in answer["problems"]
    ]
    if as_json:
        whole = {"healthy": not problems, "problems": problems, "processes": answers}
        click.echo(json.dumps(whole, indent=2))
    elif all(answer["problems"] == [DOWN] for answer in answers.values()):
        click.echo(f"no exchange runs on {loaded.data}: start it with 'fixgw up'")
    else:
        _show(answers, problems)
    sys.exit(NOT_WELL if problems else 0)


def ask_all(config: Config) -> dict[str, dict[str, Any]]:
    """What each process says, by its name, all asked at once.

    Always with "running", "healthy", "problems" and "facts".
    """
    names = ["supervisor", *config.processes]
    with ThreadPoolExecutor(len(names)) as pool:
        answers = pool.map(lambda name: _ask(config, name), names)
        found = dict(zip(names, answers, strict=True))
    if not found["supervisor"]["running"] and any(
        answer["running"] for answer in found.values()
    ):
        # Processes that are run one by one have none: that is no fault.
        found.pop("supervisor")
    return found


def _ask(config: Config, name: str) -> dict[str, Any]:
    silent = {"process": name, "running": False, "healthy": False, "facts": {}}
    try:
        answer = call(config.admin_socket(name), "status", {}, ANSWER_S_MAX)
    except NotRunning as error:
        hidden = isinstance(error.__context__, PermissionError)
        return {**silent, "problems": [str(error) if hidden else DOWN]}
    except AdminError as error:
        return {**silent, "running": True, "problems": [error.message]}
    return {**answer, "running": True}


def _show(answers: dict[str, dict[str, Any]], problems: list[str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("process", "state", "pid", "up", "figures"):
        table.add_column(title, overflow="fold")
    for name, answer in answers.items():
        if not answer["running"]:
            state = Text("down", "bold red")
        elif answer["healthy"]:
            state = Text("well", "green")
        else:
            state = Text("not well", "bold yellow")
        row = [str(answer.get("pid", "")), _age(answer.get("started_ns"))]
        table.add_row(
            Text(name), state, *map(Text, row), Text(_figures(answer["facts"]))
        )
    console = Console(highlight=False)
    console.print(table)
    console.print()
    for problem in problems:
        console.print(Text(_printable(problem), "red"), soft_wrap=True)
    if not problems:
        console.print(Text("all is well", "green"))


def _figures(facts: dict[str, Any]) -> str:
    """The plain ones, as far as there is room."""
    plain = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in facts.items()
        if isinstance(value, int | float | str)
        and not isinstance(value, bool)
        and value != ""
    ]
    return _printable(", ".join(plain[:FACTS_SHOWN_MAX]))


def _printable(text: str) -> str:
    """Without what would steer a terminal: some of it comes from other servers."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _age(started_ns: int | None) -> str:
    if started_ns is None:
        return ""
    seconds = max(0, time.time_ns() - started_ns) // 1_000_000_000
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    if days:
        return f"{days}d {hours:02}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {seconds:02}s" if minutes else f"{seconds}s"
