"""docs/operating.md has a row for every exit code of every process."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.host.server import ExitCode as ShardCode
from fixgw.breaker.process import ExitCode as BreakerCode
from fixgw.fanout.process import ExitCode as PublisherCode
from fixgw.net.serving import ExitCode as GatewayCode
from fixgw.ops.options import CONFIGURATION_WRONG, IN_USE
from fixgw.ops.status import NOT_WELL
from fixgw.ops.supervisor import FINAL_EXIT_CODES
from fixgw.readmodel.process import ExitCode as ReadModelCode
from fixgw.sidedoor.process import ExitCode as SideDoorCode

TEXT = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
SECTION = TEXT[TEXT.index("## Exit codes") : TEXT.index("## What a shard says")]
ROWS = re.findall(r"^\| (\d+) \| ([a-z, ]+) \| (.+) \| (.*?) ?\|$", SECTION, re.M)
LISTED = {(int(code), name) for code, of, *_ in ROWS for name in of.split(", ")}
CODES = {
    "shard": ShardCode,
    "gateway": GatewayCode,
    "sidedoor": SideDoorCode,
    "publisher": PublisherCode,
    "readmodel": ReadModelCode,
    "breaker": BreakerCode,
}
CLEAN = 0


def codes_of(process: str) -> set[int]:
    return {
        value
        for name, value in vars(CODES[process]).items()
        if name.isupper() and value != CLEAN
    }


@pytest.mark.parametrize("process", CODES)
def test_every_code_of_a_process(process: str) -> None:
    listed = {code for code, name in LISTED if name == process}
    assert listed - {NOT_WELL, IN_USE} == codes_of(process)


def test_those_of_all() -> None:
    assert {(CLEAN, "all"), (CONFIGURATION_WRONG, "all")} <= LISTED
    assert {(NOT_WELL, "status"), (IN_USE, "up")} <= LISTED


def test_what_needs_a_person_says_what_to_do() -> None:
    for code, _, meaning, advice in ROWS:
        assert meaning
        assert advice or int(code) == CLEAN
    assert all(code in FINAL_EXIT_CODES for code in (IN_USE, CONFIGURATION_WRONG))
