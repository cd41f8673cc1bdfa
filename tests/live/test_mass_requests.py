"""QuickFIX asks for the status of its orders and cancels them all, in two shards."""

from __future__ import annotations

from functools import partial

from tests.live.conftest import Connect
from tests.live.exchange import Exchange
from tests.live.initiator import Initiator, Received, utc_now

SYMBOLS = ("BTC-USD", "ETH-USD")
"""One in each shard."""


def orders(client: Initiator) -> list[str]:
    """Open orders of all kinds that rest or wait; their ClOrdIDs."""
    made = []
    for symbol in SYMBOLS:
        made += [
            client.order("buy", symbol, "1", "90", t59="1"),
            client.order("sell", symbol, "2", "5000", t111="1", t1="HOUSE"),
            client.order("sell", symbol, "1", "5000", t111="0"),
            client.order("buy", symbol, "1", t40="3", t99="6000"),
            client.order("buy", symbol, "1", "100", t40="P", t18="R"),
        ]
    for each in made:
        client.wait(partial(client.about, each), f"{each} accepted")
        assert client.about(each)[0][150] == "0"
    return made


def status(client: Initiator, request: str, **fields: str) -> list[Received]:
    """The answer to a mass status request, once its last report is there."""
    more = {int(name.removeprefix("t")): value for name, value in fields.items()}
    client.send("AF", {584: request} | more)

    def answer() -> list[Received]:
        return [m for m in client.messages if m.get(584) == request]

    client.wait(lambda: any(m[912] == "Y" for m in answer()), f"the end of {request}")
    return answer()


def cancel(client: Initiator, **fields: str) -> Received:
    """The answer to a mass cancel."""
    more = {int(name.removeprefix("t")): value for name, value in fields.items()}
    name = client.new_id()
    client.send("q", {11: name, 60: utc_now()} | more)
    client.wait(lambda: client.about(name), f"the answer to {name}")
    (report,) = client.about(name)
    assert report.msg_type == "r"
    return report


def test_quickfix_sees_all_its_orders_and_cancels_them(
    exchange: Exchange, connect: Connect
) -> None:
    buyer = connect("BUYER", exchange.port).start()
    seller = connect("SELLER", exchange.port).start()
    made = orders(buyer)
    others = seller.order("buy", "BTC-USD", "1", "80")
    seller.wait_about(others)

    reports = status(buyer, "all", t585="7")
    assert {report[11] for report in reports} == set(made)
    assert {report[911] for report in reports} == {str(len(made))}
    assert [report[912] for report in reports[-2:]] == ["N", "Y"]
    assert {report[150] for report in reports} == {"I"}

    reports = status(buyer, "some", t585="1", t55="ETH-USD", t54="2", t1="HOUSE")
    assert [report[55] for report in reports] == ["ETH-USD"]

    buyer.send("H", {11: made[0], 790: "one", 55: "BTC-USD", 54: "1"})
    buyer.wait(lambda: [m for m in buyer.messages if m.get(790) == "one"], "its status")

    report = cancel(buyer, t530="1", t55="BTC-USD", t54="2")
    assert (report[531], report[533]) == ("1", "2")
    report = cancel(buyer, t530="7")
    assert (report[531], report[533]) == ("7", str(len(made) - 2))
    # Each order was told of before the report that speaks of all.
    position = buyer.messages.index(report)
    ended = [m[11] for m in buyer.messages[:position] if m.get(150) == "4"]
    assert sorted(ended) == sorted(made)

    (nothing,) = status(buyer, "none", t585="7")
    assert (nothing[39], nothing[911]) == ("8", "0")
    (theirs,) = status(seller, "theirs", t585="7")
    assert theirs[11] == others

    refused = cancel(buyer, t530="6")
    assert (refused[531], refused[532]) == ("0", "0")
