"""Mass cancels and mass status requests: what they ask for, and what cannot be."""

from __future__ import annotations

from typing import Any

import pytest

from engine.codes import CommandFlag, CommandKind, Reason, Side
from engine.records import COMMAND_BYTES, MassCommand
from fixgw.orders.dialect import form_of
from fixgw.orders.massrequests import (
    MassRefusal,
    mass_command,
    refused_report,
)
from fixgw.orders.reading import Refusal
from fixgw.wire import Message, finish, parse_message
from tests.unit.test_dialects import dictionary, rulebook
from tests.unit.test_translate import message

CANCEL = {11: "m1", 530: "7", 60: "20260102-03:04:05"}
STATUS = {584: "m1", 585: "7"}
BASES: dict[str, dict[int, Any]] = {"q": CANCEL, "AF": STATUS}
SCOPE = {"q": "t530", "AF": "t585"}
NOW = 1_767_323_045 * 10**9


def asked(msg_type: str, **changes: Any) -> MassCommand | Refusal | MassRefusal:
    fields = BASES[msg_type] | {int(tag[1:]): value for tag, value in changes.items()}
    return mass_command(message(msg_type, fields), 11, 2, 7, 3, 99)


def command(msg_type: str, **changes: Any) -> MassCommand:
    result = asked(msg_type, **changes)
    assert isinstance(result, MassCommand), result
    assert len(result.pack()) == COMMAND_BYTES
    return result


def refusal(msg_type: str, **changes: Any) -> tuple[int | None, int | None, int]:
    result = asked(msg_type, **changes)
    assert isinstance(result, Refusal), result
    assert result.text
    return result.session_reject, result.business_reject, result.tag


def test_all_orders() -> None:
    stamp = {
        "session": 11,
        "session_epoch": 2,
        "msg_seq_num": 7,
        "source": 3,
        "receive_time": 99,
    }
    assert command("q") == MassCommand(
        kind=CommandKind.MASS_CANCEL,
        reason=Reason.MASS_CANCEL,
        request_id="m1",
        **stamp,
    )
    assert command("AF") == MassCommand(
        kind=CommandKind.MASS_STATUS, request_id="m1", **stamp
    )


@pytest.mark.parametrize("msg_type", ["q", "AF"])
def test_what_narrows_it(msg_type: str) -> None:
    one = command(msg_type, **{SCOPE[msg_type]: "1"}, t55="ACME", t54="2", t1="acc")
    assert (one.symbol, one.side, one.account) == ("ACME", Side.SELL, "acc")
    one = command(msg_type, t54="1", t1="")
    assert (one.symbol, one.side, one.account) == ("", Side.BUY, "")


@pytest.mark.parametrize("msg_type", ["q", "AF"])
def test_flags(msg_type: str) -> None:
    both = CommandFlag.POSS_DUP | CommandFlag.POSS_RESEND
    assert command(msg_type, t43="Y", t97="Y").flags == both
    assert command(msg_type, t43="N", t97="N").flags == 0


@pytest.mark.parametrize(
    "scope", ["0", "2", "3", "4", "5", "6", "8", "9", "A", "", "17"]
)
def test_other_scopes(scope: str) -> None:
    """Of a mass cancel its own report says so, of a mass status a Reject(3)."""
    refused = asked("q", t530=scope)
    assert isinstance(refused, MassRefusal)
    assert refused.reason == 0
    assert refusal("AF", t585=scope) == (5, None, 585)


@pytest.mark.parametrize("msg_type", ["q", "AF"])
def test_the_symbol_goes_with_its_scope(msg_type: str) -> None:
    assert refusal(msg_type, **{SCOPE[msg_type]: "1"}) == (None, 5, 55)
    assert refusal(msg_type, **{SCOPE[msg_type]: "1"}, t55="") == (None, 5, 55)
    assert refusal(msg_type, t55="ACME") == (5, None, 55)


@pytest.mark.parametrize("msg_type", ["q", "AF"])
def test_values_that_do_not_fit(msg_type: str) -> None:
    of_one = {SCOPE[msg_type]: "1", "t55": "ACME"}
    name = 11 if msg_type == "q" else 584
    for tag, most in ((name, 36), (1, 24), (55, 24)):
        assert command(msg_type, **of_one | {f"t{tag}": "x" * most})
        for value in ("x" * (most + 1), "\x02", "\xe4", b"\x00"):
            wanted = (5, None, tag)
            assert refusal(msg_type, **of_one | {f"t{tag}": value}) == wanted
    for side in ("5", "", "11", "x"):
        assert refusal(msg_type, t54=side) == (5, None, 54)


@pytest.mark.parametrize(
    "version", ["FIX.4.3", "FIX.4.4", "FIX.5.0", "FIX.5.0SP1", "FIX.5.0SP2"]
)
@pytest.mark.parametrize("reason", [0, None])
def test_a_refusal_is_good_by_the_dictionary(version: str, reason: int | None) -> None:
    request = MassCommand(
        CommandKind.MASS_CANCEL,
        side=Side.BUY,
        request_id="m1",
        account="acc",
        symbol="ACME",
    )
    refused = MassRefusal(reason, "why")
    body = refused_report(request, refused, form_of(version), NOW, "2")
    begin = "FIXT.1.1" if version.startswith("FIX.5") else version
    head = b"35=r\x0134=2\x0149=E\x0152=20240229-12:34:56\x0156=C\x01"
    parsed = parse_message(finish(begin.encode(), head + body))
    assert isinstance(parsed, Message)
    assert rulebook(version).judge(parsed) is None
    other = "0" if version == "FIX.4.3" else "99"
    fields = dict(parsed.fields())
    assert fields[532].decode() == (other if reason is None else "0")
    assert (fields[531], fields[530], fields[11], fields[37]) == (
        *(b"0", b"2", b"m1"),
        b"NONE",
    )
    assert 532 in dictionary(version).fields
    plain = refused_report(
        MassCommand(5, request_id="m1"), refused, form_of(version), 0
    )
    assert b"\x01530=7\x01531=0\x01" in plain
