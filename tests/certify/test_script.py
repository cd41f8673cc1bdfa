"""Parsing: every line of the grammar, and every error of a file with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixgw.certify import steps as s
from fixgw.certify.compare import Mode
from fixgw.certify.dialogue import Names, ScriptError, load, parse
from fixgw.certify.versions import VERSIONS, version_of
from tests.certify.fakes import dialogue, errors_of

LOGON = "8=FIX.4.4\x0135=A\x0149=TW\x0152=<TIME>\x0156=ISLD\x0198=0\x01108=30\x01"


def test_the_public_grammar() -> None:
    found = dialogue(
        "# a comment\r\n"
        "\r\n"
        "iCONNECT\r\n"
        f"I{LOGON}\r\n"
        "i2,CONNECT\n"
        f"I2,{LOGON}\n"
        f"E2,{LOGON}\n"
        "e2,DISCONNECT\n"
        "iSET_SESSION FIX.4.4:ISLD->TW NEXTSENDERSEQNUM=2000\n"
        "sleep(0.1)\n"
        "# NOTIFY: look\n"
        "i1,DISCONNECT\n"
        "eCONNECT\n"
        "eDISCONNECT"
    )
    assert found.steps == (
        s.Connect(3, 1),
        s.Send(4, 1, LOGON),
        s.Connect(5, 2),
        s.Send(6, 2, LOGON),
        s.Expect(7, 2, LOGON, is_own=False),
        s.ExpectClose(8, 2),
        s.SetSession(9, 1, "FIX.4.4:ISLD->TW", "NEXTSENDERSEQNUM", 2000),
        s.Pause(10, 1, 0.1),
        s.Notify(11, 1, "look"),
        s.Disconnect(12, 1),
        s.Accept(13, 1),
        s.ExpectClose(14, 1),
    )
    assert found.version == "FIX.4.4"
    assert found.sessions == {("FIX.4.4", "TW", "ISLD")}


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("eNOTHING 1.5", s.Nothing(1, 1, 1.5)),
        ("e3,NOTHING 1", s.Nothing(1, 3, 1.0)),
        ("eIGNORE 2", s.Ignore(1, 1, 2.0)),
        ("eSKIP 0 1", s.Skip(1, 1, frozenset("01"))),
        ("eSKIP", s.Skip(1, 1, frozenset())),
        ("eWITHIN 2", s.Within(1, 1, 0.0, 2.0)),
        ("eWITHIN 1.5..2", s.Within(1, 1, 1.5, 2.0)),
        ("iPIECES 3", s.Pieces(1, 1, size=3)),
        ("iPIECES at 20", s.Pieces(1, 1, at=20)),
        ("iPIECES fields every 0.5", s.Pieces(1, 1, pause_s=0.5)),
        ("iGLUE 3", s.Glue(1, 1, 3)),
        ("iABORT", s.Abort(1, 1)),
        ("iHOLD", s.Hold(1, 1, True)),
        ("iRESUME", s.Hold(1, 1, False)),
        ("iLISTEN", s.Listen(1, 1, True)),
        ("iDEAF", s.Listen(1, 1, False)),
        ("iLET a <TIME>", s.Let(1, 1, "a", "<TIME>")),
        ("iPAUSE 0.5", s.Pause(1, 1, 0.5)),
        ("iOPERATOR sessions logout TW", s.Operator(1, 1, "sessions logout TW")),
        ("iFAIL it is so", s.Fail(1, 1, "it is so")),
        ("iRAW 8=FIX|9", s.Send(1, 1, "8=FIX\x019", is_raw=True)),
        ("I8=FIX.4.4|35=0", s.Send(1, 1, "8=FIX.4.4\x0135=0\x01")),
        ("Ijunk", s.Send(1, 1, "junk")),
        ("E35=0|<MORE>|", s.Expect(1, 1, "35=0\x01<MORE>\x01", is_own=True)),
        (
            "eMAYBE 35=0",
            s.Maybe(1, 1, s.Expect(1, 1, "35=0", is_own=True)),
        ),
    ],
)
def test_our_lines(line: str, step: s.Step) -> None:
    assert dialogue(line).steps == (step,)


def test_blocks() -> None:
    found = dialogue(
        """
        iREPEAT 3
        eONEOF
        eWHEN 35=0
        iBREAK
        eWHEN 35=1
        eEND
        iEND
        eALL
        E35=0
        E35=1
        eEND
        """
    )
    none = s.Expect(3, 1, "35=0", is_own=True)
    test = s.Expect(5, 1, "35=1", is_own=True)
    choice = s.OneOf(
        2, 1, (s.Alternative(none, (s.Break(4, 1),)), s.Alternative(test, ()))
    )
    both = (
        s.Expect(9, 1, "35=0", is_own=True),
        s.Expect(10, 1, "35=1", is_own=True),
    )
    assert found.steps == (s.Repeat(1, 1, 3, (choice,)), s.AllOf(8, 1, both))
    assert [step.line for step in s.flatten(found.steps)] == [1, 2, 3, 4, 5, 8, 9, 10]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("Xhello", "a line begins with"),
        ("iJUMP", "iJUMP is no keyword"),
        ("eLET a b", "eLET is no keyword"),
        ("iconnect", "keyword in capitals"),
        ("iCONNECT now", "nothing may follow"),
        ("i0,CONNECT", "numbered from 1 to 9"),
        ("I", "the message is missing"),
        ("eNOTHING", "no number of seconds"),
        ("eNOTHING 1e3", "no number of seconds"),
        ("eNOTHING 9999", "more than"),
        ("eWITHIN 3..1", "the range is empty"),
        ("iPIECES 0", "iPIECES takes"),
        ("iGLUE 1", "at least 2"),
        ("iREPEAT 0\niEND", "number of rounds"),
        ("iREPEAT 2", "has no eEND"),
        ("eONEOF\neEND", "followed by eWHEN"),
        ("eONEOF\niCONNECT\neWHEN 35=0\neEND", "followed by eWHEN"),
        ("eALL\niCONNECT\neEND", "E lines only"),
        ("eEND", "no block"),
        ("eWHEN 35=0", "no block"),
        ("iSET_SESSION TW NEXTSENDERSEQNUM=1", "it must be"),
        ("iLET 1 2", "a name and a value"),
        ("iOPERATOR", "a text has to follow"),
        ("E35=0|x|", "'x' is not tag=value"),
        ("E35=<NUM:x>", "<NUM:x>"),
        ("E35=a<ANY>", "mixes patterns and text"),
        ("E35=<ALL>", "<ALL…> is no macro"),
        ("I8=FIX.4.4|35=<ANY>|", "it cannot be sent"),
        ("I8=FIX.4.4|34=<GET:n>|", "nothing has that name"),
        ("I8=<FROM:4.2>|", "lacks the text"),
        ("I8=<FROM:4.9:x>|", "is no version"),
        ("I8=<FROM:4.2:x|", "not closed"),
        ("I8=<PROFILE:best:x>|", "standard or quickfix"),
        ("# versions: 4.9", "is no version"),
        ("# profile: best", "standard, quickfix or both"),
        ("# compare: loose", "neither strict nor relaxed"),
        ("# group: 453", "the tag that counts"),
        ("# settings: fast", "not Key=value"),
        ("# exclusive: perhaps", "neither yes nor no"),
        ("iINCLUDE nowhere.inc", "No such file"),
    ],
)
def test_errors(line: str, what: str) -> None:
    found = errors_of(line)
    assert len(found) == 1
    assert what in found[0][1]
    assert found[0][0] in (1, 2)


def test_all_errors_of_a_file_at_once() -> None:
    found = errors_of("iCONNECT\niJUMP\n\nE35=<NUM:x>\neNOTHING soon\n")
    assert [line for line, _ in found] == [2, 4, 5]


def test_all_errors_of_all_files_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.def").write_text("iJUMP\n")
    (tmp_path / "b.def").write_text("iCONNECT\niJUMP\n")
    with pytest.raises(ScriptError) as caught:
        load([tmp_path], Names())
    assert [error.partition(": ")[0] for error in caught.value.errors] == [
        f"{tmp_path}/a.def:1",
        f"{tmp_path}/b.def:2",
    ]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="no .def file"):
        load([tmp_path], Names())
    with pytest.raises(ScriptError, match="no such file"):
        load([tmp_path / "x"], Names())


def test_header() -> None:
    found = dialogue(
        """
        # Some words.
        # rule: 2.c
        # title: Too low
        # condition: one
        # condition: two
        # settings: ResetOnLogon=Y HeartBtIntMax=60
        # profile: quickfix
        # compare: strict
        # group: 453 448 447
        # exclusive: yes
        iCONNECT
        # title: not in the header any more
        """
    )
    header = found.header
    assert (found.rule, found.title) == ("2.c", "Too low")
    assert header.condition == "one two"
    assert header.settings == (("ResetOnLogon", "Y"), ("HeartBtIntMax", "60"))
    assert header.profile == "quickfix"
    assert header.mode is Mode.STRICT
    assert header.groups[0].members == {"448", "447"}
    assert header.is_exclusive


def test_rule_and_title_of_a_public_file() -> None:
    found = dialogue("iCONNECT\n", name="14i_RepeatingGroupCountNotEqual")
    assert (found.rule, found.title) == ("14i", "Repeating Group Count Not Equal")
    assert dialogue("# @testcase 14.i\niCONNECT\n").rule == "14.i"


SERVING_ALL = """\
# versions: all
# client: {v}CLIENT
iCONNECT
I8=<VERSION>|35=A|49=<CLIENT>|52=<STAMP>|56=<SERVER>|98=0|<FROM:4.1:108=<V>|><APPL>
<FROM:4.2:<TO:4.4:E35=A|98=0>>
<PROFILE:quickfix:eDISCONNECT>
"""


def test_one_file_for_all_versions() -> None:
    found, errors = parse(SERVING_ALL, Path("x.def"), "x", Names(server="US"))
    assert not errors
    assert [item.version for item in found] == [version.name for version in VERSIONS]
    assert [len(item.steps) for item in found] == [2, 2, 3, 3, 3, 2, 2, 2]
    texts = [s.flatten(item.steps)[1] for item in found]
    assert texts[0] == s.Send(
        4,
        1,
        "8=FIX.4.0\x0135=A\x0149=40CLIENT\x0152=<TIME>\x0156=US\x0198=0\x01",
    )
    assert texts[-1] == s.Send(
        4,
        1,
        "8=FIXT.1.1\x0135=A\x0149=50SP2CLIENT\x0152=<TIME.3>\x0156=US\x0198=0\x01"
        "108=50SP2\x011137=9\x01",
    )
    assert found[-1].sessions == {("FIXT.1.1", "50SP2CLIENT", "US")}


def test_the_profile_chooses_lines() -> None:
    found, _ = parse(SERVING_ALL, Path("x.def"), "x", Names(profile="quickfix"))
    assert isinstance(found[0].steps[-1], s.ExpectClose)


def test_versions_of_the_command_line() -> None:
    names = Names(versions=(version_of("4.2"), version_of("FIX.5.0SP2")))
    found, _ = parse(SERVING_ALL, Path("x.def"), "x", names)
    assert [item.version for item in found] == ["FIX.4.2", "FIX.5.0SP2"]


def test_include(tmp_path: Path) -> None:
    (tmp_path / "logon.inc").write_text("iCONNECT\niINCLUDE more.inc\n")
    (tmp_path / "more.inc").write_text("E35=A|34=<SET:n>\n")
    found = dialogue("# Hello.\niINCLUDE logon.inc\nE35=0|34=<GET:n+1>\n", tmp_path)
    assert [step.line for step in found.steps] == [2, 2, 3]


def test_what_is_included_may_serve_all_versions(tmp_path: Path) -> None:
    (tmp_path / "logon.inc").write_text("E8=<VERSION>|35=A|\n")
    text = "# versions: 4.2 4.3\niINCLUDE logon.inc\n"
    found, errors = parse(text, tmp_path / "x.def", "x", Names())
    assert not errors
    assert [item.version for item in found] == ["FIX.4.2", "FIX.4.3"]


def test_include_of_what_no_file_can_be_called() -> None:
    [(line, error)] = errors_of("iINCLUDE a\0b")
    assert (line, "no file has such a name" in error) == (1, True)


@pytest.mark.parametrize("keyword", ["iREPEAT 2", "eALL", "eONEOF"])
def test_blocks_nest_only_so_deep(keyword: str) -> None:
    errors = errors_of("\n".join([keyword] * 500))
    assert any("blocks are nested more than 20 deep" in error for _, error in errors)


def test_macros_nest_only_so_deep() -> None:
    errors = errors_of("I8=" + "<FROM:4.0:" * 500 + ">" * 500)
    assert any("macros are nested more than 20 deep" in error for _, error in errors)


def test_include_of_itself(tmp_path: Path) -> None:
    (tmp_path / "a.inc").write_text("iINCLUDE a.inc\n")
    assert "include one another" in errors_of("iINCLUDE a.inc", tmp_path)[0][1]


@pytest.mark.parametrize(
    ("text", "folder", "version"),
    [
        ("I8=FIXT.1.1|35=A|1137=8|", "x", "FIX.5.0SP1"),
        ("I8=FIX.3.9|35=A|\nI8=FIX.4.1|35=A|", "x", "FIX.4.1"),
        ("I8=FIXT.1.1|35=A|", "fix50sp2", "FIX.5.0SP2"),
        ("I8=FIX.3.9|35=A|", "fix44", "FIX.4.4"),
        ("I8=FIX.3.9|35=A|", "x", ""),
    ],
)
def test_the_version_of_a_public_file(text: str, folder: str, version: str) -> None:
    assert dialogue(text, Path(folder)).version == version
