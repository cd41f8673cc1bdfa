"""Keys of sessions.cfg that show from outside: who is let in, what is logged, when."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fixgw.session.credentials import SIGNED_TAGS
from fixgw.session.passwords import PasswordHash
from tests.live.echoing import EchoRun, Wire, section
from tests.live.waiting import wait_until
from tests.sessions.conversation import build, stamp

V44 = "FIX.4.4"
V42 = "FIX.4.2"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
HASH = PasswordHash.make(b"correct horse battery", bytes(16))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
CREDENTIALS = f"""\
[USER]
username = "user"
password = "{HASH}"
[OLD]
password = "{HASH}"
[SIGNER]
ed25519 = "{PUBLIC}"
"""
SIGNED = "LogonAuthentication=SIGNATURE\nResetOnLogon=N"


def log_path(folder: Path, name: str) -> Path:
    return folder / "log" / f"FIX.4.4-ECHO-{name}.messages.current.log"


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "credentials.toml").write_text(CREDENTIALS)
    (folder / "credentials.toml").chmod(0o600)
    return folder


@pytest.fixture(scope="module", name="echo")
def _echo(folder: Path) -> Iterator[EchoRun]:
    password = f"LogonAuthentication=PASSWORD\nFileLogPath={folder}/log\n"
    sessions = (
        section(V44, "USER", f"{password}CredentialsFile=credentials.toml")
        + section(V42, "OLD", password)
        + section(V44, "SIGNER", SIGNED)
        + section(V44, "NANOS", "TimestampPrecision=9")
        + section(V44, "SECONDS", "MillisecondsInTimeStamp=N")
        + section(V44, "DICTATED", "HeartBtIntOverride=Y\nHeartBtInt=17")
        + section(V44, "LENIENT", "ValidateLengthAndChecksum=N")
        + section(V44, "CLOSED", closed_now())
    )
    with EchoRun(folder, sessions) as process:
        yield process
        assert process.stop() == 0


def closed_now() -> str:
    """A window that is hours away, whenever this is."""
    hour = datetime.now(UTC).hour
    start, end = (f"{(hour + more) % 24:02}:00:00" for more in (12, 13))
    return f"NonStopSession=N\nStartTime={start}\nEndTime={end}"


@contextmanager
def wire(echo: EchoRun, name: str, version: str = V44) -> Iterator[Wire]:
    made = Wire(echo.port, version, name)
    try:
        yield made
    finally:
        made.close()


# Who is let in


@pytest.mark.parametrize(
    ("name", "version", "proof"),
    [
        ("USER", V44, "553=user|554=correct horse battery"),
        ("OLD", V42, "95=21|96=correct horse battery"),
    ],
)
def test_a_password_lets_in(echo: EchoRun, name: str, version: str, proof: str) -> None:
    with wire(echo, name, version) as client:
        client.say(f"35=A|98=0|108=30|{proof}")
        client.hear("35=A|98=0|108=30")
        client.log_out()


@pytest.mark.parametrize("proof", ["", "|553=user|554=wrong", "|553=x|554=correct"])
def test_a_wrong_password_is_a_closed_door(echo: EchoRun, proof: str) -> None:
    with wire(echo, "USER") as client:
        client.say(f"35=A|98=0|108=30{proof}")
        assert client.is_closed()


def signed_logon(number: int, sent: str, reset: str = "") -> str:
    """A Logon of SIGNER. ``reset`` is what is signed; the message has it as well."""
    fields = {
        52: sent,
        35: "A",
        34: str(number),
        49: "SIGNER",
        56: "ECHO",
        8: V44,
        141: reset,
    }
    text = "\x01".join(fields.get(tag, "") for tag in SIGNED_TAGS)
    raw = base64.b64encode(KEY.sign(text.encode())).decode()
    more = f"|141={reset}" if reset else ""
    return f"35=A|52={sent}|98=0|108=30{more}|95={len(raw)}|96={raw}"


def test_a_signature_lets_in_once_and_nothing_is_reset_without_it(
    echo: EchoRun,
) -> None:
    sent = stamp(datetime.now(UTC))
    with wire(echo, "SIGNER") as client:
        client.say(signed_logon(1, sent))
        client.hear("35=A|98=0|108=30")
        client.log_out()
    # Recorded by somebody: the same again, with a reset that was not signed, and with
    # one that was, at the same time.
    for recorded in (
        signed_logon(1, sent),
        signed_logon(1, stamp(datetime.now(UTC))) + "|141=Y",
        signed_logon(1, sent, "Y"),
    ):
        with wire(echo, "SIGNER") as client:
            client.say(recorded)
            assert client.is_closed()
    # The numbers are what they were: 3 is the next on both sides.
    with wire(echo, "SIGNER") as client:
        client.next_out = client.next_in = 3
        client.say(signed_logon(3, stamp(datetime.now(UTC))))
        client.hear("35=A|98=0|108=30")
        client.log_out()


def test_nobody_is_let_in_outside_the_window(echo: EchoRun) -> None:
    with wire(echo, "CLOSED") as client:
        client.say("35=A|98=0|108=30")
        assert dict(client.next())[35] == "5"


# What is sent


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("NANOS", r"\d{8}-\d\d:\d\d:\d\d\.\d{9}"), ("SECONDS", r"\d{8}-\d\d:\d\d:\d\d")],
)
def test_times_are_as_precise_as_the_key_says(
    echo: EchoRun, name: str, pattern: str
) -> None:
    with wire(echo, name) as client:
        client.say("35=A|98=0|108=30")
        said = client.hear("35=A|98=0|108=30")
        assert re.fullmatch(pattern, said[52])
        client.log_out()


def test_the_interval_may_be_dictated(echo: EchoRun) -> None:
    with wire(echo, "DICTATED") as client:
        client.say("35=A|98=0|108=30")
        client.hear("35=A|98=0|108=17")
        client.log_out()


def test_a_wrong_checksum_may_be_forgiven(echo: EchoRun) -> None:
    with wire(echo, "LENIENT") as client:
        client.say("35=A|98=0|108=30")
        client.hear("35=A|98=0|108=30")
        names = {8: V44, 49: "LENIENT", 56: "ECHO", 52: stamp(datetime.now(UTC))}
        data = build(f"35=1|112=ping|34={client.next_out}", names)
        client._socket.sendall(data[:-4] + b"???\x01")
        client.next_out += 1
        client.hear("35=0|112=ping")
        client.log_out()


# What is logged


def test_every_message_is_logged_and_no_password(echo: EchoRun, folder: Path) -> None:
    path = log_path(folder, "USER")
    before = path.read_text().count("\n") if path.exists() else 0
    with wire(echo, "USER") as client:
        client.say("35=A|98=0|108=30|553=user|554=correct horse battery")
        client.hear("35=A|98=0|108=30")
        client.say("35=1|112=ping")
        client.hear("35=0|112=ping")
        client.log_out()
    wait_until(
        lambda: path.exists() and path.read_text().count("\n") >= before + 6,
        "six lines are logged",
        state=echo.log,
    )
    lines = path.read_text().splitlines()[-6:]
    assert [re.search(r"\x0135=(.)\x01", line)[1] for line in lines] == list("AA1055")  # type: ignore[index]
    for line in lines:
        assert re.match(r"\d{8}-\d\d:\d\d:\d\d\.\d{9} : 8=FIX\.4\.4\x01", line)
    assert "554=<redacted>\x01" in lines[0]
    assert "correct horse" not in path.read_text()
    assert "correct horse" not in echo.log()
