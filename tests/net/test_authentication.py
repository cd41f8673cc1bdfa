"""Who does not prove who it is, is not answered, and changes nothing; and a flood of
Logons costs nobody else anything."""

from __future__ import annotations

import asyncio
import base64
import hmac
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fixgw.net import acceptor, arrival, authentication
from fixgw.ops.credential_watch import CredentialsWatch
from fixgw.session.checks import Objection
from fixgw.session.credentials import Credentials, signed_text
from fixgw.session.identity import SessionId
from fixgw.session.passwords import SALT_BYTES, PasswordHash
from fixgw.session.policies import Authentication
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import AcceptorSettings, SessionSettings
from fixgw.wire import Message, parse_message
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.sessions.conversation import START, stamp

HASHED = PasswordHash.make(b"right", b"s" * SALT_BYTES)
KEY = b"k" * 32
CREDENTIALS = Credentials.parse(
    f"""
[BUYER]
password = "{HASHED}"
[SELLER]
hmac_sha256 = "{base64.b64encode(KEY).decode()}"
""",
    "test",
)
PASSWORD = {"credentials": CREDENTIALS, "authentication": Authentication.PASSWORD}
SIGNATURE = {"credentials": CREDENTIALS, "authentication": Authentication.SIGNATURE}


class Gate:
    """Credentials whose check lasts until the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.open = threading.Event()

    def check(self, settings: Any, message: Message, names: object) -> Any:
        self.begun += 1
        assert self.open.wait(30)
        if message.get(554) == b"right":
            return None
        return Objection(DisconnectReason.AUTHENTICATION_FAILED, "wrong")


async def unheard(x: InProcess, client: Client, logon: str) -> None:
    """It is closed without a byte, and the session is as it was."""
    numbers = x.hosted(client._name).session.numbers
    before = (numbers.next_in, numbers.next_out, numbers.epoch)
    client.say(logon)
    assert await client.closed() == b""
    assert (numbers.next_in, numbers.next_out, numbers.epoch) == before


# -- passwords and signatures ----------------------------------------------------------


def test_a_password(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        for wrong in ("|554=wrong", "", "|553=BUYER", "|554=righ", "|96=right"):
            length = "|95=5" if "96=" in wrong else ""
            bad = await x.connect()
            await unheard(x, bad, f"35=A|98=0|108=30{length}{wrong}")
        await x.disconnected(DisconnectReason.AUTHENTICATION_FAILED, 5)
        client = await x.connect()
        await client.log_on(extra="554=right")
        client.order("A")
        await client.report("A")

    run(tmp_path, conversation, **PASSWORD)


def test_nothing_is_reset_for_a_stranger(tmp_path: Path) -> None:
    """ResetSeqNumFlag(141) and ResetOnLogon wait until it is known who asks."""

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        await client.log_on(extra="554=right")
        client.order("A")
        await client.report("A")
        await client.close()
        await x.disconnected(DisconnectReason.PEER_CLOSED)
        stranger = await x.connect()
        await unheard(x, stranger, "35=A|98=0|108=30|141=Y|34=1|554=wrong")

    run(tmp_path, conversation, reset_on_logon=True, **PASSWORD)


def test_what_is_wrong_is_told_only_to_the_client(tmp_path: Path) -> None:
    """SendingTime(52) is judged before the password, and answered behind it."""

    async def conversation(x: InProcess) -> None:
        late = f"52={stamp(START - timedelta(hours=1))}"
        stranger = await x.connect()
        await unheard(x, stranger, f"35=A|98=0|108=30|{late}|554=wrong")
        await x.disconnected(DisconnectReason.AUTHENTICATION_FAILED)
        client = await x.connect()
        client.say(f"35=A|98=0|108=30|{late}|554=right")
        assert b"SendingTime" in await client.closed()
        await x.disconnected(DisconnectReason.SENDING_TIME_WRONG)

    run(tmp_path, conversation, **PASSWORD)


def signed(client: Client, key: bytes = KEY) -> bytes:
    """A Logon whose RawData(96) signs it."""
    seq = client.next_out
    plain = parse_message(client.message("35=A|98=0|108=30"))
    assert isinstance(plain, Message)
    sent = (plain.get(52) or b"").decode()
    signature = base64.b64encode(hmac.digest(key, signed_text(plain), "sha256"))
    client.next_out = seq
    fields = f"95={len(signature)}|96={signature.decode()}"
    return client.message(f"35=A|98=0|108=30|52={sent}|{fields}")


def test_a_signature_is_good_once(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        x.skip(1)
        client = await x.connect("SELLER")
        logon = signed(client)
        client.send(logon)
        await client.hear("35=A|34=1|98=0|108=30")
        await client.close()
        await x.disconnected(DisconnectReason.PEER_CLOSED)
        again, other = await x.connect("SELLER"), await x.connect("SELLER")
        again.send(logon)
        assert await again.closed() == b""
        other.next_out = 2
        other.send(signed(other, b"x" * 32))
        assert await other.closed() == b""
        await x.disconnected(DisconnectReason.AUTHENTICATION_FAILED, 2)

    run(tmp_path, conversation, **SIGNATURE)


def test_without_credentials_nobody_is_believed(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        await unheard(x, client, "35=A|98=0|108=30|554=right")
        await x.disconnected(DisconnectReason.AUTHENTICATION_FAILED)

    run(tmp_path, conversation, authentication=Authentication.PASSWORD)


def sessions_file(folder: Path, name: str, mode: int = 0o600) -> Path:
    """A sessions file with credentials beside it, for that client only."""
    path = folder / "credentials.toml"
    path.write_text(f'[{name}]\npassword = "{HASHED}"\n')
    path.chmod(mode)
    stamp_ns = path.stat().st_mtime_ns + 1_000_000_000 * (mode + len(name))
    os.utime(path, ns=(stamp_ns, stamp_ns))
    return folder / "sessions.cfg"


def test_credentials_change_while_all_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(acceptor, "REFRESH_S", 0.02)
    own = SessionSettings(session_id=SessionId("FIX.4.4", "EXCHANGE", "*"))
    settings = AcceptorSettings(
        port=0, sessions=(own,), credentials_file="credentials.toml"
    )
    watch = CredentialsWatch(sessions_file(tmp_path, "BUYER"), settings)

    async def conversation(x: InProcess) -> None:
        seller = await x.connect("SELLER")
        await unheard(x, seller, "35=A|98=0|108=30|554=right")
        sessions_file(tmp_path, "SELLER", 0o644)
        await until(lambda: "stay as they were" in caplog.text)
        assert "chmod 600" in caplog.text
        await (await x.connect()).log_on(extra="554=right")
        sessions_file(tmp_path, "SELLER")
        await until(lambda: "were read again" in caplog.text)
        await (await x.connect("SELLER")).log_on(extra="554=right")

    with caplog.at_level("INFO"):
        run(
            tmp_path / "exchange",
            conversation,
            credentials=watch.first,
            changed_credentials=watch.changed,
            authentication=Authentication.PASSWORD,
        )


def test_who_is_taken_out_of_the_credentials_cannot_log_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Although at a start every session must have what it needs."""
    names = ("BUYER", "SELLER")
    settings = AcceptorSettings(
        port=0,
        credentials_file="credentials.toml",
        sessions=tuple(
            SessionSettings(
                session_id=SessionId("FIX.4.4", "EXCHANGE", name),
                authentication=Authentication.PASSWORD,
            )
            for name in names
        ),
    )
    path = tmp_path / "credentials.toml"
    tables = [f'[{name}]\npassword = "{HASHED}"\n' for name in names]
    path.write_text("".join(tables))
    path.chmod(0o600)
    watch = CredentialsWatch(tmp_path / "sessions.cfg", settings)
    path.write_text(tables[1])
    found = watch.changed()
    assert found is not None
    assert [who for who, _ in found.summary()] == ["SELLER"]
    assert "BUYER has no password" in caplog.text
    path.write_text("")
    assert watch.changed() is None
    assert "is empty" in caplog.text


# -- while it is checked ---------------------------------------------------------------


def gated(gate: Gate) -> dict[str, Any]:
    return {"credentials": gate, "authentication": Authentication.PASSWORD}


def test_others_trade_on(tmp_path: Path) -> None:
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        gate.open.set()
        seller = await x.connect("SELLER")
        await seller.log_on(extra="554=right")
        gate.open.clear()
        client = await x.connect()
        client.say("35=A|98=0|108=30|554=right")
        await until(lambda: gate.begun == 2)
        seller.order("A")
        await seller.report("A")
        await client.silence()
        gate.open.set()
        await client.hear("35=A|34=1|98=0|108=30")

    run(tmp_path, conversation, **gated(gate))


def test_what_comes_behind_the_logon_waits(tmp_path: Path) -> None:
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        logon = client.message("35=A|98=0|108=30|554=right")
        client.send(logon + client.message("35=1|112=with"))
        await until(lambda: gate.begun == 1)
        late = client.message("35=1|112=after")
        client.send(late[:20])
        await asyncio.sleep(0.01)
        gate.open.set()
        await client.hear("35=A|34=1|98=0|108=30")
        await client.hear("35=0|34=2|112=with")
        client.send(late[20:])
        await client.hear("35=0|34=3|112=after")
        assert x.gateway.figures.messages_in == 3
        sent = x.gateway.figures.bytes_in
        assert sent == len(logon) + len(client.message("35=1|112=with|34=2")) + len(
            late
        )

    run(tmp_path, conversation, **gated(gate))


def test_who_does_not_wait_for_the_answer_has_failed(tmp_path: Path) -> None:
    """Else a flood of Logons would never be blocked, and each costs a check."""
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        header = b"PROXY TCP4 192.0.2.1 192.0.2.99 1000 9876\r\n"
        for count in (1, 2):
            client = await x.connect()
            client.send(header + client.message("35=A|98=0|108=30|554=wrong"))
            while gate.begun < count:
                await asyncio.sleep(0.002)
            await client.close()
            await x.disconnected(DisconnectReason.PEER_CLOSED, count)
        client = await x.connect()
        client.send(header)
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.RATE_LIMIT)
        gate.open.set()

    listener = {"use_tcp_proxy": True, "logon_failures_max": 2}
    run(tmp_path, conversation, listener=listener, **gated(gate))


@pytest.mark.parametrize("at_once", [True, False])
def test_only_a_little_waits(tmp_path: Path, at_once: bool) -> None:
    """LOGON_BYTES_MAX behind the Logon; the check of who sent more counts no more."""
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        logon = client.message("35=A|98=0|108=30|554=right")
        more = b"x" * (arrival.LOGON_BYTES_MAX + 1)
        if at_once:
            client.send(logon + more)
        else:
            client.send(logon)
            await until(lambda: gate.begun == 1)
            client.send(more)
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.LOGON_BYTES_EXCEEDED)
        gate.open.set()
        await asyncio.sleep(0.02)
        assert not x.hosted().session.is_connected
        assert x.hosted().session.numbers.next_in == 1

    run(tmp_path, conversation, **gated(gate))


def test_who_has_gone_is_not_logged_on(tmp_path: Path) -> None:
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.say("35=A|98=0|108=30|554=right")
        await until(lambda: gate.begun == 1)
        await client.close()
        await x.disconnected(DisconnectReason.PEER_CLOSED)
        gate.open.set()
        await asyncio.sleep(0.02)
        assert x.gateway.figures.logons == 0
        assert x.hosted().session.numbers.next_in == 1

    run(tmp_path, conversation, **gated(gate))


def test_two_at_the_same_time(tmp_path: Path) -> None:
    """Whoever is known first has the session, the other finds it connected."""
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        both = [await x.connect(), await x.connect()]
        for client in both:
            client.say("35=A|98=0|108=30|554=right")
        await until(lambda: gate.begun == 2)
        gate.open.set()
        await x.disconnected(DisconnectReason.ALREADY_CONNECTED)
        assert x.hosted().session.is_logged_on
        assert x.hosted().session.numbers.next_in == 2

    run(tmp_path, conversation, **gated(gate))


def test_a_session_that_is_disabled_meanwhile(tmp_path: Path) -> None:
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.say("35=A|98=0|108=30|554=right")
        await until(lambda: gate.begun == 1)
        await x.ask("sessions.disable", session="BUYER")
        gate.open.set()
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.SESSION_DISABLED)

    run(tmp_path, conversation, **gated(gate))


def test_the_logon_timeout_is_not_for_the_check(tmp_path: Path) -> None:
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.say("35=A|98=0|108=30|554=right")
        await until(lambda: gate.begun == 1)
        await asyncio.sleep(1.2)
        gate.open.set()
        await client.hear("35=A|34=1|98=0|108=30")

    run(tmp_path, conversation, logon_timeout_s=1.0, **gated(gate))


def test_waiting_max(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is short: who finds it full is refused, and may come again."""
    monkeypatch.setattr(authentication, "WAITING_MAX", 3)
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        flood = [await x.connect() for _ in range(5)]
        for client in flood:
            client.say("35=A|98=0|108=30|554=wrong")
        await x.disconnected(DisconnectReason.RATE_LIMIT, 2)
        assert gate.begun == authentication.THREADS
        gate.open.set()
        await x.disconnected(DisconnectReason.AUTHENTICATION_FAILED, 3)
        await (await x.connect()).log_on(extra="554=right")

    run(tmp_path, conversation, **gated(gate))


def test_waiting_per_address_max(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "WAITING_PER_ADDRESS_MAX", 2)
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        for _ in range(3):
            client = await x.connect()
            client.send(b"PROXY TCP4 192.0.2.1 192.0.2.9 1 2\r\n")
            client.say("35=A|98=0|108=30|554=wrong")
        await x.disconnected(DisconnectReason.RATE_LIMIT)
        other = await x.connect("SELLER")
        other.send(b"PROXY TCP4 192.0.2.2 192.0.2.9 1 2\r\n")
        other.say("35=A|98=0|108=30|554=right")
        gate.open.set()
        await other.hear("35=A|34=1|98=0|108=30")

    run(tmp_path, conversation, listener={"use_tcp_proxy": True}, **gated(gate))


def test_a_check_that_fails_for_a_reason_of_ours(tmp_path: Path) -> None:
    class Broken:
        def check(self, *_: object) -> None:
            raise RuntimeError("a bug")

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        await unheard(x, client, "35=A|98=0|108=30|554=right")
        await x.disconnected(DisconnectReason.INTERNAL_ERROR)

    run(
        tmp_path,
        conversation,
        credentials=Broken(),
        authentication=Authentication.PASSWORD,
    )


def test_the_gateway_ends_while_one_is_checked(tmp_path: Path) -> None:
    gate = Gate()

    async def conversation(x: InProcess) -> None:
        client = await x.connect()
        client.say("35=A|98=0|108=30|554=right")
        await until(lambda: gate.begun == 1)
        await x.acceptor.close()
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.SHUTDOWN)
        gate.open.set()

    run(tmp_path, conversation, **gated(gate))
