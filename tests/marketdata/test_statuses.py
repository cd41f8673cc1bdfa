"""SecurityStatusRequest(e) and TradingSessionStatusRequest(g)."""

from __future__ import annotations

import pytest

from engine.codes import Liquidity, Phase, PhaseReason
from fixgw.marketdata import statuses
from fixgw.marketdata.statuses import WORDS
from tests.marketdata.stage import BUY, SELL, Client, Stage, fill, phase, shows

E = "35=e|324=Q|55=ABC|263="
G = "35=g|335=Q|263="


def test_every_phase_has_its_words() -> None:
    assert WORDS.keys() == set(Phase)


@pytest.mark.parametrize(
    ("now", "reason", "said"),
    [
        (Phase.CONTINUOUS, PhaseReason.TIME, "336=1|625=3|326=17|{}|58=continuous "
         "trading"),
        (Phase.HALTED, PhaseReason.OPERATOR, "326=2|327=M|{}|58=halted"),
        (Phase.HALTED, PhaseReason.CIRCUIT_BREAKER, "326=2|327=E|{}|58=halted"),
        (Phase.CLOSED, PhaseReason.SCHEDULE, "326=18|{}|58=closed"),
        (Phase.PRE_OPEN, PhaseReason.SCHEDULE, "336=1|625=1|326=21|{}|58=pre-open"),
        (Phase.OPENING_AUCTION, PhaseReason.SCHEDULE, "336=1|625=2|326=22|{}|"
         "58=opening auction"),
        (Phase.VOLATILITY_AUCTION, PhaseReason.BAND, "336=1|625=9|326=5|{}|"
         "58=volatility auction"),
        (Phase.CLOSING_AUCTION, PhaseReason.SCHEDULE, "336=1|625=4|326=5|{}|"
         "58=closing auction"),
        (Phase.POST_CLOSE, PhaseReason.SCHEDULE, "336=1|625=5|326=18|{}|58=post-close"),
        (Phase.CANCEL_ONLY, PhaseReason.OPERATOR, "326=2|327=M|{}|58=cancels only"),
        (Phase.POST_ONLY, PhaseReason.OPERATOR, "336=1|625=3|326=17|{}|"
         "58=orders that do not trade only"),
    ],
)  # fmt: skip
def test_the_words_of_fix_44(now: Phase, reason: PhaseReason, said: str) -> None:
    stage, client = Stage(), Client()
    stage.step(phase(now, reason))
    time = "60=20261121-08:00:00.000"
    assert stage.ask(client, E + "0") == [f"35=f|324=Q|55=ABC|{said.format(time)}"]


@pytest.mark.parametrize(
    ("version", "auction", "halt"),
    [
        ("FIX.4.2", "326=5|60=", "326=2|327=M|60="),
        ("FIX.4.4", "336=1|625=4|326=5|60=", "326=2|327=M|60="),
        ("FIX.5.0", "336=1|625=4|326=5|60=", "326=2|327=M|60="),
        ("FIX.5.0SP1", "336=1|625=4|326=24|60=", "326=2|327=M|60="),
        ("FIX.5.0SP2", "336=1|625=4|326=24|60=", "326=2|327=3|60="),
    ],
)
def test_versions_say_it_as_they_can(version: str, auction: str, halt: str) -> None:
    stage, client = Stage(), Client(version)
    for now, said in ((Phase.CLOSING_AUCTION, auction), (Phase.HALTED, halt)):
        stage.step(phase(now))
        (answer,) = stage.ask(client, E + "0")
        assert answer.startswith(f"35=f|324=Q|55=ABC|{said}")
        assert ("|58=" in answer) == (version != "FIX.4.2")


def test_updates_of_an_instrument() -> None:
    stage, client = Stage("ABC", "XYZ"), Client()
    assert len(stage.ask(client, E + "1")) == 1
    stage.step(shows(1, BUY, 9, 1))
    stage.step(phase(Phase.HALTED, symbol="XYZ"))
    stage.tell()
    assert client.hear() == []
    stage.step(
        fill(1, SELL, 9, 0, (8, 1), 4, Liquidity.REMOVED), phase(Phase.CANCEL_ONLY)
    )
    stage.tell()
    assert client.hear() == [
        "35=f|324=Q|55=ABC|325=Y|326=2|327=M|31=8|60=20261121-08:00:00.000|"
        "58=cancels only"
    ]
    assert stage.ask(client, E + "2") == []
    stage.step(phase(Phase.CONTINUOUS))
    stage.tell()
    assert client.hear() == []
    assert not stage.statuses._own
    assert not stage.statuses._of


def test_who_cannot_be_written_to_gets_the_newest() -> None:
    stage, client = Stage(), Client()
    stage.ask(client, E + "1")
    client.room = False
    for now in (Phase.HALTED, Phase.CANCEL_ONLY, Phase.POST_ONLY):
        stage.step(phase(now))
        stage.tell()
    assert client.hear() == []
    client.room = True
    stage.tell()
    (update,) = client.hear()
    assert update.endswith("58=orders that do not trade only")
    stage.tell()
    assert client.hear() == []


def test_the_trading_session() -> None:
    stage, client = Stage("ABC", "XYZ"), Client()
    assert stage.ask(client, G + "1") == ["35=h|335=Q|336=1|340=2"]
    said = []
    for now in (
        *(Phase.HALTED, Phase.CLOSED, Phase.PRE_OPEN, Phase.CLOSING_AUCTION),
        *(Phase.VOLATILITY_AUCTION, Phase.CONTINUOUS),
    ):
        for symbol in ("ABC", "XYZ"):
            stage.step(phase(now, symbol=symbol))
            stage.tell()
            said += [f"{now.name} {each[-5:]}" for each in client.hear()]
    # The open one of two decides, and nothing is said twice.
    assert said == [
        "HALTED 340=1",
        "CLOSED 340=3",
        "PRE_OPEN 340=4",
        "CLOSING_AUCTION 340=5",
        "VOLATILITY_AUCTION 340=2",
    ]
    stage.leave(client)
    stage.leave(client)
    assert not stage.statuses._own


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (E + "3", "35=j|380=0|58=SubscriptionRequestType(263) must be 0, 1 or 2"),
        (E + "2", "35=j|380=0|58=the request's identifier names no subscription of "
         "this session"),
        ("35=e|324=Q|263=0", "35=j|380=5|58=Symbol(55) is missing"),
        ("35=e|324=Q|263=1|55=NONE", "35=f|324=Q|55=NONE|326=20|"
         "58=Symbol(55) is not traded here"),
        ("35=g|335=Q|263=0|336=1", "35=h|335=Q|336=1|340=2"),
        ("35=g|335=Q|263=1|336=2", "35=h|335=Q|336=2|340=6|58=TradingSessionID(336) "
         "must be 1: there is one trading session"),
        (f"35=e|324={'Q' * 65}|55=ABC|263=0", "35=j|380=0|58=the request's ID(324) is "
         "longer than 64 bytes"),
    ],
)  # fmt: skip
def test_other_answers(text: str, answer: str) -> None:
    stage, client = Stage(), Client()
    assert stage.ask(client, text) == [answer]
    assert not stage.statuses._of


def test_a_version_that_cannot_say_that_a_request_is_refused() -> None:
    stage, client = Stage(), Client("FIX.4.2")
    (answer,) = stage.ask(client, "35=g|335=Q|263=1|336=2")
    assert answer.startswith("35=h|335=Q|336=2|340=3|58=")
    (answer,) = stage.ask(client, "35=e|324=Q|263=1|55=NONE")
    assert answer == "35=f|324=Q|55=NONE|326=20"


def test_limits_and_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statuses, "SUBSCRIPTIONS_MAX", 1)
    stage, client = Stage(), Client()
    stage.ask(client, E + "1")
    assert stage.ask(client, E + "1") == [
        "35=j|380=0|58=the request's identifier is that of a subscription already"
    ]
    assert stage.ask(client, G + "1") == [
        "35=j|380=0|58=a session has at most 1 subscriptions to statuses"
    ]
    stage.level = False
    for text in (E + "0", G + "0"):
        assert stage.ask(Client(), text) == [
            "35=j|380=4|58=market data is still being loaded, try again later"
        ]
