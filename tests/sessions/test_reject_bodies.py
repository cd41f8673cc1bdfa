"""Bodies of Reject(3) and BusinessMessageReject(j), by version and by profile."""

from __future__ import annotations

import pytest

from fixgw.dictionary import SessionRejectReason
from fixgw.session.profile import Profile
from fixgw.session.rejects import Rejects
from fixgw.session.versions import VERSIONS
from fixgw.wire import Message, parse_message
from tests.sessions.conversation import build, pairs_of, shown


def rejects(begin_string: str = "FIX.4.4", **profile: bool) -> Rejects:
    return Rejects(VERSIONS[begin_string], Profile(**profile))


def order(extra: str = "34=7") -> Message:
    message = parse_message(build(f"35=D|{extra}", {8: "FIX.4.4"}))
    assert isinstance(message, Message)
    return message


def text(body: bytes) -> str:
    """As pairs; every field has its SOH."""
    assert body.endswith(b"\x01")
    return shown(pairs_of(body.decode("latin-1").replace("\x01", "|")))


@pytest.mark.parametrize(
    ("version", "reason", "tag", "expected"),
    [
        ("FIX.4.4", 5, 44, "45=7|58=why|371=44|372=D|373=5"),
        ("FIX.4.4", 5, None, "45=7|58=why|372=D|373=5"),
        ("FIX.4.4", None, None, "45=7|58=why|372=D"),
        ("FIX.4.4", 18, 44, "45=7|58=why|371=44|372=D"),
        ("FIXT.1.1", 18, 44, "45=7|58=why|371=44|372=D|373=18"),
        ("FIX.4.3", 17, 44, "45=7|58=why|371=44|372=D|373=17"),
        ("FIX.4.3", 99, 44, "45=7|58=why|371=44|372=D"),
        ("FIX.4.2", 16, 44, "45=7|58=why|371=44|372=D|373=16"),
        ("FIX.4.1", 5, 44, "45=7|58=why (44)"),
        ("FIX.4.0", 5, None, "45=7|58=why"),
    ],
)
def test_what_a_version_can_say(
    version: str, reason: int | None, tag: int | None, expected: str
) -> None:
    assert text(rejects(version).reject(order(), reason, tag, "why")) == expected


@pytest.mark.parametrize(("reason", "code"), [(11, "|373=11"), (12, "")])
def test_only_the_old_codes_of_4_2(reason: int, code: str) -> None:
    body = rejects("FIX.4.2", old_reject_codes_only=True).reject(order(), reason, 9, "")
    assert text(body) == "45=7|371=9|372=D" + code


@pytest.mark.parametrize(
    ("reason", "tag"),
    [
        (SessionRejectReason.COMP_ID_PROBLEM, ""),
        (SessionRejectReason.SENDING_TIME_ACCURACY, ""),
        (SessionRejectReason.VALUE_INCORRECT, "|371=52"),
    ],
)
def test_whose_identity_is_wrong_is_told_no_tag(
    reason: SessionRejectReason, tag: str
) -> None:
    body = rejects(brief_identity_reject=True).reject(order(), reason, 52, "why")
    assert text(body) == f"45=7|58=why{tag}|372=D|373={int(reason)}"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (1, SessionRejectReason.REQUIRED_TAG_MISSING.text),
        (99, "why"),
        (None, "why"),
    ],
)
def test_plain_texts_of_a_reject(reason: int | None, said: str) -> None:
    body = rejects(plain_reject_texts=True).reject(order(), reason, None, "why")
    assert pairs_of(text(body))[1] == (58, said)


@pytest.mark.parametrize("seq", ["34=x", "34=", ""])
def test_without_a_number_nothing_is_referred_to(seq: str) -> None:
    assert text(rejects().reject(order(seq), 5, 34, "why")).startswith("58=why|371=34")


def test_what_does_not_fit_the_wire_is_replaced() -> None:
    assert text(rejects().reject(order(), None, None, "5 € \xe9")) == (
        "45=7|58=5 ? \xe9|372=D"
    )


@pytest.mark.parametrize(("msg_type", "named"), [("D", "|372=D"), ("", "")])
def test_what_is_no_message(msg_type: str, named: str) -> None:
    assert text(rejects().garbled(b"7", msg_type, "why")) == "45=7|58=why" + named


@pytest.mark.parametrize(
    ("version", "appl", "reason", "expected"),
    [
        ("FIX.4.4", "6", 4, "45=7|58=why|372=D|379=A|380=4"),
        ("FIX.4.4", "6", 6, "45=7|58=why|372=D|379=A|380=6"),
        ("FIX.4.2", "", 5, "45=7|58=why|372=D|379=A|380=5"),
        ("FIX.4.2", "", 6, "45=7|58=why|372=D|379=A|380=0"),
        ("FIX.4.4", "6", 8, "45=7|58=why|372=D|379=A|380=0"),
        ("FIXT.1.1", "8", 8, "45=7|58=why|372=D|379=A|380=0"),
        ("FIXT.1.1", "9", 8, "45=7|58=why|372=D|379=A|380=8"),
    ],
)
def test_business_reject(version: str, appl: str, reason: int, expected: str) -> None:
    message = order("34=7|11=A")
    kind, body = rejects(version).business_reject(message, reason, "why", appl)
    assert (kind, text(body)) == ("j", expected)


def test_a_business_reject_names_a_mass_status_request() -> None:
    message = order("34=7|584=M")
    _, body = rejects().business_reject(message, 4, "why", "")
    assert text(body) == "45=7|58=why|372=D|379=M|380=4"


@pytest.mark.parametrize("version", ["FIX.4.0", "FIX.4.1"])
@pytest.mark.parametrize(
    ("reason", "said"), [(3, "Unsupported message type"), (4, "why")]
)
def test_a_reject_stands_for_it_in_old_versions(
    version: str, reason: int, said: str
) -> None:
    made = rejects(version).business_reject(order("34=7|11=A"), reason, "why", "")
    assert (made[0], text(made[1])) == ("3", f"45=7|58={said}")


@pytest.mark.parametrize(
    ("version", "told"), [("FIX.4.4", ""), ("FIXT.1.1", "|1137=9")]
)
def test_the_version_of_the_application_is_told(version: str, told: str) -> None:
    own = rejects(version, appl_ver_id_on_business_reject=True)
    _, body = own.business_reject(order(), 4, "why", "9")
    assert text(body) == "45=7|58=why|372=D|380=4" + told


@pytest.mark.parametrize(("reason", "said"), [(1, "Unknown ID"), (0, "why")])
def test_plain_texts_of_a_business_reject(reason: int, said: str) -> None:
    own = rejects(plain_reject_texts=True)
    _, body = own.business_reject(order(), reason, "why", "")
    assert text(body) == f"45=7|58={said}|372=D|380={reason}"
