"""The admin socket: commands, refusals, several callers, and what is audited."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.host import admin as module
from engine.host.admin import (
    AdminError,
    AdminServer,
    AuditLog,
    Command,
    NotRunning,
    call,
)
from engine.host.sockets import SOCKET_PATH_BYTES_MAX

ROOT = Path(__file__).parents[2]


class Stage:
    """A server with a few commands, and what they were asked."""

    def __init__(self, folder: Path, path: Path | None = None) -> None:
        self.path = path or folder / "shard-0" / "admin.sock"
        self.audit = AuditLog(folder / "audit.log")
        self.asked: list[dict[str, Any]] = []
        self.gate = asyncio.Event()
        commands = {
            "status": Command(self.status, changes=False),
            "instruments.halt": Command(self.halt, changes=True),
            "instruments.resume": Command(self.refuse, changes=True),
            "wait": Command(self.wait, changes=True),
            "broken": Command(self.broken, changes=True),
            "unspeakable": Command(lambda _: {1, 2}, changes=False),
        }
        self.server = AdminServer(self.path, commands, self.audit, "shard 0")

    def status(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {"process": "shard 0", "got": arguments}

    async def halt(self, arguments: dict[str, Any]) -> str:
        # The entry that announces it must be on disk by now.
        assert self.entries()[-1]["outcome"] == "begun"
        self.asked.append(arguments)
        return "halted"

    def refuse(self, arguments: dict[str, Any]) -> None:
        raise AdminError("NOT_FOUND", "there is no instrument ACMF")

    async def wait(self, arguments: dict[str, Any]) -> str:
        await self.gate.wait()
        return "waited"

    def broken(self, arguments: dict[str, Any]) -> None:
        raise ZeroDivisionError("a bug")

    def entries(self) -> list[dict[str, Any]]:
        if not self.audit.path.exists():
            return []
        lines = self.audit.path.read_text().splitlines()
        return [json.loads(line) for line in lines]

    async def call(self, *arguments: Any) -> Any:
        return await asyncio.to_thread(call, self.path, *arguments)

    async def raw(self, *lines: bytes) -> list[dict[str, Any]]:
        """Answers to raw bytes, until the server closes or as many as lines."""
        reader, writer = await asyncio.open_unix_connection(
            str(self.path), limit=2 * module.LINE_BYTES_MAX
        )
        writer.write(b"".join(lines))
        answers = []
        for _ in lines:
            answer = await reader.readline()
            if not answer:
                break
            answers.append(json.loads(answer))
        writer.close()
        return answers


def play(folder: Path, scene: Callable[[Stage], Awaitable[None]]) -> None:
    errors: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: errors.append(context))
        stage = Stage(folder)
        await stage.server.start()
        try:
            await scene(stage)
        finally:
            await stage.server.close()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert errors == []


def refusal(answer: dict[str, Any]) -> tuple[str, str]:
    assert answer["ok"] is False
    return answer["error"]["code"], answer["error"]["message"]


# -- answers ---------------------------------------------------------------------------


def test_a_command_is_answered(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        told = await stage.call("status", {"a": [1, "é"]})
        assert told == {"process": "shard 0", "got": {"a": [1, "é"]}}
        assert await stage.call("status") == {"process": "shard 0", "got": {}}
        assert stage.entries() == []

    play(tmp_path, scene)


def test_requests_of_a_connection_are_answered_in_order(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answers = await stage.raw(
            b'{"id": 1, "command": "status"}\n',
            b'{"id": "two", "command": "instruments.halt", "arguments": {"s": 1}}\n',
            b'{"command": "status", "arguments": {}}\r\n',
        )
        assert [answer["id"] for answer in answers] == [1, "two", None]
        assert [answer["ok"] for answer in answers] == [True, True, True]
        assert answers[1]["result"] == "halted"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("line", "number", "code", "message"),
    [
        (b"halt ACME", None, "BAD_REQUEST", "a request is one JSON object: Expecting"),
        (b"", None, "BAD_REQUEST", "a request is one JSON object: Expecting"),
        (b"[1]", None, "BAD_REQUEST", "a request is one JSON object"),
        (b'{"id": NaN}', None, "BAD_REQUEST", "a request is one JSON object: NaN is"),
        (b"\xff\xfe{}", None, "BAD_REQUEST", "a request is one JSON object: "),
        (b"[" * 100_000, None, "BAD_REQUEST", "a request is one JSON object: "),
        (b"9" * 10_000, None, "BAD_REQUEST", "a request is one JSON object: "),
        (b'{"id": true, "command": "status"}', None, "BAD_REQUEST", "id is a number"),
        (b'{"id": 1}', 1, "BAD_REQUEST", "command is missing"),
        (b'{"id": 1, "command": 5}', 1, "BAD_REQUEST", "command is missing, or no"),
        (
            b'{"id": 1, "command": "status", "arguments": [1]}',
            1,
            "BAD_REQUEST",
            "arguments is no JSON object",
        ),
        (
            b'{"id": 1, "command": "instrument.halt"}',
            1,
            "UNKNOWN_COMMAND",
            "shard 0 has no command 'instrument.halt': did you mean instruments.halt?",
        ),
        (
            b'{"id": 1, "command": "zz"}',
            1,
            "UNKNOWN_COMMAND",
            "shard 0 has no command 'zz': it knows broken, instruments.halt, "
            "instruments.resume, status, unspeakable, wait",
        ),
        (
            b'{"id": 1, "command": "broken"}',
            1,
            "INTERNAL",
            "broken failed inside shard 0: its log says where",
        ),
        (b'{"id": 1, "command": "unspeakable"}', 1, "INTERNAL", "unspeakable failed"),
    ],
)
def test_what_cannot_be_run_is_answered_and_the_next_is_run(
    tmp_path: Path, line: bytes, number: int | None, code: str, message: str
) -> None:
    async def scene(stage: Stage) -> None:
        bad, good = await stage.raw(line + b"\n", b'{"id": 9, "command": "status"}\n')
        assert bad["id"] == number
        found = refusal(bad)
        assert found[0] == code
        assert found[1].startswith(message)
        assert good["ok"] is True

    play(tmp_path, scene)


def test_the_longest_request_and_one_byte_more(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        head, tail = b'{"command": "status", "arguments": {"a": "', b'"}}\n'
        fill = module.LINE_BYTES_MAX - len(head) - len(tail)
        (answer,) = await stage.raw(head + b"x" * fill + tail)
        assert len(answer["result"]["got"]["a"]) == fill
        (answer,) = await stage.raw(head + b"x" * (fill + 2) + tail)
        assert refusal(answer) == (
            "LINE_TOO_LONG",
            "a request has at most 1048576 bytes",
        )
        with pytest.raises(AdminError, match="at most 1048576 bytes"):
            await stage.call("status", {"a": "x" * 3_000_000})

    play(tmp_path, scene)


def test_a_line_without_its_end_is_no_request(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        reader, writer = await asyncio.open_unix_connection(str(stage.path))
        writer.write(b'{"command": "instruments.halt"}')
        writer.write_eof()
        assert await reader.read() == b""
        assert stage.entries() == []
        writer.close()

    play(tmp_path, scene)


def test_several_callers_at_once(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        waiting = [asyncio.create_task(stage.call("wait")) for _ in range(3)]
        for number in range(20):
            told = await stage.call("status", {"n": number})
            assert told["got"] == {"n": number}
        assert not any(task.done() for task in waiting)
        stage.gate.set()
        assert await asyncio.gather(*waiting) == ["waited"] * 3

    play(tmp_path, scene)


def test_too_many_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTIONS_MAX", 2)

    async def scene(stage: Stage) -> None:
        links = [await asyncio.open_unix_connection(str(stage.path)) for _ in range(2)]
        for reader, writer in links:
            writer.write(b'{"command": "status"}\n')
            assert json.loads(await reader.readline())["ok"]
        with pytest.raises(AdminError) as caught:
            await stage.call("status")
        assert caught.value.code == "BUSY"
        for _, writer in links:
            writer.close()
            await writer.wait_closed()
        await stage.call("status")

    play(tmp_path, scene)


def test_a_command_that_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COMMAND_S_MAX", 0.05)

    async def scene(stage: Stage) -> None:
        with pytest.raises(AdminError) as caught:
            await stage.call("wait")
        assert caught.value.code == "TIMEOUT"
        assert str(caught.value) == "wait was abandoned after 0.05 s"
        assert stage.entries()[-1]["outcome"] == (
            "refused: TIMEOUT: wait was abandoned after 0.05 s"
        )

    play(tmp_path, scene)


# -- the socket's file -----------------------------------------------------------------


def test_only_the_owner_may_use_the_socket(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert stat.S_IMODE(stage.path.stat().st_mode) == 0o600

    old = os.umask(0)
    try:
        play(tmp_path, scene)
    finally:
        os.umask(old)
    assert not (tmp_path / "shard-0" / "admin.sock").exists()


def test_a_folder_too_deep_for_a_socket_name(tmp_path: Path) -> None:
    async def scene() -> None:
        path = tmp_path / ("long" * 20) / ("deep" * 20) / "admin.sock"
        assert len(str(path)) > SOCKET_PATH_BYTES_MAX
        stage = Stage(tmp_path, path)
        await stage.server.start()
        assert (await stage.call("status"))["process"] == "shard 0"
        await stage.server.close()
        assert not path.exists()

    asyncio.run(scene())


def test_the_file_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "shard-0" / "admin.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
        left.listen()
    assert path.exists()

    async def scene(stage: Stage) -> None:
        assert (await stage.call("status"))["process"] == "shard 0"

    play(tmp_path, scene)


def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(OSError, match="another process serves") as caught:
            await Stage(tmp_path).server.start()
        assert caught.value.errno == 98
        assert (await stage.call("status"))["process"] == "shard 0"

    play(tmp_path, scene)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "shard-0" / "admin.sock"
    path.parent.mkdir()
    path.write_text("precious")
    with pytest.raises(OSError, match="is no socket: move it away"):
        asyncio.run(Stage(tmp_path).server.start())
    assert path.read_text() == "precious"


def test_closing_leaves_the_socket_of_a_successor(tmp_path: Path) -> None:
    async def scene() -> None:
        first, second = Stage(tmp_path), Stage(tmp_path)
        await first.server.start()
        first.path.unlink()
        await second.server.start()
        await first.server.close()
        assert (await second.call("status"))["process"] == "shard 0"
        await second.server.close()

    asyncio.run(scene())


# -- the end ---------------------------------------------------------------------------


def test_a_command_under_way_is_answered_before_the_end(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        idle = await asyncio.open_unix_connection(str(stage.path))
        waiting = asyncio.create_task(stage.call("wait"))
        while not stage.entries():
            await asyncio.sleep(0.001)
        asyncio.get_running_loop().call_later(0.02, stage.gate.set)
        await stage.server.close()
        assert await waiting == "waited"
        assert await idle[0].read() == b""
        idle[1].close()

    play(tmp_path, scene)


def test_a_command_that_does_not_end_is_abandoned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_GRACE_S", 0.05)

    async def scene(stage: Stage) -> None:
        waiting = asyncio.create_task(stage.call("wait"))
        while not stage.entries():
            await asyncio.sleep(0.001)
        await stage.server.close()
        with pytest.raises(NotRunning, match="ended before it answered wait"):
            await waiting
        assert [entry["outcome"] for entry in stage.entries()] == [
            "begun",
            "abandoned: the process stops",
        ]

    play(tmp_path, scene)


def test_a_command_may_end_the_process(tmp_path: Path) -> None:
    """Its handler asks for the end; its caller still gets the answer."""

    async def scene() -> None:
        stop = asyncio.Event()
        path = tmp_path / "admin.sock"
        server = AdminServer(
            path,
            {"stop": Command(lambda _: stop.set(), changes=True)},
            AuditLog(tmp_path / "audit.log"),
            "publisher",
        )
        await server.start()
        asked = asyncio.create_task(asyncio.to_thread(call, path, "stop"))
        await stop.wait()
        await server.close()
        assert await asked is None

    asyncio.run(scene())


# -- the audit log ---------------------------------------------------------------------


def test_a_change_is_audited_before_and_after(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        caller = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path;"
                "from engine.host.admin import call;"
                "call(Path(sys.argv[1]), 'instruments.halt', {'symbol': 'ACME'})",
                str(stage.path),
            ],
            cwd=ROOT,
        )
        assert await asyncio.to_thread(caller.wait) == 0
        before, after = stage.entries()
        same = {
            "pid": caller.pid,
            "uid": os.getuid(),
            "process": "shard 0",
            "command": "instruments.halt",
            "arguments": {"symbol": "ACME"},
        }
        for entry in (before, after):
            when = entry.pop("ts")
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", when)
        assert before == {**same, "outcome": "begun"}
        assert after == {**same, "outcome": "done"}
        assert stage.asked == [{"symbol": "ACME"}]

    play(tmp_path, scene)


def test_the_outcome_of_a_refusal_and_of_a_bug(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(AdminError) as caught:
            await stage.call("instruments.resume")
        assert caught.value.code == "NOT_FOUND"
        assert caught.value.message == "there is no instrument ACMF"
        with pytest.raises(AdminError):
            await stage.call("broken")
        assert [entry["outcome"] for entry in stage.entries()] == [
            "begun",
            "refused: NOT_FOUND: there is no instrument ACMF",
            "begun",
            "failed: INTERNAL",
        ]

    play(tmp_path, scene)


def test_what_cannot_be_audited_is_not_done(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.audit.path.mkdir()
        with pytest.raises(AdminError) as caught:
            await stage.call("instruments.halt")
        assert caught.value.code == "AUDIT_FAILED"
        assert str(caught.value).startswith(
            f"nothing was changed, but the audit log {stage.audit.path} cannot be "
            "written: "
        )
        assert stage.asked == []
        assert (await stage.call("status"))["process"] == "shard 0"

    play(tmp_path, scene)


def test_arguments_nested_too_deep_to_audit(tmp_path: Path) -> None:
    """Whatever JSON takes must be audited or refused, never run unseen."""

    async def scene(stage: Stage) -> None:
        for depth in (100, 900, 960, 980, 990, 1000, 5000):
            nested = b"[" * depth + b"]" * depth
            (answer,) = await stage.raw(
                b'{"command": "instruments.halt", "arguments": {"a": '
                + nested
                + b"}}\n"
            )
            begun = [e for e in stage.entries() if e["outcome"] == "begun"]
            assert len(begun) == len(stage.asked)
            if not answer["ok"]:
                assert answer["error"]["code"] in ("BAD_REQUEST", "AUDIT_FAILED")

    play(tmp_path, scene)


def test_a_change_whose_outcome_cannot_be_audited_says_so(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        asked = asyncio.create_task(stage.call("wait"))
        while not stage.entries():
            await asyncio.sleep(0.001)
        stage.audit.path.unlink()
        stage.audit.path.mkdir()
        stage.gate.set()
        with pytest.raises(AdminError, match="the command was run, but") as caught:
            await asked
        assert caught.value.code == "AUDIT_FAILED"

    play(tmp_path, scene)


def test_the_audit_log_is_the_owners(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        audit = AuditLog(tmp_path / "data" / "audit.log")
        audit.write(command="one")
        audit.write(command="two")
    finally:
        os.umask(old)
    assert stat.S_IMODE(audit.path.stat().st_mode) == 0o600
    lines = audit.path.read_text().splitlines()
    assert [json.loads(line)["command"] for line in lines] == ["one", "two"]


def test_an_entry_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.log")
    audit.path.write_bytes(b'{"command": "one"}\n{"comma')
    audit.write(command="three")
    lines = audit.path.read_text().splitlines()
    assert lines[:2] == ['{"command": "one"}', '{"comma']
    assert json.loads(lines[2])["command"] == "three"


def test_writers_in_several_processes_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    code = (
        "import sys; from pathlib import Path;"
        "from engine.host.admin import AuditLog;"
        "log = AuditLog(Path(sys.argv[1]));"
        "[log.write(who=sys.argv[2], fill='x' * 5000) for _ in range(50)]"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), str(n)], cwd=ROOT)
        for n in range(3)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    found = [json.loads(line)["who"] for line in path.read_text().splitlines()]
    assert sorted(found) == ["0"] * 50 + ["1"] * 50 + ["2"] * 50


# -- the caller ------------------------------------------------------------------------


def test_a_process_that_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "shard-0" / "admin.sock"
    with pytest.raises(NotRunning) as caught:
        call(path, "status")
    assert str(caught.value) == (
        f"nothing answers at {path}: that process does not run. Start the exchange "
        "with 'fixgw up', or name its data folder with --data"
    )
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(NotRunning, match="does not run"):
        call(path, "status")


def test_a_process_that_does_not_answer(tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        with pytest.raises(AdminError) as caught:
            call(path, "status", timeout_s=0.05)
    assert caught.value.code == "TIMEOUT"
    assert str(caught.value) == (
        "no answer to status within 0.05 s; it may still be run"
    )


def test_an_answer_of_many_megabytes(tmp_path: Path) -> None:
    async def scene() -> None:
        path = tmp_path / "admin.sock"
        long = ["x" * 1000] * 5000
        server = AdminServer(
            path,
            {"list": Command(lambda _: long, changes=False)},
            AuditLog(tmp_path / "audit.log"),
            "shard 0",
        )
        await server.start()
        assert await asyncio.to_thread(call, path, "list") == long
        await server.close()

    asyncio.run(scene())
