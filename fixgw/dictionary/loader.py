"""Reads dictionaries in QuickFIX's XML form.

    <fix type="FIX" major="4" minor="4">
     <header>, <trailer>      field, group and component references
     <messages> <message name msgtype msgcat>   the same
     <components> <component name>              the same, to be referred to
     <fields> <field number name type> <value enum description>

A reference carries required="Y" or "N". Within a component that is itself optional
nothing is required; within a group, required speaks of each entry. A field that has
values besides those listed carries allowOtherValues="true".

Pure: text in, Dictionary out. What does not add up is refused, with the names of the
dictionary and of the element: a slip here would silently widen or narrow what the
gateway takes from its peers. What published dictionaries do is let pass: a message that
lists a plain field twice, and a field that lists a value twice (the first counts); the
type QUANTITY; and a field No... that counts a group and is said to be text or a date.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import NamedTuple

from .model import (
    ADMIN_MSG_TYPES,
    DATA_TYPES,
    FORMATS,
    STANDARD_MSG_TYPES,
    Dictionary,
    DictionaryError,
    Field,
    Group,
    Layout,
    MessageType,
    make_field,
)

# Before FIX 4.2 there was no String: CHAR stood for text of any length.
_CHAR_IS_TEXT = frozenset({"FIX.4.0", "FIX.4.1"})
_OTHER_NAMES = {"QUANTITY": "QTY"}
COUNT_TYPES = frozenset({"NUMINGROUP", "INT"})

# No message can have a larger tag.
_DIGITS_MAX = 9


def load(text: str, name: str) -> Dictionary:
    """Compile the XML text of a dictionary; name stands for it in messages.

    Raises DictionaryError if it is no XML, lacks a section, or contradicts itself.
    """
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise DictionaryError(f"{name}: not well-formed XML: {error}") from None
    return _Loader(root, name).dictionary()


class _Item(NamedTuple):
    """One resolved reference of a layout."""

    tag: int
    required: bool
    group: Group | None


class _Loader:
    """The parts of one dictionary while it is put together."""

    def __init__(self, root: ET.Element, name: str) -> None:
        self._root = root
        self._name = name
        if root.tag != "fix":
            raise self._error(f"the root element is <{root.tag}>, not <fix>")
        where = "<fix>"
        major, minor = (self._number(root, key, where) for key in ("major", "minor"))
        kind = root.get("type", "FIX")
        self._begin_string = f"{kind}.{major}.{minor}{self._service_pack()}"
        groups = (element.get("name", "") for element in root.iter("group"))
        self._counts = frozenset(name for name in groups if name.startswith("No"))
        self._fields: dict[int, Field] = {}
        self._tags: dict[str, int] = {}
        self._components: dict[str, ET.Element] = {}
        # A component's group is one for all messages that refer to it.
        self._groups: dict[ET.Element, Group] = {}

    def dictionary(self) -> Dictionary:
        self._read_fields()
        self._read_components()
        header = self._layout(self._section("header"), "header", ())
        trailer = self._layout(self._section("trailer"), "trailer", ())
        return Dictionary(
            name=self._name,
            begin_string=self._begin_string,
            fields=self._fields,
            messages=self._messages(header, trailer),
            header=header,
            trailer=trailer,
            header_tags=header.tags(),
            trailer_tags=trailer.tags(),
            data_lengths=self._data_lengths(),
            tags=self._tags,
            standard_msg_types=STANDARD_MSG_TYPES.get(self._begin_string, frozenset()),
        )

    def _service_pack(self) -> str:
        """What servicepack adds to the version's name: FIX.5.0SP2."""
        if not self._root.get("servicepack"):
            return ""
        number = self._number(self._root, "servicepack", "<fix>")
        return f"SP{number}" if number else ""

    # Fields.

    def _read_fields(self) -> None:
        for element in self._section("fields"):
            field = self._field(element)
            if field.tag in self._fields:
                raise self._error(f"field {field.tag} is defined twice")
            if field.name in self._tags:
                raise self._error(f"field {field.name!r} is defined twice")
            self._fields[field.tag] = field
            self._tags[field.name] = field.tag

    def _field(self, element: ET.Element) -> Field:
        self._expect(element, "field", "<fields>")
        name = self._attribute(element, "name", "<fields>")
        where = f"field {name!r}"
        tag = self._number(element, "number", where)
        if tag == 0:
            raise self._error(f"{where}: number 0 is no tag")
        type_name = self._attribute(element, "type", where).upper()
        type_name = _OTHER_NAMES.get(type_name, type_name)
        if name in self._counts and type_name not in COUNT_TYPES:
            type_name = "NUMINGROUP"
        if type_name not in FORMATS:
            raise self._error(f"{where}: unknown type {type_name!r}")
        if type_name == "CHAR" and self._begin_string in _CHAR_IS_TEXT:
            type_name = "STRING"
        is_open = self._is_open(element, where)
        return make_field(tag, name, type_name, self._enum(element, where), is_open)

    def _enum(self, element: ET.Element, where: str) -> dict[str, str]:
        enum: dict[str, str] = {}
        for child in element:
            self._expect(child, "value", where)
            value = self._attribute(child, "enum", where)
            enum.setdefault(value, child.get("description", value))
        return enum

    def _data_lengths(self) -> dict[int, int]:
        """Pair each data field with its length: by name, else by the tag before it."""
        lengths: dict[int, int] = {}
        for field in self._fields.values():
            if field.type not in DATA_TYPES:
                continue
            names = (field.name + "Length", field.name + "Len")
            tags = [self._tags[name] for name in names if name in self._tags]
            before = self._fields.get(field.tag - 1)
            if not tags and before is not None and before.type == "LENGTH":
                tags = [before.tag]
            if not tags or tags[0] in lengths:
                # Without it the end of the value could not be found on the wire.
                raise self._error(
                    f"field {field.name!r} has no length field of its own"
                )
            lengths[tags[0]] = field.tag
        return lengths

    # Layouts.

    def _read_components(self) -> None:
        for element in self._root.iterfind("components/*"):
            self._expect(element, "component", "<components>")
            name = self._attribute(element, "name", "<components>")
            if name in self._components:
                raise self._error(f"component {name!r} is defined twice")
            self._components[name] = element

    def _layout(
        self, element: ET.Element, where: str, within: tuple[str, ...]
    ) -> Layout:
        """Layout of the references under element, inside the components named."""
        places: dict[int, int] = {}
        groups: dict[int, Group] = {}
        required: list[int] = []
        for item in self._items(element, where, True, within):
            if item.tag in groups or (item.tag in places and item.group is not None):
                group = self._fields[item.tag].name
                raise self._error(f"{where}: group {group!r} is there twice")
            places.setdefault(item.tag, len(places))
            if item.required and item.tag not in required:
                required.append(item.tag)
            if item.group is not None:
                groups[item.tag] = item.group
        fields = {tag: self._fields[tag] for tag in places}
        checks = {tag: fields[tag].accepts for tag in places if tag not in groups}
        return Layout(places, fields, checks, groups, tuple(sorted(required)))

    def _items(
        self, element: ET.Element, where: str, required: bool, within: tuple[str, ...]
    ) -> Iterator[_Item]:
        for child in element:
            name = self._attribute(child, "name", where)
            needed = self._is_required(child, f"{where}: {name!r}") and required
            if child.tag == "field":
                yield _Item(self._reference(name, where), needed, None)
            elif child.tag == "group":
                group = self._group(child, name, where, within)
                yield _Item(group.count_tag, needed, group)
            elif child.tag == "component":
                if name in within:
                    raise self._error(f"{where}: component {name!r} contains itself")
                if name not in self._components:
                    raise self._error(f"{where}: component {name!r} is not defined")
                inner = self._components[name]
                yield from self._items(inner, where, needed, (*within, name))
            else:
                raise self._error(f"{where}: unexpected element <{child.tag}>")

    def _group(
        self, element: ET.Element, name: str, where: str, within: tuple[str, ...]
    ) -> Group:
        if element in self._groups:
            return self._groups[element]
        count_tag = self._reference(name, where)
        where = f"{where}: group {name!r}"
        if self._fields[count_tag].type not in COUNT_TYPES:
            raise self._error(f"{where}: its count is not of type NUMINGROUP")
        layout = self._layout(element, where, within)
        if not layout.places:
            raise self._error(f"{where} is empty")
        group = Group(count_tag, next(iter(layout.places)), layout)
        self._groups[element] = group
        return group

    def _messages(self, header: Layout, trailer: Layout) -> dict[str, MessageType]:
        messages: dict[str, MessageType] = {}
        for element in self._section("messages"):
            self._expect(element, "message", "<messages>")
            name = self._attribute(element, "name", "<messages>")
            where = f"message {name!r}"
            msg_type = self._attribute(element, "msgtype", where)
            if msg_type in messages:
                raise self._error(f"{where}: msgtype {msg_type!r} is defined twice")
            # Some dictionaries name a business area here instead of app.
            is_admin = element.get("msgcat") == "admin" or msg_type in ADMIN_MSG_TYPES
            body = self._layout(element, where, ())
            parts = (header, body, trailer)
            messages[msg_type] = MessageType(
                name,
                msg_type,
                is_admin,
                body,
                required=frozenset(tag for part in parts for tag in part.required),
                count_tags=frozenset(tag for part in parts for tag in part.groups),
            )
        return messages

    # Elements and attributes.

    def _error(self, text: str) -> DictionaryError:
        return DictionaryError(f"{self._name}: {text}")

    def _section(self, name: str) -> ET.Element:
        found = self._root.findall(name)
        if len(found) != 1:
            raise self._error(f"there must be one <{name}>, not {len(found)}")
        return found[0]

    def _expect(self, element: ET.Element, tag: str, where: str) -> None:
        if element.tag != tag:
            raise self._error(f"{where}: unexpected element <{element.tag}>")

    def _attribute(self, element: ET.Element, key: str, where: str) -> str:
        value = element.get(key)
        if not value:
            raise self._error(f"{where}: <{element.tag}> has no {key}")
        return value

    def _number(self, element: ET.Element, key: str, where: str) -> int:
        value = self._attribute(element, key, where)
        if not (value.isascii() and value.isdigit()):
            raise self._error(f"{where}: {key} {value!r} is not a number")
        if len(value) > _DIGITS_MAX:
            raise self._error(f"{where}: {key} {value[:20]} is too large")
        return int(value)

    def _is_required(self, element: ET.Element, where: str) -> bool:
        value = element.get("required", "N").upper()
        if value not in ("Y", "N"):
            raise self._error(f"{where}: required is {value!r}, not Y or N")
        return value == "Y"

    def _is_open(self, element: ET.Element, where: str) -> bool:
        """Whether a field may have other values than those listed."""
        value = element.get("allowOtherValues", "false")
        if value not in ("true", "false"):
            raise self._error(f"{where}: allowOtherValues is {value!r}")
        return value == "true"

    def _reference(self, name: str, where: str) -> int:
        if name not in self._tags:
            raise self._error(f"{where}: field {name!r} is not defined")
        return self._tags[name]
