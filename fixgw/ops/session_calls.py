"""Asking the gateway about its sessions over its admin socket, for the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from engine.host.admin import AdminError, NotRunning, call
from fixgw.ops.options import CONFIGURATION_WRONG
from fixgw.ops.setup import Overrides, SetupError, load_config
from fixgw.ops.shard_calls import end, give_up, unknown

ANSWER_S_MAX = 5.0
"""How long one answer may take; a gateway that is well needs milliseconds."""

END_S_MAX = 65.0
"""The same where a client is logged out or a shard waited for: longer than the gateway
would wait itself."""

AT_ONCE_MAX = 16
"""Sessions that are dealt with at the same time: each may wait for its client. The
gateway serves 64 callers."""

GatewayError = AdminError | NotRunning


class SessionCalls:
    """The sessions of the exchange that the options name."""

    def __init__(self, config: Path | None, data: Path | None) -> None:
        try:
            loaded = load_config(Overrides(config=config, data=data))
        except SetupError as error:
            give_up(str(error), CONFIGURATION_WRONG)
        self._path = loaded.admin_socket("gateway")

    def ask(
        self,
        command: str,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        timeout_s: float = ANSWER_S_MAX,
    ) -> Any:
        """A command about one session. Raises AdminError and NotRunning."""
        given = {"session": name, **(arguments or {})}
        return call(self._path, f"sessions.{command}", given, timeout_s)

    def look(self, name: str) -> dict[str, Any]:
        """All about a session; the end of the process when there is none."""
        try:
            row = self.ask("show", name)
        except (AdminError, NotRunning) as error:
            give_up(str(error))
        assert isinstance(row, dict)
        return row

    def rows(self, names: Sequence[str] = ()) -> tuple[list[dict[str, Any]], int]:
        """All sessions or these, and the gateway's time. Raises AdminError and
        NotRunning."""
        rows: list[dict[str, Any]] = []
        following: int | None = 0
        while following is not None:
            part = {"from": following}
            answer = call(self._path, "sessions.list", part, ANSWER_S_MAX)
            rows += answer["sessions"]
            following, now_ns = answer["next"], answer["time_ns"]
        known = {row[key]: row for row in rows for key in ("session", "name")}
        folded = {name.casefold(): row for name, row in known.items()}
        found = {}
        for name in names:
            row = known.get(name) or folded.get(name.casefold())
            if row is None:
                said = unknown("there is no session", name, known)
                raise AdminError("NOT_FOUND", said)
            found[row["session"]] = row
        return list(found.values()) if names else rows, now_ns

    def of_each(
        self,
        names: Sequence[str],
        command: str,
        arguments: Mapping[str, Any],
        timeout_s: float,
    ) -> Iterator[tuple[str, Any | GatewayError]]:
        """The answers, or why there is none, in the order of the names."""

        def one(name: str) -> Any:
            try:
                return self.ask(command, name, arguments, timeout_s)
            except (AdminError, NotRunning) as error:
                return error

        with ThreadPoolExecutor(AT_ONCE_MAX) as pool:
            yield from zip(names, pool.map(one, names), strict=True)


def change_each(
    names: Sequence[str],
    command: str,
    arguments: Mapping[str, Any],
    timeout_s: float,
    *,
    everything: bool,
    confirm: bool,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """One command for each session, and what came of it. One that is refused does not
    keep the others from it."""
    if everything == bool(names):
        raise click.UsageError(f"name the sessions to {command}, or say --all")
    calls = SessionCalls(config, data)
    chosen = list(dict.fromkeys(names))
    if everything:
        try:
            rows, _ = calls.rows()
        except (AdminError, NotRunning) as error:
            give_up(str(error))
        chosen = [row["session"] for row in rows]
        if not confirm:
            raise click.UsageError(
                f"this would {command} all {len(chosen)} sessions; add --confirm to do "
                "it"
            )
    results, problems = [], []
    for name, answer in calls.of_each(chosen, command, arguments, timeout_s):
        if isinstance(answer, NotRunning):
            problems.append(str(answer))
        elif isinstance(answer, AdminError):
            text = str(answer)
            problems.append(
                text if name.casefold() in text.casefold() else f"{name}: {text}"
            )
        else:
            results.append(answer)
            if not as_json:
                click.echo(f"{answer['name']} {answer['message']}")
    if as_json:
        click.echo(json.dumps(results, indent=2))
    end(list(dict.fromkeys(problems)))


def change_number(
    name: str,
    command: str,
    number: int,
    would: Callable[[dict[str, Any]], str],
    *,
    confirm: bool,
    as_json: bool,
    config: Path | None,
    data: Path | None,
) -> None:
    """Set a number of one session; ``would`` says of its row what that means."""
    calls = SessionCalls(config, data)
    if not confirm:
        text = would(calls.look(name))
        raise click.UsageError(f"this would {text}; add --confirm to do it")
    try:
        answer = calls.ask(command, name, {"number": number}, END_S_MAX)
    except (AdminError, NotRunning) as error:
        give_up(str(error))
    if as_json:
        click.echo(json.dumps(answer, indent=2))
    else:
        click.echo(f"{answer['name']} {answer['message']}")
