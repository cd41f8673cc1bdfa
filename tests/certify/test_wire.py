"""Completing, framing and taking apart."""

from __future__ import annotations

import pytest

from fixgw.certify.wire import (
    FrameError,
    fields_of,
    fixify,
    frame_fault,
    take_frame,
)

LOGON = "8=FIX.4.4|9=59|35=A|34=5|49=TW44|52=20261121-14:05:50|56=ISLD|98=0|108=30|"


def soh(text: str) -> str:
    return text.replace("|", "\x01")


def test_length_and_check_sum_are_added() -> None:
    done = fixify(soh(LOGON.replace("9=59|", "")))
    assert done == soh(LOGON + "10=119|")


def test_a_given_length_stays() -> None:
    assert fixify(soh("8=FIX.4.4|9=7|35=0|")).startswith(soh("8=FIX.4.4|9=7|35=0|10="))


def test_a_given_check_sum_stays_and_makes_the_length_one_too_small() -> None:
    assert fixify(soh("8=FIX.4.4|35=0|34=2|10=256|")) == soh(
        "8=FIX.4.4|9=9|35=0|34=2|10=256|"
    )


def test_both_given_stay() -> None:
    text = soh("8=FIX.4.4|9=3|35=0|10=1|")
    assert fixify(text) == text


def test_what_does_not_begin_with_8_is_raw() -> None:
    text = soh("35=0|8=FIX.4.4|9=29|34=2|10=121|")
    assert fixify(text) == text


def test_a_frame_ends_behind_its_length() -> None:
    first, second = fixify(soh("8=FIX.4.4|35=0|")), fixify(soh("8=FIX.4.4|35=1|"))
    buffer = bytearray((first + second).encode())
    assert take_frame(buffer) == first.encode()
    assert take_frame(buffer) == second.encode()
    assert take_frame(buffer) is None
    assert not buffer


def test_half_a_frame_waits() -> None:
    whole = fixify(soh("8=FIX.4.4|35=0|112=X|")).encode()
    for size in range(len(whole)):
        buffer = bytearray(whole[:size])
        assert take_frame(buffer) is None
        buffer += whole[size:]
        assert take_frame(buffer) == whole


@pytest.mark.parametrize("length", ["x", "-1", "", "99999999999"])
def test_a_length_that_is_none_ends_it(length: str) -> None:
    with pytest.raises(FrameError):
        take_frame(bytearray(soh(f"8=FIX.4.4|9={length}|35=0|").encode()))


def test_fields() -> None:
    assert fields_of(soh("8=FIX.4.4|58=a=b|112=|x|")) == [
        ("8", "FIX.4.4"),
        ("58", "a=b"),
        ("112", ""),
        ("x", ""),
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (LOGON + "10=119|", ""),
        (LOGON + "10=118|", "CheckSum(10) says 118, the bytes make 119"),
        (LOGON.replace("9=59", "9=60") + "10=119|", "BodyLength(9) says 60"),
        (LOGON + "10=19|", "three digits"),
        ("35=A|" + LOGON + "10=119|", "does not begin"),
    ],
)
def test_faults_of_a_frame(text: str, fault: str) -> None:
    found = frame_fault(soh(text).encode())
    assert fault in found
    assert bool(found) == bool(fault)
