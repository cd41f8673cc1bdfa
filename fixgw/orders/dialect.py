"""What the versions of FIX differ in on order messages, as one table.

An order is the same whatever version its client speaks; only how its reports are
written differs. A Dialect says how; packed into one number, its form, it goes to
:mod:`fixgw.orders.reports`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from fixgw.dictionary import APPL_VER_IDS
from fixgw.session.identity import SessionId

DIGITS = 3
"""Fraction digits of TransactTime(60) unless the session's timestamps have others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one version writes ExecutionReport(8) and OrderCancelReject(9).

    The defaults are those of FIX.4.4. The switches, in this order, are the bits of a
    form.
    """

    exec_trans_type: bool = False
    """ExecTransType(20)=0 on every report (to 4.2)."""
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
    """ExecID(17) is a whole number (4.0)."""
    cancel_reject_details: bool = True
    """Account(1), TransactTime(60) and CxlRejResponseTo(434) on cancel rejects (from
    4.2)."""
    restatement: bool = True
    """ExecRestatementReason(378)=8 and SecondaryExecID(527) (from 4.3)."""
    liquidity: bool = True
    """LastLiquidityInd(851) (from 4.4)."""
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

    def ord_rej_reason(self, code: int) -> int:
        """OrdRejReason(103) for the code of the newest version."""
        return code if code in self.ord_rej_reasons else self.ord_rej_other

    def cxl_rej_reason(self, code: int) -> int | None:
        """CxlRejReason(102) for the code of the newest version; None leaves it out."""
        return code if code in self.cxl_rej_reasons else self.cxl_rej_other


_FIX40 = Dialect(
    exec_trans_type=True,
    exec_type=False,
    status_as_type=True,
    last_always=True,
    orig_cl_ord_id=False,
    exec_id_as_number=True,
    cancel_reject_details=False,
    restatement=False,
    liquidity=False,
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
    liquidity=False,
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
    ord_rej_reasons=frozenset(range(9)),
    ord_rej_other=0,
    cxl_rej_reasons=frozenset(range(4)),
    cxl_rej_other=2,
)
_FIX43 = Dialect(
    liquidity=False,
    ord_rej_reasons=frozenset(range(13)),
    ord_rej_other=0,
    cxl_rej_reasons=frozenset(range(7)),
    cxl_rej_other=2,
)
_FIX44 = Dialect()
_FIX50 = Dialect(
    ord_rej_reasons=frozenset({*range(16), 18, 99}),
    cxl_rej_reasons=frozenset({*range(7), 18, 99}),
)

DIALECTS: Mapping[str, Dialect] = {
    "FIX.4.0": _FIX40,
    "FIX.4.1": _FIX41,
    "FIX.4.2": _FIX42,
    "FIX.4.3": _FIX43,
    "FIX.4.4": _FIX44,
    "FIX.5.0": _FIX50,
    "FIX.5.0SP1": _FIX50,
    "FIX.5.0SP2": _FIX50,
}
"""By version. In what the exchange sends, those from 5.0 on do not differ."""

SWITCHES = tuple(field.name for field in fields(Dialect) if field.type == "bool")
BITS = {name: 1 << place for place, name in enumerate(SWITCHES)}
"""Switch -> its bit in a form."""
DIGITS_SHIFT = 16
VERSION_SHIFT = 24
"""Above the switches: the fraction digits of times, and the version's number."""

_NUMBERS = {version: number for number, version in enumerate(DIALECTS)}
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


FORM_OF_44 = form_of("FIX.4.4")
"""Of reports to a session of which nothing else is known."""
