"""BodyLength(9) and CheckSum(10) that are wrong and do not count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.session.mending import forgiven, mended
from fixgw.wire import Framer, Garbled, Message, parse_message

BODY = "35=0|34=2|49=A|52=20260101-00:00:00|56=B|"


def fix(text: str) -> bytes:
    return text.replace("|", "\x01").encode()


def frame(body: str = BODY, longer: int = 0, more: int = 0) -> bytes:
    """A message whose length and checksum are off by that much."""
    data = fix(f"8=FIX.4.4|9={max(0, len(body) + longer)}|{body}")
    return data + fix(f"10={(sum(data) + more) % 256:03}|")


def received(data: bytes) -> list[Message | Garbled]:
    return forgiven(Framer().feed(data), {})


GOOD = parse_message(frame())


@given(st.integers(-40, 60), st.integers(0, 255))
def test_a_wrong_length_or_checksum_is_forgiven(longer: int, more: int) -> None:
    # The two behind it complete a frame that is too long.
    found = received(frame(longer=longer, more=more) + frame() + frame())
    assert [type(each) for each in found] == [Message] * 3
    for message in found:
        assert isinstance(message, Message)
        assert isinstance(GOOD, Message)
        assert message.raw == GOOD.raw


@pytest.mark.parametrize("text", ["", "?", "1", "12345"])
def test_any_checksum_is_forgiven(text: str) -> None:
    data = fix(f"8=FIX.4.4|9={len(BODY)}|{BODY}10={text}|")
    (found,) = mended(Garbled("CheckSum(10)", data))
    assert found.raw == frame()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"8=FIX.4.4\x01",
        fix("8=FIX.4.4|9=5|35=0|"),
        fix(f"8=FIX.4.4|9=x|{BODY}10=000|"),
        fix("8=FIX.4.4|9=5|34=2|35=0|10=000|"),
        fix("8=FIX.4.4|9=5|35=0|what|10=000|"),
        frame() + b"8=FIX.4.4\x019=5\x01",
        b"x" + frame(),
    ],
)
def test_nothing_else_is_forgiven(raw: bytes) -> None:
    garbled = Garbled("reason", raw)
    assert mended(garbled) == []
    assert forgiven([garbled], {}) == [garbled]


def test_data_may_hold_anything() -> None:
    body = "35=B|34=2|95=16|96=a|10=000|8=FIX.4.4|148=x|"
    body = body.replace("95=16", f"95={len('a|10=000|8=FIX.4.4')}")
    data = frame(body, more=1)
    (found,) = mended(Garbled("CheckSum(10)", data), {96: 95})
    assert found.get(96) == fix("a|10=000|8=FIX.4.4")
