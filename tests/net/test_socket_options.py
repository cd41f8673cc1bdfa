"""The socket keys of sessions.cfg reach the sockets."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from fixgw.net.acceptor import Acceptor
from fixgw.net.gateway import Gateway
from fixgw.session.settings import AcceptorSettings, parse
from fixgw.store import Outbox

CONFIG = """[DEFAULT]
ConnectionType=acceptor
SocketAcceptHost=127.0.0.1
SocketAcceptPort=0
BeginString=FIX.4.4
SenderCompID=EXCHANGE
NonStopSession=Y
[SESSION]
TargetCompID=BUYER
"""


async def options(settings: AcceptorSettings, folder: Path) -> tuple[int, int, int]:
    """TCP_NODELAY, SO_KEEPALIVE and SO_RCVBUF of an accepted connection."""
    outbox = Outbox(folder, 0)
    gateway = Gateway(0, outbox, lambda: 1, lambda error: None)
    acceptor = Acceptor(gateway, settings, 10)
    await acceptor.listen()
    _, writer = await asyncio.open_connection("127.0.0.1", acceptor.port)
    while not acceptor.connections:
        await asyncio.sleep(0.01)
    (connection,) = acceptor.connections
    assert connection._transport is not None
    sock = connection._transport.get_extra_info("socket")
    found = (
        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
    )
    writer.close()
    await acceptor.close()
    outbox.close()
    return found


@pytest.mark.parametrize("on", [False, True])
def test_socket_options(tmp_path: Path, on: bool) -> None:
    settings = replace(
        parse(CONFIG, "sessions.cfg"),
        no_delay=on,
        keep_alive=on,
        receive_buffer_bytes=20_000,
    )
    no_delay, keep_alive, receive = asyncio.run(options(settings, tmp_path))
    assert (bool(no_delay), bool(keep_alive)) == (on, on)
    assert receive == 40_000  # the kernel doubles what it is asked for
