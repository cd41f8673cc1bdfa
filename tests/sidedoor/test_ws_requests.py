"""What comes over a WebSocket is understood or refused, whatever it is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from fixgw.sidedoor.depthview import DEPTHS
from fixgw.sidedoor.errors import ERRORS
from fixgw.sidedoor.requests import CHANNELS, SYMBOLS_MAX, BadRequest, Request, parse

OPS = ("subscribe", "unsubscribe", "auth", "ping")
NAMES = (
    "op",
    "id",
    "channel",
    "symbols",
    "depth",
    "epoch",
    "after_seq",
    "key",
    "timestamp",
    "signature",
)

values: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=80),
    st.sampled_from([*OPS, *CHANNELS, *DEPTHS]),
    st.lists(st.text(max_size=10), max_size=4),
    st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2),
)
messages = st.one_of(
    st.dictionaries(st.sampled_from(NAMES), values, max_size=6),
    st.builds(
        lambda op, channel, more: {"op": op, "channel": channel, **more},
        st.sampled_from(OPS),
        st.sampled_from(CHANNELS),
        st.dictionaries(st.sampled_from(NAMES[3:]), values, max_size=3),
    ),
)


def check(request: Request) -> None:
    """Whatever was accepted is within bounds."""
    assert request.op in OPS
    assert request.depth in DEPTHS
    assert len(request.symbols) <= SYMBOLS_MAX
    assert all(isinstance(symbol, str) for symbol in request.symbols)
    assert 0 <= request.after_seq < 2**53
    assert 0 <= request.timestamp < 2**53
    for text in (request.key, request.signature, request.epoch or ""):
        assert text.isascii()
        assert "\n" not in text


@given(st.one_of(st.text(max_size=200), st.from_regex(r'[\[{"\\0-9eE.,:\]}]{0,40}')))
@example("\ud800")
@example('{"op":"ping"}{"op":"ping"}')
@example("[" * 2000)
@example('{"op":' * 500)
def test_any_text(text: str) -> None:
    code = "INVALID_JSON"
    try:
        check(parse(text))
    except BadRequest as problem:
        code = problem.cause.code
    assert code in ERRORS


@given(messages)
def test_any_object(message: dict[str, Any]) -> None:
    with suppress(BadRequest):
        check(parse(orjson.dumps(message).decode()))


def test_alike_symbols_count_once() -> None:
    text = '{"op":"subscribe","channel":"book","symbols":["B","A","B"]}'
    assert parse(text).symbols == ("B", "A")
