"""The order language: what is understood, what is refused and where it points."""

import re

import pytest

from fixgw.client import commands as language
from fixgw.client.bodies import (
    cancel_body,
    everything_body,
    order_body,
    replace_body,
    status_body,
)
from fixgw.client.commands import LanguageError, NewOrder, parse, parse_script
from fixgw.client.orders import Order

NOW = "20260102-03:04:05.678"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("buy 100 ACME @ 10.00", NewOrder("1", "100", "ACME", "10.00")),
        ("SELL 5 ACME@.5", NewOrder("2", "5", "ACME", ".5")),
        ("buy 1 ACME market", NewOrder("1", "1", "ACME", None, ord_type="1")),
        ("buy 1 ACME mtl", NewOrder("1", "1", "ACME", None, ord_type="K")),
        (
            "sell 1 ACME @ 2 stop=1.9 show=3",
            NewOrder(
                *("2", "1", "ACME", "2"),
                ord_type="4",
                others=((99, "1.9"), (111, "3")),
            ),
        ),
        (
            "sell 1 ACME market trail=.5",
            NewOrder(
                *("2", "1", "ACME", None), ord_type="3", others=((18, "a"), (211, ".5"))
            ),
        ),
        (
            "buy 1 ACME peg @ 9 offset=-1",
            NewOrder(
                *("1", "1", "ACME", "9"), ord_type="P", others=((18, "R"), (211, "-1"))
            ),
        ),
        (
            "buy 1 ACME mid hidden stp=old group=G",
            NewOrder(
                *("1", "1", "ACME", None),
                ord_type="P",
                others=((18, "M"), (111, "0"), (2362, "G"), (2964, "2")),
            ),
        ),
        (
            "buy 1 ACME @ 2 post aon until=20260101-00:00:00 min=1",
            NewOrder(
                *("1", "1", "ACME", "2", "6"),
                others=((18, "6 G"), (110, "1"), (126, "20260101-00:00:00")),
            ),
        ),
        ("buy 1 ACME @ 2 gfa", NewOrder("1", "1", "ACME", "2", "B")),
        (
            "replace last 50 stop=3 show=2",
            language.Replace("last", "50", "", ((99, "3"), (111, "2"))),
        ),
        ("status", language.Everything(cancel=False)),
        ("status last", language.Status("last")),
        ("masscancel", language.Everything(cancel=True)),
        ("masscancel sell ACME", language.Everything(True, "ACME", "2")),
        (
            "buy 1 ACME @ 2 ioc id=a@b account=me",
            NewOrder("1", "1", "ACME", "2", "3", "a@b", "me"),
        ),
        ("buy 1 ACME @ 2 gtc", NewOrder("1", "1", "ACME", "2", "1")),
        ("buy 1 ACME @ 2 day", NewOrder("1", "1", "ACME", "2", "0")),
        ("cancel BUYER-1", language.Cancel("BUYER-1")),
        ("replace last 50 @ 10.05", language.Replace("last", "50", "10.05")),
        ("wait", language.Wait()),
        ("wait 3", language.Wait("answer", 3.0)),
        ("wait fill .5", language.Wait("fill", 0.5)),
        ("wait canceled", language.Wait("cancelled")),
        ("sleep 2", language.Sleep(2.0)),
        ("resend 3", language.Resend(3, 0)),
        ("resend 3 7", language.Resend(3, 7)),
        ("raw 35=D|58=a = b|", language.Raw(((35, "D"), (58, "a = b")))),
        ("  orders ", language.Word("orders")),
        ("", None),
        ("# a comment", None),
    ],
)
def test_understood(line: str, command: language.Command | None) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    ("line", "word", "problem"),
    [
        ("byu 1 ACME @ 2", "byu", "did you mean 'buy'"),
        ("frobnicate", "frobnicate", "'help' lists"),
        ("buy ten ACME @ 2", "ten", "a quantity"),
        ("buy 0 ACME @ 2", "0", "above zero"),
        ("buy -1 ACME @ 2", "-1", "above zero"),
        ("buy 1 @ 2", "@", "a symbol"),
        ("buy 1 ACME at 2", "at", "'@ PRICE'"),
        ("buy 1 ACME @ 1,5", "1,5", "a price"),
        ("buy 1 ACME @ 2 gtd", "gtd", "gtc, ioc, day"),
        ("buy 1 ACME @ 2 stop=x", "stop=x", "a number behind stop="),
        ("buy 1 ACME @ 2 stp=x", "stp=x", "one of new, old, both, less"),
        ("buy 1 ACME @ 2 aon post aon", "aon", "already said"),
        ("buy 1 ACME @ 2 trail=1 offset=1", "offset=1", "already said"),
        ("masscancel A B", "B", "already said"),
        ("replace A 1 min=2", "min=2", "stop=, show= or offset="),
        ("buy 1 ACME @ 2 id=", "id=", "id=ID"),
        ("buy 1 ACME @ 2 gtc ioc", "ioc", "already said"),
        ("replace A 1 2", "2", "'@ PRICE'"),
        ("wait fill soon", "soon", "seconds"),
        ("resend -1", "-1", "whole number"),
        ("resend ²", "²", "whole number"),
        ("orders now", "now", "nothing more"),
        ("raw 11=x", "11=x", "35="),
        ("raw 35=D|x", "x", "TAG=VALUE"),
        ("raw 35=D|34=7", "34=7", "adds tag 34"),
    ],
)
def test_refused_at_the_word(line: str, word: str, problem: str) -> None:
    with pytest.raises(LanguageError, match=re.escape(problem)) as refused:
        parse(line)
    error = refused.value
    assert line[error.position :].startswith(word)
    assert parse(error.example) is not None
    assert error.explained().splitlines()[1].index("^") == error.position + 2


@pytest.mark.parametrize("line", ["buy", "buy 1 ACME", "buy 1 ACME @", "cancel", "raw"])
def test_what_is_missing_is_pointed_at_behind_the_end(line: str) -> None:
    with pytest.raises(LanguageError, match="expected") as refused:
        parse(line)
    assert refused.value.position >= len(line)


def test_every_rule_has_an_example_that_is_understood() -> None:
    for name, rule in language.RULES.items():
        assert rule.example.startswith(name)
        assert parse(rule.example) is not None
    assert max(map(len, language.help_text().splitlines())) < 80


def test_a_script_is_cut_at_semicolons_and_lines() -> None:
    script = parse_script("test; cancel a\n# no\n\n;quit")
    assert script == [language.Word("test"), language.Cancel("a"), language.QUIT]


def test_bodies() -> None:
    new = parse("buy 100 ACME @ 10.00 gtc account=me")
    assert isinstance(new, NewOrder)
    assert order_body(new, "B-1", NOW).fields == (
        *((35, "D"), (1, "me"), (11, "B-1"), (38, "100"), (40, "2"), (44, "10.00")),
        *((54, "1"), (55, "ACME"), (59, "1"), (60, NOW)),
    )
    order = Order("B-1", "1", "ACME", "100", "10.00", "me", "1")
    assert cancel_body(order, "B-2", NOW).fields == (
        *((35, "F"), (1, "me"), (11, "B-2"), (38, "100"), (41, "B-1"), (54, "1")),
        *((55, "ACME"), (60, NOW)),
    )
    change = language.Replace("B-1", "50", "10.05")
    assert replace_body(order, change, "B-2", NOW).fields == (
        *((35, "G"), (1, "me"), (11, "B-2"), (38, "50"), (40, "2"), (41, "B-1")),
        *((44, "10.05"), (54, "1"), (55, "ACME"), (59, "1"), (60, NOW)),
    )


def test_a_market_order_has_no_price() -> None:
    new = parse("sell 5 ACME market")
    assert isinstance(new, NewOrder)
    body = order_body(new, "B-1", NOW)
    assert body.get(40) == "1"
    assert body.get(44) == body.get(59) == ""


def test_bodies_of_requests_about_many() -> None:
    all_of_them = language.Everything(True, "ACME", "2")
    assert everything_body(all_of_them, "B-3", NOW).fields == (
        *((35, "q"), (11, "B-3"), (530, "1"), (54, "2"), (55, "ACME"), (60, NOW)),
    )
    told = language.Everything(False)
    assert everything_body(told, "B-4", NOW).fields == (
        *((35, "AF"), (584, "B-4"), (585, "7")),
    )
    order = Order("B-1", "1", "ACME", "100", account="me")
    assert status_body(order).fields == (
        *((35, "H"), (1, "me"), (11, "B-1"), (54, "1"), (55, "ACME")),
    )


def test_a_replace_keeps_the_type() -> None:
    order = Order("B-1", "1", "ACME", "100", ord_type="4", stop="9")
    change = parse("replace B-1 50 @ 10 stop=9.5")
    assert isinstance(change, language.Replace)
    body = replace_body(order, change, "B-2", NOW)
    assert (body.get(40), body.get(44), body.get(99)) == ("4", "10", "9.5")
