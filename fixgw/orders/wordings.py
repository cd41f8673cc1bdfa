"""What reports say of reasons, ready to be written: by reason, and by the version.

A table of codes has 64 places for each version, in the order of
:data:`fixgw.orders.dialect.DIALECTS`, one for each reason; what is not said is empty.
"""

from __future__ import annotations

from fixgw.orders import reasons
from fixgw.orders.dialect import DIALECTS
from fixgw.orders.reasons import REASONS, RESTATED_INSTEAD

REASONS_MAX = 64

TEXTS = [b""] * REASONS_MAX
"""Text(58) by reason."""
ORD_REJ = [b""] * (REASONS_MAX * len(DIALECTS))
"""OrdRejReason(103)."""
CXL_REJ = [b""] * (REASONS_MAX * len(DIALECTS))
"""CxlRejReason(102)."""
ENDED = [b""] * (REASONS_MAX * len(DIALECTS))
"""ExecRestatementReason(378) of orders that the exchange ended by itself."""
RESTATED = [b""] * (REASONS_MAX * len(DIALECTS))
"""ExecRestatementReason(378) of orders that it changed by itself."""

TRIGGERED_TEXT = reasons.TRIGGERED_TEXT.encode("ascii")
MASS_STATUS_TEXTS = (
    b"there are no such open orders",
    b"there are too many such open orders: ask by Symbol(55), Side(54) or Account(1)",
    b"not all parts of the exchange have answered, ask again",
)
"""Text(58) of the answer to a mass status request without a report of an order, by the
``index`` of its event."""


def _fill() -> None:
    for reason, wording in REASONS.items():
        TEXTS[reason] = wording.text.encode("ascii")
        restated = wording.restatement
        if reason in RESTATED_INSTEAD:
            restated = (RESTATED_INSTEAD[reason],)
        for number, dialect in enumerate(DIALECTS.values()):
            place = REASONS_MAX * number + reason
            ORD_REJ[place] = b"%d" % dialect.ord_rej_reason(wording.ord_rej_reasons)
            cxl_rej = dialect.cxl_rej_reason(wording.cxl_rej_reasons)
            if cxl_rej is not None:
                CXL_REJ[place] = b"%d" % cxl_rej
            if wording.restatement:
                ended = dialect.restatement_reason(wording.restatement)
                ENDED[place] = b"%d" % ended
            RESTATED[place] = b"%d" % dialect.restatement_reason(restated)


_fill()
