"""SessionRejectReason(373): why the session layer refuses a message.

The texts are the ones public FIX engines put into Text(58), word for word: peers log
them, and acceptance dialogues compare them. Where engines send none, ours is used.
"""

from enum import IntEnum


class SessionRejectReason(IntEnum):
    """The values of SessionRejectReason(373) up to FIXT 1.1, with their texts."""

    INVALID_TAG_NUMBER = 0
    REQUIRED_TAG_MISSING = 1
    TAG_NOT_DEFINED_FOR_MESSAGE = 2
    UNDEFINED_TAG = 3
    TAG_WITHOUT_VALUE = 4
    VALUE_INCORRECT = 5
    INCORRECT_DATA_FORMAT = 6
    DECRYPTION_PROBLEM = 7
    SIGNATURE_PROBLEM = 8
    COMP_ID_PROBLEM = 9
    SENDING_TIME_ACCURACY = 10
    INVALID_MSGTYPE = 11
    XML_VALIDATION_ERROR = 12
    TAG_APPEARS_MORE_THAN_ONCE = 13
    TAG_OUT_OF_ORDER = 14
    GROUP_MEMBERS_OUT_OF_ORDER = 15
    INCORRECT_NUM_IN_GROUP = 16
    DELIMITER_IN_VALUE = 17
    INVALID_APPLICATION_VERSION = 18
    OTHER = 99

    @property
    def text(self) -> str:
        """What Text(58) of the Reject says."""
        return _TEXTS[self]


_TEXTS = {
    SessionRejectReason.INVALID_TAG_NUMBER: "Invalid tag number",
    SessionRejectReason.REQUIRED_TAG_MISSING: "Required tag missing",
    SessionRejectReason.TAG_NOT_DEFINED_FOR_MESSAGE: (
        "Tag not defined for this message type"
    ),
    SessionRejectReason.UNDEFINED_TAG: "Undefined Tag",
    SessionRejectReason.TAG_WITHOUT_VALUE: "Tag specified without a value",
    SessionRejectReason.VALUE_INCORRECT: (
        "Value is incorrect (out of range) for this tag"
    ),
    SessionRejectReason.INCORRECT_DATA_FORMAT: "Incorrect data format for value",
    SessionRejectReason.DECRYPTION_PROBLEM: "Decryption problem",
    SessionRejectReason.SIGNATURE_PROBLEM: "Signature problem",
    SessionRejectReason.COMP_ID_PROBLEM: "CompID problem",
    SessionRejectReason.SENDING_TIME_ACCURACY: "SendingTime accuracy problem",
    SessionRejectReason.INVALID_MSGTYPE: "Invalid MsgType",
    SessionRejectReason.XML_VALIDATION_ERROR: "XML validation error",
    SessionRejectReason.TAG_APPEARS_MORE_THAN_ONCE: "Tag appears more than once",
    SessionRejectReason.TAG_OUT_OF_ORDER: "Tag specified out of required order",
    SessionRejectReason.GROUP_MEMBERS_OUT_OF_ORDER: (
        "Out of order repeating group members"
    ),
    SessionRejectReason.INCORRECT_NUM_IN_GROUP: (
        "Incorrect NumInGroup count for repeating group"
    ),
    SessionRejectReason.DELIMITER_IN_VALUE: "Value includes the field delimiter",
    SessionRejectReason.INVALID_APPLICATION_VERSION: (
        "Invalid or unsupported application version"
    ),
    SessionRejectReason.OTHER: "Other",
}
