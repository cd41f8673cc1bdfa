"""Short fuzz runs, as built for use and with the sanitizers, and proof that they bite.

The seed is 1, or FUZZ_SEED. Longer runs: ``bin/fuzz``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from fixgw.session.effects import Close, Replay
from fixgw.session.gap import Gap
from fixgw.session.lifecycle import Lifecycle
from fixgw.session.outbound import Outbound
from fixgw.session.processing import Processing
from fixgw.session.reasons import DisconnectReason
from fixgw.session.replay import as_possible_duplicate
from fixgw.session.tables import Happening
from fixgw.wire import Message, parse_message
from tests.fuzz import asan, effort, grammar, mutate, work
from tests.fuzz import run as runner

SEED = int(os.environ.get("FUZZ_SEED", "1"))
SECONDS = 0.7
ASAN_SECONDS = 9
BUILD_SECONDS_MAX = 900
GROWTH_MAX = 2.5
"""Twice the input may take this much more work: 2 for linear, 4 for quadratic."""


# -- as built for use ------------------------------------------------------------------


@pytest.mark.parametrize("harness", runner.HARNESSES)
def test_a_short_run(harness: str, tmp_path: Path) -> None:
    # However busy the machine is, not the corpus alone.
    least = len(runner.corpus_of(runner.load(harness))) + 10
    result = runner.run(harness, SECONDS, SEED, tmp_path, inputs_min=least)
    sys.stdout.write(f"seed {SEED}, {result}\n")
    assert result.inputs >= least
    told = [f"{data!r}\n{result.details[key]}" for key, data in result.failures.items()]
    assert not told, f"seed {SEED}: " + "\n".join(told)


def test_a_failing_harness_is_told_and_its_input_made_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(data: bytes) -> None:
        if b"35=F" in data and b"41=" in data:
            raise AssertionError("on purpose")

    monkeypatch.setattr(runner.load("framing"), "check", check)
    result = runner.run("framing", 0.2, SEED, tmp_path)
    [small] = result.failures.values()
    assert sorted(small) == sorted(b"35=F41=")
    [kept] = tmp_path.iterdir()
    assert kept.read_bytes() == small


def test_the_input_at_work_can_be_read_back(tmp_path: Path) -> None:
    path = tmp_path / "x.current"
    current = runner.CurrentInput(path)
    for data in (b"first and longer", b"second", b""):
        current.set(data)
        assert runner.CurrentInput.read(path) == data


def test_an_input_that_hangs_ends_the_run(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tests.fuzz import run; "
        "run.HANG_S = 1; run.load('proxy').check = lambda data: time.sleep(60); "
        "run.run('proxy', 1, 1, Path(sys.argv[1]), run.Watchdog())"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    result = subprocess.run(command, cwd=runner.ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Timeout" in result.stderr
    [kept] = tmp_path.iterdir()
    assert runner.CurrentInput.read(kept) in runner.corpus_of(runner.load("proxy"))


@pytest.mark.parametrize("harness", runner.HARNESSES)
def test_runs_of_one_seed_are_alike(harness: str) -> None:
    from random import Random

    module = runner.load(harness)
    corpus = runner.corpus_of(module)

    def inputs() -> list[bytes]:
        random = Random(SEED)
        return [module.MUTATE(random, corpus[0], corpus) for _ in range(100)]

    assert inputs() == inputs()
    assert len(set(inputs())) > 60


def test_what_is_grown_from_a_dictionary_is_good() -> None:
    from random import Random

    random = Random(SEED)
    with_groups = 0
    for family in grammar.families():
        for _ in range(30):
            data = grammar.whole(family.begin_string, grammar.grown(random, family))
            lengths = family.rulebook.data_lengths
            message = parse_message(data, 10_000, lengths)
            assert isinstance(message, Message), message
            assert family.rulebook.judge(message) is None, message
            tags = [tag for tag, _ in message.fields()]
            with_groups += len(set(tags)) < len(tags)
    assert with_groups > 30


# -- the session's harness -------------------------------------------------------------


def corpus_fails() -> bool:
    """Whether the session's harness finds something wrong in its own corpus."""
    harness = runner.load("session")
    corpus = runner.corpus_of(harness)
    return any(runner.failure_of(harness.check, data) for data in corpus)


def count_twice(self: Processing, seq: int) -> None:
    self._numbers.next_in = seq + 2


def count_never(self: Processing, seq: int) -> None:
    pass


def deliver_twice(self: Processing, message: Message, now_ns: int) -> None:
    for _ in range(2):
        self._application.on_message(self._session, message, now_ns)


def forget_early(self: Gap, seq: int, message: Message | None) -> None:
    pass


def ask_always(self: Gap, expected: int, received: int, now: int) -> tuple[int, int]:
    return expected, 0


def never_close(self: Lifecycle, reason: DisconnectReason, text: str) -> None:
    self.move(Happening.BROKEN_OFF)
    self._out.effects += [Close(reason, text), Close(reason, text)]


def same_number(self: Outbound, test_req_id: bytes | None, now_ns: int) -> None:
    self.send("0", b"", now_ns, admin=True)
    self._numbers.next_out -= 1


def one_more(self: Outbound, begin: int, end: int, messages_end: int) -> None:
    if self._resender.request(begin, end + 1, messages_end):
        self.effects.append(Replay())


def one_less(self: Outbound, begin: int, end: int, messages_end: int) -> None:
    if self._resender.request(begin, max(begin, end - 1), messages_end):
        self.effects.append(Replay())


def other_body(data: bytes, sending_time: bytes) -> bytes:
    again = as_possible_duplicate(data, sending_time)
    return mutate.seal(again.replace(b"\x0137=x", b"\x0137=y"))


FAULTS_OF_SESSION: list[tuple[str, object]] = [
    ("fixgw.session.processing.Processing.count", count_twice),
    ("fixgw.session.processing.Processing.count", count_never),
    ("fixgw.session.processing.Processing._deliver", deliver_twice),
    ("fixgw.session.gap.Gap.keep", forget_early),
    ("fixgw.session.gap.Gap.found", ask_always),
    ("fixgw.session.lifecycle.Lifecycle.close", never_close),
    ("fixgw.session.outbound.Outbound.heartbeat", same_number),
    ("fixgw.session.outbound.Outbound.replay", one_more),
    ("fixgw.session.outbound.Outbound.replay", one_less),
    ("fixgw.session.replay.as_possible_duplicate", other_body),
]


@pytest.mark.parametrize(
    ("place", "fault"),
    FAULTS_OF_SESSION,
    ids=[getattr(fault, "__name__", "") for _, fault in FAULTS_OF_SESSION],
)
def test_a_fault_of_the_session_is_found(
    place: str, fault: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not corpus_fails()
    monkeypatch.setattr(place, fault)
    assert corpus_fails()


# -- linear time -----------------------------------------------------------------------


def steep_in(counts: dict[str, list[int]]) -> dict[str, list[int]]:
    """Where twice the input was more than twice the work."""
    return {
        case: work
        for case, work in counts.items()
        for less, more in pairwise(work)
        if more > GROWTH_MAX * less
    }


def test_validation_works_in_linear_time() -> None:
    counts = effort.validation()
    assert len(counts) == len(effort.MESSAGES) * len(effort.SWITCHES)
    assert not steep_in(counts)


def test_a_session_works_in_linear_time() -> None:
    counts = effort.sessions()
    assert len(counts) == len(effort.SCRIPTS) * len(effort.OPTIONS)
    assert not steep_in(counts)


# -- with the sanitizers ---------------------------------------------------------------


@pytest.fixture(scope="module")
def tree() -> Path:
    """The sanitizer build; not to have one is a failure, not a skip."""
    try:
        return asan.build()
    except asan.BuildError as error:
        pytest.fail(f"the sanitizer build failed: {error}")


def python(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env=asan.environment(tree),
        cwd=tree,
        capture_output=True,
        text=True,
    )


SUMS = "import ctypes, sys; faulty = ctypes.CDLL('./libfaulty.so'); "
FAULTS = [
    ("faulty.past_the_heap(8)", "heap-buffer-overflow"),
    ("faulty.past_the_heap(100_000)", "heap-buffer-overflow"),
    ("faulty.byte_at(b'x' * 100, 101)", "heap-buffer-overflow"),
    ("faulty.byte_at(b'x' * 9, -40)", "heap-buffer-overflow"),
    ("faulty.shifted(40)", "shift exponent 40 is too large"),
]


@pytest.mark.timeout(BUILD_SECONDS_MAX)
@pytest.mark.parametrize(("fault", "report"), FAULTS)
def test_a_fault_on_purpose_is_reported(tree: Path, fault: str, report: str) -> None:
    result = python(tree, "-c", SUMS + fault)
    assert result.returncode != 0
    assert report in result.stderr


@pytest.mark.timeout(BUILD_SECONDS_MAX)
def test_without_a_fault_nothing_is_reported(tree: Path) -> None:
    code = "faulty.byte_at(b'x' * 100, 100); faulty.shifted(3); print('through')"
    result = python(tree, "-c", SUMS + code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "through\n", "")


@pytest.mark.timeout(BUILD_SECONDS_MAX)
def test_every_compiled_module_is_the_instrumented_one(tree: Path) -> None:
    names = [
        path.relative_to(asan.ROOT).with_suffix("").as_posix().replace("/", ".")
        for path in asan.compiled_sources()
        if path.suffix == ".py" and path.name != "setup.py"
    ]
    assert "fixgw.wire.framing" in names
    code = "import importlib, sys\nfor n in sys.argv[1:]: "
    code += "print(importlib.import_module(n).__file__)"
    result = python(tree, "-c", code, *names)
    assert result.returncode == 0, result.stderr
    files = [Path(line) for line in result.stdout.split()]
    assert len(files) == len(names)
    for file in files:
        assert file.is_relative_to(tree)
        assert file.suffix == ".so"
        content = file.read_bytes()
        assert b"__asan_report_load" in content
        assert b"__sanitizer_cov_trace_pc" in content


@pytest.mark.timeout(BUILD_SECONDS_MAX)
def test_a_run_with_the_sanitizers(tree: Path, tmp_path: Path) -> None:
    arguments = ["--seconds", str(ASAN_SECONDS), "--seed", str(SEED)]
    arguments += ["--artifacts", str(tmp_path), *runner.COMPILED]
    result = python(tree, str(tree / "tests" / "fuzz" / "run.py"), *arguments)
    sys.stdout.write(result.stdout)
    told = f"{result.stdout}{result.stderr}"
    for path in tmp_path.glob("*.current"):
        told += f"\nthe input at work: {runner.CurrentInput.read(path)!r}"
    assert "Sanitizer" not in told, told
    assert "runtime error" not in told, told
    for harness in runner.COMPILED:
        assert f"{harness}: " in result.stdout, told
    assert result.returncode == 0, told


@pytest.mark.timeout(BUILD_SECONDS_MAX)
def test_framer_and_screen_work_in_linear_time(tree: Path) -> None:
    result = python(tree, str(tree / "tests" / "fuzz" / "work.py"))
    assert result.returncode == 0, result.stderr
    counts = json.loads(result.stdout)
    assert len(counts) == len(work.cases()) + len(effort.MESSAGES)
    steep = steep_in(counts)
    assert not steep, f"blocks executed: {steep}"
