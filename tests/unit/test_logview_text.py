"""Finding messages in text: the logs of many engines, cut anywhere, damaged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.client.message import Message
from fixgw.ops.logview.fields import masked, masked_text, take_apart
from fixgw.ops.logview.items import Logged, Remark
from fixgw.ops.logview.prefixes import Owner
from fixgw.ops.logview.text import LINE_BYTES_MAX, MESSAGE_BYTES_MAX
from fixgw.ops.logview.times import find_time
from tests.unit.logview_samples import LENGTHS, ORDER, frame, items, sent

AT = "20261121-10:00:01.000"
NS = 1_795_255_201_000_000_000
PIPED = ORDER.replace(b"\x01", b"|").decode()


def one(text: str | bytes) -> Logged:
    data = text.encode() if isinstance(text, str) else text
    (found,) = items(data)
    assert isinstance(found, Logged)
    return found


@pytest.mark.parametrize(
    ("text", "outgoing", "fraction"),
    [
        # QuickFIX C++ and /n files, QuickFIX/J files.
        ("20261121-11:00:00.123 : {}\n", None, ".123"),
        ("20261121-11:00:00: {}\n", None, ""),
        ("20261121-11:00:00.123456789 : {}\r\n", None, ".123456789"),
        # Screens of J in one line, of C++ and Go in two.
        ("<20261121-11:00:00, FIX.4.4:A->B, incoming> ({})\n", False, ""),
        ("<20261121-11:00:00, FIX.4.4:A->B, outgoing>\n  ({})\n", True, ""),
        # Logging frameworks, other clocks, other zones.
        ("2026-11-21 11:00:00,250 INFO q.msg.incoming - {}", False, ".25"),
        ("2026/11/21 11:00:00.5 sent {}", True, ".5"),
        ("2026-11-21T13:00:00+02:00 [out] FIX.4.4:A->B: {}", True, ""),
        # Without a time, SendingTime(52) is it.
        ("{}\n", None, None),
        ("<outgoing> {}\n", True, None),
        ("[in] <- {}", False, None),
        ("instance 5 inner {}", None, None),
    ],
)
def test_formats(text: str, outgoing: bool | None, fraction: str | None) -> None:
    at = AT if fraction is None else f"20261121-11:00:00{fraction}"
    for message in (ORDER.decode(), PIPED, PIPED.replace("|", "^A"), PIPED[:-1]):
        found = one(text.format(message))
        assert found.message.get(11) == "B-1"
        assert found.message.get(10) == ORDER[-4:-1].decode()
        assert (found.fault, found.outgoing) == ("", outgoing)
        assert found.at_ns == find_time(at)


def test_times() -> None:
    assert find_time(AT) == NS
    assert find_time("20261121-10:00:60") == NS + 59 * 10**9  # a leap second
    assert find_time("20260230-10:00:00") is None
    assert find_time("20261121-25:00:00") is None


def test_events_are_remarks() -> None:
    text = (
        b"20261121-10:00:00.5 : Created session\n"
        b"<20261121-10:00:01, FIX.4.4:A->B, event> (Connecting to 127.0.0.1)\n"
        b"<20261121-10:00:02, GLOBAL, event>\n  (two lines)\n"
        b"<event> no time\n"
        b"neither event nor message\n"
    )
    assert [(r.text, r.at_ns) for r in items(text) if isinstance(r, Remark)] == [
        ("Created session", NS - 500_000_000),
        ("Connecting to 127.0.0.1", NS),
        ("two lines", NS + 1_000_000_000),
        ("no time", None),
    ]


def test_a_value_may_hold_line_breaks_and_messages() -> None:
    inner = ORDER.decode()
    message = frame(f"35=B|34=1|354={len(inner)}|355={inner}|58=two\nlines")
    found = one(b"20261121-10:00:00 : " + message + b"\n")
    assert found.message.get(355) == inner
    assert found.message.get(58) == "two\nlines"
    assert found.fault == ""


def test_messages_without_anything_between_them() -> None:
    assert [item.message.get(34) for item in map(one, [ORDER])] == ["2"]
    found = items(sent(1, "A", "98=0") + ORDER + sent(3, "5"))
    assert [i.message.get(34) for i in found if isinstance(i, Logged)] == list("123")


def test_wrong_frames_are_shown_with_their_fault() -> None:
    checksum = one(ORDER[:-4] + b"000\x01")
    assert checksum.fault.startswith("CheckSum(10) says 000, the bytes make ")
    length = one(ORDER.replace(b"\x019=", b"\x019=1"))
    assert length.fault.startswith("BodyLength(9) says 1")
    assert length.message.get(55) == "ACME"


def test_what_was_cut_off_does_not_take_the_next_one_along() -> None:
    first, second = items(ORDER[:60] + b"\n" + ORDER + b"\n")
    assert isinstance(first, Logged)
    assert isinstance(second, Logged)
    assert first.fault == "it is cut off: no CheckSum(10) at its end"
    assert second.fault == ""


def test_an_absurd_body_length_swallows_nothing() -> None:
    absurd = ORDER[:60].replace(b"\x019=", b"\x019=99999")
    assert len(items(absurd + b"\n" + ORDER + b"\n" + ORDER)) == 3


def test_a_separator_within_a_value() -> None:
    """In a log with | for SOH, a | of a value looks like a border."""
    message = frame("35=D|11=a{b|58=x{y{z").replace(b"{", b"|")
    size = sum(message[: -len("10=000|")]) % 256
    message = message[:-4] + b"%03d\x01" % size
    found = one(message.replace(b"\x01", b"|"))
    assert found.message.fields[3:5] == ((11, "a|b"), (58, "x|y|z"))
    assert found.fault == ""


def test_bytes_that_are_no_utf8() -> None:
    latin = frame("35=D|58=Grüße").decode().encode("latin-1")
    assert one(latin).message.get(58) == "Grüße"


def test_very_long_lines_and_messages_are_cut() -> None:
    noise = b"x" * (LINE_BYTES_MAX * 3)
    (found,) = items(noise + b" sent " + ORDER + b"\n" + noise, piece=1000)
    assert isinstance(found, Logged)
    assert found.outgoing is True
    endless = items(ORDER[:60] + b"y" * (MESSAGE_BYTES_MAX + 100), piece=50_000)
    assert len(endless) == 1


_TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                ORDER,
                ORDER.replace(b"\x01", b"|"),
                ORDER.replace(b"\x01", b"^A"),
                ORDER[:50],
                ORDER[30:],
                ORDER.replace(b"\x019=", b"\x019=7"),
                b"\n",
                b"20261121-10:00:00 : ",
                b"<20261121-10:00:00, FIX.4.4:A->B, incoming>",
                b"  (",
                b"8=FIX.4.4\x019=",
                b"8=FIX.4.4|9=9|35=0|10=1|",
                b"10=000\x01",
                b"\x1b[2J\xff\x00",
            ]
        ),
        st.binary(max_size=20),
    ),
    max_size=12,
).map(b"".join)


@given(_TEXTS, st.integers(1, 300))
def test_the_items_do_not_depend_on_how_the_bytes_were_cut(
    data: bytes, piece: int
) -> None:
    assert items(data, piece) == items(data)


@given(_TEXTS)
def test_the_short_way_to_the_fields_is_the_long_one(data: bytes) -> None:
    raw = b"8=FIX.4.4\x01" + data
    fields, _ = take_apart(raw, b"\x01", LENGTHS)
    rebuilt = "".join(f"{tag}={value}\x01" for tag, value in fields)
    assert len(rebuilt) <= len(raw) + 1
    long_way, _ = take_apart(raw.replace(b"8=FIX.4.4", b"8=\xff", 1), b"\x01", LENGTHS)
    assert [tag for tag, _ in long_way] == [tag for tag, _ in fields]


def test_secrets_are_masked_where_they_are_secret() -> None:
    logon = ((35, "A"), (554, "x"), (925, "y"), (96, "z"), (95, "1"))
    assert masked(logon) == (
        *((35, "A"), (554, "****"), (925, "****"), (96, "****")),
        (95, "1"),
    )
    news = ((35, "B"), (95, "1"), (96, "z"))
    assert masked(news) == news
    assert masked_text("refused 35=A|554=pw|58=x") == "refused 35=A|554=****|58=x"
    assert masked_text("no 1554=pw") == "no 1554=pw"


@pytest.mark.parametrize(
    ("name", "sender", "target", "expected"),
    [
        ("FIX.4.4-A-B.messages.current.log", "A", "B", True),
        ("FIX.4.4-A-B.messages.current.log", "B", "A", False),
        ("FIX.4.4-A_sub-B.messages.log", "A", "B", True),
        ("FIX.4.4-A-B-C.body", "A", "B-C", True),
        ("FIX.4.4-A-B-C.body", "A-B", "C", True),
        ("FIX.4.4-A-A-B.body", "A-B", "A", False),
        ("FIX.4.4-C-D.body", "A", "B", None),
        ("app.log", "A", "B", None),
        ("FIX.4.2-A-B.incoming", "C", "D", False),
        ("FIX.4.2-A-B.outgoing", "B", "A", True),
        ("FIX.4.2-A-B.body", "A", "B", None),
    ],
)
def test_whose_log_a_file_is(
    name: str, sender: str, target: str, expected: bool | None
) -> None:
    message = Message(((8, "FIX.4.4"), (49, sender), (56, target)))
    assert Owner(name).sent(message) is expected
