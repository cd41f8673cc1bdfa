"""``fixgw demo`` as a newcomer runs it: a market over FIX and REST that stays alive."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from engine.codes import EventKind, Liquidity
from engine.journal import LogKind, RecordLog
from engine.records import EVENT_BYTES, OrderEvent, unpack_all
from fixgw.demo.maker import LEVELS
from fixgw.demo.taker import OPEN_MAX
from fixgw.demo.tally import Tally
from fixgw.demo.traders import RETAIL_ACCOUNTS, SESSIONS
from fixgw.session.identity import SessionId
from fixgw.sidedoor.client import RestClient
from fixgw.sidedoor.identity import account_key
from tests.live.exchange import ROOT
from tests.live.waiting import wait_until

FIX = {SessionId("FIX.4.4", "EXCHANGE", name).key: name for name in SESSIONS}
REST = {account_key(name): name for name in RETAIL_ACCOUNTS}
INSTRUMENTS = 24
START_S = 50.0
FREE_PORTS = ("--port", "0", "--http-port", "0", "--metrics-port", "0")


_serial = count(1)


class Demo:
    """A running demo on a data folder of its own."""

    def __init__(self, folder: Path, data: Path | None, *options: str) -> None:
        place = [] if data is None else ["--data", str(data)]
        self.data = data
        self._out, self._err = (folder / f"{next(_serial)}.{x}" for x in ("out", "err"))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fixgw", "demo", *FREE_PORTS, *place, *options],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    @property
    def text(self) -> str:
        """All it has said on standard output."""
        return self._out.read_text()

    def wait_for(self, pattern: str, deadline_s: float = START_S) -> re.Match[str]:
        wait_until(
            lambda: re.search(pattern, self.text),
            pattern,
            deadline_s,
            self._err.read_text,
        )
        found = re.search(pattern, self.text)
        assert found
        return found

    def children(self) -> dict[str, int]:
        """Its processes by what they do."""
        found = {}
        for entry in os.listdir("/proc"):
            words = command_line(int(entry)) if entry.isdigit() else []
            if str(self.data) in words and "fixgw" in words:
                behind = words[words.index("fixgw") + 1 :]
                name = behind[0]
                if name == "shard":
                    name = f"shard {behind[1]}"
                found[name] = int(entry)
        found.pop("demo", None)
        return found

    def stop(self) -> tuple[int, str]:
        """Ctrl-C; the exit code and what it complained of."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self, deadline_s: float = 50.0) -> tuple[int, str]:
        wait_until(
            lambda: self.process.poll() is not None,
            "the end of the demo",
            deadline_s,
            self._out.read_text,
        )
        return self.process.returncode, self._err.read_text()

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        if self.data is not None:
            wait_until(lambda: not self.children(), "the end of every process", 40.0)


def command_line(pid: int) -> list[str]:
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return data.decode(errors="replace").split("\0")


@pytest.fixture
def new_demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    with ExitStack() as stack:

        def make(*options: str, data: Path | None = tmp_path / "data") -> Demo:
            demo = Demo(tmp_path, data, *options)
            stack.callback(demo.clean_up)
            return demo

        yield make


def events_of(data: Path, copy: Path) -> list[OrderEvent]:
    """Every order event of both shards, from a copy."""
    found = []
    for shard in range(2):
        folder = copy / f"shard-{shard}"
        shutil.copytree(data / f"shard-{shard}" / "events", folder)
        log = RecordLog(folder, LogKind.EVENTS, shard)
        for record in log.read(1):
            for event in unpack_all(record.payload, EVENT_BYTES):
                if isinstance(event, OrderEvent):
                    found.append(event)
        log.close()
    return found


def open_orders(events: list[OrderEvent]) -> Counter[str]:
    """How many orders are open at the end, by whose they are."""
    owners: dict[int, str] = {}
    for event in events:
        name = FIX.get(event.session) or REST.get(event.session) or "somebody"
        filled = event.kind == EventKind.FILLED and not event.leaves_qty
        if filled or event.kind in (EventKind.CANCELLED, EventKind.EXPIRED):
            owners.pop(event.order_id, None)
        elif event.kind == EventKind.ACCEPTED:
            owners[event.order_id] = name
    return Counter(owners.values())


def require_bounds(events: list[OrderEvent]) -> None:
    for name, number in open_orders(events).items():
        most = 2 * LEVELS * INSTRUMENTS if name == "MAKER" else OPEN_MAX
        assert number <= most, f"{name} has {number} open orders"


@pytest.mark.timeout(120)
def test_ten_seconds_of_a_market(new_demo: Callable[..., Demo], tmp_path: Path) -> None:
    demo = new_demo("--duration", "10", "--plain", "--speed", "2", "--seed", "7")
    assert demo.ended(60.0) == (0, "")
    page = r"web page  http://127\.0\.0\.1:\d+/#key=\w+&secret=\w+\n"
    assert re.search(page, demo.text)
    assert re.search(r"FIX       127\.0\.0\.1:\d+, sessions BUYER and", demo.text)
    assert re.search(r"\d\d:\d\d:\d\d  \d+ requests .* trades", demo.text)
    assert not demo.children()
    events = events_of(tmp_path / "data", tmp_path / "copy")
    takers = Counter(
        "FIX" if event.session in FIX else REST.get(event.session, "nobody") and "REST"
        for event in events
        if event.kind == EventKind.FILLED and event.liquidity == Liquidity.REMOVED
    )
    assert takers["FIX"] >= 10
    assert takers["REST"] >= 3
    assert set(takers) == {"FIX", "REST"}
    # A trader begins with a mass cancel of whatever an earlier run has left it.
    about = [event for event in events if event.kind != EventKind.MASS_CANCELLED]
    assert len({event.symbol for event in about}) == INSTRUMENTS
    assert not [event for event in events if event.kind == EventKind.REJECTED]
    require_bounds(events)
    for account in REST:
        # The side door allows 50 a second and 100 at once; we stay far below.
        times = sorted(e.time for e in events if e.session == account)
        per_s = Counter(at // 10**9 for at in times)
        assert max(per_s.values()) <= 40
    refused = re.findall(r"is refused: \w+", (tmp_path / "data/demo.log").read_text())
    assert not refused


@pytest.mark.timeout(120)
def test_a_person_trades_with_it(new_demo: Callable[..., Demo], tmp_path: Path) -> None:
    demo = new_demo("--plain")
    url, key, secret = demo.wait_for(
        r"(http://127\.0\.0\.1:\d+)/#key=(\w+)&secret=(\w+)"
    ).groups()
    port = demo.wait_for(r"FIX       127\.0\.0\.1:(\d+)")[1]

    def answer() -> Any:
        with RestClient(url, key, secret) as client:
            return client.book("ACME").json()

    wait_until(lambda: answer()["bids"] and answer()["asks"], "a book", 40.0)
    with RestClient(url, key, secret) as client:
        order = client.new_order("MINE-1", "ACME", "buy", "10").json()
        assert order["status"] == "filled", order
    bought = subprocess.run(
        [
            *(sys.executable, "-m", "fixgw", "client", "BUYER", "--port", port),
            *("--store", str(tmp_path / "client")),
            *("--script", "buy 100 ACME market; wait fill"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert bought.returncode == 0, bought.stdout + bought.stderr
    assert "FILL buy" in bought.stdout
    code, errors = demo.stop()
    assert (code, errors) == (0, "")
    assert not demo.children()


@pytest.mark.timeout(240)
def test_it_goes_on_whatever_is_killed_or_halted(
    new_demo: Callable[..., Demo], tmp_path: Path
) -> None:
    demo = new_demo("--plain", "--speed", "4")
    data = tmp_path / "data"
    demo.wait_for(r"Ctrl-C")
    tally = Tally([data / "shard-0", data / "shard-1"])

    def trades() -> int:
        tally.look(0.0)
        return tally.trades

    wait_until(lambda: trades() > 10, "trades", 40.0, lambda: demo.text)
    for name in ("demo-traders", "gateway", "sidedoor", "shard 0", "shard 1"):
        victim = demo.children()[name]
        os.kill(victim, signal.SIGKILL)
        wait_until(
            lambda name=name, victim=victim: (  # type: ignore[misc]
                demo.children().get(name, victim) != victim
            ),
            f"{name} is back",
            40.0,
        )
        before = trades()
        wait_until(lambda before=before: trades() > before + 10, name, 40.0)  # type: ignore[misc]
    halt = [*(sys.executable, "-m", "fixgw", "instruments"), *("halt", "ACME")]
    where = ["--data", str(data), "--config", str(data / "fixgw.toml")]
    subprocess.run([*halt, *where], cwd=ROOT, check=True, capture_output=True)
    before = trades()
    wait_until(lambda: trades() > before + 20, "trades beside the halt", 40.0)
    resume = [*halt[:4], "resume", "ACME"]
    subprocess.run([*resume, *where], cwd=ROOT, check=True, capture_output=True)

    def acme() -> int:
        tally.look(0.0)
        return next(row.trades for row in tally.rows() if row.symbol == "ACME")

    before = acme()
    wait_until(lambda: acme() > before, "ACME trades again", 40.0)
    assert demo.stop() == (0, "")
    tally.close()
    require_bounds(events_of(data, tmp_path / "copy"))
    # Once more on the same data: what was left open is cleared away.
    again = new_demo("--plain", "--duration", "4")
    assert again.ended(60.0) == (0, "")
    require_bounds(events_of(data, tmp_path / "again"))


def test_a_temporary_folder_is_gone_afterwards(new_demo: Callable[..., Demo]) -> None:
    demo = new_demo("--plain", data=None)
    folder = Path(demo.wait_for(r"bin/fixgw log (\S+) --follow")[1])
    assert folder.is_dir()
    assert demo.stop() == (0, "")
    assert not folder.exists()


def test_sessions_that_are_missing_are_named(
    new_demo: Callable[..., Demo], tmp_path: Path
) -> None:
    (tmp_path / "sessions.cfg").write_text(
        "[DEFAULT]\nConnectionType=acceptor\nSocketAcceptPort=9876\n"
        "BeginString=FIX.4.4\nSenderCompID=EXCHANGE\nNonStopSession=Y\n"
        "[SESSION]\nTargetCompID=DESK1\n"
    )
    config = tmp_path / "fixgw.toml"
    config.write_text(
        f'sessions = "sessions.cfg"\ninstruments = "{ROOT}/config/instruments.csv"\n'
        'data = "real-data"\n'
    )
    demo = new_demo("--config", str(config))
    code, errors = demo.ended()
    assert code == 78
    assert "need the sessions MAKER, DESK2" in errors
    assert not (tmp_path / "real-data").exists()


def test_two_demos_do_not_share_a_folder(
    new_demo: Callable[..., Demo], tmp_path: Path
) -> None:
    demo = new_demo("--plain")
    demo.wait_for("Ctrl-C")
    code, errors = new_demo("--plain").ended()
    assert code == 75
    assert "not started" in errors
    assert demo.stop() == (0, "")
