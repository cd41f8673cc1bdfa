"""Short fuzz runs, as built for use and with the sanitizers, and proof that both bite.

The seed is 1, or FUZZ_SEED. Longer runs: ``bin/fuzz``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import asan, work
from tests.fuzz import run as runner

SEED = int(os.environ.get("FUZZ_SEED", "1"))
SECONDS = 1.5
ASAN_SECONDS = 5
BUILD_SECONDS_MAX = 900
GROWTH_MAX = 2.5
"""Twice the input may take this much more work: 2 for linear, 4 for quadratic."""


# -- as built for use ------------------------------------------------------------------


@pytest.mark.parametrize("harness", runner.HARNESSES)
def test_a_short_run(harness: str, tmp_path: Path) -> None:
    result = runner.run(harness, SECONDS, SEED, tmp_path)
    sys.stdout.write(f"seed {SEED}, {result}\n")
    assert result.inputs > 100
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


@pytest.mark.parametrize("harness", runner.HARNESSES)
def test_runs_of_one_seed_are_alike(harness: str) -> None:
    from random import Random

    module = runner.load(harness)
    corpus = runner.corpus_of(module)

    def inputs() -> list[bytes]:
        random = Random(SEED)
        return [module.MUTATE(random, corpus[0], corpus) for _ in range(200)]

    assert inputs() == inputs()
    assert len(set(inputs())) > 150


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
@pytest.mark.parametrize("harness", runner.HARNESSES)
def test_a_run_with_the_sanitizers(tree: Path, harness: str, tmp_path: Path) -> None:
    arguments = ["--seconds", str(ASAN_SECONDS), "--seed", str(SEED)]
    script = str(tree / "tests" / "fuzz" / "run.py")
    result = python(tree, script, *arguments, "--artifacts", str(tmp_path), harness)
    sys.stdout.write(result.stdout)
    told = f"{result.stdout}{result.stderr}"
    for path in tmp_path.glob("*.current"):
        told += f"\nthe input at work: {runner.CurrentInput.read(path)!r}"
    assert "Sanitizer" not in told, told
    assert "runtime error" not in told, told
    assert f"{harness}: " in result.stdout, told
    assert result.returncode == 0, told


@pytest.mark.timeout(BUILD_SECONDS_MAX)
def test_the_framer_works_in_linear_time(tree: Path) -> None:
    result = python(tree, str(tree / "tests" / "fuzz" / "work.py"))
    assert result.returncode == 0, result.stderr
    counts = json.loads(result.stdout)
    assert len(counts) == len(work.cases())
    steep = {
        case: blocks
        for case, blocks in counts.items()
        for less, more in zip(blocks, blocks[1:], strict=False)
        if more > GROWTH_MAX * less
    }
    assert not steep, f"blocks executed for {work.SIZES} bytes: {steep}"
