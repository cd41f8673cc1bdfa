"""Orders of clients that leave: cancelled in time, never too late, never those of the
next login; and the dead man's switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from engine.codes import EventKind, Reason
from engine.records import EVENT_BYTES, unpack_all
from fixgw.net.leaving import Leaving
from fixgw.session.reasons import DisconnectReason
from tests.net.exchange_in_process import Client, InProcess, run, until

SYMBOLS = ("ABC", "XYZ")
Scene = Callable[[InProcess], Coroutine[Any, Any, None]]
WATCHED = {"cancel_on_disconnect": True}


def play(folder: Path, scene: Scene, **settings: Any) -> None:
    """A scene on two shards, with clients whose leaving is watched."""

    async def day(x: InProcess) -> None:
        for service in x.services:
            service.tick()  # the trading day begins, as in the process
        await scene(x)

    run(folder, day, shards=2, desk_makers=[Leaving], **settings)


def cancels(x: InProcess) -> list[tuple[str, Reason]]:
    """What was cancelled so far, in every shard."""
    found = []
    for service in x.services:
        for record in service.host.events_after(0):
            found += [
                (event.cl_ord_id, Reason(event.reason))
                for event in unpack_all(record.payload, EVENT_BYTES)
                if event.kind == EventKind.CANCELLED
            ]
    return sorted(found)


def open_orders(x: InProcess) -> int:
    return sum(service.host.shard.open_orders for service in x.services)


async def both(x: InProcess, client: Client, *names: str, extra: str = "") -> None:
    """An order in each shard, all of them open."""
    before = open_orders(x)
    for name, symbol in zip(names, SYMBOLS, strict=False):
        client.order(name, extra, symbol)
    await until(lambda: open_orders(x) == before + len(names))


async def later(x: InProcess, seconds: float) -> None:
    """So much later: the shards look at their clocks."""
    x.skip(seconds)
    for service in x.services:
        service.tick()
    await asyncio.sleep(0)


async def left(x: InProcess, client: Client, clean: bool = False) -> None:
    """The client is gone."""
    session = x.hosted().session
    if clean:
        client.say("35=5")
        await until(lambda: not session.is_logged_on)
    await client.close()
    await until(lambda: not session.is_connected)
    await asyncio.sleep(0.01)


def test_a_lost_connection_cancels_everywhere(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        await left(x, client)
        await until(lambda: open_orders(x) == 0)
        expected = [("a", Reason.DISCONNECTED), ("b", Reason.DISCONNECTED)]
        assert cancels(x) == expected

    play(tmp_path, scene, **WATCHED)


def test_the_default_is_that_orders_stay(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        await left(x, client)
        await later(x, 100)
        assert (open_orders(x), cancels(x)) == (2, [])
        commands = sum(service.host.command_seq for service in x.services)
        assert commands == 6, "definitions, days, orders, and nothing else"

    play(tmp_path, scene)


def test_a_logout_is_another_matter_than_a_lost_connection(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        await left(x, client, clean=True)
        await later(x, 100)
        assert open_orders(x) == 2

    play(tmp_path, scene, **WATCHED)


def test_a_logout_cancels_where_that_is_wanted(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        await left(x, client, clean=True)
        await until(lambda: open_orders(x) == 0)
        assert {reason for _, reason in cancels(x)} == {Reason.LOGGED_OUT}

    play(tmp_path, scene, cancel_on_logout=True)


def test_orders_that_are_good_till_cancelled_may_stay(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b", extra="59=1")
        await both(x, client, "c", "d")
        await left(x, client)
        await until(lambda: open_orders(x) == 2)
        assert [name for name, _ in cancels(x)] == ["c", "d"]

    play(tmp_path, scene, cancel_keeps_gtc=True, **WATCHED)


GRACE = {"cancel_on_disconnect_grace_s": 30, **WATCHED}


def test_who_is_back_within_the_grace_keeps_his_orders(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        await left(x, client)
        await later(x, 29)
        again = await x.connect(next_out=client.next_out)
        await again.log_on()
        await asyncio.sleep(0.01)
        await later(x, 100)
        assert (open_orders(x), cancels(x)) == (2, [])

    play(tmp_path, scene, **GRACE)


def test_who_is_not_back_in_time_does_not(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        await left(x, client)
        await later(x, 29)
        assert open_orders(x) == 2
        await later(x, 2)
        assert open_orders(x) == 0

    play(tmp_path, scene, **GRACE)


def test_a_gateway_that_was_killed_cancels_for_who_was_there(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        seller = await x.client("SELLER")
        await both(x, client, "a", "b")
        await both(x, seller, "c", "d")
        seller.say("35=5")
        await until(lambda: not x.hosted("SELLER").session.is_logged_on)
        await seller.close()
        await until(lambda: not x.hosted("SELLER").session.is_connected)
        await asyncio.sleep(0.01)
        x.kill_gateway()
        await later(x, 100)
        assert open_orders(x) == 4, "nobody was there to say anything"
        x.start_gateway()
        await x.listen()
        await later(x, 29)
        assert open_orders(x) == 4
        await later(x, 2)
        # The one had logged out in order, so his orders are as he left them.
        assert [name for name, _ in cancels(x)] == ["a", "b"]

    play(tmp_path, scene, **GRACE)


def test_a_gateway_that_was_killed_again_still_knows(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        await asyncio.sleep(0.01)
        for _ in range(2):
            x.kill_gateway()
            x.start_gateway()
            await x.listen()
        again = await x.connect(next_out=client.next_out)
        await again.log_on()
        await asyncio.sleep(0.01)
        await later(x, 100)
        assert open_orders(x) == 2

    play(tmp_path, scene, **GRACE)


def lose(x: InProcess, shard: int) -> None:
    """The link to that shard is lost."""
    x.services[shard].detach(x.links[shard])
    x.links[shard].is_up = False


def restore(x: InProcess, shard: int) -> None:
    """And is there again."""
    link: Any = x.links[shard]
    x.services[shard].attach(link, x.gateway.taken(shard), 0)
    link.is_up = True
    link._transmit_outstanding()


def test_a_shard_that_was_away_is_told_first_when_it_is_back(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        lose(x, 1)
        await left(x, client)
        await later(x, 40)
        assert [name for name, _ in cancels(x)] == ["a"]
        restore(x, 1)
        await until(lambda: open_orders(x) == 0)

    play(tmp_path, scene, **GRACE)


def unconfirmed(x: InProcess, client: Client, name: str) -> None:
    """The client sends an order that shard 1 does not get before its link is lost."""
    x.services[1].frozen = True
    client.order(name, symbol="XYZ")


async def lose_all(x: InProcess) -> None:
    """The link of shard 1 is lost with everything that was under way."""
    await until(lambda: len(x.services[1].held) > 0)
    lose(x, 1)
    x.services[1].held.clear()
    x.services[1].frozen = False


def test_what_is_sent_again_for_a_client_that_is_gone_is_cancelled(
    tmp_path: Path,
) -> None:
    """The order was under way when the shard died, and the client left then."""

    async def scene(x: InProcess) -> None:
        client = await x.client()
        unconfirmed(x, client, "b")
        await lose_all(x)
        await left(x, client)
        await later(x, 40)
        restore(x, 1)
        await until(lambda: cancels(x) == [("b", Reason.DISCONNECTED)])
        assert open_orders(x) == 0

    play(tmp_path, scene, **GRACE)


def test_what_is_sent_again_for_a_client_back_too_late_is_cancelled(
    tmp_path: Path,
) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        unconfirmed(x, client, "b")
        await lose_all(x)
        await left(x, client)
        await later(x, 40)
        again = await x.connect(next_out=client.next_out)
        await again.log_on()
        restore(x, 1)
        again.order("new", symbol="XYZ")
        await until(lambda: cancels(x) == [("b", Reason.DISCONNECTED)])
        await later(x, 100)
        assert open_orders(x) == 1

    play(tmp_path, scene, **GRACE)


def test_a_client_back_too_late_keeps_what_it_sends_then(tmp_path: Path) -> None:
    """The shard was away while the grace ran out, and the client came back before the
    shard: what was open is cancelled, what it sends then is not."""

    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        lose(x, 1)
        await left(x, client)
        await later(x, 40)
        again = await x.connect(next_out=client.next_out)
        await again.log_on()
        restore(x, 1)
        again.order("new", symbol="XYZ")
        await until(lambda: cancels(x)[-1:] == [("b", Reason.DISCONNECTED)])
        await later(x, 100)
        assert open_orders(x) == 1
        assert [name for name, _ in cancels(x)] == ["a", "b"]

    play(tmp_path, scene, **GRACE)


def test_what_was_told_is_not_told_again_to_a_later_login(tmp_path: Path) -> None:
    """A link that is lost sends again what was not confirmed: no end of a session is
    among that."""

    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        x.services[1].frozen = True
        await left(x, client)
        lose(x, 1)
        x.services[1].held.clear()
        x.services[1].frozen = False
        again = await x.connect(next_out=client.next_out)
        await again.log_on()
        restore(x, 1)
        await asyncio.sleep(0.01)
        await later(x, 100)
        assert (open_orders(x), cancels(x)) == (2, [])

    play(tmp_path, scene, **GRACE)


def test_a_client_that_is_there_before_the_shards_is_not_gone(tmp_path: Path) -> None:
    """The gateway was killed, and the client is back before any link is up."""

    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        await asyncio.sleep(0.01)
        x.kill_gateway()
        x.start_gateway()
        for shard in range(2):
            lose(x, shard)
        x.gateway.openings.clear()
        x.gateway.behinds.clear()
        desk = Leaving(x.gateway)
        session = x.hosted().session
        desk.on_logon(session)
        for shard in range(2):
            restore(x, shard)
        await x.listen()
        await asyncio.sleep(0.01)
        await later(x, 100)
        assert open_orders(x) == 2

    play(tmp_path, scene, **GRACE)


def test_an_end_by_the_exchange_is_one_too(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        connection = x.hosted().connection
        assert connection is not None
        connection.cut(DisconnectReason.OPERATOR_DISCONNECT)
        await until(lambda: open_orders(x) == 0)

    play(tmp_path, scene, **WATCHED)


# -- the dead man's switch -------------------------------------------------------------


def test_the_switch_goes_off_once_unless_it_is_set_anew(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        for _ in range(2):
            await client.next()
        for number in range(3):
            client.say(f"35=U1|5701=r{number}|5702=5000")
            told = await client.hear(f"35=U2|34=*|5701=r{number}|5702=5000|5703=*")
            assert told[5703]
            await later(x, 4)
            assert open_orders(x) == 2
        await later(x, 2)
        assert open_orders(x) == 0
        assert {reason for _, reason in cancels(x)} == {Reason.DEAD_MAN}
        for _ in range(2):
            await client.next()
        await both(x, client, "c", "d")
        await later(x, 100)
        assert open_orders(x) == 2, "it went off once, and is off"

    play(tmp_path, scene)


def test_the_switch_can_be_switched_off(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        for _ in range(2):
            await client.next()
        client.say("35=U1|5701=r|5702=5000")
        await client.next()
        client.say("35=U1|5701=s|5702=0")
        await client.hear("35=U2|34=*|5701=s|5702=0")
        await later(x, 100)
        assert open_orders(x) == 2

    play(tmp_path, scene)


def test_the_switch_goes_off_though_the_gateway_is_dead(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        await both(x, client, "a", "b")
        for _ in range(2):
            await client.next()
        client.say("35=U1|5701=r|5702=5000")
        await client.next()
        await asyncio.sleep(0.01)
        x.kill_gateway()
        await later(x, 6)
        assert open_orders(x) == 0

    play(tmp_path, scene)


def test_what_the_switch_does_not_take_is_said(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        for text in ("999", "86400001", "-5", "00000000000005000"):
            client.say(f"35=U1|5701=r|5702={text}")
            answer = dict(await client.next())
            assert (answer[35], answer[371], answer[373]) == ("3", "5702", "5"), text
        client.say(f"35=U1|5701={'r' * 65}|5702=5000")
        answer = dict(await client.next())
        assert (answer[35], answer[371], answer[373]) == ("3", "5701", "5")
        client.say(f"35=U1|5701={'r' * 64}|5702=0")
        assert dict(await client.next())[35] == "U2"
        lose(x, 1)
        client.say("35=U1|5701=r|5702=5000")
        answer = dict(await client.next())
        assert (answer[35], answer[372], answer[380]) == ("j", "U1", "4")
        assert answer[58] == "shard 1 is not available, try again later"

    play(tmp_path, scene)
