"""The terminal client against QuickFIX as the exchange, over TCP on the loopback.

Neither side shares code with the other: the client is built on simplefix, and QuickFIX
brings a session layer, a store and a dictionary of its own.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

fix = pytest.importorskip("quickfix")

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30.0
Client = subprocess.CompletedProcess[str]
SETTINGS = """
[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort={port}
SocketAcceptHost=127.0.0.1
SocketReuseAddress=Y
FileStorePath={store}
NonStopSession=Y
DataDictionary={root}/spec/FIX44.xml
UseDataDictionary=Y
[SESSION]
BeginString=FIX.4.4
SenderCompID=EXCHANGE
TargetCompID=BUYER
"""


class Exchange(fix.Application):  # type: ignore[name-defined,misc]
    """Accepts every order, in a process of its own; the symbol tells what comes next.

    FILL is filled at once, NOPE is rejected, MUTE gets no answer at all. What arrives
    is written to standard output; an order on standard input is filled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.session = fix.SessionID("FIX.4.4", "EXCHANGE", "BUYER")
        self.reports = 0

    def onCreate(self, session: Any) -> None:
        pass

    def onLogon(self, session: Any) -> None:
        tell("logon", "")

    def onLogout(self, session: Any) -> None:
        pass

    def toAdmin(self, message: Any, session: Any) -> None:
        pass

    def toApp(self, message: Any, session: Any) -> None:
        pass

    def fromAdmin(self, message: Any, session: Any) -> None:
        tell("admin", _text(message))

    def fromApp(self, message: Any, session: Any) -> None:
        tell("app", _text(message))
        order = _fields(_text(message))
        if order["35"] == "D":
            self._new(order)
        elif order["35"] == "F":
            self.report(order, "4", "4", left="0")
        elif order["35"] == "G":
            self.report(order, "5", "0", left=order["38"])

    def _new(self, order: dict[str, str]) -> None:
        if order["55"] == "MUTE":
            return
        if order["55"] == "NOPE":
            self.report(order, "8", "8", left="0", extra={103: "1", 58: "no NOPE here"})
            return
        self.report(order, "0", "0", left=order["38"])
        if order["55"] == "FILL":
            self.fill(order)

    def fill(self, order: dict[str, str]) -> None:
        quantity, price = order["38"], order.get("44", "9.99")
        extra = {14: quantity, 32: quantity, 31: price}
        self.report(order, "F", "2", left="0", extra=extra)

    def report(
        self,
        order: dict[str, str],
        exec_type: str,
        status: str,
        *,
        left: str,
        extra: dict[int, str] | None = None,
    ) -> None:
        self.reports += 1
        message = fix.Message()
        message.getHeader().setField(fix.StringField(35, "8"))
        fields = {37: f"X{self.reports}", 17: f"E{self.reports}", 14: "0", 6: "0"}
        fields |= {150: exec_type, 39: status, 151: left}
        for tag in (11, 41, 55, 54, 38, 40, 44):
            if str(tag) in order:
                fields[tag] = order[str(tag)]
        for tag, value in (fields | (extra or {})).items():
            message.setField(fix.StringField(tag, value))
        fix.Session.sendToTarget(message, self.session)


def tell(kind: str, text: str) -> None:
    sys.stdout.write(json.dumps([kind, text]) + "\n")
    sys.stdout.flush()


def serve(file: str) -> None:
    """The process of the exchange: until its standard input is closed."""
    exchange = Exchange()
    settings = fix.SessionSettings(file)
    stores = fix.FileStoreFactory(settings)
    acceptor = fix.SocketAcceptor(exchange, stores, settings)
    acceptor.start()
    tell("ready", "")
    for line in sys.stdin:
        exchange.fill(json.loads(line))
        tell("filled", "")
    acceptor.stop(True)
    os._exit(0)  # QuickFIX's own end in Python is not orderly


def _text(message: Any) -> str:
    return str(message.toString()).replace("\x01", "|")


def _fields(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in text.strip("|").split("|"))


class Venue:
    """The exchange with its port and store; it can be stopped and started again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # This file is a program as well, which knows no other of the tests.
        from tests.live.exchange import free_port

        self.port = free_port()
        self._told: list[tuple[str, str]] = []
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        text = SETTINGS.format(port=self.port, store=self.directory / "qf", root=ROOT)
        file = self.directory / "acceptor.cfg"
        file.write_text(text)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        ready = len(self._of("ready"))
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reader.start()
        self.wait_for("ready", ready + 1)

    def _read(self, lines: Iterable[str]) -> None:
        for line in lines:
            with self._news:
                kind, text = json.loads(line)
                self._told.append((kind, text))
                self._news.notify_all()

    def _of(self, kind: str) -> list[str]:
        return [text for told, text in self._told if told == kind]

    def wait_for(self, kind: str, count: int) -> list[str]:
        with self._news:
            assert self._news.wait_for(lambda: len(self._of(kind)) >= count, DEADLINE_S)
            return self._of(kind)

    def fill(self, order: dict[str, str]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.wait_for("filled", 1)

    def stop(self, *, kill: bool = False) -> None:
        if self._process is None or self._reader is None:
            return
        with self._process as process:
            assert process.stdin is not None
            process.kill() if kill else process.stdin.close()
            try:
                process.wait(DEADLINE_S)
            finally:
                process.kill()
                self._reader.join()
        self._process = None

    def seen(self, kind: str = "app") -> list[dict[str, str]]:
        """All messages that reached the exchange; it is stopped first."""
        self.stop()
        return [_fields(text) for text in self._of(kind)]

    def command(self, *arguments: str) -> list[str]:
        code = "from fixgw.client import client; client(prog_name='fixgw client')"
        store = str(self.directory / "client")
        where = ("--port", str(self.port), "--store", store, "--timeout", "15")
        return [sys.executable, "-c", code, "BUYER", *where, *arguments]

    def client(self, *arguments: str, text: str = "") -> Client:
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            input=text,
            timeout=DEADLINE_S,
            cwd=ROOT,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        sys.stdout.write(done.stdout + done.stderr)  # pytest shows it on failure
        return done

    def saved(self) -> dict[str, Any]:
        text = (self.directory / "client" / "BUYER-EXCHANGE.json").read_text()
        loaded: dict[str, Any] = json.loads(text)
        return loaded


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    venue = Venue(tmp_path)
    try:
        venue.start()
        yield venue
    finally:
        venue.stop()


def test_an_order_from_logon_to_logout(venue: Venue) -> None:
    done = venue.client("--script", "buy 100 ACME @ 10.00 gtc")
    assert done.returncode == 0
    assert done.stderr == ""
    heads = [line for line in done.stdout.splitlines() if line[0] in "←→"]
    names = [" ".join(line.split()[2:4]) for line in heads]
    assert names == [
        *("Logon #1", "Logon #1", "NewOrderSingle #2", "ExecutionReport #2"),
        *("Logout #3", "Logout #3"),
    ]
    assert "ACCEPTED buy 100 ACME @ 10.00, 100 left" in heads[3]
    assert "OrdStatus(39)=0 NEW" in done.stdout
    (order,) = venue.seen()
    wanted = {"11": "BUYER-1", "54": "1", "38": "100", "55": "ACME", "44": "10.00"}
    assert wanted.items() <= order.items()


def test_change_and_cancel_an_order_of_an_earlier_run(venue: Venue) -> None:
    assert venue.client("--script", "buy 100 ACME @ 10.00").returncode == 0
    done = venue.client(
        "--script", "replace BUYER-1 50 @ 10.05; orders; cancel last; wait cancelled 5"
    )
    assert done.returncode == 0
    assert "REPLACED buy 50 ACME @ 10.05, 50 left" in done.stdout
    assert "BUYER-2  buy         50  ACME    10.05    50" in done.stdout
    assert "CANCELLED buy 50 ACME" in done.stdout
    kinds = [(m["35"], m["11"], m.get("41")) for m in venue.seen()]
    assert kinds == [
        ("D", "BUYER-1", None),
        ("G", "BUYER-2", "BUYER-1"),
        ("F", "BUYER-3", "BUYER-2"),
    ]


def test_a_fill_while_away_is_seen_at_the_next_logon(venue: Venue) -> None:
    assert venue.client("--script", "buy 100 ACME @ 10.00").returncode == 0
    (order,) = venue.wait_for("app", 1)
    venue.fill(_fields(order))
    done = venue.client("--script", "orders; wait fill 5")
    assert done.returncode == 0
    assert "ResendRequest" in done.stdout
    (line,) = [row for row in done.stdout.splitlines() if "FILL buy 100" in row]
    assert "[PossDup, first sent " in done.stdout
    assert done.stdout.index(line) < done.stdout.index("no live orders")
    again = venue.client("--script", "orders")
    assert "FILL" not in again.stdout


def test_old_messages_come_again_on_request(venue: Venue) -> None:
    assert venue.client("--script", "buy 5 FILL @ 1; wait fill").returncode == 0
    done = venue.client("--script", "resend 1; test")
    assert done.returncode == 0
    assert done.stdout.count("[known already]") == 2
    assert "FILL buy 5 FILL @ 1, 0 left" in done.stdout


def test_the_exchange_asks_for_an_order_it_missed(venue: Venue) -> None:
    """Its store goes back to before the order, as after a restore from a copy."""
    assert venue.client("--script", "test").returncode == 0
    venue.stop()
    (numbers,) = (venue.directory / "qf").glob("*.seqnums")
    before = numbers.read_text()
    venue.start()
    assert venue.client("--script", "buy 7 ACME @ 3").returncode == 0
    venue.stop()
    out, _ = numbers.read_text().split(":")
    numbers.write_text(f"{out}:{before.split(':')[1]}")
    venue.start()
    assert venue.client("--script", "test").returncode == 0
    first, again = venue.seen()
    assert (again["43"], again["11"], again["38"]) == ("Y", "BUYER-1", "7")
    assert (again["34"], again["122"]) == (first["34"], first["52"])


def test_too_low_is_told_and_mended(venue: Venue) -> None:
    assert venue.client("--script", "test; test").returncode == 0
    file = venue.directory / "client" / "BUYER-EXCHANGE.json"
    file.write_text(json.dumps(venue.saved() | {"next_out": 2}))
    done = venue.client("--script", "buy 1 ACME @ 1")
    assert done.returncode == 0
    assert "MsgSeqNum too low, expecting 5 but received 2" in done.stdout
    assert "the exchange expects our number 5: trying again" in done.stdout
    assert "ACCEPTED" in done.stdout


def test_a_lost_store_of_the_exchange_needs_a_reset(venue: Venue) -> None:
    assert venue.client("--script", "buy 1 ACME @ 1").returncode == 0
    venue.stop()
    for file in (venue.directory / "qf").iterdir():
        file.unlink()
    venue.start()
    refused = venue.client("--script", "test")
    assert refused.returncode == 3
    assert "--reset" in refused.stderr
    done = venue.client("--reset", "--script", "buy 1 ACME @ 1")
    assert done.returncode == 0
    assert "numbers start again" in done.stdout
    assert venue.seen()[1]["11"] == "BUYER-2"


@pytest.mark.parametrize(
    ("script", "shown"),
    [
        ("buy 1 NOPE @ 1", "REJECTED buy 1 NOPE @ 1: no NOPE here"),
        ("raw 35=D|11=x|55=ACME", "REJECTED message #2, OrderQty(38)"),
        ("buy 1 MUTE @ 1", "no answer to BUYER-1 within 0.5 s"),
        ("buy 1 ACME @ 1; wait fill 0.2", "no fill of BUYER-1 within 0.2 s"),
        ("buy 1 FILL @ 1; wait cancelled", "BUYER-1 is done and was never cancelled"),
        ("cancel X", "no order 'X' is known here"),
        ("wait", "no order was sent yet"),
    ],
)
def test_what_goes_wrong_is_told_and_exits_with_1(
    venue: Venue, script: str, shown: str
) -> None:
    done = venue.client("--timeout", "0.5", "--script", script)
    assert done.returncode == 1
    assert shown in done.stdout
    assert "Logout" in done.stdout


def test_a_script_that_is_not_understood_sends_nothing(venue: Venue) -> None:
    done = venue.client("--script", "buy 1 ACME @ 1; sell lots")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "expected a quantity" in done.stderr
    assert venue.seen("admin") == []


def test_a_pipe_is_read_line_by_line(venue: Venue) -> None:
    done = venue.client(text="buy 1 ACME @ 1\n\n# a comment\norders\n")
    assert done.returncode == 0
    assert "BUYER-1  buy          1  ACME" in done.stdout
    bad = venue.client(text="test\nbuy lots\nbuy 1 ACME @ 1\n")
    assert bad.returncode == 2
    assert "Logout" in bad.stdout
    assert len(venue.seen()) == 1


def test_the_raw_bytes_hide_the_password(
    venue: Venue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIXGW_PASSWORD", "hunter2")
    done = venue.client("--raw", "--verbose", "--script", "test")
    assert done.returncode == 0
    assert "554=****|" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    assert venue.seen("admin")[0]["554"] == "hunter2"
    assert "hunter2" not in json.dumps(venue.saved())


def test_nothing_listens(tmp_path: Path) -> None:
    done = Venue(tmp_path).client("--script", "test")
    assert done.returncode == 3
    assert "nothing listens on 127.0.0.1:" in done.stderr
    assert "bin/fixgw up" in done.stderr


def test_a_name_the_exchange_does_not_know(venue: Venue) -> None:
    done = venue.client("--target", "ELSEWHERE", "--script", "test")
    assert done.returncode == 3
    assert "closed the connection without a word" in done.stderr
    assert "config/sessions.cfg" in done.stderr


def test_the_exchange_goes_away(venue: Venue) -> None:
    with subprocess.Popen(
        venue.command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    ) as client:
        try:
            venue.wait_for("logon", 1)
            venue.stop(kill=True)
            assert client.wait(DEADLINE_S) == 3
            assert client.stdout is not None
            assert "! the exchange closed the connection" in client.stdout.read()
        finally:
            client.kill()


def test_at_the_keyboard(venue: Venue) -> None:
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    client = subprocess.Popen(
        venue.command(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env=environment,
    )
    os.close(theirs)
    try:
        screen = Screen(ours)
        screen.until(b"BUYER>")
        os.write(ours, b"buy lots\r")
        screen.until(b"expected a quantity")
        screen.until(b"BUYER>")
        os.write(ours, b"buy 5 FILL @ 1\r")
        screen.until(b"FILL buy 5 FILL @ 1, 0 left")
        screen.until(b"BUYER>")
        os.write(ours, b"\x04")
        screen.until(b"Logout #4")
        assert client.wait(DEADLINE_S) == 0
    finally:
        client.kill()
        client.wait()
        os.close(ours)
    assert "buy 5 FILL @ 1" in (venue.directory / "client" / "history").read_text()


class Screen:
    """What a terminal was sent, read up to one wanted text after the other."""

    def __init__(self, terminal: int) -> None:
        self._terminal, self._unread = terminal, b""

    def until(self, wanted: bytes) -> None:
        limit = time.monotonic() + DEADLINE_S
        while wanted not in self._unread:
            left = max(0.0, limit - time.monotonic())
            ready, _, _ = select.select([self._terminal], [], [], left)
            assert ready, self._unread.decode()
            self._unread += os.read(self._terminal, 1 << 16)
        self._unread = self._unread.partition(wanted)[2]


def test_an_interrupted_script_logs_out(venue: Venue) -> None:
    with subprocess.Popen(
        venue.command("--script", "test; sleep 60"), stdout=subprocess.PIPE, cwd=ROOT
    ) as client:
        try:
            venue.wait_for("admin", 2)  # its Logon and its TestRequest
            client.send_signal(signal.SIGINT)
            assert client.wait(DEADLINE_S) == 130
        finally:
            client.kill()
    assert venue.seen("admin")[-1]["35"] == "5"


if __name__ == "__main__":
    serve(sys.argv[1])
