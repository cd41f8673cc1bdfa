"""The whole way from sessions.cfg to a connection: TLS with files that OpenSSL's own
commands made, as docs/operating.md says, PROXY headers, passwords, templates."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixgw.net.serving import ExitCode
from fixgw.ops.options import CONFIGURATION_WRONG
from fixgw.session.passwords import SALT_BYTES, PasswordHash
from tests.live.echo_process import EchoProcess
from tests.live.exchange import ROOT, fixgw
from tests.sessions.conversation import build, stamp

PATIENCE_S = 30.0
TEXT = (ROOT / "docs" / "operating.md").read_text()
SECRET = "correct horse"
HASHED = PasswordHash.make(SECRET.encode(), b"s" * SALT_BYTES)
HEAD = """\
[DEFAULT]
ConnectionType=acceptor
SocketAcceptHost=127.0.0.1
SocketAcceptPort=5001
BeginString=FIX.4.4
SenderCompID=ECHO
NonStopSession=Y
ServerCertificateFile=tls/exchange.pem
ServerCertificateKeyFile=tls/exchange.key
CertificationAuthoritiesFile=tls/clients-ca.pem
"""
SESSIONS = f"""{HEAD}\
CertificateVerifyLevel=1
UseTCPProxy=Y
TrustedProxies=127.0.0.0/8
CredentialsFile=credentials.toml
LogonFailuresMax=2
[SESSION]
TargetCompID=BUYER
ClientCertificateNames=BUYER
AllowedRemoteAddresses=192.0.2.0/24
[SESSION]
TargetCompID=SELLER
LogonAuthentication=PASSWORD
[SESSION]
AcceptorTemplate=Y
TargetCompID=*
LogonAuthentication=PASSWORD
"""


def make_certificates(folder: Path) -> None:
    """By the commands in the documentation, but for the last, which connects."""
    start = TEXT.index("For trying out, an authority")
    block = TEXT[start : TEXT.index("| trouble | log says", start)]
    script = re.sub(
        r"^\$ ", "", block[block.index("$ ") : block.rindex("```")], flags=re.M
    )
    commands = script.replace("mkdir -p config/tls && cd config/tls\n", "")
    commands = commands[: commands.index("openssl s_client")]
    assert commands.count("openssl ") == 5
    folder.mkdir()
    subprocess.run(
        ["bash", "-e", "-c", commands], cwd=folder, check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EchoProcess]:
    folder = tmp_path_factory.mktemp("listener")
    make_certificates(folder / "tls")
    credentials = folder / "credentials.toml"
    credentials.write_text(
        "".join(f'[{name}]\npassword = "{HASHED}"\n' for name in ("SELLER", "NEWCOMER"))
    )
    credentials.chmod(0o600)
    process = EchoProcess(folder, SESSIONS)
    try:
        yield process.start()
        assert process.stop() == ExitCode.CLEAN
    finally:
        process.clean_up()


def connect(
    echo: EchoProcess, source: str = "192.0.2.5", *, certificate: bool = True
) -> ssl.SSLSocket:
    """Through a balancer, as its clients see it."""
    tls = echo.folder / "tls"
    context = ssl.create_default_context(cafile=str(tls / "clients-ca.pem"))
    if certificate:
        context.load_cert_chain(tls / "buyer.pem", tls / "buyer.key")
    plain = socket.create_connection(("127.0.0.1", echo.port), PATIENCE_S)
    plain.sendall(f"PROXY TCP4 {source} 192.0.2.99 5000 9876\r\n".encode())
    return context.wrap_socket(plain, server_hostname="localhost")


def now() -> str:
    return stamp(datetime.now(UTC))


def logon(name: str, more: str = "") -> bytes:
    head = {8: "FIX.4.4", 49: name, 56: "ECHO", 52: now()}
    return build(f"35=A|34=1|98=0|108=30|141=Y{more}", head)


def answer(link: ssl.SSLSocket) -> bytes:
    """The next message; nothing if the connection is closed."""
    found = b""
    while not re.search(rb"\x0110=\d{3}\x01", found):
        data = link.recv(65536)
        if not data:
            return found
        found += data
    return found


def test_a_certificate_logs_on(echo: EchoProcess) -> None:
    with connect(echo) as link:
        link.sendall(logon("BUYER"))
        assert b"\x0135=A\x01" in answer(link)
    echo.wait_for("192.0.2.5:5000")


def test_a_certificate_and_the_wrong_address(echo: EchoProcess) -> None:
    with connect(echo, "198.51.100.1") as link:
        link.sendall(logon("BUYER"))
        assert answer(link) == b""
    echo.wait_for("ADDRESS_NOT_ALLOWED")


def test_no_certificate(echo: EchoProcess) -> None:
    with connect(echo, "192.0.2.6", certificate=False) as link:
        link.sendall(logon("BUYER"))
        assert answer(link) == b""
    echo.wait_for("CERTIFICATE_NOT_BOUND")


def test_a_password(echo: EchoProcess) -> None:
    """And its secret is in no log, right or wrong, whole or in a message cut in two."""
    with connect(echo, certificate=False) as link:
        link.sendall(logon("SELLER", f"|554={SECRET}"))
        assert b"\x0135=A\x01" in answer(link)
    with connect(echo, "192.0.2.7", certificate=False) as link:
        link.sendall(logon("SELLER", f"|554={SECRET}!"))
        assert answer(link) == b""
    echo.wait_for("AUTHENTICATION_FAILED")
    bad = logon("SELLER", f"|554={SECRET}")
    for garbled in (bad.replace(b"\x0110=", b"\x0110=9"), bad[5:]):
        with connect(echo, "192.0.2.8", certificate=False) as link:
            link.sendall(garbled)
            assert answer(link) == b""
    echo.wait_for("554=***")
    assert SECRET not in echo.log()
    assert "horse" not in echo.log()


def test_a_template(echo: EchoProcess) -> None:
    with connect(echo) as link:
        link.sendall(logon("NEWCOMER", f"|554={SECRET}"))
        assert b"\x0156=NEWCOMER\x01" in answer(link)


def test_too_many_wrong_ones(echo: EchoProcess) -> None:
    for _ in range(2):
        with connect(echo, "203.0.113.1", certificate=False) as link:
            link.sendall(logon("NOBODY"))
            assert answer(link) == b""
    with pytest.raises(OSError, match=r"EOF|reset|closed"):
        connect(echo, "203.0.113.1")
    echo.wait_for("RATE_LIMIT")
    with connect(echo, "203.0.113.2") as link:
        link.sendall(logon("SELLER", f"|554={SECRET}"))
        assert b"\x0135=A\x01" in answer(link)


def test_openssl_connects(echo: EchoProcess) -> None:
    """The last command of the documentation, but for the PROXY header."""
    folder = echo.folder / "plain"
    # Its number is too low: the Logout ends the connection, and with it the command.
    low = build("35=0|34=1", {8: "FIX.4.4", 49: "BUYER", 56: "ECHO", 52: now()})
    process = EchoProcess(
        folder, HEAD.replace("tls/", "../tls/") + "[SESSION]\nTargetCompID=BUYER\n"
    ).start()
    try:
        done = subprocess.run(
            f"openssl s_client -connect localhost:{process.port} -quiet -CAfile "
            "clients-ca.pem -verify_return_error -cert buyer.pem -key buyer.key",
            shell=True,
            cwd=echo.folder / "tls",
            input=logon("BUYER") + low,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert b"\x0135=A\x01" in done.stdout, done.stderr
    finally:
        process.clean_up()


# -- what is refused at a start --------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("tls/exchange.pem", "tls/nowhere.pem"), "ServerCertificateFile"),
        (("tls/exchange.key", "tls/buyer.key"), "belongs to another certificate"),
        (("tls/clients-ca.pem", "tls/exchange.key"), "there is no certificate in it"),
    ],
)
def test_files_that_cannot_be_used(
    echo: EchoProcess, tmp_path: Path, change: tuple[str, str], told: str
) -> None:
    """Before the start, with what to do."""
    text = HEAD.replace(*change).replace("tls/", f"{echo.folder}/tls/")
    path = tmp_path / "sessions.cfg"
    path.write_text(text + "[SESSION]\nTargetCompID=BUYER\n")
    config = tmp_path / "fixgw.toml"
    instruments = ROOT / "config" / "instruments.csv"
    config.write_text(
        f'sessions = "{path}"\ndata = "data"\ninstruments = "{instruments}"\n'
    )
    for command in (
        ("echo", "--sessions", path),
        ("config", "check", "--config", config),
    ):
        done = subprocess.run(
            fixgw(*command), cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == CONFIGURATION_WRONG, done.stderr
        assert told in done.stderr
        assert str(path) in done.stderr


def test_every_line_of_the_log_is_json(echo: EchoProcess) -> None:
    with connect(echo) as link:
        link.sendall(logon("BUYER"))
        answer(link)
    lines = [json.loads(line) for line in echo.log().splitlines()]
    assert any(line.get("tls", "").startswith("TLSv1.") for line in lines)
