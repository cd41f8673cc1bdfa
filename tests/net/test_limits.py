"""Every limit by its name: at it all is well, above it what was promised happens."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fixgw.net import connection, hosted
from fixgw.session import gap, replay
from fixgw.session.checks import HEART_BT_INT_S_MAX
from fixgw.session.reasons import DisconnectReason
from fixgw.wire.framing import MESSAGE_BYTES_MAX
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.sessions.conversation import ROOT, Conversation, build, read

FIELDS_MAX = 1024


def padded(client: Client, text: str, pad: str, size: int) -> bytes:
    """A message of exactly ``size`` bytes: ``pad`` is a field that is filled up."""
    seq = client.next_out
    data = client.message(f"{text}|{pad}=")
    for _ in range(3):
        client.next_out = seq
        filler = "x" * max(size - len(data), 1)
        found = client.message(f"{text}|{pad}={filler}")
        data = data if len(found) == size else data + b"x" * (len(found) - size)
        if len(found) == size:
            return found
    raise AssertionError(f"no message of {size} bytes")


def body_bytes(data: bytes) -> int:
    """BodyLength(9) of a message."""
    match = re.search(rb"\x019=(\d+)\x01", data)
    assert match is not None
    return int(match[1])


async def alive(client: Client, seq: int) -> None:
    """The session answers, and its next number is this."""
    client.say("35=1|112=alive")
    await client.hear(f"35=0|34={seq}|112=alive")


# -- messages --------------------------------------------------------------------------


@pytest.mark.parametrize("above", [0, 1])
def test_message_bytes_max(tmp_path: Path, above: int) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        seq = client.next_out
        # The message of the longest body has four more digits in BodyLength(9).
        short = len(client.message("35=1|112=")) + 3
        client.next_out = seq
        data = client.message(f"35=1|112={'x' * (MESSAGE_BYTES_MAX + above - short)}")
        assert len(data) == MESSAGE_BYTES_MAX + above
        client.send(data)
        if above:
            client.next_out = seq
            await alive(client, 2)
        else:
            echo = await client.hear("35=0|34=2|112=*")
            assert len(echo[112]) == MESSAGE_BYTES_MAX - short
            await alive(client, 3)

    run(tmp_path, conversation)


def test_message_bytes_max_holds_for_what_never_ends(tmp_path: Path) -> None:
    """No CheckSum(10) comes: what is kept of it stays bounded."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        (server,) = x.acceptor.connections
        most = 0
        client.send(b"8=FIX.4.4\x019=65000\x0135=1\x01112=")
        for _ in range(100):
            client.send(b"x" * 10_000)
            await client.writer.drain()
            await asyncio.sleep(0)
            most = max(most, server._framer.pending)
        assert most <= 4 * MESSAGE_BYTES_MAX + 256 * 1024
        await asyncio.sleep(0.02)
        client.send(b"\x01")
        await alive(client, 2)

    run(tmp_path, conversation)


@pytest.mark.parametrize("count", [FIELDS_MAX, FIELDS_MAX + 1])
def test_fields_max(tmp_path: Path, count: int) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        fields = "|".join(["58=x"] * (count - 9))  # 8, 9, 35, 34, 49, 56, 52, 112, 10
        data = client.message(f"35=1|112=many|{fields}")
        assert len(read(data)) == count
        client.send(data)
        if count > FIELDS_MAX:
            client.next_out -= 1
            await alive(client, 2)
        else:
            await client.hear("35=0|34=2|112=many")

    run(tmp_path, conversation, use_data_dictionary=False)


def test_fields_max_is_the_compiled_one() -> None:
    text = (ROOT / "fixgw" / "wire" / "framing.pxd").read_text()
    assert re.findall(r"FIELDS_MAX = (\d+)", text) == [str(FIELDS_MAX)]


def test_garbled_max(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        bad = b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01"
        client.send(bad * (connection.GARBLED_MAX - 1))
        await alive(client, 2)
        client.send(bad)
        await client.hear("35=5|34=3|58=Too many garbled messages")
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.GARBLED_LIMIT)

    run(tmp_path, conversation)


# -- before the Logon ------------------------------------------------------------------


@pytest.mark.parametrize("above", [0, 1])
def test_logon_bytes_max(tmp_path: Path, above: int) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        size = connection.LOGON_BYTES_MAX + above
        data = padded(client, "35=A|98=0|108=30", "58", size)
        assert len(data) == size
        client.send(data)
        if above:
            assert await client.closed() == b""
            await x.disconnected(DisconnectReason.LOGON_BYTES_EXCEEDED)
        else:
            await client.hear("35=A|34=1|98=0|108=30")

    run(tmp_path, conversation, use_data_dictionary=False)


def test_logon_bytes_max_in_small_pieces(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.send(b"8=FIX.4.4\x019=900\x0135=A\x0158=")
        for _ in range(20):
            client.send(b"x" * 100)
            await asyncio.sleep(0.001)
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.LOGON_BYTES_EXCEEDED)

    run(tmp_path, conversation)


def test_logon_timeout(tmp_path: Path) -> None:
    """Half a Logon does not put it off; a Logon in time ends it."""

    async def conversation(x: InProcess) -> None:
        slow, quick = await x.connect(), await x.connect("SELLER")
        await quick.log_on()
        await asyncio.sleep(0.05)
        slow.send(b"8=FIX.4.4\x019=70\x01")
        assert await slow.closed() == b""
        await x.disconnected(DisconnectReason.LOGON_TIMEOUT)
        await alive(quick, 2)

    run(tmp_path, conversation, logon_timeout_s=0.1)


def test_connections_max(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        first = await x.client()
        second = await x.connect("SELLER")
        third = await x.connect("SELLER")
        assert await third.closed() == b""
        await x.disconnected(DisconnectReason.CONNECTION_LIMIT)
        await second.log_on()
        await first.close()
        await until(lambda: len(x.acceptor.connections) == 1)
        await (await x.connect(next_out=2)).log_on()
        await alive(second, 2)

    run(tmp_path, conversation, connections_max=2)


def test_heart_bt_int_s_max(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        good, bad = await x.connect(), await x.connect("SELLER")
        await good.log_on(HEART_BT_INT_S_MAX)
        bad.say(f"35=A|98=0|108={HEART_BT_INT_S_MAX + 1}")
        await bad.hear("35=5|34=1|58=HeartBtInt(108) is above 3600")
        await x.disconnected(DisconnectReason.INVALID_LOGON)

    run(tmp_path, conversation)


# -- slow clients ----------------------------------------------------------------------


async def deaf(x: InProcess) -> socket.socket:
    """A logged-on client of BUYER that reads nothing and has little room."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await loop.sock_connect(sock, ("127.0.0.1", x.acceptor.port))
    head = {8: "FIX.4.4", 49: "BUYER", 56: "EXCHANGE", 52: "20260102-03:04:05"}
    await loop.sock_sendall(sock, build("35=A|34=1|98=0|108=0", head))
    await until(lambda: x.hosted().session.is_logged_on)
    return sock


def unsent(x: InProcess) -> int:
    """Bytes waiting in the gateway for BUYER."""
    server: Any = x.hosted().connection
    return server._transport.get_write_buffer_size() if server else 0


@contextmanager
def watched(x: InProcess) -> Iterator[list[int]]:
    """The sizes of BUYER's buffer after each write to it."""
    server: Any = x.hosted().connection
    write, sizes = server.write, [0]

    def watching(data: bytes) -> None:
        write(data)
        sizes.append(server._transport.get_write_buffer_size())

    server.write = watching
    yield sizes


def test_send_buffer_bytes_max(tmp_path: Path) -> None:
    """A client that does not read is cut, the others trade on."""

    async def conversation(x: InProcess) -> None:
        seller = await x.client("SELLER")
        sock = await deaf(x)
        with watched(x) as sizes:
            for turn in range(400):
                x.send("BUYER", f"35=B|148={'x' * 60_000}")
                await asyncio.sleep(0)
                if turn == 5:
                    seller.order("A")
                    await seller.report("A")
                if x.hosted().connection is None:
                    break
        await x.disconnected(DisconnectReason.SLOW_CONSUMER)
        assert max(sizes) > connection.SEND_BUFFER_BYTES_MAX / 2
        assert sorted(sizes)[-2] <= connection.SEND_BUFFER_BYTES_MAX
        seller.order("B")
        await seller.report("B")
        sock.close()

    run(tmp_path, conversation)


def test_send_stall_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SEND_STALL_S", 0.2)

    async def conversation(x: InProcess) -> None:
        seller = await x.client("SELLER")
        sock = await deaf(x)
        while unsent(x) < 200_000:
            x.send("BUYER", f"35=B|148={'x' * 60_000}")
            await asyncio.sleep(0.001)
        await x.disconnected(DisconnectReason.SLOW_CONSUMER)
        await alive(seller, 2)
        sock.close()

    run(tmp_path, conversation)


def test_send_stall_s_spares_a_slow_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Progress, however slow, is progress; and so is having nothing to read."""
    monkeypatch.setattr(connection, "SEND_STALL_S", 1.5)

    async def conversation(x: InProcess) -> None:
        await x.client("SELLER")
        sock = await deaf(x)
        loop = asyncio.get_running_loop()
        while unsent(x) < 1_500_000:
            x.send("BUYER", f"35=B|148={'x' * 60_000}")
            await asyncio.sleep(0.001)
        for _ in range(12):
            for _ in range(20):
                await loop.sock_recv(sock, 65536)
            await asyncio.sleep(0.2)
        assert x.gateway.disconnects.total() == 0
        sock.close()

    run(tmp_path, conversation)


def test_replay_buffer_bytes_and_replay_slice_bytes(tmp_path: Path) -> None:
    """A huge resend waits for its reader, and costs no more than its buffers."""
    messages, size = 1500, 8_000

    async def conversation(x: InProcess) -> None:
        seller = await x.client("SELLER")
        for number in range(messages):
            x.send("BUYER", f"35=B|148={number:06}{'x' * size}")
            await asyncio.sleep(0)
        buyer = await x.connect()
        await buyer.log_on(0)
        assert len(x.hosted()._writes) == 0
        with watched(x) as sizes:
            buyer.say("35=2|7=1|16=0")
            await asyncio.sleep(0.1)
            seller.order("A")
            await seller.report("A")
            x.send("BUYER", "35=B|148=live")
            seen = []
            while True:
                message = dict(await buyer.next())
                if message[35] == "B":
                    seen.append(message[148][:6])
                if message.get(148) == "live":
                    break
        assert seen == [f"{number:06}" for number in range(messages)] + ["live"]
        slices = hosted.REPLAY_SLICE_BYTES + size + 1000
        assert max(sizes) <= connection.REPLAY_BUFFER_BYTES + slices
        assert max(sizes) * 8 < messages * size

    run(tmp_path, conversation)


def test_replay_buffer_bytes_stops_reading_for_a_client_that_does_not(
    tmp_path: Path,
) -> None:
    async def conversation(x: InProcess) -> None:
        for _ in range(400):
            x.send("BUYER", f"35=B|148={'x' * 50_000}")
            await asyncio.sleep(0)
        sock = await deaf(x)
        head = {8: "FIX.4.4", 49: "BUYER", 56: "EXCHANGE", 52: "20260102-03:04:05"}
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, build("35=2|34=2|7=1|16=0", head))
        await until(lambda: unsent(x) > connection.REPLAY_BUFFER_BYTES)
        reads = 0
        outbox: Any = x.outbox
        read_rows = outbox.read

        def counting(*args: Any) -> Any:
            nonlocal reads
            reads += 1
            return read_rows(*args)

        outbox.read = counting
        await asyncio.sleep(0.3)
        assert reads == 0
        slices = hosted.REPLAY_SLICE_BYTES + 51_000
        assert unsent(x) <= connection.REPLAY_BUFFER_BYTES + slices
        assert x.gateway.disconnects.total() == 0
        sock.close()

    run(tmp_path, conversation)


# -- gaps and replays ------------------------------------------------------------------


def fill(c: Conversation, begin: int, end: int) -> None:
    """The client sends these orders again."""
    for seq in range(begin, end + 1):
        c.again(seq)


def test_early_messages_max(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it nothing is kept, and nothing is lost: it is asked for again."""
    monkeypatch.setattr(gap, "EARLY_MESSAGES_MAX", 5)
    c = Conversation().log_on()
    for seq in range(4, 14):
        c.order(seq)
    c.expect_only("35=2|34=2|7=2|16=0")
    fill(c, 2, 3)
    assert c.app.numbers == list(range(2, 9))
    assert c.next_in == 9
    c.order(14)
    c.expect_only("35=2|34=3|7=9|16=0")
    fill(c, 9, 13)
    assert c.app.numbers == list(range(2, 15))


def test_early_bytes_max(monkeypatch: pytest.MonkeyPatch) -> None:
    c = Conversation().log_on()
    c.order(2)
    size = len(c.app.messages[0].raw)
    monkeypatch.setattr(gap, "EARLY_BYTES_MAX", 3 * size)
    for seq in range(4, 9):
        c.order(seq)
    c.forget()
    c.again(3)
    assert c.app.numbers == list(range(2, 7))
    c.order(9)
    c.expect_only("35=2|34=3|7=7|16=0")
    fill(c, 7, 8)
    assert c.app.numbers == list(range(2, 10))


@pytest.mark.parametrize("way", ["reset", "gap fill"])
def test_early_messages_max_counts_no_ghosts(
    monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Early messages that were jumped over are gone and take no room."""
    monkeypatch.setattr(gap, "EARLY_MESSAGES_MAX", 5)
    c = Conversation().log_on()
    for seq in range(4, 9):
        c.order(seq)
    if way == "reset":
        c.client("35=4|34=9|36=20")
    else:
        c.gap_fill(2, 20)
    assert c.next_in == 20
    c.forget()
    c.order(21)
    c.expect_only("35=2|34=3|7=20|16=0")
    c.again(20)
    assert c.app.numbers == [20, 21]


def test_early_messages_are_gone_with_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gap, "EARLY_MESSAGES_MAX", 5)
    c = Conversation().log_on()
    for seq in range(4, 9):
        c.order(seq)
    c.lose()
    c.forget()
    c.client("35=A|34=9|98=0|108=30")
    c.forget()
    c.order(10)
    fill(c, 2, 8)
    assert c.app.numbers == [*range(2, 9), 10]


def test_alike_requests_max() -> None:
    c = Conversation().log_on(0)
    c.order(5)
    for seq in range(2, 2 + gap.ALIKE_REQUESTS_MAX):
        c.expect_only(f"35=2|34={seq}|7=2|16=0")
        c.after(10)
        if seq < 1 + gap.ALIKE_REQUESTS_MAX:
            assert c.closed is None
    c.expect("35=5|34=5|58=*")
    c.expect_closed(DisconnectReason.RESEND_UNANSWERED)


def test_alike_requests_max_counts_anew_after_progress() -> None:
    c = Conversation().log_on(0)
    c.order(6)
    c.after(20)
    c.again(2)
    c.after(20)
    c.again(3)
    c.after(20)
    assert c.closed is None
    fill(c, 4, 5)
    assert c.next_in == 7


def test_pending_requests_max() -> None:
    c = Conversation(automatic=False, slice_messages=1).log_on()
    for number in range(10):
        c.send(f"35=8|37={number}")
    c.forget()
    wanted = 1 + replay.PENDING_REQUESTS_MAX
    for number in range(wanted + 3):
        c.client(f"35=2|34={2 + number}|7={2 + number}|16={2 + number}")
    while c.replay_slice():
        pass
    served = [dict(read(data))[34] for data in c.wire]
    assert served == [str(2 + number) for number in range(wanted)]
    assert c.next_in == 2 + wanted + 3
    c.forget()
    c.client(f"35=2|34={c.next_in}|7=9|16=9")
    c.replay_slice()
    c.expect_only("35=8|34=9|43=Y|122=*|37=7")
