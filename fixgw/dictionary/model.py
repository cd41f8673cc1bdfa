"""What a compiled dictionary is: fields, layouts, groups, message types.

Everything is looked up, nothing is computed, when a message is judged. The loader turns
each field into a ready-made check of its value, and each message into tables from tag
to check; validation then costs one table look-up and one C-level call per good field.

Formats are those of FIX 4.4 volume 1, "FIX data types", with these decisions:

* Text is printable ASCII. Other alphabets have their own fields (EncodedText(355) and
  MessageEncoding(347)); control characters in an identifier only ever hurt.
* Integers have at most 18 significant digits, so that they fit 64 bits, and any
  number of leading zeros. A plus sign is not FIX, an exponent neither.
* UTCTimestamp has 0, 3, 6, 9 or 12 digits of fraction, a day that exists, and may
  carry the leap second 60.
* Currency is 3 to 8 letters and digits, not only ISO 4217: assets without an ISO code
  are traded too.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

# True in a boolean context if the value is good. A plain callable, not a method of
# ours: most are bound methods of compiled patterns and frozensets.
Check = Callable[[bytes], object]

# MsgType(35): which ones there are, the messages say, not the values of the field.
MSG_TYPE = 35

# First tag of the range that FIX leaves to user-defined fields.
USER_DEFINED_MIN = 5000

_PRINTABLE = rb"[ -~]+"
_TOKEN = rb"[!-~]+"
_INTEGER = rb"-?0*[0-9]{1,18}"
_NATURAL = rb"0*[0-9]{1,18}"
_DECIMAL = rb"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_DATE = (
    rb"(?!0000)(?:"
    rb"[0-9]{4}(?:"
    rb"(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])"
    rb"|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)"
    rb"|02(?:0[1-9]|1[0-9]|2[0-8]))"
    # 29 February: years divisible by four, centuries only by four hundred.
    rb"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])"
    rb"|(?:[02468][048]|[13579][26])00)0229)"
)
_MINUTE = rb"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_SECOND = rb":(?:[0-5][0-9]|60)"
_FRACTION = rb"(?:\.(?:[0-9]{3}){1,4})?"
_TIME = _MINUTE + _SECOND + _FRACTION
_ZONE = rb"(?:Z|[+-](?:0[0-9]|1[0-4])(?::[0-5][0-9])?)?"
_TIME_TZ = _MINUTE + rb"(?:" + _SECOND + _FRACTION + rb")?" + _ZONE
_DAY_OF_MONTH = rb"0?[1-9]|[12][0-9]|3[01]"
_MONTH_YEAR = rb"(?!0000)[0-9]{4}(?:0[1-9]|1[0-2])(?:w[1-5])?|" + _DATE

# Type name of the XML -> pattern its values match as a whole. DATA is anything at all.
FORMATS: Mapping[str, bytes] = {
    "STRING": _PRINTABLE,
    "CHAR": rb"[ -~]",
    "BOOLEAN": rb"[YN]",
    "INT": _INTEGER,
    "LENGTH": _NATURAL,
    "SEQNUM": _NATURAL,
    "NUMINGROUP": _NATURAL,
    "TAGNUM": rb"[1-9][0-9]{0,8}",
    "DAYOFMONTH": _DAY_OF_MONTH,
    "FLOAT": _DECIMAL,
    "QTY": _DECIMAL,
    "PRICE": _DECIMAL,
    "PRICEOFFSET": _DECIMAL,
    "AMT": _DECIMAL,
    "PERCENTAGE": _DECIMAL,
    "CURRENCY": rb"[A-Za-z0-9]{3,8}",
    "COUNTRY": rb"[A-Z]{2}",
    "EXCHANGE": _TOKEN,
    "LANGUAGE": rb"[A-Za-z]{2}",
    "MULTIPLEVALUESTRING": _TOKEN + rb"(?: " + _TOKEN + rb")*",
    "MULTIPLESTRINGVALUE": _TOKEN + rb"(?: " + _TOKEN + rb")*",
    "MULTIPLECHARVALUE": rb"[!-~](?: [!-~])*",
    "MONTHYEAR": _MONTH_YEAR,
    "UTCTIMESTAMP": _DATE + rb"-" + _TIME,
    "UTCTIMEONLY": _TIME,
    "UTCDATEONLY": _DATE,
    "LOCALMKTDATE": _DATE,
    "LOCALMKTTIME": _MINUTE + _SECOND,
    "TZTIMEONLY": _TIME_TZ,
    "TZTIMESTAMP": _DATE + rb"-" + _TIME_TZ,
    "XID": _TOKEN,
    "XIDREF": _TOKEN,
    "TENOR": rb"[DMWY][1-9][0-9]*",
    # Names of FIX 4.0 to 4.3, and of some published dictionaries of FIX 5.0.
    "MONTH-YEAR": _MONTH_YEAR,
    "DAY-OF-MONTH": _DAY_OF_MONTH,
    "TIME": _DATE + rb"-" + _TIME,
    "DATE": _DATE,
    "UTCDATE": _DATE,
    "DATA": rb"(?s:.+)",
    "XMLDATA": rb"(?s:.+)",
}
DATA_TYPES = frozenset({"DATA", "XMLDATA"})
MULTIPLE_TYPES = frozenset(
    {"MULTIPLEVALUESTRING", "MULTIPLESTRINGVALUE", "MULTIPLECHARVALUE"}
)
# Types for which an empty value is at least not malformed.
TEXT_TYPES = DATA_TYPES | MULTIPLE_TYPES | {"STRING", "CURRENCY", "COUNTRY", "EXCHANGE"}

_CHECKS: Mapping[str, Check] = {
    name: re.compile(pattern).fullmatch for name, pattern in FORMATS.items()
}

# MsgType(35) values each version brought: a peer may send any of its version in good
# faith, so one that a dictionary lacks is "unsupported", not "invalid" (session test
# 2.r against 2.q). None was ever taken back.
_NEW_MSG_TYPES = {
    "FIX.4.0": "0 1 2 3 4 5 6 7 8 9 A B C D E F G H J K L M N P Q R S",
    "FIX.4.1": "T",
    "FIX.4.2": "V W X Y Z a b c d e f g h i j k l m",
    "FIX.4.3": "n o p q r s t u v w x y z AA AB AC AD AE AF AG AH AI",
    "FIX.4.4": (
        "AJ AK AL AM AN AO AP AQ AR AS AT AU AV AW AX AY AZ BA BB BC BD BE BF BG BH"
    ),
    "FIX.5.0": "BI BJ BK BL BM BN BO BP",
    "FIX.5.0SP1": "BQ BR BS BT BU BV BW BX BY BZ CA CB",
    "FIX.5.0SP2": "CC CD CE",
}
# Those of the session layer, the same in all versions.
ADMIN_MSG_TYPES = frozenset("012345A")
STANDARD_MSG_TYPES: Mapping[str, frozenset[str]] = {
    version: frozenset(" ".join(list(_NEW_MSG_TYPES.values())[: n + 1]).split())
    for n, version in enumerate(_NEW_MSG_TYPES)
} | {"FIXT.1.1": ADMIN_MSG_TYPES}


class DictionaryError(Exception):
    """A dictionary is malformed, or lacks what is asked of it; names the place."""


class MessageSupport(Enum):
    """What a dictionary says of a MsgType(35)."""

    SUPPORTED = auto()
    """It is in the dictionary."""
    UNSUPPORTED = auto()
    """Legal FIX, but not in the dictionary: BusinessMessageReject, 380=3."""
    UNKNOWN = auto()
    """Not FIX at all: Reject, 373=11."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field definition: its tag, type and what values it takes."""

    tag: int
    name: str
    type: str
    enum: Mapping[str, str]
    """Value -> its name. Empty if the values are not enumerated."""
    well_formed: Check
    """Whether a value has the format of the type."""
    accepts: Check
    """Whether a value is fine altogether: format and enumeration in one call."""
    is_open: bool = False
    """Whether there are other values than those in enum."""

    @property
    def is_enumerated(self) -> bool:
        """Whether only the values in enum are accepted."""
        return bool(self.enum) and self.tag != MSG_TYPE and not self.is_open

    @property
    def is_text(self) -> bool:
        """Whether the empty value would still be a value of the type."""
        return self.type in TEXT_TYPES and not self.enum


def make_field(
    tag: int,
    name: str,
    type_name: str,
    enum: Mapping[str, str],
    is_open: bool = False,
) -> Field:
    """Field with its checks compiled.

    An enumerated value is accepted by membership alone: a value that the dictionary
    lists is good, whatever the type's format says; ``is_open``: so is every other of
    that format. Raises KeyError for an unknown type.
    """
    well_formed = _CHECKS[type_name]
    accepts = well_formed
    if enum and tag != MSG_TYPE:
        values = frozenset(value.encode() for value in enum)
        accepts = values.__contains__
        if type_name in MULTIPLE_TYPES:
            accepts = _all_in(values)
        if is_open:
            accepts = _either(accepts, well_formed)
    return Field(tag, name, type_name, enum, well_formed, accepts, is_open)


def _either(first: Check, second: Check) -> Check:
    """Check of a value that is good by one of two."""

    def check(value: bytes) -> object:
        return first(value) or second(value)

    return check


def _all_in(values: frozenset[bytes]) -> Check:
    """Check of a list of values separated by single spaces."""

    def check(value: bytes) -> bool:
        return values.issuperset(value.split(b" "))

    return check


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields that may stand in a header, body, trailer or group entry."""

    places: Mapping[int, int]
    """Tag -> its place in the definition, group counts included."""
    fields: Mapping[int, Field]
    """Tag -> its definition."""
    checks: Mapping[int, Check]
    """Tag -> check of its value, without group counts: those need the long way."""
    groups: Mapping[int, "Group"]
    """Tag of the count -> the group it opens."""
    required: tuple[int, ...]
    """Tags that must be there, ascending: the lowest missing one is named."""

    def tags(self) -> frozenset[int]:
        """All tags, those inside groups included."""
        inner = (group.layout.tags() for group in self.groups.values())
        return frozenset(self.places).union(*inner)


@dataclass(frozen=True, slots=True)
class Group:
    """A repeating group: its NumInGroup field and what each entry holds."""

    count_tag: int
    delimiter: int
    """First field of every entry."""
    layout: Layout


@dataclass(frozen=True, slots=True)
class MessageType:
    """One message definition."""

    name: str
    msg_type: str
    is_admin: bool
    body: Layout
    required: frozenset[int]
    """Required tags of header, body and trailer together."""
    count_tags: frozenset[int]
    """Tags that open a group in header, body or trailer."""


@dataclass(frozen=True, slots=True, eq=False)
class Dictionary:
    """One FIX version or dialect, compiled for look-up. Immutable; share it freely."""

    name: str
    """Where it came from, for messages to people."""
    begin_string: str
    """The version: BeginString(8), such as FIX.4.4, or for application versions on
    FIXT 1.1 their own name, such as FIX.5.0SP2."""
    fields: Mapping[int, Field]
    messages: Mapping[str, MessageType]
    header: Layout
    trailer: Layout
    header_tags: frozenset[int]
    trailer_tags: frozenset[int]
    data_lengths: dict[int, int]
    """Tag of a length field -> tag of the data field it measures."""
    tags: Mapping[str, int]
    """Field name -> tag."""
    standard_msg_types: frozenset[str]
    """MsgType(35) values of the version, supported or not."""

    def tag(self, name: str) -> int:
        """Tag of the field called name. Raises DictionaryError if there is none."""
        try:
            return self.tags[name]
        except KeyError:
            raise DictionaryError(f"{self.name}: no field named {name!r}") from None

    def field_name(self, tag: int) -> str | None:
        """Name of the field, None if the dictionary does not define it."""
        field = self.fields.get(tag)
        return None if field is None else field.name

    def enum_name(self, tag: int, value: str) -> str | None:
        """Name of an enumerated value, None if there is none."""
        field = self.fields.get(tag)
        return None if field is None else field.enum.get(value)

    def message_name(self, msg_type: str) -> str | None:
        """Name of the message type, None if the dictionary does not define it."""
        message = self.messages.get(msg_type)
        return None if message is None else message.name

    def is_admin(self, msg_type: str) -> bool:
        """Whether it belongs to the session layer; False for types not defined."""
        message = self.messages.get(msg_type)
        return message is not None and message.is_admin

    def message_support(self, msg_type: str) -> MessageSupport:
        """How a MsgType(35) is to be answered: see MessageSupport.

        FIX gives all types that begin with U to users, so they are legal everywhere.
        """
        if msg_type in self.messages:
            return MessageSupport.SUPPORTED
        if msg_type in self.standard_msg_types:
            return MessageSupport.UNSUPPORTED
        if msg_type[:1] == "U" and msg_type.isalnum():
            return MessageSupport.UNSUPPORTED
        return MessageSupport.UNKNOWN
