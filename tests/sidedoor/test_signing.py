"""Signed requests: the text, the examples of the specification, windows and replays."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fixgw.sidedoor.client import Signer
from fixgw.sidedoor.errors import ERRORS, ApiError
from fixgw.sidedoor.guard import Caller, Guard, Role, require, require_in_window
from fixgw.sidedoor.idempotency import Claims
from fixgw.sidedoor.keyring import KeyRing
from fixgw.sidedoor.keys import ApiKey
from fixgw.sidedoor.limits import Limits
from fixgw.sidedoor.redis_state import PREFIX
from fixgw.sidedoor.replays import SeenSignatures
from fixgw.sidedoor.signing import (
    canonical,
    read_request,
    sign,
    signed_headers,
)
from tests.sidedoor import redis_tools
from tests.unit.test_format_specs import rows

SPEC = (Path(__file__).parents[2] / "spec" / "signing.md").read_text("utf-8")
NOW_MS = 1_795_212_000_000
NOW_NS = NOW_MS * 1_000_000
WINDOW_MS = 5_000
MS = 1_000_000
SECRET = "5f0c8a3e9d7b41628c1f0e5a7d3b9264e80f6c2d1b5a49738e6f0d2c4a7b9e13"
KEY = ApiKey("b4f1c09d6e2a7358", SECRET, "ALICE", Role.TRADE)
OFF = ApiKey("off", "o" * 64, "ALICE", Role.ADMIN, disabled=True)

Raw = list[tuple[bytes, bytes]]


class Known:
    """A source of two keys."""

    async def read(self) -> Mapping[str, ApiKey]:
        return {KEY.key_id: KEY, OFF.key_id: OFF}

    def notes(self) -> list[str]:
        return []


def a_guard(seen: SeenSignatures | None = None) -> Guard:
    return Guard(
        keys=KeyRing(Known()),
        seen=seen or SeenSignatures(WINDOW_MS),
        limits=Limits({}),
        claims=Claims(0),
        window_ms=WINDOW_MS,
    )


def raw(headers: Mapping[str, str]) -> Raw:
    """Headers as a server has them."""
    return [(name.lower().encode(), text.encode()) for name, text in headers.items()]


def signed(
    timestamp_ms: int = NOW_MS,
    method: str = "GET",
    path: str = "/v1/fills",
    query: str = "",
    body: bytes = b"",
    key: ApiKey = KEY,
) -> Raw:
    return raw(
        signed_headers(key.key_id, key.secret, timestamp_ms, method, path, query, body)
    )


def ask(
    headers: Any,
    method: str | bytes = "GET",
    path: str | bytes = "/v1/fills",
    query: str | bytes = "",
    body: bytes = b"",
    now_ns: int = NOW_NS,
    guard: Guard | None = None,
) -> Caller | str:
    """The caller, or the code of the refusal, which is one of the table."""
    asked = (guard or a_guard()).authenticate(
        headers, method, path, query, body, now_ns
    )
    try:
        return asyncio.run(asked)
    except ApiError as error:
        refused = error
    assert refused.status == ERRORS[refused.code].status
    assert ("WWW-Authenticate" in refused.headers) == (refused.status == 401)
    assert SECRET not in str(refused)
    return refused.code


ALICE = Caller(KEY.key_id, "ALICE", Role.TRADE, (NOW_MS + WINDOW_MS) * MS)


# -- the specification -----------------------------------------------------------------


def examples() -> list[tuple[str, str, dict[str, str], bytes]]:
    """Method, target, headers and body of each request shown."""
    found = []
    for block in re.findall(r"```http\n(.*?)```", SPEC, re.DOTALL):
        head, _, body = block.partition("\n\n")
        line, *fields = head.splitlines()
        method, target, _ = line.split(" ")
        headers = dict(field.split(": ", 1) for field in fields)
        found.append((method, target, headers, body.removesuffix("\n").encode()))
    assert len(found) == 2
    return found


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_are_what_the_guard_accepts(number: int) -> None:
    method, target, headers, body = examples()[number]
    path, _, query = target.partition("?")
    timestamp_ms = int(headers["FIXGW-TIMESTAMP"])
    now_ns = (timestamp_ms + 17) * MS
    caller = ask(raw(headers), method, path, query, body, now_ns)
    good_until_ns = (timestamp_ms + WINDOW_MS) * MS
    assert caller == Caller(KEY.key_id, "ALICE", Role.TRADE, good_until_ns)


@pytest.mark.parametrize("number", [0, 1])
def test_the_examples_are_what_the_client_sends(number: int) -> None:
    method, target, headers, body = examples()[number]
    timestamp_ns = int(headers["FIXGW-TIMESTAMP"]) * MS
    signer = Signer(KEY.key_id, SECRET, lambda: timestamp_ns)
    request = httpx.Request(method, f"http://127.0.0.1{target}", content=body)
    sent = next(signer.auth_flow(request))
    for name in ("FIXGW-KEY", "FIXGW-TIMESTAMP", "FIXGW-SIGNATURE"):
        assert sent.headers[name] == headers[name]


def test_the_line_for_the_shell_gives_the_signature() -> None:
    found = re.search(r"```sh\n(.*?)```", SPEC, re.DOTALL)
    assert found
    result = subprocess.run(
        ["sh", "-c", found[1]], capture_output=True, text=True, check=True, timeout=50
    )
    assert result.stdout.split()[-1] == examples()[0][2]["FIXGW-SIGNATURE"]


def test_the_lines_of_python_give_the_signature() -> None:
    found = re.search(r"```python\n(.*?)```", SPEC, re.DOTALL)
    assert found
    method, target, headers, body = examples()[1]
    path, _, query = target.partition("?")
    names: dict[str, Any] = {
        "timestamp": headers["FIXGW-TIMESTAMP"],
        "method": method,
        "path": path,
        "query": query,
        "body": body.decode(),
        "secret": SECRET,
    }
    exec("import hashlib, hmac\n" + found[1], names)
    assert names["signature"] == headers["FIXGW-SIGNATURE"]


def test_the_example_of_the_websocket() -> None:
    found = re.search(r"```json\n(.*?)```", SPEC, re.DOTALL)
    assert found
    message = httpx.Response(200, text=found[1]).json()
    signer = Signer(KEY.key_id, SECRET, lambda: message["timestamp"] * MS)
    assert signer.websocket_login() == message


def test_the_refusals_are_those_of_the_code() -> None:
    for status, code, _ in rows("signing.md", "Refusals"):
        assert ERRORS[code.strip("`")].status == int(status)


# -- the text that is signed -----------------------------------------------------------

part = st.binary(max_size=12).map(lambda data: data.replace(b"\n", b""))
parts = st.tuples(part, part, part, part, st.binary(max_size=20))


@given(parts, parts)
@example((b"1", b"G", b"/a", b"", b"b"), (b"1", b"G", b"/a", b"b", b""))
@example((b"1", b"G", b"/a", b"", b"\n"), (b"1", b"G", b"/a", b"", b""))
@example((b"1", b"G", b"", b"", b"\n\n"), (b"1", b"G", b"", b"", b"\n"))
def test_no_two_requests_have_one_text(
    one: tuple[bytes, ...], other: tuple[bytes, ...]
) -> None:
    assert (canonical(*one) == canonical(*other)) == (one == other)


@given(parts)
def test_the_parts_can_be_read_back(given: tuple[bytes, ...]) -> None:
    assert tuple(canonical(*given).split(b"\n", 4)) == given


@given(
    st.integers(0, 3),
    st.lists(st.binary(max_size=8), min_size=5, max_size=5),
)
def test_a_line_feed_before_the_body_cannot_be_signed(
    place: int, given: list[bytes]
) -> None:
    given[place] += b"\n"
    with pytest.raises(ValueError, match="line feed"):
        canonical(*given)


def test_the_secret_is_used_as_it_is_written() -> None:
    text = canonical(b"1", b"GET", b"/", b"", b"")
    result = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", SECRET],
        input=text,
        capture_output=True,
        check=True,
        timeout=50,
    )
    assert result.stdout.decode().split()[-1] == sign(SECRET, text).hex()


# -- accepted --------------------------------------------------------------------------


def test_a_signed_request_is_its_callers() -> None:
    assert ask(signed()) == ALICE


def test_headers_may_come_as_a_mapping() -> None:
    headers = signed_headers(KEY.key_id, SECRET, NOW_MS, "GET", "/v1/fills")
    assert ask(headers) == ALICE
    assert ask({name.upper(): text for name, text in headers.items()}) == ALICE
    assert ask(httpx.Headers(headers)) == ALICE


def test_hex_digits_may_be_capitals() -> None:
    headers = [(n, v.upper() if b"sig" in n else v) for n, v in signed()]
    assert ask(headers) == ALICE


def test_path_and_query_may_be_any_bytes() -> None:
    path, query = b"/v1/orders/%00%0A\xff", b"a=\xe4&b=%2F"
    text = canonical(str(NOW_MS).encode(), b"GET", path, query, b"\n\x00")
    headers = signed()
    headers[2] = headers[2][0], sign(SECRET, text).hex().encode()
    assert ask(headers, b"GET", path, query, b"\n\x00") == ALICE
    assert ask(headers, "GET", path.decode("latin-1"), query, b"\n\x00") == ALICE


# -- refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"method": "POST"},
        {"method": "get"},
        {"path": "/v1/fills/"},
        {"path": "//v1/fills"},
        {"path": "/v1/%66ills"},
        {"path": "/v1/./fills"},
        {"path": "/v1/positions"},
        {"query": "limit=1"},
        {"query": "&"},
        {"body": b" "},
        {"body": b"\n"},
        {"path": "/v1/fills\n", "query": ""},
        {"path": "/v1", "query": "fills"},
        {"path": "/v1/fi€lls"},
        {"method": ""},
        {"method": "GE\nT"},
    ],
)
def test_what_was_not_signed_is_refused(change: dict[str, Any]) -> None:
    assert ask(signed(), **change) == "SIGNATURE_INVALID"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        (b"fixgw-key", None, "KEY_MISSING"),
        (b"fixgw-key", b"", "KEY_UNKNOWN"),
        (b"fixgw-key", b"nobody", "KEY_UNKNOWN"),
        (b"fixgw-key", b"b4f1c09d6e2a7358 ", "KEY_UNKNOWN"),
        (b"fixgw-key", b"B4F1C09D6E2A7358", "KEY_UNKNOWN"),
        (b"fixgw-key", b"x" * 65, "KEY_UNKNOWN"),
        (b"fixgw-key", b"\xff\x00", "KEY_UNKNOWN"),
        (b"fixgw-timestamp", None, "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"now", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"0", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"-1795212000000", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"+1795212000000", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"01795212000000", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"1795212000000.0", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"1_795_212_000_000", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"1795212000000\n", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b" 1795212000000", "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", "١٧٩٥٢١٢٠٠٠٠٠٠".encode(), "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"9" * 5000, "TIMESTAMP_INVALID"),
        (b"fixgw-timestamp", b"1795212000", "TIMESTAMP_OUTSIDE_WINDOW"),
        (b"fixgw-timestamp", b"1795212000000000", "TIMESTAMP_OUTSIDE_WINDOW"),
        (b"fixgw-timestamp", b"1795212000001", "SIGNATURE_INVALID"),
        (b"fixgw-signature", None, "SIGNATURE_INVALID"),
        (b"fixgw-signature", b"", "SIGNATURE_INVALID"),
        (b"fixgw-signature", b"0" * 64, "SIGNATURE_INVALID"),
        (b"fixgw-signature", b"0" * 63, "SIGNATURE_INVALID"),
        (b"fixgw-signature", b"g" * 64, "SIGNATURE_INVALID"),
        (b"fixgw-signature", b"0 " * 32, "SIGNATURE_INVALID"),
        (b"fixgw-signature", b"\xff" * 64, "SIGNATURE_INVALID"),
    ],
)
def test_a_malformed_header_has_its_code(
    name: bytes, value: bytes | None, code: str
) -> None:
    headers = [(n, v) for n, v in signed() if n != name]
    if value is not None:
        headers.append((name, value))
    assert ask(headers) == code


@pytest.mark.parametrize(
    ("place", "code"),
    [(0, "KEY_UNKNOWN"), (1, "TIMESTAMP_INVALID"), (2, "SIGNATURE_INVALID")],
)
def test_a_header_that_is_there_twice_is_refused(place: int, code: str) -> None:
    headers = signed()
    for name in (headers[place][0], headers[place][0].upper()):
        twice = [*headers, (name, headers[place][1])]
        assert ask(twice) == code
        assert ask(list(reversed(twice))) == code
        assert ask([*twice, twice[-1]]) == code


def test_the_codes_come_in_the_order_of_what_they_cost() -> None:
    """Nobody learns whether a key is disabled who has not its secret."""
    headers = signed(key=OFF)
    assert ask(headers) == "KEY_DISABLED"
    headers[2] = headers[2][0], b"0" * 64
    assert ask(headers) == "SIGNATURE_INVALID"
    assert ask(signed(NOW_MS - 9_999, key=OFF)) == "TIMESTAMP_OUTSIDE_WINDOW"
    assert ask([]) == "KEY_MISSING"


# -- the window ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_ms", "taken"),
    [(-5_001, False), (-5_000, True), (0, True), (5_000, True), (5_001, False)],
)
def test_the_window_is_open_on_both_sides(age_ms: int, taken: bool) -> None:
    answer = ask(signed(NOW_MS - age_ms))
    assert isinstance(answer, Caller) == taken
    if not taken:
        assert answer == "TIMESTAMP_OUTSIDE_WINDOW"


@pytest.mark.parametrize(
    ("timestamp_ms", "text"),
    [
        (NOW_MS - 73_000, "is 73000 ms before the exchange's clock, 5000 ms are"),
        (NOW_MS + 73_000, "is 73000 ms after the exchange's clock, 5000 ms are"),
    ],
)
def test_who_is_outside_is_told_how_far(timestamp_ms: int, text: str) -> None:
    with pytest.raises(ApiError, match=text):
        asyncio.run(
            a_guard().authenticate(
                signed(timestamp_ms), "GET", "/v1/fills", "", b"", NOW_NS
            )
        )


def test_a_request_that_waited_too_long_is_not_done() -> None:
    require_in_window(ALICE, ALICE.good_until_ns)
    with pytest.raises(ApiError, match="nothing was done") as caught:
        require_in_window(ALICE, ALICE.good_until_ns + 1)
    assert caught.value.code == "TIMESTAMP_OUTSIDE_WINDOW"


# -- replays ---------------------------------------------------------------------------


def test_a_signature_is_accepted_once() -> None:
    guard = a_guard()
    assert ask(signed(), guard=guard) == ALICE
    assert ask(signed(), guard=guard) == "REPLAYED"
    capitals = [(n, v.upper() if b"sig" in n else v) for n, v in signed()]
    assert ask(capitals, guard=guard) == "REPLAYED"
    assert isinstance(ask(signed(NOW_MS + 1), guard=guard), Caller)


def test_a_refused_request_does_not_use_up_its_signature() -> None:
    guard = a_guard()
    wrong = [(n, b"0" * 64 if b"sig" in n else v) for n, v in signed()]
    assert ask(wrong, guard=guard) == "SIGNATURE_INVALID"
    assert ask(signed(), body=b"x", guard=guard) == "SIGNATURE_INVALID"
    assert ask(signed(), guard=guard) == ALICE


@given(
    st.integers(-WINDOW_MS, WINDOW_MS),
    st.lists(st.integers(0, 4_000), max_size=12),
)
@example(-WINDOW_MS, [WINDOW_MS, WINDOW_MS])
@example(-WINDOW_MS, [4_000, 4_000, 2_000])
def test_no_signature_passes_twice_whenever_it_comes(
    age_ms: int, waits_ms: list[int]
) -> None:
    """From the first time it is accepted until its window ends, and after."""
    guard = a_guard()
    headers = signed(NOW_MS - age_ms)
    assert isinstance(ask(headers, guard=guard), Caller)
    now_ms = NOW_MS
    for wait_ms in waits_ms:
        now_ms += wait_ms
        inside = abs(now_ms - (NOW_MS - age_ms)) <= WINDOW_MS
        expected = "REPLAYED" if inside else "TIMESTAMP_OUTSIDE_WINDOW"
        assert ask(headers, now_ns=now_ms * MS, guard=guard) == expected


def remember(seen: SeenSignatures, key: str, number: int, now_ms: int) -> str:
    try:
        asyncio.run(seen.first(key, number.to_bytes(32, "big"), now_ms * MS))
    except ApiError as error:
        return error.code
    return "first"


def test_the_memory_against_replays_is_bounded() -> None:
    seen = SeenSignatures(WINDOW_MS, count_max=30, per_key_max=20)
    for number in range(20):
        assert remember(seen, "one", number, NOW_MS + number) == "first"
    # One key has its share, and what was seen stays refused.
    assert remember(seen, "one", 20, NOW_MS + 20) == "RATE_LIMITED"
    assert remember(seen, "one", 0, NOW_MS + 20) == "REPLAYED"
    for number in range(10):
        assert remember(seen, "two", number, NOW_MS + 20) == "first"
    assert remember(seen, "two", 10, NOW_MS + 20) == "RATE_LIMITED"
    assert remember(seen, "three", 0, NOW_MS + 20) == "RATE_LIMITED"
    assert len(seen) == 30
    # Two windows later the oldest are forgotten, and not one moment before.
    assert remember(seen, "one", 21, NOW_MS + 2 * WINDOW_MS + 1) == "RATE_LIMITED"
    assert remember(seen, "one", 21, NOW_MS + 2 * WINDOW_MS + 2) == "first"
    assert remember(seen, "one", 22, NOW_MS + 2 * WINDOW_MS + 2) == "RATE_LIMITED"
    assert remember(seen, "two", 23, NOW_MS + 9 * WINDOW_MS) == "first"
    assert (len(seen), seen._per_key) == (1, {"two": 1})


def test_a_clock_set_back_does_not_close_the_door_for_ever() -> None:
    seen = SeenSignatures(WINDOW_MS, count_max=3)
    for number in range(3):
        assert remember(seen, "one", number, NOW_MS + 3_600_000) == "first"
    assert remember(seen, "one", 3, NOW_MS + 3_600_000) == "RATE_LIMITED"
    assert remember(seen, "one", 3, NOW_MS) == "first"


def test_signatures_sent_at_once_pass_once() -> None:
    guard = a_guard()

    async def run() -> list[Caller | BaseException]:
        return await asyncio.gather(
            *(
                guard.authenticate(signed(), "GET", "/v1/fills", "", b"", NOW_NS)
                for _ in range(20)
            ),
            return_exceptions=True,
        )

    answers = asyncio.run(run())
    assert answers.count(ALICE) == 1
    others = [answer for answer in answers if answer != ALICE]
    assert {getattr(answer, "code", answer) for answer in others} == {"REPLAYED"}


def test_side_doors_with_one_redis_share_what_they_saw(redis_server: Any) -> None:
    url = redis_tools.empty(redis_server)

    async def run() -> None:
        async with redis_tools.state(url) as one, redis_tools.state(url) as two:
            doors = [SeenSignatures(WINDOW_MS, way) for way in (one, two)]
            for number in range(50):
                answers = await asyncio.gather(
                    *(d.first("key", bytes([number]) * 32, NOW_NS) for d in doors),
                    return_exceptions=True,
                )
                codes = [getattr(answer, "code", None) for answer in answers]
                assert sorted(codes, key=str) == [None, "REPLAYED"]
            # The server is not this test's alone.
            pattern = f"{PREFIX}seen:*"
            names: Any = await one.call(lambda client: client.keys(pattern))
            assert len(names) == 50
            left: Any = await one.call(lambda client: client.pttl(names[0]))
            assert 0 < left <= 2 * WINDOW_MS + 1

    asyncio.run(run())


# -- roles -----------------------------------------------------------------------------


@pytest.mark.parametrize("have", list(Role))
@pytest.mark.parametrize("need", list(Role))
def test_each_role_may_what_the_ones_before_it_may(have: Role, need: Role) -> None:
    caller = Caller("key", "ALICE", have)
    order = [Role.READ, Role.TRADE, Role.ADMIN]
    assert list(Role) == order
    if order.index(have) >= order.index(need):
        require(caller, need)
        return
    with pytest.raises(ApiError, match=f"role {have}, this takes {need}") as caught:
        require(caller, need)
    assert (caught.value.status, caught.value.code) == (403, "ROLE_INSUFFICIENT")


# -- the client ------------------------------------------------------------------------


def test_no_two_requests_of_a_client_have_one_timestamp() -> None:
    ticks = iter([5, 5, 5, 9, 3, 20])
    signer = Signer("key", SECRET, lambda: next(ticks) * MS)
    assert [signer.timestamp_ms() for _ in range(6)] == [5, 6, 7, 9, 10, 20]


# -- hostile ---------------------------------------------------------------------------

names = st.one_of(
    st.sampled_from(
        [b"fixgw-key", b"fixgw-timestamp", b"fixgw-signature", b"FIXGW-KEY", b""]
    ),
    st.binary(max_size=20),
)
values = st.one_of(
    st.sampled_from(
        [
            KEY.key_id.encode(),
            b"off",
            str(NOW_MS).encode(),
            b"9" * 16,
            b"0" * 64,
            b"f" * 64,
        ]
    ),
    st.binary(max_size=80),
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace")),
)
wire = st.lists(st.tuples(names, values), max_size=8)
mapping = st.dictionaries(st.text(max_size=20), st.text(max_size=80), max_size=6)
target = st.one_of(st.text(max_size=30), st.binary(max_size=30))


@given(
    st.one_of(
        wire,
        wire.map(tuple),
        wire.map(lambda found: [*signed(), *found]),
        wire.map(lambda found: [*found, *signed()[1:]]),
        mapping,
        mapping.map(lambda found: {**found, "FIXGW-KEY": KEY.key_id}),
    ),
    st.one_of(target, st.just("GET")),
    target,
    target,
    st.binary(max_size=40),
    st.integers(0, 2**63 - 1),
)
def test_whatever_comes_is_answered_with_an_api_error(
    headers: Iterable[tuple[bytes, bytes]] | Mapping[str, str],
    method: str | bytes,
    path: str | bytes,
    query: str | bytes,
    body: bytes,
    now_ns: int,
) -> None:
    assert isinstance(ask(headers, method, path, query, body, now_ns), str)


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=200))
def test_a_stranger_never_becomes_a_caller(
    timestamp: bytes, signature: bytes, path: bytes
) -> None:
    headers = [
        (b"fixgw-key", KEY.key_id.encode()),
        (b"fixgw-timestamp", timestamp or str(NOW_MS).encode()),
        (b"fixgw-signature", (signature * 32)[:32].hex().encode()),
    ]
    assert isinstance(ask(headers, path=path), str)


def test_well_formed_headers_are_read_as_they_are() -> None:
    found = read_request(signed(), "GET", "/v1/fills", "a=b", b"c")
    assert (found.key_id, found.timestamp_ms) == (KEY.key_id, NOW_MS)
    assert found.text == f"{NOW_MS}\nGET\n/v1/fills\na=b\nc".encode()
    assert not found.by(SECRET)
