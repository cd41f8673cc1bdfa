"""What a session comes down to, told as a sessions file that makes the same one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fixgw.ops.cli import main
from fixgw.session.book import read
from fixgw.session.explaining import shown
from fixgw.session.settings import SettingsError, parse
from tests.unit.test_settings_keys import (
    BESIDE,
    FIXT,
    GOOD,
    HONOURED,
    HOURS,
    VOUCHED,
    example,
    file,
)

ROOT = Path(__file__).parents[2]


def told(text: str) -> str:
    book = read(text, "x.cfg")
    return "\n".join(shown(book, book.views[0]))


def same(text: str) -> None:
    """The file that is told makes what the first made."""
    first, again = parse(text, "x.cfg"), parse(told(text), "y.cfg")
    assert replace(again, warnings=()) == replace(first, warnings=())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"Conformance": "quickfix"},
        {"Conformance": "quickfix", "FixedTestReqID": "N", "LogonTimeout": "7"},
        HOURS,
        FIXT,
        {**FIXT, "AppDataDictionary.FIX.4.4": "a.xml", "AppDataDictionary": "b.xml"},
        {"MillisecondsInTimeStamp": "N"},
        {"TimeStampPrecision": "NANOS"},
        {**VOUCHED, "CertificateVerifyLevel": "2", "ClientCertificateNames": "a, b"},
        {"SocketCertificateFile": "a.pem", "SocketCAFile": "b.pem"},
        {"AcceptorTemplate": "Y", "TargetCompID": "*"},
        {"TargetSubID": "DESK"},
        {"MaxMessagesInResendRequest": "100"},
    ],
)
def test_it_is_the_same_session(values: dict[str, str]) -> None:
    same(file({**GOOD, **values}))


@given(st.lists(st.sampled_from(HONOURED), max_size=8, unique=True))
def test_it_is_the_same_session_with_any_keys(keys: list) -> None:  # type: ignore[type-arg]
    values = dict(GOOD)
    for key in keys:
        values |= BESIDE.get(key.name, {})
        values[key.name] = example(key)
    text = file(values)
    try:
        made = parse(text, "x.cfg")
    except SettingsError:
        return
    if made.sessions:
        same(text)


def test_it_tells_where_a_value_is_from() -> None:
    text = file({**GOOD, "Conformance": "quickfix", "MaxLatency": "5"})
    lines = told(text).splitlines()

    def above(line: str) -> str:
        return lines[lines.index(line) - 1]

    assert above("MaxLatency=5").endswith("(line 9)")
    assert above("CheckLatency=Y").endswith("(default)")
    assert above("LogonTimeout=10").endswith("(Conformance=quickfix)")
    assert above("FixedTestReqID=Y").endswith("(Conformance=quickfix)")
    assert "# StartTime=" in lines


def test_a_value_that_another_key_brings() -> None:
    lines = told(file({**GOOD, "MaxMessagesInResendRequest": "100"})).splitlines()
    above = lines[lines.index("ClosedResendInterval=Y") - 1]
    assert above.endswith("(MaxMessagesInResendRequest)")


def test_the_template_of_the_default() -> None:
    values = {**GOOD, "DynamicSessions": "Y"}
    values.pop("TargetCompID")
    text = file(values) + "\nTargetCompID=BUYER"
    book = read(text, "x.cfg")
    _, anybody = book.views
    assert anybody.is_template
    made = parse("\n".join(shown(book, anybody)), "y.cfg")
    assert made.templates == parse(text, "x.cfg").templates


# The command


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["config", *map(str, arguments)])
    return result.exit_code, result.output


def test_the_command_shows_a_session() -> None:
    config = ROOT / "config" / "fixgw.toml"
    code, output = run("show", "--config", config, "--session", "buyer")
    assert code == 0
    (session,) = parse(output, "x.cfg").sessions
    assert (
        session == parse((ROOT / "config" / "sessions.cfg").read_text(), "").sessions[0]
    )


def test_the_command_knows_no_such_session() -> None:
    config = ROOT / "config" / "fixgw.toml"
    code, output = run("show", "--config", config, "--session", "BUYR")
    assert code == 78
    assert "did you mean BUYER?" in output


def test_the_command_shows_nothing_of_a_bad_file(tmp_path: Path) -> None:
    config = tmp_path / "fixgw.toml"
    config.write_text('sessions = "s.cfg"\ninstruments = "i.csv"\ndata = "data"\n')
    (tmp_path / "s.cfg").write_text("[DEFAULT]\nFoo=1\n")
    code, output = run("show", "--config", config, "--session", "BUYER")
    assert code == 78
    assert "Foo: no engine of the QuickFIX family knows this key" in output
