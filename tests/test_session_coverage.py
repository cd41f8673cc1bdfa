"""The session layer is covered, each module by its own tests; and this is a check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.session_coverage import LEFT_OUT, OWN_TESTS, ROOT, names_of, path_of, table

pytestmark = pytest.mark.timeout(300)


def measure(*arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: what is imported here already cannot be measured."""
    return subprocess.run(
        [sys.executable, "-m", "tests.session_coverage", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_every_module_is_covered_by_its_own_tests() -> None:
    done = measure()
    assert done.returncode == 0, done.stdout
    for name in names_of("fixgw.session"):
        assert f"\n{name:32} 100.00 % " in done.stdout


def test_the_tests_of_another_module_do_not_count() -> None:
    done = measure("fixgw.session.throttle=tests/sessions/test_checks.py")
    assert done.returncode == 1, done.stdout
    last = done.stdout.splitlines()[-1]
    assert last == "Below 100 % by their own tests: fixgw.session.throttle"
    assert "\n    lines " in done.stdout
    assert "\n    branches " in done.stdout


def test_a_test_that_fails_is_no_proof(tmp_path: Path) -> None:
    failing = tmp_path / "test_throttle.py"
    failing.write_text("def test_it() -> None:\n    assert False\n")
    done = measure(f"fixgw.session.throttle={failing}")
    assert done.returncode == 1, done.stdout
    assert "The tests failed" in done.stdout


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("fixgw.session.nobody", "no such module: fixgw.session.nobody"),
        ("fixgw.session.gap=tests/none.py", "no such file of tests: tests/none.py"),
    ],
)
def test_what_does_not_exist_cannot_be_measured(argument: str, said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        table([argument])


def test_the_table_names_only_what_is_not_found_by_its_name() -> None:
    """And no more files than the folders have."""
    rows = table([])
    assert set(OWN_TESTS) <= set(rows)
    for name, files in OWN_TESTS.items():
        short = name.rpartition(".")[2]
        named = {f"tests/sessions/test_{short}.py", f"tests/unit/test_{short}.py"}
        assert not set(files) <= named, f"{name} needs no row"
    assert all((ROOT / path_of(name)).is_file() for name in LEFT_OUT)
