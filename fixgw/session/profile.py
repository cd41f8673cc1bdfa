"""Where the standard and the engines of the QuickFIX family differ.

Their public acceptance dialogues demand, in about ten places, another behaviour than
the session test cases of the FIX Trading Community. ``Conformance`` selects a column
for a session; each row is a key of its own as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Conformance(Enum):
    """Whose behaviour a session shows."""

    STANDARD = "standard"
    QUICKFIX = "quickfix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One switch a row; False is the standard's column."""

    refuse_logon_silently: bool = False
    """An invalid Logon (1S.d): close without a byte, instead of Reject and Logout."""
    judge_low_poss_dup: bool = False
    """OrigSendingTime(122) of a duplicate below the expected number is judged too (2.f,
    2.g): Reject, and for a late one a Logout, instead of ignoring it."""
    brief_identity_reject: bool = False
    """Wrong CompID or SendingTime (2.k, 2.o): no RefTagID(371), Logout without Text."""
    fixed_test_req_id: bool = False
    """TestReqID(112) is TEST, instead of a unique one (6)."""
    quiet_while_asking: bool = False
    """No Heartbeat of ours while a TestRequest is open."""
    tolerate_gap_fill_back: bool = False
    """GapFill not forward (10.e): 36 below the expected number: Reject 373=5, 372=4, no
    371; equal: nothing."""
    close_after_logout: bool = False
    """Answer an unasked Logout and close at once, instead of waiting for the client."""
    ignore_admin_numbers: bool = False
    """MsgSeqNum(34) of Logout and ResendRequest is not looked at: a Logout is answered,
    a ResendRequest served, whatever its number."""
    old_reject_codes_only: bool = False
    """SessionRejectReason(373) above 11 is left out in FIX.4.2."""
    appl_ver_id_on_business_reject: bool = False
    """BusinessMessageReject(j) on FIXT carries DefaultApplVerID(1137)."""
    plain_reject_texts: bool = False
    """Text(58) has exactly the words of the public engines, without detail."""
    leave_out_session_status: bool = False
    """On FIXT, Logon and Logout carry no SessionStatus(1409)."""


STANDARD = Profile()
QUICKFIX = Profile(
    refuse_logon_silently=True,
    judge_low_poss_dup=True,
    brief_identity_reject=True,
    fixed_test_req_id=True,
    quiet_while_asking=True,
    tolerate_gap_fill_back=True,
    close_after_logout=True,
    ignore_admin_numbers=True,
    old_reject_codes_only=True,
    appl_ver_id_on_business_reject=True,
    plain_reject_texts=True,
    leave_out_session_status=True,
)

PROFILES = {Conformance.STANDARD: STANDARD, Conformance.QUICKFIX: QUICKFIX}
