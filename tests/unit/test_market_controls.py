"""``fixgw instruments`` and ``fixgw orders`` against two real shards."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.codes import CommandKind, Side
from engine.host.operator import Operator
from engine.host.server import serve
from engine.records import UNIT, OrderCommand
from fixgw.ops.cli import main
from fixgw.ops.session_names import SessionNames
from fixgw.ops.setup import Overrides, load_config, load_shard_instruments
from fixgw.session.identity import SessionId
from fixgw.sidedoor.identity import account_key

SESSIONS = """\
[DEFAULT]
ConnectionType=acceptor
SocketAcceptPort=9876
BeginString=FIX.4.4
SenderCompID=EXCHANGE
NonStopSession=Y
[SESSION]
TargetCompID=BUYER
[SESSION]
TargetCompID=SELLER
"""
CONFIG = """\
sessions = "s.cfg"
instruments = "i.csv"
data = "data"
[shards]
count = 2
[shards.pins]
"ACME" = 0
"GLOBE" = 0
"GLOBEX" = 1
"ZETA" = 0
"""
INSTRUMENTS = """\
symbol,description,currency,reference_price,tick,lot,min_price,max_price,\
max_qty,max_notional
ACME,Acme,USD,10,0.01,1,0.01,100,1000,
GLOBEX,Globex,USD,10,0.01,1,0.01,100,1000,
ZETA,Zeta,USD,10,0.01,1,0.01,100,1000,
"""
BUYER = SessionId("FIX.4.4", "EXCHANGE", "BUYER").key
SELLER = SessionId("FIX.4.4", "EXCHANGE", "SELLER").key


class Market:
    """Two shards in a thread, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "fixgw.toml").write_text(CONFIG)
        (folder / "s.cfg").write_text(SESSIONS)
        (folder / "i.csv").write_text(INSTRUMENTS)
        self.path = folder / "fixgw.toml"
        self.config = load_config(Overrides(config=self.path))
        self.operators: dict[int, Operator] = {}
        self.loop = asyncio.new_event_loop()
        self.stops: dict[int, asyncio.Event] = {}
        self.running: dict[int, Any] = {}
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def start(self, shard: int) -> None:
        ready = threading.Event()
        instruments = load_shard_instruments(self.config)[shard]

        async def run() -> int:
            self.stops[shard] = asyncio.Event()
            return await serve(
                shard,
                self.config.shard_folder(shard),
                self.config.shard_socket(shard),
                instruments,
                0,
                self.stops[shard],
                lambda facts: ready.set(),
                admin_socket=self.config.admin_socket(f"shard {shard}"),
                audit_log=self.config.audit_log,
                on_operator=lambda operator: self.operators.update({shard: operator}),
            )

        self.running[shard] = asyncio.run_coroutine_threadsafe(run(), self.loop)
        assert ready.wait(30), self.running[shard].exception(0)

    def stop(self, shard: int) -> None:
        self.loop.call_soon_threadsafe(self.stops.pop(shard).set)
        assert self.running.pop(shard).result(10) == 0

    def close(self) -> None:
        for shard in list(self.stops):
            self.stop(shard)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
        self.loop.close()

    def order(
        self,
        shard: int,
        name: str,
        symbol: str,
        qty: int,
        price: int,
        session: int = BUYER,
        side: Side = Side.BUY,
        account: str = "",
    ) -> None:
        """An order of a client, whole units."""
        command = OrderCommand(
            CommandKind.NEW_ORDER,
            side=side,
            ord_type=ord("2"),
            time_in_force=ord("1"),
            session=session,
            price=price * UNIT,
            qty=qty * UNIT,
            cl_ord_id=name,
            account=account,
            symbol=symbol,
        )
        service = self.operators[shard].service
        asyncio.run_coroutine_threadsafe(
            service.process(command.pack()), self.loop
        ).result(10)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--config", str(self.path)])

    def rows(self, *arguments: str) -> Any:
        """The JSON a command gives."""
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def statuses(self) -> dict[str, str]:
        rows = self.rows("instruments", "list")
        return {row["symbol"]: row["status"] for row in rows}


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    made = Market(tmp_path)
    try:
        made.start(0)
        made.start(1)
        yield made
    finally:
        made.close()


def squeezed(result: Result) -> list[str]:
    """The lines of a table, one space between the columns."""
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


# -- instruments -----------------------------------------------------------------------


def test_instruments_of_all_shards_are_listed(market: Market) -> None:
    market.order(0, "A", "ACME", 5, 10)
    market.order(0, "B", "ACME", 2, 10, SELLER, Side.SELL)
    result = market.run("instruments", "list")
    assert result.exit_code == 0, result.output
    assert squeezed(result) == [
        "symbol phase until shard orders bid levels bid qty ask levels ask qty trades "
        "traded",
        "ACME continuous 0 1 1 3 0 0 1 2",
        "GLOBEX continuous 1 0 0 0 0 0 0 0",
        "ZETA continuous 0 0 0 0 0 0 0 0",
    ]
    (row,) = market.rows("instruments", "list", "ACME")
    assert (row["shard"], row["tick"], row["bid_qty"]) == (0, "0.01", "3")


def test_halt_and_resume(market: Market) -> None:
    result = market.run("instruments", "halt", "ACME", "GLOBEX", "--reason", "news")
    assert (result.exit_code, result.stdout) == (
        0,
        "ACME is halted\nGLOBEX is halted\n",
    )
    assert market.statuses() == {
        "ACME": "halted",
        "GLOBEX": "halted",
        "ZETA": "continuous",
    }
    result = market.run("instruments", "halt", "GLOBEX")
    assert (result.exit_code, result.stdout) == (0, "GLOBEX is already halted\n")
    (told,) = market.rows("instruments", "resume", "GLOBEX")
    assert (told["symbol"], told["status"], told["changed"], told["shard"]) == (
        "GLOBEX",
        "continuous",
        True,
        1,
    )
    entries = [
        json.loads(line) for line in market.config.audit_log.read_text().splitlines()
    ]
    assert entries[0]["arguments"] == {"symbol": "ACME", "reason": "news"}
    assert [entry["outcome"] for entry in entries] == ["begun", "done"] * 4


def test_an_unknown_symbol_does_not_keep_others_from_it(market: Market) -> None:
    result = market.run("instruments", "halt", "globex", "ACMEE", "ZETA", "%%%")
    assert result.exit_code == 1
    assert result.stdout == "ZETA is halted\n"
    assert result.stderr.splitlines() == [
        "fixgw: there is no instrument globex; did you mean GLOBEX?",
        "fixgw: there is no instrument ACMEE; did you mean ACME?",
        "fixgw: there is no instrument %%%",
    ]
    result = market.run("instruments", "list", "ZET", "ACME")
    assert (result.exit_code, result.stderr) == (
        1,
        "fixgw: there is no instrument ZET; did you mean ZETA?\n",
    )
    assert "ACME" in result.stdout


def test_all_instruments_at_once_need_a_confirmation(market: Market) -> None:
    result = market.run("instruments", "halt", "--all")
    assert result.exit_code == 2
    assert "would halt all 3 instruments; add --confirm to do it" in result.stderr
    assert set(market.statuses().values()) == {"continuous"}
    assert market.run("instruments", "halt", "--all", "--confirm").exit_code == 0
    assert set(market.statuses().values()) == {"halted"}
    result = market.run("instruments", "resume", "--all")
    assert "would resume all 3 instruments" in result.stderr
    market.stop(1)
    result = market.run("instruments", "resume", "--all", "--confirm")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "fixgw: nothing was done: --all needs every shard"
    )
    market.start(1)
    assert set(market.statuses().values()) == {"halted"}
    assert market.run("instruments", "resume", "--all", "--confirm").exit_code == 0
    assert set(market.statuses().values()) == {"continuous"}


@pytest.mark.parametrize("verb", ["halt", "resume"])
def test_it_must_be_said_what(market: Market, verb: str) -> None:
    for arguments in ([], ["ACME", "--all"]):
        result = market.run("instruments", verb, *arguments)
        assert result.exit_code == 2
        assert f"name the symbols to {verb}, or say --all" in result.stderr


def test_a_shard_that_is_down_does_not_keep_others_from_it(market: Market) -> None:
    market.stop(1)
    path = market.config.admin_socket("shard 1")
    down = (
        f"nothing answers at {path}: that process does not run. Start the exchange "
        "with 'fixgw up', or name its data folder with --data"
    )
    result = market.run("instruments", "list")
    assert (result.exit_code, result.stderr) == (1, f"fixgw: shard 1: {down}\n")
    assert "ACME" in result.stdout
    result = market.run("instruments", "halt", "GLOBEX", "ACME")
    assert (result.exit_code, result.stdout) == (1, "ACME is halted\n")
    assert result.stderr == f"fixgw: GLOBEX: {down}\n"
    result = market.run("orders", "list")
    assert (result.exit_code, result.stdout) == (1, "")


def test_the_nearest_name_may_be_that_of_a_shard_that_is_down(market: Market) -> None:
    market.stop(1)
    result = market.run("instruments", "halt", "GLOBE")
    assert (result.exit_code, result.stderr) == (
        1,
        "fixgw: there is no instrument GLOBE; did you mean GLOBEX?\n",
    )


# -- orders ----------------------------------------------------------------------------


def fill(market: Market) -> None:
    alice = account_key("ALICE")
    market.order(0, "b1", "ACME", 5, 10)
    market.order(0, "s1", "ACME", 7, 11, SELLER, Side.SELL)
    market.order(1, "b2", "GLOBEX", 5, 10)
    market.order(1, "web-1", "GLOBEX", 2, 9, alice, account="ALICE")
    market.order(1, "[red]x[/red]", "GLOBEX", 2, 8, 0xABC, account="ALICE")


def test_open_orders_are_listed_with_their_owners(market: Market) -> None:
    fill(market)
    result = market.run("orders", "list")
    assert result.exit_code == 0, result.output
    assert squeezed(result) == [
        "order session ClOrdID symbol side open of shown price stop type until",
        "0-4 BUYER b1 ACME buy 5 5 5 10 limit gtc",
        "0-5 SELLER s1 ACME sell 7 7 7 11 limit gtc",
        "1-3 BUYER b2 GLOBEX buy 5 5 5 10 limit gtc",
        "1-4 REST:ALICE web-1 GLOBEX buy 2 2 2 9 limit gtc",
        "1-5 0000000000000abc [red]x[/red] GLOBEX buy 2 2 2 8 limit gtc",
    ]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--symbol", "ACME"], ["b1", "s1"]),
        (["--session", "BUYER"], ["b1", "b2"]),
        (["--session", "FIX.4.4:EXCHANGE->SELLER"], ["s1"]),
        (["--session", "REST:ALICE"], ["web-1"]),
        (["--session", "0000000000000abc"], ["[red]x[/red]"]),
        (["--session", "BUYER", "--symbol", "GLOBEX"], ["b2"]),
        (["--session", "REST:BOB"], []),
        (["--symbol", "ZETA"], []),
    ],
)
def test_orders_can_be_chosen(
    market: Market, arguments: list[str], found: list[str]
) -> None:
    fill(market)
    told = market.rows("orders", "list", *arguments)
    assert [row["cl_ord_id"] for row in told["orders"]] == found
    assert told["more"] is False
    if not found:
        assert market.run("orders", "list", *arguments).stdout == "no open orders\n"


def test_a_list_says_when_it_is_cut(market: Market) -> None:
    for number in range(3):
        market.order(0, f"n{number}", "ACME", 1, 10)
    result = market.run("orders", "list", "--limit", "2")
    assert result.stdout.splitlines()[-1] == (
        "there are more than 2: see --limit, --symbol, --session"
    )
    assert len(result.stdout.splitlines()) == 4


def test_names_nobody_has(market: Market) -> None:
    result = market.run("orders", "list", "--session", "buyr")
    assert (result.exit_code, result.stderr) == (
        1,
        "fixgw: there is no session buyr; did you mean BUYER?\n",
    )
    result = market.run("orders", "list", "--symbol", "GLOBE")
    assert (result.exit_code, result.stderr) == (
        1,
        "fixgw: there is no instrument GLOBE; did you mean GLOBEX?\n",
    )


def test_cancel_by_order_id(market: Market) -> None:
    fill(market)
    result = market.run("orders", "cancel", "0-5", "1-4", "0-99", "7-1", "x", "0-5")
    assert result.exit_code == 1
    assert result.stdout == (
        "0-5 s1 of SELLER: 7 ACME cancelled\n"
        "1-4 web-1 of REST:ALICE: 2 GLOBEX cancelled\n"
    )
    assert result.stderr.splitlines() == [
        "fixgw: no open order 0-99: it was filled, cancelled, or never there",
        "fixgw: 7-1: there is no shard 7",
        "fixgw: x is no order id: one looks like 0-17",
    ]
    (told,) = market.rows("orders", "cancel", "1-3")
    assert (told["session_name"], told["cancelled_qty"], told["shard"]) == (
        "BUYER",
        "5",
        1,
    )


def test_a_broken_sessions_file_does_not_keep_orders_in_the_book(
    market: Market,
) -> None:
    fill(market)
    (market.folder / "s.cfg").write_text("[DEFAULT]\n")
    result = market.run("orders", "list", "--symbol", "ACME")
    assert result.exit_code == 0
    assert f"0-4 {BUYER:016x} b1 ACME" in " ".join(result.stdout.split())
    assert result.stderr.startswith("fixgw: sessions are shown by their keys:\n")
    result = market.run("orders", "cancel", "0-4")
    assert result.stdout == f"0-4 b1 of {BUYER:016x}: 5 ACME cancelled\n"
    result = market.run("orders", "list", "--session", "BUYER")
    assert result.exit_code == 1
    assert result.stderr.endswith("fixgw: there is no session BUYER\n")


def test_cancel_all_needs_a_confirmation(market: Market) -> None:
    fill(market)
    result = market.run(
        "orders", "cancel", "--session", "BUYER", "--symbol", "ACME", "--all"
    )
    assert result.exit_code == 2
    assert (
        "this would cancel every order of symbol ACME and session BUYER; add "
        "--confirm to do it"
    ) in " ".join(result.stderr.split())
    assert len(market.rows("orders", "list")["orders"]) == 5
    for arguments, said, left in [
        (["--session", "BUYER", "--symbol", "ACME"], "1 order cancelled\n", 4),
        (["--session", "BUYER"], "1 order cancelled\n", 3),
        (["--symbol", "GLOBEX"], "2 orders cancelled\n", 1),
        (["--symbol", "GLOBEX"], "0 orders cancelled\n", 1),
    ]:
        result = market.run("orders", "cancel", *arguments, "--all", "--confirm")
        assert (result.exit_code, result.stdout) == (0, said)
        assert len(market.rows("orders", "list")["orders"]) == left
    told = market.rows("orders", "cancel", "--session", "SELLER", "--all", "--confirm")
    assert told == [{"shard": 0, "cancelled": 1}, {"shard": 1, "cancelled": 0}]


def test_orders_of_an_account_or_a_side_or_all_are_cancelled(market: Market) -> None:
    fill(market)
    for arguments, said, left in [
        (
            ["--side", "sell"],
            "1 order cancelled\n",
            {"b1", "b2", "web-1", "[red]x[/red]"},
        ),
        (["--account", "ALICE", "--side", "sell"], "0 orders cancelled\n", None),
        (["--account", "ALICE"], "2 orders cancelled\n", {"b1", "b2"}),
        ([], "2 orders cancelled\n", set()),
    ]:
        result = market.run("orders", "cancel", *arguments, "--all", "--confirm")
        assert (result.exit_code, result.stdout) == (0, said)
        if left is not None:
            rows = market.rows("orders", "list")["orders"]
            assert {row["cl_ord_id"] for row in rows} == left


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            [],
            "name orders by their ids, or say --all, with --symbol, --session, "
            "--account or --side",
        ),
        (["--symbol", "ACME"], "name orders by their ids, or say --all"),
        (["--all"], "this would cancel every order; add --confirm to do it"),
        (
            ["--all", "--side", "buy"],
            "this would cancel every order of side buy; add --confirm to do it",
        ),
        (["0-5", "--all"], "either order ids, or --all with what is meant"),
        (["0-5", "--symbol", "ACME"], "either order ids, or --all"),
    ],
)
def test_it_must_be_said_which_orders(
    market: Market, arguments: list[str], said: str
) -> None:
    result = market.run("orders", "cancel", *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


# -- without an exchange ---------------------------------------------------------------


def test_no_exchange_runs(tmp_path: Path) -> None:
    market = Market(tmp_path)
    try:
        for arguments in (
            ["instruments", "list"],
            ["instruments", "halt", "ACME"],
            ["orders", "list"],
            ["orders", "cancel", "0-1"],
        ):
            result = market.run(*arguments)
            assert result.exit_code == 1
            assert "Start the exchange with 'fixgw up'" in result.stderr
            assert result.stdout == ""
    finally:
        market.close()


def test_a_configuration_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    for group in ("instruments", "orders"):
        result = CliRunner().invoke(main, [group, "list", "--config", str(path)])
        assert result.exit_code == 78
        assert "none.toml" in result.stderr


# -- names of sessions -----------------------------------------------------------------


def test_sessions_that_share_a_name_are_told_apart() -> None:
    one = SessionId("FIX.4.4", "EXCHANGE", "DESK", "a")
    two = SessionId("FIX.4.4", "EXCHANGE", "DESK", "b")
    other = SessionId("FIX.4.4", "EXCHANGE", "SOLO")
    names = SessionNames([one, two, other])
    assert names.name(one.key, "") == "FIX.4.4:EXCHANGE->DESK:a"
    assert names.name(other.key, "X") == "SOLO"
    assert names.key("SOLO") == names.key(str(other)) == other.key
    assert names.key("FIX.4.4:EXCHANGE->DESK:b") == two.key
    for name in ("DESK", "REST:", "abc", "0000000000000ABC", ""):
        with pytest.raises(ValueError, match="there is no session"):
            names.key(name)
