"""QuickFIX as the client, in old and new versions of FIX, with its own store and
dictionary validation: gaps on both sides, resets, the end of a schedule, TLS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.conftest import MakeProxy
from tests.live.echo_process import EchoProcess
from tests.live.exchange import ROOT, free_port
from tests.live.initiator import Initiator, Received, Version
from tests.live.tls_relay import TlsRelay
from tests.live.waiting import wait_until
from tests.net.certificates import Authority

VERSIONS = ("FIX.4.2", "FIX.4.4", "FIX.5.0SP2")
NAME = "MEMBER"
OPEN_S, CLOSED_S = 12, 3
"""Until a window ends: both processes start in it; and until the next one begins."""

SESSIONS = """\
[DEFAULT]
ConnectionType=acceptor
SocketAcceptHost=127.0.0.1
SocketAcceptPort=9876
SenderCompID=EXCHANGE
TargetCompID={name}
{more}
[SESSION]
BeginString={begin_string}
{dictionaries}
"""

MakeEcho = Callable[..., EchoProcess]
Client = Callable[..., Initiator]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Version:
    """A version of FIX, with the dictionaries both sides validate by."""
    return Version.of(request.param, ROOT / "spec")


@pytest.fixture
def new_echo(tmp_path: Path) -> Iterator[MakeEcho]:
    """Makes running echoes."""
    with ExitStack() as stack:

        def make(version: Version, more: str = "NonStopSession=Y") -> EchoProcess:
            text = SESSIONS.format(
                name=NAME,
                more=more,
                begin_string=version.begin_string,
                dictionaries=version.dictionaries,
            )
            echo = EchoProcess(tmp_path / "echo", text)
            stack.callback(echo.clean_up)
            return echo.start(free_port())

        yield make


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """Makes initiators, not yet started; stops them, and hears their complaints."""
    made: list[Initiator] = []
    with ExitStack() as stack:

        def make(
            version: Version, port: int, *, reset: bool = False, more: str = ""
        ) -> Initiator:
            one = Initiator(
                NAME, port, tmp_path, version=version, reset=reset, more=more
            )
            stack.callback(one.stop)
            made.append(one)
            return one

        yield make
    for one in made:
        one.check()


def order(client: Initiator) -> str:
    """Sends an order; its ClOrdID."""
    return client.order("buy", "BTC-USD", "1", "100")


def came_back(client: Initiator, cl_ord_id: str) -> list[Received]:
    """What came of an order, once something has."""
    client.wait(lambda: client.about(cl_ord_id), f"{cl_ord_id} back")
    return client.about(cl_ord_id)


def test_orders_come_back_unchanged(
    version: Version, new_echo: MakeEcho, client: Client
) -> None:
    member = client(version, new_echo(version).port).start()
    for _ in range(20):
        (message,) = came_back(member, order(member))
        assert message.msg_type == "D"
        assert not message.poss_dup
        assert message[38] == "1"
        assert message[44] == "100"


def test_the_client_asks_for_what_it_missed(
    version: Version, new_echo: MakeEcho, client: Client
) -> None:
    """QuickFIX is made to forget: everything comes again, marked, and unchanged."""
    member = client(version, new_echo(version).port).start()
    orders = [order(member) for _ in range(5)]
    first = {one: came_back(member, one)[0] for one in orders}
    member.expect(2)
    last = order(member)
    member.wait(lambda: len(member.about(orders[-1])) == 2, "the replay")
    came_back(member, last)
    for one in orders:
        before, again = member.about(one)
        assert again.poss_dup
        assert again.seq == before.seq == first[one].seq
        assert again.content == before.content
        assert again[122] == before[52]


def test_we_ask_for_what_we_missed(
    version: Version,
    new_echo: MakeEcho,
    client: Client,
    new_proxy: MakeProxy,
) -> None:
    """What the client sent without a connection arrives after its next Logon, once."""
    proxy = new_proxy(new_echo(version).port)
    member = client(version, proxy.port).start()
    came_back(member, order(member))
    proxy.cut()
    member.wait_logged_out()
    missed = [order(member) for _ in range(10)]
    proxy.mend()
    member.wait_logon(2)
    live = order(member)
    came_back(member, live)
    for one in missed:
        assert len(came_back(member, one)) == 1
    backs = [m[11] for m in member.messages if m.msg_type == "D"][1:]
    assert backs == [*missed, live]
    asked = [m for m in member.received() if m.msg_type == "2"]
    assert len(asked) == 1


def test_both_sides_missed_messages(
    version: Version, new_echo: MakeEcho, client: Client, new_proxy: MakeProxy
) -> None:
    """Each asks the other at the same time, and both get everything."""
    proxy = new_proxy(new_echo(version).port)
    member = client(version, proxy.port).start()
    before = [order(member) for _ in range(5)]
    for one in before:
        came_back(member, one)
    proxy.cut()
    member.wait_logged_out()
    member.expect(2)
    missed = [order(member) for _ in range(5)]
    proxy.mend()
    member.wait_logon(2)
    for one in missed:
        assert len(came_back(member, one)) == 1
    member.wait(lambda: len(member.about(before[-1])) == 2, "the replay")
    assert all(member.about(one)[1].poss_dup for one in before)


def test_a_client_that_resets_begins_at_1(
    version: Version, new_echo: MakeEcho, client: Client, new_proxy: MakeProxy
) -> None:
    proxy = new_proxy(new_echo(version).port)
    member = client(version, proxy.port, reset=True).start()
    came_back(member, order(member))
    proxy.cut()
    member.wait_logged_out()
    proxy.mend()
    member.wait_logon(2)
    (message,) = came_back(member, order(member))
    assert message.seq == 2
    logons = [m for m in member.received() if m.msg_type == "A"]
    assert [m.seq for m in logons] == [1, 1]
    assert all(m.get(141) == "Y" for m in logons)


def test_a_server_that_lost_its_numbers_is_reset_by_the_client(
    version: Version, new_echo: MakeEcho, client: Client
) -> None:
    """Each start of an echo is fresh; the client's next Logon has a high number, so its
    old orders are asked for, and it takes them back as new."""
    echo = new_echo(version)
    member = client(version, echo.port, reset=True).start()
    came_back(member, order(member))
    assert echo.stop() == 0
    member.wait_logged_out()
    echo.start(echo.port)
    member.wait_logon(2)
    (message,) = came_back(member, order(member))
    assert message.seq == 2


def test_the_schedule_ends_and_begins(
    version: Version, new_echo: MakeEcho, client: Client
) -> None:
    """The window closes under a client that is logged on: Logout, no Logon until the
    next window, and in that both sides begin at 1."""
    now = int(time.time())
    end, start = (clock(now + seconds) for seconds in (OPEN_S, OPEN_S + CLOSED_S))
    echo = new_echo(version, f"StartTime={start}\nEndTime={end}")
    member = client(version, echo.port, more="ResetOnLogout=Y").start()
    (message,) = came_back(member, order(member))
    assert message.seq == 2
    member.wait_logged_out()
    ended = time.time()
    assert ended >= now + OPEN_S
    assert any(m.msg_type == "5" for m in member.received())
    member.wait_logon(2)
    assert time.time() >= now + OPEN_S + CLOSED_S
    logons = [m for m in member.received() if m.msg_type == "A"]
    assert [m.seq for m in logons] == [1, 1]
    came_back(member, order(member))


def test_through_tls_with_a_certificate_bound_to_the_client(
    version: Version, new_echo: MakeEcho, client: Client, tmp_path: Path
) -> None:
    """Who has the certificate gets in, and recovers what it missed; another, which the
    same authority has signed, does not."""
    authority = Authority(tmp_path / "pki")
    own, other = authority.issue(NAME), authority.issue("OTHER")
    echo = new_echo(
        version,
        "NonStopSession=Y\n"
        f"ServerCertificateFile={authority.server()}\n"
        f"CertificationAuthoritiesFile={authority.ca}\n"
        "CertificateVerifyLevel=2\n"
        f"ClientCertificateNames={NAME}",
    )
    with (
        TlsRelay(echo.port, authority.client(own)) as relay,
        TlsRelay(echo.port, authority.client(other)) as wrong,
    ):
        stranger = client(version, wrong.port)
        stranger.begin()
        wait_until(lambda: "CERTIFICATE_NOT_BOUND" in echo.log(), "a refusal")
        assert stranger.logons == 0
        stranger.stop()
        member = client(version, relay.port).start()
        orders = [order(member) for _ in range(5)]
        for one in orders:
            came_back(member, one)
        member.expect(2)
        order(member)
        member.wait(lambda: len(member.about(orders[-1])) == 2, "the replay")
        assert all(member.about(one)[1].poss_dup for one in orders)
        member.stop()


def clock(seconds: int) -> str:
    """HH:MM:SS of a time, UTC."""
    return time.strftime("%H:%M:%S", time.gmtime(seconds))
