"""From the names in a sessions file to what its sessions judge messages by."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fixgw.ops.setup import SetupError, load_rulebooks, read_settings

SPEC = Path(__file__).resolve().parents[2] / "spec"
HEAD = """\
[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort=0
SenderCompID=E
NonStopSession=Y
"""
FIXT = "BeginString=FIXT.1.1\nDefaultApplVerID=FIX.5.0SP2\n"


def rulebooks(folder: Path, *sections: str):  # type: ignore[no-untyped-def]
    """By identity. Sessions are called C0, C1, …"""
    path = folder / "sessions.cfg"
    text = HEAD
    for number, section in enumerate(sections):
        name = "*" if "AcceptorTemplate" in section else f"C{number}"
        text += f"[SESSION]\nTargetCompID={name}\n{section}"
    path.write_text(text)
    return load_rulebooks(path, read_settings(path, None, None))


@pytest.mark.parametrize(
    "version", ["FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4"]
)
def test_without_a_name_it_is_ours(tmp_path: Path, version: str) -> None:
    [(identity, rulebook)] = rulebooks(tmp_path, f"BeginString={version}\n").items()
    assert identity == f"{version}:E->C0"
    assert rulebook.begin_string == version


@pytest.mark.parametrize("version", ["5.0", "5.0SP1", "5.0SP2"])
def test_over_fixt_there_are_two(tmp_path: Path, version: str) -> None:
    section = f"BeginString=FIXT.1.1\nDefaultApplVerID=FIX.{version}\n"
    [rulebook] = rulebooks(tmp_path, section).values()
    assert rulebook.begin_string == "FIXT.1.1"
    number = {"5.0": "7", "5.0SP1": "8", "5.0SP2": "9"}[version]
    assert [n for n in "23456789" if rulebook.speaks(n)] == [number]


def test_over_fixt_there_can_be_more(tmp_path: Path) -> None:
    shutil.copy(SPEC / "FIX42.xml", tmp_path / "old.xml")
    more = f"AppDataDictionary.FIX.4.2=old.xml\nAppDataDictionary={SPEC}/FIX50SP2.xml\n"
    [rulebook] = rulebooks(tmp_path, FIXT + more).values()
    assert [n for n in "23456789" if rulebook.speaks(n)] == ["4", "9"]


def test_sessions_share_what_is_the_same(tmp_path: Path) -> None:
    named = f"BeginString=FIX.4.4\nDataDictionary={SPEC}/FIX44.xml\n"
    found = rulebooks(
        *(tmp_path, "BeginString=FIX.4.4\n", named, FIXT, FIXT),
        f"{FIXT}AppDataDictionary.FIX.4.4={SPEC}/FIX44.xml\n",
    )
    assert found["FIX.4.4:E->C0"] is found["FIX.4.4:E->C1"]
    assert found["FIXT.1.1:E->C2"] is found["FIXT.1.1:E->C3"]
    assert found["FIXT.1.1:E->C4"] is not found["FIXT.1.1:E->C3"]


def test_a_session_may_have_none(tmp_path: Path) -> None:
    section = "BeginString=FIX.4.4\nUseDataDictionary=N\n"
    assert rulebooks(tmp_path, section) == {"FIX.4.4:E->C0": None}


def test_templates_have_theirs(tmp_path: Path) -> None:
    section = "BeginString=FIX.4.4\nAcceptorTemplate=Y\n"
    found = rulebooks(tmp_path, "BeginString=FIX.4.4\n", section)
    assert set(found) == {"FIX.4.4:E->C0", "FIX.4.4:E->*"}
    assert all(rulebook is not None for rulebook in found.values())


def test_a_service_pack_may_call_itself_5_0(tmp_path: Path) -> None:
    """As published dictionaries do."""
    text = (SPEC / "FIX50SP2.xml").read_text()
    (tmp_path / "sp2.xml").write_text(text.replace(' servicepack="2"', "", 1))
    [rulebook] = rulebooks(tmp_path, FIXT + "AppDataDictionary=sp2.xml\n").values()
    assert rulebook.speaks("9")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            "BeginString=FIX.4.2\nDataDictionary={}/FIX44.xml\n",
            "FIX.4.2:E->C0: DataDictionary .*FIX44.xml is for FIX.4.4",
        ),
        (
            FIXT + "TransportDataDictionary={}/FIX44.xml\n",
            "FIXT.1.1:E->C0: TransportDataDictionary .*FIX44.xml is for FIX.4.4",
        ),
        (
            FIXT + "AppDataDictionary={}/FIX44.xml\n",
            "FIXT.1.1:E->C0: AppDataDictionary .*FIX44.xml is for FIX.4.4",
        ),
        (
            FIXT + "AppDataDictionary={}/FIX50SP1.xml\n",
            "FIXT.1.1:E->C0: AppDataDictionary .*FIX50SP1.xml is for FIX.5.0SP1",
        ),
        (FIXT + "AppDataDictionary=none.xml\n", "AppDataDictionary none.xml: no such"),
        ("BeginString=FIX.4.4\nDataDictionary=sessions.cfg\n", "not well-formed XML"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, section: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        rulebooks(tmp_path, section.format(SPEC))


def test_too_many_data_fields_are_refused(tmp_path: Path) -> None:
    fields = "".join(
        f'<field number="{tag}" name="D{tag}Len" type="LENGTH"/>'
        f'<field number="{tag + 1}" name="D{tag}" type="DATA"/>'
        for tag in range(20_000, 20_600, 2)
    )
    text = (SPEC / "FIX44.xml").read_text()
    (tmp_path / "large.xml").write_text(text.replace("</fields>", f"{fields}</fields>"))
    with pytest.raises(SetupError, match=r"large.xml: more than 256 data fields"):
        rulebooks(tmp_path, "BeginString=FIX.4.4\nDataDictionary=large.xml\n")
