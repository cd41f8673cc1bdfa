"""The examples of the rules of engagement are what happens; the checker sees errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fixgw.orders.reasons import REASONS
from tests.rules.document import BadExample, Example, Said, examples
from tests.rules.stack import Different, play

SPEC = Path(__file__).resolve().parents[2] / "spec"
DOCUMENTS = [SPEC / "rules_of_engagement.md", SPEC / "market_data.md"]

ALL = [example for path in DOCUMENTS for example in examples(path)]


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.label)
def test_it_happens_as_documented(example: Example, tmp_path: Path) -> None:
    play(example, tmp_path)


# -- the checker -----------------------------------------------------------------------

GOOD = """\
```fix
BUYER > 35=D|11=A|55=ACME|54=1|38=5|40=2|44=10|60=*|
BUYER < 35=8|6=0|11=A|14=0|17=0-9|37=0-8|38=5|39=0|40=2|44=10|54=1|55=ACME|59=0|\
60=20260102-00:00:00.000|150=0|151=5|
```
"""


def of(text: str, tmp_path: Path) -> list[Example]:
    path = tmp_path / "document.md"
    path.write_text(text)
    return examples(path)


def test_a_good_example_passes(tmp_path: Path) -> None:
    [example] = of(f"Words.\n\n{GOOD}\nMore.\n", tmp_path)
    assert (example.label, example.version) == ("document.md:3", "FIX.4.4")
    assert example.clients == ["BUYER"]
    play(example, tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("|150=0|", "|150=4|", "150 is 0, not 4"),
        ("|151=5|", "|", "received 35=8"),
        ("|151=5|", "|151=5|999=1|", "received 35=8"),
        ("17=0-9|37=0-8", "17=0-9|37=NONE", "37 is"),
        ("17=0-9|37=0-8", "37=0-8|17=0-9", "received 35=8"),
        ("60=20260102-00:00:00.000", "60=20260102-00:00:00", "60 is"),
        ("BUYER < 35=8", "BUYER < 35=9", "35 is 8, not 9"),
        ("|11=A|55", "|11=B|55", "11 is B, not A"),
        ("|54=1|38", "|38", "received 35=3"),
    ],
)
def test_what_is_not_so_is_found(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    [example] = of(GOOD.replace(old, new, 1), tmp_path)
    with pytest.raises(Different, match=says):
        play(example, tmp_path)


def test_what_is_not_said_is_found(tmp_path: Path) -> None:
    line = GOOD.splitlines()[1]
    twice = GOOD.replace(line, f"{line}\n{line.replace('11=A', '11=B')}")
    [example] = of(twice, tmp_path)
    with pytest.raises(Different, match="BUYER also received 8=FIX"):
        play(example, tmp_path)


def test_what_does_not_come_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.net.exchange_in_process.PATIENCE_S", 0.2)
    line = GOOD.splitlines()[2]
    [example] = of(GOOD.replace(line, f"{line}\n{line}"), tmp_path)
    with pytest.raises(Different, match=r"document.md:4: BUYER received nothing"):
        play(example, tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("```fix\nBUYER > 35=D|\n", "does not end"),
        ("```fix\nBUYER > 35=D|\n```\n", "nothing is received"),
        ("```fix 6.0\n```\n", "names no version"),
        ("```fixed\n```\n", "names no version"),
        ("```fix\nBUYER says 35=D\n```\n", "neither a message nor an event"),
        ("```fix\nBUYER > 35=D|x=1\n```\n", "x=1 is no field"),
        ("```fix\nBUYER > 11=A|35=D\n```\n", "begins with MsgType"),
        ("```fix\nBUYER > 35=D||11=A\n```\n", "is no field"),
    ],
)
def test_blocks_of_another_form(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadExample, match=says):
        of(text, tmp_path)


def test_an_event_nobody_knows(tmp_path: Path) -> None:
    [example] = of(GOOD.replace("```fix\n", "```fix\n! rain\n"), tmp_path)
    with pytest.raises(BadExample, match="line 2: rain is unknown"):
        play(example, tmp_path)


# -- what the document is to have ------------------------------------------------------


def test_every_reason_is_in_its_table() -> None:
    rows = dict(
        re.findall(
            r"^\| ([A-Z_]{5,}) \| (.* \| .* \| .*) \|$",
            DOCUMENTS[0].read_text(),
            re.MULTILINE,
        )
    )
    for reason, wording in REASONS.items():
        if not wording.text:
            continue
        order, cancel, text = rows[reason.name].split(" | ")
        assert text == wording.text
        assert order in ("-", str(wording.ord_rej_reasons[0]))
        assert cancel in ("-", str(wording.cxl_rej_reasons[0]))
        assert (order == "-") == (cancel == "-")
        if order == "-":
            assert wording.ord_rej_reasons == wording.cxl_rej_reasons == (99,)


@pytest.mark.parametrize(
    ("tag", "values"),
    [
        (35, ["D", "F", "G", "H", "q", "AF"]),
        (40, ["1", "2", "3", "4", "K", "P"]),
        (59, ["1", "2", "3", "4", "6", "7"]),
        (18, ["6", "G", "R", "M", "a"]),
        (2964, ["0", "1", "2", "3", "4"]),
        (530, ["1", "7"]),
        (585, ["1", "7"]),
    ],
)
def test_an_example_sends(tag: int, values: list[str]) -> None:
    assert set(values) <= values_of(tag, sent=True)


@pytest.mark.parametrize(
    ("tag", "values"),
    [
        (35, ["8", "9", "r", "j", "3"]),
        (150, list("0458CDFGIL")),
        (39, list("01248C")),
        (20, list("013")),
        (102, ["0", "1", "99"]),
        (378, ["3", "5", "8", "17"]),
        (434, ["1", "2"]),
        (531, ["0", "1", "7"]),
        (851, ["1", "2"]),
    ],
)
def test_an_example_shows(tag: int, values: list[str]) -> None:
    assert set(values) <= values_of(tag, sent=False)


def values_of(tag: int, *, sent: bool) -> set[str]:
    """What a field holds in all messages that clients send, or receive."""
    return {
        value
        for example in ALL
        for step in example.steps
        if isinstance(step, Said) and step.sent == sent
        for number, value in step.pairs
        if number == tag
    }
