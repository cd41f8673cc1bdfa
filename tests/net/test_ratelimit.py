"""Limits per address: what is counted together, when it is refused, when no more, and
that memory is bounded. The clock is the test's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixgw.net import ratelimit
from fixgw.net.ratelimit import FAILURES, AddressLimits, network_of
from fixgw.session.identity import SessionId
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import AcceptorSettings, SessionSettings
from tests.net.exchange_in_process import Client, InProcess, run

A, B = "192.0.2.1", "192.0.2.2"
OFF = {
    "connections_per_address_max": 0,
    "connections_per_address_per_minute_max": 0,
    "logon_failures_max": 0,
}
WRONG = DisconnectReason.AUTHENTICATION_FAILED
LEFT = DisconnectReason.LOGOUT_COMPLETE


def limits(**values: int) -> AddressLimits:
    session = SessionSettings(session_id=SessionId("FIX.4.4", "EXCHANGE", "BUYER"))
    settings = {**OFF, **values}
    return AddressLimits(AcceptorSettings(port=0, sessions=(session,), **settings))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", None),
        ("127.9.9.9", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("", None),
        ("/run/fix.sock", None),
    ],
)
def test_what_is_counted_together(address: str, network: str | None) -> None:
    assert network_of(address) == network


def test_simultaneous_connections() -> None:
    found = limits(connections_per_address_max=2)
    assert [found.opened(A, 0) for _ in range(3)] == [
        None,
        None,
        DisconnectReason.CONNECTION_LIMIT,
    ]
    assert found.opened(B, 0) is None
    found.closed(A, DisconnectReason.CONNECTION_LIMIT, 0)
    assert found.opened(A, 0) is DisconnectReason.CONNECTION_LIMIT
    found.closed(A, DisconnectReason.CONNECTION_LIMIT, 0)
    found.closed(A, LEFT, 0)
    assert found.opened(A, 0) is None


def test_connections_per_minute() -> None:
    found = limits(connections_per_address_per_minute_max=6)

    def opens(now_s: float) -> bool:
        reason = found.opened(A, now_s)
        found.closed(A, reason or LEFT, now_s)
        assert reason in (None, DisconnectReason.RATE_LIMIT)
        return reason is None

    assert [opens(0) for _ in range(8)] == [True] * 6 + [False] * 2
    assert not opens(9.9)
    assert opens(10)
    assert not opens(10)
    assert [opens(1000) for _ in range(7)] == [True] * 6 + [False]


def fails(found: AddressLimits, now_s: float, address: str = A) -> bool:
    """Whether one more failure blocks the address."""
    assert found.opened(address, now_s) is None
    return found.closed(address, WRONG, now_s)


def test_failed_logons_block() -> None:
    found = limits(logon_failures_max=3, logon_failures_s=30, logon_block_s=15)
    assert [fails(found, now) for now in (0, 1, 2)] == [False, False, True]
    assert found.opened(A, 2) is DisconnectReason.RATE_LIMIT
    assert found.opened(A, 16.9) is DisconnectReason.RATE_LIMIT
    assert found.opened(B, 2) is None
    assert found.opened(A, 17) is None


def test_being_blocked_is_no_failure() -> None:
    """Who only comes too early has not to wait longer for it."""
    found = limits(logon_failures_max=1, logon_failures_s=30, logon_block_s=15)
    assert fails(found, 0)
    for now in range(1, 15):
        assert found.opened(A, now) is DisconnectReason.RATE_LIMIT
        assert not found.closed(A, DisconnectReason.RATE_LIMIT, now)
    assert found.opened(A, 15) is None


def test_those_connected_when_it_is_blocked_do_not_prolong_it() -> None:
    found = limits(logon_failures_max=1, logon_failures_s=30, logon_block_s=15)
    for _ in range(3):
        found.opened(A, 0)
    assert found.closed(A, WRONG, 0)
    assert not found.closed(A, WRONG, 10)
    assert found.opened(A, 15) is None


def test_old_failures_are_forgotten() -> None:
    found = limits(logon_failures_max=3, logon_failures_s=30, logon_block_s=15)
    assert not any(fails(found, now) for now in (0, 20, 30, 50, 60, 80))
    assert fails(found, 81)


@pytest.mark.parametrize("reason", DisconnectReason, ids=lambda reason: reason.name)
def test_which_ends_are_failures(reason: DisconnectReason) -> None:
    found = limits(logon_failures_max=1, logon_failures_s=30, logon_block_s=15)
    found.opened(A, 0)
    assert found.closed(A, reason, 0) is (reason in FAILURES)


def test_loopback_is_not_limited() -> None:
    found = limits(
        connections_per_address_max=1,
        connections_per_address_per_minute_max=1,
        logon_failures_max=1,
    )
    for address in ("127.0.0.1", "::1"):
        for _ in range(5):
            assert found.opened(address, 0) is None
        assert not found.closed(address, WRONG, 0)
    assert found.known == 0


def test_addresses_max(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one longest without a connection is forgotten; who has one never is."""
    monkeypatch.setattr(ratelimit, "ADDRESSES_MAX", 10)
    found = limits(connections_per_address_max=1, logon_failures_max=2)
    found.opened(A, 0)
    fails(found, 0, B)
    for number in range(9):
        fails(found, 0, f"198.51.100.{number}")
    assert found.known == 11
    fails(found, 0, "198.51.100.9")
    assert found.known == 11
    assert found.opened(A, 0) is DisconnectReason.CONNECTION_LIMIT
    assert not fails(found, 0, B)
    assert fails(found, 0, "198.51.100.5")


@given(
    st.lists(
        st.tuples(
            st.integers(0, 7),
            st.booleans(),
            st.sampled_from([WRONG, LEFT]),
            st.floats(0, 20),
        ),
        max_size=200,
    )
)
def test_whatever_happens(steps: list[tuple[int, bool, Any, float]]) -> None:
    """Connections are counted right, and nothing is left of addresses forgotten."""
    found = limits(
        connections_per_address_max=2,
        connections_per_address_per_minute_max=30,
        logon_failures_max=3,
    )
    now_s, opened = 0.0, dict.fromkeys(range(8), 0)
    for number, opens, reason, passed in steps:
        now_s += passed
        address = f"198.51.100.{number}"
        if opens:
            why = found.opened(address, now_s)
            opened[number] += 1
            if opened[number] > 2:
                assert why is not None
        elif opened[number]:
            found.closed(address, reason, now_s)
            opened[number] -= 1
    for number, count in opened.items():
        for _ in range(count):
            found.closed(f"198.51.100.{number}", LEFT, now_s)
    assert found.known <= 8
    assert all(visitor.open == 0 for visitor in found._visitors.values())
    assert set(found._idle) == set(found._visitors)


# -- over sockets ----------------------------------------------------------------------


async def come(x: InProcess, address: str, name: str = "BUYER") -> Client:
    client = await x.connect(name)
    client.send(f"PROXY TCP4 {address} 192.0.2.99 1000 9876\r\n".encode())
    return client


def test_a_flood_of_wrong_logons(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is cut off; others, and those already connected from there, are not."""

    async def conversation(x: InProcess) -> None:
        connected = await come(x, A, "SELLER")
        await connected.log_on()
        for _ in range(3):
            client = await come(x, A, "GUESS")
            client.say("35=A|98=0|108=30")
            assert await client.closed() == b""
        await x.disconnected(DisconnectReason.UNKNOWN_SESSION, 3)
        good = await come(x, A)
        good.say("35=A|98=0|108=30")
        assert await good.closed() == b""
        await x.disconnected(DisconnectReason.RATE_LIMIT)
        await (await come(x, B)).log_on()
        connected.say("35=1|112=alive")
        await connected.hear("35=0|34=2|112=alive")

    listener = {"use_tcp_proxy": True, "logon_failures_max": 3}
    with caplog.at_level("WARNING"):
        run(tmp_path, conversation, listener=listener)
    assert f"too many Logons from {A} failed" in caplog.text


def test_connections_per_address_max(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        first, second = await come(x, A), await come(x, A, "SELLER")
        await first.log_on()
        assert await second.closed() == b""
        await x.disconnected(DisconnectReason.CONNECTION_LIMIT)
        await first.close()
        await x.disconnected(DisconnectReason.PEER_CLOSED)
        await (await come(x, A, "SELLER")).log_on()

    listener = {"use_tcp_proxy": True, "connections_per_address_max": 1}
    run(tmp_path, conversation, listener=listener)


def test_the_balancer_itself_is_not_limited(tmp_path: Path) -> None:
    """Every connection comes from its address; only who is behind it counts."""

    async def conversation(x: InProcess) -> None:
        waiting = [await x.connect() for _ in range(5)]
        for number, client in enumerate(waiting):
            client.send(f"PROXY TCP4 198.51.100.{number} 192.0.2.99 1 2\r\n".encode())
        await waiting[3].log_on()

    listener = {"use_tcp_proxy": True, "connections_per_address_max": 1}
    run(tmp_path, conversation, listener=listener)
