"""Waiting with a deadline: nothing in these tests may wait for ever, or in silence."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

POLL_S = 0.01


def wait_until(
    condition: Callable[[], object],
    what: str,
    deadline_s: float = 30.0,
    state: Callable[[], str] = str,
) -> None:
    """Return when ``condition`` holds; fail with ``what`` and ``state`` otherwise."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {deadline_s:g} s: {what}\n{state()}")
        time.sleep(POLL_S)
