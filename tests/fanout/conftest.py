"""Logs that are closed, whatever happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fanout.support import EventLog


@pytest.fixture
def write_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., EventLog]]:
    """Makes event logs in ``tmp_path``, of a shard, with some events."""
    monkeypatch.setattr(os, "fdatasync", lambda file: None)
    made: list[EventLog] = []

    def make(shard: int = 0, count: int = 0, seed: int = 0, **options: int) -> EventLog:
        made.append(EventLog(tmp_path, shard, seed, **options))
        made[-1].write(count)
        return made[-1]

    yield make
    for log in made:
        log.close()
