"""The PROXY header: its two forms, in any pieces, from whom it is believed, and what it
is used for. Over real sockets a small proxy prepends it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.net.proxyprotocol import (
    BLOCK_BYTES_MAX,
    LINE_BYTES_MAX,
    SIGNATURE_V2,
    ProxyHeader,
    ProxyHeaderWrong,
    ProxyReader,
)
from fixgw.session.reasons import DisconnectReason
from tests.net.exchange_in_process import InProcess, run

CLIENT = "192.0.2.7"
V1 = b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 9876\r\n"
LOCAL, PROXY = 0x20, 0x21
TCP4, TCP6, UNSPECIFIED = 0x11, 0x21, 0x00


def v2(
    source: str = CLIENT, port: int = 50000, command: int = PROXY, extra: bytes = b""
) -> bytes:
    """A header of version 2."""
    ip = ip_address(source)
    family = TCP4 if ip.version == 4 else TCP6
    block = ip.packed + ip.packed + struct.pack("!HH", port, 9876) + extra
    return raw_v2(command, family, block)


def raw_v2(command: int, family: int, block: bytes) -> bytes:
    return SIGNATURE_V2 + struct.pack("!BBH", command, family, len(block)) + block


def whole(data: bytes) -> tuple[ProxyHeader | None, bytes]:
    reader = ProxyReader()
    return reader.receive(data), reader.rest


GOOD = [
    (V1, (CLIENT, 50000)),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 2\r\n", ("2001:db8::7", 1)),
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 0 65535\r\n", ("1.2.3.4", 0)),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 50000 9876\r\n", (CLIENT, 50000)),
    (v2("::ffff:192.0.2.7"), (CLIENT, 50000)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 any thing\r\n", None),
    (b"PROXY TCP6 " + b":".join([b"ffff"] * 8) + b" ::1 65535 65535\r\n", "long"),
    (v2(), (CLIENT, 50000)),
    (v2("2001:db8::7", 65535), ("2001:db8::7", 65535)),
    (v2(extra=b"\x02\x00\x03abc\x20\x00\x05\x01\x00\x00\x00\x00"), (CLIENT, 50000)),
    (v2(extra=b"x" * (BLOCK_BYTES_MAX - 12)), (CLIENT, 50000)),
    (v2(command=LOCAL), None),
    (raw_v2(LOCAL, UNSPECIFIED, b""), None),
    (raw_v2(LOCAL, 0x31, b"x" * 216), None),
    (raw_v2(PROXY, UNSPECIFIED, b"ignored"), None),
]


@pytest.mark.parametrize(("data", "source"), GOOD)
def test_good_ones(data: bytes, source: tuple[str, int] | str | None) -> None:
    header, rest = whole(data + b"8=FIX")
    assert header is not None
    if source == "long":
        assert header.source == ("ffff:" * 7 + "ffff", 65535)
    else:
        assert header.source == source
    assert rest == b"8=FIX"


BAD = [
    b"8=FIX.4.4\x01",
    b"PROXX",
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01",
    b"\r\n\r\n\0\r\nQUIX",
    b"PROXY \r\n",
    b"PROXY TCP4\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 50000\r\n",
    b"PROXY TCP4  192.0.2.7 192.0.2.1 50000 9876\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 9876 \r\n",
    b"PROXY TCP4 192.0.2.777 192.0.2.1 50000 9876\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
    b"PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 050 9876\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 65536 9876\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 -1 9876\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 \xb2\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 9876\n" + b"x" * 70,
    b"PROXY UNKNOWN " + b"x" * LINE_BYTES_MAX,
    raw_v2(0x22, TCP4, bytes(12)),
    raw_v2(0x11, TCP4, bytes(12)),
    raw_v2(PROXY, 0x12, bytes(12)),
    raw_v2(PROXY, 0x31, bytes(216)),
    raw_v2(PROXY, TCP4, bytes(11)),
    raw_v2(PROXY, TCP6, bytes(35)),
    v2(extra=b"x" * (BLOCK_BYTES_MAX - 11)),
]


@pytest.mark.parametrize("data", BAD)
def test_bad_ones(data: bytes) -> None:
    with pytest.raises(ProxyHeaderWrong) as whole_error:
        whole(data)
    reader = ProxyReader()
    with pytest.raises(ProxyHeaderWrong) as error:
        [reader.receive(data[at : at + 1]) for at in range(len(data))]
    assert str(error.value) == str(whole_error.value)


@pytest.mark.parametrize("data", [V1, v2(), v2("::1", extra=b"x" * 99)])
def test_in_any_two_pieces_and_byte_by_byte(data: bytes) -> None:
    told = whole(data)
    for cut in range(1, len(data)):
        reader = ProxyReader()
        assert reader.receive(data[:cut]) is None
        assert (reader.receive(data[cut:]), reader.rest) == told
    reader = ProxyReader()
    for at in range(len(data) - 1):
        assert reader.receive(data[at : at + 1]) is None
    assert (reader.receive(data[-1:]), reader.rest) == told


@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=200).map(lambda tail: b"PROXY " + tail),
        st.binary(max_size=200).map(lambda tail: SIGNATURE_V2 + tail),
        st.tuples(st.sampled_from([V1, v2(), v2("::1")]), st.binary(max_size=30)).map(
            b"".join
        ),
    ),
    st.data(),
)
def test_anything_at_all(data: bytes, drawn: st.DataObject) -> None:
    """A header with a source that is an address, or refused, or more bytes are wanted;
    in any pieces the same; and never more is kept than the longest header."""

    def fed(pieces: list[bytes]) -> object:
        reader = ProxyReader()
        header, rest = None, b""
        try:
            for piece in pieces:
                if header is not None:
                    rest += piece
                    continue
                header = reader.receive(piece)
                assert len(reader._buffer) <= 16 + BLOCK_BYTES_MAX
        except ProxyHeaderWrong as error:
            return type(error)
        if header is not None and header.source is not None:
            address, port = header.source
            assert str(ip_address(address)) == address
            assert 0 <= port <= 65535
        return header, reader.rest + rest

    cuts = sorted(drawn.draw(st.sets(st.integers(0, len(data)), max_size=6)))
    edges = [0, *cuts, len(data)]
    pieces = [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    assert fed([data]) == fed(pieces)


def test_the_limits_are_the_specifications() -> None:
    longest = b"PROXY UNKNOWN " + b" ".join([b"f" * 39] * 2) + b" 65535 65535\r\n"
    assert len(longest) == LINE_BYTES_MAX


# -- over sockets ----------------------------------------------------------------------


@contextlib.asynccontextmanager
async def proxy(target: int, header: bytes) -> AsyncIterator[int]:
    """A balancer that passes connections on to ``target``, with a header before them;
    the port it listens on."""
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connected(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # Until there are bytes of the client: then they leave with the header.
        first = await reader.read(65536)
        inner, outer = await asyncio.open_connection("127.0.0.1", target)
        outer.write(header + first)
        for task in (pump(reader, outer), pump(inner, writer)):
            made = asyncio.create_task(task)
            tasks.add(made)
            made.add_done_callback(tasks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        while tasks:
            await asyncio.wait_for(asyncio.wait(tasks), 2)


BEHIND = {"use_tcp_proxy": True, "trusted_proxies": (ip_network("127.0.0.0/8"),)}


@pytest.mark.parametrize("header", [V1, v2(), v2("2001:db8::7")])
def test_the_session_knows_where_the_client_is(tmp_path: Path, header: bytes) -> None:
    async def conversation(x: InProcess) -> None:
        async with proxy(x.acceptor.port, header) as port:
            client = await x.connect(port=port)
            await client.log_on()
            listed = await x.ask("sessions.list")
            peer = listed["sessions"][0]["peer"]
            assert peer in ("192.0.2.7:50000", "[2001:db8::7]:50000")
            client.order("A")
            await client.report("A")
            await client.close()

    run(tmp_path, conversation, listener=BEHIND)


@pytest.mark.parametrize(
    ("network", "good"), [("192.0.2.0/24", True), ("127.0.0.0/8", False)]
)
def test_allowed_addresses_are_those_of_clients(
    tmp_path: Path, network: str, good: bool
) -> None:
    """The balancer's own address says nothing of its client."""

    async def conversation(x: InProcess) -> None:
        async with proxy(x.acceptor.port, v2()) as port:
            client = await x.connect(port=port)
            if good:
                await client.log_on()
            else:
                client.say("35=A|98=0|108=30")
                assert await client.closed() == b""
                await x.disconnected(DisconnectReason.ADDRESS_NOT_ALLOWED)
            await client.close()

    allowed = (ip_network(network),)
    run(tmp_path, conversation, listener=BEHIND, allowed_remote_addresses=allowed)


def test_a_health_check_is_no_client(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.send(raw_v2(LOCAL, UNSPECIFIED, b""))
        await client.close()
        await x.disconnected(DisconnectReason.PEER_CLOSED)

    run(tmp_path, conversation, listener=BEHIND)


def test_byte_by_byte_over_a_socket(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        for byte in v2(extra=b"\x04\x00\x01x") + client.message("35=A|98=0|108=30"):
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        await client.hear("35=A|34=1|98=0|108=30")

    run(tmp_path, conversation, listener=BEHIND)


def test_who_is_not_trusted_is_not_believed(tmp_path: Path) -> None:
    listener = {**BEHIND, "trusted_proxies": (ip_network("10.0.0.0/8"),)}

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.send(V1)
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.ADDRESS_NOT_ALLOWED)

    run(tmp_path, conversation, listener=listener)


def test_a_header_is_not_expected_unless_configured(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.send(V1 + client.message("35=A|98=0|108=30"))
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.FIRST_MESSAGE_NOT_LOGON)

    run(tmp_path, conversation)


def test_a_header_that_does_not_end_is_not_waited_for(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.send(V1[:-2])
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.LOGON_TIMEOUT)

    run(tmp_path, conversation, listener=BEHIND, logon_timeout_s=0.1)
