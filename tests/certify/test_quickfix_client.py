"""The ready dialogues of the server side, played with QuickFIX as the client."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fixgw.certify import Dialogue, Names, Outcome, Result, Situation, load, run
from fixgw.certify.door import Door
from fixgw.certify.versions import version_of

pytest.importorskip("quickfix")

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "tests" / "fix_scenarios" / "client"
DICTIONARY = ROOT / "spec" / "FIX44.xml"

SETTINGS = """\
[DEFAULT]
ConnectionType=initiator
ReconnectInterval=1
LogonTimeout=5
LogoutTimeout=2
HeartBtInt=2
SocketConnectHost=127.0.0.1
SocketConnectPort={port}
SocketNodelay=Y
FileStorePath={folder}/store
FileLogPath={folder}/log
NonStopSession=Y
DataDictionary={dictionary}
ResetOnLogon={reset}
[SESSION]
BeginString=FIX.4.4
SenderCompID=MEMBER
TargetCompID=EXCHANGE
"""

ORDERS = {"100": ["0", "2"], "200": ["0", "1", "2"], "300": ["8"], "7": ["0"]}
"""OrderQty(38) and the OrdStatus(39) values that follow."""


class Client:
    """The process of the initiator, and what it has told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.told: list[dict[str, Any]] = []
        self._process = process
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        """Take what it tells, until it ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._news:
                self.told.append(json.loads(line))
                self._news.notify_all()

    async def command(self, *words: str) -> None:
        """Have it do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what it told fulfils a condition."""
        async with self._news:
            await self._news.wait_for(condition)

    def count(self, kind: str) -> int:
        return sum(item["kind"] == kind for item in self.told)

    def reports(self, cl_ord_id: str) -> list[dict[str, Any]]:
        return [
            item
            for item in self.told
            if item["kind"] == "report" and item["fields"].get("11") == cl_ord_id
        ]


@asynccontextmanager
async def client(folder: Path, port: int, reset: bool) -> AsyncIterator[Client]:
    path = folder / "initiator.cfg"
    path.write_text(
        SETTINGS.format(
            port=port,
            folder=folder,
            dictionary=DICTIONARY,
            reset="Y" if reset else "N",
        )
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("quickfix_client.py")),
        str(path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    found = Client(process)
    listening = asyncio.create_task(found.listen())
    try:
        yield found
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening


async def its_turn(member: Client, asked: asyncio.Event) -> None:
    """Wait until the client knows that it is logged on, and the dialogue asks for its
    part: before that it may have other things to say."""
    before = member.count("logon")
    await member.until(lambda: member.count("logon") > before)
    await asked.wait()


async def send_orders(member: Client, asked: asyncio.Event) -> None:
    """The client's part of the dialogue about quantities."""
    await its_turn(member, asked)
    for quantity, statuses in ORDERS.items():
        await member.command("order", f"Q{quantity}", quantity)

        def is_done(name: str = f"Q{quantity}", number: int = len(statuses)) -> bool:
            return len(member.reports(name)) >= number

        await member.until(is_done)
    await member.command("logout")


async def send_one(member: Client, asked: asyncio.Event) -> None:
    """The client's part of the dialogue that is cut."""
    await its_turn(member, asked)
    await member.command("order", "CUT", "500")


async def log_out(member: Client, asked: asyncio.Event) -> None:
    """The client's part of the dialogue in which it ends the session."""
    await its_turn(member, asked)
    await member.command("logout")


PARTS = {
    "order_ByQuantity": send_orders,
    "order_CutBetweenReports": send_one,
    "12_ClientLogsOut": log_out,
    "12_LogoutUnanswered": log_out,
}


async def certify(
    dialogues: list[Dialogue], folder: Path, reset: bool
) -> tuple[list[Result], Client]:
    door = Door("127.0.0.1", 0)
    await door.open()
    asked = asyncio.Event()
    situation = Situation(
        *("127.0.0.1", door.port),
        door=door,
        connect_s=30.0,
        wait_s=30.0,
        notify=lambda text: asked.set(),
    )
    async with client(folder, door.port, reset) as member:
        parts = []

        def begin(dialogue: Dialogue) -> None:
            asked.clear()
            if part := PARTS.get(dialogue.name):
                parts.append(asyncio.create_task(part(member, asked)))

        try:
            done = await run(dialogues, situation, on_begin=begin)
            await asyncio.sleep(0)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await door.shut()
    return list(done.results), member


def scripts(*, quick: bool) -> list[Dialogue]:
    """Those that are over soon, or the others."""
    found = load([SCRIPTS], Names(versions=(version_of("FIX.4.4"),)))
    slow = {"6_WeFallSilent", "789_LogonRefused"}
    return [item for item in found if (item.name not in slow) == quick]


RESETTING = ("1B.a", "1B.c", "2.b", "order_")
"""Scripts in which a client that resets its numbers is treated otherwise."""


def check(results: list[Result], expected: int) -> None:
    """All of so many have passed."""
    assert len(results) == expected
    assert {r.dialogue.name: (r.outcome, r.reason) for r in results} == {
        r.dialogue.name: (Outcome.PASSED, "") for r in results
    }


@pytest.mark.parametrize("half", [0, 1])
def test_quickfix_passes(tmp_path: Path, half: int) -> None:
    chosen = [item for item in scripts(quick=True) if item.rule != "order"][half::2]
    assert len(chosen) >= 10
    results, _ = asyncio.run(certify(chosen, tmp_path, reset=False))
    check(results, len(chosen))


@pytest.mark.parametrize("reset", [False, True], ids=["keeps numbers", "resets"])
def test_quickfix_trades(tmp_path: Path, reset: bool) -> None:
    chosen = [item for item in scripts(quick=True) if item.name.startswith(RESETTING)]
    results, member = asyncio.run(certify(chosen, tmp_path, reset))
    check(results, 5)
    for quantity, statuses in ORDERS.items():
        reports = member.reports(f"Q{quantity}")
        assert [report["fields"]["39"] for report in reports] == statuses
    cut = member.reports("CUT")
    assert [report["fields"]["39"] for report in cut] == ["0", "1", "2"]
    assert cut[-1]["marks"] == ([97] if reset else [43])


def test_quickfix_passes_the_slow_ones(tmp_path: Path) -> None:
    results, _ = asyncio.run(certify(scripts(quick=False), tmp_path, reset=False))
    check(results, 2)
