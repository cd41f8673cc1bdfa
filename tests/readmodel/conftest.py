"""Histories and databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixgw.config import Config
from fixgw.readmodel.database import Database
from fixgw.readmodel.postgres import PostgresDatabase
from fixgw.readmodel.sqlite import SqliteDatabase
from tests.readmodel.support import History, config_of


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Data in a folder of this test."""
    return config_of(tmp_path)


@pytest.fixture
def history(config: Config) -> Iterator[History]:
    """Some thousand events in the logs of two shards."""
    made = History(config, seed=7)
    made.write(3000)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Callable[[], Database]:
    """Makes the one database of a test again and again, as a new process would."""
    if request.param == "sqlite":
        return lambda: SqliteDatabase(tmp_path / "readmodel" / "readmodel.sqlite")
    url = request.getfixturevalue("postgres").fresh_database()
    return lambda: PostgresDatabase(url)
