"""The file of disabled sessions over restarts, full disks and damage."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from fixgw.session.identity import SessionId
from fixgw.store.disabled import DisabledDamaged, DisabledSessions, Disabling

BUYER = SessionId("FIX.4.4", "EXCHANGE", "BUYER")
SELLER = SessionId("FIX.4.4", "EXCHANGE", "SELLER")
HOW = Disabling(1_767_323_045_000_000_000, "margin call: réglez")


def test_disabled_and_enabled_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "disabled.json"
    store = DisabledSessions(path)
    assert store.get(BUYER) is None
    assert not path.exists()
    store.disable(BUYER, HOW)
    store.disable(SELLER, Disabling(1, ""))
    assert store.get(BUYER) == HOW
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["disabled.json"]
    again = DisabledSessions(path)
    assert (again.get(BUYER), again.get(SELLER)) == (HOW, Disabling(1, ""))
    again.enable(BUYER)
    again.enable(BUYER)
    last = DisabledSessions(path)
    assert (last.get(BUYER), last.get(SELLER)) == (None, Disabling(1, ""))


def test_a_draft_that_was_left_behind_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "disabled.json"
    DisabledSessions(path).disable(BUYER, HOW)
    (tmp_path / "disabled.new").write_text('{"format": 1, "disab')
    store = DisabledSessions(path)
    assert store.get(BUYER) == HOW
    store.disable(SELLER, HOW)
    assert DisabledSessions(path).get(SELLER) == HOW


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_what_cannot_be_stored_is_not_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "disabled.json"
    store = DisabledSessions(path)
    store.disable(BUYER, HOW)

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), fail)
        with pytest.raises(OSError, match="No space left"):
            store.enable(BUYER)
    assert store.get(BUYER) == HOW
    assert DisabledSessions(path).get(BUYER) == HOW
    store.enable(BUYER)
    assert DisabledSessions(path).get(BUYER) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        "null",
        "{}",
        '{"format": 2, "disabled": {}}',
        '{"format": 1, "disabled": []}',
        '{"format": 1, "disabled": {"A": {}}}',
        '{"format": 1, "disabled": {"A": {"since_ns": "x", "text": ""}}}',
        "[" * 100_000,
        "\udcff",
    ],
    ids=lambda text: text[:20],
)
def test_a_damaged_file_is_refused_and_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "disabled.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DisabledDamaged, match=r"disabled\.json"):
        DisabledSessions(path)
