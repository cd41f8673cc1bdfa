"""Branch coverage of the session layer: each module by its own tests alone.

A line that is run by chance, in the test of another module, is not tested. So one run
of all these tests notes which file of tests took which branch, and of each module only
what its own files took counts, beside what its import does. Its own files are
``test_<module>.py`` in ``tests/sessions`` or ``tests/unit``, or those listed in
``OWN_TESTS``.

    python -m tests.session_coverage                        every module
    python -m tests.session_coverage fixgw.session.gap      one module
    python -m tests.session_coverage fixgw.session.gap=tests/sessions/test_gap.py

The last form tries other files than those of the table. Exit status 1: a test failed,
or a module of ``ENFORCED`` is below 100 %.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coverage
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("fixgw.session", "fixgw.dictionary")
ENFORCED = "fixgw.session."
COMPILED = frozenset({"fixgw.dictionary.screen"})
"""C does not tell its lines."""

FOLDERS = ("tests/sessions", "tests/unit")
IMPORT = "import"

SESSIONS_FILE = ("tests/unit/test_settings.py", "tests/unit/test_settings_keys.py")
SCHEDULE = ("tests/unit/test_schedule.py",)
OWN_TESTS: dict[str, tuple[str, ...]] = {
    "fixgw.dictionary.loader": ("tests/unit/test_dictionary.py",),
    "fixgw.dictionary.model": (
        "tests/unit/test_dictionary.py",
        "tests/unit/test_dialects.py",
    ),
    "fixgw.session.book": (
        "tests/unit/test_settings.py",
        "tests/unit/test_settings_templates.py",
    ),
    "fixgw.session.inbound": (
        "tests/sessions/test_inbound.py",
        "tests/sessions/test_tables.py",
    ),
    "fixgw.session.keys": SESSIONS_FILE,
    "fixgw.session.listener": SESSIONS_FILE,
    "fixgw.session.logon": (
        "tests/sessions/test_logon.py",
        "tests/sessions/test_logon_policy.py",
        "tests/sessions/test_logon_words.py",
        "tests/sessions/test_next_expected.py",
        "tests/sessions/test_reset_time.py",
    ),
    "fixgw.session.parts": ("tests/sessions/test_session.py",),
    "fixgw.session.passwords": ("tests/unit/test_credentials.py",),
    "fixgw.session.processing": (
        "tests/sessions/test_processing.py",
        "tests/sessions/test_sequence_reset.py",
    ),
    "fixgw.session.reasons": ("tests/sessions/test_ends.py",),
    "fixgw.session.recurrence": SCHEDULE,
    "fixgw.session.rejects": ("tests/sessions/test_reject_bodies.py",),
    "fixgw.session.resending": (
        "tests/sessions/test_resend.py",
        "tests/sessions/test_resend_policies.py",
    ),
    "fixgw.session.sections": SESSIONS_FILE,
    "fixgw.session.status": ("tests/sessions/test_outbound.py",),
    "fixgw.session.timeofday": SCHEDULE,
    "fixgw.session.values": SESSIONS_FILE,
    "fixgw.session.view": SESSIONS_FILE,
}
"""Modules whose tests are called by the rule they prove, not by the module."""

LEFT_OUT = frozenset(
    {
        "tests/sessions/test_replay.py::test_any_rows_requests_and_slices",
        "tests/unit/test_credentials.py::test_any_text_is_credentials_or_problems",
        "tests/unit/test_rulebook.py::test_the_quick_way_never_passes_what_has_a_fault",
        "tests/unit/test_schedule.py::test_windows_are_those_of_a_watched_clock",
        "tests/unit/test_validation.py::test_quickfix_agrees",
        "tests/unit/test_validation.py::test_timestamps_agree_with_a_naive_reading",
    }
)
"""Searches of many seconds, which reach no branch that other tests do not."""


def names_of(package: str) -> list[str]:
    """The modules of a package that can be measured, in order."""
    folder = ROOT / package.replace(".", "/")
    names = [f"{package}.{path.stem}" for path in sorted(folder.glob("*.py"))]
    return [n for n in names if not n.endswith("__init__") and n not in COMPILED]


def tests_of(module: str) -> tuple[str, ...]:
    """Its own files of tests: those of the table, else those named as it is."""
    name = module.rpartition(".")[2]
    named = [f"{folder}/test_{name}.py" for folder in FOLDERS]
    found = tuple(path for path in named if (ROOT / path).exists())
    return OWN_TESTS.get(module, found)


def table(arguments: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What to measure by what. A file that does not exist would prove nothing: the
    table may name none."""
    known = [name for package in PACKAGES for name in names_of(package)]
    asked = dict(argument.partition("=")[::2] for argument in arguments)
    for name in [*OWN_TESTS, *asked]:
        if name not in known:
            sys.exit(f"no such module: {name}")
    rows = {}
    for name in asked or known:
        files = asked.get(name)
        rows[name] = tuple(files.split(",")) if files else tests_of(name)
        for path in rows[name]:
            if not (ROOT / path).is_file():
                sys.exit(f"{name}: no such file of tests: {path}")
    return rows


def path_of(nodeid: str) -> str:
    """The file of a test."""
    return nodeid.partition("::")[0]


class Observer:
    """Tells coverage which file of tests is running."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self._cover = cover
        self._path = ""

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """The long searches are left out, and exist."""
        left_out = [item for item in items if item.nodeid in LEFT_OUT]
        items[:] = [item for item in items if item.nodeid not in LEFT_OUT]
        config.hook.pytest_deselected(items=left_out)
        files = {path_of(item.nodeid) for item in [*items, *left_out]}
        wanted = {name for name in LEFT_OUT if path_of(name) in files}
        unknown = wanted - {item.nodeid for item in left_out}
        if unknown:
            raise pytest.UsageError(f"no such test: {', '.join(sorted(unknown))}")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """What is remembered from another file would not be run again."""
        path = path_of(nodeid)
        if path == self._path:
            return
        self._path = path
        self._cover.switch_context(path)
        for name, module in list(sys.modules.items()):
            if name.startswith(PACKAGES):
                for value in vars(module).values():
                    if hasattr(value, "cache_clear"):
                        value.cache_clear()


def run(cover: coverage.Coverage, paths: Iterable[str]) -> int:
    """Run these files of tests, in this order and with examples that stay the same;
    pytest's exit status."""
    cover.start()
    cover.switch_context(IMPORT)
    for package in PACKAGES:
        for name in names_of(package):
            importlib.import_module(name)
    options = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    options += ["--no-header", "--hypothesis-profile=ci", "--rootdir", str(ROOT)]
    status = pytest.main([*options, *paths], plugins=[Observer(cover)])
    cover.stop()
    return int(status)


@dataclass(frozen=True)
class Result:
    """What a module's own tests took of it."""

    module: str
    lines: int
    branches: int
    excluded: int
    missing_lines: list[int]
    missing_branches: list[list[int]]

    @property
    def is_whole(self) -> bool:
        return not self.missing_lines and not self.missing_branches

    @property
    def percent(self) -> float:
        missing = len(self.missing_lines) + len(self.missing_branches)
        return 100 - 100 * missing / max(1, self.lines + self.branches)

    def __str__(self) -> str:
        text = f"{self.module:32} {self.percent:6.2f} %"
        text += f" {self.lines:5} lines {self.branches:4} branches"
        if self.excluded:
            text += f" {self.excluded} excluded"
        if self.missing_lines:
            text += f"\n    lines {', '.join(map(str, self.missing_lines))}"
        if self.missing_branches:
            jumps = [f"{start}->{end}" for start, end in self.missing_branches]
            text += f"\n    branches {', '.join(jumps)}"
        return text


def measured(
    cover: coverage.Coverage, module: str, paths: Iterable[str], folder: Path
) -> Result:
    """What these files of tests and the import of the module took of it."""
    source = module.replace(".", "/") + ".py"
    target = folder / "report.json"
    contexts = [f"^{re.escape(name)}$" for name in (IMPORT, *paths)]
    cover.json_report(morfs=[source], outfile=str(target), contexts=contexts)
    found: dict[str, Any] = json.loads(target.read_text())["files"][source]
    return Result(
        module,
        found["summary"]["num_statements"],
        found["summary"]["num_branches"],
        found["summary"]["excluded_lines"],
        found["missing_lines"],
        found["missing_branches"],
    )


def main(arguments: Sequence[str]) -> int:
    os.chdir(ROOT)
    rows = table(arguments)
    paths = sorted({path for files in rows.values() for path in files})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder / "hypothesis")
        # The other one tells of each line only once, whoever runs it again.
        os.environ["COVERAGE_CORE"] = "ctrace"
        cover = coverage.Coverage(
            data_file=str(folder / "data"),
            branch=True,
            source=[package.replace(".", "/") for package in PACKAGES],
            config_file=False,
        )
        status = run(cover, paths)
        results = [measured(cover, *row, folder) for row in rows.items()]
    if status:
        sys.stdout.write("The tests failed, nothing is told of coverage.\n")
        return 1
    for result in results:
        sys.stdout.write(f"{result}\n")
    missing = [
        result.module
        for result in results
        if result.module.startswith(ENFORCED) and not result.is_whole
    ]
    if missing:
        sys.stdout.write(f"Below 100 % by their own tests: {', '.join(missing)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
