"""Building: whole messages against a plain computation, timestamps against datetime."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.wire import (
    Message,
    finish,
    parse_message,
    parse_utc_timestamp,
    utc_timestamp,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1_000_000_000
NS_MAX = 2**63 - 1
DIGITS = (0, 3, 6, 9)


def whole(begin: bytes, content: bytes) -> bytes:
    """What finish() has to give, by the definition of the two fields."""
    data = b"8=" + begin + b"\x019=" + str(len(content)).encode() + b"\x01" + content
    total = 0
    for byte in data:
        total = (total + byte) % 256
    return data + b"10=" + str(total).rjust(3, "0").encode() + b"\x01"


# -- finish ----------------------------------------------------------------------------


def test_a_message() -> None:
    assert finish(b"FIX.4.4", b"35=0\x01") == b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01"


@pytest.mark.parametrize(
    "size", [1, 9, 10, 11, 99, 100, 101, 999, 1000, 9_999, 10_000, 65_536, 1_000_000]
)
def test_every_width_of_bodylength(size: int) -> None:
    content = b"\xff" * (size - 1) + b"\x01"
    assert finish(b"FIXT.1.1", content) == whole(b"FIXT.1.1", content)


def test_every_checksum() -> None:
    """All 256 remainders: also those that need leading zeros."""
    seen = set()
    for byte in range(256):
        content = b"35=0\x0196=" + bytes([byte]) + b"\x01"
        built = finish(b"FIX.4.4", content)
        assert built == whole(b"FIX.4.4", content)
        seen.add(built[-4:-1])
    assert len(seen) == 256


@given(st.binary(max_size=20), st.binary(max_size=3_000))
def test_any_bytes(begin: bytes, content: bytes) -> None:
    assert finish(begin, content) == whole(begin, content)


@given(st.binary(max_size=200).map(lambda data: data.replace(b"\x01", b"")))
def test_what_is_built_is_read(value: bytes) -> None:
    message = parse_message(finish(b"FIX.4.4", b"35=B\x0158=" + value + b"\x01"))
    assert isinstance(message, Message)
    assert message.get(58) == value


@pytest.mark.parametrize(
    ("begin", "content"),
    [("FIX.4.4", b""), (b"FIX.4.4", ""), (None, b""), (b"", None), (bytearray(), b"")],
)
def test_only_bytes_are_taken(begin: object, content: object) -> None:
    with pytest.raises(TypeError):
        finish(begin, content)  # type: ignore[arg-type]


# -- utc_timestamp ---------------------------------------------------------------------


def expected(ns: int, digits: int) -> bytes:
    """The timestamp by datetime, which knows microseconds, and the rest by hand."""
    seconds, fraction = divmod(ns, SECOND)
    text = (EPOCH + timedelta(seconds=seconds)).strftime("%Y%m%d-%H:%M:%S")
    if digits:
        text += "." + f"{fraction:09}"[:digits]
    return text.encode()


def seconds_of(*parts: int) -> int:
    return calendar.timegm((*parts, 0, 0, 0))


INSTANTS = [
    0,
    1,
    999_999_999,
    SECOND,
    86_399 * SECOND + 999_999_999,
    86_400 * SECOND,
    951_782_400 * SECOND,
    1_709_164_799 * SECOND + 999_999_999,
    1_709_164_800 * SECOND,
    4_102_444_799 * SECOND + 123_456_789,
    4_102_444_800 * SECOND,
    NS_MAX - 1,
    NS_MAX,
]


@pytest.mark.parametrize("digits", DIGITS)
@pytest.mark.parametrize("ns", INSTANTS)
def test_instants(ns: int, digits: int) -> None:
    assert utc_timestamp(ns, digits) == expected(ns, digits)


def test_known_timestamps() -> None:
    assert utc_timestamp(0) == b"19700101-00:00:00.000"
    assert utc_timestamp(0, 0) == b"19700101-00:00:00"
    ns = seconds_of(2024, 2, 29, 23, 59, 59) * SECOND + 987_654_321
    assert utc_timestamp(ns, 0) == b"20240229-23:59:59"
    assert utc_timestamp(ns) == b"20240229-23:59:59.987"
    assert utc_timestamp(ns, 6) == b"20240229-23:59:59.987654"
    assert utc_timestamp(ns, 9) == b"20240229-23:59:59.987654321"
    assert utc_timestamp(NS_MAX, 9) == b"22620411-23:47:16.854775807"


def test_every_day_to_the_end() -> None:
    """Each day from 1970 to 2262 begins and ends where datetime says."""
    days = NS_MAX // (86_400 * SECOND)
    for day in range(days):
        date = (EPOCH + timedelta(days=day)).strftime("%Y%m%d").encode()
        first = day * 86_400 * SECOND
        assert utc_timestamp(first, 0) == date + b"-00:00:00"
        assert utc_timestamp(first + 86_400 * SECOND - 1, 0) == date + b"-23:59:59"
        assert parse_utc_timestamp(date + b"-00:00:00") == first


def test_every_second_of_a_day() -> None:
    day = 19_782 * 86_400
    for second in range(86_400):
        text = utc_timestamp((day + second) * SECOND, 0)
        hours, rest = divmod(second, 3_600)
        minutes, seconds = divmod(rest, 60)
        assert text == b"20240229-%02d:%02d:%02d" % (hours, minutes, seconds)


@given(st.integers(0, NS_MAX), st.sampled_from(DIGITS))
def test_any_instant(ns: int, digits: int) -> None:
    assert utc_timestamp(ns, digits) == expected(ns, digits)


@pytest.mark.parametrize("ns", [-1, -SECOND, -(2**63)])
def test_before_1970_is_refused(ns: int) -> None:
    with pytest.raises(ValueError, match="before 1970"):
        utc_timestamp(ns)


@pytest.mark.parametrize("digits", [-3, -1, 1, 2, 4, 5, 7, 8, 10, 12, 15, 99])
def test_other_precisions_are_refused(digits: int) -> None:
    with pytest.raises(ValueError, match="fraction digits"):
        utc_timestamp(0, digits)


@pytest.mark.parametrize("ns", [NS_MAX + 1, 2**64, -(2**63) - 1])
def test_beyond_64_bits(ns: int) -> None:
    with pytest.raises(OverflowError):
        utc_timestamp(ns)


# -- parse_utc_timestamp ---------------------------------------------------------------

LAST_READ = b"22620411-23:47:15.999999999"


@given(st.integers(0, 9_223_372_035 * SECOND + 999_999_999), st.sampled_from(DIGITS))
def test_what_is_written_is_read(ns: int, digits: int) -> None:
    unit = 10 ** (9 - digits)
    assert parse_utc_timestamp(utc_timestamp(ns, digits)) == ns // unit * unit


@pytest.mark.parametrize(
    ("fraction", "ns"),
    [
        (b"", 0),
        (b".000", 0),
        (b".001", 1_000_000),
        (b".999", 999_000_000),
        (b".000001", 1_000),
        (b".999999", 999_999_000),
        (b".000000001", 1),
        (b".999999999", 999_999_999),
        (b".000000000001", 0),
        (b".000000001999", 1),
        (b".999999999999", 999_999_999),
    ],
)
def test_fractions(fraction: bytes, ns: int) -> None:
    base = seconds_of(2001, 9, 9, 1, 46, 40) * SECOND
    assert parse_utc_timestamp(b"20010909-01:46:40" + fraction) == base + ns


@pytest.mark.parametrize("digits", [1, 2, 4, 5, 7, 8, 10, 11, 13, 15])
def test_other_numbers_of_digits_are_refused(digits: int) -> None:
    with pytest.raises(ValueError, match="is no UTCTimestamp"):
        parse_utc_timestamp(b"20010909-01:46:40." + b"0" * digits)


def test_a_leap_second_is_the_second_after() -> None:
    after = seconds_of(2017, 1, 1, 0, 0, 0) * SECOND
    assert parse_utc_timestamp(b"20161231-23:59:60") == after
    assert parse_utc_timestamp(b"20161231-23:59:60.500") == after + SECOND // 2


def test_the_limits() -> None:
    assert parse_utc_timestamp(b"19700101-00:00:00") == 0
    assert parse_utc_timestamp(LAST_READ) == 9_223_372_035_999_999_999
    for late in (b"22620411-23:47:16", b"22620412-00:00:00", b"99991231-23:59:60"):
        with pytest.raises(ValueError, match="beyond the year 2262"):
            parse_utc_timestamp(late)


def test_the_last_day_of_each_month() -> None:
    for year in (1970, 1972, 1999, 2000, 2004, 2024, 2025, 2100, 2200):
        for month in range(1, 13):
            last = calendar.monthrange(year, month)[1]
            text = b"%04d%02d%02d-12:00:00"
            ns = parse_utc_timestamp(text % (year, month, last))
            assert ns == seconds_of(year, month, last, 12, 0, 0) * SECOND
            for day in (0, last + 1, 32, 99):
                with pytest.raises(ValueError, match="is no UTCTimestamp"):
                    parse_utc_timestamp(text % (year, month, day))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"2024",
        b"20240229",
        b"20240229-12:00",
        b"20240229-12:00:0",
        b"20240229-12:00:000",
        b"20240229 12:00:00",
        b"20240229T12:00:00",
        b"2024-02-2-12:0:00",
        b"20240229-12.00.00",
        b"20240229-12:00:00,000",
        b"20240229-12:00:00:000",
        b"20240229-12:00:00.00Z",
        b"20240229-12:00:00.0 0",
        b"20240229-12:00:00.-01",
        b"20240229-12:00:00.\xff00",
        b"20240229-24:00:00",
        b"20240229-12:60:00",
        b"20240229-12:00:61",
        b"20240229--1:00:00",
        b"20240229-12:-1:00",
        b"20240229-12:00:-1",
        b"20240229-1 :00:00",
        b"20240029-12:00:00",
        b"20241329-12:00:00",
        b"20230229-12:00:00",
        b"21000229-12:00:00",
        b"19691231-23:59:59",
        b"00000101-00:00:00",
        b"-9700101-00:00:00",
        b"x0240229-12:00:00",
        b"2024022\x00-12:00:00",
        b"\xb2\xb0240229-12:00:0",
        b"20240229-12:00:00.000\x01",
        b" 20240229-12:00:0",
    ],
)
def test_what_is_no_timestamp(text: bytes) -> None:
    with pytest.raises(ValueError, match="is no UTCTimestamp"):
        parse_utc_timestamp(text)


@pytest.mark.parametrize("text", ["20240229-12:00:00", None, 0])
def test_only_bytes_are_read(text: object) -> None:
    with pytest.raises(TypeError):
        parse_utc_timestamp(text)  # type: ignore[arg-type]


FORMATS = {17: "%Y%m%d-%H:%M:%S", 21: "%Y%m%d-%H:%M:%S.%f", 24: "%Y%m%d-%H:%M:%S.%f"}


@given(
    st.sampled_from([b"20240229-12:34:56", b"19991231-23:59:59.123", b"x" * 24]),
    st.lists(
        st.tuples(st.integers(0, 23), st.sampled_from(b"0123456789-:. \0\xff")),
        max_size=3,
    ),
)
def test_spoiled_timestamps_are_judged_as_by_datetime(
    base: bytes, changes: list[tuple[int, int]]
) -> None:
    changed = bytearray(base)
    for place, byte in changes:
        changed[place % len(changed)] = byte
    text = bytes(changed)
    wanted = None
    shape = all(
        (byte in b"0123456789") != (place in (8, 11, 14, 17))
        for place, byte in enumerate(text)
    )
    if shape:
        try:
            when = datetime.strptime(text.decode(), FORMATS[len(text)]).replace(
                tzinfo=UTC
            )
        except ValueError:
            when = None
        if when is not None and when.year >= 1970 and text[8:9] + text[11:12] == b"-:":
            since = when - EPOCH
            wanted = (since // timedelta(microseconds=1)) * 1_000
    try:
        found = parse_utc_timestamp(text)
    except ValueError:
        found = None
    if text[15:17] == b"60":  # datetime reads a leap second on as 59 or not at all
        return
    if found is not None or wanted is not None:
        valid = text[14:15] == b":" and text[17:18] in (b"", b".")
        late = wanted is not None and wanted > 9_223_372_035 * SECOND
        assert found == (wanted if valid and not late else None)
