"""Every message of market data is good by the dictionary of its version."""

from __future__ import annotations

from typing import Any

import pytest

from engine.codes import EventKind, Liquidity, Phase, PhaseReason
from engine.layouts import Record
from fixgw.orders.dialect import DIALECTS
from tests.marketdata.stage import (
    BUY,
    SELL,
    Client,
    Stage,
    auction,
    define,
    fill,
    phase,
    shows,
)
from tests.unit.test_dialects import message, rulebook

EVERYTHING = "269=0,1,2,Q,A,b,c"
STEPS: list[list[Record]] = [
    *([phase(now, reason)] for now in Phase for reason in PhaseReason),
    [shows(1, BUY, 99, 5)],
    [shows(2, SELL, 101, 5), shows(3, BUY, 0, 4), shows(4, SELL, 0, 2)],
    [auction(100, 3, (BUY, 2))],
    [auction(100, 3, (SELL, 2))],
    [auction(0)],
    [auction(100, 3, uncrossed=True)],
    [shows(3, BUY, 0, 0), shows(4, SELL, 0, 0), shows(1, BUY, 99, 4)],
    [
        fill(2, SELL, 101, 4, (101, 1), 8, Liquidity.ADDED),
        fill(5, BUY, 101, 0, (101, 1), 8, Liquidity.REMOVED),
    ],
    [shows(1, BUY, 99, 0, kind=EventKind.CANCELLED)],
    [shows(2, SELL, 101, 0, kind=EventKind.CANCELLED)],
    [define("ABC", tick=5)],
]
"""What happens, command by command."""
QUESTIONS = (
    "35=e|324=Z|55={}|263=0",
    "35=g|335=Z|263=0",
    "35=g|335=Z|336=5|263=0",
    "35=c|320=Z|321=0|55={}",
    "35=c|320=Z|321=3",
)


class Recording(Stage):
    """Also keeps everything it sends."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        super().__init__()

    def send(self, client: Any, msg_type: str, body: bytes, *, keep: bool) -> bool:
        text = body.decode("latin-1").replace("\x01", "|")
        self.said.append((msg_type, text))
        return super().send(client, msg_type, body, keep=keep)


@pytest.mark.parametrize("version", sorted(set(DIALECTS) - {"FIX.4.0", "FIX.4.1"}))
@pytest.mark.parametrize("checks", [False, True])
def test_whatever_is_told(version: str, checks: bool) -> None:
    stage = Recording()
    client = Client(version, market_data_checks=checks)
    questions = [*QUESTIONS]
    if version != "FIX.4.2":
        questions += ["35=x|320=Z|559=4", "35=x|320=Z|559=0|55={}"]
    for number, more in enumerate(("", "|266=N", "|264=2", "|265=0")):
        stage.request(client, f"{EVERYTHING}|262=R{number}{more}")
    for text in ("35=e|324=Q|55=ABC|263=1", "35=g|335=Q|263=1"):
        stage.ask(client, text)
    for step in STEPS:
        stage.step(*step)
        stage.tell()
        for question in questions:
            stage.ask(client, question.format("ABC"))
            stage.ask(client, question.format("NONE"))
    stage.request(client, "262=N", symbols="NONE")
    stage.request(client, "262=R0")
    wanted = {"W", "X", "Y", "f", "h", "d"} | ({"y"} if len(questions) > 5 else set())
    assert {msg_type for msg_type, _ in stage.said} == wanted
    for msg_type, text in dict.fromkeys(stage.said):
        verdict = rulebook(version).judge(message(version, msg_type, text))
        assert verdict is None, f"{verdict} {msg_type} {text}"
