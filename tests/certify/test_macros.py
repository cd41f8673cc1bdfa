"""Macros that put text into messages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fixgw.certify.macros import MacroError, Scope

NOON = 1_795_262_400.123456


def scope(folder: Path = Path(".")) -> Scope:
    return Scope(folder, None, lambda: NOON)


@pytest.mark.parametrize(
    ("text", "done"),
    [
        ("52=<TIME>", "52=20261121-12:00:00"),
        ("<TIME+5> <TIME-61>", "20261121-12:00:05 20261121-11:58:59"),
        ("<TIME.3>", "20261121-12:00:00.123"),
        ("<TIME.6+1>", "20261121-12:00:01.123456"),
        ("<TIME.9>", "20261121-12:00:00.123456000"),
        ("<FILL:3:ab>", "ababab"),
        ("<HEX:0141ff>", "\x01A\xff"),
        ("<SUM:1.50,2>", "3.50"),
        ("<N>", "1"),
        ("<NEXT:a><NEXT:a><GET:a>", "123"),
        ("<NEXT:b><FILL:<GET:b>:x>", "1xx"),
        ("<ANY> <b> & 5 < 6", "<ANY> <b> & 5 < 6"),
    ],
)
def test_texts(text: str, done: str) -> None:
    assert scope().expand(text) == done


def test_values() -> None:
    found = scope()
    found.set("n", "41")
    found.set("name", "x")
    assert found.expand("<GET:n> <GET:n+1> <GET:n-1> <GET:name>") == "41 42 40 x"


def test_shared_values() -> None:
    shared: dict[str, str] = {}
    Scope(Path("."), shared).set("run_n", "7")
    assert Scope(Path("."), shared).expand("<NEXT:run_n><NEXT:run_n>") == "78"
    Scope(Path("."), shared).set("n", "7")
    with pytest.raises(MacroError):
        Scope(Path("."), shared).expand("<GET:n>")


def test_unique() -> None:
    found = scope()
    first, second, named, same = found.expand(
        "<UNIQUE> <UNIQUE> <UNIQUE:a> <UNIQUE:a>"
    ).split()
    assert len({first, second, named}) == 3
    assert named == same
    assert re.fullmatch("[0-9A-Z]{16}", first)


def test_file_comes_last(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"<TIME>\xff")
    assert scope(tmp_path).expand("95=<FILE:x>") == "95=<TIME>\xff"


@pytest.mark.parametrize(
    "text",
    [
        "<GET:x>",
        "<GET:>",
        "<GET:word+1>",
        "<NEXT:word>",
        "<FILL:x:y>",
        "<FILL:3>",
        "<FILL:99999999999:x>",
        "<HEX:1>",
        "<SUM:a>",
        "<FILE:nowhere>",
    ],
)
def test_what_cannot_be_expanded(text: str) -> None:
    found = scope()
    found.set("word", "x")
    with pytest.raises(MacroError):
        found.expand(text)
