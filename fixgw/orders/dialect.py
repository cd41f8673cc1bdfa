"""What the versions of FIX differ in on order messages, as one table.

An order is the same whatever version its client speaks; only how its reports are
written differs. A Dialect says how; packed into one number, its form, it goes to
:mod:`fixgw.orders.reports`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar

from fixgw.dictionary import APPL_VER_IDS
from fixgw.session.identity import SessionId

DIGITS = 3
"""Fraction digits of TransactTime(60) unless the session's timestamps have others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one version writes reports: ExecutionReport(8) and its like.

    The defaults are those of FIX.4.4. The switches, in this order, are the bits of a
    form.
    """

    exec_trans_type: bool = False
    """ExecTransType(20) on every report, and no ExecType(150) of its own for a status
    and for trades that are changed (to 4.2)."""
    exec_type: bool = True
    """ExecType(150) and LeavesQty(151) (from 4.1)."""
    status_as_type: bool = False
    """ExecType(150) of a fill is its OrdStatus(39), 1 or 2, instead of F, and
    OrdStatus(39) of a replaced order without fills is 5 on that report (to 4.2)."""
    last_always: bool = False
    """LastPx(31) and LastShares(32), 0 where nothing was filled, on every report (to
    4.1)."""
    orig_cl_ord_id: bool = True
    """OrigClOrdID(41) on reports, and with OrdStatus(39) on cancel rejects (from
    4.1)."""
    exec_id_as_number: bool = False
    """ExecID(17) and ExecRefID(19) are whole numbers (4.0)."""
    cancel_reject_details: bool = True
    """Account(1), TransactTime(60) and CxlRejResponseTo(434) on cancel rejects (from
    4.2)."""
    restatement: bool = True
    """ExecRestatementReason(378) on cancels, and SecondaryExecID(527) (from 4.3)."""
    restated: bool = True
    """ExecType(150)=D with ExecRestatementReason(378) (from 4.2); before, an unasked
    status says what was changed."""
    triggered: bool = False
    """ExecType(150)=L (from 5.0); before, it is a restatement."""
    liquidity: bool = True
    """LastLiquidityInd(851) (from 4.4)."""
    auction_liquidity: bool = False
    """Its value 4 (from 5.0SP1)."""
    aggressor: bool = False
    """AggressorIndicator(1057) (from 5.0)."""
    fees: bool = True
    """The fees of a fill, NoMiscFees(136) (4.0, and from 4.4)."""
    fee_basis: bool = True
    """MiscFeeBasis(891) in it (from 4.4)."""
    peg_offset: bool = True
    """PegOffsetValue(211) (from 4.1)."""
    pegged_price: bool = True
    """PeggedPrice(839), and Price(44) is a pegged order's limit (from 4.4); before,
    Price(44) is the price it has now."""
    quantities: bool = True
    """MinQty(110) and MaxFloor(111) (from 4.2)."""
    display_qty: bool = False
    """DisplayQty(1138) in the place of MaxFloor(111) (from 5.0)."""
    request_ids: bool = True
    """OrdStatusReqID(790), MassStatusReqID(584), TotNumReports(911) and
    LastRptRequested(912) (from 4.4)."""
    self_match: bool = False
    """SelfMatchPreventionInstruction(2964) also without the ID(2362), with which a
    client shows that it knows these fields (5.0SP2)."""
    mass_action_id: bool = False
    """MassActionReportID(1369) on mass cancel reports (from 5.0SP1)."""
    time_has_fraction: bool = True
    """TransactTime(60) may have a fraction of a second (from 4.2)."""
    ord_rej_reasons: frozenset[int] = frozenset({*range(16), 99})
    """Values of OrdRejReason(103)."""
    ord_rej_other: int = 99
    """The one of them that stands for what has none: to 4.3 broker option."""
    cxl_rej_reasons: frozenset[int] = frozenset({*range(7), 99})
    """Values of CxlRejReason(102)."""
    cxl_rej_other: int | None = 99
    """The same for CxlRejReason(102): in 4.2 and 4.3 broker option, before it none."""
    restatement_reasons: frozenset[int] = frozenset({*range(11), 99})
    """Values of ExecRestatementReason(378)."""
    restatement_other: int = 8
    """The same for it: the market's option, in 4.2 the broker's."""
    mass_reject_other: int = 99
    """MassCancelRejectReason(532) of what has no value of its own; in 4.3 0."""

    def ord_rej_reason(self, codes: Iterable[int]) -> int:
        """OrdRejReason(103): the first of the newest version's codes that this has."""
        return _first(codes, self.ord_rej_reasons, self.ord_rej_other)

    def cxl_rej_reason(self, codes: Iterable[int]) -> int | None:
        """CxlRejReason(102) in the same way; None leaves it out."""
        return _first(codes, self.cxl_rej_reasons, self.cxl_rej_other)

    def restatement_reason(self, codes: Iterable[int]) -> int:
        """ExecRestatementReason(378) in the same way."""
        return _first(codes, self.restatement_reasons, self.restatement_other)


Code = TypeVar("Code", int, int | None)


def _first(codes: Iterable[int], known: frozenset[int], other: Code) -> Code | int:
    return next((code for code in codes if code in known), other)


_FIX40 = Dialect(
    exec_trans_type=True,
    exec_type=False,
    status_as_type=True,
    last_always=True,
    orig_cl_ord_id=False,
    exec_id_as_number=True,
    cancel_reject_details=False,
    restatement=False,
    restated=False,
    liquidity=False,
    fee_basis=False,
    peg_offset=False,
    pegged_price=False,
    quantities=False,
    request_ids=False,
    time_has_fraction=False,
    ord_rej_reasons=frozenset(range(5)),
    ord_rej_other=0,
    cxl_rej_reasons=frozenset(range(2)),
    cxl_rej_other=None,
)
_FIX41 = Dialect(
    exec_trans_type=True,
    status_as_type=True,
    last_always=True,
    cancel_reject_details=False,
    restatement=False,
    restated=False,
    liquidity=False,
    fees=False,
    pegged_price=False,
    quantities=False,
    request_ids=False,
    time_has_fraction=False,
    ord_rej_reasons=frozenset(range(7)),
    ord_rej_other=0,
    cxl_rej_reasons=frozenset(range(2)),
    cxl_rej_other=None,
)
_FIX42 = Dialect(
    exec_trans_type=True,
    status_as_type=True,
    restatement=False,
    liquidity=False,
    fees=False,
    pegged_price=False,
    request_ids=False,
    ord_rej_reasons=frozenset(range(9)),
    ord_rej_other=0,
    cxl_rej_reasons=frozenset(range(4)),
    cxl_rej_other=2,
    restatement_reasons=frozenset(range(6)),
    restatement_other=4,
)
_FIX43 = Dialect(
    liquidity=False,
    fees=False,
    pegged_price=False,
    request_ids=False,
    ord_rej_reasons=frozenset(range(13)),
    ord_rej_other=0,
    cxl_rej_reasons=frozenset(range(7)),
    cxl_rej_other=2,
    restatement_reasons=frozenset(range(9)),
    mass_reject_other=0,
)
_FIX44 = Dialect()
_FIX50 = Dialect(
    triggered=True,
    aggressor=True,
    display_qty=True,
    ord_rej_reasons=frozenset({*range(16), 18, 99}),
    cxl_rej_reasons=frozenset({*range(7), 18, 99}),
    restatement_reasons=frozenset({*range(12), 99}),
)
_FIX50SP1 = replace(
    _FIX50,
    auction_liquidity=True,
    mass_action_id=True,
    ord_rej_reasons=_FIX50.ord_rej_reasons | {16},
    cxl_rej_reasons=_FIX50.cxl_rej_reasons | {7, 8},
)
_FIX50SP2 = replace(
    _FIX50SP1,
    self_match=True,
    ord_rej_reasons=_FIX50SP1.ord_rej_reasons | set(range(19, 30)),
    restatement_reasons=frozenset({*range(21), 99}),
)

DIALECTS: Mapping[str, Dialect] = {
    "FIX.4.0": _FIX40,
    "FIX.4.1": _FIX41,
    "FIX.4.2": _FIX42,
    "FIX.4.3": _FIX43,
    "FIX.4.4": _FIX44,
    "FIX.5.0": _FIX50,
    "FIX.5.0SP1": _FIX50SP1,
    "FIX.5.0SP2": _FIX50SP2,
}
"""By version."""

SWITCHES = tuple(field.name for field in fields(Dialect) if field.type == "bool")
BITS = {name: 1 << place for place, name in enumerate(SWITCHES)}
"""Switch -> its bit in a form."""
DIGITS_SHIFT = 32
VERSION_SHIFT = 40
"""Above the switches: the fraction digits of times, and the version's number."""

_NUMBERS = {version: number for number, version in enumerate(DIALECTS)}
_NAMES = tuple(DIALECTS)
_VERSION_OF = {APPL_VER_IDS[version]: version for version in DIALECTS}


def version_of(session_id: SessionId, appl_ver_id: str) -> str:
    """The version of a session's application messages.

    ``appl_ver_id`` is its DefaultApplVerID(1137), of use only where the BeginString(8)
    does not say it. One that is unknown stands for FIX.4.4.
    """
    version = session_id.begin_string
    if version not in DIALECTS:
        version = _VERSION_OF.get(APPL_VER_IDS.get(appl_ver_id, ""), "FIX.4.4")
    return version


def form_of(version: str, digits: int = DIGITS) -> int:
    """The form of reports in this version; ``digits`` is the precision of times."""
    dialect = DIALECTS[version]
    switches = sum(bit for name, bit in BITS.items() if getattr(dialect, name))
    digits = digits if dialect.time_has_fraction else 0
    return switches | digits << DIGITS_SHIFT | _NUMBERS[version] << VERSION_SHIFT


def dialect_of(form: int) -> Dialect:
    """The dialect of the version that a form is of."""
    return DIALECTS[_NAMES[form >> VERSION_SHIFT]]


FORM_OF_44 = form_of("FIX.4.4")
"""Of reports to a session of which nothing else is known."""
