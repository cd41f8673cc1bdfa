"""Symbols with a slash, such as EUR/USD, through everything that has a path."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from engine.codes import CommandKind
from engine.records import UNIT, InstrumentCommand
from fixgw.sidedoor.client import RestClient
from tests.sidedoor.door import Door, opened, order_of, refused
from tests.sidedoor.test_cli_keys import fixgw

EURUSD = InstrumentCommand(
    CommandKind.DEFINE_INSTRUMENT, symbol="EUR/USD", currency="USD", lot=1000 * UNIT
)
PATHS = ("EUR/USD", "EUR%2FUSD", "EUR%2fUSD", "%45UR/USD")
PAGES = ("instruments", "book", "trades", "ticker", "candles")


async def traded(door: Door) -> None:
    """ALICE has bought 1,000 of 3,000 from BOB."""
    for name, side, qty in (("ALICE", "buy", "3000"), ("BOB", "sell", "1000")):
        answer = await door.client(name).new_order(
            f"{name}-1",
            "EUR/USD",
            "buy" if side == "buy" else "sell",
            qty,
            "1.0845",
        )
        assert order_of(answer, 201)["symbol"] == "EUR/USD"


def test_every_page_takes_them(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path, shards=1, instruments=[EURUSD]) as door:
            await traded(door)
            alice, anyone = door.client(), door.client("")
            for page in PAGES:
                for path in PATHS:
                    for client in (alice, anyone):
                        answer = await client.request("GET", f"/v1/{page}/{path}")
                        assert answer.status_code == 200, answer.text
                        assert "EUR/USD" in answer.text
            book = (await anyone.book("EUR/USD", depth=1)).json()
            assert (book["symbol"], book["bids"]) == ("EUR/USD", [["1.0845", "2000"]])
            assert (await anyone.book("EUR/USD")).json() == book
            for query in ("EUR/USD", "EUR%2FUSD"):
                answer = await alice.request("GET", f"/v1/orders?symbol={query}")
                assert [o["filled_qty"] for o in answer.json()["orders"]] == ["1000"]
                answer = await alice.request("GET", f"/v1/fills?symbol={query}")
                assert [f["qty"] for f in answer.json()["fills"]] == ["1000"]
            assert (await alice.orders(symbol="EUR/USD")).json()["orders"]
            assert (await alice.cancel_all("USD/EUR")).json()["cancelled"] == []
            done = (await alice.cancel_all("EUR/USD")).json()
            assert done["cancelled"] == ["ALICE-1"]

    asyncio.run(story())


def test_both_clients_and_the_command_line_take_them(tmp_path: Path) -> None:
    async def story() -> None:
        async with opened(tmp_path, shards=1, instruments=[EURUSD]) as door:
            await traded(door)

            def ask() -> None:
                # On the door's own clock: this one signs, too.
                key = door.key()
                clock = door.exchange.clock
                with RestClient(door.url, key.key_id, key.secret, clock=clock) as rest:
                    bids = rest.book("EUR/USD").json()["bids"]
                    assert bids == [["1.0845", "2000"]]
                    orders = rest.orders(symbol="EUR/USD").json()["orders"]
                    assert [o["client_order_id"] for o in orders] == ["ALICE-1"]
                for path in PATHS:
                    told = fixgw("api", "GET", f"/v1/book/{path}", "--url", door.url)
                    assert (told.returncode, told.stderr) == (0, ""), told
                    answer = json.loads(told.stdout.partition("\n")[2])
                    assert answer["bids"] == bids

            await asyncio.to_thread(ask)

    asyncio.run(story())


@pytest.mark.parametrize("page", PAGES)
def test_what_is_no_symbol_is_not_found(tmp_path: Path, page: str) -> None:
    async def story() -> None:
        async with opened(tmp_path, shards=1, instruments=[EURUSD]) as door:
            anyone = door.client("")
            for path in (
                "EUR",
                "EUR/",
                "EUR/USD/",
                "EUR//USD",
                "EUR/USD/book",
                "EUR%252FUSD",
                "eur/usd",
                "/EUR/USD",
                "%2FEUR%2FUSD",
                "..%2Forders",
            ):
                answer = await anyone.request("GET", f"/v1/{page}/{path}")
                refused(answer, 404, "UNKNOWN_SYMBOL")
            for path in ("", "EUR%20USD", "EUR/USD%7F", "E" * 25):
                answer = await anyone.request("GET", f"/v1/{page}/{path}")
                refused(answer, 400, "INVALID_REQUEST")

    asyncio.run(story())
