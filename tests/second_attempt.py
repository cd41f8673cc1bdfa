"""A second attempt for tests that talk to real processes, and never in silence.

Servers, browsers and our own processes share the machine with whatever else runs on it,
so one of their tests may fail where nothing is wrong. It is run once more, with every
fixture set up anew, also those of its module and of the whole run: neither a server in
a bad way nor anything else of the first attempt is there for the second. What passes
only then is counted apart and told at the end, with its whole first failure. Nothing
else is run again: a test that holds its own time has no excuse.

Leaving something behind is no bad luck either: an error at the end of a test, when its
fixtures are cleared away, is final.
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol
from _pytest.terminal import TerminalReporter

FOLDERS = frozenset(
    {"browser", "client", "fanout", "fix_scenarios", "live", "readme", "readmodel"}
)
"""All that is in them works with processes."""

MIXED_FOLDERS = frozenset({"certify", "sidedoor"})
"""Here these do: with one of SERVERS or with MARK."""

SERVERS = frozenset({"kafka", "postgres", "redis_server", "chromium"})
MARK = "processes"
ATTEMPTS_MAX = 10
"""Of a whole run. Where more goes wrong, something is broken, and is not to take twice
the time."""

HEADING = "passed only at the second attempt"

_second = pytest.StashKey[list[pytest.TestReport]]()
_attempted = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARK}: works with real processes, and may be tried a second time"
    )


def has_second_attempt(item: pytest.Item) -> bool:
    """Whether a test works with real processes."""
    below = item.path.relative_to(item.config.rootpath).parts
    folder = below[1] if len(below) > 2 and below[0] == "tests" else ""
    if folder in MIXED_FOLDERS:
        used = set(getattr(item, "fixturenames", ()))
        return bool(used & SERVERS) or item.get_closest_marker(MARK) is not None
    return folder in FOLDERS


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    if not has_second_attempt(item):
        return None
    if _second in item.stash:
        item.stash[_second] = runtestprotocol(item, log=False, nextitem=nextitem)
        return True
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _attempts(item, nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _attempts(
    item: pytest.Item, nextitem: pytest.Item | None
) -> list[pytest.TestReport]:
    """The reports that count."""
    first = runtestprotocol(item, log=False, nextitem=nextitem)
    failed = [report for report in first if report.failed]
    if not failed or item.session.shouldstop:
        return first
    cleared = _clear(item)
    if cleared.failed:
        return [*first, cleared]
    if failed[0].when == "teardown" or len(failed) > 1:
        return first
    attempted = item.session.stash.get(_attempted, 0)
    if attempted == ATTEMPTS_MAX:
        return first
    item.session.stash[_attempted] = attempted + 1
    # As a test of its own: every plugin begins anew with it, the time limit too.
    if item.config.pluginmanager.hasplugin("timeout"):
        item.ihook.pytest_timeout_cancel_timer(item=item)
    item.stash[_second] = []
    try:
        item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        second = item.stash[_second]
    finally:
        del item.stash[_second]
    calls = [report for report in second if report.when == "call"]
    if any(report.skipped for report in second):
        return first
    for report in calls:
        if report.passed:
            report.first_failure = failed[0]  # type: ignore[attr-defined]
    for report in second:
        if report.failed:
            report.sections.append(("First attempt", failed[0].longreprtext))
    return second


def _clear(item: pytest.Item) -> pytest.TestReport:
    """Take down the fixtures of all scopes."""
    call = pytest.CallInfo.from_call(
        lambda: item.session._setupstate.teardown_exact(None),
        "teardown",
        reraise=(pytest.exit.Exception, KeyboardInterrupt),
    )
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(
        item=item, call=call
    )
    return report


def pytest_report_teststatus(
    report: pytest.TestReport | pytest.CollectReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    if getattr(report, "first_failure", None) is None:
        return None
    return HEADING, "2", ("PASSED (second attempt)", {"yellow": True})


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    reports = terminalreporter.stats.get(HEADING, [])
    if not reports:
        return
    terminalreporter.write_sep("=", HEADING, yellow=True, bold=True)
    for report in reports:
        terminalreporter.write_sep("_", report.nodeid, yellow=True, bold=True)
        first = report.first_failure
        first.toterminal(terminalreporter._tw)
        for name, content in first.sections:
            terminalreporter.write_sep("-", name)
            terminalreporter.write(content if content[-1:] == "\n" else f"{content}\n")
