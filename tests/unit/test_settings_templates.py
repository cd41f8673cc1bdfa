"""Sessions that are in no file: what a template and DynamicSessions=Y stand for."""

from __future__ import annotations

import pytest

from fixgw.session.settings import SettingsError, parse

DEFAULT = """[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort=9876
BeginString=FIX.4.4
SenderCompID=EXCHANGE
NonStopSession=Y
HeartBtIntMax=90
"""
SESSION = "[SESSION]\nTargetCompID=BUYER\n"
TEMPLATE = "[SESSION]\nTargetCompID=*\nAcceptorTemplate=Y\nHeartBtIntMax=20\n"


def test_anybody_by_the_default() -> None:
    made = parse(DEFAULT + "DynamicSessions=Y\n" + SESSION, "x.cfg")
    assert [str(each.session_id) for each in made.sessions] == [
        "FIX.4.4:EXCHANGE->BUYER"
    ]
    assert [str(each.session_id) for each in made.templates] == ["FIX.4.4:EXCHANGE->*"]
    assert made.templates[0].heart_bt_int_s_max == 90, "the rest is the default's"


def test_nobody_needs_to_be_listed_then() -> None:
    made = parse(DEFAULT + "DynamicSessions=Y\n", "x.cfg")
    assert (len(made.sessions), len(made.templates)) == (0, 1)


@pytest.mark.parametrize("line", ["", "DynamicSessions=N\n"])
def test_nobody_without_it(line: str) -> None:
    assert parse(DEFAULT + line + SESSION, "x.cfg").templates == ()
    with pytest.raises(SettingsError, match=r"\[SESSION\]: there is none"):
        parse(DEFAULT + line, "x.cfg")


def test_a_template_has_settings_of_its_own() -> None:
    made = parse(DEFAULT + SESSION + TEMPLATE, "x.cfg")
    assert [each.heart_bt_int_s_max for each in made.sessions] == [90]
    assert [each.heart_bt_int_s_max for each in made.templates] == [20]


def test_anybody_by_the_default_and_by_a_template_are_the_same_session() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(DEFAULT + "DynamicSessions=Y\n" + TEMPLATE, "x.cfg")
    (problem,) = caught.value.problems
    assert "is already the session of line" in str(problem)
