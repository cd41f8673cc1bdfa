"""What the terminal client shows, and its view of its own orders."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixgw.client.display import Display, orders_table
from fixgw.client.message import Message
from fixgw.client.names import NoNames
from fixgw.client.orders import CannotSend, OrderView
from fixgw.client.sentences import sentence
from fixgw.dictionary import load

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 1, 2, 3, 4, 5, 678_900, UTC)
NAMES = load((ROOT / "spec" / "FIX44.xml").read_text("utf-8"), "FIX44")


def message(text: str) -> Message:
    pairs = (part.partition("=") for part in text.strip("|").split("|"))
    return Message(tuple((int(tag), value) for tag, _, value in pairs))


def shown(text: str, *, note: str = "", **options: bool | int) -> str:
    display = Display(NAMES, **options)  # type: ignore[arg-type]
    return display.message(message(text), AT, outgoing=False, note=note)


FILL = "35=8|34=7|11=B-1|150=F|39=2|54=1|55=ACME|38=100|44=10.00|31=10.00|32=100|151=0"


def test_a_report_in_full() -> None:
    assert shown(FILL).splitlines() == [
        "← 03:04:05.678 ExecutionReport #7     FILL buy 100 ACME @ 10.00, 0 left",
        "    ClOrdID(11)=B-1             ExecType(150)=F TRADE       "
        "OrdStatus(39)=2 FILLED",
        "    Side(54)=1 BUY              Symbol(55)=ACME             OrderQty(38)=100",
        "    Price(44)=10.00             LastPx(31)=10.00            LastQty(32)=100",
        "    LeavesQty(151)=0",
    ]


def test_a_replayed_report_is_marked() -> None:
    text = shown(FILL + "|43=Y|122=20260102-03:00:00.000", note="known already")
    assert "[PossDup, first sent 03:00:00.000] [known already]" in text


@pytest.mark.parametrize("width", [30, 60, 88, 200])
def test_lines_stay_within_the_width(width: int) -> None:
    text = shown(FILL + "|58=" + "many words " * 30, width=width, raw=False)
    assert max(map(len, text.splitlines())) <= max(width, 60)


def test_heartbeats_are_hidden_unless_asked_for() -> None:
    assert shown("35=0|34=3") == ""
    assert "TEST-3" in shown("35=0|34=3|112=TEST-3")
    assert "Heartbeat #3" in shown("35=0|34=3", verbose=True)


def test_passwords_are_never_shown() -> None:
    logon = "8=FIX.4.4|35=A|34=1|98=0|108=30|553=BUYER|554=hunter2|925=hunter3|10=000"
    text = shown(logon, verbose=True, raw=True)
    assert "hunter" not in text
    assert "Password(554)=****" in text
    assert "554=****|" in text


def test_values_cannot_steer_the_terminal() -> None:
    text = shown("35=8|34=1\x1b]0;x\x07|58=\x1b[2J\r\n\udcff|150=8", raw=True)
    assert not set(text) & set("\x1b\r\x07\udcff")
    assert r"\x1b[2J\r\n" in text


def test_colours_change_nothing_else() -> None:
    plain, coloured = shown(FILL), shown(FILL, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_without_a_dictionary_numbers_remain() -> None:
    text = Display(NoNames()).message(message(FILL), AT, outgoing=True)
    assert text.startswith("→ 03:04:05.678 35=8 #7")
    assert "150=F" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("35=D|11=B-1|54=2|38=5|55=ACME|40=1", "sell 5 ACME market as B-1"),
        ("35=F|11=B-2|41=B-1", "cancel B-1 as B-2"),
        ("35=8|150=0|54=1|38=5|55=ACME|44=1|151=5", "ACCEPTED buy 5 ACME @ 1, 5 left"),
        ("35=8|150=8|54=1|38=5|55=ACME|103=1", "REJECTED buy 5 ACME: UNKNOWN_SYMBOL"),
        ("35=8|150=4|54=1|38=5|55=ACME|14=2", "CANCELLED buy 5 ACME, 2 filled"),
        ("35=8|55=ACME|151=1", "REPORT ACME, 1 left"),
        ("35=9|41=B-1|434=1|102=1", "CANCEL REJECTED B-1: UNKNOWN_ORDER"),
        ("35=9|41=B-1|434=2|58=no", "REPLACE REJECTED B-1: no"),
        ("35=3|45=7|371=38|58=bad", "REJECTED message #7, OrderQty(38): bad"),
        ("35=2|7=3|16=0", "asks for #3 to the end"),
        ("35=4|123=Y|36=9", "nothing to resend, next is #9"),
        ("35=5|58=bye", "bye"),
    ],
)
def test_sentences(text: str, said: str) -> None:
    assert sentence(message(text), NAMES) == said


ORDER = "35=D|11=B-1|54=1|55=ACME|38=100|40=2|44=10.00"
REPORT = "35=8|11=B-1|54=1|55=ACME|38=100|44=10.00|"


def view_with_an_order() -> OrderView:
    view = OrderView()
    view.sent(message(ORDER), 2)
    view.received(message(REPORT + "150=0|39=0|14=0|151=100"))
    return view


def test_an_order_from_sent_to_filled() -> None:
    view = OrderView()
    view.sent(message(ORDER), 2)
    assert view.newest is not None
    view.received(message(REPORT + "150=A|39=A"))
    assert view.newest.answer == ""
    view.received(message(REPORT + "150=0|39=0|14=0"))
    assert view.newest.answer == "accepted"
    view.received(message(REPORT + "150=F|39=1|14=40"))
    assert view.find("last").traded
    assert view.find("B-1").left == 60
    view.received(message(REPORT + "150=F|39=2|14=100"))
    assert view.live() == []
    assert not view.rejected


def test_a_replaced_order_goes_by_its_new_name() -> None:
    view = view_with_an_order()
    view.sent(message("35=G|11=B-2|41=B-1|38=50"), 3)
    view.received(message("35=8|11=B-2|41=B-1|150=5|39=0|38=50|44=10.05|14=0"))
    assert [o.cl_ord_id for o in view.live()] == ["B-2"]
    view.sent(message("35=F|11=B-3|41=B-2"), 4)
    view.received(message("35=8|11=B-3|41=B-2|150=4|39=4|14=0"))
    assert view.find("B-2").cancelled
    assert view.live() == []


def test_a_refused_second_order_leaves_the_first_alone() -> None:
    view = view_with_an_order()
    view.sent(message(ORDER), 3)
    view.received(message(REPORT + "150=8|39=8|103=6"))
    assert view.rejected
    assert view.find("B-1").live


@pytest.mark.parametrize(
    "refusal", ["35=9|11=B-2|41=B-1|39=0", "35=3|45=3", "35=j|45=3"]
)
def test_refusals_name_the_request(refusal: str) -> None:
    view = view_with_an_order()
    view.sent(message("35=F|11=B-2|41=B-1"), 3)
    view.received(message(refusal))
    assert view.rejected
    assert view.find("B-1").live


def test_an_order_refused_by_the_session_is_dead() -> None:
    view = OrderView()
    view.sent(message(ORDER), 2)
    view.received(message("35=3|45=2"))
    assert view.live() == []


def test_orders_come_back_from_the_file_in_order() -> None:
    view = OrderView()
    for number in (10, 2, 1):
        view.sent(message(ORDER.replace("B-1", f"B-{number}")), number)
    again = OrderView(view.to_save())
    assert [order.cl_ord_id for order in again.live()] == ["B-1", "B-2", "B-10"]
    assert again.find("last").cl_ord_id == "B-1"
    with pytest.raises(CannotSend, match="B-1, B-2, B-10"):
        again.find("B-3")


def test_a_report_of_an_unknown_order_is_kept() -> None:
    view = OrderView()
    view.received(message(REPORT + "150=F|39=1|14=bad"))
    assert "B-1" in orders_table(view.live(), NAMES)
    assert orders_table([], NAMES) == "  no live orders"


EMPTY = "35=8|150=I|39=8|54=7|55=[N/A]|38=0|151=0|584=B-2|911=0|912=Y|58=none are open"


def test_a_mass_status_request_is_answered_by_its_last_report() -> None:
    view = view_with_an_order()
    view.sent(message("35=AF|584=B-2|585=7"), 3)
    assert view.newest is not None
    status = REPORT + "150=I|39=1|14=40|151=60|584=B-2|911=2"
    view.received(message(f"{status}|912=N"))
    assert view.newest.answer == ""
    view.received(message(f"{status}|912=Y"))
    assert view.newest.answer == "accepted"
    assert view.find("B-1").left == 60


def test_any_report_answers_a_mass_status_request_of_4_3() -> None:
    """Which is the last, FIX says from 4.4 on."""
    view = view_with_an_order()
    view.sent(message("35=AF|584=B-2|585=7"), 3)
    assert view.newest is not None
    view.received(message(REPORT + "150=I|39=1|14=40|151=60|584=B-2"))
    assert view.newest.answer == "accepted"


def test_a_mass_status_request_that_finds_nothing() -> None:
    view = OrderView()
    view.sent(message("35=AF|584=B-2|585=7"), 2)
    view.received(message(EMPTY))
    assert view.newest is not None
    assert view.newest.answer == "accepted"
    assert not view.orders
    assert sentence(message(EMPTY), NAMES) == "STATUS: none are open"
