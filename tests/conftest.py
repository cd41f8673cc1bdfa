"""What all tests share."""

from __future__ import annotations

import engine.shard


def pytest_report_header() -> list[str]:
    """Shows that the compiled modules are the ones under test."""
    return [f"compiled engine: {engine.shard.__file__}"]
