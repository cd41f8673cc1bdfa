"""What the versions differ in on changes, statuses, changed trades, further terms."""

from __future__ import annotations

from typing import Any

import pytest

from engine.codes import (
    EventKind,
    ExecInst,
    Liquidity,
    OrdStatus,
    OrdType,
    Reason,
    SelfTrade,
)
from fixgw.orders.dialect import DIALECTS
from fixgw.orders.reasons import REASONS
from tests.unit.test_dialects import said
from tests.unit.test_reports import SHARD, UNIT, event, fields

ABSENT = "-"


def seen(version: str, tags: str, kind: EventKind, **changes: Any) -> str:
    """The values of these tags, ``-`` where there is none."""
    body = fields(said(version, event(kind, **changes))[0][1])
    return " ".join(body.get(tag, ABSENT) for tag in tags.split())


def by_version(*values: str) -> dict[str, str]:
    """One value for each version, the last also for all later ones."""
    names = list(DIALECTS)
    return dict(zip(names, [*values, *[values[-1]] * len(names)], strict=False))


@pytest.mark.parametrize(
    ("version", "wanted"),
    by_version("3 - -", "3 0 -", "0 D 4", "- D 8", "- D 8", "- L -").items(),
)
def test_a_triggered_stop(version: str, wanted: str) -> None:
    terms = {"ord_type": OrdType.STOP, "price": 0, "stop_price": UNIT}
    assert seen(version, "20 150 378", EventKind.TRIGGERED, **terms) == wanted
    text = seen(version, "58", EventKind.TRIGGERED, **terms)
    assert text == ("-" if "L" in wanted else "the stop has been triggered")


@pytest.mark.parametrize(
    ("reason", "codes"),
    [
        (Reason.REPEGGED, by_version("-", "-", "3", "3", "3", "11")),
        (Reason.TRAILED, by_version("-", "-", "3", "3", "3", "11")),
        (Reason.PARKED, by_version("-", "-", "3", "3", "3", "11")),
        (Reason.MARKET_TO_LIMIT, by_version("-", "-", "3")),
        (Reason.SELF_TRADE, by_version("-", "-", "5")),
        (
            Reason.ACTIVATED,
            by_version("-", "-", "4", "8", "8", "8", "8", "14"),
        ),
    ],
)
def test_a_restatement(reason: Reason, codes: dict[str, str]) -> None:
    types = by_version("3 -", "3 0", "0 D", "- D")
    for version in DIALECTS:
        found = seen(version, "20 150 378 58", EventKind.RESTATED, reason=reason)
        wanted = f"{types[version]} {codes[version]} {REASONS[reason].text}"
        assert found == wanted, version


@pytest.mark.parametrize(
    ("reason", "codes"),
    [
        (Reason.CANCELLED_BY_EXCHANGE, by_version("-", "-", "-", "8")),
        (Reason.DISCONNECTED, by_version("-", "-", "-", *["8"] * 4, "12")),
        (Reason.LOGGED_OUT, by_version("-", "-", "-", *["8"] * 4, "13")),
        (Reason.DEAD_MAN, by_version("-", "-", "-", "8")),
        (Reason.BLOCKED, by_version("-", "-", "-", "8")),
        (Reason.SELF_TRADE, by_version("-", "-", "-", *["8"] * 4, "17")),
        (Reason.BAND_HIT, by_version("-", "-", "-", *["8"] * 4, "15")),
        (Reason.MASS_CANCEL, by_version("-")),
        (Reason.REQUESTED, by_version("-")),
        (Reason.UNFILLED_REMAINDER, by_version("-")),
        (Reason.FOK_NOT_FILLED, by_version("-")),
    ],
)
def test_a_cancel(reason: Reason, codes: dict[str, str]) -> None:
    for version, code in codes.items():
        found = seen(version, "378", EventKind.CANCELLED, reason=reason)
        assert found == code, version


@pytest.mark.parametrize(
    ("version", "wanted"),
    by_version("0 3 - -", "0 3 0 -", "0 3 0 -", "0 - I -", "0 - I q").items(),
)
def test_a_status(version: str, wanted: str) -> None:
    found = seen(version, "17 20 150 790", EventKind.STATUS, orig_cl_ord_id="q")
    assert found == wanted
    assert seen(version, "41 584 911", EventKind.STATUS, orig_cl_ord_id="q") == "- - -"


@pytest.mark.parametrize(
    ("version", "wanted"),
    by_version("- - -", "- - -", "- - -", "- - -", "m 3 Y").items(),
)
def test_a_status_of_many(version: str, wanted: str) -> None:
    terms = {"orig_cl_ord_id": "m", "count": 3, "index": 3}
    assert seen(version, "584 911 912", EventKind.STATUS, **terms) == wanted
    assert seen(version, "790", EventKind.STATUS, **terms) == "-"


@pytest.mark.parametrize(
    ("version", "wanted"),
    by_version("- 0 5 5", "8 0 5 5", "8 0 5 5", "I - 5 5").items(),
)
def test_a_status_of_nothing(version: str, wanted: str) -> None:
    """OrdStatus(39)=8; its code is OrdRejReason(103)=5, in 4.0 the broker's option."""
    terms = {
        "order_id": 0,
        "ord_status": OrdStatus.REJECTED,
        "reason": Reason.UNKNOWN_ORDER,
    }
    kind, trans, _, code = wanted.split()
    code = "0" if version == "FIX.4.0" else code
    trans = "3" if trans == "0" else trans
    found = seen(version, "150 20 37 103", EventKind.STATUS, **terms)
    assert found == f"{kind} {trans} NONE {code}"


@pytest.mark.parametrize(
    ("version", "cancelled", "corrected"),
    [
        ("FIX.4.0", f"1 - {3 << 48 | 39}", f"2 - {3 << 48 | 39}"),
        ("FIX.4.1", "1 1 3-39", "2 1 3-39"),
        ("FIX.4.2", "1 1 3-39", "2 1 3-39"),
        ("FIX.4.3", "- H 3-39", "- G 3-39"),
        ("FIX.5.0SP2", "- H 3-39", "- G 3-39"),
    ],
)
def test_a_changed_trade(version: str, cancelled: str, corrected: str) -> None:
    terms = {
        "contra_order_id": SHARD | 39,
        "ord_status": OrdStatus.PARTIALLY_FILLED,
        "last_price": UNIT,
        "last_qty": 2 * UNIT,
    }
    tags = "20 150 19"
    assert seen(version, tags, EventKind.TRADE_CANCELLED, **terms) == cancelled
    assert seen(version, tags, EventKind.TRADE_CORRECTED, **terms) == corrected
    assert seen(version, "31 32", EventKind.TRADE_CORRECTED, **terms) == "1 2"


@pytest.mark.parametrize(
    ("version", "wanted"),
    by_version("1.5 - -", "1.5 - -1", "1.5 - -1", "1.5 - -1", "5 1.5 -1").items(),
)
def test_a_pegged_order(version: str, wanted: str) -> None:
    terms = {
        "ord_type": OrdType.PEGGED,
        "exec_inst": ExecInst.PEG_PRIMARY,
        "stop_price": 5 * UNIT,
        "peg_offset": -UNIT,
    }
    assert seen(version, "44 839 211", EventKind.ACCEPTED, **terms) == wanted
    assert seen(version, "18 99", EventKind.ACCEPTED, **terms) == "R -"
    bare = terms | {"price": 0, "stop_price": 0, "peg_offset": 0}
    assert seen(version, "44 839 211", EventKind.ACCEPTED, **bare) == "- - -"


@pytest.mark.parametrize(
    ("version", "wanted"),
    by_version(
        *("1 0.5 4 -", "- - - -", "- - - -", "- - - -"),
        "1 0.5 4 0",
    ).items(),
)
def test_a_fee(version: str, wanted: str) -> None:
    assert seen(version, "136 137 139 891", EventKind.FILLED, fee=UNIT // 2) == wanted
    assert seen(version, "136 137", EventKind.FILLED, fee=0) == "- -"
    assert seen(version, "136 137", EventKind.ACCEPTED, fee=UNIT) == "- -"


@pytest.mark.parametrize(
    ("liquidity", "codes"),
    [
        (Liquidity.ADDED, by_version(*["- -"] * 4, "1 -", "1 N")),
        (Liquidity.REMOVED, by_version(*["- -"] * 4, "2 -", "2 Y")),
        (Liquidity.AUCTION, by_version(*["- -"] * 6, "4 -")),
        (Liquidity.NONE, by_version("- -")),
    ],
)
def test_who_brought_the_trade(liquidity: Liquidity, codes: dict[str, str]) -> None:
    for version, wanted in codes.items():
        found = seen(version, "851 1057", EventKind.FILLED, liquidity=liquidity)
        assert found == wanted, version


@pytest.mark.parametrize(
    ("version", "partly", "hidden"),
    [
        ("FIX.4.0", "- - -", "- - -"),
        ("FIX.4.1", "- - -", "- - -"),
        ("FIX.4.2", "3 2 -", "- 0 -"),
        ("FIX.4.4", "3 2 -", "- 0 -"),
        ("FIX.5.0", "3 - 2", "- - 0"),
        ("FIX.5.0SP2", "3 - 2", "- - 0"),
    ],
)
def test_quantities(version: str, partly: str, hidden: str) -> None:
    tags = "110 111 1138"
    terms = {"display_qty": 2 * UNIT, "min_qty": 3 * UNIT}
    assert seen(version, tags, EventKind.ACCEPTED, **terms) == partly
    found = seen(version, tags, EventKind.ACCEPTED, exec_inst=ExecInst.HIDDEN)
    assert found == hidden
    assert seen(version, "18", EventKind.ACCEPTED, exec_inst=ExecInst.HIDDEN) == "-"
    assert seen(version, tags, EventKind.ACCEPTED) == "- - -"


def test_self_trades() -> None:
    """A client that never said anything of it must not be told of it in versions that
    do not know it."""
    stp = SelfTrade.CANCEL_BOTH
    for version in DIALECTS:
        alone = "3" if version == "FIX.5.0SP2" else "-"
        tags = "2362 2964"
        assert seen(version, tags, EventKind.ACCEPTED, stp=stp) == f"- {alone}"
        found = seen(version, tags, EventKind.ACCEPTED, stp=stp, stp_id="D7")
        assert found == "D7 3"


@pytest.mark.parametrize(
    ("bits", "code"),
    [
        (ExecInst.POST_ONLY, "6"),
        (ExecInst.ALL_OR_NONE, "G"),
        (ExecInst.PEG_PRIMARY, "R"),
        (ExecInst.PEG_PRIMARY | ExecInst.HIDDEN, "R"),
        (ExecInst.PEG_MIDPOINT, "M"),
        (ExecInst.TRAILING, "a"),
        (0, "-"),
    ],
)
def test_exec_inst(bits: int, code: str) -> None:
    for version in DIALECTS:
        assert seen(version, "18", EventKind.ACCEPTED, exec_inst=bits) == code


def test_times_of_an_expiry() -> None:
    terms = {"expire_time": 1_767_323_045_006_000_000}
    for version in DIALECTS:
        wanted = "20260102-03:04:05"
        if version not in ("FIX.4.0", "FIX.4.1"):
            wanted += ".006"
        assert seen(version, "126", EventKind.ACCEPTED, **terms) == wanted
