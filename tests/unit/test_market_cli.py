"""The commands for phases, limits and trades: what they refuse before they ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fixgw.ops.cli import main
from tests.unit.test_config_commands import OPEN, write


def run(folder: Path, *arguments: str) -> Result:
    where = ("--config", str(write(folder, sessions=OPEN)))
    return CliRunner().invoke(main, [*arguments, *where, "--data", str(folder / "d")])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("instruments phase lunch ACME", "'lunch' is not one of"),
        ("instruments phase closed", "name the symbols to set to closed, or say --all"),
        ("instruments halt ACME --then closed", "--then needs --for or --until"),
        ("instruments halt ACME --for 5 --until x", "either --for or --until"),
        ("instruments halt ACME --until noon", "say it like 2026-11-21T17:30:00Z"),
        (
            "instruments halt ACME --until 2026-11-21T17:30:00",
            "say it like 2026-11-21T17:30:00Z",
        ),
        ("instruments halt ACME --for 2592001", "is not in the range"),
        ("limits set --session BUYER", "say which limit, for example --rate-max 100"),
        ("limits set --rate-max 5", "say whose: --session NAME, or --account NAME"),
        ("limits set --session A --account B --rate-max 5", "say whose: "),
        ("limits block --account ACC1", "this would cancel every order of ACC1 and"),
        ("limits unblock", "say whose: --session NAME, or --account NAME"),
        ("trades cancel 0-1", "say --dry-run to look first, or --confirm to do it"),
        ("trades cancel 0-1 --dry-run --confirm", "say --dry-run to look first, or "),
        ("trades correct 0-1 --confirm", "Missing option '--price'"),
        ("orders cancel --all --side buy", "this would cancel every order of side buy"),
        ("orders cancel --all", "this would cancel every order; add --confirm"),
        ("orders cancel --side buy", "name orders by their ids, or say --all, with"),
        ("breaker release", "this would end the watch over the market-wide halt"),
    ],
)
def test_a_wrong_use_is_said_and_nothing_asked(
    tmp_path: Path, text: str, said: str
) -> None:
    result = run(tmp_path, *text.split())
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trades show 17", "17 is no trade id: one looks like 0-4711"),
        ("trades show 9-1", "9-1: there is no shard 9"),
        ("trades show 0-1", "that process does not run"),
        ("limits list", "that process does not run"),
        ("limits set --session BUYR --rate-max 5", "did you mean BUYER?"),
        ("instruments phase closed ACME", "that process does not run"),
        ("breaker release --confirm", "that process does not run"),
    ],
)
def test_what_cannot_be_done_ends_with_code_1(
    tmp_path: Path, text: str, said: str
) -> None:
    result = run(tmp_path, *text.split())
    assert result.exit_code == 1, result.output
    assert said in result.stderr
