"""Every rule of comparison: it passes when it should, and fails when it should."""

from __future__ import annotations

import pytest

from fixgw.certify.compare import Difference, Mode, compare, expected_of
from fixgw.certify.groups import group_of
from fixgw.certify.matchers import PatternError
from tests.certify.fakes import fix

STRICT, RELAXED = Mode.STRICT, Mode.RELAXED
CAME = "8=FIX.4.4|35=3|34=2|49=S|52=20261121-10:00:00.123|56=C|45=2|58=Bad tag|373=5|"
WRITTEN = CAME.replace("20261121-10:00:00.123", "00000000-00:00:00.000")
OWN = "8=FIX.4.4|35=3|34=2|49=S|52=<TIME>|56=C|45=2|58=Bad tag|373=5|"


def public(wanted: str, came: str, mode: Mode) -> list[Difference]:
    """A line of a public dialogue against a message."""
    return compare(expected_of(wanted.replace("|", "\x01"), False), fix(came), mode)


def own(wanted: str, came: str, mode: Mode = RELAXED, *groups: str) -> list[Difference]:
    """A line of our dialect against a message."""
    expected = expected_of(wanted.replace("|", "\x01"), True)
    return compare(expected, fix(came), mode, [group_of(text) for text in groups])


def tags(found: list[Difference]) -> list[str]:
    return [difference.tag for difference in found]


@pytest.mark.parametrize("mode", Mode)
def test_the_expected_message_is_good(mode: Mode) -> None:
    assert not public(WRITTEN, CAME, mode)
    assert not own(OWN, CAME, mode)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("change", "to", "tag"),
    [
        ("373=5|", "373=6|", "373"),
        ("373=5|", "", "373"),
        ("373=5|", "372=D|373=5|", "372"),
        ("34=2|", "34=3|", "34"),
        ("8=FIX.4.4", "8=FIX.4.2", "8"),
        ("35=3", "35=5", "35"),
        ("56=C", "56=c", "56"),
        ("58=Bad tag", "58=Bed tag", "58"),
        ("45=2|", "45=2|45=2|", "45"),
    ],
)
def test_what_differs_in_both_modes(mode: Mode, change: str, to: str, tag: str) -> None:
    came = CAME.replace(change, to)
    assert tag in tags(public(WRITTEN, came, mode))
    assert tag in tags(own(OWN, came, mode))


def test_order_of_fields() -> None:
    came = CAME.replace("45=2|58=Bad tag|", "58=Bad tag|45=2|")
    assert tags(public(WRITTEN, came, STRICT)) == ["58"]
    assert tags(own(OWN, came, STRICT)) == ["58"]
    assert not public(WRITTEN, came, RELAXED)


def test_text_may_go_on() -> None:
    came = CAME.replace("Bad tag", "Bad tag, field 5")
    assert tags(public(WRITTEN, came, STRICT)) == ["9", "58"]
    assert not public(WRITTEN, came, RELAXED)


def test_the_width_of_times() -> None:
    came = CAME.replace(".123", "")
    assert tags(public(WRITTEN, came, STRICT)) == ["9"]
    assert not public(WRITTEN, came, RELAXED)


def test_a_given_length_is_compared() -> None:
    wanted = WRITTEN.replace("|35=", "|9=66|35=")
    assert tags(public(wanted, CAME, STRICT)) == ["9"]
    assert tags(public(wanted, CAME, RELAXED)) == ["9"]
    assert not public(wanted.replace("9=66", "9=67"), CAME, STRICT)


@pytest.mark.parametrize("tag", ["42", "52", "60", "122"])
def test_times_need_their_shape_in_strict_mode(tag: str) -> None:
    wanted = f"8=FIX.4.4|35=D|{tag}=00000000-00:00:00|"
    assert not own(wanted, f"8=FIX.4.4|35=D|{tag}=20260101-01:02:03|", STRICT)
    assert tags(own(wanted, f"8=FIX.4.4|35=D|{tag}=yesterday|", STRICT)) == [tag]


def test_relaxed_does_not_compare_times_but_42() -> None:
    for tag in ("52", "60", "122"):
        assert not own(f"8=FIX.4.4|35=D|{tag}=x|", f"8=FIX.4.4|35=D|{tag}=y|")
    assert own("8=FIX.4.4|35=D|42=x|", "8=FIX.4.4|35=D|42=y|")


@pytest.mark.parametrize("mode", Mode)
def test_the_frame_must_be_sound(mode: Mode) -> None:
    expected = expected_of(OWN.replace("|", "\x01"), True)
    frame = fix(CAME)
    bad = frame[:-4] + (b"999\x01" if frame[-4:-1] != b"999" else b"000\x01")
    assert tags(compare(expected, bad, mode)) == ["10"]
    assert tags(compare(expected, frame.replace(b"9=67", b"9=68"), mode)) == ["9"]


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("<ANY>", "x", ""),
        ("<SET:name>", "x", ""),
        ("<NUM:100>", "100.00", "100.01"),
        ("<NUM:100>", "0100", "x"),
        ("<NUM:1..5>", "5", "5.1"),
        ("<NUM:1..>", "1", "0.9"),
        ("<NUM:..-1>", "-1", "0"),
        ("<NUM:1>", "1", "1e0"),
        ("<RE:[0-9]+-[a|b]>", "12-a", "12-c"),
        ("<PREFIX:ab>", "abc", "xab"),
        ("<CONTAINS:ab>", "xabx", "axb"),
        ("<NOT:5>", "6", "5"),
        ("<IN:1,2,3>", "2", "4"),
        ("<OPT:Y>", "Y", "N"),
        ("<SET:a><NUM:2..><NOT:3>", "2", "3"),
        ("<NOW:2>", None, "20200101-00:00:00"),
        ("<NOW>", None, "soon"),
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_patterns(mode: Mode, pattern: str, good: str | None, bad: str) -> None:
    from pathlib import Path

    from fixgw.certify.macros import Scope

    if good is None:
        good = Scope(Path()).expand("<TIME.6>")
    wanted = expected_of(f"8=FIX.4.4\x0135=0\x01112={pattern}\x01", True)
    assert not compare(wanted, fix(f"8=FIX.4.4|35=0|112={good}|"), mode)
    found = compare(wanted, fix(f"8=FIX.4.4|35=0|112={bad}|"), mode)
    assert tags(found) == ["112"]
    assert found[0].received == bad


def test_values_are_captured_only_when_all_is_good() -> None:
    wanted = expected_of("35=0\x01112=<SET:id>\x0134=2\x01", True)
    captures: dict[str, str] = {}
    assert compare(wanted, fix("8=FIX.4.4|35=0|34=3|112=X|"), RELAXED, (), captures)
    assert captures == {}
    assert not compare(wanted, fix("8=FIX.4.4|35=0|34=2|112=X|"), RELAXED, (), captures)
    assert captures == {"id": "X"}


def test_optional_and_forbidden_fields() -> None:
    wanted = "8=FIX.4.4|35=0|112=<OPT>|"
    assert not own(wanted, "8=FIX.4.4|35=0|", STRICT)
    assert not own(wanted, "8=FIX.4.4|35=0|112=X|", STRICT)
    assert own(wanted, "8=FIX.4.4|35=0|113=X|", STRICT)
    assert not own("35=0|112=<NONE>|", "8=FIX.4.4|35=0|")
    assert tags(own("35=0|112=<NONE>|", "8=FIX.4.4|35=0|112=X|")) == ["112"]


def test_other_fields_may_come() -> None:
    came = "8=FIX.4.4|35=0|34=2|112=X|"
    assert not own("35=0|112=X", came, STRICT)
    assert not own("8=FIX.4.4|112=X|35=0|<MORE>|", came, STRICT)
    assert tags(own("8=FIX.4.4|35=0|112=X|", came, STRICT)) == ["34"]
    assert tags(own("35=0|113=X", came)) == ["113"]


PARTIES = "453 448 447 452"
WANTED_PARTIES = "8=FIX.4.4|35=D|453=2|448=A|447=D|452=1|448=B|447=D|452=3|11=X|"


def test_group_entries_in_any_order() -> None:
    came = "8=FIX.4.4|35=D|453=2|448=B|452=3|447=D|448=A|447=D|452=1|11=X|"
    assert own(WANTED_PARTIES, came)
    assert not own(WANTED_PARTIES, came, RELAXED, PARTIES)
    assert not own(WANTED_PARTIES, came, STRICT, PARTIES)


@pytest.mark.parametrize(
    "parties",
    [
        "453=2|448=A|447=D|452=3|448=B|447=D|452=1|",
        "453=2|448=A|447=D|452=1|448=A|447=D|452=1|",
        "453=1|448=A|447=D|452=1|",
        "453=3|448=A|447=D|452=1|448=B|447=D|452=3|448=C|447=D|452=4|",
        "453=2|448=A|447=D|452=1|448=B|447=D|",
    ],
)
def test_group_entries_that_differ(parties: str) -> None:
    came = f"8=FIX.4.4|35=D|{parties}11=X|"
    assert "453" in tags(own(WANTED_PARTIES, came, RELAXED, PARTIES))


def test_groups_within_groups() -> None:
    groups = ("453 448 447 802", "802 523 803")
    wanted = "8=FIX.4.4|35=D|453=2|448=A|802=2|523=a|803=1|523=b|803=2|448=B|11=X|"
    came = "8=FIX.4.4|35=D|453=2|448=B|448=A|802=2|523=b|803=2|523=a|803=1|11=X|"
    assert not own(wanted, came, RELAXED, *groups)
    assert own(wanted, came.replace("523=b|803=2", "523=b|803=3"), RELAXED, *groups)
    assert own(wanted, came.replace("448=B|", "448=C|"), RELAXED, *groups)


@pytest.mark.parametrize(
    "pattern",
    ["<NUM:>", "<NUM:a>", "<NUM:5..1>", "<RE:[>", "<SET:1>", "a<ANY>", "<NOW:x>"],
)
def test_malformed_patterns(pattern: str) -> None:
    with pytest.raises(PatternError):
        expected_of(f"35=0\x01112={pattern}\x01", True)
