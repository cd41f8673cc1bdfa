"""What is wrong with a message by itself. Nothing here changes anything."""

from __future__ import annotations

from fixgw.dictionary import (
    APPL_VER_IDS,
    MessageSupport,
    SessionRejectReason,
    Violation,
)
from fixgw.session.checks import (
    Objection,
    check_identity,
    check_possible_duplicate,
    check_routing,
    check_sending_time,
    number,
)
from fixgw.session.parts import Parts
from fixgw.session.policies import ResetPolicy
from fixgw.session.reasons import DisconnectReason
from fixgw.session.tables import Kind
from fixgw.wire import Message


class Judge:
    """Judges the messages of one session."""

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings
        self._version = parts.version
        self._rulebook = parts.rulebook
        self._switches = parts.switches
        self._numbers = parts.numbers
        self._out = parts.out

    # -- content -----------------------------------------------------------------------

    def content(
        self, kind: Kind, message: Message
    ) -> Violation | MessageSupport | None:
        """What is wrong with a message at its turn."""
        if kind is not Kind.GAP_FILL:
            violation = check_possible_duplicate(message, self._settings)
            if violation is not None:
                return violation
        return check_routing(message, self._settings) or self._by_rulebook(
            message, self._out.appl_ver_id
        )

    def _by_rulebook(
        self, message: Message, appl_ver_id: str
    ) -> Violation | MessageSupport | None:
        if self._rulebook is None or not self._settings.validate_incoming_message:
            return None
        default = appl_ver_id if self._version.is_fixt else ""
        found = self._rulebook.judge(message, self._switches, default)
        if found is not None and not self._settings.reject_invalid_message:
            text = found.text if isinstance(found, Violation) else "Unsupported type"
            self._out.note(f"let pass by RejectInvalidMessage=N: {text}", message.raw)
            return None
        return found

    # -- Logon -------------------------------------------------------------------------

    def logon(self, message: Message, now_ns: int) -> Objection | None:
        """Everything about a Logon that can be wrong, in the order it is judged.

        Nothing is changed before all of it is passed.
        """
        if not self._settings.schedule.is_logon_allowed(now_ns):
            return Objection(
                DisconnectReason.OUTSIDE_SCHEDULE, "Logon is not allowed at this time"
            )
        return (
            check_identity(message, self._settings)
            or self._logon_fields(message)
            or self._logon_content(message)
            or check_sending_time(message, self._settings, now_ns)
        )

    def _logon_fields(self, message: Message) -> Objection | None:
        if number(message.get(34)) is None:
            return Objection(
                DisconnectReason.MSG_SEQ_NUM_MISSING,
                "Received message without MsgSeqNum",
            )
        method = message.get(98)
        if method != b"0":
            seen = (method or b"").decode("latin-1")
            return Objection(
                DisconnectReason.INVALID_LOGON,
                f"EncryptMethod(98)={seen} is not supported, only 0 (none)",
                98,
                SessionRejectReason.DECRYPTION_PROBLEM if method else None,
            )
        text = (
            self._heart_bt_int_problem(message.get(108) or b"")
            or self._reset_problem(message)
            or self._appl_ver_id_problem(message)
        )
        if not text and message.get(43) == b"Y":
            text = "a Logon cannot be a possible duplicate"
        return Objection(DisconnectReason.INVALID_LOGON, text) if text else None

    def _heart_bt_int_problem(self, value: bytes) -> str:
        """What is wrong with HeartBtInt(108); empty if nothing."""
        if value.startswith(b"-"):
            return "HeartBtInt must not be negative"
        seconds = number(value)
        if seconds is None:
            return "HeartBtInt(108) is missing or no number"
        settings = self._settings
        if settings.heart_bt_int_override_s:
            return ""  # ours will be used, whatever the client wants
        if seconds > settings.heart_bt_int_s_max:
            return f"HeartBtInt(108) is above {settings.heart_bt_int_s_max}"
        if seconds < settings.heart_bt_int_s_min:
            return f"HeartBtInt(108) is below {settings.heart_bt_int_s_min}"
        return ""

    def _reset_problem(self, message: Message) -> str:
        """What is wrong with ResetSeqNumFlag(141)."""
        if not self.wants_reset(message):
            return ""
        if self._settings.reset_seq_num_flag is ResetPolicy.REFUSE:
            return (
                "ResetSeqNumFlag(141)=Y is not allowed, "
                f"expecting MsgSeqNum {self._numbers.next_in}"
            )
        if number(message.get(34)) != 1:
            return "ResetSeqNumFlag(141)=Y demands MsgSeqNum(34)=1"
        return ""

    def wants_reset(self, message: Message) -> bool:
        """Whether a Logon asks for numbers to begin at 1."""
        return self._version.has_reset_flag and message.get(141) == b"Y"

    def _appl_ver_id_problem(self, message: Message) -> str:
        """What is wrong with DefaultApplVerID(1137)."""
        if not self._version.is_fixt:
            return ""
        value = (message.get(1137) or b"").decode("latin-1")
        if not value:
            return "DefaultApplVerID(1137) is missing"
        if self._rulebook is not None:
            known = self._rulebook.speaks(value)
        else:
            known = APPL_VER_IDS.get(value) == value
        return "" if known else f"Invalid DefaultApplVerID={value}"

    def _logon_content(self, message: Message) -> Objection | None:
        violation = self._by_rulebook(message, "")
        if not isinstance(violation, Violation):
            return None
        return Objection(DisconnectReason.INVALID_LOGON, violation.text, violation.tag)
