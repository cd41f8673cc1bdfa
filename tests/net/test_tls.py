"""TLS of the listener: what it demands of files and of clients, and that nothing else
changes by it. Certificates are of an authority of the tests' own."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fixgw.net import acceptor, tls
from fixgw.net.tls import (
    Certificates,
    TlsFailed,
    TlsStream,
    TlsUnusable,
    make_context,
)
from fixgw.session.policies import Authentication, TlsSettings
from fixgw.session.reasons import DisconnectReason
from tests.net.certificates import Authority
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.net.test_proxyprotocol import BEHIND, V1, proxy, v2


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "tls")


def listening(settings: TlsSettings, **more: Any) -> dict[str, Any]:
    return {"listener": {"tls": settings, **more}}


async def refused(x: InProcess, client: Client, reason: DisconnectReason) -> None:
    """The Logon is not answered, and that is why."""
    client.say("35=A|98=0|108=30")
    assert b"35=" not in await client.closed()
    await x.disconnected(reason)


# -- who may log on --------------------------------------------------------------------


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_session_over_tls(tmp_path: Path, ca: Authority, version: str) -> None:
    async def conversation(x: InProcess) -> None:
        context = ca.client()
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        client = await x.connect(tls=context)
        await client.log_on()
        client.order("A")
        await client.report("A")
        client.say("35=5")
        await client.hear("35=5|34=3")
        await client.close()
        await x.disconnected(DisconnectReason.LOGOUT_COMPLETE)

    run(tmp_path, conversation, **listening(ca.settings()))


def test_plain_and_encrypted_say_the_same(tmp_path: Path, ca: Authority) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect(tls=ca.client() if x.settings.tls else None)
        await client.log_on()
        for size in (10, 50_000, 10):
            text = "x" * size
            client.say(f"35=1|112={text}")
            assert (await client.hear("35=0|34=*|112=*"))[112] == text
        for byte in client.message("35=1|112=pieces"):
            client.send(bytes([byte]))
            await asyncio.sleep(0)
        await client.hear("35=0|34=5|112=pieces")

    run(tmp_path / "plain", conversation)
    run(tmp_path / "tls-1", conversation, **listening(ca.settings()))


def test_the_minimum_version(tmp_path: Path, ca: Authority) -> None:
    async def conversation(x: InProcess) -> None:
        context = ca.client()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            await x.connect(tls=context)
        await x.disconnected(DisconnectReason.TLS_FAILED)
        await (await x.connect(tls=ca.client())).log_on()

    settings = ca.settings(minimum_version="TLSv1.3")
    run(tmp_path, conversation, **listening(settings))


def test_a_certificate_is_demanded(tmp_path: Path, ca: Authority) -> None:
    async def conversation(x: InProcess) -> None:
        await refused(x, await x.connect(tls=ca.client()), DisconnectReason.TLS_FAILED)
        client = await x.connect(tls=ca.client(ca.issue("anybody")))
        await client.log_on()

    run(tmp_path, conversation, **listening(ca.settings(clients=True)))


@pytest.mark.parametrize("why", ["another CA", "expired", "revoked"])
def test_a_certificate_that_is_not_believed(
    tmp_path: Path, ca: Authority, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    if why == "another CA":
        shown = Authority(tmp_path / "other", "Other CA").issue("BUYER")
    else:
        shown = ca.issue("BUYER", days=-1 if why == "expired" else 365)
    good = ca.issue("SELLER")
    crl = ca.revoke("BUYER") if why == "revoked" else ca.revoke()

    async def conversation(x: InProcess) -> None:
        bad = await x.connect(tls=ca.client(shown))
        await refused(x, bad, DisconnectReason.TLS_FAILED)
        await (await x.connect("SELLER", tls=ca.client(good))).log_on()

    with caplog.at_level("INFO"):
        settings = ca.settings(clients=True, crl_file=str(crl))
        run(tmp_path, conversation, **listening(settings))
    word = {"another CA": "self-signed", "expired": "expired", "revoked": "revoked"}
    (told,) = [r.message for r in caplog.records if "is refused" in r.message]
    assert word[why] in told or "issuer" in told


@pytest.mark.parametrize("kind", ["CN", "DNS", "URI", "email"])
def test_a_certificate_bound_to_the_comp_ids(
    tmp_path: Path, ca: Authority, kind: str
) -> None:
    names = {
        "CN": "desk",
        "DNS": "fix.buyer.test",
        "URI": "spiffe://buyer.test/desk",
        "email": "desk@buyer.test",
    }
    shown = ca.issue(
        "desk",
        x509.DNSName(names["DNS"]),
        x509.UniformResourceIdentifier(names["URI"]),
        x509.RFC822Name(names["email"]),
    )

    async def conversation(x: InProcess) -> None:
        stranger = await x.connect(tls=ca.client(ca.issue("stranger")))
        await refused(x, stranger, DisconnectReason.CERTIFICATE_NOT_BOUND)
        assert x.hosted().session.numbers.next_out == 1
        client = await x.connect(tls=ca.client(shown))
        await client.log_on()

    run(
        tmp_path,
        conversation,
        client_certificate_names=("somebody", names[kind]),
        **listening(ca.settings(clients=True)),
    )


def test_a_certificate_may_be_asked_for_and_left_out(
    tmp_path: Path, ca: Authority
) -> None:
    """Sessions bound to one and others on the same port."""

    async def conversation(x: InProcess) -> None:
        client = await x.connect(tls=ca.client())
        await client.log_on()

    settings = ca.settings(ca_file=str(ca.ca))
    run(tmp_path, conversation, **listening(settings))

    async def bound(x: InProcess) -> None:
        client = await x.connect(tls=ca.client())
        await refused(x, client, DisconnectReason.CERTIFICATE_NOT_BOUND)

    run(
        tmp_path / "bound",
        bound,
        client_certificate_names=("desk",),
        **listening(settings),
    )


def test_the_certificate_is_all_the_authentication_there_is(
    tmp_path: Path, ca: Authority
) -> None:
    """Without names of its own a session wants its TargetCompID in the certificate."""

    async def conversation(x: InProcess) -> None:
        seller = ca.client(ca.issue("SELLER"))
        await refused(
            x, await x.connect(tls=seller), DisconnectReason.CERTIFICATE_NOT_BOUND
        )
        await (await x.connect("SELLER", tls=seller)).log_on()

    run(
        tmp_path,
        conversation,
        authentication=Authentication.CERTIFICATE,
        **listening(ca.settings(clients=True)),
    )


@pytest.mark.parametrize("good", [True, False])
def test_allowed_addresses_hold_over_tls(
    tmp_path: Path, ca: Authority, good: bool
) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect(tls=ca.client())
        if good:
            await client.log_on()
        else:
            await refused(x, client, DisconnectReason.ADDRESS_NOT_ALLOWED)

    allowed = ip_network("127.0.0.0/8" if good else "10.0.0.0/8")
    run(
        tmp_path,
        conversation,
        allowed_remote_addresses=(allowed,),
        **listening(ca.settings()),
    )


# -- behind a balancer -----------------------------------------------------------------


@pytest.mark.parametrize("header", [V1, v2()])
def test_a_proxy_header_comes_before_the_handshake(
    tmp_path: Path, ca: Authority, header: bytes
) -> None:
    """In the same bytes as the beginning of the handshake."""

    async def conversation(x: InProcess) -> None:
        async with proxy(x.acceptor.port, header) as port:
            client = await x.connect(port=port, tls=ca.client(ca.issue("BUYER")))
            await client.log_on()
            listed = await x.ask("sessions.list")
            assert listed["sessions"][0]["peer"] == "192.0.2.7:50000"
            client.order("A")
            await client.report("A")
            await client.close()

    run(
        tmp_path,
        conversation,
        client_certificate_names=("BUYER",),
        allowed_remote_addresses=(ip_network("192.0.2.0/24"),),
        **listening(ca.settings(clients=True), **BEHIND),
    )


def test_header_and_handshake_byte_by_byte(tmp_path: Path, ca: Authority) -> None:
    """The client's side is driven by hand, so that every byte is a read of its own."""

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        side = ca.client().wrap_bio(incoming, outgoing, server_hostname="localhost")

        async def leave(data: bytes) -> None:
            for byte in data:
                client.send(bytes([byte]))
                await asyncio.sleep(0)

        await leave(v2())
        while True:
            try:
                side.do_handshake()
                break
            except ssl.SSLWantReadError:
                await leave(outgoing.read())
                incoming.write(await asyncio.wait_for(client.reader.read(65536), 20))
        side.write(client.message("35=A|98=0|108=30"))
        await leave(outgoing.read())
        answer = b""
        while b"\x0110=" not in answer:
            incoming.write(await asyncio.wait_for(client.reader.read(65536), 20))
            answer += side.read(65536)
        assert b"\x0135=A\x01" in answer

    run(tmp_path, conversation, **listening(ca.settings(), **BEHIND))


# -- limits ----------------------------------------------------------------------------


def test_the_handshake_is_within_the_logon_timeout(
    tmp_path: Path, ca: Authority
) -> None:
    async def conversation(x: InProcess) -> None:
        silent = await x.connect()
        assert await silent.closed() == b""
        await x.disconnected(DisconnectReason.LOGON_TIMEOUT)
        begun = await x.connect(tls=ca.client())
        assert await begun.closed() == b""
        await x.disconnected(DisconnectReason.LOGON_TIMEOUT, 2)

    run(tmp_path, conversation, logon_timeout_s=1.0, **listening(ca.settings()))


def test_handshake_bytes_max(ca: Authority) -> None:
    """A hello that never ends, in records that are well-formed."""
    stream = TlsStream(make_context(ca.settings()))
    hello = b"\x01\x01\xff\xff" + b"\x03\x03" + bytes(16_000 - 6)
    record = b"\x16\x03\x01" + len(hello).to_bytes(2, "big") + hello
    for _ in range(tls.HANDSHAKE_BYTES_MAX // len(record)):
        assert stream.receive(record) == b""
    with pytest.raises(TlsFailed, match="does not end"):
        stream.receive(record)


def test_logon_bytes_max_holds_for_what_is_encrypted(
    tmp_path: Path, ca: Authority
) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect(tls=ca.client())
        client.send(b"8=FIX.4.4\x019=3000\x0135=A\x01" + b"58=" + b"x" * 2000)
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.LOGON_BYTES_EXCEEDED)

    run(tmp_path, conversation, **listening(ca.settings()))


def test_a_client_that_does_not_read(tmp_path: Path, ca: Authority) -> None:
    """What waits for it is counted as without TLS, and others trade on."""

    async def conversation(x: InProcess) -> None:
        client = await x.connect(tls=ca.client())
        await client.log_on(0)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(200):
            x.send("BUYER", f"35=B|148={'x' * 100_000}")
            await asyncio.sleep(0)
            if x.hosted().connection is None:
                break
        await x.disconnected(DisconnectReason.SLOW_CONSUMER)
        seller = await x.connect("SELLER", tls=ca.client())
        await seller.log_on()

    run(
        tmp_path,
        conversation,
        slow_consumer_bytes_max=500_000,
        **listening(ca.settings()),
    )


def test_the_handshake_is_not_begun_anew(tmp_path: Path, ca: Authority) -> None:
    """Renegotiation costs the server more than the client; and no ticket is given, so
    that a certificate is looked at each time."""
    context = make_context(ca.settings(clients=True))
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_TICKET

    async def conversation(x: InProcess) -> None:
        client = await x.connect(tls=ca.client())
        await client.log_on()
        side: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
        assert side.session is None or not side.session.has_ticket

    run(tmp_path, conversation, **listening(ca.settings()))


# -- files -----------------------------------------------------------------------------


def unusable(settings: TlsSettings) -> str:
    with pytest.raises(TlsUnusable) as error:
        make_context(settings)
    return str(error.value)


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("ServerCertificateFile", "certificate_file"),
        ("ServerCertificateKeyFile", "key_file"),
        ("CertificationAuthoritiesFile", "ca_file"),
        ("CertificateRevocationListFile", "crl_file"),
    ],
)
def test_a_file_that_cannot_be_used(ca: Authority, key: str, field: str) -> None:
    """The message names key and file, and says what to do."""
    good: dict[str, object] = {"ca_file": str(ca.ca), "crl_file": str(ca.revoke())}
    path = ca.folder / "that.pem"
    good[field] = str(path)
    told = unusable(ca.settings(**good))
    assert told.startswith(f"{key} {path}: No such file")
    assert "readable" in told
    path.write_text("hello")
    told = unusable(ca.settings(**good))
    assert told.startswith(f"{key} {path}: there is no")
    assert "PEM" in told


def test_a_key_of_another_certificate(ca: Authority) -> None:
    told = unusable(ca.settings(key_file=str(ca.issue("other"))))
    assert "belongs to another certificate" in told
    assert "other.pem" in told


def test_a_key_with_a_password(ca: Authority) -> None:
    """Nobody is asked for it on a terminal."""
    path = ca.folder / "locked.pem"
    path.write_bytes(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"hush"),
        )
    )
    told = unusable(ca.settings(key_file=str(path)))
    assert "encrypted" in told
    assert "openssl pkey" in told


@pytest.mark.parametrize("file", ["certificate_file", "ca_file"])
def test_a_file_with_damage(ca: Authority, file: str) -> None:
    path = ca.folder / "torn.pem"
    text = ca.server().read_text()
    path.write_text(text.replace("MI", "M!", 1))
    told = unusable(ca.settings(**{file: str(path)}))
    assert "torn.pem" in told
    assert "OpenSSL cannot" in told


def test_ciphers(ca: Authority) -> None:
    assert "openssl ciphers" in unusable(ca.settings(ciphers="ROT13"))
    context = make_context(ca.settings(ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"))
    names = {each["name"] for each in context.get_ciphers()}
    assert "ECDHE-ECDSA-AES256-GCM-SHA384" in names
    assert "ECDHE-ECDSA-AES128-GCM-SHA256" not in names


def test_nobody_vouches(ca: Authority) -> None:
    told = unusable(ca.settings(client_certificate=True))
    assert "CertificationAuthoritiesFile" in told


def touch(path: Path) -> None:
    """Later than it was, whatever the clock of the file system."""
    stamp = path.stat().st_mtime_ns + 1_000_000_000
    os.utime(path, ns=(stamp, stamp))


def test_a_certificate_is_replaced_while_all_runs(
    tmp_path: Path,
    ca: Authority,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(acceptor, "REFRESH_S", 0.02)
    settings = ca.settings()
    path = Path(settings.certificate_file)

    async def serial(x: InProcess) -> int:
        client = await x.connect("SELLER", tls=ca.client())
        side: ssl.SSLObject = client.writer.get_extra_info("ssl_object")
        found = side.getpeercert(binary_form=True)
        await client.close()
        assert found is not None
        return x509.load_der_x509_certificate(found).serial_number

    async def conversation(x: InProcess) -> None:
        client = await x.connect(tls=ca.client())
        await client.log_on()
        before = await serial(x)
        path.write_text("no certificate")
        touch(path)
        await until(lambda: "stay as they were" in caplog.text)
        assert await serial(x) == before
        ca.server()
        touch(path)
        await until(lambda: "were read again" in caplog.text)
        assert await serial(x) != before
        client.order("A")
        await client.report("A")

    with caplog.at_level("INFO"):
        run(tmp_path, conversation, **listening(settings))


def test_certificates_that_have_not_changed_are_not_read(ca: Authority) -> None:
    certificates = Certificates(ca.settings())
    context = certificates.context
    assert not certificates.refresh()
    assert certificates.context is context


# -- the stream ------------------------------------------------------------------------


def test_the_end_is_told(tmp_path: Path, ca: Authority) -> None:
    """Our end of TLS is told before the connection's, and a client's is understood."""

    def client(port: int, context: ssl.SSLContext) -> bytes:
        plain = socket.create_connection(("127.0.0.1", port), 2)
        with context.wrap_socket(
            plain, server_hostname="localhost", suppress_ragged_eofs=False
        ) as side:
            side.send(b"8=FIX.4.4\x019=5\x0135=0\x0110=161\x01")
            return side.recv(100)

    async def conversation(x: InProcess) -> None:
        port = x.acceptor.port
        assert await asyncio.to_thread(client, port, ca.client()) == b""
        await x.disconnected(DisconnectReason.FIRST_MESSAGE_NOT_LOGON)
        other = await x.connect(tls=ca.client())
        await other.log_on()
        await other.close()
        await x.disconnected(DisconnectReason.PEER_CLOSED)

    run(tmp_path, conversation, **listening(ca.settings()))


def test_bytes_that_were_changed_on_the_way(tmp_path: Path, ca: Authority) -> None:
    async def conversation(x: InProcess) -> None:
        async with proxy(x.acceptor.port, b"") as port:
            client = await x.connect(port=port, tls=ca.client())
            await client.log_on()
            sock: Any = client.writer.transport
            sock._ssl_protocol._transport.write(b"\x17\x03\x03\x00\x20" + b"x" * 32)
            await client.closed()
            await x.disconnected(DisconnectReason.TLS_FAILED)
            await client.close()

    run(tmp_path, conversation, **listening(ca.settings()))
