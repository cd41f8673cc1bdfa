"""Judges a message by its dictionary: the first thing wrong with it, or nothing.

Checks come in this order, so that one fault always has one name:

1. header, body and trailer do not mix                         373=14
2. MsgType(35) is one of the dictionary                        373=11
3. required fields are there: header, trailer, body, each by ascending tag  373=1
4. fields of header, trailer, body in turn, each by
   repeated 13, empty 4, format 6, enumeration 5, undefined tag 0,
   not in this message 2, and behind a group count the group itself:
   entries by the same list, their order 15, required members 1, the count 16

(FIX 4.4 volume 2, test cases 14.a to 14.j; the order is that of public engines.)

What is not judged here: framing, CheckSum(10), the first three fields, identity,
numbers and clocks (the session's), and rules between fields (the application's).

A tag that belongs both to a group and to what surrounds it is the group's as long as
it fits there. A required field of the body that turns up only inside a group is
therefore found missing late, after the fields were judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .model import USER_DEFINED_MIN, Dictionary, Group, Layout
from .reasons import SessionRejectReason

Fields = Sequence[tuple[int, bytes]]

GROUP_ENTRIES_MAX = 5_000
"""The most group entries of a message, nested ones counted: a list of that length is
a file transfer, not a message."""


@dataclass(frozen=True, slots=True)
class Switches:
    """Which checks apply; names, meaning and defaults as in QuickFIX."""

    validate_fields_out_of_order: bool = True
    """N: header and trailer fields may stand anywhere."""
    validate_fields_have_values: bool = True
    """N: an empty value is judged by its type alone: good as text, not as number."""
    validate_user_defined_fields: bool = True
    """N: tags from 5000 on need not be in the dictionary nor in the message."""
    allow_unknown_msg_fields: bool = False
    """Y: the same for tags below 5000."""
    allow_unknown_enum_values: bool = False
    """Y: a well-formed value need not be among the enumerated ones."""
    validate_unordered_group_fields: bool = True
    """N: behind its first field, a group entry may have any order."""
    first_field_in_group_is_delimiter: bool = False
    """Y: entries begin with whatever member follows the count."""

    def tolerates(self, tag: int) -> bool:
        """Whether a tag may stand where the dictionary has no place for it."""
        if tag >= USER_DEFINED_MIN:
            return not self.validate_user_defined_fields
        return self.allow_unknown_msg_fields and tag > 0


DEFAULT_SWITCHES = Switches()

_OF_VALUES = frozenset(
    {
        SessionRejectReason.TAG_WITHOUT_VALUE,
        SessionRejectReason.INCORRECT_DATA_FORMAT,
        SessionRejectReason.VALUE_INCORRECT,
    }
)
"""Faults of a single field, which say less than that the whole group is wrong."""


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a message is refused: the parts of a Reject(3)."""

    reason: SessionRejectReason
    """SessionRejectReason(373)."""
    tag: int | None
    """RefTagID(371), None if no single field is to blame."""
    detail: str = ""
    """A text that says more than the one of the reason."""

    @property
    def text(self) -> str:
        """Text(58)."""
        return self.detail or self.reason.text


def validate(
    dictionary: Dictionary,
    msg_type: str,
    fields: Fields,
    switches: Switches = DEFAULT_SWITCHES,
) -> Violation | None:
    """First violation of a message, None if it is good.

    fields are all its fields as received, BeginString(8) to CheckSum(10). On
    INVALID_MSGTYPE ask dictionary.message_support: if it says UNSUPPORTED, a
    BusinessMessageReject(j) with 380=3 is due instead of a Reject(3).
    """
    tags = [tag for tag, _ in fields]
    if switches.validate_fields_out_of_order:
        body_at, trailer_at = _bounds(dictionary, tags)
        stray = _stray(dictionary, tags, body_at, trailer_at)
        if stray is not None:
            return Violation(SessionRejectReason.TAG_OUT_OF_ORDER, stray)
    else:
        fields, body_at, trailer_at = _sorted(dictionary, fields)
    message = dictionary.messages.get(msg_type)
    if message is None:
        return Violation(SessionRejectReason.INVALID_MSGTYPE, None)
    distinct = set(tags)
    if not message.required <= distinct:
        return _missing(dictionary, message.body, distinct)
    # Only groups and repeated tags need to know which tags were seen where.
    tracks = len(distinct) != len(tags) or not message.count_tags.isdisjoint(distinct)
    judge = _Judge(dictionary, switches, tracks)
    return (
        judge.section(dictionary.header, fields[:body_at])
        or judge.section(dictionary.trailer, fields[trailer_at:])
        or judge.section(message.body, fields[body_at:trailer_at])
    )


def _bounds(dictionary: Dictionary, tags: list[int]) -> tuple[int, int]:
    """Where the body begins and where the trailer does."""
    header_tags = dictionary.header_tags
    trailer_tags = dictionary.trailer_tags
    body_at = 0
    for tag in tags:
        if tag not in header_tags:
            break
        body_at += 1
    trailer_at = len(tags)
    while trailer_at > body_at and tags[trailer_at - 1] in trailer_tags:
        trailer_at -= 1
    return body_at, trailer_at


def _stray(
    dictionary: Dictionary, tags: list[int], body_at: int, trailer_at: int
) -> int | None:
    """Tag of the first field on the wrong side of a border, None if there is none."""
    body = tags[body_at:trailer_at]
    header_tags = dictionary.header_tags
    trailer_tags = dictionary.trailer_tags
    if header_tags.isdisjoint(body) and trailer_tags.isdisjoint(body):
        return None
    trailer_from = next(
        (at for at, tag in enumerate(body) if tag in trailer_tags), len(body)
    )
    # There is one: the field in front of trailer_at is none of the trailer.
    return next(
        tag
        for at, tag in enumerate(body)
        if tag in header_tags or (at > trailer_from and tag not in trailer_tags)
    )


def _sorted(dictionary: Dictionary, fields: Fields) -> tuple[Fields, int, int]:
    """Fields moved to header, body and trailer, and where the last two begin."""
    header = [field for field in fields if field[0] in dictionary.header_tags]
    trailer = [field for field in fields if field[0] in dictionary.trailer_tags]
    edges = dictionary.header_tags | dictionary.trailer_tags
    body = [field for field in fields if field[0] not in edges]
    trailer_at = len(header) + len(body)
    return header + body + trailer, len(header), trailer_at


def _missing(dictionary: Dictionary, body: Layout, present: set[int]) -> Violation:
    """The first required field that is not there, where one is known to be missing."""
    required = dictionary.header.required + dictionary.trailer.required + body.required
    tag = next(tag for tag in required if tag not in present)
    return Violation(SessionRejectReason.REQUIRED_TAG_MISSING, tag)


def _missing_in(layout: Layout, present: set[int]) -> Violation | None:
    for tag in layout.required:
        if tag not in present:
            return Violation(SessionRejectReason.REQUIRED_TAG_MISSING, tag)
    return None


class _Judge:
    """Walks the fields of one message.

    Methods that may pass several fields return the first violation and the index of
    the field to go on with.
    """

    __slots__ = ("_dictionary", "_entries", "_switches", "_tracks")

    def __init__(
        self, dictionary: Dictionary, switches: Switches, tracks: bool
    ) -> None:
        self._dictionary = dictionary
        self._switches = switches
        self._tracks = tracks
        self._entries = 0

    def section(self, layout: Layout, fields: Fields) -> Violation | None:
        """First violation in a header, body or trailer."""
        if self._tracks:
            return self._tracked_section(layout, fields)
        checks = layout.checks
        for tag, value in fields:
            check = checks.get(tag)
            if check is None or not check(value):
                fault = self._field(layout, tag, value)
                if fault is not None:
                    return fault
        return None

    def _tracked_section(self, layout: Layout, fields: Fields) -> Violation | None:
        """The same for a message with groups or with a tag that comes again."""
        seen: set[int] = set()
        at = 0
        while at < len(fields):
            tag, value = fields[at]
            if tag in seen:
                return Violation(SessionRejectReason.TAG_APPEARS_MORE_THAN_ONCE, tag)
            seen.add(tag)
            fault, at = self._field_and_group(layout, fields, at)
            if fault is not None:
                return fault
        return _missing_in(layout, seen)

    def _field_and_group(
        self, layout: Layout, fields: Fields, at: int
    ) -> tuple[Violation | None, int]:
        """Judge one field and, if it opens a group, the group."""
        tag, value = fields[at]
        fault = self._field(layout, tag, value)
        group = layout.groups.get(tag)
        if fault is not None or group is None:
            return fault, at + 1
        return self._group(group, layout.places, fields, at)

    def _field(self, layout: Layout, tag: int, value: bytes) -> Violation | None:
        """Judge the value of one field, then its right to be there."""
        switches = self._switches
        if not value and switches.validate_fields_have_values:
            return Violation(SessionRejectReason.TAG_WITHOUT_VALUE, tag)
        # A tag may mean one thing to the transport and another to the application.
        field = layout.fields.get(tag) or self._dictionary.fields.get(tag)
        if field is None:
            if switches.tolerates(tag):
                return None
            return Violation(SessionRejectReason.INVALID_TAG_NUMBER, tag)
        if not field.accepts(value) and (value or not field.is_text):
            if not field.well_formed(value):
                return Violation(SessionRejectReason.INCORRECT_DATA_FORMAT, tag)
            if not switches.allow_unknown_enum_values:
                return Violation(SessionRejectReason.VALUE_INCORRECT, tag)
        if tag not in layout.places and not switches.tolerates(tag):
            return Violation(SessionRejectReason.TAG_NOT_DEFINED_FOR_MESSAGE, tag)
        return None

    def _group(
        self, group: Group, outer: Mapping[int, int], fields: Fields, at: int
    ) -> tuple[Violation | None, int]:
        """Judge the group whose count is at index at."""
        count = _number(fields[at][1])
        at += 1
        begin = at
        entries = 0
        delimiter = group.delimiter
        if self._switches.first_field_in_group_is_delimiter and at < len(fields):
            delimiter = fields[at][0]
        while at < len(fields):
            tag = fields[at][0]
            if tag not in group.layout.places:
                break
            if tag != delimiter:
                # An entry ends only where the next begins or the group does, so this
                # is the first: it lacks the field that would have opened it.
                if tag in outer:
                    break
                return _headless(group, tag), at
            entries += 1
            self._entries += 1
            if self._entries > GROUP_ENTRIES_MAX:
                return _crowded(group), at
            fault, at = self._entry(group, delimiter, outer, fields, at)
            if fault is not None:
                if fault.reason in _OF_VALUES and delimiter not in outer:
                    entries = self._entries_from(group, delimiter, fields, begin)
                    fault = _miscounted(group, entries, count) or fault
                return fault, at
        return _miscounted(group, entries, count), at

    def _entries_from(
        self, group: Group, delimiter: int, fields: Fields, at: int
    ) -> int:
        """How many entries follow, whatever is wrong with them."""
        entries = 0
        while at < len(fields):
            tag = fields[at][0]
            if not _holds(group, tag) and tag in self._dictionary.fields:
                break
            entries += tag == delimiter
            at += 1
        return entries

    def _entry(
        self,
        group: Group,
        delimiter: int,
        outer: Mapping[int, int],
        fields: Fields,
        at: int,
    ) -> tuple[Violation | None, int]:
        """Judge the entry whose first field is at index at."""
        layout = group.layout
        seen: set[int] = set()
        place_before = -1
        while at < len(fields):
            tag = fields[at][0]
            place = layout.places.get(tag)
            if tag == delimiter:
                if seen:
                    break
                # Whatever opens the entry, the order begins behind it.
                place = place_before
            if place is None:
                if tag in self._dictionary.fields:
                    break
                # Undefined, perhaps tolerated: it may stand anywhere in an entry.
                place = place_before
            is_late = place < place_before
            if (tag in seen or is_late) and tag in outer:
                break
            if tag in seen:
                reason = SessionRejectReason.TAG_APPEARS_MORE_THAN_ONCE
                return Violation(reason, tag), at
            seen.add(tag)
            if is_late and self._switches.validate_unordered_group_fields:
                reason = SessionRejectReason.GROUP_MEMBERS_OUT_OF_ORDER
                return Violation(reason, tag), at
            fault, next_at = self._field_and_group(layout, fields, at)
            if fault is not None:
                return fault, at
            place_before, at = place, next_at
        return _missing_in(layout, seen), at


def _holds(group: Group, tag: int) -> bool:
    """Whether a tag belongs to the group or to one inside it."""
    layout = group.layout
    return tag in layout.places or any(
        _holds(inner, tag) for inner in layout.groups.values()
    )


def _miscounted(group: Group, entries: int, count: int) -> Violation | None:
    if entries == count:
        return None
    return Violation(SessionRejectReason.INCORRECT_NUM_IN_GROUP, group.count_tag)


def _number(value: bytes) -> int:
    """A well-formed integer; one too large for any count need not be exact."""
    digits = value.lstrip(b"-0")[:18]
    return -int(digits or b"0") if value[:1] == b"-" else int(digits or b"0")


def _crowded(group: Group) -> Violation:
    text = f"More than {GROUP_ENTRIES_MAX} group entries"
    reason = SessionRejectReason.INCORRECT_NUM_IN_GROUP
    return Violation(reason, group.count_tag, text)


def _headless(group: Group, tag: int) -> Violation:
    text = f"The group {group.count_tag} must set the delimiter field {group.delimiter}"
    return Violation(SessionRejectReason.GROUP_MEMBERS_OUT_OF_ORDER, tag, text)
