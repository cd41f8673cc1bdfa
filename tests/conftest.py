"""What all tests share."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal

import pytest
from hypothesis import settings

import engine.shard

pytest_plugins = ["tests.services", "tests.second_attempt", "pytester"]

# Importing QuickFIX makes Ctrl-C kill on the spot: what was started would be left over.
# A run that was begun in the background may be deaf to it, and all that it starts.
with contextlib.suppress(ImportError):
    import quickfix  # noqa: F401
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where a red run stops others, the examples are the same for the same code; everywhere
# else each run tries new ones.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "explore")


def pytest_configure() -> None:
    """Without QuickFIX its tests are skipped, by name; not where a run decides."""
    if os.environ.get("CI") and importlib.util.find_spec("quickfix") is None:
        raise pytest.UsageError("QuickFIX is missing; bin/test installs it")


def pytest_report_header() -> list[str]:
    """Shows that the compiled modules are the ones under test."""
    return [f"compiled engine: {engine.shard.__file__}"]
