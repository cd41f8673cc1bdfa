"""SecurityListRequest(x) and SecurityDefinitionRequest(c)."""

from __future__ import annotations

import pytest

from engine.records import PRICE_MAX, QTY_MAX, UNIT
from fixgw.marketdata import securities
from tests.marketdata.stage import Client, Stage, define

TERMS = "15=USD|561=10|562=20|969=0.01|1140=500|1148=1|1149=900"


def stage_of(*symbols: str) -> Stage:
    stage = Stage()
    for symbol in ("ABC", *symbols):
        stage.step(
            define(
                symbol,
                tick=UNIT // 100,
                lot=10 * UNIT,
                qty_min=20 * UNIT,
                qty_max=500 * UNIT,
                price_min=UNIT,
                price_max=900 * UNIT,
            )
        )
    return stage


def test_all_instruments() -> None:
    stage = stage_of("XYZ")
    assert stage.ask(Client(), "35=x|320=L|559=4") == [
        f"35=y|320=L|322=7-1|560=0|393=2|893=Y|146=2|55=ABC|{TERMS}|55=XYZ|{TERMS}"
    ]
    assert stage.ask(Client("FIX.4.3"), "35=x|320=L|559=0|55=XYZ") == [
        f"35=y|320=L|322=7-1|560=0|393=1|146=1|55=XYZ|{TERMS}"
    ]


def test_a_long_list_comes_in_fragments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(securities, "FRAGMENT", 2)
    stage = stage_of("D", "C", "B", "A")
    heard = stage.ask(Client(), "35=x|320=L|559=4|263=0")
    assert [each.split("|55=")[0] for each in heard] == [
        "35=y|320=L|322=7-1|560=0|393=5|893=N|146=2",
        "35=y|320=L|322=7-2|560=0|393=5|893=N|146=2",
        "35=y|320=L|322=7-3|560=0|393=5|893=Y|146=1",
    ]
    found = [part[:3] for each in heard for part in each.split("|55=")[1:]]
    assert found == ["A|1", "ABC", "B|1", "C|1", "D|1"]


def test_terms_without_limits_of_their_own() -> None:
    stage = Stage()
    stage.step(
        define("ABC", tick=1, lot=1, qty_max=2 * QTY_MAX, price_max=2 * PRICE_MAX)
    )
    (answer,) = stage.ask(Client(), "35=x|320=L|559=0|55=ABC")
    assert answer.endswith(
        "55=ABC|15=USD|561=0.00000001|562=0.00000001|969=0.00000001|"
        "1140=10000000000|1148=0|1149=10000000000"
    )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("35=x|320=L|559=0|55=NONE", "35=y|320=L|322=7-1|560=2|58=Symbol(55) is not "
         "traded here"),
        ("35=x|320=L|559=1|55=ABC", "35=y|320=L|322=7-1|560=1|"
         "58=SecurityListRequestType(559) must be 0 (a symbol) or 4 (all)"),
        ("35=x|320=L|559=4|263=1", "35=y|320=L|322=7-1|560=1|"
         "58=SubscriptionRequestType(263) must be 0: a list is a snapshot"),
        ("35=x|320=L|559=0", "35=j|380=5|58=Symbol(55) is missing"),
        (f"35=x|320={'L' * 65}|559=4", "35=j|380=0|58=SecurityReqID(320) is longer "
         "than 64 bytes"),
        ("35=c|320=L|321=0|55=ABC", f"35=d|320=L|322=7-1|323=1|393=1|55=ABC|{TERMS}"),
        ("35=c|320=L|321=1|55=ABC", f"35=d|320=L|322=7-1|323=1|393=1|55=ABC|{TERMS}"),
        ("35=c|320=L|321=3", f"35=d|320=L|322=7-1|323=4|393=1|55=ABC|{TERMS}"),
        ("35=c|320=L|321=0|55=NONE", "35=d|320=L|322=7-1|323=6|393=0|55=NONE|"
         "58=Symbol(55) is not traded here"),
        ("35=c|320=L|321=2", "35=d|320=L|322=7-1|323=6|393=0|"
         "58=SecurityRequestType(321) must be 0, 1 or 3"),
        ("35=c|320=L|321=0", "35=j|380=5|58=Symbol(55) is missing"),
    ],
)  # fmt: skip
def test_answers(text: str, answer: str) -> None:
    assert stage_of().ask(Client(), text) == [answer]


def test_nothing_is_traded_yet() -> None:
    stage = stage_of()
    stage.projection.markets.clear()
    assert stage.ask(Client(), "35=x|320=L|559=4") == [
        "35=y|320=L|322=7-1|560=2|58=nothing is traded here"
    ]


def test_while_the_past_is_not_known() -> None:
    stage = stage_of()
    stage.level = False
    for text in ("35=x|320=L|559=4", "35=x|320=L|559=0|55=ABC"):
        assert stage.ask(Client(), text) == [
            "35=y|320=L|322=7-1|560=4|58=the instruments are still being loaded, "
            "try again later"
        ]
    assert stage.ask(Client(), "35=c|320=L|321=3") == [
        "35=j|380=4|58=market data is still being loaded, try again later"
    ]
