"""Decimal text and integer units, against the decimal module."""

from __future__ import annotations

import re
from decimal import Context, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import decimals

UNIT = 10**8
LIMIT = 9_200_000_000_000_000_000
EXACT = Context(prec=100)

PLAIN = re.compile(rb"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")


def expected(text: bytes) -> int | str:
    """What the text stands for, or a word of the message that refuses it."""
    if not PLAIN.fullmatch(text):
        return "not a decimal"
    _, _, fraction = text.partition(b".")
    if fraction[8:].strip(b"0"):
        return "more than 8"
    units = int(EXACT.multiply(Decimal(text.decode()), Decimal(UNIT)))
    return units if abs(units) < LIMIT else "out of range"


def check(text: bytes) -> None:
    want = expected(text)
    if isinstance(want, str):
        with pytest.raises(ValueError, match=want):
            decimals.parse(text)
    else:
        assert decimals.parse(text) == want


@pytest.mark.parametrize(
    ("text", "units"),
    [
        (b"0", 0),
        (b"-0", 0),
        (b"-0.0", 0),
        (b"1", UNIT),
        (b"167.52", 16_752_000_000),
        (b"000167.520", 16_752_000_000),
        (b".5", UNIT // 2),
        (b"-.5", -UNIT // 2),
        (b"5.", 5 * UNIT),
        (b"-5.", -5 * UNIT),
        (b"0.00000001", 1),
        (b"0.000000010000000000000", 1),
        (b"91999999999.99999999", LIMIT - 1),
        (b"-91999999999.99999999", 1 - LIMIT),
        (b"0" * 100 + b"7", 7 * UNIT),
    ],
)
def test_reads(text: bytes, units: int) -> None:
    assert decimals.parse(text) == units


@pytest.mark.parametrize(
    "text",
    [
        b"", b"-", b".", b"-.", b"+1", b"--1", b"1-", b"1.2.3", b"1..2", b"..1", b"1,2",
        b" 1", b"1 ", b"1e5", b"1E5", b"0x1", b"nan", b"inf", b"1\0", b"\xff", b"1_0",
        b"99999999999999999999999x", b"1.000000001x",
    ],
)  # fmt: skip
def test_refuses_what_is_no_number(text: bytes) -> None:
    with pytest.raises(ValueError, match="is not a decimal number"):
        decimals.parse(text)


def test_refuses_a_ninth_place() -> None:
    with pytest.raises(ValueError, match=r"'0\.000000001' has more than 8 decimal"):
        decimals.parse(b"0.000000001")
    with pytest.raises(ValueError, match="has more than 8 decimal"):
        decimals.parse(b"99999999999999.0000000000001")


@pytest.mark.parametrize(
    "text",
    [
        b"92000000000", b"-92000000000", b"92000000000.00000001", b"92000000001",
        b"100000000000", b"184467440737.09551616", b"18446744073709551616",
        b"18446744073709551617", b"9" * 200,
    ],
)  # fmt: skip
def test_refuses_what_is_out_of_range(text: bytes) -> None:
    with pytest.raises(ValueError, match="out of range: the limit is 92000000000"):
        decimals.parse(text)


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (0, "0"),
        (1, "0.00000001"),
        (-1, "-0.00000001"),
        (10, "0.0000001"),
        (UNIT, "1"),
        (100 * UNIT, "100"),
        (16_752_000_000, "167.52"),
        (UNIT + 1, "1.00000001"),
        (LIMIT - 1, "91999999999.99999999"),
        (2**63 - 1, "92233720368.54775807"),
        (-(2**63), "-92233720368.54775808"),
    ],
)
def test_writes(units: int, text: str) -> None:
    assert decimals.render(units) == text


def test_refuses_to_write_more_than_64_bits() -> None:
    with pytest.raises(OverflowError):
        decimals.render(2**63)


@given(st.integers(-(2**63), 2**63 - 1))
def test_written_form_is_exact_and_shortest(units: int) -> None:
    text = decimals.render(units)
    assert Decimal(text) == EXACT.divide(Decimal(units), Decimal(UNIT))
    assert len(text) <= 21
    assert re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", text)
    assert text != "-0"


@given(st.integers(1 - LIMIT, LIMIT - 1))
def test_round_trip(units: int) -> None:
    assert decimals.parse(decimals.render(units).encode()) == units


@given(st.from_regex(rb"\A-?[0-9]{0,25}\.?[0-9]{0,12}0{0,9}\Z"))
@example(b"92000000000.00000000")
@example(b"91999999999.999999990")
def test_numbers_against_decimal(text: bytes) -> None:
    check(text)


@given(st.text(alphabet="-+.0159e ", max_size=14))
def test_near_numbers_against_the_grammar(text: str) -> None:
    check(text.encode())


@given(st.binary(max_size=40))
def test_any_bytes(text: bytes) -> None:
    check(text)
