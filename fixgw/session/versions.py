"""What the versions of FIX differ in on the session level, as a table.

A session speaks the version of its BeginString(8); with FIXT.1.1 that is the transport,
and application messages have versions of their own (ApplVerID(1128)).
"""

from __future__ import annotations

from dataclasses import dataclass

ALL_MESSAGES = 999_999
"""EndSeqNo(16) for "everything" up to FIX 4.1, still understood in 4.2; from 4.2 on it
is 0 (FIX 4.2, ResendRequest)."""

FIX50SP2 = "9"
"""ApplVerID(1128) of the only application version that knows all SessionStatus(1409)
and BusinessRejectReason(380) values used here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One BeginString(8). The defaults are those of FIX.4.4."""

    begin_string: str
    has_reset_flag: bool = True
    """ResetSeqNumFlag(141) in the Logon."""
    has_location_fields: bool = True
    """SenderLocationID(142) to DeliverToLocationID(145) in the header."""
    has_fraction: bool = True
    """Timestamps may have a fraction of a second."""
    has_business_reject: bool = True
    """BusinessMessageReject(j); without it a Reject(3) says the same."""
    has_reject_fields: bool = True
    """RefTagID(371), RefMsgType(372) and SessionRejectReason(373) in a Reject(3);
    without them the tag stands behind the Text(58)."""
    reject_codes: frozenset[int] = frozenset({*range(18), 99})
    """Values of SessionRejectReason(373)."""
    open_end: int = 0
    """EndSeqNo(16) of our own requests for everything."""
    open_ends: frozenset[int] = frozenset({0})
    """The same from a client."""
    has_next_expected: bool = True
    """NextExpectedMsgSeqNum(789) in the Logon."""
    has_last_processed: bool = True
    """LastMsgSeqNumProcessed(369) in the header."""
    is_fixt: bool = False
    """Session and application have versions of their own: DefaultApplVerID(1137) and
    SessionStatus(1409) in the Logon."""


_FIX40 = Version(
    begin_string="FIX.4.0",
    has_reset_flag=False,
    has_location_fields=False,
    has_fraction=False,
    has_business_reject=False,
    has_reject_fields=False,
    reject_codes=frozenset(),
    open_end=ALL_MESSAGES,
    open_ends=frozenset({0, ALL_MESSAGES}),
    has_next_expected=False,
    has_last_processed=False,
)
_FIX41 = Version(
    begin_string="FIX.4.1",
    has_fraction=False,
    has_business_reject=False,
    has_reject_fields=False,
    reject_codes=frozenset(),
    open_end=ALL_MESSAGES,
    open_ends=frozenset({0, ALL_MESSAGES}),
    has_next_expected=False,
    has_last_processed=False,
)
_FIX42 = Version(
    begin_string="FIX.4.2",
    reject_codes=frozenset(range(12)),
    open_ends=frozenset({0, ALL_MESSAGES}),
    has_next_expected=False,
)
_FIX43 = Version(
    begin_string="FIX.4.3", reject_codes=frozenset(range(18)), has_next_expected=False
)
_FIX44 = Version(begin_string="FIX.4.4")
_FIXT11 = Version(
    begin_string="FIXT.1.1", reject_codes=frozenset({*range(19), 99}), is_fixt=True
)

VERSIONS = {
    version.begin_string: version
    for version in (_FIX40, _FIX41, _FIX42, _FIX43, _FIX44, _FIXT11)
}
"""By BeginString(8)."""
