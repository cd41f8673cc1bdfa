"""What operators ask of a shard and do to it: answers, log, other links, restarts."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Any

import pytest

from engine.codes import (
    EventKind,
    Phase,
    Reason,
    Side,
)
from engine.host import host as host_module
from engine.host import operator as module
from engine.host.admin import AdminError, AuditLog, call
from engine.host.operator import Operator
from engine.host.server import ExitCode, serve
from engine.host.service import ServiceStopped
from engine.journal import DurabilityLost
from engine.records import UNIT
from tests.reference.script import X
from tests.unit.operator_stage import (
    SESSION_1,
    SESSION_2,
    SHARD,
    Stage,
    packed,
    play,
)

# -- halts -----------------------------------------------------------------------------


def test_halt_and_resume(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        before = stage.host.event_seq
        told = await stage.run("instruments.halt", symbol="X", reason="news")
        halted = {
            "symbol": "X",
            "status": "halted",
            "phase": "halted",
            "phase_reason": "operator",
            "until_ns": None,
            "then": None,
            "held": True,
        }
        assert told == {**halted, "changed": True, "event": before + 1}
        stage.give("buy A 1 @ 9")
        await asyncio.sleep(0)
        told = await stage.run("instruments.halt", symbol="X")
        assert told == {**halted, "changed": False, "message": "already halted"}
        told = await stage.run("instruments.resume", symbol="X")
        assert (told["status"], told["changed"]) == ("continuous", True)
        assert (told["phase_reason"], told["held"]) == ("schedule", False)
        told = await stage.run("instruments.resume", symbol="X")
        assert told["message"] == "already continuous"
        halt, rejected, resume = stage.gateway.events
        assert (halt.kind, halt.phase) == (EventKind.PHASE, Phase.HALTED)
        assert rejected.reason == Reason.TRADING_HALTED
        assert (resume.kind, resume.phase) == (EventKind.PHASE, Phase.CONTINUOUS)

    play(tmp_path, scene)


def test_a_halt_is_answered_by_its_own_event(tmp_path: Path) -> None:
    """Whatever else is in the same commit, two halts of one instrument included."""

    async def scene(stage: Stage) -> None:
        stage.give("buy A 1 @ 9", "buy B 1 @ 9")
        halts = [
            asyncio.ensure_future(stage.run("instruments.halt", symbol=symbol))
            for symbol in ("X", "YOYO", "X")
        ]
        commands = stage.host.command_seq
        answers = await asyncio.gather(*halts)
        assert [answer["changed"] for answer in answers] == [True, True, False]
        assert answers[0]["event"] + 1 == answers[1]["event"]
        assert stage.host.command_seq == commands + 5
        assert stage.gateway.committed == 1

    play(tmp_path, scene)


@pytest.mark.parametrize("name", ["instruments.halt", "instruments.resume"])
def test_a_halt_of_what_is_not_there(tmp_path: Path, name: str) -> None:
    async def scene(stage: Stage) -> None:
        before = stage.host.command_seq
        assert await stage.refused(name, symbol="YOYA") == (
            "NOT_FOUND",
            "shard 2 has no instrument 'YOYA'; did you mean YOYO?",
        )
        assert await stage.refused(name, symbol="é") == (
            "NOT_FOUND",
            "shard 2 has no instrument 'é'",
        )
        assert await stage.refused(name) == (
            "BAD_ARGUMENT",
            "symbol is missing, or no text",
        )
        assert await stage.refused(name, symbol=["X"]) == (
            "BAD_ARGUMENT",
            "symbol is missing, or no text",
        )
        assert await stage.refused(name, symbol="X" * 25) == (
            "BAD_ARGUMENT",
            "symbol has 25 characters, 24 is the most",
        )
        assert await stage.refused(name, symbol="X", why="x") == (
            "BAD_ARGUMENT",
            "'why' is no argument of this command: it takes symbol, reason"
            + (", until_ns, then" if name == "instruments.halt" else ""),
        )
        assert (await stage.refused(name, symbol="X", reason="x" * 201))[0] == (
            "BAD_ARGUMENT"
        )
        assert stage.host.command_seq == before

    play(tmp_path, scene)


def test_a_halt_survives_a_restart(tmp_path: Path) -> None:
    async def halt(stage: Stage) -> None:
        await stage.run("instruments.halt", symbol="YOYO")
        state = stage.host.shard.state_hash().hex()
        (tmp_path / "state").write_text(state)

    async def look(stage: Stage) -> None:
        told = await stage.run("state-hash")
        assert told["state_hash"] == (tmp_path / "state").read_text()
        facts = (await stage.run("status"))["facts"]
        assert facts["halted"] == ["YOYO"]
        listed = (await stage.run("instruments.list"))["instruments"]
        assert [one["status"] for one in listed] == ["continuous", "halted"]

    play(tmp_path, halt)
    play(tmp_path, look)


# -- cancels ---------------------------------------------------------------------------


def test_cancel_by_order_id_and_by_name(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.give("buy 2:A 5 @ 9 gtc", "sell 2:B 2 @ 9", "buy C 1 @ 8")
        await asyncio.sleep(0)
        first = stage.gateway.events[0].order_id & (1 << 48) - 1
        told = await stage.run("orders.cancel", order_id=f"2-{first}")
        assert told == {
            "order_id": f"2-{first}",
            "session": SESSION_2,
            "cl_ord_id": "A",
            "account": "",
            "symbol": "X",
            "cancelled_qty": "0.00000003",
            "filled_qty": "0.00000002",
            "event": stage.host.event_seq,
        }
        told = await stage.run("orders.cancel", session="1", cl_ord_id="C")
        assert (told["session"], told["cl_ord_id"]) == (SESSION_1, "C")
        assert stage.gateway.told()[-2:] == [
            "2:A cancelled: 3 CANCELLED_BY_EXCHANGE",
            "C cancelled: 1 CANCELLED_BY_EXCHANGE",
        ]
        assert stage.host.shard.open_orders == 0

    play(tmp_path, scene)


def test_cancels_of_what_is_not_there(tmp_path: Path) -> None:
    gone = "it was filled, cancelled, or never there"

    async def scene(stage: Stage) -> None:
        stage.give("buy A 5 @ 9", "cancel B of A")
        await asyncio.sleep(0)
        seq = stage.host.event_seq
        first = stage.gateway.events[0].order_id & (1 << 48) - 1
        for arguments, code, message in [
            (
                {"order_id": f"2-{first}"},
                "NOT_FOUND",
                f"no open order 2-{first}: {gone}",
            ),
            ({"order_id": "2-0"}, "NOT_FOUND", f"no open order 2-0: {gone}"),
            ({"order_id": "0-1"}, "NOT_FOUND", "0-1 is no order of shard 2"),
            (
                {"session": "1", "cl_ord_id": "A"},
                "NOT_FOUND",
                f"no open order A: {gone}",
            ),
            (
                {"session": "1", "cl_ord_id": "é"},
                "NOT_FOUND",
                f"no open order é: {gone}",
            ),
            (
                {"order_id": "17"},
                "BAD_ARGUMENT",
                "'17' is no OrderID: one looks like 0-17",
            ),
            ({"order_id": "2-281474976710656"}, "BAD_ARGUMENT", None),
            ({"order_id": "65536-1"}, "BAD_ARGUMENT", None),
            ({"order_id": "2-٣"}, "BAD_ARGUMENT", None),
            (
                {"session": "0x1", "cl_ord_id": "A"},
                "BAD_ARGUMENT",
                "'0x1' is no session: 16 hexadecimal digits name one",
            ),
            ({"session": "1"}, "BAD_ARGUMENT", "cl_ord_id is missing, or no text"),
            ({"cl_ord_id": "A"}, "BAD_ARGUMENT", "session is missing, or no text"),
            ({}, "BAD_ARGUMENT", "session is missing, or no text"),
            (
                {"order_id": "2-3", "session": "1"},
                "BAD_ARGUMENT",
                "either order_id, or session and cl_ord_id",
            ),
            ({"session": "1", "cl_ord_id": "x" * 37}, "BAD_ARGUMENT", None),
        ]:
            found = await stage.refused("orders.cancel", **arguments)
            assert found[0] == code, arguments
            assert message is None or found[1] == message
        assert stage.host.event_seq == seq

    play(tmp_path, scene)


def test_an_order_that_fills_before_its_cancel(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.give("buy A 5 @ 9")
        await asyncio.sleep(0)
        order_id = stage.gateway.events[0].order_id & (1 << 48) - 1
        stage.give("sell B 5 @ 9")
        found = await stage.refused("orders.cancel", order_id=f"2-{order_id}")
        assert found[0] == "NOT_FOUND"
        assert stage.gateway.told()[-1] == "B takes 5 @ 9, leaves 0"

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("arguments", "cancelled", "left"),
    [
        ({"symbol": "X"}, 600, 50),
        ({"session": SESSION_1}, 350, 300),
        ({"symbol": "X", "session": SESSION_1}, 300, 350),
        ({"session": "00000000000000ff"}, 0, 650),
    ],
)
def test_cancel_all(
    tmp_path: Path, arguments: dict[str, str], cancelled: int, left: int
) -> None:
    price = 100 * UNIT

    async def scene(stage: Stage) -> None:
        stage.give(*(f"buy a{n} 1 @ 9" for n in range(300)))
        stage.give(*(f"buy 2:b{n} 1 @ 8" for n in range(300)))
        stage.give(*(f"buy y{n} {UNIT} @ {price} on YOYO" for n in range(50)))
        await asyncio.sleep(0)
        told = await stage.run("orders.cancel_all", **arguments)
        assert told == {"shard": SHARD, "cancelled": cancelled}
        assert stage.host.shard.open_orders == left
        events = [e for e in stage.gateway.events if e.kind == EventKind.CANCELLED]
        assert {e.reason for e in events} <= {Reason.CANCELLED_BY_EXCHANGE}
        assert len({e.order_id for e in events}) == cancelled

    play(tmp_path, scene)


def test_cancel_all_needs_to_know_which(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert await stage.refused("orders.cancel_all") == (
            "BAD_ARGUMENT",
            "a symbol, a session, an account, or all: else which orders?",
        )
        assert (await stage.refused("orders.cancel_all", symbol="Z"))[0] == "NOT_FOUND"
        assert (await stage.refused("orders.cancel_all", session="?"))[0] == (
            "BAD_ARGUMENT"
        )

    play(tmp_path, scene)


def test_all_is_cancelled_by_one_command(tmp_path: Path) -> None:
    """What came before it is cancelled, what comes after it is not."""

    async def scene(stage: Stage) -> None:
        stage.give(*(f"buy a{n} 1 @ 9" for n in range(2000)))
        stage.order("b", Side.BUY, 9, account="ACC")
        stage.order("c", Side.SELL, 10, account="ACC")
        await asyncio.sleep(0)
        before = stage.host.command_seq
        told = await stage.run("orders.cancel_all", account="ACC", side="sell")
        assert told == {"shard": SHARD, "cancelled": 1}
        cancelling = asyncio.ensure_future(stage.run("orders.cancel_all", symbol="X"))
        await asyncio.sleep(0)
        stage.give("buy 2:late 1 @ 9")
        assert (await cancelling)["cancelled"] == 2001
        assert stage.host.shard.open_orders == 1
        assert stage.host.command_seq == before + 3
        assert (await stage.run("orders.cancel_all", all=True))["cancelled"] == 1
        ends = [e for e in stage.gateway.events if e.kind == EventKind.CANCELLED]
        assert {event.reason for event in ends} == {Reason.CANCELLED_BY_EXCHANGE}

    play(tmp_path, scene)


def test_only_orders_of_a_side_or_an_account_are_listed(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.order("A", Side.BUY, 9, account="ACC")
        stage.order("B", Side.SELL, 10, account="ACC")
        stage.order("C", Side.BUY, 8)
        await asyncio.sleep(0)

        async def listed(**given: str) -> list[str]:
            told = await stage.run("orders.list", **given)
            return [order["cl_ord_id"] for order in told["orders"]]

        assert await listed(account="ACC") == ["A", "B"]
        assert await listed(side="buy") == ["A", "C"]
        assert await listed(side="sell", account="ACC") == ["B"]
        assert (await stage.refused("orders.list", side="both"))[1] == (
            "side 'both' is neither buy nor sell"
        )

    play(tmp_path, scene)


# -- what it says ----------------------------------------------------------------------


def test_status(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.give("buy A 5 @ 9", "buy A 5 @ 9 flags=2")
        await asyncio.sleep(0)
        await stage.run("instruments.halt", symbol="X")
        told = await stage.run("status")
        facts = told.pop("facts")
        assert told == {
            "process": "shard 2",
            "pid": os.getpid(),
            "started_ns": 5,
            "version": "1.2.3",
            "healthy": True,
            "problems": [],
        }
        assert facts.pop("log_bytes") > 0
        assert facts.pop("disk_free_bytes") > 0
        seq = stage.host.event_seq
        assert facts == {
            "last_command": 6,
            "last_event": seq,
            "open_orders": 1,
            "instruments": 2,
            "halted": ["X"],
            "phases": {"continuous": 1, "halted": 1},
            "blocked": 0,
            "duplicates": 0,
            "day": 20_000,
            "time_ns": stage.host.shard.time,
            "commands_waiting": 0,
            "links": [
                {
                    "gateway": 4,
                    "last_event": seq,
                    "events_behind": 0,
                    "unsent_bytes": 77,
                }
            ],
        }

    play(tmp_path, scene)


def test_a_full_disk_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DISK_FREE_BYTES_MIN", 2**62)

    async def scene(stage: Stage) -> None:
        told = await stage.run("status")
        assert told["healthy"] is False
        (problem,) = told["problems"]
        assert re.fullmatch(
            rf"\d+ MiB are free where {tmp_path} is: a shard that cannot write its "
            r"log stops",
            problem,
        )

    play(tmp_path, scene)


def test_instruments(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        price, qty = 10 * UNIT, 5 * UNIT
        stage.give(
            f"buy A {qty} @ {price} on YOYO",
            f"sell 2:B {2 * UNIT} @ {price} on YOYO",
            f"sell 2:C {UNIT} @ {11 * UNIT} on YOYO",
        )
        await asyncio.sleep(0)
        told = await stage.run("instruments.list")
        assert told["shard"] == SHARD
        x, y = told["instruments"]
        assert (x["symbol"], x["currency"], x["reference_price"]) == ("X", "", None)
        assert (x["price_max"], x["notional_max"]) == ("10000000000", None)
        assert y == {
            "symbol": "YOYO",
            "status": "continuous",
            "phase": "continuous",
            "phase_reason": "none",
            "until_ns": None,
            "then": None,
            "held": False,
            "currency": "USD",
            "tick": "0.5",
            "lot": "1",
            "reference_price": "100",
            "price_min": "1",
            "price_max": "200",
            "qty_max": "1000",
            "notional_max": "5000",
            "qty_min": None,
            "static_band": None,
            "dynamic_band": None,
            "volatility_s": None,
            "maker_fee": "0",
            "taker_fee": "0",
            "auction_fee": "0",
            "trades": 1,
            "traded_qty": "2",
            "orders": 2,
            "bid_levels": 1,
            "ask_levels": 1,
            "bid_qty": "3",
            "ask_qty": "1",
        }

    play(tmp_path, scene)


def test_orders(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.give("buy A 5 @ 9", "sell 2:B 2 @ 9", "sell 2:C 1 @ 10 gtc")
        await asyncio.sleep(0)
        told = await stage.run("orders.list")
        assert (told["shard"], told["next"]) == (SHARD, None)
        a, c = told["orders"]
        assert a == {
            "order_id": f"2-{stage.gateway.events[0].order_id & (1 << 48) - 1}",
            "cl_ord_id": "A",
            "session": SESSION_1,
            "account": "",
            "symbol": "X",
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            "price": "0.00000009",
            "stop_price": None,
            "display_qty": None,
            "shown_qty": "0.00000003",
            "qty": "0.00000005",
            "leaves_qty": "0.00000003",
            "filled_qty": "0.00000002",
            "avg_price": "0.00000009",
        }
        assert (c["cl_ord_id"], c["side"], c["time_in_force"]) == ("C", "sell", "gtc")
        for arguments, names in [
            ({"symbol": "X"}, ["A", "C"]),
            ({"symbol": "YOYO"}, []),
            ({"session": SESSION_2}, ["C"]),
            ({"session": "2", "symbol": "X"}, ["C"]),
            ({"session": "3"}, []),
            ({"symbol": None, "session": None}, ["A", "C"]),
        ]:
            found = await stage.run("orders.list", **arguments)
            assert [order["cl_ord_id"] for order in found["orders"]] == names
            assert found["next"] is None

    play(tmp_path, scene)


@pytest.mark.parametrize("limit", [1, 7, 100, 256, 699, 700, 1000])
def test_a_list_in_parts(tmp_path: Path, limit: int) -> None:
    """Each order once, whatever the size of the parts; none is longer than asked."""

    async def scene(stage: Stage) -> None:
        lines = [f"buy {'2:' * (n % 7 == 0)}a{n} 1 @ 9" for n in range(700)]
        stage.give(*lines)
        await asyncio.sleep(0)
        for wanted, total in (({}, 700), ({"session": "2"}, 100)):
            seen: list[str] = []
            following: int | None = 0
            while following is not None:
                told = await stage.run(
                    "orders.list", limit=limit, **{"from": following, **wanted}
                )
                assert len(told["orders"]) <= limit
                assert len(told["orders"]) == limit or told["next"] is None
                seen += [order["cl_ord_id"] for order in told["orders"]]
                following = told["next"]
            assert len(seen) == len(set(seen)) == total

    play(tmp_path, scene)


def test_instruments_in_parts(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.give(*(f"define S{n} tick 1" for n in range(600)))
        await asyncio.sleep(0)
        for limit in (1, 256, 257, 602, 1000):
            seen: list[str] = []
            following: int | None = 0
            while following is not None:
                told = await stage.run(
                    "instruments.list", limit=limit, **{"from": following}
                )
                seen += [one["symbol"] for one in told["instruments"]]
                following = told["next"]
            assert seen == ["X", "YOYO", *(f"S{n}" for n in range(600))]
        told = await stage.run("instruments.list", **{"from": 10_000})
        assert (told["instruments"], told["next"]) == ([], None)

    play(tmp_path, scene)


@pytest.mark.parametrize("name", ["orders.list", "instruments.list"])
def test_parts_that_are_none(tmp_path: Path, name: str) -> None:
    async def scene(stage: Stage) -> None:
        for limit in (0, -1, 1001, "5", 5.0, True):
            assert (await stage.refused(name, limit=limit))[0] == "BAD_ARGUMENT"
        for first in (-1, 2**31, "0"):
            found = await stage.refused(name, **{"from": first})
            assert found[0] == "BAD_ARGUMENT"

    play(tmp_path, scene)


def test_a_long_search_lets_others_have_their_turn(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.give(*(f"buy a{n} 1 @ 9" for n in range(5000)))
        await asyncio.sleep(0)
        listing = asyncio.ensure_future(stage.run("orders.list", session="2"))
        turns = 0
        while not listing.done():
            stage.give(f"buy 2:t{turns} 1 @ 7 on NONE")
            await asyncio.sleep(0)
            turns += 1
            assert stage.gateway.committed >= turns - 1
        assert listing.result()["orders"] == []
        assert turns >= 5000 // module.PAGE_SLOTS

    play(tmp_path, scene)


def test_state_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(stage: Stage) -> None:
        stage.give("buy A 5 @ 9", "cancel B of Z")
        await asyncio.sleep(0)
        wanted = {
            "shard": SHARD,
            "last_command": stage.host.command_seq,
            "last_event": stage.host.event_seq,
            "state_hash": stage.host.shard.state_hash().hex(),
        }
        assert await stage.run("state-hash") == wanted
        monkeypatch.setattr(module, "STATE_ENTRIES_MAX", 3)
        assert stage.host.shard.identifiers == 2
        assert await stage.run("state-hash") == wanted
        monkeypatch.setattr(module, "STATE_ENTRIES_MAX", 2)
        assert await stage.refused("state-hash") == (
            "CONFLICT",
            "3 orders and identifiers: matching would stand still while they are read; "
            "say force to do it all the same",
        )
        assert await stage.run("state-hash", force=True) == wanted
        assert (await stage.refused("state-hash", force=1))[0] == "BAD_ARGUMENT"

    play(tmp_path, scene)


def test_arguments_where_none_are_taken(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert await stage.refused("status", x=1) == (
            "BAD_ARGUMENT",
            "'x' is no argument of this command: it takes none",
        )

    play(tmp_path, scene)


# -- the end of the service ------------------------------------------------------------


def test_a_command_when_the_service_ends(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        waiting = asyncio.ensure_future(stage.run("instruments.halt", symbol="X"))
        await asyncio.sleep(0)
        waits = stage.service.commands_waiting
        stage.service.stop()
        with pytest.raises(AdminError) as caught:
            await waiting
        assert (waits, caught.value.code) == (1, "UNAVAILABLE")
        assert (await stage.refused("instruments.halt", symbol="X"))[0] == "UNAVAILABLE"

    play(tmp_path, scene)


def test_a_command_that_cannot_be_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any) -> None:
        raise DurabilityLost("no disk")

    async def main() -> None:
        stage = Stage(tmp_path)
        monkeypatch.setattr(host_module.RecordLog, "commit", broken)
        halts = [
            asyncio.ensure_future(stage.run("instruments.halt", symbol="X"))
            for _ in range(2)
        ]
        for halt in halts:
            with pytest.raises(AdminError) as caught:
                await halt
            assert caught.value.code == "UNAVAILABLE"
            assert caught.value.message == (
                "shard 2 stops: whether this was done shows when it is back"
            )
        with pytest.raises(ServiceStopped):
            await stage.service.process(packed("buy A 1 @ 9"))
        assert len(stage.fatal) == 1
        assert stage.gateway.events == []

    asyncio.run(main())


def test_what_the_process_asks_for_is_checked(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for bad in (b"", b"x", b"\xff" * 256):
            with pytest.raises(ValueError, match=r"."):
                await stage.service.process(bad)
        assert stage.service.commands_waiting == 0

    play(tmp_path, scene)


# -- the whole process -----------------------------------------------------------------


def test_the_admin_socket_of_a_shard(tmp_path: Path) -> None:
    """Made by the process beside its link, gone with it; what it did is audited."""
    folder = tmp_path / "shard-2"
    path = folder / "admin.sock"

    async def main() -> None:
        stop, ready = asyncio.Event(), asyncio.Event()
        operators: list[Operator] = []
        running = asyncio.ensure_future(
            serve(
                SHARD,
                folder,
                folder / "link.sock",
                [X],
                0,
                stop,
                lambda facts: ready.set(),
                version="9.9",
                on_operator=operators.append,
            )
        )
        await ready.wait()
        told = await asyncio.to_thread(call, path, "status")
        assert (told["process"], told["version"]) == ("shard 2", "9.9")
        assert operators[0].status()["started_ns"] == told["started_ns"]
        told = await asyncio.to_thread(
            call, path, "instruments.halt", {"symbol": "X", "reason": "test"}
        )
        assert told["changed"] is True
        stop.set()
        assert await running == ExitCode.CLEAN
        assert not path.exists()

    asyncio.run(main())
    log = AuditLog(tmp_path / "audit.log").path.read_text().splitlines()
    assert len(log) == 2
    assert '"command": "instruments.halt"' in log[0]
    assert '"arguments": {"symbol": "X", "reason": "test"}' in log[0]
    assert '"process": "shard 2"' in log[0]
    assert '"outcome": "done"' in log[1]
