"""What stands around the simulated traders: orders, messages, files, the screen."""

from __future__ import annotations

import io
import re
import socket
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from engine.codes import CommandKind, OrdType, TimeInForce
from engine.codes import Side as RecordSide
from engine.instruments import load
from engine.journal import LogKind, RecordLog
from engine.records import InstrumentCommand, OrderCommand, PhaseCommand
from engine.shard import Shard
from fixgw import config as configuration
from fixgw.client.message import Message
from fixgw.demo.actions import Change, Place, Side, Withdraw
from fixgw.demo.blotter import Blotter, Kind, Report
from fixgw.demo.fixdesk import LazySaved, report_of
from fixgw.demo.screen import Lines, LiveTable
from fixgw.demo.staging import HUMAN_ACCOUNT, free_port, keys_of, write_config
from fixgw.demo.tally import Tally
from fixgw.sidedoor.keys import KeyFile, Role

ROOT = Path(__file__).parents[2]
NOW = 1_795_255_201_000_000_000
PLACE = Place("A", "ACME", Side.BUY, 100, 10)


def told(kind: Kind, name: str, orig: str = "", **more: int) -> Report:
    return Report(kind, name, "ACME", Side.BUY, orig, **more)


ACCEPTED = told(Kind.ACCEPTED, "A", qty=100, price=10, leaves=100)


# -- the blotter -----------------------------------------------------------------------


def test_an_order_from_beginning_to_end() -> None:
    blotter = Blotter()
    blotter.asked(PLACE, 1.0)
    assert blotter.under_way == 1
    blotter.told(ACCEPTED, 2.0)
    assert blotter.under_way == 0
    blotter.asked(Change("A", "B", "ACME", Side.BUY, 120, 11), 3.0)
    # Filled under its old name while the change is on its way.
    part = told(Kind.FILLED, "A", qty=100, price=10, filled=30, last_qty=30, leaves=70)
    blotter.told(part, 4.0)
    (order,) = blotter.orders.values()
    assert (order.filled, sorted(order.prices())) == (30, [10, 11])
    changed = told(Kind.REPLACED, "B", "A", qty=120, price=11, filled=30, leaves=90)
    blotter.told(changed, 5.0)
    assert list(blotter.orders) == ["B"]
    assert (order.qty, order.price, order.leaves) == (120, 11, 90)
    blotter.asked(Withdraw("B", "C", "ACME", Side.BUY), 6.0)
    blotter.told(told(Kind.ENDED, "C", "B", qty=120, filled=30), 7.0)
    assert len(blotter) == blotter.under_way == 0


@pytest.mark.parametrize("kind", [Kind.REJECTED, Kind.REFUSED])
def test_a_new_order_that_is_refused_is_gone(kind: Kind) -> None:
    blotter = Blotter()
    blotter.asked(PLACE, 1.0)
    assert blotter.told(Report(kind, "A"), 2.0) is not None
    assert len(blotter) == blotter.under_way == 0
    assert blotter.told(Report(kind, "A"), 2.0) is None


@pytest.mark.parametrize(("kind", "left"), [(Kind.REFUSED, 1), (Kind.GONE, 0)])
def test_a_refused_cancel(kind: Kind, left: int) -> None:
    blotter = Blotter()
    blotter.asked(PLACE, 1.0)
    blotter.told(ACCEPTED, 2.0)
    blotter.asked(Withdraw("A", "B", "ACME", Side.BUY), 3.0)
    blotter.told(Report(kind, "B", orig_id="A"), 4.0)
    assert len(blotter) == left
    assert blotter.under_way == 0


def test_an_order_that_ends_under_a_request() -> None:
    blotter = Blotter()
    blotter.asked(PLACE, 1.0)
    blotter.told(ACCEPTED, 2.0)
    blotter.asked(Change("A", "B", "ACME", Side.BUY, 120, 11), 3.0)
    blotter.told(told(Kind.FILLED, "A", qty=100, filled=100, last_qty=100), 4.0)
    assert len(blotter) == blotter.under_way == 0
    assert blotter.told(Report(Kind.GONE, "B", orig_id="A"), 5.0) is None


def test_reports_that_come_again_change_nothing() -> None:
    blotter = Blotter()
    blotter.asked(PLACE, 1.0)
    fill = told(Kind.FILLED, "A", qty=100, price=10, filled=30, last_qty=30, leaves=70)
    for report in (ACCEPTED, fill, ACCEPTED, fill):
        blotter.told(report, 2.0)
    (order,) = blotter.orders.values()
    assert (order.filled, order.leaves) == (30, 70)


def test_an_order_nobody_remembers_is_taken_in_while_it_is_open() -> None:
    blotter = Blotter()
    blotter.told(told(Kind.ENDED, "X"), 1.0)
    blotter.told(told(Kind.FILLED, "Y", filled=5, qty=5), 1.0)
    assert len(blotter) == 0
    blotter.told(told(Kind.ACCEPTED, "Z", qty=5, price=1, leaves=5), 1.0)
    assert blotter.orders["Z"].leaves == 5
    again = Blotter()
    again.restore(blotter.to_save())
    assert again.to_save() == blotter.to_save()
    assert again.orders["Z"].side is Side.BUY


# -- messages --------------------------------------------------------------------------


def message(text: str) -> Message:
    pairs = (part.partition("=") for part in text.split("|"))
    return Message(tuple((int(tag), value) for tag, _, value in pairs))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "35=8|150=F|11=A|55=ACME|54=2|38=5|44=1.5|14=2|32=1|151=3",
            Report(
                *(Kind.FILLED, "A", "ACME", Side.SELL, ""),
                *(500_000_000, 150_000_000, 200_000_000, 100_000_000, 300_000_000),
            ),
        ),
        ("35=8|150=8|11=A|54=1", Report(Kind.REJECTED, "A")),
        ("35=8|150=4|11=B|41=A|54=1", Report(Kind.ENDED, "B", orig_id="A")),
        ("35=8|150=C|11=A|54=1|14=oops", Report(Kind.ENDED, "A")),
        ("35=8|150=I|11=A", None),
        ("35=9|11=B|41=A|102=1", Report(Kind.GONE, "B", orig_id="A")),
        ("35=9|11=B|41=A|102=99", Report(Kind.REFUSED, "B", orig_id="A")),
        ("35=3|45=7", Report(Kind.REFUSED, "seventh")),
        ("35=3|45=8", None),
        ("35=j|45=8|379=A|380=4", Report(Kind.REFUSED, "A")),
        ("35=0", None),
    ],
)
def test_what_messages_say(text: str, expected: Report | None) -> None:
    assert report_of(message(text), {7: "seventh"}.get) == expected


def test_numbers_and_orders_are_kept_together(tmp_path: Path) -> None:
    saved = LazySaved.open(tmp_path, "MAKER", "EXCHANGE")
    saved.next_out = 9
    saved.save()
    assert not saved.path.exists(), "not with every message"
    blotter = Blotter()
    blotter.told(ACCEPTED, 1.0)
    saved.flush(blotter.to_save())
    saved.close()
    again = LazySaved.open(tmp_path, "MAKER", "EXCHANGE")
    assert (again.next_out, again.orders) == (9, blotter.to_save())
    again.close()


# -- the stage -------------------------------------------------------------------------


def test_the_demo_reaches_nobody_elses_systems(tmp_path: Path) -> None:
    given = tmp_path / 'a "quoted" \\ folder'
    given.mkdir()
    (given / "real.toml").write_text(
        'sessions = "s.cfg"\ninstruments = "i.csv"\ndata = "real"\n'
        '[shards]\ncount = 3\n[shards.pins]\n"EUR/USD" = 2\n'
        '[engine]\nday_ends = "17:30:00"\n'
        '[kafka]\nbootstrap_servers = "kafka:9092"\n'
        '[redis]\nurl = "redis://redis:6379/0"\n'
        '[readmodel]\nsource = "kafka"\ndatabase = "postgresql://db/real"\n'
        "[sidedoor]\nenabled = false\nport = 8888\norders_per_second = 7\n"
    )
    real = configuration.load(given / "real.toml")
    folder = tmp_path / "demo"
    path = write_config(real, folder)
    tomllib.loads(path.read_text())
    demo = configuration.load(path)
    assert (demo.kafka.bootstrap_servers, demo.redis.url) == ("", "")
    assert (demo.readmodel.source, demo.readmodel.database) == ("log", "sqlite")
    assert demo.data == folder
    assert demo.sidedoor.keys.is_relative_to(folder)
    assert demo.sidedoor.enabled
    assert (demo.sidedoor.port, demo.sidedoor.orders_per_second) == (8888, 7)
    assert (demo.sessions, demo.instruments) == (real.sessions, real.instruments)
    assert (demo.shard_count, demo.pins) == (3, {"EUR/USD": 2})
    assert demo.day_ends_ns == real.day_ends_ns


def test_keys_are_made_once(tmp_path: Path) -> None:
    store = KeyFile(tmp_path / "keys.json")
    first = keys_of(store, (HUMAN_ACCOUNT, "RETAIL1"))
    assert [key.account for key in first] == [HUMAN_ACCOUNT, "RETAIL1"]
    assert {key.role for key in first} == {Role.TRADE}
    assert keys_of(store, (HUMAN_ACCOUNT, "RETAIL1")) == first
    store.set_disabled(first[0].key_id, True)
    assert keys_of(store, (HUMAN_ACCOUNT,)) != first[:1]


def test_ports_that_are_taken_are_not_insisted_on() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) == 0
        assert free_port("127.0.0.1", port - 1, 3) == 0
    assert free_port("127.0.0.1", port) == port
    assert free_port("127.0.0.1", 0) == 0


# -- the market in a terminal ----------------------------------------------------------


def order(
    name: str, side: RecordSide, qty: int, price: int, session: int
) -> OrderCommand:
    return OrderCommand(
        kind=CommandKind.NEW_ORDER,
        side=side,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.DAY,
        session=session,
        qty=qty * 10**8,
        price=price * 10**6,
        cl_ord_id=name,
        symbol="ACME",
    )


@pytest.fixture
def logs(tmp_path: Path) -> list[Path]:
    """The event log of one shard on which ACME has traded."""
    instruments = load((ROOT / "config/instruments.csv").read_text(), "instruments")
    shard = Shard(0, bytes(16))
    log = RecordLog(tmp_path / "shard-0" / "events", LogKind.EVENTS, 0)
    commands: list[InstrumentCommand | OrderCommand | PhaseCommand] = [
        *instruments[:3],
        order("A", RecordSide.BUY, 100, 1000, 1),
        order("B", RecordSide.SELL, 40, 1000, 2),
        order("C", RecordSide.SELL, 5, 1010, 2),
        order("C", RecordSide.SELL, 5, 1010, 2),
        PhaseCommand(CommandKind.SET_PHASE, 2, symbol="GLOBEX"),
    ]
    for number, command in enumerate(commands):
        events = shard.apply(command.pack(), NOW + number)
        if events:
            log.append(events, len(events) // 320, NOW + number)
    log.close()
    return [tmp_path / "shard-0"]


def test_the_tally_of_a_log(logs: list[Path]) -> None:
    tally = Tally(logs)
    tally.look(10.0)
    assert (tally.requests, tally.trades, tally.open_orders) == (4, 1, 2)
    acme, globex, initech = tally.rows()
    assert (acme.symbol, acme.bid, acme.ask, acme.last) == (
        *("ACME", "10.00", "10.10"),
        "10.00",
    )
    assert (acme.volume, acme.trades, acme.is_halted) == ("40", 1, False)
    assert globex.is_halted
    assert (initech.bid, initech.last, initech.trades) == ("-", "-", 0)
    tally.look(12.0)
    assert tally.rates() == (0.0, 0.0)
    tally.close()


def test_screens(logs: list[Path]) -> None:
    tally = Tally(logs)
    tally.look(10.0)
    out = io.StringIO()
    console = Console(file=out, width=100, height=40, force_terminal=False)
    banner = "banner\n  http://127.0.0.1:8080/#key=" + "x" * 200
    with Lines(console, banner) as lines:
        lines.show(tally, ["shard 0 is not ready"])
    text = out.getvalue()
    assert banner in text, "not wrapped, or it could not be clicked"
    assert re.search(
        r"\d\d:\d\d:\d\d  4 requests \(0/s\)  1 trades \(0.0/s\)  2 open orders  "
        r"ACME 10.00 / 10.10, last 10.00; shard 0 is not ready\n",
        text,
    )
    out.truncate(0)
    console = Console(file=out, width=100, height=40, force_terminal=True)
    with LiveTable(console, "banner") as table:
        table.show(tally, ["gateway is not ready"])
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert "banner" in text
    assert re.search(r"ACME +10.00 +10.10 +10.00 +0.00 +40 +1", text)
    assert "GLOBEX halted" in text
    assert "! gateway is not ready" in text
    tally.close()


def test_a_low_terminal_shows_the_busiest(logs: list[Path]) -> None:
    tally = Tally(logs)
    tally.look(10.0)
    out = io.StringIO()
    console = Console(file=out, width=100, height=6, force_terminal=True)
    with LiveTable(console, "banner") as table:
        table.show(tally, [])
    assert "ACME" in out.getvalue()
    assert "INITECH" not in out.getvalue()
    assert "2 more instruments" in out.getvalue()
    tally.close()
