"""Sessions made from a template: for whom, when, and that they are there again."""

from __future__ import annotations

import asyncio
import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from fixgw.net.serving import ExitCode, GatewaySetup, serve
from fixgw.orders.exchange import Exchange
from fixgw.orders.routing import ShardMap
from fixgw.session.credentials import Credentials
from fixgw.session.identity import SessionId
from fixgw.session.policies import Authentication, TlsSettings
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import AcceptorSettings, SessionSettings
from fixgw.store.dynamic import DynamicDamaged, DynamicStore
from tests.net.exchange_in_process import InProcess, run
from tests.net.test_authentication import HASHED

ANY = SessionId("FIX.4.4", "EXCHANGE", "*")


def template(session_id: SessionId = ANY, **settings: Any) -> SessionSettings:
    return SessionSettings(session_id=session_id, **settings)


def listening(*templates: SessionSettings, **more: Any) -> dict[str, Any]:
    return {"listener": {"templates": templates or (template(),), **more}}


async def names(x: InProcess) -> list[str]:
    listed = await x.ask("sessions.list")
    return [row["name"] for row in listed["sessions"]]


async def unknown(x: InProcess, name: str, times: int = 1, extra: str = "") -> None:
    """There is no session for that name, and none is made."""
    before = len(x.gateway.sessions)
    client = await x.connect(name)
    client.say(f"35=A|98=0|108=30{extra}")
    assert await client.closed() == b""
    await x.disconnected(DisconnectReason.UNKNOWN_SESSION, times)
    assert len(x.gateway.sessions) == before


def test_a_client_that_is_not_listed(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        assert await names(x) == ["BUYER", "SELLER"]
        client = await x.client("NEW")
        assert await names(x) == ["BUYER", "SELLER", "NEW"]
        client.order("A")
        await client.report("A")
        other = await x.client("OTHER")
        other.order("B", "54=2")
        shown = await x.ask("sessions.show", session="NEW")
        assert shown["session"] == "FIX.4.4:EXCHANGE->NEW"
        assert shown["counters"]["logons"] == 1

    run(tmp_path, conversation, **listening())


def test_listed_sessions_come_first(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        await x.client("BUYER")
        assert await names(x) == ["BUYER", "SELLER"]

    run(tmp_path, conversation, **listening())


@pytest.mark.parametrize(
    "own",
    [
        SessionId("FIX.4.2", "EXCHANGE", "*"),
        SessionId("FIX.4.4", "ELSEWHERE", "*"),
        SessionId("FIX.4.4", "EXCHANGE", "*", target_sub_id="DESK"),
    ],
)
def test_a_template_for_others(tmp_path: Path, own: SessionId) -> None:
    async def conversation(x: InProcess) -> None:
        await unknown(x, "NEW")

    run(tmp_path, conversation, **listening(template(own)))


def test_a_template_with_a_sub_id(tmp_path: Path) -> None:
    own = SessionId("FIX.4.4", "EXCHANGE", "*", target_sub_id="DESK")

    async def conversation(x: InProcess) -> None:
        client = await x.connect("NEW")
        client.say("35=A|50=DESK|98=0|108=30")
        await client.next()
        assert str(x.gateway.sessions[-1].session.session_id) == (
            "FIX.4.4:EXCHANGE->NEW/DESK"
        )

    run(tmp_path, conversation, **listening(template(own)))


@pytest.mark.parametrize("desk_first", [False, True])
def test_of_templates_the_one_that_says_most(tmp_path: Path, desk_first: bool) -> None:
    """Whichever is listed first, and whoever comes first: a desk is not taken for the
    client as a whole."""
    desk = SessionId("FIX.4.4", "EXCHANGE", "*", target_sub_id="DESK")
    templates = [template(ANY), template(desk)]

    async def conversation(x: InProcess) -> None:
        for name in ("A", "B"):
            for sub_id in ("50=DESK|", "") if name == "A" else ("", "50=DESK|"):
                client = await x.connect(name)
                client.say(f"35=A|{sub_id}98=0|108=30")
                await client.next()
        assert [str(each.session.session_id) for each in x.gateway.sessions[2:]] == [
            "FIX.4.4:EXCHANGE->A/DESK",
            "FIX.4.4:EXCHANGE->A",
            "FIX.4.4:EXCHANGE->B",
            "FIX.4.4:EXCHANGE->B/DESK",
        ]

    run(tmp_path, conversation, **listening(*templates[:: -1 if desk_first else 1]))


@pytest.mark.parametrize("name", ["*", "x" * 65, "caf\u00e9"])
def test_a_name_that_no_session_can_have(tmp_path: Path, name: str) -> None:
    async def conversation(x: InProcess) -> None:
        await unknown(x, name)

    run(tmp_path, conversation, use_data_dictionary=False, **listening())


def test_a_name_that_reads_like_another_session(tmp_path: Path) -> None:
    """A/B is client A with SubID B to everything that bears a session's key."""
    session = SessionSettings(
        session_id=SessionId("FIX.4.4", "EXCHANGE", "A", target_sub_id="B")
    )

    async def conversation(x: InProcess) -> None:
        make: Any = x.dynamic._make
        x.gateway.add_sessions([make(session, session.session_id)])
        await unknown(x, "A/B")

    run(tmp_path, conversation, **listening())


def test_dynamic_sessions_max(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        await x.client("NEW-1")
        await x.client("NEW-2")
        await unknown(x, "NEW-3")
        x.kill_gateway()
        x.start_gateway()
        await x.listen()
        await unknown(x, "NEW-3")

    run(tmp_path, conversation, **listening(dynamic_sessions_max=2))


def test_two_connections_make_one_session(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        both = [await x.connect("NEW"), await x.connect("NEW")]
        for client in both:
            client.say("35=A|98=0|108=30")
        await x.disconnected(DisconnectReason.ALREADY_CONNECTED)
        assert await names(x) == ["BUYER", "SELLER", "NEW"]

    run(tmp_path, conversation, **listening())


@pytest.mark.parametrize(
    ("settings", "extra", "reason"),
    [
        (
            {"allowed_remote_addresses": (ip_network("10.0.0.0/8"),)},
            "",
            DisconnectReason.ADDRESS_NOT_ALLOWED,
        ),
        (
            {"client_certificate_names": ("desk",)},
            "",
            DisconnectReason.CERTIFICATE_NOT_BOUND,
        ),
        (
            {"authentication": Authentication.PASSWORD},
            "|554=wrong",
            DisconnectReason.AUTHENTICATION_FAILED,
        ),
        ({}, "|141=Y|34=7", DisconnectReason.INVALID_LOGON),
    ],
)
def test_who_is_not_let_in_makes_no_session(
    tmp_path: Path, settings: Any, extra: str, reason: DisconnectReason
) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect("NEW")
        client.say(f"35=A|98=0|108=30{extra}")
        assert await client.closed() == b""
        await x.disconnected(reason)
        assert await names(x) == ["BUYER", "SELLER"]

    credentials = Credentials.parse(f'[NEW]\npassword = "{HASHED}"', "test")
    more = listening(template(**settings))
    run(tmp_path, conversation, credentials=credentials, **more)
    assert not (tmp_path / "dynamic.json").exists()


def test_a_password_makes_it(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.connect("NEW")
        await client.log_on(extra="554=right")
        assert await names(x) == ["BUYER", "SELLER", "NEW"]

    credentials = Credentials.parse(f'[NEW]\npassword = "{HASHED}"', "test")
    more = listening(template(authentication=Authentication.PASSWORD))
    run(tmp_path, conversation, credentials=credentials, **more)


# -- over restarts ---------------------------------------------------------------------


def test_it_is_there_again(tmp_path: Path) -> None:
    """What came for it while the gateway was away is delivered, with its numbers."""

    async def conversation(x: InProcess) -> None:
        client = await x.client("NEW")
        client.order("A")
        await client.report("A")
        x.kill_gateway()
        x.start_gateway()
        await x.listen()
        assert await names(x) == ["BUYER", "SELLER", "NEW"]
        seller = await x.client("SELLER")
        seller.order("B")
        await seller.report("B")
        x.send("NEW", "35=B|148=news")
        again = await x.connect("NEW", next_out=client.next_out)
        answer = await again.log_on()
        assert answer[34] == "4"
        again.say("35=2|7=3|16=0")
        found = await again.hear("35=B|34=3|43=Y|122=*|148=news")
        assert found[56] == "NEW"

    run(tmp_path, conversation, **listening())


def test_it_stays_disabled(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client("NEW")
        await client.close()
        await x.disconnected(DisconnectReason.PEER_CLOSED)
        await x.ask("sessions.disable", session="NEW")
        x.kill_gateway()
        x.start_gateway()
        await x.listen()
        again = await x.connect("NEW", next_out=2)
        again.say("35=A|98=0|108=30")
        assert await again.closed() == b""
        await x.disconnected(DisconnectReason.SESSION_DISABLED)

    run(tmp_path, conversation, **listening())


def test_a_template_that_is_gone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The session is not served, and not forgotten."""

    async def make(x: InProcess) -> None:
        await x.client("NEW")

    async def without(x: InProcess) -> None:
        await unknown(x, "NEW")

    async def again(x: InProcess) -> None:
        assert await names(x) == ["BUYER", "SELLER", "NEW"]

    run(tmp_path, make, **listening())
    run(tmp_path, without)
    assert "FIX.4.4:EXCHANGE->NEW is not served" in caplog.text
    run(tmp_path, again, **listening())


def test_a_session_that_is_listed_now(tmp_path: Path) -> None:
    async def make(x: InProcess) -> None:
        await x.client("NEW")

    async def listed(x: InProcess) -> None:
        assert await names(x) == ["BUYER", "NEW"]
        await x.client("NEW")

    run(tmp_path, make, **listening())
    again = listening()
    run(tmp_path, listed, names=("BUYER", "NEW"), reset_on_logon=True, **again)


def test_a_session_that_cannot_be_remembered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not served: nobody would know whose its messages are."""

    async def conversation(x: InProcess) -> None:
        (tmp_path / "dynamic.new").mkdir()
        client = await x.connect("NEW")
        client.say("35=A|98=0|108=30")
        assert await client.closed() == b""
        await x.disconnected(DisconnectReason.INTERNAL_ERROR)
        assert await names(x) == ["BUYER", "SELLER"]
        (tmp_path / "dynamic.new").rmdir()
        await x.client("NEW")

    run(tmp_path, conversation, **listening())
    assert "cannot be remembered" in caplog.text


# -- the file --------------------------------------------------------------------------


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dynamic.json"
    store = DynamicStore(path)
    ids = [
        SessionId("FIX.4.4", "EXCHANGE", "A", "q", "s", "l", "t", "u"),
        SessionId("FIX.4.4", "EXCHANGE", "B"),
    ]
    for one in ids:
        store.add(one)
    assert list(DynamicStore(path).sessions) == ids
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"format": 2, "sessions": []}',
        '{"format": 1, "sessions": [1]}',
        '{"format": 1, "sessions": [{"begin_string": "FIX.4.4"}]}',
        '{"format": 1, "sessions": [{"name": "A"}]}',
    ],
)
def test_a_damaged_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dynamic.json"
    path.write_text(text)
    with pytest.raises(DynamicDamaged, match=r"dynamic\.json") as error:
        DynamicStore(path)
    assert "remove it" in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "dynamic.json"
    path.mkdir()
    with pytest.raises(DynamicDamaged, match="Is a directory"):
        DynamicStore(path)


def test_its_form(tmp_path: Path) -> None:
    store = DynamicStore(tmp_path / "dynamic.json")
    store.add(SessionId("FIX.4.4", "EXCHANGE", "A"))
    found = json.loads((tmp_path / "dynamic.json").read_text())
    assert found["format"] == 1
    assert found["sessions"][0]["target_comp_id"] == "A"


def serve_alone(folder: Path, **listener: Any) -> int:
    """The exit code of a gateway without shards that is stopped at once."""
    session = SessionSettings(session_id=SessionId("FIX.4.4", "EXCHANGE", "BUYER"))
    settings = AcceptorSettings(
        host="127.0.0.1", port=0, sessions=(session,), **listener
    )
    setup = GatewaySetup(
        number=0,
        folder=folder / "gateway-0",
        settings=settings,
        rulebooks={str(session.session_id): None, str(ANY): None},
        application=lambda gateway: Exchange(ShardMap(1, {}), gateway),
    )

    async def main() -> int:
        stop = asyncio.Event()
        return await serve(setup, stop, lambda port: stop.set())

    (folder / "gateway-0").mkdir(exist_ok=True)
    return asyncio.run(main())


def test_a_gateway_does_not_start_with_a_damaged_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert serve_alone(tmp_path, templates=(template(),)) == ExitCode.CLEAN
    (tmp_path / "gateway-0" / "dynamic.json").write_text("?")
    assert serve_alone(tmp_path) == ExitCode.DISABLED_DAMAGED
    assert "dynamic.json" in caplog.text
    (tmp_path / "gateway-0" / "dynamic.json").unlink()
    assert serve_alone(tmp_path) == ExitCode.CLEAN


def test_a_gateway_does_not_start_without_its_certificate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It was there when the configuration was read."""
    tls = TlsSettings(certificate_file=str(tmp_path / "gone.pem"))
    assert serve_alone(tmp_path, tls=tls) == ExitCode.CANNOT_LISTEN
    assert "gone.pem: No such file" in caplog.text
