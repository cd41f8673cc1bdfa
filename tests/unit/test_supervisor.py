"""The supervisor, with shell scripts for children: starts, ports, ends, silence."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fixgw.ops import supervisor as module
from fixgw.ops.supervisor import ChildSpec, Supervision

SCRIPT = """\
#!/usr/bin/env bash
# As the supervisor calls it: -m fixgw ARGUMENTS --supervisor-fd FD
echo "$@" >> {folder}/calls
for last; do :; done
{body}
"""
READY = 'eval "echo \'{\\"port\\": 4242}\' >&$last"\n'
STAY = "exec sleep 60\n"


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Says what a child does from its next start on."""
    path = tmp_path / "child"
    monkeypatch.setattr(sys, "executable", str(path))
    monkeypatch.setattr(module, "BACKOFF_S_MAX", 0.2)

    def does(body: str) -> None:
        draft = tmp_path / "draft"
        draft.write_text(SCRIPT.format(folder=tmp_path, body=body))
        draft.chmod(0o755)
        draft.replace(path)

    return does


def supervise(
    scenario: Callable[[Supervision], Awaitable[None]],
) -> Supervision:
    async def run() -> Supervision:
        supervision = Supervision()
        try:
            async with asyncio.timeout(40):
                await scenario(supervision)
        finally:
            await supervision.end()
        return supervision

    return asyncio.run(run())


async def until(met: Callable[[], Any]) -> None:
    while not met():
        await asyncio.sleep(0.01)


def calls(tmp_path: Path) -> list[str]:
    """What the children were called with."""
    return (tmp_path / "calls").read_text().splitlines()


def test_the_port_of_the_first_start_is_kept(child: Any, tmp_path: Path) -> None:
    child(READY + STAY)
    spec = ChildSpec("gateway", ["gateway"], "--port", needed=True)

    async def scenario(supervision: Supervision) -> None:
        await supervision.start([[spec]])
        (gateway,) = supervision.children
        assert supervision.facts == {"gateway": {"port": 4242}}
        assert gateway._process is not None
        gateway._process.kill()
        await until(lambda: gateway.starts == 2 and gateway.ready.is_set())

    supervise(scenario)
    first, second = calls(tmp_path)
    assert first.startswith("-m fixgw gateway --supervisor-fd ")
    assert second.startswith("-m fixgw gateway --port 4242 --supervisor-fd ")


def test_a_port_that_comes_late_is_kept_as_well(
    child: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """The exchange has opened without it by then."""
    monkeypatch.setattr(module, "READY_PATIENCE_S", 0.1)
    wait = f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done\n"
    child(wait + READY + STAY)
    spec = ChildSpec("sidedoor", ["sidedoor"], "--http-port")

    async def scenario(supervision: Supervision) -> None:
        await supervision.start([[spec]])
        (door,) = supervision.children
        assert supervision.is_up
        assert supervision.status()["problems"] == ["sidedoor is not ready"]
        (tmp_path / "go").touch()
        await until(lambda: door.ready.is_set())
        assert supervision.status()["healthy"]
        assert door._process is not None
        door._process.kill()
        await until(lambda: door.starts == 2)
        await until(lambda: len(calls(tmp_path)) == 2)

    supervise(scenario)
    assert "sidedoor is not ready yet, the exchange opens without" in caplog.text
    assert " --http-port 4242 " in calls(tmp_path)[1]


def test_half_a_line_is_nothing(child: Any, tmp_path: Path) -> None:
    """A child that dies while it says that it is ready."""
    child("eval \"printf '{' >&$last\"\n")

    async def scenario(supervision: Supervision) -> None:
        starting = asyncio.create_task(
            supervision.start([[ChildSpec("shard 0", ["shard"], needed=True)]])
        )
        await until(lambda: len(supervision.children) == 1)
        (shard,) = supervision.children
        await until(lambda: shard.starts >= 2)
        assert not shard.settled.is_set()
        child(READY + STAY)
        await starting
        assert shard.ready.is_set()

    supervise(scenario)


def test_what_cannot_be_started_is_tried_again(
    child: Any, tmp_path: Path, caplog: Any
) -> None:
    async def scenario(supervision: Supervision) -> None:
        starting = asyncio.create_task(
            supervision.start([[ChildSpec("shard 0", ["shard"], needed=True)]])
        )
        await until(lambda: "shard 0 ended: cannot be started: " in caplog.text)
        child(READY + STAY)
        await starting
        assert supervision.is_up

    supervise(scenario)


def test_a_final_exit_code(child: Any, tmp_path: Path) -> None:
    """Of one that is needed for trading nothing, and of one that all hangs on."""
    child("exit 71\n")

    async def scenario(supervision: Supervision) -> None:
        await supervision.start([[ChildSpec("shard 0", ["shard"], needed=True)]])
        assert supervision.is_up
        assert supervision.status()["problems"] == [
            "shard 0 has halted and needs a person: see its last lines in the log"
        ]
        gateway = ChildSpec("gateway", ["gateway"], needed=True, essential=True)
        await supervision.start([[gateway]])
        assert supervision.stop.is_set()
        assert not supervision.is_up

    assert supervise(scenario).exit_code == 71
    assert len(calls(tmp_path)) == 2


def test_a_child_that_does_not_answer(
    child: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    monkeypatch.setattr(module, "SILENT_S_MAX", 0.2)
    child(READY + STAY)
    socket = tmp_path / "admin.sock"
    spec = ChildSpec("shard 0", ["shard"], needed=True, admin_socket=socket)
    answers = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        if answers:
            writer.write(b"{}\n")
        else:
            await reader.read()
        writer.close()

    async def scenario(supervision: Supervision) -> None:
        nonlocal answers
        await supervision.start([[spec]])
        await asyncio.sleep(0.1)
        assert supervision.status()["healthy"], "one without a socket has said so"
        server = await asyncio.start_unix_server(serve, socket)
        async with server:
            await until(lambda: not supervision.status()["healthy"])
            assert supervision.status()["problems"] == [
                "shard 0 does not answer: it hangs, or was stopped"
            ]
            answers = True
            await until(lambda: supervision.status()["healthy"])

    supervise(scenario)
    told = [record.getMessage() for record in caplog.records]
    assert told.count("shard 0 does not answer") == 1
    assert told.count("shard 0 answers again") == 1
