"""Bytes that no client sends, to a listener with everything before the session: PROXY
header, TLS, a password. Each connection ends for a reason of its own, none of them an
error of ours, and nobody else notices."""

from __future__ import annotations

import asyncio
import random
import ssl
from pathlib import Path

import pytest

from fixgw.session.credentials import Credentials
from fixgw.session.policies import Authentication
from fixgw.session.reasons import DisconnectReason
from tests.net.certificates import Authority
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.net.test_authentication import HASHED
from tests.net.test_proxyprotocol import BEHIND, V1, v2

CREDENTIALS = Credentials.parse(
    "".join(f'[{name}]\npassword = "{HASHED}"\n' for name in ("BUYER", "SELLER")),
    "test",
)
CONNECTIONS = 60
EXPECTED = {
    DisconnectReason.PEER_CLOSED,
    DisconnectReason.LOGON_TIMEOUT,
    DisconnectReason.LOGON_BYTES_EXCEEDED,
    DisconnectReason.FIRST_MESSAGE_NOT_LOGON,
    DisconnectReason.UNKNOWN_SESSION,
    DisconnectReason.AUTHENTICATION_FAILED,
    DisconnectReason.PROXY_HEADER_WRONG,
    DisconnectReason.TLS_FAILED,
}


def hello(context: ssl.SSLContext) -> bytes:
    """The first bytes of a client's handshake."""
    outgoing = ssl.MemoryBIO()
    side = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        side.do_handshake()
    return outgoing.read()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """With some bytes changed, left out, doubled, or random ones between them."""
    found = bytearray(data)
    for _ in range(chance.randint(0, 6)):
        at = chance.randrange(len(found) + 1)
        match chance.randrange(4):
            case 0:
                found[at : at + 1] = chance.randbytes(1)
            case 1:
                del found[at : at + chance.randint(1, 20)]
            case 2:
                found[at:at] = found[at : at + 30]
            case _:
                found[at:at] = chance.randbytes(chance.randint(1, 300))
    return bytes(found)


async def attack(client: Client, data: bytes, chance: random.Random) -> None:
    """In pieces, and then gone."""
    while data:
        size = chance.choice([1, 7, 100, 5000])
        client.send(data[:size])
        data = data[size:]
        await asyncio.sleep(0)
    if chance.random() < 0.5:
        await client.closed()
    await client.close()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("layers", ["proxy and tls", "proxy", "none"])
def test_bytes_that_no_client_sends(tmp_path: Path, layers: str, seed: int) -> None:
    chance = random.Random(f"{layers} {seed}")
    ca = Authority(tmp_path / "tls")
    listener: dict[str, object] = {"logon_failures_max": 0}
    if "proxy" in layers:
        listener |= BEHIND
    if "tls" in layers:
        listener |= {"tls": ca.settings()}
    beginnings = [V1, v2(), b""] if "proxy" in layers else [b""]

    async def good(x: InProcess) -> Client:
        client = await x.connect("SELLER")
        if "proxy" in layers:
            client.send(v2("::1"))
        if "tls" in layers:
            await client.writer.start_tls(ca.client(), server_hostname="localhost")
        await client.log_on(extra="554=right")
        return client

    async def conversation(x: InProcess) -> None:
        client = await good(x)
        # For those that come from now on: some of them send half a Logon.
        x.acceptor._entrance.logon_timeout_s = 0.5
        attacks = []
        for _ in range(CONNECTIONS):
            bad = await x.connect(chance.choice(["BUYER", "STRANGER"]))
            logon = bad.message("35=A|98=0|108=30|554=wrong")
            second = hello(ca.client()) if "tls" in layers else logon
            data = mutated(chance.choice(beginnings) + second * 2, chance)
            attacks.append(attack(bad, data, chance))
        await asyncio.gather(*attacks)
        await until(lambda: len(x.acceptor.connections) == 1)
        assert x.gateway.disconnects.keys() <= EXPECTED
        assert len(x.gateway.disconnects) > 1
        assert x.gateway.disconnects.total() == CONNECTIONS
        assert x.hosted().session.numbers.next_in == 1
        client.say("35=1|112=alive")
        await client.hear("35=0|34=2|112=alive")

    run(
        tmp_path,
        conversation,
        credentials=CREDENTIALS,
        authentication=Authentication.PASSWORD,
        listener=listener,
    )
