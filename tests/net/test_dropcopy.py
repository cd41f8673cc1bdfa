"""Drop copies: every report of those who are followed, once, and again on request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.journal import LogRecord, LogTail
from fixgw.dropcopy import desk as module
from fixgw.dropcopy.copying import Choice, Owners, marked
from fixgw.dropcopy.desk import DropCopyDesk
from fixgw.sidedoor.identity import account_key
from tests.net.exchange_in_process import Client, InProcess, run, until

Scene = Callable[[InProcess], Coroutine[Any, Any, None]]


def play(folder: Path, scene: Scene, **own: tuple[str, ...]) -> None:
    """A scene with COPY, which follows everybody unless ``own`` says whom."""
    follows = {name: {"drop_copy_of": names} for name, names in own.items()}
    logs = {shard: folder / f"shard-{shard}" / "events" for shard in range(2)}
    run(
        folder,
        scene,
        names=("BUYER", "SELLER", "COPY", "OTHER"),
        shards=2,
        desk_makers=[lambda gateway: DropCopyDesk(gateway, logs)],
        own=follows or {"COPY": {"drop_copy_of": ("*",)}},
    )


async def traded(x: InProcess) -> tuple[Client, Client]:
    """BUYER rests a, SELLER takes it with b: four reports."""
    buyer, seller = await x.client(), await x.client("SELLER")
    buyer.order("a")
    await buyer.report("a")
    seller.say("35=D|11=b|54=2|55=XYZ|60=20260101-00:00:00|38=5|40=2|44=100")
    await seller.report("b")
    await seller.report("b", "F")
    await buyer.report("a", "F")
    return buyer, seller


async def copied(copy: Client, count: int) -> list[dict[int, str]]:
    found = [dict(await copy.next()) for _ in range(count)]
    assert all((each[35], each[797]) == ("8", "Y") for each in found), found
    return found


def told(copies: list[dict[int, str]]) -> list[tuple[str, str, str]]:
    return [(each[5714], each[11], each[150]) for each in copies]


ALL = [
    ("BUYER", "a", "0"),
    ("SELLER", "b", "0"),
    ("BUYER", "a", "F"),
    ("SELLER", "b", "F"),
]


def test_copies_are_the_reports_with_their_owners(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        buyer, _ = await traded(x)
        found = await copied(copy, 4)
        assert told(found) == ALL
        assert [int(each[34]) for each in found] == [2, 3, 4, 5]
        assert all(97 not in each for each in found)
        # Field by field what the owner got, but for the header and the marks.
        buyer.order("c")
        own = await buyer.report("c")
        [mine] = await copied(copy, 1)
        header = {8, 9, 34, 49, 52, 56, 10}
        marks = {797, 5714}
        assert {t: v for t, v in mine.items() if t not in header | marks} == {
            t: v for t, v in own.items() if t not in header
        }
        tags = [tag for tag in mine if tag not in header]
        assert tags.index(797) < tags.index(5714)

    play(tmp_path, scene)


def test_only_those_who_are_chosen_are_copied(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        other = await x.client("OTHER")
        await traded(x)
        assert told(await copied(copy, 2)) == [ALL[1], ALL[3]]
        await copy.silence()
        await other.silence()

    play(tmp_path, scene, COPY=("SELLER",), OTHER=("REST:NOBODY",))


def test_copies_wait_for_a_client_that_is_away(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        await traded(x)
        copy = await x.connect("COPY")
        await copy.log_on()
        copy.say("35=2|7=1|16=0")
        found = await copied(copy, 4)
        assert told(found) == ALL
        assert all(each[43] == "Y" for each in found)

    play(tmp_path, scene)


def test_each_report_is_copied_once_though_the_gateway_is_killed(
    tmp_path: Path,
) -> None:
    """Killed at any place: what was taken was stored with its copies."""

    async def scene(x: InProcess) -> None:
        buyer = await x.client()
        await x.client("COPY")
        for number in range(6):
            buyer.order(f"o{number}")
            if number % 2:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0)
            x.kill_gateway()
            x.start_gateway()
            await x.listen()
            buyer = await x.connect(next_out=x.stored_in())
            await buyer.log_on(extra="789=1")
            await asyncio.sleep(0.01)
        copy = await x.connect("COPY", next_out=x.stored_in("COPY"))
        await copy.log_on()
        copy.say("35=2|7=1|16=0")
        seen: list[str] = []
        while True:
            try:
                message = dict(await asyncio.wait_for(copy.next(), 0.2))
            except TimeoutError:
                break
            if message[35] == "8":
                seen.append(message[17])
        reports = x.services[1].host.event_seq - 1
        assert len(seen) == len(set(seen)) == reports > 2

    play(tmp_path, scene)


def test_a_drop_copy_session_trades_nothing(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        copy.order("a")
        answer = dict(await copy.next())
        assert (answer[35], answer[372], answer[380]) == ("j", "D", "6")
        assert x.services[1].host.shard.open_orders == 0

    play(tmp_path, scene)


# -- on request ------------------------------------------------------------------------


def test_a_range_is_sent_again_with_its_number(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        await traded(x)
        live = await copied(copy, 4)
        copy.say(f"35=U3|5711=r1|5712={live[1][17]}|5713={live[2][17]}")
        again = await copied(copy, 2)
        assert [each[17] for each in again] == [live[1][17], live[2][17]]
        assert all(each[97] == "Y" for each in again)
        await copy.hear("35=U4|34=*|5711=r1|5715=1|5716=2")
        copy.say("35=U3|5711=r2|5712=1-1")
        assert told(await copied(copy, 4)) == ALL
        await copy.hear("35=U4|34=*|5711=r2|5715=1|5716=4")

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5712=17", "2"),
        ("5712=1-1|5713=x", "2"),
        ("5712=7-1", "3"),
        ("5712=1-0", "4"),
        ("5712=1-9999", "4"),
        ("5712=1-3|5713=1-2", "4"),
        ("5712=1-1|5713=0-2", "4"),
    ],
)
def test_what_cannot_be_sent_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        await traded(x)
        await copied(copy, 4)
        copy.say(f"35=U3|5711=r|{text}")
        answer = dict(await copy.next())
        assert (answer[35], answer[5715], answer[5716]) == ("U4", "2", "0")
        assert answer[5717] == reason
        assert answer[58]

    play(tmp_path, scene)


def test_a_request_has_a_name_that_can_be_returned(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        copy.say(f"35=U3|5711={'r' * 65}|5712=0-1")
        answer = dict(await copy.next())
        assert (answer[35], answer[371], answer[373]) == ("3", "5711", "5")
        copy.say(f"35=U3|5711={'r' * 64}|5712=x")
        assert dict(await copy.next())[5711] == "r" * 64

    play(tmp_path, scene)


def test_an_ordinary_session_has_no_copies_to_ask_for(tmp_path: Path) -> None:
    async def scene(x: InProcess) -> None:
        client = await x.client()
        client.say("35=U3|5711=r|5712=0-1")
        answer = dict(await client.next())
        assert (answer[35], answer[5717]) == ("U4", "1")

    play(tmp_path, scene)


def test_one_request_at_a_time_and_no_more_than_its_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "COPIES_MAX", 3)
    monkeypatch.setattr(module, "SLICE_EVENTS", 1)

    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        await traded(x)
        live = await copied(copy, 4)
        copy.say("35=U3|5711=r1|5712=1-1")
        copy.say("35=U3|5711=r2|5712=1-1")
        seen = [dict(await copy.next()) for _ in range(5)]
        [busy] = [each for each in seen if each.get(5711) == "r2"]
        assert (busy[5715], busy[5717]) == ("2", "5")
        [done] = [each for each in seen if each.get(5711) == "r1"]
        assert (done[5715], done[5716]) == ("3", "3")
        again = [each[17] for each in seen if each[35] == "8"]
        assert again == [each[17] for each in live[:3]]

    play(tmp_path, scene)


def test_a_request_ends_with_its_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_PAUSE_S", 0.2)

    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        await traded(x)
        await copied(copy, 4)
        copy.say("35=U3|5711=r1|5712=1-1")
        await until(lambda: len(asyncio.all_tasks()) > 1)
        await copy.close()
        await until(lambda: not x.hosted("COPY").session.is_connected)
        before = x.hosted("COPY").session.numbers.next_out
        await asyncio.sleep(0.3)
        assert x.hosted("COPY").session.numbers.next_out == before

    play(tmp_path, scene)


def test_a_request_that_fails_is_answered_and_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is that fails, also behind the first copies."""
    monkeypatch.setattr(module, "SLICE_EVENTS", 1)
    good, calls = module.copies, [0]

    def failing(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] > 2:
            raise ValueError("an error of our own")
        return good(*given)

    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        await traded(x)
        live = await copied(copy, 4)
        monkeypatch.setattr(module, "copies", failing)
        copy.say(f"35=U3|5711=r1|5712={live[0][17]}")
        await copied(copy, 2)
        await copy.hear("35=U4|34=*|58=*|5711=r1|5715=3|5716=2|5717=6")
        copy.say(f"35=U3|5711=r2|5712={live[0][17]}")
        await copy.hear("35=U4|34=*|58=*|5711=r2|5715=2|5716=0|5717=6")

    play(tmp_path, scene)


def test_a_log_is_closed_when_nobody_reads_it_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client leaves while a thread reads: its file is not closed under it."""
    reading, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    class SlowTail(LogTail):
        def read(self, bytes_max: int = 1) -> list[LogRecord]:
            reading.set()
            go_on.wait(10)
            seen.append("read")
            return super().read(bytes_max)

        def close(self) -> None:
            seen.append("closed")
            super().close()

    monkeypatch.setattr(module, "LogTail", SlowTail)

    async def scene(x: InProcess) -> None:
        copy = await x.client("COPY")
        await traded(x)
        await copied(copy, 4)
        copy.say("35=U3|5711=r1|5712=1-1")
        await until(reading.is_set)
        await copy.close()
        await until(lambda: not x.hosted("COPY").session.is_connected)
        await asyncio.sleep(0.01)
        go_on.set()
        await until(lambda: len(seen) > 1)
        assert (seen[0], seen[-1]) == ("read", "closed")

    play(tmp_path, scene)


def test_owners_have_the_names_that_settings_use() -> None:
    named = {7: "BUYER"}
    owners = Owners(named.get)
    assert owners.name(7, "ACC") == "BUYER"
    key = account_key("FUND1")
    assert owners.name(key, "FUND1") == "REST:FUND1"
    # Once it is known, the account need not be told; somebody else's is no name.
    assert owners.name(key, "") == "REST:FUND1"
    assert owners.name(9, "FUND1") == "0000000000000009"
    everybody, one = Choice(("*",)), Choice(("REST:FUND1", "SELLER"))
    assert everybody.has("BUYER")
    assert one.has("REST:FUND1")
    assert not one.has("BUYER")


def test_a_mark_stands_where_its_tag_belongs() -> None:
    body = b"1=A\x0158=797=1\x01150=0\x01851=1\x012362=x\x01"
    assert marked(body, "BUYER") == (
        b"1=A\x0158=797=1\x01150=0\x01797=Y\x01851=1\x012362=x\x015714=BUYER\x01"
    )
    assert marked(b"17=0-1\x01", "B") == b"17=0-1\x01797=Y\x015714=B\x01"
