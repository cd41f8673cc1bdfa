"""Tests of real processes are tried twice, all others once, and nothing in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.second_attempt import ATTEMPTS_MAX, HEADING

COUNTED = """\
from pathlib import Path
import pytest

def attempt():
    path = Path(__file__).with_suffix(".attempts")
    count = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(count))
    return count

"""


def played(
    pytester: pytest.Pytester, folder: str, text: str, *options: str
) -> tuple[pytest.RunResult, int]:
    """The outcome of a test in ``folder``, and how often it was run."""
    path = pytester.path / "tests" / folder / "test_it.py"
    path.parent.mkdir(parents=True)
    path.write_text(COUNTED + text)
    pytester.makeini("[pytest]\ntimeout = 30\n")
    result = pytester.runpytest("-p", "tests.second_attempt", *options)
    return result, int(path.with_suffix(".attempts").read_text())


ONCE = 'def test_it():\n    assert attempt() > 1, "the first time"\n'
ALWAYS = 'def test_it():\n    raise AssertionError(f"failure {attempt()}")\n'


def test_what_fails_once_passes_and_is_told(pytester: pytest.Pytester) -> None:
    text = ONCE.replace(":\n", ':\n    print("said before")\n')
    result, attempts = played(pytester, "live", text)
    assert (result.ret, attempts) == (0, 2)
    result.stdout.fnmatch_lines(
        [
            f"*= {HEADING} =*",
            "*_ tests/live/test_it.py::test_it _*",
            '*assert attempt() > 1, "the first time"*',
            "E * AssertionError: the first time",
            "*Captured stdout call*",
            "said before",
            f"*= 1 {HEADING} in *",
        ]
    )


def test_it_works_without_time_limits(pytester: pytest.Pytester) -> None:
    result, attempts = played(pytester, "live", ONCE, "-p", "no:timeout")
    assert (result.ret, attempts) == (0, 2)


def test_what_fails_twice_fails(pytester: pytest.Pytester) -> None:
    result, attempts = played(pytester, "live", ALWAYS)
    assert (result.ret, attempts) == (1, 2)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *failure 2", "*First attempt*", "E *failure 1"])
    assert HEADING not in result.stdout.str()


@pytest.mark.parametrize(
    "folder", ["unit", "property", "fuzz", "sessions", "net", "sidedoor", "certify"]
)
def test_others_are_run_once(pytester: pytest.Pytester, folder: str) -> None:
    result, attempts = played(pytester, folder, ONCE)
    assert (result.ret, attempts) == (1, 1)
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    "text",
    [
        ONCE.replace("def", "@pytest.mark.processes\ndef"),
        "@pytest.fixture\ndef kafka():\n    pass\n" + ONCE.replace("()", "(kafka)", 1),
    ],
)
def test_of_a_mixed_folder_those_with_processes(
    pytester: pytest.Pytester, text: str
) -> None:
    result, attempts = played(pytester, "sidedoor", text)
    assert (result.ret, attempts) == (0, 2)


def test_what_passes_is_run_once(pytester: pytest.Pytester) -> None:
    result, attempts = played(pytester, "live", "def test_it():\n    attempt()\n")
    assert (result.ret, attempts) == (0, 1)
    result.assert_outcomes(passed=1)
    assert HEADING not in result.stdout.str()


FIXTURES = """\
made = []

@pytest.fixture(scope="session")
def server():
    made.append("server")
    yield f"server {made.count('server')}"
    made.append("end of server")

@pytest.fixture(scope="module")
def process(server):
    made.append("process")
    yield f"process of {server}"
    made.append("end of process")

def test_before(process):
    assert made == ["server", "process"]

def test_it(process):
    if attempt() == 1:
        assert process == "process of server 1"
        raise AssertionError("the first time")
    ends = ["end of process", "end of server"]
    assert made == ["server", "process", *ends, "server", "process"]
    assert process == "process of server 2"

def test_after(process):
    assert process == "process of server 2"
"""


def test_fixtures_of_all_scopes_are_set_up_anew(pytester: pytest.Pytester) -> None:
    result, attempts = played(pytester, "live", FIXTURES, "-p", "no:randomly")
    assert (result.ret, attempts) == (0, 2)
    result.stdout.fnmatch_lines([f"*= 2 passed, 1 {HEADING} in *"])


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_what_is_left_behind_is_final(pytester: pytest.Pytester, scope: str) -> None:
    """Whether only that goes wrong, or the test before it too."""
    text = f"""\
@pytest.fixture(scope="{scope}")
def process():
    yield
    assert not "a process is left"

def test_it(process):
    if attempt() == 1:
        raise AssertionError("the first time")
"""
    result, attempts = played(pytester, "live", text)
    assert (result.ret, attempts) == (1, 1)
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*a process is left*"])


def test_an_end_that_fails_alone_is_final(pytester: pytest.Pytester) -> None:
    text = """\
@pytest.fixture
def process():
    yield
    assert attempt() > 1

def test_it(process):
    pass
"""
    result, attempts = played(pytester, "live", text)
    assert (result.ret, attempts) == (1, 1)
    result.assert_outcomes(passed=1, errors=1)


def test_a_fixture_that_cannot_be_set_up_is_tried_again(
    pytester: pytest.Pytester,
) -> None:
    text = """\
@pytest.fixture
def process():
    assert attempt() > 1, "it does not start"

def test_it(process):
    pass
"""
    result, attempts = played(pytester, "live", text)
    assert (result.ret, attempts) == (0, 2)
    result.stdout.fnmatch_lines([f"*= {HEADING} =*", "*it does not start*"])


def test_a_skip_does_not_hide_a_failure(pytester: pytest.Pytester) -> None:
    text = """\
def test_it():
    if attempt() == 2:
        pytest.skip("the server cannot be started")
    raise AssertionError("the first time")
"""
    result, attempts = played(pytester, "live", text)
    assert (result.ret, attempts) == (1, 2)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *the first time"])


def test_the_second_attempt_has_a_time_limit_of_its_own(
    pytester: pytest.Pytester,
) -> None:
    text = """\
import time

@pytest.mark.timeout(1)
def test_it():
    time.sleep(30 if attempt() == 1 else 0.6)
"""
    result, attempts = played(pytester, "live", text)
    assert (result.ret, attempts) == (0, 2)
    result.stdout.fnmatch_lines([f"*= {HEADING} =*", "*Timeout*"])


def test_one_that_hangs_twice_is_ended_twice(pytester: pytest.Pytester) -> None:
    text = """\
import time

@pytest.mark.timeout(0.5)
def test_it():
    attempt()
    time.sleep(30)
"""
    result, attempts = played(pytester, "live", text)
    assert (result.ret, attempts) == (1, 2)
    result.assert_outcomes(failed=1)


def test_a_run_that_is_broken_is_not_made_twice(pytester: pytest.Pytester) -> None:
    text = f"""\
@pytest.mark.parametrize("number", range({ATTEMPTS_MAX + 3}))
def test_it(number):
    assert attempt() < 0
"""
    result, attempts = played(pytester, "live", text)
    assert (result.ret, attempts) == (1, 2 * ATTEMPTS_MAX + 3)
    result.assert_outcomes(failed=ATTEMPTS_MAX + 3)


def test_the_folders_are_there() -> None:
    from tests import second_attempt

    tests = Path(__file__).parents[1]
    for name in second_attempt.FOLDERS | second_attempt.MIXED_FOLDERS:
        assert list((tests / name).glob("test_*.py")), name
