"""What a gateway tells of itself and of its sessions, and what it counts."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.codes import CommandKind
from engine.host.admin import AdminError, call
from fixgw.net import operator as module
from fixgw.net import serving as serving_module
from fixgw.net.figures import LATENCY_BOUNDS_S, Figures, Latency
from fixgw.net.operator import Operator
from fixgw.net.serving import ExitCode, GatewaySetup, serve
from fixgw.orders.exchange import Exchange
from fixgw.orders.routing import ShardMap
from fixgw.session.identity import SessionId
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import AcceptorSettings, SessionSettings
from tests.net.exchange_in_process import InProcess, run, until

NEW, CANCEL, REPLACE = CommandKind.NEW_ORDER, CommandKind.CANCEL, CommandKind.REPLACE
ID = "FIX.4.4:EXCHANGE->BUYER"


async def row(x: InProcess, name: str = "BUYER") -> dict[str, Any]:
    """The session's line in the list; and the list has one for each."""
    rows = (await x.ask("sessions.list"))["sessions"]
    assert [one["name"] for one in rows] == ["BUYER", "SELLER"]
    (found,) = (one for one in rows if one["name"] == name)
    assert isinstance(found, dict)
    return found


async def show(x: InProcess, name: str = "BUYER") -> dict[str, Any]:
    found = await x.ask("sessions.show", session=name)
    assert isinstance(found, dict)
    assert json.loads(json.dumps(found)) == found
    return found


# -- list ------------------------------------------------------------------------------


def test_a_session_nobody_has_used(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        assert await row(x) == {
            "session": ID,
            "name": "BUYER",
            "state": "DISCONNECTED",
            "enabled": True,
            "logged_on_since_ns": None,
            "peer": None,
            "next_in": 1,
            "next_out": 1,
            "epoch": 1,
            "heartbeat_s": None,
            "queued": 0,
            "unconfirmed": 0,
            "replaying": False,
            "missing": False,
        }

    run(tmp_path, conversation)


def test_a_session_at_work(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        before = x.clock()
        client = await x.client(heart_bt_int_s=17)
        client.order("A")
        await client.report("A")
        await until(lambda: x.stored_in() == 3)
        host, port = client.writer.get_extra_info("sockname")
        found = await row(x)
        since = found.pop("logged_on_since_ns")
        assert before <= since <= x.clock()
        assert found == {
            "session": ID,
            "name": "BUYER",
            "state": "ACTIVE",
            "enabled": True,
            "peer": f"{host}:{port}",
            "next_in": 3,
            "next_out": 3,
            "epoch": 1,
            "heartbeat_s": 17,
            "queued": 0,
            "unconfirmed": 0,
            "replaying": False,
            "missing": False,
        }
        assert (await row(x, "SELLER"))["state"] == "DISCONNECTED"

    run(tmp_path, conversation)


def test_states_are_named_as_in_the_sessions_table(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        command = asyncio.create_task(x.ask("sessions.logout", session="BUYER"))
        await client.hear("35=5|34=2")
        found = await row(x)
        assert (found["state"], found["heartbeat_s"]) == ("LOGOUT_SENT", None)
        client.say("35=5")
        await command
        assert (await row(x))["state"] == "DISCONNECTED"
        other = await x.client("SELLER")
        other.say("35=5")
        await other.hear("35=5|34=2")
        assert (await row(x, "SELLER"))["state"] == "LOGOUT_ANSWERED"

    run(tmp_path, conversation)


def test_messages_that_wait_are_counted(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        x.services[0].frozen = True
        for name in "ABC":
            client.order(name)
        await until(lambda: x.hosted().session.numbers.next_in == 5)
        assert (await row(x))["unconfirmed"] == 3
        status = x.operator.status()["facts"]
        assert status["unconfirmed_commands"] == 3
        await client.close()
        await until(lambda: x.hosted().connection is None)
        x.services[0].thaw()
        await until(lambda: x.stored_in() == 5)
        found = await row(x)
        assert (found["unconfirmed"], found["queued"]) == (0, 3)
        again = await x.connect(next_out=6)
        await again.log_on()
        found = await row(x)
        assert (found["missing"], found["queued"]) == (True, 0)

    run(tmp_path, conversation)


def test_a_long_list_lets_others_have_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE_SESSIONS", 1)

    async def conversation(x: InProcess) -> None:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(others())
        rows = (await x.ask("sessions.list"))["sessions"]
        task.cancel()
        assert [one["name"] for one in rows] == [f"C{n}" for n in range(30)]
        assert turns >= 30

    run(tmp_path, conversation, names=tuple(f"C{n}" for n in range(30)))


def test_a_list_comes_in_parts(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        names: list[str] = []
        following = 0
        for size in (10, 10, 5):
            answer = await x.ask("sessions.list", **{"from": following, "limit": 10})
            assert len(answer["sessions"]) == size
            names += [one["name"] for one in answer["sessions"]]
            following = answer["next"]
        assert following is None
        assert names == [f"C{n}" for n in range(25)]
        answer = await x.ask("sessions.list", **{"from": 25})
        assert (answer["sessions"], answer["next"]) == ([], None)
        for wrong in ({"from": -1}, {"limit": 0}, {"limit": 1001}, {"from": "x"}):
            code, _ = await x.refused("sessions.list", **wrong)
            assert code == "BAD_ARGUMENT"

    run(tmp_path, conversation, names=tuple(f"C{n}" for n in range(25)))


# -- show ------------------------------------------------------------------------------


def test_everything_about_a_session(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.order("A")
        await client.report("A")
        client.say("35=D|11=B")
        await client.next()
        client.say("35=UX")
        await client.next()
        stranger = await x.connect()
        stranger.say("35=A|98=0|108=30")
        await stranger.closed()
        found = await show(x)
        assert found["key"] == f"{x.hosted().key:016x}"
        assert found["processed_in"] == found["next_in"] == 5
        assert found["last_disconnect"] is None
        assert found["last_refused"]["reason"] == "ALREADY_CONNECTED"
        counters = found["counters"]
        assert counters.pop("bytes_in") > counters["messages_in"] * 50
        assert counters.pop("bytes_out") > counters["messages_out"] * 50
        assert counters == {
            "logons": 1,
            "refused": 1,
            "messages_in": 4,
            "messages_out": 4,
            "rejects": 1,
            "business_rejects": 1,
        }
        assert found["settings"]["TargetCompID"] == "BUYER"
        assert found["settings"]["NonStopSession"] == "Y"
        before = x.clock()
        await client.close()
        await until(lambda: x.hosted().connection is None)
        end = (await show(x))["last_disconnect"]
        assert before <= end.pop("time_ns") <= x.clock()
        assert end == {
            "reason": "PEER_CLOSED",
            "number": 1,
            "text": "The client closed the connection without a Logout.",
            "peer": found["peer"],
        }

    run(tmp_path, conversation)


def test_what_the_end_of_a_connection_was_about(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.say("35=0|34=1")
        await client.next()
        await client.closed()
        await x.disconnected(DisconnectReason.MSG_SEQ_NUM_TOO_LOW)
        end = (await show(x))["last_disconnect"]
        assert end["reason"] == "MSG_SEQ_NUM_TOO_LOW"
        assert end["text"] == "MsgSeqNum too low, expecting 2 but received 1"

    run(tmp_path, conversation)


def test_a_disabled_session_says_since_when(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        before = x.clock()
        await x.ask("sessions.disable", session="BUYER", text="margin call")
        client = await x.connect()
        client.say("35=A|98=0|108=30")
        await client.closed()
        found = await show(x)
        assert before <= found["disabled_since_ns"] <= x.clock()
        assert (found["enabled"], found["disabled_text"]) == (False, "margin call")
        assert found["last_refused"]["reason"] == "SESSION_DISABLED"
        assert (await row(x))["enabled"] is False
        assert x.operator.status()["facts"]["disabled"] == 1

    run(tmp_path, conversation)


# -- status and figures ----------------------------------------------------------------


def test_the_status_of_a_gateway(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        buyer = await x.client()
        await x.client("SELLER")
        buyer.order("A", symbol="ABC")
        await buyer.report("A")
        buyer.order("B")
        await buyer.report("B")
        await x.ask("sessions.disconnect", session="SELLER")
        await until(lambda: len(x.acceptor.connections) == 1)
        status = await x.ask("status")
        assert json.loads(json.dumps(status)) == status
        assert status["process"] == "gateway"
        assert status["pid"] == os.getpid()
        assert status["version"] == "test"
        assert (status["healthy"], status["problems"]) == (True, [])
        assert status["dependencies"] == {"shard 0": None, "shard 1": None}
        facts = status["facts"]
        assert facts.pop("disk_free_bytes") > 0
        assert facts == {
            "port": x.acceptor.port,
            "sessions": 2,
            "logged_on": 1,
            "disabled": 0,
            "connections": 1,
            "unconfirmed_commands": 0,
            "messages_in": 4,
            "messages_out": 4,
            "logons": 2,
            "orders": {"D": 2, "F": 0, "G": 0},
            "rejects": 0,
            "business_rejects": 0,
            "disconnects": {"OPERATOR_DISCONNECT": 1},
            "links": [
                {
                    "shard": shard,
                    "up": True,
                    "last_event": x.services[shard].host.event_seq,
                    "unconfirmed_commands": 0,
                }
                for shard in (0, 1)
            ],
        }

    run(tmp_path, conversation, shards=2)


def test_a_shard_that_is_down_is_a_problem(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        x.links[1].is_up = False
        status = await x.ask("status")
        assert not status["healthy"]
        assert status["problems"] == [
            "shard 1 is not linked: orders for its symbols are refused"
        ]
        assert status["dependencies"] == {"shard 0": None, "shard 1": "is not linked"}
        assert [link["up"] for link in status["facts"]["links"]] == [True, False]

    run(tmp_path, conversation, shards=2)


def test_a_disk_that_is_nearly_full_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DISK_FREE_BYTES_MIN", 1 << 62)

    async def conversation(x: InProcess) -> None:
        (problem,) = (await x.ask("status"))["problems"]
        assert problem.endswith("a gateway that cannot write its outbox stops")

    run(tmp_path, conversation)


def test_orders_are_counted_by_type_whoever_refuses_them(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        for name in "ABC":
            client.order(name)
            await client.report(name)
        when = "60=20260102-03:04:05"
        client.say(f"35=F|11=D|41=A|54=1|55=XYZ|{when}")
        await client.report("D", "4")
        client.say(f"35=G|11=E|41=B|54=1|55=XYZ|{when}|38=5|40=2|44=99")
        await client.report("E", "5")
        client.say("35=D|11=F")
        await client.hear("35=3|34=7|45=7|58=*|371=*|372=D|373=1")
        x.links[0].is_up = False
        client.order("G")
        await client.hear("35=j|34=8|45=8|58=*|372=D|379=G|380=4")
        totals = x.gateway.totals()
        assert totals.orders == {"D": 5, "F": 1, "G": 1}
        assert (totals.rejects, totals.business_rejects) == (1, 1)
        assert totals.figures.messages_in == 8
        assert totals.figures.messages_out == 8
        assert totals.figures.latency.count == 5

    run(tmp_path, conversation)


def test_many_orders_in_one_read_are_one_batch_in_the_histogram(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        seen: list[int] = []
        latency = x.gateway.figures.latency
        real = latency.observe

        def observe(ns: int, count: int) -> None:
            seen.append(count)
            real(ns, count)

        latency.observe = observe  # type: ignore[method-assign]
        client.send(
            b"".join(
                client.message(
                    f"35=D|11={number}|54=1|55=XYZ|60=20260102-03:04:05|38=5|40=2|44=9"
                )
                for number in range(100)
            )
        )
        for number in range(100):
            await client.report(str(number))
        await until(lambda: latency.count == 100)
        assert len(seen) < 10, "not once for each order"
        assert sum(seen) == sum(latency.counts) == 100
        assert 0 < latency.sum_ns < 100 * 2_000_000_000
        assert x.gateway.figures.commands == {NEW: 100, CANCEL: 0, REPLACE: 0}

    run(tmp_path, conversation)


def test_a_shard_that_holds_orders_up_shows_in_the_histogram(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        x.services[0].frozen = True
        client.order("A")
        await until(lambda: x.links[0].unconfirmed == 1)
        await asyncio.sleep(0.06)
        x.services[0].thaw()
        await client.report("A")
        counts = x.gateway.figures.latency.counts
        slow = LATENCY_BOUNDS_S.index(0.05) + 1
        assert sum(counts[:slow]) == 0
        assert sum(counts) == 1

    run(tmp_path, conversation)


def test_types_that_clients_make_up_cost_no_memory(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        for number in range(20):
            client.say(f"35=U{number + 100}")
            await client.next()
        figures = x.gateway.figures
        assert (figures.rejects, figures.business_rejects) == ({}, {"other": 20})
        assert x.gateway.totals().business_rejects == 20
        assert (await show(x))["counters"]["business_rejects"] == 20

    run(tmp_path, conversation)


def test_garbled_messages_are_counted_apart(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.send(b"8=FIX.4.4\x019=5\x0135=0\x0110=000\x01" * 3)
        client.say("35=1|112=x")
        await client.next()
        figures = x.gateway.figures
        assert (figures.garbled, figures.messages_in) == (3, 2)

    run(tmp_path, conversation)


def test_buckets() -> None:
    latency = Latency()
    assert list(LATENCY_BOUNDS_S) == sorted(set(LATENCY_BOUNDS_S))
    for number, bound in enumerate(LATENCY_BOUNDS_S):
        ns = round(bound * 1e9)
        latency.observe(ns, 1)
        latency.observe(ns + 1, 10)
        assert latency.counts[number] % 10 == 1, "a bound belongs to its bucket"
    latency.observe(0, 1)
    assert latency.counts[0] == 2
    assert latency.counts[-1] == 10
    assert latency.count == sum(latency.counts) == 11 * len(LATENCY_BOUNDS_S) + 1


def test_kinds_of_a_batch() -> None:
    figures = Figures()
    kinds = [NEW] * 5 + [CANCEL] * 3 + [REPLACE] * 2
    commands = bytearray().join(bytes([kind]) + bytes(255) for kind in kinds)
    assert figures.count_commands(commands, 256) == 10
    assert figures.count_commands(commands[:256], 256) == 1
    assert figures.commands == {NEW: 6, CANCEL: 3, REPLACE: 2}


# -- the process -----------------------------------------------------------------------


def setup(folder: Path, **more: Any) -> GatewaySetup:
    session = SessionSettings(session_id=SessionId("FIX.4.4", "EXCHANGE", "BUYER"))
    return GatewaySetup(
        number=0,
        folder=folder,
        settings=AcceptorSettings(host="127.0.0.1", port=0, sessions=(session,)),
        rulebooks={ID: None},
        application=lambda gateway: Exchange(ShardMap(1, {}), gateway),
        shard_sockets={0: folder / "nowhere"},
        **more,
    )


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no shard to wait for."""
    monkeypatch.setattr(serving_module, "LINK_PATIENCE_S", 0.05)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("named", [False, True])
def test_the_admin_socket_of_the_process(tmp_path: Path, named: bool) -> None:
    folder = tmp_path / "gateway-0"
    path, audit = folder / "admin.sock", tmp_path / "audit.log"
    more: dict[str, Any] = {}
    if named:
        path, audit = tmp_path / "other.sock", tmp_path / "other.log"
        more = {"admin_socket": path, "audit_log": audit, "version": "1.2.3"}
    operators: list[Operator] = []

    async def main() -> int:
        stop = asyncio.Event()
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(
            serve(setup(folder, **more), stop, ready.set_result, operators.append)
        )
        port = await ready
        status = await asyncio.to_thread(call, path, "status")
        assert status["facts"]["port"] == port
        assert status["version"] == ("1.2.3" if named else "")
        assert status["problems"] == [
            "shard 0 is not linked: orders for its symbols are refused"
        ]
        assert operators[0].status()["pid"] == status["pid"]
        await asyncio.to_thread(call, path, "sessions.list")
        ask = {"session": "buyer", "number": 7}
        await asyncio.to_thread(call, path, "sessions.set_next_in", ask)
        with pytest.raises(AdminError, match="did you mean BUYER"):
            await asyncio.to_thread(call, path, "sessions.reset", {"session": "BUYR"})
        await asyncio.to_thread(call, path, "sessions.disable", {"session": "BUYER"})
        stop.set()
        return await running

    try:
        assert asyncio.run(main()) == ExitCode.CLEAN
    finally:
        gc.unfreeze()
    assert not path.exists()
    entries = [json.loads(line) for line in audit.read_text().splitlines()]
    for entry in entries:
        assert (entry.pop("pid"), entry.pop("uid")) == (os.getpid(), os.getuid())
        assert entry.pop("process") == "gateway"
        entry.pop("ts")
    numbered, reset = {"session": "buyer", "number": 7}, {"session": "BUYR"}
    said = "refused: NOT_FOUND: there is no session 'BUYR'; did you mean BUYER?"
    assert entries == [
        {"command": f"sessions.{name}", "arguments": arguments, "outcome": outcome}
        for name, arguments, ending in (
            ("set_next_in", numbered, "done"),
            ("reset", reset, said),
            ("disable", {"session": "BUYER"}, "done"),
        )
        for outcome in ("begun", ending)
    ]

    async def again() -> dict[str, Any]:
        stop = asyncio.Event()
        running = asyncio.create_task(
            serve(setup(folder, **more), stop, lambda port: None, operators.append)
        )
        await until(lambda: len(operators) == 2)
        shown = await asyncio.to_thread(
            call, path, "sessions.show", {"session": "BUYER"}
        )
        stop.set()
        assert await running == ExitCode.CLEAN
        assert isinstance(shown, dict)
        return shown

    try:
        shown = asyncio.run(again())
    finally:
        gc.unfreeze()
    assert (shown["enabled"], shown["next_in"], shown["epoch"]) == (False, 7, 2)


@pytest.mark.usefixtures("impatient")
def test_a_gateway_that_does_not_know_whom_to_keep_out_does_not_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "disabled.json").write_text("{")

    async def main() -> int:
        return await serve(setup(tmp_path), asyncio.Event(), lambda port: None)

    assert asyncio.run(main()) == ExitCode.DISABLED_DAMAGED
    assert "disabled.json does not say which sessions are disabled" in caplog.text
    assert "or remove it to enable them all" in caplog.text
