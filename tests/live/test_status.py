"""``fixgw status``: well, not well, not there; what ``fixgw up`` goes on without."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from fixgw.ops.supervisor import READY_PATIENCE_S
from tests.live.conftest import Connect
from tests.live.exchange import (
    GATEWAY,
    READ_MODEL,
    ROOT,
    SHARD_0,
    SHARD_1,
    SIDE_DOOR,
    SUPERVISOR,
    Exchange,
    fixgw,
)
from tests.live.waiting import wait_until

COMMAND_S = 50.0
Make = Callable[..., Exchange]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes exchanges with every process but the publisher; ends what is left."""
    with ExitStack() as stack:

        def made(more: str = "", **facts: Any) -> Exchange:
            exchange = Exchange(tmp_path / "x", everything=True, more=more, **facts)
            stack.callback(exchange.clean_up)
            return exchange

        yield made


def status(
    exchange: Exchange, *words: str, width: int = 200
) -> subprocess.CompletedProcess[str]:
    """What it says, on paper of that width."""
    return subprocess.run(
        fixgw("status", "--config", exchange.config, *words),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
        env={"COLUMNS": str(width), "PATH": "/usr/bin:/bin"},
    )


def as_json(exchange: Exchange) -> tuple[int, dict[str, Any]]:
    """Exit code and facts."""
    told = status(exchange, "--json")
    assert told.stderr == ""
    found: dict[str, Any] = json.loads(told.stdout)
    return told.returncode, found


# -- is all well -----------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_well_and_not(make: Make) -> None:
    exchange = make().start()
    told = status(exchange)
    assert (told.returncode, told.stderr) == (0, "")
    header, *rows, empty, last = told.stdout.splitlines()
    assert header.split() == ["process", "state", "pid", "up", "figures"]
    assert (empty, last) == ("", "all is well")
    names = [SUPERVISOR, SHARD_0, SHARD_1, GATEWAY, SIDE_DOOR, READ_MODEL]
    pids = {name: process.pid for name, process in exchange.processes().items()}
    for name, row in zip(names, rows, strict=True):
        assert re.match(rf"{name} +well +{pids[name]} +\d+s  ", row), row
    assert f"port {exchange.port}, sessions 2, logged on 0" in told.stdout

    code, found = as_json(exchange)
    assert (code, found["healthy"], found["problems"]) == (0, True, [])
    assert list(found["processes"]) == names
    for name, answer in found["processes"].items():
        assert answer["process"] == name
        assert answer["pid"] == pids[name]
        assert (answer["running"], answer["healthy"]) == (True, True)
        assert isinstance(answer["facts"], dict)
        assert re.fullmatch(r"\d+\.\d+\.\d+", answer["version"])

    # One is stopped in its tracks.
    shard = exchange.processes()[SHARD_0]
    shard.signal(signal.SIGSTOP)
    code, found = as_json(exchange)
    assert code == 1
    assert (
        f"{SHARD_0}: no answer to status within 3 s; it may still be run"
        in (found["problems"])
    )
    shard.signal(signal.SIGCONT)
    wait_until(lambda: as_json(exchange)[0] == 0, "health", 40)

    # One is dead, and the supervisor cannot act.
    supervisor = exchange.processes()[SUPERVISOR]
    supervisor.signal(signal.SIGSTOP)
    exchange.kill(READ_MODEL)
    told = status(exchange)
    assert told.returncode == 1
    lines = told.stdout.splitlines()
    assert re.search(rf"^{READ_MODEL} +down +$", told.stdout, re.MULTILINE)
    assert re.search(rf"^{SUPERVISOR} +not well|^{SUPERVISOR} +down", told.stdout, re.M)
    assert f"{READ_MODEL}: is not running" in lines
    supervisor.signal(signal.SIGCONT)
    wait_until(lambda: as_json(exchange)[0] == 0, "health", 40)

    exchange.stop()
    told = status(exchange)
    assert told.returncode == 1
    assert told.stdout == (
        f"no exchange runs on {exchange.data}: start it with 'fixgw up'\n"
    )
    code, found = as_json(exchange)
    assert (code, found["healthy"]) == (1, False)
    assert not any(answer["running"] for answer in found["processes"].values())


def test_a_process_that_has_halted(make: Make) -> None:
    """It is named, the others go on, and what it left is no markup."""
    exchange = make(more='database = "sqlite"\n')
    path = exchange.data / "readmodel" / "readmodel.sqlite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 500)
    exchange.start()
    wait_until(lambda: exchange.said("readmodel has halted (exit code 74)"), "its end")
    told = status(exchange)
    assert told.returncode == 1
    assert (
        f"{SUPERVISOR}: {READ_MODEL} has halted and needs a person: see its last lines "
        "in the log"
    ) in told.stdout.splitlines()
    assert f"{READ_MODEL}: is not running" in told.stdout.splitlines()
    exchange.stop()


def test_processes_run_one_by_one(make: Make, tmp_path: Path) -> None:
    """Without a supervisor: that is no fault, what else is missing is told."""
    exchange = make()
    common = ["--config", exchange.config, "--log-format", "json"]
    with (tmp_path / "shard.err").open("wb") as err:
        shard = subprocess.Popen(
            fixgw("shard", "0", *common), stderr=err, cwd=ROOT, start_new_session=True
        )
    try:
        wait_until(
            lambda: as_json(exchange)[1]["processes"][SHARD_0]["running"],
            "the shard",
            20,
        )
        code, found = as_json(exchange)
        assert code == 1
        assert SUPERVISOR not in found["processes"]
        assert found["problems"] == [
            f"{name}: is not running"
            for name in (SHARD_1, GATEWAY, SIDE_DOOR, READ_MODEL)
        ]
    finally:
        shard.terminate()
        assert shard.wait(20) == 0


def test_a_configuration_that_is_none(make: Make) -> None:
    exchange = make(more="nonsense = 1\n")
    told = status(exchange)
    assert told.returncode == 78
    assert "unknown key readmodel.nonsense" in told.stderr


# -- what the exchange opens without ---------------------------------------------------


def trade(exchange: Exchange, connect: Connect) -> None:
    """One trade by FIX."""
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    bid = buyer.order("buy", "ACME", "1", "50.00")
    buyer.wait_about(bid)
    ask = seller.order("sell", "ACME", "1", "50.00")
    seller.wait_about(ask, 2)
    buyer.wait_about(bid, 2)


def test_the_port_of_the_side_door_is_taken(make: Make, connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        exchange = make()
        text = exchange.config.read_text()
        exchange.config.write_text(
            text.replace("[sidedoor]\nenabled = true\nport = 0", f"[sidedoor]\n{port=}")
        )
        exchange.start()
    assert "  REST, web page    not running, see above\n" in exchange.banner
    assert exchange.said(f"cannot listen on 127.0.0.1:{port}: Address already in use")
    assert exchange.said("sidedoor has halted (exit code 73)") == 1
    trade(exchange, connect)
    code, found = as_json(exchange)
    assert code == 1
    assert found["problems"] == [
        f"{SUPERVISOR}: {SIDE_DOOR} has halted and needs a person: see its last lines "
        "in the log",
        f"{SIDE_DOOR}: is not running",
    ]
    exchange.stop()


@pytest.mark.timeout(120)
def test_a_side_door_that_dies_at_every_start(make: Make, connect: Connect) -> None:
    """It holds the exchange up for READY_PATIENCE_S at most, and is tried again."""
    exchange = make()
    exchange.launch()
    killed = set()

    def is_open() -> bool:
        process = exchange.processes().get(SIDE_DOOR)
        if process is not None:
            process.signal(signal.SIGKILL)
            killed.add(process)
        return exchange.is_ready

    wait_until(is_open, "the banner", READY_PATIENCE_S + 20)
    exchange.wait_ready()
    assert "  REST, web page    not running, see above\n" in exchange.banner
    assert exchange.said("sidedoor is not ready yet, the exchange opens without") == 1
    assert exchange.said("sidedoor ended: killed by SIGKILL") >= 3
    assert len(killed) >= 3
    trade(exchange, connect)
    wait_until(lambda: exchange.said("sidedoor is back"), "the side door")
    wait_until(lambda: as_json(exchange)[0] == 0, "health", 40)
    exchange.stop()


def test_a_data_folder_that_cannot_be_used(make: Make) -> None:
    exchange = make()
    exchange.data.write_text("a file")
    told = subprocess.run(
        exchange.command(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    assert told.returncode == 78
    assert told.stdout == ""
    assert told.stderr.splitlines() == [
        "fixgw: not started:",
        f"the data folder {exchange.data} cannot be used: File exists. Name "
        "another one with --data",
    ]
