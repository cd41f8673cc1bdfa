"""The exchange's own dictionaries of every version, those of session certification, and
other people's: each loads, and takes every message that can be made from it.
"""

from __future__ import annotations

import functools
import sysconfig
from pathlib import Path

import pytest

from fixgw.dictionary import APPL_VER_IDS, Dictionary, Rulebook, load, validate
from fixgw.dictionary.model import ADMIN_MSG_TYPES, STANDARD_MSG_TYPES
from tests.unit.dictionary_samples import parsed, sample

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "spec"
CERTIFICATION = ROOT / "tests" / "fix_scenarios" / "dictionaries"
PUBLISHED = Path(sysconfig.get_path("data")) / "share" / "quickfix"
"""The dictionaries of the QuickFIX package, if it is installed."""

SESSIONS = {
    "FIX40": "FIX.4.0",
    "FIX41": "FIX.4.1",
    "FIX42": "FIX.4.2",
    "FIX43": "FIX.4.3",
    "FIX44": "FIX.4.4",
    "FIXT11": "FIXT.1.1",
}
APPLICATIONS = {
    "FIX50": "FIX.5.0",
    "FIX50SP1": "FIX.5.0SP1",
    "FIX50SP2": "FIX.5.0SP2",
}
VERSIONS = SESSIONS | APPLICATIONS
FOLDERS = {"spec": SPEC, "certification": CERTIFICATION, "published": PUBLISHED}


@functools.cache
def dictionary(folder: str, stem: str) -> Dictionary:
    path = FOLDERS[folder] / f"{stem}.xml"
    if folder == "published" and not path.exists():
        pytest.skip("no published dictionaries installed")
    return load(path.read_text(), path.name)


@functools.cache
def rulebook(folder: str, stem: str) -> Rulebook:
    if stem in SESSIONS:
        return Rulebook.single(dictionary(folder, stem))
    appl_ver_id = APPL_VER_IDS[VERSIONS[stem]]
    application = {appl_ver_id: dictionary(folder, stem)}
    return Rulebook.fixt(dictionary(folder, "FIXT11"), application, appl_ver_id)


def transport(folder: str, stem: str) -> Dictionary | None:
    return None if stem in SESSIONS else dictionary(folder, "FIXT11")


# -- every dictionary ------------------------------------------------------------------


@pytest.mark.parametrize("stem", VERSIONS)
@pytest.mark.parametrize("folder", ["spec", "certification"])
def test_it_is_of_its_version(folder: str, stem: str) -> None:
    assert dictionary(folder, stem).begin_string == VERSIONS[stem]


@pytest.mark.parametrize("full", [True, False], ids=["full", "required"])
@pytest.mark.parametrize("stem", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_whatever_is_made_from_it_is_good(folder: str, stem: str, full: bool) -> None:
    """By the quick way, too: none of them is a case of doubt."""
    rules, edges = rulebook(folder, stem), transport(folder, stem)
    own = dictionary(folder, stem)
    # Groups nest deeply in some published ones: two entries of each are too many.
    entries = 1 if folder == "published" else 2
    for msg_type in own.messages:
        message = parsed(sample(own, msg_type, full, edges, entries), own)
        assert rules.judge(message) is None, msg_type
        if edges is None:
            assert validate(own, msg_type, message.fields()) is None, msg_type


@pytest.mark.parametrize("stem", VERSIONS)
@pytest.mark.parametrize("folder", ["spec", "certification"])
def test_quickfix_takes_it_and_what_is_made_from_it(folder: str, stem: str) -> None:
    quickfix = pytest.importorskip("quickfix")
    own = quickfix.DataDictionary(str(FOLDERS[folder] / f"{stem}.xml"))
    edges = own
    if stem in APPLICATIONS:
        edges = quickfix.DataDictionary(str(FOLDERS[folder] / "FIXT11.xml"))
    for msg_type in dictionary(folder, stem).messages:
        for full in (True, False):
            data = sample(
                dictionary(folder, stem), msg_type, full, transport(folder, stem)
            )
            message = quickfix.Message(data.decode("latin-1"), edges, own, True)
            quickfix.DataDictionary.validate(message, edges, own)


# -- the exchange's own ----------------------------------------------------------------

SINCE = {
    # Orders
    **dict.fromkeys("89DFGH", "FIX.4.0"),
    **dict.fromkeys(("q", "r", "AF"), "FIX.4.3"),
    # The dead man's switch, drop copies
    **dict.fromkeys(("U1", "U2"), "FIX.4.0"),
    **dict.fromkeys(("U3", "U4"), "FIX.4.4"),
    # Market data, what is traded, and when
    **dict.fromkeys("VWXYcdefgh", "FIX.4.2"),
    **dict.fromkeys("xy", "FIX.4.3"),
    # What cannot be served
    "j": "FIX.4.2",
}
"""The version from which on an application message is supported."""


@pytest.mark.parametrize("stem", VERSIONS)
def test_it_has_what_the_exchange_supports(stem: str) -> None:
    own = dictionary("spec", stem)
    messages = set(own.messages)
    if stem in SESSIONS:
        assert messages >= ADMIN_MSG_TYPES
        messages -= ADMIN_MSG_TYPES
    years = list(VERSIONS.values())
    applications = {
        msg_type
        for msg_type, since in SINCE.items()
        if stem != "FIXT11" and years.index(VERSIONS[stem]) >= years.index(since)
    }
    assert messages == applications
    for msg_type in own.messages:
        assert own.is_admin(msg_type) == (msg_type in ADMIN_MSG_TYPES)


@pytest.mark.parametrize("stem", [stem for stem in VERSIONS if stem != "FIXT11"])
def test_it_differs_from_fix_4_4_as_its_version_does(stem: str) -> None:
    own = dictionary("spec", stem)
    report = set(own.messages["8"].body.places)
    year = list(VERSIONS.values()).index(VERSIONS[stem])
    assert (20 in report) == (stem in ("FIX40", "FIX41", "FIX42"))
    assert (150 in report) == (151 in report) == (year >= 1)
    assert (41 in report) == (year >= 1)
    assert (378 in report) == (year >= 2)
    assert (527 in report) == (year >= 3)
    assert (851 in report) == (year >= 4)
    for msg_type in ("D", "G"):
        required = set(own.messages[msg_type].body.required)
        assert required >= {11, 38, 40, 54, 55}
        assert (60 in required) == (year >= 2)
        assert (21 in required) == (year <= 3)
    assert (125 in own.messages["F"].body.places) == (stem == "FIX40")


TERMS_SINCE = {18: 0, 99: 0, 111: 0, 126: 0, 211: 1, 432: 2, 1138: 5}
"""What else an order and its replace may ask for, and from which version on. Only the
order itself has MinQty(110) and the prevention of self-trades."""


@pytest.mark.parametrize("stem", [stem for stem in VERSIONS if stem != "FIXT11"])
def test_an_order_has_the_terms_of_its_version(stem: str) -> None:
    own = dictionary("spec", stem)
    year = [v for v in VERSIONS if v != "FIXT11"].index(stem)
    terms = {tag for tag, since in TERMS_SINCE.items() if year >= since}
    new, replace = (set(own.messages[each].body.places) for each in "DG")
    report = set(own.messages["8"].body.places)
    assert new >= terms | {110, 2362, 2964}
    assert replace >= terms
    assert not replace & {110, 2362, 2964}
    assert not (new | replace) & (TERMS_SINCE.keys() - terms)
    assert report >= {18, 19, 99, 126, 2362, 2964}
    assert ({110, 111} <= report) == (year >= 2)
    assert (211 in report) == (year >= 1)
    assert ({584, 790, 839, 911, 912} <= report) == (year >= 4)
    assert ({1057, 1138} <= report) == (year >= 5)
    assert (136 in report) == (year == 0 or year >= 4)
    if year >= 3:
        assert (1369 in own.messages["r"].body.required) == (year >= 6)


@pytest.mark.parametrize("stem", SESSIONS)
def test_the_header_and_the_logon_are_those_of_the_version(stem: str) -> None:
    own = dictionary("spec", stem)
    year = list(SESSIONS).index(stem)
    assert {142, 143, 144, 145} <= own.header_tags or year == 0
    assert (369 in own.header_tags) == (year >= 2)
    assert (627 in own.header_tags) == (year >= 3)
    assert ({1128, 1129, 1156} <= own.header_tags) == (stem == "FIXT11")
    logon = own.messages["A"].body
    assert (141 in logon.places) == (year >= 1)
    assert (383 in logon.places) == (year >= 2)
    assert (464 in logon.places) == (year >= 3)
    assert (789 in logon.places) == (year >= 4)
    assert (1137 in logon.required) == (stem == "FIXT11")
    assert ({371, 372, 373} <= own.messages["3"].body.places.keys()) == (year >= 2)
    assert (1409 in own.messages["5"].body.places) == (stem == "FIXT11")


@pytest.mark.parametrize("stem", SESSIONS)
def test_every_message_type_of_the_version_has_a_name(stem: str) -> None:
    version = "FIX.5.0SP2" if stem == "FIXT11" else SESSIONS[stem]
    own = {"U1", "U2"}
    if SESSIONS[stem] in ("FIX.4.4", "FIXT.1.1"):
        own |= {"U3", "U4"}
    named = set(dictionary("spec", stem).fields[35].enum)
    assert named == STANDARD_MSG_TYPES[version] | own


def test_each_version_has_the_message_types_of_the_one_before() -> None:
    sizes = {version: len(types) for version, types in STANDARD_MSG_TYPES.items()}
    assert sizes == {
        "FIX.4.0": 27,
        "FIX.4.1": 28,
        "FIX.4.2": 46,
        "FIX.4.3": 68,
        "FIX.4.4": 93,
        "FIX.5.0": 101,
        "FIX.5.0SP1": 113,
        "FIX.5.0SP2": 116,
        "FIXT.1.1": 7,
    }


LATER = {47, 553, 554, 561, 562, 969, 1138, 1140, 1148, 1149, 2362, 2964}
"""Fields that are taken in versions which did not have them, or no longer do."""
VALUES_ADDED = {
    ("FIX42", 347): {"SHIFT_JIS"},  # the usual spelling
    ("FIX42", 373): {"12", "13", "14", "15", "16", "17"},  # of FIX 4.3
    ("FIX43", 347): {"SHIFT_JIS"},
    ("FIX44", 40): {"5", "A", "B", "C", "F", "H"},  # retired, still to be refused
    ("FIX42", 269): {"A", "J", "Q", "b", "c"},  # of later versions, if asked for
    ("FIX43", 269): {"J", "Q", "b", "c"},
    ("FIX44", 269): {"J", "Q", "b", "c"},
    ("FIX50", 269): {"b", "c"},
    ("FIX50SP1", 269): {"b", "c"},
    ("FIX42", 286): {"5"},  # an auction's price before it trades
    ("FIX43", 286): {"5"},
    ("FIX44", 323): {"4"},  # missing there
    ("FIX44", 103): {"12"},  # surveillance option: missing there
    ("FIX44", 347): {"SHIFT_JIS"},
    ("FIX50SP2", 2964): {"0", "4"},  # none, decrement and cancel
    ("FIXT11", 1409): {"9", "10"},  # of FIX 5.0 SP2
}
VALUES_LEFT_OUT = {("FIX40", 125): {"P"}}  # a partial cancel


USER_DEFINED = 5000
"""Tags from here on are each exchange's own."""


@pytest.mark.parametrize("stem", VERSIONS)
def test_fields_are_those_others_know(stem: str) -> None:
    ours, theirs = dictionary("spec", stem), dictionary("published", stem)
    foreign = {tag for tag in ours.fields if tag < USER_DEFINED} - theirs.fields.keys()
    assert foreign <= LATER
    for tag in ours.fields.keys() & theirs.fields.keys():
        one, other = ours.fields[tag], theirs.fields[tag]
        assert one.name == other.name
        if not one.enum or not other.enum:
            continue
        added = VALUES_ADDED.get((stem, tag), set())
        if tag == 35:
            added = {value for value in one.enum if value.startswith("U")}
        assert one.enum.keys() - other.enum.keys() == added, tag
        # Published dictionaries of 5.0 SP2 go on to its extension packs.
        if stem != "FIX50SP2":
            left_out = VALUES_LEFT_OUT.get((stem, tag), set())
            assert other.enum.keys() - one.enum.keys() == left_out, tag
