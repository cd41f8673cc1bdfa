"""Messages made from a dictionary: with every field it has, or with the required ones.

What they hold is good by construction, so whoever judges them must agree.
"""

from __future__ import annotations

from fixgw.dictionary import Dictionary, Field
from fixgw.dictionary.model import DATA_TYPES, Layout
from fixgw.wire import Message, finish, parse_message

Fields = list[tuple[int, bytes]]

TIME = b"20240229-12:00:00"
VALUES = {
    "CHAR": b"A",
    "BOOLEAN": b"Y",
    "INT": b"-7",
    "LENGTH": b"3",
    "SEQNUM": b"12",
    "NUMINGROUP": b"0",
    "TAGNUM": b"58",
    "DAYOFMONTH": b"31",
    "DAY-OF-MONTH": b"31",
    "FLOAT": b"-1.50",
    "QTY": b"002000.00",
    "PRICE": b"1.5",
    "PRICEOFFSET": b".5",
    "AMT": b"100",
    "PERCENTAGE": b"0.05",
    "CURRENCY": b"USD",
    "COUNTRY": b"GB",
    "EXCHANGE": b"XLON",
    "LANGUAGE": b"en",
    "MULTIPLECHARVALUE": b"A B",
    "MONTHYEAR": b"202402",
    "MONTH-YEAR": b"202402",
    "UTCTIMESTAMP": TIME,
    "UTCTIMEONLY": b"12:00:00",
    "UTCDATEONLY": b"20240229",
    "UTCDATE": b"20240229",
    "LOCALMKTDATE": b"20240229",
    "LOCALMKTTIME": b"12:00:00",
    "TZTIMEONLY": b"07:39Z",
    "TZTIMESTAMP": b"20060901-07:39Z",
    "TIME": TIME,
    "DATE": b"20240229",
    "DATA": b"a\x01b",
    "XMLDATA": b"<a>",
    "TENOR": b"M18",
}
"""A good value for each type; text where the type is not named."""


def value(field: Field) -> bytes:
    """A good value: the first enumerated one, or one of the type."""
    if field.enum:
        return next(iter(field.enum)).encode()
    return VALUES.get(field.type, b"text")


def part(dictionary: Dictionary, layout: Layout, full: bool, entries: int) -> Fields:
    """The fields of a header, body, trailer or group entry, in their order.

    Without ApplVerID(1128): which one is good depends on more than the dictionary.
    """
    fields: Fields = []
    measured = {data: length for length, data in dictionary.data_lengths.items()}
    for tag, field in layout.fields.items():
        if tag in (8, 9, 10, 35, 1128) or (not full and tag not in layout.required):
            continue
        if field.type in DATA_TYPES:
            data = value(field)
            fields += [(measured[tag], b"%d" % len(data)), (tag, data)]
        elif tag in layout.groups:
            group = layout.groups[tag]
            entry = part(dictionary, group.layout, full, entries)
            if not entry or entry[0][0] != group.delimiter:
                opening = layout.groups[tag].layout.fields[group.delimiter]
                entry.insert(0, (opening.tag, value(opening)))
            fields += [(tag, b"%d" % entries), *entry * entries]
        elif dictionary.data_lengths.get(tag) not in layout.places:
            fields.append((tag, value(field)))
    return fields


def sample(
    dictionary: Dictionary,
    msg_type: str,
    full: bool,
    transport: Dictionary | None = None,
    entries: int = 2,
) -> bytes:
    """A whole message; header and trailer are those of ``transport`` on FIXT."""
    edges = transport or dictionary
    fields = [
        (35, msg_type.encode()),
        *part(edges, edges.header, full, entries),
        *part(dictionary, dictionary.messages[msg_type].body, full, entries),
        *part(edges, edges.trailer, full, entries),
    ]
    content = b"".join(b"%d=%b\x01" % field for field in fields)
    return finish(edges.begin_string.encode(), content)


def parsed(data: bytes, dictionary: Dictionary) -> Message:
    """The message that data is."""
    message = parse_message(data, 100_000, dictionary.data_lengths)
    assert isinstance(message, Message), message
    return message
