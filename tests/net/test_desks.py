"""What the exchange serves beside orders: desks, observers of events, timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.codes import EventKind
from engine.records import EVENT_BYTES, unpack_all
from fixgw.net.gateway import TICK_S
from fixgw.orders.exchange import Exchange
from fixgw.orders.routing import ShardMap
from fixgw.session.session import Session
from fixgw.wire import Message
from tests.net.exchange_in_process import InProcess, run, until

NEWS = "C"
"""A message type no order is made of."""


class NewsDesk:
    """Answers each Email(C) with a News(B), and notes what else it is told."""

    message_types = frozenset({NEWS})

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_message(self, session: Session, message: Message, now_ns: int) -> None:
        if message.get(58) == b"trouble":
            raise RuntimeError("trouble")
        session.send("B", b"58=" + (message.get(58) or b"") + b"\x01", now_ns)

    def on_logon(self, session: Session) -> None:
        self.told.append(f"in {session.session_id.target_comp_id}")

    def on_logout(self, session: Session) -> None:
        self.told.append(f"out {session.session_id.target_comp_id}")


def with_desk(
    folder: Path,
    conversation: Callable[[InProcess, NewsDesk], Coroutine[Any, Any, None]],
) -> None:
    """One conversation with an exchange that has a desk. No dictionary: the message
    types are not in it."""

    async def main(x: InProcess) -> None:
        desk = NewsDesk()
        x.kill_gateway()
        x.desks.append(desk)
        x.start_gateway()
        await x.listen()
        await conversation(x, desk)

    run(folder, main, use_data_dictionary=False)


def test_a_desk_has_its_messages_logons_and_logouts(tmp_path: Path) -> None:
    async def conversation(x: InProcess, desk: NewsDesk) -> None:
        client = await x.client()
        client.say(f"35={NEWS}|58=hello")
        await client.hear("35=B|34=2|58=hello")
        assert desk.told == ["in BUYER"]
        client.say("35=5")
        await client.hear("35=5|34=3")
        await client.close()
        await until(lambda: desk.told == ["in BUYER", "out BUYER"])

    with_desk(tmp_path, conversation)


def test_orders_and_foreign_messages_do_not_reach_a_desk(tmp_path: Path) -> None:
    async def conversation(x: InProcess, desk: NewsDesk) -> None:
        client = await x.client()
        client.order("a")
        await client.report("a")
        client.say("35=E|66=1")
        answer = dict(await client.next())
        assert (answer[35], answer[380]) == ("j", "3")

    with_desk(tmp_path, conversation)


def test_an_error_of_a_desk_is_answered(tmp_path: Path) -> None:
    async def conversation(x: InProcess, desk: NewsDesk) -> None:
        client = await x.client()
        client.say(f"35={NEWS}|58=trouble")
        answer = dict(await client.next())
        assert (answer[35], answer[380], answer[45]) == ("j", "4", "2")
        client.say(f"35={NEWS}|58=again")
        await client.hear("35=B|34=3|58=again")

    with_desk(tmp_path, conversation)


class OrderDesk(NewsDesk):
    message_types = frozenset({"D"})


@pytest.mark.parametrize("desks", [[OrderDesk()], [NewsDesk(), NewsDesk()]])
def test_a_message_type_has_one_desk(tmp_path: Path, desks: list[Any]) -> None:
    x: Any = None
    with pytest.raises(ValueError, match="have a desk already"):
        Exchange(ShardMap(1, {}), x, desks)


# -- observers -------------------------------------------------------------------------


def test_an_observer_sees_each_event_once_and_what_it_sends_is_kept(
    tmp_path: Path,
) -> None:
    """Also over a crash of the gateway, and for a client that is away."""

    async def conversation(x: InProcess) -> None:
        seen: list[int] = []
        key = x.hosted("SELLER").key

        def observe(shard: int, events: bytes) -> None:
            for event in unpack_all(events, EVENT_BYTES):
                seen.append(event.seq)
                if event.kind == EventKind.ACCEPTED:
                    body = f"58=seen {event.cl_ord_id}\x01".encode()
                    assert x.gateway.send(key, "B", body, x.clock())

        x.gateway.observers.append(observe)
        client = await x.client()
        client.order("a")
        await client.report("a")
        x.kill_gateway()
        x.start_gateway()
        x.gateway.observers.append(observe)
        await x.listen()
        client = await x.connect(next_out=3)
        await client.log_on()
        client.order("b")
        await client.report("b")
        seller = await x.connect("SELLER")
        answer = await seller.log_on()
        assert answer[34] == "3"
        seller.say("35=2|7=1|16=2")
        assert [dict(await seller.next())[58] for _ in "ab"] == ["seen a", "seen b"]
        assert seen == sorted(set(seen))

    run(tmp_path, conversation)


def test_an_observer_that_fails_is_lost_and_the_reports_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def conversation(x: InProcess) -> None:
        asked: list[int] = []

        def observe(shard: int, events: bytes) -> None:
            asked.append(shard)
            raise RuntimeError("no more")

        x.gateway.observers.append(observe)
        client = await x.client()
        client.order("a")
        await client.report("a")
        client.order("b")
        await client.report("b")
        assert asked == [0]
        assert x.gateway.observers == []

    run(tmp_path, conversation)
    assert "an observer of events is lost" in caplog.text


def test_nothing_is_sent_to_a_session_that_is_not_served(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        assert not x.gateway.send(1, "B", b"58=x\x01", x.clock())

    run(tmp_path, conversation)


# -- timers ----------------------------------------------------------------------------


def test_a_timer_is_called_with_each_tick_even_after_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def conversation(x: InProcess) -> None:
        times: list[int] = []

        def timer(now_ns: int) -> None:
            times.append(now_ns)
            if len(times) == 1:
                raise RuntimeError("once")

        x.gateway.timers.append(timer)
        await asyncio.sleep(5 * TICK_S)
        assert len(times) >= 2
        assert times == sorted(times)

    run(tmp_path, conversation)
    assert "error of our own in a timer" in caplog.text
