"""The life of the side door's process, seen from inside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.host.admin import call
from engine.records import EVENT_BYTES
from fixgw.config import Config
from fixgw.config.model import SideDoor as SideDoorConfig
from fixgw.sidedoor import process
from fixgw.sidedoor.process import ExitCode, SideDoor, serve


class Serving:
    """A side door in this process, without any shard."""

    def __init__(self, folder: Path) -> None:
        self.config = Config(
            path=folder / "fixgw.toml",
            sessions=folder / "sessions.cfg",
            instruments=folder / "instruments.csv",
            data=folder / "data",
            shard_count=2,
            sidedoor=SideDoorConfig(port=0, keys=folder / "keys.json"),
        )
        self.stop = asyncio.Event()
        self.ready: asyncio.Future[dict[str, Any]] = asyncio.Future()
        self.doors: list[SideDoor] = []

    async def run(self) -> int:
        return await serve(
            self.config, self.stop, self.ready.set_result, self.doors.append
        )


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LINK_PATIENCE_S", 0.05)


def story(folder: Path, tell: Callable[[Serving, asyncio.Task[int]], Any]) -> None:
    async def main() -> None:
        serving = Serving(folder)
        running = asyncio.create_task(serving.run())
        await asyncio.wait_for(asyncio.shield(serving.ready), 30)
        await tell(serving, running)

    asyncio.run(main())


def test_it_opens_without_shards_and_says_so(tmp_path: Path) -> None:
    async def tell(serving: Serving, running: asyncio.Task[int]) -> None:
        port = (await serving.ready)["port"]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/healthz")).status_code == 200
            ready = await client.get("/readyz")
            assert ready.status_code == 503
            assert ready.json()["problems"] == 2
            time = await client.get("/v1/time")
            assert time.headers["FIXGW-Stale-Shards"] == "0,1"
            assert (await client.get("/v1/book/ACME")).status_code == 404
            assert (await client.get("/")).headers["content-type"].startswith("text/")
        path = serving.config.admin_socket("sidedoor")
        status = await asyncio.to_thread(call, path, "status")
        assert status == {**serving.doors[0].status(), "facts": status["facts"]}
        assert status["healthy"] is False
        assert status["problems"][:2] == [
            "shard 0 cannot be reached",
            "shard 1 cannot be reached",
        ]
        serving.stop.set()
        assert await asyncio.wait_for(running, 20) == ExitCode.CLEAN
        assert not path.exists()

    story(tmp_path, tell)


def test_events_that_make_no_sense_end_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell(serving: Serving, running: asyncio.Task[int]) -> None:
        serving.doors[0].feed.take_events(0, 1, 1, b"\x63" * EVENT_BYTES)
        assert await asyncio.wait_for(running, 20) == ExitCode.PROJECTION_FAILED

    story(tmp_path, tell)
    assert "shard 0: the projection of its events failed" in caplog.text


def test_a_second_one_on_the_same_data_serves_without_admin_socket(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def tell(first: Serving, running: asyncio.Task[int]) -> None:
        second = Serving(tmp_path)
        also = asyncio.create_task(second.run())
        ports = {(await first.ready)["port"], (await second.ready)["port"]}
        assert len(ports) == 2
        assert first.config.admin_socket("sidedoor").exists()
        for serving, task in ((second, also), (first, running)):
            serving.stop.set()
            assert await asyncio.wait_for(task, 20) == ExitCode.CLEAN

    caplog.set_level(logging.ERROR)
    story(tmp_path, tell)
    assert "no admin socket" in caplog.text


def test_it_can_be_stopped_before_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LINK_PATIENCE_S", 30)

    async def main() -> None:
        serving = Serving(tmp_path)
        running = asyncio.create_task(serving.run())
        await asyncio.sleep(0.1)
        serving.stop.set()
        assert await asyncio.wait_for(running, 20) == ExitCode.CLEAN
        assert not serving.ready.done()

    asyncio.run(main())
