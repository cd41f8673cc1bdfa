"""The log of a session's messages: complete, in order, and without secrets."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from pathlib import Path

import pytest

from fixgw.net import messagelog
from fixgw.net.messagelog import Mask, MessageLog, MessageLogs, file_name, time_text
from fixgw.session.identity import SessionId
from fixgw.session.settings import SessionSettings

BUYER = SessionId("FIX.4.4", "EXCHANGE", "BUYER")
NOW = 1_795_269_600_123_456_789
STAMP = "20261121-14:00:00.123456789"


def settings(session_id: SessionId = BUYER, **values: object) -> SessionSettings:
    return SessionSettings(session_id=session_id, file_log_path="log", **values)  # type: ignore[arg-type]


def fix(text: str) -> bytes:
    return text.replace("|", "\x01").encode()


def lines(path: Path) -> list[str]:
    return path.read_text().replace("\x01", "|").splitlines()


@pytest.fixture(name="logs")
def _logs(tmp_path: Path) -> MessageLogs:
    return MessageLogs(tmp_path, lambda: NOW)


def written(logs: MessageLogs, log: MessageLog | None) -> list[str]:
    assert log is not None
    logs.close()
    return lines(log.path)


def test_a_line_is_as_quickfix_writes_it(logs: MessageLogs, tmp_path: Path) -> None:
    log = logs.of(settings())
    assert log is not None
    log.note([fix("8=FIX.4.4|9=5|35=0|10=163|")])
    assert written(logs, log) == [f"{STAMP} : 8=FIX.4.4|9=5|35=0|10=163|"]
    folder = tmp_path / "log"
    assert log.path == folder / "FIX.4.4-EXCHANGE-BUYER.messages.current.log"
    assert log.path.stat().st_mode & 0o007 == 0


def test_messages_keep_their_order_and_nothing_is_lost(logs: MessageLogs) -> None:
    log = logs.of(settings())
    assert log is not None
    assert logs.of(settings()) is log
    for number in range(0, 3000, 3):
        log.note([b"8=%d\x01" % each for each in range(number, number + 3)])
    found = written(logs, log)
    assert [line.split(" : ")[1] for line in found] == [f"8={n}|" for n in range(3000)]


def test_it_is_written_while_the_session_goes_on(
    logs: MessageLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messagelog, "FLUSH_S", 0.001)
    log = logs.of(settings())
    assert log is not None
    log.note([b"8=1\x01"])
    deadline = time.monotonic() + 30
    while not log.path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    logs.close()


def test_several_threads_may_note_at_once(logs: MessageLogs) -> None:
    log = logs.of(settings())
    assert log is not None
    threads = [
        threading.Thread(target=lambda: [log.note([b"x"]) for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written(logs, log)) == 2000


def test_no_folder_no_log(logs: MessageLogs) -> None:
    assert logs.of(SessionSettings(session_id=BUYER)) is None
    logs.close()


def test_a_folder_may_be_anywhere(logs: MessageLogs, tmp_path: Path) -> None:
    place = tmp_path / "else" / "where"
    made = SessionSettings(session_id=BUYER, file_log_path=str(place))
    log = logs.of(made)
    assert log is not None
    assert log.path.parent == place
    logs.close()


@pytest.mark.parametrize(
    ("session_id", "name"),
    [
        (SessionId("FIX.4.4", "A", "B", "Q"), "FIX.4.4-A-B-Q"),
        (SessionId("FIX.4.4", "A/../..", "B C"), "FIX.4.4-A%2F..%2F..-B%20C"),
        (
            SessionId("FIXT.1.1", "A", "B", target_sub_id="S", sender_location_id="L"),
            "FIXT.1.1-A%2F%2FL-B%2FS",
        ),
    ],
)
def test_names_of_files(session_id: SessionId, name: str) -> None:
    assert file_name(session_id) == f"{name}.messages.current.log"


def test_no_two_sessions_have_one_file(logs: MessageLogs) -> None:
    """Whatever their names have in them, and however long they are."""
    long = [letter * 64 for letter in "ABCDE"]
    ids = [
        SessionId("FIX.4.4", "EXCHANGE", "A-B"),
        SessionId("FIX.4.4", "EXCHANGE", "A:B"),
        SessionId("FIX.4.4", "EXCHANGE-A", "B"),
        *(SessionId("FIX.4.4", *long, name) for name in ("X", "Y")),
    ]
    for session_id in ids:
        log = logs.of(settings(session_id))
        assert log is not None
        log.note([fix(f"8=FIX.4.4|58={session_id}|")])
    logs.close()
    for session_id in ids:
        log = logs.of(settings(session_id))
        assert log is not None
        assert lines(log.path) == [f"{STAMP} : 8=FIX.4.4|58={session_id}|"]


def test_times() -> None:
    assert time_text(NOW) == STAMP
    assert time_text(0) == "19700101-00:00:00.000000000"


# Secrets

LOGON = "8=FIX.4.4|9=1|35=A|553=me|554=geheim|95=6|96=geheim|925=geheim|10=000|"


def hidden(text: str, **values: object) -> str:
    mask = Mask.of(settings(**values))  # type: ignore[arg-type]
    return mask.hide(fix(text)).replace(b"\x01", b"|").decode()


def test_passwords_are_never_shown() -> None:
    shown = hidden(LOGON)
    assert "geheim" not in shown
    assert "553=me|554=<redacted>|" in shown


def test_fields_and_text_of_ones_own() -> None:
    tags = frozenset({1, 58})
    shown = hidden(
        "8=FIX.4.4|35=D|1=ACCOUNT|58=text|11=1=2|554=x|10=000|",
        redacted_fields=tags,
        redaction_text=r"\g<0>",
    )
    secret = r"\g<0>"
    assert shown == (
        f"8=FIX.4.4|35=D|1={secret}|58={secret}|11=1=2|554={secret}|10=000|"
    )


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    text = "8=FIX.4.4|35=B|96=news|10=000|"
    assert hidden(text) == text


# Trouble


def test_a_flood_leaves_a_gap_that_is_told(
    logs: MessageLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messagelog, "WAITING_BYTES_MAX", 12)
    monkeypatch.setattr(messagelog, "FLUSH_S", 60.0)
    log = logs.of(settings())
    assert log is not None
    log.note([b"8=1\x01", b"8=2\x01"])
    log.note([b"8=3\x01", b"8=4\x01"])
    log.note([b"8=5\x01"])
    assert written(logs, log) == [
        f"{STAMP} : 8=1|",
        f"{STAMP} : 8=2|",
        f"{STAMP} : 8=5|",
        "# 2 messages are missing here",
    ]


def test_a_full_disk_leaves_a_gap_that_is_told(
    logs: MessageLogs,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(messagelog, "FLUSH_S", 60.0)
    log = logs.of(settings())
    assert log is not None
    log.path.mkdir(parents=True)  # a folder cannot be written to, whoever one is
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            log.note([b"8=1\x01", b"8=2\x01"])
            log.write()
    (record,) = caplog.records
    assert os.strerror(errno.EISDIR) in record.getMessage()
    log.path.rmdir()
    log.note([b"8=3\x01"])
    assert written(logs, log) == [f"{STAMP} : 8=3|", "# 4 messages are missing here"]


def test_a_log_that_was_moved_is_begun_anew(logs: MessageLogs) -> None:
    log = logs.of(settings())
    assert log is not None
    log.note([b"8=1\x01"])
    log.write()
    log.path.rename(log.path.with_suffix(".old"))
    log.note([b"8=2\x01"])
    assert written(logs, log) == [f"{STAMP} : 8=2|"]


def test_fixgw_log_reads_it(logs: MessageLogs) -> None:
    from click.testing import CliRunner

    from fixgw.ops.cli import main

    log = logs.of(settings())
    assert log is not None
    log.note([fix("8=FIX.4.4|9=5|35=0|10=163|")])
    written(logs, log)
    result = CliRunner().invoke(main, ["log", str(log.path)])
    assert result.exit_code == 0, result.output
    assert "Heartbeat" in result.output
