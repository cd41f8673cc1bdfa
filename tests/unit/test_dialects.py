"""The same events, said in every version of FIX."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from engine.codes import EventKind, OrdStatus, Reason
from engine.records import OrderEvent
from fixgw.dictionary import APPL_VER_IDS, Dictionary, Rulebook, load
from fixgw.orders.dialect import (
    BITS,
    DIALECTS,
    DIGITS_SHIFT,
    FORM_OF_44,
    dialect_of,
    form_of,
    version_of,
)
from fixgw.orders.reports import REPORT_BYTES_MAX, render_reports
from fixgw.session.identity import SessionId
from fixgw.wire import Message, finish, parse_message
from tests.unit.test_reports import ADDRESSED, EXAMPLES, event, fields, longest

SPEC = Path(__file__).resolve().parents[2] / "spec"
SESSION = 5
"""That of every event here."""


@cache
def dictionary(version: str) -> Dictionary:
    path = SPEC / f"{version.replace('.', '')}.xml"
    return load(path.read_text(), path.name)


@cache
def rulebook(version: str) -> Rulebook:
    if not version.startswith("FIX.5"):
        return Rulebook.single(dictionary(version))
    default = APPL_VER_IDS[version]
    return Rulebook.fixt(
        dictionary("FIXT.1.1"), {default: dictionary(version)}, default
    )


def said(version: str, *events: OrderEvent, digits: int = 3) -> list[tuple[str, str]]:
    """MsgType and body, with ``|`` for SOH."""
    reports = render_reports(
        b"".join(one.pack() for one in events), {SESSION: form_of(version, digits)}, 3
    )
    return [
        (msg_type, body.decode("ascii").replace("\x01", "|"))
        for _, msg_type, body in reports
    ]


def message(version: str, msg_type: str, body: str) -> Message:
    """The report as a session would send it."""
    begin = "FIXT.1.1" if version.startswith("FIX.5") else version
    head = f"35={msg_type}|34=2|49=E|52=20240229-12:34:56|56=C|"
    content = (head + body).replace("|", "\x01").encode()
    parsed = parse_message(finish(begin.encode(), content))
    assert isinstance(parsed, Message)
    return parsed


ANSWERS_TO_MASS_REQUESTS = (EventKind.MASS_CANCELLED, EventKind.MASS_STATUS_DONE)
SAME_CODES = (EventKind.ACCEPTED, EventKind.REPLACED, EventKind.CANCELLED)
KINDS = (
    EventKind.REJECTED,
    EventKind.CANCELLED,
    EventKind.CANCEL_REJECTED,
    EventKind.REPLACE_REJECTED,
    EventKind.EXPIRED,
    EventKind.RESTATED,
    EventKind.TRIGGERED,
    EventKind.STATUS,
)


@pytest.mark.parametrize("version", DIALECTS)
def test_every_report_is_good_by_the_dictionary_of_its_version(version: str) -> None:
    events = [one for one, _, _ in EXAMPLES]
    events += [
        event(kind, reason=reason, orig_cl_ord_id="c0")
        for kind in KINDS
        for reason in Reason
    ]
    reports = said(version, *events)
    assert len(reports) == len(events)
    for one, (msg_type, body) in zip(events, reports, strict=True):
        if one.kind in ANSWERS_TO_MASS_REQUESTS and version < "FIX.4.3":
            continue  # nobody can ask for it there
        verdict = rulebook(version).judge(message(version, msg_type, body))
        assert verdict is None, f"{version} {msg_type} {body}: {verdict}"


@pytest.mark.parametrize("version", DIALECTS)
@pytest.mark.parametrize("kind", ADDRESSED)
def test_fields_ascend_and_fit(version: str, kind: EventKind) -> None:
    [(_, body)] = said(version, longest(kind, Reason.NOTIONAL_ABOVE_MAX), digits=9)
    tags = [int(tag) for tag in fields(body) if tag != "891"]  # within a group
    assert tags == sorted(tags)
    assert len(body) < REPORT_BYTES_MAX - 200


FILL = next(one for one, _, body in EXAMPLES if "150=F|151=7" in body)
REPLACED = next(one for one, _, _ in EXAMPLES if one.kind == EventKind.REPLACED)
CANCEL_REJECT = next(
    one for one, _, _ in EXAMPLES if one.kind == EventKind.CANCEL_REJECTED
)
ACCEPTED = event(EventKind.ACCEPTED)

COMMON = "37=3-12|38=10"
TERMS = "54=1|55=BTC-USD|59=1"
T44 = "60=20240229-12:34:56.123"
T40 = "60=20240229-12:34:56"
N40 = f"17={3 * 2**48 + 41}|20=0"


@pytest.mark.parametrize(
    ("version", "one", "body"),
    [
        (
            "FIX.4.0",
            ACCEPTED,
            f"1=acc|6=0|11=c1|14=0|{N40}|31=0|32=0|{COMMON}|39=0|40=2|44=1.5|{TERMS}|"
            f"{T40}|",
        ),
        (
            "FIX.4.0",
            FILL,
            f"1=acc|6=1.00000001|11=c1|14=3|{N40}|31=1|32=2|{COMMON}|39=1|40=2|44=1.5|"
            f"{TERMS}|{T40}|",
        ),
        (
            "FIX.4.0",
            REPLACED,
            f"1=acc|6=0|11=c2|14=0|{N40}|31=0|32=0|37=3-12|38=12|39=5|40=2|44=1.5|"
            f"{TERMS}|{T40}|",
        ),
        (
            "FIX.4.0",
            CANCEL_REJECT,
            "11=c2|37=3-12|58=Symbol(55) is not that of the order|102=1|",
        ),
        (
            "FIX.4.1",
            FILL,
            f"1=acc|6=1.00000001|11=c1|14=3|17=3-41|20=0|31=1|32=2|{COMMON}|39=1|40=2|"
            f"44=1.5|{TERMS}|{T40}|150=1|151=7|",
        ),
        (
            "FIX.4.1",
            CANCEL_REJECT,
            "11=c2|37=3-12|39=0|41=c1|58=Symbol(55) is not that of the order|102=1|",
        ),
        (
            "FIX.4.2",
            ACCEPTED,
            f"1=acc|6=0|11=c1|14=0|17=3-41|20=0|{COMMON}|39=0|40=2|44=1.5|{TERMS}|"
            f"{T44}|150=0|151=10|",
        ),
        (
            "FIX.4.2",
            FILL,
            f"1=acc|6=1.00000001|11=c1|14=3|17=3-41|20=0|31=1|32=2|{COMMON}|39=1|40=2|"
            f"44=1.5|{TERMS}|{T44}|150=1|151=7|",
        ),
        (
            "FIX.4.2",
            REPLACED,
            f"1=acc|6=0|11=c2|14=0|17=3-41|20=0|37=3-12|38=12|39=5|40=2|41=c1|44=1.5|"
            f"{TERMS}|{T44}|150=5|151=10|",
        ),
        (
            "FIX.4.2",
            CANCEL_REJECT,
            "1=acc|11=c2|37=3-12|39=0|41=c1|58=Symbol(55) is not that of the order|"
            f"{T44}|102=1|434=1|",
        ),
        (
            "FIX.4.3",
            FILL,
            f"1=acc|6=1.00000001|11=c1|14=3|17=3-41|31=1|32=2|{COMMON}|39=1|40=2|"
            f"44=1.5|{TERMS}|{T44}|150=F|151=7|527=3-41|",
        ),
        (
            "FIX.5.0SP2",
            FILL,
            f"1=acc|6=1.00000001|11=c1|14=3|17=3-41|31=1|32=2|{COMMON}|39=1|40=2|"
            f"44=1.5|{TERMS}|{T44}|150=F|151=7|527=3-41|851=1|1057=N|",
        ),
    ],
)
def test_the_text_of_each_version(version: str, one: OrderEvent, body: str) -> None:
    assert said(version, one)[0][1] == body


@pytest.mark.parametrize(("one", "msg_type", "body"), EXAMPLES)
def test_later_versions_say_what_4_4_says(
    one: OrderEvent, msg_type: str, body: str
) -> None:
    """But for the fields that only they have, and a code that only they know."""
    ours = fields(body)
    for version in ("FIX.4.4", "FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2"):
        [(told, text)] = said(version, one)
        theirs = fields(text)
        if "111" in ours and version != "FIX.4.4":
            assert theirs.pop("1138") == ours["111"]
            theirs["111"] = ours["111"]
        for tag in {"1057", "1369", "2964"} - ours.keys():
            theirs.pop(tag, None)
        for tag in ("102", "103", "378", "150", "58", "851"):
            if one.kind not in SAME_CODES or tag == "378":
                theirs.pop(tag, None)
                ours.pop(tag, None)
        assert (told, theirs) == (msg_type, ours)


def test_a_fill_is_its_status_up_to_4_2() -> None:
    full = event(
        EventKind.FILLED, ord_status=OrdStatus.FILLED, trade_id=1, leaves_qty=0
    )
    for version in DIALECTS:
        found = fields(said(version, full)[0][1])
        assert found["39"] == "2"
        wanted = "2" if version in ("FIX.4.1", "FIX.4.2") else "F"
        assert found.get("150") == (None if version == "FIX.4.0" else wanted)


def test_a_replaced_order_with_fills_is_partially_filled() -> None:
    """The higher of two statuses is told (FIX 4.2, OrdStatus precedence)."""
    one = event(EventKind.REPLACED, ord_status=OrdStatus.PARTIALLY_FILLED)
    for version in DIALECTS:
        assert fields(said(version, one)[0][1])["39"] == "1"


CODES = {
    # Reason: OrdRejReason(103) in 4.0, 4.1, 4.2, 4.3, 4.4, 5.0; CxlRejReason(102).
    Reason.UNKNOWN_SYMBOL: ("1 1 1 1 1 1", "- - 2 2 99 99"),
    Reason.TOO_LATE: ("4 4 4 4 4 4", "0 0 0 0 0 0"),
    Reason.UNKNOWN_ORDER: ("0 5 5 5 5 5", "1 1 1 1 1 1"),
    Reason.DUPLICATE_CL_ORD_ID: ("0 6 6 6 6 6", "- - 2 6 6 6"),
    Reason.UNSUPPORTED_SIDE: ("0 0 0 11 11 11", "- - 2 2 99 99"),
    Reason.QTY_OFF_LOT: ("0 0 0 0 13 13", "- - 2 2 99 99"),
    Reason.PRICE_OFF_TICK: ("0 0 0 0 99 18", "- - 2 2 99 18"),
    Reason.PRICE_ABOVE_MAX: ("0 0 0 0 99 99", "- - 2 2 99 99"),
}


@pytest.mark.parametrize("reason", CODES)
def test_codes_of_each_version(reason: Reason) -> None:
    order_codes, cancel_codes = (text.split() for text in CODES[reason])
    for version, order_code, cancel_code in zip(
        ("FIX.4.0", "FIX.4.1", "FIX.4.2", "FIX.4.3", "FIX.4.4", "FIX.5.0"),
        order_codes,
        cancel_codes,
        strict=True,
    ):
        rejected = event(EventKind.REJECTED, reason=reason)
        cancel = event(EventKind.CANCEL_REJECTED, reason=reason)
        (_, order_body), (_, cancel_body) = said(version, rejected, cancel)
        assert fields(order_body)["103"] == order_code
        assert fields(cancel_body).get("102", "-") == cancel_code
        assert fields(order_body)["58"] == fields(cancel_body)["58"]


@pytest.mark.parametrize("version", DIALECTS)
def test_every_code_is_one_of_the_version(version: str) -> None:
    dialect = DIALECTS[version]
    names = dictionary(version).fields
    for tag, codes, other in (
        (103, dialect.ord_rej_reasons, dialect.ord_rej_other),
        (102, dialect.cxl_rej_reasons, dialect.cxl_rej_other),
        (378, dialect.restatement_reasons, dialect.restatement_other),
    ):
        if tag not in names:
            assert not dialect.restated
            continue
        assert {str(code) for code in codes} <= set(names[tag].enum)
        assert other is None or other in codes


@pytest.mark.parametrize(
    ("digits", "time"),
    [
        (0, "20240229-12:34:56"),
        (3, "20240229-12:34:56.123"),
        (6, "20240229-12:34:56.123456"),
        (9, "20240229-12:34:56.123456789"),
    ],
)
def test_times_are_as_precise_as_the_session_wants(digits: int, time: str) -> None:
    for version in DIALECTS:
        body = said(version, ACCEPTED, digits=digits)[0][1]
        old = version in ("FIX.4.0", "FIX.4.1")
        assert fields(body)["60"] == (time[:17] if old else time)


def test_each_session_is_told_in_its_own_version() -> None:
    events = [event(EventKind.ACCEPTED, session=key) for key in (1, 2, 3)]
    data = b"".join(one.pack() for one in events)
    forms = {1: form_of("FIX.4.0"), 3: form_of("FIX.5.0")}
    told = {
        key: (b"\x0120=" in body, b"\x01150=" in body)
        for key, _, body in render_reports(data, forms)
    }
    assert told == {1: (True, False), 2: (False, True), 3: (False, True)}
    assert render_reports(data, {}) == render_reports(data)


def test_a_form_is_nothing_but_its_parts() -> None:
    assert form_of("FIX.4.4", 3) == FORM_OF_44
    assert len({form_of(version) for version in DIALECTS}) == len(DIALECTS)
    assert max(BITS.values()) < 1 << DIGITS_SHIFT
    for version in DIALECTS:
        assert dialect_of(form_of(version, 9)) is DIALECTS[version]


@pytest.mark.parametrize(
    ("begin_string", "appl_ver_id", "version"),
    [
        ("FIX.4.2", "", "FIX.4.2"),
        ("FIX.4.2", "9", "FIX.4.2"),
        ("FIXT.1.1", "9", "FIX.5.0SP2"),
        ("FIXT.1.1", "7", "FIX.5.0"),
        ("FIXT.1.1", "4", "FIX.4.2"),
        ("FIXT.1.1", "FIX.5.0SP1", "FIX.5.0SP1"),
        ("FIXT.1.1", "", "FIX.4.4"),
        ("FIXT.1.1", "0", "FIX.4.4"),
    ],
)
def test_the_version_of_a_session(
    begin_string: str, appl_ver_id: str, version: str
) -> None:
    identity = SessionId(begin_string, "EXCHANGE", "CLIENT")
    assert version_of(identity, appl_ver_id) == version
