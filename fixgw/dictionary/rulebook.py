"""By which dictionary a message is judged: one, or with FIXT 1.1 one of several.

Up to FIX 4.4 a session speaks one version and one dictionary holds all of it. FIXT 1.1
parts the session from the application (FIXT 1.1, "application versioning"): header,
trailer and admin messages are those of the transport dictionary, the bodies of
application messages those of an application version. Which one, is said by

1. ApplVerID(1128) in the message itself, else
2. DefaultApplVerID(1137) of the client's Logon, else
3. the default of the session's settings.

A Rulebook is immutable and holds nothing of a session: one serves any number of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fixgw.wire import Framer, Message

from .model import (
    STANDARD_MSG_TYPES,
    Dictionary,
    DictionaryError,
    MessageSupport,
    MessageType,
)
from .reasons import SessionRejectReason
from .screen import Screen, Table
from .validation import (
    DEFAULT_SWITCHES,
    GROUP_ENTRIES_MAX,
    Switches,
    Violation,
    validate,
)

_VERSIONS = {
    "2": "FIX.4.0",
    "3": "FIX.4.1",
    "4": "FIX.4.2",
    "5": "FIX.4.3",
    "6": "FIX.4.4",
    "7": "FIX.5.0",
    "8": "FIX.5.0SP1",
    "9": "FIX.5.0SP2",
}
APPL_VER_IDS: Mapping[str, str] = {value: value for value in _VERSIONS} | {
    name: value for value, name in _VERSIONS.items()
}
"""ApplVerID(1128) by itself and by the name of the version, as settings may say it."""


@dataclass(frozen=True, slots=True)
class _Version:
    """What judges the messages of one version."""

    dictionary: Dictionary
    screens: Mapping[str, Screen]
    """MsgType(35) -> the quick way to see that a message is good."""


class Rulebook:
    """The dictionaries of a session. Made by single() or fixt()."""

    __slots__ = ("_default", "_is_fixt", "_transport", "_versions", "data_lengths")

    def __init__(
        self,
        transport: _Version,
        versions: Mapping[str, _Version],
        default: str,
        is_fixt: bool,
    ) -> None:
        self._transport = transport
        self._versions = versions
        self._default = default
        self._is_fixt = is_fixt
        self.data_lengths = dict(transport.dictionary.data_lengths)
        """Tag of a length field -> tag of its data field, for whoever frames."""
        for version in versions.values():
            self.data_lengths |= version.dictionary.data_lengths
        try:
            Framer(data_lengths=self.data_lengths)
        except ValueError as error:
            raise DictionaryError(f"{transport.dictionary.name}: {error}") from None

    @classmethod
    def single(cls, dictionary: Dictionary) -> "Rulebook":
        """For FIX 4.0 to 4.4: everything from one dictionary.

        Raises DictionaryError if it has too many data fields of its own.
        """
        default = APPL_VER_IDS.get(dictionary.begin_string, "")
        version = _compiled(dictionary)
        return cls(version, {default: version}, default, False)

    @classmethod
    def fixt(
        cls,
        transport: Dictionary,
        applications: Mapping[str, Dictionary],
        default: str,
    ) -> "Rulebook":
        """For FIXT 1.1: applications by their ApplVerID(1128), default one of them.

        Raises DictionaryError if default is not among them, a key is no ApplVerID, or
        they have too many data fields of their own.
        """
        for appl_ver_id in applications:
            if appl_ver_id not in _VERSIONS:
                raise DictionaryError(f"{appl_ver_id!r} is no ApplVerID(1128)")
        if default not in applications:
            raise DictionaryError(f"no dictionary for the default {default!r}")
        versions = {
            appl_ver_id: _compiled(_joined(transport, application, appl_ver_id))
            for appl_ver_id, application in applications.items()
        }
        return cls(_compiled(transport), versions, default, True)

    def judge(
        self,
        message: Message,
        switches: Switches = DEFAULT_SWITCHES,
        default_appl_ver_id: str = "",
    ) -> Violation | MessageSupport | None:
        """What is wrong with a message: nothing (None), or the answer that is due.

        A Violation is answered by Reject(3), MessageSupport.UNSUPPORTED by
        BusinessMessageReject(j) with 380=3. default_appl_ver_id is the client's
        DefaultApplVerID(1137).
        """
        msg_type = message.msg_type
        version = self._version(message, default_appl_ver_id)
        if version is None:
            return Violation(SessionRejectReason.INVALID_APPLICATION_VERSION, 1128)
        screen = version.screens.get(msg_type)
        if screen is not None and screen.passes(
            message,
            not switches.validate_user_defined_fields,
            switches.allow_unknown_msg_fields,
        ):
            return None
        dictionary = version.dictionary
        violation = validate(dictionary, msg_type, message.fields(), switches)
        if (
            violation is not None
            and violation.reason is SessionRejectReason.INVALID_MSGTYPE
            and dictionary.message_support(msg_type) is MessageSupport.UNSUPPORTED
        ):
            return MessageSupport.UNSUPPORTED
        return violation

    def _version(self, message: Message, default: str) -> _Version | None:
        """The one that judges this message; None if there is no dictionary for it."""
        if not self._is_fixt or message.msg_type in self._transport.screens:
            return self._transport
        own = message.get(1128)
        if own is not None:
            default = own.decode("latin-1")
        return self._versions.get(default or self._default)

    def dictionary_for(
        self, message: Message, default_appl_ver_id: str = ""
    ) -> Dictionary | None:
        """What judges this message; None if there is nothing for its version."""
        version = self._version(message, default_appl_ver_id)
        return None if version is None else version.dictionary

    def speaks(self, appl_ver_id: str) -> bool:
        """Whether there is a dictionary for this ApplVerID(1128)."""
        return appl_ver_id in self._versions

    @property
    def begin_string(self) -> str:
        """BeginString(8) of the sessions it is for."""
        return self._transport.dictionary.begin_string

    def is_admin(self, msg_type: str) -> bool:
        """Whether it belongs to the session layer; False for types not defined."""
        return self._transport.dictionary.is_admin(msg_type)

    def message_name(self, msg_type: str) -> str | None:
        """Name of the message type, None if it is not defined."""
        return self._names.message_name(msg_type)

    def field_name(self, tag: int) -> str | None:
        """Name of the field, None if it is not defined."""
        return self._names.field_name(tag)

    def enum_name(self, tag: int, value: str) -> str | None:
        """Name of an enumerated value, None if there is none."""
        return self._names.enum_name(tag, value)

    @property
    def _names(self) -> Dictionary:
        """Of all versions the one most likely meant."""
        return self._versions[self._default].dictionary


def _compiled(dictionary: Dictionary) -> _Version:
    tables: dict[int, Table] = {}
    header_tags, trailer_tags = dictionary.header_tags, dictionary.trailer_tags
    edges = header_tags | trailer_tags
    known = frozenset(dictionary.fields)
    header = Table(dictionary.header, tables=tables)
    trailer = Table(dictionary.trailer, barred=header_tags, tables=tables)
    screens = {
        msg_type: Screen(
            header,
            Table(message.body, barred=edges, tables=tables),
            trailer,
            GROUP_ENTRIES_MAX,
            known,
        )
        for msg_type, message in dictionary.messages.items()
    }
    return _Version(dictionary, screens)


def _joined(
    transport: Dictionary, application: Dictionary, appl_ver_id: str
) -> Dictionary:
    """The application's bodies between the transport's header and trailer."""
    messages: dict[str, MessageType] = {
        msg_type: replace(
            message,
            required=frozenset(
                (
                    *transport.header.required,
                    *transport.trailer.required,
                    *message.body.required,
                )
            ),
            count_tags=frozenset(
                (
                    *transport.header.groups,
                    *transport.trailer.groups,
                    *message.body.groups,
                )
            ),
        )
        for msg_type, message in application.messages.items()
        if not message.is_admin
    }
    return replace(
        transport,
        name=f"{transport.name} with {application.name}",
        fields={**transport.fields, **application.fields},
        messages={**messages, **transport.messages},
        data_lengths={**transport.data_lengths, **application.data_lengths},
        tags={**transport.tags, **application.tags},
        standard_msg_types=transport.standard_msg_types
        | STANDARD_MSG_TYPES[_VERSIONS[appl_ver_id]],
    )
