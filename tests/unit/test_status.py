"""``fixgw status`` shows what processes say, and nothing else happens by it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.host.admin import AdminServer, AuditLog, Command
from fixgw.config import Config, load
from fixgw.ops import status as module
from fixgw.ops.cli import main

NASTY = "[red]no[/red] [/nothing] [link=x] \x1b[2J\x07 \\[ ]"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """One shard and a gateway."""
    path = tmp_path / "fixgw.toml"
    path.write_text(
        'sessions = "s"\ninstruments = "i"\ndata = "data"\n[shards]\ncount = 1\n'
        "[sidedoor]\nenabled = false\n[readmodel]\nenabled = false\n"
    )
    return load(path)


@contextmanager
def process(config: Config, name: str, **changes: Any) -> Iterator[None]:
    """A process that answers at its admin socket."""
    answer = {
        "process": name,
        "pid": 4711,
        "started_ns": time.time_ns() - 3_723 * 10**9,
        "version": "1.2.3",
        "healthy": True,
        "problems": [],
        "facts": {},
        **changes,
    }
    commands = {"status": Command(lambda _: answer, changes=False)}
    audit = AuditLog(config.audit_log)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(10)

    server = AdminServer(config.admin_socket(name), commands, audit, name)
    run(server.start())
    try:
        yield
    finally:
        run(server.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run(config: Config, *words: str) -> Result:
    env = {"COLUMNS": "150"}
    return CliRunner(env=env).invoke(
        main, ["status", "--config", str(config.path), *words]
    )


def test_what_others_say_is_text(config: Config) -> None:
    facts = {"[bold]figure": NASTY, "flag": True, "empty": "", "zero": 0, "half": 0.5}
    with (
        process(config, "shard 0", facts=facts),
        process(config, "gateway", healthy=False, problems=[NASTY]),
    ):
        result = run(config)
    assert result.exit_code == 1
    shown = "[red]no[/red] [/nothing] [link=x] ?[2J? \\[ ]"
    first, second = result.stdout.splitlines()[1:3]
    assert first.split("  ")[-1] == f"[bold]figure {shown}, zero 0, half 0.5"
    assert second.split() == ["gateway", "not", "well", "4711", "1h", "02m"]
    assert result.stdout.splitlines()[-1] == f"gateway: {shown}"


def test_as_json_nothing_is_changed(config: Config) -> None:
    with (
        process(config, "shard 0"),
        process(config, "gateway", healthy=False, problems=[NASTY]),
    ):
        result = run(config, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["problems"] == [f"gateway: {NASTY}"]
    assert found["processes"]["shard 0"]["healthy"] is True


def test_many_figures(config: Config) -> None:
    facts = {f"figure_{number}": number for number in range(20)}
    with process(config, "shard 0", facts=facts), process(config, "gateway"):
        result = run(config)
    assert result.exit_code == 0
    wanted = ", ".join(
        f"figure {number} {number}" for number in range(module.FACTS_SHOWN_MAX)
    )
    assert result.stdout.splitlines()[1].endswith(wanted)
    assert result.stdout.splitlines()[-1] == "all is well"
