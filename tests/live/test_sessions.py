"""An operator at work on sessions while QuickFIX clients are logged on to them."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import Connect, MakeExchange
from tests.live.exchange import GATEWAY, ROOT, Exchange, fixgw, free_port
from tests.live.initiator import Initiator
from tests.live.waiting import wait_until

COMMAND_S = 80.0
ID = "FIX.4.4:EXCHANGE->BUYER"


def run(exchange: Exchange, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``fixgw sessions`` with these arguments."""
    return subprocess.run(
        fixgw("sessions", *arguments, "--config", exchange.config),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )


def control(exchange: Exchange, *arguments: str) -> str:
    """What a command says; it must succeed."""
    done = run(exchange, *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def refused(exchange: Exchange, *arguments: str, code: int = 1) -> str:
    """The last line of what a command says that must fail."""
    done = run(exchange, *arguments)
    assert done.returncode == code, done
    return done.stderr.splitlines()[-1]


def show(exchange: Exchange, name: str = "BUYER") -> dict[str, Any]:
    found = json.loads(control(exchange, "show", name, "--json"))
    assert isinstance(found, dict)
    return found


def trade(buyer: Initiator, seller: Initiator, price: str) -> None:
    """Both sides hear of it, so both sessions are in step."""
    bid = buyer.order("buy", "ACME", "10", price)
    buyer.wait_about(bid)
    seller.wait_about(seller.order("sell", "ACME", "10", price), 2)
    buyer.wait_about(bid, 2)


def store_of(client: Initiator) -> Path:
    return client.folder / "store" / f"FIX.4.4-{client.name}-EXCHANGE.seqnums"


def numbers_of(client: Initiator) -> tuple[int, int]:
    """What a client that is stopped sends next, and what it expects."""
    sends, expects = store_of(client).read_text().split(":")
    return int(sends), int(expects)


def set_numbers(client: Initiator, sends: int, expects: int) -> None:
    """Numbers for a client that is stopped."""
    store_of(client).write_text(f"{sends:010} : {expects:010}")


def audited(exchange: Exchange) -> list[tuple[str, dict[str, Any], str]]:
    """Command, arguments and outcome of every entry of the audit log."""
    entries = []
    for line in (exchange.data / "audit.log").read_text().splitlines():
        entry = json.loads(line)
        assert set(entry) == {
            *("ts", "pid", "uid", "process", "command", "arguments", "outcome")
        }
        assert (entry["process"], entry["uid"]) == ("gateway", os.getuid())
        entries.append((entry["command"], entry["arguments"], entry["outcome"]))
    return entries


# -- letting in ------------------------------------------------------------------------


@pytest.mark.timeout(180)
def test_logged_out_disabled_and_enabled(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange(port=free_port()).start()
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    trade(buyer, seller, "50.00")

    # A Logout is heard, and the client comes back by itself.
    said = control(exchange, "logout", "buyer", "--text", "back in a second")
    assert said == "BUYER is logged out: both sides have sent their Logout\n"
    buyer.wait_logon(2)
    assert [one.get(58) for one in buyer.admin if one.msg_type == "5"] == [
        "back in a second"
    ]
    assert show(exchange)["last_disconnect"]["reason"] == "LOGOUT_COMPLETE"

    # A disabled session is kept out, also by a gateway that died in between.
    said = control(exchange, "disable", "BUYER", "--text", "margin call")
    assert said.startswith("BUYER is disabled and logged out: both sides")
    buyer.wait(lambda: show(exchange)["counters"]["refused"] >= 2, "two refusals")
    row = show(exchange)
    assert (row["enabled"], row["disabled_text"]) == (False, "margin call")
    assert row["last_refused"]["reason"] == "SESSION_DISABLED"
    assert row["state"] == "DISCONNECTED"
    killed = exchange.kill(GATEWAY)[GATEWAY]
    exchange.wait_back(GATEWAY, killed)
    buyer.wait(lambda: show(exchange)["counters"]["refused"] >= 2, "two more")
    row = show(exchange)
    assert (row["enabled"], row["disabled_text"]) == (False, "margin call")
    assert row["counters"]["logons"] == 0
    assert buyer.logons == 2
    seller.wait_logon(2)

    # It misses nothing of what happens meanwhile, and comes back in step.
    said = control(exchange, "enable", ID)
    assert said == "BUYER is enabled\n"
    buyer.wait_logon(3)
    trade(buyer, seller, "51.00")
    assert json.loads((exchange.data / "gateway-0" / "disabled.json").read_text()) == {
        "format": 1,
        "disabled": {},
    }

    # The client is cut without a word, and comes back as well.
    assert control(exchange, "disconnect", "BUYER") == "BUYER is disconnected\n"
    buyer.wait_logon(4)
    assert show(exchange)["last_disconnect"]["reason"] == "OPERATOR_DISCONNECT"
    trade(buyer, seller, "52.00")

    buyer_named, identity = {"session": "BUYER"}, {"session": ID}
    assert audited(exchange) == [
        (f"sessions.{command}", arguments, outcome)
        for command, arguments in (
            ("logout", {"session": "buyer", "text": "back in a second"}),
            ("disable", {**buyer_named, "text": "margin call"}),
            ("enable", identity),
            ("disconnect", buyer_named),
        )
        for outcome in ("begun", "done")
    ]
    exchange.stop()


# -- numbers ---------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_a_higher_number_is_sent_and_nothing_is_lost(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange(port=free_port()).start()
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    bid = buyer.order("buy", "ACME", "30", "50.00")
    buyer.wait_about(bid)
    said = refused(exchange, "set-next-out", "BUYER", "1000", "--confirm")
    assert said.startswith("fixgw: BUYER is connected, and messages under way have")
    control(exchange, "disable", "BUYER")
    for _ in range(2):
        seller.wait_about(seller.order("sell", "ACME", "10", "50.00"), 2)
    row = show(exchange)
    assert row["queued"] == 2
    before = row["next_out"]

    said = control(exchange, "set-next-out", "BUYER", "1000", "--confirm")
    assert said == f"BUYER is sent 1000 next; it was {before}\n"
    seller.wait_about(seller.order("sell", "ACME", "10", "50.00"), 2)
    assert show(exchange)["next_out"] == 1001
    control(exchange, "enable", "BUYER")

    # Three fills, each once; what was never sent is filled.
    buyer.wait_logon(2)
    reports = buyer.wait_about(bid, 4)
    assert [report[150] for report in reports] == ["0", "F", "F", "F"]
    assert [report.seq for report in reports[1:]] == [before - 2, before - 1, 1000]
    assert all(report.poss_dup for report in reports[1:])
    fills = [one for one in buyer.received() if one.msg_type == "4"]
    assert [(one.seq, one[36]) for one in fills[:-1]] == [(before, "1000")]
    assert fills[-1].seq == 1001, "our Logon, and what was said before the request"
    [report] = buyer.wait_about(buyer.order("buy", "ACME", "1", "40.00"))
    assert report.seq == int(fills[-1][36])
    exchange.stop()


@pytest.mark.timeout(180)
def test_a_client_with_other_numbers_forward_and_back(
    new_exchange: MakeExchange, connect: Connect, tmp_path: Path
) -> None:
    exchange = new_exchange(port=free_port()).start()
    seller = connect("SELLER", exchange.port).start()
    buyer = connect("BUYER", exchange.port).start()
    bids = [buyer.order("buy", "ACME", "1", "40.00") for _ in range(5)]
    for bid in bids:
        buyer.wait_about(bid)
    buyer.stop()
    sends, expects = numbers_of(buyer)

    # Forward: what is skipped is not asked for.
    asked = len([one for one in buyer.received() if one.msg_type == "2"])
    said = refused(exchange, "set-next-in", "BUYER", "500", code=2)
    assert said == (
        f"Error: this would make the exchange expect 500 from BUYER, not {sends}; add "
        "--confirm to do it"
    )
    assert show(exchange)["next_in"] == sends
    said = control(exchange, "set-next-in", "BUYER", "500", "--confirm")
    assert said == f"BUYER is expected to send 500 next; it was {sends}\n"
    set_numbers(buyer, 500, expects)
    buyer.start().wait_logon()
    trade(buyer, seller, "41.00")
    assert len([one for one in buyer.received() if one.msg_type == "2"]) == asked

    # Back: new orders under numbers that were used before are new orders, also to a
    # gateway that dies in between.
    buyer.stop()
    _, expects = numbers_of(buyer)
    control(exchange, "set-next-in", "BUYER", "3", "--confirm")
    killed = exchange.kill(GATEWAY)[GATEWAY]
    exchange.wait_back(GATEWAY, killed)
    seller.wait_logon(2)
    row = show(exchange)
    assert (row["next_in"], row["next_out"], row["epoch"]) == (3, expects, 3)
    set_numbers(buyer, 3, expects)
    buyer.start().wait_logon()
    more = [buyer.order("buy", "ACME", "1", "42.00") for _ in range(5)]
    for bid in more:
        [report] = buyer.wait_about(bid)
        assert report[150] == "0"
    trade(buyer, seller, "43.00")
    buyer.stop()
    seller.stop()
    exchange.stop()
    events = [
        one for each in exchange.events(tmp_path / "copy").values() for one in each
    ]
    accepted = [one.cl_ord_id for one in events if type(one).__name__ == "OrderEvent"]
    for bid in bids + more:
        assert accepted.count(bid) == 1, "once, neither lost nor doubled"


@pytest.mark.timeout(180)
def test_a_reset_and_a_client_that_resets_too(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange(port=free_port()).start()
    seller = connect("SELLER", exchange.port).start()
    buyer = connect("BUYER", exchange.port).start()
    trade(buyer, seller, "50.00")
    buyer.stop()
    sends, expects = numbers_of(buyer)

    said = refused(exchange, "reset", "BUYER", code=2)
    assert said == (
        "Error: this would begin at 1 in both directions for BUYER (expects "
        f"{sends}, sends {expects} next); the client has to do the same. Add "
        "--confirm to do it"
    )
    said = control(exchange, "reset", "BUYER", "--confirm")
    assert said == "BUYER begins at 1 in both directions, in epoch 2\n"

    # Its store is new as well.
    shutil.rmtree(buyer.folder / "store")
    buyer.start().wait_logon()
    trade(buyer, seller, "51.00")

    # Its store is old, and ResetSeqNumFlag(141) says that it begins at 1: now while it
    # is connected.
    buyer.stop()
    again = connect("BUYER", exchange.port, reset=True).start()
    trade(again, seller, "52.00")
    epoch = show(exchange)["epoch"]
    said = control(exchange, "reset", "BUYER", "--confirm", "--text", "from 1")
    assert said == f"BUYER begins at 1 in both directions, in epoch {epoch + 1}\n"
    again.wait_logon(2)
    assert "from 1" in [one.get(58) for one in again.admin if one.msg_type == "5"]
    trade(again, seller, "53.00")
    again.stop()
    seller.stop()
    exchange.stop()


# -- the command line ------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_what_the_command_line_says(exchange: Exchange, connect: Connect) -> None:
    buyer = connect("BUYER", exchange.port).start()
    lines = control(exchange, "list").splitlines()
    assert lines[0].split() == [
        *("session", "state", "logged", "on", "peer", "next", "in", "next", "out"),
        *("epoch", "heartbeat", "queued", "unconfirmed", "remarks"),
    ]
    words = lines[1].split()
    assert (words[:2], words[-5:]) == (["BUYER", "ACTIVE"], ["2", "2", "1", "30", "s"])
    assert lines[2].split() == ["SELLER", "DISCONNECTED", "1", "1", "1"]
    assert "\x1b" not in "".join(lines), "plain where it is piped"
    rows = json.loads(control(exchange, "list", "--json"))
    assert [row["name"] for row in rows] == ["BUYER", "SELLER"]
    rows = json.loads(control(exchange, "list", "seller", ID, "SELLER", "--json"))
    assert [row["name"] for row in rows] == ["SELLER", "BUYER"]
    said = refused(exchange, "list", "BUYR")
    assert said == "fixgw: there is no session BUYR; did you mean BUYER?"
    page = control(exchange, "show", "BUYER")
    assert page.startswith(ID)
    assert re.search(r"^  state +ACTIVE for \d+s, since 20\d\d-", page, re.MULTILINE)
    assert re.search(r"^  HeartBeatTimeoutMultiplier +1\.4 *$", page, re.MULTILINE)

    # Several at once: what can be done is done, the rest is said.
    done = run(exchange, "logout", "seller", "Byer", "BUYER", "--json")
    assert done.returncode == 1
    assert done.stderr == "fixgw: there is no session 'Byer'; did you mean BUYER?\n"
    answers = json.loads(done.stdout)
    assert [(one["name"], one["changed"]) for one in answers] == [
        ("SELLER", False),
        ("BUYER", True),
    ]
    for command in ("logout", "disconnect", "disable", "enable", "reset"):
        said = refused(exchange, command, code=2)
        assert said == f"Error: name the sessions to {command}, or say --all"
        said = refused(exchange, command, "BUYER", "--all", code=2)
        assert said == f"Error: name the sessions to {command}, or say --all"
        said = refused(exchange, command, "--all", code=2)
        assert said == (
            f"Error: this would {command} all 2 sessions; add --confirm to do it"
        )
    said = control(exchange, "disable", "--all", "--confirm", "--text", "closing")
    assert [line[:17] for line in said.splitlines()] == [
        "BUYER is disabled",
        "SELLER is disable",
    ]
    assert [
        row["enabled"] for row in json.loads(control(exchange, "list", "--json"))
    ] == [
        False,
        False,
    ]
    said = control(exchange, "enable", "--all", "--confirm")
    assert said == "BUYER is enabled\nSELLER is enabled\n"
    said = refused(exchange, "set-next-in", "SELLER", "0", "--confirm", code=2)
    assert said == (
        "Error: Invalid value for 'NUMBER': 0 is not in the range "
        "1<=x<=1000000000000000."
    )
    control(exchange, "set-next-out", "SELLER", "9", "--confirm")
    said = refused(exchange, "set-next-out", "SELLER", "8", "--confirm")
    assert said.endswith("'fixgw sessions reset SELLER' begins at 1 in both directions")
    for command in ("list", "show", "set-next-in", "reset"):
        page = control(exchange, command, "--help")
        assert "Usage: fixgw sessions" in page
    buyer.stop()


def test_no_gateway(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "exchange")
    for arguments in (
        ("list",),
        ("list", "--watch"),
        ("show", "BUYER"),
        ("logout", "BUYER", "SELLER"),
        ("reset", "BUYER"),
        ("disable", "--all", "--confirm"),
        ("set-next-in", "BUYER", "5", "--confirm"),
    ):
        done = run(exchange, *arguments)
        assert done.returncode == 1, done
        [line] = done.stderr.splitlines()
        assert line.startswith("fixgw: nothing answers at ")
        assert "Start the exchange with 'fixgw up'" in line


# -- watching --------------------------------------------------------------------------

IN_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes its terminal the one whose Ctrl-C it gets."""


class Screen:
    """What a terminal was sent."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self.text = ""

    def until(self, wanted: str, deadline_s: float = 20.0) -> None:
        """Read on until ``wanted`` comes, and forget what came before."""
        deadline = time.monotonic() + deadline_s
        while wanted not in self.text:
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._terminal], [], [], left)
            assert ready, f"{wanted!r} is not in {self.text[-1000:]!r}"
            self.text += os.read(self._terminal, 65536).decode()
        self.text = self.text.partition(wanted)[2]

    def rest(self) -> str:
        """Everything until the other side has closed."""
        while True:
            try:
                part = os.read(self._terminal, 65536)
            except OSError:
                return self.text
            if not part:
                return self.text
            self.text += part.decode()


@pytest.mark.timeout(120)
def test_a_table_that_is_always_as_of_now(
    new_exchange: MakeExchange, connect: Connect
) -> None:
    exchange = new_exchange(port=free_port()).start()
    ours, theirs = os.openpty()
    command = fixgw("sessions", "list", "--watch", "--config", exchange.config)
    watching = subprocess.Popen(
        [sys.executable, "-c", IN_A_TERMINAL, *command],
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "130", "LINES": "30"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        screen = Screen(ours)
        screen.until("DISCONNECTED")
        buyer = connect("BUYER", exchange.port).start()
        screen.until("ACTIVE")
        screen.until("127.0.0.1:")
        control(exchange, "disable", "BUYER")
        screen.until("disabled")
        buyer.stop()
        # It outlives the gateway.
        exchange.stop()
        screen.until("nothing answers at")
        exchange.start()
        screen.until("disabled")
        screen.until("DISCONNECTED")
        wait_until(lambda: watching.poll() is None, "it watches on")
        os.write(ours, b"\x03")
        assert watching.wait(20) == 0
        last = screen.rest()
        assert "Traceback" not in last
        assert "Abort" not in last
    finally:
        watching.kill()
        watching.wait()
        os.close(ours)


def test_watching_as_lines(exchange: Exchange) -> None:
    command = fixgw("sessions", "list", "seller", "--watch", "--json")
    with subprocess.Popen(
        [*command, "--config", str(exchange.config)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        rows = [json.loads(watching.stdout.readline()) for _ in range(2)]
        watching.send_signal(2)
        assert watching.wait(20) == 0
        assert watching.stderr.read() == ""
    assert rows[1]["time_ns"] - rows[0]["time_ns"] > 900_000_000
    assert [row["name"] for row in rows[0]["sessions"]] == ["SELLER"]
