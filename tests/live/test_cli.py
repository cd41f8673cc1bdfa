"""The command line: help, version, and Ctrl-C before everything has started."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from fixgw.ops.cli import COMMANDS
from tests.live.conftest import MakeExchange
from tests.live.exchange import GATEWAY, ROOT, SHARD_0, Exchange, fixgw
from tests.live.waiting import wait_until


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        fixgw(*arguments),
        capture_output=True,
        text=True,
        timeout=50.0,
        cwd=ROOT,
        check=False,
    )


def test_version() -> None:
    result = run("--version")
    assert re.fullmatch(r"fixgw, version \d+\.\d+\.\d+\n", result.stdout)
    assert (result.returncode, result.stderr) == (0, "")


def test_help_lists_every_command() -> None:
    result = run("--help")
    assert (result.returncode, result.stderr) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"^  {command}  +[A-Z]", result.stdout, re.MULTILINE), command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(command: str) -> None:
    result = run(command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: fixgw {command} ")
    usage, _, text = result.stdout.partition("\n\n")
    assert len(usage) < 200
    assert len(text.split()) > 20
    assert result.stdout == run(command, "-h").stdout


def test_a_command_that_does_not_exist() -> None:
    result = run("upp")
    assert result.returncode == 2
    assert "upp" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_option_that_does_not_exist() -> None:
    result = run("up", "--prot", "1")
    assert result.returncode == 2
    assert "--port" in result.stderr


def at_once(_: Exchange) -> bool:
    """Python itself has started, and perhaps nothing else."""
    time.sleep(0.15)
    return True


def has_the_folder(exchange: Exchange) -> bool:
    return (exchange.data / "manifest.json").exists()


def has_a_shard(exchange: Exchange) -> bool:
    return SHARD_0 in exchange.processes()


def has_a_shard_that_works(exchange: Exchange) -> bool:
    return (exchange.data / "shard-0" / "link.sock").exists()


def has_a_gateway(exchange: Exchange) -> bool:
    return GATEWAY in exchange.processes()


@pytest.mark.parametrize(
    "moment",
    [at_once, has_the_folder, has_a_shard, has_a_shard_that_works, has_a_gateway],
)
def test_ctrl_c_during_the_start(
    moment: Callable[[Exchange], bool], new_exchange: MakeExchange
) -> None:
    exchange = new_exchange()
    exchange.launch()
    wait_until(lambda: moment(exchange), moment.__name__)
    processes = exchange.processes()
    processes["supervisor"].signal(signal.SIGINT)
    code = exchange.wait_ended(30.0)
    left = [name for name, process in processes.items() if process.is_alive]
    assert not left
    # By the signal itself: the interpreter was still starting, no line of ours had run.
    if code != -signal.SIGINT:
        assert code in (0, 1, 130)
        assert "Traceback" not in exchange.errors()
    # And the folder is good for another start.
    exchange.start()
    exchange.stop()
