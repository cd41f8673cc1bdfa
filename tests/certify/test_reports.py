"""The three reports: complete, well-formed, and safe whatever a peer has sent."""

from __future__ import annotations

import asyncio
import io
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from rich.console import Console

from fixgw.certify.alignment import align
from fixgw.certify.compare import Difference
from fixgw.certify.namesources import load_naming
from fixgw.certify.occasion import Occasion, verdict
from fixgw.certify.report_html import digest, page
from fixgw.certify.report_junit import junit
from fixgw.certify.report_text import write
from fixgw.certify.runner import Run, run
from fixgw.certify.situation import Situation
from tests.certify.fakes import Line, acceptor, dialogue

NASTY = "<script>alert(1)</script>&\"'\x02\x00\x1b[31m[bold]"
OCCASION = Occasion(
    target="host:1",
    mode="relaxed",
    program="fixgw certify 1.2.3",
    member="Müller & Söhne <AG>",
    certifier="The Exchange",
    command="fixgw certify x",
)
NAMING = load_naming(())
LOGON = "I8=FIX.4.4|35=A|34=1|49=C|56=S|\n"


async def peer(line: Line) -> None:
    await line.read()
    await line.say(f"8=FIX.4.4|35=3|34=1|373=5|58={NASTY}|")
    await line.rest()


@pytest.fixture(scope="module")
def done() -> Run:
    """One that passed, one that failed with something nasty, one skipped."""
    items = [
        dialogue("# rule: 1.a\n# title: Good\niCONNECT\n" + LOGON + "E35=3|373=5"),
        dialogue(
            "# rule: 1.b\n# title: Bad & <b>bold</b>\n# expected: a Reject(3)\n"
            "iCONNECT\n" + LOGON + "E8=FIX.4.4|35=3|34=1|373=6|112=X|\n",
            name="bad",
        ),
        dialogue("# rule: 1.c\niOPERATOR x\n", name="skipped"),
    ]

    async def main() -> Run:
        async with acceptor(peer) as port:
            return await run(items, Situation("127.0.0.1", port))

    return asyncio.run(main())


def text_of(done: Run, color: bool = False) -> str:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=100,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
    )
    write(console, done, NAMING, "host:1")
    return stream.getvalue()


def test_text(done: Run) -> None:
    text = text_of(done)
    assert "FAILED bad [FIX.4.4]" in text
    assert "SessionRejectReason(373): the value differs; expected 6" in text
    assert "received 5 (VALUE_INCORRECT)" in text
    assert "TestReqID(112): the field is missing; expected X" in text
    assert "host:1: 1 passed, 1 failed, 1 skipped" in text
    assert "Bad & <b>bold</b>" in text
    assert "\x1b" not in text
    assert "\x00" not in text


def test_text_in_colour(done: Run) -> None:
    assert "\x1b[1;31mFAILED" in text_of(done, color=True)


def test_junit(done: Run) -> None:
    root = ElementTree.fromstring(junit(done, NAMING, OCCASION).encode())
    assert root.tag == "testsuites"
    counts = {"tests": "3", "failures": "1", "skipped": "1", "errors": "0"}
    assert counts.items() <= root.attrib.items()
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == {"FIX.4.4", "any"}
    good, bad = suites["FIX.4.4"].findall("testcase")
    assert good.get("name") == "1.a Good"
    assert not list(good)
    failure = bad.find("failure")
    assert failure is not None
    assert "373" in str(failure.get("message"))
    assert "expected" in str(failure.text)
    assert bad.get("line") == "6"
    assert suites["any"].find("testcase/skipped") is not None
    member = suites["FIX.4.4"].find("properties/property[@name='member']")
    assert member is not None
    assert member.get("value") == OCCASION.member


VOID = {"meta", "br"}


class Checker(HTMLParser):
    """Tags are closed in order; collects texts, links and names."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.links: set[str] = set()
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        facts = dict(attrs)
        if facts.get("href"):
            self.links.add(str(facts["href"]))
        if facts.get("id"):
            self.ids.append(str(facts["id"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html(done: Run) -> None:
    text = page(done, NAMING, OCCASION)
    checker = Checker()
    checker.feed(text)
    checker.close()
    assert not checker.open
    assert not checker.tags & {"script", "link", "img", "b"} - {"b"}
    assert "<script" not in text
    assert "http" not in text
    assert checker.links == {f"#{name}" for name in checker.ids}
    assert len(set(checker.ids)) == len(checker.ids) == 3
    for word in (
        "Müller & Söhne <AG>",
        "Not passed",
        "1 of 3 dialogues",
        "For The Exchange",
        "Place, date, signature",
        "SessionRejectReason(373)",
        "the value differs",
        "the field is missing",
        "a Reject(3)",
        "<script>alert(1)</script>&\"'\\x02\\x00",
        digest(done),
    ):
        assert word in checker.text
    assert "<mark>373=5</mark>" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_the_digest_covers_the_evidence(done: Run) -> None:
    fewer = Run(done.results[:2], done.began, done.duration_s)
    assert digest(done) == digest(done)
    assert digest(done) != digest(fewer)


def test_verdicts(done: Run) -> None:
    good, bad, skipped = done.results

    def of(*results: object) -> str:
        return verdict(Run(results, done.began, 1.0))  # type: ignore[arg-type]

    assert of(good) == "passed"
    assert of(good, bad, skipped) == "failed"
    assert of(good, skipped) == "incomplete"
    assert of(skipped) == of() == "nothing"


def test_every_verdict_makes_a_page(done: Run) -> None:
    good, bad, skipped = done.results
    for results in ((good,), (good, skipped), (skipped,), ()):
        text = page(Run(results, done.began, 1.0), NAMING, OCCASION)
        Checker().feed(text)


def test_messages_side_by_side() -> None:
    rows = align(
        "35=0\x0134=2\x01112=X\x01<MORE>\x01",
        "8=F\x0135=0\x0134=3\x01",
        [
            Difference("34", "2", "3", "the value differs"),
            Difference("112", "X", None, "the field is missing"),
        ],
    )
    assert [(row.tag, row.expected, row.received, row.note) for row in rows] == [
        ("8", None, "F", ""),
        ("35", "0", "0", ""),
        ("34", "2", "3", "the value differs"),
        ("112", "X", None, "the field is missing"),
    ]


def test_names_without_a_dictionary() -> None:
    assert NAMING.tag("FIX.4.4", "35") == "MsgType(35)"
    assert NAMING.tag("FIX.4.4", "99999") == "99999"
    assert NAMING.tag("FIX.4.4", "x") == "x"
    assert NAMING.value("", "35", "A") == "Logon"
