"""Two QuickFIX clients trade. Every field of every answer is looked at.

One exchange serves all tests here; each keeps to a symbol of its own.
"""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.live.exchange import Exchange
from tests.live.initiator import Initiator, Received


@dataclass
class Market:
    """The exchange with both clients logged on."""

    buyer: Initiator
    seller: Initiator


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    folder = tmp_path_factory.mktemp("trading")
    with ExitStack() as stack:
        exchange = Exchange(folder / "exchange")
        stack.callback(exchange.clean_up)
        exchange.start()
        clients = []
        for name in ("BUYER", "SELLER"):
            client = Initiator(name, exchange.port, folder)
            stack.callback(client.stop)
            clients.append(client.start())
        yield Market(*clients)
        for client in clients:
            client.check()
            client.stop()
        exchange.stop()
        assert not [
            line for line in exchange.logged() if line["level"] not in ("info", "debug")
        ]


def check_report(report: Received, expected: str) -> None:
    """Exactly these body fields, but for the identifiers and the time."""
    assert report.msg_type == "8", str(report)
    wanted = dict(part.split("=") for part in expected.split())
    body = {str(tag): value for tag, value in report.body.items()}
    assert re.fullmatch(r"[01]-[1-9]\d*", body.pop("17")), str(report)
    assert re.fullmatch(r"[01]-[1-9]\d*", body.pop("37")), str(report)
    if "527" in body:
        assert re.fullmatch(r"[01]-[1-9]\d*", body.pop("527")), str(report)
    check_time(body.pop("60"))
    body.pop("58", None)
    assert body == wanted, str(report)
    assert not report.poss_dup


def check_time(value: str) -> None:
    """UTC to the millisecond, and within seconds of now."""
    assert re.fullmatch(r"\d{8}-\d\d:\d\d:\d\d\.\d{3}", value)
    then = timegm(time.strptime(value[:17], "%Y%m%d-%H:%M:%S"))
    assert abs(time.time() - then) < 30


def test_limit_orders_trade_and_fill_in_parts(market: Market) -> None:
    buyer, seller = market.buyer, market.seller
    bid = buyer.order("buy", "ACME", "100", "10.05", t1="ACC-1")
    [accepted] = buyer.wait_about(bid)
    common = f"1=ACC-1 11={bid} 38=100 40=2 44=10.05 54=1 55=ACME 59=0"
    check_report(accepted, f"{common} 6=0 14=0 39=0 150=0 151=100")

    ask = seller.order("sell", "ACME", "40", "10.00", t59="1")
    accepted_ask, filled_ask = seller.wait_about(ask, 2)
    common_ask = f"11={ask} 38=40 40=2 44=10 54=2 55=ACME 59=1"
    check_report(accepted_ask, f"{common_ask} 6=0 14=0 39=0 150=0 151=40")
    check_report(
        filled_ask,
        f"{common_ask} 6=10.05 14=40 31=10.05 32=40 39=2 150=F 151=0 851=2",
    )
    _, part = buyer.wait_about(bid, 2)
    check_report(part, f"{common} 6=10.05 14=40 31=10.05 32=40 39=1 150=F 151=60 851=1")
    assert part[37] == accepted[37]
    assert part[527] == filled_ask[527]
    assert filled_ask[37] == accepted_ask[37] != part[37]

    # The rest of the bid goes at its own, better price.
    ask = seller.order("sell", "ACME", "75", "9.99")
    [_, filled_ask] = seller.wait_about(ask, 2)
    common_ask = f"11={ask} 38=75 40=2 44=9.99 54=2 55=ACME 59=0"
    check_report(
        filled_ask,
        f"{common_ask} 6=10.05 14=60 31=10.05 32=60 39=1 150=F 151=15 851=2",
    )
    full = buyer.wait_about(bid, 3)[-1]
    check_report(full, f"{common} 6=10.05 14=100 31=10.05 32=60 39=2 150=F 151=0 851=1")
    seller.cancel(ask, "sell", "ACME")
    seller.wait(
        lambda: any(m.get(41) == ask and m.get(150) == "4" for m in seller.messages),
        "the cancel of the rest",
    )


def test_the_average_price_is_that_of_all_fills(market: Market) -> None:
    buyer, seller = market.buyer, market.seller
    for qty, price in (("1", "27.00"), ("2", "27.01")):
        seller.wait_about(seller.order("sell", "INITECH", qty, price))
    bid = buyer.order("buy", "INITECH", "3", "27.05")
    _, first, second = buyer.wait_about(bid, 3)
    assert (first[6], first[14], first[151], first[39]) == ("27", "1", "2", "1")
    # (27.00 + 2 x 27.01) / 3 = 27.00666666...
    assert (second[6], second[14], second[151]) == ("27.00666667", "3", "0")
    assert (second[31], second[32], second[39]) == ("27.01", "2", "2")
    assert first[527] != second[527]
    assert first[17] != second[17]


def test_a_market_order_takes_what_is_there(market: Market) -> None:
    buyer, seller = market.buyer, market.seller
    ask = seller.order("sell", "UMBRA", "30", "112.50")
    seller.wait_about(ask)
    bid = buyer.order("buy", "UMBRA", "50")
    accepted, filled, cancelled = buyer.wait_about(bid, 3)
    common = f"11={bid} 38=50 40=1 54=1 55=UMBRA 59=0"
    check_report(accepted, f"{common} 6=0 14=0 39=0 150=0 151=50")
    check_report(
        filled, f"{common} 6=112.5 14=30 31=112.5 32=30 39=1 150=F 151=20 851=2"
    )
    check_report(cancelled, f"{common} 6=112.5 14=30 39=4 150=4 151=0")
    assert cancelled[58]
    assert seller.wait_about(ask, 2)[-1][39] == "2"


def test_a_market_order_in_an_empty_book_is_cancelled(market: Market) -> None:
    bid = market.buyer.order("buy", "STARK", "50")
    accepted, cancelled = market.buyer.wait_about(bid, 2)
    common = f"11={bid} 38=50 40=1 54=1 55=STARK 59=0 6=0 14=0"
    check_report(accepted, f"{common} 39=0 150=0 151=50")
    check_report(cancelled, f"{common} 39=4 150=4 151=0")


def test_what_an_ioc_order_does_not_get_is_cancelled(market: Market) -> None:
    buyer, seller = market.buyer, market.seller
    seller.wait_about(seller.order("sell", "WAYNE", "10", "88.00"))
    beyond = seller.order("sell", "WAYNE", "10", "88.20")
    seller.wait_about(beyond)
    bid = buyer.order("buy", "WAYNE", "25", "88.10", t59="3")
    _, filled, cancelled = buyer.wait_about(bid, 3)
    common = f"11={bid} 38=25 40=2 44=88.1 54=1 55=WAYNE 59=3"
    check_report(filled, f"{common} 6=88 14=10 31=88 32=10 39=1 150=F 151=15 851=2")
    check_report(cancelled, f"{common} 6=88 14=10 39=4 150=4 151=0")
    assert len(seller.about(beyond)) == 1


def test_cancel(market: Market) -> None:
    buyer = market.buyer
    bid = buyer.order("buy", "HOOLI", "20", "160.00")
    [accepted] = buyer.wait_about(bid)
    cancel = buyer.cancel(bid, "buy", "HOOLI")
    [cancelled] = buyer.wait_about(cancel)
    check_report(
        cancelled,
        f"11={cancel} 41={bid} 38=20 40=2 44=160 54=1 55=HOOLI 59=0 "
        "6=0 14=0 39=4 150=4 151=0",
    )
    assert cancelled[37] == accepted[37]
    assert cancelled[17] != accepted[17]


def test_a_replace_that_lowers_the_quantity_keeps_its_place(market: Market) -> None:
    buyer, seller = market.buyer, market.seller
    first = buyer.order("buy", "GLOBEX", "20", "54.00")
    [accepted] = buyer.wait_about(first)
    second = buyer.order("buy", "GLOBEX", "20", "54.00")
    buyer.wait_about(second)
    replace = buyer.replace(first, "buy", "GLOBEX", "15", "54.00")
    [replaced] = buyer.wait_about(replace)
    check_report(
        replaced,
        f"11={replace} 41={first} 38=15 40=2 44=54 54=1 55=GLOBEX 59=0 "
        "6=0 14=0 39=0 150=5 151=15",
    )
    assert replaced[37] == accepted[37]
    seller.wait_about(seller.order("sell", "GLOBEX", "15", "54.00"), 2)
    assert buyer.wait_about(replace, 2)[-1][39] == "2"
    assert len(buyer.about(second)) == 1
    cancel = buyer.cancel(second, "buy", "GLOBEX")
    assert buyer.wait_about(cancel)[0][150] == "4"


def test_a_replace_of_the_price_loses_its_place(market: Market) -> None:
    buyer, seller = market.buyer, market.seller
    first = buyer.order("buy", "VANDEL", "20", "19.00")
    buyer.wait_about(first)
    second = buyer.order("buy", "VANDEL", "20", "19.01")
    buyer.wait_about(second)
    replace = buyer.replace(first, "buy", "VANDEL", "20", "19.01")
    [replaced] = buyer.wait_about(replace)
    assert (replaced[150], replaced[44], replaced[151]) == ("5", "19.01", "20")
    ask = seller.order("sell", "VANDEL", "25", "19.01")
    seller.wait_about(ask, 3)
    assert buyer.wait_about(second, 2)[-1][39] == "2"
    last = buyer.wait_about(replace, 2)[-1]
    assert (last[39], last[32], last[151]) == ("1", "5", "15")


def test_eight_decimal_places_are_exact(market: Market) -> None:
    buyer, seller = market.buyer, market.seller
    ask = seller.order("sell", "BTC-USD", "0.00000003", "64250.01")
    seller.wait_about(ask)
    bid = buyer.order("buy", "BTC-USD", "0.00000001", "64250.01")
    _, filled = buyer.wait_about(bid, 2)
    assert (filled[32], filled[14], filled[38]) == ("0.00000001",) * 3
    assert (filled[31], filled[6], filled[44]) == ("64250.01",) * 3
    bid = buyer.order("buy", "BTC-USD", "700.99999999", "64250.01", t59="3")
    _, filled, cancelled = buyer.wait_about(bid, 3)
    assert (filled[32], filled[151]) == ("0.00000002", "700.99999997")
    assert (cancelled[14], cancelled[38]) == ("0.00000002", "700.99999999")


# -- refusals --------------------------------------------------------------------------


def check_rejected(client: Initiator, cl_ord_id: str, code: str) -> Received:
    [report] = client.wait_about(cl_ord_id)
    assert report.msg_type == "8", str(report)
    got = {tag: report[tag] for tag in (150, 39, 103, 151, 14, 6)}
    assert got == {150: "8", 39: "8", 103: code, 151: "0", 14: "0", 6: "0"}
    assert re.fullmatch(r"[01]-[1-9]\d*", report[17])
    assert report[37]
    assert report[58]
    check_time(report[60])
    return report


def test_unknown_symbol(market: Market) -> None:
    bid = market.buyer.order("buy", "NOPE", "1", "1")
    assert check_rejected(market.buyer, bid, "1")[55] == "NOPE"


def test_price_off_the_tick(market: Market) -> None:
    bid = market.buyer.order("buy", "ACME", "1", "10.001")
    assert "tick" in check_rejected(market.buyer, bid, "99")[58]


def test_quantity_off_the_lot(market: Market) -> None:
    bid = market.buyer.order("buy", "SOYL", "150", "42")
    assert "lot" in check_rejected(market.buyer, bid, "13")[58]


def test_zero_quantity(market: Market) -> None:
    bid = market.buyer.order("buy", "SOYL", "0", "42")
    check_rejected(market.buyer, bid, "13")


def test_duplicate_cl_ord_id(market: Market) -> None:
    buyer = market.buyer
    bid = buyer.order("buy", "TYRELL", "1", "300")
    buyer.wait_about(bid)
    buyer.order("buy", "TYRELL", "2", "301", t11=bid)
    second = buyer.wait_about(bid, 2)[-1]
    assert (second[150], second[39], second[103]) == ("8", "8", "6")
    # The first order is untouched.
    cancel = buyer.cancel(bid, "buy", "TYRELL")
    [cancelled] = buyer.wait_about(cancel)
    assert (cancelled[150], cancelled[38]) == ("4", "1")


def test_orders_of_other_types_are_not_supported(market: Market) -> None:
    bid = market.buyer.order("buy", "ACME", "1", "10", t40="J")
    check_rejected(market.buyer, bid, "11")


def check_cancel_rejected(
    client: Initiator, cl_ord_id: str, original: str, code: str, response_to: str
) -> Received:
    [answer] = client.wait_about(cl_ord_id)
    assert answer.msg_type == "9", str(answer)
    got = {tag: answer.get(tag) for tag in (41, 102, 434)}
    assert got == {41: original, 102: code, 434: response_to}, str(answer)
    assert answer[58]
    check_time(answer[60])
    return answer


def test_cancel_and_replace_of_an_unknown_order(market: Market) -> None:
    buyer = market.buyer
    cancel = buyer.cancel("NEVER", "buy", "ACME")
    answer = check_cancel_rejected(buyer, cancel, "NEVER", "1", "1")
    assert (answer[37], answer[39]) == ("NONE", "8")
    replace = buyer.replace("NEVER", "buy", "ACME", "1", "10")
    answer = check_cancel_rejected(buyer, replace, "NEVER", "1", "2")
    assert (answer[37], answer[39]) == ("NONE", "8")


def test_cancel_and_replace_that_come_too_late(market: Market) -> None:
    buyer, seller = market.buyer, market.seller
    bid = buyer.order("buy", "CYBER", "5", "76")
    [accepted] = buyer.wait_about(bid)
    seller.wait_about(seller.order("sell", "CYBER", "5", "76"), 2)
    buyer.wait_about(bid, 2)
    cancel = buyer.cancel(bid, "buy", "CYBER")
    answer = check_cancel_rejected(buyer, cancel, bid, "0", "1")
    assert (answer[37], answer[39]) == (accepted[37], "2")
    replace = buyer.replace(bid, "buy", "CYBER", "9", "76")
    answer = check_cancel_rejected(buyer, replace, bid, "0", "2")
    assert (answer[37], answer[39]) == (accepted[37], "2")


def test_an_order_of_somebody_else_is_unknown(market: Market) -> None:
    buyer, seller = market.buyer, market.seller
    bid = buyer.order("buy", "NAKAT", "100", "4800")
    buyer.wait_about(bid)
    cancel = seller.cancel(bid, "buy", "NAKAT")
    answer = check_cancel_rejected(seller, cancel, bid, "1", "1")
    assert answer[37] == "NONE"
    assert buyer.wait_about(buyer.cancel(bid, "buy", "NAKAT"))[0][150] == "4"


def check_business_reject(
    client: Initiator, cl_ord_id: str, ref_type: str, code: str
) -> None:
    [answer] = client.wait_about(cl_ord_id)
    assert answer.msg_type == "j", str(answer)
    assert (answer[372], answer[380]) == (ref_type, code), str(answer)
    assert answer.get(379) == cl_ord_id
    assert int(answer[45]) > 1
    assert answer[58]


def test_a_limit_order_needs_a_price(market: Market) -> None:
    bid = market.buyer.order("buy", "ACME", "1", "10", t44=None)
    check_business_reject(market.buyer, bid, "D", "5")


def test_unsupported_message_type(market: Market) -> None:
    buyer = market.buyer
    query = buyer.new_id()
    buyer.send("E", {11: query, 66: "1", 394: "3", 68: "1"})
    check_business_reject(buyer, query, "E", "3")


def session_rejects(client: Initiator) -> list[Received]:
    return [message for message in client.admin if message.msg_type == "3"]


def check_session_reject(
    client: Initiator, before: int, tag: str, code: str
) -> Received:
    client.wait(lambda: len(session_rejects(client)) > before, "a Reject(3)")
    reject = session_rejects(client)[-1]
    assert len(session_rejects(client)) == before + 1
    got = (reject.get(371), reject[372], reject[373])
    assert got == (tag, "D", code), str(reject)
    return reject


def test_more_than_eight_decimal_places(market: Market) -> None:
    buyer = market.buyer
    before = len(session_rejects(buyer))
    bid = buyer.order("buy", "BTC-USD", "0.000000001", "64000")
    check_session_reject(buyer, before, "38", "5")
    assert not buyer.about(bid)


def test_a_field_that_changes_the_meaning_is_not_ignored(market: Market) -> None:
    """MaxShow(210) is not supported: the order must not be taken without it."""
    buyer = market.buyer
    before = len(session_rejects(buyer))
    bid = buyer.order("buy", "ACME", "10", "1", t210="5")
    check_session_reject(buyer, before, "210", "2")
    assert not buyer.about(bid)


def test_an_order_after_refusals_trades(market: Market) -> None:
    """Refused messages count: the session goes on with the next number."""
    buyer, seller = market.buyer, market.seller
    before = len(session_rejects(buyer))
    buyer.order("buy", "PIEDP", "0.000000001", "6.4")
    check_session_reject(buyer, before, "38", "5")
    buyer.wait_about(buyer.order("buy", "PIEDP", "10", "6.4", t44=None))
    bid = buyer.order("buy", "PIEDP", "10", "6.405")
    buyer.wait_about(bid)
    seller.wait_about(seller.order("sell", "PIEDP", "10", "6.405"), 2)
    assert buyer.wait_about(bid, 2)[-1][39] == "2"
    assert buyer.logons == seller.logons == 1
