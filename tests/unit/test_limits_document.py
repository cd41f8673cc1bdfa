"""docs/limits.md names constants that are where it says they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "limits.md").read_text()
ROWS = [
    (names, path)
    for line in TEXT.splitlines()
    if line.startswith("|")
    for names, path in re.findall(
        r"((?:`[A-Z_]+`(?:, )?)+), ((?:engine|fixgw)/[\w/.]+\.\w+)", line
    )
]


def test_most_rows_name_their_constant() -> None:
    assert len(ROWS) > 60


@pytest.mark.parametrize(("names", "path"), ROWS)
def test_a_row(names: str, path: str) -> None:
    text = (ROOT / path).read_text()
    for name in re.findall(r"`([A-Z_]+)`", names):
        assert re.search(rf"\b{name}\b", text), f"{name} is not in {path}"
