"""``fixgw echo`` over real sockets: what goes back, what is refused, how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixgw.net.serving import ExitCode
from fixgw.ops.options import CONFIGURATION_WRONG, IN_USE
from tests.live.echo_process import EchoProcess
from tests.live.echoing import (
    ALL_VERSIONS,
    HEAD,
    EchoRun,
    Wire,
    client,
    client_name,
    section,
)
from tests.live.exchange import ROOT, fixgw

V44 = "FIX.4.4"
ANY = "UseDataDictionary=N"
COUNTS = section(V44, more="ResetOnLogon=N")
TIME = "60=20260102-03:04:05"
ORDER = f"11=A|21=1|38=5|40=1|54=1|55=XYZ|{TIME}"
"""Ascending by tag, as it comes back."""


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EchoRun]:
    """One process for all tests that neither stop it nor need it alone."""
    sessions = "".join(section(version) for version in ALL_VERSIONS)
    sessions += section(V44, "DUPLICATES", "AllowPosDup=Y")
    sessions += section(V44, "ANY", ANY) + section("FIX.4.1", "ANY41", ANY)
    with EchoRun(tmp_path_factory.mktemp("echo"), sessions) as process:
        yield process
        assert process.stop() == ExitCode.CLEAN


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_an_order_comes_back_in_every_version(echo: EchoRun, version: str) -> None:
    # TransactTime(60) of an order came with 4.2.
    old = version in ("FIX.4.0", "FIX.4.1")
    order = ORDER.removesuffix(f"|{TIME}") if old else ORDER
    with client(echo, version) as wire:
        wire.say(f"35=D|{order}")
        wire.hear(f"35=D|{order}")
        wire.log_out()


def test_fields_come_back_ascending_and_unchanged(echo: EchoRun) -> None:
    with client(echo, V44) as wire:
        wire.say(f"35=D|{TIME}|55=XYZ|54=1|40=1|38=002000.00|21=1|11=A")
        wire.hear(f"35=D|{ORDER.replace('38=5', '38=002000.00')}")
        wire.log_out()


@pytest.mark.parametrize("msg_type", ["D", "d", "C"])
def test_what_is_echoed(echo: EchoRun, msg_type: str) -> None:
    with client(echo, V44, "ANY") as wire:
        wire.say(f"35={msg_type}|147=hello|33=1|58=first line")
        wire.hear(f"35={msg_type}|147=hello|33=1|58=first line")
        wire.log_out()


def test_anything_else_is_unsupported(echo: EchoRun) -> None:
    with client(echo, V44, "ANY") as wire:
        wire.say("35=F|11=B|41=A|54=1|55=XYZ")
        said = wire.hear(
            f"35=j|45={wire.next_out - 1}|58=Unsupported Message Type|372=F|379=B|380=3"
        )
        assert said[45] == str(wire.next_out - 1)
        wire.log_out()


def test_without_a_business_reject_the_session_refuses(echo: EchoRun) -> None:
    with client(echo, "FIX.4.1", "ANY41") as wire:
        wire.say("35=F|11=B|41=A|54=1|55=XYZ")
        wire.hear(f"35=3|45={wire.next_out - 1}|58=Unsupported message type")
        wire.log_out()


def test_a_possible_resend(echo: EchoRun) -> None:
    with client(echo, V44) as wire:
        wire.say("35=D|97=Y|" + ORDER)
        wire.hear("35=D|97=Y|" + ORDER)
        wire.say("35=D|97=Y|" + ORDER)
        assert wire.is_silent()
        wire.say("35=D|" + ORDER)
        wire.hear("35=D|" + ORDER)
        wire.say("35=D|97=N|" + ORDER)
        wire.hear("35=D|" + ORDER)
        wire.say("35=D|97=Y|" + ORDER.replace("11=A", "11=B"))
        wire.hear("35=D|97=Y|" + ORDER.replace("11=A", "11=B"))
        wire.log_out()


def test_a_logout_forgets_what_was_ordered(echo: EchoRun) -> None:
    for _ in range(2):
        with client(echo, V44) as wire:
            wire.say("35=D|97=Y|" + ORDER)
            wire.hear("35=D|97=Y|" + ORDER)
            wire.say("35=D|97=Y|" + ORDER)
            assert wire.is_silent()
            wire.log_out()


def test_sessions_do_not_know_each_others_orders(echo: EchoRun) -> None:
    with client(echo, "FIX.4.2") as one, client(echo, "FIX.4.3") as other:
        for wire in (one, other):
            wire.say("35=D|97=Y|" + ORDER)
            wire.hear("35=D|97=Y|" + ORDER)
            wire.log_out()


def test_a_resent_order_is_an_order(echo: EchoRun) -> None:
    """43 and 122 are of the envelope it came in."""
    with client(echo, V44) as wire:
        wire.say(f"35=D|43=Y|122=20260102-03:04:05|{ORDER}")
        wire.hear(f"35=D|{ORDER}")
        wire.log_out()


def test_a_session_may_let_the_application_mark_duplicates(echo: EchoRun) -> None:
    with client(echo, V44, "DUPLICATES") as wire:
        wire.say(f"35=D|43=Y|122=20260102-03:04:05|{ORDER}")
        wire.hear(f"35=D|43=Y|122=20260102-03:04:05|{ORDER}")
        wire.log_out()


def test_what_was_sent_back_is_resent_on_request(echo: EchoRun) -> None:
    with client(echo, V44) as wire:
        wire.say(f"35=D|{ORDER}")
        first = wire.hear(f"35=D|{ORDER}")
        wire.say(f"35=2|7={first[34]}|16=0")
        wire.next_in -= 1
        wire.hear(f"35=D|43=Y|122={first[52]}|{ORDER}")
        wire.log_out()


def test_each_start_begins_at_1(tmp_path: Path) -> None:
    for options in ((), ("--folder", tmp_path / "kept")):
        for _ in range(2):
            with EchoRun(tmp_path, COUNTS, *options) as echo:
                with client(echo, V44) as wire:
                    wire.say(f"35=D|{ORDER}")
                    wire.hear(f"35=D|{ORDER}")
                    wire.log_out()
                with client(echo, V44, log_on=False) as wire:
                    # The session goes on where it was, as long as the process lives.
                    wire.next_out = wire.next_in = 4
                    wire.log_on()
                assert echo.stop() == ExitCode.CLEAN
    assert (tmp_path / "kept" / "gateway-0" / "outbox").is_dir()


def test_operators_steer_it(tmp_path: Path) -> None:
    folder = tmp_path / "e"
    with EchoRun(tmp_path, COUNTS, "--folder", folder) as echo:

        def sessions(*words: str) -> str:
            command = fixgw("sessions", *words, "--data", folder)
            return subprocess.run(
                command, cwd=ROOT, check=True, capture_output=True, text=True
            ).stdout

        name = client_name(V44)
        sessions("set-next-in", name, "41", "--confirm")
        sessions("set-next-out", name, "7", "--confirm")
        with client(echo, V44, log_on=False) as wire:
            wire.next_out, wire.next_in = 41, 7
            wire.log_on()
            [row] = json.loads(sessions("list", "--json"))
            assert (row["state"], row["next_in"], row["next_out"]) == ("ACTIVE", 42, 8)
            running = subprocess.Popen(
                fixgw("sessions", "logout", name, "--text", "bye", "--data", folder),
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
            )
            wire.hear("35=5|58=bye")
            wire.say("35=5")
            assert wire.is_closed()
            assert running.wait(20) == 0
        assert echo.stop() == ExitCode.CLEAN


def test_forty_sessions_at_once(tmp_path: Path) -> None:
    names = [f"C{number}" for number in range(48)]
    sessions = "".join(section(V44, name) for name in names)
    with EchoRun(tmp_path, sessions) as echo:
        wires = [Wire(echo.port, V44, name) for name in names]
        for wire in wires:
            wire.log_on()
        for wire in wires:
            wire.say(f"35=D|{ORDER}")
        for wire in wires:
            wire.hear(f"35=D|{ORDER}")
        for wire in wires:
            wire.log_out()
        assert echo.stop() == ExitCode.CLEAN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order(tmp_path: Path, number: int) -> None:
    with (
        EchoRun(tmp_path, section(V44)) as echo,
        client(echo, V44) as wire,
    ):
        echo.popen.send_signal(number)
        wire.hear("35=5|58=The gateway is shutting down")
        wire.say("35=5")
        assert wire.is_closed()
        assert echo.popen.wait(20) == ExitCode.CLEAN
        echo.wait_for("disconnected")


def run_once(folder: Path, sessions: str, *options: str | Path) -> tuple[int, str]:
    """Exit code and stderr of a start that must fail."""
    path = folder / "sessions.cfg"
    path.write_text(HEAD + sessions)
    done = subprocess.run(
        fixgw("echo", "--sessions", path, *options),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert not done.stdout
    return done.returncode, done.stderr


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = run_once(tmp_path, section(V44), "--port", str(port))
    assert code == ExitCode.CANNOT_LISTEN
    assert f"cannot listen on 127.0.0.1:{port}: " in said
    assert "in use" in said


def test_a_folder_in_use(tmp_path: Path) -> None:
    options = ("--folder", tmp_path / "e")
    with EchoRun(tmp_path, section(V44), *options):
        code, said = run_once(tmp_path, section(V44), "--port", "0", *options)
    assert code == IN_USE
    assert "is in use by process" in said


@pytest.mark.parametrize("place", ["gateway-0/outbox/1.log", "manifest.json"])
def test_the_data_of_an_exchange_is_not_touched(tmp_path: Path, place: str) -> None:
    file = tmp_path / "data" / place
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    code, said = run_once(tmp_path, section(V44), "--folder", tmp_path / "data")
    assert code == CONFIGURATION_WRONG
    assert "holds the data of an exchange" in said
    assert file.read_text() == "{}"


def test_a_dictionary_that_is_not_there(tmp_path: Path) -> None:
    sessions = section(V44, more="DataDictionary=none.xml")
    code, said = run_once(tmp_path, sessions)
    assert code == CONFIGURATION_WRONG
    assert "DataDictionary none.xml: no such file in" in said


def test_a_dictionary_of_another_version(tmp_path: Path) -> None:
    """A relative name is looked for beside the sessions file too."""
    text = '<fix major="4" minor="2"><header/><trailer/><messages/><fields/></fix>'
    (tmp_path / "other.xml").write_text(text)
    code, said = run_once(tmp_path, section(V44, more="DataDictionary=other.xml"))
    assert code == CONFIGURATION_WRONG
    assert f"FIX.4.4:ECHO->{client_name(V44)}: DataDictionary" in said
    assert "other.xml is for FIX.4.2" in said


def test_any_port_is_one_port_on_every_interface(tmp_path: Path) -> None:
    """IPv4 and IPv6 are not given two different free ports."""
    sessions = HEAD.replace("SocketAcceptHost=127.0.0.1\n", "") + section("FIX.4.4")
    for number in range(6):
        process = EchoProcess(tmp_path / str(number), sessions)
        try:
            port = process.start().port
            socket.create_connection(("127.0.0.1", port), 5.0).close()
        finally:
            process.clean_up()
