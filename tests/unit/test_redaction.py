"""No secret of a message is shown, whatever is wrong with its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.wire.redaction import (
    LOGON_SECRET_TAGS,
    SECRET_TAGS,
    redact,
    redact_text,
    redacted,
)

ALL = (*SECRET_TAGS, *LOGON_SECRET_TAGS)
LOGON = b"8=FIX.4.4\x0135=A\x01553=joe\x01554=hunter2\x0195=4\x0196=s3cr\x0110=000\x01"
LENGTHS = {96: 95, 89: 93, 1402: 1401, 1404: 1403}


def test_a_logon() -> None:
    shown = "8=FIX.4.4|35=A|553=joe|554=***|95=4|96=***|10=000|"
    assert redact(LOGON) == shown
    assert redacted(LOGON).count(b"\x01") == LOGON.count(b"\x01")


@pytest.mark.parametrize("tag", ALL)
@pytest.mark.parametrize("before", [b"", b"35=A\x01", b"8=FIX.4.4\x019=", b"8=a"])
def test_every_secret(tag: int, before: bytes) -> None:
    shown = redact(before + b"\x01%d=hush\x0158=x\x01" % tag)
    assert "hush" not in shown
    assert f"{tag}=***" in shown


@pytest.mark.parametrize("tag", ALL)
def test_the_last_field_without_an_end(tag: int) -> None:
    assert redact(b"8=a\x0135=A\x01%d=hush" % tag) == f"8=a|35=A|{tag}=***"
    assert redact(b"8=a|35=A|%d=h|u|58=x" % tag) == f"8=a|35=A|{tag}=***|58=x"


def test_tags_that_only_end_alike_are_shown() -> None:
    assert redact(b"8=a\x011554=x\x01") == "8=a|1554=x|"
    assert redact(b"8=a\x0135=A\x0158=554=x\x01") == "8=a|35=A|58=554=x|"


def test_raw_data_of_news_is_news() -> None:
    news = b"8=FIX.4.4\x0135=B\x0195=4\x0196=text\x01554=hush\x0110=000\x01"
    assert redact(news) == "8=FIX.4.4|35=B|95=4|96=text|554=***|10=000|"
    user = news.replace(b"35=B", b"35=BE")
    assert redact(user) == "8=FIX.4.4|35=BE|95=4|96=***|554=***|10=000|"


def test_a_password_may_have_any_characters() -> None:
    message = LOGON.replace(b"hunter2", b"h|u=n^A\\x01t|5=r")
    assert redact(message) == redact(LOGON)


@pytest.mark.parametrize("tag", LENGTHS)
def test_data_may_hold_the_separator(tag: int) -> None:
    secret = b"one\x0158=two\x0110=123\x01three"
    begin, end = b"8=FIX.4.4\x0135=A\x01", b"\x01141=Y\x0110=000\x01"
    field = b"%d=%b" % (tag, secret)
    length = b"%d=%d\x01" % (LENGTHS[tag], len(secret))
    told = redact(begin + length + field + end)
    assert told.endswith(f"|{tag}=***|141=Y|10=000|")
    # Without its length nobody knows where it ends.
    for length in (b"", b"%d=2\x01" % LENGTHS[tag], b"%d=999\x01" % LENGTHS[tag]):
        told = redact(begin + length + field + end)
        assert "three" not in told
        assert "two" not in told
        assert told.endswith(f"|{tag}=***|10=000|")


def test_bytes_from_the_middle_of_a_message() -> None:
    """They may begin within a password."""
    assert redact(b"ter2\x01141=Y\x01") == "***|141=Y|"
    assert redact(b"54=hunter2\x01ter3\x01141=Y\x01") == "***|141=Y|"
    assert redact(b"54=hunter2|141=Y|") == "***|141=Y|"
    assert redact(b"hunter2") == "***"
    assert redact(b"") == ""


@given(st.binary(min_size=1, max_size=30), st.integers(0, 300), st.integers(0, 300))
def test_wherever_it_is_cut(filler: bytes, start: int, stop: int) -> None:
    """Any part of a Logon, as garbled bytes are logged."""
    text = filler.replace(b"\x01", b".")
    logon = (
        b"8=FIX.4.4\x019=100\x0135=A\x0149=BUYER\x0158=" + text + b"\x01"
        b"554=SECRETSECRET\x01925=SECRETSECRET\x0195=12\x0196=SECRET\x01ECRET\x01"
        b"10=000\x01"
    )
    shown = redact(logon[start:stop] if start < stop else logon[start:])
    assert "SECR" not in shown
    assert "ECRET|" not in shown


@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    """Nothing raises, and what has no secret is shown whole if it begins a field."""
    redact(data)
    message = b"8=" + data
    if not any(b"%d=" % tag in message for tag in ALL):
        assert redacted(message) == message


def test_the_next_message_does_not_say_what_a_part_of_a_logon_was() -> None:
    logon = b"34=1\x0193=8\x0189=abcdefgh\x0195=6\x0196=rawraw\x0110=000\x01"
    news = b"8=FIX.4.4\x019=5\x0135=B\x0195=4\x0196=news\x0110=000\x01"
    shown = redacted(logon + news)
    assert b"abcdefgh" not in shown
    assert b"rawraw" not in shown
    assert shown.endswith(news)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Message({LOGON!r})", "554=***\\x0195=4\\x0196=***\\x0110=000"),
        ("refused 35=A|554=pw|58=x", "refused 35=A|554=***|58=x"),
        ("refused 35=A^A554=pw^A58=x", "refused 35=A^A554=***^A58=x"),
        ("554=a|b|10=000", "554=***|10=000"),
        ("554=a\nnext line", "554=***\nnext line"),
        ("no 1554=pw", "no 1554=pw"),
        ("nothing", "nothing"),
    ],
)
def test_text_that_quotes_a_message(text: str, shown: str) -> None:
    assert shown in redact_text(text)
    assert "hunter2" not in redact_text(text)
    assert redact_text("554=pw", "****") == "554=****"
