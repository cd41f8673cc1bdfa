"""Asking the shards of an exchange over their admin sockets, for the command line."""

from __future__ import annotations

import contextlib
import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
from rich.console import Console
from rich.table import Table

from engine.host.admin import AdminError, NotRunning, call
from engine.host.operator import LIST_MAX
from engine.instruments import load as load_instruments
from fixgw.config import Config
from fixgw.ops.options import CONFIGURATION_WRONG
from fixgw.ops.setup import Overrides, SetupError, load_config
from fixgw.orders.routing import ShardMap

ANSWER_S_MAX = 5.0
"""How long one answer may take; a shard that is well needs milliseconds."""

BULK_S_MAX = 70.0
"""The same for what goes through all orders: longer than a shard would take itself."""

PIPE_WIDTH = 1000
"""Wider than any row: what a program reads must not be cut."""

REFUSED = 1
"""Exit code: something that was asked for was not done; the message says why."""

ShardError = AdminError | NotRunning

_PATH = click.Path(path_type=Path)
_Answer = TypeVar("_Answer")
_Command = TypeVar("_Command", bound=Callable[..., Any])


def where(command: _Command) -> _Command:
    """The options that say which exchange is meant."""
    command = click.option("--data", type=_PATH, help="Data folder [./data].")(command)
    return click.option(
        "--config", type=_PATH, help="Configuration [config/fixgw.toml]."
    )(command)


as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="JSON instead of text."
)


class Shards:
    """The shards of the exchange that the options name."""

    def __init__(self, config: Path | None, data: Path | None) -> None:
        self.overrides = Overrides(config=config, data=data)
        try:
            self.config: Config = load_config(self.overrides)
        except SetupError as error:
            give_up(str(error), CONFIGURATION_WRONG)
        self._map = ShardMap(self.config.shard_count, self.config.pins)

    @property
    def numbers(self) -> range:
        """All of them."""
        return range(self.config.shard_count)

    def of(self, symbol: str) -> int:
        """The shard that has a symbol, whether or not the symbol is traded."""
        return self._map.shard_of(symbol.encode())

    def ask(
        self,
        shard: int,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        timeout_s: float = ANSWER_S_MAX,
    ) -> Any:
        """One command of one shard. Raises AdminError and NotRunning."""
        path = self.config.admin_socket(f"shard {shard}")
        return call(path, command, arguments, timeout_s)

    def each(
        self, numbers: Iterable[int], action: Callable[[int], _Answer]
    ) -> tuple[list[_Answer], list[str]]:
        """What ``action`` gives for each shard, and what was wrong with the others."""
        answers, problems = [], []
        for shard in numbers:
            try:
                answers.append(action(shard))
            except (AdminError, NotRunning) as error:
                problems.append(f"shard {shard}: {error}")
        return answers, problems

    def rows(
        self,
        shard: int,
        command: str,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """A whole list of one shard, part by part, or its first ``limit`` rows.

        Each row gets its shard. Raises AdminError and NotRunning.
        """
        rows: list[dict[str, Any]] = []
        following: int | None = 0
        while following is not None and (limit is None or len(rows) < limit):
            size = LIST_MAX if limit is None else min(LIST_MAX, limit - len(rows))
            part = {**(arguments or {}), "from": following, "limit": size}
            answer = self.ask(shard, command, part)
            rows += [{**row, "shard": shard} for row in answer[name]]
            following = answer["next"]
        return rows

    def instruments(self) -> tuple[list[dict[str, Any]], list[str]]:
        """All instruments by symbol, and what was wrong with shards that gave none."""
        parts, problems = self.each(
            self.numbers,
            lambda shard: self.rows(shard, "instruments.list", "instruments"),
        )
        rows = [row for part in parts for row in part]
        return sorted(rows, key=lambda row: str(row["symbol"])), problems

    def symbols(self) -> list[str]:
        """Every symbol of a shard that answers, and those that are configured."""
        known = {row["symbol"] for row in self.instruments()[0]}
        with contextlib.suppress(OSError, ValueError):
            text = self.config.instruments.read_text()
            loaded = load_instruments(text, str(self.config.instruments))
            known |= {one.symbol for one in loaded}
        return sorted(known)

    def about(self, symbol: str, error: ShardError) -> str:
        """What to say of an error with a symbol: the nearest one, of any shard."""
        if not isinstance(error, AdminError) or error.code != "NOT_FOUND":
            return f"{symbol}: {error}"
        return unknown("there is no instrument", symbol, self.symbols())


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """``what`` and the name nobody has, with the nearest that somebody has."""
    by_case = {one.upper(): one for one in known}
    near = difflib.get_close_matches(name.upper(), by_case, n=1)
    advice = f"; did you mean {by_case[near[0]]}?" if near else ""
    return f"{what} {name}{advice}"


def give_up(message: str, code: int = REFUSED) -> NoReturn:
    """The message on standard error, and the end."""
    click.echo(f"fixgw: {message}", err=True)
    sys.exit(code)


def end(problems: list[str]) -> None:
    """Each problem on standard error; the exit code says whether there were any."""
    for problem in problems:
        click.echo(f"fixgw: {problem}", err=True)
    if problems:
        sys.exit(REFUSED)


def table(*titles: str) -> Table:
    """An empty table; a title that ends in ``>`` is of a column of numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        right = title.endswith(">")
        made.add_column(
            title.removesuffix(">"),
            justify="right" if right else "left",
            no_wrap=True,
        )
    return made


def show(made: Table) -> None:
    """Print it; as wide as it must be where there is no terminal to fit."""
    # Identifiers come from clients: none of their characters may mean anything here.
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(made)
