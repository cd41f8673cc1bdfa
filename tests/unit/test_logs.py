"""Logs: one JSON object a line, readable on a terminal, never a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from fixgw.ops import logs


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    """Leaves the root logger as pytest made it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


LOGON = b"8=FIX.4.4\x0135=A\x01553=joe\x01554=hunter2\x0196=s3cr\x0110=000\x01"


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("gateway", "json")
    logging.getLogger("fixgw.net").warning("garbled: %s", "why", extra={"fix": LOGON})
    (line,) = capsys.readouterr().err.splitlines()
    row = json.loads(line)
    assert row["event"] == "garbled: why"
    assert row["level"] == "warning"
    assert row["process"] == "gateway"
    assert row["timestamp"].endswith("Z")
    assert "hunter2" not in line
    assert row["fix"].startswith("8=FIX.4.4|35=A|")


def test_an_exception_is_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("gateway", "json")
    try:
        raise RuntimeError("a bug")
    except RuntimeError as error:
        logging.getLogger("fixgw").error("failed", exc_info=error)
    (line,) = capsys.readouterr().err.splitlines()
    assert "RuntimeError: a bug" in json.loads(line)["exception"]


@pytest.mark.parametrize("log_format", ["json", "pretty"])
def test_an_exception_that_quotes_a_message(
    capsys: pytest.CaptureFixture[str], log_format: logs.LogFormat
) -> None:
    """By its text or by a variable: nothing of a password is shown."""
    logs.set_up("gateway", log_format)

    def fail(data: bytes) -> None:
        raise ValueError(f"cannot read {data!r}")

    try:
        fail(LOGON)
    except ValueError as error:
        logging.getLogger("fixgw").error("failed on %r", LOGON, exc_info=error)
    text = capsys.readouterr().err
    assert "ValueError: cannot read" in text
    assert "554=***" in text
    assert "hunter2" not in text
    assert "s3cr" not in text


def test_pretty(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("shard 0", "pretty")
    logging.getLogger("engine.host").info("link up", extra={"fix": LOGON})
    text = capsys.readouterr().err
    assert "link up" in text
    assert "shard 0" in text
    assert "hunter2" not in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_auto_is_json_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up("gateway", "auto")
    logging.getLogger("fixgw").info("hello")
    assert json.loads(capsys.readouterr().err)["event"] == "hello"
