"""Mass cancels and mass status requests over several shards, and what can go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixgw.orders.massanswers import OPEN_MAX, PATIENCE_NS
from tests.net.exchange_in_process import Client, InProcess, run, until
from tests.sessions.conversation import stamp

PATIENCE_S = PATIENCE_NS / 1e9 + 1
NO_HEARTBEATS = 0


async def trader(x: InProcess, name: str = "BUYER") -> Client:
    """A client with an order in each of two shards, that may stay silent for long."""
    client = await x.client(name, NO_HEARTBEATS)
    for symbol in ("ABC", "XYZ"):
        client.order(f"{name}-{symbol}", symbol=symbol)
        await client.report(f"{name}-{symbol}")
    return client


def cancel_all(x: InProcess, client: Client, name: str, extra: str = "") -> None:
    more = f"{extra}|" if extra else ""
    client.say(f"35=q|{more}11={name}|530=7|60={stamp(x.now())}")


async def cancelled(client: Client, *names: str) -> None:
    """The next messages are these cancels, in any order."""
    reports = [dict(await client.next()) for _ in names]
    assert {report[11] for report in reports} == set(names)
    assert {(report[35], report[150]) for report in reports} == {("8", "4")}


async def total(client: Client, name: str, count: int) -> None:
    """The next message says that so many were cancelled."""
    report = dict(await client.next())
    seen = report[35], report[11], report[531], report.get(533)
    assert seen == ("r", name, "7", str(count)), report


async def refused(client: Client, name: str, text: str) -> None:
    """The next message says that the mass cancel was not carried out."""
    report = dict(await client.next())
    seen = report[35], report[11], report[530], report[531], report[532]
    assert seen == ("r", name, "7", "0", "99"), report
    assert text in report[58]
    assert 533 not in report


def two_shards(folder: Path, conversation: Any) -> None:
    run(folder, conversation, shards=2)


# -- as they should --------------------------------------------------------------------


def test_a_mass_cancel_is_over_when_all_shards_are_done(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client, other = await trader(x), await trader(x, "SELLER")
        x.services[1].frozen = True
        cancel_all(x, client, "M")
        await cancelled(client, "BUYER-ABC")
        await client.silence()
        x.services[1].thaw()
        await cancelled(client, "BUYER-XYZ")
        await total(client, "M", 2)
        cancel_all(x, client, "N")
        await total(client, "N", 0)
        await other.silence()
        cancel_all(x, other, "M")
        await cancelled(other, "SELLER-ABC", "SELLER-XYZ")
        await total(other, "M", 2)

    two_shards(tmp_path, conversation)


def test_a_mass_status_is_counted_over_all_shards(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await trader(x)
        client.order("third", symbol="XYZ")
        await client.report("third")
        for request in ("S", "T"):
            client.say(f"35=AF|584={request}|585=7")
            reports = [dict(await client.next()) for _ in "123"]
            assert {report[11] for report in reports} == {
                "BUYER-ABC",
                "BUYER-XYZ",
                "third",
            }
            assert [report[912] for report in reports] == ["N", "N", "Y"]
            assert {(r[584], r[911], r[150], r[17]) for r in reports} == {
                (request, "3", "I", "0")
            }

    two_shards(tmp_path, conversation)


def test_one_symbol_asks_one_shard(tmp_path: Path) -> None:
    """The other one may be down."""

    async def conversation(x: InProcess) -> None:
        client = await trader(x)
        x.links[0].is_up = False
        client.say(f"35=q|11=M|530=1|55=XYZ|60={stamp(x.now())}")
        await cancelled(client, "BUYER-XYZ")
        report = dict(await client.next())
        assert (report[35], report[531], report[533]) == ("r", "1", "1")
        client.say("35=AF|584=S|585=1|55=XYZ")
        report = dict(await client.next())
        assert (report[39], report[911], report[912]) == ("8", "0", "Y")

    two_shards(tmp_path, conversation)


# -- shards that are down or slow ------------------------------------------------------


def test_nothing_is_half_done_while_a_shard_is_down(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await trader(x)
        x.links[1].is_up = False
        cancel_all(x, client, "M")
        await refused(client, "M", "shard 1 is not available")
        client.say("35=AF|584=S|585=7")
        await client.hear("35=j|34=*|45=*|58=*|372=AF|379=S|380=4")
        x.links[1].is_up = True
        cancel_all(x, client, "N")
        await cancelled(client, "BUYER-ABC", "BUYER-XYZ")
        await total(client, "N", 2)

    two_shards(tmp_path, conversation)


def test_a_client_is_told_that_a_shard_does_not_answer(tmp_path: Path) -> None:
    """Once: what the shard does later is told order by order."""

    async def conversation(x: InProcess) -> None:
        client = await trader(x)
        x.services[1].frozen = True
        cancel_all(x, client, "M")
        await cancelled(client, "BUYER-ABC")
        client.say("35=AF|584=S|585=7")
        await client.silence()
        x.skip(PATIENCE_S)
        await refused(client, "M", "not all parts of the exchange have answered")
        report = dict(await client.next())
        assert (report[35], report[39], report[584], report[911]) == (
            "8",
            "8",
            "S",
            "0",
        )
        cancel_all(x, client, "M")
        await refused(client, "M", "still under way")
        x.services[1].thaw()
        await cancelled(client, "BUYER-XYZ")
        await client.silence()
        cancel_all(x, client, "M")
        await total(client, "M", 0)

    two_shards(tmp_path, conversation)


def test_requests_under_way_are_limited(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await trader(x)
        x.services[1].frozen = True
        for number in range(OPEN_MAX):
            client.say(f"35=AF|584=S{number}|585=7")
        client.say("35=AF|584=more|585=7")
        await client.hear("35=j|34=*|45=*|58=*|372=AF|379=more|380=4")
        cancel_all(x, client, "more")
        await refused(client, "more", f"{OPEN_MAX} requests are under way")
        x.services[1].thaw()
        for number in range(OPEN_MAX):
            for last in "NY":
                report = dict(await client.next())
                assert (report[584], report[912]) == (f"S{number}", last)
        cancel_all(x, client, "M")
        await cancelled(client, "BUYER-ABC", "BUYER-XYZ")
        await total(client, "M", 2)

    two_shards(tmp_path, conversation)


def test_a_refusal_repeats_what_was_asked_for(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        when = stamp(x.now())
        client.say(f"35=q|11=M|530=5|1=HOUSE|55=ABC|54=2|60={when}")
        report = dict(await client.next())
        assert (report[35], report[531], report[532]) == ("r", "0", "0")
        assert (report[1], report[54], report[55]) == ("HOUSE", "2", "ABC")

    two_shards(tmp_path, conversation)


# -- crashes ---------------------------------------------------------------------------


async def again(x: InProcess) -> None:
    """A gateway after a crash."""
    x.kill_gateway()
    x.start_gateway()
    await x.listen()


def test_after_a_crash_between_the_answers_the_client_is_told(tmp_path: Path) -> None:
    """What came before it is forgotten; the cancels themselves are not."""

    async def conversation(x: InProcess) -> None:
        client = await trader(x)
        x.services[1].frozen = True
        cancel_all(x, client, "M")
        await cancelled(client, "BUYER-ABC")
        await again(x)
        x.services[1].frozen = False
        x.services[1].held.clear()
        back = await x.connect(next_out=5)
        await back.log_on(NO_HEARTBEATS)
        # Not processed by all shards: the gateway asks for it, it comes once more.
        asked = dict(await back.next())
        assert (asked[35], asked[7]) == ("2", "4")
        back.next_out = 4
        once_more = f"43=Y|122={stamp(x.now())}"
        cancel_all(x, back, "M", once_more)
        back.say(f"35=4|{once_more}|123=Y|36=6")
        await cancelled(back, "BUYER-XYZ")
        back.next_out = 6
        await back.silence()
        x.skip(PATIENCE_S)
        await refused(back, "M", "not all parts of the exchange have answered")
        cancel_all(x, back, "N")
        await total(back, "N", 0)

    two_shards(tmp_path, conversation)


def test_answers_wait_for_a_client_that_is_away(tmp_path: Path) -> None:
    async def conversation(x: InProcess) -> None:
        client = await trader(x)
        x.services[1].frozen = True
        cancel_all(x, client, "M")
        await cancelled(client, "BUYER-ABC")
        await client.close()
        await until(lambda: not x.hosted().session.is_connected)
        x.services[1].thaw()
        key = x.hosted().key
        await until(lambda: x.outbox.numbers(key).next_out == 7)
        back = await x.connect(next_out=5)
        answer = await back.log_on()
        assert answer[34] == "7"
        back.say("35=2|7=5|16=6")
        await cancelled(back, "BUYER-XYZ")
        await total(back, "M", 2)

    two_shards(tmp_path, conversation)


# -- who may ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "35=q|11=M|530=7|60=20260102-03:04:05",
        "35=AF|584=S|585=7",
        "35=H|11=A|55=XYZ|54=1",
        "35=D|11=A|55=XYZ|54=1|38=1|40=1|60=20260102-03:04:05",
    ],
)
def test_a_session_for_copies_does_not_trade(tmp_path: Path, text: str) -> None:
    async def conversation(x: InProcess) -> None:
        client = await x.client()
        client.say(text)
        answer = dict(await client.next())
        assert (answer[35], answer[380]) == ("j", "6")

    run(tmp_path, conversation, drop_copy_of=("*",))
