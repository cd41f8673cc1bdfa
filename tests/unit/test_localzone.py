"""The zone of this machine, as far as it says it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from fixgw.ops import localzone
from fixgw.ops.localzone import local_zone
from fixgw.ops.setup import read_settings

SUMMER = datetime(2026, 7, 1, tzinfo=UTC)
TOKYO = files("tzdata") / "zoneinfo" / "Asia" / "Tokyo"


def offset_hours() -> float:
    zone = local_zone()
    assert zone is not None
    offset = SUMMER.astimezone(zone).utcoffset()
    assert offset is not None
    return offset.total_seconds() / 3600


@pytest.mark.parametrize(("name", "hours"), [("Asia/Tokyo", 9), (":UTC", 0)])
def test_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, hours: int
) -> None:
    monkeypatch.setenv("TZ", name)
    assert offset_hours() == hours


@pytest.mark.parametrize("name", ["Mars/Phobos", "EST5EDT,M3.2.0", "/etc/passwd"])
def test_what_is_no_zone(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TZ", name)
    assert local_zone() is None


def test_by_the_name_of_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    target = tmp_path / "zoneinfo" / "Asia" / "Tokyo"
    target.parent.mkdir(parents=True)
    target.write_bytes(TOKYO.read_bytes())
    link = tmp_path / "localtime"
    link.symlink_to(target)
    monkeypatch.setattr(localzone, "LOCALTIME", link)
    assert offset_hours() == 9
    assert str(local_zone()) == "Asia/Tokyo"


def test_by_what_is_in_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TZ", "")
    copy = tmp_path / "localtime"
    copy.write_bytes(TOKYO.read_bytes())
    monkeypatch.setattr(localzone, "LOCALTIME", copy)
    assert offset_hours() == 9


def test_a_machine_that_does_not_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(localzone, "LOCALTIME", tmp_path / "none")
    assert local_zone() is None


def test_a_sessions_file_in_local_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    path = tmp_path / "sessions.cfg"
    path.write_text(
        "[DEFAULT]\nConnectionType=acceptor\nSocketAcceptPort=0\nBeginString=FIX.4.4\n"
        "SenderCompID=A\nStartTime=08:00:00\nEndTime=17:00:00\nUseLocalTime=Y\n"
        "[SESSION]\nTargetCompID=B\n"
    )
    schedule = read_settings(path, None, None).sessions[0].schedule
    assert schedule.is_open(0)  # 09:00 in Tokyo
