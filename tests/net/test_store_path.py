"""FileStorePath: where a gateway keeps its messages, and that nobody else does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.host.lock import FolderInUse, FolderLock
from fixgw.echo.application import Echo
from fixgw.net import serving
from fixgw.net.serving import ExitCode, GatewaySetup, serve
from fixgw.session.identity import SessionId
from fixgw.session.settings import AcceptorSettings, SessionSettings

BUYER = SessionSettings(session_id=SessionId("FIX.4.4", "EXCHANGE", "BUYER"))


def setup(folder: Path, path: str | None) -> GatewaySetup:
    return GatewaySetup(
        number=0,
        folder=folder / "data" / "gateway-0",
        settings=AcceptorSettings(
            host="127.0.0.1", port=0, sessions=(BUYER,), file_store_path=path
        ),
        rulebooks={str(BUYER.session_id): None},
        application=lambda gateway: Echo({}),
    )


async def run_once(made: GatewaySetup) -> int:
    stop = asyncio.Event()
    return await serve(made, stop, lambda port: stop.set())


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (None, "data/gateway-0"),
        ("store", "data/store/gateway-0"),
        ("{tmp}/elsewhere", "elsewhere/gateway-0"),
    ],
)
def test_the_outbox_is_where_the_key_says(
    tmp_path: Path, path: str | None, place: str
) -> None:
    made = setup(tmp_path, path and path.format(tmp=tmp_path))
    assert made.store == tmp_path / place
    assert asyncio.run(run_once(made)) == ExitCode.CLEAN
    found = [each.parent for each in tmp_path.rglob("outbox")]
    assert found == [tmp_path / place]


def test_a_store_has_one_gateway(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LOCK_PATIENCE_S", 0.0)
    made = setup(tmp_path, "store")
    other = FolderLock(made.store)
    with pytest.raises(FolderInUse):
        asyncio.run(run_once(made))
    other.release()
    # Neither lock was kept.
    assert asyncio.run(run_once(made)) == ExitCode.CLEAN
