"""Every limit by its name: at it all is well, above it what was promised happens."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fixgw.net import arrival, connection, hosted
from fixgw.session import gap, resendlimits
from fixgw.session.keys import KEYS
from fixgw.session.reasons import DisconnectReason
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.sessions.conversation import Conversation, build, read

HEART_BT_INT_S_MAX = 3600


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


async def alive(client: Client, seq: int) -> None:
    """The session answers, and its next number is this."""
    client.say("35=1|112=alive")
    await client.hear(f"35=0|34={seq}|112=alive")


# -- messages --------------------------------------------------------------------------


BYTES_MAX, FIELDS_MAX = 5_000, 40


@pytest.mark.parametrize("above", [0, 1])
def test_message_bytes_max(tmp_path: Path, above: int) -> None:
    """One byte more ends the connection: it would be sent again for ever."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        data = padded(client, "35=1", "112", BYTES_MAX + above)
        client.send(data)
        if above:
            told = "Message too large: 5001 bytes, 5000 are allowed"
            assert (await client.hear("35=5|34=2|58=*"))[58] == told
            assert await client.closed() == b""
            await x.disconnected(DisconnectReason.MESSAGE_TOO_LARGE)
            assert x.hosted().session.numbers.next_in == 2
        else:
            await client.hear("35=0|34=2|112=*")
            await alive(client, 3)

    run(tmp_path, conversation, message_bytes_max=BYTES_MAX)


def test_message_bytes_max_holds_for_what_never_ends(tmp_path: Path) -> None:
    """It is not waited for: what is kept of it stays bounded."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        (server,) = x.acceptor.connections
        most = 0
        client.send(b"8=FIX.4.4\x019=9000000\x0135=1\x01112=")
        while not x.gateway.disconnects:
            client.send(b"x" * 10_000)
            await asyncio.sleep(0)
            most = max(most, server._framer.pending)
        await client.hear("35=5|34=2|58=*")
        await x.disconnected(DisconnectReason.MESSAGE_TOO_LARGE)
        assert most <= BYTES_MAX + 256 * 1024

    run(tmp_path, conversation, message_bytes_max=BYTES_MAX)


@pytest.mark.parametrize("length", ["99999999", "999999999", "0", "-1", "1e5", "x"])
def test_a_length_that_nobody_means(tmp_path: Path, length: str) -> None:
    """It is garbled, and the next good message is read."""

    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.send(f"8=FIX.4.4\x019={length}\x0135=1\x01112=a\x0110=000\x01".encode())
        await alive(client, 2)
        assert x.gateway.figures.garbled >= 1
        assert x.gateway.disconnects.total() == 0

    run(tmp_path, conversation, message_bytes_max=BYTES_MAX)


def test_claimed_max_is_what_can_be_configured() -> None:
    assert KEYS["MessageBytesMax"].high == connection.CLAIMED_BYTES_MAX
    assert KEYS["MessageFieldsMax"].high == connection.CLAIMED_FIELDS_MAX


@pytest.mark.parametrize("count", [FIELDS_MAX, FIELDS_MAX + 1])
def test_message_fields_max(tmp_path: Path, count: int) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        fields = "|".join(["58=x"] * (count - 9))  # 8, 9, 35, 34, 49, 56, 52, 112, 10
        data = client.message(f"35=1|112=many|{fields}")
        assert len(read(data)) == count
        client.send(data)
        if count > FIELDS_MAX:
            told = "Message too large: 41 fields, 40 are allowed"
            assert (await client.hear("35=5|34=2|58=*"))[58] == told
            assert await client.closed() == b""
            await x.disconnected(DisconnectReason.MESSAGE_TOO_LARGE)
        else:
            await client.hear("35=0|34=2|112=many")

    settings = {"use_data_dictionary": False, "message_fields_max": FIELDS_MAX}
    run(tmp_path, conversation, **settings)


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
        size = arrival.LOGON_BYTES_MAX + above
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

    run(tmp_path, conversation, logon_timeout_s=1.0)


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


SLOW_BYTES = 2 * 1024 * 1024


def test_slow_consumer_bytes_max(tmp_path: Path) -> None:
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
        assert max(sizes) > SLOW_BYTES / 2
        assert sorted(sizes)[-2] <= SLOW_BYTES
        seller.order("B")
        await seller.report("B")
        sock.close()

    run(tmp_path, conversation, slow_consumer_bytes_max=SLOW_BYTES)


def test_slow_consumer_s_max(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        seller = await x.client("SELLER")
        sock = await deaf(x)
        while unsent(x) < 200_000:
            x.send("BUYER", f"35=B|148={'x' * 60_000}")
            await asyncio.sleep(0.001)
        await x.disconnected(DisconnectReason.SLOW_CONSUMER)
        await alive(seller, 2)
        sock.close()

    run(tmp_path, conversation, slow_consumer_s_max=0.2)


def test_slow_consumer_s_max_spares_a_slow_reader(tmp_path: Path) -> None:
    """Progress, however slow, is progress; and so is having nothing to read."""

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

    run(tmp_path, conversation, slow_consumer_s_max=1.5)


def test_slow_consumer_s_max_may_be_off(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        sock = await deaf(x)
        x.send("BUYER", f"35=B|148={'x' * 8_000_000}")
        await until(lambda: unsent(x) > 1_000_000)
        (server,) = x.acceptor.connections
        for seconds in (0, 1_000, 1_000_000):
            server.check_progress(asyncio.get_running_loop().time() + seconds)
        await asyncio.sleep(0.01)
        assert x.gateway.disconnects.total() == 0
        sock.close()

    limits = {"slow_consumer_s_max": 0.0, "slow_consumer_bytes_max": 16_000_000}
    run(tmp_path, conversation, **limits)


def test_slow_consumer_s_max_that_is_off_keeps_no_session_for_ever(
    tmp_path: Path,
) -> None:
    """Its connection is to be closed, and the client does not read what it is told."""

    async def conversation(x: InProcess) -> None:
        sock = await deaf(x)
        x.send("BUYER", f"35=B|148={'x' * 8_000_000}")
        await until(lambda: unsent(x) > 1_000_000)
        (server,) = x.acceptor.connections
        server.finish(DisconnectReason.HEARTBEAT_TIMEOUT, "")
        start = asyncio.get_running_loop().time()
        server.check_progress(start)
        server.check_progress(start + connection.READ_STALL_S - 1)
        assert x.hosted().connection is server
        server.check_progress(start + connection.READ_STALL_S + 1)
        await x.disconnected(DisconnectReason.HEARTBEAT_TIMEOUT)
        assert x.hosted().connection is None
        sock.close()

    limits = {"slow_consumer_s_max": 0.0, "slow_consumer_bytes_max": 16_000_000}
    run(tmp_path, conversation, **limits)


def test_slow_consumer_s_max_that_is_off_keeps_nobody_who_has_gone(
    tmp_path: Path,
) -> None:
    """The client has closed its side, and does not read what was on its way."""

    async def conversation(x: InProcess) -> None:
        sock = await deaf(x)
        x.send("BUYER", f"35=B|148={'x' * 8_000_000}")
        await until(lambda: unsent(x) > 1_000_000)
        (server,) = x.acceptor.connections
        sock.shutdown(socket.SHUT_WR)
        await until(lambda: server.is_ending)
        start = asyncio.get_running_loop().time()
        server.check_progress(start)
        server.check_progress(start + connection.READ_STALL_S + 1)
        await x.disconnected(DisconnectReason.SLOW_CONSUMER)
        sock.close()

    limits = {"slow_consumer_s_max": 0.0, "slow_consumer_bytes_max": 16_000_000}
    run(tmp_path, conversation, **limits)


def test_read_stall_s(tmp_path: Path) -> None:
    """Who is refused, and does not even read that, does not stay."""

    async def conversation(x: InProcess) -> None:
        await x.connect()
        await until(lambda: len(x.acceptor.connections) == 1)
        (server,) = x.acceptor.connections
        assert server._transport is not None
        server._transport.write(b"x" * 10_000_000)
        server.finish(DisconnectReason.UNKNOWN_SESSION, "")
        start = asyncio.get_running_loop().time()
        server.check_progress(start)
        server.check_progress(start + connection.READ_STALL_S - 1)
        assert len(x.acceptor.connections) == 1
        server.check_progress(start + connection.READ_STALL_S + 1)
        await x.disconnected(DisconnectReason.UNKNOWN_SESSION)

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


def test_a_replay_alone_makes_no_client_slow(tmp_path: Path) -> None:
    """With the lowest SlowConsumerBytes there can be, and many small messages: they
    grow when they are sent again."""
    messages = 20_000

    async def conversation(x: InProcess) -> None:
        for number in range(messages):
            x.send("BUYER", f"35=B|148={number}")
        await asyncio.sleep(0)
        sock = await deaf(x)
        head = {8: "FIX.4.4", 49: "BUYER", 56: "EXCHANGE", 52: "20260102-03:04:05"}
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, build("35=2|34=2|7=1|16=0", head))
        await asyncio.sleep(0.2)
        seen = b""
        while b"\x01148=%d\x01" % (messages - 1) not in seen:
            seen = seen[-100:] + await loop.sock_recv(sock, 20_000)
        assert x.gateway.disconnects.total() == 0
        sock.close()

    lowest = KEYS["SlowConsumerBytes"].low
    small = {"send_buffer_bytes": 4096}
    run(tmp_path, conversation, slow_consumer_bytes_max=lowest, listener=small)


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
    wanted = 1 + resendlimits.PENDING_REQUESTS_MAX
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
