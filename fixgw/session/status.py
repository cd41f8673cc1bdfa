"""SessionStatus(1409): how FIXT 1.1 says in a Logon or Logout where a session is."""

from __future__ import annotations

from enum import IntEnum

from fixgw.session.reasons import DisconnectReason


class SessionStatus(IntEnum):
    """The values used here, those of FIX 5.0 SP2."""

    ACTIVE = 0
    LOGOUT_COMPLETE = 4
    BAD_USER_NAME_OR_PASSWORD = 5
    LOGONS_NOT_ALLOWED_NOW = 7
    MSG_SEQ_NUM_TOO_LOW = 9
    NEXT_EXPECTED_TOO_HIGH = 10

    @property
    def is_of_sp2(self) -> bool:
        """Whether versions before 5.0 SP2 do not know it."""
        return self >= SessionStatus.MSG_SEQ_NUM_TOO_LOW


STATUS_OF = {
    DisconnectReason.AUTHENTICATION_FAILED: SessionStatus.BAD_USER_NAME_OR_PASSWORD,
    DisconnectReason.OUTSIDE_SCHEDULE: SessionStatus.LOGONS_NOT_ALLOWED_NOW,
    DisconnectReason.SESSION_DISABLED: SessionStatus.LOGONS_NOT_ALLOWED_NOW,
    DisconnectReason.SCHEDULE_END: SessionStatus.LOGONS_NOT_ALLOWED_NOW,
    DisconnectReason.MSG_SEQ_NUM_TOO_LOW: SessionStatus.MSG_SEQ_NUM_TOO_LOW,
    DisconnectReason.NEXT_EXPECTED_TOO_HIGH: SessionStatus.NEXT_EXPECTED_TOO_HIGH,
}
"""What a Logout for this reason carries; for others it carries none."""
