"""``bin/services`` by its command line, as a person uses it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

ROOT = Path(__file__).parents[2]
COMMAND_S = 50.0
VARIABLES = ("FIXGW_TEST_KAFKA", "FIXGW_TEST_POSTGRES", "FIXGW_TEST_REDIS")


class Set:
    """One set of servers."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self._environment = {
            name: value for name, value in os.environ.items() if name not in VARIABLES
        } | environment

    def command(self, *words: str) -> list[str]:
        return [str(ROOT / "bin/services"), *words, "--folder", str(self.folder)]

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a command, and do not wait."""
        return subprocess.Popen(
            self.command(*words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            env=self._environment,
        )

    def status(self) -> dict[str, Any]:
        told = self.run("status", "--json")
        assert told.returncode == 0, told.stderr
        found: dict[str, Any] = json.loads(told.stdout)
        return found


@pytest.fixture
def new_set(tmp_path: Path) -> Iterator[Callable[..., Set]]:
    """Makes sets; stops whatever of them runs."""
    made: list[Set] = []

    def make(name: str, **environment: str) -> Set:
        made.append(Set(tmp_path / name, **environment))
        return made[-1]

    yield make
    for one in made:
        assert one.run("down").returncode == 0


def needs(new_set: Callable[..., Set], *names: str) -> None:
    """What cannot be installed cannot be tried: not silently, and not in CI."""
    told = new_set("needed").run("install", *names)
    if told.returncode:
        text = f"needs {', '.join(names)}: {told.stderr}"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)


def test_two_sets_at_once(new_set: Callable[..., Set]) -> None:
    needs(new_set, "redis")
    sets = [new_set("one"), new_set("two")]
    starting = [one.begin("up", "redis") for one in sets]
    urls = []
    for popen in starting:
        out, err = popen.communicate(timeout=COMMAND_S)
        assert popen.returncode == 0, err
        assert out.startswith("export FIXGW_TEST_REDIS=redis://127.0.0.1:")
        assert out.count("\n") == 1
        urls.append(out.strip().partition("=")[2])
    assert urls[0] != urls[1]
    clients = [redis.Redis.from_url(url) for url in urls]
    for number, client in enumerate(clients):
        assert client.set("mine", number)
    assert [client.get("mine") for client in clients] == [b"0", b"1"]

    first, second = sets
    found = first.status()
    assert found["redis"]["state"] == "answers"
    assert found["redis"]["url"] == urls[0]
    assert found["kafka"]["state"] == found["postgres"]["state"] == "not started"
    # Again is no harm: it runs already.
    again = first.run("up", "redis")
    assert again.stdout == f"export FIXGW_TEST_REDIS={urls[0]}\n"
    assert first.status() == found

    assert first.run("kill", "redis").returncode == 0
    assert first.status()["redis"]["state"] == "ended"
    with pytest.raises(redis.ConnectionError):
        clients[0].get("mine")
    assert clients[1].get("mine") == b"1"
    told = first.run("kill", "redis")
    assert told.returncode == 1
    assert told.stderr == "bin/services: redis was not started here, or has ended\n"

    assert first.run("start", "redis").returncode == 0
    assert clients[0].get("mine") == b"0", "its data, at its port"
    assert first.status()["redis"]["pid"] != found["redis"]["pid"]

    assert first.run("down").returncode == 0
    assert first.status()["redis"]["state"] == "not started"
    assert not (first.folder / "redis").exists()
    assert clients[1].get("mine") == b"1"
    assert second.run("down").returncode == 0
    for client in clients:
        client.close()


def test_postgres(new_set: Callable[..., Set]) -> None:
    needs(new_set, "postgres")
    one = new_set("one")
    up = one.run("up", "postgres")
    assert up.returncode == 0, up.stderr
    url = up.stdout.strip().removeprefix("export FIXGW_TEST_POSTGRES=")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    assert one.run("kill", "postgres").returncode == 0
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2)
    assert one.run("start", "postgres").returncode == 0
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT COUNT(*) FROM kept").fetchone() == (0,)
    data = Path(json.loads((one.folder / "state.json").read_text())["postgres"]["data"])
    assert data.exists()
    assert one.run("down").returncode == 0
    assert not data.exists()


def test_a_server_that_is_named_is_used(new_set: Callable[..., Set]) -> None:
    named = "redis://elsewhere:6379/3"
    one = new_set("one", FIXGW_TEST_REDIS=named)
    up = one.run("up", "redis")
    assert (up.returncode, up.stdout) == (0, f"export FIXGW_TEST_REDIS={named}\n")
    assert one.status()["redis"] == {
        "state": "named by FIXGW_TEST_REDIS",
        "url": named,
        "pid": None,
    }
    told = one.run("kill", "redis")
    assert told.returncode == 1
    assert "was not started here" in told.stderr
    assert not (one.folder / "redis.log").exists()


@pytest.mark.parametrize(
    ("words", "code", "wanted"),
    [
        (["up", "oracle"], 2, "'oracle' is none of kafka, postgres, redis"),
        (["kill"], 2, "kill needs a NAME"),
        (["start"], 2, "start needs a NAME"),
        (["down", "redis"], 2, "down takes no NAME"),
        (["start", "redis"], 1, "redis was not there before: use up redis"),
        (["restart"], 2, "invalid choice: 'restart'"),
    ],
)
def test_what_is_meant_otherwise(
    new_set: Callable[..., Set], words: list[str], code: int, wanted: str
) -> None:
    told = new_set("one").run(*words)
    assert (told.returncode, told.stdout) == (code, "")
    assert wanted in told.stderr
    assert "Traceback" not in told.stderr
