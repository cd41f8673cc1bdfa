"""Every way a connection ends is reached over TCP, counted and logged.

One test per reason, named after it; a reason without a test fails the last one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from fixgw.net import connection as connection_module
from fixgw.session.credentials import Credentials
from fixgw.session.passwords import SALT_BYTES, PasswordHash
from fixgw.session.policies import Authentication, ResendOverflow
from fixgw.session.reasons import DisconnectReason
from fixgw.session.schedule import Plan, Schedule, parse_time
from tests.net.certificates import Authority
from tests.net.exchange_in_process import InProcess, run
from tests.sessions.conversation import START, stamp

Script = Callable[[InProcess], Coroutine[Any, Any, None]]
REACHED: dict[DisconnectReason, str] = {}


HASHED = PasswordHash.make(b"right", b"s" * SALT_BYTES)


def reaches(
    reason: DisconnectReason,
    more: Callable[[Path], dict[str, Any]] = lambda folder: {},
    **options: Any,
) -> Callable[[Script], Any]:
    """The script below ends exactly one connection for this reason."""

    def decorate(script: Script) -> Any:
        def test(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
            async def conversation(running: InProcess) -> None:
                await script(running)
                await running.disconnected(reason)

            with caplog.at_level(logging.INFO, "fixgw.net.connection"):
                run(tmp_path, conversation, **options, **more(tmp_path))
            said = [
                (record.levelno >= logging.INFO, record.__dict__["number"])
                for record in caplog.records
                if record.__dict__.get("reason") == reason.name
            ]
            assert said == [(True, int(reason))]

        assert script.__name__ == f"test_{reason.name.lower()}"
        test.__doc__ = script.__doc__ or reason.sentence
        REACHED[reason] = script.__name__
        return test

    return decorate


def daily(start: str, end: str) -> Schedule:
    return Plan(start_time=parse_time(start), end_time=parse_time(end)).schedule()


@reaches(DisconnectReason.PEER_CLOSED)
async def test_peer_closed(x: InProcess) -> None:
    client = await x.client()
    await client.close()


@reaches(DisconnectReason.LOGOUT_COMPLETE)
async def test_logout_complete(x: InProcess) -> None:
    client = await x.client()
    client.say("35=5")
    await client.hear("35=5|34=2")
    await client.close()


@reaches(DisconnectReason.LOGON_TIMEOUT, logon_timeout_s=0.05)
async def test_logon_timeout(x: InProcess) -> None:
    client = await x.connect()
    assert await client.closed() == b""


@reaches(DisconnectReason.LOGON_BYTES_EXCEEDED)
async def test_logon_bytes_exceeded(x: InProcess) -> None:
    client = await x.connect()
    client.send(b"8=FIX.4.4\x019=3000\x0135=A\x01" + b"58=" + b"x" * 2000)
    assert await client.closed() == b""


@reaches(DisconnectReason.FIRST_MESSAGE_NOT_LOGON)
async def test_first_message_not_logon(x: InProcess) -> None:
    client = await x.connect()
    client.say("35=0")
    assert await client.closed() == b""


@reaches(DisconnectReason.UNKNOWN_SESSION)
async def test_unknown_session(x: InProcess) -> None:
    client = await x.connect("STRANGER")
    client.say("35=A|98=0|108=30")
    assert await client.closed() == b""


@reaches(DisconnectReason.ALREADY_CONNECTED)
async def test_already_connected(x: InProcess) -> None:
    first = await x.client()
    second = await x.connect(next_out=2)
    second.say("35=A|98=0|108=30")
    assert await second.closed() == b""
    first.say("35=1|112=alive")
    await first.hear("35=0|34=2|112=alive")
    assert x.gateway.disconnects.total() == 1


@reaches(
    DisconnectReason.ADDRESS_NOT_ALLOWED,
    allowed_remote_addresses=(ip_network("10.0.0.0/8"),),
)
async def test_address_not_allowed(x: InProcess) -> None:
    client = await x.connect()
    client.say("35=A|98=0|108=30")
    assert await client.closed() == b""


@reaches(DisconnectReason.OUTSIDE_SCHEDULE, schedule=daily("08:00:00", "17:00:00"))
async def test_outside_schedule(x: InProcess) -> None:
    client = await x.connect()
    client.say("35=A|98=0|108=30")
    await client.hear("35=5|34=1|58=Logon is not allowed at this time")
    assert await client.closed() == b""


@reaches(DisconnectReason.INVALID_LOGON)
async def test_invalid_logon(x: InProcess) -> None:
    client = await x.connect()
    client.say("35=A|98=0|108=-1")
    await client.hear("35=5|34=1|58=HeartBtInt must not be negative")
    assert await client.closed() == b""


@reaches(DisconnectReason.MSG_SEQ_NUM_TOO_LOW)
async def test_msg_seq_num_too_low(x: InProcess) -> None:
    client = await x.client()
    client.say("35=0|34=1")
    await client.hear("35=5|34=2|58=MsgSeqNum too low, expecting 2 but received 1")
    assert await client.closed() == b""


@reaches(DisconnectReason.MSG_SEQ_NUM_MISSING)
async def test_msg_seq_num_missing(x: InProcess) -> None:
    client = await x.client()
    client.say("35=0|34=x")
    await client.hear("35=5|34=2|58=Received message without MsgSeqNum")
    assert await client.closed() == b""


@reaches(DisconnectReason.BEGIN_STRING_WRONG)
async def test_begin_string_wrong(x: InProcess) -> None:
    client = await x.client()
    client.say("35=0|8=FIX.4.2")
    await client.hear("35=5|34=2|58=*")
    client.say("35=5")
    assert await client.closed() == b""


@reaches(DisconnectReason.COMP_ID_WRONG)
async def test_comp_id_wrong(x: InProcess) -> None:
    client = await x.client()
    client.say("35=0|49=SELLER")
    await client.hear("35=3|34=2|45=2|58=*|371=49|372=0|373=9")
    await client.hear("35=5|34=3|58=*")
    client.say("35=5")
    assert await client.closed() == b""


@reaches(DisconnectReason.SENDING_TIME_WRONG)
async def test_sending_time_wrong(x: InProcess) -> None:
    client = await x.client()
    client.say(f"35=0|52={stamp(START - timedelta(hours=1))}")
    await client.hear("35=3|34=2|45=2|58=*|371=52|372=0|373=10")
    await client.hear("35=5|34=3|58=*")
    client.say("35=5")
    assert await client.closed() == b""


@reaches(DisconnectReason.HEARTBEAT_TIMEOUT)
async def test_heartbeat_timeout(x: InProcess) -> None:
    client = await x.client(heart_bt_int_s=10)
    x.skip(12.1)
    await client.hear("35=1|34=2|112=*")
    x.skip(12)
    await client.closed()


@reaches(DisconnectReason.LOGOUT_TIMEOUT)
async def test_logout_timeout(x: InProcess) -> None:
    client = await x.client()
    x.hosted().session.logout("bye", x.clock())
    x.gateway.touch(x.hosted())
    await client.hear("35=5|34=2|58=bye")
    x.skip(2)
    assert await client.closed() == b""


@reaches(DisconnectReason.UNEXPECTED_LOGON)
async def test_unexpected_logon(x: InProcess) -> None:
    client = await x.client()
    client.say("35=A|98=0|108=30")
    await client.hear("35=5|34=2|58=Already logged on")
    assert await client.closed() == b""


@reaches(DisconnectReason.GARBLED_LIMIT)
async def test_garbled_limit(x: InProcess) -> None:
    client = await x.client()
    client.send(b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01" * 100)
    await client.hear("35=5|34=2|58=Too many garbled messages")
    assert await client.closed() == b""


@reaches(DisconnectReason.SLOW_CONSUMER)
async def test_slow_consumer(x: InProcess) -> None:
    await x.client()
    for _ in range(40):
        x.send("BUYER", f"35=B|148={'x' * 1_000_000}")


@reaches(DisconnectReason.SHUTDOWN)
async def test_shutdown(x: InProcess) -> None:
    client = await x.client()
    closing = asyncio.create_task(x.acceptor.close())
    await client.hear("35=5|34=2|58=The gateway is shutting down")
    client.say("35=5")
    assert await client.closed() == b""
    await closing


@reaches(DisconnectReason.RESEND_UNANSWERED)
async def test_resend_unanswered(x: InProcess) -> None:
    client = await x.client(heart_bt_int_s=0)
    client.say("35=0|34=9")
    for number in (2, 3, 4):
        await client.hear(f"35=2|34={number}|7=2|16=0")
        x.skip(10)
    await client.hear("35=5|34=5|58=*")
    assert await client.closed() == b""


@reaches(DisconnectReason.INTERNAL_ERROR)
async def test_internal_error(x: InProcess) -> None:
    """An error of ours in the session ends its connection, and says so."""
    client, other = await x.client(), await x.client("SELLER")
    session: Any = x.hosted().session

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    session.receive = fail
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    client.say("35=0")
    await client.closed()
    other.say("35=1|112=alive")
    await other.hear("35=0|34=2|112=alive")


@pytest.mark.parametrize("resets", [False, True])
def test_numbers_after_an_error_of_ours(tmp_path: Path, resets: bool) -> None:
    async def conversation(x: InProcess) -> None:
        await x.client()
        session: Any = x.hosted().session

        def fail(*_: object) -> None:
            raise RuntimeError("a bug")

        session.tick = fail
        await x.disconnected(DisconnectReason.INTERNAL_ERROR)
        del session.tick
        assert session.numbers.next_in == (1 if resets else 2)

    run(tmp_path, conversation, reset_on_error=resets)


@reaches(DisconnectReason.SCHEDULE_END, schedule=daily("03:00:00", "03:10:00"))
async def test_schedule_end(x: InProcess) -> None:
    client = await x.client(heart_bt_int_s=0)
    x.skip(600)
    text = "The session's time window has ended"
    assert (await client.hear("35=5|34=2|58=*"))[58] == text
    client.say("35=5")
    assert await client.closed() == b""


@reaches(DisconnectReason.CONNECTION_LIMIT, connections_max=1)
async def test_connection_limit(x: InProcess) -> None:
    await x.client()
    second = await x.connect("SELLER")
    assert await second.closed() == b""


@reaches(DisconnectReason.OPERATOR_DISCONNECT)
async def test_operator_disconnect(x: InProcess) -> None:
    client = await x.client()
    await x.ask("sessions.disconnect", session="BUYER")
    assert await client.closed() == b""


@reaches(DisconnectReason.SESSION_DISABLED)
async def test_session_disabled(x: InProcess) -> None:
    """A disabled session is not heard, and uses up no number."""
    await x.ask("sessions.disable", session="BUYER")
    client = await x.connect()
    client.say("35=A|98=0|108=30")
    assert await client.closed() == b""
    assert x.hosted().session.numbers.next_out == 1


@reaches(
    DisconnectReason.AUTHENTICATION_FAILED,
    authentication=Authentication.PASSWORD,
    credentials=Credentials.parse(f'[BUYER]\npassword = "{HASHED}"', "test"),
)
async def test_authentication_failed(x: InProcess) -> None:
    """Without a byte: an answer would use up a number."""
    client = await x.connect()
    client.say("35=A|98=0|108=30|553=BUYER|554=wrong")
    assert await client.closed() == b""
    assert x.hosted().session.numbers.next_out == 1


@reaches(
    DisconnectReason.RATE_LIMIT,
    listener={"use_tcp_proxy": True, "connections_per_address_per_minute_max": 1},
)
async def test_rate_limit(x: InProcess) -> None:
    first = await x.connect()
    first.send(b"PROXY TCP4 192.0.2.1 192.0.2.9 1000 9876\r\n")
    await first.log_on()
    second = await x.connect("SELLER")
    second.send(b"PROXY TCP4 192.0.2.1 192.0.2.9 1001 9876\r\n")
    assert await second.closed() == b""


@reaches(
    DisconnectReason.THROTTLED,
    throttle_messages_per_s=1,
    throttle_burst=1,
    throttle_rejects_max=1,
)
async def test_throttled(x: InProcess) -> None:
    client = await x.client()
    client.order("A")
    await client.report("A")
    client.order("B")
    client.order("C")
    await client.hear("35=j|34=3|45=3|58=*|372=D|379=B|380=0")
    await client.hear("35=j|34=4|45=4|58=*|372=D|379=C|380=0")
    await client.hear("35=5|34=*|58=*")
    client.say("35=5")
    assert await client.closed() == b""


@reaches(
    DisconnectReason.RESEND_LIMIT,
    resend_requests_per_minute_max=1,
    resend_overflow=ResendOverflow.LOGOUT,
)
async def test_resend_limit(x: InProcess) -> None:
    client = await x.client()
    client.say("35=2|7=1|16=0")
    await client.hear("35=4|34=1|43=Y|122=*|36=2|123=Y")
    client.say("35=2|7=1|16=1")
    await client.hear("35=5|34=2|58=*")
    assert await client.closed() == b""


def over_tls(folder: Path) -> dict[str, Any]:
    """A listener that speaks TLS."""
    return {"listener": {"tls": Authority(folder / "tls").settings(clients=True)}}


@reaches(DisconnectReason.TLS_FAILED, over_tls)
async def test_tls_failed(x: InProcess) -> None:
    client = await x.connect()
    client.say("35=A|98=0|108=30")
    assert b"35=" not in await client.closed()


@reaches(DisconnectReason.PROXY_HEADER_WRONG, listener={"use_tcp_proxy": True})
async def test_proxy_header_wrong(x: InProcess) -> None:
    client = await x.connect()
    client.say("35=A|98=0|108=30")
    assert await client.closed() == b""


@reaches(DisconnectReason.CERTIFICATE_NOT_BOUND, client_certificate_names=("BUYER",))
async def test_certificate_not_bound(x: InProcess) -> None:
    client = await x.connect()
    client.say("35=A|98=0|108=30")
    assert await client.closed() == b""


@reaches(DisconnectReason.NEXT_EXPECTED_TOO_HIGH, enable_next_expected_msg_seq_num=True)
async def test_next_expected_too_high(x: InProcess) -> None:
    client = await x.connect()
    client.say("35=A|98=0|108=30|789=9")
    await client.hear("35=5|34=1|58=*")
    assert await client.closed() == b""


@reaches(DisconnectReason.MESSAGE_TOO_LARGE, message_bytes_max=2_000)
async def test_message_too_large(x: InProcess) -> None:
    client = await x.client()
    client.say(f"35=1|112={'x' * 2_000}")
    await client.hear("35=5|34=2|58=*")
    assert await client.closed() == b""


@pytest.mark.parametrize("reason", DisconnectReason, ids=lambda reason: reason.name)
def test_every_reason_has_a_test_and_a_sentence(reason: DisconnectReason) -> None:
    assert REACHED[reason] == f"test_{reason.name.lower()}"
    assert reason.sentence.endswith(".")


def test_numbers_are_never_reused() -> None:
    assert len({int(reason) for reason in DisconnectReason}) == len(REACHED)
    assert connection_module.GARBLED_MAX == 100
